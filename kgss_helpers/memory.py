"""Memory that is free goes back to the system, so that a notebook fits into a small machine."""

from __future__ import annotations

import ctypes
import gc
import platform
import sys

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1
LARGE = 2 << 20
"""Bytes of a large block."""


def glibc() -> ctypes.CDLL | None:
    """The C library, if it is the one whose allocator can be told what to do (Linux with glibc)."""
    return ctypes.CDLL(None) if sys.platform == "linux" and platform.libc_ver()[0] == "glibc" else None


def return_large_blocks() -> None:
    """From now on, a large block goes back as soon as it is freed, where the system can be told so.

    Left to itself, glibc keeps them after a training whose batches differ in shape: twice the memory (mallopt(3)).
    """
    if library := glibc():
        for parameter, value in ((M_MMAP_THRESHOLD, LARGE), (M_TRIM_THRESHOLD, LARGE)):
            library.mallopt(parameter, value)


def release_memory() -> None:
    """Gives back now what is garbage, and the holes between blocks in use, where the system can be told so.

    Encoding and training leave hundreds of megabytes of such holes (malloc_trim(3)).
    """
    gc.collect()
    if library := glibc():
        library.malloc_trim(0)
