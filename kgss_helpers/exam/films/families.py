"""The families of the film exam and how the graph proves their answers.

In all families that ask for people with a skill, whoever only held-out facts prove is neither right nor wrong: such
people leave the ranking, and *implicit* asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import cycle

import numpy as np
import pandas as pd

from kgss_helpers.exam.films import by_hand
from kgss_helpers.exam.films.holdout import HoldOut, lot, side
from kgss_helpers.exam.films.proof import THEME_FROM, THEME_MANY, Facts, content_words, grades, right, targets
from kgss_helpers.films.roles import HAS_KEYWORD, ROLES, TABLE
from kgss_helpers.films.skills import MANY, SKILLED_FROM
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Question, Split

FEWEST_ANSWERS, MOST_ANSWERS = 2, 100
"""Of questions about a role and a genre or a theme: so many known people whom the whole graph proves."""
ALIKE_FROM, ALIKE_RARITY = 3, 12.0
"""Two films count as alike from so many shared content keywords on, if these are rare enough together.

The rarity of a keyword is the natural logarithm of the number of films over the number of those that have it.
"""
FEWEST_ALIKE, MOST_ALIKE = 3, 60
MOST_CREDIT, MOST_IMPLICIT, MOST_ASKED_ALIKE, MOST_NEWCOMER = 80, 80, 75, 24
"""So many questions a half; of newcomers, so many of each kind."""
PHRASINGS = (
    "a {role} of {genre} films",
    "a good {genre} {role}",
    "which {role} has made several {genre} movies?",
    "we need a {role} who knows {genre} films well",
)
PROMISING = (
    "a {role} who would suit {genre} films",
    "a {role} to discover for {genre} films",
    "who could well be a {genre} {role}, though nobody says so yet?",
)
GENRE_WORDS = {
    "Animation": "animated", "Biography": "biographical", "Family": "children's", "History": "historical",
    "Musical": "musical", "Romance": "romantic", "Science fiction": "sci-fi", "Sport": "sports",
}  # fmt: skip
CREDIT_PHRASINGS = {role.name: role.question for role in TABLE}
ALIKE_PHRASINGS = ("films like {title}", "what to watch after {title}", "something similar to {title}")
HALVES: tuple[Split, Split] = ("validation", "test")


class Families:
    """Makes all questions from a hold-out: each family is a method.

    Attributes:
        meant: Question id → the role and the genre (its id) or the keywords (their ids) that a question means, for
            those made so far.
    """

    def __init__(self, held_out: HoldOut) -> None:
        self.held_out, self.graph = held_out, held_out.graph
        self.nodes = self.graph.nodes.set_index("node_id")
        self.names = self.nodes["name"]
        self.meant: dict[str, tuple[str, str | tuple[str, ...]]] = {}
        self.facts, self.training = Facts(self.graph), Facts(held_out.training_graph)
        self.with_newcomers = Facts(held_out.newcomer_graph)
        counted = self.facts.genres
        self.right = counted[right(counted)]
        self.known = ~self.right["person"].isin(held_out.newcomers)
        self.proved = self.training.proved()
        self._right_by_skill = dict(list(self.right.groupby(["role", "genre"])))
        self.genres = {name: node_id for node_id, name in self._names_of("genre")}
        self.keywords = {name: node_id for node_id, name in self._names_of("keyword")}

    def _names_of(self, kind: str) -> Iterator[tuple[str, str]]:
        yield from self.names[self.nodes["node_type"] == kind].items()

    def all(self) -> list[Question]:
        """Every question without its variants, family by family, by id within a family."""
        makers = (
            self.role_and_genre, self.other_words, self.theme, self.plot, self.keyword, self.alike, self.credit,
            self.implicit, self.newcomer,
        )  # fmt: skip
        return [question for make in makers for question in sorted(make(), key=lambda question: question.question_id)]

    def _means(self, name: str, role: str, about: str | tuple[str, ...]) -> str:
        """Notes what a question means and gives its id back."""
        self.meant[name] = (role, about)
        return name

    # ---- people with a skill -------------------------------------------------------------------------------------

    def _right_people(self, role: str, genre: str) -> pd.Series:
        """Person → number of films, newcomers included."""
        found = self._right_by_skill.get((role, genre), self.right.iloc[:0])
        return found.set_index("person")["films"]

    def _skilled(self, role: str, genre: str) -> tuple[dict[str, int], tuple[str, ...]]:
        """Known people with a role in a genre: those whom the training graph proves, with grades, and the others."""
        films = self._right_people(role, genre)
        films = films[~films.index.isin(self.held_out.newcomers)]
        sure = [person for person in films.index if (role, genre, person) in self.proved]
        return grades(films[sure], MANY), tuple(sorted(set(films.index) - set(sure)))

    def role_and_genre(self) -> Iterator[Question]:
        """Questions such as "a good sci-fi director"."""
        phrasings = cycle(PHRASINGS)
        combinations = []
        for role, genre in sorted(set(self.right[["role", "genre"]].itertuples(index=False, name=None))):
            relevant, others = self._skilled(role, genre)
            if _enough(relevant, others):
                combinations.append((role, genre, relevant, others))
        splits = _halves([f"{role}|{genre}" for role, genre, *_ in combinations])
        for (role, genre, relevant, others), split in zip(combinations, splits, strict=True):
            text = self._ask(next(phrasings), role, genre)
            name = self._means(_id(role, self.names[genre]), role, genre)
            yield Question(name, "role and genre", split, text, "person", relevant, exclude=others)

    def _ask(self, phrasing: str, role: str, genre: str) -> str:
        word = GENRE_WORDS.get(self.names[genre], self.names[genre].lower())
        return re.sub(r"\ba (?=[aeiou])", "an ", phrasing.format(role=role.lower(), genre=word))

    def other_words(self) -> Iterator[Question]:
        """The same in somebody's own words."""
        for split in HALVES:
            for asked in by_hand.other_words(split):
                relevant, others = self._skilled(asked.role, self.genres.get(asked.genre, ""))
                if _enough(relevant, others):
                    name = _id("other words", split, asked.role, asked.genre)
                    self._means(name, asked.role, self.genres[asked.genre])
                    yield Question(name, "other words", split, asked.text, "person", relevant, exclude=others)

    def theme(self) -> Iterator[Question]:
        """A role and a theme in free words; right is who has at least two such credits."""
        for asked in by_hand.themes():
            films, training = self._themed(asked, self.facts), self._themed(asked, self.training)
            films = films[~films.index.isin(self.held_out.newcomers)]
            sure = films[films.index.isin(training.index)]
            relevant, others = grades(sure, THEME_MANY), tuple(sorted(set(films.index) - set(sure.index)))
            if _enough(relevant, others):
                name = _id("theme", asked.theme, asked.role)
                self._means(name, asked.role, self.keyword_ids(asked.keywords))
                yield Question(name, "theme", asked.split, asked.text, "person", relevant, exclude=others)

    def _themed(self, asked: by_hand.Theme, facts: Facts) -> pd.Series:
        """Person → number of credits in the role with a keyword of the theme, where there are enough."""
        counted = facts.of_theme(asked.role, self.keyword_ids(asked.keywords))
        return counted[counted >= THEME_FROM]

    def keyword_ids(self, names: Iterable[str]) -> tuple[str, ...]:
        """The ids of keywords by name; a name that the graph does not have is left out."""
        return tuple(self.keywords[name] for name in names if name in self.keywords)

    # ---- by hand -------------------------------------------------------------------------------------------------

    def plot(self) -> Iterator[Question]:
        """A retelling; one film is right."""
        for film, split, text in by_hand.plots():
            yield Question(f"plot-{film.removeprefix('project:')}", "plot", split, text, "project", {film: 1})

    def keyword(self) -> Iterator[Question]:
        """A phrase; right are the keywords that two judges agree on. One that says the phrase itself leaves."""
        for phrase, split, judged in by_hand.agreed_keywords():
            relevant = {self.keywords[name]: grade for name, grade in judged.items() if name in self.keywords}
            same = tuple(filter(None, [self.keywords.get(phrase.casefold())]))
            relevant = {node_id: grade for node_id, grade in sorted(relevant.items()) if node_id not in same}
            if relevant:
                yield Question(_id("keyword", phrase), "keyword", split, phrase, "keyword", relevant, exclude=same)

    # ---- alike ---------------------------------------------------------------------------------------------------

    def alike(self) -> Iterator[Question]:
        """Given a known film: right is its series (grade 2) and what shares content keywords with it (grade 1).

        Films that share a word of their title with it leave the ranking: word match alone would find them.
        """
        films = [film for film, _ in self._names_of("project") if film not in self.held_out.newcomers]
        yield from self._alike(films, films, "alike", "alike", FEWEST_ALIKE, MOST_ASKED_ALIKE)

    def _alike(
        self, anchors: Sequence[str], films: Sequence[str], family: str, prefix: str, fewest: int, most: int
    ) -> Iterator[Question]:
        graded = self._alike_grades(anchors, films)
        titles = {film: content_words(self.names[film]) for film in {*anchors, *films}}
        made = []
        for row, anchor in enumerate(anchors):
            found = {films[column]: int(graded[row, column]) for column in np.flatnonzero(graded[row])}
            same = {film for film in films if film != anchor and titles[film] & titles[anchor]}
            relevant = {film: grade for film, grade in sorted(found.items()) if film not in same and film != anchor}
            if fewest <= len(relevant) <= MOST_ALIKE:
                made.append((anchor, relevant, tuple(sorted(same))))
        phrasings = cycle(ALIKE_PHRASINGS)
        for split in HALVES:
            asked = [one for one in made if side(prefix, one[0]) == split]
            for anchor, relevant, same in sorted(asked, key=lambda one: lot(prefix, one[0]))[:most]:
                text = next(phrasings).format(title=self.names[anchor])
                name = _id(prefix, anchor.removeprefix("project:"))
                yield Question(name, family, split, text, "project", relevant, anchor=anchor, exclude=same)

    def _alike_grades(self, anchors: Sequence[str], films: Sequence[str]) -> np.ndarray:
        """Shape (anchors, films): 2 for the same series, 1 for enough shared content keywords, else 0."""
        shared, rare = shared_keywords(self.graph, anchors, films)
        first, second = (self.nodes["series"].reindex(nodes).to_numpy() for nodes in (anchors, films))
        same_series = (first[:, None] == second[None, :]) & (first[:, None] != "")
        return np.where(same_series, 2, ((shared >= ALIKE_FROM) & (rare >= ALIKE_RARITY)).astype(int))

    # ---- foresight -----------------------------------------------------------------------------------------------

    def credit(self) -> Iterator[Question]:
        """Questions such as "films scored by …": right are held-out credits only, the known ones leave the ranking."""
        known = self.graph.edges.groupby(["source", "relation"])["target"].agg(set)
        training = self.held_out.training_graph.edges.groupby(["source", "relation"]).size()
        for split in HALVES:
            edges = getattr(self.held_out, split)
            edges = edges[edges["relation"].isin(ROLES)]
            asked = [
                (person, role, sorted(films))
                for (person, role), films in edges.groupby(["source", "relation"])["target"]
                if training.get((person, role), 0) >= SKILLED_FROM
            ]
            asked.sort(key=lambda one: lot("asked", one[0], one[1]))
            for person, role, films in asked[:MOST_CREDIT]:
                text = CREDIT_PHRASINGS[role].format(person=self.names[person])
                others = tuple(sorted(known[person, role] - set(films) - self.held_out.newcomers))
                name = _id("credit", split, role, person.removeprefix("person:"))
                yield Question(name, "credit", split, text, "project", dict.fromkeys(films, 1), exclude=others)

    def implicit(self) -> Iterator[Question]:
        """A role and a genre: right is whom only the held-out credits of this half prove; all others proved leave."""
        phrasings = cycle(PROMISING)
        for split in HALVES:
            held_out = getattr(self.held_out, split)
            edges = pd.concat([self.held_out.training_graph.edges, held_out])
            later = Facts(self.graph.with_edges(edges)).proved() - self.proved
            asked = []
            for (role, genre), found in self.right[self.known].groupby(["role", "genre"]):
                people = set(found["person"])
                relevant = {person for person in people if (role, genre, person) in later}
                others = people | {who for which, what, who in self.proved if (which, what) == (role, genre)}
                if relevant:
                    asked.append((role, genre, sorted(relevant), tuple(sorted(others - relevant))))
            asked.sort(key=lambda one: lot("implicit", split, one[0], one[1]))
            for role, genre, relevant, others in asked[:MOST_IMPLICIT]:
                text = self._ask(next(phrasings), role, genre)
                name = self._means(_id("implicit", split, role, self.names[genre]), role, genre)
                yield Question(name, "implicit", split, text, "person", dict.fromkeys(relevant, 1), exclude=others)

    # ---- newcomers -----------------------------------------------------------------------------------------------

    def newcomer(self) -> Iterator[Question]:
        """Questions of the other kinds; answers are newcomers, and only newcomers are ranked."""
        yield from self._newcomers_by_skill()
        yield from self._newcomers_in_other_words()
        yield from self._newcomers_by_theme()
        films = [film for film, _ in self._names_of("project") if film not in self.held_out.newcomers]
        new = [film for film, _ in self._names_of("project") if film in self.held_out.newcomers]
        yield from self._alike(films, new, "newcomer", "newcomer-alike", 1, MOST_NEWCOMER)

    def _new_people(self, role: str, genre: str) -> dict[str, int]:
        films = self._right_people(role, genre)
        return grades(films[films.index.isin(self.held_out.newcomers)], MANY)

    def _newcomers_by_skill(self) -> Iterator[Question]:
        phrasings = cycle(PHRASINGS)
        asked = sorted(set(self.right[~self.known][["role", "genre"]].itertuples(index=False, name=None)))
        for split in HALVES:
            of_half = [pair for pair in asked if side("newcomer", *pair) == split]
            for role, genre in sorted(of_half, key=lambda pair: lot("newcomer", *pair))[:MOST_NEWCOMER]:
                text = self._ask(next(phrasings), role, genre)
                name = self._means(_id("newcomer", role, self.names[genre]), role, genre)
                yield Question(name, "newcomer", split, text, "person", self._new_people(role, genre))

    def _newcomers_in_other_words(self) -> Iterator[Question]:
        for split in HALVES:
            asked = [
                (one, relevant)
                for one in by_hand.other_words(split)
                if (relevant := self._new_people(one.role, self.genres.get(one.genre, "")))
            ]
            asked.sort(key=lambda pair: lot("newcomer", pair[0].text))
            for one, relevant in asked[:MOST_NEWCOMER]:
                name = _id("newcomer other words", split, one.role, one.genre)
                self._means(name, one.role, self.genres[one.genre])
                yield Question(name, "newcomer", split, one.text, "person", relevant)

    def _newcomers_by_theme(self) -> Iterator[Question]:
        asked: dict[Split, list[Question]] = {split: [] for split in HALVES}
        for one in by_hand.themes():
            films, seen = self._themed(one, self.facts), self._themed(one, self.with_newcomers)
            films = films[films.index.isin(self.held_out.newcomers)]
            sure = films[films.index.isin(seen.index)]
            relevant, others = grades(sure, THEME_MANY), tuple(sorted(set(films.index) - set(sure.index)))
            if relevant:
                name = _id("newcomer theme", one.theme, one.role)
                self._means(name, one.role, self.keyword_ids(one.keywords))
                asked[one.split].append(
                    Question(name, "newcomer", one.split, one.text, "person", relevant, exclude=others)
                )
        for questions in asked.values():
            yield from sorted(questions, key=lambda question: lot(question.question_id))[:MOST_NEWCOMER]


