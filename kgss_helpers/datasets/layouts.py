"""Tables of nodes and edges as other programs write them, recognised by their columns.

Neo4j's import tool (https://neo4j.com/docs/operations-manual/current/import/), APOC's CSV export
(https://neo4j.com/docs/apoc/current/export/csv/) and Gephi's data laboratory (https://gephi.org).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from kgss_helpers.datasets.columns import plain


@dataclass(frozen=True)
class Layout:
    """One program's tables.

    Attributes:
        name: What the warning calls it.
        of_nodes: From a table as it is to one with our columns, as far as it has them.
        of_edges: The same for edges.
    """

    name: str
    of_nodes: Callable[[pd.DataFrame], pd.DataFrame]
    of_edges: Callable[[pd.DataFrame], pd.DataFrame]

    def nodes(self, table: pd.DataFrame) -> pd.DataFrame:
        """The node table with our columns."""
        return self.of_nodes(table)

    def edges(self, table: pd.DataFrame) -> pd.DataFrame:
        """The edge table with our columns."""
        return self.of_edges(table)


def _neo4j_nodes(table: pd.DataFrame) -> pd.DataFrame:
    kinds = {column: column.rpartition(":")[2].partition("(")[0].upper() for column in table}
    ours = {"ID": "node_id", "LABEL": "node_type"}
    names = {column: ours.get(kind, plain(column)) for column, kind in kinds.items()}
    return _labelled(_with_name(table.rename(columns=names)), ";")


def _neo4j_edges(table: pd.DataFrame) -> pd.DataFrame:
    kinds = {column: column.rpartition(":")[2].partition("(")[0].upper() for column in table}
    ours = {"START_ID": "source", "END_ID": "target", "TYPE": "relation"}
    return table.rename(columns={column: ours.get(kind, column) for column, kind in kinds.items()})


def _apoc_nodes(table: pd.DataFrame) -> pd.DataFrame:
    of_nodes = table[table["_id"] != ""].drop(columns=["_start", "_end", "_type"], errors="ignore")
    return _labelled(_with_name(of_nodes.rename(columns={"_id": "node_id", "_labels": "node_type"})), ":")


def _apoc_edges(table: pd.DataFrame) -> pd.DataFrame:
    ours = {"_start": "source", "_type": "relation", "_end": "target"}
    return table.loc[table["_start"] != "", list(ours)].rename(columns=ours)


def _gephi_nodes(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={"Id": "node_id", "Label": "name", "Type": "node_type"})


def _gephi_edges(table: pd.DataFrame) -> pd.DataFrame:
    """Gephi's ``Type`` says directed or undirected, which is no relation; its ``Label`` is, where it is filled."""
    ours = {"Source": "source", "Target": "target"}
    if "Label" in table and (table["Label"] != "").all() and len(table):
        ours["Label"] = "relation"
    kept = [column for column in table if column in ours]
    return table[kept].rename(columns=ours)


def _with_name(table: pd.DataFrame) -> pd.DataFrame:
    """Takes a title, or else a label, for the name where there is no name."""
    for other in ("title", "label"):
        if "name" not in table and other in table:
            table = table.rename(columns={other: "name"})
    return table


def _labelled(table: pd.DataFrame, separator: str) -> pd.DataFrame:
    """Of several labels, the first is the type."""
    if "node_type" in table:
        table = table.assign(node_type=table["node_type"].str.strip(separator).str.split(separator).str[0])
    return table


LAYOUTS = {
    "apoc": Layout("APOC's export of Neo4j (one file of nodes and edges)", _apoc_nodes, _apoc_edges),
    "neo4j": Layout(
        "Neo4j's import layout (':ID', ':LABEL', ':START_ID', ':TYPE', ':END_ID')", _neo4j_nodes, _neo4j_edges
    ),
    "gephi": Layout("Gephi's tables ('Id', 'Label'; 'Source', 'Target')", _gephi_nodes, _gephi_edges),
}


def layout_of(header: Iterable[str]) -> Layout | None:
    """The layout whose columns these are; None for any other table."""
    columns = list(header)
    kinds = {column.rpartition(":")[2].partition("(")[0].upper() for column in columns if ":" in column}
    if {"_id", "_labels"} <= set(columns) or {"_start", "_end", "_type"} <= set(columns):
        return LAYOUTS["apoc"]
    if "ID" in kinds or {"START_ID", "END_ID"} <= kinds:
        return LAYOUTS["neo4j"]
    if {"Id", "Label"} <= set(columns) or {"Source", "Target"} <= set(columns):
        return LAYOUTS["gephi"]
    return None
