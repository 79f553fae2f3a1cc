"""The embedded film graph: ``data/films.jsonl`` and ``data/people.csv``, described in ``data/README.md``."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import pandas as pd

from kgss_helpers.datasets.builder import GraphBuilder
from kgss_helpers.datasets.tables import read_table
from kgss_helpers.files import DATA, first_error, read_json_lines, slug
from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD, ROLES
from kgss_helpers.graph import GraphError, KnowledgeGraph


class Film(TypedDict):
    """One line of ``films.jsonl``."""

    title: str
    year: int
    series: str | None
    genres: list[str]
    keywords: list[str]
    companies: list[str]
    countries: list[str]
    links: list[str]
    description: str
    credits: list[list[str]]


def project_id(film: Film) -> str:
    """Title and year make a film's id, since titles alone are used twice."""
    return f"project:{slug(film['title'])}-{film['year']}"


def person_id(credited: str) -> str:
    """The id of a person as credited in ``films.jsonl``.

    The name, with a disambiguation in brackets where two people share it.
    """
    return f"person:{slug(credited)}"


def read_films(path: Path | str | None = None) -> list[Film]:
    """The records of ``films.jsonl``, each checked for its fields and their types.

    Raises:
        GraphError: Names file, line and field of the first problems.
    """
    path = Path(path or DATA / "films.jsonl")
    films, problems = [], []
    for number, record in read_json_lines(path):
        wrong = _wrong_field(record)
        if wrong:
            problems.append(f"{path.name}, line {number}: {wrong}")
        films.append(record)
    if problems:
        raise GraphError(first_error(problems))
    return films


def read_people(path: Path | str | None = None) -> pd.DataFrame:
    """``people.csv``: ``person_id``, ``name``, ``disambiguation``, ``known_for``.

    Only people about whom there is something to say.
    """
    return read_table(path or DATA / "people.csv", ["person_id", "name", "disambiguation", "known_for"], delimiter=",")


def load_films(films: Path | str | None = None, people: Path | str | None = None) -> KnowledgeGraph:
    """The film graph of this workbook.

    People stand in their role to a project (``"Director"``), a project ``"has genre"`` and ``"has keyword"``.
    Projects carry ``year`` and ``series`` as further columns; a person's description is what the person is known for.

    Args:
        films: Another file in the same format; the embedded one if not given.
        people: Likewise for ``people.csv``.

    Raises:
        GraphError: The files do not have the format; names file and line.
    """
    known = read_people(people)
    twice = known[known.duplicated("person_id")]
    if len(twice):
        raise GraphError(f"people.csv, line {twice.index[0]}: {twice['person_id'].iloc[0]} is there twice; keep one")
    people_by_id = dict(zip(known["person_id"], zip(known["name"], known["known_for"], strict=True), strict=True))
    builder = GraphBuilder("films")
    for film in read_films(films):
        project = project_id(film)
        if project in builder:
            raise GraphError(f"films.jsonl: {film['title']} ({film['year']}) is there twice; keep one")
        builder.node(
            project, "project", film["title"], film["description"], year=film["year"], series=film["series"] or ""
        )
        for credited, role in film["credits"]:
            name, known_for = people_by_id.get(person_id(credited), (credited, ""))
            builder.edge(builder.node(person_id(credited), "person", name, known_for), role, project)
        for genre in film["genres"]:
            builder.edge(project, HAS_GENRE, builder.named("genre", genre))
        for keyword in film["keywords"]:
            builder.edge(project, HAS_KEYWORD, builder.named("keyword", keyword))
    return builder.build()


def _wrong_field(record: object) -> str:
    """What is wrong with a record, or an empty string."""
    if not isinstance(record, dict):
        return "not a JSON object; each line is one film"
    for field, kind in (("title", str), ("year", int), ("description", str)):
        if type(record.get(field)) is not kind or not str(record[field]).strip():
            return f"field {field!r} must be {'a whole number' if kind is int else 'a non-empty string'}"
    if not (record.get("series") is None or isinstance(record["series"], str)):
        return "field 'series' must be a string or null"
    for field in ("genres", "keywords", "companies", "countries", "links"):
        values = record.get(field)
        if not isinstance(values, list) or not all(isinstance(value, str) and value.strip() for value in values):
            return f"field {field!r} must be a list of non-empty strings"
    credited = record.get("credits")
    for credit in credited if isinstance(credited, list) and credited else [credited]:
        if not (
            isinstance(credit, list)
            and len(credit) == 2
            and all(isinstance(part, str) and part.strip() for part in credit)
        ):
            return f"field 'credits' must be a list of [person, role] pairs, found {credit!r}"
        if credit[1] not in ROLES:
            return f"{credit[0]} has the unknown role {credit[1]!r}; roles are {', '.join(ROLES)}"
    return ""
