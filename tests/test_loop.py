"""The plain training loop on a small model: everything that `train_sbert` promises too."""

import doctest
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset
from trainings import quick_collections  # noqa: F401 - a fixture

from kgss_helpers.compute import has_bf16
from kgss_helpers.frontdoor.environment import ROOT, child_variables
from kgss_helpers.training import loop
from kgss_helpers.training.folder import RunFolderError
from kgss_helpers.training.logbook import print_last
from kgss_helpers.training.loop import share_of_rate, shuffled, train
from kgss_helpers.training.run import TrainingRun, TrainingUnfinishedError

SETTINGS: dict[str, Any] = {"epochs": 4, "batch_size": 8, "learning_rate": 0.01, "device": "cpu", "bf16": False}
SETTINGS |= {"log_every": 3}
STEPS = 20  # five an epoch: 38 rows


def small_model() -> torch.nn.Module:
    """With dropout, so that random numbers count, and two names for one weight, as language models have."""
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Dropout(0.2), torch.nn.Tanh(), torch.nn.Linear(6, 6))
    model[3].weight = model[0].weight
    return model


def rows() -> TensorDataset:
    given = torch.randn(38, 6, generator=torch.Generator().manual_seed(0))
    return TensorDataset(given, given.flip(dims=[1]))


def squared_error(model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """With noise from NumPy and Python as well, as negatives are drawn."""
    given, wanted = batch
    return ((model(given) - wanted) ** 2).mean() * (1 + 0.1 * np.random.rand() + 0.1 * random.random())  # noqa: NPY002


def trained(**settings: Any) -> TrainingRun:
    return train(small_model(), rows(), squared_error, **SETTINGS | settings)


def weights(run: TrainingRun) -> np.ndarray:
    return torch.cat([weight.detach().flatten() for weight in run.model.parameters()]).numpy()


def assert_same_run(one: TrainingRun, other: TrainingRun) -> None:
    """Bit by bit, but for the time."""
    np.testing.assert_array_equal(weights(one), weights(other))
    pd.testing.assert_frame_equal(one.history, other.history, check_exact=True)
    assert one.finished
    assert other.finished


def stop_at(step: int) -> Any:
    """A loss that presses the stop button in the middle of a step."""

    def loss_of(model: torch.nn.Module, batch: Any, calls: list[int] = []) -> torch.Tensor:  # noqa: B006 - counts
        calls.append(1)
        if len(calls) == step:
            raise KeyboardInterrupt
        return squared_error(model, batch)

    loss_of.__qualname__ = squared_error.__qualname__
    return loss_of


@pytest.fixture(scope="module")
def whole() -> TrainingRun:
    """The run that nothing disturbs."""
    return trained()


# -------------------------------------------------------------------------------------------------- what it does


def test_the_example_in_its_docstring() -> None:
    results = doctest.testmod(loop)
    assert results.attempted > 8
    assert results.failed == 0


def test_it_learns_measures_and_logs_the_last_step(capsys) -> None:
    seen: list[tuple[int, bool]] = []
    drawn: list[int] = []

    def measure(model: torch.nn.Module, epoch: int) -> dict[str, float]:
        seen.append((epoch, model.training))
        return {"done": epoch}

    def draw(history: pd.DataFrame) -> None:
        drawn.append(int(history["step"].iloc[-1]))
        print_last(history)

    run = trained(epochs=3.5, on_epoch_end=measure, on_log=draw, learning_rate=0.05)
    losses = run.history.dropna(subset="loss")
    assert seen == [(epoch, False) for epoch in range(5)]
    assert losses["step"].tolist() == drawn == [3, 6, 9, 12, 15, 18]
    assert losses["loss"].iloc[-1] < 0.7 * losses["loss"].iloc[0]
    assert run.history["done"].dropna().tolist() == [0, 1, 2, 3, 4]
    assert run.history["epoch"].iloc[-1] == 3.6
    assert (run.finished, run.steps, run.stopped, run.model.training) == (True, 18, "", False)
    assert run.require_finished() is run
    assert capsys.readouterr().out.splitlines()[-1].startswith("step 18, epoch 3.60: loss 0.")
    assert trained(max_steps=7).history["step"].tolist() == [3, 6, 7]


def test_the_mean_of_logged_losses_is_that_of_all_steps(whole: TrainingRun) -> None:
    each = trained(log_every=1).history["loss"]
    assert whole.history["loss"].tolist() == pytest.approx(
        [each[start : start + 3].mean() for start in range(0, STEPS, 3)]
    )


def test_measuring_disturbs_nothing(whole: TrainingRun) -> None:
    def measure(model: torch.nn.Module, _: int) -> None:
        torch.rand(3), np.random.rand(3), random.random()  # noqa: NPY002
        assert not model(torch.zeros(1, 6)).requires_grad

    measured = trained(on_epoch_end=measure)
    assert_same_run(measured, whole)


def test_the_rate_rises_and_falls() -> None:
    rates = [share_of_rate(step, 20, 0.2) for step in range(20)]
    assert rates[:5] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert min(rates) == rates[-1] > 0
    assert [share_of_rate(step, 2, 0.0) for step in range(2)] == [1.0, 0.5]
    assert share_of_rate(0, 1, 0.1) == 1.0


def test_every_row_is_seen_once_an_epoch_in_another_order() -> None:
    orders = [torch.cat(shuffled(38, 8, epoch)).tolist() for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(38))


def test_batches_of_ones_own() -> None:
    seen: list[list[float]] = []

    def loss_of(model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
        seen.append(batch.flatten().tolist())
        return model(batch).mean()

    data = torch.arange(6.0)[:, None]
    train(torch.nn.Linear(1, 1), data, loss_of, epochs=2, batch_size=2, learning_rate=0.1, device="cpu", bf16=False,
          batches=lambda epoch: [torch.tensor([epoch, 5]), torch.tensor([3])])  # fmt: skip
    assert seen == [[0, 5], [3], [1, 5], [3]]


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="0 rows cannot be shared by 1 process"):
        train(small_model(), torch.zeros(0, 6), squared_error, batch_size=2, learning_rate=0.1, device="cpu")


@pytest.mark.skipif(not has_bf16("cpu"), reason="this processor has no bfloat16")
def test_bf16_is_left_behind() -> None:
    kinds = set()

    def loss_of(model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        kinds.add(model(batch[0]).dtype)
        return squared_error(model, batch)

    half = train(small_model(), rows(), loss_of, **SETTINGS | {"bf16": True})
    assert kinds == {torch.bfloat16}
    assert half.model(torch.zeros(1, 6)).dtype == torch.float32
    assert trained().finished  # in the same process, after it


# ----------------------------------------------------------------------------------------- interrupt and resume


@pytest.mark.parametrize("step", [8, 13, 20])
@pytest.mark.parametrize("save_every", [None, 2])
def test_interrupted_and_resumed_is_the_whole_run(
    step: int, save_every: int | None, tmp_path: Path, whole: TrainingRun
) -> None:
    settings = SETTINGS | {"checkpoint_dir": tmp_path, "save_every": save_every}
    broken = train(small_model(), rows(), stop_at(step), **settings)
    assert not broken.finished
    assert broken.history["step"].iloc[-1] == step - 1
    pd.testing.assert_frame_equal(broken.history[:-1], whole.history[: len(broken.history) - 1])
    kept = sorted(int(path.name.removeprefix("checkpoint-")) for path in tmp_path.iterdir())
    assert len(kept) <= 2
    assert kept[-1] == (step - 1) // (save_every or 5) * (save_every or 5) or save_every
    assert_same_run(trained(**settings, resume=True), whole)


def test_a_finished_run_resumed_is_that_run(tmp_path: Path, whole: TrainingRun) -> None:
    first = trained(checkpoint_dir=tmp_path)
    assert_same_run(first, whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-15", "checkpoint-20"]
    kept = json.loads((tmp_path / "checkpoint-20" / "state.json").read_text())
    assert kept["seconds"] <= first.seconds
    assert_same_run(trained(checkpoint_dir=tmp_path, resume=True), whole)


def test_time_before_an_interrupt_counts(tmp_path: Path) -> None:
    train(small_model(), rows(), stop_at(12), **SETTINGS, checkpoint_dir=tmp_path)
    before = json.loads((tmp_path / "checkpoint-10" / "state.json").read_text())["seconds"]
    assert trained(checkpoint_dir=tmp_path, resume=True).seconds > before > 0


def test_no_file_of_a_checkpoint_is_a_pickle(tmp_path: Path) -> None:
    trained(checkpoint_dir=tmp_path, max_steps=1)
    names = {path.name for path in (tmp_path / "checkpoint-1").iterdir()}
    assert names == {"manifest.json", "model.safetensors", "optimizer.safetensors", "random-0.json", "state.json"}


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests")
import numpy as np
from trainings import train_and_kill
from test_loop import SETTINGS, rows, small_model, squared_error, train, weights

def slow(model, batch):
    time.sleep(0.05)
    return squared_error(model, batch)

slow.__qualname__ = "squared_error"

def go(folder, resume):
    run = train(small_model(), rows(), slow, **SETTINGS, checkpoint_dir=folder, save_every=1, resume=resume)
    run.history.to_json(folder / "history.json", double_precision=15)
    np.save(folder / "weights.npy", weights(run))

train_and_kill(go, Path(sys.argv[1]), times=4, pause=0.1)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot fork")
def test_killed_again_and_again_it_is_still_the_whole_run(tmp_path: Path, whole: TrainingRun) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=child_variables(quiet=True) | {"OMP_NUM_THREADS": "1"}, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "weights.npy"), weights(whole))
    pd.testing.assert_frame_equal(pd.read_json(tmp_path / "history.json"), whole.history, rtol=1e-12)


# ------------------------------------------------------------------------------------------------- what it refuses


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "random-0.json", "state.json"])
@pytest.mark.parametrize("how", ["a bit flipped", "cut off", "missing"])
def test_a_damaged_file_means_the_checkpoint_before(name: str, how: str, tmp_path: Path, whole: TrainingRun) -> None:
    train(small_model(), rows(), stop_at(18), **SETTINGS, checkpoint_dir=tmp_path)
    path = tmp_path / "checkpoint-15" / name
    content = bytearray(path.read_bytes())
    content[-9] ^= 16
    path.unlink()
    if how != "missing":
        path.write_bytes(content if how == "a bit flipped" else content[:-9])
    with pytest.warns(UserWarning, match=f"checkpoint-15: {name} is .*; going on from checkpoint-10"):
        assert_same_run(trained(checkpoint_dir=tmp_path, resume=True), whole)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"learning_rate": 0.02}, "learning_rate 0.01, not 0.02"),
        ({"batch_size": 4}, "batch_size 8, not 4"),
        ({"seed": 1}, "seed 0, not 1"),
        ({"epochs": 5}, "epochs 4, not 5"),
        ({"identity": {"window": 3}}, "window None, not 3"),
    ],
)
def test_another_run_is_refused_by_name(other: dict[str, Any], named: str, tmp_path: Path) -> None:
    trained(checkpoint_dir=tmp_path)
    with pytest.raises(RunFolderError, match=named):
        trained(checkpoint_dir=tmp_path, resume=True, **other)


