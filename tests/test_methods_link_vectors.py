"""Links of projects: the pairs, what is held out of them, shared-link counts, and vectors in the exam."""

import numpy as np
import pytest
from helpers import small_films, tables

from kgss_helpers.graph import GraphError, KnowledgeGraph
from kgss_helpers.methods.link_vectors import (
    LinkPairs,
    LinkVectors,
    SharedLinks,
    link_pairs,
    popularity_scores,
    shared_link_scores,
)
from kgss_helpers.methods.protocol import scores_of
from kgss_helpers.question import Query
from kgss_helpers.space import SemanticSpace


def some_pairs(seed=0):
    rng = np.random.default_rng(seed)
    codes = np.unique(rng.integers(40 * 30, size=600))
    return LinkPairs.numbered(np.stack([codes // 30, codes % 30], axis=1))


def test_two_relations_between_the_same_nodes_are_one_pair():
    graph = small_films()
    twice = KnowledgeGraph(graph.nodes, graph.edges.iloc[[0, 0, 1]].assign(relation=["Director", "Producer", "Actor"]))
    pairs = link_pairs(twice)
    assert len(pairs) == 2
    assert pairs.links.tolist() == ["p1"]


def test_rare_links_are_left_out_and_projects_are_not():
    pairs = link_pairs(small_films(), min_count=3)
    assert sorted(pairs.links) == ["g1", "p1"]
    assert sorted(pairs.projects) == ["f1", "f2", "f3"]
    assert pairs.counts.tolist() == [3, 3]
    assert pairs.matrix.toarray().all()


def test_a_graph_without_such_links_or_projects_is_refused():
    with pytest.raises(ValueError, match="ask for fewer"):
        link_pairs(small_films(), min_count=9)
    with pytest.raises(GraphError, match="no node has the type"):
        link_pairs(small_films(), node_type="article")


def test_held_out_links_are_never_among_those_to_learn_from():
    pairs = some_pairs()
    split = pairs.hold_out(0.2, seed=3)
    sides = [set(map(tuple, side)) for side in (split.train.pairs, split.validation, split.test)]
    assert sides[0] | sides[1] | sides[2] == set(map(tuple, pairs.pairs))
    assert sum(map(len, sides)) == len(pairs)
    assert len(sides[1]) == len(sides[2]) == pytest.approx(0.2 * len(pairs), abs=1)


def test_every_link_and_project_keeps_something_to_learn_from():
    split = some_pairs().hold_out(0.45, keep=3)
    assert np.bincount(split.train.pairs[:, 0]).min() >= 3
    assert np.bincount(split.train.pairs[:, 1]).min() >= 3


def test_the_same_seed_holds_the_same_out_and_only_what_may_be():
    pairs = some_pairs()
    may = np.arange(len(pairs.links)) % 2 == 0
    first, again, other = (pairs.hold_out(0.1, may=may, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)
    assert (first.test[:, 0] % 2 == 0).all()
    with pytest.raises(ValueError, match="less than half"):
        pairs.hold_out(0.5)


def test_a_link_gets_votes_from_links_that_share_its_projects():
    # Links 0 and 1 share projects 0 and 1; link 2 stands in project 2 alone, with link 0; project 3 has link 0 alone.
    pairs = LinkPairs.numbered(np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0, 2], [2, 2], [0, 3]]))
    votes = shared_link_scores(pairs)
    assert votes[3, 1] == pytest.approx(2 / np.sqrt(4 * 2))
    assert votes[3, 2] == pytest.approx(1 / np.sqrt(4 * 1))
    assert votes[3, 0] == 0  # a link does not vote for itself
    assert popularity_scores(pairs)[3].tolist() == [4, 2, 1]


def test_shared_links_find_projects_and_people_from_either_end():
    graph = small_films()
    about, named = Query("like this", "project", anchor="f1"), Query("what did Ada Quill make?", "project")
    rows = SharedLinks().score([about, named, Query("nothing that is here")], graph)
    position = graph.position
    assert np.isfinite(rows[0, position("k1")])
    assert np.isfinite(rows[1, [position(film) for film in ("f1", "f2", "f3")]]).all()
    assert np.isneginf(rows[2]).all()


def space_of(graph):
    vectors = np.eye(len(graph.nodes), dtype=np.float32)
    return SemanticSpace.of(graph, vectors, name="corners")


def test_a_stranger_is_the_mean_of_its_neighbours_also_at_second_hand():
    graph = small_films()
    nodes = [*graph.nodes.itertuples(index=False, name=None), ("f9", "project", "New", ""), ("p9", "person", "Nu", "")]
    edges = [*graph.edges.itertuples(index=False, name=None), ("p1", "Director", "f9"), ("p9", "Actor", "f9")]
    larger = KnowledgeGraph(*tables(nodes, edges))
    method = LinkVectors(space_of, name="corners").fit(graph)
    vectors = method.encode_nodes(larger)
    assert vectors[larger.position("f9")] @ vectors[larger.position("p1")] == pytest.approx(1)
    assert vectors[larger.position("p9")] @ vectors[larger.position("p1")] == pytest.approx(1)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)


def test_a_question_is_the_mean_of_what_it_names_and_nothing_else_is_found():
    graph = small_films()
    method = LinkVectors(space_of, name="corners")
    rows = scores_of(method, [Query("Ada Quill and Bo Ray"), Query("somebody else")], graph)
    assert rows[0, graph.position("p1")] == rows[0, graph.position("p2")] == pytest.approx(2**-0.5)
    assert np.isneginf(rows[1]).all()


def test_one_graph_is_learned_from_once():
    graph, calls = small_films(), []
    method = LinkVectors(lambda seen: calls.append(seen) or space_of(seen), name="corners")
    method.fit(graph).fit(graph)
    assert calls == [graph]
