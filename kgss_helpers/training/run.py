"""What came out of a training: model, history, time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pandas as pd

from kgss_helpers.show.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
