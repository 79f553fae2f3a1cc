"""Sitting an exam, whatever the graph and the families: ranked by a method, measured with the field's own tools.

Metrics are trec_eval's, through `ir-measures`: nDCG@10 (Järvelin and Kekäläinen 2002), recall@10 and the reciprocal
rank of the first right answer (MRR).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar, get_args

import numpy as np
import pandas as pd

from kgss_helpers.exam.results import METRICS, Cost, ExamResult
from kgss_helpers.graph import GraphError, KnowledgeGraph
from kgss_helpers.methods.protocol import Encoder, Method, require_method, scores_of, sees
from kgss_helpers.question import Question, Split, what_is_wrong
from kgss_helpers.space import best

RANKED = 100
T = TypeVar("T")


def sit(
    method: Method | Encoder,
    *,
    graph: KnowledgeGraph,
    questions: Sequence[Question],
    split: Split = "test",
    fit: bool = True,
    newcomer_graph: KnowledgeGraph | None = None,
) -> ExamResult:
    """Lets a method answer questions about a graph.

    Args:
        method: Scores nodes, or encodes nodes and texts (then nodes are scored by dot product, and a question that
            starts from a node is answered with that node's vector).
        graph: What the method may see and learn from.
        questions: Of any families; those of the split are asked.
        split: ``"validation"`` while tuning, ``"test"`` to report.
        fit: Fit an encoder on the graph first; False for one that is trained already.
        newcomer_graph: The same graph and nodes that nobody could learn from, with their edges. A question whose right
            answers are such newcomers is asked of this graph, and newcomers alone are ranked.

    Raises:
        ValueError: The method lacks something or its scores have the wrong shape or are not numbers; there are no
            questions in the split, or one that cannot be asked and marked (see `require_askable`).
    """
    if split not in get_args(Split):
        raise ValueError(f"unknown split {split!r}; there are {', '.join(get_args(Split))}")
    require_method(method, fit=fit)
    asked = [question for question in questions if question.split == split]
    if not asked:
        raise ValueError(f"there are no {split} questions")
    require_askable(asked, graph, newcomer_graph)
    clock = method if isinstance(method, Method) else _Clock(method)
    started = time.process_time()
    ranking = answers(clock, asked, graph, fit=fit, newcomer_graph=newcomer_graph)
    cost = _cost(method, clock, time.process_time() - started, len(asked))
    return ExamResult(method.name, split, evaluate(asked, ranking), sees(method), cost)


def require_askable(
    questions: Sequence[Question], graph: KnowledgeGraph, newcomer_graph: KnowledgeGraph | None = None
) -> None:
    """Raises ValueError for a question that would score zero whatever a method answers; names it.

    Each must be whole (as in a file of questions), have an id of its own, and ask for a type of the graph; its right
    answers must be nodes of that type, and all known or all newcomers, since newcomers are ranked among themselves.
    """
    seen: set[str] = set()
    for question in questions:
        wrong = what_is_wrong(question)
        if wrong:
            raise ValueError(f"question {question.question_id!r}: {wrong}")
        if question.question_id in seen:
            raise ValueError(f"question {question.question_id!r} is there twice; each needs a question_id of its own")
        seen.add(question.question_id)
    _require_types(questions, graph if newcomer_graph is None else newcomer_graph)
    known = dict(zip(graph.nodes["node_id"], graph.nodes["node_type"], strict=True))
    newcomers = {}
    if newcomer_graph is not None:
        newcomers = dict(zip(newcomer_graph.nodes["node_id"], newcomer_graph.nodes["node_type"], strict=True))
    for question in questions:
        wrong = _wrong_answers(question, known, newcomers, graph.name)
        if wrong:
            raise ValueError(f"question {question.question_id!r}: {wrong}")


def _wrong_answers(question: Question, known: Mapping[str, str], newcomers: Mapping[str, str], name: str) -> str:
    """Why one of the right answers can never be found, or an empty string; mappings are from node id to type."""
    for node_id in question.relevant:
        node_type = known.get(node_id) or newcomers.get(node_id)
        if node_type is None:
            hint = "" if newcomers else "; a question about newcomers needs newcomer_graph=, which has them"
            return f"its right answer {node_id!r} is no node of {name}{hint}"
        if node_type != question.node_type:
            return f"it asks for the type {question.node_type!r}, but its right answer {node_id!r} is a {node_type!r}"
    met = [node_id for node_id in question.relevant if node_id in known]
    if met and len(met) < len(question.relevant):
        return f"its right answer {met[0]!r} is known and others are newcomers, who are ranked among themselves"
    return ""


def _require_types(questions: Sequence[Question], graph: KnowledgeGraph) -> None:
    """Raises ValueError for a question whose type the graph lacks; names it, the types there are, and the nearest."""
    for question in {question.node_type: question for question in reversed(questions)}.values():
        try:
            graph.require_known([str(question.node_type)], "node_type")
        except GraphError as error:
            raise ValueError(f"question {question.question_id!r}: {error}") from None


def answers(
    method: Method | Encoder,
    questions: Sequence[Question],
    graph: KnowledgeGraph,
    *,
    fit: bool = True,
    newcomer_graph: KnowledgeGraph | None = None,
) -> dict[str, list[str]]:
    """The best hundred node ids for each question, as `sit` measures them.

    Raises:
        ValueError: No right answer of a question is in the graph, or the scores have the wrong shape.
    """
    known = frozenset(graph.nodes["node_id"])
    newcomers = frozenset() if newcomer_graph is None else frozenset(newcomer_graph.nodes["node_id"]) - known
    of_newcomers = [question for question in questions if newcomers.intersection(question.relevant)]
    of_known = [question for question in questions if not newcomers.intersection(question.relevant)]
    lost = next((question for question in of_known if not known.intersection(question.relevant)), None)
    if lost is not None:
        raise ValueError(
            f"no right answer of {lost.question_id!r} is in {graph.name}; a question about newcomers needs "
            "newcomer_graph=, which has them"
        )
    ranking = rank(of_known, scores_of(method, of_known, graph, fit=fit), graph) if of_known else {}
    if of_newcomers and newcomer_graph is not None:
        rows = np.flatnonzero(newcomer_graph.nodes["node_id"].isin(newcomers))
        scores = scores_of(
            method, of_newcomers, newcomer_graph, fit=fit and not of_known, training_graph=graph, rows=rows
        )
        ranking |= rank(of_newcomers, scores, newcomer_graph, among=newcomers)
    return ranking


class _Clock:
    """An encoder that counts the processor time until all nodes have vectors, and the bytes of a vector."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder, self.name, self.seconds, self.bytes_a_node = encoder, encoder.name, 0.0, 0.0
        if hasattr(encoder, "encode_some"):
            self.encode_some = lambda graph, rows: self._timed(lambda: encoder.encode_some(graph, rows))

    def fit(self, graph: KnowledgeGraph) -> object:
        return self._timed(lambda: self.encoder.fit(graph))

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        vectors = np.asarray(self._timed(lambda: self.encoder.encode_nodes(graph)))
        self.bytes_a_node = vectors.nbytes / max(len(vectors), 1)
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        return self.encoder.encode_queries(texts)

    def _timed(self, work: Callable[[], T]) -> T:
        started = time.process_time()
        done = work()
        self.seconds += time.process_time() - started
        return done


def _cost(method: Method | Encoder, clock: Method | Encoder, total: float, questions: int) -> Cost:
    """What was measured, and what a method says of a training before (``training_seconds``) and of its size."""
    ready = clock.seconds if isinstance(clock, _Clock) else 0.0
    size = clock.bytes_a_node if isinstance(clock, _Clock) else 0.0
    return Cost(
        round(ready + getattr(method, "training_seconds", 0.0), 2),
        round(getattr(method, "bytes_a_node", size), 1),
        round(1000 * (total - ready) / questions, 3),
    )


def rank(
    questions: Sequence[Question],
    scores: np.ndarray,
    graph: KnowledgeGraph,
    *,
    among: Collection[str] | None = None,
    seed: int = 0,
) -> dict[str, list[str]]:
    """The best hundred node ids for each question.

    Right type, without anchor and excluded nodes; which of two equal scores comes first is drawn by seed.

    Args:
        questions: What was asked.
        scores: Shape (questions, nodes).
        graph: Whose nodes were scored.
        among: Only these nodes are ranked.
        seed: Of the lots for ties.

    Raises:
        ValueError: A question asks for a type that the graph lacks; names it, the types there are, and the nearest.
    """
    _require_types(questions, graph)
    node_ids = graph.nodes["node_id"].to_numpy()
    allowed = np.ones(len(node_ids), dtype=bool) if among is None else np.isin(node_ids, list(among))
    of_type = {
        kind: np.flatnonzero((graph.nodes["node_type"] == kind).to_numpy() & allowed)
        for kind in {question.node_type for question in questions}
    }
    drawn = np.random.default_rng(seed).permutation(len(node_ids))
    position = {node_id: row for row, node_id in enumerate(node_ids)}
    ranking = {}
    for question, row in zip(questions, scores, strict=True):
        hidden = [position[node_id] for node_id in (*question.exclude, *filter(None, [question.anchor]))]
        rows = of_type[question.node_type]
        rows = rows[~np.isin(rows, hidden)] if hidden else rows
        ranking[question.question_id] = node_ids[rows[best(row[rows], RANKED, drawn[rows])]].tolist()
    return ranking


def evaluate(questions: Sequence[Question], ranking: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """nDCG@10, recall@10 and MRR for each question; a question with an empty ranking gets zeros.

    Returns:
        Columns ``question_id``, ``family``, ``variant`` and the metrics, in the order of the questions.
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
    values = {
        (value.query_id, measures[value.measure]): value.value
        for value in ir_measures.iter_calc(list(measures), truth, run)
    }
    scores = pd.DataFrame({metric: [values.get((query, metric), 0.0) for query in truth] for metric in METRICS})
    scores.insert(0, "question_id", list(truth))
    scores.insert(1, "family", [question.family for question in questions])
    scores.insert(2, "variant", [question.variant for question in questions])
    return scores
