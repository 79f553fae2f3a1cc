"""README and CONTRIBUTING keep their word: their snippets run, their commands exist, their links lead somewhere."""

import ast
import contextlib
import io
import re
import shlex
import subprocess
import sys
import urllib.error
from pathlib import Path

import check_links
import pytest

from kgss_helpers.frontdoor import budget, cli, notebooks
from kgss_helpers.frontdoor.environment import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NODES = """\
node_id,node_type,name,description
p1,person,Ada,An engineer who builds bridges over rivers.
p2,person,Bo,A baker of rye bread.
t1,thing,Long Bridge,It joins two towns.
t2,thing,Rye loaf,
"""
EDGES = "source,relation,target\np1,built,t1\np2,baked,t2\n"


def snippets(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def run(code: str) -> tuple[str, dict[str, object]]:
    """What a snippet prints, and the names it defines."""
    names: dict[str, object] = {"__name__": "snippet"}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(ast.parse(code), "snippet", "exec"), names)
    return printed.getvalue(), names


# ----------------------------------------------------------------------------------------------------------- snippets


def test_every_snippet_is_run_here() -> None:
    assert len(snippets(README)) == 3
    assert len(snippets(CONTRIBUTING)) == 1


def test_own_graph_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nodes.csv").write_text(NODES, encoding="utf-8")
    (tmp_path / "edges.csv").write_text(EDGES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    printed, names = run("".join(snippets(README)))  # each goes on with the one before
    assert "person" in printed
    assert len(re.findall(r"all families +nDCG@10", printed)) == 2  # a summary for each method
    assert len(re.findall(r"^0 +Ada +person", printed, re.MULTILINE)) == 2  # both methods find her first
    assert len(names["graph"].edges) == 2
    assert "An engineer who builds bridges over rivers." in printed.splitlines()[-2]  # the best hit of two in Milvus


def test_method_of_contributing_sits_the_exam() -> None:
    printed, names = run(snippets(CONTRIBUTING)[0])
    assert "shared words" in printed or names["result"].method == "shared words"
    assert names["result"].interval().mean > 0
    assert names["exam"].films.RESULTS[2] == ROOT / "data" / "results" / "exam"


# ----------------------------------------------------------------------------------------------------------- commands


def commands(text: str) -> set[str]:
    """Every `... -m kgss_helpers...` in a text, without what leads up to it."""
    found = re.findall(r"-m (kgss_helpers[^\n`|]*)", text)
    return {" ".join(command.split()).rstrip(".,;)") for command in found}


EVERY = sorted(commands(README + CONTRIBUTING))


@pytest.mark.parametrize("command", [command for command in EVERY if command.split()[0] == "kgss_helpers"])
def test_commands_exist_with_their_options(command: str) -> None:
    _, *arguments = shlex.split(command)
    if arguments and "--help" not in arguments:
        cli.parse(arguments)


def test_the_long_run_exists_with_its_options() -> None:
    part = README.split("## Long runs")[1].split("\n## ")[0]
    (module,) = {command.split()[0] for command in commands(README)} - {"kgss_helpers", "kgss_helpers.runs"}
    options = set(re.findall(r"[ `](--[a-z-]+)", part)) - {"--with", "--nproc-per-node"}
    command = [sys.executable, "-m", module, "--help"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"--output", "--resume"} <= options
    assert {option for option in options if option not in printed} == set()


def test_every_other_module_that_is_called_can_be() -> None:
    for module in sorted({command.split()[0] for command in EVERY} - {"kgss_helpers"}):
        subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, check=True)


# ------------------------------------------------------------------------------------------------ the table, the house


def test_table_has_every_notebook_within_its_budget() -> None:
    row = r"^\| (\d\d) \| \[\w+\]\(notebooks/(\w+)\.ipynb\) \|.*\| ([\d.]+) (s|min) \| ([\d.]+) GB \|$"
    rows = re.findall(row, README, re.MULTILINE)
    assert [stem for _, stem, *_ in rows] == [path.stem for path in notebooks.all_notebooks()]
    for number, stem, time, unit, memory in rows:
        assert stem.startswith(number)
        assert float(time) * {"s": 1, "min": 60}[unit] <= budget.budget_of(stem)
        assert float(memory) < 2


def test_rooms_are_named_in_their_order() -> None:
    table = README.split("| room | what lives there |")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    in_readme = [room for row in rows for room in re.findall(r"`(\w+)`", row)]
    paragraph = CONTRIBUTING.split("in this order:")[1].split(". A room")[0]
    assert in_readme == [*re.findall(r"`(\w+)`", paragraph), "frontdoor"]
    there = {path.stem for path in (ROOT / "kgss_helpers").iterdir() if not path.stem.startswith(("_", "."))}
    assert set(in_readme) == there


def test_files_that_are_named_exist() -> None:
    named = re.findall(r"`((?:kgss_helpers|tests|data|binder|notebooks)/[\w./-]*\w)`", README + CONTRIBUTING)
    assert {name for name in named if not (ROOT / name).exists() and "NN_" not in name} == set()
    modules = re.findall(r"`(kgss_helpers(?:\.[a-z_]+)+)", README + CONTRIBUTING)
    assert len(modules) > 3


# ---------------------------------------------------------------------------------------------------------------- links


def test_links_lead_to_files_and_headings_that_exist() -> None:
    broken = []
    for path, text in check_links.texts():
        for link in check_links.links_in(text):
            target, _, _ = link.partition("#")
            if "://" not in link and target and not (path.parent / target).exists():
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_links_are_found_in_every_form_but_not_in_code() -> None:
    text = (
        "[a](https://a.org/x_(y)) ![b](b.png 'title') <https://c.org> <a href=\"https://d.org\">d</a>\n"
        "`[e](https://e.org)`\n\n```\n[f](https://f.org)\n```\n[g]( <https://g.org> )"
    )
    found = ["https://a.org/x_(y)", "b.png", "https://c.org", "https://d.org", "https://g.org"]
    assert check_links.links_in(text) == found


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, ""),
        (urllib.error.HTTPError("", 404, "Not Found", {}, None), "404 Not Found"),
        (urllib.error.HTTPError("", 403, "Forbidden", {}, None), ""),  # it turns programs away, and is there
        (urllib.error.URLError("no such name"), "no such name"),
    ],
    ids=["there", "gone", "closed to programs", "no such host"],
)
def test_an_address_is_broken_where_nothing_answers(answer: Exception | None, problem: str) -> None:
    def opener(*_: object, **__: object) -> None:
        if answer:
            raise answer

    assert problem in check_links.problem_of("https://example.org", opener)
    assert bool(check_links.problem_of("https://example.org", opener)) is bool(problem)
