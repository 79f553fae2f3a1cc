"""Names found in questions, and what lies near them in the graph; each measure beside a calculation by hand."""

import numpy as np
import pytest

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.linking import NameIndex
from kgss_helpers.methods.proximity import AdamicAdar, PersonalisedPageRank, ThreeHops, adjacency
from kgss_helpers.question import Query
from tests.helpers import tables


@pytest.fixture
def graph() -> KnowledgeGraph:
    """A path a - f - b - g, and c alone; a stands to f in two relations."""
    nodes = [
        ("a", "person", "Ann Lee", ""), ("f", "project", "The Film", ""), ("b", "person", "Ann", ""),
        ("g", "project", "Another Film", ""), ("c", "person", "Ann Lee", ""),
    ]  # fmt: skip
    edges = [("a", "Director", "f"), ("a", "Actor", "f"), ("b", "Actor", "f"), ("b", "Actor", "g")]
    return KnowledgeGraph(*tables(nodes, edges), name="path")


def test_the_longest_name_counts_and_namesakes_are_both_meant(graph: KnowledgeGraph) -> None:
    names = NameIndex(graph)
    assert names.named("films by ann lee, please") == ["a", "c"]
    assert names.named("Ann and The Film") == ["b", "f"]
    assert names.named("annabel leeds") == []
    assert NameIndex(graph, ("project",)).named("Ann Lee in another film") == ["g"]


def test_two_edges_between_two_nodes_join_them_once(graph: KnowledgeGraph) -> None:
    joined = adjacency(graph).toarray()
    assert joined.max() == 1
    assert (joined == joined.T).all()
    assert joined.sum() == 6


def test_pagerank_solves_its_equation(graph: KnowledgeGraph) -> None:
    joined = adjacency(graph)
    found = PersonalisedPageRank(restart=0.3, steps=200).spread([0], joined)
    walk = joined.toarray() / np.maximum(joined.toarray().sum(axis=1, keepdims=True), 1)
    start = np.eye(5)[0]
    assert np.allclose(found, 0.3 * np.linalg.solve(np.eye(5) - 0.7 * walk.T, start))


def test_adamic_adar_weighs_common_neighbours_by_their_degree(graph: KnowledgeGraph) -> None:
    found = AdamicAdar().spread([graph.position("a")], adjacency(graph))
    assert found[graph.position("b")] == pytest.approx(1 / np.log(2))
    assert found[graph.position("g")] == 0


def test_three_hops_are_walks_of_three_steps(graph: KnowledgeGraph) -> None:
    walk = adjacency(graph).toarray()
    walk = walk / np.maximum(walk.sum(axis=1, keepdims=True), 1)
    found = ThreeHops().spread([graph.position("a")], adjacency(graph))
    assert np.allclose(found, np.linalg.matrix_power(walk, 3)[graph.position("a")])
    assert found[graph.position("g")] > 0


@pytest.mark.parametrize("method", [PersonalisedPageRank(), AdamicAdar(), ThreeHops()], ids=lambda method: method.name)
def test_without_a_name_nothing_is_found_and_an_anchor_needs_none(graph: KnowledgeGraph, method: object) -> None:
    scores = method.score([Query("something funny"), Query("more like this", anchor="a")], graph)
    assert np.isneginf(scores[0]).all()
    assert np.isfinite(scores[1]).any()


def test_everyday_words_and_letters_are_no_names(graph: KnowledgeGraph) -> None:
    nodes = [(name, "project", name, "") for name in ("Up", "Them!", "M", "Up in the Air", "Ame\u0301lie")]
    names = NameIndex(KnowledgeGraph(*tables(nodes, []), name="titles"))
    assert names.named("who shows up with them, M?") == []
    assert names.named("like Up in the Air or Am\u00e9lie") == ["Up in the Air", "Ame\u0301lie"]


def test_the_graph_keeps_its_own_table(graph: KnowledgeGraph) -> None:
    before = graph.adjacency.neighbours.copy(), graph.adjacency.starts.copy()
    adjacency(graph)
    assert np.array_equal(graph.adjacency.neighbours, before[0])
    assert np.array_equal(graph.adjacency.starts, before[1])
