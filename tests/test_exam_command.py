"""``python -m kgss_helpers exam``: what it prints, and what it renews."""

import shutil

import pytest

from kgss_helpers.exam import films, recorded, table
from kgss_helpers.exam.__main__ import main, simple_methods
from kgss_helpers.exam.films import QUESTIONS, RESULTS, by_hand
from kgss_helpers.exam.results import EDITION


def test_the_command_prints_the_table(capsys):
    assert main(["--metric", "MRR", "--split", "validation"]) == 0
    printed = capsys.readouterr().out
    assert printed == table("MRR", split="validation").to_string() + "\n"
    assert "word match (BM25)" in printed


def test_the_command_prints_variants_and_the_first_edition(capsys):
    assert main(["--variants"]) == main(["--edition", "1"]) == 0
    printed = capsys.readouterr().out
    assert "misspelt-2" in printed
    assert table(edition=1).to_string() in printed


@pytest.mark.parametrize("wrong", [["--metric", "F1"], ["--edition", "3"]])
def test_the_command_refuses_what_it_does_not_know(capsys, wrong):
    with pytest.raises(SystemExit):
        main(wrong)
    assert wrong[1] in capsys.readouterr().err


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """What the command writes goes to another folder; what people wrote is read from a copy there."""
    shutil.copytree(by_hand.FOLDER, tmp_path / "exam")
    monkeypatch.setattr(films, "QUESTIONS", tmp_path / "exam" / "questions.jsonl")
    monkeypatch.setattr(films, "RESULTS", {EDITION: tmp_path / "results"})
    monkeypatch.setattr(films, "_SAT", {})
    monkeypatch.setattr(by_hand, "FOLDER", tmp_path / "exam")
    films.read_film_exam.cache_clear()
    yield tmp_path
    films.read_film_exam.cache_clear()


def test_renewing_writes_what_is_already_there(elsewhere, capsys):
    """The committed questions are those of the committed graph and code; so are the results of the simple methods."""
    for name in ("questions.jsonl", "variants.csv"):
        (elsewhere / "exam" / name).unlink()
    assert main(["--renew"]) == 0
    assert "random" in capsys.readouterr().out
    for name in ("questions.jsonl", "variants.csv"):
        assert (elsewhere / "exam" / name).read_bytes() == (QUESTIONS.parent / name).read_bytes()
    kept = {(result.method, result.split): result for result in recorded(RESULTS[EDITION])}
    written = recorded(elsewhere / "results")
    assert len(written) == 2 * len(simple_methods())
    for result in written:  # costs differ from sitting to sitting
        assert result.scores.equals(kept[result.method, result.split].scores), result.method


def test_nothing_is_written_unasked(elsewhere, capsys):
    assert main([]) == 0
    assert "Empty" in capsys.readouterr().out
    assert [path.name for path in elsewhere.iterdir()] == ["exam"]
