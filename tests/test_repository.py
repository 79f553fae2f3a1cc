"""What holds for the whole repository: nothing of a machine in it, rooms in order, notebooks executed, code tidy."""

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from kgss_helpers.films.roles import TABLE
from kgss_helpers.frontdoor import cli, notebooks
from kgss_helpers.frontdoor.environment import ROOT

# Lowest first: a room imports only from itself and from rooms before it. What a notebook's first cell calls stands
# last, because it knows them all.
ROOMS = (
    "graph",
    "files",
    "compute",
    "question",
    "films",
    "datasets",
    "text",
    "mapped_file",
    "space",
    "database",
    "methods",
    "exam",
    "show",
    "training",
    "runs",
    "chapters",
    "session",
    "ask",
)
# A method of a class that a later room carries out, which is imported when it is called; and its return type.
CARRIED_OUT_LATER = {("space.py", f"kgss_helpers.database.{name}") for name in ("to_database", "SpaceDatabase")}
FRONT_DOOR = ("__init__", "__main__", "frontdoor")
HEAVY = {"torch", "torch_geometric", "sentence_transformers", "transformers", "gensim", "plotly", "pandas", "numpy"}

# The modules that are about films: rooms and single files, and the loaders of sources that hold films.
ABOUT_FILMS = ("films/", "chapters/", "runs/", "datasets/films.py", "exam/films/", "exam/__main__.py", "ask.py")
SOURCES_OF_FILMS = (
    "datasets/imdb.py", "datasets/known_tables.py", "datasets/movielens.py", "datasets/movielens_tables.py",
    "datasets/tmdb.py", "datasets/wikipedia_films.py",
)  # fmt: skip
# Where a module for any graph has to say the word: names that it hands on, and the style of documents that is called
# so in every recorded result.
WORDS_HANDED_ON = {
    "datasets/__init__.py": {"load_films", "load_movielens", "load_wikipedia_films"},
    "exam/__init__.py": {"film_exam"},
    "text/documents.py": {"films"},
    "text/rows.py": {"film"},
    "training/sbert/command.py": {"films"},
}
# What a name must not be called: none of them says what it holds.
NAMES_THAT_SAY_NOTHING = {"told", "places", "courses", "own", "mark", "marks", "MARKS"}
# Of more than this, a reader loses the thread; who is longer says why.
LONGEST = 400
LONGER = {
    "graph.py": "one class, and what it checks; parts of it would have to know each other's arrays",
    "chapters/ch12_test_subjects.py": "three widgets over the same two pure functions, for one notebook",
}

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


def package_modules() -> list[Path]:
    return sorted((ROOT / "kgss_helpers").rglob("*.py"))


def within(path: Path) -> str:
    """Return a module's path as it is named in this file."""
    return path.relative_to(ROOT / "kgss_helpers").as_posix()


