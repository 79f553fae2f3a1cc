"""Which environment to use, what is missing in it, and how to run a program in it."""

from __future__ import annotations

import errno
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kgss_helpers.frontdoor.pythons import ROOT, venv_python

VENV = ROOT / ".venv"
PROJECT = "kgss-helpers"


class FrontDoorError(Exception):
    """Something a person must know or do; the message is all that is shown."""


def in_words(error: OSError) -> str | None:
    """Say what to do about a full disk or a folder that cannot be written to; None for any other error."""
    what = error.filename or error.strerror
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full ({what}). Free some space, then run the same command again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"Nothing can be written here: {what}. Close what still uses it (a JupyterLab, say); if the folder belongs "
            "to somebody else or is for reading only, copy the workbook into one of yours and run the command there."
        )
    return None


def say(text: str) -> None:
    """Tell the person what is going on; on the error stream, so that results can be piped."""
    print(text, file=sys.stderr, flush=True)


def canonical(name: str) -> str:
    """Return the name under which an index knows a package: 'Jinja2' is 'jinja2', 'ir_measures' is 'ir-measures'."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_name(requirement: str) -> str:
    """Return the canonical name at the start of a requirement such as `torch>=2.13 ; sys_platform != 'darwin'`."""
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    if not found:
        raise ValueError(f"no package name in {requirement!r}")
    return canonical(found.group(1))


def is_for(requirement: str, system: str = sys.platform) -> bool:
    """Whether a requirement holds on a system: `milvus-lite>=3 ; sys_platform != 'win32'` does not on Windows.

    Raises:
        ValueError: It has a marker of another kind, which this front door cannot read.
    """
    marker = requirement.partition(";")[2].strip()
    found = re.fullmatch(r"sys_platform\s*(==|!=)\s*(['\"])(\w+)\2", marker)
    if marker and not found:
        raise ValueError(f"pyproject.toml asks for {requirement!r}: only sys_platform can be a condition there")
    return found is None or (found.group(3) == system) == (found.group(1) == "==")


@dataclass(frozen=True)
class Pin:
    """The exact versions of one package; several, and conditional, where platforms differ."""

    versions: frozenset[str]
    conditional: bool


def read_pins(root: Path = ROOT) -> dict[str, Pin]:
    """Read constraints.txt into one pin per package name."""
    versions: dict[str, set[str]] = {}
    conditional: set[str] = set()
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        requirement, _, marker = line.partition("#")[0].partition(";")
        name, _, version = requirement.partition("==")
        if version:
            versions.setdefault(canonical(name.strip()), set()).add(version.strip())
            if marker.strip():
                conditional.add(canonical(name.strip()))
    return {name: Pin(frozenset(found), name in conditional) for name, found in versions.items()}


def read_declared(extras: Iterable[str] = (), root: Path = ROOT) -> list[str]:
    """Return the names of the packages that pyproject.toml asks for on this system, with those of the extras named."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return [requirement_name(requirement) for group in groups for requirement in group if is_for(requirement)]


@dataclass(frozen=True)
class Installed:
    """One package as it lies in an environment: its version and what it requires."""

    version: str
    requires: tuple[str, ...] = ()

    @property
    def public(self) -> str:
        """The version without its local part: '2.13.0' for '2.13.0+cpu'."""
        return self.version.partition("+")[0]


def installed_packages(root: Path = ROOT) -> dict[str, Installed]:
    """Return what this interpreter could import, by canonical name.

    A build leaves metadata beside the sources, which can be on the path as well: that proves no installation. Nor do
    those of a package that was installed or removed by half.
    """
    importlib.invalidate_caches()
    found: dict[str, Installed] = {}
    for package in importlib.metadata.distributions():
        lies_in = getattr(package, "_path", None)  # private, but pip asks for it in the same way
        if isinstance(lies_in, Path) and is_broken_off(lies_in):
            continue
        name = package.metadata["Name"]
        if name and canonical(name) not in found and Path(str(package.locate_file(""))).resolve() != root:
            found[canonical(name)] = Installed(package.version, tuple(package.requires or ()))
    return found


def is_broken_off(metadata: Path) -> bool:
    """Tell whether the folder of a package's metadata, `NAME-VERSION.dist-info`, is what a killed pip left behind.

    pip writes RECORD last, and what it is about to remove it first renames to begin with '~'. Other installers (a
    system's) leave RECORD out; their INSTALLER names them.
    """
    if metadata.suffix != ".dist-info":
        return False
    if metadata.name.startswith("~"):
        return True
    record, installer = metadata / "RECORD", metadata / "INSTALLER"
    if record.is_file() and record.stat().st_size:
        return False
    others = installer.is_file() and installer.read_text(encoding="utf-8", errors="replace").strip()
    return not others or others in ("pip", "uv")


def clear_leftovers(site_packages: Path) -> list[str]:
    """Remove what a killed pip left in a folder of packages, since it blocks every later pip; returns what that was."""
    halves = [path for path in site_packages.glob("*.dist-info") if is_broken_off(path)]
    leftovers = sorted({*halves, *site_packages.glob("~*")})
    for path in leftovers:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return [path.name for path in leftovers]


