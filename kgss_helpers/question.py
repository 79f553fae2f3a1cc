"""What is asked, what is right, and how questions are kept in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from kgss_helpers.files import read_json_lines, write_whole
from kgss_helpers.graph import GraphError

Split = Literal["validation", "test"]


class Asked(Protocol):
    """What a method may look at: a text, the type asked for, and where the question starts from."""

    text: str
    node_type: str | None
    anchor: str | None


@dataclass(frozen=True)
class Query:
    """A question that somebody types: nobody knows its answers.

    Attributes:
        text: What was typed.
        node_type: The type of node that is asked for; any if not given.
        anchor: The id of a node to start from, if there is one.
    """

    text: str
    node_type: str | None = None
    anchor: str | None = None


@dataclass(frozen=True)
class Question:
    """One question and its answers.

    Attributes:
        question_id: Unique.
        family: Which kind of knowledge it asks for.
        split: Tune on ``"validation"``, report on ``"test"``.
        text: What a person would type.
        node_type: The type of node that is asked for.
        relevant: Node ids of the right answers with a grade: 1 (right), 2 (exactly what was meant).
        anchor: For questions that start from a node ("films like this one"), its id; it is never an answer.
        exclude: Node ids taken out of the ranking because the asker knows them already.
        variant: How the same question was put differently (``"misspelt-1"``); empty for the question itself.
    """

    question_id: str
    family: str
    split: Split
    text: str
    node_type: str
    relevant: dict[str, int]
    anchor: str | None = None
    exclude: tuple[str, ...] = ()
    variant: str = ""


def load_questions(path: Path | str) -> list[Question]:
    """All questions of a file.

    Raises:
        GraphError: A line lacks a field or has a wrong one, contradicts itself, or repeats an id; names file and line.
    """
    questions, seen = [], {}
    for number, record in read_json_lines(path):
        where = f"{Path(path).name}, line {number}"
        if not isinstance(record, dict):
            raise GraphError(f"{where}: not a JSON object; each line is one question")
        exclude = record.get("exclude", [])
        try:
            question = Question(**{**record, "exclude": tuple(exclude) if isinstance(exclude, list) else exclude})
        except TypeError as error:
            raise GraphError(f"{where}: {str(error).replace('Question.__init__() ', '')}") from None
        wrong = what_is_wrong(question)
        if wrong:
            raise GraphError(f"{where}: {wrong}")
        if question.question_id in seen:
            raise GraphError(
                f"{where}: question_id {question.question_id!r} is there already in line {seen[question.question_id]}"
            )
        seen[question.question_id] = number
        questions.append(question)
    return questions


def what_is_wrong(question: Question) -> str:
    """What keeps a question from being asked and marked, or an empty string."""
    for name in ("question_id", "family", "text", "node_type"):
        value = getattr(question, name)
        if not isinstance(value, str) or not value.strip():
            return f"{name!r} must be a text that is not empty, found {value!r}"
    if not isinstance(question.variant, str):
        return f"'variant' must be a text, found {question.variant!r}"
    if question.split not in get_args(Split):
        return f"unknown split {question.split!r}; there are {', '.join(get_args(Split))}"
    if not question.relevant:
        return "a question without a right answer cannot be marked; add to 'relevant'"
    graded = isinstance(question.relevant, dict) and all(type(grade) is int for grade in question.relevant.values())
    if not graded or min(question.relevant.values()) < 1:
        return "'relevant' must give each right answer a grade, a whole number from 1"
    if not (question.anchor is None or isinstance(question.anchor, str)):
        return f"'anchor' must be a node id or null, found {question.anchor!r}"
    if not isinstance(question.exclude, tuple) or not all(isinstance(node_id, str) for node_id in question.exclude):
        return f"'exclude' must be a list of node ids, found {question.exclude!r}"
    hidden = next((node_id for node_id in question.relevant if node_id in (question.anchor, *question.exclude)), None)
    return f"{hidden} cannot be right and taken out of the ranking" if hidden else ""


def save_questions(questions: Iterable[Question], path: Path | str) -> None:
    """Writes the file whole or not at all."""
    lines = [json.dumps(asdict(question), ensure_ascii=False) for question in questions]
    write_whole(path, "\n".join(lines) + "\n" if lines else "")
