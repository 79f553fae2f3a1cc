"""MovieLens' tables in pieces: today's CSV files, and the older layouts of 100,000 and of 1,000,000 ratings."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kgss_helpers.datasets.tables import find_file, read_chunks
from kgss_helpers.files import BadRows, announce, counted
from kgss_helpers.graph import GraphError

MOVIES, RATINGS, TAGS = ("movieId", "title", "genres"), ("userId", "movieId", "rating"), ("movieId", "tag")
PIECE = 500_000
"""Rows that are read at once."""
OLD_ENCODING = "latin-1"
"""Of both older layouts, as their readme files say."""


@dataclass(frozen=True)
class Tables:
    """Pieces of the three tables, each with today's columns; no tags in the older layouts."""

    movies: Iterable[pd.DataFrame]
    ratings: Iterable[pd.DataFrame]
    ratings_file: str
    tags: Iterable[pd.DataFrame]


def tables_in(folder: Path, *, tags: bool, on_bad_rows: BadRows) -> Tables:
    """What lies in a folder, by its file names.

    Raises:
        FileNotFoundError: A file is missing; says which.
    """
    if (folder / "u.item").is_file():
        genres = [row[0] for _, row in _fields(folder / "u.genre", "|", 2, on_bad_rows)]
        return Tables(_items(folder, genres, on_bad_rows), _ratings(folder / "u.data", "\t", on_bad_rows), "u.data", ())
    if (folder / "movies.dat").is_file():
        ratings = _ratings(folder / "ratings.dat", "::", on_bad_rows)
        return Tables(_dat_movies(folder, on_bad_rows), ratings, "ratings.dat", ())
    how = {"separator": ",", "on_bad_rows": on_bad_rows}
    files = [find_file(folder, name) for name in ("movies.csv", "ratings.csv", *(["tags.csv"] if tags else []))]
    read = [read_chunks(file, columns, **how) for file, columns in zip(files, (MOVIES, RATINGS, TAGS), strict=False)]
    return Tables(read[0], read[1], files[1].name, read[2] if tags else ())


def _items(folder: Path, genres: list[str], on_bad_rows: BadRows) -> Iterator[pd.DataFrame]:
    """``u.item``: id, title, two dates, an address, and a 0 or 1 for each genre."""
    rows = []
    for _, row in _fields(folder / "u.item", "|", 5 + len(genres), on_bad_rows):
        flags = zip(genres, row[5:], strict=True)
        rows.append((row[0], row[1], "|".join(genre for genre, flag in flags if flag == "1" and genre != "unknown")))
    yield pd.DataFrame(rows, columns=list(MOVIES), dtype="str")


def _dat_movies(folder: Path, on_bad_rows: BadRows) -> Iterator[pd.DataFrame]:
    rows = [row for _, row in _fields(folder / "movies.dat", "::", 3, on_bad_rows)]
    yield pd.DataFrame(rows, columns=list(MOVIES), dtype="str")


def _ratings(path: Path, separator: str, on_bad_rows: BadRows) -> Iterator[pd.DataFrame]:
    """User, film, stars and a time a line."""
    rows = (row[:3] for _, row in _fields(path, separator, 4, on_bad_rows))
    while piece := list(itertools.islice(rows, PIECE)):
        yield pd.DataFrame(piece, columns=list(RATINGS), dtype="str")


def _fields(path: Path, separator: str, fields: int, on_bad_rows: BadRows) -> Iterator[tuple[int, list[str]]]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path.name} in {path.parent.resolve()}; unpack the whole archive there")
    bad = 0
    with path.open(encoding=OLD_ENCODING, newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            row = line.rstrip("\r\n").split(separator)
            if len(row) == fields:
                yield number, row
            elif any(map(str.strip, row)):
                if on_bad_rows == "error":
                    raise GraphError(
                        f"{path.name}, line {number}: {counted(len(row), 'field')} where there should be {fields}; the "
                        "row is cut off or torn. Mend it, or read with on_bad_rows='skip'"
                    )
                bad += 1
    if bad:
        announce(f"{path.name}: {counted(bad, 'row')} with a wrong number of fields skipped")
