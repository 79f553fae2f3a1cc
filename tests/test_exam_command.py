"""``python -m kgss_helpers exam``: what it prints, and what it renews."""

import json
import shutil

import pytest

from kgss_helpers.exam import films, table
from kgss_helpers.exam.__main__ import main
from kgss_helpers.exam.films import QUESTIONS, RESULTS


def test_the_command_prints_the_table(capsys):
    assert main(["--metric", "MRR", "--split", "validation"]) == 0
    printed = capsys.readouterr().out
    assert printed == table("MRR", split="validation").to_string() + "\n"
    assert "word match (BM25)" in printed


def test_the_command_refuses_what_it_does_not_know(capsys):
    with pytest.raises(SystemExit):
        main(["--metric", "F1"])
    assert "F1" in capsys.readouterr().err


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Questions and results in another folder, read from there."""
    monkeypatch.setattr(films, "QUESTIONS", tmp_path / "exam.jsonl")
    monkeypatch.setattr(films, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(films, "_SAT", {})
    shutil.copy(QUESTIONS, tmp_path)
    films.film_exam.cache_clear()
    yield tmp_path
    films.film_exam.cache_clear()


def test_renewing_writes_what_is_already_there(elsewhere, capsys):
    """The committed questions are those of the committed graph and code; so are the results of the baselines."""
    (elsewhere / "exam.jsonl").write_text(by_hand_alone(), encoding="utf-8")
    assert main(["--renew"]) == 0
    assert "random" in capsys.readouterr().out
    assert (elsewhere / "exam.jsonl").read_bytes() == QUESTIONS.read_bytes()
    written = {path.name: path.read_bytes() for path in (elsewhere / "results").iterdir()}
    assert len(written) == 6
    assert written == {name: (RESULTS / name).read_bytes() for name in written}


def by_hand_alone():
    """The lines of the questions that no graph proves: what renewing must keep."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if json.loads(line)["family"] not in films.DERIVED)


def test_nothing_is_written_unasked(elsewhere, capsys):
    assert main([]) == 0
    assert "Empty" in capsys.readouterr().out
    assert [path.name for path in elsewhere.iterdir()] == ["exam.jsonl"]
