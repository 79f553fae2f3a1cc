"""GraphSAGE over the vectors of node texts, its ablations, and the exam's rows of all that spreads text over the graph.

python -m kgss_helpers.runs.sage_with_text            # trains and sits the exam
python -m kgss_helpers.runs.sage_with_text --only text # those whose name holds a word
python -m kgss_helpers.runs.sage_with_text --texts    # first encodes all texts anew
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self, get_args

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from kgss_helpers.exam.films import RESULTS, sit, training_graph
from kgss_helpers.exam.results import EDITION
from kgss_helpers.files import write_whole
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.graph_sage import Csr, FanOut, GraphSage, edge_pairs, embed_all
from kgss_helpers.methods.propagation import Appnp, CorrectAndSmooth
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.methods.text_and_graph import TextAndGraph
from kgss_helpers.question import Split
from kgss_helpers.runs.kept_texts import FOLDER, KeptTexts, record_texts
from kgss_helpers.space import DECIMALS
from kgss_helpers.training.logbook import OnEpochEnd
from kgss_helpers.training.loop import train
from kgss_helpers.training.run import TrainingRun
from kgss_helpers.training.sage.link_prediction import LinkLoss
from kgss_helpers.training.sampler import NeighbourSampler

RENEW = "`python -m kgss_helpers.runs.sage_with_text`"
APPNP_RESTART, TEXT_WEIGHT = 0.7, 0.3
"""Chosen on validation, among 0.9 and 0.7, and among 1, 0.3 and 0."""
GRAPH_SHARE, LOOKED_UP = 0.8, ("person", "project")
"""Chosen on validation by *credit*, among 0.3 and 0.5 to 0.9; genres and keywords are words like any others."""
MODEL, SETTINGS, HISTORY = FOLDER / "model.safetensors", FOLDER / "run.json", FOLDER / "history.csv"


@dataclass(frozen=True)
class Recipe:
    """How one GraphSAGE is made and trained.

    Attributes:
        neighbours: It sees the graph; else texts alone.
        text: Vectors stand for texts; else for nothing, being drawn at random.
        residual: The text is added to what the layers give.
        drop: The chance of each end of an edge to stand there without neighbours while it is trained.
        names: Of the ends that stand alone, this share comes with its name alone instead of its document.
        itself: Besides each edge, so many nodes an edge have to find themselves.
        hidden: Width between the two layers.
        fan_out: Neighbours drawn a node, and for each of these.
        epochs: How often all edges are seen.
        batch_size: Edges a step.
        learning_rate: At its peak.
        scale: What cosines are multiplied by.
    """

    neighbours: bool = True
    text: bool = True
    residual: bool = True
    drop: float = 0.5
    names: float = 0.5
    itself: float = 0.5
    hidden: int = 128
    fan_out: tuple[int, int] = (5, 3)
    epochs: float = 2
    batch_size: int = 512
    learning_rate: float = 2e-3
    scale: float = 20.0


RECIPES = {
    "GraphSAGE with text": Recipe(),
    "GraphSAGE with text, without residual": Recipe(residual=False),
    "GraphSAGE with text, no neighbourhood dropped": Recipe(drop=0.0),
    "GraphSAGE with text, without both": Recipe(drop=0.0, residual=False),
    "GraphSAGE, text only": Recipe(neighbours=False),
    "GraphSAGE, structure only": Recipe(text=False),
}
"""The model and its ablations: one thing less each, both cures less, and no graph at all."""
BEST = "GraphSAGE with text"


class AloneOrNot(LinkLoss):
    """The ranking loss of edges, where an end without neighbours may come with its name alone.

    That is how somebody asks: with few words, and joined to nothing. Rows of ``features`` are the documents of all
    nodes and then their names.

    Args:
        sampler: Draws neighbours.
        documents: Shape (nodes, features).
        names: Of the same shape.
        share: Of the ends that stand alone, so many come with their name.
        **further: As for `LinkLoss`.
    """

    def __init__(
        self, sampler: NeighbourSampler, documents: np.ndarray, names: np.ndarray, *, share: float, **further: object
    ) -> None:
        super().__init__(sampler, torch.from_numpy(np.concatenate([documents, names])), **further)
        self.nodes, self.share = len(documents), share

    def vectors(self, model: GraphSage, nodes: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Unit vectors of nodes, shape (nodes, out)."""
        tree = self.sampler.tree(nodes, hide=hidden, drop=self.drop)
        alone = torch.zeros_like(nodes, dtype=torch.bool) if tree.joined[0] is None else ~tree.joined[0]
        named = alone & (torch.rand(nodes.shape) < self.share)
        return model(FanOut((nodes + self.nodes * named, *tree.levels[1:]), tree.joined), self.features)


