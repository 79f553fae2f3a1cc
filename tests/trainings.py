"""What the tests of both training loops share."""

import gc
import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kgss_helpers.training.folder import RunFolder


@pytest.fixture(scope="module", autouse=True)
def quick_collections() -> Iterator[None]:
    """A training collects garbage when it ends; in these tests that would take longer than the training."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def train_and_kill(train: Callable[[Path, bool], None], folder: Path, *, times: int, pause: float = 0.2) -> None:
    """Trains in child processes that go on where the one before was killed; the last one may come to its end.

    To be run in a process of its own, since it forks. Each is killed at random, but not before it has kept something:
    shortly after that, so that some die while they keep the next checkpoint, and some between two of them.

    Args:
        train: Trains into a folder, given whether it goes on there.
        folder: Where.
        times: So many are killed, or a few less if one is too quick.
        pause: Seconds to wait, at most, after a checkpoint.
    """
    rng = random.Random(0)
    newest = RunFolder(folder, {}).newest_intact
    for killed in range(times + 1):
        before, status = newest(), None
        child = _fork(train, folder, resume=before is not None)
        while killed < times and status is None and newest() == before:
            time.sleep(0.01)
            status = _status_of(child, os.WNOHANG)
        if killed < times and status is None:
            time.sleep(rng.uniform(0, pause))
            os.kill(child, signal.SIGKILL)
        if status is None:
            status = _status_of(child)
        if status != -signal.SIGKILL:
            break
    assert status == 0
    assert killed >= times / 2


def _status_of(child: int, how: int = 0) -> int | None:
    ended, status = os.waitpid(child, how)
    return os.waitstatus_to_exitcode(status) if ended else None


def _fork(train: Callable[[Path, bool], None], folder: Path, *, resume: bool) -> int:
    child = os.fork()
    if child == 0:
        try:
            train(folder, resume)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return child
