"""Neighbours' texts lent to each other: the mean of vectors around a node, without any training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.propagation import averaging, propagate
from kgss_helpers.methods.protocol import Encoder
from kgss_helpers.space import unit_rows


class Smoothed:
    """An encoder whose node vectors are averaged over neighbours, hop after hop (SGC, Wu et al. 2019).

    Each hop multiplies by the adjacency with self-loops, normalised by the roots of both degrees.

    Args:
        encoder: Whose vectors are averaged; questions are encoded as it does.
        hops: How often.
    """

    def __init__(self, encoder: Encoder, hops: int = 1, *, name: str = "") -> None:
        self.encoder, self.hops = encoder, hops
        self.name = name or f"{encoder.name}, {hops} hop{'s' * (hops != 1)} of averaging"
        self.sees = "texts of nodes; the graph"

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Fits the encoder."""
        self.encoder.fit(graph)
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Unit vectors, shape (nodes, dimensions)."""
        vectors = self.encoder.encode_nodes(graph)
        vectors = propagate(vectors, averaging(graph), restart=0, hops=self.hops)
        return unit_rows(vectors).astype(np.float32)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (texts, dimensions)."""
        return self.encoder.encode_queries(texts)
