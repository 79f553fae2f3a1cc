"""Several rankings made one: by reciprocal ranks, and by a router that learns whom to believe for which question.

Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009) adds 1 / (60 + rank) over the rankings. A router multiplies
each ranking by a weight first, which depends on what is seen of the question: a mixture of experts (Jacobs et al. 1991)
whose experts are fixed. Its loss is the cross-entropy of a softmax over candidates (McFadden 1974), so the weights are
learned from questions whose answers are known, and from nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from scipy.optimize import minimize

from kgss_helpers.files import require_file, write_whole

RANK_SHIFT = 60.0
"""Of reciprocal ranks: the larger, the less the first places count more than the next."""
STEEP = 10.0
"""Votes are multiplied by this before a softmax over candidates, so that weights near 1 can tell them apart."""
ROUNDS = 100
LEAST = 1e-12
LARGEST = 6.0
"""No weight is larger than the exponential of this, nor smaller than that of its negative."""


def reciprocal_ranks(scores: np.ndarray, *, shift: float = RANK_SHIFT) -> np.ndarray:
    """``(shift + 1) / (shift + rank)``: 1 for the best, 0 for what is not found; equal scores share the better rank.

    Args:
        scores: Shape (candidates,); minus infinity means *not found*.
        shift: Added to every rank.
    """
    found = np.isfinite(scores)
    votes = np.zeros(len(scores))
    if found.any():
        ordered = np.sort(scores[found])
        rank = len(ordered) - np.searchsorted(ordered, scores[found], side="right") + 1
        votes[found] = (shift + 1) / (shift + rank)
    return votes


def votes_of(scores: np.ndarray, *, shift: float = RANK_SHIFT, rank_share: float = 1.0) -> np.ndarray:
    """Votes from 0 to 1: reciprocal ranks, and the root of each score's share of the best one.

    Ranks forget by how much one is better than the next, shares of scores forget that two methods count differently;
    the root lets those that are nearly as good as the best count nearly as much.

    Args:
        scores: Shape (candidates,); minus infinity means *not found*. What is below 0 has no share.
        shift: As for `reciprocal_ranks`.
        rank_share: Of the vote; 1 takes ranks alone.
    """
    votes = reciprocal_ranks(scores, shift=shift)
    if rank_share == 1:
        return votes
    positive = np.where(np.isfinite(scores), np.maximum(scores, 0), 0)
    return rank_share * votes + (1 - rank_share) * np.sqrt(positive / max(positive.max(initial=0), LEAST))


@dataclass(frozen=True, eq=False)
class Example:
    """A question with its candidates, for learning.

    Attributes:
        features: What is seen of the question, shape (features,).
        votes: Shape (candidates, sources), each from 0 to 1.
        true: Shape (candidates,): shares of the right answers, summing to 1.
    """

    features: np.ndarray
    votes: np.ndarray
    true: np.ndarray


@dataclass(frozen=True, eq=False)
class Router:
    """Weights of sources, as the exponential of a linear function of a question's features.

    Attributes:
        features: Their names.
        sources: Their names.
        table: Shape (features, sources).
        shift: Of the reciprocal ranks that it was learned with.
        reader: The model that read the questions it was learned from.
        rank_share: Of the votes that it was learned with (`votes_of`).
    """

    features: tuple[str, ...]
    sources: tuple[str, ...]
    table: np.ndarray
    shift: float = RANK_SHIFT
    reader: str = ""
    rank_share: float = 1.0

    @classmethod
    def equal(
        cls, features: Sequence[str], sources: Sequence[str], *, shift: float = RANK_SHIFT, rank_share: float = 1.0
    ) -> Self:
        """Believes all sources alike: reciprocal rank fusion as it was published."""
        table = np.zeros((len(features), len(sources)))
        return cls(tuple(features), tuple(sources), table, shift, rank_share=rank_share)

    def weights(self, features: np.ndarray) -> np.ndarray:
        """Shape (questions, sources), or (sources,) for one question."""
        return np.exp(np.clip(features @ self.table, -LARGEST, LARGEST))

    # ---- the file --------------------------------------------------------------------------------------------------

    def save(self, path: Path | str) -> Path:
        """Writes JSON whole or not at all; returns the path."""
        rows = {
            name: [round(float(value), 4) for value in row] for name, row in zip(self.features, self.table, strict=True)
        }
        content = {"reader": self.reader, "shift": self.shift, "rank_share": self.rank_share}
        content |= {"sources": list(self.sources), "features": rows}
        lines = json.dumps(content, ensure_ascii=False, indent=1)
        return write_whole(path, lines + "\n")

    @classmethod
    def load(cls, path: Path | str, *, features: Sequence[str], sources: Sequence[str], renew: str = "") -> Self:
        """Reads what `save` wrote.

        Args:
            path: The file.
            features: Their names, in the order that the caller computes them.
            sources: Likewise.
            renew: The command that makes the file anew; the error names it.

        Raises:
            FileNotFoundError: There is no file.
            ValueError: It is damaged, or of other features or sources.
        """
        path, remedy = require_file(path), f"; make it anew with {renew}" if renew else ""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            rows, shift, reader = content["features"], float(content["shift"]), str(content["reader"])
            rank_share = float(content["rank_share"])
            names, table = tuple(content["sources"]), np.array(list(rows.values()), dtype=float)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path.name} holds no weights of sources ({error}){remedy}") from None
        if tuple(rows) != tuple(features) or names != tuple(sources):
            raise ValueError(f"{path.name} has weights for other features or sources than there are now{remedy}")
        if (
            table.shape != (len(rows), len(names))
            or not np.isfinite(table).all()
            or not (shift > 0 and 0 <= rank_share <= 1)
        ):
            raise ValueError(f"{path.name}: a weight is missing or no number{remedy}")
        return cls(tuple(features), names, table, shift, reader, rank_share)


def even_importance(families: Sequence[str]) -> np.ndarray:
    """Of each question, shape (questions,), so that every family counts the same; ``families`` are the questions'."""
    sizes = Counter(families)
    return np.array([len(families) / len(sizes) / sizes[family] for family in families])


