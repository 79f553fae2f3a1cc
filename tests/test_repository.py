"""What holds for the whole repository: nothing of a machine in it, rooms in order, notebooks executed, code tidy."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kgss_helpers.frontdoor import cli, notebooks
from kgss_helpers.frontdoor.environment import ROOT

# Lowest first: a room imports only from rooms before it. The exam has three: its questions, the baselines that sit it
# first, and the sitting. What a notebook's first cell calls stands last, because it knows them all.
ROOMS = (
    "palette",
    "memory",
    "graph",
    "datasets",
    "verbalize",
    "encoders",
    "negatives",
    "space",
    "questions",
    "baselines",
    "exam",
    "training",
    "plots",
    "widgets",
    "stage_widgets",
    "session",
)
FRONT_DOOR = ("__init__", "__main__", "frontdoor")
HEAVY = {"torch", "torch_geometric", "sentence_transformers", "transformers", "gensim", "plotly", "pandas", "numpy"}

# Put together, so that this file holds none of them.
SLASH = "/"
MACHINE_PATHS = [SLASH + "work" + SLASH, SLASH + "root" + SLASH, SLASH + "tmp" + SLASH + "w", SLASH + "opt" + SLASH]
REGISTRY_HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
REGISTRY_HOSTS += [".".join(parts) for parts in (("deb", "debian", "org"), ("security", "debian", "org"))]


def repository_files() -> list[Path]:
    """Return what git holds or would take; without git, every file outside of caches and environments."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
        found = [ROOT / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        skipped = {".venv", ".git", "build", "__pycache__", ".pytest_cache", ".ruff_cache", "test-artifacts"}
        found = [path for path in ROOT.rglob("*") if not skipped & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in found if path.is_file())


def test_no_file_names_a_machine_or_a_registry() -> None:
    offences: list[str] = []
    for path in repository_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        offences += [
            f"{path.relative_to(ROOT)}:{number} has {word}"
            for word in [*MACHINE_PATHS, *REGISTRY_HOSTS]
            if word in text
            for number, line in enumerate(text.splitlines(), start=1)
            if word in line
        ]
    assert offences == []


# -------------------------------------------------------------------------------------------------------------- rooms


def room_of(path: Path) -> str:
    """Return the room a module of the package belongs to."""
    return path.relative_to(ROOT / "kgss_helpers").parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the room of every import from the package, those inside functions included."""
    package = list(path.relative_to(ROOT).with_suffix("").parts)
    package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "kgss_helpers" else [module]
        for name in names:
            parts = name.split(".")
            if parts[0] == "kgss_helpers" and len(parts) > 1 and not parts[1].startswith("__"):
                yield node.lineno, parts[1]


def package_modules() -> list[Path]:
    return sorted((ROOT / "kgss_helpers").rglob("*.py"))


def test_every_module_has_its_room() -> None:
    assert {room_of(path) for path in package_modules()} <= {*ROOMS, *FRONT_DOOR}


def test_rooms_import_one_way_only() -> None:
    offences: list[str] = []
    for path in package_modules():
        own = room_of(path)
        for line, other in imported_rooms(path):
            where = f"{path.relative_to(ROOT)}:{line} imports {other}"
            if own in FRONT_DOOR:
                # The front door starts without anything installed; its one visit is the exam's, in a function.
                if other not in FRONT_DOOR and (own, other) != ("frontdoor", "exam"):
                    offences.append(where)
            elif other not in ROOMS or own not in ROOMS or ROOMS.index(other) > ROOMS.index(own):
                offences.append(where)
    assert offences == []


def test_importing_the_package_is_instant() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import kgss_helpers;"
        "print(time.perf_counter() - start, *sys.modules)"
    )
    times = []
    for _ in range(3):
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
        seconds, *modules = result.stdout.split()
        assert HEAVY & set(modules) == set()
        times.append(float(seconds))
    assert min(times) < 0.2


# ---------------------------------------------------------------------------------------------------------- notebooks


def test_the_first_notebook_is_where_the_lab_opens() -> None:
    assert (ROOT / cli.START).exists()


@pytest.mark.parametrize("path", notebooks.all_notebooks(), ids=lambda path: path.stem)
def test_notebook_is_executed_and_clean(path: Path) -> None:
    assert notebooks.problems_of(path) == []


# --------------------------------------------------------------------------------------------------------------- ruff


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_has_nothing_to_say(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no executable bit")
@pytest.mark.parametrize("name", ["binder/postBuild", ".ci/run"])
def test_scripts_are_executable(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
