"""Two tables of embeddings whose dot product says whether a project has a link, on the plain loop.

python -m kgss_helpers.training.links --output build/links.npz               # the workbook's graph
python -m kgss_helpers.training.links --records articles.ndjson --objective squared
torchrun --nproc-per-node 2 -m kgss_helpers.training.links --output build/links.npz

After Osinga's Deep Learning Cookbook (2018), chapter 4: true pairs against drawn ones. Beside its squared error stands
a ranking loss, the softmax over drawn negatives.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch.nn import functional as F

from kgss_helpers.compute import is_first_process
from kgss_helpers.datasets import load_link_records
from kgss_helpers.exam import training_graph
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.link_vectors import PROJECT, LinkPairs, link_pairs
from kgss_helpers.space import SemanticSpace
from kgss_helpers.training.logbook import OnEpochEnd
from kgss_helpers.training.loop import train
from kgss_helpers.training.run import TrainingRun

Objective = Literal["ranking", "squared"]
Negatives = Literal["uniform", "degree"]
DIMENSIONS = 50
PER_POSITIVE = 10
"""Drawn pairs for each true one under the squared error, as in the Cookbook."""
SHARED = 128
"""Drawn links, and drawn projects, that all pairs of a batch are ranked against."""
SCALE = 10.0
"""Cosines are multiplied by this before the softmax."""
GROUP = 512
"""So many true pairs share drawn links and projects under the squared error, if nothing else is said."""


class LinkTables(torch.nn.Module):
    """One table of links and one of projects; a score is the dot product of two unit vectors, between -1 and 1."""

    def __init__(self, links: int, projects: int, dimensions: int = DIMENSIONS) -> None:
        super().__init__()
        self.links, self.projects = (torch.nn.Embedding(rows, dimensions) for rows in (links, projects))
        for table in (self.links, self.projects):
            # The longer a vector, the less one step turns it.
            torch.nn.init.normal_(table.weight, std=0.1)

    def of_links(self, rows: torch.Tensor) -> torch.Tensor:
        """Unit vectors, shape (..., dimensions)."""
        return F.normalize(self.links(rows), dim=-1)

    def of_projects(self, rows: torch.Tensor) -> torch.Tensor:
        """Unit vectors, shape (..., dimensions)."""
        return F.normalize(self.projects(rows), dim=-1)

    def vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """All unit vectors, of links and of projects, each of shape (rows, dimensions)."""
        with torch.no_grad():
            tables = (F.normalize(table.weight, dim=1) for table in (self.links, self.projects))
            return tuple(table.float().cpu().numpy() for table in tables)


class Drawn:
    """True pairs and, for each batch, the links and projects they are held against.

    Args:
        pairs: The true ones.
        negatives: ``"uniform"``: each link and project as likely as any other, so that what is frequent is right more
            often than it is wrong. ``"degree"``: as likely as it is frequent among the true pairs.
        together: Draw one set for the whole batch (a ranking) instead of one for each group of pairs.
        group: So many true pairs share drawn links and projects; with fewer, each is drawn more often and then meets
            fewer others, which is slower and learns more evenly.
    """

    def __init__(self, pairs: LinkPairs, negatives: Negatives, *, together: bool, group: int = GROUP) -> None:
        self.pairs, self.negatives = torch.from_numpy(pairs.pairs), negatives
        self.together, self.group = together, group
        self.sizes = len(pairs.links), len(pairs.projects)
        self.codes = (self.pairs[:, 0] * self.sizes[1] + self.pairs[:, 1]).sort().values

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Links and projects of the true pairs, drawn links and projects, and which of those pairs are true as well."""
        links, projects = self.pairs[rows].unbind(dim=1)
        if self.together:
            drawn_links, drawn_projects = self.draw(0, (SHARED,)), self.draw(1, (SHARED,))
            return (
                links, projects, drawn_links, drawn_projects,
                self.are_true(drawn_links, projects[:, None]), self.are_true(links[:, None], drawn_projects),
            )  # fmt: skip
        groups = math.ceil(len(rows) / self.group)
        each = math.ceil(math.sqrt(PER_POSITIVE * len(rows) / groups))
        drawn_links, drawn_projects = self.draw(0, (groups, each)), self.draw(1, (groups, each))
        true = self.are_true(drawn_links[:, :, None], drawn_projects[:, None, :])
        return links, projects, drawn_links, drawn_projects, true

    def draw(self, column: int, shape: tuple[int, ...]) -> torch.Tensor:
        """Rows of links (column 0) or projects (1)."""
        if self.negatives == "uniform":
            return torch.randint(self.sizes[column], shape)
        return self.pairs[torch.randint(len(self.pairs), shape), column]

    def are_true(self, links: torch.Tensor, projects: torch.Tensor) -> torch.Tensor:
        """Which pairs are among the true ones: rows of any shapes that fit, as `torch.broadcast_tensors` fits them."""
        codes = links * self.sizes[1] + projects
        found = torch.searchsorted(self.codes, codes).clamp_(max=len(self.codes) - 1)
        return self.codes[found] == codes


