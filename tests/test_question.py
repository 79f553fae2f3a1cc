"""Questions: what is refused with file and line, and that what is saved is loaded."""

import json
import re
from dataclasses import replace

import pytest

from kgss_helpers.graph import GraphError
from kgss_helpers.question import Query, Question, load_questions, save_questions

ONE = Question("q1", "plot", "test", "A thing happens.", "project", {"project:a": 2})
RECORD = {
    "question_id": "q1", "family": "plot", "split": "test", "text": "A thing happens.", "node_type": "project",
    "relevant": {"project:a": 2},
}  # fmt: skip


def written(folder, *lines):
    path = folder / "mine.jsonl"
    path.write_text("".join((json.dumps(line) if not isinstance(line, str) else line) + "\n" for line in lines))
    return path


def test_what_is_saved_is_loaded(tmp_path):
    kept = [ONE, replace(ONE, question_id="q2", text="Élan & “quotes”\n", anchor="project:b", exclude=("x", "y"))]
    save_questions(kept, tmp_path / "deep" / "mine.jsonl")
    assert load_questions(tmp_path / "deep" / "mine.jsonl") == kept
    assert "Élan" in (tmp_path / "deep" / "mine.jsonl").read_text(encoding="utf-8")


def test_nothing_is_saved_and_loaded_too(tmp_path):
    save_questions([], tmp_path / "none.jsonl")
    assert load_questions(tmp_path / "none.jsonl") == []


def test_defaults_may_be_left_out(tmp_path):
    assert load_questions(written(tmp_path, RECORD)) == [ONE]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{cut", "not valid JSON"),
        ([1, 2], "not a JSON object"),
        (7, "not a JSON object"),
        ({key: value for key, value in RECORD.items() if key != "text"}, "'text'"),
        ({**RECORD, "colour": "red"}, "'colour'"),
        ({**RECORD, "exclude": None}, "'exclude' must be a list of node ids"),
        ({**RECORD, "exclude": "project:b"}, "'exclude' must be a list of node ids"),
        ({**RECORD, "exclude": [7]}, "'exclude' must be a list of node ids"),
        ({**RECORD, "anchor": ["project:b"]}, "'anchor' must be a node id or null"),
        ({**RECORD, "family": ["plot"]}, "'family' must be a text"),
        ({**RECORD, "family": ""}, "'family' must be a text"),
        ({**RECORD, "variant": 1}, "'variant' must be a text"),
        ({**RECORD, "split": "train"}, "split 'train'"),
        ({**RECORD, "text": " "}, "'text' must be a text"),
        ({**RECORD, "question_id": ["q"]}, "'question_id' must be a text"),
        ({**RECORD, "node_type": None}, "'node_type' must be a text"),
        ({**RECORD, "relevant": {}}, "without a right answer"),
        ({**RECORD, "relevant": ["project:a"]}, "a grade, a whole number from 1"),
        ({**RECORD, "relevant": {"project:a": 0}}, "a grade, a whole number from 1"),
        ({**RECORD, "relevant": {"project:a": 1.5}}, "a grade, a whole number from 1"),
        ({**RECORD, "anchor": "project:a"}, "project:a cannot be right and taken out"),
        ({**RECORD, "exclude": ["project:a"]}, "project:a cannot be right and taken out"),
        (RECORD, "question_id 'q1' is there already in line 1"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, wrong, message):
    with pytest.raises(GraphError, match=r"^mine\.jsonl, line 2") as caught:
        load_questions(written(tmp_path, RECORD, wrong))
    assert re.search(message, str(caught.value)), str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_questions(tmp_path / "nowhere.jsonl")


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "mine.jsonl"
    save_questions([ONE], path)
    before = path.read_bytes()

    def fails(*_args, **_kwargs):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(type(path), "replace", fails)
        with pytest.raises(OSError, match="disk full"):
            save_questions([ONE, replace(ONE, question_id="q2")], path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_families_may_be_of_ones_own(tmp_path):
    (found,) = load_questions(written(tmp_path, {**RECORD, "family": "bridges"}))
    assert found == replace(ONE, family="bridges")


def test_what_a_method_may_look_at_holds_no_answer():
    query = Query("a thing that happens", "project", anchor="project:b")
    assert (query.text, query.node_type, query.anchor) == ("a thing that happens", "project", "project:b")
    assert Query("anything") == Query("anything", None, None)
    assert not {"relevant", "family", "split"} & set(vars(query))
