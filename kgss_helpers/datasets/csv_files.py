"""Your own graph from two CSV files, ``nodes.csv`` and ``edges.csv``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from kgss_helpers.datasets.tables import read_table
from kgss_helpers.files import BadRows, announce, counted
from kgss_helpers.graph import EDGE_COLUMNS, NODE_COLUMNS, GraphError, KnowledgeGraph


def load_csv(
    nodes: Path | str,
    edges: Path | str,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    on_dangling: Literal["error", "skip"] = "error",
    on_bad_rows: BadRows = "error",
    name: str | None = None,
) -> KnowledgeGraph:
    """A graph from two files with header lines.

    ``nodes`` needs the columns ``node_id``, ``node_type``, ``name`` and may have ``description`` and others;
    ``edges`` needs ``source``, ``relation``, ``target``. UTF-8 with or without byte order mark, UTF-16 and common 8-bit
    encodings are read, separated by comma, semicolon, tab or bar. Surrounding blanks are removed. 'NA' and 'None' are
    names like any other. Further columns of nodes are kept, as text.

    Args:
        nodes: Path of the node table.
        edges: Path of the edge table.
        delimiter: For both files; guessed from the header line when not given.
        encoding: For both files; found out when not given, and what is a guess is announced.
        on_dangling: What to do about an edge to an id that the node table lacks.
        on_bad_rows: What to do about a row with too few or too many fields.
        name: What to call the graph; the folder's name if not given.

    Returns:
        The graph. Rows that repeat another row exactly are merged; whatever was merged, skipped or not used is counted
        in a warning.

    Raises:
        GraphError: Names file, line and fix.
        FileNotFoundError: A file is not there.
    """
    how = {"delimiter": delimiter, "encoding": encoding, "on_bad_rows": on_bad_rows}
    node_table = _stripped(read_table(nodes, NODE_COLUMNS[:3], **how))
    edge_table = _stripped(read_table(edges, EDGE_COLUMNS, **how))
    if node_table.empty:
        raise GraphError(f"{Path(nodes).name}: there is a header but no row; add a line for each node")
    _tell_unused(edge_table, Path(edges).name)
    node_table = _merged(node_table, list(node_table.columns), Path(nodes).name)
    edge_table = _merged(edge_table, list(EDGE_COLUMNS), Path(edges).name)
    if on_dangling == "skip":
        edge_table = _without_dangling(edge_table, node_table["node_id"], Path(edges).name)
    try:
        return KnowledgeGraph(node_table, edge_table, name=name or Path(nodes).resolve().parent.name)
    except GraphError as error:
        raise GraphError(_name_the_file(str(error), Path(nodes).name, Path(edges).name)) from None


def _stripped(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({column: table[column].str.strip() for column in table}, index=table.index)


def _tell_unused(edges: pd.DataFrame, file: str) -> None:
    unused = [column for column in edges if column not in EDGE_COLUMNS]
    if unused:
        announce(f"{file}: {counted(len(unused), 'further column')} not used: {', '.join(map(repr, unused))}")


def _merged(table: pd.DataFrame, columns: list[str], file: str) -> pd.DataFrame:
    """Without rows that repeat another one exactly; says how many there were and where the first is."""
    repeated = table.duplicated(columns).to_numpy()
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
