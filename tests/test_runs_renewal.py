"""One command renews what is recorded: in order, once, and on from where it was cut off."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

from kgss_helpers.runs import __main__ as renewal
from kgss_helpers.runs.records import digest

FEW = ("first", "second --learn", "third --output build/third")


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What would have been run; the second command fails while ``broken`` stands in the list."""
    calls: list[str] = []

    def run(words: list[str]) -> subprocess.CompletedProcess[bytes]:
        calls.append(" ".join(words[2:]))
        return subprocess.CompletedProcess(words, 3 if "second" in words[2] and "broken" in calls else 0)

    monkeypatch.setattr(renewal, "COMMANDS", FEW)
    monkeypatch.setattr(renewal.subprocess, "run", run)
    monkeypatch.setattr(renewal, "digest", lambda: "these films")
    monkeypatch.chdir(tmp_path)
    return calls


def test_every_command_is_there() -> None:
    for command in renewal.COMMANDS:
        assert importlib.util.find_spec(command.split()[0]) is not None, command
    assert len(set(renewal.COMMANDS)) == len(renewal.COMMANDS)


def test_a_second_call_has_nothing_to_do(called: list[str], tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    assert renewal.main([], state=state) == 0
    assert called == list(FEW)
    assert renewal.main([], state=state) == 0
    assert called == list(FEW)
    kept = json.loads(state.read_text())
    assert set(kept["done"]) == set(FEW)
    assert kept["machine"]


def test_what_was_cut_off_goes_on(called: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state.json"
    called.append("broken")
    assert renewal.main([], state=state) == 3
    assert called == ["broken", *FEW[:2]]
    assert "repeat the command" in capsys.readouterr().out
    called.clear()
    (tmp_path / "build/third/checkpoints/checkpoint-7").mkdir(parents=True)
    assert renewal.main([], state=state) == 0
    assert called == [FEW[1], f"{FEW[2]} --resume"]


def test_other_films_renew_everything(called: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state.json"
    renewal.main([], state=state)
    monkeypatch.setattr(renewal, "digest", lambda: "other films")
    assert renewal.main([], state=state) == 0
    assert called == [*FEW, *FEW]


def test_one_can_be_asked_for_and_all_listed(
    called: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state.json"
    assert renewal.main(["--only", "first"], state=state) == 0
    assert renewal.main(["--only", "first"], state=state) == 0
    assert called == [FEW[0], FEW[0]]
    capsys.readouterr()
    assert renewal.main(["--list"], state=state) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["done", "python", "python"]
    assert len(called) == 2


def test_a_damaged_state_renews(called: list[str], tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text("[1, 2")
    assert renewal.main([], state=state) == 0
    assert called == list(FEW)


def test_the_digest_is_of_films_and_exam(tmp_path: Path) -> None:
    (tmp_path / "exam").mkdir()
    (tmp_path / "films.jsonl").write_text("{}")
    (tmp_path / "exam" / "plots.csv").write_text("a")
    before = digest(tmp_path)
    (tmp_path / "other.csv").write_text("of no matter")
    assert digest(tmp_path) == before
    (tmp_path / "exam" / "plots.csv").write_text("b")
    assert digest(tmp_path) != before