def squared_error(model: LinkTables, batch: Sequence[torch.Tensor]) -> torch.Tensor:
    """The Cookbook's: a true pair should score 1, a drawn one -1; the mean over both, ten drawn ones to each."""
    links, projects, drawn_links, drawn_projects, true = batch
    right = (model.of_links(links) * model.of_projects(projects)).sum(dim=1)
    wrong = torch.bmm(model.of_links(drawn_links), model.of_projects(drawn_projects).transpose(1, 2))
    counted = (~true).float()
    total = (1 - right).square().sum() + ((1 + wrong).square() * counted).sum()
    return total / (len(right) + counted.sum())


def ranking_loss(model: LinkTables, batch: Sequence[torch.Tensor]) -> torch.Tensor:
    """Minus the log of the share that the true pair gets among the drawn ones: links of a project, and vice versa.

    A sampled softmax (Bengio and Senécal 2003), without their correction for how likely each was drawn.
    """
    links, projects, drawn_links, drawn_projects, true_links, true_projects = batch
    of_links, of_projects = model.of_links(links), model.of_projects(projects)
    right = (of_links * of_projects).sum(dim=1, keepdim=True)
    first = torch.zeros(len(links), dtype=torch.long, device=right.device)
    losses = [
        F.cross_entropy(SCALE * torch.cat([right, wrong.masked_fill(true, -torch.inf)], dim=1), first)
        for wrong, true in (
            (of_projects @ model.of_links(drawn_links).T, true_links),
            (of_links @ model.of_projects(drawn_projects).T, true_projects),
        )
    ]
    return sum(losses) / 2


LOSSES: dict[Objective, Callable[[LinkTables, Sequence[torch.Tensor]], torch.Tensor]] = {
    "ranking": ranking_loss,
    "squared": squared_error,
}


def train_links(
    pairs: LinkPairs,
    *,
    objective: Objective = "ranking",
    negatives: Negatives = "uniform",
    group: int = GROUP,
    dimensions: int = DIMENSIONS,
    epochs: int = 15,
    batch_size: int = 1024,
    learning_rate: float = 0.03,
    device: str | None = None,
    seed: int = 0,
    checkpoint_dir: Path | str | None = None,
    resume: bool = False,
    on_epoch_end: OnEpochEnd | None = None,
) -> TrainingRun:
    """Learns both tables; ``run.model.vectors()`` has them.

    Args:
        pairs: The true ones; what is held out must not be among them.
        objective: ``"ranking"``, or ``"squared"`` for the Cookbook's.
        negatives: How wrong pairs are drawn (`Drawn`).
        group: How many true pairs share them under the squared error (`Drawn`).
        dimensions: Of both tables.
        epochs: How often each true pair is seen.
        batch_size: True pairs a step and process.
        learning_rate: At its peak.
        device: CUDA, then MPS, then CPU if not given.
        seed: Of the first vectors, the order of pairs, and what is drawn.
        checkpoint_dir: As for `kgss_helpers.training.loop.train`.
        resume: Likewise.
        on_epoch_end: Likewise.

    Raises:
        ValueError: An unknown objective or kind of negatives, or what the loop refuses.
    """
    for value, known in ((objective, Objective), (negatives, Negatives)):
        if value not in get_args(known):
            raise ValueError(f"there is no {value!r}; choose {' or '.join(map(repr, get_args(known)))}")
    torch.manual_seed(seed)
    model = LinkTables(len(pairs.links), len(pairs.projects), dimensions)
    data = Drawn(pairs, negatives, together=objective == "ranking", group=group)
    return train(
        model, data, LOSSES[objective], epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
        device=device, bf16=False, seed=seed, checkpoint_dir=checkpoint_dir, resume=resume,
        on_epoch_end=on_epoch_end, identity={"negatives": negatives, "group": group},
    )  # fmt: skip


