"""Nodes as vectors, by their edges alone: a factorised adjacency, factorised walks, and what trained models leave.

All of them score an edge by a product of vectors, so they are scorers of edges (`kgss_helpers.methods.edge_prediction`)
of one kind. What has to be trained comes as a trained model: see `kgss_helpers.training.edges`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy import sparse

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.proximity import adjacency
from kgss_helpers.space import unit_rows

if TYPE_CHECKING:
    from torch_geometric.nn import LightGCN
    from torch_geometric.nn.kge import ComplEx

DIMENSIONS = 128
WALKERS = 512
"""So many nodes start walks together."""


class NodeVectors:
    """Two vectors a node, as where an edge begins and as where it ends; their dot product scores the edge.

    Args:
        name: Of the scorer.
        make: Gives both tables for a graph, each of shape (nodes, dimensions); one table for both ends will do.
    """

    sees = "the graph; names in the question"

    def __init__(self, name: str, make: Callable[[KnowledgeGraph], np.ndarray | tuple[np.ndarray, np.ndarray]]) -> None:
        self.name, self._make = name, make

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Makes the vectors."""
        made = self._make(graph)
        both = isinstance(made, tuple)
        self.begins, self.ends = made if both else (made, made)
        self._units = unit_rows(
            np.concatenate([unit_rows(self.begins), unit_rows(self.ends)], axis=1) if both else made
        )
        return self

    def edge_scores(self, sources: np.ndarray, relations: Sequence[str]) -> np.ndarray:
        """Shape (edges, nodes): dot products."""
        return self.begins[sources] @ self.ends.T

    def near(self, starts: np.ndarray) -> np.ndarray:
        """Shape (starts, nodes): cosines, of both tables together where there are two."""
        return self._units[starts] @ self._units.T


def factorised(table: sparse.csr_array, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """The best product of two thin tables, by a randomised SVD (Halko, Martinsson and Tropp 2011).

    Returns:
        Left vectors times singular values, and right vectors, each of shape (nodes, dimensions), float32.
    """
    from sklearn.utils.extmath import randomized_svd

    left, strength, right = randomized_svd(table, min(dimensions, min(table.shape) - 1), n_iter=4, random_state=0)
    return (left * strength).astype(np.float32), np.ascontiguousarray(right.T, dtype=np.float32)


def adjacency_svd(graph: KnowledgeGraph, dimensions: int = DIMENSIONS) -> tuple[np.ndarray, np.ndarray]:
    """The adjacency, divided by the roots of both degrees, as a product of two thin tables.

    Without that division the largest hubs take all dimensions.
    """
    joined = adjacency(graph)
    degree = np.asarray(joined.sum(axis=1)).ravel()
    root = sparse.diags_array(1 / np.sqrt(np.maximum(degree, 1)))
    return factorised(sparse.csr_array(root @ joined @ root), dimensions)


def distilled_pagerank(
    graph: KnowledgeGraph,
    dimensions: int = DIMENSIONS,
    *,
    restart: float = 0.3,
    steps: int = 15,
    least: float = 1e-4,
) -> tuple[np.ndarray, np.ndarray]:
    """Personalised PageRank from every node, as a product of two thin tables (STRAP: Yin and Wei 2019).

    What is factorised is the logarithm of how often a walk is found above a threshold: a sparse table.

    Args:
        graph: Where to walk.
        dimensions: Of the vectors.
        restart: How likely each step returns to the start.
        steps: Of the power iteration.
        least: Below this a node counts as never reached.
    """
    joined, size = adjacency(graph), len(graph.nodes)
    degree = np.asarray(joined.sum(axis=1)).ravel()
    step = sparse.csr_array((sparse.diags_array(1 / np.maximum(degree, 1)) @ joined).T, dtype=np.float32)
    rows = []
    for begin in range(0, size, WALKERS):
        start = np.zeros((size, min(WALKERS, size - begin)), dtype=np.float32)
        start[np.arange(begin, begin + start.shape[1]), np.arange(start.shape[1])] = 1
        here = start
        for _ in range(steps):
            here = restart * start + (1 - restart) * (step @ here)
        rows.append(sparse.csr_array(np.log(np.maximum(here.T / least, 1))))
    return factorised(sparse.csr_array(sparse.vstack(rows)), dimensions)


class KnowledgeEmbedding:
    """ComplEx (Trouillon et al. 2016): a vector of complex numbers for every node and relation, so direction counts.

    An edge scores the real part of Σ head · relation · conjugate(tail).

    Args:
        fit: Trains PyG's model on a graph; its relations are numbered in alphabetical order.
        name: Of the scorer.
    """

    sees = "the graph; names and roles in the question"

    def __init__(self, fit: Callable[[KnowledgeGraph], ComplEx], *, name: str = "ComplEx") -> None:
        self._fit, self.name = fit, name

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Trains, and keeps the vectors."""
        return self.of(self._fit(graph), sorted(graph.edges["relation"].unique()))

    def of(self, model: ComplEx, relations: Sequence[str]) -> Self:
        """Takes a trained model, with the names of its relations."""
        parts = (model.node_emb, model.node_emb_im, model.rel_emb, model.rel_emb_im)
        real, imaginary, of_relation, of_relation_im = (part.weight.detach().cpu().numpy() for part in parts)
        self.nodes, self.of_relations = real + 1j * imaginary, of_relation + 1j * of_relation_im
        self.relations = {relation: row for row, relation in enumerate(relations)}
        self._units = unit_rows(np.concatenate([real, imaginary], axis=1))
        return self

    def edge_scores(self, sources: np.ndarray, relations: Sequence[str]) -> np.ndarray:
        """Shape (edges, nodes); raises KeyError for a relation that it never met."""
        rows = [self.relations[relation] for relation in relations]
        asked = self.nodes[sources] * self.of_relations[rows]
        return asked.real @ self.nodes.real.T + asked.imag @ self.nodes.imag.T

    def near(self, starts: np.ndarray) -> np.ndarray:
        """Shape (starts, nodes): cosines, since there is no relation to ask by."""
        return self._units[starts] @ self._units.T


def light_gcn_vectors(model: LightGCN, graph: KnowledgeGraph) -> np.ndarray:
    """The vectors of a trained LightGCN (He et al. 2020): the mean of a table and its averages over neighbours.

    Returns:
        Shape (nodes, dimensions), float32.
    """
    import torch

    with torch.no_grad():
        return model.get_embedding(both_directions(graph).to(next(model.parameters()).device)).cpu().numpy()


def both_directions(graph: KnowledgeGraph) -> object:
    """Every pair of joined nodes from both ends, as PyG's edge index of shape (2, pairs): each once."""
    import torch

    joined = adjacency(graph).tocoo()
    return torch.from_numpy(np.stack(joined.coords).astype(np.int64))
