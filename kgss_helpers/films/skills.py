"""What makes a skill: so many credits in a role among films of one genre. One count, one threshold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD, SKILLS
from kgss_helpers.graph import KnowledgeGraph

SKILLED_FROM = 3
"""From so many credits on, a role in a genre counts as a skill."""
SEVERAL, MANY = SKILLED_FROM, 6
"""From so many on, a number is called so; see `how_often`."""


def skilled_people(graph: KnowledgeGraph) -> pd.DataFrame:
    """Who holds a role in at least `SKILLED_FROM` films of a genre: the one count that makes a skill.

    Columns ``role``, ``genre`` (its id), ``person``, ``films``; in the order of the alphabet.
    """
    edges = graph.edges
    credited = edges[~edges["relation"].isin([HAS_GENRE, HAS_KEYWORD])]
    credited = credited.rename(columns={"source": "person", "relation": "role", "target": "project"})
    genres = edges[edges["relation"] == HAS_GENRE].rename(columns={"source": "project", "target": "genre"})
    joined = credited.merge(genres[["project", "genre"]], on="project")
    counted = joined.groupby(["role", "genre", "person"])["project"].nunique().rename("films").reset_index()
    return counted[counted["films"] >= SKILLED_FROM].reset_index(drop=True)


def skills_of(graph: KnowledgeGraph) -> dict[str, list[tuple[str, str, int]]]:
    """Person → role, genre by name and number of credits; the role with most credits first, then by the alphabet."""
    names = graph.nodes.set_index("node_id")["name"]
    table = skilled_people(graph)
    counts: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    for role, genre, person, films in zip(
        table["role"], names[table["genre"]], table["person"], table["films"], strict=True
    ):
        counts[person, role].append((genre, films))
    return {
        person: found
        for person, by_role in credits_of(graph).items()
        if (found := [(role, *skill) for role in by_role for skill in sorted(counts.get((person, role), ()))])
    }


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


def how_often(count: int) -> str:
    """A number as people say it: language models read words better than digits."""
    return "many" if count >= MANY else "several" if count >= SEVERAL else "two" if count == 2 else "one"


def skill_phrases(skills: Sequence[tuple[str, str, int]]) -> list[str]:
    """For instance ``"Director in science fiction"``; within a role, the genre with most credits first."""
    roles = list(dict.fromkeys(role for role, _, _ in skills))
    ordered = sorted(skills, key=lambda skill: (roles.index(skill[0]), -skill[2]))
    return [f"{role} in {genre.lower()}" for role, genre, _ in ordered]


def skill_counts(graph: KnowledgeGraph) -> pd.DataFrame:
    """How many credits of each skill the graph gives each person: rows node ids, columns skills."""
    counts = {
        person: {SKILLS[role]: len(projects) for role, projects in by_role.items() if role in SKILLS}
        for person, by_role in credits_of(graph).items()
    }
    table = pd.DataFrame.from_dict(counts, orient="index").reindex(columns=list(SKILLS.values()))
    return table.fillna(0).astype(int)
