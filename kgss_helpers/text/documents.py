"""One text for each node: its name, what it is joined to, or what it can do."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal, get_args

from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD, SKILLS
from kgss_helpers.films.skills import credits_of, skill_phrases, skills_of
from kgss_helpers.films.wording import ABOUT_KEYWORDS, CREDITED_IN, OF_GENRES, ROLE_IN
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.text.schema import has_genres, role_name, schema_of, skills_by_subject
from kgss_helpers.text.sentences import listed, verb

Style = Literal["name", "films", "skills"]


def documents(graph: KnowledgeGraph, style: Style = "skills", *, most: int = 5) -> list[str]:
    """One text for each node, in the order of ``graph.nodes``.

    Args:
        graph: The only source; the training graph if the texts are to be used in the exam.
        style: ``"name"``: the name alone. ``"films"``: people with their films, projects with genres and keywords, and
            what describes them. ``"skills"``: projects likewise; of people with skills (a role in a genre, from
            `SKILLED_FROM` credits on) nothing except these, the most frequent first; of others only where they were
            credited, since one credit is no skill. A relation that is no role is said as it stands in both. Where a
            graph has no genres, ``"skills"`` says of everybody in which roles they know which subjects
            (`kgss_helpers.text.schema.skills_by_subject`), and then what is no role.
        most: How many genres and films are listed at most, and half of the keywords.

    Raises:
        ValueError: The style is unknown.
    """
    if style not in get_args(Style):
        raise ValueError(f"unknown style {style!r}; there are {', '.join(get_args(Style))}")
    names = dict(zip(graph.nodes["node_id"], graph.nodes["name"], strict=True))
    if style == "name":
        return list(names.values())
    form = ROLE_IN if style == "films" else CREDITED_IN
    said = _said_of_projects(graph, most)
    for node_id, phrases in _said_of_people(graph, names, form, most).items():
        said.setdefault(node_id, []).extend(phrases)
    skilled: dict[str, list[str]] = {}
    if style == "skills" and has_genres(graph):
        skilled = {person: skill_phrases(found) for person, found in skills_of(graph).items()}
    elif style == "skills":
        said |= _said_of_skilled(graph, names, most)
    return [
        ". ".join(filter(None, [name, *skilled.get(node_id, [*said.get(node_id, []), description])]))
        for node_id, name, description in graph.nodes[["node_id", "name", "description"]].itertuples(index=False)
    ]


def _said_of_projects(graph: KnowledgeGraph, most: int) -> dict[str, list[str]]:
    genres, keywords = _targets(graph, HAS_GENRE), _targets(graph, HAS_KEYWORD)
    said: dict[str, list[str]] = defaultdict(list)
    for project in {*genres, *keywords}:
        if genres[project]:
            said[project].append(OF_GENRES.format(genres=listed(genres[project][:most])))
        if keywords[project]:
            said[project].append(ABOUT_KEYWORDS.format(keywords=listed(keywords[project][: 2 * most])))
    return said


def _said_of_people(graph: KnowledgeGraph, names: dict[str, str], form: str, most: int) -> dict[str, list[str]]:
    def say(role: str, projects: list[str]) -> str:
        titles = listed([names[project] for project in projects[:most]])
        return form.format(role=role, titles=titles) if role in SKILLS else f"{verb(role)} {titles}"

    return {
        person: [say(role, projects) for role, projects in by_role.items()]
        for person, by_role in credits_of(graph).items()
    }


def _said_of_skilled(graph: KnowledgeGraph, names: dict[str, str], most: int) -> dict[str, list[str]]:
    """Of those who know subjects: role by role, the best known first, and then relations that are no roles."""
    roles, joined, said = schema_of(graph).role_relations, credits_of(graph), {}
    for holder, skills in skills_by_subject(graph).items():
        subjects: dict[str, list[str]] = defaultdict(list)
        for role, subject, _ in skills:
            subjects[role].append(subject)
        said[holder] = [f"{role_name(role)} in {listed(known[: 2 * most])}" for role, known in subjects.items()]
        others = {relation: targets for relation, targets in joined[holder].items() if relation not in roles}
        said[holder] += [f"{verb(role)} {listed([names[at] for at in ids[:most]])}" for role, ids in others.items()]
    return said


def _targets(graph: KnowledgeGraph, relation: str) -> dict[str, list[str]]:
    """Project → names of what it has by one relation."""
    edges = graph.edges[graph.edges["relation"] == relation]
    names = graph.nodes.set_index("node_id")["name"]
    found: dict[str, list[str]] = defaultdict(list)
    for source, name in zip(edges["source"], names[edges["target"]], strict=True):
        found[source].append(name)
    return found
