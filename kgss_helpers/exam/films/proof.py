"""What the film graph proves about people: counts of credits, and when they are enough for a right answer."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD
from kgss_helpers.films.skills import MANY, SKILLED_FROM
from kgss_helpers.graph import KnowledgeGraph

FEWEST_SERIES = 2
"""So many series stand behind a skill; a film that belongs to none is a series of its own."""
REAL_SHARE = 0.15
"""Or `MANY` films: somebody with three thrillers among sixty films is not whom one asks for a thriller."""
THEME_FROM, THEME_MANY = 2, 4


def credit_table(graph: KnowledgeGraph) -> pd.DataFrame:
    """Every credit: ``person``, ``role``, ``project`` and ``series`` (the film's own id where it belongs to none)."""
    edges = graph.edges[~graph.edges["relation"].isin([HAS_GENRE, HAS_KEYWORD])]
    table = edges.rename(columns={"source": "person", "relation": "role", "target": "project"})
    series = graph.nodes.set_index("node_id")["series"].reindex(table["project"]).to_numpy()
    return table.assign(series=np.where(series == "", table["project"], series)).reset_index(drop=True)


def targets(graph: KnowledgeGraph, relation: str) -> pd.DataFrame:
    """The edges from projects by one relation: ``project`` and ``target``."""
    edges = graph.edges[graph.edges["relation"] == relation]
    return edges.rename(columns={"source": "project"})[["project", "target"]]


def genre_counts(graph: KnowledgeGraph) -> pd.DataFrame:
    """Role, genre, person: in how many films (``films``) from how many series (``series``), and which share that is.

    ``share`` is of all the films that the person has in the role. Sorted by role, genre and person.
    """
    table = credit_table(graph)
    in_role = table.groupby(["role", "person"])["project"].nunique().rename("in_role")
    joined = table.merge(targets(graph, HAS_GENRE).rename(columns={"target": "genre"}), on="project")
    grouped = joined.groupby(["role", "genre", "person"])
    counted = grouped.agg(films=("project", "nunique"), series=("series", "nunique")).reset_index()
    counted = counted.join(in_role, on=["role", "person"])
    return counted.assign(share=counted["films"] / counted.pop("in_role"))


def proved(counted: pd.DataFrame) -> pd.Series:
    """True where the count alone is enough: three films from two series."""
    return (counted["films"] >= SKILLED_FROM) & (counted["series"] >= FEWEST_SERIES)


def right(counted: pd.DataFrame) -> pd.Series:
    """True where somebody is a right answer: proved, and a real share of the work or many films."""
    return proved(counted) & ((counted["share"] >= REAL_SHARE) | (counted["films"] >= MANY))


def grades(films: pd.Series, many: int) -> dict[str, int]:
    """Person → 2 from so many films on, else 1."""
    return {person: 2 if count >= many else 1 for person, count in films.sort_index().items()}


class Facts:
    """What one graph says, counted once.

    Attributes:
        genres: The table of `genre_counts`.
        keywords: Film → its keywords.
    """

    def __init__(self, graph: KnowledgeGraph) -> None:
        self.graph = graph
        self.genres = genre_counts(graph)
        edges = targets(graph, HAS_KEYWORD)
        self.keywords = edges.groupby("project")["target"].agg(frozenset).to_dict()
        self._films = edges.groupby("target")["project"].agg(frozenset).to_dict()
        self._credits = {role: part[["person", "project"]] for role, part in credit_table(graph).groupby("role")}
        self._by_skill = {pair: part.set_index("person") for pair, part in self.genres.groupby(["role", "genre"])}

    def proved(self) -> set[tuple[str, str, str]]:
        """Role, genre, person where the count is enough."""
        enough = self.genres[proved(self.genres)]
        return set(enough[["role", "genre", "person"]].itertuples(index=False, name=None))

    def of_skill(self, role: str, genre: str) -> pd.DataFrame:
        """The rows of ``genres`` for a role and a genre (its id), by person."""
        return self._by_skill.get((role, genre), self.genres.set_index("person").iloc[:0])

    def of_theme(self, role: str, keywords: Iterable[str]) -> pd.Series:
        """Person → in how many films with at least one of the keywords (by id) in the role."""
        films = frozenset().union(*(self._films.get(keyword, ()) for keyword in keywords))
        table = self._credits[role]
        return table["person"][table["project"].isin(films)].value_counts().sort_index()


# ---- words ---------------------------------------------------------------------------------------------------------

EMPTY_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about across after again against all along also among an and another any are around as at away back be
        because been before behind being between both but by can could did do does down during each ever
        every few first for from had has have he her here hers him his how i if in into is it its itself
        just last like made make makes man many may me more most must my nearly never no not of off on once
        one only onto or other others our out over own part people s same she so some such t than that the
        their them then there these they this those three through till to too toward two under until up us
        very was we were what when where which while who whom whose why will with without woman would you
        your""",
    )
)


def stem(word: str) -> str:
    """The word without its most common endings: enough to see that 'climbs' and 'climbing' are one word."""
    for ending in ("ings", "ing", "ied", "ies", "ed", "es", "ers", "er", "ly", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def content_words(text: str) -> set[str]:
    """The stems of a text's words, without words that carry nothing and without numbers."""
    words = re.findall(r"\w+", text.casefold().replace("'s", " ").replace("’s", " ").replace("'", " "))
    return {stem(word) for word in words if word not in EMPTY_WORDS and not word.isdigit()}
