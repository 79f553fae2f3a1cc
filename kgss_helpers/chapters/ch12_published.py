"""For notebook 12: what the seminar published, beside what our graph knows and what our spaces answer."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from kgss_helpers.chapters.ch12_test_subjects import TICK, check_names
from kgss_helpers.files import DATA
from kgss_helpers.graph import KnowledgeGraph

ANSWERS = DATA / "seminar" / "answers.csv"
BASE, FIRST_EPOCH = "base", "epoch 1"
ABSENT = "not in our graph"


def published(question: str, model: str) -> pd.DataFrame:
    """The seminar's answers to a question: columns ``place``, ``answer`` and ``score``, best first.

    Raises:
        ValueError: It published none to this question by this model; names what there is.
    """
    table = pd.read_csv(ANSWERS)
    found = table[(table["question"] == question) & (table["model"] == model)]
    if found.empty:
        there = " or ".join(f"{text!r}" for text in table["question"].unique())
        raise ValueError(f"nothing is published of {question!r} by {model!r}; there is {there} by base or epoch 1")
    return found.sort_values("place")[["place", "answer", "score"]].reset_index(drop=True)


def beside_published(
    graph: KnowledgeGraph, question: str, model: str, node_type: str, right: Mapping[str, str], ours: pd.DataFrame
) -> pd.DataFrame:
    """The seminar's answers and ours, place by place.

    Args:
        graph: Ours, with all edges.
        question: One of the three.
        model: ``"base"`` or ``"epoch 1"``.
        node_type: What it asks for.
        right: What our graph proves, as from `right_answers`.
        ours: As from `answers_after`.

    Returns:
        A row a place, and columns of two levels: ``the seminar`` (``answer``, ``score``, ``in our graph``: ✓, ``right``
        or ``not in our graph``) and ``ours`` (``answer``, ``score``, ``right``).
    """
    theirs = published(question, model).set_index("place")
    checked = check_names(graph, theirs["answer"], right, node_type).set_index("place")
    theirs["in our graph"] = [
        _verdict(found, tick) for found, tick in zip(checked["found"], checked["right"], strict=True)
    ]
    theirs["score"] = theirs["score"].round(2)
    here = ours.set_index("place")[["answer", "score", "right"]]
    return pd.concat([theirs, here], axis=1, keys=["the seminar", "ours"])


def _verdict(found: bool, tick: str) -> str:
    return ABSENT if not found else tick or "known, not right"


def verdicts(table: pd.DataFrame) -> dict[str, float]:
    """What a table of `beside_published` comes to, in numbers.

    Returns:
        ``published``, ``known``, ``right`` and ``unknown`` (a share) of the seminar's names; ``ours right``, and
        ``in both`` lists.
    """
    theirs, ours = table["the seminar"], table["ours"]
    known = theirs["in our graph"] != ABSENT
    return {
        "published": len(theirs),
        "known": int(known.sum()),
        "unknown": round(float(1 - known.mean()), 2),
        "right": int((theirs["in our graph"] == TICK).sum()),
        "ours right": int((ours["right"].fillna("") != "").sum()),
        "in both": len(set(theirs["answer"]) & set(ours["answer"])),
    }
