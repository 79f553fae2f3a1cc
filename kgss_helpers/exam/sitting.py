"""Sitting an exam, whatever the graph and the families: ranked by a method, measured with the field's own tools.

Metrics are trec_eval's, through `ir-measures`: nDCG@10 (Järvelin and Kekäläinen 2002), recall@10 and the reciprocal
rank of the first right answer (MRR).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from kgss_helpers.exam.results import METRICS, ExamResult
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.protocol import Encoder, Method, scores_of
from kgss_helpers.question import Question, Split
from kgss_helpers.space import best

RANKED = 100


def sit(
    method: Method | Encoder,
    *,
    graph: KnowledgeGraph,
    questions: Sequence[Question],
    split: Split = "test",
    fit: bool = True,
) -> ExamResult:
    """Lets a method answer questions about a graph.

    Args:
        method: Scores nodes, or encodes nodes and texts (then nodes are scored by dot product, and a question that
            starts from a node is answered with that node's vector).
        graph: What the method may see.
        questions: Of any families; those of the split are asked.
        split: ``"validation"`` while tuning, ``"test"`` to report.
        fit: Fit an encoder on the graph first; False for one that is trained already.

    Raises:
        ValueError: The scores have the wrong shape or are not numbers, or there are no questions in the split.
    """
    asked = [question for question in questions if question.split == split]
    if not asked:
        raise ValueError(f"there are no {split} questions")
    scores = scores_of(method, asked, graph, fit=fit)
    return ExamResult(method.name, split, evaluate(asked, rank(asked, scores, graph)))


def rank(
    questions: Sequence[Question], scores: np.ndarray, graph: KnowledgeGraph, *, seed: int = 0
) -> dict[str, list[str]]:
    """The best hundred node ids for each question.

    Right type, without anchor and excluded nodes; which of two equal scores comes first is drawn by seed.
    """
    node_ids = graph.nodes["node_id"].to_numpy()
    of_type = {
        kind: (graph.nodes["node_type"] == kind).to_numpy() for kind in {question.node_type for question in questions}
    }
    drawn = np.random.default_rng(seed).permutation(len(node_ids))
    ranking = {}
    for question, row in zip(questions, scores, strict=True):
        row = np.where(of_type[question.node_type], row, -np.inf)
        row[[graph.position(node_id) for node_id in (*question.exclude, *filter(None, [question.anchor]))]] = -np.inf
        ranking[question.question_id] = node_ids[best(row, RANKED, drawn)].tolist()
    return ranking


def evaluate(questions: Sequence[Question], ranking: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """nDCG@10, recall@10 and MRR for each question; a question with an empty ranking gets zeros.

    Returns:
        Columns ``question_id``, ``family`` and the metrics, in the order of the questions.
    """
    import ir_measures
    from ir_measures import RR, R, nDCG

    measures = {nDCG @ 10: "nDCG@10", R @ 10: "recall@10", RR: "MRR"}
    run = {
        query: {node_id: float(-position) for position, node_id in enumerate(found)}
        for query, found in ranking.items()
        if found
    }
    truth = {question.question_id: dict(question.relevant) for question in questions}
    scores = pd.DataFrame(0.0, index=list(truth), columns=list(METRICS))
    for value in ir_measures.iter_calc(list(measures), truth, run):
        scores.loc[value.query_id, measures[value.measure]] = value.value
    scores.insert(0, "family", [question.family for question in questions])
    return scores.reset_index(names="question_id")
