"""False edges: other nodes in the place of an edge's target, and never one that a true edge joins to the source."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch

from kgss_helpers.methods.graph_sage import Csr

Drawn = Literal["uniform", "popularity", "degree"]
TRIES = 3
"""So often a true edge that was drawn is drawn anew; after that it is left out of the loss."""
WINDOW = 0.02
"""Of the nodes of a type, those looked at on each side when one of like degree is wanted."""


class NodeNegatives:
    """Draws false targets for edges, on the device where the graph lies.

    Args:
        csr: All edges that are known to be true, seen from both ends.
        how: ``"uniform"``: any node. ``"popularity"``: in proportion to degree, as a random edge's end is (in-batch
            negatives are so by nature). ``"degree"``: one of nearly the target's own degree, so that popularity alone
            cannot tell true from false.
        types: A number for each node's type; then a negative has the type of the target. Shape (nodes,).
        degree: What is meant by degree, shape (nodes,); that in ``csr`` if not given. Of held-out edges it must be the
            degree without them, or a true target shows by having one edge less than those it is matched with.

    Raises:
        ValueError: The way to draw is unknown.
    """

    def __init__(
        self,
        csr: Csr,
        how: Drawn = "uniform",
        types: torch.Tensor | np.ndarray | None = None,
        degree: torch.Tensor | None = None,
    ) -> None:
        if how not in get_args(Drawn):
            raise ValueError(f"unknown negatives {how!r}; there are {', '.join(get_args(Drawn))}")
        self.csr, self.how = csr, how
        degree = (csr.degree if degree is None else degree).cpu().numpy()
        kinds = np.zeros(len(csr), dtype=np.int64) if types is None else np.asarray(types)
        # Nodes of a type stand together, by degree; ties in random order, or neighbours by number would be preferred.
        order = np.lexsort((np.random.default_rng(0).random(len(csr)), degree, kinds))
        first = np.searchsorted(kinds[order], kinds, side="left")
        end = np.searchsorted(kinds[order], kinds, side="right")
        rank = np.empty(len(csr), dtype=np.int64)
        rank[order] = np.arange(len(csr))
        ends = np.concatenate([[0], np.cumsum(degree[order])])
        device = csr.starts.device
        self.order, self.first, self.end, self.rank, self.ends = (
            torch.from_numpy(part).to(device) for part in (order, first, end, rank, ends)
        )

    def draw(self, source: torch.Tensor, target: torch.Tensor, count: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        """False targets, shape (batch, count), and whether each is false indeed (a type may have no other node).

        Args:
            source: Positions, shape (batch,).
            target: Of the true edges, shape (batch,).
            count: How many for each.
        """
        here = source.unsqueeze(-1).expand(-1, count)
        drawn = self._drawn(target, count)
        wrong = self._true(here, drawn)
        for _ in range(TRIES):
            drawn = torch.where(wrong, self._drawn(target, count), drawn)
            wrong = self._true(here, drawn)
        return drawn, ~wrong

    def _true(self, here: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        return (drawn == here) | self.csr.contains(here, drawn)

    def _drawn(self, target: torch.Tensor, count: int) -> torch.Tensor:
        random = torch.rand(len(target), count, device=target.device, dtype=torch.float64)
        low, high = (part[target].unsqueeze(-1) for part in (self.first, self.end))
        if self.how == "popularity":
            before, after = self.ends[low], self.ends[high]
            edge = before + (random * (after - before)).long()
            place = torch.searchsorted(self.ends, edge, right=True) - 1
        else:
            if self.how == "degree":
                near, rank = ((high - low) * WINDOW).long().clamp(min=5), self.rank[target].unsqueeze(-1)
                low, high = torch.maximum(low, rank - near), torch.minimum(high, rank + near + 1)
            place = low + (random * (high - low)).long()
        return self.order[torch.minimum(place, high - 1)]
