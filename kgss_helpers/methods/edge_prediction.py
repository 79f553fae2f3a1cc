"""Link prediction: true edges told from false ones, and how that is measured.

An edge scorer gives every node a score as the other end of an edge that begins at a given node. Two kinds of measure
come from it: the share of false edges that score lower than the true one (AUC), and the rank of the true end among all
ends of its type (MRR and hits@10, filtered as in Bordes et al. 2013). A false edge is never an edge of the whole graph,
whether a method saw it or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, get_args

import numpy as np
import pandas as pd

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.linking import NameIndex
from kgss_helpers.methods.proximity import PersonalisedPageRank, ThreeHops, adjacency
from kgss_helpers.question import Asked

Negatives = Literal["any node", "same type", "same type and degree"]
"""Which nodes take the true end's place in a false edge."""
FALSE_ENDS = 20
"""So many false edges are drawn for each true one."""
HITS = 10
MEASURES = (*(f"AUC, {kind}" for kind in get_args(Negatives)), "MRR", f"hits@{HITS}")


class EdgeScorer(Protocol):
    """Anything that scores nodes as ends of edges that begin at a node."""

    name: str

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Learns from the training graph."""

    def edge_scores(self, sources: np.ndarray, relations: Sequence[str]) -> np.ndarray:
        """For each edge every node as its end, shape (edges, nodes); larger is likelier.

        Args:
            sources: Positions where the edges begin, shape (edges,).
            relations: Of the edges; many scorers don't look at them.
        """

    def near(self, starts: np.ndarray) -> np.ndarray:
        """How near every node is to each start, whatever the relation, shape (starts, nodes)."""


@dataclass(frozen=True, eq=False)
class UnseenEdges:
    """True edges that no method saw, and what each could have been instead.

    Attributes:
        graph: What methods see.
        sources: Positions, shape (edges,).
        relations: One an edge.
        targets: Positions, shape (edges,).
        joined: Shape (edges, nodes): whether an edge of any relation, seen or not, joins the source to the node, or it
            is the source: never a false end.
    """

    graph: KnowledgeGraph
    sources: np.ndarray
    relations: list[str]
    targets: np.ndarray
    joined: np.ndarray

    @classmethod
    def of(cls, graph: KnowledgeGraph, held_out: pd.DataFrame, everything: KnowledgeGraph) -> Self:
        """Held-out rows of a table of edges.

        Args:
            graph: The training graph.
            held_out: Columns ``source``, ``relation``, ``target``; an edge between nodes of which the graph lacks one
                is left out.
            everything: All true edges; it may have more nodes.
        """
        row = pd.Series(range(len(graph.nodes)), index=graph.nodes["node_id"])
        known = held_out["source"].isin(row.index) & held_out["target"].isin(row.index)
        held_out = held_out[known]
        sources, targets = (row[held_out[end]].to_numpy() for end in ("source", "target"))
        whole = everything.subgraph(node_ids=graph.nodes["node_id"])
        place = row[whole.nodes["node_id"]].to_numpy()
        joined = np.zeros((len(held_out), len(graph.nodes)), dtype=bool)
        at = pd.Series(range(len(place)), index=place)[sources].to_numpy()
        joined[:, place] = adjacency(whole)[at].toarray() > 0
        joined[np.arange(len(sources)), sources] = True
        return cls(graph, sources, held_out["relation"].tolist(), targets, joined)

    def __len__(self) -> int:
        return len(self.sources)

    def only(self, chosen: np.ndarray) -> UnseenEdges:
        """Some of the edges, by a mask or by numbers."""
        numbers = np.arange(len(self))[chosen]
        relations = [self.relations[number] for number in numbers]
        return UnseenEdges(self.graph, self.sources[numbers], relations, self.targets[numbers], self.joined[numbers])

    def ends(self) -> np.ndarray:
        """Which nodes an edge could end at, the true end among them: those of its type; shape (edges, nodes)."""
        types = pd.factorize(self.graph.nodes["node_type"])[0]
        possible = (types == types[self.targets][:, None]) & ~self.joined
        possible[np.arange(len(self)), self.targets] = True
        return possible

    def false_ends(self, kind: Negatives, *, count: int = FALSE_ENDS, seed: int = 0) -> np.ndarray:
        """Positions of nodes that the edges do not end at, shape (edges, count).

        Args:
            kind: ``"any node"`` draws from all; ``"same type"`` from those of the true end's type; ``"same type and
                degree"`` takes, of these, the ones whose degree is nearest to the true end's.
            count: How many an edge.
            seed: Of what is drawn, and of the order among equal degrees.

        Raises:
            ValueError: There is no such kind, or an edge has not so many false ends.
        """
        if kind not in get_args(Negatives):
            raise ValueError(f"there are no negatives {kind!r}; there are {', '.join(get_args(Negatives))}")
        rng, degree = np.random.default_rng(seed), np.log1p(self.graph.degree.to_numpy(dtype=float))
        false = ~self.joined if kind == "any node" else self.ends()
        false[np.arange(len(self)), self.targets] = False
        if len(self) and false.sum(axis=1).min() < count:
            raise ValueError(f"an edge has {false.sum(axis=1).min()} false ends of this kind, fewer than {count}")
        drawn = np.empty((len(self), count), dtype=np.int64)
        for edge, possible in enumerate(false):
            nodes = rng.permutation(np.flatnonzero(possible))
            if kind == "same type and degree":
                nodes = nodes[np.argsort(np.abs(degree[nodes] - degree[self.targets[edge]]), kind="stable")]
            drawn[edge] = nodes[:count]
        return drawn


def auc(scores: np.ndarray, targets: np.ndarray, false_ends: np.ndarray) -> np.ndarray:
    """For each edge the share of its false ends that score lower than the true one; a tie is half.

    Args:
        scores: Shape (edges, nodes).
        targets: Shape (edges,).
        false_ends: Shape (edges, count).
    """
    true = np.take_along_axis(scores, targets[:, None], axis=1)
    false = np.take_along_axis(scores, false_ends, axis=1)
    return ((false < true) + 0.5 * (false == true)).mean(axis=1)


def ranks(scores: np.ndarray, targets: np.ndarray, possible: np.ndarray) -> np.ndarray:
    """For each edge the rank of its true end among the possible ones, from 1; in a tie, the middle rank of the tied.

    Args:
        scores: Shape (edges, nodes).
        targets: Shape (edges,).
        possible: Shape (edges, nodes).
    """
    true = np.take_along_axis(scores, targets[:, None], axis=1)
    better = ((scores > true) & possible).sum(axis=1)
    tied = ((scores == true) & possible).sum(axis=1)
    return better + (tied + 1) / 2


def measure(scorer: EdgeScorer, held_out: UnseenEdges, *, seed: int = 0) -> pd.DataFrame:
    """How well a fitted scorer tells held-out edges from false ones: one row an edge, one column for each measure."""
    scores = np.asarray(scorer.edge_scores(held_out.sources, held_out.relations))
    found = {
        f"AUC, {kind}": auc(scores, held_out.targets, held_out.false_ends(kind, seed=seed))
        for kind in get_args(Negatives)
    }
    rank = ranks(scores, held_out.targets, held_out.ends())
    return pd.DataFrame(found | {"MRR": 1 / rank, f"hits@{HITS}": (rank <= HITS).astype(float)})[list(MEASURES)]


def degree_correlation(scorer: EdgeScorer, held_out: UnseenEdges) -> np.ndarray:
    """For each edge, Spearman's correlation of the scores of all its possible ends with their degrees, shape (edges,).

    Zero where all scores are the same.
    """
    from scipy.stats import rankdata

    degree = held_out.graph.degree.to_numpy(dtype=float)
    scores, possible = scorer.edge_scores(held_out.sources, held_out.relations), held_out.ends()
    found = np.zeros(len(held_out))
    for edge, row in enumerate(possible):
        one, other = rankdata(scores[edge, row]), rankdata(degree[row])
        if np.ptp(one) and np.ptp(other):
            found[edge] = np.corrcoef(one, other)[0, 1]
    return found


# ---- scorers that learn nothing --------------------------------------------------------------------------------------


class NodeDegree:
    """Every edge ends at the node that has most edges already: preferential attachment (Barabási and Albert 1999)."""

    name = "popularity"

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Counts edges."""
        self._degree = graph.degree.to_numpy(dtype=np.float32)
        return self

    def edge_scores(self, sources: np.ndarray, relations: Sequence[str]) -> np.ndarray:
        """Shape (edges, nodes)."""
        return np.tile(self._degree, (len(sources), 1))

    def near(self, starts: np.ndarray) -> np.ndarray:
        """Shape (starts, nodes)."""
        return self.edge_scores(starts, ())