def test_other_data_and_models_and_losses_are_another_run(tmp_path: Path) -> None:
    settings = SETTINGS | {"checkpoint_dir": tmp_path}
    trained(**settings)
    given, wanted = rows().tensors
    with pytest.raises(RunFolderError, match=r"data 38 rows \(digest \w+\), not 38 rows"):
        train(small_model(), TensorDataset(given, wanted + 1e-6), squared_error, **settings, resume=True)
    with pytest.raises(RunFolderError, match="parameters 48"):
        train(small_model().requires_grad_(False).append(torch.nn.Linear(6, 6)), rows(), squared_error, **settings,
              resume=True)  # fmt: skip
    with pytest.raises(RunFolderError, match="loss squared_error, not stop_at"):
        train(small_model(), rows(), stop_at, **settings, resume=True)
    with pytest.raises(RunFolderError, match="holds a run already"):
        trained(checkpoint_dir=tmp_path)


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    def begin_another(_: Any, epoch: int) -> None:
        if epoch == 1:
            with pytest.raises(RunFolderError, match=f"process {os.getpid()} on .* is at work in"):
                trained(checkpoint_dir=tmp_path)

    assert trained(checkpoint_dir=tmp_path, on_epoch_end=begin_another).finished
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-15", "checkpoint-20"]