def explained_variance(
    model: LinkTables, pairs: LinkPairs, held_out: np.ndarray | None = None, *, seed: int = 0
) -> float:
    """What the scores explain of the Cookbook's labels, 1 for true pairs and -1 for ten uniformly drawn ones to each.

    A constant explains 0. The drawn pairs are new.

    Args:
        model: Trained.
        pairs: All that are true: none of them is drawn.
        held_out: Those of them that are asked about, shape (pairs, 2); all, if not given.
        seed: Of the draw.
    """
    drawn = Drawn(pairs, "uniform", together=False)
    true = drawn.pairs if held_out is None else torch.from_numpy(held_out)
    generator = torch.Generator().manual_seed(seed)
    shape = (PER_POSITIVE * len(true),)
    links, projects = (torch.randint(size, shape, generator=generator) for size in drawn.sizes)
    wrong = ~drawn.are_true(links, projects)
    tables = [torch.from_numpy(table) for table in model.vectors()]
    errors = []
    for label, rows in ((1, true), (-1, torch.stack([links[wrong], projects[wrong]], dim=1))):
        for part in rows.split(200_000):
            scores = (tables[0][part[:, 0]] * tables[1][part[:, 1]]).sum(dim=1)
            errors.append((label - scores).square().double().sum())
    count = len(true) + int(wrong.sum())
    positive = len(true) / count
    return float(1 - sum(errors) / count / (4 * positive * (1 - positive)))


def learn_link_space(
    graph: KnowledgeGraph, *, node_type: str = PROJECT, name: str = "link vectors", **settings: object
) -> SemanticSpace:
    """All nodes of a graph in one space, learned from its pairs; zeros for a node without a link.

    Args:
        graph: Any.
        node_type: What counts as a project.
        name: Of the space.
        settings: As for `train_links`.
    """
    pairs = link_pairs(graph, node_type=node_type)
    links, projects = train_links(pairs, **settings).require_finished().model.vectors()
    vectors = np.zeros((len(graph.nodes), links.shape[1]), dtype=np.float32)
    for ids, table in ((pairs.links, links), (pairs.projects, projects)):
        vectors[[graph.position(node_id) for node_id in ids]] = table
    return SemanticSpace.of(graph, vectors, name=name)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers.training.links", description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=Path, help="a file of link records instead of the workbook's training graph")
    parser.add_argument("--min-count", type=int, default=3, help="only links that so many projects have (default: 3)")
    parser.add_argument("--objective", choices=get_args(Objective), default="ranking")
    parser.add_argument("--negatives", choices=get_args(Negatives), default="uniform")
    parser.add_argument("--dimensions", type=int, default=DIMENSIONS)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--learning-rate", type=float, default=0.03)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device")
    parser.add_argument("--checkpoints", type=Path, help="a folder to keep the state in after every epoch")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--output", type=Path, help="keep the space here (.npz)")
    options = parser.parse_args(argv)
    graph = load_link_records(options.records) if options.records else training_graph()
    pairs = link_pairs(graph, min_count=options.min_count)
    run = train_links(
        pairs, objective=options.objective, negatives=options.negatives, dimensions=options.dimensions,
        epochs=options.epochs, batch_size=options.batch_size, learning_rate=options.learning_rate, seed=options.seed,
        device=options.device, checkpoint_dir=options.checkpoints, resume=options.resume,
    ).require_finished()  # fmt: skip
    if is_first_process():
        explained = explained_variance(run.model, pairs)
        print(f"{pairs}: {run.seconds:.1f} s, explained variance of +1 and -1: {explained:.2f}")
        if options.output:
            ids = np.concatenate([pairs.links, pairs.projects])
            known = graph.nodes.set_index("node_id").loc[ids]
            space = SemanticSpace(
                "link vectors", ids, known["node_type"].to_numpy(dtype=object), known["name"].to_numpy(dtype=object),
                np.concatenate(run.model.vectors()),
            )  # fmt: skip
            print(space.save(options.output))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
