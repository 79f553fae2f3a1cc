"""Link prediction: what counts as false, and each measure beside a calculation by hand."""

import numpy as np
import pandas as pd
import pytest

from kgss_helpers.exam import film_exam
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.edge_prediction import (
    MEASURES,
    ByEdges,
    NodeDegree,
    Proximity,
    UnseenEdges,
    auc,
    degree_correlation,
    measure,
    ranks,
)
from kgss_helpers.methods.proximity import PersonalisedPageRank, ThreeHops, adjacency
from kgss_helpers.question import Query
from tests.helpers import tables

PEOPLE, PROJECTS = 6, 30


class Fixed:
    """A scorer with a row of scores for each node that an edge begins at."""

    name = "fixed"

    def __init__(self, table: np.ndarray, near: np.ndarray | None = None) -> None:
        self.table, self.near_table, self.asked = table, table if near is None else near, []

    def fit(self, _graph: KnowledgeGraph) -> "Fixed":
        return self

    def edge_scores(self, sources: np.ndarray, relations: list[str]) -> np.ndarray:
        self.asked += list(relations)
        return self.table[sources]

    def near(self, starts: np.ndarray) -> np.ndarray:
        return self.near_table[starts]


@pytest.fixture
def everything() -> KnowledgeGraph:
    """Six people and thirty projects; the first has made projects 0 to 4, of which the last is held out below."""
    nodes = [(f"p{n}", "person", f"Person Number {n}", "") for n in range(PEOPLE)]
    nodes += [(f"f{n}", "project", f"Project {n}", "") for n in range(PROJECTS)]
    edges = [("p0", "made", f"f{n}") for n in range(5)] + [("p0", "wrote", "f0")]
    edges += [(f"p{n}", "made", f"f{m}") for n in range(1, PEOPLE) for m in range(n, PROJECTS, 6)]
    return KnowledgeGraph(*tables(nodes, edges), name="everything")


@pytest.fixture
def unseen(everything: KnowledgeGraph) -> UnseenEdges:
    seen = everything.edges[~((everything.edges["source"] == "p0") & (everything.edges["target"] == "f4"))]
    graph = everything.with_edges(seen)
    held_out = pd.DataFrame(
        [("p0", "made", "f4"), ("stranger", "made", "f1")], columns=["source", "relation", "target"]
    )
    return UnseenEdges.of(graph, held_out, everything)


def test_an_edge_of_nodes_that_the_graph_lacks_is_left_out(unseen: UnseenEdges) -> None:
    assert len(unseen) == 1
    assert unseen.relations == ["made"]
    assert unseen.graph.nodes["node_id"].iloc[unseen.targets[0]] == "f4"


def test_possible_ends_are_of_the_right_type_and_no_other_true_edge(unseen: UnseenEdges) -> None:
    ids = unseen.graph.nodes["node_id"].to_numpy()[unseen.ends()[0]]
    assert set(ids) == {f"f{n}" for n in range(4, PROJECTS)}


@pytest.mark.parametrize("kind", ["any node", "same type", "same type and degree"])
def test_a_false_end_is_never_a_true_one(unseen: UnseenEdges, kind: str) -> None:
    for seed in range(5):
        ids = unseen.graph.nodes["node_id"].to_numpy()[unseen.false_ends(kind, seed=seed)[0]]
        assert len(set(ids)) == len(ids) == 20
        assert not set(ids) & {"p0", "f0", "f1", "f2", "f3", "f4"}
        assert kind == "any node" or all(name.startswith("f") for name in ids)


def test_matched_ends_are_the_nearest_in_degree(unseen: UnseenEdges) -> None:
    degree = unseen.graph.degree.to_numpy()
    drawn, possible = unseen.false_ends("same type and degree", count=3)[0], unseen.ends()[0]
    possible[unseen.targets[0]] = False
    gap = np.abs(np.log1p(degree) - np.log1p(degree[unseen.targets[0]]))
    assert gap[drawn].max() <= np.sort(gap[possible])[2]


def test_too_few_false_ends_are_said(unseen: UnseenEdges) -> None:
    with pytest.raises(ValueError, match="fewer than 40"):
        unseen.false_ends("same type", count=40)
    with pytest.raises(ValueError, match="no negatives 'other'"):
        unseen.false_ends("other")


