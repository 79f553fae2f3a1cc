"""The exam's questions: how they are kept, and how those that a graph can prove are made from it.

Three families are derived from the graph (*role and genre*, *credit*, *alike*); two are written by hand (*plot*,
*keyword*) and only checked against it. The phrasings here are the exam's own: nothing that a method is trained on may
use them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from kgss_helpers.datasets._io import read_json_lines, write_whole
from kgss_helpers.datasets.films import DATA, HAS_GENRE, HAS_KEYWORD, ROLES
from kgss_helpers.graph import EdgeSplit, GraphError, KnowledgeGraph

Family = Literal["role and genre", "credit", "plot", "keyword", "alike"]
Split = Literal["validation", "test"]
FAMILIES: tuple[Family, ...] = get_args(Family)
DERIVED: tuple[Family, ...] = ("role and genre", "credit", "alike")
QUESTIONS = DATA / "exam.jsonl"

SKILLED_FROM = 3
"""From so many credits on, a role in a genre counts as a skill."""
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
CREDIT_PHRASINGS = {
    "Director": "films directed by {person}",
    "Screenwriter": "screenplays by {person}",
    "Producer": "films produced by {person}",
    "Actor": "films starring {person}",
    "Voice actor": "films with the voice of {person}",
    "Composer": "films scored by {person}",
    "Cinematographer": "films shot by {person}",
    "Editor": "films edited by {person}",
    "Casting director": "films cast by {person}",
    "Production designer": "films designed by {person}",
    "Costume designer": "films with costumes by {person}",
    "Visual effects artist": "films with effects by {person}",
    "Animator": "films animated by {person}",
    "Puppeteer": "films with puppets moved by {person}",
}
ALIKE_PHRASINGS = ("films like {title}", "what to watch after {title}", "something similar to {title}")


@dataclass(frozen=True)
class Question:
    """One question and its answers.

    Attributes:
        question_id: Unique.
        family: Which kind of knowledge it asks for.
        split: Tune on ``"validation"``, report on ``"test"``.
        text: What a person would type.
        node_type: The type of node that is asked for.
        relevant: Node ids of the right answers with a grade: 1 (right), 2 (exactly what was meant).
        anchor: For questions that start from a node ("films like this one"), its id; it is never an answer.
        exclude: Node ids taken out of the ranking because the asker knows them already.
    """

    question_id: str
    family: Family
    split: Split
    text: str
    node_type: str
    relevant: dict[str, int]
    anchor: str | None = None
    exclude: tuple[str, ...] = ()


def load_questions(path: Path | str = QUESTIONS) -> list[Question]:
    """All questions of a file.

    Raises:
        GraphError: A line lacks a field or has a wrong one, contradicts itself, or repeats an id; names file and line.
    """
    questions, seen = [], {}
    for number, record in read_json_lines(path):
        where = f"{Path(path).name}, line {number}"
        if not isinstance(record, dict):
            raise GraphError(f"{where}: not a JSON object; each line is one question")
        exclude = record.get("exclude", [])
        try:
            question = Question(**{**record, "exclude": tuple(exclude) if isinstance(exclude, list) else exclude})
        except TypeError as error:
            raise GraphError(f"{where}: {str(error).replace('Question.__init__() ', '')}") from None
        wrong = _what_is_wrong(question)
        if wrong:
            raise GraphError(f"{where}: {wrong}")
        if question.question_id in seen:
            raise GraphError(
                f"{where}: question_id {question.question_id!r} is there already in line {seen[question.question_id]}"
            )
        seen[question.question_id] = number
        questions.append(question)
    return questions


def _what_is_wrong(question: Question) -> str:
    """What keeps a question from being asked and marked, or an empty string."""
    for name in ("question_id", "text", "node_type"):
        value = getattr(question, name)
        if not isinstance(value, str) or not value.strip():
            return f"{name!r} must be a text that is not empty, found {value!r}"
    if question.family not in FAMILIES or question.split not in get_args(Split):
        return f"unknown family {question.family!r} or split {question.split!r}"
    if not question.relevant:
        return "a question without a right answer cannot be marked; add to 'relevant'"
    graded = isinstance(question.relevant, dict) and all(type(grade) is int for grade in question.relevant.values())
    if not graded or min(question.relevant.values()) < 1:
        return "'relevant' must give each right answer a grade, a whole number from 1"
    if not (question.anchor is None or isinstance(question.anchor, str)):
        return f"'anchor' must be a node id or null, found {question.anchor!r}"
    if not isinstance(question.exclude, tuple) or not all(isinstance(node_id, str) for node_id in question.exclude):
        return f"'exclude' must be a list of node ids, found {question.exclude!r}"
    hidden = next((node_id for node_id in question.relevant if node_id in (question.anchor, *question.exclude)), None)
    return f"{hidden} cannot be right and taken out of the ranking" if hidden else ""


def save_questions(questions: Iterable[Question], path: Path | str = QUESTIONS) -> None:
    """Writes the file whole or not at all."""
    lines = [json.dumps(asdict(question), ensure_ascii=False) for question in questions]
    write_whole(path, "\n".join(lines) + "\n" if lines else "")


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


def skilled_people(graph: KnowledgeGraph) -> pd.DataFrame:
    """Who holds a role in at least `SKILLED_FROM` films of a genre.

    Columns ``role``, ``genre``, ``person``, ``films``.
    """
    edges = graph.edges
    credited = edges[edges["relation"].isin(ROLES)].rename(
        columns={"source": "person", "relation": "role", "target": "project"}
    )
    genres = edges[edges["relation"] == HAS_GENRE].rename(columns={"source": "project", "target": "genre"})
    joined = credited.merge(genres[["project", "genre"]], on="project")
    counted = joined.groupby(["role", "genre", "person"])["project"].nunique().rename("films").reset_index()
    return counted[counted["films"] >= SKILLED_FROM].reset_index(drop=True)


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
