"""Nodes as vectors by their edges alone: each product beside what it stands for."""

import numpy as np
import pytest
import torch
from scipy import sparse
from torch_geometric.nn import LightGCN
from torch_geometric.nn.kge import ComplEx

from kgss_helpers.datasets import synthetic_graph
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.embeddings_of_graphs import (
    KnowledgeEmbedding,
    NodeVectors,
    adjacency_svd,
    distilled_pagerank,
    factorised,
    light_gcn_vectors,
)
from kgss_helpers.methods.foresight import next_edges
from kgss_helpers.methods.learned_proximity import LearnedProximity, PathFeatures, conditional_logit
from kgss_helpers.methods.proximity import PersonalisedPageRank, ThreeHops, adjacency
from kgss_helpers.space import unit_rows
from tests.helpers import tables


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    """Two circles of colleagues who work together again and again."""
    rng, edges = np.random.default_rng(0), set()
    nodes = [(f"p{n}", "person", f"P{n}", "") for n in range(24)] + [
        (f"f{n}", "project", f"F{n}", "") for n in range(60)
    ]
    for project in range(60):
        circle = np.arange(12) + 12 * (project % 2)
        for person in rng.choice(circle, 4, replace=False):
            edges.add((f"p{person}", "made" if person % 3 else "wrote", f"f{project}"))
    return KnowledgeGraph(*tables(nodes, sorted(edges)), name="circles")


def test_a_full_factorisation_gives_the_table_back() -> None:
    table = sparse.csr_array(np.diag([4.0, 3.0, 2.0, 0.0]) + 0.1 * np.eye(4)[::-1])
    left, right = factorised(table, 3)
    assert np.allclose(left @ right.T, table.toarray(), atol=0.1)
    assert left.shape == right.shape == (4, 3)


def test_the_adjacency_is_divided_by_the_roots_of_both_degrees(graph: KnowledgeGraph) -> None:
    begins, ends = adjacency_svd(graph, 80)
    joined = adjacency(graph).toarray()
    root = 1 / np.sqrt(np.maximum(joined.sum(axis=1), 1))
    assert np.allclose(begins @ ends.T, joined * root[:, None] * root, atol=0.02)


def test_distilled_pagerank_is_the_logarithm_of_pagerank(graph: KnowledgeGraph) -> None:
    begins, ends = distilled_pagerank(graph, 83, restart=0.3, steps=15)
    exact = PersonalisedPageRank(restart=0.3, steps=15).spread([0], adjacency(graph))
    assert np.allclose(begins[0] @ ends.T, np.log(np.maximum(exact / 1e-4, 1)), atol=0.05)


def test_one_table_or_two_score_edges_by_dot_products_and_nearness_by_cosines(graph: KnowledgeGraph) -> None:
    table = np.random.default_rng(0).normal(size=(84, 5)).astype(np.float32)
    one = NodeVectors("one", lambda _: table).fit(graph)
    assert np.allclose(one.edge_scores(np.array([2]), ["made"])[0], table @ table[2], atol=1e-5)
    assert np.allclose(one.near(np.array([2]))[0], unit_rows(table) @ unit_rows(table)[2], atol=1e-5)
    two = NodeVectors("two", lambda _: (table, table[::-1])).fit(graph)
    assert np.allclose(two.edge_scores(np.array([2]), ["made"])[0], table[::-1] @ table[2], atol=1e-5)
    assert np.allclose(np.diag(two.near(np.arange(84))), 1, atol=1e-5)


def test_complex_scores_are_those_of_the_library() -> None:
    torch.manual_seed(0)
    model = ComplEx(7, 3, 4)
    scorer = KnowledgeEmbedding(lambda _: model).of(model, ["a", "b", "c"])
    found = scorer.edge_scores(np.array([1, 5]), ["b", "c"])
    with torch.no_grad():
        heads, relations = torch.tensor([1] * 7 + [5] * 7), torch.tensor([1] * 7 + [2] * 7)
        expected = model(heads, relations, torch.arange(7).repeat(2)).view(2, 7).numpy()
    assert np.allclose(found, expected, atol=1e-6)
    assert not np.allclose(found[0, 5], scorer.edge_scores(np.array([5]), ["b"])[0, 1]), "direction must count"
    with pytest.raises(KeyError):
        scorer.edge_scores(np.array([0]), ["unheard of"])


