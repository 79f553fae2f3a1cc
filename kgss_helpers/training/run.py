"""What came out of a training: model, history, time, and how far it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from kgss_helpers.show.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PLAIN = ("step", "epoch", "loss")
"""The columns of a history that are no validation metric."""
INTERRUPTED = (
    "it was interrupted, by hand or by a limit of time. Run the cell again and let it end; on a slow or busy machine, "
    "take fewer rows or epochs, or keep checkpoints (checkpoint_dir) and go on from the last one (resume=True)"
)


class TrainingUnfinishedError(RuntimeError):
    """A training ended before its last step, and something that needs all of it was to come."""


@dataclass
class TrainingRun:
    """What came out of a training loop.

    Attributes:
        model: The trained model.
        history: One row a logged step, the last one among them: ``step``, ``epoch``, ``loss``, and the columns of
            validation metrics where they were measured (missing elsewhere).
        seconds: Wall-clock time of training and measuring; of a resumed run from its very beginning, without the pause.
        finished: False when it was interrupted or has diverged; the model is then the last good state.
        steps: How many there were to be.
        stopped: Why it ended early, if it did, and what one can do.
    """

    model: Any
    history: pd.DataFrame
    seconds: float
    finished: bool = True
    steps: int | None = None
    stopped: str = ""

    def require_finished(self) -> Self:
        """The run itself, if it came to its end.

        Raises:
            TrainingUnfinishedError: It did not; says how far it came, why it ended, and what one can do.
        """
        if self.finished:
            return self
        step, epoch = self.history[["step", "epoch"]].iloc[-1] if len(self.history) else (0, 0)
        raise TrainingUnfinishedError(
            f"the training ended at step {step:.0f} of {self.steps} (epoch {epoch:.2f}, after {self.seconds:.0f} s): "
            f"{self.stopped or INTERRUPTED}"
        )

    def plot(self, *, title: str = "Training", labels: Mapping[str, str] | None = None) -> Figure:
        """The loss by step, and validation metrics in a second panel below it where there are any.

        Args:
            title: Above it.
            labels: What to call a metric in the figure, if not by its name in the history.
        """
        import matplotlib.pyplot as plt

        metrics = {name: (labels or {}).get(name, name) for name in self.history if name not in PLAIN}
        with plt.rc_context({"text.parse_math": False}):
            figure, panels = plt.subplots(
                1 + bool(metrics), 1, sharex=True, squeeze=False, figsize=(9, 3 + 2.5 * bool(metrics))
            )
            losses = self.history.dropna(subset="loss")
            panels[0, 0].plot(losses["step"], losses["loss"], color=BLUE)
            panels[0, 0].set(title=title, ylabel="loss")
            styles = cycle(zip((VERMILION, GREEN, PURPLE, ORANGE, BLUE, BLACK), "osD^vP", strict=True))
            for (metric, label), (color, marker) in zip(metrics.items(), styles, strict=False):
                measured = self.history.dropna(subset=metric)
                panels[1, 0].plot(measured["step"], measured[metric], marker=marker, color=color, label=label)
            if len(metrics) == 1:
                panels[1, 0].set(ylabel=next(iter(metrics.values())))
            elif metrics:
                panels[1, 0].set(ylabel="validation score")
                panels[1, 0].legend(loc="upper left", bbox_to_anchor=(1, 1))
            panels[-1, 0].set(xlabel="step")
        return figure


def how_it_ended(trained: TrainingRun, checkpoints: Path) -> str:
    """Of a run that did not come to its end: why, and how to go on."""
    if trained.stopped != INTERRUPTED:
        return f"Stopped: {trained.stopped}, and another --output"
    if any(checkpoints.glob("checkpoint-*")):
        return "Interrupted; go on from the last checkpoint with --resume"
    return "Interrupted before the first checkpoint: begin again"
