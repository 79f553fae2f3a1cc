"""Walks: they follow edges, go back or away as they are told, and what they put together is near in the space."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from kgss_helpers import exam
from kgss_helpers.exam.sitting import sit
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.protocol import answer, scores_of
from kgss_helpers.methods.walks import GraphWalks, step_weights, walk
from kgss_helpers.question import Query
from tests.helpers import question, tables, tiny_graph


@pytest.fixture
def graph() -> KnowledgeGraph:
    """A triangle a, b, c with a tail d, and e alone; a stands to b in two relations."""
    nodes = [(name, "person", f"Person {name}", "") for name in "abcde"]
    edges = [("a", "knows", "b"), ("a", "helps", "b"), ("b", "knows", "c"), ("c", "knows", "a"), ("b", "knows", "d")]
    return KnowledgeGraph(*tables(nodes, edges), name="triangle")


@pytest.fixture
def islands() -> KnowledgeGraph:
    """Two groups of people, films and a keyword each; nothing joins them."""
    nodes, edges = [], []
    for side in "xy":
        nodes += [(f"p{side}{row}", "person", f"Person {side}{row}", "") for row in range(3)]
        nodes += [(f"f{side}{row}", "project", f"Work {side}{row}", "") for row in range(3)]
        nodes.append((f"k{side}", "keyword", f"Idea {side}", ""))
        edges += [(f"p{side}{one}", "made", f"f{side}{other}") for one in range(3) for other in range(3)]
        edges += [(f"f{side}{row}", "about", f"k{side}") for row in range(3)]
    return KnowledgeGraph(*tables(nodes, edges), name="islands")


def test_walks_start_everywhere_and_follow_edges(graph: KnowledgeGraph) -> None:
    walked = walk(graph, per_node=3, length=6)
    assert sorted(walked.nodes[:, 0].tolist()) == sorted([0, 1, 2, 3] * 3)
    joined = {
        (graph.position(s), graph.position(t))
        for s, t in zip(graph.edges["source"], graph.edges["target"], strict=True)
    }
    for row in walked.nodes:
        assert all((a, b) in joined or (b, a) in joined for a, b in pairwise(row))


def test_the_same_seed_gives_the_same_walks(graph: KnowledgeGraph) -> None:
    first, again, other = (walk(graph, seed=seed, back=2).nodes for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_sentence_names_nodes_and_if_asked_the_relations_between_them(graph: KnowledgeGraph) -> None:
    walked = walk(graph, per_node=2, length=4)
    edges = set(graph.edges.itertuples(index=False, name=None))
    for plain, named in zip(walked.sentences(), walked.sentences(relations=True), strict=True):
        assert named[::2] == plain
        for before, relation, after in zip(named[0:-1:2], named[1::2], named[2::2], strict=True):
            arrow, kind = relation.split(" ")
            assert ((before, kind, after) if arrow == "→" else (after, kind, before)) in edges


@pytest.mark.parametrize(("back", "away"), [(1, 1), (0.25, 4), (4, 0.25)])
def test_steps_are_drawn_as_the_weights_say(graph: KnowledgeGraph, back: float, away: float) -> None:
    walked = walk(graph, per_node=4000, length=3, back=back, away=away).nodes
    came = walked[(walked[:, 0] == 0) & (walked[:, 1] == 1)]
    drawn = pd.Series(graph.nodes["node_id"].to_numpy()[came[:, 2]]).value_counts(normalize=True)
    expected = step_weights(graph, "a", "b", back=back, away=away)
    assert sum(expected.values()) == pytest.approx(1)
    for node_id, chance in expected.items():
        assert drawn.get(node_id, 0) == pytest.approx(chance, abs=0.03)


def test_two_edges_are_two_ways_to_go(graph: KnowledgeGraph) -> None:
    assert step_weights(graph, "a", "b", back=1, away=1) == {"a": 0.5, "c": 0.25, "d": 0.25}


@pytest.mark.parametrize("wrong", [{"per_node": 0}, {"length": 1}, {"back": 0}, {"away": -1}])
def test_senseless_walks_are_refused(graph: KnowledgeGraph, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="walks need"):
        walk(graph, **wrong)


def test_a_graph_without_edges_is_refused() -> None:
    nodes = [("a", "person", "Ann", "")]
    with pytest.raises(ValueError, match="no edge to walk along"):
        walk(KnowledgeGraph(*tables(nodes, []), name="lone"))


@pytest.mark.parametrize("relations", [False, True], ids=["nodes alone", "relations named"])
def test_what_walks_meet_together_lies_together(islands: KnowledgeGraph, relations: bool) -> None:
    method = GraphWalks(relations=relations, dimensions=8, epochs=20).fit(islands)
    vectors = method.encode_nodes(islands)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    inside, outside = vectors[:7] @ vectors[:7].T, vectors[:7] @ vectors[7:].T
    assert inside.mean() > outside.mean() + 0.3


def test_a_question_is_the_mean_of_what_it_names_and_finds_its_side(islands: KnowledgeGraph) -> None:
    method = GraphWalks(dimensions=8, epochs=20).fit(islands)
    text = "something like Work x0 by Person x1"
    asked = method.encode_queries([text])[0]
    vectors = method.space.vectors[method.space.rows(["fx0", "px1"])].sum(axis=0)
    assert np.allclose(asked, vectors / np.linalg.norm(vectors), atol=1e-5)
    found = answer(method, text, islands, node_type="keyword", fit=False)
    assert found["node_id"].iloc[0] == "kx"


def test_a_question_that_names_nothing_finds_nothing_and_a_newcomer_is_not_found(islands: KnowledgeGraph) -> None:
    method = GraphWalks(dimensions=8).fit(islands)
    new = KnowledgeGraph(
        pd.concat([islands.nodes, pd.DataFrame([("new", "project", "New", "")], columns=islands.nodes.columns)]),
        islands.edges,
        name="later",
    )
    scores = scores_of(method, [Query("a good one"), Query("New"), Query("Person x1")], new, fit=False)
    assert np.isneginf(scores[:2]).all()
    assert np.isneginf(scores[2, -1])
    assert np.isfinite(scores[2, :-1]).all()


def test_it_sits_any_exam_and_learns_the_same_graph_once() -> None:
    method = GraphWalks(dimensions=8, per_node=2)
    result = sit(method, graph=tiny_graph(), questions=[question(text="films like Film 1")])
    first = method.table
    assert len(result.scores) == 1
    method.fit(tiny_graph())
    assert method.table is not first
    same = tiny_graph()
    assert method.fit(same).table is method.fit(same).table


def test_the_training_graph_of_the_exam_has_no_triangle() -> None:
    """Why node2vec has one knob there and not two."""
    kinds = exam.training_graph().triples()[["subject_type", "object_type"]]
    assert (kinds == "project").sum(axis=1).eq(1).all()
