"""ComplEx and LightGCN on the common loop: they learn, twice the same, and take no true edge for a false one."""

import numpy as np
import pytest
import torch

from kgss_helpers.datasets import synthetic_graph
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.embeddings_of_graphs import KnowledgeEmbedding, NodeVectors, light_gcn_vectors
from kgss_helpers.training.edges import ComplexLoss, train_complex, train_light_gcn, triples_of
from tests.helpers import tables

SMALL = {"device": "cpu", "batch_size": 256, "negatives_each": 8, "log_every": 1000}


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return synthetic_graph(300)


def test_rows_are_sources_relations_and_targets(graph: KnowledgeGraph) -> None:
    rows, relations = triples_of(graph)
    ids = graph.nodes["node_id"].to_numpy()
    assert ids[rows[:, 0]].tolist() == graph.edges["source"].tolist()
    assert ids[rows[:, 2]].tolist() == graph.edges["target"].tolist()
    assert [relations[row] for row in rows[:, 1]] == graph.edges["relation"].tolist()
    assert relations == sorted(relations)


def test_a_graph_without_edges_is_refused() -> None:
    with pytest.raises(ValueError, match="no edges to learn from"):
        triples_of(KnowledgeGraph(*tables([("a", "person", "A", "")], []), name="empty"))


def edge_ranks(scores: np.ndarray, targets: np.ndarray) -> float:
    """How far down the true end stands on average, from 0 (first) to 1 (last)."""
    true = scores[np.arange(len(targets)), targets]
    return float((scores > true[:, None]).mean())


@pytest.mark.parametrize("epochs", [12])
def test_both_learn_the_edges_that_they_see(graph: KnowledgeGraph, epochs: int) -> None:
    rows, relations = triples_of(graph)
    sources, targets = rows[:200, 0].numpy(), rows[:200, 2].numpy()
    named = [relations[row] for row in rows[:200, 1]]
    kge = train_complex(graph, dimensions=16, epochs=epochs, weight_decay=0.01, **SMALL)
    gcn = train_light_gcn(graph, dimensions=16, epochs=epochs, **SMALL)
    for run in (kge, gcn):
        assert run.finished
    scorers = [
        KnowledgeEmbedding(lambda _: kge.model).of(kge.model, relations),
        NodeVectors("gcn", lambda graph: light_gcn_vectors(gcn.model, graph)).fit(graph),
    ]
    for scorer in scorers:
        assert edge_ranks(scorer.edge_scores(sources, named), targets) < 0.2


def test_the_same_seed_gives_the_same_vectors(graph: KnowledgeGraph) -> None:
    one, other = (train_complex(graph, dimensions=4, epochs=1, seed=3, **SMALL).model for _ in range(2))
    assert torch.equal(one.node_emb.weight, other.node_emb.weight)
    one, other = (train_light_gcn(graph, dimensions=4, epochs=1, seed=3, **SMALL).model for _ in range(2))
    assert torch.equal(one.embedding.weight, other.embedding.weight)


def test_a_false_end_that_is_true_leaves_the_loss() -> None:
    class Drawn:
        def draw(self, here: torch.Tensor, _true: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.full((len(here), count), 2), torch.zeros(len(here), count, dtype=torch.bool)

    from torch_geometric.nn.kge import ComplEx

    loss = ComplexLoss(Drawn(), 4)(ComplEx(3, 1, 4), torch.tensor([[0, 0, 1]]))
    assert loss.item() == pytest.approx(0, abs=1e-6)
