"""Projects as the nodes they are linked to: pairs of link and project, counts of shared links, and vectors of both.

A *project* is whatever the graph is about (here the node type of that name, any other if so asked); a *link* is any
node that an edge joins to it, whatever the relation. So two roles of one person in a project are one link.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from scipy import sparse

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.linking import NameIndex
from kgss_helpers.methods.proximity import adjacency
from kgss_helpers.question import Asked
from kgss_helpers.space import SemanticSpace, unit_rows

PROJECT = "project"


@dataclass(frozen=True, eq=False)
class LinkPairs:
    """Which project links to what.

    Attributes:
        links: Ids of the links, shape (links,).
        projects: Ids of the projects, shape (projects,).
        pairs: Rows of the two, link first, shape (pairs, 2); each pair once.
    """

    links: np.ndarray
    projects: np.ndarray
    pairs: np.ndarray

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        return f"LinkPairs({len(self.projects):,} projects, {len(self.links):,} links, {len(self):,} pairs)"

    @classmethod
    def numbered(cls, pairs: np.ndarray) -> Self:
        """Of pairs of numbers alone, link first, shape (pairs, 2)."""
        return cls(*(np.arange(number) for number in pairs.max(axis=0) + 1), pairs)

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """1 where a project has a link, shape (projects, links)."""
        shape = len(self.projects), len(self.links)
        return sparse.csr_array((np.ones(len(self)), (self.pairs[:, 1], self.pairs[:, 0])), shape=shape)

    @cached_property
    def counts(self) -> np.ndarray:
        """How many projects have each link, shape (links,)."""
        return np.bincount(self.pairs[:, 0], minlength=len(self.links))

    def hold_out(
        self, share: float = 0.1, *, may: np.ndarray | None = None, keep: int = 2, seed: int = 0
    ) -> HeldOutLinks:
        """Sets pairs aside by seed, for validation and as many for the test.

        Args:
            share: Of the pairs that may be held out, for each half; less where ``keep`` says no.
            may: Which links may be, shape (links,); all if not given.
            keep: So many pairs of each link, and of each project, stay in any case.
            seed: The same seed sets the same aside.

        Raises:
            ValueError: The two halves would leave nothing to learn from.
        """
        if not 0 < share < 0.5:
            raise ValueError(f"two halves of {share:.0%} each leave nothing to learn from; take less than half")
        rng = np.random.default_rng(seed)
        allowed = np.flatnonzero(np.ones(len(self), dtype=bool) if may is None else may[self.pairs[:, 0]])
        wanted = int(2 * share * len(allowed))
        of_link, of_project = self.counts.copy(), np.bincount(self.pairs[:, 1])
        drawn: list[int] = []
        for row in rng.permutation(allowed):
            link, project = self.pairs[row]
            if len(drawn) < wanted and of_link[link] > keep and of_project[project] > keep:
                of_link[link] -= 1
                of_project[project] -= 1
                drawn.append(row)
        learned = replace(self, pairs=np.delete(self.pairs, drawn, axis=0))
        return HeldOutLinks(learned, self.pairs[drawn[::2]], self.pairs[drawn[1::2]])


class HeldOutLinks(NamedTuple):
    """What may be learned from, and the pairs that are held out of it, link first, each of shape (pairs, 2)."""

    train: LinkPairs
    validation: np.ndarray
    test: np.ndarray


def link_pairs(graph: KnowledgeGraph, *, node_type: str = PROJECT, min_count: int = 1) -> LinkPairs:
    """The pairs of a graph.

    Args:
        graph: Any.
        node_type: What counts as a project.
        min_count: Only links that at least so many projects have.

    Raises:
        GraphError: The graph has no node of the type.
        ValueError: No link is shared by so many projects.
    """
    graph.require_known([node_type], "node_type")
    is_project = (graph.nodes["node_type"] == node_type).to_numpy()
    joined = adjacency(graph)[is_project][:, ~is_project]
    common = np.flatnonzero(joined.sum(axis=0) >= min_count)
    projects, links = joined[:, common].nonzero()
    if not len(projects):
        raise ValueError(f"no link of {graph.name} is shared by {min_count} of its nodes; ask for fewer")
    ids = graph.nodes["node_id"].to_numpy(dtype=object)
    return LinkPairs(ids[~is_project][common], ids[is_project], np.stack([links, projects], axis=1).astype(np.int64))


# ---- counting --------------------------------------------------------------------------------------------------------


def popularity_scores(train: LinkPairs) -> np.ndarray:
    """Every project is offered the most frequent links, shape (projects, links)."""
    return np.tile(train.counts.astype(float), (len(train.projects), 1))


def shared_link_scores(train: LinkPairs) -> np.ndarray:
    """Each link of a project votes for what it shares projects with, shape (projects, links).

    Two links are alike by the cosine of their columns: shared projects, divided by the root of both counts (the
    item-based method of Sarwar, Karypis, Konstan and Riedl 2001). A link does not vote for itself.
    """
    columns = _unit_columns(train.matrix)
    alike = (columns.T @ columns).tolil()
    alike.setdiag(0)
    return (train.matrix @ alike.tocsr()).toarray()


def _unit_columns(matrix: sparse.csr_array) -> sparse.csr_array:
    counts = np.maximum(matrix.sum(axis=0), 1)
    return (matrix @ sparse.diags_array(counts**-0.5)).tocsr()


class SharedLinks:
    """Scores by links in common with what a question names, or with its anchor; nothing is learned.

    Projects are alike by the cosine of their links, each weighted by its rarity; links by that of the projects they
    share; and a project gets a link that its own links are like (see `shared_link_scores`).

    Args:
        node_type: What counts as a project.
    """

    name = "shared-link counts"
    sees = "the graph; names in the question"

    def __init__(self, node_type: str = PROJECT) -> None:
        self.node_type = node_type

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes); minus infinity where nothing is shared or named."""
        pairs, names = link_pairs(graph, node_type=self.node_type), NameIndex(graph)
        matrix, columns = pairs.matrix, _unit_columns(pairs.matrix)
        rarity = np.log(len(pairs.projects) / np.maximum(pairs.counts, 1))
        weighted = (matrix @ sparse.diags_array(rarity)).tocsr()
        lengths = np.sqrt(np.maximum(weighted.power(2).sum(axis=1), 1e-12))
        rows = sparse.diags_array(1 / lengths) @ weighted
        positions = {kind: [graph.position(node_id) for node_id in getattr(pairs, kind)] for kind in _BOTH}
        scores = np.full((len(questions), len(graph.nodes)), -np.inf)
        for row, question in enumerate(questions):
            named = [question.anchor] if question.anchor else names.named(question.text)
            projects, links = (np.isin(getattr(pairs, kind), named).astype(float) for kind in _BOTH)
            likely = columns.T @ (columns @ (links + matrix.T @ projects))
            alike = rows @ (rows.T @ projects) + matrix @ (columns.T @ (columns @ links))
            for kind, found in zip(_BOTH, (alike, likely), strict=True):
                scores[row, positions[kind]] = np.where(found > 0, found, -np.inf)
        return scores