class Proximity:
    """A measure of `kgss_helpers.methods.proximity` as a scorer of edges.

    Args:
        measure: Such as `ThreeHops()`.
        skip_joined: Nodes that an edge joins to the source already come last, since it is new edges that are looked
            for.
        name: Of the scorer; the measure's, if not given.
    """

    def __init__(self, measure: PersonalisedPageRank | ThreeHops, *, skip_joined: bool = False, name: str = "") -> None:
        self.measure, self.skip_joined = measure, skip_joined
        self.name = name or measure.name + ", new ends only" * skip_joined

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Keeps the adjacency."""
        self._joined = adjacency(graph)
        return self

    def edge_scores(self, sources: np.ndarray, relations: Sequence[str]) -> np.ndarray:
        """Shape (edges, nodes)."""
        distinct, which = np.unique(sources, return_inverse=True)
        found = [self.measure.spread([int(source)], self._joined) for source in distinct]
        scores = np.array(found, dtype=np.float32).reshape(-1, self._joined.shape[0])
        if self.skip_joined:
            scores[self._joined[distinct].toarray() > 0] = -1.0
        return scores[which]

    def near(self, starts: np.ndarray) -> np.ndarray:
        """Shape (starts, nodes)."""
        return self.edge_scores(starts, ())


# ---- as a method of the exam -----------------------------------------------------------------------------------------


class ByEdges:
    """A scorer of edges as a method of the exam: a question becomes the nodes that it names.

    A named node that has edges of the relation asked for is asked for more of them; any other one for what is near it.
    Nodes that the training graph lacks are not found, and a question that names nothing finds nothing.

    Args:
        scorer: Fitted on the training graph.
        graph: The training graph.
        relation_of: Reads the relation out of a question's text, if it can.
        name: The row in the exam's table.

    Attributes:
        training_seconds: What the fitting took, for the exam's table; to be set by whoever measured it.
    """

    def __init__(
        self,
        scorer: EdgeScorer,
        graph: KnowledgeGraph,
        *,
        relation_of: Callable[[str], str | None] = lambda _: None,
        name: str = "",
    ) -> None:
        self.scorer, self.graph, self.relation_of, self.name = scorer, graph, relation_of, name or scorer.name
        self.sees = getattr(scorer, "sees", "the graph; names in the question")
        self.training_seconds = 0.0
        self._names = NameIndex(graph)
        self._begin = {relation: set(part["source"]) for relation, part in graph.edges.groupby("relation")}

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): the sum over named nodes, minus infinity for what is not found."""
        known = pd.Series(range(len(self.graph.nodes)), index=self.graph.nodes["node_id"])
        column = known.reindex(graph.nodes["node_id"]).to_numpy()
        there = ~np.isnan(column)
        scores = np.full((len(questions), len(graph.nodes)), -np.inf)
        for row, question in enumerate(questions):
            named = [question.anchor] if question.anchor else self._names.named(question.text)
            found = self._from(known[[node for node in named if node in known.index]], question)
            if found is not None:
                scores[row, there] = found[column[there].astype(int)]
        return scores

    def _from(self, starts: pd.Series, question: Asked) -> np.ndarray | None:
        if starts.empty:
            return None
        relation = None if question.anchor else self.relation_of(question.text)
        begins = starts.index.isin(self._begin.get(relation, set()))
        found = np.zeros(len(self.graph.nodes))
        if begins.any():
            positions = starts[begins].to_numpy()
            found += self.scorer.edge_scores(positions, [str(relation)] * len(positions)).sum(axis=0)
        if not begins.all():
            found += self.scorer.near(starts[~begins].to_numpy()).sum(axis=0)
        return found if np.ptp(found) else None
