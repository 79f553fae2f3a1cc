"""From a graph to sentences: what an edge says, what is to be said about a node, and rows to learn from.

Subjects verbing objects. Everything here reads one graph and nothing else: give it the training graph, and no held-out
fact can get into a document or a row.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Literal

import pandas as pd

from kgss_helpers.graph import KnowledgeGraph

VERBS = {
    "Director": "directed",
    "Screenwriter": "wrote",
    "Producer": "produced",
    "Actor": "acted in",
    "Voice actor": "lent a voice to",
    "Composer": "scored",
    "Cinematographer": "shot",
    "Editor": "edited",
    "Casting director": "cast",
    "Production designer": "designed",
    "Costume designer": "made the costumes for",
    "Visual effects artist": "made effects for",
    "Animator": "animated",
    "Puppeteer": "moved the puppets of",
    "has genre": "belongs to the genre",
    "has keyword": "has the keyword",
}
HAS_GENRE, HAS_KEYWORD = "has genre", "has keyword"
Style = Literal["name", "films", "skills"]


def verb(relation: str) -> str:
    """The relation as a verb phrase; one that is not a film relation is read as it stands."""
    return VERBS.get(relation, relation.replace("_", " ").strip())


def sentence(subject: str, relation: str, target: str) -> str:
    """One edge as one sentence, for instance ``"George Lucas directed Star Wars."``."""
    return f"{subject} {verb(relation)} {target}."


def sentences(triples: pd.DataFrame) -> list[str]:
    """Each row of `KnowledgeGraph.triples` as one sentence, in order."""
    rows = zip(triples["subject"], triples["relation"], triples["object"], strict=True)
    return [sentence(subject, relation, target) for subject, relation, target in rows]


# ---- documents ---------------------------------------------------------------------------------------------------


def documents(graph: KnowledgeGraph, style: Style = "skills", *, most: int = 5) -> list[str]:
    """One text for each node, in the order of ``graph.nodes``.

    Args:
        graph: The only source; the training graph if the texts are to be used in the exam.
        style: ``"name"``: the name alone. ``"films"``: people with their films, projects with genres and keywords.
            ``"skills"``: like ``"films"``, but people with their genres for each role, most frequent first.
        most: How many genres, films or keywords are listed at most.

    Raises:
        ValueError: The style is unknown.
    """
    names = graph.nodes["name"].tolist()
    if style == "name":
        return names
    if style not in ("films", "skills"):
        raise ValueError(f"unknown style {style!r}; there are 'name', 'films' and 'skills'")
    genres, keywords = _targets(graph, HAS_GENRE), _targets(graph, HAS_KEYWORD)
    said: dict[str, list[str]] = defaultdict(list)
    for person, credits_by_role in _credits(graph).items():
        for role, projects in credits_by_role.items():
            said[person].append(
                _skill(role, projects, genres, most)
                if style == "skills"
                else f"{role} of {_listed([graph.node(project)['name'] for project in projects[:most]])}"
            )
    for project in {*genres, *keywords}:
        if genres[project]:
            said[project].append(f"{_listed(genres[project])} film")
        if keywords[project]:
            said[project].append("about " + _listed(keywords[project][: 2 * most]))
    return [
        ". ".join(filter(None, [name, *said.get(node_id, []), description]))
        for node_id, name, description in graph.nodes[["node_id", "name", "description"]].itertuples(index=False)
    ]


def _skill(role: str, projects: list[str], genres: dict[str, list[str]], most: int) -> str:
    """``"Director of science fiction, adventure and action films"``, most frequent genre first."""
    counts = Counter(genre for project in projects for genre in genres[project])
    named = [genre for genre, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]]
    return f"{role} of {_listed(named).lower()} films" if named else role


def _credits(graph: KnowledgeGraph) -> dict[str, dict[str, list[str]]]:
    """Person → role → projects, roles with most projects first."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for source, relation, target in graph.edges.itertuples(index=False):
        if relation not in (HAS_GENRE, HAS_KEYWORD):
            found[source][relation].append(target)
    return {
        person: dict(sorted(by_role.items(), key=lambda item: (-len(item[1]), item[0])))
        for person, by_role in found.items()
    }


def _targets(graph: KnowledgeGraph, relation: str) -> dict[str, list[str]]:
    """Project → names of what it has by one relation."""
    edges = graph.edges[graph.edges["relation"] == relation]
    names = graph.nodes.set_index("node_id")["name"]
    found: dict[str, list[str]] = defaultdict(list)
    for source, name in zip(edges["source"], names[edges["target"]], strict=True):
        found[source].append(name)
    return found


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
