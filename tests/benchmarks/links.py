"""Time an epoch of `train_links` at the Deep Learning Cookbook's scale against a loop with the Cookbook's batches.

Run it: ``python tests/benchmarks/links.py``, on a machine that does nothing else; ``--record`` keeps the result in
``data/results/links/speed.json``, and ``--record --no-times`` only what is explained, beside the times that are there.

Both learn the squared error on +1 and -1 from the same planted pairs: 10,000 projects, 66,913 links, and 949,544 pairs,
of which one in a hundred is held out (half of these are asked about, to see what is explained of them). The
plain loop takes batches of 512 true pairs with ten drawn ones to each, every pair looked up by itself, and plain Adam
at Keras's rate; its batches are made by NumPy and not by Python's loops as in the book, which would be slower. It is
timed over some of its steps and scaled up to an epoch. Beside the time that passes stands processor time, which others
who use the machine change less.
"""

import argparse
import json
import os
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
LARGE_BATCH, LARGE_RATE, GROUP = 4096, 0.05, 10
HELD_OUT = 0.005
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


def plain(pairs: LinkPairs, repeats: int, steps_timed: int) -> list[tuple[float, float]]:
    """Seconds of an epoch, and the processor's, as the Cookbook takes its steps; some are timed, again and again."""
    torch.manual_seed(0)
    model = LinkTables(len(pairs.links), len(pairs.projects))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    steps = -(-len(pairs) // BATCH)
    batch, timed = plain_batches(pairs.pairs, steps, seed=0), []
    for _ in range(repeats + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(steps_timed):
            rows, labels = batch()
            scores = (model.of_links(rows[:, 0]) * model.of_projects(rows[:, 1])).sum(dim=1)
            loss = torch.nn.functional.mse_loss(scores, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scale = steps / steps_timed
        timed.append(((time.perf_counter() - wall) * scale, (time.process_time() - cpu) * scale))
    return timed[1:]  # the first round warms up


def ours(pairs: LinkPairs, epochs: int) -> tuple[LinkTables, list[tuple[float, float]]]:
    """The model that `train_links` trains; seconds of each epoch but the first, and the processor's."""
    clock: list[tuple[float, float]] = []

    def look(_model: LinkTables, epoch: int) -> dict[str, float]:
        clock.append((time.perf_counter(), time.process_time()))
        print(f"epoch {epoch}", flush=True)
        return {}

    run = train_links(
        pairs, objective="squared", epochs=epochs, batch_size=LARGE_BATCH, learning_rate=LARGE_RATE, group=GROUP,
        device="cpu",
        on_epoch_end=look,
    ).require_finished()  # fmt: skip
    passed = np.diff(np.array(clock), axis=0)
    return run.model, [tuple(row) for row in passed[1:]]


def row_of(times: list[tuple[float, float]]) -> dict[str, float]:
    """Of the seconds that passed and of the processor's, what the table shows."""
    walls, cpus = ([round(value, 2) for value in column] for column in zip(*times, strict=True))
    passed = {"seconds an epoch, median": median(walls), "least": min(walls), "most": max(walls)}
    worked = {"processor's seconds, median": median(cpus), "its least": min(cpus), "its most": max(cpus)}
    return passed | worked


def main() -> None:
    """Measures, prints, and keeps the result if so asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="of the plain loop's timed steps")
    parser.add_argument("--steps", type=int, default=40, help="of the plain loop that are timed each time")
    parser.add_argument("--epochs", type=int, default=15, help="of ours, each timed")
    parser.add_argument("--no-times", action="store_true", help="only what is explained, where others work too")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    planted = LinkPairs.numbered(planted_links())
    split = planted.hold_out(HELD_OUT)
    slow = None if options.no_times else row_of(plain(split.train, options.repeats, options.steps))
    model, times = ours(split.train, options.epochs)
    explained = {
        "projects": len(planted.projects), "links": len(planted.links), "pairs": len(planted),
        "learned from": len(split.train), "held out": len(split.test), "epochs": options.epochs,
        "explained variance": round(explained_variance(model, split.train), 3),
        "explained of held-out pairs": round(explained_variance(model, planted, split.test), 3),
        "the book's": THE_BOOKS,
    }  # fmt: skip
    if slow is None:
        content = json.loads((RESULTS / "speed.json").read_text(encoding="utf-8")) | explained
    else:
        fast, processor = row_of(times), "processor's seconds, median"
        content = {
            "machine": machine(), "cores": os.cpu_count(), "load at the end": round(os.getloadavg()[0], 1),
            "loops": {"the book's batches": slow, "train_links": fast},
            "times as fast, by processor's seconds": round(slow[processor] / fast[processor], 1),
        } | explained  # fmt: skip
    print(json.dumps(content, indent=1))
    if options.record:
        print(write_whole(RESULTS / "speed.json", json.dumps(content, indent=1) + "\n"))


if __name__ == "__main__":
    main()
