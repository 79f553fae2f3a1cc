"""What every training loop shares: device, seeds, and the record of a run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kgss_helpers.palette import BLUE, GREEN, ORANGE, PURPLE, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pick_device(device: str | None = None) -> str:
    """``device`` if given, else ``"cuda"``, else ``"mps"``, else ``"cpu"``."""
    import torch

    if device is not None:
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


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

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), torch.no_grad():
        yield


@dataclass
class TrainingRun:
    """What came out of a training loop.

    Attributes:
        model: The trained model.
        history: One row a logged step: ``step``, ``epoch``, ``loss``, and the columns of validation metrics where they
            were measured (missing elsewhere).
        seconds: Wall-clock time of the training itself.
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
        styles = cycle(zip((VERMILION, GREEN, PURPLE, ORANGE), "osD^", strict=True))
        for metric, (color, marker) in zip(metrics, styles, strict=False):
            measured = self.history.dropna(subset=metric)
            panels[1, 0].plot(measured["step"], measured[metric], marker=marker, color=color, label=metric)
        if metrics:
            panels[1, 0].legend()
        panels[-1, 0].set(xlabel="step")
        return figure