def test_auc_is_the_share_of_false_ends_below_and_a_tie_is_half() -> None:
    scores = np.array([[0.5, 0.9, 0.1, 0.5], [1.0, 0.0, 0.0, 0.0]])
    assert auc(scores, np.array([0, 0]), np.array([[1, 2, 3], [1, 2, 3]])) == pytest.approx([0.5, 1])


def test_a_rank_counts_possible_ends_alone_and_ties_share_it() -> None:
    scores = np.array([[0.5, 0.9, 0.8, 0.5, 0.5]])
    everywhere = np.ones_like(scores, dtype=bool)
    assert ranks(scores, np.array([0]), everywhere) == pytest.approx([4])
    without = everywhere.copy()
    without[0, [1, 3, 4]] = False
    assert ranks(scores, np.array([0]), without) == pytest.approx([2])


def test_knowing_the_truth_is_perfect_and_knowing_nothing_is_half(unseen: UnseenEdges) -> None:
    size = len(unseen.graph.nodes)
    knows = np.zeros((size, size))
    knows[unseen.sources[0], unseen.targets[0]] = 1
    assert (measure(Fixed(knows), unseen) == 1).all(axis=None)
    nothing = measure(Fixed(np.zeros((size, size))), unseen)
    assert list(nothing) == list(MEASURES)
    assert (nothing.filter(like="AUC") == 0.5).all(axis=None)


def test_degrees_correlate_with_themselves(unseen: UnseenEdges) -> None:
    size = len(unseen.graph.nodes)
    assert degree_correlation(NodeDegree().fit(unseen.graph), unseen) == pytest.approx([1])
    assert degree_correlation(Fixed(np.zeros((size, size))), unseen).tolist() == [0]


def test_a_proximity_scores_as_its_measure_does(unseen: UnseenEdges) -> None:
    graph = unseen.graph
    found = Proximity(PersonalisedPageRank()).fit(graph).edge_scores(np.array([0, 0]), ["made", "made"])
    assert np.allclose(found, PersonalisedPageRank().spread([0], adjacency(graph)))
    new = Proximity(ThreeHops(), skip_joined=True).fit(graph)
    joined = adjacency(graph)[[0]].toarray()[0] > 0
    assert (new.near(np.array([0]))[0][joined] == -1).all()
    assert new.name == "three-hop counts, new ends only"


def test_a_named_node_is_asked_by_the_relation_that_is_read(unseen: UnseenEdges) -> None:
    graph, size = unseen.graph, len(unseen.graph.nodes)
    by_relation, near = np.zeros((size, size)), np.zeros((size, size))
    by_relation[0, 10], near[0, 11], near[12, 13] = 1, 1, 1
    scorer = Fixed(by_relation, near)
    method = ByEdges(scorer, graph, relation_of=lambda text: "made" if "made by" in text else None)
    asked = [
        Query("made by Person Number 0"), Query("about Person Number 0"), Query("nothing at all"),
        Query("made by whom?", anchor=graph.nodes["node_id"].iloc[12]),
    ]  # fmt: skip
    scores = method.score(asked, graph)
    assert [row.argmax() for row in scores[[0, 1, 3]]] == [10, 11, 13]
    assert np.isneginf(scores[2]).all()
    assert scorer.asked == ["made"]


def test_nodes_that_the_training_graph_lacks_are_not_found(unseen: UnseenEdges) -> None:
    nodes = pd.concat([unseen.graph.nodes.iloc[:1].assign(node_id="new"), unseen.graph.nodes])
    larger = KnowledgeGraph(nodes, unseen.graph.edges, name="larger")
    size = len(unseen.graph.nodes)
    table = np.tile(np.arange(size, dtype=float), (size, 1))
    scores = ByEdges(Fixed(table), unseen.graph).score([Query("Person Number 3")], larger)
    assert np.isneginf(scores[0, 0])
    assert scores[0, 1:].tolist() == table[0].tolist()
    assert np.isneginf(ByEdges(Fixed(table), unseen.graph).score([Query("x", anchor="new")], larger)).all()


def test_no_held_out_pair_of_the_exam_is_joined_in_what_methods_see() -> None:
    the_exam = film_exam()
    unseen = UnseenEdges.of(the_exam.training_graph, the_exam.test, the_exam.graph)
    assert len(unseen) == len(the_exam.test)
    seen = adjacency(the_exam.training_graph)
    assert not seen[unseen.sources, unseen.targets].any()
    assert unseen.joined[np.arange(len(unseen)), unseen.targets].all()
