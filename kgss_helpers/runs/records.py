"""What recorded runs depend on, and reading what they kept: nothing is believed before every value was looked at.

What is damaged is refused by the name of the file, with what is wrong and the command that makes it anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kgss_helpers.files import DATA, require_file

SHARE, COUNT, ANY = (0.0, 1.0), (0.0, np.inf), (-np.inf, np.inf)
"""Between what numbers may lie; none is NaN or infinite."""
SOURCES = ("films.jsonl", "people.csv", "exam/*", "asking/*")
"""Files of `DATA` that what is recorded depends on."""


@contextmanager
def reading(path: Path | str, renew: str) -> Iterator[Path]:
    """Gives the path of a file that is there; what goes wrong within the block becomes an error that names it.

    Args:
        path: Of the file.
        renew: The command that writes it anew.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or holds something else.
    """
    path = require_file(path)
    try:
        yield path
    except (AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"{path.name} holds no such record ({reason}); make it anew: {renew}") from None


def read_json(path: Path) -> Any:
    """The content of a JSON file; raises ValueError if it is none, or has a number that is none (NaN, infinity)."""
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)


def _refuse(number: str) -> None:
    raise ValueError(f"{number} is no number")


def checked(
    rows: object,
    numbers: Mapping[str, tuple[float, float]],
    texts: Collection[str] = (),
    *,
    gaps: Collection[str] = (),
) -> pd.DataFrame:
    """Rows as a table, once each of their values is known to be possible.

    Args:
        rows: A table, or what JSON gives for one: a list of objects.
        numbers: Columns of numbers, each with the least and the largest that may be.
        texts: Columns of texts that are not empty.
        gaps: Columns of numbers in which one may be missing.

    Raises:
        ValueError: There is no row, a column is missing, or a value cannot be; names row and column.
    """
    if not isinstance(rows, pd.DataFrame):
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError("its rows are not a list of objects")
        rows = pd.DataFrame(rows)
    if rows.empty:
        raise ValueError("it has no rows")
    missing = [column for column in (*texts, *numbers) if column not in rows]
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    for column, (least, most) in numbers.items():
        values = pd.to_numeric(rows[column], errors="coerce")
        possible = values.between(least, most) & np.isfinite(values)
        if column in gaps:
            possible |= rows[column].isna()
        plain = rows[column].map(lambda value: not isinstance(value, bool | str | list | dict))
        _require(possible & plain, rows[column])
    for column in texts:
        _require(rows[column].map(lambda value: isinstance(value, str) and bool(value.strip())), rows[column])
    return rows


def _require(possible: pd.Series, column: pd.Series) -> None:
    if not possible.all():
        row = int(np.flatnonzero(~possible.to_numpy(dtype=bool))[0])
        value = column.iloc[row]
        value = value.item() if isinstance(value, np.generic) else value
        raise ValueError(f"row {row + 1}: {column.name} is {value!r}")


def digest(folder: Path = DATA) -> str:
    """SHA-256 of all files that the recorded runs learn from or are examined with; it names the state of the data."""
    found = hashlib.sha256()
    for path in sorted(path for source in SOURCES for path in folder.glob(source) if path.is_file()):
        found.update(path.relative_to(folder).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()
