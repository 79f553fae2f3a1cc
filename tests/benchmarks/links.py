"""Time an epoch of `train_links` at the Deep Learning Cookbook's scale against a loop with the Cookbook's batches.

Run it: ``python tests/benchmarks/links.py``, on a machine that does nothing else; ``--record`` keeps the result in
``data/results/links/speed.json``.

Both learn the squared error on +1 and -1 from the same planted pairs: 10,000 projects, 66,913 links, 949,544 pairs. The
plain loop takes batches of 512 true pairs with ten drawn ones to each, every pair looked up by itself, and plain Adam
at Keras's rate; its batches are made by NumPy and not by Python's loops as in the book, which would be slower. It is
timed over some of its steps and scaled up to an epoch. Beside the time that passes stands processor time, which others
who use the machine change less.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from kgss_helpers.datasets.planted_links import planted_links
from kgss_helpers.files import write_whole
from kgss_helpers.methods.link_vectors import LinkPairs
from kgss_helpers.runs.link_embeddings import RESULTS, machine
from kgss_helpers.training.links import PER_POSITIVE, LinkTables, explained_variance, train_links

BATCH, RATE = 512, 1e-3
LARGE_BATCH, LARGE_RATE = 8192, 0.1
THE_BOOKS = {"seconds an epoch": 40.0, "explained variance": 0.34}
"""From its own output: 15 epochs, loss 0.2185 where a constant has 0.331."""


def plain_batches(pairs: np.ndarray, steps: int, seed: int) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """Makes the batches of an epoch one by one: rows of link and project, and labels."""
    rng = np.random.default_rng(seed)
    sizes = pairs.max(axis=0) + 1
    codes = np.sort(pairs[:, 0] * sizes[1] + pairs[:, 1])
    order = iter(np.array_split(rng.permutation(len(pairs)), steps))

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        true = pairs[next(order)]
        drawn = rng.integers(sizes, size=(PER_POSITIVE * len(true), 2))
        found = drawn[:, 0] * sizes[1] + drawn[:, 1]
        at = np.searchsorted(codes, found).clip(max=len(codes) - 1)
        drawn = drawn[codes[at] != found]
        rows = np.concatenate([true, drawn])
        labels = np.repeat([1.0, -1.0], [len(true), len(drawn)]).astype(np.float32)
        mixed = rng.permutation(len(rows))
        return torch.from_numpy(rows[mixed]), torch.from_numpy(labels[mixed])

    return batch


def plain(pairs: LinkPairs, epochs: int, steps_timed: int) -> tuple[LinkTables, float, float]:
    """Trains as the Cookbook does; ``steps_timed`` of the steps if positive. Returns model, seconds, processor's."""
    torch.manual_seed(0)
    model = LinkTables(len(pairs.links), len(pairs.projects))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    steps = -(-len(pairs) // BATCH)
    taken = min(steps_timed, steps) if steps_timed > 0 else steps
    wall, cpu = time.perf_counter(), time.process_time()
    for epoch in range(epochs):
        batch = plain_batches(pairs.pairs, steps, epoch)
        for _ in range(taken):
            rows, labels = batch()
            scores = (model.of_links(rows[:, 0]) * model.of_projects(rows[:, 1])).sum(dim=1)
            loss = torch.nn.functional.mse_loss(scores, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    scale = steps / taken / epochs
    return model, (time.perf_counter() - wall) * scale, (time.process_time() - cpu) * scale


def ours(pairs: LinkPairs, epochs: int) -> tuple[LinkTables, float, float]:
    """Trains by `train_links`. Returns model, seconds and processor's seconds of an epoch."""
    wall, cpu = time.perf_counter(), time.process_time()
    run = train_links(
        pairs, objective="squared", epochs=epochs, batch_size=LARGE_BATCH, learning_rate=LARGE_RATE, device="cpu"
    ).require_finished()
    return run.model, (time.perf_counter() - wall) / epochs, (time.process_time() - cpu) / epochs


def main() -> None:
    """Measures, prints, and keeps the result if so asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60, help="of the plain loop that are timed")
    parser.add_argument("--epochs", type=int, default=15, help="of ours, for its explained variance")
    parser.add_argument("--plain-epochs", type=int, default=0, help="of the plain loop, whole, for its variance")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    pairs = LinkPairs.numbered(planted_links())
    times: dict[str, list[tuple[float, float]]] = {"the book's batches": [], "train_links": []}
    for repeat in range(options.repeats + 1):
        measured = {"the book's batches": plain(pairs, 1, options.steps), "train_links": ours(pairs, 1)}
        if repeat:  # the first round warms up
            for name, (_, wall, cpu) in measured.items():
                times[name].append((wall, cpu))
    loops = {}
    for name, both in times.items():
        walls, cpus = ([round(value, 2) for value in column] for column in zip(*both, strict=True))
        loops[name] = {
            "seconds an epoch, median": median(walls), "least": min(walls), "most": max(walls),
            "processor's seconds, median": median(cpus),
        }  # fmt: skip
    slow, fast = (row["processor's seconds, median"] for row in loops.values())
    model = ours(pairs, options.epochs)[0]
    content = {
        "machine": machine(), "cores": os.cpu_count(), "processor": platform.processor() or platform.machine(),
        "load at the end": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "pairs": len(pairs), "repeats": options.repeats, "steps timed of the plain loop": options.steps,
        "loops": loops, "times as fast, by processor's seconds": round(slow / fast, 1),
        "epochs": options.epochs, "explained variance": round(explained_variance(model, pairs), 3),
        "the book's": THE_BOOKS,
    }  # fmt: skip
    if options.plain_epochs:
        slow_model = plain(pairs, options.plain_epochs, 0)[0]
        content["plain loop"] = {
            "epochs": options.plain_epochs, "explained variance": round(explained_variance(slow_model, pairs), 3)
        }  # fmt: skip
    print(json.dumps(content, indent=1))
    if options.record:
        print(write_whole(RESULTS / "speed.json", json.dumps(content, indent=1) + "\n"))


if __name__ == "__main__":
    main()
