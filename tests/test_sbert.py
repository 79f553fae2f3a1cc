"""Rows that give nothing away, batches without repeats, and a training that can be interrupted."""

import re

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from kgss_helpers import exam
from kgss_helpers.exam.films.families import ALIKE_PHRASINGS, CREDIT_PHRASINGS, PHRASINGS, PROMISING
from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD
from kgss_helpers.methods.encoder import encode
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.text.documents import documents
from kgss_helpers.text.rows import training_rows
from kgss_helpers.training.sbert import SortedBatches, train_sbert

TEXTS = ["name", "films", "skills"]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return training_rows(exam.training_graph(), "either", seed=3)


@pytest.fixture(scope="module")
def few_rows() -> pd.DataFrame:
    rows = pd.DataFrame({"anchor": [f"film {number}" for number in range(24)]})
    return rows.assign(positive=[f"the story of the number {number} and of its friends" for number in range(24)])


# ------------------------------------------------------------------------------------------------------------- leaks


def test_no_row_holds_a_held_out_fact(rows: pd.DataFrame) -> None:
    split = exam.film_exam()
    held_out = pd.concat([split.validation, split.test])
    secret = {frozenset(pair) for pair in zip(held_out["source"], held_out["target"], strict=True)}
    told = {frozenset(pair) for pair in zip(rows["node_id"], rows["other"], strict=True) if pair[1]}
    assert len(secret) > 700
    assert not secret & told


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
    told = [(person, film) for person, film in secret if names[film] in texts[person] or names[person] in texts[film]]
    assert told == []


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
    told = rows[~rows["relation"].isin(["skill", "description"])]
    from_source = set(zip(told["node_id"], told["relation"], told["other"], strict=True))
    assert len(told) == len(edges)
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


# ---------------------------------------------------------------------------------------------------------- training


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
    settings = {"epochs": 3, "batch_size": 8, "learning_rate": 1e-4, "device": "cpu", "bf16": False, "log_every": 1}
    whole = train_sbert(load_pretrained(), few_rows, **settings)

    def stop_after_two(_, epoch: int) -> dict[str, float]:
        if epoch == 3:
            raise KeyboardInterrupt
        return {}

    broken = train_sbert(load_pretrained(), few_rows, **settings, checkpoint_dir=tmp_path, on_epoch_end=stop_after_two)
    assert not broken.finished
    resumed = train_sbert(load_pretrained(), few_rows, **settings, checkpoint_dir=tmp_path, resume=True)
    assert resumed.finished
    texts = few_rows["positive"].tolist()
    np.testing.assert_allclose(encode(resumed.model, texts), encode(whole.model, texts), atol=1e-5)
    pd.testing.assert_frame_equal(resumed.history, whole.history)
