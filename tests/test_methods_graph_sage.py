"""GraphSAGE: the same numbers as PyTorch Geometric's layer, in one piece or in many, and what a lonely node gets."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import small_films, tables
from torch_geometric.nn import SAGEConv

from kgss_helpers.datasets import synthetic_graph
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.graph_sage import Csr, FanOut, GraphSage, GraphSageEncoder, edge_pairs, embed_all
from kgss_helpers.methods.protocol import answer


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return synthetic_graph(150, seed=1)


def features_of(graph: KnowledgeGraph, width: int = 6) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(len(graph.nodes), width)).astype(np.float32)


def both_ways(graph: KnowledgeGraph) -> torch.Tensor:
    ends = graph.to_pyg(homogeneous=True).edge_index
    return torch.cat([ends, ends.flip(0)], dim=1)


def test_it_computes_what_the_library_does(graph: KnowledgeGraph) -> None:
    model, x = GraphSage(features=6, hidden=5, out=4, seed=3), features_of(graph)
    state = torch.from_numpy(x)
    for number, layer in enumerate(model.layers):
        peer = SAGEConv(layer.self_weight.in_features, layer.self_weight.out_features)
        peer.lin_l, peer.lin_r = layer.mean_weight, layer.self_weight
        state = peer(state.relu() if number else state, both_ways(graph))
    expected = torch.nn.functional.normalize(state, dim=1).detach().numpy()
    np.testing.assert_allclose(embed_all(model, graph, x), expected, atol=1e-5)


def test_edges_in_one_direction_are_messages_from_source_to_target(graph: KnowledgeGraph) -> None:
    model, x = GraphSage(features=6, out=4, layers=1), features_of(graph)
    peer = SAGEConv(6, 4)
    peer.lin_l, peer.lin_r = model.layers[0].mean_weight, model.layers[0].self_weight
    expected = torch.nn.functional.normalize(
        peer(torch.from_numpy(x), graph.to_pyg(homogeneous=True).edge_index), dim=1
    ).detach()
    found = embed_all(model, Csr.of(graph, symmetric=False), x)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("chunk", [1, 7, 149, 150])
def test_chunks_equal_one_piece(graph: KnowledgeGraph, chunk: int, residual: bool) -> None:
    model, x = GraphSage(features=6, out=6, residual=residual), features_of(graph)
    torch.nn.init.normal_(model.layers[-1].mean_weight.weight)
    np.testing.assert_allclose(embed_all(model, graph, x, chunk=chunk), embed_all(model, graph, x), atol=1e-6)


def test_a_fan_out_that_holds_all_neighbours_gives_what_all_neighbours_give() -> None:
    """Three nodes in a ring: two neighbours each."""
    csr = Csr.from_pairs(np.array([[0, 1], [1, 2], [2, 0]]), 3)
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    around = torch.tensor([[1, 2], [0, 2], [0, 1]])
    tree = FanOut((torch.arange(3), around, around[around]), (None, None))
    model = GraphSage(features=4, out=4)
    np.testing.assert_allclose(model(tree, x).detach(), embed_all(model, csr, x), atol=1e-6)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_question_is_a_node_without_neighbours(layers: int) -> None:
    lonely = Csr.from_pairs(np.zeros((0, 2)), 5)
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    model = GraphSage(features=4, out=3, layers=layers)
    np.testing.assert_allclose(model.alone(x).detach(), embed_all(model, lonely, x), atol=1e-6)
    levels = [torch.arange(5).view(5, *[1] * step).expand(5, *[2] * step) for step in range(layers + 1)]
    none = tuple(torch.zeros_like(level, dtype=torch.bool) for level in levels[:-1])
    np.testing.assert_allclose(model(FanOut(tuple(levels), none), x).detach(), model.alone(x).detach(), atol=1e-6)


def test_with_a_residual_path_it_begins_where_the_features_are(graph: KnowledgeGraph) -> None:
    x = features_of(graph)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(embed_all(GraphSage(features=6, out=6, residual=True), graph, x), unit, atol=1e-6)
    assert embed_all(GraphSage(features=6, out=3, residual=True), graph, x).shape == (150, 3)


def test_the_seed_decides_and_disturbs_nobody() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, again, other = (GraphSage(nodes=9, hidden=4, out=4, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one.table, again.table)
    assert not torch.equal(one.table, other.table)


def test_features_may_lie_on_disk(graph: KnowledgeGraph, tmp_path: Path) -> None:
    model, x = GraphSage(features=6), features_of(graph)
    np.save(tmp_path / "x.npy", x)
    for mode in ("r", "c"):
        mapped = np.load(tmp_path / "x.npy", mmap_mode=mode)
        np.testing.assert_array_equal(embed_all(model, graph, mapped), embed_all(model, graph, x))
        part = np.load(tmp_path / "x.npy", mmap_mode=mode)[:]
        np.testing.assert_array_equal(embed_all(model, graph, part), embed_all(model, graph, x))
    x.flags.writeable = False
    embed_all(model, graph, x)


def test_what_does_not_fit_is_said(graph: KnowledgeGraph) -> None:
    x = features_of(graph)
    with pytest.raises(ValueError, match=r"pass features, .* or nodes"):
        GraphSage()
    with pytest.raises(ValueError, match="needs a layer, not 0"):
        GraphSage(features=3, layers=0)
    with pytest.raises(ValueError, match="no table of its own"):
        embed_all(GraphSage(features=6), graph)
    with pytest.raises(ValueError, match="nodes come with 6 features, and the model was made for 7"):
        embed_all(GraphSage(features=7), graph, x)
    with pytest.raises(ValueError, match="features of 149 nodes, and the graph has 150"):
        embed_all(GraphSage(features=6), graph, x[:-1])
    with pytest.raises(ValueError, match="2 layers need a fan-out of 2 steps, not 1"):
        GraphSage(features=6)(FanOut((torch.arange(2), torch.ones(2, 3, dtype=torch.long)), (None,)), torch.ones(9, 6))


# -------------------------------------------------------------------------------------------------------------- edges


def test_pairs_stand_in_the_order_of_the_edge_table() -> None:
    films = small_films()
    ids = films.nodes["node_id"].to_numpy()
    assert ids[edge_pairs(films)].tolist() == films.edges[["source", "target"]].to_numpy().tolist()
    assert edge_pairs(films.with_edges(films.edges.head(0))).shape == (0, 2)


def test_neighbours_are_those_of_the_graph_edge_by_edge(graph: KnowledgeGraph) -> None:
    csr = Csr.of(graph)
    assert csr.degree.tolist() == graph.degree.tolist()
    for row in (0, 40, 149):
        span = csr.neighbours[csr.starts[row] : csr.starts[row + 1]].tolist()
        there = graph.neighbours(graph.nodes["node_id"][row])["node_id"]
        assert span == sorted(graph.position(node_id) for node_id in there)


def test_it_knows_every_edge_and_no_other(graph: KnowledgeGraph) -> None:
    csr = Csr.of(graph)
    here, there = torch.meshgrid(torch.arange(150), torch.arange(150), indexing="ij")
    expected = torch.zeros(150, 150, dtype=torch.bool)
    expected[tuple(both_ways(graph))] = True
    assert torch.equal(csr.contains(here, there), expected)
    assert not Csr.from_pairs(np.zeros((0, 2)), 150).contains(here, there).any()


def test_an_edge_to_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="edges join nodes 0 to 3, and there are nodes 0 to 2"):
        Csr.from_pairs(np.array([[0, 3]]), 3)


# --------------------------------------------------------------------------------------------------------- in the exam


def letters(texts) -> np.ndarray:
    """Counts of the letters a to h."""
    return np.array([[text.lower().count(letter) for letter in "abcdefgh"] for text in texts], dtype=np.float32)


def test_nodes_are_encoded_with_their_neighbours_and_questions_alone() -> None:
    films = small_films()
    encoder = GraphSageEncoder(GraphSage(features=8, out=8, residual=True), letters, style="name", name="sage")
    torch.nn.init.normal_(encoder.model.layers[-1].mean_weight.weight)
    nodes, asked = encoder.fit(films).encode_nodes(films), encoder.encode_queries(["Nobody", "Ada Quill"])
    np.testing.assert_allclose(np.linalg.norm(nodes, axis=1), 1, atol=1e-5)
    row = films.position
    np.testing.assert_allclose(nodes[row("lone")], asked[0], atol=1e-6)  # has no neighbours either
    assert not np.allclose(nodes[row("p1")], asked[1], atol=1e-2)
    assert encoder.sees == "texts of nodes; the graph"
    by_text = GraphSageEncoder(encoder.model, letters, style=lambda graph: graph.nodes["name"].tolist(),
                               neighbours=False)  # fmt: skip
    np.testing.assert_allclose(by_text.encode_nodes(films)[row("p1")], asked[1], atol=1e-6)
    assert answer(encoder, "Nobody", films)["node_id"].iloc[0] == "lone"


def test_whom_training_never_met_is_known_by_text_and_edges() -> None:
    films = small_films()
    old = films.subgraph(node_ids=[node_id for node_id in films.nodes["node_id"] if node_id not in ("p1", "lone")])
    encoder = GraphSageEncoder(GraphSage(features=8, out=8), letters)
    assert encoder.fit(old).encode_nodes(films)[films.position("p1")].any()
    table = GraphSage(nodes=len(old.nodes), hidden=4, out=4)
    encoder = GraphSageEncoder(table, learned_on=old)
    known, everyone = encoder.encode_nodes(old), encoder.encode_nodes(films)
    assert everyone[films.position("p1")].any()  # by its neighbours alone
    assert encoder.features(films)[films.position("p1")].tolist() == [0] * 4
    np.testing.assert_allclose(everyone[films.position("p2")], known[old.position("p2")], atol=0.5)
    np.testing.assert_array_equal(encoder.encode_queries(["a heist"]), np.zeros((1, 4)))


def test_an_encoder_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="pass features_of"):
        GraphSageEncoder(GraphSage(features=3))
    with pytest.raises(ValueError, match="pass learned_on"):
        GraphSageEncoder(GraphSage(nodes=3), letters)


def test_a_graph_without_edges_is_embedded_too() -> None:
    nodes, edges = tables([("a", "x", "A", ""), ("b", "x", "B", "")], [])
    assert embed_all(GraphSage(nodes=2), KnowledgeGraph(nodes, edges)).shape == (2, 128)
