"""Structured queries: what a question asks for is recognised, and then the graph counts. Nothing is trained.

Hard: the nearest phrase of a role and a subject (a genre, say) is taken, and credits are counted: a GROUP BY that fills
itself in. Soft: every phrase has a share, by how near it is to the question, and the counts are weighed by the shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from kgss_helpers.films.roles import HAS_GENRE
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.question import Asked
from kgss_helpers.text.schema import PHRASE, role_name, schema_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SCALE = 20.0
"""Cosines are multiplied by this before a softmax, as in the losses that sentence transformers are trained with."""


@dataclass(frozen=True)
class CreditCounts:
    """How many projects about a subject each node was credited in, in each role.

    Attributes:
        roles: Relations from somebody to a project.
        subjects: Names of genres, keywords or what else projects are about.
        subject_types: Node type of each subject.
        table: Shape (nodes, roles × subjects), sparse; the column of role ``r`` and subject ``s`` is
            ``r * len(subjects) + s``.
    """

    roles: list[str]
    subjects: list[str]
    subject_types: np.ndarray
    table: sparse.csr_array

    @classmethod
    def of(cls, graph: KnowledgeGraph) -> CreditCounts:
        """Counts any graph; which relations are roles and which lead to subjects, `schema_of` reads off its shape."""
        schema = schema_of(graph)
        is_subject = graph.edges["relation"].isin(schema.subject_relations).to_numpy()
        is_role = graph.edges["relation"].isin(schema.role_relations).to_numpy()
        position = pd.Series(range(len(graph.nodes)), index=graph.nodes["node_id"])
        sources, targets = (position[graph.edges[end]].to_numpy() for end in ("source", "target"))
        role_codes, roles = pd.factorize(graph.edges["relation"][is_role], sort=True)
        subject_codes, subject_rows = pd.factorize(targets[is_subject], sort=True)
        size = len(graph.nodes)
        has = _ones(sources[is_subject], subject_codes, (size, len(subject_rows)))
        parts = []
        for role in range(len(roles)):
            chosen = role_codes == role
            credited = _ones(sources[is_role][chosen], targets[is_role][chosen], (size, size))
            parts.append(credited @ has)
        subjects = graph.nodes.iloc[subject_rows]
        table = sparse.csr_array(sparse.hstack(parts)) if parts else sparse.csr_array((size, 0))
        return cls(list(roles), subjects["name"].tolist(), subjects["node_type"].to_numpy(), table)


def _ones(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)


def shared_subjects(graph: KnowledgeGraph, anchor: str) -> np.ndarray:
    """For each node the subjects it shares with the anchor, each weighed by its rarity; shape (nodes,).

    Genres do not count: too much has them. The weight is the inverse document frequency (Spärck Jones 1972); minus
    infinity where nothing is shared.
    """
    relations = [relation for relation in schema_of(graph).subject_relations if relation != HAS_GENRE]
    edges = graph.edges[graph.edges["relation"].isin(relations)]
    holders = edges["source"].nunique()
    rarity = np.log(holders / edges["target"].value_counts())
    kept = edges["target"][edges["source"] == anchor]
    shared = edges[edges["target"].isin(kept)]
    score = shared["target"].map(rarity).groupby(shared["source"]).sum()
    return graph.nodes["node_id"].map(score).fillna(-np.inf).to_numpy(dtype=float)


class StructuredQuery:
    """The space reads the question, and the graph counts.

    The score of a node is the sum over roles and subjects of the phrase's share of the question (a softmax over all
    phrases of 20 × cosine) times log(1 + count). If ``hard``, the nearest phrase has it all: a query that fills itself
    in, as somebody would write it in SQL. What starts from a node is answered with what shares rare keywords with it.

    Args:
        model: Reads phrases and questions.
        hard: Take the nearest phrase alone.
        subject_types: What counts as a subject; all types of subjects where the graph has none of these.
        form: How a role and a subject become a phrase.
        name: The row in the exam's table.
    """

    sees = "the graph; names of roles and subjects"

    def __init__(
        self,
        model: SentenceTransformer,
        *,
        hard: bool = False,
        subject_types: Sequence[str] = ("genre",),
        form: str = PHRASE,
        name: str = "",
    ) -> None:
        self.vectors = TextVectors(model)
        self.hard, self.subject_types, self.form = hard, tuple(subject_types), form
        self.name = name or ("structured query" if hard else "soft structured query")

    def phrases(self, counts: CreditCounts) -> tuple[np.ndarray, list[str]]:
        """The columns of the table that have a phrase, and the phrases."""
        wanted = np.isin(counts.subject_types, self.subject_types)
        allowed = np.flatnonzero(wanted if wanted.any() else ~wanted)
        columns = (np.arange(len(counts.roles))[:, None] * len(counts.subjects) + allowed).ravel()
        said = [
            self.form.format(role=role_name(role), subject=counts.subjects[at].lower())
            for role in counts.roles
            for at in allowed
        ]
        return columns, said

    def shares(self, texts: Sequence[str], phrases: Sequence[str]) -> np.ndarray:
        """How much of each question each phrase has, shape (questions, phrases); rows sum to 1."""
        near = SCALE * (self.vectors(texts) @ self.vectors(phrases).T)
        if self.hard:
            return np.eye(len(phrases))[near.argmax(axis=1)]
        weights = np.exp(near - near.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): weighed counts, minus infinity where all counts are zero or none is asked for."""
        counts, holders = CreditCounts.of(graph), schema_of(graph).holder_types
        columns, phrases = self.phrases(counts)
        scores = np.full((len(questions), len(graph.nodes)), -np.inf)
        asked = [
            row
            for row, question in enumerate(questions)
            if not question.anchor and (question.node_type is None or question.node_type in holders)
        ]
        if asked and phrases:
            shares = self.shares([questions[row].text for row in asked], phrases)
            found = (counts.table[:, columns].log1p() @ shares.T).T
            scores[asked] = np.where(found > 0, found, -np.inf)
        for row, question in enumerate(questions):
            if question.anchor:
                scores[row] = shared_subjects(graph, question.anchor)
        return scores
