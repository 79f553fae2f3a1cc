"""One exam for every method: sit it, mark it with the field's own tools, and keep the rows beside each other.

Metrics are trec_eval's, through `ir-measures`: nDCG@10 (Järvelin and Kekäläinen 2002), recall@10 and the reciprocal
rank of the first right answer (MRR). Intervals are 95 % percentile bootstrap intervals over questions (Efron 1979) by
SciPy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from kgss_helpers.datasets._io import slug, write_whole
from kgss_helpers.datasets.films import DATA, load_films
from kgss_helpers.graph import EdgeSplit, KnowledgeGraph
from kgss_helpers.questions import (
    DERIVED,
    FAMILIES,
    QUESTIONS,
    Question,
    Split,
    derive_questions,
    hold_out,
    load_questions,
    save_questions,
)

METRICS = ("nDCG@10", "recall@10", "MRR")
RESULTS = DATA / "results" / "exam"
RANKED = 100
RESAMPLES = 2000
ALL = "all families"
_SAT: dict[tuple[str, str], ExamResult] = {}
"""What sat the exam's own questions in this session, by method and split."""


@runtime_checkable
class Method(Protocol):
    """Anything that scores every node for every question."""

    name: str

    def score(self, questions: Sequence[Question], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes), larger is better, minus infinity for 'not found'."""


@runtime_checkable
class Encoder(Protocol):
    """Anything that puts nodes and texts into one space of unit vectors."""

    name: str

    def fit(self, graph: KnowledgeGraph) -> object:
        """Learns from the training graph."""

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Shape (nodes, dimensions)."""

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (texts, dimensions); a row of zeros for a text it cannot read."""


@dataclass(frozen=True)
class ExamResult:
    """A method's marks, one row a question: ``question_id``, ``family`` and the three metrics."""

    method: str
    split: Split
    marks: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """Mean and 95 % interval for each family and metric.

        Columns are ``family``, ``metric``, ``mean``, ``low``, ``high`` and ``questions``.

        The last rows are the mean over families, each counting the same however many questions it has.
        """
        groups = [(family, self.marks[self.marks["family"] == family]) for family in FAMILIES]
        groups = [(family, group) for family, group in groups if len(group)]
        rows = []
        for metric in METRICS:
            samples = [group[metric].to_numpy() for _, group in groups]
            for (family, _), sample in zip(groups, samples, strict=True):
                rows.append((family, metric, *interval([sample]), len(sample)))
            rows.append((ALL, metric, *interval(samples), sum(map(len, samples))))
        return pd.DataFrame(rows, columns=["family", "metric", "mean", "low", "high", "questions"])

    def row(self, metric: str = "nDCG@10") -> pd.Series:
        """One line for the table: ``"0.42 [0.36, 0.48]"`` for each family."""
        summary = self.summary()
        summary = summary[summary["metric"] == metric]
        cells = [
            f"{mean:.2f} [{low:.2f}, {high:.2f}]"
            for mean, low, high in zip(summary["mean"], summary["low"], summary["high"], strict=True)
        ]
        return pd.Series(cells, index=summary["family"].to_list(), name=self.method)

    def save(self, folder: Path | str = RESULTS) -> Path:
        """Keeps the marks as JSON, one file a method, whole or not at all; returns the path."""
        path = Path(folder) / f"{slug(self.method)}.{self.split}.json"
        marks = {column: self.marks[column].tolist() for column in ("question_id", "family")}
        marks |= {metric: self.marks[metric].round(4).tolist() for metric in METRICS}
        content = {"method": self.method, "split": self.split, "marks": marks}
        return write_whole(path, json.dumps(content) + "\n")


@cache
def film_exam() -> tuple[EdgeSplit, tuple[Question, ...]]:
    """The film graph's split and its questions, read once.

    ``film_exam()[0].training_graph`` is what a method may see.
    """
    return hold_out(load_films()), tuple(load_questions())


def training_graph() -> KnowledgeGraph:
    """The film graph without the credits held out for the exam: the only graph a method may learn from."""
    return film_exam()[0].training_graph


