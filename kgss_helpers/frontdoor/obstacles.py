"""What stands in the way of an installation and can be seen before it begins: no compiler, no room, paths too long."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from kgss_helpers.frontdoor.environment import FrontDoorError

# What Windows allows a path unless long paths are on, and the longest one of an installed file below the environment's
# folder: a licence within a licence within torch. A test measures it again.
WINDOWS_PATH = 259
LONGEST_FILE = {"cpu": 185, "cuda": 191}

# The only pinned package without a ready build somewhere: on Linux for ARM it is compiled.
COMPILED = "pytrec-eval-terrier"
GIGABYTE = 1e9


def is_arm_linux(system: str = sys.platform, machine: str | None = None) -> bool:
    """Tell whether this is Linux on a 64-bit ARM."""
    return system == "linux" and (machine or platform.machine()) in ("aarch64", "arm64")


def check_compiler(missing: Sequence[str], arm: bool | None = None, which: Callable = shutil.which) -> None:
    """Refuse to begin on Linux on ARM what ends where one package has to be compiled and there is no compiler.

    Args:
        missing: what has to be installed, as `missing_packages` says it.
        arm: this is Linux on ARM; found out by default.
        which: finds a program by name, as `shutil.which` does.
    """
    needed = any(problem.partition(" ")[0] == COMPILED for problem in missing)
    if needed and (is_arm_linux() if arm is None else arm) and not any(map(which, ("cc", "gcc", "clang"))):
        raise FrontDoorError(
            f"On Linux on ARM one package, {COMPILED}, is compiled during the installation, and there is no C "
            "compiler here: install one with Python's headers ('sudo apt install build-essential python3-dev' on "
            "Debian and Ubuntu), then run the same command again."
        )


def allows_long_paths() -> bool:
    """Ask Windows whether paths may be longer than 259 letters."""
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    except OSError:
        return False


def check_path(
    folder: Path | str, build: str, windows: bool = os.name == "nt", long_paths: Callable[[], bool] = allows_long_paths
) -> None:
    """Refuse to begin what Windows could not unpack, since the paths would be too long.

    Args:
        folder: the environment's.
        build: 'cpu' or 'cuda', of torch.
        windows: whether this is Windows.
        long_paths: tells whether it allows long paths.
    """
    room = WINDOWS_PATH - 1 - LONGEST_FILE[build]
    if windows and len(str(folder)) > room and not long_paths():
        raise FrontDoorError(
            f"The path of {folder} has {len(str(folder))} letters. Windows leaves room for {room}, because some files "
            "in it have long names. Move the workbook to a folder such as C:\\kgss, or allow long paths (as an "
            "administrator in PowerShell: Set-ItemProperty "
            r"HKLM:\SYSTEM\CurrentControlSet\Control\FileSystem LongPathsEnabled 1), "
            "then run the same command again."
        )


def check_space(folder: Path, gigabytes: float, free: Callable[[Path], float] | None = None) -> None:
    """Refuse to begin what the disk cannot hold.

    Args:
        folder: where the environment lies, or will.
        gigabytes: what the installation needs.
        free: returns the free bytes at a folder; the system's figure by default.
    """
    while not folder.exists():
        folder = folder.parent
    available = (free(folder) if free else shutil.disk_usage(folder).free) / GIGABYTE
    if available < gigabytes:
        raise FrontDoorError(
            f"Installing needs about {gigabytes:.1f} GB, and the disk of {folder} has {available:.1f} GB left: "
            "free some space, then run the same command again."
        )
