"""Installing what is pinned: torch first and alone, in the build that fits the machine, then everything else."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kgss_helpers.frontdoor.environment import (
    PROJECT,
    ROOT,
    FrontDoorError,
    Installed,
    clear_leftovers,
    installed_packages,
    is_isolated,
    missing_packages,
    read_declared,
    read_pins,
    say,
)
from kgss_helpers.frontdoor.obstacles import COMPILED, check_compiler, check_path, check_space, is_arm_linux

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# The CUDA that the pinned torch is built for; `lock` says when a newer torch wants a newer one.
CUDA_TAG = "cu130"
CUDA_INDEX = f"https://download.pytorch.org/whl/{CUDA_TAG}"
INDEX_PATIENCE = 5.0  # seconds

# What an installation takes at its peak, pip's downloads included.
NEEDS = {"cpu": 4.0, "cuda": 11.0, "small": 0.7}

# What the package that is compiled on Linux for ARM is written in: C of before C23, which GCC reads from version 15 on.
OLDER_C = "-std=gnu17"

# Wishes of the user that would send packages elsewhere than into the environment that is to be filled, or nowhere.
ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN", "PIP_PYTHON", "PIP_DOWNLOAD")

# Up to so many missing packages are named; more is a first installation.
FEW = 5

PIP = (sys.executable, "-m", "pip")


@dataclass(frozen=True)
class Step:
    """One way to install torch: what to tell the person, and pip's arguments."""

    says: str
    arguments: tuple[str, ...]


def has_nvidia_gpu() -> bool:
    """Ask NVIDIA's own tool whether there is a GPU; without the tool there is no driver either."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return False
    try:
        answer = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and "GPU" in answer.stdout


def index_answers(url: str, patience: float = INDEX_PATIENCE) -> bool:
    """Tell whether a package index answers within the patience; a refusal or a strange certificate is an answer too.

    pip's own timeout would also end a slow download, so the short one is spent on this question only.
    """
    try:
        with urllib.request.urlopen(f"{url}/torch/", timeout=patience):
            return True
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)
    except OSError:
        return False


def choose_build(request: str, gpu: Callable[[], bool] = has_nvidia_gpu) -> str:
    """Return 'cpu' or 'cuda' for what the user asked: 'auto', 'cpu' or 'cuda'."""
    return request if request != "auto" else ("cuda" if gpu() else "cpu")


def torch_steps(
    version: str, build: str, system: str = sys.platform, answers: Callable[[str], bool] = index_answers
) -> list[Step]:
    """Return the ways to install torch, to be tried in this order.

    `--no-deps`, because PyTorch's indexes hold other versions of what torch needs; the pinned ones come afterwards.

    Args:
        version: the pinned version.
        build: 'cpu' or 'cuda'.
        system: what `sys.platform` says.
        answers: tells whether an index can be reached.
    """
    wanted = ("--no-deps", f"torch=={version}")
    if system == "darwin":
        return [Step(f"Installing torch {version} (macOS has one build, for CPU and Metal).", wanted)]
    special = {("linux", "cpu"): CPU_INDEX, ("win32", "cuda"): CUDA_INDEX}.get((system, build))
    plain = Step(f"Installing torch {version} ({build.upper()} build).", wanted)
    if special is None:
        return [plain]
    named = Step(
        f"Installing torch {version} ({build.upper()} build) from {special}.", ("--index-url", special, *wanted)
    )
    other = "the CUDA build, which runs on the CPU too but is several GB" if build == "cpu" else "the CPU build"
    fallback = Step(
        f"PyTorch's own index gave no torch, so pip takes torch {version} from where it takes everything else; "
        f"that may be {other}.",
        wanted,
    )
    return [named, fallback] if answers(special) else [fallback]


def build_of(torch: Installed, system: str = sys.platform) -> str:
    """Tell a CPU build from a CUDA build by the local version, else by whether it asks for NVIDIA's libraries."""
    local = torch.version.partition("+")[2]
    if local:
        return "cuda" if local.startswith("cu") else "cpu"
    asks = any(requirement.startswith(("nvidia-", "cuda-")) for requirement in torch.requires)
    return "cuda" if asks and system == "linux" else "cpu"


