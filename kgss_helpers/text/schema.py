"""What the edges of any graph are for, read off its shape: who takes part in what, and what that is about.

An edge says *subject verbs object*. So somebody leads to a project by a role, and the project leads to its subjects:
person → project → keyword, whatever the types and relations are called. Whoever has a role in several projects of one
subject knows something about it, and that is as near to a skill as a graph without skills comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD
from kgss_helpers.graph import KnowledgeGraph

SKILLED_FROM = 2
"""From so many projects of a subject on, in whatever roles, somebody knows about it where no genre says more."""
PHRASE = "{role} in {subject}"
"""How a role and a subject are put into words: what a question is understood as, and what counts are asked by."""
PREPOSITIONS = ("of", "in", "on", "at", "for", "to", "with", "by", "from")


@dataclass(frozen=True)
class Schema:
    """The relations that counting needs.

    Attributes:
        role_relations: Lead from somebody to what has subjects, in the order of the alphabet.
        subject_relations: Lead from there to the subjects.
        holder_types: Node types of those who have roles.
        project_types: Node types of what has subjects.
        subject_types: Node types of the subjects.
    """

    role_relations: tuple[str, ...]
    subject_relations: tuple[str, ...]
    holder_types: tuple[str, ...]
    project_types: tuple[str, ...]
    subject_types: tuple[str, ...]


def schema_of(graph: KnowledgeGraph) -> Schema:
    """Which relations are roles, and which lead to subjects.

    A relation leads to subjects if nothing of another type is reached from its targets, two of its sources share a
    target, and somebody of another type leads to its sources. `HAS_GENRE` and `HAS_KEYWORD` do so in any case. Edges
    have to point that way: a project that ``"is led by"`` somebody gives that person no role.
    """
    kinds = graph.summary()
    onward = kinds[kinds["subject_type"] != kinds["object_type"]]
    relations = graph.edges.groupby("relation", sort=False)["target"]
    shared = set((relations.size() > relations.nunique()).loc[lambda more: more].index)
    leads_on, led_to = set(onward["subject_type"]), set(onward["object_type"])
    found = onward[
        ~onward["object_type"].isin(leads_on)
        & onward["subject_type"].isin(led_to)
        & onward["relation"].isin(shared)
    ]  # fmt: skip
    about = {*found["relation"], *({HAS_GENRE, HAS_KEYWORD} & set(kinds["relation"]))}
    to_subjects = kinds[kinds["relation"].isin(about)]
    projects = set(to_subjects["subject_type"])
    roles = onward[~onward["relation"].isin(about) & onward["object_type"].isin(projects)]
    columns = (roles["relation"], about, roles["subject_type"], projects, to_subjects["object_type"])
    return Schema(*(tuple(sorted(set(column))) for column in columns))


def has_genres(graph: KnowledgeGraph) -> bool:
    """Whether skills are roles in a genre (`kgss_helpers.films.skills`), and not in any subject."""
    return bool((graph.edges["relation"] == HAS_GENRE).any())


def counted_roles(graph: KnowledgeGraph) -> pd.DataFrame:
    """How many projects of each subject everybody has a role in: the count behind a skill, in any graph.

    Columns ``role``, ``subject`` and ``holder`` (ids), ``count``; in the order of the alphabet.
    """
    schema, edges = schema_of(graph), graph.edges
    has_role = edges[edges["relation"].isin(schema.role_relations)]
    has_role = has_role.rename(columns={"source": "holder", "relation": "role", "target": "project"})
    about = edges[edges["relation"].isin(schema.subject_relations)]
    about = about.rename(columns={"source": "project", "target": "subject"})[["project", "subject"]]
    joined = has_role.merge(about.drop_duplicates(), on="project")
    return joined.groupby(["role", "subject", "holder"])["project"].nunique().rename("count").reset_index()


def skills_by_subject(graph: KnowledgeGraph) -> dict[str, list[tuple[str, str, int]]]:
    """Holder → role, subject by name and count over all roles, from `SKILLED_FROM` on; the largest count first.

    The role is the one that most of the count comes from; of several, the first of the alphabet.
    """
    counted = counted_roles(graph).sort_values("count", ascending=False, kind="stable")
    known = counted.groupby(["subject", "holder"]).agg(role=("role", "first"), total=("count", "sum")).reset_index()
    known = known[known["total"] >= SKILLED_FROM].sort_values("total", ascending=False, kind="stable")
    names = graph.nodes.set_index("node_id")["name"]
    found: dict[str, list[tuple[str, str, int]]] = {}
    for row in known.itertuples(index=False):
        found.setdefault(row.holder, []).append((row.role, names[row.subject], int(row.total)))
    return found


def role_name(relation: str) -> str:
    """A relation as what somebody is: ``"researcher in"`` and ``"works_on"`` become ``"researcher"``, ``"works"``."""
    words = relation.replace("_", " ").split()
    return " ".join(words[:-1] if len(words) > 1 and words[-1].casefold() in PREPOSITIONS else words)
