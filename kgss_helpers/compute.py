"""What this machine computes on: device and precision, seeds, processes, and memory given back."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

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


def processes() -> int:
    """How many processes train together: as many as torchrun started, else 1."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    """Whether this process writes files and prints; without torchrun it always does."""
    return os.environ.get("RANK", "0") == "0"


def machine(device: torch.device, *, bf16: bool) -> dict[str, Any]:
    """What the run ran on, and whether it computed in bfloat16 there if that was allowed."""
    import torch

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "machine": name,
        "threads": torch.get_num_threads(),
        "computed_in_bf16": bf16 and has_bf16(device.type),
        "torch": torch.__version__.split("+")[0],
    }


def _processor() -> str:
    """The processor's name as the system tells it, without asking anything outside."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def pick_device(device: str | None = None) -> str:
    """``device`` if given, else ``"cuda"``, else ``"mps"``, else ``"cpu"``.

    Under torchrun each process has a GPU of its own: ``"cuda"`` becomes ``"cuda:0"``, ``"cuda:1"`` and so on.

    Raises:
        ValueError: Nothing is called so, there are more processes than GPUs, or processes cannot work together on it.
    """
    import torch

    together = processes() > 1
    if device is not None:
        try:
            torch.device(device)
        except RuntimeError:
            raise ValueError(f"there is no device {device!r}; choose cpu, cuda or mps") from None
    if device is None and torch.cuda.is_available():
        device = "cuda"
    elif device is None:
        device = "mps" if torch.backends.mps.is_available() and not together else "cpu"
    if together and device.startswith("mps"):
        raise ValueError("processes cannot train together on mps: leave torchrun out, or pass the device cpu")
    if device != "cuda" or "LOCAL_RANK" not in os.environ:
        return device
    rank, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if rank >= there:
        raise ValueError(
            f"each process needs a GPU of its own, and this machine has {there}: start fewer with --nproc-per-node, or "
            "pass the device cpu"
        )
    return f"cuda:{rank}"


def seed_everything(seed: int) -> None:
    """Python, NumPy and torch, on all devices."""
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries draw from the global state
    torch.manual_seed(seed)


def random_state() -> dict[str, Any]:
    """Where the random numbers of Python, NumPy and torch, on all devices, have come to; can be written as JSON."""
    _, keys, *rest = np.random.get_state()  # noqa: NPY002 - libraries draw from the global state
    drawn = {module.__name__: module.get_rng_state().numpy().tobytes().hex() for module in _torch_generators()}
    return {"python": random.getstate(), "numpy": [keys.tolist(), *rest], "torch": drawn}


def set_random_state(state: Mapping[str, Any]) -> None:
    """Goes on drawing from where `random_state` was called."""
    import torch

    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state(("MT19937", *state["numpy"]))  # noqa: NPY002
    for module in _torch_generators():
        if module.__name__ in state["torch"]:
            kept = bytearray.fromhex(state["torch"][module.__name__])
            module.set_rng_state(torch.frombuffer(kept, dtype=torch.uint8))


def _torch_generators() -> list[Any]:
    import torch

    on_cuda, on_mps = torch.cuda.is_initialized(), torch.backends.mps.is_available()
    return [torch, *([torch.cuda] if on_cuda else []), *([torch.mps] if on_mps else [])]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Measuring inside leaves all random numbers as they were, so that it cannot change the training."""
    import torch

    state = random_state()
    try:
        with torch.no_grad():
            yield
    finally:
        set_random_state(state)


def has_bf16(device: str) -> bool:
    """Whether the device computes in bfloat16 at speed: CUDA from Ampere on, processors with AVX-512 BF16 or AMX.

    The environment variable ``KGSS_BF16=0`` says no for all of them: many processors have no such instructions, and so
    one can see on any machine what they do.
    """
    import torch

    if os.environ.get("KGSS_BF16") == "0":
        return False
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities() if device == "cpu" else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
