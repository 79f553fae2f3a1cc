"""Sums and differences of word vectors: A is to B as C is to D, a gap in a sentence, directions, concepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.space import best, unit_rows
from kgss_helpers.text.corpora import words_of

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

MOST = 30_000
"""So many words of a table, the most frequent ones, take part in the analogy test, as in gensim's own."""
CHUNK = 512
GAP = "{X}"


class UnknownWordError(ValueError):
    """A table has no vector for a word; the message names it and what is spelled like it."""


def unit_vectors(table: KeyedVectors, most: int | None = None) -> np.ndarray:
    """The vectors of the first ``most`` words (of all if not given) divided by their lengths, shape (words, dim)."""
    vectors = np.asarray(table.vectors[:most], dtype=np.float32)
    return unit_rows(vectors)


def require_word(table: KeyedVectors, word: str) -> str:
    """The word as the table spells it; raises UnknownWordError naming what is spelled like it."""
    plain = " ".join(word.lower().split())
    if not plain:
        raise UnknownWordError("type a word")
    if plain in table.key_to_index:
        return plain
    begins = [known for known in table.index_to_key[:MOST] if known[:1] == plain[:1]]
    near = get_close_matches(plain, begins, n=3, cutoff=0.7)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; try another word for it"
    one = "" if len(plain.split()) == 1 else " (it knows single words only)"
    raise UnknownWordError(f"this table has no vector for '{plain}'{one}{hint}")


def analogy(
    table: KeyedVectors, a: str, b: str, c: str, *, k: int = 5, exclude: bool = True, most: int | None = MOST
) -> pd.DataFrame:
    """The words nearest to b − a + c, all of them unit vectors (Mikolov, Yih and Zweig 2013: 3CosAdd).

    Args:
        table: One vector a word.
        a: Is to
        b: as
        c: is to the answer.
        k: How many answers.
        exclude: Leave out a, b and c themselves; nearly always the nearest is one of them.
        most: Only so many words, the most frequent ones.

    Returns:
        ``word`` and ``cosine``, largest first.

    Raises:
        UnknownWordError: The table lacks one of the three.
    """
    asked = [require_word(table, word) for word in (a, b, c)]
    first, second, third = (table.get_vector(word, norm=True) for word in asked)
    return nearest(table, second - first + third, k=k, without=asked if exclude else (), most=most)


def nearest(
    table: KeyedVectors,
    vector: np.ndarray,
    *,
    k: int = 10,
    without: Sequence[str] = (),
    among: Sequence[str] | None = None,
    most: int | None = MOST,
) -> pd.DataFrame:
    """The words whose vectors point most nearly where one vector points: ``word`` and ``cosine``, largest first.

    Args:
        table: One vector a word.
        vector: Shape (dimensions,); a vector of zeros finds nothing.
        k: How many.
        without: Words that are left out.
        among: Only these words, as far as the table knows them.
        most: Only so many words, the most frequent ones.
    """
    length = float(np.linalg.norm(vector))
    if length == 0:
        return pd.DataFrame({"word": [], "cosine": []})
    cosines = unit_vectors(table, most) @ (np.asarray(vector, dtype=np.float32) / length)
    cosines[_rows(table, without, len(cosines))] = -np.inf
    if among is not None:
        others = np.setdiff1d(np.arange(len(cosines)), _rows(table, among, len(cosines)))
        cosines[others] = -np.inf
    found = best(cosines.round(6), k)
    return pd.DataFrame({"word": [table.index_to_key[row] for row in found], "cosine": cosines[found]})


def _rows(table: KeyedVectors, words: Sequence[str], most: int) -> list[int]:
    known = [table.key_to_index[word] for word in words if word in table.key_to_index]
    return [row for row in known if row < most]


# ---- the analogy test --------------------------------------------------------------------------------------------


def google_analogies() -> pd.DataFrame:
    """The 19,544 analogies of Mikolov and others (2013), from gensim: ``section``, ``a``, ``b``, ``c``, ``d``."""
    from gensim.test.utils import datapath

    section, rows = "", []
    for line in Path(datapath("questions-words.txt")).read_text(encoding="utf-8").splitlines():
        if line.startswith(":"):
            section = line[1:].strip()
        else:
            rows.append((section, *line.lower().split()))
    return pd.DataFrame(rows, columns=["section", "a", "b", "c", "d"])


def solve(table: KeyedVectors, questions: pd.DataFrame, *, most: int = MOST) -> pd.DataFrame:
    """What a table answers to analogies, all at once.

    Args:
        table: One vector a word.
        questions: Columns ``a``, ``b``, ``c``, ``d``.
        most: Only so many words of the table take part.

    Returns:
        The questions whose four words the table knows, with the answers ``by_sum`` (inputs left out, as the test is
        defined), ``inputs_allowed`` (nothing left out) and ``near_c`` (nearest to c alone, inputs left out).
    """
    place = {word: row for row, word in enumerate(table.index_to_key[:most])}
    covered = questions[questions[["a", "b", "c", "d"]].isin(list(place)).all(axis=1)].reset_index(drop=True)
    words = pd.unique(covered[["a", "b", "c"]].to_numpy().ravel())
    vectors = unit_vectors(table, most)
    cosines = vectors[[place[word] for word in words]] @ vectors.T
    row_of = {word: row for row, word in enumerate(words)}
    found: dict[str, list[np.ndarray]] = {"by_sum": [], "inputs_allowed": [], "near_c": []}
    for start in range(0, len(covered), CHUNK):
        part = covered.iloc[start : start + CHUNK]
        a, b, c = (cosines[part[column].map(row_of)] for column in "abc")
        scores, near_c = b - a + c, c.copy()
        found["inputs_allowed"].append(scores.argmax(axis=1))
        inputs = np.stack([part[column].map(place) for column in "abc"], axis=1)
        for answered, values in (("by_sum", scores), ("near_c", near_c)):
            np.put_along_axis(values, inputs, -np.inf, axis=1)
            found[answered].append(values.argmax(axis=1))
    names = np.array(table.index_to_key[:most], dtype=object)
    empty = np.zeros(0, dtype=int)
    return covered.assign(**{how: names[np.concatenate(rows or [empty])] for how, rows in found.items()})