def _enough(relevant: Collection[str], others: Collection[str]) -> bool:
    """Whether one can be found, and not only one person in the graph is meant, nor everybody."""
    return len(relevant) > 0 and FEWEST_ANSWERS <= len(relevant) + len(others) <= MOST_ANSWERS


def shared_keywords(
    graph: KnowledgeGraph, anchors: Sequence[str], films: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """How many content keywords two films share, and how rare these are together; both of shape (anchors, films)."""
    edges = targets(graph, HAS_KEYWORD)
    names = graph.nodes.set_index("node_id")["name"]
    edges = edges[~names[edges["target"]].isin(by_hand.formal_keywords()).to_numpy()]
    has = pd.crosstab(edges["project"], edges["target"]).astype(float)
    rarity = np.log(len(has) / has.sum()).to_numpy()
    left, right = (has.reindex(nodes, fill_value=0.0).to_numpy() for nodes in (anchors, films))
    return left @ right.T, (left * rarity) @ right.T


def _halves(keys: Sequence[str]) -> list[Split]:
    """Validation and test in equal numbers, by lot."""
    order = sorted(range(len(keys)), key=lambda row: lot("half", keys[row]))
    split = dict(zip(order, cycle(HALVES), strict=False))
    return [split[row] for row in range(len(keys))]


def _id(*words: str) -> str:
    return " ".join(words).lower().replace(" ", "-")
