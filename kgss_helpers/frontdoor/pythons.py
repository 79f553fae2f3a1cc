"""Which Pythons the workbook runs on, and what to say to the others. Readable for every Python 3."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWEST = (3, 13)
ROOT = Path(__file__).resolve().parent.parent.parent


def supported(version) -> bool:  # noqa: ANN001 - sys.version_info has no public type
    """Tell whether this version of Python can run the workbook."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def venv_python(folder: Path, windows: bool = os.name == "nt") -> Path:
    """Return where the interpreter of a virtual environment lies."""
    return folder / "Scripts" / "python.exe" if windows else folder / "bin" / "python"


def problem(version, which=shutil.which, windows: bool = os.name == "nt") -> str:  # noqa: ANN001 - as above
    """Say why this Python will not do, and which command will.

    Args:
        version: what `sys.version_info` holds.
        which: finds a program by name, as `shutil.which` does.
        windows: advise for Windows.
    """
    this = ".".join(str(part) for part in version[:3])
    names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    found = [name for name in names if which(name)]
    sentence = f"The workbook needs Python 3.11, 3.12 or 3.13, and this is Python {this} ({sys.executable}). "
    if found:
        return sentence + f"This machine has a suitable one: run '{found[0]} -m kgss_helpers' with the same command."
    if windows:
        return sentence + "Install Python 3.13 from python.org, then run 'py -3.13 -m kgss_helpers'."
    return sentence + "Install one from python.org or your system's packages, then run '-m kgss_helpers' with it."


def elsewhere(arguments) -> int:  # noqa: ANN001 - list[str] is no type for an old Python
    """Go on in the environment that an earlier start made, or say what is missing; returns the exit status."""
    python = venv_python(ROOT / ".venv")
    if python.exists():
        return subprocess.call([str(python), "-m", "kgss_helpers", *arguments], cwd=str(ROOT))
    print(problem(sys.version_info), file=sys.stderr)
    return 1
