"""MovieLens (https://grouplens.org/datasets/movielens/): what real people like and dislike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite, nan
from pathlib import Path

import numpy as np
import pandas as pd

from kgss_helpers.datasets.builder import GraphBuilder, year_of
from kgss_helpers.datasets.movielens_tables import tables_in
from kgss_helpers.files import BadRows
from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD
from kgss_helpers.graph import GraphError, KnowledgeGraph

LIKES, DISLIKES = "likes", "dislikes"
STARS, MOST_STARS = re.compile(r"\d+(\.\d*)?|\.\d+"), 5
APOSTROPHES = ("'", "’")
ARTICLE_BEHIND = r"^([^()]+), (The|A|An|La|Le|Les|L'|L’|El|Los|Las|Il|Der|Die|Das|Une?|Una)((?: \(.*)?)$"


def load_movielens(
    folder: Path | str,
    *,
    likes_from: float = 4.0,
    dislikes_up_to: float = 2.0,
    tags: bool = True,
    on_bad_rows: BadRows = "error",
) -> KnowledgeGraph:
    """Users as people who like and dislike films, with genres, and tags as keywords.

    Args:
        folder: Where ``movies.csv``, ``ratings.csv`` and ``tags.csv`` lie, or the files of MovieLens 100k (``u.item``,
            ``u.data``) or 1M (``movies.dat``, ``ratings.dat``), which have no tags.
        likes_from: From so many stars on a rating is a like.
        dislikes_up_to: Up to so many stars it is a dislike; ratings between the two are no edges.
        tags: Read ``tags.csv`` too; a tag that several users gave a film is one edge.
        on_bad_rows: ``"skip"`` counts rows with a wrong number of fields in a warning instead of refusing the file.

    Raises:
        FileNotFoundError: A file is missing.
        GraphError: A column is missing, a row is cut off or a rating is not a number; names the file.
    """
    if not (isfinite(likes_from) and isfinite(dislikes_up_to)):
        raise GraphError("likes_from and dislikes_up_to must be numbers of stars, such as 4.0 and 2.0")
    if dislikes_up_to >= likes_from:
        raise GraphError(
            f"a rating of {likes_from} would be a like and a dislike; choose dislikes_up_to below likes_from"
        )
    folder, builder = Path(folder), GraphBuilder("MovieLens")
    read = tables_in(folder, tags=tags, on_bad_rows=on_bad_rows)
    for chunk in read.movies:
        for movie, title, genres in chunk.itertuples(index=False):
            name, year = _title_and_year(title)
            if not name:
                builder.count("films without a title left out")
                continue
            if f"project:{movie}" in builder:
                builder.count("films with an id that is there already merged")
            builder.node(f"project:{movie}", "project", name, year=year)
            for genre in genres.split("|"):
                if genre and genre != "(no genres listed)":
                    builder.edge(f"project:{movie}", HAS_GENRE, builder.named("genre", genre))
    _read_ratings(builder, read.ratings, read.ratings_file, likes_from, dislikes_up_to)
    _read_tags(builder, read.tags)
    return builder.build(quiet=["repeated edges merged", "ratings between like and dislike"])


def _read_ratings(
    builder: GraphBuilder, chunks: Iterable[pd.DataFrame], file: str, likes_from: float, dislikes_up_to: float
) -> None:
    """In columns and not row by row, since there are up to tens of millions; few ratings, users and films differ."""
    for chunk in chunks:
        stars = chunk["rating"].map({rating: _stars(rating) for rating in chunk["rating"].unique()}).to_numpy(float)
        wrong = np.flatnonzero(np.isnan(stars))
        if wrong.size:
            user, movie, rating = chunk.iloc[wrong[0]]
            raise GraphError(
                f"{file}: the rating {rating!r} of user {user} for film {movie} is not a number of stars "
                f"from 0 to {MOST_STARS}; mend the row"
            )
        somebody = (chunk["userId"].str.strip() != "").to_numpy(bool)
        known = chunk["movieId"].isin([movie for movie in chunk["movieId"].unique() if f"project:{movie}" in builder])
        known, clear = known.to_numpy(bool), (stars <= dislikes_up_to) | (stars >= likes_from)
        builder.count("ratings without a user left out", int((~somebody).sum()))
        builder.count("ratings of unknown films left out", int((somebody & ~known).sum()))
        builder.count("ratings between like and dislike", int((somebody & known & ~clear).sum()))
        kept = somebody & known & clear
        users, movies = chunk["userId"][kept], chunk["movieId"][kept]
        for user in users.unique():
            builder.node(f"person:{user}", "person", f"user {user}")
        builder.edges("person:" + users, np.where(stars[kept] >= likes_from, LIKES, DISLIKES), "project:" + movies)


def _stars(rating: str) -> float:
    """How many stars a rating gives; NaN where it is no number of stars."""
    valid = STARS.fullmatch(rating.strip()) and float(rating) <= MOST_STARS
    return float(rating) if valid else nan


def _read_tags(builder: GraphBuilder, chunks: Iterable[pd.DataFrame]) -> None:
    for chunk in chunks:
        for movie, tag in chunk.itertuples(index=False):
            if f"project:{movie}" not in builder:
                builder.count("tags of unknown films left out")
            elif not tag.strip():
                builder.count("empty tags left out")
            else:
                builder.edge(f"project:{movie}", HAS_KEYWORD, builder.named("keyword", tag.strip().lower()))


def _title_and_year(title: str) -> tuple[str, int | None]:
    """``"Matrix, The (1999)"`` becomes ``("The Matrix", 1999)``, ``"Avventura, L' (1960)"`` ``("L'Avventura", 1960)``.

    A title in brackets that follows, in another language say, stays where it is.
    """
    found = re.fullmatch(r"(.+?)\s*\((\d{4})(?:[-–]\d{0,4})?\)\s*", title)
    name, year = (found[1], year_of(found[2])) if found else (title.strip(), None)
    return re.sub(ARTICLE_BEHIND, _article_first, name), year


def _article_first(found: re.Match[str]) -> str:
    """The article before its noun, without a blank after an apostrophe."""
    noun, article, rest = found.groups()
    return f"{article}{'' if article.endswith(APOSTROPHES) else ' '}{noun}{rest}"