def sit(
    method: Method | Encoder,
    *,
    split: Split = "test",
    graph: KnowledgeGraph | None = None,
    questions: Sequence[Question] | None = None,
    fit: bool = True,
) -> ExamResult:
    """Lets a method sit the exam.

    Args:
        method: Scores nodes, or encodes nodes and texts (then nodes are scored by dot product, and a question that
            starts from a node is answered with that node's vector).
        split: ``"validation"`` while tuning, ``"test"`` to report.
        graph: What the method may see; the film graph without its held-out credits if not given.
        questions: Other questions, for another graph.
        fit: Fit an encoder on the graph first; False for one that is trained already.

    Returns:
        Its marks; with the exam's own questions they also join `table` for the rest of the session.

    Raises:
        ValueError: The scores have the wrong shape or are not numbers, or there are no questions in the split.
    """
    graph = training_graph() if graph is None else graph
    asked = [question for question in (film_exam()[1] if questions is None else questions) if question.split == split]
    if not asked:
        raise ValueError(f"there are no {split} questions")
    scores = scores_of(method, asked, graph, fit=fit)
    result = ExamResult(method.name, split, mark(asked, rank(asked, scores, graph)))
    if questions is None:
        _SAT[method.name, split] = result
    return result


def scores_of(
    method: Method | Encoder, questions: Sequence[Question], graph: KnowledgeGraph, *, fit: bool = True
) -> np.ndarray:
    """A method's scores, shape (questions, nodes); raises ValueError like `sit`."""
    if isinstance(method, Method):
        scores = np.asarray(method.score(questions, graph), dtype=float)
    else:
        scores = _encoder_scores(method, questions, graph, fit=fit)
    if scores.shape != (len(questions), len(graph.nodes)):
        wanted = f"{len(questions)} × {len(graph.nodes)} numbers"
        raise ValueError(f"{method.name} must give {wanted}, gave shape {scores.shape}")
    if np.isnan(scores).any() or np.isposinf(scores).any():
        raise ValueError(f"{method.name} gave NaN or infinity as a score; only minus infinity ('not found') may stand")
    return scores


def _encoder_scores(encoder: Encoder, questions: Sequence[Question], graph: KnowledgeGraph, *, fit: bool) -> np.ndarray:
    if fit:
        encoder.fit(graph)
    nodes = encoder.encode_nodes(graph)
    queries = np.array(encoder.encode_queries([question.text for question in questions]))
    for row, question in enumerate(questions):
        if question.anchor:
            queries[row] = nodes[graph.position(question.anchor)]
    scores = (queries @ nodes.T).astype(float)
    scores[~queries.any(axis=1)] = -np.inf
    return scores


def rank(
    questions: Sequence[Question], scores: np.ndarray, graph: KnowledgeGraph, *, seed: int = 0
) -> dict[str, list[str]]:
    """The best hundred node ids for each question.

    Right type, without anchor and excluded nodes, ties broken by lot.
    """
    node_ids = graph.nodes["node_id"].to_numpy()
    of_type = {
        kind: (graph.nodes["node_type"] == kind).to_numpy() for kind in {question.node_type for question in questions}
    }
    lot = np.random.default_rng(seed).permutation(len(node_ids))
    ranking = {}
    for question, row in zip(questions, scores, strict=True):
        row = np.where(of_type[question.node_type], row, -np.inf)
        row[[graph.position(node_id) for node_id in (*question.exclude, *filter(None, [question.anchor]))]] = -np.inf
        best = np.lexsort((lot, -row))[:RANKED]
        ranking[question.question_id] = node_ids[best[np.isfinite(row[best])]].tolist()
    return ranking


def answer(
    method: Method | Encoder,
    text: str,
    graph: KnowledgeGraph,
    *,
    node_type: str | None = None,
    fit: bool = True,
) -> pd.DataFrame:
    """What a method answers to any question: nodes, best first.

    Args:
        method: As for `sit`.
        text: The question.
        graph: What the method may see.
        node_type: Only nodes of this type.
        fit: Fit an encoder on the graph first.

    Returns:
        The columns of the graph's nodes and ``score``; empty where the method finds nothing.
    """
    question = Question("asked", "role and genre", "test", text, node_type or "", {})
    scores = scores_of(method, [question], graph, fit=fit)[0]
    if node_type is not None:
        scores = np.where(graph.nodes["node_type"] == node_type, scores, -np.inf)
    best = np.argsort(-scores, kind="stable")[:RANKED]
    best = best[np.isfinite(scores[best])]
    return graph.nodes.iloc[best].assign(score=scores[best]).reset_index(drop=True)


