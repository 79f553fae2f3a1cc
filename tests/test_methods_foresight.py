"""Counting what is not stored yet: of two with equal counts, the one comes first whose next edge is likelier."""

import numpy as np
import pytest

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.foresight import Foresight, next_edges
from kgss_helpers.methods.structured import CreditCounts
from kgss_helpers.question import Query
from tests.helpers import tables

NODES = [
    ("p1", "person", "Ann", ""), ("p2", "person", "Bob", ""), ("p3", "person", "Cy", ""),
    *((f"f{number}", "project", f"Project {number}", "") for number in range(1, 8)),
    ("g1", "genre", "Western", ""), ("g2", "genre", "Comedy", ""),
]  # fmt: skip
EDGES = [
    *(("p1", "Director", project) for project in ("f1", "f2")),
    *(("p2", "Director", project) for project in ("f3", "f4")),
    ("p3", "Director", "f1"), *((f"f{number}", "has genre", "g1") for number in (1, 2, 3, 4, 5)),
    *((f"f{number}", "has genre", "g2") for number in (6, 7)),
]  # fmt: skip


class Seer:
    """Sees Ann's next edge at a western, Bob's at a comedy."""

    name = "seer"

    def fit(self, graph: KnowledgeGraph) -> "Seer":
        self.graph = graph
        return self

    def edge_scores(self, sources: np.ndarray, relations: list[str]) -> np.ndarray:
        scores = np.full((len(sources), len(self.graph.nodes)), -np.inf)
        projects = (self.graph.nodes["node_type"] == "project").to_numpy()
        scores[:, projects] = 0
        for row, source in enumerate(sources):
            scores[row, self.graph.position("f5" if source == self.graph.position("p1") else "f6")] = 5
        return scores

    def near(self, starts: np.ndarray) -> np.ndarray:
        return self.edge_scores(starts, [])


@pytest.fixture
def graph() -> KnowledgeGraph:
    return KnowledgeGraph(*tables(NODES, EDGES), name="toy")


def foresight(graph: KnowledgeGraph) -> Foresight:
    """Reads every question as *Director in western*."""
    method = Foresight(None, Seer().fit(graph), graph)
    method.shares = lambda texts, phrases: np.tile(
        [float(said == "Director in western") for said in phrases], (len(texts), 1)
    )
    return method


def test_shares_of_the_next_edge_sum_to_one_and_leave_out_what_is_there(graph: KnowledgeGraph) -> None:
    shares = next_edges(Seer().fit(graph), graph, ["Director"])["Director"].toarray()
    ann = graph.position("p1")
    assert shares[ann].sum() == pytest.approx(1)
    assert shares[ann, graph.position("f1")] == 0
    assert shares[ann].argmax() == graph.position("f5")
    assert not shares[graph.position("p3")].any(), "one edge is too few to foresee another"


def test_who_is_likely_to_get_one_more_comes_first(graph: KnowledgeGraph) -> None:
    scores = foresight(graph).score([Query("a director of westerns", "person")], graph)[0]
    ann, bob, cy = (scores[graph.position(node)] for node in ("p1", "p2", "p3"))
    assert ann > bob > cy > 0
    assert bob == pytest.approx(np.log1p(2 + next_share(graph, "p2")))
    assert np.isneginf(scores[graph.position("f1")])


def next_share(graph: KnowledgeGraph, person: str) -> float:
    """How much of somebody's next edge falls on westerns."""
    shares = next_edges(Seer().fit(graph), graph, ["Director"])["Director"].toarray()[graph.position(person)]
    return sum(shares[graph.position(f"f{number}")] for number in (1, 2, 3, 4, 5))


def test_a_newcomer_is_counted_as_it_stands(graph: KnowledgeGraph) -> None:
    nodes, edges = tables(
        [("new", "person", "Di", ""), *NODES], [*EDGES, ("new", "Director", "f1"), ("new", "Editor", "f6")]
    )
    larger = KnowledgeGraph(nodes, edges, name="larger")
    assert CreditCounts.of(larger).roles != CreditCounts.of(graph).roles
    scores = foresight(graph).score([Query("a director of westerns", "person")], larger)[0]
    assert scores[larger.position("new")] == pytest.approx(np.log1p(1))
    assert scores[larger.position("p1")] > np.log1p(2)


def test_what_starts_from_a_node_is_answered_as_before(graph: KnowledgeGraph) -> None:
    scores = foresight(graph).score([Query("like this", "project", anchor="f1")], graph)
    assert np.isneginf(scores).all(), "nothing shares a keyword with it"
