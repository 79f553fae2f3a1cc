"""A matrix for each relation: the layer is that of PyTorch Geometric, hidden edges are hidden, and it learns."""

import numpy as np
import pytest
import torch

from kgss_helpers.datasets import synthetic_graph
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.graph_sage import GraphSage, embed_all
from kgss_helpers.training.edges import triples_of
from kgss_helpers.training.relational import RelationalSage, train_relational
from tests.helpers import tables

THREE = [("ann", "person", "Ann", ""), ("f1", "project", "Comet", ""), ("f2", "project", "Nova", "")]


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return synthetic_graph(300)


def test_a_layer_is_that_of_pytorch_geometric(graph: KnowledgeGraph) -> None:
    from torch_geometric.nn import RGCNConv

    model = RelationalSage(graph, dimensions=8, layers=1)
    rows, relations = triples_of(graph)
    source, kind, target = rows.unbind(dim=1)
    peer = RGCNConv(8, 8, 2 * len(relations), aggr="mean")
    layer = model.layers[0]
    peer.weight.data, peer.root.data = layer.by_relation.data, layer.self_weight.weight.data.T
    peer.bias.data = layer.self_weight.bias.data
    edges = torch.stack([torch.cat([source, target]), torch.cat([target, source])])
    expected = peer(model.table, edges, torch.cat([kind, kind + len(relations)]))
    assert torch.allclose(model(), torch.nn.functional.normalize(expected, dim=1), atol=1e-5)


def test_with_one_matrix_for_all_it_is_graphsage(graph: KnowledgeGraph) -> None:
    model = RelationalSage(graph, dimensions=8, typed=False)
    sage = GraphSage(nodes=len(graph.nodes), hidden=8, out=8)
    sage.table.data = model.table.data
    for ours, theirs in zip(model.layers, sage.layers, strict=True):
        theirs.self_weight.weight.data = ours.self_weight.weight.data
        theirs.mean_weight.weight.data = ours.by_relation.data[0].T
        theirs.mean_weight.bias.data = ours.self_weight.bias.data
    assert np.allclose(model.embed(), embed_all(sage, graph), atol=1e-5)


def test_the_relation_of_an_edge_matters_and_a_hidden_edge_does_not() -> None:
    def made(relation: str, *, hide: bool = False) -> np.ndarray:
        edges = [("ann", relation, "f1"), ("ann", "Composer", "f2"), ("ann", "Director", "f2")]
        graph = KnowledgeGraph(*tables(THREE, edges), name="three")
        model = RelationalSage(graph, dimensions=6, layers=1)
        rows = torch.tensor([[graph.position("ann"), graph.position("f1")]])
        return model(rows if hide else None).detach().numpy()[graph.position("f1")]

    assert not np.allclose(made("Composer"), made("Director"), atol=1e-3)
    assert np.allclose(made("Composer", hide=True), made("Director", hide=True))


@pytest.mark.parametrize("typed", [True, False])
def test_it_learns_the_edges_that_it_sees_and_twice_the_same(graph: KnowledgeGraph, typed: bool) -> None:
    settings = {"dimensions": 16, "batch_size": 256, "device": "cpu", "log_every": 1000, "typed": typed}
    untrained = RelationalSage(graph, dimensions=16, typed=typed).embed()
    vectors, again = (train_relational(graph, epochs=12, **settings).model.embed() for _ in range(2))
    assert np.array_equal(vectors, again)
    rows, _ = triples_of(graph)
    source, target = rows[:200, 0].numpy(), rows[:200, 2].numpy()
    types = graph.nodes["node_type"].to_numpy()
    rivals = types[target][:, None] == types
    above = [
        (found[source] @ found.T < (found[source] * found[target]).sum(axis=1)[:, None])[rivals].mean()
        for found in (untrained, vectors)
    ]
    assert above[1] > above[0] + 0.08


def test_a_graph_without_edges_is_refused() -> None:
    with pytest.raises(ValueError, match="no edges to learn from"):
        train_relational(KnowledgeGraph(*tables(THREE, []), name="empty"))