def room_of(path: Path) -> str:
    """Return the room a module of the package belongs to."""
    return within(path).split("/")[0].removesuffix(".py")


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> Iterator[tuple[ast.stmt, str]]:
    """Yield every import from the package, those inside functions included, with the full name of what is imported."""
    package = list(path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(parsed(path)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        later = {name for name in names if node.col_offset and (within(path), name) in CARRIED_OUT_LATER}
        yield from ((node, name) for name in names if name.startswith("kgss_helpers.") and name not in later)


def module_file(name: str) -> Path:
    """Return the file of a module of the package, or of the module that a name stands in."""
    place = ROOT.joinpath(*name.split("."))
    for found in (place.with_suffix(".py"), place / "__init__.py", place.parent.with_suffix(".py")):
        if found.exists():
            return found
    return place.parent / "__init__.py"


def test_every_module_has_its_room() -> None:
    assert {room_of(path) for path in package_modules()} == {*ROOMS, *FRONT_DOOR}


def test_rooms_import_one_way_only() -> None:
    offences: list[str] = []
    for path in package_modules():
        here = room_of(path)
        for node, name in imports_of(path):
            there = room_of(module_file(name))
            where = f"{within(path)}:{node.lineno} imports {name}"
            if here in FRONT_DOOR:
                # The front door starts without anything installed. It writes files by `files`, which needs the
                # standard library alone; its one other visit is the exam's, in a function.
                visit = there == "files" or (there == "exam" and node.col_offset > 0)
                if there not in FRONT_DOOR and not visit:
                    offences.append(where)
            elif there not in ROOMS or ROOMS.index(there) > ROOMS.index(here):
                offences.append(where)
    assert offences == []


def test_no_two_modules_need_each_other() -> None:
    needs = {path: {module_file(name) for _, name in imports_of(path)} - {path} for path in package_modules()}
    order = list(TopologicalSorter(needs).static_order())  # raises CycleError, which names the circle
    assert len(order) == len(needs)


def test_no_two_modules_share_a_name_and_none_has_that_of_a_library_in_the_notebooks() -> None:
    names = [path.stem for path in package_modules() if not path.stem.startswith("__")]
    shared = {name for name, count in Counter(names).items() if count > 1}
    assert shared == set()
    folders = {path.parent.name for path in package_modules()} - {"kgss_helpers"}
    assert folders & set(names) == {"films"}  # the room and the exam's folder, and the films' file among the datasets
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for _, code in notebook_code()
        for node in ast.walk(code)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    # The library of that name holds rows for training; the notebooks that take it say so.
    assert {*names, *folders} & imported <= {"datasets"}


def test_who_is_long_says_why() -> None:
    lengths = {within(path): len(path.read_text(encoding="utf-8").splitlines()) for path in package_modules()}
    assert {name for name, lines in lengths.items() if lines > LONGEST} == set(LONGER)


# --------------------------------------------------------------------------------------------------- names and words


def docstrings(tree: ast.Module) -> set[ast.Constant]:
    """Return texts that stand as statements of their own: they explain and are never shown by the code."""
    return {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def words_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the names that code gives or uses, and the texts that it may show, with their lines; not imports."""
    explained = docstrings(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if node not in explained:
                yield node.lineno, text
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.keyword(arg=str(name)):
                yield node.value.lineno, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name


def test_only_the_rooms_of_films_speak_of_films() -> None:
    offences: list[str] = []
    used: dict[str, set[str]] = {}
    for path in package_modules():
        name = within(path)
        if name.startswith((*ABOUT_FILMS, *SOURCES_OF_FILMS, "frontdoor/")):
            continue
        for line, word in words_of(parsed(path)):
            if re.search("film|movie", word, re.IGNORECASE):
                if word in WORDS_HANDED_ON.get(name, set()):
                    used.setdefault(name, set()).add(word)
                else:
                    offences.append(f"{name}:{line} says {word!r}")
    assert offences == []
    assert used == WORDS_HANDED_ON


def test_the_words_of_roles_stand_in_their_table_alone() -> None:
    words = {word for role in TABLE for word in (role.name, role.verb, role.skill, role.question)}
    offences = [
        f"{within(path)}:{line} says {word!r}"
        for path in package_modules()
        if not within(path).startswith(("films/roles.py", "exam/films/", "chapters/", "runs/", *SOURCES_OF_FILMS))
        for line, word in words_of(parsed(path))
        if word in words
    ]
    assert offences == []


def given_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every name that code gives: definitions, parameters, variables, attributes, imports."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name):
                yield node.lineno, name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from ((node.lineno, alias.asname or alias.name) for alias in names)


def notebook_code() -> Iterator[tuple[str, ast.Module]]:
    """Yield the code of every cell of every notebook, without lines for IPython."""
    for path in notebooks.all_notebooks():
        for index, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"], start=1):
            if cell["cell_type"] == "code":
                lines = "".join(cell["source"]).splitlines()
                plain = "\n".join("" if line.startswith(("%", "!")) else line for line in lines)
                yield f"{path.name}, cell {index}", ast.parse(plain)


def test_names_say_what_they_hold() -> None:
    code = [(within(path), parsed(path)) for path in package_modules()] + list(notebook_code())
    offences = [
        f"{where}, line {line}: {name}"
        for where, tree in code
        for line, name in given_names(tree)
        if name in NAMES_THAT_SAY_NOTHING
    ]
    offences += [within(path) for path in package_modules() if path.stem in NAMES_THAT_SAY_NOTHING]
    assert offences == []


def names_in(module: Path) -> set[str]:
    """Return what can be asked of a module: what it defines or imports, and the modules beside it if it is a room."""
    found = {name for _, name in given_names(parsed(module))}
    beside = module.parent.iterdir() if module.name == "__init__.py" else ()
    return found | {path.stem for path in beside}


def test_what_is_said_to_be_in_the_package_is_there() -> None:
    """Names such as ``kgss_helpers.exam.sit`` in texts, docstrings and commands."""
    offences: list[str] = []
    for path in repository_files():
        if path.suffix not in (".py", ".md", ".ipynb", ".toml", ".yml", ".yaml"):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for name in re.findall(r"(?<![\w/])kgss_helpers(?:\.[A-Za-z_]\w*)+", line):
                place, (_, *parts) = ROOT / "kgss_helpers", name.split(".")
                while parts and (place / parts[0]).is_dir():
                    place /= parts.pop(0)
                if parts and (place / f"{parts[0]}.py").exists():
                    place /= f"{parts.pop(0)}.py"
                module = place if place.suffix else place / "__init__.py"
                if parts and parts[0] not in names_in(module) and not parts[0].startswith("__"):
                    offences.append(f"{path.relative_to(ROOT)}:{number} names {name}")
    assert offences == []


# ------------------------------------------------------------------------------------------------------------- starts


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
