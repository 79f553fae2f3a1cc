"""Small things that several tests write down: a graph's two tables, a file of JSON lines."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from kgss_helpers.graph import EDGE_COLUMNS, NODE_COLUMNS


def tables(nodes: Sequence[tuple], edges: Sequence[tuple]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of a graph, from rows of (id, type, name, description) and of (source, relation, target)."""
    return pd.DataFrame(nodes, columns=list(NODE_COLUMNS)), pd.DataFrame(edges, columns=list(EDGE_COLUMNS))


def write_json_lines(path: Path, records: Iterable[object], end: str = "") -> Path:
    """Writes one record a line, and then ``end`` as it is (a line that is cut off, say); returns the path."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records) + end, encoding="utf-8")
    return path
