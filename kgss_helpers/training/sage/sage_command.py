"""The command that trains GraphSAGE: its options, and what it leaves in its output folder.

``model.safetensors``: the weights. ``vectors.npy`` with ``ids.txt``: every node, a unit vector a line of the other.
``history.csv``: the learning curve, measured on edges that were held out. ``config.json``: how it came about.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import psutil
import torch
from safetensors.torch import save_model

from kgss_helpers import datasets, exam
from kgss_helpers.compute import is_first_process, machine, processes
from kgss_helpers.files import require_file, write_whole
from kgss_helpers.graph import GraphError, KnowledgeGraph
from kgss_helpers.methods.graph_sage import Csr, GraphSage, as_features, edge_pairs, embed_all
from kgss_helpers.space import unit_rows
from kgss_helpers.training.folder import RunFolderError, locked
from kgss_helpers.training.logbook import OnEpochEnd
from kgss_helpers.training.run import TrainingRun, how_it_ended
from kgss_helpers.training.sage.held_out import HeldOutEdges
from kgss_helpers.training.sage.link_prediction import train_sage
from kgss_helpers.training.sage.node_negatives import Drawn

CHECKPOINTS, MODEL, VECTORS, IDS = "checkpoints", "model.safetensors", "vectors.npy", "ids.txt"
HISTORY, CONFIG = "history.csv", "config.json"
MAY_CHANGE = ("output", "resume", "device", "bf16", "compiled")
LEARNED, RANDOM, PLANTED, LEARNED_UP_TO = "learned", "random", "planted", 100_000
"""A learned vector, its gradient and what the optimizer keeps of it take 2 KB at 128 dimensions: for so many nodes."""
LEAN = 0.25
"""How far planted features lean towards a community, in lengths of their noise: two of a community are hardly alike."""
PATIENCE = 600.0
"""Seconds that other processes wait for the first one's features."""
SYNTHETIC, OF_THE_EXAM = "synthetic", "exam"
MEASURED = 1_000
"""So many held-out edges are asked for after each epoch."""


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    add = made.add_argument
    add("--graph", nargs="+", default=[SYNTHETIC], metavar=("SOURCE", "PATH"),
        help=f"{SYNTHETIC}; {OF_THE_EXAM}, the exam's training graph; or a loader of kgss_helpers.datasets by its name "
             f"({', '.join(_loaders())}) and the paths that it takes")  # fmt: skip
    add("--nodes", type=int, default=10_000, help="of the synthetic graph (%(default)s)")
    add("--communities", type=int, default=100, help="of the synthetic graph (%(default)s)")
    add("--features", help=f"{LEARNED}: a vector for each node (up to {LEARNED_UP_TO:,} nodes, if nothing is said); "
        f"{RANDOM}: one that stays as it is; {PLANTED}: likewise, but a community's lean one way, as texts on one "
        "subject do; or a .npy file with a row for each. Files are memory-mapped")  # fmt: skip
    add("--dimensions", type=int, default=128, help="of vectors, learned or random features, and between layers (128)")
    add("--fan-out", type=int, nargs="+", default=[10, 5], help="neighbours drawn, a number a layer (10 5)")
    add("--negatives", choices=("in-batch", *get_args(Drawn)), default="in-batch", help="(%(default)s)")
    add("--loss", choices=("ranking", "logistic"), default="ranking", help="(%(default)s)")
    add("--drop-neighbourhood", type=float, default=0.0, help="chance of a node to stand alone (%(default)s)")
    add("--epochs", type=float, default=1, help="how often all edges are seen (%(default)s)")
    add("--max-steps", type=int, default=-1, help="stop after so many steps")
    add("--measure-every", type=int, metavar="EDGES", help="measure and keep it so often (after all edges)")
    add("--batch-size", type=int, default=1024, help="edges a step and process (%(default)s)")
    add("--learning-rate", type=float, default=3e-3, help="at its peak (%(default)s)")
    add("--held-out", type=float, default=0.01, help="share of the edges that measures it (%(default)s)")
    add("--device", help="cuda, mps or cpu; the best there is if not given")
    add("--no-bf16", dest="bf16", action="store_false", help="compute in float32")
    add("--compiled", action="store_true", help="let torch.compile translate the forward pass")
    add("--seed", type=int, default=0, help="of split, weights, order and draws (%(default)s)")
    add("--output", type=Path, default=Path("build") / "sage", help="where everything is written (%(default)s)")
    add("--resume", action="store_true", help="go on from the last checkpoint in the output")
    return made


