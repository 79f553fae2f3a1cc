"""The film graph asked in a terminal: what is printed, what is refused, and one question from the front door on."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import matplotlib
import pandas as pd
import pytest
from helpers import small_films

from kgss_helpers import ask
from kgss_helpers.exam import film_exam
from kgss_helpers.films.skills import skilled_people
from kgss_helpers.frontdoor import cli
from kgss_helpers.frontdoor.environment import ROOT, child_variables
from kgss_helpers.methods import hybrid
from kgss_helpers.methods.pretrained import load_pretrained


@pytest.fixture(autouse=True)
def _figures_as_they_were() -> Iterator[None]:
    """The command sets up a session, figures included; other tests draw as they did before."""
    with matplotlib.rc_context():
        yield


FOUND = pd.DataFrame(
    {
        "name": ["Ada Quill", "A very long name of somebody whom nobody could call by it"],
        "node_type": "person",
        "why": ["Director of 3 about Crime: Red Moon, Blue River, Green Hill", "no edge supports this"],
    }
)


def test_a_line_an_answer_and_long_reasons_go_on_below_themselves():
    lines = ask.answers_as_text(FOUND, width=60).splitlines()
    assert lines[0].startswith("  1  Ada Quill")
    assert lines[1].strip().startswith(("Crime", "about", "Red", "of", "Blue"))
    assert lines[1].startswith(" " * 30)
    assert max(map(len, lines)) <= 60
    assert "…" in lines[-1] or "  2  " in lines[-2]
    assert ask.answers_as_text(FOUND[:0]) == "Nothing is found; ask in other words."


def test_without_a_question_they_are_read_until_an_empty_line(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("first\n second \n\nthird\n"))
    assert list(ask.asked_for("")) == ["first", "second"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("only"))
    assert list(ask.asked_for("")) == ["only"]
    assert list(ask.asked_for("given")) == ["given"]


@pytest.mark.parametrize("count", ["0", "51", "few"])
def test_a_wrong_number_of_answers_is_refused_before_anything_is_read(count, capsys):
    with pytest.raises(SystemExit):
        ask.main(["a good director", "-k", count])
    assert "-k" in capsys.readouterr().err


def test_what_is_missing_is_said_in_a_sentence(monkeypatch, capsys):
    def missing():
        raise FileNotFoundError("there is no texts.npz; make it: `so`")

    monkeypatch.setattr(ask, "load_system", missing)
    assert ask.main(["a good director"]) == 1
    assert capsys.readouterr().err == "there is no texts.npz; make it: `so`\n"


def test_the_front_door_hands_everything_on(monkeypatch):
    started = []
    monkeypatch.setattr(cli, "run", lambda command, *_: started.append(command) or 0)
    options = cli.parse(["ask", "a good", "director", "--type", "person", "-k", "3"])
    assert cli.ask(options) == 0
    assert started[0][1:] == ["-m", "kgss_helpers.ask", "-k", "3", "--type", "person", "--", "a good", "director"]


def asked(*words):
    """What the command prints, and how long it takes."""
    started = time.monotonic()
    command = [sys.executable, "-m", "kgss_helpers", "ask", "--no-install", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=child_variables(True, {**os.environ, "COLUMNS": "200"})
    )
    return done, time.monotonic() - started


def test_a_question_is_answered_with_the_edges_behind_it():
    done, _ = asked("a good sci-fi director", "--type", "person", "-k", "5")
    assert done.stderr == ""
    assert done.returncode == 0
    graph = film_exam().newcomer_graph
    table = skilled_people(graph)
    skilled = table[(table["role"] == "Director") & (table["genre"] == "genre:science-fiction")]["person"]
    names = {graph.node(person)["name"] for person in skilled}
    lines = [line for line in done.stdout.splitlines() if line[:3].strip()]
    assert [line[:3].strip() for line in lines] == ["1", "2", "3", "4", "5"]
    assert sum(any(name in line for name in names) for line in lines) >= 4
    assert sum("Director of" in line for line in lines) >= 4


def test_an_unknown_type_gets_the_nearest():
    done, _ = asked("a good sci-fi director", "--type", "persn")
    assert done.returncode == 1
    assert "did you mean 'person'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_search_without_foresight_learns_nothing_at_its_start(monkeypatch):
    class Learner:
        def __init__(self, *_, **__):
            raise AssertionError("it began to learn")

    monkeypatch.setattr(hybrid, "LearnedProximity", Learner)
    graph, model = small_films(), load_pretrained(device="cpu")
    with pytest.raises(AssertionError, match="it began to learn"):
        hybrid.HybridSearch(model, graph).fit()
    system = hybrid.HybridSearch(model, graph, foresee=False).fit()
    found = system.search("who directs crime films?", node_type="person", k=1)
    assert found["name"].tolist() == ["Ada Quill"]
    assert "Red Moon" in found["why"].iloc[0]