def test_light_gcn_is_the_mean_of_a_table_and_its_averages(graph: KnowledgeGraph) -> None:
    torch.manual_seed(0)
    model = LightGCN(len(graph.nodes), 6, num_layers=2)
    joined = adjacency(graph).toarray()
    root = 1 / np.sqrt(joined.sum(axis=1))
    average, table = joined * root[:, None] * root, model.embedding.weight.detach().numpy()
    expected = (table + average @ table + average @ average @ table) / 3
    assert np.allclose(light_gcn_vectors(model, graph), expected, atol=1e-5)


# ---- learned proximity -----------------------------------------------------------------------------------------------


def test_features_are_counts_of_walks(graph: KnowledgeGraph) -> None:
    features = PathFeatures(graph, ["made", "wrote"])
    sources = np.array([1, 3])
    found = dict(zip(features.names, np.moveaxis(features.of(sources, ["made", "wrote"]), -1, 0), strict=True))
    three = np.array([ThreeHops().spread([source], adjacency(graph))[features.ends] for source in sources])
    assert np.allclose(np.exp(found["three steps"]), three + 1e-6, rtol=1e-3)
    through = [np.exp(found[f"three steps, through {name}"]) - 1e-6 for name in ("made", "wrote")]
    assert np.allclose(sum(through), three, atol=1e-5)
    joined = adjacency(graph)[sources][:, features.ends].toarray()
    assert np.array_equal(found["joined already"], joined)
    writers = graph.edges[graph.edges["relation"] == "wrote"]["target"].nunique()
    assert (found["none of the relation there"][1] == 0).sum() == writers


def test_a_conditional_logit_finds_the_weights_that_made_the_choices() -> None:
    rng = np.random.default_rng(0)
    features, weights = rng.normal(size=(4000, 6, 2)), np.array([1.5, -0.7])
    noisy = features @ weights + rng.gumbel(size=(4000, 6))
    true = np.eye(6)[noisy.argmax(axis=1)]
    assert conditional_logit(features, true, np.ones((4000, 6), dtype=bool)) == pytest.approx(weights, abs=0.1)


def test_it_learns_that_colleagues_work_together_again(graph: KnowledgeGraph) -> None:
    scorer = LearnedProximity(["made", "wrote"], rounds=1).fit(graph)
    scores = scorer.edge_scores(np.arange(24), ["made"] * 24)
    ends = np.flatnonzero(graph.nodes["node_type"] == "project")
    assert np.isneginf(np.delete(scores, ends, axis=1)).all()
    of_circle = np.equal.outer(np.arange(24) >= 12, np.arange(60) % 2 == 1)
    assert scores[:, ends][of_circle].mean() > scores[:, ends][~of_circle].mean() + 1
    assert set(scorer.weights.index) == set(PathFeatures(graph, ["made"]).names)


def test_features_can_be_left_out_and_an_attribute_added(graph: KnowledgeGraph) -> None:
    dated = KnowledgeGraph(graph.nodes.assign(year=range(1900, 1984)), graph.edges, name="dated")
    scorer = LearnedProximity(["made", "wrote"], attribute="year", without=("three", "joined"), rounds=1).fit(dated)
    assert not [name for name in scorer.weights.index if name.startswith(("three", "joined"))]
    assert {"nearest year", "usual year"} <= set(scorer.weights.index)


def test_what_it_cannot_learn_from_is_said(graph: KnowledgeGraph) -> None:
    alone = graph.with_edges(graph.edges.iloc[:1])
    with pytest.raises(ValueError, match="no edges of these relations"):
        LearnedProximity(["wrote"]).fit(alone)
    mixed = KnowledgeGraph(*tables(
        [("a", "person", "A", ""), ("b", "project", "B", ""), ("c", "genre", "C", "")],
        [("a", "made", "b"), ("b", "has", "c")],
    ))  # fmt: skip
    with pytest.raises(ValueError, match="one type of node"):
        PathFeatures(mixed, ["made", "has"])


def test_the_next_edge_is_shared_out_over_what_is_not_joined_yet(graph: KnowledgeGraph) -> None:
    scorer = LearnedProximity(["made", "wrote"], rounds=1).fit(graph)
    shares = next_edges(scorer, graph, ["made"])["made"].toarray()
    counts = graph.edges[graph.edges["relation"] == "made"]["source"].value_counts()
    many = graph.nodes["node_id"].isin(counts.index[counts >= 2]).to_numpy()
    assert np.allclose(shares.sum(axis=1), many)
    assert not (shares[adjacency(graph).toarray() > 0]).any()
    assert not shares[:, graph.nodes["node_type"] == "person"].any()


def test_a_graph_of_any_kind_will_do() -> None:
    other = synthetic_graph(120)
    assert distilled_pagerank(other, 8)[0].shape == (120, 8)
