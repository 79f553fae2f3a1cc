"""Walks through a graph, read as sentences: entities get vectors from the company they keep, and from nothing else.

Uniform walks are those of DeepWalk (Perozzi, Al-Rfou and Skiena 2014), biased ones those of node2vec (Grover and
Leskovec 2016), and walks that name the relation of each step those of RDF2Vec (Ristoski and Paulheim 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.linking import NameIndex
from kgss_helpers.methods.word2vec import word2vec
from kgss_helpers.space import SemanticSpace, unit_rows

FORWARDS, BACKWARDS = "→", "←"


@dataclass(frozen=True, eq=False)
class Walks:
    """Many walks over one graph.

    Attributes:
        graph: Where they lead.
        nodes: Positions in ``graph.nodes``, shape (walks, length).
        steps: Which entry of ``graph.adjacency`` each step took, shape (walks, length - 1).
    """

    graph: KnowledgeGraph
    nodes: np.ndarray
    steps: np.ndarray

    def __len__(self) -> int:
        return len(self.nodes)

    def sentences(self, *, relations: bool = False) -> list[list[str]]:
        """Each walk as a list of node ids, in between the relation of each step if they are to be named.

        A relation is read with an arrow: ``"→ wrote"`` where the step goes along the edge, ``"← wrote"`` against it.
        """
        ids = self.graph.nodes["node_id"].to_numpy(dtype=object)[self.nodes]
        if not relations:
            return ids.tolist()
        table = self.graph.adjacency
        names = self.graph.edges["relation"].to_numpy(dtype=object)[table.edge_rows[self.steps]]
        arrows = np.where(table.outgoing[self.steps], FORWARDS, BACKWARDS).astype(object)
        read = np.empty((len(ids), ids.shape[1] + self.steps.shape[1]), dtype=object)
        read[:, 0::2], read[:, 1::2] = ids, arrows + " " + names
        return read.tolist()


def walk(
    graph: KnowledgeGraph,
    *,
    per_node: int = 10,
    length: int = 10,
    back: float = 1.0,
    away: float = 1.0,
    seed: int = 0,
) -> Walks:
    """Random walks from every node that has an edge, along edges in either direction, in shuffled order.

    Two edges between the same two nodes are two ways to go. Unless both weights are 1, where a walk goes depends on
    where it came from: an edge back has the weight ``back``, one to a neighbour of the node before the weight 1, any
    other the weight ``away`` (1 / p and 1 / q in node2vec).

    Args:
        graph: Where to walk.
        per_node: Walks that start at each node.
        length: Nodes on each walk, 2 or more.
        back: Above 1, walks stay near their start.
        away: Above 1, walks go far.
        seed: Of what is drawn.

    Raises:
        ValueError: There is no edge, a count is too small, or a weight is not positive.
    """
    if per_node < 1 or length < 2 or min(back, away) <= 0:
        raise ValueError("walks need per_node of 1 or more, a length of 2 or more, and weights above 0")
    rng, table = np.random.default_rng(seed), graph.adjacency
    degree = np.diff(table.starts)
    joined = np.flatnonzero(degree)
    if not len(joined):
        raise ValueError(f"{graph.name} has no edge to walk along")
    nodes = np.empty((per_node * len(joined), length), dtype=np.int64)
    steps = np.empty((len(nodes), length - 1), dtype=np.int64)
    nodes[:, 0] = np.concatenate([rng.permutation(joined) for _ in range(per_node)])
    pairs = np.unique(np.repeat(np.arange(len(degree)), degree) * len(degree) + table.neighbours)
    for step in range(1, length):
        here = nodes[:, step - 1]
        before = nodes[:, step - 2] if step > 1 and (back, away) != (1, 1) else None
        steps[:, step - 1] = _next_steps(here, before, back, away, table.starts, table.neighbours, pairs, rng)
        nodes[:, step] = table.neighbours[steps[:, step - 1]]
    return Walks(graph, nodes, steps)


def _next_steps(
    here: np.ndarray,
    before: np.ndarray | None,
    back: float,
    away: float,
    starts: np.ndarray,
    neighbours: np.ndarray,
    pairs: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """An entry of the adjacency for each walk, shape (walks,): drawn evenly, and drawn again as often as refused."""
    degree = np.diff(starts)
    taken = starts[here] + (rng.random(len(here)) * degree[here]).astype(np.int64)
    if before is None:
        return taken
    largest, open_ = max(back, away, 1.0), np.arange(len(here))
    while len(open_):
        there = neighbours[taken[open_]]
        weight = np.where(_is_in(there * len(degree) + before[open_], pairs), 1.0, away)
        weight[there == before[open_]] = back
        open_ = open_[rng.random(len(open_)) * largest >= weight]
        at = here[open_]
        taken[open_] = starts[at] + (rng.random(len(open_)) * degree[at]).astype(np.int64)
    return taken


def _is_in(keys: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    return ordered[np.searchsorted(ordered, keys).clip(max=len(ordered) - 1)] == keys


def step_weights(graph: KnowledgeGraph, before: str, here: str, *, back: float, away: float) -> dict[str, float]:
    """How likely a walk that came from ``before`` goes from ``here`` to each neighbour, by node id; sums to 1.

    It is what `walk` draws from, written down for one step.
    """
    near_before = set(graph.neighbours(before)["node_id"])
    weights: dict[str, float] = {}
    for node_id in graph.neighbours(here)["node_id"]:
        weight = back if node_id == before else 1.0 if node_id in near_before else away
        weights[node_id] = weights.get(node_id, 0.0) + weight
    total = sum(weights.values())
    return {node_id: weight / total for node_id, weight in weights.items()}


class GraphWalks:
    """Entities by walks that Word2Vec reads as sentences; no text is read but the names in a question.

    A question is the mean of the vectors of what it names. One that names nothing has no vector and finds nothing, and
    a node that no walk came by, as every newcomer, has none either and is not found.

    Args:
        relations: Name the relation of each step.
        back: Weight of the edge back (1 / p).
        away: Weight of edges that lead away (1 / q).
        per_node: Walks from each node.
        length: Nodes on each walk.
        dimensions: Of the vectors.
        window: Nodes on either side that count as context.
        epochs: How often the walks are read.
        seed: Of walks and training.
        name: The row in the exam's table.
    """

    sees = "the graph; names in the question"

    def __init__(
        self,
        *,
        relations: bool = False,
        back: float = 1.0,
        away: float = 1.0,
        per_node: int = 10,
        length: int = 10,
        dimensions: int = 64,
        window: int = 5,
        epochs: int = 2,
        seed: int = 0,
        name: str = "graph walks",
    ) -> None:
        self.relations, self.back, self.away, self.per_node = relations, back, away, per_node
        self.length, self.dimensions, self.window, self.epochs = length, dimensions, window, epochs
        self.seed, self.name = seed, name

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Walks, and learns one vector a node; the same graph is walked once, since it would give the same again."""
        if getattr(self, "_graph", None) is graph:
            return self
        walked = walk(graph, per_node=self.per_node, length=self.length, back=self.back, away=self.away, seed=self.seed)
        reach = self.window * (2 if self.relations else 1)  # with a relation between any two nodes
        table = word2vec(
            walked.sentences(relations=self.relations), dimensions=self.dimensions, window=reach, epochs=self.epochs,
            subsample=0, least=1, seed=self.seed,
        )  # fmt: skip
        vectors = np.zeros((len(graph.nodes), self.dimensions), dtype=np.float32)
        for row, node_id in enumerate(graph.nodes["node_id"]):
            if node_id in table:
                vectors[row] = table.get_vector(node_id, norm=True)
        self.table, self.space = table, SemanticSpace.of(graph, vectors, name=self.name)
        self._graph, self._names = graph, NameIndex(graph)
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Unit vectors, shape (nodes, dimensions), float32; zeros for a node that was not there to walk by."""
        return self.space.encode_nodes(graph)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (texts, dimensions), float32; zeros for a text that names nothing."""
        sums = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            named = self._names.named(text)
            if named:
                sums[row] = self.space.vectors[self.space.rows(named)].sum(axis=0)
        return unit_rows(sums)