@pytest.mark.parametrize("failure", ["full disk", "broken library"])
def test_a_checkpoint_that_cannot_be_written(failure: str, tmp_path: Path, monkeypatch, whole: TrainingRun) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device") if failure == "full disk" else RuntimeError("file write failed")

    with monkeypatch.context() as full:
        train(small_model(), rows(), stop_at(12), **SETTINGS, checkpoint_dir=tmp_path)
        full.setattr(loop, "save_file", fail)
        with pytest.raises(OSError, match=r"nothing can be written in .*checkpoint-15 \((No space|file write failed)"):
            trained(checkpoint_dir=tmp_path, resume=True)
    with pytest.warns(UserWarning, match="checkpoint-15: it was never completed"):
        assert_same_run(trained(checkpoint_dir=tmp_path, resume=True), whole)


# ------------------------------------------------------------------------------------------------------- divergence


def diverging(step: int, how: str) -> Any:
    """A loss that is no number from a step on, or whose gradient is none."""

    def loss_of(model: torch.nn.Module, batch: Any, calls: list[int] = []) -> torch.Tensor:  # noqa: B006 - counts
        calls.append(1)
        loss = squared_error(model, batch)
        if len(calls) < step:
            return loss
        return loss + (0 * loss.detach() - loss).sqrt() if how == "gradient" else loss * float(how)

    return loss_of