def train_with_text(
    recipe: Recipe,
    graph: KnowledgeGraph,
    documents: np.ndarray,
    names: np.ndarray,
    *,
    seed: int = 0,
    max_steps: int = -1,
    on_epoch_end: OnEpochEnd | None = None,
    log_every: int = 10,
) -> TrainingRun:
    """Trains one on the edges of a graph; the model is ``run.model``.

    Args:
        recipe: How.
        graph: All that may be learned from.
        documents: Vectors of its nodes' documents, shape (nodes, features), unit vectors.
        names: Vectors of their names alone, of the same shape.
        seed: Of weights, order and draws.
        max_steps: Stop after so many steps; -1 for no limit.
        on_epoch_end: As for `kgss_helpers.training.loop.train`.
        log_every: Steps between two rows of history.
    """
    features = documents.shape[1]
    model = GraphSage(features, hidden=recipe.hidden, out=features, residual=recipe.residual, seed=seed)
    edges = edge_pairs(graph)
    rng = np.random.default_rng(seed)
    alone = rng.choice(len(documents), round(recipe.itself * len(edges)))
    pairs = torch.from_numpy(np.concatenate([edges, np.stack([alone, alone], axis=1)]))
    kinds = torch.from_numpy(pd.factorize(graph.nodes["node_type"])[0].astype(np.int64))
    loss = AloneOrNot(
        NeighbourSampler(Csr.of(graph), recipe.fan_out), documents, names, share=recipe.names, types=kinds,
        scale=recipe.scale, drop=recipe.drop if recipe.neighbours else 1.0,
    )  # fmt: skip
    return train(
        model, pairs, loss, epochs=recipe.epochs, max_steps=max_steps, batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate, device="cpu", bf16=False, seed=seed, on_epoch_end=on_epoch_end,
        log_every=log_every,
    )  # fmt: skip


class KeptEncoder:
    """Kept vectors of texts as a method of the exam: text alone, or what a trained model makes of text and neighbours.

    Args:
        kept: Of the exam's nodes and questions.
        model: A trained GraphSAGE; the vectors as they are if not given.
        neighbours: The model looks at edges.
        name: The row in the exam's table.
        training_seconds: What the training took, in seconds of processor time.
    """

    def __init__(
        self,
        kept: KeptTexts,
        model: GraphSage | None = None,
        *,
        neighbours: bool = True,
        name: str = "MiniLM, documents",
        training_seconds: float = 0.0,
    ) -> None:
        self.kept, self.model, self.neighbours, self.name = kept, model, neighbours, name
        self.training_seconds = training_seconds
        self.sees = "texts of nodes; the graph" if model is not None and neighbours else "texts of nodes: skills"

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Nothing to learn."""
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Unit vectors, shape (nodes, dimensions), float32."""
        documents = self.kept.of(graph)
        if self.model is not None and self.neighbours:
            return embed_all(self.model, graph, documents)
        return self.alone(documents)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (texts, dimensions), float32, of questions of the exam."""
        return self.alone(self.kept.ask(texts))

    @torch.no_grad()
    def alone(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors of texts that nothing joins, such as questions, shape (texts, dimensions)."""
        return vectors if self.model is None else self.model.alone(torch.from_numpy(vectors)).numpy()


def load_model(path: Path | str = MODEL) -> GraphSage:
    """The recorded model, kept in half precision.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged; names the file.
    """
    recipe, path = RECIPES[BEST], Path(path)
    try:
        weights = {name: tensor.float() for name, tensor in load(path.read_bytes()).items()}
        features = weights["layers.0.self_weight.weight"].shape[1]
        model = GraphSage(features, hidden=recipe.hidden, out=features, residual=recipe.residual)
        model.load_state_dict(weights)
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise ValueError(f"{path.name} holds no model ({error}); renew it: {RENEW}") from None
    return model.eval()


