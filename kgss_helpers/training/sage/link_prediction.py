"""Trains GraphSAGE to find the other end of an edge, on the common loop.

>>> import numpy as np
>>> from kgss_helpers.datasets import synthetic_graph
>>> from kgss_helpers.methods.graph_sage import GraphSage, embed_all
>>> graph = synthetic_graph(300)
>>> model = GraphSage(nodes=300, features=16, out=16)
>>> run = train_sage(model, graph, epochs=2, batch_size=256, learning_rate=0.01, device="cpu")
>>> run.finished, embed_all(model, graph).shape
(True, (300, 16))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from kgss_helpers.compute import pick_device
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.graph_sage import Csr, FanOut, GraphSage, as_features, edge_pairs
from kgss_helpers.training.folder import fingerprint
from kgss_helpers.training.logbook import OnEpochEnd, OnLog
from kgss_helpers.training.loop import shuffled, train
from kgss_helpers.training.run import TrainingRun
from kgss_helpers.training.sage.node_negatives import Drawn, NodeNegatives
from kgss_helpers.training.sampler import NeighbourSampler

Negatives = Literal["in-batch"] | Drawn
LOOKED_AT = 10_000
"""Of larger features, so many rows tell a run from another."""


def train_sage(
    model: GraphSage,
    graph: KnowledgeGraph | Csr,
    *,
    edges: pd.DataFrame | np.ndarray | torch.Tensor | None = None,
    features: np.ndarray | torch.Tensor | None = None,
    types: np.ndarray | torch.Tensor | Literal["of the graph"] | None = "of the graph",
    epochs: float = 1,
    max_steps: int = -1,
    batch_size: int = 1024,
    learning_rate: float = 3e-3,
    fan_out: Sequence[int] = (10, 5),
    negatives: Negatives = "in-batch",
    negatives_each: int = 1,
    loss: Literal["ranking", "logistic"] = "ranking",
    scale: float = 20.0,
    both_directions: bool = True,
    hide_target: bool = True,
    drop_neighbourhood: float = 0.0,
    edges_an_epoch: int | None = None,
    compiled: bool | str = False,
    device: str | None = None,
    bf16: bool = True,
    seed: int = 0,
    checkpoint_dir: Path | str | None = None,
    save_every: int | None = None,
    resume: bool = False,
    identity: Mapping[str, Any] | None = None,
    on_epoch_end: OnEpochEnd | None = None,
    on_log: OnLog | None = None,
    log_every: int = 10,
    **further: Any,
) -> TrainingRun:
    """Trains on a graph's edges; graph, features, edges and all that is drawn lie on the training device.

    Each step takes ``batch_size`` edges, draws a fan-out around both ends of each, and asks each source for its target.
    With in-batch negatives the candidates are the targets of the whole batch: this is the multiple-negatives ranking
    loss of sentence transformers. A candidate that a known edge joins to the source is none, nor is one of another
    type than the target's.

    Args:
        model: Is changed in place. ``model.layers`` and ``fan_out`` must be of one length.
        graph: All that may be seen: neighbours are drawn from it, and its edges are true. Held-out edges and newcomers
            must not be in it. A `Csr` counts as it stands, with ``edges`` of their own.
        edges: Those to learn from: rows of a table like ``graph.edges``, or (source, target) positions of shape
            (edges, 2); all of the graph if not given.
        features: Shape (nodes, features), in the order of ``graph.nodes``; may be memory-mapped. The model's learned
            table if not given.
        types: A number for each node's type, of shape (nodes,); those of the graph if not said otherwise. None lets a
            node of any type be a negative.
        epochs: How often all edges are seen.
        max_steps: Stop after so many steps whatever the epochs; -1 for no limit.
        batch_size: Edges a step and process.
        learning_rate: At its peak.
        fan_out: How many neighbours are drawn for a node, for each of these, and so on.
        negatives: ``"in-batch"``, or drawn by `NodeNegatives`: ``"uniform"``, ``"popularity"`` or ``"degree"``.
        negatives_each: How many are drawn for each edge.
        loss: ``"ranking"``: the true target among all candidates (softmax). ``"logistic"``: true or false, each
            candidate for itself; an edge counts as likely from a cosine of a half on.
        scale: What cosines are multiplied by.
        both_directions: Each target has to find its source too; where negatives are drawn, every second edge is turned
            round at random.
        hide_target: The edge that is asked for is not among the neighbours that are drawn at its own ends.
        drop_neighbourhood: The chance of each end to stand there without neighbours, so that a node alone, such as a
            question, is nothing new to the model.
        edges_an_epoch: Count so many edges as an epoch: the model is measured and kept that often. All edges are still
            seen before any is seen again.
        compiled: Let `torch.compile` translate the model's forward pass; a text names the backend.
        device: CUDA, then MPS, then CPU if not given.
        bf16: Compute in bfloat16 where the device does so at speed.
        seed: Of order, draws and drops.
        checkpoint_dir: Where to keep the state after each epoch; none is kept if not given.
        save_every: Keep it after so many steps too.
        resume: Go on from the last intact checkpoint there, to the same numbers.
        identity: What else makes it this run and no other, by name.
        on_epoch_end: Called with the model and the number of epochs done; what it returns joins the history.
        on_log: Called with the history so far whenever a loss joins it.
        log_every: Steps between two rows of history.
        **further: As for `kgss_helpers.training.loop.train`.

    Raises:
        ValueError: There are no edges, features do not fit the model or the graph, or the layers not the fan-out; and
            as `kgss_helpers.training.loop.train`.
        RunFolderError: As `kgss_helpers.training.loop.train`.
        OSError: Likewise.
    """
    if len(fan_out) != len(model.layers):
        raise ValueError(f"{len(model.layers)} layers need a fan-out of as many numbers, not {tuple(fan_out)}")
    if not 0 <= drop_neighbourhood <= 1:
        raise ValueError(f"drop_neighbourhood is a chance from 0 to 1, not {drop_neighbourhood}")
    there = pick_device(device)
    csr = (graph if isinstance(graph, Csr) else Csr.of(graph)).to(there)
    pairs = _pairs(graph, edges)
    if not len(pairs):
        raise ValueError("there are no edges to learn from")
    kinds = _types(graph, types)
    x = None if features is None else as_features(features, "cpu" if isinstance(features, np.memmap) else there)
    if len(model.inputs(x)) != len(csr):
        raise ValueError(f"there are features of {len(model.inputs(x)):,} nodes, and the graph has {len(csr):,}")
    of_batch = LinkLoss(
        NeighbourSampler(csr, fan_out), x, None if kinds is None else kinds.to(there),
        None if negatives == "in-batch" else NodeNegatives(csr, negatives, kinds),
        negatives_each=negatives_each, logistic=loss == "logistic", scale=scale, both_directions=both_directions,
        hide_target=hide_target, drop=drop_neighbourhood, compiled=compiled,
    )  # fmt: skip
    settings = {
        "fan_out": list(fan_out), "negatives": negatives, "negatives_each": negatives_each, "ranked_by": loss,
        "scale": scale, "both_directions": both_directions, "hide_target": hide_target, "drop": drop_neighbourhood,
        "edges_an_epoch": edges_an_epoch, "graph": f"{len(csr):,} nodes (digest {fingerprint(csr.neighbours)})",
        "typed": None if kinds is None else fingerprint(kinds),
        "features": None if x is None else fingerprint(x[:: max(1, len(x) // LOOKED_AT)]),
    }  # fmt: skip
    return train(
        model, pairs.to(there), of_batch, epochs=epochs, max_steps=max_steps, batch_size=batch_size,
        learning_rate=learning_rate, batches=partial(batches_of, len(pairs), batch_size, edges_an_epoch, there, seed),
        device=device, bf16=bf16, seed=seed, checkpoint_dir=checkpoint_dir, save_every=save_every, resume=resume,
        identity=settings | dict(identity or {}), on_epoch_end=on_epoch_end, on_log=on_log, log_every=log_every,
        **further,
    )  # fmt: skip


class LinkLoss:
    """The loss of a batch of edges: a fan-out around all ends, one vector for each, and candidates to tell apart.

    Args:
        sampler: Draws neighbours; its graph holds the true edges.
        features: Of all nodes; None for the model's learned table. They may lie on the processor, memory-mapped, while
            the model is on a GPU; then each step copies what it needs.
        types: A number for each node's type, shape (nodes,); None if a candidate may have any.
        drawn: Draws negatives; None for those in the batch.
        negatives_each: How many for each edge.
        logistic: True or false for each candidate, instead of the true one among all.
        scale: What cosines are multiplied by.
        both_directions: As for `train_sage`.
        hide_target: As for `train_sage`.
        drop: The chance of each end to stand there without neighbours.
        compiled: As for `train_sage`.
    """

    def __init__(
        self,
        sampler: NeighbourSampler,
        features: torch.Tensor | None = None,
        types: torch.Tensor | None = None,
        drawn: NodeNegatives | None = None,
        *,
        negatives_each: int = 1,
        logistic: bool = False,
        scale: float = 20.0,
        both_directions: bool = True,
        hide_target: bool = True,
        drop: float = 0.0,
        compiled: bool | str = False,
    ) -> None:
        self.sampler, self.features, self.types, self.drawn = sampler, features, types, drawn
        self.negatives_each, self.logistic, self.scale = negatives_each, logistic, scale
        self.both_directions, self.hide_target, self.drop = both_directions, hide_target, drop
        self.vectors_of = _vectors_of
        if compiled:
            backend = compiled if isinstance(compiled, str) else "inductor"
            self.vectors_of = torch.compile(_vectors_of, backend=backend)

    def __call__(self, model: GraphSage, batch: torch.Tensor) -> torch.Tensor:
        """The mean loss of edges, given as positions of source and target, shape (batch, 2)."""
        return self.in_batch(model, batch) if self.drawn is None else self.against_drawn(model, batch)

    def in_batch(self, model: GraphSage, batch: torch.Tensor) -> torch.Tensor:
        """Each source looks for its target among the targets of the batch, under torchrun of all processes' batches."""
        source, target = batch.unbind(dim=1)
        here, there = self.vectors(model, torch.cat([source, target]), torch.cat([target, source])).chunk(2)
        scores = here @ gathered(there).T * self.scale
        known = self._known(source, gathered(target))
        result = self._among(scores, known, target, gathered(target))
        if self.both_directions:
            if len(scores) == scores.shape[1]:
                scores, known = scores.T, known.T
            else:
                scores = there @ gathered(here).T * self.scale
                known = self._known(target, gathered(source))
            result = (result + self._among(scores, known, source, gathered(source))) / 2
        return result

    def against_drawn(self, model: GraphSage, batch: torch.Tensor) -> torch.Tensor:
        """Each source looks for its target among nodes drawn for it."""
        if self.both_directions:
            turned = torch.rand(len(batch), 1, device=batch.device) < 0.5
            batch = torch.where(turned, batch.flip(1), batch)
        source, target = batch.unbind(dim=1)
        wrong, false = self.drawn.draw(source, target, self.negatives_each)
        nodes = torch.cat([source, target, wrong.flatten()])
        hidden = torch.cat([target, source, source.repeat_interleave(self.negatives_each)])
        here, others = self.vectors(model, nodes, hidden).tensor_split([len(batch)])
        true, others = others.tensor_split([len(batch)])
        candidates = torch.cat([true.unsqueeze(1), others.view(len(batch), self.negatives_each, -1)], dim=1)
        scores = torch.einsum("bd,bcd->bc", here, candidates) * self.scale
        first = torch.zeros_like(false[:, :1])
        return self._loss(scores, first.long(), torch.cat([first, false], dim=1))

    def vectors(self, model: GraphSage, nodes: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Unit vectors of nodes, each from neighbours drawn for it alone, shape (nodes, out)."""
        tree = self.sampler.tree(nodes, hide=hidden if self.hide_target else None, drop=self.drop)
        x = self.features
        if x is not None and x.device != nodes.device:
            tree, x = _brought_along(tree, x)
        return self.vectors_of(model, tree, x)

    def _known(self, here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """Which nodes are joined to which others, or the same, shape (here, there), bool."""
        return joined_pairs(self.sampler.csr, here, there) | (here.unsqueeze(1) == there)

    def _among(
        self, scores: torch.Tensor, known: torch.Tensor, wanted: torch.Tensor, candidates: torch.Tensor
    ) -> torch.Tensor:
        """The loss of scores, shape (batch, candidates), if each row wants its own node among the candidates."""
        false = ~known
        if self.types is not None:
            false &= self.types[wanted].unsqueeze(1) == self.types[candidates]
        return self._loss(
            scores, torch.arange(len(scores), device=scores.device).unsqueeze(1) + len(scores) * rank(), false
        )

    def _loss(self, scores: torch.Tensor, column: torch.Tensor, false: torch.Tensor) -> torch.Tensor:
        """Of scores, shape (batch, candidates): each row's true one in its column (batch, 1), others if false."""
        true = scores.gather(1, column)
        if self.logistic:
            wrong = F.softplus(scores - self.scale / 2).masked_fill(~false, 0).sum() / false.sum().clamp(min=1)
            return (F.softplus(self.scale / 2 - true).mean() + wrong) / 2
        among = scores.masked_fill(~false.scatter(1, column, True), -torch.inf)
        return (among.logsumexp(dim=1, keepdim=True) - true).mean()


def rank() -> int:
    """Which of several processes this is; 0 without torchrun."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def gathered(part: torch.Tensor) -> torch.Tensor:
    """Rows of all processes, one after the other, shape (processes × rows, …); gradients find their way back.

    Every process must have as many rows, as `kgss_helpers.training.loop.shuffled` sees to.
    """
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return part
    if part.requires_grad:
        return torch.cat(torch.distributed.nn.functional.all_gather(part.contiguous()))
    parts = [torch.empty_like(part) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(parts, part.contiguous())
    return torch.cat(parts)


def joined_pairs(csr: Csr, here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Which of some nodes are neighbours of which others, shape (here, there), bool; by the edges of the lesser side.

    Args:
        csr: Seen from both ends.
        here: Positions, shape (here,).
        there: Positions, shape (there,); may hold a node twice.
    """
    counts = csr.degree[here]
    if counts.sum() > csr.degree[there].sum():
        return joined_pairs(csr, there, here).T
    wanted, slot_of = there.unique(return_inverse=True)
    row = torch.arange(len(here), device=here.device).repeat_interleave(counts)
    number = torch.arange(len(row), device=here.device) - (counts.cumsum(0) - counts)[row]
    around = csr.neighbours[csr.starts[here][row] + number]
    slot = torch.searchsorted(wanted, around).clamp(max=len(wanted) - 1)
    # What is not wanted is written beside the table, so that nobody has to wait for how much was hit.
    cell = torch.where(wanted[slot] == around, row * len(wanted) + slot, len(here) * len(wanted))
    found = torch.zeros(len(here) * len(wanted) + 1, dtype=torch.bool, device=here.device)
    found[cell] = True
    return found[:-1].view(len(here), len(wanted))[:, slot_of]


def batches_of(
    edges: int, batch_size: int, edges_an_epoch: int | None, device: str, seed: int, epoch: int
) -> list[torch.Tensor]:
    """Row numbers of each step of an epoch, on the device; of ``edges_an_epoch`` edges, if all are too many for one.

    Raises:
        ValueError: Fewer edges than processes.
    """
    turns = 1 if edges_an_epoch is None else max(1, round(edges / edges_an_epoch))
    steps = shuffled(edges, batch_size, epoch // turns, seed=seed)
    turns = min(turns, len(steps))
    size, turn = len(steps) // turns, epoch % turns
    return [rows.to(device) for rows in steps[turn * size : (turn + 1) * size]]


def _vectors_of(model: GraphSage, tree: FanOut, features: torch.Tensor | None) -> torch.Tensor:
    return model(tree, features)


def _brought_along(tree: FanOut, features: torch.Tensor) -> tuple[FanOut, torch.Tensor]:
    """The tree over the rows of features that it needs, which come to its device."""
    device, sizes = tree.levels[0].device, [level.numel() for level in tree.levels]
    needed, rows = torch.cat([level.flatten() for level in tree.levels]).unique(return_inverse=True)
    levels = [part.view(level.shape) for part, level in zip(rows.split(sizes), tree.levels, strict=True)]
    return FanOut(tuple(levels), tree.joined), features[needed.to(features.device)].to(device)


def _pairs(graph: KnowledgeGraph | Csr, edges: pd.DataFrame | np.ndarray | torch.Tensor | None) -> torch.Tensor:
    if edges is None and isinstance(graph, Csr):
        raise ValueError("a Csr does not say which end of an edge is its source: pass edges")
    if edges is None:
        edges = edge_pairs(graph)
    elif isinstance(edges, pd.DataFrame):
        if isinstance(graph, Csr):
            raise ValueError("pass edges as positions, since a Csr knows no ids")
        position = pd.Series(np.arange(len(graph.nodes)), index=graph.nodes["node_id"])
        edges = np.stack([position.loc[edges[end]].to_numpy() for end in ("source", "target")], axis=1)
    return torch.as_tensor(edges, dtype=torch.long).reshape(-1, 2)


def _types(
    graph: KnowledgeGraph | Csr, types: np.ndarray | torch.Tensor | Literal["of the graph"] | None
) -> torch.Tensor | None:
    if isinstance(types, str):
        if isinstance(graph, Csr):
            return None
        types = pd.factorize(graph.nodes["node_type"])[0]
    return None if types is None else torch.as_tensor(types, dtype=torch.long)
