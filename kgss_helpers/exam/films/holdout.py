"""What no method sees before the exam: newcomers, credits, keywords. Drawn once, before any text is written.

Each thing has a lot of its own, made from its ids and the seed, so that mending one fact does not draw all others anew.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from kgss_helpers.exam.films.by_hand import formal_keywords, plots, told_by_paraphrase
from kgss_helpers.exam.films.proof import content_words, credit_table, genre_counts, right, targets
from kgss_helpers.films.roles import HAS_KEYWORD
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Split

SEED = 1977
NEWCOMERS = 0.05
"""This share of the films, and of the people with and without a skill."""
HELD_OUT_FROM = 5
"""Who has so many credits in a role may lose some of them."""
CREDITS, AT_MOST = 0.15, 3
"""The share of those credits that is drawn, and that never more than one in so many goes."""
IMPLICIT = 0.2
"""Who has only three or four credits in a role loses one in this share of cases: a skill that cannot be seen."""
KEYWORDS = 0.3
"""The share of content keywords drawn among those that no text names; of all content keywords it is a fifth."""


def lot(*words: str) -> float:
    """A number in [0, 1) that depends on the words alone."""
    digest = hashlib.blake2b("|".join((str(SEED), *words)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def side(*words: str) -> Split:
    """Validation or test, by lot."""
    return "validation" if lot("side", *words) < 0.5 else "test"


@dataclass(frozen=True, eq=False)
class HoldOut:
    """The film graph and what is held out of it.

    Attributes:
        graph: Everything; only the questions are made from it.
        newcomers: Ids of people and films that are in no training graph.
        validation: Held-out edges between known nodes, for the validation half.
        test: Likewise for the test half.
    """

    graph: KnowledgeGraph
    newcomers: frozenset[str]
    validation: pd.DataFrame
    test: pd.DataFrame

    @cached_property
    def training_graph(self) -> KnowledgeGraph:
        """The known nodes and the edges between them that are not held out: all that a method may learn from."""
        nodes = self._nodes()
        return KnowledgeGraph(
            nodes[~nodes["node_id"].isin(self.newcomers)], self._edges(newcomers=False), name=self.graph.name
        )

    @cached_property
    def newcomer_graph(self) -> KnowledgeGraph:
        """All nodes, the training edges, and every edge of a newcomer, to known nodes and to other newcomers.

        Held-out edges between known nodes are missing here too.
        """
        return KnowledgeGraph(self._nodes(), self._edges(newcomers=True), name=f"{self.graph.name}, newcomers included")

    def _nodes(self) -> pd.DataFrame:
        """By id: the order of the file puts people beside the cast of their first film, though it be held out."""
        return self.graph.nodes.sort_values("node_id", ignore_index=True)

    def _edges(self, *, newcomers: bool) -> pd.DataFrame:
        edges = self.graph.edges.drop(index=[*self.validation.index, *self.test.index])
        return edges if newcomers else edges[~touches(edges, self.newcomers)]


def touches(edges: pd.DataFrame, node_ids: frozenset[str] | set[str]) -> pd.Series:
    """True for edges with an end among the nodes."""
    return edges["source"].isin(node_ids) | edges["target"].isin(node_ids)


def hold_out(graph: KnowledgeGraph) -> HoldOut:
    """Draws everything that is held out of the film graph."""
    given_away = GivenAway(graph)
    newcomers = _newcomers(graph, given_away)
    known = graph.edges[~touches(graph.edges, newcomers)]
    keyword = known["relation"] == HAS_KEYWORD
    pairs = _credits(graph.with_edges(known), given_away) | _keywords(graph, known[keyword])
    which = pd.Series(list(zip(known["source"], known["target"], strict=True)), index=known.index).map(pairs)
    return HoldOut(graph, newcomers, known[which == "validation"], known[which == "test"])


# ---- newcomers -----------------------------------------------------------------------------------------------------


def _newcomers(graph: KnowledgeGraph, given_away: GivenAway) -> frozenset[str]:
    """Films and people by lot, people with a skill in their proportion.

    No film that somebody's description gives away or that a plot retells, and nobody whose name another node's
    description says. Whoever has no credit but in such films is a newcomer too, so that every known node has an edge.
    """
    named = given_away.named()
    counted = genre_counts(graph)
    skilled = set(counted["person"][right(counted)])
    kinds = graph.nodes["node_type"].where(~graph.nodes["node_id"].isin(skilled), "skilled")
    wanted = (NEWCOMERS * kinds.value_counts()).round().astype(int)

    def drawn(kind: str, never: set[str]) -> list[str]:
        may = [node_id for node_id in graph.nodes["node_id"][kinds == kind] if node_id not in never]
        return sorted(may, key=lambda node_id: lot("newcomer", node_id))

    films = drawn("project", named | given_away.films() | {plot.film for plot in plots()})[: wanted["project"]]
    elsewhere = given_away.credits["person"][~given_away.credits["project"].isin(films)]
    stranded = set(given_away.credits["person"]) - set(elsewhere)
    others = drawn("person", named | stranded)[: max(0, wanted["person"] - len(stranded))]
    return frozenset([*films, *stranded, *others, *drawn("skilled", named)[: wanted["skilled"]]])


# ---- credits -------------------------------------------------------------------------------------------------------


def _credits(graph: KnowledgeGraph, given_away: GivenAway) -> dict[tuple[str, str], Split]:
    """Person and film → half.

    Of many credits in a role some by lot; of three or four one at most, where a skill is proved by them.
    """
    pairs: dict[tuple[str, str], Split] = {}
    counted = genre_counts(graph)
    skilled = set(counted[right(counted)][["role", "person"]].itertuples(index=False, name=None))
    for (person, role), projects in credit_table(graph).groupby(["person", "role"])["project"]:
        may = [project for project in projects if not given_away(person, project)]
        drawn = sorted(may, key=lambda project: lot("credit", person, project))
        if len(projects) >= HELD_OUT_FROM:
            most = len(projects) // AT_MOST
            drawn = [project for project in drawn if lot("credit", person, project) < CREDITS][:most]
        elif (role, person) in skilled and lot("implicit", person) < IMPLICIT:
            drawn = drawn[:1]
        else:
            drawn = []
        pairs.update({(person, project): side(person, project) for project in drawn})
    return pairs


# ---- keywords ------------------------------------------------------------------------------------------------------


def _keywords(graph: KnowledgeGraph, edges: pd.DataFrame) -> dict[tuple[str, str], Split]:
    """Film and content keyword → half.

    None that the film's own title or description says, and never more than a third of the films of a keyword.
    """
    nodes = graph.nodes.set_index("node_id")
    formal = formal_keywords()
    texts = {
        film: content_words(f"{nodes.at[film, 'name']}. {nodes.at[film, 'description']}")
        for film in edges["source"].unique()
    }
    pairs: dict[tuple[str, str], Split] = {}
    for keyword, films in edges.groupby("target")["source"]:
        words = content_words(nodes.at[keyword, "name"])
        if nodes.at[keyword, "name"] in formal:
            continue
        may = [film for film in films if not words & texts[film] and lot("keyword", film, keyword) < KEYWORDS]
        may.sort(key=lambda film, keyword=keyword: lot("keyword", film, keyword))
        pairs.update({(film, keyword): side(film, keyword) for film in may[: len(films) // AT_MOST]})
    return pairs


# ---- what descriptions say -----------------------------------------------------------------------------------------


class GivenAway:
    """Whether somebody's description gives a film away: descriptions are there for every method to read.

    It does where it shares a content word with the film's title, series, keywords or description, where it says the
    surname of somebody else of the film, and where a person judged that it paraphrases the film.
    """

    def __init__(self, graph: KnowledgeGraph) -> None:
        self.graph, self.nodes = graph, graph.nodes.set_index("node_id")
        self.paraphrased = told_by_paraphrase()
        self.credits = credit_table(graph)
        crew = self.credits.groupby("project")["person"].agg(set)
        keywords = targets(graph, HAS_KEYWORD)
        said = self.nodes["name"].reindex(keywords["target"]).groupby(keywords["project"].to_numpy()).agg(" ".join)
        films = self.nodes[self.nodes["node_type"] == "project"]
        said = said.reindex(films.index, fill_value="")
        texts = films["name"] + " " + films["series"] + " " + films["description"] + " " + said
        self.words = {film: content_words(text) for film, text in texts.items()}
        names = self.nodes["name"]
        self.surnames = {film: {who: _surname(names[who]) for who in people} for film, people in crew.items()}
        people = self.nodes[(self.nodes["node_type"] == "person") & (self.nodes["description"] != "")]
        self.said = {person: content_words(text) for person, text in people["description"].items()}
        self.names_said = {
            person: {form for name in re.findall(r"[A-Z]\w+", text) for form in (name, name.removesuffix("s"))}
            for person, text in people["description"].items()
        }

    def __call__(self, person: str, film: str) -> bool:
        """Whether the person's description gives the film away."""
        if (person, film) in self.paraphrased:
            return True
        if person not in self.said:
            return False
        others = {name for other, name in self.surnames[film].items() if other != person}
        return bool(self.said[person] & self.words[film] or self.names_said[person] & others)

    def films(self) -> set[str]:
        """Films that somebody's description gives away."""
        pairs = self.credits[["person", "project"]].drop_duplicates()
        return {film for person, film in pairs.itertuples(index=False) if self(person, film)}

    def named(self) -> set[str]:
        """Films and people whom the description of any other node names: a title without its article, a surname."""
        capitalised, phrases = set(), set()
        for text in filter(None, self.nodes["description"]):
            capitalised.update(re.findall(r"\w+", text))
            words = _words(text).split()
            phrases |= {" ".join(words[at : at + size]) for size in range(1, 7) for at in range(len(words) - size + 1)}
        named = set()
        for node_id, kind, name in self.graph.nodes[["node_id", "node_type", "name"]].itertuples(index=False):
            if kind == "person" and _surname(name) in capitalised:
                named.add(node_id)
            if kind in ("person", "project") and _words(re.sub("^(the|an?) ", "", name.casefold())) in phrases:
                named.add(node_id)
        return named


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _surname(name: str) -> str:
    parts = [part for part in re.findall(r"\w+", name) if part not in ("Jr", "Sr", "II", "III")]
    return parts[-1]
