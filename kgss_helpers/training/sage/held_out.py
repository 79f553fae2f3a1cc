"""How well vectors tell edges that training never saw from false ones: AUC, hits and reciprocal rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from kgss_helpers.compute import undisturbed
from kgss_helpers.methods.edge_prediction import ranks
from kgss_helpers.methods.graph_sage import Csr, GraphSage
from kgss_helpers.training.sage.node_negatives import Drawn, NodeNegatives
from kgss_helpers.training.sampler import NeighbourSampler

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def link_metrics(true: np.ndarray, false: np.ndarray, *, hits: int = 10) -> dict[str, float]:
    """Measures of scores; a false candidate that scores as the true one counts half before it.

    Args:
        true: Of true edges, shape (edges,).
        false: Of false targets for each, shape (edges, candidates); minus infinity for none.
        hits: How far a hit may stand down.

    Returns:
        ``AUC``: the chance that an edge scores above one of its own false targets, so 0.5 at random. ``MRR``: the mean
        of 1 / rank of the true target among its candidates. ``hits@10``: how often it stands among the first ten.
    """
    there = np.isfinite(false)
    scores, possible = np.column_stack([true, false]), np.column_stack([np.full(len(true), True), there])
    rank = ranks(scores, np.zeros(len(true), dtype=np.int64), possible)
    candidates = there.sum(axis=1)
    asked = candidates > 0
    return {
        "AUC": float(1 - ((rank[asked] - 1) / candidates[asked]).mean()),
        "MRR": float((1 / rank).mean()),
        f"hits@{hits}": float((rank <= hits).mean()),
    }


class HeldOutEdges:
    """Held-out edges and false ones beside each, fixed once; measures any vectors, or a model after each epoch.

    Args:
        csr: What a method may see. Neighbours come from it.
        pairs: (source, target) positions that are not in it, shape (edges, 2).
        types: A number for each node's type, shape (nodes,); a false target has the type of the true one.
        true: All edges that are true, the held-out ones among them, so that no false one is; ``csr`` and ``pairs``
            together if not given.
        how: As for `NodeNegatives`.
        candidates: False targets for each edge.
        seed: Of the draw.
    """

    def __init__(
        self,
        csr: Csr,
        pairs: np.ndarray,
        *,
        types: np.ndarray | None = None,
        true: Csr | None = None,
        how: Drawn = "uniform",
        candidates: int = 100,
        seed: int = 0,
    ) -> None:
        self.csr, self.pairs = csr, np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        if true is None:
            rows = np.repeat(np.arange(len(csr)), csr.degree.cpu().numpy())
            seen = np.stack([csr.neighbours.cpu().numpy(), rows], axis=1)
            true = Csr.from_pairs(np.concatenate([seen, self.pairs, self.pairs[:, ::-1]]), len(csr), symmetric=False)
        source, target = torch.from_numpy(self.pairs).unbind(dim=1)
        with undisturbed():
            torch.manual_seed(seed)
            wrong, false = NodeNegatives(true.to("cpu"), how, types, csr.degree).draw(source, target, candidates)
        self.wrong, self.false = wrong.numpy(), false.numpy()

    def measure(self, vectors: np.ndarray) -> dict[str, float]:
        """`link_metrics` of vectors of all nodes, shape (nodes, dimensions)."""
        return self._of(vectors, self.pairs, self.wrong)

    @torch.no_grad()
    def measure_model(
        self, model: GraphSage, features: torch.Tensor | None = None, *, fan_out: Sequence[int] = (10, 5)
    ) -> Mapping[str, float]:
        """The same of a model, embedding only nodes that are asked about: for graphs too large to embed every epoch."""
        device = next(model.parameters()).device
        sampler = NeighbourSampler(self.csr, fan_out).to(device)
        needed, rows = np.unique(np.concatenate([self.pairs.ravel(), self.wrong.ravel()]), return_inverse=True)
        parts = [model(sampler.tree(part), features) for part in torch.from_numpy(needed).to(device).split(4096)]
        pairs, wrong = np.split(rows, [self.pairs.size])
        return self._of(torch.cat(parts).cpu().numpy(), pairs.reshape(-1, 2), wrong.reshape(self.wrong.shape))

    def _of(self, vectors: np.ndarray, pairs: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
        here, there = vectors[pairs].transpose(1, 0, 2)
        false = np.einsum("ed,ecd->ec", here, vectors[wrong])
        return link_metrics((here * there).sum(axis=1), np.where(self.false, false, -np.inf))
