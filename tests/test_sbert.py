"""Rows that give nothing away, batches without repeats, and a training that can be interrupted."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss, SoftmaxLoss
from trainings import quick_collections  # noqa: F401 - a fixture

from kgss_helpers import exam
from kgss_helpers.exam.films.families import ALIKE_PHRASINGS, CREDIT_PHRASINGS, PHRASINGS, PROMISING
from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD
from kgss_helpers.frontdoor.environment import ROOT, child_variables
from kgss_helpers.methods.encoder import encode
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.static import static_model
from kgss_helpers.text.documents import documents
from kgss_helpers.text.rows import training_rows
from kgss_helpers.training.folder import RunFolderError
from kgss_helpers.training.logbook import OnEpochEnd
from kgss_helpers.training.run import TrainingRun, TrainingUnfinishedError
from kgss_helpers.training.sbert import SortedBatches, both_directions, train_sbert

TEXTS = ["name", "films", "skills"]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return training_rows(exam.training_graph(), "either", seed=3)


@pytest.fixture(scope="module")
def few_rows() -> pd.DataFrame:
    return some_rows()


def some_rows() -> pd.DataFrame:
    rows = pd.DataFrame({"anchor": [f"film {number}" for number in range(24)]})
    return rows.assign(positive=[f"the story of the number {number} and of its friends" for number in range(24)])


# ------------------------------------------------------------------------------------------------------------- leaks


def test_no_row_holds_a_held_out_fact(rows: pd.DataFrame) -> None:
    split = exam.film_exam()
    held_out = pd.concat([split.validation, split.test])
    secret = {frozenset(pair) for pair in zip(held_out["source"], held_out["target"], strict=True)}
    written = {frozenset(pair) for pair in zip(rows["node_id"], rows["other"], strict=True) if pair[1]}
    assert len(secret) > 700
    assert not secret & written


def test_no_row_tells_a_held_out_fact_in_words(rows: pd.DataFrame) -> None:
    """As the last test, but by what is written: the name of the one beside the title of the other."""
    split = exam.film_exam()
    names = split.training_graph.nodes.set_index("node_id")["name"]
    held_out = pd.concat([split.validation, split.test])
    secret = {
        (names[source], names[target]) for source, target in zip(held_out["source"], held_out["target"], strict=True)
    }
    joined = split.training_graph.triples()
    known = set(zip(joined["subject"], joined["object"], strict=True))
    quoted = rows["positive"].str.extract(r"'(.+)'$")[0]
    written = set(zip(rows["anchor"], quoted, strict=True))
    assert any(pair in written for pair in known)
    assert not (secret - known) & written


@pytest.mark.parametrize("style", TEXTS)
def test_documents_hold_no_held_out_fact(style: str) -> None:
    """Nobody's document names a held-out film, unless the same words are the title of a film that may be known."""
    split = exam.film_exam()
    graph = split.training_graph
    texts = dict(zip(graph.nodes["node_id"], documents(graph, style), strict=True))
    names = graph.nodes.set_index("node_id")["name"]
    known = graph.triples().groupby("source")["object"].agg(" | ".join)
    held_out = split.test[split.test["target"].map(names).str.len() > 12]
    secret = [
        (person, film)
        for person, film in zip(held_out["source"], held_out["target"], strict=True)
        if names[film] not in known[person]
    ]
    assert len(secret) > 100
    leaks = [(person, film) for person, film in secret if names[film] in texts[person] or names[person] in texts[film]]
    assert leaks == []


def test_rows_and_documents_use_no_phrasing_of_the_exam(rows: pd.DataFrame) -> None:
    asked = {
        " ".join(question.text.lower().split())
        for question in exam.film_exam().questions
        if question.family != "keyword"
    }
    written = {text.lower() for column in ("anchor", "positive") for text in rows[column]}
    assert not asked & written
    phrasings = (*PHRASINGS, *PROMISING, *CREDIT_PHRASINGS.values(), *ALIKE_PHRASINGS)
    patterns = [re.compile(re.sub(r"\\{\w+\\}", "[^']+", re.escape(phrasing.lower())) + "$") for phrasing in phrasings]
    statements = rows.loc[~rows["relation"].isin(["description"]), "positive"].str.lower().unique()
    assert [text for text in statements if any(pattern.match(text) for pattern in patterns)] == []


