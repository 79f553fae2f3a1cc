"""Renewing constraints.txt: one file of exact versions for every supported Python and system."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable

from kgss_helpers.files import write_whole
from kgss_helpers.frontdoor.environment import ROOT, FrontDoorError, say
from kgss_helpers.frontdoor.install import CUDA_TAG
from kgss_helpers.frontdoor.pythons import OLDEST

HEADER = """\
# The exact versions, for Python 3.11 to 3.13 on Linux, macOS and Windows. Written by `python -m kgss_helpers lock`;
# do not edit. CUDA's libraries are left out: they follow from the build of torch that fits the machine.
"""
CONSTRAINTS = ROOT / "constraints.txt"
CUDA_PACKAGES = ("nvidia-", "cuda-", "triton")


def pinned_lines(resolved: Iterable[str]) -> list[str]:
    """Keep the exact pins of a resolution: no comments, addresses, hashes, local versions or CUDA libraries."""
    lines: list[str] = []
    for line in resolved:
        requirement = line.partition("#")[0].replace("\\", "").strip()
        name, equal, rest = requirement.partition("==")
        if not equal or name.startswith(CUDA_PACKAGES) or "://" in requirement or name.startswith("-"):
            continue
        version, semicolon, marker = rest.partition(";")
        version = version.strip().partition("+")[0]
        # A system that no notebook runs on.
        if "sys_platform == 'emscripten'" in marker:
            continue
        lines.append(f"{name.strip()}=={version}" + (f" ; {marker.strip()}" if semicolon else ""))
    return sorted(lines, key=lambda line: (line.partition("==")[0], line))


def cuda_tag(resolved: Iterable[str]) -> str | None:
    """Return PyTorch's name for the CUDA that the resolved torch is built for, such as 'cu130'."""
    for line in resolved:
        if found := re.match(r"cuda-toolkit(?:\[[^]]*\])?==(\d+)\.(\d+)", line):
            return f"cu{found.group(1)}{found.group(2)}"
    return None


def resolve(upgrade: bool) -> list[str]:
    """Let uv find versions that fit together on every system; returns the lines it wrote.

    uv keeps a version that its output file already names. So the present constraints are put there first, unless the
    newest versions are wanted; CUDA's libraries are free to move, since they are not among them.
    """
    draft = ROOT / "build" / "resolution.txt"
    draft.parent.mkdir(exist_ok=True)
    draft.unlink(missing_ok=True)
    if not upgrade and CONSTRAINTS.exists():
        shutil.copyfile(CONSTRAINTS, draft)
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--all-extras", "--universal"]
    command += ["--python-version", ".".join(map(str, OLDEST)), "--no-annotate", "--no-header", "--quiet"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--output-file", str(draft)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise FrontDoorError(f"No versions fit together, or no network; constraints.txt is as it was.\n{result.stderr}")
    return draft.read_text(encoding="utf-8").splitlines()


def renew_constraints(upgrade: bool) -> int:
    """Resolve pyproject.toml with all its extras and write constraints.txt; returns the exit status.

    Args:
        upgrade: take the newest versions; otherwise a version changes only where it must.
    """
    say("Resolving the versions with uv ...")
    resolved = resolve(upgrade)
    old = set(CONSTRAINTS.read_text(encoding="utf-8").splitlines()) if CONSTRAINTS.exists() else set()
    new = pinned_lines(resolved)
    if not new:
        raise FrontDoorError("uv named no versions; constraints.txt is as it was.")
    write_whole(CONSTRAINTS, HEADER + "\n".join(new) + "\n")
    for line in sorted(set(new) - old):
        say(f"  {line}")
    say(f"constraints.txt: {len(new)} versions, {len(set(new) - old)} of them changed.")
    if (tag := cuda_tag(resolved)) and tag != CUDA_TAG:
        say(f"This torch is built for {tag}: set CUDA_TAG in kgss_helpers/frontdoor/install.py to it.")
    return 0
