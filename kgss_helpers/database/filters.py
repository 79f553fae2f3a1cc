"""What a filter of Milvus says. Values of users become text here, and nowhere else."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

ROW, VECTOR, SOMEWHERE = "row_number", "vector", "has_vector"
NAMED = ("node_id", "node_type", "name")
FIXED = (ROW, *NAMED, SOMEWHERE, VECTOR)
"""The columns of every collection; what else it has is payload."""
KINDS = {"INT64": "whole numbers", "DOUBLE": "numbers", "BOOL": "true and false", "VARCHAR": "texts"}
"""What a column of the payload can hold, by Milvus's names."""


def quoted(value: str | float) -> str:
    """A value as a filter writes it. A text cannot end its quotation, whatever it holds.

    Raises:
        ValueError: A text holds half a character, which cannot be sent.
    """
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return repr(float(value))
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"{value!r} holds half a character, so nothing can be called so")
    for sign, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(sign, escaped)
    return f'"{value}"'


def any_of(column: str, values: Collection[Any]) -> str:
    """``column in [...]``."""
    if not values:
        return f"{ROW} < 0"  # nothing is among nothing, and an empty list is no list to every server
    return f"{column} in [{', '.join(quoted(value) for value in values)}]"


def _fits(kind: str, value: object) -> bool:
    """Whether a value can be compared with a column of a kind of Milvus."""
    if isinstance(value, bool | np.bool_):
        return kind == "BOOL"
    if isinstance(value, int | np.integer):
        return kind in ("INT64", "DOUBLE") and -(2**63) <= value < 2**63
    if isinstance(value, float | np.floating):
        return kind == "DOUBLE" and bool(np.isfinite(value))
    return isinstance(value, str) and kind == "VARCHAR"


def condition(column: str, kind: str, wanted: object) -> str:
    """One condition of ``where``; see `SpaceDatabase.search`.

    Raises:
        ValueError: A value does not fit the column.
    """
    if wanted is None:
        return f"{column} is null"
    values = wanted if isinstance(wanted, tuple | list | set | frozenset | range) else [wanted]
    wrong = next((value for value in values if value is not None and not _fits(kind, value)), None)
    if wrong is not None:
        raise ValueError(f"column {column!r} holds {KINDS[kind]}, which cannot be compared with {wrong!r}")
    if not isinstance(wanted, tuple):
        if None in values:
            raise ValueError(f"column {column!r}: ask for None alone, not in a list")
        return any_of(column, values)
    if len(wanted) != 2 or wanted == (None, None) or kind == "BOOL":
        raise ValueError(f"column {column!r}: a range is (from, to), both included, one of them may be None")
    bounds = zip((">=", "<="), wanted, strict=True)
    return " and ".join(f"{column} {sign} {quoted(bound)}" for sign, bound in bounds if bound is not None)