# What pip prints when something is wrong outside of it, and what a person can do about it. The first match counts.
REMEDIES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("No space left on device", "[Errno 28]", "[WinError 112]", "Disk quota exceeded"),
        "The disk is full. Free some space (also in the folder for temporary files, {temporary}), "
        "then run the same command again.",
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED", "SSLCertVerificationError"),
        "The network answers with a certificate that Python does not trust, as company proxies do. Give pip yours "
        "('pip config set global.cert FILE'), then run the same command again.",
    ),
    (
        (
            "NewConnectionError",
            "NameResolutionError",
            "Temporary failure in name resolution",
            "getaddrinfo failed",
            "ConnectTimeoutError",
            "ReadTimeoutError",
            "Read timed out",
            "Network is unreachable",
            "Connection refused",
            "ConnectionResetError",
            "ProxyError",
            "Max retries exceeded",
        ),
        "The package index cannot be reached: check the network (and the proxy, if you need one), then run the same "
        "command again. What is downloaded already is kept.",
    ),
    (
        ("externally-managed-environment",),
        "This Python is managed by the operating system and must not be installed into: run without '--here'.",
    ),
    (
        ("[WinError 206]", "File name too long", "filename or extension is too long"),
        "A path is too long for this system: move the workbook to a folder near the top of the disk, then run the same "
        "command again.",
    ),
    (
        ("Permission denied", "[Errno 13]", "[WinError 5]", "[WinError 32]", "Read-only file system", "[Errno 30]"),
        "A file could not be written. Close a JupyterLab that still runs from this environment, check that the folder "
        "is yours and not for reading only, then run the same command again.",
    ),
    (
        ("No matching distribution found", "Could not find a version that satisfies"),
        "Some package has no build for this Python on this system (PyTorch has none for Intel Macs, 32 bits, or macOS "
        "before 14). Try another Python from 3.11 to 3.13, or the workbook on Binder.",
    ),
    (
        ("Failed building wheel for pytrec", "Failed to build 'pytrec", "Failed to build pytrec", "projects (pytrec"),
        f"{COMPILED} has no ready build for this system and could not be compiled. It takes a C compiler and Python's "
        "headers ('sudo apt install build-essential python3-dev' on Debian and Ubuntu), a network, and C of before "
        f"C23 ('export CFLAGS={OLDER_C}'). Then run the same command again.",
    ),
    (
        ("Failed building wheel", "Failed to build", "error: command"),
        "Some package has no ready build for this system and could not be compiled: install a C compiler, or use "
        "another Python from 3.11 to 3.13, then run the same command again.",
    ),
    (("No module named pip",), "This Python has no pip: run 'python -m ensurepip', then the same command again."),
)


def explain(output: str) -> str:
    """Turn pip's output into a sentence a person can act on."""
    for signs, remedy in REMEDIES:
        if any(sign in output for sign in signs):
            return remedy.format(temporary=tempfile.gettempdir())
    return "pip failed, and its own words above are all that is known."


def pip_variables(
    environ: Mapping[str, str] | None = None, *, isolated: bool | None = None, arm: bool | None = None
) -> dict[str, str]:
    """Return the environment variables for pip: a virtual environment is filled, whatever else the user's settings say.

    Args:
        environ: what to start from; this process's variables by default.
        isolated: the running environment is a virtual or conda one; found out by default.
        arm: this is Linux on ARM; found out by default.
    """
    variables = dict(os.environ if environ is None else environ)
    if is_isolated() if isolated is None else isolated:
        variables = {name: value for name, value in variables.items() if name not in ELSEWHERE}
        variables["PIP_USER"] = "0"  # not only left out, because a configuration file may ask for it too
    if (is_arm_linux() if arm is None else arm) and "-std=" not in variables.get("CFLAGS", ""):
        variables["CFLAGS"] = f"{variables.get('CFLAGS', '')} {OLDER_C}".strip()
    return variables


def pip(arguments: Sequence[str], command: Sequence[str] = PIP) -> tuple[int, str]:
    """Run `pip install`, show one line of progress on a terminal, and return its exit status and its output."""
    terminal = sys.stderr.isatty()
    lines: list[str] = []
    full = [*command, "install", "--progress-bar", "off", "--no-input", *arguments]
    with subprocess.Popen(
        full,
        cwd=ROOT,
        env=pip_variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line)
            if terminal and line.startswith(("Collecting", "  Downloading", "Installing", "Building")):
                print(f"\r\x1b[K  {line.strip()[:70]}", end="", file=sys.stderr, flush=True)
    if terminal:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return child.returncode, "".join(lines)


