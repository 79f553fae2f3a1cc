"""From a graph to sentences: what an edge says, what is to be said about a node, and rows to learn from.

Subjects verbing objects. Everything here reads one graph and nothing else: give it the training graph, and no held-out
fact can get into a document or a row.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from kgss_helpers.datasets.films import HAS_GENRE, HAS_KEYWORD
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
SKILLS = {
    "Director": "Directing",
    "Screenwriter": "Screenwriting",
    "Producer": "Producing",
    "Actor": "Acting",
    "Voice actor": "Voice acting",
    "Composer": "Composing",
    "Cinematographer": "Cinematography",
    "Editor": "Editing",
    "Casting director": "Casting",
    "Production designer": "Production design",
    "Costume designer": "Costume design",
    "Visual effects artist": "Visual effects",
    "Animator": "Animation",
    "Puppeteer": "Puppetry",
}
"""What somebody in a role can do."""
Style = Literal["name", "films", "skills"]
SEVERAL, MANY = 3, 6
"""From so many on, a number is called so; see `how_often`."""


def verb(relation: str) -> str:
    """The relation as a verb phrase; one that is not a film relation is read as it stands."""
    return VERBS.get(relation, relation.replace("_", " ").strip())


def sentence(subject: str, relation: str, target: str) -> str:
    """One edge as one sentence, for instance ``"George Lucas directed Star Wars."``."""
    return f"{subject} {verb(relation)} {target}."


def seen_from(here: str, relation: str, direction: str, other: str) -> str:
    """The sentence of an edge that leaves (``"out"``) or reaches (``"in"``) the one who looks at it."""
    return sentence(here, relation, other) if direction == "out" else sentence(other, relation, here)


def sentences(triples: pd.DataFrame) -> list[str]:
    """Each row of `KnowledgeGraph.triples` as one sentence, in order."""
    rows = zip(triples["subject"], triples["relation"], triples["object"], strict=True)
    return [sentence(subject, relation, target) for subject, relation, target in rows]


# ---- documents ---------------------------------------------------------------------------------------------------


def documents(graph: KnowledgeGraph, style: Style = "skills", *, most: int = 5) -> list[str]:
    """One text for each node, in the order of ``graph.nodes``.

    Args:
        graph: The only source; the training graph if the texts are to be used in the exam.
        style: ``"name"``: the name alone. ``"films"``: people with their films, projects with genres and keywords, and
            what describes them. ``"skills"``: projects likewise; of people with skills (a role in a genre, from
            `SEVERAL` credits on) nothing except these, the most frequent first; of others only where they were
            credited, since one credit is no skill.
        most: How many genres and films are listed at most, and half of the keywords.

    Raises:
        ValueError: The style is unknown.
    """
    if style not in get_args(Style):
        raise ValueError(f"unknown style {style!r}; there are {', '.join(get_args(Style))}")
    names = dict(zip(graph.nodes["node_id"], graph.nodes["name"], strict=True))
    if style == "name":
        return list(names.values())
    form = "{role} of {titles}" if style == "films" else "Credited in {titles}"
    said = _said_of_projects(graph, most) | _said_of_people(graph, names, form, most)
    skilled = {person: skill_phrases(found) for person, found in skills_of(graph).items()} if style == "skills" else {}
    return [
        ". ".join(filter(None, [name, *skilled.get(node_id, [*said.get(node_id, []), description])]))
        for node_id, name, description in graph.nodes[["node_id", "name", "description"]].itertuples(index=False)
    ]


def skill_phrases(skills: Sequence[tuple[str, str, int]]) -> list[str]:
    """For instance ``"Director in science fiction"``; within a role, the genre with most credits first."""
    roles = list(dict.fromkeys(role for role, _, _ in skills))
    ordered = sorted(skills, key=lambda skill: (roles.index(skill[0]), -skill[2]))
    return [f"{role} in {genre.lower()}" for role, genre, _ in ordered]


def skills_of(graph: KnowledgeGraph) -> dict[str, list[tuple[str, str, int]]]:
    """Person → role, genre and number of credits, from `SEVERAL` on; the role with most credits first.

    Genres in the order of the alphabet.
    """
    genres = _targets(graph, HAS_GENRE)
    found: dict[str, list[tuple[str, str, int]]] = {}
    for person, by_role in credits_of(graph).items():
        for role, projects in by_role.items():
            counts = Counter(genre for project in projects for genre in genres[project])
            skills = [(role, genre, count) for genre, count in sorted(counts.items()) if count >= SEVERAL]
            if skills:
                found.setdefault(person, []).extend(skills)
    return found


def _said_of_projects(graph: KnowledgeGraph, most: int) -> dict[str, list[str]]:
    genres, keywords = _targets(graph, HAS_GENRE), _targets(graph, HAS_KEYWORD)
    said: dict[str, list[str]] = defaultdict(list)
    for project in {*genres, *keywords}:
        if genres[project]:
            said[project].append(f"{listed(genres[project][:most])} film")
        if keywords[project]:
            said[project].append("about " + listed(keywords[project][: 2 * most]))
    return said


def _said_of_people(graph: KnowledgeGraph, names: dict[str, str], form: str, most: int) -> dict[str, list[str]]:
    def say(role: str, projects: list[str]) -> str:
        titles = listed([names[project] for project in projects[:most]])
        return form.format(role=role, role_lower=role.lower(), titles=titles)

    return {
        person: [say(role, projects) for role, projects in by_role.items()]
        for person, by_role in credits_of(graph).items()
    }


def how_often(count: int) -> str:
    """A number as people say it: language models read words better than digits."""
    return "many" if count >= MANY else "several" if count >= SEVERAL else "two" if count == 2 else "one"


def credits_of(graph: KnowledgeGraph) -> dict[str, dict[str, list[str]]]:
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


def listed(names: list[str]) -> str:
    """``"a, b and c"``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# ---- rows to learn from ------------------------------------------------------------------------------------------

