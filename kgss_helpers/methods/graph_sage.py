"""GraphSAGE: a node as a learned mixture of its own features and the mean of its neighbours' (Hamilton et al. 2017).

The model is three small parts. A `Csr` says who is next to whom. A `FanOut` holds a few neighbours of a few nodes, and
a few neighbours of each of those, as plain tensors: what one training step looks at. `GraphSage` turns a fan-out into
one unit vector for each of its first nodes, and `embed_all` computes all nodes layer by layer, with all neighbours.

>>> import numpy as np
>>> from kgss_helpers.datasets import synthetic_graph
>>> graph = synthetic_graph(200)
>>> features = np.random.default_rng(0).normal(size=(200, 16)).astype(np.float32)
>>> model = GraphSage(features=16, out=8)
>>> embed_all(model, graph, features).shape
(200, 8)

`kgss_helpers.training.sage.train_sage` trains it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F

from kgss_helpers.text.documents import Style, documents

if TYPE_CHECKING:
    from kgss_helpers.graph import KnowledgeGraph

FeaturesOf = Callable[[Sequence[str]], np.ndarray]
"""Vectors of texts, shape (texts, features)."""


def edge_pairs(graph: KnowledgeGraph) -> np.ndarray:
    """Positions of source and target of every edge, in the order of ``graph.edges``, shape (edges, 2), int64."""
    table, pairs = graph.adjacency, np.empty((len(graph.edges), 2), dtype=np.int64)
    here = np.repeat(np.arange(len(graph.nodes)), np.diff(table.starts))[table.outgoing]
    pairs[table.edge_rows[table.outgoing]] = np.stack([here, table.neighbours[table.outgoing]], axis=1)
    return pairs


@dataclass(frozen=True, eq=False)
class Csr:
    """Who is next to whom, in compressed sparse rows, on any device.

    Two nodes that several edges join are neighbours several times, as they are for ``SAGEConv``: a mean counts each
    edge.

    Attributes:
        starts: ``neighbours[starts[i]:starts[i + 1]]`` are those of node ``i``; shape (nodes + 1,), int64.
        neighbours: Sorted within each node; int64.
        symmetric: Whether every edge is known to be seen from both ends, so that a neighbour has one too.
    """

    starts: torch.Tensor
    neighbours: torch.Tensor
    symmetric: bool = False

    @classmethod
    def of(cls, graph: KnowledgeGraph, *, symmetric: bool = True) -> Self:
        """The edges of a graph: seen from both ends, or else each target's sources alone (as messages flow)."""
        return cls.from_pairs(edge_pairs(graph), len(graph.nodes), symmetric=symmetric)

    @classmethod
    def from_pairs(cls, pairs: np.ndarray | torch.Tensor, nodes: int, *, symmetric: bool = True) -> Self:
        """Likewise of (source, target) pairs, shape (edges, 2).

        Raises:
            ValueError: A pair names a node that is not among 0 … ``nodes`` - 1.
        """
        pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        if len(pairs) and not 0 <= pairs.min() <= pairs.max() < nodes:
            raise ValueError(f"edges join nodes {pairs.min()} to {pairs.max()}, and there are nodes 0 to {nodes - 1}")
        keys = pairs[:, 1] * nodes + pairs[:, 0]
        if symmetric:
            keys = np.concatenate([keys, pairs[:, 0] * nodes + pairs[:, 1]])
        keys.sort()
        starts = np.searchsorted(keys, np.arange(nodes + 1, dtype=np.int64) * nodes)
        return cls(torch.from_numpy(starts), torch.from_numpy(keys % max(nodes, 1)), symmetric)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def degree(self) -> torch.Tensor:
        """How many neighbours each node has, shape (nodes,)."""
        return self.starts.diff()

    @cached_property
    def halvings(self) -> int:
        """So many steps find any neighbour by bisection."""
        return int(self.degree.max()).bit_length() if len(self.neighbours) else 0

    def to(self, device: torch.device | str) -> Self:
        """The same on a device."""
        if self.starts.device == torch.device(device):
            return self
        return type(self)(self.starts.to(device), self.neighbours.to(device), self.symmetric)

    def contains(self, here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """Whether ``there`` is a neighbour of ``here``; both of one shape, which is the result's."""
        low, end = self.starts[here], self.starts[here + 1]
        if not len(self.neighbours):
            return torch.zeros_like(here, dtype=torch.bool)
        high, last = end, len(self.neighbours) - 1
        for _ in range(self.halvings):
            middle = (low + high) // 2
            below = (low < high) & (self.neighbours[middle.clamp(max=last)] < there)
            low, high = torch.where(below, middle + 1, low), torch.where(below, high, middle)
        return (low < end) & (self.neighbours[low.clamp(max=last)] == there)


class FanOut(NamedTuple):
    """Nodes, some neighbours of each, some neighbours of each of those, and so on.

    Attributes:
        levels: Positions of nodes, shapes (batch,), (batch, first), (batch, first, second) and so on.
        joined: For each level but the last, of its shape: whether the node has neighbours there. What stands below one
            that has none is not looked at. None where all have that are looked at.
    """

    levels: tuple[torch.Tensor, ...]
    joined: tuple[torch.Tensor | None, ...]


class SageLayer(torch.nn.Module):
    """``W_self x + W_mean (mean of the neighbours' x) + b``: PyG's ``SAGEConv`` with the mean.

    A node without neighbours has a mean of zeros there and here, so that it is its own features, transformed, alone.
    """

    def __init__(self, features: int, out: int) -> None:
        super().__init__()
        self.self_weight = torch.nn.Linear(features, out, bias=False)
        self.mean_weight = torch.nn.Linear(features, out)

    def forward(self, x: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        """Both of shape (…, features); gives (…, out)."""
        # As one sum, since a sum of two products would be written and read once more.
        both = torch.addmm(self.mean_weight(mean.flatten(0, -2)), x.flatten(0, -2), self.self_weight.weight.T)
        return both.view(*x.shape[:-1], -1)


class GraphSage(torch.nn.Module):
    """GraphSAGE with the mean, of any number of layers; its outputs are unit vectors.

    Args:
        features: Numbers that a node comes with; not needed with ``nodes``.
        nodes: If given, nodes come with nothing: a table with a learned vector for each is part of the model, of the
            width ``features`` (``hidden`` if not given). It knows no node that it was not trained with.
        hidden: Width between layers.
        out: Width of the result.
        layers: So many steps away a node looks.
        residual: Adds the features to the result, before it is made a unit vector; the last layer begins at zero, so
            the untrained model gives the features back (through a random matrix if the widths differ).
        seed: Of the weights it begins with.

    Raises:
        ValueError: Neither ``features`` nor ``nodes`` is given, or there is no layer.
    """

    def __init__(
        self,
        features: int | None = None,
        nodes: int | None = None,
        hidden: int = 128,
        out: int = 128,
        layers: int = 2,
        residual: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if features is None and nodes is None:
            raise ValueError("pass features, how many numbers a node comes with, or nodes, how many vectors to learn")
        if layers < 1:
            raise ValueError(f"GraphSAGE needs a layer, not {layers}")
        features = features or hidden
        widths = [features, *[hidden] * (layers - 1), out]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.table = None
            if nodes is not None:
                self.table = torch.nn.Parameter(torch.randn(nodes, features) * features**-0.5)
            self.layers = torch.nn.ModuleList(SageLayer(*pair) for pair in pairwise(widths))
            self.skip: torch.nn.Module | None = None
            if residual:
                same = features == out
                self.skip = torch.nn.Identity() if same else torch.nn.Linear(features, out, bias=False)
                for parameter in self.layers[-1].parameters():
                    torch.nn.init.zeros_(parameter)
        self.features, self.out = features, out

    def inputs(self, features: torch.Tensor | None = None) -> torch.Tensor:
        """Features of all nodes, shape (nodes, features): those given, or the learned table.

        Raises:
            ValueError: There are neither, or they have another width.
        """
        x = self.table if features is None else features
        if x is None:
            raise ValueError("this model has no table of its own: pass the features of all nodes")
        if x.shape[-1] != self.features:
            raise ValueError(f"nodes come with {x.shape[-1]} features, and the model was made for {self.features}")
        return x

    def forward(self, tree: FanOut, features: torch.Tensor | None = None) -> torch.Tensor:
        """The first nodes of a fan-out, shape (batch, out), unit vectors.

        Args:
            tree: One level more than there are layers.
            features: Of all nodes, shape (nodes, features); the learned table if not given.

        Raises:
            ValueError: Another number of levels, or of features.
        """
        x, depth = self.inputs(features), len(self.layers)
        if len(tree.levels) != depth + 1:
            raise ValueError(f"{depth} layers need a fan-out of {depth} steps, not {len(tree.levels) - 1}")
        states = [F.embedding(level, x) for level in tree.levels[:-1]]
        first, last = states[0], tree.levels[-1]
        # The widest level is averaged without being written out: it is nine tenths of all nodes looked at.
        mean = F.embedding_bag(last.reshape(-1, last.shape[-1]), x, mode="mean").view(*last.shape[:-1], x.shape[-1])
        for number, layer in enumerate(self.layers):
            means = [*(state.mean(dim=-2) for state in states[1:]), mean][: depth - number]
            means = [_where(joined, mean) for joined, mean in zip(tree.joined, means, strict=False)]
            states = [layer(state, mean) for state, mean in zip(states, means, strict=False)]
            if number + 1 < depth:
                states = [state.relu() for state in states]
                mean = states.pop().mean(dim=-2)
        return self.finished(states[0], first)

    def finished(self, state: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """What the last layer gave and what the nodes came with, made one unit vector each."""
        return F.normalize((state if self.skip is None else state + self.skip(x)).float(), dim=-1)

    def alone(self, x: torch.Tensor) -> torch.Tensor:
        """Nodes without neighbours, by their features alone: so a question in words finds its vector.

        Args:
            x: Shape (nodes, features).

        Returns:
            Unit vectors, shape (nodes, out).
        """
        state = self.inputs(x)
        for number, layer in enumerate(self.layers):
            state = layer(state.relu() if number else state, torch.zeros_like(state))
        return self.finished(state, x)


def _where(joined: torch.Tensor | None, mean: torch.Tensor) -> torch.Tensor:
    return mean if joined is None else mean * joined.unsqueeze(-1)


@torch.no_grad()
def embed_all(
    model: GraphSage,
    graph: KnowledgeGraph | Csr,
    features: np.ndarray | torch.Tensor | None = None,
    *,
    chunk: int = 1 << 16,
) -> np.ndarray:
    """Every node from all its neighbours, layer by layer and in chunks: no neighbourhood is drawn, and none explodes.

    Besides features and result, it holds two tables of shape (nodes, width) at most, whatever the degrees.

    Args:
        model: Trained or not; computes on the device where it is.
        graph: Its edges count in both directions; a `Csr` as it stands.
        features: Shape (nodes, features), in the order of ``graph.nodes``; may be memory-mapped. The learned table if
            not given.
        chunk: Nodes at a time.

    Returns:
        Unit vectors, shape (nodes, out), float32; a row of zeros for a node that comes to nothing.

    Raises:
        ValueError: There are not features for every node, or of another width.
    """
    csr = graph if isinstance(graph, Csr) else Csr.of(graph)
    device = next(model.parameters()).device
    csr = csr.to(device)
    x = model.inputs(None if features is None else as_features(features, device)).detach()
    if len(x) != len(csr):
        raise ValueError(f"there are features of {len(x):,} nodes, and the graph has {len(csr):,}")
    state = x
    for number, layer in enumerate(model.layers):
        last = number + 1 == len(model.layers)
        after = torch.empty(len(csr), model.out if last else layer.self_weight.out_features, device=device)
        for begin in range(0, len(csr), chunk):
            rows = slice(begin, min(begin + chunk, len(csr)))
            made = layer(state[rows], mean_of_neighbours(csr, state, rows))
            after[rows] = model.finished(made, x[rows]) if last else made.relu()
        state = after
    return state.cpu().numpy()


def mean_of_neighbours(csr: Csr, x: torch.Tensor, rows: slice) -> torch.Tensor:
    """The mean over all neighbours of these nodes, shape (rows, features); zeros for a node that has none."""
    starts = csr.starts[rows.start : rows.stop + 1]
    around = csr.neighbours[starts[0] : starts[-1]]
    if not len(around):
        return x.new_zeros(rows.stop - rows.start, x.shape[1])
    return F.embedding_bag(around, x, starts[:-1] - starts[0], mode="mean")


def as_features(features: np.ndarray | torch.Tensor, device: torch.device | str = "cpu") -> torch.Tensor:
    """Features as a float32 tensor on a device; on the processor, an array is shared and a memory map stays on disk."""
    if isinstance(features, np.ndarray):
        # PyTorch warns of what may only be read; a map of the same file that is never written back spares it that.
        if isinstance(features, np.memmap) and not features.flags.writeable and features.base is not None:
            features = np.memmap(features.filename, features.dtype, "c", features.offset, features.shape)
        features = torch.from_numpy(features if features.flags.writeable else features.copy())
    return features.to(device=device, dtype=torch.float32)


class GraphSageEncoder:
    """A trained model as a method of the exam: nodes by features and neighbours, a question as a node without any.

    Nodes that training never met are encoded like all others if features come from texts: by their texts and edges. A
    model with a learned table knows nothing of them but their neighbours, and has no vector for a question.

    Args:
        model: Trained elsewhere.
        features_of: Turns texts into the features the model was trained on, shape (texts, features); both the texts of
            nodes and questions. Not for a model with a learned table.
        learned_on: The graph of a model with a learned table: whose nodes its rows are.
        style: Which text stands for a node, or a function that writes one for each of a graph's nodes.
        name: The row in the exam's table.
        neighbours: False looks at no edge: what the texts alone are worth.

    Raises:
        ValueError: A model without a table comes without ``features_of``, or one with a table without ``learned_on``.
    """

    def __init__(
        self,
        model: GraphSage,
        features_of: FeaturesOf | None = None,
        *,
        learned_on: KnowledgeGraph | None = None,
        style: Style | Callable[[KnowledgeGraph], Sequence[str]] = "skills",
        name: str = "GraphSAGE",
        neighbours: bool = True,
    ) -> None:
        if (features_of if model.table is None else learned_on) is None:
            what = "features_of, which turns texts into features" if model.table is None else "learned_on, its graph"
            raise ValueError(f"pass {what}")
        self.model, self.features_of, self.style, self.name = model, features_of, style, name
        self.neighbours = neighbours
        self._row_of = {} if learned_on is None else {node: row for row, node in enumerate(learned_on.nodes["node_id"])}
        seen = [*(["texts of nodes"] if model.table is None else []), *(["the graph"] if neighbours else [])]
        self.sees = "; ".join(seen)

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Nothing to learn: the model is trained elsewhere."""
        return self

    def features(self, graph: KnowledgeGraph) -> np.ndarray:
        """What the nodes of a graph come with, shape (nodes, features); zeros for one that a table lacks."""
        if self.model.table is None:
            texts = self.style(graph) if callable(self.style) else documents(graph, self.style)
            return np.asarray(self.features_of(texts), dtype=np.float32)
        rows = [self._row_of.get(node, -1) for node in graph.nodes["node_id"]]
        table = self.model.table.detach().cpu().numpy()
        return np.where(np.array(rows)[:, None] >= 0, table[rows], 0).astype(np.float32)

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Unit vectors, shape (nodes, out), float32."""
        features = self.features(graph)
        return embed_all(self.model, graph, features) if self.neighbours else self._alone(features)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (texts, out), float32; zeros if the model has a table, where no text has a row."""
        if self.model.table is not None:
            return np.zeros((len(texts), self.model.out), dtype=np.float32)
        return self._alone(np.asarray(self.features_of(texts), dtype=np.float32))

    @torch.no_grad()
    def _alone(self, features: np.ndarray) -> np.ndarray:
        device = next(self.model.parameters()).device
        return self.model.alone(as_features(features, device)).cpu().numpy()