# ---- a gap in a sentence -----------------------------------------------------------------------------------------


def context_words(sentence: str, gap: str = GAP) -> list[str]:
    """The words of a sentence around its gap, in order; raises ValueError where there is no gap, or more than one."""
    if sentence.count(gap) != 1:
        raise ValueError(f"the sentence needs one gap, written {gap}")
    return words_of(sentence.replace(gap, " "))


def context_weights(words: Sequence[str], counts: Mapping[str, int], rarity: float = 1e-4) -> pd.Series:
    """How much each distinct word says: a / (a + p), where p is its share of running text (Arora and others 2017)."""
    total = max(sum(counts.values()), 1)
    weights = {word: rarity / (rarity + counts.get(word, 0) / total) for word in words}
    return pd.Series(weights, dtype=float).rename("weight")


def fill_gap(
    table: KeyedVectors,
    sentence: str,
    counts: Mapping[str, int],
    *,
    among: Sequence[str] | None = None,
    gap: str = GAP,
    k: int = 10,
) -> pd.DataFrame:
    """What a table puts into the gap of a sentence: the words nearest to the weighted mean of those around it.

    Args:
        table: One vector a word.
        sentence: With one gap.
        counts: How often each word stands in running text.
        among: Only these words, as far as the table knows them; all if not given.
        gap: How the gap is written.
        k: How many words.

    Returns:
        ``word`` and ``cosine``, largest first.

    Raises:
        ValueError: There is not one gap.
        UnknownWordError: The table knows no word of the sentence.
    """
    vector = context_vector(table, sentence, counts, gap=gap)
    return nearest(table, vector, k=k, without=context_words(sentence, gap), among=among)


def context_vector(table: KeyedVectors, sentence: str, counts: Mapping[str, int], *, gap: str = GAP) -> np.ndarray:
    """The mean of the words around a gap that a table knows, each weighed by `context_weights`; shape (dimensions,).

    Raises:
        ValueError: There is not one gap.
        UnknownWordError: The table knows no word of the sentence.
    """
    known = [word for word in context_words(sentence, gap) if word in table.key_to_index]
    if not known:
        raise UnknownWordError("this table knows no word of the sentence; try another one")
    weights = context_weights(known, counts)
    return np.average([table.get_vector(word, norm=True) for word in weights.index], axis=0, weights=weights)


# ---- directions and concepts -------------------------------------------------------------------------------------


def direction(table: KeyedVectors, one_end: Sequence[str], other_end: Sequence[str]) -> np.ndarray:
    """The unit vector from the mean of some words to the mean of others; raises UnknownWordError for one it lacks."""
    means = [
        np.mean([table.get_vector(require_word(table, word), norm=True) for word in words], axis=0)
        for words in (one_end, other_end)
    ]
    difference = means[1] - means[0]
    return difference / np.linalg.norm(difference)


def along(table: KeyedVectors, words: Sequence[str], axis: np.ndarray) -> pd.Series:
    """The cosine of each word with a direction, smallest first."""
    found = {word: float(table.get_vector(require_word(table, word), norm=True) @ axis) for word in words}
    return pd.Series(found, dtype=float).sort_values(kind="stable")


def learn_concept(
    table: KeyedVectors, examples: Sequence[str], *, negatives: int = 40, seed: int = 0, most: int | None = None
) -> pd.Series:
    """Every word's distance from the hyperplane between some examples and words drawn by lot (Cortes and Vapnik 1995).

    Args:
        table: One vector a word.
        examples: Words that have what is to be learned.
        negatives: How many words, drawn from the rest, stand for not having it; some of them may have it after all.
        seed: Of the draw.
        most: Only so many words of the table.

    Returns:
        Word → signed distance, largest first; the examples and the drawn words are left out.
    """
    from sklearn.svm import LinearSVC

    vectors, names = unit_vectors(table, most), table.index_to_key[:most]
    rows = [table.key_to_index[require_word(table, word)] for word in examples]
    rest = np.setdiff1d(np.arange(len(names)), rows)
    drawn = np.random.default_rng(seed).choice(rest, negatives, replace=False)
    labels = np.repeat([1, 0], [len(rows), negatives])
    machine = LinearSVC(random_state=0).fit(vectors[[*rows, *drawn]], labels)
    distances = pd.Series(machine.decision_function(vectors) / np.linalg.norm(machine.coef_), index=names)
    return distances.drop([names[row] for row in [*rows, *drawn]]).sort_values(ascending=False, kind="stable")
