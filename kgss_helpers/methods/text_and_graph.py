"""Two vectors side by side: what a node's text means, and where its edges put it.

A question has no edges, but it may name a node. So its first part is what its words mean, and its second is where that
node's edges would lead. One product of the two long vectors is then the sum of both: what is near in words, and what is
near in the graph to whoever is named. A question that names nobody is answered by its words alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.embeddings_of_graphs import distilled_pagerank
from kgss_helpers.methods.linking import NameIndex
from kgss_helpers.methods.protocol import Encoder
from kgss_helpers.methods.proximity import adjacency
from kgss_helpers.space import unit_rows

BothEnds = Callable[[KnowledgeGraph], tuple[np.ndarray, np.ndarray]]


class TextAndGraph:
    """An encoder whose vectors are a text's and a graph's, one behind the other.

    Args:
        text: Encodes nodes and questions by what they mean.
        share: How much of a vector's squared length is the graph's, between 0 and 1.
        node_types: Only names of these types are looked for in a question; of all if not given.
        name: The row in the exam's table.
        make: Gives two tables for a graph, as where an edge begins and as where it ends, each of shape (nodes,
            dimensions).

    Raises:
        ValueError: The share is not between 0 and 1.
    """

    sees = "texts of nodes; the graph; names in the question"

    def __init__(
        self,
        text: Encoder,
        *,
        share: float,
        node_types: tuple[str, ...] = (),
        name: str = "text and distilled PageRank",
        make: BothEnds = distilled_pagerank,
    ) -> None:
        if not 0 < share < 1:
            raise ValueError(f"the share of the graph is {share}; take a number between 0 and 1")
        self.text, self.name, self._make, self._node_types = text, name, make, node_types
        self.training_seconds = getattr(text, "training_seconds", 0.0)
        self._of_text, self._of_graph = np.sqrt([1 - share, share])

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Fits the text's encoder, makes the graph's tables, and learns all names."""
        self.text.fit(graph)
        self._begins, self._ends = (unit_rows(table) for table in self._make(graph))
        self._rows = {node: row for row, node in enumerate(graph.nodes["node_id"])}
        self._names = NameIndex(graph, self._node_types)
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Unit vectors, shape (nodes, dimensions), float32.

        A node that was not there when this was fitted has the mean of its neighbours in the graph's part.
        """
        rows = np.array([self._rows.get(node, -1) for node in graph.nodes["node_id"]])
        placed = np.where(rows[:, None] >= 0, self._ends[rows], 0)
        new = rows < 0
        if new.any():
            placed[new] = unit_rows(adjacency(graph)[new] @ placed)
        vectors = self._joined(self.text.encode_nodes(graph), placed)
        vectors[:, -1] = np.sqrt(np.maximum(1 - np.square(vectors).sum(axis=1), 0))
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (texts, dimensions), float32; the graph's part is that of all nodes that a text names."""
        placed = np.zeros((len(texts), self._begins.shape[1]), dtype=np.float32)
        for row, text in enumerate(texts):
            if named := [self._rows[node] for node in self._names.named(text)]:
                placed[row] = self._begins[named].mean(axis=0)
        return unit_rows(self._joined(self.text.encode_queries(texts), unit_rows(placed)))

    def _joined(self, meant: np.ndarray, placed: np.ndarray) -> np.ndarray:
        """Both parts and a zero; there a node without edges keeps the rest of its length, lest its text count more."""
        rest = np.zeros((len(meant), 1))
        return np.hstack([self._of_text * meant, self._of_graph * placed, rest]).astype(np.float32)
