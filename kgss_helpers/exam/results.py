"""What came out of a sitting, and how it is kept: one JSON file a method and split."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from kgss_helpers.exam.statistics import Interval, mean_interval
from kgss_helpers.files import slug, write_whole
from kgss_helpers.question import Split

METRICS = ("nDCG@10", "recall@10", "MRR")
ALL = "all families"


@dataclass(frozen=True)
class ExamResult:
    """A method's scores, one row a question: ``question_id``, ``family`` and the metrics."""

    method: str
    split: Split
    scores: pd.DataFrame

    @staticmethod
    def require_metric(metric: str) -> None:
        """Raises ValueError for a metric that no result has."""
        if metric not in METRICS:
            raise ValueError(f"unknown metric {metric!r}; there are {', '.join(METRICS)}")

    def by_family(self, metric: str = "nDCG@10") -> dict[str, pd.Series]:
        """Each family's scores by question id, families in the order in which they were asked."""
        self.require_metric(metric)
        by_question = self.scores.set_index("question_id")
        return {family: part[metric] for family, part in by_question.groupby("family", sort=False)}

    def interval(self, family: str = ALL, metric: str = "nDCG@10") -> Interval:
        """Mean and 95 % interval in one family, or over all of them.

        Raises:
            ValueError: There is no question of the family, or the metric is unknown.
        """
        samples = self.by_family(metric)
        if family != ALL and family not in samples:
            raise ValueError(f"{self.method} answered no question of {family!r}; there are {', '.join(samples)}")
        return mean_interval(*(samples.values() if family == ALL else [samples[family]]))

    def summary(self) -> pd.DataFrame:
        """Mean and 95 % interval for each family and metric.

        Columns are ``family``, ``metric``, ``mean``, ``low``, ``high`` and ``questions``.

        The last rows are the mean over families, each counting the same however many questions it has.
        """
        sizes = {family: len(part) for family, part in self.by_family().items()} | {ALL: len(self.scores)}
        rows = [
            (family, metric, *self.interval(family, metric), size)
            for metric in METRICS
            for family, size in sizes.items()
        ]
        return pd.DataFrame(rows, columns=["family", "metric", *Interval._fields, "questions"])

    def row(self, metric: str = "nDCG@10") -> pd.Series:
        """One line for the table: ``"0.42 [0.36, 0.48]"`` for each family."""
        families = [*self.by_family(metric), ALL]
        return pd.Series([str(self.interval(family, metric)) for family in families], index=families, name=self.method)

    def save(self, folder: Path | str) -> Path:
        """Keeps the scores as JSON, one file a method, whole or not at all; returns the path."""
        path = Path(folder) / f"{slug(self.method)}.{self.split}.json"
        scores = {column: self.scores[column].tolist() for column in ("question_id", "family")}
        scores |= {metric: self.scores[metric].round(4).tolist() for metric in METRICS}
        content = {"method": self.method, "split": self.split, "scores": scores}
        return write_whole(path, json.dumps(content) + "\n")


def difference(first: ExamResult, second: ExamResult, family: str, metric: str = "nDCG@10") -> Interval:
    """By how much the first is better than the second in a family: questions are resampled in pairs.

    Raises:
        ValueError: They did not answer the same questions of the family, or the metric is unknown.
    """
    for result in (first, second):
        result.require_metric(metric)
    scores = [
        result.scores[result.scores["family"] == family].set_index("question_id")[metric] for result in (first, second)
    ]
    if scores[0].empty or set(scores[0].index) != set(scores[1].index):
        raise ValueError(f"{first.method} and {second.method} did not answer the same questions of {family!r}")
    return mean_interval((scores[0] - scores[1][scores[0].index]).to_numpy())


def recorded(folder: Path | str) -> list[ExamResult]:
    """The results kept in a folder; raises ValueError naming a file that is damaged."""
    results = []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            results.append(_result(json.loads(path.read_text(encoding="utf-8"))))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path.name} is no result of the exam ({error}); delete it and let the method sit again"
            ) from None
    return results


def _result(content: dict[str, Any]) -> ExamResult:
    scores = pd.DataFrame(content["scores"])[["question_id", "family", *METRICS]].astype(dict.fromkeys(METRICS, float))
    if scores.isna().any(axis=None):
        raise ValueError("a score is missing")
    if content["split"] not in get_args(Split):
        raise ValueError(f"unknown split {content['split']!r}")
    return ExamResult(content["method"], content["split"], scores)
