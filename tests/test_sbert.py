"""Fine-tuning a sentence transformer: everything that the plain loop promises too, and what it learned from."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss, SoftmaxLoss
from trainings import quick_collections  # noqa: F401 - a fixture

from kgss_helpers.frontdoor.environment import ROOT, child_variables
from kgss_helpers.methods.encoder import encode
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.static import static_model
from kgss_helpers.training.folder import RunFolderError
from kgss_helpers.training.logbook import OnEpochEnd
from kgss_helpers.training.run import TrainingRun, TrainingUnfinishedError
from kgss_helpers.training.sbert import both_directions, train_sbert


@pytest.fixture(scope="module")
def few_rows() -> pd.DataFrame:
    return some_rows()


def some_rows() -> pd.DataFrame:
    rows = pd.DataFrame({"anchor": [f"film {number}" for number in range(24)]})
    return rows.assign(positive=[f"the story of the number {number} and of its friends" for number in range(24)])


def test_facts_must_be_as_many_as_rows(few_rows: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="one fact for each of the 24 rows, not 2"):
        train_sbert(load_pretrained(device="cpu"), few_rows, facts=["a", "b"])


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
