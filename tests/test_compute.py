"""What is free goes back to the system, where the system can be told so; elsewhere nothing happens."""

import subprocess
import sys

import pytest

from kgss_helpers import compute as memory

HOLES = """
import numpy as np, psutil
from kgss_helpers.memory import release_memory
resident = lambda: psutil.Process().memory_info().rss >> 20
blocks = [np.ones(12_000) for _ in range(4_000)]  # 96 kB each, far below what goes back of itself
full = resident()
blocks = blocks[::50]  # what stays keeps the heap from shrinking at its end
before = resident()
release_memory()
print(full, before, resident())
"""


@pytest.mark.skipif(memory.glibc() is None, reason="only glibc can be told to give memory back")
def test_holes_between_blocks_in_use_are_given_back() -> None:
    told = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True).stdout
    full, before, after = map(int, told.split())
    assert before > full - 100
    assert after < full - 300


def test_without_glibc_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.sys, "platform", "win32")
    assert memory.glibc() is None
    memory.return_large_blocks()
    memory.release_memory()
