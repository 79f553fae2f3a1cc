"""What a structured query recognises, and what it then counts."""

import numpy as np
import pytest

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.structured import CreditCounts, StructuredQuery, shared_subjects
from kgss_helpers.question import Query
from tests.helpers import tables


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    """Two makers of westerns, one of comedies; the shared keyword 'horse' is rarer than 'friendship'."""
    nodes = [
        ("p1", "person", "Ann", ""), ("p2", "person", "Bob", ""), ("p3", "person", "Cy", ""),
        *((f"f{number}", "project", f"Film {number}", "") for number in range(1, 6)),
        ("g1", "genre", "Western", ""), ("g2", "genre", "Comedy", ""),
        ("k1", "keyword", "horse", ""), ("k2", "keyword", "friendship", ""),
    ]  # fmt: skip
    edges = [
        *(("p1", "Director", film) for film in ("f1", "f2", "f3")), ("p2", "Director", "f1"),
        *(("p3", "Director", film) for film in ("f4", "f5")), ("p2", "Composer", "f4"),
        *((film, "has genre", "g1") for film in ("f1", "f2", "f3")),
        *((film, "has genre", "g2") for film in ("f4", "f5")),
        ("f1", "has keyword", "k1"), ("f2", "has keyword", "k1"),
        *((film, "has keyword", "k2") for film in ("f1", "f3", "f4", "f5")),
    ]  # fmt: skip
    return KnowledgeGraph(*tables(nodes, edges), name="toy")


def test_credits_are_counted_by_role_and_subject(graph: KnowledgeGraph) -> None:
    counts = CreditCounts.of(graph)
    assert counts.roles == ["Composer", "Director"]
    assert counts.subjects == ["Western", "Comedy", "horse", "friendship"]
    dense = counts.table.toarray().reshape(len(graph.nodes), len(counts.roles), len(counts.subjects))
    assert dense[graph.position("p1"), 1].tolist() == [3, 0, 2, 2]
    assert dense[graph.position("p2"), 0].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("hard", [True, False])
def test_the_graph_counts_what_the_space_reads(graph: KnowledgeGraph, hard: bool) -> None:
    method = StructuredQuery(load_pretrained(device="cpu"), hard=hard)
    scores = method.score([Query("a director of cowboy movies", "person")], graph)[0]
    order = graph.nodes["node_id"].to_numpy()[np.argsort(-scores, kind="stable")].tolist()
    assert order[:2] == ["p1", "p2"]
    assert np.isinf(scores[graph.position("f1")])
    assert np.isinf(scores[graph.position("p3")]) == hard  # softly, a director of comedies is a little right


def test_hard_has_one_phrase_and_soft_shares_sum_to_one(graph: KnowledgeGraph) -> None:
    model = load_pretrained(device="cpu")
    _, phrases = StructuredQuery(model).phrases(CreditCounts.of(graph))
    assert "Director in western" in phrases
    texts = ["somebody for westerns", "who is funny?"]
    soft, hard = (StructuredQuery(model, hard=hard).shares(texts, phrases) for hard in (False, True))
    assert np.allclose(soft.sum(axis=1), 1, atol=1e-5)
    assert (np.sort(hard, axis=1)[:, -2:] == [0, 1]).all()
    assert (soft.argmax(axis=1) == hard.argmax(axis=1)).all()


def test_an_anchor_is_answered_by_shared_keywords_the_rare_ones_first(graph: KnowledgeGraph) -> None:
    scores = shared_subjects(graph, "f1")
    assert scores[graph.position("f2")] == pytest.approx(np.log(5 / 2))
    assert scores[graph.position("f3")] == pytest.approx(np.log(5 / 4))
    assert scores[graph.position("f2")] > scores[graph.position("f3")]
    assert np.isinf(scores[graph.position("p1")])


def test_what_it_cannot_ask_the_graph_is_not_found(graph: KnowledgeGraph) -> None:
    scores = StructuredQuery(load_pretrained(device="cpu")).score([Query("a horse", "keyword")], graph)
    assert np.isneginf(scores).all()


def test_another_graph_needs_no_names_of_ours() -> None:
    """Roles, subjects and who is asked for are read off the graph's shape."""
    nodes = [
        *((f"m{number}", "member", name, "") for number, name in enumerate(("Anna", "Bert"))),
        *((f"w{number}", "work", f"Work {number}", "") for number in range(4)),
        ("s0", "matter", "Bridges", ""), ("s1", "matter", "Tunnels", ""),
    ]  # fmt: skip
    edges = [
        *(("m0", "builder of", f"w{number}") for number in range(2)),
        *(("m1", "builder of", f"w{number}") for number in (2, 3)),
        *((f"w{number}", "deals with", f"s{number // 2}") for number in range(4)),
    ]
    other = KnowledgeGraph(*tables(nodes, edges), name="works")
    method = StructuredQuery(load_pretrained(device="cpu"), hard=True)
    assert method.phrases(CreditCounts.of(other))[1] == ["builder in bridges", "builder in tunnels"]
    for node_type in ("member", None):
        found = method.score([Query("who could help me with a river crossing?", node_type)], other)[0]
        assert np.flatnonzero(np.isfinite(found)).tolist() == [0]
        assert found[0] == pytest.approx(np.log1p(2))
    assert np.isneginf(method.score([Query("a river crossing", "work")], other)).all()
    assert np.isfinite(shared_subjects(other, "w0")).nonzero()[0].tolist() == [2, 3]  # the work itself and its like


def test_a_graph_without_subjects_answers_nothing() -> None:
    nodes = [("a", "person", "Anna", ""), ("b", "person", "Bert", "")]
    alone = KnowledgeGraph(*tables(nodes, [("a", "knows", "b")]), name="alone")
    scores = StructuredQuery(load_pretrained(device="cpu")).score([Query("who?", "person")], alone)
    assert np.isneginf(scores).all()
