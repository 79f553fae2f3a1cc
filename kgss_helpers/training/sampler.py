"""A few neighbours of each node, drawn at random: what keeps the cost of a training step the same for any graph.

Drawn as in the paper (Hamilton et al. 2017): a fixed number for each node, with replacement. Then no step needs a loop
over nodes or compiled code, ``neighbours[starts[node] + floor(random · degree[node])]`` is all, and it runs wherever
the graph lies.

>>> import torch
>>> from kgss_helpers.datasets import synthetic_graph
>>> sampler = NeighbourSampler.of(synthetic_graph(200), fan_out=(3, 2))
>>> [tuple(level.shape) for level in sampler.tree(torch.tensor([0, 7])).levels]
[(2,), (2, 3), (2, 3, 2)]

`kgss_helpers.training.pyg_sampler.PygNeighbourSampler` is the same for PyTorch Geometric's own loaders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.graph_sage import Csr, FanOut


class NeighbourSampler:
    """Draws fan-outs from a graph in compressed sparse rows, on the device where that lies.

    All random numbers come from PyTorch's generator of that device, which a checkpoint keeps.

    Args:
        csr: Who is next to whom.
        fan_out: How many neighbours are drawn for a node, for each of these, and so on.

    Raises:
        ValueError: A number that is not positive, or none.
    """

    def __init__(self, csr: Csr, fan_out: Sequence[int] = (10, 5)) -> None:
        if not fan_out or min(fan_out) < 1:
            raise ValueError(f"fan_out must be positive numbers, one a layer, not {tuple(fan_out)}")
        self.csr, self.fan_out = csr, tuple(fan_out)
        self._lonely = bool((csr.degree == 0).any())

    @classmethod
    def of(cls, graph: KnowledgeGraph, fan_out: Sequence[int] = (10, 5), *, symmetric: bool = True) -> Self:
        """From a graph's edges: in both directions, or else from each target to its sources alone."""
        return cls(Csr.of(graph, symmetric=symmetric), fan_out)

    def to(self, device: torch.device | str) -> Self:
        """The same on a device."""
        return type(self)(self.csr.to(device), self.fan_out)

    def tree(self, nodes: torch.Tensor, *, hide: torch.Tensor | None = None, drop: float = 0.0) -> FanOut:
        """Neighbours of nodes, and theirs.

        Args:
            nodes: Positions, shape (batch,).
            hide: A node for each of them that is not drawn as its neighbour, as if no edge joined the two: the other
                end of the edge that is to be predicted. Shape (batch,).
            drop: The chance of each of ``nodes`` to stand there without neighbours.

        Returns:
            A level more than ``fan_out`` has numbers. A node without neighbours has itself below it, and ``joined`` is
            False there, so that it counts as a mean of zeros, as in ``SAGEConv``; a node's self would give it twice
            what a question, which has no neighbours either, gets.
        """
        levels, joined = [nodes], []
        for step, count in enumerate(self.fan_out):
            drawn, there = self.draw(levels[-1], count, hide=hide if step == 0 else None)
            if step == 0 and drop:
                kept = torch.rand(nodes.shape, device=nodes.device) >= drop
                there = kept if there is None else there & kept
            levels.append(drawn)
            # Whoever was drawn as a neighbour has one, where edges are seen from both ends.
            joined.append(None if step and self.csr.symmetric else there)
        return FanOut(tuple(levels), tuple(joined))

    def draw(
        self, nodes: torch.Tensor, count: int, *, hide: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Neighbours drawn with replacement, each edge with the same chance.

        Args:
            nodes: Positions, any shape.
            count: How many for each.
            hide: A node for each that is not drawn; of the same shape.

        Returns:
            Positions, shape (…, count), and whether a node has neighbours, shape (…), None if all have. Below a node
            without any stands the node itself.
        """
        start, degree = self.csr.starts[nodes], self.csr.degree[nodes]
        if not len(self.csr.neighbours):
            return nodes.unsqueeze(-1).expand(*nodes.shape, count), torch.zeros_like(nodes, dtype=torch.bool)
        drawn = self._drawn(start, degree, count)
        there = degree > 0 if self._lonely else None
        if hide is not None:
            wrong = drawn == hide.unsqueeze(-1)
            drawn = torch.where(wrong, self._drawn(start, degree, count), drawn)
            wrong = drawn == hide.unsqueeze(-1)
            # What was drawn besides is drawn from all others alike, so any of it may stand in.
            other = drawn.gather(-1, wrong.int().argmin(dim=-1, keepdim=True))
            drawn = torch.where(wrong, other, drawn)
            seen = ~wrong.all(dim=-1)
            there = seen if there is None else there & seen
        if there is not None:
            drawn = torch.where(there.unsqueeze(-1), drawn, nodes.unsqueeze(-1))
        return drawn, there

    def _drawn(self, start: torch.Tensor, degree: torch.Tensor, count: int) -> torch.Tensor:
        random = torch.rand(*start.shape, count, device=start.device)
        # Rounding could reach the degree itself; the last entry of all is read for a node without neighbours.
        number = torch.minimum((random * degree.unsqueeze(-1)).long(), (degree - 1).clamp(min=0).unsqueeze(-1))
        return self.csr.neighbours[(start.unsqueeze(-1) + number).clamp(max=len(self.csr.neighbours) - 1)]