def learn_router(
    examples: Sequence[Example],
    features: Sequence[str],
    sources: Sequence[str],
    *,
    importance: np.ndarray | None = None,
    ridge: float = 1.0,
    shift: float = RANK_SHIFT,
    rank_share: float = 1.0,
    reader: str = "",
) -> Router:
    """The weights that make the right answers likeliest among the candidates.

    Args:
        examples: Questions whose answers are known; the only thing that is learned from.
        features: Their names; the first should be 1 for every question.
        sources: Their names.
        importance: Of each question, shape (questions,); all alike, if not given.
        ridge: How much half the sum of squared numbers of the table costs.
        shift: As the votes were made with.
        rank_share: Likewise.
        reader: The model's name, kept with the weights.

    Raises:
        ValueError: There is no example.
    """
    if not examples:
        raise ValueError("there is no question to learn from: each needs a right answer among its candidates")
    shape = (len(features), len(sources))
    seen = np.stack([example.features for example in examples])
    votes = np.concatenate([example.votes for example in examples])
    true = np.concatenate([example.true for example in examples])
    sizes = [len(example.votes) for example in examples]
    begins, of = np.cumsum([0, *sizes[:-1]]), np.repeat(np.arange(len(examples)), sizes)
    cost_of = np.ones(len(examples)) if importance is None else np.asarray(importance, dtype=float)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = flat.reshape(shape)
        linear = seen @ table
        weights = np.exp(np.clip(linear, -LARGEST, LARGEST))
        scores = STEEP * np.einsum("cs,cs->c", votes, weights[of])
        scores -= np.maximum.reduceat(scores, begins)[of]
        likely = np.exp(scores)
        total = np.add.reduceat(likely, begins)
        surplus = (likely / total[of] - true) * cost_of[of]
        cost = float(cost_of @ (np.log(total) - np.add.reduceat(scores * true, begins)))
        by_weight = STEEP * np.add.reduceat(surplus[:, None] * votes, begins)
        gradient = seen.T @ (by_weight * weights * (np.abs(linear) < LARGEST)) + ridge * table
        return cost + ridge * float((table**2).sum()) / 2, gradient.ravel()

    start = np.zeros(shape).ravel()
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS}).x
    return Router(tuple(features), tuple(sources), found.reshape(shape), shift, reader, rank_share)
