"""From edges to sentences: subjects verbing objects."""

from __future__ import annotations

import pandas as pd

from kgss_helpers.films.roles import VERBS


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


def listed(names: list[str]) -> str:
    """``"a, b and c"``; nothing of no names."""
    return "".join(names) if len(names) < 2 else f"{', '.join(names[:-1])} and {names[-1]}"
