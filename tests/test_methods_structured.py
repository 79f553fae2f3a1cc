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
