"""Vectors that were computed before, as a method of the exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from kgss_helpers.encoders.sentence import encode
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.memory import release_memory

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class KnownVectors:
    """A space that is already there: nothing is computed when it answers.

    Args:
        nodes: Unit vectors, shape (nodes, dimensions), in the order of the graph's nodes.
        texts: Unit vector of each question that can be asked.
        name: The row in the exam's table.
    """

    def __init__(self, nodes: np.ndarray, texts: Mapping[str, np.ndarray], *, name: str) -> None:
        self.nodes, self.texts, self.name = nodes, texts, name

    @classmethod
    def of(
        cls,
        model: SentenceTransformer,
        documents: Sequence[str],
        questions: Sequence[str],
        *,
        name: str,
        bf16: bool = False,
    ) -> Self:
        """What a model makes of one document a node, and of the questions; ``bf16`` as for `encode`."""
        distinct = list(dict.fromkeys(questions))
        vectors = encode(model, [*documents, *distinct], bf16=bf16)
        release_memory()
        nodes, texts = np.split(vectors, [len(documents)])
        return cls(nodes, dict(zip(distinct, texts, strict=True)), name=name)

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Nothing to learn."""
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Shape (nodes, dimensions); raises ValueError for a graph of another size."""
        if len(self.nodes) != len(graph.nodes):
            raise ValueError(f"{self.name} has vectors of {len(self.nodes)} nodes, {graph.name} has {len(graph.nodes)}")
        return self.nodes

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (texts, dimensions); raises ValueError naming a text that has no vector."""
        missing = next((text for text in texts if text not in self.texts), None)
        if missing is not None:
            raise ValueError(f"{self.name} has no vector for {missing!r}; give it among the questions")
        return np.stack([self.texts[text] for text in texts])
