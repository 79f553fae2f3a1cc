"""Your own graph from CSV files of nodes and of edges, whatever their columns are called."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from kgss_helpers.datasets.columns import check_header, renamed
from kgss_helpers.datasets.layouts import Layout, layout_of
from kgss_helpers.datasets.tables import read_table
from kgss_helpers.files import BadRows, announce, counted
from kgss_helpers.graph import EDGE_COLUMNS, NODE_COLUMNS, GraphError, KnowledgeGraph, listed

Paths = Path | str | Sequence[Path | str]


def load_csv(
    nodes: Paths,
    edges: Paths | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    edge_columns: Mapping[str, str] | None = None,
    node_type: str | None = None,
    relation: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    on_dangling: Literal["error", "skip"] = "error",
    on_bad_rows: BadRows = "error",
    name: str | None = None,
) -> KnowledgeGraph:
    """A graph from files with header lines.

    ``nodes`` needs the columns ``node_id``, ``node_type``, ``name`` and may have ``description`` and others;
    ``edges`` needs ``source``, ``relation``, ``target``. UTF-8 with or without byte order mark, UTF-16 and common 8-bit
    encodings are read, separated by comma, semicolon, tab or bar. Surrounding blanks are removed. 'NA' and 'None' are
    names like any other. Further columns of nodes are kept, as text. What Neo4j imports, APOC exports and Gephi writes
    is recognised by its columns and read as it is (`kgss_helpers.datasets.layouts`).

    Args:
        nodes: The node table, or several of them.
        edges: The edge table, or several; may be left out where one file holds nodes and edges (APOC).
        columns: What the node table's columns are called: ours → theirs, such as ``{"node_id": "staff no"}``.
        edge_columns: The same for the edge table.
        node_type: The type of all nodes, where the table has no column for it.
        relation: The relation of all edges, likewise.
        delimiter: For all files; guessed from the header line when not given.
        encoding: For all files; found out when not given, and what is a guess is announced.
        on_dangling: What to do about an edge to an id that no node table has.
        on_bad_rows: What to do about a row with too few or too many fields.
        name: What to call the graph; the folder's name if not given.

    Returns:
        The graph. Rows that repeat another row exactly are merged; whatever was merged, skipped or not used is counted
        in a warning.

    Raises:
        GraphError: Names file, line and fix.
        FileNotFoundError: A file is not there.
    """
    node_files, edge_files = _paths(nodes), _paths(nodes if edges is None else edges)
    how = {"delimiter": delimiter, "encoding": encoding, "on_bad_rows": on_bad_rows}
    node_table = _nodes(node_files, columns or {}, node_type, how)
    edge_table = _edges(edge_files, edge_columns or {}, relation, how)
    if on_dangling == "skip":
        edge_table = _without_dangling(edge_table, node_table["node_id"], edge_files[0].name)
    try:
        return KnowledgeGraph(node_table, edge_table, name=name or node_files[0].resolve().parent.name)
    except GraphError as error:
        raise GraphError(_name_the_file(str(error), node_files[0].name, edge_files[0].name)) from None


def _paths(files: Paths) -> list[Path]:
    found = [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
    if not found:
        raise GraphError("there is no file to read; pass the path of at least one")
    return found


def _nodes(
    files: list[Path], columns: Mapping[str, str], node_type: str | None, how: Mapping[str, object]
) -> pd.DataFrame:
    parts = []
    for path in files:
        part = _read(path, NODE_COLUMNS[:3], columns, {"node_type": node_type}, Layout.nodes, how)
        if part.empty:
            raise GraphError(f"{path.name}: there is a header but no row; add a line for each node")
        parts.append(_merged(part, list(part.columns), path.name))
    return _joined(parts)


def _edges(
    files: list[Path], columns: Mapping[str, str], relation: str | None, how: Mapping[str, object]
) -> pd.DataFrame:
    parts = []
    for path in files:
        part = _read(path, EDGE_COLUMNS, columns, {"relation": relation}, Layout.edges, how)
        _tell_unused(part, path.name)
        parts.append(_merged(part, list(EDGE_COLUMNS), path.name))
    return _joined(parts)


def _read(
    path: Path,
    required: Sequence[str],
    columns: Mapping[str, str],
    same_for_all: Mapping[str, str | None],
    part: Callable[[Layout, pd.DataFrame], pd.DataFrame],
    how: Mapping[str, object],
) -> pd.DataFrame:
    """One table with our names of columns: those that the caller says, else those of a layout that is known."""
    unknown = next((column for column in columns if column not in (*required, "description")), None)
    if unknown is not None:
        raise GraphError(f"{unknown!r} is no column of ours; there are {', '.join(required)}")
    given = {column: value for column, value in same_for_all.items() if value is not None}
    layouts: list[Layout] = []

    def named(header: list[str], delimiter: str) -> list[str]:
        header = renamed(header, columns, path.name)
        lacks = not set(required) - set(given) <= set(header)
        if lacks and not columns and (layout := layout_of(header)):
            layouts.append(layout)
        else:
            check_header(header, [column for column in required if column not in given], path.name, delimiter)
        return header

    table = read_table(path, required, named=named, strip=True, **how)
    for layout in layouts:
        table = part(layout, table)
        announce(f"{path.name}: read as {layout.name}")
    for column, value in given.items():
        if column in table and (table[column] != value).any():
            raise GraphError(f"{path.name} has a column {column!r} already; leave {column}= out")
        table[column] = value.strip()
    lacks = next((column for column in required if column not in table), None)
    if lacks:
        raise GraphError(f"{path.name}: this layout has no {lacks} here; pass {lacks}=, the same for all rows")
    return table


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """All tables under each other, rows that stand in two files once; a single one keeps the lines of its file."""
    if len(parts) == 1:
        return parts[0]
    table = pd.concat(parts, ignore_index=True).fillna("").astype("str")
    return table.drop_duplicates(ignore_index=True)


def _tell_unused(edges: pd.DataFrame, file: str) -> None:
    unused = [column for column in edges if column not in EDGE_COLUMNS]
    if unused:
        announce(f"{file}: {counted(len(unused), 'further column')} not used: {listed(map(repr, unused))}")


def _merged(table: pd.DataFrame, columns: list[str], file: str) -> pd.DataFrame:
    """Without rows that repeat another one exactly; says how many there were and where the first is."""
    key = "node_id" if "node_id" in columns else columns[0]
    repeated = (
        table[key].duplicated(keep=False).to_numpy(copy=True)
    )  # only those are compared in all columns, of maybe thousands
    repeated[repeated] = table.loc[repeated, columns].duplicated().to_numpy()
    if repeated.any():
        line = table.index[np.flatnonzero(repeated)[0]]
        announce(f"{file}: {counted(repeated.sum(), 'repeated row')} merged, the first in line {line}")
    return table[~repeated]


def _without_dangling(edges: pd.DataFrame, node_ids: pd.Series, file: str) -> pd.DataFrame:
    inside = (edges["source"].isin(node_ids) & edges["target"].isin(node_ids)).to_numpy()
    if not inside.all():
        line = edges.index[np.flatnonzero(~inside)[0]]
        announce(f"{file}: {counted((~inside).sum(), 'edge')} to unknown nodes skipped, the first in line {line}")
    return edges[inside]


def _name_the_file(message: str, nodes: str, edges: str) -> str:
    """The message about a table as one about a file, whose lines are meant by rows."""
    for table, file in (("nodes", nodes), ("edges", edges)):
        if message.startswith((f"{table}, row ", f"{table}: ")):
            message = file + message.removeprefix(table).replace(", row ", ", line ", 1)
            message = re.sub(r"is there already in row (\d+); ", r"is there already in line \1; ", message)
            return message.replace(
                "add the node or remove the edge", "add the node, remove the edge, or read with on_dangling='skip'"
            )
    return message
