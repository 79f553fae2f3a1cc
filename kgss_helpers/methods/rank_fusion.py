"""Several methods as one by reciprocal rank fusion (Cormack, Clarke and Büttcher 2009). Nothing is tuned or trained.

What a method's scores mean does not matter, only who comes before whom: so counts, BM25 and cosines can be joined. It
needs nothing but a graph, and is the plain yardstick for a hybrid whose weights are learned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.fusion import reciprocal_ranks
from kgss_helpers.methods.protocol import Encoder, Method, require_method, scores_of, sees
from kgss_helpers.question import Asked


class RankFusion:
    """Asks several methods, and adds their reciprocal ranks among nodes of the type asked for.

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
        types = graph.nodes["node_type"].to_numpy()
        total = np.zeros((len(questions), len(graph.nodes)))
        for method in self.methods:
            scores = scores_of(method, questions, graph)
            for row, question in enumerate(questions):
                allowed = types == question.node_type if question.node_type else np.ones(len(types), dtype=bool)
                total[row, allowed] += reciprocal_ranks(scores[row, allowed])
        return np.where(total > 0, total, -np.inf)
