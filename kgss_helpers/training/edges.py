"""Trains two models of PyTorch Geometric to tell true edges from false ones, on the common loop: ComplEx and LightGCN.

>>> from kgss_helpers.datasets import synthetic_graph
>>> graph = synthetic_graph(300)
>>> run = train_complex(graph, dimensions=8, epochs=2, batch_size=256, device="cpu")
>>> run.finished, run.model.node_emb.weight.shape
(True, torch.Size([300, 8]))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from kgss_helpers.compute import pick_device
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.embeddings_of_graphs import both_directions
from kgss_helpers.methods.graph_sage import Csr, edge_pairs
from kgss_helpers.training.loop import train
from kgss_helpers.training.run import TrainingRun
from kgss_helpers.training.sage.node_negatives import Drawn, NodeNegatives

if TYPE_CHECKING:
    from torch_geometric.nn import LightGCN
    from torch_geometric.nn.kge import ComplEx


class EdgeLoss:
    """The loss of a batch of edges: the true end among ends that were drawn, as a softmax; both ends in turn.

    Args:
        negatives: Draws false ends.
        count: How many for each edge.
    """

    def __init__(self, negatives: NodeNegatives, count: int) -> None:
        self.negatives, self.count = negatives, count

    def __call__(self, model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
        """The mean loss of rows (source, relation, target), shape ()."""
        source, relation, target = batch.unbind(dim=1)
        score = self.scorer(model)
        forwards = self._loss(lambda ends: score(source[:, None], relation[:, None], ends), source, target)
        backwards = self._loss(lambda ends: score(ends, relation[:, None], target[:, None]), target, source)
        return (forwards + backwards) / 2

    def scorer(self, model: torch.nn.Module) -> Any:
        """A function of sources, relations and targets, of shapes that broadcast."""
        raise NotImplementedError

    def _loss(self, score: Any, here: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
        drawn, false = self.negatives.draw(here, true, self.count)
        scores = score(torch.cat([true[:, None], drawn], dim=1))
        scores = torch.cat([scores[:, :1], scores[:, 1:].masked_fill(~false, -torch.inf)], dim=1)
        return F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long, device=scores.device))


class ComplexLoss(EdgeLoss):
    """Of ComplEx: an edge scores by both ends and its relation."""

    def scorer(self, model: ComplEx) -> Any:
        """PyG's score, for ends of any shape."""

        def score(heads: torch.Tensor, relations: torch.Tensor, tails: torch.Tensor) -> torch.Tensor:
            shape = torch.broadcast_shapes(heads.shape, relations.shape, tails.shape)
            return model(*(part.expand(shape).reshape(-1) for part in (heads, relations, tails))).view(shape)

        return score


class LightGcnLoss(EdgeLoss):
    """Of LightGCN: an edge scores by the dot product of its ends, after the whole graph has been averaged over.

    Args:
        edge_index: Pairs of joined nodes from both ends, shape (2, pairs).
        negatives: Draws false ends.
        count: How many for each edge.
    """

    def __init__(self, edge_index: torch.Tensor, negatives: NodeNegatives, count: int) -> None:
        super().__init__(negatives, count)
        self.edge_index = edge_index

    def scorer(self, model: LightGCN) -> Any:
        """Averages once a step."""
        vectors = model.get_embedding(self.edge_index)
        return lambda heads, _, tails: (vectors[heads] * vectors[tails]).sum(dim=-1)


def train_complex(
    graph: KnowledgeGraph,
    *,
    dimensions: int = 64,
    negatives: Drawn = "popularity",
    negatives_each: int = 4,
    epochs: float = 20,
    batch_size: int = 2048,
    learning_rate: float = 0.02,
    weight_decay: float = 0.5,
    device: str | None = None,
    seed: int = 0,
    **further: Any,
) -> TrainingRun:
    """Trains ComplEx (Trouillon et al. 2016); its relations are numbered in alphabetical order.

    Args:
        graph: All that may be seen.
        dimensions: Complex ones: a node has twice as many numbers.
        negatives: How false ends are drawn, as for `kgss_helpers.training.sage.NodeNegatives`.
        negatives_each: How many for each edge and direction.
        epochs: How often all edges are seen.
        batch_size: Edges a step.
        learning_rate: At its peak.
        weight_decay: AdamW's; vectors of rare nodes would learn their few edges by heart.
        device: As for `kgss_helpers.training.loop.train`.
        seed: Of the first vectors, and of what is drawn.
        **further: As for `kgss_helpers.training.loop.train`.

    Raises:
        ValueError: The graph has no edge.
    """
    from torch_geometric.nn.kge import ComplEx

    rows, relations = triples_of(graph)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ComplEx(len(graph.nodes), len(relations), dimensions)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=dimensions**-0.5)
    there = pick_device(device)
    of_batch = ComplexLoss(_negatives(graph, negatives, there), negatives_each)
    return train(
        model, rows.to(there), of_batch, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
        weight_decay=weight_decay, device=device, seed=seed, **further,
    )  # fmt: skip


def train_light_gcn(
    graph: KnowledgeGraph,
    *,
    dimensions: int = 128,
    layers: int = 2,
    negatives: Drawn = "popularity",
    negatives_each: int = 4,
    epochs: float = 20,
    batch_size: int = 4096,
    learning_rate: float = 0.02,
    weight_decay: float = 0.0,
    device: str | None = None,
    seed: int = 0,
    **further: Any,
) -> TrainingRun:
    """Trains LightGCN (He et al. 2020): a vector a node, averaged over neighbours without any weights.

    Args:
        graph: All that may be seen.
        dimensions: Of the vectors.
        layers: So many steps away a node looks.
        negatives: How false ends are drawn, as for `kgss_helpers.training.sage.NodeNegatives`.
        negatives_each: How many for each edge and direction.
        epochs: How often all edges are seen.
        batch_size: Edges a step.
        learning_rate: At its peak.
        weight_decay: AdamW's.
        device: As for `kgss_helpers.training.loop.train`.
        seed: Of the first vectors, and of what is drawn.
        **further: As for `kgss_helpers.training.loop.train`.

    Raises:
        ValueError: The graph has no edge.
    """
    from torch_geometric.nn import LightGCN

    rows, _ = triples_of(graph)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LightGCN(len(graph.nodes), dimensions, layers)
    there = pick_device(device)
    of_batch = LightGcnLoss(both_directions(graph).to(there), _negatives(graph, negatives, there), negatives_each)
    return train(
        model, rows.to(there), of_batch, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
        weight_decay=weight_decay, device=device, seed=seed, **further,
    )  # fmt: skip


def triples_of(graph: KnowledgeGraph) -> tuple[torch.Tensor, list[str]]:
    """Rows (source, relation, target) as numbers, shape (edges, 3), and the relations in alphabetical order.

    Raises:
        ValueError: The graph has no edge.
    """
    if graph.edges.empty:
        raise ValueError(f"{graph.name} has no edges to learn from")
    codes, relations = pd.factorize(graph.edges["relation"].astype(str), sort=True)
    pairs = edge_pairs(graph)
    return torch.from_numpy(np.stack([pairs[:, 0], codes, pairs[:, 1]], axis=1)), list(relations)


def _negatives(graph: KnowledgeGraph, how: Drawn, device: str) -> NodeNegatives:
    return NodeNegatives(Csr.of(graph).to(device), how, pd.factorize(graph.nodes["node_type"])[0])
