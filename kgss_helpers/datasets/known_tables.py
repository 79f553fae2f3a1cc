"""Well-known tables that have a loader of their own, or none, recognised by their columns."""

from __future__ import annotations

from collections.abc import Sequence

KNOWN = (
    ({"budget", "homepage", "adult", "video"}, "The Movies Dataset; load_tmdb5000 reads TMDB's 5,000 films"),
    ({"movieId", "imdbId", "tmdbId"}, "MovieLens' links.csv; pass its folder to load_movielens"),
    ({"userId", "movieId", "rating"}, "MovieLens' ratings; pass their folder to load_movielens"),
    ({"movieId", "title", "genres"}, "MovieLens' films; pass their folder to load_movielens"),
    ({"tconst"}, "IMDb's tables; pass their folder to load_imdb"),
    ({"nconst"}, "IMDb's tables; pass their folder to load_imdb"),
    ({"movie_id", "cast", "crew"}, "TMDB's casts and crews; pass them to load_tmdb5000 as the second file"),
)
"""Columns by which a well-known layout is recognised, and what to do about it."""


def known_layout(header: Sequence[str]) -> str:
    """What a header is known to be, as a sentence with a blank before it; empty if nothing is known."""
    there = set(header)
    return next((f". This looks like {what}" for columns, what in KNOWN if columns <= there), "")
