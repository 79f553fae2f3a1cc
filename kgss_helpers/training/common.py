"""What every training loop shares: device, seeds, and the record of a run."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kgss_helpers.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def processes() -> int:
    """How many processes train together: as many as torchrun started, else 1."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    """Whether this process writes files and prints; without torchrun it always does."""
    return os.environ.get("RANK", "0") == "0"


def pick_device(device: str | None = None) -> str:
    """``device`` if given, else ``"cuda"``, else ``"mps"``, else ``"cpu"``.

    Under torchrun each process has a GPU of its own: ``"cuda"`` becomes ``"cuda:0"``, ``"cuda:1"`` and so on.

    Raises:
        ValueError: There are more processes than GPUs, or processes that cannot work together on this device.
    """
    import torch

    together = processes() > 1
    if device is None and torch.cuda.is_available():
        device = "cuda"
    elif device is None:
        device = "mps" if torch.backends.mps.is_available() and not together else "cpu"
    if together and device.startswith("mps"):
        raise ValueError("processes cannot train together on mps: leave torchrun out, or pass the device cpu")
    if device != "cuda" or "LOCAL_RANK" not in os.environ:
        return device
    own, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if own >= there:
        raise ValueError(
            f"each process needs a GPU of its own, and this machine has {there}: start fewer with --nproc-per-node, or "
            "pass the device cpu"
        )
    return f"cuda:{own}"


def seed_everything(seed: int) -> None:
    """Python, NumPy and torch, on all devices."""
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries draw from the global state
    torch.manual_seed(seed)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Measuring inside leaves the random numbers of torch as they were, so that it cannot change the training."""
    import torch

    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        yield


@dataclass
class TrainingRun:
    """What came out of a training loop.

    Attributes:
        model: The trained model.
        history: One row a logged step: ``step``, ``epoch``, ``loss``, and the columns of validation metrics where they
            were measured (missing elsewhere).
        seconds: Wall-clock time of training and measuring; of a resumed run from its very beginning, without the pause.
        finished: False when it was interrupted; the model is then the last good state.
    """

    model: Any
    history: pd.DataFrame
    seconds: float
    finished: bool = True

    def plot(self, *, title: str = "Training") -> Figure:
        """The loss by step, and validation metrics in a second panel below it where there are any."""
        import matplotlib.pyplot as plt

        metrics = [column for column in self.history if column not in ("step", "epoch", "loss")]
        figure, panels = plt.subplots(
            1 + bool(metrics), 1, sharex=True, squeeze=False, figsize=(9, 3 + 2.5 * bool(metrics))
        )
        losses = self.history.dropna(subset="loss")
        panels[0, 0].plot(losses["step"], losses["loss"], color=BLUE)
        panels[0, 0].set(title=title, ylabel="loss")
        styles = cycle(zip((VERMILION, GREEN, PURPLE, ORANGE, BLUE, BLACK), "osD^vP", strict=True))
        for metric, (color, marker) in zip(metrics, styles, strict=False):
            measured = self.history.dropna(subset=metric)
            panels[1, 0].plot(measured["step"], measured[metric], marker=marker, color=color, label=metric)
        if metrics:
            panels[1, 0].set(ylabel="measured")
            panels[1, 0].legend(loc="upper left", bbox_to_anchor=(1, 1))
        panels[-1, 0].set(xlabel="step")
        return figure
