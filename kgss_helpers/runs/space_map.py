"""A map of the space, drawn once: where t-SNE puts every node of the film graph by its document's vector.

python -m kgss_helpers.runs.space_map   # two minutes on two cores; writes `data/results/space_map/points.npz`
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kgss_helpers.exam.films import training_graph
from kgss_helpers.files import DATA, write_whole
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.kept_vectors import digest
from kgss_helpers.runs.kept_texts import KeptTexts
from kgss_helpers.space import DAMAGED

FILE = DATA / "results" / "space_map" / "points.npz"
RENEW = "`python -m kgss_helpers.runs.space_map`"
WIDTH = 1000
"""Coordinates are whole numbers from minus this to this, the longer side filled."""
PERPLEXITY = 30


def drawn(vectors: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """t-SNE of unit vectors (van der Maaten and Hinton 2008) by their cosines, shape (nodes, 2), int16."""
    from sklearn.manifold import TSNE

    points = TSNE(init="pca", perplexity=PERPLEXITY, random_state=seed, metric="cosine").fit_transform(vectors)
    points = points - (points.max(axis=0) + points.min(axis=0)) / 2
    return np.round(points * WIDTH / np.abs(points).max()).astype(np.int16)


def record(path: Path = FILE) -> Path:
    """Draws the map of the training graph and writes it; returns the file."""
    graph = training_graph()
    points = drawn(KeptTexts.load().of(graph))
    file = io.BytesIO()
    np.savez_compressed(file, points=points, nodes=np.array(digest(graph.nodes["node_id"].tolist())))
    return write_whole(path, file.getvalue())


def load_map(graph: KnowledgeGraph, path: Path | str = FILE) -> np.ndarray:
    """Where the nodes of the training graph lie, shape (nodes, 2), in the order of ``graph.nodes``.

    Raises:
        FileNotFoundError: There is no such file; says how to make it.
        ValueError: It is damaged, or the map of another graph; says how to renew it.
    """
    name = Path(path).name
    try:
        with np.load(path, allow_pickle=False) as kept:
            points, of_nodes = kept["points"].astype(float), str(kept["nodes"])
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no {path}; make it: {RENEW}") from None
    except DAMAGED as error:
        raise ValueError(f"{name} holds no map ({error}); renew it: {RENEW}") from None
    if of_nodes != digest(graph.nodes["node_id"].tolist()) or points.shape != (len(graph.nodes), 2):
        raise ValueError(f"{name} is the map of other nodes than those of {graph.name}; renew it: {RENEW}")
    return points


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers.runs.space_map", description=__doc__.split("\n")[0])
    parser.parse_args(argv)
    print(record())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
