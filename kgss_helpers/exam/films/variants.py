"""The same questions put differently: misspelt, and in Hungarian. They measure robustness and count in no family."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from kgss_helpers.exam.films import by_hand
from kgss_helpers.exam.films.families import PHRASINGS
from kgss_helpers.exam.films.holdout import lot
from kgss_helpers.exam.films.proof import EMPTY_WORDS
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Question

HAVE_VARIANTS = ("role and genre", "theme", "plot")
MISSPELT = {"misspelt-1": 1, "misspelt-2": 2}
"""How many letters are wrong."""
HUNGARIAN = "hungarian"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SHORTEST = 4
"""Shorter words are left alone, and so are those that every question of a kind has."""
LEFT_ALONE = EMPTY_WORDS | {word for phrasing in PHRASINGS for word in re.findall(r"\w+", phrasing)}


def with_variants(questions: Sequence[Question]) -> list[Question]:
    """The questions, and after them their variants from ``variants.csv``."""
    by_id = {question.question_id: question for question in questions}
    put_differently = []
    for row in by_hand.table("variants").itertuples():
        if row.question_id in by_id:
            name = f"{row.question_id}~{row.variant}"
            put_differently.append(
                replace(by_id[row.question_id], question_id=name, text=row.text, variant=row.variant)
            )
    return [*questions, *put_differently]


def make_variants(questions: Sequence[Question], graph: KnowledgeGraph) -> Iterator[tuple[str, str, str]]:
    """Question id, variant and text of everything that can be put differently."""
    chosen = [question for question in questions if question.family in HAVE_VARIANTS]
    known = vocabulary(questions, graph)
    for variant, edits in MISSPELT.items():
        for question in chosen:
            yield question.question_id, variant, misspelt(question.text, edits, known, key=question.question_id)
    texts = by_hand.hungarian()
    for question in chosen:
        text = texts.get(question.text) or texts.get(question.question_id)
        if text:
            yield question.question_id, HUNGARIAN, text


def vocabulary(questions: Iterable[Question], graph: KnowledgeGraph) -> set[str]:
    """Every word that stands in a question, a name or a description: no misspelling may turn into one of them."""
    texts = [question.text for question in questions if not question.variant]
    texts += [*graph.nodes["name"], *graph.nodes["description"]]
    return EMPTY_WORDS | {word.casefold() for text in texts for word in re.findall(r"\w+", text)}


def misspelt(text: str, edits: int, known: set[str], *, key: str) -> str:
    """The text with so many wrong letters, in different words as long as there are enough; the same for the same key.

    Only words of four letters or more that carry meaning are touched, and never their first letter. A word that is
    misspelt twice may still look like one wrong letter.
    """
    rng = np.random.default_rng(int(lot("misspelt", key, str(edits)) * 2**53))
    parts = re.findall(r"[^\W\d_]+|[\W\d_]+", text)
    chosen = [
        row
        for row, part in enumerate(parts)
        if len(part) >= SHORTEST and part.isalpha() and part.isascii() and part.casefold() not in LEFT_ALONE
    ]
    if not chosen:
        return text
    order = rng.permutation(chosen)
    for turn in range(edits):
        row = order[turn % len(order)]
        parts[row] = _one_edit(parts[row], known, rng)
    return "".join(parts)


def _one_edit(word: str, known: set[str], rng: np.random.Generator) -> str:
    """The word with two letters swapped, one left out, one doubled, or one replaced, so that no known word results."""
    while True:
        at, letter = int(rng.integers(1, len(word))), LETTERS[rng.integers(len(LETTERS))]
        made = (
            word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :] if at > 1 else word,
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + letter + word[at + 1 :],
        )[rng.integers(4)]
        if made != word and made.casefold() not in known:
            return made
