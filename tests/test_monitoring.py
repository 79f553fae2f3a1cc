"""Reporting to Weights & Biases: off unless asked for, clear where it is missing, and tested without a network."""

import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import wandb
from trainings import quick_collections  # noqa: F401 - a fixture

from kgss_helpers.frontdoor.environment import child_variables
from kgss_helpers.methods.static import static_model
from kgss_helpers.runs import fine_tuning
from kgss_helpers.training import loop
from kgss_helpers.training.run import TrainingRun
from kgss_helpers.training.sbert import train_sbert

ROWS = pd.DataFrame({"anchor": [f"film {n}" for n in range(8)], "positive": [f"story {n}" for n in range(8)]})


@pytest.fixture
def connections() -> Iterator[list[object]]:
    """Who tried to reach another machine: every request is sent to a proxy that only takes down that it came."""
    seen: list[object] = []

    class Trap(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            seen.append(self.request.recv(100))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Trap) as server, pytest.MonkeyPatch.context() as patch:
        proxy = f"http://127.0.0.1:{server.server_address[1]}"
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            patch.setenv(name, proxy)
            patch.setenv(name.lower(), proxy)
        for name in ("NO_PROXY", "no_proxy"):
            patch.delenv(name, raising=False)
        patch.setenv("WANDB_BASE_URL", proxy)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield seen
        server.shutdown()


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connections: list[object]) -> Iterator[Path]:
    """The folder in which Weights & Biases keeps its runs when it is offline and silent."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        if name != "WANDB_BASE_URL":
            monkeypatch.delenv(name)
    settings = {"MODE": "offline", "SILENT": "true", "DIR": str(tmp_path), "PROJECT": "films"}
    for name in ("CACHE_DIR", "CONFIG_DIR", "DATA_DIR"):
        settings[name] = str(tmp_path / name)
    for name, value in settings.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "wandb"
    wandb.teardown()
    assert connections == []


def train(**settings: Any) -> TrainingRun:
    """Two steps of a sentence transformer."""
    settings = {"max_steps": 2, "batch_size": 4, "device": "cpu", "bf16": False, "log_every": 1} | settings
    return train_sbert(static_model("random", dimensions=8), ROWS, **settings)


def train_plainly(**settings: Any) -> TrainingRun:
    """Two steps of the plain loop."""

    def loss_of(model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
        return (model(batch) ** 2).mean()

    settings = {"max_steps": 2, "batch_size": 4, "device": "cpu", "bf16": False, "log_every": 1} | settings
    return loop.train(torch.nn.Linear(2, 1), torch.ones(8, 2), loss_of, learning_rate=0.1, **settings)


def kept_in(runs: Path) -> list[bytes]:
    """What each run wrote, in order; all of it is there once the service behind them has ended."""
    wandb.teardown()
    return [path.read_bytes() for path in sorted(runs.glob("offline-run-*/run-*.wandb"))]


LOOPS = pytest.mark.parametrize("train", [train, train_plainly])


@LOOPS
def test_losses_and_measures_are_reported(train: Callable[..., TrainingRun], runs: Path, capfd) -> None:
    run = train(report_to=("wandb",), on_epoch_end=lambda _, epoch: {"score": float(epoch)})
    (written,) = kept_in(runs)
    for name in (b"train/loss", b"eval/score", b"train/global_step", b"learning_rate"):
        assert name in written
    assert b"SortedBatches" not in written
    assert run.history["score"].dropna().tolist() == [0, 1]
    assert wandb.run is None
    assert "".join(capfd.readouterr()) == ""


@LOOPS
def test_each_training_is_a_run(train: Callable[..., TrainingRun], runs: Path) -> None:
    def stop(_: object, epoch: int) -> dict[str, float]:
        if epoch:
            raise KeyboardInterrupt
        return {}

    assert not train(report_to="wandb", on_epoch_end=stop).finished
    assert wandb.run is None
    assert train(report_to="wandb").finished
    assert len(kept_in(runs)) == 2


@LOOPS
def test_a_run_that_was_open_stays_open(train: Callable[..., TrainingRun], runs: Path) -> None:
    with wandb.init(name="mine") as mine:
        train(report_to=("wandb",))
        assert wandb.run is mine
        mine.log({"afterwards": 1})
    (written,) = kept_in(runs)
    assert b"train/loss" in written
    assert b"afterwards" in written


@LOOPS
def test_nothing_is_reported_unasked(train: Callable[..., TrainingRun], runs: Path, capfd) -> None:
    train()
    assert not runs.exists()
    assert wandb.run is None
    assert "".join(capfd.readouterr()) == ""


def test_it_is_not_even_imported_unasked(tmp_path: Path) -> None:
    """Nor does a notebook hear of it that trains where it is installed."""
    code = """
import sys
from kgss_helpers.session import setup
setup()
import pandas as pd
import torch
from kgss_helpers.methods.static import static_model
from kgss_helpers.runs import fine_tuning
from kgss_helpers.training import loop
from kgss_helpers.training.sbert import train_sbert
rows = pd.DataFrame({"anchor": ["a", "b"], "positive": ["c", "d"]})
train_sbert(static_model("random", dimensions=8), rows, batch_size=2, device="cpu")
loop.train(torch.nn.Linear(1, 1), torch.ones(2, 1), lambda model, batch: model(batch).mean(), batch_size=2,
           learning_rate=0.1, device="cpu")
sys.exit("wandb" in sys.modules)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=child_variables(quiet=True), capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert list(tmp_path.iterdir()) == []


def test_where_it_is_missing_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path, capsys) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    for each in (train, train_plainly):
        with pytest.raises(ImportError, match="install --with monitor"):
            each(report_to=("wandb",))
    with pytest.raises(SystemExit):
        fine_tuning.main(["--output", str(tmp_path), "--report-to", "wandb"])
    assert "install --with monitor" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