def run(command: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Trains as the options say; returns the exit status, which is 1 for a run that did not come to its end."""
    try:
        with locked(options.output) if is_first_process() else nullcontext():
            return _run(options)
    except (GraphError, RunFolderError, FileNotFoundError, ValueError) as error:
        command.error(str(error))
    except OSError as error:
        print(f"{command.prog}: {error}", file=sys.stderr)
        return 1


def graph_of(options: argparse.Namespace) -> KnowledgeGraph:
    """The graph that the options name.

    Raises:
        GraphError: There is no such source, or it takes other paths.
    """
    source, *paths = options.graph
    if source == SYNTHETIC and not paths:
        return datasets.synthetic_graph(options.nodes, communities=options.communities, seed=options.seed)
    if source == OF_THE_EXAM and not paths:
        return exam.training_graph()
    load = _loaders().get(source)
    if load is None:
        raise GraphError(f"there is no graph {source!r}; there are {', '.join((SYNTHETIC, OF_THE_EXAM, *_loaders()))}")
    try:
        inspect.signature(load).bind(*paths)
    except TypeError as error:
        raise GraphError(f"--graph {source}: {error}; it takes {inspect.signature(load)}") from None
    return load(*paths)


def _loaders() -> dict[str, Any]:
    return {
        name.removeprefix("load_"): getattr(datasets, name) for name in datasets.__all__ if name.startswith("load_")
    }


def _run(options: argparse.Namespace) -> int:
    folder, written = options.output, (MODEL, VECTORS, IDS, HISTORY, CONFIG)
    held = next((name for name in (MODEL, CONFIG) if (folder / name).exists()), None)
    if held and not options.resume and is_first_process():
        raise RunFolderError(f"{folder} holds a run already ({held}): pass --resume or another --output")
    complete = all((folder / name).exists() for name in written)
    graph = graph_of(options)
    ids, types = graph.nodes["node_id"], pd.factorize(graph.nodes["node_type"])[0]
    communities = graph.nodes["community"].to_numpy() if "community" in graph.nodes else None
    name, pairs = graph.name, edge_pairs(graph)
    del graph  # its tables and their index are larger than all that is needed of them
    order = np.random.default_rng(options.seed).permutation(len(pairs))
    held_out, seen = np.split(pairs[order], [max(1, round(options.held_out * len(pairs)))])
    csr, true = Csr.from_pairs(seen, len(ids)), Csr.from_pairs(pairs, len(ids))
    asked = HeldOutEdges(csr, held_out[:MEASURED], types=types, true=true, seed=options.seed)
    del pairs, order, true
    features, model = _features_and_model(options, len(ids), communities)
    settings = {key: value for key, value in vars(options).items() if key not in MAY_CHANGE}
    trained = train_sage(
        model, csr, edges=seen, types=types, features=features, epochs=options.epochs, max_steps=options.max_steps,
        batch_size=options.batch_size, learning_rate=options.learning_rate, fan_out=options.fan_out,
        negatives=options.negatives, loss=options.loss, drop_neighbourhood=options.drop_neighbourhood,
        edges_an_epoch=options.measure_every, compiled=options.compiled, device=options.device, bf16=options.bf16,
        seed=options.seed, checkpoint_dir=folder / CHECKPOINTS, resume=options.resume, identity=settings,
        on_epoch_end=_printing(asked, features, options.fan_out), log_every=50,
    )  # fmt: skip
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    if not is_first_process():
        return int(not trained.finished)
    if not trained.finished:
        print(how_it_ended(trained, folder / CHECKPOINTS))
    elif complete:
        print(f"The run in {folder} is finished, all {trained.steps} steps of it: there is nothing to resume")
    else:
        _keep(folder, trained, csr, features, ids, settings | {
            "graph": name, "device": options.device, "edges": len(seen), "processes": processes(),
            **machine(next(model.parameters()).device, bf16=options.bf16),
        })  # fmt: skip
        print(f"Kept in {folder}: {', '.join(written)}")
    return int(not trained.finished)


def _features_and_model(
    options: argparse.Namespace, nodes: int, communities: np.ndarray | None
) -> tuple[np.ndarray | None, GraphSage]:
    """A model with a learned table and no features, or with features from a file that is memory-mapped."""
    sizes = {"hidden": options.dimensions, "out": options.dimensions, "layers": len(options.fan_out)}
    sizes["seed"] = options.seed
    fixed = RANDOM if communities is None else PLANTED
    wanted = options.features or (LEARNED if nodes <= LEARNED_UP_TO else fixed)
    if wanted == LEARNED:
        return None, GraphSage(nodes=nodes, features=options.dimensions, **sizes)
    path = Path(wanted)
    if wanted in (RANDOM, PLANTED):
        if wanted == PLANTED and communities is None:
            raise ValueError(f"there is no community in this graph for features to lean to: take {RANDOM}")
        path = options.output / f"features-{wanted}-{nodes}-{options.dimensions}-{options.seed}.npy"
        if is_first_process() and not path.exists():
            leaning = communities if wanted == PLANTED else None
            write_features(path, nodes, options.dimensions, leaning, seed=options.seed)
        until = time.monotonic() + PATIENCE
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.2)
    # A map that is written to in memory alone, since PyTorch warns of arrays that may only be read.
    features = np.load(require_file(path), mmap_mode="c", allow_pickle=False)
    if features.ndim != 2 or len(features) != nodes:
        raise ValueError(f"{path} has shape {features.shape}, and there are {nodes:,} nodes: it needs a row for each")
    return features, GraphSage(features.shape[1], **sizes)


def write_features(
    path: Path, nodes: int, dimensions: int, communities: np.ndarray | None = None, *, seed: int = 0
) -> None:
    """Random unit vectors in a file, in parts; they cost no gradient, and an optimizer keeps nothing of them.

    Args:
        path: A ``.npy`` file.
        nodes: How many.
        dimensions: Of each.
        communities: A number for each node, shape (nodes,): its vector leans towards a direction of that number. It
            leans so little that two of a community are hardly told from others; the mean of a neighbourhood, where most
            are of one community, shows it well. So there is something to learn that features alone do not give.
        seed: Of the vectors.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft, rng = path.with_name(f".{path.name}.part"), np.random.default_rng(seed)
    rows = np.lib.format.open_memmap(draft, "w+", np.float32, (nodes, dimensions))
    ways = unit_rows(rng.standard_normal((1 if communities is None else communities.max() + 1, dimensions)))
    for part in np.array_split(np.arange(nodes), max(1, nodes // 100_000)):
        made = unit_rows(rng.standard_normal((len(part), dimensions), dtype=np.float32))
        rows[part[0] : part[-1] + 1] = made if communities is None else unit_rows(made + LEAN * ways[communities[part]])
    rows.flush()
    draft.replace(path)


def _printing(asked: HeldOutEdges, features: np.ndarray | None, fan_out: Sequence[int]) -> OnEpochEnd:
    def measured(model: GraphSage, epoch: int) -> Mapping[str, float]:
        there = next(model.parameters()).device
        x = None if features is None else as_features(features, there)
        scores = asked.measure_model(model, x, fan_out=fan_out)
        print(f"epoch {epoch}: " + ", ".join(f"{name} {score:.3f}" for name, score in scores.items()), flush=True)
        return scores

    return measured


def _keep(
    folder: Path, trained: TrainingRun, csr: Csr, features: np.ndarray | None, ids: pd.Series, config: dict[str, Any]
) -> None:
    save_model(trained.model, str(folder / MODEL))
    started = time.perf_counter()
    vectors = embed_all(trained.model, csr, features)
    config["embedding_seconds"] = round(time.perf_counter() - started, 1)
    np.save(folder / VECTORS, vectors)
    write_whole(folder / IDS, "\n".join(ids) + "\n")
    write_whole(folder / HISTORY, trained.history.round(4).to_csv(index=False, lineterminator="\n"))
    config |= {"nodes": len(ids), "neighbours": len(csr.neighbours), "steps": trained.steps}
    config |= {"training_seconds": round(trained.seconds, 1), "peak_memory_gb": round(peak_memory(), 2)}
    write_whole(folder / CONFIG, json.dumps(config, indent=2, default=str) + "\n")


def peak_memory() -> float:
    """The most memory that this process has held, in GB (its present size where the system does not keep the peak)."""
    try:
        import resource
    except ImportError:
        return psutil.Process().memory_info().rss / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
