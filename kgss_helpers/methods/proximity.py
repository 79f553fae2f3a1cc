"""Graph proximity: what lies near the nodes that a question names. Nothing is trained, and only names are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.linking import NameIndex
from kgss_helpers.question import Asked


def adjacency(graph: KnowledgeGraph) -> sparse.csr_array:
    """Which nodes are joined, in both directions, shape (nodes, nodes): 1 however many edges join them."""
    table, size = graph.adjacency, len(graph.nodes)
    # Copied, because adding up duplicates sorts in place, and the graph keeps its own table.
    edges = (np.ones(len(table.neighbours)), table.neighbours, table.starts)
    joined = sparse.csr_array(edges, shape=(size, size), copy=True)
    joined.sum_duplicates()
    joined.data[:] = 1
    return joined


class _FromNamedNodes:
    """Scores by where one gets from the nodes that a question names, or from its anchor; nothing without any."""

    sees = "the graph; names in the question"
    name: str

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): proximity, minus infinity where there is none."""
        names, joined = NameIndex(graph), adjacency(graph)
        scores = np.full((len(questions), len(graph.nodes)), -np.inf)
        for row, question in enumerate(questions):
            named = [question.anchor] if question.anchor else names.named(question.text)
            if named:
                found = self.spread([graph.position(node_id) for node_id in named], joined)
                scores[row] = np.where(found > 0, found, -np.inf)
        return scores

    def spread(self, starts: list[int], joined: sparse.csr_array) -> np.ndarray:
        """Proximity of every node to the starts, shape (nodes,)."""
        raise NotImplementedError


class PersonalisedPageRank(_FromNamedNodes):
    """Where a walk is found that keeps returning to the named nodes (Page et al. 1999; Haveliwala 2002).

    Args:
        restart: How likely each step returns to the start.
        steps: Of the power iteration; the rest is below ``(1 - restart) ** steps``.
    """

    name = "personalised PageRank"

    def __init__(self, restart: float = 0.3, steps: int = 30) -> None:
        self.restart, self.steps = restart, steps

    def spread(self, starts: list[int], joined: sparse.csr_array) -> np.ndarray:
        """Probabilities, shape (nodes,)."""
        start = np.zeros(joined.shape[0])
        start[starts] = 1 / len(starts)
        out = joined.sum(axis=1)
        here = start
        for _ in range(self.steps):
            moved = joined.T @ np.divide(here, out, out=np.zeros_like(here), where=out > 0)
            here = self.restart * start + (1 - self.restart) * moved
        return here


class AdamicAdar(_FromNamedNodes):
    """Common neighbours, each weighed by 1 / log(degree) (Adamic and Adar 2003): rare company says more."""

    name = "Adamic–Adar"

    def spread(self, starts: list[int], joined: sparse.csr_array) -> np.ndarray:
        """Sums of weights, shape (nodes,)."""
        degree = joined.sum(axis=1)
        weight = np.where(degree > 1, 1 / np.log(np.maximum(degree, 2)), 0)
        around = joined[starts].sum(axis=0)
        return joined.T @ (weight * around)


class ThreeHops(_FromNamedNodes):
    """Walks of three steps, each shared out by degree: from somebody to a project, a colleague, another project."""

    name = "three-hop counts"

    def spread(self, starts: list[int], joined: sparse.csr_array) -> np.ndarray:
        """Sums over walks of the products of 1 / degree, shape (nodes,)."""
        degree = joined.sum(axis=1)
        here = np.zeros(joined.shape[0])
        here[starts] = 1 / len(starts)
        for _ in range(3):
            here = joined.T @ np.divide(here, degree, out=np.zeros_like(here), where=degree > 0)
        return here
