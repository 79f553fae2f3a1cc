"""Rows to learn from: anchors and positives written from a graph, each with the fact that it tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD, SKILLS
from kgss_helpers.films.skills import how_often, skills_of
from kgss_helpers.films.wording import CAST_FORMS, CREDIT_FORMS, GENRE_FORMS, KEYWORD_FORMS, RELATED_FORMS, SKILL_FORMS
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.text.documents import Style, documents
from kgss_helpers.text.schema import has_genres, role_name, schema_of, skills_by_subject
from kgss_helpers.text.sentences import verb

SKILL, DESCRIPTION = "skill", "description"
"""What stands as the relation of rows that come from no single edge."""
RELATION_FORMS = ("{verb} '{target}'", "{verb}: {target}")
INVERSE_FORMS = ("'{source}' {verb} this", "{verb} this: {source}")
KNOWN_FORMS = ("{role} in '{subject}'", "{role} with experience in '{subject}'", "Somebody who knows about '{subject}'")
"""How an edge and a skill are said in a graph that knows no roles of the table."""
MOST_SKILL_ROWS = 12
"""Nobody's skill gives more rows than this, however many credits there are."""


def training_rows(graph: KnowledgeGraph, style: Style | Literal["either"] = "name", *, seed: int = 0) -> pd.DataFrame:
    """Anchors and positives for multiple-negatives ranking, made from every edge of the graph.

    An anchor is the text of a node; a positive is something true about it, in one of several surface forms drawn by
    seed. Each edge gives one row, told from one of its ends by lot. A skill (`kgss_helpers.films.skills`; where there
    are no genres, `kgss_helpers.text.schema.skills_by_subject`) gives as many rows as there are credits behind it, up
    to `MOST_SKILL_ROWS`.

    Args:
        graph: The only source; the training graph if the exam is to be sat afterwards.
        style: Which text stands for an anchor; ``"either"``: the name or the skills document, by lot. It falls on the
            document for people three times in four (where there are no genres, for whoever has roles), for everything
            else, whose documents are long, once in five.
        seed: Of forms and lots.

    Returns:
        Columns ``anchor``, ``positive``, ``relation``, ``node_id`` (the anchor's), ``other`` (the other end's id; the
        genre's for a skill, none for a description or where there are no genres) and ``fact`` (the same for positives
        that say the same thing in other words), in random order.
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
        holders = ["person"] if has_genres(graph) else schema_of(graph).holder_types
        share = np.where(types.isin(holders), 0.25, 0.8) if style == "either" else 0.0
        use_name = rng.random(len(rows)) < share
        anchors = np.where(use_name, rows["node_id"].map(plain), rows["node_id"].map(full))
    else:
        anchors = rows["node_id"].map(plain)
    rows.insert(0, "anchor", anchors)
    rows = rows[["anchor", "positive", "relation", "node_id", "other", "fact"]]
    return rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)


Row = tuple[str, str, str, str, str]


def fact_key(relation: str, *about: str) -> str:
    """What a row says, whatever its words: a relation and the other end, or a skill, or whose description it is.

    It is said of a node, so the same edge seen from its two ends is two facts.
    """
    return " ".join((relation, *about))


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
        elif row.relation not in SKILLS:
            forms = RELATION_FORMS if from_source else INVERSE_FORMS
            said = one_of(forms, verb=verb(row.relation), source=row.subject, target=row.object)
        else:
            words = {"role": row.relation, "role_lower": row.relation.lower()}
            words |= {"skill": SKILLS[row.relation], "film": row.object, "person": row.subject}
            said = one_of(CREDIT_FORMS if from_source else CAST_FORMS, **words)
        yield here, said, row.relation, other, fact_key(row.relation, other)


def _skill_rows(graph: KnowledgeGraph, rng: np.random.Generator) -> Iterator[Row]:
    if not has_genres(graph):
        yield from _known_rows(graph, rng)
        return
    genre_ids = graph.nodes[graph.nodes["node_type"] == "genre"].set_index("name")["node_id"]
    for person, skills in skills_of(graph).items():
        for role, genre, count in skills:
            words = {"role": role, "role_lower": role.lower(), "genre": genre, "count": how_often(count)}
            for form in rng.integers(len(SKILL_FORMS), size=min(count, MOST_SKILL_ROWS)):
                said = SKILL_FORMS[form].format(**words)
                yield person, said, SKILL, genre_ids[genre], fact_key(SKILL, role, genre)


def _known_rows(graph: KnowledgeGraph, rng: np.random.Generator) -> Iterator[Row]:
    for holder, skills in skills_by_subject(graph).items():
        for role, subject, count in skills:
            for form in rng.integers(len(KNOWN_FORMS), size=min(count, MOST_SKILL_ROWS)):
                said = KNOWN_FORMS[form].format(role=role_name(role), subject=subject)
                yield holder, said, SKILL, "", fact_key(SKILL, role, subject)


def _description_rows(graph: KnowledgeGraph) -> Iterator[Row]:
    described = graph.nodes[graph.nodes["description"] != ""]
    for node_id, description in zip(described["node_id"], described["description"], strict=True):
        yield node_id, description, DESCRIPTION, "", fact_key(DESCRIPTION, node_id)


def facts_of(graph: KnowledgeGraph) -> dict[str, set[str]]:
    """Node → everything true of it, in the words of the column ``fact`` of `training_rows`."""
    facts: dict[str, set[str]] = defaultdict(set)
    for source, relation, target in graph.edges.itertuples(index=False):
        facts[source].add(fact_key(relation, target))
        facts[target].add(fact_key(relation, source))
    skilled = skills_of(graph) if has_genres(graph) else skills_by_subject(graph)
    for person, skills in skilled.items():
        facts[person].update(fact_key(SKILL, role, subject) for role, subject, _ in skills)
    return facts