def mark(questions: Sequence[Question], ranking: dict[str, list[str]]) -> pd.DataFrame:
    """nDCG@10, recall@10 and MRR for each question; a question with an empty ranking gets zeros."""
    import ir_measures
    from ir_measures import RR, R, nDCG

    measures = {nDCG @ 10: "nDCG@10", R @ 10: "recall@10", RR: "MRR"}
    run = {
        query: {node_id: float(-place) for place, node_id in enumerate(found)}
        for query, found in ranking.items()
        if found
    }
    truth = {question.question_id: dict(question.relevant) for question in questions}
    marks = pd.DataFrame(0.0, index=list(truth), columns=list(METRICS))
    for value in ir_measures.iter_calc(list(measures), truth, run):
        marks.loc[value.query_id, measures[value.measure]] = value.value
    marks.insert(0, "family", [question.family for question in questions])
    return marks.reset_index(names="question_id")


def interval(samples: Sequence[np.ndarray], *, seed: int = 0) -> tuple[float, float, float]:
    """Mean of the samples' means, with its 95 % bootstrap interval; each sample is resampled on its own."""
    from scipy.stats import bootstrap

    def mean_of_means(*parts: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.mean([part.mean(axis=axis) for part in parts], axis=0)

    mean = float(mean_of_means(*samples))
    if all(np.ptp(sample) == 0 for sample in samples):
        return mean, mean, mean
    samples = [np.repeat(sample, 2) if len(sample) == 1 else sample for sample in samples]  # SciPy wants two or more
    found = bootstrap(
        samples,
        mean_of_means,
        n_resamples=RESAMPLES,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return mean, float(found.confidence_interval.low), float(found.confidence_interval.high)


def difference(
    first: ExamResult, second: ExamResult, family: str = "role and genre", metric: str = "nDCG@10"
) -> tuple[float, float, float]:
    """By how much the first is better than the second, with its 95 % interval: questions are resampled in pairs.

    Raises:
        ValueError: They did not answer the same questions of the family, or the metric is unknown.
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; there are {', '.join(METRICS)}")
    marks = [
        result.marks[result.marks["family"] == family].set_index("question_id")[metric] for result in (first, second)
    ]
    if marks[0].empty or set(marks[0].index) != set(marks[1].index):
        raise ValueError(f"{first.method} and {second.method} did not answer the same questions of {family!r}")
    return interval([(marks[0] - marks[1][marks[0].index]).to_numpy()])


def recorded(folder: Path | str = RESULTS) -> list[ExamResult]:
    """The results kept in ``data/results/exam``; raises ValueError naming a file that is damaged."""
    results = []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            results.append(ExamResult(content["method"], content["split"], pd.DataFrame(content["marks"])))
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"{path.name} is no result of the exam ({error}); delete it and let the method sit again"
            ) from None
    return results


def table(metric: str = "nDCG@10", *, split: Split = "test") -> pd.DataFrame:
    """Every method's row, worst first.

    Shows what is recorded in ``data/results/exam`` and what sat the exam in this session.

    Raises:
        ValueError: The metric is unknown.
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; there are {', '.join(METRICS)}")
    results = {(result.method, result.split): result for result in recorded()} | _SAT
    rows = [result.row(metric) for (_, which), result in results.items() if which == split]
    if not rows:
        return pd.DataFrame()
    shown = pd.DataFrame(rows).rename_axis("method")
    return shown.sort_values(ALL, kind="stable")


def main(argv: Sequence[str] = ()) -> int:
    """``python -m kgss_helpers exam``: prints the table.

    ``--renew`` derives the graph's questions and records the baselines anew.
    """
    import argparse

    from kgss_helpers.baselines import Popularity, Random, WordMatch

    parser = argparse.ArgumentParser(
        prog="python -m kgss_helpers exam", description="Print every method's row of the exam."
    )
    parser.add_argument("--metric", choices=METRICS, default="nDCG@10")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument(
        "--renew", action="store_true", help="derive the questions that the graph proves again and record the baselines"
    )
    options = parser.parse_args(list(argv))
    if options.renew:
        written_by_hand = [question for question in load_questions() if question.family not in DERIVED]
        save_questions([*derive_questions(load_films()), *written_by_hand], QUESTIONS)
        film_exam.cache_clear()
        for method in (Random(), Popularity(), WordMatch()):
            for split in ("validation", "test"):
                sit(method, split=split).save()
    print(table(options.metric, split=options.split).to_string())
    return 0