CREDIT_FORMS = (
    "{role} in '{film}'",
    "{role} of the film '{film}'",
    "Worked on '{film}' as {role_lower}",
    "{skill} in '{film}'",
)
CAST_FORMS = ("A film with {person} as {role_lower}", "{role}: {person}", "{person} was its {role_lower}")
SKILL_FORMS = (
    "{role}, '{genre}' films",
    "{role} with experience in the genre '{genre}'",
    "Has been {role_lower} of {count} '{genre}' films",
    "Works in '{genre}' as {role_lower}",
)
GENRE_FORMS = ("A '{genre}' film", "Genre: {genre}", "Belongs to the genre '{genre}'")
KEYWORD_FORMS = ("A film related to '{keyword}'", "Keyword: {keyword}", "'{keyword}' occurs in this film")
RELATED_FORMS = ("A keyword related to the film '{film}'", "Occurs in the film '{film}'")
MOST_SKILL_ROWS = 12
"""Nobody's skill is written oftener than this, however many credits there are."""


def training_rows(graph: KnowledgeGraph, style: Style | Literal["either"] = "name", *, seed: int = 0) -> pd.DataFrame:
    """Anchors and positives for multiple-negatives ranking, made from every edge of the graph.

    An anchor is the text of a node; a positive is something true about it, in one of several surface forms drawn by
    seed. Each edge gives one row, told from one of its ends by lot. A skill (a role in a genre) counts from `SEVERAL`
    credits on, and is written the oftener the more there are.

    Args:
        graph: The only source; the training graph if the exam is to be sat afterwards.
        style: Which text stands for an anchor; ``"either"``: the name or the skills document, by lot. It falls on the
            document for people three times in four, for everything else, whose documents are long, once in five.
        seed: Of forms and lots.

    Returns:
        Columns ``anchor``, ``positive``, ``relation``, ``node_id`` (the anchor's), ``other`` (the other end's id; the
        genre's for a skill, none for a description) and ``fact`` (the same for positives that say the same thing in
        other words), in random order.
    """
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [*_edge_rows(graph, rng), *_skill_rows(graph, rng), *_description_rows(graph)],
        columns=["node_id", "positive", "relation", "other", "fact"],
    )
    plain = dict(zip(graph.nodes["node_id"], documents(graph, "name"), strict=True))
    if style != "name":
        texts = documents(graph, "skills" if style == "either" else style)
        full = dict(zip(graph.nodes["node_id"], texts, strict=True))
        types = rows["node_id"].map(graph.nodes.set_index("node_id")["node_type"])
        share = np.where(types == "person", 0.25, 0.8) if style == "either" else 0.0
        use_name = rng.random(len(rows)) < share
        anchors = np.where(use_name, rows["node_id"].map(plain), rows["node_id"].map(full))
    else:
        anchors = rows["node_id"].map(plain)
    rows.insert(0, "anchor", anchors)
    rows = rows[["anchor", "positive", "relation", "node_id", "other", "fact"]]
    return rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)


Row = tuple[str, str, str, str, str]


def _edge_rows(graph: KnowledgeGraph, rng: np.random.Generator) -> Iterator[Row]:
    """A row an edge, told from either end; a genre is no anchor, since hundreds of films are right for it."""

    def one_of(forms: Sequence[str], **words: str) -> str:
        return forms[rng.integers(len(forms))].format(**words)

    for row in graph.triples().itertuples(index=False):
        from_source = row.relation == HAS_GENRE or rng.random() < 0.5
        here, other = (row.source, row.target) if from_source else (row.target, row.source)
        if row.relation == HAS_GENRE:
            said = one_of(GENRE_FORMS, genre=row.object)
        elif row.relation == HAS_KEYWORD:
            said = one_of(KEYWORD_FORMS if from_source else RELATED_FORMS, keyword=row.object, film=row.subject)
        else:
            words = {"role": row.relation, "role_lower": row.relation.lower()}
            words |= {"skill": SKILLS.get(row.relation, row.relation), "film": row.object, "person": row.subject}
            said = one_of(CREDIT_FORMS if from_source else CAST_FORMS, **words)
        yield here, said, row.relation, other, f"{row.relation} {other}"


def _skill_rows(graph: KnowledgeGraph, rng: np.random.Generator) -> Iterator[Row]:
    genre_ids = graph.nodes[graph.nodes["node_type"] == "genre"].set_index("name")["node_id"]
    for person, skills in skills_of(graph).items():
        for role, genre, count in skills:
            words = {"role": role, "role_lower": role.lower(), "genre": genre, "count": how_often(count)}
            for form in rng.integers(len(SKILL_FORMS), size=min(count, MOST_SKILL_ROWS)):
                said = SKILL_FORMS[form].format(**words)
                yield person, said, "skill", genre_ids[genre], f"skill {role} {genre}"


def _description_rows(graph: KnowledgeGraph) -> Iterator[Row]:
    described = graph.nodes[graph.nodes["description"] != ""]
    for node_id, description in zip(described["node_id"], described["description"], strict=True):
        yield node_id, description, "description", "", f"description {node_id}"
