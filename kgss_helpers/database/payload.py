"""A space and the further columns of its nodes, as records that Milvus takes; what it would not take is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kgss_helpers.database.filters import FIXED, KINDS, NAMED, ROW, SOMEWHERE, VECTOR
from kgss_helpers.space import SemanticSpace

LONGEST = 65_535
"""Bytes of a text at most."""
BATCH = 8 << 20
"""Bytes that are sent at once; a server takes no more than 64 million."""
NOT_FOR_COLUMNS = {"and", "or", "not", "in", "like", "is", "null", "exists", "true", "false", "iso", "interval"}
"""What means something else in a filter."""
INFERRED = {
    "integer": "INT64", "boolean": "BOOL", "floating": "DOUBLE", "mixed-integer-float": "DOUBLE", "string": "VARCHAR",
    "empty": "VARCHAR",
}  # fmt: skip
"""What pandas calls the values of a column, and what Milvus keeps them as."""

Payload = pd.DataFrame | Mapping[str, Sequence[Any]]


def aligned(space: SemanticSpace, payload: Payload | None) -> pd.DataFrame:
    """The payload with one row a node, in the space's order, without what the space has itself.

    Raises:
        ValueError: It has other rows than the space has nodes, or a column has no possible name.
    """
    if payload is None:
        return pd.DataFrame(index=range(len(space)))
    table = payload
    if not isinstance(payload, pd.DataFrame):
        table = pd.DataFrame({name: pd.Series(list(values), dtype=object) for name, values in payload.items()})
    if "node_id" in table:
        index = pd.Index(table["node_id"])
        rows = index.get_indexer(space.ids) if index.is_unique else np.array([-1])
        if (rows < 0).any():
            raise ValueError("the payload must have one row for each node_id of the space: some are missing, or twice")
        table = table.iloc[rows]
    if len(table) != len(space):
        raise ValueError(f"the payload has {len(table):,} rows, the space {len(space):,} nodes; give it a node_id")
    table = table.drop(columns=[name for name in NAMED if name in table]).reset_index(drop=True)
    for name in table:
        fine = isinstance(name, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,254}", name) and name not in FIXED
        if not fine or name.lower() in NOT_FOR_COLUMNS:
            raise ValueError(
                f"Milvus cannot have a column {name!r}: rename it (letters, digits, _; not {ROW}, {VECTOR})"
            )
    return table


def kind_of(name: str, values: pd.Series) -> str:
    """What Milvus keeps a column as; raises ValueError if it cannot."""
    found = INFERRED.get(pd.api.types.infer_dtype(values.astype(object), skipna=True))
    if found is None:
        raise ValueError(f"column {name!r} mixes kinds, or holds none of {', '.join(KINDS.values())}: make it texts")
    there = values.dropna()
    if found == "DOUBLE" and not np.isfinite(there.to_numpy(float)).all():
        raise ValueError(f"column {name!r} holds infinity, which Milvus does not keep")
    if found == "INT64" and len(there) and not -(2**63) <= int(there.min()) <= int(there.max()) < 2**63:
        raise ValueError(f"column {name!r} holds a whole number of more than 64 bits")
    return found


def check_texts(space: SemanticSpace, table: pd.DataFrame) -> None:
    """Raises ValueError naming the node whose text Milvus would not take."""
    columns = {"node_id": space.ids, "node_type": space.types, "name": space.names}
    columns |= {name: table[name] for name in table}
    for name, values in columns.items():
        for node_id, value in zip(space.ids, values, strict=True):
            if not isinstance(value, str):
                continue
            try:
                size = len(value.encode())
            except UnicodeEncodeError:
                raise ValueError(f"{name} of {node_id!r} holds half a character, which cannot be kept") from None
            if size > LONGEST:
                raise ValueError(f"{name} of {node_id!r} has {size:,} bytes, Milvus keeps {LONGEST:,}: shorten it")


def records(space: SemanticSpace, table: pd.DataFrame, kinds: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """One record a node."""
    python = {"INT64": int, "DOUBLE": float, "BOOL": bool, "VARCHAR": str}
    further = {name: table[name].astype(object).where(table[name].notna(), None).tolist() for name in kinds}
    for row, vector in enumerate(space.vectors):
        vector = np.asarray(vector, np.float32)
        named = zip(NAMED, (space.ids[row], space.types[row], space.names[row]), strict=True)
        yield (
            {ROW: row, VECTOR: vector, SOMEWHERE: bool(vector.any())}
            | {name: str(value) for name, value in named}
            | {
                name: None if further[name][row] is None else python[kind](further[name][row])
                for name, kind in kinds.items()
            }
        )


def batches(records: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Records in lists of at most ``BATCH`` bytes, or one record."""
    batch: list[dict[str, Any]] = []
    size = 0
    for record in records:
        grown = record[VECTOR].nbytes + sum(
            4 * len(value) if isinstance(value, str) else 16 for value in record.values()
        )
        if batch and size + grown > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += grown
    if batch:
        yield batch
