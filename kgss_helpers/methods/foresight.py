"""Counting what is not stored yet: a structured query that gives everybody one more edge, where it is likeliest.

A predictor of edges says where somebody's next credit will be. It is shared out over all projects, and so over their
subjects; then the query counts as it always does. Somebody with two credits of a kind who is likely to get the third
comes before somebody with two who is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.edge_prediction import EdgeScorer
from kgss_helpers.methods.proximity import adjacency
from kgss_helpers.methods.structured import CreditCounts, StructuredQuery
from kgss_helpers.text.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sentence_transformers import SentenceTransformer

    from kgss_helpers.question import Asked

AT_LEAST = 2
"""Whoever has so many edges of a relation is given one more: about others a predictor knows too little."""
AT_ONCE = 300


def next_edges(predictor: EdgeScorer, graph: KnowledgeGraph, relations: Sequence[str]) -> dict[str, sparse.csr_array]:
    """For each relation where everybody's next edge will end: shares, shape (nodes, nodes), a row sums to 1 or to 0.

    Ends that an edge joins to the source already get nothing.

    Args:
        predictor: Fitted on the graph; its scores are taken as logarithms of odds.
        graph: The training graph.
        relations: Of the edges.
    """
    row = pd.Series(range(len(graph.nodes)), index=graph.nodes["node_id"])
    joined, size, found = adjacency(graph), len(graph.nodes), {}
    for relation in relations:
        counts = graph.edges["source"][graph.edges["relation"] == relation].value_counts()
        sources = np.sort(row[counts.index[counts >= AT_LEAST]].to_numpy(dtype=np.int64))
        parts = [sparse.csr_array((0, size))]
        for begin in range(0, len(sources), AT_ONCE):
            some = sources[begin : begin + AT_ONCE]
            scores = predictor.edge_scores(some, [relation] * len(some)).astype(np.float64)
            scores[joined[some].toarray() > 0] = -np.inf
            likely = np.exp(scores - scores.max(axis=1, keepdims=True))
            parts.append(sparse.csr_array(likely / likely.sum(axis=1, keepdims=True)))
        put = sparse.csr_array((np.ones(len(sources)), (sources, np.arange(len(sources)))), shape=(size, len(sources)))
        found[relation] = sparse.csr_array(put @ sparse.vstack(parts))
    return found


class Foresight(StructuredQuery):
    """A soft structured query that counts everybody's next edge too (`next_edges`).

    Nodes that the training graph lacks have no next edge, and are counted as they stand.

    Args:
        model: Reads phrases and questions.
        predictor: Fitted on the training graph.
        graph: The training graph.
        subject_types: What counts as a subject.
        name: The row in the exam's table.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        predictor: EdgeScorer,
        graph: KnowledgeGraph,
        *,
        subject_types: Sequence[str] = ("genre",),
        name: str = "soft structured query, next credits too",
    ) -> None:
        super().__init__(model, subject_types=subject_types, name=name)
        self.graph = graph
        counts = CreditCounts.of(graph)
        shares = next_edges(predictor, graph, counts.roles)
        has = _subjects_of(graph, counts)
        self._next = sparse.csr_array(sparse.hstack([shares[role] @ has for role in counts.roles]))
        self._columns = [(role, subject) for role in counts.roles for subject in counts.subjects]

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): weighed counts, minus infinity where all are zero or none is asked for."""
        scores = super().score(questions, graph)
        counts = CreditCounts.of(graph)
        columns, phrases = self.phrases(counts)
        asked = np.array([not question.anchor and question.node_type == "person" for question in questions], dtype=bool)
        if asked.any() and phrases:
            texts = [question.text for question in questions if not question.anchor and question.node_type == "person"]
            table = (counts.table + self._on(graph, counts))[:, columns]
            found = (sparse.csr_array(table).log1p() @ self.shares(texts, phrases).T).T
            scores[asked] = np.where(found > 0, found, -np.inf)
        return scores

    def _on(self, graph: KnowledgeGraph, counts: CreditCounts) -> sparse.csr_array:
        """The next edges in the rows and columns of another graph's counts."""
        known = pd.Series(range(len(self.graph.nodes)), index=self.graph.nodes["node_id"])
        rows = known.reindex(graph.nodes["node_id"])
        there = np.flatnonzero(rows.notna())
        lift = sparse.csr_array(
            (np.ones(len(there)), (there, rows.iloc[there].astype(int))), shape=(len(rows), len(known))
        )
        place = {pair: column for column, pair in enumerate(self._columns)}
        pairs = [(role, subject) for role in counts.roles for subject in counts.subjects]
        kept = [(place[pair], column) for column, pair in enumerate(pairs) if pair in place]
        before, after = np.array(kept).reshape(-1, 2).T
        turn = sparse.csr_array((np.ones(len(kept)), (before, after)), shape=(len(place), len(pairs)))
        return sparse.csr_array(lift @ self._next @ turn)


def _subjects_of(graph: KnowledgeGraph, counts: CreditCounts) -> sparse.csr_array:
    """Which subjects each node has, shape (nodes, subjects)."""
    row = pd.Series(range(len(graph.nodes)), index=graph.nodes["node_id"])
    about = graph.edges[graph.edges["relation"].isin(schema_of(graph).subject_relations)]
    rows, targets = row[about["source"]].to_numpy(), row[about["target"]].to_numpy()
    columns = pd.factorize(targets, sort=True)[0]
    return sparse.csr_array((np.ones(len(about)), (rows, columns)), shape=(len(graph.nodes), len(counts.subjects)))
