"""A search over a million vectors: how long it takes. Run it: ``python tests/benchmarks/space.py``.

Not a test, since a busy machine must not fail the suite. `SemanticSpace.search` is compared with what one would write
without it, in the same process, on the same vectors and with one thread each: torch's ``matmul`` and ``topk`` on the
slice of the type, and a boolean mask over the whole table in NumPy.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when the libraries are loaded, so before them
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from random_space import random_space

AIM = 20.0
"""Milliseconds of a search over a million vectors with a filter of a tenth."""


def milliseconds(work: Callable[[np.ndarray], object], queries: np.ndarray) -> float:
    """Median over the queries, each of them asked once."""
    times = []
    for query in queries:
        start = time.perf_counter()
        work(query)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--share", type=float, default=0.1, help="of the nodes that have the type asked for")
    parser.add_argument("--top", type=int, default=15)
    parser.add_argument("--queries", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(1)
    space = random_space(options.nodes, options.dimensions, options.share)
    queries = np.random.default_rng(1).standard_normal((options.queries, options.dimensions), dtype=np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    start = time.perf_counter()
    space.search(queries[0], options.top, node_type="wanted")
    print(f"{space}; first search, which gathers the type: {1e3 * (time.perf_counter() - start):.0f} ms")
    wanted = space.types == "wanted"
    rows, block = np.flatnonzero(wanted), torch.from_numpy(space.vectors[wanted])

    def ours(query: np.ndarray) -> list[str]:
        return space.search(query, options.top, node_type="wanted")["node_id"].tolist()

    def by_torch(query: np.ndarray) -> list[str]:
        found = torch.topk(block @ torch.from_numpy(query), options.top).indices
        return space.ids[rows[found.numpy()]].tolist()

    def by_mask(query: np.ndarray) -> list[str]:
        scores = np.where(wanted, space.vectors @ query, -np.inf)
        found = np.argpartition(-scores, options.top)[: options.top]
        return space.ids[found[np.argsort(-scores[found])]].tolist()

    for query in queries[:5]:
        same = [set(search(query)) for search in (ours, by_torch, by_mask)]
        assert same[0] == same[1] == same[2], "the ways disagree"
    taken = milliseconds(ours, queries)
    print(f"{'SemanticSpace.search':24}{taken:8.2f} ms   (the aim: under {AIM:.0f} ms)")
    for name, search in (("torch, the same slice", by_torch), ("a boolean mask in NumPy", by_mask)):
        other = milliseconds(search, queries)
        print(f"{name:24}{other:8.2f} ms   ratio {other / taken:.1f} to 1", flush=True)


if __name__ == "__main__":
    main()
