"""The first edition of the film exam, kept for the recorded runs that were measured with it."""

from __future__ import annotations

import re

from kgss_helpers.datasets.films import load_films
from kgss_helpers.files import DATA
from kgss_helpers.films.roles import ROLES
from kgss_helpers.graph import EdgeSplit, KnowledgeGraph
from kgss_helpers.question import Question, load_questions

FOLDER = DATA / "first_edition"
FAMILIES = ("role and genre", "credit", "plot", "keyword", "alike")
HELD_OUT_FROM = 5
HELD_OUT_SEED = 1977


def first_graph() -> KnowledgeGraph:
    """The film graph as it was: ``data/first_edition``."""
    return load_films(FOLDER / "films.jsonl", FOLDER / "people.csv")


def first_questions() -> list[Question]:
    """The questions as they were."""
    return load_questions(FOLDER / "exam.jsonl")


def first_split(graph: KnowledgeGraph) -> EdgeSplit:
    """A tenth of the credits for validation, as many for test, all else for training.

    Only people with `HELD_OUT_FROM` credits in a role or more lose any of them; a credit that somebody's description
    gives away by naming the film, with or without its article, stays in training.
    """
    triples = graph.triples()
    descriptions = graph.nodes.set_index("node_id")["description"]
    in_role = graph.edges.groupby(["source", "relation"])["target"].transform("size")
    kept = [
        row
        for row, (source, title, count) in enumerate(zip(triples["source"], triples["object"], in_role, strict=True))
        if count < HELD_OUT_FROM or re.sub(r"^(the|an?) ", "", title.casefold()) in descriptions[source].casefold()
    ]
    roles = [role for role in ROLES if role in set(graph.edges["relation"])]
    return graph.split_edges(validation=0.1, test=0.1, relations=roles, never_hold_out=kept, seed=HELD_OUT_SEED)