# -------------------------------------------------------------------------------------------------------------- rows


def test_every_training_edge_is_told_once(rows: pd.DataFrame) -> None:
    edges = exam.training_graph().edges
    of_edges = rows[~rows["relation"].isin(["skill", "description"])]
    from_source = set(zip(of_edges["node_id"], of_edges["relation"], of_edges["other"], strict=True))
    assert len(of_edges) == len(edges)
    turned = 0
    for source, relation, target in edges.itertuples(index=False):
        assert ((source, relation, target) in from_source) != ((target, relation, source) in from_source)
        turned += (target, relation, source) in from_source
    credited = edges["relation"] != HAS_GENRE
    assert 0.45 < turned / credited.sum() < 0.55


def test_the_same_fact_in_other_words_is_the_same_fact(rows: pd.DataFrame) -> None:
    skill = rows[rows["relation"] == "skill"].groupby("fact")["positive"].nunique()
    assert skill.max() > len(TEXTS)
    by_text = rows.groupby(["positive", rows["relation"] == "description"])["fact"].nunique()
    shared_names = by_text[by_text > 1]
    assert len(shared_names) < 0.01 * len(by_text)  # two films of one title, two people of one name


def test_rows_come_in_several_forms(rows: pd.DataFrame) -> None:
    keyword = rows[(rows["relation"] == HAS_KEYWORD) & rows["node_id"].str.startswith("project:")]["positive"]
    shapes = keyword.str.replace(r"'.+'|(?<=: ).+", "…", regex=True).value_counts(normalize=True)
    assert len(shapes) == 3
    assert shapes.min() > 0.25


