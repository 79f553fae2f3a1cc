"""Several methods as one: reciprocal rank fusion (Cormack, Clarke and Büttcher 2009). Nothing is tuned or trained.

What a method's scores mean does not matter, only who comes before whom: so counts, BM25 and cosines can be joined.
`reciprocal_rank_fusion` is the sum itself, for arrays of scores; `Fusion` is a method made of methods. It is the plain
yardstick that a hybrid with weights has to beat.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.protocol import Encoder, Method, require_method, scores_of, sees
from kgss_helpers.question import Asked

CONSTANT = 60
"""Of the paper: the larger, the less the first ranks stand out."""


def reciprocal_rank_fusion(scores: Sequence[np.ndarray], *, constant: int = CONSTANT) -> np.ndarray:
    """For each node the sum over methods of 1 / (constant + its rank), equal scores sharing the better rank.

    Args:
        scores: One array a method, each of shape (questions, nodes); minus infinity means *not found* and adds nothing.
        constant: How much the first ranks stand out.

    Returns:
        Shape (questions, nodes); minus infinity for what no method found.

    Raises:
        ValueError: There are no scores, or their shapes differ.
    """
    if not len(scores) or len({np.shape(part) for part in scores}) != 1:
        shapes = ", ".join(str(np.shape(part)) for part in scores) or "nothing"
        raise ValueError(f"a fusion needs scores of one shape from at least one method, got {shapes}")
    total = np.zeros(np.shape(scores[0]))
    for part in scores:
        found = np.isfinite(part)
        total += np.where(found, 1 / (constant + rankdata(-np.asarray(part), method="min", axis=1)), 0)
    return np.where(total > 0, total, -np.inf)


class Fusion:
    """Asks several methods, and joins their rankings among nodes of the type asked for.

    Args:
        methods: At least two.
        name: The row in the exam's table.

    Raises:
        ValueError: Fewer than two methods, or something that is none.
    """

    def __init__(self, methods: Sequence[Method | Encoder], *, name: str = "rank fusion") -> None:
        if len(methods) < 2:
            raise ValueError(f"a fusion joins at least two methods, got {len(methods)}")
        for method in methods:
            require_method(method)
        self.methods, self.name = tuple(methods), name
        self.sees = "; ".join(dict.fromkeys(filter(None, map(sees, methods))))

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): the sum of reciprocal ranks, minus infinity for what no method found."""
        kinds, types = np.unique(graph.nodes["node_type"].to_numpy(dtype=str), return_inverse=True)
        place = {kind: code for code, kind in enumerate(kinds)}
        wanted = np.array([place.get(question.node_type or "", -1) for question in questions])
        allowed = (wanted[:, None] == types) | np.array([question.node_type is None for question in questions])[:, None]
        asked = [scores_of(method, questions, graph) for method in self.methods]
        return reciprocal_rank_fusion([np.where(allowed, part, -np.inf) for part in asked])
