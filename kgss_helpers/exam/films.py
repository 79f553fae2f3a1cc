"""The film exam: its split, its families and how the graph proves them, its table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import cycle
from typing import Literal, get_args

import numpy as np
import pandas as pd

from kgss_helpers.datasets.films import load_films
from kgss_helpers.exam import sitting
from kgss_helpers.exam.results import ALL, ExamResult, recorded
from kgss_helpers.files import DATA
from kgss_helpers.films.roles import HAS_KEYWORD, ROLES, TABLE
from kgss_helpers.films.skills import SKILLED_FROM, skilled_people
from kgss_helpers.graph import EdgeSplit, KnowledgeGraph
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.question import Question, Split, load_questions

Family = Literal["role and genre", "credit", "plot", "keyword", "alike"]
FAMILIES: tuple[Family, ...] = get_args(Family)
DERIVED: tuple[Family, ...] = ("role and genre", "credit", "alike")
QUESTIONS = DATA / "exam.jsonl"
ALIKE_FROM = 3
"""From so many shared keywords on, two films count as alike."""
HELD_OUT_FROM = 5
"""Who has so many credits in a role may lose some of them to validation and test."""
HELD_OUT_SEED = 1977
FEWEST_ANSWERS, MOST_ANSWERS = 3, 60
ROLE_AND_GENRE_PHRASINGS = (
    "a {role} of {genre} films",
    "a good {genre} {role}",
    "which {role} has made several {genre} movies?",
    "we need a {role} who knows {genre} films well",
)
GENRE_WORDS = {
    "Animation": "animated", "Biography": "biographical", "Family": "children's", "History": "historical",
    "Musical": "musical", "Romance": "romantic", "Science fiction": "sci-fi", "Sport": "sports",
}  # fmt: skip
CREDIT_PHRASINGS = {role.name: role.question for role in TABLE}
ALIKE_PHRASINGS = ("films like {title}", "what to watch after {title}", "something similar to {title}")


def hold_out(graph: KnowledgeGraph) -> EdgeSplit:
    """The exam's split of the film graph: some credits for validation, as many for test, all else for training.

    Only people with `HELD_OUT_FROM` credits in a role or more lose any of them, a tenth on each side. Who has three
    keeps three: a skill that the questions ask for should not be hidden from every method. A credit that somebody's
    description gives away by naming the film, with or without its article, stays in training too: descriptions are
    there for every method to read, so it could not be held out in earnest.
    """
    triples = graph.triples()
    descriptions = graph.nodes.set_index("node_id")["description"]
    in_role = graph.edges.groupby(["source", "relation"])["target"].transform("size")
    kept = [
        row
        for row, (source, title, count) in enumerate(zip(triples["source"], triples["object"], in_role, strict=True))
        if count < HELD_OUT_FROM or _without_article(title) in descriptions[source].casefold()
    ]
    roles = [role for role in ROLES if role in set(graph.edges["relation"])]
    return graph.split_edges(validation=0.1, test=0.1, relations=roles, never_hold_out=kept, seed=HELD_OUT_SEED)


def _without_article(title: str) -> str:
    return re.sub(r"^(the|an?) ", "", title.casefold())


def derive_questions(graph: KnowledgeGraph, *, seed: int = 0) -> list[Question]:
    """The three families that the graph proves, in a reproducible order."""
    rng = np.random.default_rng(seed)
    return [*role_and_genre(graph, rng), *credit(graph, hold_out(graph), rng), *alike(graph, rng)]


def role_and_genre(graph: KnowledgeGraph, rng: np.random.Generator) -> Iterator[Question]:
    """Questions such as "a director of science-fiction films": right is who has at least three such credits."""
    names = graph.nodes.set_index("node_id")["name"]
    combinations = [
        (role, genre, sorted(people))
        for (role, genre), people in skilled_people(graph).groupby(["role", "genre"])["person"]
        if FEWEST_ANSWERS <= len(people) <= MOST_ANSWERS
    ]
    phrasings = cycle(ROLE_AND_GENRE_PHRASINGS)
    for (role, genre, people), split in zip(combinations, _halves(len(combinations), rng), strict=True):
        word = GENRE_WORDS.get(names[genre], names[genre].lower())
        text = re.sub(r"\ba (?=[aeiou])", "an ", next(phrasings).format(role=role.lower(), genre=word))
        yield Question(
            f"{role} {names[genre]}".lower().replace(" ", "-"),
            "role and genre",
            split,
            text,
            "person",
            dict.fromkeys(people, 1),
        )


def credit(
    graph: KnowledgeGraph, held_out: EdgeSplit, rng: np.random.Generator, *, most: int = 70
) -> Iterator[Question]:
    """Questions such as "films scored by …": right are held-out credits only, the known ones leave the ranking."""
    names = graph.nodes.set_index("node_id")["name"]
    known = graph.edges.groupby(["source", "relation"])["target"].agg(set)
    training = held_out.train.groupby(["source", "relation"]).size()
    for split, edges in (("validation", held_out.validation), ("test", held_out.test)):
        asked = [
            (person, role, sorted(films))
            for (person, role), films in edges.groupby(["source", "relation"])["target"]
            if training.get((person, role), 0) >= SKILLED_FROM
        ]
        for chosen in sorted(rng.permutation(len(asked))[:most]):
            person, role, films = asked[chosen]
            text = CREDIT_PHRASINGS[role].format(person=names[person])
            others = tuple(sorted(known[person, role] - set(films)))
            name = f"{split}-{role}-{person.removeprefix('person:')}".lower().replace(" ", "-")
            yield Question(name, "credit", split, text, "project", dict.fromkeys(films, 1), exclude=others)


def alike(graph: KnowledgeGraph, rng: np.random.Generator, *, most: int = 100) -> Iterator[Question]:
    """Given a film: right is its series (grade 2) and what shares at least three keywords with it (grade 1)."""
    projects = graph.nodes[graph.nodes["node_type"] == "project"].set_index("node_id")
    keyword_edges = graph.edges[graph.edges["relation"] == HAS_KEYWORD]
    has = pd.crosstab(keyword_edges["source"], keyword_edges["target"]).reindex(projects.index, fill_value=0).to_numpy()
    series = projects["series"].to_numpy()
    grades = np.where(
        (series[:, None] == series[None, :]) & (series[:, None] != ""), 2, (has @ has.T >= ALIKE_FROM).astype(int)
    )
    np.fill_diagonal(grades, 0)
    answers = (grades > 0).sum(axis=1)
    asked = np.flatnonzero((answers >= FEWEST_ANSWERS) & (answers <= MOST_ANSWERS))
    asked = np.sort(rng.permutation(asked)[:most])
    phrasings = cycle(ALIKE_PHRASINGS)
    for film, split in zip(asked, _halves(len(asked), rng), strict=True):
        node_id = projects.index[film]
        relevant = {projects.index[other]: int(grades[film, other]) for other in np.flatnonzero(grades[film])}
        text = next(phrasings).format(title=projects["name"].iloc[film])
        yield Question(
            f"alike-{node_id.removeprefix('project:')}", "alike", split, text, "project", relevant, anchor=node_id
        )


def _halves(count: int, rng: np.random.Generator) -> list[Split]:
    """Validation and test in equal numbers, in random order."""
    return [("validation", "test")[which] for which in rng.permutation(np.arange(count) % 2)]


RESULTS = DATA / "results" / "exam"
_SAT: dict[tuple[str, str], ExamResult] = {}
"""What sat the film exam in this session, by method and split."""


@cache
def film_exam() -> tuple[EdgeSplit, tuple[Question, ...]]:
    """The film graph's split and its questions, read once.

    ``film_exam()[0].training_graph`` is what a method may see.
    """
    return hold_out(load_films()), tuple(load_questions(QUESTIONS))


def training_graph() -> KnowledgeGraph:
    """The film graph without the credits held out for the exam: the only graph a method may learn from."""
    return film_exam()[0].training_graph


def sit(
    method: Method | Encoder,
    *,
    split: Split = "test",
    graph: KnowledgeGraph | None = None,
    questions: Sequence[Question] | None = None,
    fit: bool = True,
) -> ExamResult:
    """Lets a method sit the film exam, or any other.

    Args:
        method: As for `kgss_helpers.exam.sitting.sit`.
        split: ``"validation"`` while tuning, ``"test"`` to report.
        graph: What the method may see; the film graph without its held-out credits if not given. A graph comes with
            its questions.
        questions: Of any families; those of the film exam if not given.
        fit: Fit an encoder on the graph first; False for one that is trained already.

    Returns:
        What it scored; with the film exam's own questions it also joins `table` for the rest of the session.

    Raises:
        ValueError: As `kgss_helpers.exam.sitting.sit` does, or a graph is given without questions.
    """
    if graph is not None and questions is None:
        raise ValueError(f"the film exam's questions are not about {graph.name}: pass questions= that it answers")
    graph = training_graph() if graph is None else graph
    asked = film_exam()[1] if questions is None else questions
    result = sitting.sit(method, graph=graph, questions=asked, split=split, fit=fit)
    if questions is None:
        result = ExamResult(result.method, split, in_order(result.scores))
        _SAT[method.name, split] = result
    return result


def in_order(scores: pd.DataFrame) -> pd.DataFrame:
    """The same rows with the families in the order of `FAMILIES`."""
    return scores.sort_values("family", key=lambda column: column.map(FAMILIES.index), kind="stable", ignore_index=True)


def table(metric: str = "nDCG@10", *, split: Split = "test") -> pd.DataFrame:
    """Every method's row, worst first.

    Shows what is recorded in ``data/results/exam`` and what sat the exam in this session.

    Raises:
        ValueError: The metric is unknown.
    """
    ExamResult.require_metric(metric)
    results = {(result.method, result.split): result for result in recorded(RESULTS)} | _SAT
    rows = [result.row(metric) for (_, which), result in results.items() if which == split]
    if not rows:
        return pd.DataFrame()
    return pd.DataFrame(rows).rename_axis("method").sort_values(ALL, kind="stable")
