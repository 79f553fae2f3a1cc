"""What this machine computes on: free memory goes back, random numbers repeat, bfloat16 is asked of the device."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from kgss_helpers import compute
from kgss_helpers.compute import glibc, has_bf16, release_memory, return_large_blocks, seed_everything, undisturbed

HOLES = """
import numpy as np, psutil
from kgss_helpers.compute import release_memory
resident = lambda: psutil.Process().memory_info().rss >> 20
blocks = [np.ones(12_000) for _ in range(4_000)]  # 96 kB each, far below what goes back of itself
full = resident()
blocks = blocks[::50]  # what stays keeps the heap from shrinking at its end
before = resident()
release_memory()
print(full, before, resident())
"""


@pytest.mark.skipif(glibc() is None, reason="only glibc can be told to give memory back")
def test_holes_between_blocks_in_use_are_given_back() -> None:
    printed = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True).stdout
    full, before, after = map(int, printed.split())
    assert before > full - 100
    assert after < full - 300


def test_without_glibc_nothing_is_asked_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute.sys, "platform", "win32")
    assert glibc() is None
    return_large_blocks()
    release_memory()


# ---- random numbers ----------------------------------------------------------------------------------------------


def drawn() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), torch.rand(1).item()  # noqa: NPY002 (what libraries draw from)


def test_a_seed_is_of_python_numpy_and_torch() -> None:
    seed_everything(3)
    first = drawn()
    seed_everything(3)
    assert drawn() == first
    seed_everything(4)
    assert all(one != other for one, other in zip(drawn(), first, strict=True))


def test_what_measures_leaves_the_random_numbers_alone() -> None:
    seed_everything(3)
    expected = torch.rand(4)
    seed_everything(3)
    with undisturbed():
        torch.rand(1000)
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    assert torch.equal(torch.rand(4), expected)


def test_a_measure_that_fails_leaves_the_random_numbers_alone_too() -> None:
    seed_everything(3)
    expected = torch.rand(4)
    seed_everything(3)
    with pytest.raises(TypeError), undisturbed():
        raise TypeError(torch.rand(1000))
    assert torch.equal(torch.rand(4), expected)


# ---- bfloat16 ----------------------------------------------------------------------------------------------------


@pytest.fixture
def capable(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every device computes in bfloat16."""
    monkeypatch.delenv("KGSS_BF16", raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "amx_bf16": True})
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not including_emulation)
    return monkeypatch


@pytest.mark.parametrize("found", [{"amx_bf16": True}, {"avx512_bf16": True}, {"avx2": True}, {}])
def test_bf16_is_asked_of_the_processor(capable: pytest.MonkeyPatch, found: dict[str, bool]) -> None:
    capable.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert has_bf16("cpu") is any("bf16" in name for name in found)
    assert has_bf16("mps") is False


def test_bf16_of_a_gpu_is_asked_of_the_gpu_without_emulation(capable: pytest.MonkeyPatch) -> None:
    assert has_bf16("cuda") is True
    capable.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    assert has_bf16("cuda") is False


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_bf16_can_be_switched_off_for_all_devices(capable: pytest.MonkeyPatch, device: str) -> None:
    assert has_bf16(device) is True
    capable.setenv("KGSS_BF16", "0")
    assert has_bf16(device) is False
    for other in ("1", ""):
        capable.setenv("KGSS_BF16", other)
        assert has_bf16(device) is True


@pytest.mark.parametrize("name", ["quantum", "", "cuda:x"])
def test_a_device_that_nobody_has_is_named(name):
    with pytest.raises(ValueError, match=r"there is no device .*; choose cpu, cuda or mps"):
        compute.pick_device(name)