def pip_or_sentence(arguments: Sequence[str], command: Sequence[str] = PIP) -> None:
    """Run `pip install`; where it fails, show its last lines and raise the sentence that helps."""
    status, output = pip(arguments, command)
    if status:
        say("".join(output.splitlines(keepends=True)[-12:]).rstrip())
        raise FrontDoorError(explain(output))


def install_torch(version: str, build: str, command: Sequence[str] = PIP) -> None:
    """Install torch alone, by the first way that works, and say what came of it."""
    steps = torch_steps(version, build)
    for number, step in enumerate(steps, start=1):
        say(step.says)
        if number == len(steps):
            pip_or_sentence(step.arguments, command)
        elif pip(step.arguments, command)[0] == 0:
            break
    torch = installed_packages().get("torch")
    if torch is None:
        return
    got = build_of(torch)
    if got == "cuda" and build == "cpu":
        say("It is the CUDA build: about 5 GB of NVIDIA's libraries follow. Ctrl+C stops, nothing is lost.")
        check_space(Path(sys.prefix), NEEDS["cuda"])
    if got == "cpu" and build == "cuda":
        say("It is the CPU build: no CUDA build was found. The workbook runs all the same, only slower.")


def ensure_installed(
    extras: Sequence[str], request: str = "auto", *, in_venv: bool, command: Sequence[str] = PIP
) -> bool:
    """Install what the running environment lacks; returns whether anything had to be done.

    Whether something is missing is read from the installed packages' own metadata, in about 0.2 s. That survives
    an interrupted installation and packages changed by hand, where a note of 'already done' would not. What was broken
    off within a package is removed first, because pip would take it for the whole.

    Args:
        extras: the groups of pyproject.toml that are needed besides the dependencies.
        request: 'auto', 'cpu' or 'cuda'; with 'auto' a torch of the right version stays whatever its build.
        in_venv: the environment is the workbook's `.venv`, which holds the project itself too.
        command: how to call pip.
    """
    pins, installed = read_pins(), installed_packages()
    declared = [*read_declared(extras), *([PROJECT] if in_venv else [])]
    missing = missing_packages(declared, pins, installed)
    torch, (version,) = installed.get("torch"), pins["torch"].versions
    wrong_build = torch is not None and request != "auto" and build_of(torch) != request and sys.platform != "darwin"
    torch_missing = torch is None or torch.public != version
    if not missing and not wrong_build:
        return False
    build = choose_build(request) if torch_missing or wrong_build else "cpu"
    check_path(sys.prefix, build)
    check_compiler(missing)
    for packages in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        if left := clear_leftovers(Path(packages)):
            say(f"Removing what an interrupted installation left by half: {summary(left)}.")
    check_space(Path(sys.prefix), NEEDS[build] if torch_missing or wrong_build else NEEDS["small"])
    if wrong_build:
        # pip takes two builds of one version for the same thing and would keep the old one.
        subprocess.run([*command, "uninstall", "--yes", "--quiet", "torch"], cwd=ROOT, check=False)
    if torch_missing or wrong_build:
        install_torch(version, build, command)
    if len(missing) > FEW:
        say("Installing the pinned packages: a few minutes, and seconds from then on.")
    else:
        say(f"Installing what is not as pinned: {summary(missing, FEW)}.")
    project = f".[{','.join(extras)}]" if extras else "."
    pip_or_sentence(["-c", "constraints.txt", "-e", project], command)
    still = missing_packages(declared, pins, installed_packages())
    if still:
        raise FrontDoorError(
            f"After the installation something is still not as pinned: {summary(still)}. Delete the folder .venv "
            "(or make your environment anew), then run the same command again."
        )
    return True


def summary(missing: Sequence[str], shown: int = 3) -> str:
    """Name the first few of what is missing."""
    rest = len(missing) - shown
    return ", ".join(missing[:shown]) + (f" and {rest} more" if rest > 0 else "")