def test_rows_are_reproducible_and_differ_by_seed() -> None:
    graph = exam.training_graph()
    first, again, other = (training_rows(graph, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["positive"].equals(other["positive"])
    ends, other_ends = (
        sorted(tuple(sorted(pair)) for pair in zip(rows["node_id"], rows["other"], strict=True))
        for rows in (first, other)
    )
    assert ends == other_ends  # from which of them an edge is told is drawn by lot


# ----------------------------------------------------------------------------------------------------------- batches


def batches_of(rows: pd.DataFrame, size: int, *, seed: int = 0, epoch: int = 0) -> list[list[int]]:
    sampler = SortedBatches(Dataset.from_pandas(rows), batch_size=size, drop_last=False, seed=seed)
    sampler.set_epoch(epoch)
    found = list(sampler)
    assert len(found) == len(sampler)
    return found


def test_no_text_occurs_twice_in_a_batch(rows: pd.DataFrame) -> None:
    part = rows[["anchor", "positive"]].head(4000).reset_index(drop=True)
    for batch in batches_of(part, 64):
        texts = part.iloc[batch].to_numpy().ravel()
        assert len(set(texts)) == len(texts)


def test_no_fact_occurs_twice_in_a_batch(rows: pd.DataFrame) -> None:
    part = rows[rows["relation"] == "skill"].head(4000).reset_index(drop=True)
    facts = part["fact"].tolist()
    sampler = SortedBatches(
        Dataset.from_pandas(part[["anchor", "positive"]]), batch_size=32, drop_last=False, facts=facts
    )
    repeats = 0
    for batch in sampler:
        of_batch = part.iloc[batch]
        assert of_batch["fact"].is_unique
        repeats += len(batch) - of_batch["positive"].str.extract("'(.+)'")[0].nunique()
    assert repeats > 0  # the same genre in other roles is no repetition


def test_facts_must_be_as_many_as_rows(few_rows: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="one fact for each of the 24 rows, not 2"):
        train_sbert(load_pretrained(device="cpu"), few_rows, facts=["a", "b"])


def test_nearly_all_rows_are_used_once_an_epoch(rows: pd.DataFrame) -> None:
    part = rows[["anchor", "positive"]].head(4000).reset_index(drop=True)
    used = np.concatenate(batches_of(part, 32))
    assert len(set(used)) == len(used)
    assert len(used) > 0.95 * len(part)


def test_batches_hold_rows_of_like_length(rows: pd.DataFrame) -> None:
    part = rows[["anchor", "positive"]].head(4000).reset_index(drop=True)
    lengths = part.apply(lambda column: column.str.len()).max(axis=1).to_numpy()
    spread = np.mean([np.ptp(lengths[batch]) for batch in batches_of(part, 32)])
    in_order = np.mean([np.ptp(lengths[start : start + 32]) for start in range(0, len(part), 32)])
    assert spread < 0.4 * in_order


def test_order_depends_on_seed_and_epoch_alone(rows: pd.DataFrame) -> None:
    part = rows[["anchor", "positive"]].head(500).reset_index(drop=True)
    assert batches_of(part, 16) == batches_of(part, 16)
    assert batches_of(part, 16) != batches_of(part, 16, epoch=1)
    assert batches_of(part, 16) != batches_of(part, 16, seed=1)


def test_rows_left_out_of_an_epoch_are_any_rows_not_the_longest() -> None:
    texts = pd.DataFrame({"anchor": [f"{n:03}" for n in range(100)], "positive": ["x" * n for n in range(1, 101)]})
    sampler = SortedBatches(Dataset.from_pandas(texts), batch_size=16, drop_last=False)
    left_out = []
    for epoch in range(40):
        sampler.set_epoch(epoch)
        used = [row for batch in sampler for row in batch]
        assert len(used) == len(set(used)) == 96
        left_out += sorted(set(range(100)) - set(used))
    assert 30 < np.mean(left_out) < 70
    assert len(set(left_out)) > 60


def test_rows_that_all_repeat_a_text_still_give_batches() -> None:
    rows = pd.DataFrame({"anchor": ["same"] * 6, "positive": [f"other {number}" for number in range(6)]})
    assert sorted(map(len, batches_of(rows, 3))) == [1, 1]


class PlainBatches(SortedBatches):
    """The same batches, made as one would say it: each row is asked again for each batch. Slow, and the reference."""

    def __init__(self, dataset: Dataset, *, facts: list | None = None, **settings) -> None:
        super().__init__(dataset, facts=facts, **settings)
        texts = dataset.to_pandas().to_numpy()
        self.keys = [{*row, *([("fact", facts[number])] if facts else ())} for number, row in enumerate(texts.tolist())]

    def _pack(self, rows: np.ndarray, wanted: int, *, small: bool = False) -> tuple[list[list[int]], np.ndarray]:
        full: list[list[int]] = []
        remaining = rows.tolist()
        while remaining:
            batch: list[int] = []
            later: list[int] = []
            seen: set = set()
            for place, row in enumerate(remaining):
                if not seen.isdisjoint(self.keys[row]):
                    later.append(row)
                    continue
                batch.append(row)
                seen.update(self.keys[row])
                if len(batch) == self.rows_a_step:
                    later += remaining[place + 1 :]
                    break
            if len(batch) < self.rows_a_step and not small:
                break
            full.append(batch[: len(batch) // self.processes * self.processes])
            remaining = later
        return list(filter(None, full))[:wanted], np.array(remaining, dtype=int)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_batches_are_those_of_the_plain_algorithm(processes: int) -> None:
    rng = np.random.default_rng(processes)
    for seed in range(60):
        count = int(rng.integers(1, 300))
        anchors, positives, facts = (rng.integers(0, rng.integers(1, 2 * count + 2), count) for _ in range(3))
        data = Dataset.from_dict(
            {"anchor": [f"a{n}" * (n % 7 + 1) for n in anchors], "positive": [f"p{n}" * (n % 5 + 1) for n in positives]}
        )
        settings = {"batch_size": int(rng.integers(1, 40)), "drop_last": False, "seed": seed, "processes": processes}
        settings["facts"] = facts.tolist() if seed % 2 else None
        made = []
        for sampler in (PlainBatches(data, **settings), SortedBatches(data, **settings)):
            sampler.set_epoch(seed % 3)
            try:
                made.append(list(sampler))
            except ValueError as error:
                made.append(str(error))
        assert made[0] == made[1]


@pytest.mark.parametrize("distinct", [20, 60, 200])
def test_few_distinct_positives_take_no_longer(distinct: int) -> None:
    """Looking at each row again for each batch took 26 seconds for this."""
    positives = [f"positive {n % distinct}" for n in range(32_000)]
    sampler = SortedBatches(
        Dataset.from_dict({"anchor": [f"anchor {n}" for n in range(32_000)], "positive": positives}),
        batch_size=64,
        drop_last=False,
    )
    started = time.process_time()
    seen, rows_a_step = sampler.coverage()
    assert time.process_time() - started < 1
    assert rows_a_step == pytest.approx(min(distinct, 64), abs=0.5)
    assert seen == pytest.approx(min(distinct, 64) / 64, abs=0.01)


# ---------------------------------------------------------------------------------------------------------- training


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a model that trains in no time: a random vector for each token."""
    folder = tmp_path_factory.mktemp("model")
    static_model("random", dimensions=8).save(str(folder), create_model_card=False)
    return str(folder)


SMALL = {"epochs": 3, "batch_size": 8, "learning_rate": 0.05, "device": "cpu", "bf16": False, "log_every": 2}


def stop_in(stopped: int) -> OnEpochEnd:
    """A measure that presses the stop button after an epoch."""

    def measure(_: object, epoch: int) -> dict[str, float]:
        if epoch == stopped:
            raise KeyboardInterrupt
        return {"done": float(epoch)}

    return measure


def done(_: object, epoch: int) -> dict[str, float]:
    return {"done": float(epoch)}


def assert_same_run(one: TrainingRun, other: TrainingRun) -> None:
    texts = ["film 1", "the story of the number 7 and of its friends"]
    np.testing.assert_array_equal(encode(one.model, texts), encode(other.model, texts))
    pd.testing.assert_frame_equal(one.history, other.history, check_exact=True)
    assert one.finished
    assert other.finished


@pytest.fixture(scope="module")
def whole(few_rows: pd.DataFrame, small_model: str) -> TrainingRun:
    """The small run that nothing disturbs: three steps an epoch, nine in all."""
    return train_sbert(load_pretrained(small_model), few_rows, **SMALL, on_epoch_end=done)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (pd.DataFrame({"anchor": ["a"]}), "two columns"),
        (pd.DataFrame({"anchor": [], "positive": []}, dtype=str), "at least one row"),
        (pd.DataFrame({"anchor": ["a", " "], "positive": ["b", "c"]}), "row 1: anchor is empty"),
    ],
)
def test_bad_rows_are_refused(rows: pd.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train_sbert(load_pretrained(device="cpu"), rows)


def test_resuming_needs_a_checkpoint(tmp_path, few_rows: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="nothing to resume from"):
        train_sbert(load_pretrained(device="cpu"), few_rows, checkpoint_dir=tmp_path, resume=True)
    with pytest.raises(ValueError, match="pass the checkpoint_dir"):
        train_sbert(load_pretrained(device="cpu"), few_rows, resume=True)


def test_training_learns_and_measures(few_rows: pd.DataFrame) -> None:
    model = load_pretrained(device="cpu")
    seen: list[int] = []

    def measure(_, epoch: int) -> dict[str, float]:
        seen.append(epoch)
        return {"done": float(epoch)}

    run = train_sbert(
        model, few_rows, epochs=3, batch_size=8, learning_rate=1e-4, device="cpu", on_epoch_end=measure, log_every=1
    )
    losses = run.history["loss"].dropna()
    assert seen == [0, 1, 2, 3]
    assert losses.iloc[-3:].mean() < losses.iloc[:3].mean()
    assert run.history["done"].dropna().tolist() == [0, 1, 2, 3]
    assert run.finished


def test_interrupted_and_resumed_ends_at_the_same_numbers(tmp_path, few_rows: pd.DataFrame) -> None:
    """With a transformer, whose dropout draws random numbers."""
    settings = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-4, "device": "cpu", "bf16": False, "log_every": 2}
    rows = few_rows.head(16)
    whole = train_sbert(load_pretrained(), rows, **settings, on_epoch_end=done)
    train_sbert(load_pretrained(), rows, **settings, checkpoint_dir=tmp_path, on_epoch_end=stop_in(2))
    resumed = train_sbert(load_pretrained(), rows, **settings, checkpoint_dir=tmp_path, on_epoch_end=done, resume=True)
    assert_same_run(resumed, whole)


def test_the_last_step_is_always_logged(whole: TrainingRun, few_rows: pd.DataFrame, small_model: str) -> None:
    assert whole.history.dropna(subset="loss")["step"].tolist() == [2, 4, 6, 8, 9]
    seen: list[int] = []
    run = train_sbert(
        load_pretrained(small_model), few_rows, **SMALL | {"log_every": 5}, max_steps=4,
        on_log=lambda history: seen.append(history["step"].iloc[-1]),
    )  # fmt: skip
    assert seen == run.history["step"].tolist() == [4]
    assert (run.steps, run.finished) == (4, True)
    each = train_sbert(load_pretrained(small_model), few_rows, **SMALL | {"log_every": 1}).history["loss"]
    assert whole.history["loss"].dropna().iloc[:4].tolist() == pytest.approx(each[:8].to_numpy().reshape(4, 2).mean(1))


def test_interrupted_in_the_middle_of_an_epoch(
    tmp_path, whole: TrainingRun, few_rows: pd.DataFrame, small_model: str
) -> None:
    def stop(history: pd.DataFrame) -> None:
        if history["step"].iloc[-1] == 8:
            raise KeyboardInterrupt

    broken = train_sbert(
        load_pretrained(small_model), few_rows, **SMALL, checkpoint_dir=tmp_path, on_epoch_end=done, on_log=stop
    )
    assert not broken.finished
    assert broken.history["step"].iloc[-1] == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-3", "checkpoint-6"]
    with pytest.raises(TrainingUnfinishedError, match="step 8 of 9"):
        broken.require_finished()
    resumed = train_sbert(
        load_pretrained(small_model), few_rows, **SMALL, checkpoint_dir=tmp_path, on_epoch_end=done, resume=True
    )
    assert_same_run(resumed, whole)
    again = train_sbert(load_pretrained(small_model), few_rows, **SMALL, checkpoint_dir=tmp_path, resume=True)
    assert_same_run(again, whole)
    assert again.seconds > 0


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests")
import numpy as np
from trainings import train_and_kill
from test_sbert import SMALL, done, encode, load_pretrained, some_rows, train_sbert

def slowly_done(model, epoch):
    time.sleep(0.1)
    return done(model, epoch)

def go(folder, resume):
    run = train_sbert(load_pretrained(sys.argv[2]), some_rows(), **SMALL | {"epochs": 5}, checkpoint_dir=folder,
                      resume=resume, on_epoch_end=slowly_done, on_log=lambda _: time.sleep(0.1))
    run.history.to_json(folder / "history.json", double_precision=15)
    np.save(folder / "vectors.npy", encode(run.model, some_rows()["positive"].tolist()))

train_and_kill(go, Path(sys.argv[1]), times=3, pause=0.1)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot fork")
def test_killed_again_and_again_it_is_still_the_whole_run(tmp_path, few_rows: pd.DataFrame, small_model: str) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), small_model]
    subprocess.run(command, cwd=ROOT, env=child_variables(quiet=True) | {"OMP_NUM_THREADS": "1"}, check=True)
    whole = train_sbert(load_pretrained(small_model), few_rows, **SMALL | {"epochs": 5}, on_epoch_end=done)
    expected = encode(whole.model, few_rows["positive"].tolist())
    np.testing.assert_array_equal(np.load(tmp_path / "vectors.npy"), expected)
    pd.testing.assert_frame_equal(pd.read_json(tmp_path / "history.json"), whole.history, rtol=1e-12)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory, few_rows: pd.DataFrame, small_model: str) -> Path:
    """A folder with two checkpoints of a run that was stopped."""
    folder = tmp_path_factory.mktemp("interrupted")
    train_sbert(load_pretrained(small_model), few_rows, **SMALL, checkpoint_dir=folder, on_epoch_end=stop_in(3))
    return folder


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("model.safetensors", "a bit flipped"),
        ("optimizer.pt", "a bit flipped"),
        ("logbook.json", "a bit flipped"),
        ("rng_state.pth", "cut off"),
        ("trainer_state.json", "cut off"),
        ("scheduler.pt", "missing"),
        ("modules.json", "missing"),
    ],
)
def test_a_damaged_file_means_the_checkpoint_before(
    name: str, how: str, interrupted: Path, tmp_path, whole: TrainingRun, few_rows: pd.DataFrame, small_model: str
) -> None:
    folder = shutil.copytree(interrupted, tmp_path / "run")
    shutil.copytree(folder / "checkpoint-6", folder / "checkpoint-6 (copy)")
    path = folder / "checkpoint-6" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.unlink()
    if how != "missing":
        path.write_bytes(content if how == "a bit flipped" else content[:-9])
    with pytest.warns(UserWarning, match=f"checkpoint-6: {name} is .*; going on from checkpoint-3"):
        resumed = train_sbert(
            load_pretrained(small_model), few_rows, **SMALL, checkpoint_dir=folder, on_epoch_end=done, resume=True
        )
    assert_same_run(resumed, whole)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"learning_rate": 0.1}, "learning_rate 0.05, not 0.1"),
        ({"batch_size": 4}, "batch_size 8, not 4"),
        ({"seed": 1}, "seed 0, not 1"),
        ({"epochs": 4}, "epochs 3, not 4"),
        ({"max_steps": 4}, "max_steps -1, not 4"),
        ({"facts": list(range(24))}, "facts .*, not "),
        ({"loss": both_directions}, r"loss MultipleNegativesRankingLoss\(.*doc_to_query"),
        ({"loss": lambda model: MultipleNegativesRankingLoss(model, scale=30)}, r"scale=20.0, .*, not .*scale=30, "),
        ({"identity": {"style": "name"}}, "style None, not name"),
    ],
)
def test_another_run_is_refused_by_name(
    other: dict, named: str, interrupted: Path, few_rows: pd.DataFrame, small_model: str
) -> None:
    with pytest.raises(RunFolderError, match=named):
        train_sbert(
            load_pretrained(small_model), few_rows, **SMALL | {"checkpoint_dir": interrupted, "resume": True} | other
        )


def test_other_rows_are_another_run(interrupted: Path, few_rows: pd.DataFrame, small_model: str) -> None:
    changed = few_rows.assign(positive=[*few_rows["positive"][:-1], "another story"])
    with pytest.raises(RunFolderError, match=r"data 24 rows \(digest \w+\), not 24 rows"):
        train_sbert(load_pretrained(small_model), changed, **SMALL, checkpoint_dir=interrupted, resume=True)
    with pytest.raises(RunFolderError, match=r"parameters .*, not 22,713,216"):
        train_sbert(load_pretrained(), few_rows, **SMALL, checkpoint_dir=interrupted, resume=True)
    with pytest.raises(RunFolderError, match="holds a run already"):
        train_sbert(load_pretrained(small_model), few_rows, **SMALL, checkpoint_dir=interrupted)


def test_two_runs_in_one_folder(tmp_path, few_rows: pd.DataFrame, small_model: str) -> None:
    def begin_another(_: object, epoch: int) -> None:
        if epoch == 1:
            with pytest.raises(RunFolderError, match=f"process {os.getpid()} on .* is at work in"):
                train_sbert(load_pretrained(small_model), few_rows, **SMALL, checkpoint_dir=tmp_path)

    settings = SMALL | {"checkpoint_dir": tmp_path, "on_epoch_end": begin_another}
    assert train_sbert(load_pretrained(small_model), few_rows, **settings).finished
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-6", "checkpoint-9"]


def test_a_full_disk_is_said_in_a_sentence(tmp_path, few_rows: pd.DataFrame, small_model: str, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc:672] . file write failed\nframe #0: c10")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"nothing can be written in .*checkpoint-3 \(.*file write failed\): make room"):
        train_sbert(load_pretrained(small_model), few_rows, **SMALL, checkpoint_dir=tmp_path)


def test_a_loss_with_weights_is_resumed_with_them(tmp_path, small_model: str) -> None:
    rows = pd.DataFrame({"first": [f"a {n}" for n in range(16)], "second": [f"b {n}" for n in range(16)]})
    rows["label"] = [n % 3 for n in range(16)]
    heads: list[torch.nn.Module] = []

    def softmax(model: object) -> torch.nn.Module:
        heads.append(SoftmaxLoss(model, 8, 3))
        return heads[-1]

    settings = SMALL | {"loss": softmax, "on_epoch_end": done}
    whole = train_sbert(load_pretrained(small_model), rows, **settings)
    stopped = settings | {"checkpoint_dir": tmp_path, "on_epoch_end": stop_in(2)}
    train_sbert(load_pretrained(small_model), rows, **stopped)
    assert_same_run(
        train_sbert(load_pretrained(small_model), rows, **settings, checkpoint_dir=tmp_path, resume=True), whole
    )
    torch.testing.assert_close(heads[2].classifier.weight, heads[0].classifier.weight, rtol=0, atol=0)


# ------------------------------------------------------------------------------------------ what it learned from


def test_a_diverged_training_is_said_and_goes_back(tmp_path, few_rows: pd.DataFrame, small_model: str) -> None:
    settings = SMALL | {"learning_rate": 1e38}
    with pytest.warns(UserWarning, match=r"has diverged and was stopped: the \w+ was nan at step \d") as seen:
        run = train_sbert(load_pretrained(small_model), few_rows, **settings)
    assert seen[0].filename == __file__
    assert not run.finished
    assert np.isfinite(run.history["loss"]).all()
    with pytest.raises(TrainingUnfinishedError, match=r"of 9 .* lower learning_rate"):
        run.require_finished()

    class Later(MultipleNegativesRankingLoss):
        """Is no number from the fifth step on."""

        steps = 0

        def forward(self, *given: object, **named: object) -> torch.Tensor:
            self.steps += 1
            return super().forward(*given, **named) * (float("nan") if self.steps > 4 else 1)

    with pytest.warns(UserWarning, match="the loss was nan at step 5; the model is as it was in checkpoint-3"):
        later = train_sbert(
            load_pretrained(small_model), few_rows, **SMALL, loss=Later, checkpoint_dir=tmp_path / "later"
        )
    stopped = train_sbert(
        load_pretrained(small_model), few_rows, **SMALL, checkpoint_dir=tmp_path / "stopped", on_epoch_end=stop_in(1)
    )
    np.testing.assert_array_equal(encode(later.model, ["film 1"]), encode(stopped.model, ["film 1"]))


def test_rows_that_an_epoch_leaves_out_are_counted(small_model: str) -> None:
    positives = [f"genre {n % 9}" for n in range(300)]
    rows = pd.DataFrame({"anchor": [f"film {n}" for n in range(300)], "positive": positives})
    with pytest.warns(UserWarning, match=r"sees 27% of the 300 rows: .* has 9 rows on average, not 32. Pass a smaller"):
        train_sbert(load_pretrained(small_model), rows, **SMALL | {"batch_size": 32, "epochs": 1})


@pytest.mark.parametrize("repeats", ["the row", "the anchor", "the fact", "nothing"])
def test_rows_without_a_negative_are_refused(repeats: str, small_model: str) -> None:
    count = 1 if repeats == "the row" else 6
    rows = some_rows().head(count)
    settings = SMALL | {"facts": ["same"] * count if repeats == "the fact" else None}
    if repeats == "the anchor":
        rows["anchor"] = "film"
    if repeats == "nothing":
        settings["batch_size"] = 1
    with pytest.raises(ValueError, match="no two rows meet in a batch, so no anchor has a negative"):
        train_sbert(load_pretrained(small_model), rows, **settings)
    if repeats == "the row":
        with_negative = rows.assign(negative="no story")
        assert train_sbert(load_pretrained(small_model), with_negative, **settings).finished