@pytest.mark.parametrize(("how", "said"), [("nan", "loss was nan"), ("inf", "loss was inf"), ("gradient", "was nan")])
def test_a_diverged_training_is_stopped_before_it_does_harm(how: str, said: str) -> None:
    with pytest.warns(UserWarning, match=f"has diverged and was stopped: .*{said} at step 7; .* before that") as seen:
        run = train(small_model(), rows(), diverging(7, how), **SETTINGS)
    assert seen[0].filename == __file__
    assert not run.finished
    assert np.isfinite(weights(run)).all()
    assert run.history["step"].tolist() == [3, 6]
    assert np.isfinite(run.history["loss"]).all()
    with pytest.raises(TrainingUnfinishedError, match=r"at step 6 of 20 .* lower learning_rate"):
        run.require_finished()


def test_a_diverged_training_goes_back_to_its_checkpoint(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="at step 17; the model is as it was in checkpoint-15"):
        run = train(small_model(), rows(), diverging(17, "nan"), **SETTINGS, checkpoint_dir=tmp_path)
    train(kept := small_model(), rows(), stop_at(16), **SETTINGS)
    np.testing.assert_array_equal(weights(run), torch.cat([w.detach().flatten() for w in kept.parameters()]).numpy())


def test_a_rate_that_is_far_too_high_is_noticed() -> None:
    with pytest.warns(UserWarning, match=r"lower learning_rate"):
        assert not trained(learning_rate=1e30, epochs=40).finished


# --------------------------------------------------------------------------------------------------- what came out


def test_an_unfinished_run_says_how_far_it_came() -> None:
    run = train(small_model(), rows(), stop_at(8), **SETTINGS)
    with pytest.raises(TrainingUnfinishedError, match=r"step 7 of 20 \(epoch 1.40, after \d+ s\): it was inter"):
        run.require_finished()
    with pytest.raises(TrainingUnfinishedError, match=r"step 0 of 20 .*resume=True"):
        train(small_model(), rows(), stop_at(1), **SETTINGS).require_finished()


