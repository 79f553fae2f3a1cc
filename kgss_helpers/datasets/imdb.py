r"""IMDb's non-commercial data set: three TSV files, `\N` for what is missing.

Source: https://developer.imdb.com/non-commercial-datasets/.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kgss_helpers.datasets.builder import GraphBuilder, listed_values, year_of
from kgss_helpers.datasets.tables import find_file, read_chunks
from kgss_helpers.files import BadRows
from kgss_helpers.films.roles import HAS_GENRE, role_of
from kgss_helpers.graph import KnowledgeGraph

MISSING = r"\N"
APPEARANCES = ("self", "archive_footage", "archive_sound")


def load_imdb(
    folder: Path | str,
    *,
    title_types: Sequence[str] = ("movie",),
    from_year: int = 0,
    appearances: bool = False,
    on_bad_rows: BadRows = "error",
) -> KnowledgeGraph:
    """Titles, their principals and genres.

    Reads ``title.basics``, ``title.principals`` and ``name.basics``, as ``.tsv`` or ``.tsv.gz``.

    The full files have tens of millions of rows; they are read in pieces and only what belongs to the chosen titles
    is kept. Who stands twice in one role in one title has one edge to it.

    Args:
        folder: Where the three files lie.
        title_types: Which kinds of title to take (``"movie"``, ``"short"``, ``"tvSeries"`` …).
        from_year: Leave out older titles, and those of unknown year when given.
        appearances: Also take people who appear as themselves or in archive footage.
        on_bad_rows: ``"skip"`` counts rows with a wrong number of fields in a warning instead of refusing the file.

    Raises:
        FileNotFoundError: A file is missing.
        GraphError: A column is missing or a row is cut off; names file and line.
    """
    folder, title_types = Path(folder), listed_values(title_types)
    titles = _titles(find_file(folder, "title.basics.tsv"), title_types, from_year, on_bad_rows)
    principals = _principals(find_file(folder, "title.principals.tsv"), set(titles["tconst"]), appearances, on_bad_rows)
    people = _people(find_file(folder, "name.basics.tsv"), set(principals["nconst"]), on_bad_rows)
    builder = GraphBuilder("IMDb")
    for row in titles.itertuples():
        if row.primaryTitle.strip() in (MISSING, ""):
            builder.count("titles without a name left out")
            continue
        if row.tconst in builder:
            builder.count("titles with an id that is there already merged")
        builder.node(row.tconst, "project", row.primaryTitle, year=year_of(row.startYear))
        for genre in row.genres.split(",") if row.genres not in (MISSING, "") else ():
            builder.edge(row.tconst, HAS_GENRE, builder.named("genre", genre))
    names = dict(zip(people["nconst"], people["primaryName"], strict=True))
    for row in principals.itertuples():
        name = names.get(row.nconst, MISSING)
        if row.tconst not in builder:
            builder.count("credits of titles without a name left out")
        elif name.strip() in (MISSING, ""):
            builder.count("credits of people that name.basics does not name left out")
        elif row.category.strip() in (MISSING, ""):
            builder.count("credits without a category left out")
        else:
            builder.edge(builder.node(row.nconst, "person", name), role_of(row.category), row.tconst)
    return builder.build(quiet=["repeated edges merged"])


def _titles(path: Path, title_types: Sequence[str], from_year: int, on_bad_rows: BadRows) -> pd.DataFrame:
    kept = []
    for chunk in read_chunks(
        path, ["tconst", "titleType", "primaryTitle", "startYear", "genres"], on_bad_rows=on_bad_rows
    ):
        years = pd.to_numeric(chunk["startYear"], errors="coerce").fillna(0)
        kept.append(chunk[chunk["titleType"].isin(title_types) & (years >= from_year)])
    return pd.concat(kept, ignore_index=True)


def _principals(path: Path, titles: set[str], appearances: bool, on_bad_rows: BadRows) -> pd.DataFrame:
    kept = []
    for chunk in read_chunks(path, ["tconst", "nconst", "category"], on_bad_rows=on_bad_rows):
        wanted = chunk["tconst"].isin(titles)
        kept.append(chunk[wanted if appearances else wanted & ~chunk["category"].isin(APPEARANCES)])
    return pd.concat(kept, ignore_index=True)


def _people(path: Path, people: set[str], on_bad_rows: BadRows) -> pd.DataFrame:
    chunks = read_chunks(path, ["nconst", "primaryName"], on_bad_rows=on_bad_rows)
    return pd.concat([chunk[chunk["nconst"].isin(people)] for chunk in chunks], ignore_index=True)
