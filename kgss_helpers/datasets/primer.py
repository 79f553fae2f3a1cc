"""The rows of the sentence-transformer primer: four ways to write down what a model should learn, all about films.

Each file in ``data/primer`` carries its split, and no text of a training row occurs in any held-out row of any file.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from kgss_helpers.files import DATA, require_file

PRIMER = DATA / "primer"
LABELS = ("entailment", "neutral", "contradiction")
COLUMNS = {
    "sts": ("sentence1", "sentence2", "score"),
    "nli": ("sentence1", "sentence2", "label"),
    "triplets": ("anchor", "positive", "negative"),
    "pairs": ("anchor", "positive"),
}
SPLITS = ("train", "held out")
ALLOWED = {
    "score": "a number from 0 to 1",
    "label": f"one of {', '.join(LABELS)}",
    "split": f"one of {', '.join(SPLITS)}",
}
"""What a cell may hold, in words for a message; in all other columns any text that is not empty."""


def load_primer(folder: Path | str = PRIMER) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Training rows and held-out rows for each of the four kinds.

    Args:
        folder: Where ``sts.csv``, ``nli.csv``, ``triplets.csv`` and ``pairs.csv`` lie.

    Returns:
        Kind → (training rows, held-out rows), with the columns of `COLUMNS`; ``score`` lies between 0 and 1, ``label``
        is the place in `LABELS`.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is no CSV in UTF-8 or has no rows on a side, a column is missing, a cell is empty or out of
            range, or a text stands on both sides of the split; names file and line.
    """
    tables = {kind: _read(Path(folder) / f"{kind}.csv", columns) for kind, columns in COLUMNS.items()}
    rows = {
        kind: tuple(table[table["split"] == split].drop(columns="split").reset_index(drop=True) for split in SPLITS)
        for kind, table in tables.items()
    }
    both = set().union(*(texts(train) for train, _ in rows.values())) & set().union(
        *(texts(held_out) for _, held_out in rows.values())
    )
    if both:
        raise ValueError(f"{min(both)!r} stands in training rows and in held-out rows; keep it on one side")
    return rows


def load_other_words(folder: Path | str = PRIMER) -> pd.DataFrame:
    """Pairs ``anchor``, ``positive`` about film people and plots in words of their own, for testing only."""
    return _read(Path(folder) / "other_words.csv", ("anchor", "positive"), splits=False)


def texts(rows: pd.DataFrame) -> set[str]:
    """All texts of the rows, each once."""
    return set(rows.select_dtypes(exclude="number").to_numpy().ravel())


def _read(path: Path, columns: tuple[str, ...], *, splits: bool = True) -> pd.DataFrame:
    wanted = [*(["split"] if splits else []), *columns]
    header, rows, lines = _rows(path)
    missing = [column for column in wanted if column not in header]
    if missing:
        raise ValueError(f"{path.name} has no column {missing[0]!r}; its header should be {','.join(wanted)}")
    table = pd.DataFrame(rows, columns=header)[wanted]
    for column in wanted:
        wrong = ~_valid(table[column])
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            found, allowed = table[column].iloc[row], ALLOWED.get(column, "a text that is not empty")
            raise ValueError(f"{path.name}, line {lines[row]}: {column} is {found!r}; it must be {allowed}")
    for split in SPLITS if splits else ():
        if split not in table["split"].to_numpy():
            raise ValueError(f"{path.name} has no row whose split is {split!r}")
    if "label" in table:
        table["label"] = table["label"].map(LABELS.index)
    return table.astype({"score": float}) if "score" in table else table


def _rows(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Header and rows of a CSV file, and the line in which each row begins; empty lines are none."""
    raw = require_file(path).read_bytes()
    rows, lines, begins = [], [], 1
    try:
        reader = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        for row in reader:
            if row:
                rows.append(row)
                lines.append(begins)
            begins = reader.line_num + 1
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(f"{path.name}, line {line}: it is not UTF-8 ({error.reason}); save it as such") from None
    except csv.Error as error:
        raise ValueError(f"{path.name}, from line {begins}: it is no CSV ({error}); mend it") from None
    if len(rows) < 2:
        raise ValueError(f"{path.name} has no rows")
    header = rows[0]
    if len(set(header)) < len(header):
        raise ValueError(f"{path.name} has two columns of one name in its header, {','.join(header)}")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise ValueError(f"{path.name}, line {line}: {len(row)} fields, and the header has {len(header)}")
    return header, rows[1:], lines[1:]


def _valid(column: pd.Series) -> pd.Series:
    if column.name == "score":
        return pd.to_numeric(column, errors="coerce").between(0, 1)
    if column.name in ("label", "split"):
        return column.isin(LABELS if column.name == "label" else SPLITS)
    return column.str.strip() != ""
