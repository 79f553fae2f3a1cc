"""``python -m kgss_helpers exam``: what it prints, and what it renews."""

import re
import shutil

import pytest

from kgss_helpers.exam import films, recorded, table
from kgss_helpers.exam.__main__ import build_parser, main, simple_methods
from kgss_helpers.exam.films import QUESTIONS, RESULTS, by_hand
from kgss_helpers.exam.results import EDITION
from kgss_helpers.frontdoor.cli import EXAM
from kgss_helpers.frontdoor.cli import build_parser as front_door


def test_the_command_prints_the_table(capsys):
    assert main(["--metric", "MRR", "--split", "validation"]) == 0
    printed = capsys.readouterr().out
    caption, _, shown = printed.partition("\n")
    assert caption.startswith("MRR on the validation half of the film exam, edition 2; 95 % intervals in brackets; ")
    assert "sorted by other words, worst first" in caption
    assert shown == table("MRR", split="validation").to_string() + "\n"
    assert "word match (BM25)" in printed


def test_the_command_prints_variants_and_the_first_edition(capsys):
    assert main(["--variants"]) == main(["--edition", "1"]) == 0
    printed = capsys.readouterr().out
    assert "misspelt-2" in printed
    assert "means over role and genre, theme, plot; 95 % intervals in brackets; sorted by as written" in printed
    assert table(edition=1).iloc[:, :6].to_string() in printed
    assert "edition 1; 95 % intervals in brackets; sorted by the mean of all families" in printed
    assert "bytes a node" not in printed  # nobody measured what the first edition's methods cost


def test_the_command_says_where_nothing_is_recorded(capsys):
    assert main(["--variants", "--edition", "1"]) == 0
    assert capsys.readouterr().out == (
        "Nothing is recorded for the test half of the film exam, edition 1, put differently.\n"
    )


def test_the_front_doors_help_has_the_exams_own_options():
    """It cannot import the exam's parser, so it repeats it."""
    own = [action for action in build_parser()._actions if action.dest != "help"]
    said = dict(re.findall(r"^  (--[\w-]+)(.*)$", EXAM, re.MULTILINE))
    assert list(said) == [option for action in own for option in action.option_strings]
    for action in own:
        line = said[action.option_strings[0]]
        choices = " {" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
        assert line.startswith(choices + "  ")
        assert line.removeprefix(choices).strip() == action.help
    (exam,) = [each.choices["exam"] for each in front_door()._actions if each.dest == "command"]
    assert EXAM.strip() in exam.format_help()


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
    assert "Nothing is recorded for the test half" in capsys.readouterr().out
    assert [path.name for path in elsewhere.iterdir()] == ["exam"]
