"""What a training writes down while it goes on: losses, measures, time, and why it ended."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd

from kgss_helpers.compute import is_first_process, undisturbed
from kgss_helpers.files import announce
from kgss_helpers.training.run import INTERRUPTED, TrainingRun

OnEpochEnd = Callable[[Any, int], Mapping[str, float] | None]
OnLog = Callable[[pd.DataFrame], object]


class DivergedError(ArithmeticError):
    """A loss or its gradient is no number any more, and no further step would make it one."""


class Logbook:
    """Losses, measures and time of a training, in one process or in the first of several.

    Args:
        total: Steps of the whole training.
        steps_an_epoch: Of them, in an epoch.
        log_every: Steps between two rows; the last step has one in any case.
        on_epoch_end: Measures the model, given it and the number of epochs behind it.
        on_log: Called with the history so far whenever a loss joins it.
    """

    def __init__(
        self,
        total: int,
        steps_an_epoch: int,
        *,
        log_every: int = 10,
        on_epoch_end: OnEpochEnd | None = None,
        on_log: OnLog | None = None,
    ) -> None:
        self.total, self.steps_an_epoch, self.log_every = total, steps_an_epoch, log_every
        self.on_epoch_end, self.on_log = on_epoch_end, on_log
        self.report: Callable[[dict[str, float]], object] = lambda _: None
        self.step = 0
        self.rows: list[dict[str, float]] = []
        self.waiting: list[float] = []
        self.started, self.stopped = time.perf_counter(), ""

    def check(self, loss: float, gradient: float = 0.0) -> None:
        """To be called before a step is taken; raises DivergedError if loss or norm of the gradient is no number."""
        if not math.isfinite(loss + gradient):
            what = "gradient" if math.isfinite(loss) else "loss"
            raise DivergedError(f"the {what} was {gradient if what == 'gradient' else loss} at step {self.step + 1}")

    def add(self, loss: float) -> None:
        """A step has been taken, and this was the loss before it."""
        self.step += 1
        self.waiting.append(loss)
        if self.step % self.log_every == 0 or self.step == self.total:
            self.flush()

    def flush(self) -> None:
        """Writes down the mean of the losses since the last row."""
        if self.waiting:
            loss = sum(self.waiting) / len(self.waiting)
            self._write({"loss": loss})
            self.waiting = []
            if is_first_process():
                self.report({"loss": loss})
                if self.on_log is not None:
                    self.on_log(self.history())

    def measure(self, model: Any) -> None:
        """Measures after an epoch, or before the first; the training goes on as if it had not."""
        if self.on_epoch_end is None or not is_first_process():
            return
        with undisturbed():
            found = self.on_epoch_end(model, math.ceil(self.step / self.steps_an_epoch)) or {}
        measured = {name: float(value) for name, value in found.items()}
        if measured:
            self._write(measured)
            self.report({f"eval_{name}": value for name, value in measured.items()})

    def _write(self, values: Mapping[str, float]) -> None:
        self.rows.append({"step": self.step, "epoch": self.step / self.steps_an_epoch, **values})

    @contextmanager
    def ending_well(self, restore: Callable[[], str]) -> Iterator[None]:
        """An interrupt, or a loss that is no number, ends the training without an error, and this remembers why.

        Args:
            restore: Called after a loss that is no number; brings back the weights kept last, and says which these are.
        """
        try:
            yield
        except KeyboardInterrupt:
            self.stopped = INTERRUPTED
        except DivergedError as reason:
            self.stopped = f"{reason}; the model is as it was {restore()}. Try a lower learning_rate"
            if is_first_process():
                announce(f"the training has diverged and was stopped: {self.stopped}")
        self.flush()

    def kept(self) -> dict[str, Any]:
        """All of it, to lie beside a checkpoint as JSON."""
        return {"step": self.step, "seconds": self.seconds(), "rows": self.rows, "waiting": self.waiting}

    def go_on_from(self, kept: Mapping[str, Any]) -> None:
        """Goes on from what `kept` gave."""
        self.step, self.rows, self.waiting = kept["step"], list(kept["rows"]), list(kept["waiting"])
        self.started = time.perf_counter() - kept["seconds"]

    def seconds(self) -> float:
        """Time so far, with that before the checkpoint."""
        return time.perf_counter() - self.started

    def history(self) -> pd.DataFrame:
        """One row a logged step or measurement: ``step``, ``epoch``, ``loss``, and the measures."""
        columns = dict.fromkeys(["step", "epoch", "loss", *(key for row in self.rows for key in row)])
        return pd.DataFrame(self.rows, columns=list(columns))

    def run_of(self, model: Any) -> TrainingRun:
        """What came out of it."""
        finished = self.step == self.total and not self.stopped
        return TrainingRun(model, self.history(), self.seconds(), finished, self.total, self.stopped)


def print_last(history: pd.DataFrame) -> None:
    """An ``on_log`` for commands: a line for the row that joined the history last."""
    step, epoch, loss = history[["step", "epoch", "loss"]].iloc[-1]
    print(f"step {step:.0f}, epoch {epoch:.2f}: loss {loss:.4f}", flush=True)
