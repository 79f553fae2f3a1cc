"""GraphSAGE with a matrix for each relation and direction, in place of one for all neighbours; on the common loop.

Such a layer is that of R-GCN (Schlichtkrull et al. 2018). Every step embeds the whole graph, so it is for small ones.

>>> from kgss_helpers.datasets import synthetic_graph
>>> graph = synthetic_graph(300)
>>> run = train_relational(graph, dimensions=8, epochs=2, batch_size=256, device="cpu")
>>> run.model.embed().shape
(300, 8)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from kgss_helpers.compute import pick_device
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.graph_sage import Csr
from kgss_helpers.training.edges import triples_of
from kgss_helpers.training.loop import train
from kgss_helpers.training.run import TrainingRun


class RelationalLayer(torch.nn.Module):
    """``W_self x + Σ W_r (mean of the neighbours' x by relation r) + b``; with one relation it is GraphSAGE's.

    Args:
        relations: How many, each direction counted for itself.
        features: What comes in.
        out: What goes out.
    """

    def __init__(self, relations: int, features: int, out: int) -> None:
        super().__init__()
        self.self_weight = torch.nn.Linear(features, out)
        self.by_relation = torch.nn.Parameter(torch.randn(relations, features, out) * features**-0.5)

    def forward(self, x: torch.Tensor, means: torch.Tensor, nodes: list[torch.Tensor]) -> torch.Tensor:
        """All nodes, shape (nodes, out).

        Args:
            x: Shape (nodes, features).
            means: Of neighbours, a row for each node and relation that it has; relation by relation.
            nodes: By relation, whose means these are.
        """
        sums = self.self_weight(x)
        for weight, of, mean in zip(self.by_relation, nodes, means.split([len(of) for of in nodes]), strict=True):
            sums = sums.index_add(0, of, mean @ weight)
        return sums


class RelationalSage(torch.nn.Module):
    """A learned vector for each node, and layers over all neighbours of the graph that it is made for.

    Args:
        graph: Its edges are seen from both ends.
        dimensions: Of the learned vectors and of all that follows.
        layers: So many steps away a node looks.
        typed: A matrix for each relation and direction; one for all if not.
        seed: Of the weights it begins with.
    """

    def __init__(
        self, graph: KnowledgeGraph, *, dimensions: int = 128, layers: int = 2, typed: bool = True, seed: int = 0
    ) -> None:
        super().__init__()
        rows, names = triples_of(graph)
        source, relation, target = rows.unbind(dim=1)
        kinds = torch.cat([relation, relation + len(names)]) if typed else torch.zeros(2 * len(rows), dtype=torch.long)
        here, there = torch.cat([target, source]), torch.cat([source, target])
        # A slot is a node with one of the relations that it has; slots of a relation stand together.
        slots, slot = torch.unique(kinds * len(graph.nodes) + here, return_inverse=True)
        self.nodes = list((slots % len(graph.nodes)).split(torch.bincount(slots // len(graph.nodes)).tolist()))
        self.slots = len(slots)
        for name, part in (("there", there), ("slot", slot), ("codes", here * len(graph.nodes) + there)):
            self.register_buffer(name, part, persistent=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.table = torch.nn.Parameter(torch.randn(len(graph.nodes), dimensions) * dimensions**-0.5)
            self.layers = torch.nn.ModuleList(
                RelationalLayer(len(self.nodes), dimensions, dimensions) for _ in range(layers)
            )

    def forward(self, hidden: torch.Tensor | None = None) -> torch.Tensor:
        """Unit vectors of all nodes, shape (nodes, dimensions).

        Args:
            hidden: (source, target) positions, shape (edges, 2), of edges that are not looked at.
        """
        there, slot = self.there, self.slot
        if hidden is not None:
            both = torch.cat([hidden, hidden.flip(1)])
            kept = ~torch.isin(self.codes, both[:, 0] * len(self.table) + both[:, 1])
            there, slot = there[kept], slot[kept]
        count = torch.bincount(slot, minlength=self.slots).clamp(min=1)[:, None]
        nodes, x = [of.to(slot.device) for of in self.nodes], self.table
        for number, layer in enumerate(self.layers):
            x = x.relu() if number else x
            means = x.new_zeros(self.slots, x.shape[1]).index_add(0, slot, x[there]) / count
            x = layer(x, means, nodes)
        return F.normalize(x, dim=-1)

    @torch.no_grad()
    def embed(self) -> np.ndarray:
        """The same as an array, float32."""
        return self().cpu().numpy()


class InBatchLoss:
    """The true end among the ends of the batch's other edges, from both sides, as `train_sage` has it.

    Args:
        csr: All true edges, from both ends.
        types: A number for each node's type, shape (nodes,): a candidate has the true end's.
        scale: What cosines are multiplied by.
    """

    def __init__(self, csr: Csr, types: torch.Tensor, *, scale: float = 20.0) -> None:
        self.csr, self.types, self.scale = csr, types, scale

    def __call__(self, model: RelationalSage, batch: torch.Tensor) -> torch.Tensor:
        """The mean loss of rows (source, relation, target), shape (); these edges are hidden from the model."""
        pairs = batch[:, [0, 2]]
        vectors = model(pairs)
        return sum(self._ranked(vectors, *ends.unbind(dim=1)) for ends in (pairs, pairs.flip(1))) / 2

    def _ranked(self, vectors: torch.Tensor, here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        scores = self.scale * vectors[here] @ vectors[there].T
        rivals = self.types[there][:, None] == self.types[there]
        rivals &= ~self.csr.contains(here[:, None].expand_as(scores), there.expand_as(scores))
        rivals.fill_diagonal_(True)
        return F.cross_entropy(scores.masked_fill(~rivals, -torch.inf), torch.arange(len(here), device=here.device))


def train_relational(
    graph: KnowledgeGraph,
    *,
    dimensions: int = 128,
    typed: bool = True,
    epochs: float = 5,
    batch_size: int = 1024,
    learning_rate: float = 0.01,
    device: str | None = None,
    seed: int = 0,
    **further: Any,
) -> TrainingRun:
    """Trains one on the edges of a graph; ``run.model.embed()`` has the vectors.

    Args:
        graph: All that may be seen.
        dimensions: Of the vectors.
        typed: A matrix for each relation and direction; one for all if not, which is GraphSAGE.
        epochs: How often all edges are seen.
        batch_size: Edges a step.
        learning_rate: At its peak.
        device: As for `kgss_helpers.training.loop.train`.
        seed: Of the first weights, and of the order of edges.
        **further: As for `kgss_helpers.training.loop.train`.

    Raises:
        ValueError: The graph has no edge.
    """
    rows, _ = triples_of(graph)
    there = pick_device(device)
    model = RelationalSage(graph, dimensions=dimensions, typed=typed, seed=seed)
    types = torch.from_numpy(pd.factorize(graph.nodes["node_type"])[0].astype(np.int64)).to(there)
    return train(
        model, rows.to(there), InBatchLoss(Csr.of(graph).to(there), types), epochs=epochs, batch_size=batch_size,
        learning_rate=learning_rate, device=device, bf16=False, seed=seed, **further,
    )  # fmt: skip
