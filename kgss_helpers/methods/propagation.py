"""Text spread over a graph without training: of vectors (APPNP), and of a question's scores (Correct and Smooth)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy import sparse
from scipy.special import log_softmax

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.linking import NameIndex
from kgss_helpers.methods.protocol import Encoder
from kgss_helpers.methods.proximity import adjacency
from kgss_helpers.question import Asked
from kgss_helpers.space import unit_rows

LEAST = 1e-12
"""Shares below this are noise: their logarithm is cut off here."""
AT_ONCE = 256
"""So many questions are spread together, to keep memory small."""


def averaging(graph: KnowledgeGraph, *, self_loops: bool = True) -> sparse.csr_array:
    """The adjacency divided by the roots of both degrees, shape (nodes, nodes), symmetric (Kipf and Welling 2017).

    Args:
        graph: Whose nodes are joined; a node without neighbours gets a row of zeros, or itself with self-loops.
        self_loops: Each node is its own neighbour too.
    """
    joined = adjacency(graph)
    if self_loops:
        joined = sparse.csr_array(joined + sparse.eye_array(len(graph.nodes)))
    root = 1 / np.sqrt(np.maximum(joined.sum(axis=1), 1))
    return sparse.csr_array(sparse.diags_array(root) @ joined @ sparse.diags_array(root))


def propagate(start: np.ndarray, average: sparse.csr_array, *, restart: float, hops: int) -> np.ndarray:
    """Moves numbers along the edges again and again, each time mixed with where they started (Klicpera et al. 2019).

    Args:
        start: Shape (nodes, anything).
        average: Shape (nodes, nodes), such as `averaging` makes.
        restart: The start's share each time; 1 changes nothing, 0 forgets the start.
        hops: How often; what is left out is below ``(1 - restart) ** hops``.

    Raises:
        ValueError: The share is not between 0 and 1, or there are fewer than no hops.
    """
    if not 0 <= restart <= 1 or hops < 0:
        raise ValueError(f"restart must lie between 0 and 1 and hops not below 0, found {restart} and {hops}")
    here = start
    for _ in range(hops):
        here = (1 - restart) * (average @ here) + restart * start
    return here


class Appnp:
    """An encoder whose node vectors are spread by personalised PageRank (APPNP, Klicpera et al. 2019).

    Where `kgss_helpers.methods.smoothing.Smoothed` forgets a node's own text hop by hop, each hop here returns to it.

    Args:
        encoder: Whose vectors are spread; questions are encoded as it does.
        restart: The own text's share.
        hops: How often.
        name: The row in the exam's table.
    """

    sees = "texts of nodes; the graph"

    def __init__(self, encoder: Encoder, *, restart: float = 0.5, hops: int = 10, name: str = "") -> None:
        self.encoder, self.restart, self.hops = encoder, restart, hops
        self.name = name or f"{encoder.name}, APPNP"

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Fits the encoder."""
        self.encoder.fit(graph)
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Unit vectors, shape (nodes, dimensions), float32; zeros where nothing arrives."""
        vectors = self.encoder.encode_nodes(graph)
        vectors = propagate(vectors, averaging(graph), restart=self.restart, hops=self.hops)
        return unit_rows(vectors).astype(np.float32)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (texts, dimensions)."""
        return self.encoder.encode_queries(texts)


class CorrectAndSmooth:
    """A question's scores, corrected where the truth is known and smoothed over the edges (Huang et al. 2021).

    The original predicts classes of nodes. Here a question's prediction is the softmax of its cosines with all nodes.
    Known is what the question names word for word, or starts from. At these nodes the prediction's error is spread
    over the graph and taken off (*correct*); then the corrected shares are spread in their turn (*smooth*). A node's
    score is the logarithm of what arrives, plus that of its own prediction, so that a text still counts for itself.

    Args:
        encoder: Makes the cosines.
        scale: By which cosines are multiplied before the softmax.
        restart: The start's share in both spreads.
        hops: Of both spreads.
        text_weight: The weight of the own prediction's logarithm.
        name: The row in the exam's table.
    """

    sees = "texts of nodes; the graph; names in the question"

    def __init__(
        self,
        encoder: Encoder,
        *,
        scale: float = 20.0,
        restart: float = 0.2,
        hops: int = 10,
        text_weight: float = 1.0,
        name: str = "",
    ) -> None:
        self.encoder, self.scale, self.restart, self.hops = encoder, scale, restart, hops
        self.text_weight = text_weight
        self.name = name or f"{encoder.name}, Correct and Smooth"

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): logarithms, all finite."""
        nodes = self.encoder.encode_nodes(graph)
        asked = np.array(self.encoder.encode_queries([question.text for question in questions]))
        names = NameIndex(graph)
        known = [self._known(question, names, graph) for question in questions]
        for row, question in enumerate(questions):
            if question.anchor:
                asked[row] = nodes[graph.position(question.anchor)]
        average = averaging(graph, self_loops=False)
        parts = [
            self._scores(asked[first : first + AT_ONCE] @ nodes.T, known[first : first + AT_ONCE], average)
            for first in range(0, len(questions), AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(graph.nodes)))

    @staticmethod
    def _known(question: Asked, names: NameIndex, graph: KnowledgeGraph) -> list[int]:
        named = [question.anchor] if question.anchor else names.named(question.text)
        return [graph.position(node_id) for node_id in named]

    def _scores(self, cosines: np.ndarray, known: list[list[int]], average: sparse.csr_array) -> np.ndarray:
        """Of a block of questions, shape (block, nodes)."""
        logarithms = log_softmax(self.scale * cosines.astype(float), axis=1)
        shares = np.exp(logarithms)
        truth, errors = shares.copy(), np.zeros_like(shares)
        for row, positions in enumerate(known):
            if positions:
                truth[row, positions] = 1 / len(positions)
                errors[row, positions] = truth[row, positions] - shares[row, positions]
        spread = propagate(errors.T, average, restart=self.restart, hops=self.hops).T
        corrected = np.where(errors != 0, truth, np.maximum(shares + spread, 0))
        smoothed = propagate(corrected.T, average, restart=self.restart, hops=self.hops).T
        return np.log(np.maximum(smoothed, LEAST)) + self.text_weight * logarithms
