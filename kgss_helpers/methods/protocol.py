"""What a method is: something that scores every node for every question; and how any question is put to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Asked, Query
from kgss_helpers.space import best

UNIT = 1e-3
"""By so much the length of a unit vector may differ from 1: the noise of half precision."""


@runtime_checkable
class Method(Protocol):
    """Anything that scores every node for every question.

    A class attribute ``sees`` may say what it looks at (``"names"``, ``"documents"``, ``"graph"``, ``"nothing"``); the
    exam's table shows it (see `sees`).
    """

    name: str

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes), larger is better, minus infinity for 'not found'."""


@runtime_checkable
class Encoder(Protocol):
    """Anything that puts nodes and texts into one space of unit vectors.

    It is fitted on one graph and may be asked about a larger one, with nodes that it never met. ``sees`` may say what
    it looks at, as for a `Method`. Where a text costs time, ``encode_some(graph, rows)`` may give the vectors of some
    rows of ``graph.nodes`` alone.
    """

    name: str

    def fit(self, graph: KnowledgeGraph) -> object:
        """Learns from the training graph."""

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Shape (nodes, dimensions); a row of zeros for a node that nothing can find."""

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (texts, dimensions); a row of zeros for a text it cannot read."""


def sees(method: Method | Encoder) -> str:
    """What a method says that it looks at; empty where it says nothing."""
    return str(getattr(method, "sees", ""))


def require_method(method: Method | Encoder, *, fit: bool = True) -> None:
    """Raises ValueError for what can neither score nodes nor encode them, or has no name; says what is missing."""
    if isinstance(method, type):
        raise ValueError(f"{method.__name__} is a class; make a method of it first: {method.__name__}()")
    kind = type(method).__name__
    if not hasattr(method, "score"):
        lacks = [part for part in ("fit", "encode_nodes", "encode_queries") if not hasattr(method, part)]
        lacks = [part for part in lacks if fit or part != "fit"]
        if lacks:
            raise ValueError(
                f"{kind} is no method: it needs score(questions, graph), or fit(graph), encode_nodes(graph) and "
                f"encode_queries(texts), and lacks {', '.join(['score', *lacks])}"
            )
    name = getattr(method, "name", None)
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{kind} lacks a name: give it an attribute 'name', a text that names its row in the table")


def scores_of(
    method: Method | Encoder,
    questions: Sequence[Asked],
    graph: KnowledgeGraph,
    *,
    fit: bool = True,
    training_graph: KnowledgeGraph | None = None,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """A method's scores, shape (questions, nodes).

    Args:
        method: Scores nodes, or encodes nodes and texts.
        questions: What is asked.
        graph: What is searched; it may hold nodes that the method never met.
        fit: Fit an encoder first.
        training_graph: What it is fitted on; ``graph`` if not given.
        rows: The only rows of ``graph.nodes`` that can be answers: an encoder that can (``encode_some``) is spared the
            vectors of all others.

    Raises:
        ValueError: The method lacks something, its scores have the wrong shape or are not numbers, or an encoder's
            vectors are not unit vectors.
    """
    require_method(method, fit=fit)
    if isinstance(method, Method):
        scores = np.asarray(method.score(questions, graph), dtype=float)
    else:
        if fit:
            method.fit(graph if training_graph is None else training_graph)
        scores = _encoder_scores(method, questions, graph, rows)
    if scores.shape != (len(questions), len(graph.nodes)):
        wanted = f"{len(questions)} × {len(graph.nodes)} numbers"
        raise ValueError(f"{method.name} must give {wanted}, gave shape {scores.shape}")
    if np.isnan(scores).any() or np.isposinf(scores).any():
        raise ValueError(f"{method.name} gave NaN or infinity as a score; only minus infinity ('not found') may stand")
    return scores


def _encoder_scores(
    encoder: Encoder, questions: Sequence[Asked], graph: KnowledgeGraph, rows: np.ndarray | None
) -> np.ndarray:
    anchors = {row: graph.position(question.anchor) for row, question in enumerate(questions) if question.anchor}
    queries = np.array(encoder.encode_queries([question.text for question in questions]))
    queries = queries if queries.dtype.kind == "f" else queries.astype(np.float32)
    encode_some = getattr(encoder, "encode_some", None)
    if rows is None or encode_some is None:
        nodes = np.asarray(encoder.encode_nodes(graph))
    else:
        wanted = np.union1d(rows, list(anchors.values())).astype(int)
        nodes = np.zeros((len(graph.nodes), queries.shape[1]), dtype=queries.dtype)
        nodes[wanted] = encode_some(graph, wanted)
    for row, anchor in anchors.items():
        queries[row] = nodes[anchor]
    if len(queries) and queries.shape[1:] != nodes.shape[1:]:
        raise ValueError(f"{encoder.name} gave vectors of shape {nodes.shape} for nodes, {queries.shape} for questions")
    _require_unit(encoder, nodes, "nodes")
    _require_unit(encoder, queries, "questions")
    scores = (queries @ nodes.T).astype(float)
    scores[~queries.any(axis=1)] = -np.inf
    scores[:, ~nodes.any(axis=1)] = -np.inf
    return scores


def _require_unit(encoder: Encoder, vectors: np.ndarray, of: str) -> None:
    """Raises ValueError for lengths other than 1 and 0; what is no number is found in the scores."""
    if vectors.ndim != 2:
        return
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float32, casting="same_kind"))
    wrong = np.flatnonzero(np.isfinite(lengths) & (lengths != 0) & (np.abs(lengths - 1) > UNIT))
    if wrong.size:
        raise ValueError(
            f"{encoder.name} must give unit vectors (or zeros) for {of}, gave one of length {lengths[wrong[0]]:.3g} in "
            f"row {wrong[0]}; divide each by its length"
        )


def answer(
    method: Method | Encoder,
    text: str,
    graph: KnowledgeGraph,
    *,
    node_type: str | None = None,
    fit: bool = True,
    k: int = 100,
) -> pd.DataFrame:
    """What a method answers to any question: nodes, best first.

    Args:
        method: Scores nodes, or encodes nodes and texts.
        text: The question.
        graph: What the method may see.
        node_type: Only nodes of this type.
        fit: Fit an encoder on the graph first.
        k: How many answers at most.

    Returns:
        The columns of the graph's nodes and ``score``; empty where the method finds nothing.

    Raises:
        GraphError: The graph has no node of the type; names the types there are, and the nearest.
    """
    if node_type is not None:
        graph.require_known([node_type], "node_type")
    scores = scores_of(method, [Query(text, node_type)], graph, fit=fit)[0]
    if node_type is not None:
        scores = np.where(graph.nodes["node_type"] == node_type, scores, -np.inf)
    found = best(scores, k)
    return graph.nodes.iloc[found].assign(score=scores[found]).reset_index(drop=True)
