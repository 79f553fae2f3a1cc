"""TMDB 5000 as published on Kaggle: two CSV files with JSON in their cells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from kgss_helpers.datasets.builder import GraphBuilder, year_of
from kgss_helpers.datasets.tables import read_table
from kgss_helpers.files import BadRows
from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD, role_of
from kgss_helpers.graph import GraphError, KnowledgeGraph


def load_tmdb5000(
    movies: Path | str, casts_and_crews: Path | str, *, merge_roles: bool = True, on_bad_rows: BadRows = "error"
) -> KnowledgeGraph:
    """Films, people with their jobs, genres and keywords.

    Reads ``tmdb_5000_movies.csv`` and ``tmdb_5000_credits.csv``, plain or as ``.csv.gz``.

    People are told apart by TMDB's own ids: more than three thousand of them share a name. Who speaks a part
    "(voice)" is a voice actor. Whom a film credits twice in one role has one edge to it.

    Args:
        movies: Path of the film table.
        casts_and_crews: Path of the table of casts and crews.
        merge_roles: Read different words for one job as one role (`role_of`); False keeps TMDB's job titles.
        on_bad_rows: ``"skip"`` counts cut-off rows in a warning instead of refusing the file.

    Raises:
        FileNotFoundError: A file is missing.
        GraphError: A column is missing, a row is cut off or a cell is not JSON; names file and line.
    """
    films = read_table(
        movies,
        ["id", "title", "overview", "release_date", "genres", "keywords"],
        delimiter=",",
        on_bad_rows=on_bad_rows,
    )
    casts = read_table(casts_and_crews, ["movie_id", "cast", "crew"], delimiter=",", on_bad_rows=on_bad_rows)
    builder = GraphBuilder("TMDB 5000")
    cells = _Cells(builder, on_bad_rows)
    for line, row in films.iterrows():
        if not row["title"].strip() or not row["id"].strip():
            builder.count("films without an id or a title left out")
            continue
        if f"project:{row['id']}" in builder:
            builder.count("films with an id that is there already merged")
        year = year_of(row["release_date"])
        film = builder.node(f"project:{row['id']}", "project", row["title"].strip(), row["overview"], year=year)
        for field, node_type, has in (("genres", "genre", HAS_GENRE), ("keywords", "keyword", HAS_KEYWORD)):
            for item in cells.items(row[field], movies, line, field):
                if (name := _text(item, "name")) and item["id"] is not None:
                    target = builder.node(f"{node_type}:{item['id']}", node_type, name)
                    builder.edge(film, has, target)
                else:
                    builder.count(f"{field} without a name or an id left out")
    for film, person, name, role in _credits(cells, casts, casts_and_crews, merge_roles):
        if film not in builder:
            builder.count("credits of films that the film table lacks left out")
        elif not name or not role or not person:
            builder.count("credits without a name, a job or an id left out")
        else:
            builder.edge(builder.node(person, "person", name), role, film)
    return builder.build(quiet=["repeated edges merged"])


TEXTS = ("name", "job", "character")


class _Cells:
    """Reads the JSON in the cells; one that is cut off is refused, or counted and left out."""

    def __init__(self, builder: GraphBuilder, on_bad_rows: BadRows) -> None:
        self.builder, self.on_bad_rows = builder, on_bad_rows

    def items(self, cell: str, path: Path | str, line: int, field: str) -> list[dict]:
        try:
            items = json.loads(cell or "[]")
            if not isinstance(items, list) or not all(isinstance(item, dict) and "id" in item for item in items):
                raise ValueError("no list of objects with an id")
            if not all(isinstance(item.get(part) or "", str) for item in items for part in TEXTS):
                raise ValueError("a name, a job or a character is no text")
        except ValueError as error:
            if self.on_bad_rows == "error":
                where = f"{Path(path).name}, line {line}"
                problem = f"{where}: column {field!r} is not valid JSON ({error}); the cell is cut off or not TMDB's"
                raise GraphError(f"{problem}. Download the file again, or read with on_bad_rows='skip'") from None
            self.builder.count(f"cut-off cells of column {field!r} left out")
            return []
        return items


def _credits(
    cells: _Cells, casts: pd.DataFrame, path: Path | str, merge_roles: bool
) -> Iterator[tuple[str, str, str, str]]:
    """Film id, person id, name and role of every credit."""
    for line, row in casts.iterrows():
        film = f"project:{row['movie_id']}"
        for item in cells.items(row["cast"], path, line, "cast"):
            role = "Voice actor" if "(voice" in _text(item, "character") else "Actor"
            yield film, _person(item), _text(item, "name"), role
        for item in cells.items(row["crew"], path, line, "crew"):
            job = _text(item, "job")
            yield film, _person(item), _text(item, "name"), role_of(job) if merge_roles else job


def _person(item: dict) -> str:
    """The node's id; empty where the source has none, since all such people would be one."""
    return "" if item["id"] is None else f"person:{item['id']}"


def _text(item: dict, field: str) -> str:
    """A field without surrounding blanks, empty where it is missing or null."""
    return (item.get(field) or "").strip()
