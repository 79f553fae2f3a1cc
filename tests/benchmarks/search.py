"""Time an exact search with a filter, beside the libraries and databases one might take instead.

Run it: ``python tests/benchmarks/search.py``, on a machine that does nothing else. ``--output`` keeps the numbers.

25,000 and 1,000,000 random unit vectors of 384 dimensions, a tenth of them of the type asked for, in no order; the best
15. The vectors lie in a file that every contender maps; each has a process of its own, and its database a new folder.
Contenders that are not installed are left out (``pip install faiss-cpu usearch qdrant-edge-py lancedb``). Recall is
measured against a product with all vectors of the type in double precision. Two rows are no filters but what one gets
by laying the type out beforehand, as `SemanticSpace` does by itself.
"""

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from random_space import random_space

from kgss_helpers.compute import machine
from kgss_helpers.files import write_whole
from kgss_helpers.space import SemanticSpace

AIM = 4.0
"""FAISS's flat index takes at least so many times as long, with a million vectors."""
PATIENCE = 20.0
"""Seconds in which a contender answers as many of the questions as it can."""
Search = Callable[[np.ndarray, int], list[int]]
"""A vector and how many are wanted; rows of the space."""


def wanted_rows(space: SemanticSpace) -> np.ndarray:
    """Rows of the type that is asked for."""
    return np.flatnonzero(space.types == "wanted")


# ---- the contenders --------------------------------------------------------------------------------------------------


def ours(space: SemanticSpace, folder: Path) -> Search:
    """The exact search of the workbook, on the mapped file."""
    return lambda vector, k: [int(node) for node in space.search(vector, k, node_type="wanted")["node_id"]]


def faiss_flat(space: SemanticSpace, folder: Path) -> Search:
    """FAISS's flat index of all vectors, with the type as a bitmap."""
    import faiss

    index = faiss.IndexFlatIP(space.vectors.shape[1])
    index.add(np.ascontiguousarray(space.vectors))
    bits = np.packbits(space.types == "wanted", bitorder="little")
    parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
    return lambda vector, k: index.search(vector[None], k, params=parameters)[1][0].tolist()


def faiss_of_the_type(space: SemanticSpace, folder: Path) -> Search:
    """FAISS's flat index of the vectors of the type alone: no filter, one index a type."""
    import faiss

    rows = wanted_rows(space)
    index = faiss.IndexFlatIP(space.vectors.shape[1])
    index.add(space.vectors[rows])
    return lambda vector, k: rows[index.search(vector[None], k)[1][0]].tolist()


def usearch_of_the_type(space: SemanticSpace, folder: Path) -> Search:
    """The exact search of usearch among the vectors of the type alone."""
    from usearch.index import MetricKind, search

    rows = wanted_rows(space)
    block = space.vectors[rows]
    return lambda vector, k: rows[search(block, vector, k, MetricKind.IP, exact=True).keys.astype(int)].tolist()


def qdrant_edge(space: SemanticSpace, folder: Path) -> Search:
    """Qdrant within the process, exact."""
    import qdrant_edge as q

    form = q.EdgeConfig(vectors=q.EdgeVectorParams(size=space.vectors.shape[1], distance=q.Distance.Dot))
    (folder / "shard").mkdir()
    shard = q.EdgeShard.create(str(folder / "shard"), form)
    for start in range(0, len(space), 10_000):
        stop = min(start + 10_000, len(space))
        points = [q.Point(row, space.vectors[row], {"type": space.types[row]}) for row in range(start, stop)]
        shard.update(q.UpdateOperation.upsert_points(points))
    shard.update(q.UpdateOperation.create_field_index("type", q.PayloadSchemaType.Keyword))
    only = q.Filter(must=[q.FieldCondition(key="type", match=q.MatchValue("wanted"))])
    exact = q.SearchParams(exact=True)

    def search(vector: np.ndarray, k: int) -> list[int]:
        query = q.Query.Nearest(vector)
        return [point.id for point in shard.search(q.SearchRequest(query, limit=k, filter=only, params=exact))]

    return search


