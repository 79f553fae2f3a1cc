"""A graph of a million nodes: how long it takes to make and to look into. Run it: ``python tests/benchmarks/graph.py``.

Not a test, since a busy machine must not fail the suite. One-hop look-ups are compared with what one would write
without the graph, a boolean mask over the edge table, in the same process.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from kgss_helpers.datasets import synthetic_graph
from kgss_helpers.graph import KnowledgeGraph


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    """How long it took, and what came out."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def peak_memory() -> float:
    """The most memory that this process has held, in GB (its present size where the system does not keep the peak)."""
    try:
        import resource
    except ImportError:
        return psutil.Process().memory_info().rss / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def by_mask(graph: KnowledgeGraph, node_id: str) -> pd.DataFrame:
    """The edges of a node without an index."""
    edges = graph.edges
    return edges[(edges["source"] == node_id) | (edges["target"] == node_id)]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    nodes = parser.parse_args().nodes
    before = peak_memory()
    build, graph = seconds(lambda: synthetic_graph(nodes))
    print(graph)
    print(f"build and validate   {build:8.2f} s   (the aim for a million nodes: under 20 s)")
    print(f"peak memory          {peak_memory():8.2f} GB  ({before:.2f} GB before)")
    print(f"adjacency, once      {seconds(lambda: graph.adjacency)[0]:8.2f} s")
    split, parts = seconds(graph.split_edges)
    print(f"split, 10 % and 10 % {split:8.2f} s   {parts}")
    chosen = graph.nodes["node_id"].iloc[np.random.default_rng(0).integers(nodes, size=100)].tolist()
    graph.neighbours(chosen[0])
    indexed = [seconds(lambda n=node_id: graph.neighbours(n)) for node_id in chosen]
    masked = [seconds(lambda n=node_id: by_mask(graph, n)) for node_id in chosen[:20]]
    for (_, ours), (_, peer) in zip(indexed, masked, strict=False):
        assert len(ours) == len(peer), "the two ways disagree"
    ours, peer = (statistics.median(time for time, _ in runs) for runs in (indexed, masked))
    print(f"one hop, median      {ours * 1e3:8.2f} ms")
    print(f"boolean mask, median {peer * 1e3:8.2f} ms  ratio {peer / ours:.0f} to 1")
    print(f"peak memory at end   {peak_memory():8.2f} GB")


if __name__ == "__main__":
    main()
