"""Neighbours' texts lent to each other: the mean of vectors around a node, without any training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy import sparse

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.protocol import Encoder
from kgss_helpers.methods.proximity import adjacency


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
        joined = sparse.csr_array(adjacency(graph) + sparse.eye_array(len(graph.nodes)))
        root = sparse.diags_array(1 / np.sqrt(joined.sum(axis=1)))
        average = root @ joined @ root
        for _ in range(self.hops):
            vectors = average @ vectors
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (texts, dimensions)."""
        return self.encoder.encode_queries(texts)