_BOTH = ("projects", "links")


# ---- vectors ---------------------------------------------------------------------------------------------------------


class LinkVectors:
    """Vectors of projects and links that were learned from their pairs, as a method of the exam.

    A question is the mean of the nodes that it names. A node that was not there when the vectors were learned is the
    mean of its neighbours.

    Args:
        learn: Learns a space of all nodes from a graph, such as `kgss_helpers.training.links.learn_link_space`.
        name: The row in the exam's table.
    """

    sees = "the graph; names in the question"

    def __init__(self, learn: Callable[[KnowledgeGraph], SemanticSpace], *, name: str) -> None:
        self.learn, self.name = learn, name
        self._learned_from: KnowledgeGraph | None = None

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Learns the vectors; once from one graph, though both halves of an exam ask for it."""
        if self._learned_from is not graph:
            self._space, self._names, self._learned_from = self.learn(graph), NameIndex(graph), graph
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Unit vectors, shape (nodes, dimensions); zeros for a node without a neighbour that has a vector."""
        vectors = np.array(self._space.encode_nodes(graph))
        strangers = ~graph.nodes["node_id"].isin(self._space.ids).to_numpy()
        if strangers.any():
            joined = adjacency(graph)
            for _ in range(2):  # the second time for those who know strangers alone
                without = strangers & ~vectors.any(axis=1)
                vectors[without] = unit_rows(joined[without] @ vectors)
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (texts, dimensions); zeros for a text that names nothing."""
        vectors = np.zeros((len(texts), self._space.vectors.shape[1]), dtype=self._space.vectors.dtype)
        for row, text in enumerate(texts):
            if named := self._names.named(text):
                vectors[row] = self._space.vectors[self._space.rows(named)].mean(axis=0)
        return unit_rows(vectors)
