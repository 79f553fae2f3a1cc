"""What people wrote and judged for the film exam: small tables in ``data/exam``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
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


@cache
def formal_keywords() -> frozenset[str]:
    """``formal_keywords.csv``: keywords that say how a film is made or told, not what is in it."""
    return frozenset(table("formal_keywords")["keyword"])


@cache
def told_by_paraphrase() -> frozenset[tuple[str, str]]:
    """``paraphrased.csv``: person and film, where what the person is known for means the film without naming it."""
    found = table("paraphrased")
    return frozenset(zip(found["person"], found["film"], strict=True))
