"""What people wrote and judged for the film exam: small tables in ``data/exam``."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import NamedTuple

import pandas as pd

from kgss_helpers.files import DATA
from kgss_helpers.question import Split

FOLDER = DATA / "exam"


def table(name: str) -> pd.DataFrame:
    """One of the tables, every cell a text; a table that is not there has no rows."""
    path = FOLDER / f"{name}.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else pd.DataFrame()


class Plot(NamedTuple):
    """A retelling of a film."""

    film: str
    split: Split
    text: str


class OtherWords(NamedTuple):
    """A question in somebody's own words that means a role and a genre, both by name."""

    role: str
    genre: str
    voice: str
    text: str


class Theme(NamedTuple):
    """A question about a role and a theme; ``keywords`` by name."""

    theme: str
    role: str
    split: Split
    text: str
    keywords: tuple[str, ...]


def plots() -> list[Plot]:
    """``plots.csv``."""
    return [Plot(*row) for row in table("plots")[list(Plot._fields)].itertuples(index=False)]


def other_words(split: Split) -> list[OtherWords]:
    """``other_words_validation.csv`` and ``other_words_test.csv``, written apart."""
    return [OtherWords(*row) for row in table(f"other_words_{split}")[list(OtherWords._fields)].itertuples(index=False)]


def themes() -> list[Theme]:
    """``theme_questions.csv``, with the keywords that ``themes.csv`` says."""
    covered = {row.theme: tuple(row.keywords.split(";")) for row in table("themes").itertuples()}
    return [
        Theme(row.theme, row.role, row.split, row.text, covered[row.theme])
        for row in table("theme_questions").itertuples()
    ]


def hungarian() -> dict[str, str]:
    """Question id, or text of a theme question → the question in Hungarian."""
    by_id, by_text = table("hungarian"), table("hungarian_themes")
    found = dict(zip(by_id["question_id"], by_id["text"], strict=True)) if len(by_id) else {}
    return found | (dict(zip(by_text["text"], by_text["hungarian"], strict=True)) if len(by_text) else {})


@cache
def formal_keywords() -> frozenset[str]:
    """``formal_keywords.csv``: keywords that say how a film is made or told, not what is in it."""
    return frozenset(table("formal_keywords")["keyword"])


@cache
def told_by_paraphrase() -> frozenset[tuple[str, str]]:
    """``paraphrased.csv``: person and film, where what the person is known for means the film without naming it."""
    found = table("paraphrased")
    return frozenset(zip(found["person"], found["film"], strict=True))


# ---- keywords, judged twice ----------------------------------------------------------------------------------------

Judgement = dict[tuple[str, str], int]
"""Phrase and keyword → 1 (near) or 2 (the same thing); what is not there is 0 (something else)."""


def judgement(which: str) -> Judgement:
    """What a judge said: ``"judge_a"``, ``"judge_b"``, or ``"settled"`` for what was decided between them."""
    found = table(f"keyword_{which}")
    if found.empty:
        return {}
    return dict(zip(zip(found["phrase"], found["keyword"], strict=True), map(int, found["grade"]), strict=True))


def agreed_keywords() -> list[tuple[str, Split, dict[str, int]]]:
    """Each phrase, its half, and its keywords with the grade that both judges agree on.

    Where they differ it is what was settled, else the lower grade. As long as there is one judge, that one's word
    counts.
    """
    first, second, settled = judgement("judge_a"), judgement("judge_b") or judgement("judge_a"), judgement("settled")
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    for pair in sorted({*first, *second, *settled}):
        one, other = first.get(pair, 0), second.get(pair, 0)
        grade = one if one == other else settled.get(pair, min(one, other))
        if grade:
            grades[pair[0]][pair[1]] = grade
    return [(row.phrase, row.split, grades[row.phrase]) for row in table("keyword_phrases").itertuples()]


def kappa(vocabulary: list[str], first: Judgement | None = None, second: Judgement | None = None) -> float:
    """Cohen's kappa (1960) of the two judges over every phrase with every keyword of the vocabulary, in three grades.

    Raises:
        ValueError: One of them has not judged.
    """
    first = judgement("judge_a") if first is None else first
    second = judgement("judge_b") if second is None else second
    if not first or not second:
        raise ValueError("two judgements are needed: keyword_judge_a.csv and keyword_judge_b.csv")
    phrases = table("keyword_phrases")["phrase"]
    counts = [[0] * 3 for _ in range(3)]
    known = set(vocabulary)
    for pair in {*first, *second}:
        if pair[1] in known:
            counts[first.get(pair, 0)][second.get(pair, 0)] += 1
    total = len(phrases) * len(vocabulary)
    counts[0][0] = total - sum(map(sum, counts))
    agreed = sum(counts[grade][grade] for grade in range(3)) / total
    by_chance = sum(sum(counts[grade]) * sum(row[grade] for row in counts) for grade in range(3)) / total**2
    return (agreed - by_chance) / (1 - by_chance)