def test_its_figure_says_what_was_measured() -> None:
    def panel(*names: str, **how: Any) -> Any:
        history = pd.DataFrame({"step": [0, 5, 5], "epoch": [0, 1, 1], "loss": [np.nan, 2.0, np.nan]})
        for name in names:
            history[name] = [0.1, np.nan, 0.2]
        return TrainingRun(None, history, 1.0).plot(**how).axes[-1]

    assert panel().get_ylabel() == "loss"
    assert panel("accuracy").get_ylabel() == "accuracy"
    assert panel("ndcg", labels={"ndcg": "nDCG@10"}).get_ylabel() == "nDCG@10"
    several = panel("plot", "key$word", labels={"plot": "retellings"})
    assert several.get_ylabel() == "validation score"
    assert [text.get_text() for text in several.get_legend().get_texts()] == ["retellings", "key$word"]
    several.figure.canvas.draw()


# ---------------------------------------------------------------------------------------- several processes

TOGETHER = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
import numpy as np, torch
from test_loop import SETTINGS, TrainingRun, rows, small_model, train, weights

def plain_error(model, batch):
    return ((model(batch[0]) - batch[1]) ** 2).mean()

def diverging(model, batch):
    return plain_error(model, batch) * (float("nan") if torch.distributed.get_rank() else 1)

folder, seen = Path(sys.argv[1]), []
settings = SETTINGS | {"batch_size": 4, "on_epoch_end": lambda _, epoch: seen.append(epoch)}
model = small_model().eval()
model.train = lambda mode=True: model  # no dropout: each process would draw for itself

run = train(model, rows(), plain_error, **settings, checkpoint_dir=folder)
run = train(model, rows(), plain_error, **settings, checkpoint_dir=folder, resume=True)
rank = torch.distributed.get_rank()
np.save(folder / f"weights-{rank}.npy", weights(run))
run.history.to_csv(folder / f"history-{rank}.csv", index=False)
assert len(seen) == (0 if rank else 5)
assert not train(small_model(), rows(), diverging, **settings).finished
torch.distributed.destroy_process_group()
"""


@pytest.mark.skipif(os.name == "nt", reason="PyTorch for Windows is built without what torchrun talks through")
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    variables = child_variables(quiet=True) | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [*command, str(tmp_path / "run")], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("has diverged") == 1

    def plain_error(model: torch.nn.Module, batch: Any) -> torch.Tensor:
        return ((model(batch[0]) - batch[1]) ** 2).mean()

    (one := small_model().eval()).train = lambda mode=True: one
    alone = train(one, rows(), plain_error, **SETTINGS)
    for process in (0, 1):
        np.testing.assert_allclose(np.load(tmp_path / "run" / f"weights-{process}.npy"), weights(alone), atol=1e-5)
        history = pd.read_csv(tmp_path / "run" / f"history-{process}.csv")
        pd.testing.assert_frame_equal(history, alone.history, rtol=1e-4)
    checkpoint = tmp_path / "run" / "checkpoint-20"
    files = json.loads((checkpoint / "manifest.json").read_text())["files"]
    assert {"random-0.json", "random-1.json", "model.safetensors"} < set(files)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0}, {"epochs": float("nan")}, {"batch_size": 0}, {"learning_rate": -1}, {"log_every": 0},
        {"max_grad_norm": 0}, {"max_grad_norm": -1},
    ],
)  # fmt: skip
def test_numbers_that_teach_nothing_are_refused_before_the_first_step(wrong: dict[str, float]) -> None:
    settings = {"batch_size": 2, "learning_rate": 0.1, "device": "cpu"} | wrong
    with pytest.raises(ValueError, match="must be positive"):
        train(torch.nn.Linear(1, 1), torch.ones(4, 1), lambda model, batch: model(batch).mean(), **settings)
