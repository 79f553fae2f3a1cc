"""Our sampler as one of PyTorch Geometric's, whose own loaders need compiled packages that PyPI does not have.

>>> from torch_geometric.data import Data
>>> from torch_geometric.loader import LinkLoader
>>> from kgss_helpers.datasets import synthetic_graph
>>> from kgss_helpers.training.sampler import NeighbourSampler
>>> graph = synthetic_graph(200)
>>> data = Data(edge_index=graph.to_pyg(homogeneous=True).edge_index, num_nodes=200)
>>> sampler = PygNeighbourSampler(NeighbourSampler.of(graph, fan_out=(3, 2)))
>>> batch = next(iter(LinkLoader(data, sampler, data.edge_index, batch_size=4)))
>>> batch.edge_label_index.shape
torch.Size([2, 4])
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch_geometric.sampler import (
    BaseSampler,
    EdgeSamplerInput,
    NegativeSampling,
    NodeSamplerInput,
    SamplerOutput,
)

from kgss_helpers.training.sampler import NeighbourSampler


class PygNeighbourSampler(BaseSampler):
    """Gives what a `NeighbourSampler` draws as a small graph of distinct nodes.

    A node that is drawn at several places stands there once, with all neighbours that were drawn for it.

    Args:
        sampler: Draws the neighbours.
    """

    def __init__(self, sampler: NeighbourSampler) -> None:
        self.sampler = sampler

    def sample_from_nodes(self, index: NodeSamplerInput, **_: Any) -> SamplerOutput:
        """Neighbours of nodes; the first nodes of the result are those asked about."""
        seeds, (node, row, col, sizes) = index.node, self._around(index.node)
        output = SamplerOutput(node, row, col, edge=None, num_sampled_nodes=sizes[0], num_sampled_edges=sizes[1])
        output.metadata = (index.input_id, index.time)
        if len(node) and len(seeds) and not torch.equal(node[: len(seeds)], seeds):
            raise ValueError("nodes to sample from must be distinct")
        return output

    def sample_from_edges(self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None) -> SamplerOutput:
        """Neighbours of both ends of edges, and of false ones if they are wanted (``"binary"`` or ``"triplet"``)."""
        source, target, label = index.row, index.col, index.label
        wrong = 0 if neg_sampling is None else math.ceil(len(source) * neg_sampling.amount)
        nodes = len(self.sampler.csr)
        triplets = neg_sampling is not None and neg_sampling.is_triplet()
        if neg_sampling is not None and neg_sampling.is_binary():
            if label is None:
                label = torch.ones(len(source))
            label = torch.cat([label, label.new_zeros(wrong, *label.shape[1:])])
            source = torch.cat([source, neg_sampling.sample(wrong, "src", nodes).to(source.device)])
        if neg_sampling is not None:
            target = torch.cat([target, neg_sampling.sample(wrong, "dst", nodes).to(target.device)])
        seeds, place = torch.cat([source, target]).unique(return_inverse=True)
        node, row, col, sizes = self._around(seeds)
        here, there = place.split([len(source), len(target)])
        output = SamplerOutput(node, row, col, edge=None, num_sampled_nodes=sizes[0], num_sampled_edges=sizes[1])
        if triplets:
            true = len(index.row)
            false = there[true:].view(-1, neg_sampling.amount) if neg_sampling.amount > 1 else there[true:]
            output.metadata = (index.input_id, here, there[:true], false, index.time)
        else:
            output.metadata = (index.input_id, torch.stack([here, there]), label, index.time)
        return output

    def _around(
        self, seeds: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, tuple[list[int], list[int]]]:
        """Distinct nodes, seeds first; drawn edges from neighbour (row) to node (col) among them; counts by step."""
        device = self.sampler.csr.starts.device
        tree = self.sampler.tree(seeds.to(device))
        slot = torch.full((len(self.sampler.csr),), -1, device=device)
        node, rows, cols, new, drawn = [], [], [], [], []
        known, looked_at = 0, torch.ones_like(tree.levels[0], dtype=torch.bool)
        for step, level in enumerate(tree.levels):
            fresh = level.flatten()
            fresh = fresh[slot[fresh] < 0]
            fresh = fresh.unique() if step else fresh
            slot[fresh] = torch.arange(known, known + len(fresh), device=device)
            known += len(fresh)
            node.append(fresh)
            new.append(len(fresh))
            if step:
                above, joined = tree.levels[step - 1], tree.joined[step - 1]
                looked_at = looked_at if joined is None else looked_at & joined
                cols.append(slot[above[looked_at]].repeat_interleave(level.shape[-1]))
                rows.append(slot[level[looked_at]].flatten())
                looked_at = looked_at.unsqueeze(-1).expand_as(level)
                drawn.append(len(rows[-1]))
        return torch.cat(node), torch.cat(rows), torch.cat(cols), (new, drawn)