def found_alone(encoder: KeptEncoder, graph: KnowledgeGraph, *, most: int = 300, seed: int = 0) -> dict[str, float]:
    """Nodes asked for by their names alone, joined to nothing: how far up each stands among those of its own type.

    Args:
        encoder: Any.
        graph: Whose nodes are asked for.
        most: So many of each type are drawn, of those with neighbours.
        seed: Of the draw.

    Returns:
        Type → the mean of 1 / place (MRR), 1 if every node is the first that its own name finds.
    """
    nodes, asked = encoder.encode_nodes(graph), encoder.alone(encoder.kept.of(graph, names=True))
    rng, found = np.random.default_rng(seed), {}
    for node_type, rows in graph.nodes.groupby("node_type").indices.items():
        joined = rows[graph.degree.to_numpy()[rows] > 0]
        drawn = np.sort(rng.choice(joined, min(most, len(joined)), replace=False))
        scores = (asked[drawn] @ nodes[rows].T).round(DECIMALS)
        right = scores[np.arange(len(drawn)), np.searchsorted(rows, drawn)]
        found[node_type] = float((1 / (1 + (scores > right[:, None]).sum(axis=1))).mean())
    return found


def methods(kept: KeptTexts, named: Callable[[str], bool], folder: Path = FOLDER) -> Iterator[Method | Encoder]:
    """What sits the exam, one after the other; a GraphSAGE is trained when its turn comes.

    Args:
        kept: Vectors of texts.
        named: Whether a name is wanted.
        folder: Where the best one and its curve are kept.
    """
    text = KeptEncoder(kept)
    ready = (
        Appnp(text, restart=APPNP_RESTART, name="MiniLM, documents, APPNP"),
        CorrectAndSmooth(text, text_weight=TEXT_WEIGHT, name="MiniLM, documents, Correct and Smooth"),
    )
    yield from (method for method in ready if named(method.name))
    graph = training_graph()
    for name, recipe in RECIPES.items():
        if not named(name):
            continue
        started, vectors = time.process_time(), kept if recipe.text else kept.without_meaning()
        documents, names = vectors.of(graph), vectors.of(graph, names=True)
        run = train_with_text(recipe, graph, documents, names).require_finished()
        seconds = round(time.process_time() - started, 1)
        if name == BEST:
            keep(run, recipe, seconds, folder)
            run.model = load_model(folder / MODEL.name)  # what sits the exam is what is kept, in half precision
        encoder = KeptEncoder(vectors, run.model, neighbours=recipe.neighbours, name=name, training_seconds=seconds)
        yield encoder
        if name == BEST:
            yield CorrectAndSmooth(encoder, text_weight=TEXT_WEIGHT, name=f"{name}, Correct and Smooth")
            yield beside_pagerank(encoder).fit(graph)


def beside_pagerank(encoder: KeptEncoder) -> TextAndGraph:
    """An encoder's vectors with those of distilled PageRank beside them, to be fitted."""
    name = f"{encoder.name}, distilled PageRank"
    return TextAndGraph(encoder, share=GRAPH_SHARE, node_types=LOOKED_UP, name=name)


def keep(run: TrainingRun, recipe: Recipe, seconds: float, folder: Path = FOLDER) -> None:
    """Writes a model in half precision, its curve, and how it was trained, where and how long."""
    weights = {name: tensor.half().contiguous() for name, tensor in run.model.state_dict().items()}
    write_whole(folder / MODEL.name, save(weights))
    write_whole(folder / HISTORY.name, run.history[["step", "epoch", "loss"]].dropna().round(4).to_csv(index=False))
    settings = asdict(recipe) | {
        "steps": run.steps, "processor seconds": seconds, "machine": platform.machine(), "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }  # fmt: skip
    write_whole(folder / SETTINGS.name, json.dumps(settings, indent=1) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers.runs.sage_with_text", description=__doc__)
    parser.add_argument("--only", default="", help="only methods whose name holds this")
    parser.add_argument("--just", default="", help="only the method that is called so")
    parser.add_argument("--texts", action="store_true", help="encode all texts anew first")
    options = parser.parse_args(argv)
    if options.texts:
        record_texts()
    for method in methods(KeptTexts.load(), lambda name: options.only in name and options.just in ("", name)):
        for split in get_args(Split):
            result = sit(method, split=split, fit=False)
            result.save(RESULTS[EDITION])
            print(f"{method.name}, {split}: {result.interval()}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