def lancedb(space: SemanticSpace, folder: Path) -> Search:
    """LanceDB, exact, with a filter beforehand."""
    import lancedb
    import pyarrow as pa

    flat = pa.array(space.vectors.reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(flat, space.vectors.shape[1])
    columns = {"row": np.arange(len(space)), "wanted": space.types == "wanted", "vector": vectors}
    table = lancedb.connect(folder / "lance").create_table("space", pa.table(columns))

    def search(vector: np.ndarray, k: int) -> list[int]:
        asked = table.search(vector).distance_type("dot").bypass_vector_index().where("wanted", prefilter=True)
        return asked.limit(k).select(["row", "_distance"]).to_arrow()["row"].to_pylist()

    return search


def milvus_lite(space: SemanticSpace, folder: Path) -> Search:
    """Milvus in a file, as `SemanticSpace.to_database` hands a space over."""
    database = space.to_database(folder / "space.db")
    return lambda vector, k: [int(node) for node in database.search(vector, k, node_type="wanted")["node_id"]]


@dataclass(frozen=True)
class Contender:
    """How it is made ready, the package that it needs, and for how many vectors that can be waited for."""

    ready: Callable[[SemanticSpace, Path], Search]
    package: str = "numpy"
    most: int = 1_000_000


CONTENDERS = {
    "SemanticSpace": Contender(ours),
    "FAISS flat": Contender(faiss_flat, "faiss-cpu"),
    "FAISS flat, the type alone": Contender(faiss_of_the_type, "faiss-cpu"),
    "usearch exact, the type alone": Contender(usearch_of_the_type, "usearch"),
    "LanceDB": Contender(lancedb, "lancedb"),
    "Milvus Lite": Contender(milvus_lite, "milvus-lite", 100_000),
    "qdrant-edge": Contender(qdrant_edge, "qdrant-edge-py"),
}


def version_of(package: str) -> str | None:
    """The version, or None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


# ---- measuring -------------------------------------------------------------------------------------------------------


def measured(name: str, path: Path, k: int, queries: int) -> dict[str, object]:
    """What one contender takes, in this process."""
    began = time.perf_counter()
    space = SemanticSpace.load(path)
    opened = time.perf_counter() - began
    asked = np.random.default_rng(1).standard_normal((queries, space.vectors.shape[1]), dtype=np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        search = CONTENDERS[name].ready(space, Path(folder))
        search(asked[0], k)
        ready = time.perf_counter() - began
        times, processor, found = [], [], []
        for vector in asked:
            clock, busy = time.perf_counter(), time.process_time()
            found.append(search(vector, k))
            times.append(time.perf_counter() - clock)
            processor.append(time.process_time() - busy)
            if sum(times) > PATIENCE:
                break
    rows = wanted_rows(space)
    block = space.vectors[rows].astype(np.float64)
    right = [rows[np.argsort(-(block @ vector), kind="stable")[:k]] for vector in asked[: len(found)]]
    shared = [len(set(some) & set(all_.tolist())) for some, all_ in zip(found, right, strict=True)]
    return {
        "contender": name, "version": version_of(CONTENDERS[name].package), "vectors": len(space),
        "milliseconds": round(1e3 * median(times), 3), "fastest": round(1e3 * min(times), 3),
        "processor's milliseconds": round(1e3 * median(processor), 3),
        "recall": round(sum(shared) / (k * len(found)), 4), "questions": len(found),
        "seconds until the first answer": round(ready, 2), "seconds to open the file": round(opened, 2),
    }  # fmt: skip


def ratios_of(results: list[dict[str, object]]) -> dict[int, float]:
    """How many times as long FAISS's flat index takes, by number of vectors."""
    times = {(row["contender"], row["vectors"]): row["milliseconds"] for row in results}
    pairs = {nodes: (time, times.get(("FAISS flat", nodes))) for (name, nodes), time in times.items()
             if name == "SemanticSpace"}  # fmt: skip
    return {nodes: round(peer / taken, 1) for nodes, (taken, peer) in pairs.items() if peer}


def keep(options: argparse.Namespace, results: list[dict[str, object]]) -> None:
    """Writes what is measured so far."""
    import torch

    kept = {"dimensions": options.dimensions, "share": options.share, "top": options.top,
            "date": datetime.now(UTC).date().isoformat(), **machine(torch.device("cpu"), bf16=False),
            "cores": os.cpu_count(), "load_at_the_end": round(os.getloadavg()[0], 1),
            "FAISS_flat_to_SemanticSpace": ratios_of(results), "results": results}  # fmt: skip
    write_whole(options.output, json.dumps(kept, indent=2) + "\n")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[25_000, 1_000_000])
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--share", type=float, default=0.1, help="of the nodes that have the type asked for")
    parser.add_argument("--top", type=int, default=15)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--output", type=Path, help="a JSON file that keeps machine, versions, date and numbers")
    parser.add_argument("--contender", choices=CONTENDERS, help="this one alone, as JSON")
    parser.add_argument("--file", type=Path, help="where its vectors are")
    options = parser.parse_args()
    if options.contender:
        print(json.dumps(measured(options.contender, options.file, options.top, options.queries)))
        return
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for nodes in options.nodes:
            path = Path(folder) / f"{nodes}.safetensors"
            random_space(nodes, options.dimensions, options.share).save(path)
            for name, contender in CONTENDERS.items():
                if version_of(contender.package) is None or nodes > contender.most:
                    print(f"{name}: left out with {nodes:,} vectors (too slow to fill, or not installed)")
                    continue
                command = [sys.executable, __file__, "--contender", name, "--file", str(path)]
                command += ["--top", str(options.top), "--queries", str(options.queries)]
                ended = subprocess.run(command, capture_output=True, text=True, check=False)
                if ended.returncode:
                    raise SystemExit(f"{name} failed:\n{ended.stderr}")
                results.append(found := json.loads(ended.stdout.splitlines()[-1]))
                if options.output:
                    keep(options, results)
                print(f"{nodes:>9,}  {name:32}{found['milliseconds']:9.2f} ms   recall {found['recall']}", flush=True)
            path.unlink()
    ratios = ratios_of(results)
    print(f"FAISS flat takes so many times as long as SemanticSpace: {ratios} (the aim with a million: {AIM})")
    if any(row["recall"] < 1 for row in results if row["contender"] == "SemanticSpace"):
        raise SystemExit("the search of the workbook is not exact")


if __name__ == "__main__":
    main()