def missing_packages(declared: Iterable[str], pins: Mapping[str, Pin], installed: Mapping[str, Installed]) -> list[str]:
    """Say what an environment lacks, one short phrase for each package; empty when it has everything.

    The walk goes from the declared packages through everything they require. A requirement that holds on some
    platforms only (a marker) may be absent, but when it is there it must have the pinned version.
    """
    problems: dict[str, str] = {}
    waiting = [(name, True) for name in declared]
    seen: set[str] = set()
    while waiting:
        name, required = waiting.pop()
        if (package := installed.get(name)) is None:
            if required:
                problems[name] = f"{name} is missing"
            continue
        if name in seen:
            continue
        seen.add(name)
        pin = pins.get(name)
        if pin and package.public not in pin.versions:
            problems[name] = f"{name} is {package.version}, not {' or '.join(sorted(pin.versions))}"
        for requirement in package.requires:
            marker = requirement.partition(";")[2]
            if "extra" not in marker:
                child = requirement_name(requirement)
                child_pin = pins.get(child)
                waiting.append((child, child_pin is not None and not child_pin.conditional and not marker))
    return [problems[name] for name in sorted(problems)]


def is_isolated(prefix: Path | None = None) -> bool:
    """Tell whether this interpreter belongs to a virtual or a conda environment, where installing is no intrusion."""
    prefix = prefix or Path(sys.prefix)
    return sys.prefix != sys.base_prefix or (prefix / "conda-meta").is_dir()


def in_own_venv() -> bool:
    """Tell whether this interpreter is that of the workbook's own `.venv`."""
    return VENV.exists() and Path(sys.prefix).resolve() == VENV.resolve()


def choose(
    *, in_venv: bool, here: bool, isolated: bool, reader_lacks: Sequence[str], extras_lack: Sequence[str]
) -> str:
    """Decide between the running environment ('this') and the workbook's own ('.venv').

    Args:
        in_venv: the running interpreter is that of `.venv`.
        here: the user asked for the running environment.
        isolated: the running interpreter belongs to a virtual or conda environment.
        reader_lacks: what it lacks of what a reader needs.
        extras_lack: what it lacks of the command's extras.
    """
    if in_venv or here:
        return "this"
    if reader_lacks:
        return ".venv"
    return "this" if isolated or not extras_lack else ".venv"


def site_packages_of(folder: Path, windows: bool = os.name == "nt") -> list[Path]:
    """Return where the packages of a virtual environment lie; nothing where there is none yet."""
    return list(folder.glob(("Lib" if windows else "lib/python*") + "/site-packages"))


def venv_state(folder: Path = VENV, windows: bool = os.name == "nt") -> str:
    """Return 'ready', 'absent', 'broken' (its Python is gone) or 'unfinished' (no whole pip yet) for a folder."""
    if not folder.exists():
        return "absent"
    if not venv_python(folder, windows).exists():
        return "broken"
    pips = [found for packages in site_packages_of(folder, windows) for found in packages.glob("pip-*.dist-info")]
    return "unfinished" if all(map(is_broken_off, pips)) else "ready"


def make_venv(folder: Path = VENV) -> None:
    """Create the virtual environment, or repair one that an interrupted start left behind.

    Raises:
        FrontDoorError: It cannot be made, or is still not ready afterwards.
    """
    state = venv_state(folder)
    if state == "ready":
        return
    if state == "absent":
        say(f"Making a virtual environment in {folder.name} with Python {sys.version.split()[0]}.")
    elif state == "broken":
        say(f"The Python of {folder.name} is no longer there: making the environment anew.")
    else:
        say(f"{folder.name} broke off before it was complete: mending it.")
        for packages in site_packages_of(folder):
            clear_leftovers(packages)  # else `ensurepip` takes half a pip for a whole one, at this and every start
    command = [sys.executable, "-m", "venv", *(["--clear"] if state == "broken" else []), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode:
        raise FrontDoorError(_why_no_venv(folder, result.stdout + result.stderr))
    if venv_state(folder) != "ready":
        raise FrontDoorError(f"{folder} cannot be mended: delete this folder, then run the same command again.")


def _why_no_venv(folder: Path, output: str) -> str:
    if "ensurepip" in output:
        return (
            "This Python cannot make virtual environments. On Debian and Ubuntu: 'sudo apt install python3-venv', "
            "then run the same command again."
        )
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS):
        if f"[Errno {number}]" in output or os.strerror(number) in output:
            return str(in_words(OSError(number, os.strerror(number), str(folder))))
    return f"No virtual environment could be made in {folder}:\n{output.strip()}"


def child_variables(quiet: bool, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables for a program started from here.

    Args:
        quiet: for runs whose outputs are compared: two threads, no hub on the network, no chatter. What the user has
            set stays, except that a test never asks the hub.
        environ: what to start from; this process's variables by default.
    """
    variables = dict(os.environ if environ is None else environ)
    # So that this checkout is what gets imported, from every folder and in every environment.
    old = variables.get("PYTHONPATH")
    if str(ROOT) not in (old or "").split(os.pathsep):
        variables["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([old] if old else [])])
    variables.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # a debugger's warning at every kernel start
    if quiet:
        variables["HF_HUB_OFFLINE"] = "1"
        variables.setdefault("OMP_NUM_THREADS", "2")
        variables.setdefault("TOKENIZERS_PARALLELISM", "false")
        # MPLBACKEND stays unset: a kernel would inherit it and show no figure.
    return variables


def run(command: Sequence[str], variables: Mapping[str, str] | None = None, cwd: Path | None = None) -> int:
    """Run a program to its end and return its exit status.

    A process of its own and not `os.execv`, which on Windows returns to the shell at once. Ctrl+C reaches the program
    by itself, and the program decides what it means; a request to terminate is handed on.
    """
    with subprocess.Popen(list(command), env=variables, cwd=cwd) as child:
        previous = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        try:
            while True:
                try:
                    status = child.wait()
                    return status if status >= 0 else 128 - status
                except KeyboardInterrupt:
                    continue
        finally:
            signal.signal(signal.SIGTERM, previous)
