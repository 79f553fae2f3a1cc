"""Weights & Biases and its like: off unless asked for, clear where they are missing, ended with the training."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


def check_monitors(report_to: str | Sequence[str]) -> list[str]:
    """The monitors by name; raises ImportError if Weights & Biases is asked for and not there."""
    monitors = [report_to] if isinstance(report_to, str) else list(report_to)
    if "wandb" in monitors and importlib.util.find_spec("wandb") is None:
        raise ImportError(
            "Weights & Biases is not installed: run `python -m kgss_helpers install --with monitor`, or in an "
            "environment of your own `pip install wandb`"
        )
    return monitors


@contextmanager
def ending_what_it_begins(monitors: Sequence[str], ended_early: Callable[[], bool]) -> Iterator[None]:
    """Ends the run that a training begins on Weights & Biases; without this, the next training would go into it.

    One that was open before the training stays open.
    """

    def open_run() -> Any:
        return getattr(sys.modules.get("wandb"), "run", None)

    before, failed = open_run(), True
    try:
        yield
        failed = ended_early()
    finally:
        run = open_run()
        if monitors and before is None and run is not None:
            run.finish(exit_code=int(failed))
