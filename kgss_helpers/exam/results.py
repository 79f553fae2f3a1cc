"""What came out of a sitting, and how it is kept: one JSON file a method and split."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from kgss_helpers.exam.statistics import Interval, mean_interval
from kgss_helpers.files import slug, write_whole
from kgss_helpers.question import Split

METRICS = ("nDCG@10", "recall@10", "MRR")
ALL = "all families"
EDITION = 2
"""Of the exam that this package brings; a file that names none is of the first."""


@dataclass(frozen=True)
class Cost:
    """What a sitting took, in seconds of processor time: it differs from machine to machine.

    Attributes:
        seconds: To learn, and to make the vectors of all nodes where there are any; 0 for what works only once it is
            asked.
        bytes_a_node: What is kept for each node between questions; 0 where nothing is.
        milliseconds: To answer one question; the work of a method that keeps nothing is all in here.
    """

    seconds: float
    bytes_a_node: float
    milliseconds: float

    def row(self) -> pd.Series:
        """Rounded, as text for the table; empty where nothing was done or kept beforehand.

        A method that embeds texts while it scores took its time all the same: it is in the milliseconds.
        """
        rounded = (
            f"{self.seconds:.1f}" if self.seconds else "",
            f"{self.bytes_a_node:,.0f}" if self.bytes_a_node else "",
            f"{self.milliseconds:.1f}",
        )
        return pd.Series(rounded, index=["seconds", "bytes a node", "ms a question"])


@dataclass(frozen=True)
class ExamResult:
    """A method's scores, one row a question: ``question_id``, ``family``, ``variant`` and the metrics.

    Attributes:
        method: The row in the table.
        split: Which half was asked.
        scores: One row a question.
        sees: What the method looks at, by its own word.
        cost: What it took, if that was measured.
        edition: Of the film exam; of no meaning for another one.
    """

    method: str
    split: Split
    scores: pd.DataFrame
    sees: str = ""
    cost: Cost | None = None
    edition: int = EDITION

    @staticmethod
    def require_metric(metric: str) -> None:
        """Raises ValueError for a metric that no result has."""
        if metric not in METRICS:
            raise ValueError(f"unknown metric {metric!r}; there are {', '.join(METRICS)}")

    def _of_variant(self, variant: str) -> pd.DataFrame:
        if "variant" not in self.scores:
            return self.scores if variant == "" else self.scores.iloc[:0]
        return self.scores[self.scores["variant"] == variant]

    def by_family(self, metric: str = "nDCG@10", *, variant: str = "") -> dict[str, pd.Series]:
        """Each family's scores by question id, families in the order in which they were asked.

        Args:
            metric: One of `METRICS`.
            variant: The questions put differently, instead of the questions as they are.
        """
        self.require_metric(metric)
        by_question = self._of_variant(variant).set_index("question_id")
        return {family: part[metric] for family, part in by_question.groupby("family", sort=False)}

    def interval(self, family: str = ALL, metric: str = "nDCG@10", *, variant: str = "") -> Interval:
        """Mean and 95 % interval in one family, or over all of them.

        Raises:
            ValueError: There is no question of the family, or the metric is unknown.
        """
        samples = self.by_family(metric, variant=variant)
        if not samples or (family != ALL and family not in samples):
            raise ValueError(f"{self.method} answered no question of {family!r}; there are {', '.join(samples)}")
        return mean_interval(*(samples.values() if family == ALL else [samples[family]]))

    def summary(self) -> pd.DataFrame:
        """Mean and 95 % interval for each family and metric, variants left out.

        Columns are ``family``, ``metric``, ``mean``, ``low``, ``high`` and ``questions``.

        The last rows are the mean over families, each counting the same however many questions it has.
        """
        by_family = self.by_family()
        sizes = {family: len(part) for family, part in by_family.items()}
        sizes[ALL] = sum(sizes.values())
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

    def cost_row(self) -> pd.Series:
        """The rest of the line: what it cost, rounded, and what the method sees; empty where nobody knows."""
        shown = Cost(0, 0, 0).row().map(lambda _: "") if self.cost is None else self.cost.row()
        return pd.concat([shown, pd.Series({"sees": self.sees})]).rename(self.method)

    def variant_row(self, metric: str = "nDCG@10") -> pd.Series:
        """One line for the table of variants: the questions as they were written, then each variant.

        Each is the mean over the families that have variants.
        """
        as_written = self._as_written(metric)
        shown = {"as written": str(mean_interval(*as_written.values()))} if as_written else {}
        shown |= {variant: str(self.interval(metric=metric, variant=variant)) for variant in self._variants()}
        return pd.Series(shown, name=self.method, dtype=object)

    def variant_families(self) -> tuple[str, ...]:
        """The families whose questions were put differently too."""
        return tuple(self._as_written(METRICS[0]))

    def mean_as_written(self, metric: str = "nDCG@10") -> float:
        """Of the families that have variants, the questions as they were written; minus infinity if there are none."""
        means = [part.mean() for part in self._as_written(metric).values()]
        return float(sum(means) / len(means)) if means else float("-inf")

    def _variants(self) -> list[str]:
        return [variant for variant in self.scores.get("variant", pd.Series(dtype=str)).unique() if variant]

    def _as_written(self, metric: str) -> dict[str, pd.Series]:
        families = {family for variant in self._variants() for family in self.by_family(metric, variant=variant)}
        return {family: part for family, part in self.by_family(metric).items() if family in families}

    def save(self, folder: Path | str) -> Path:
        """Writes ``METHOD.SPLIT.json`` whole or not at all; returns the path.

        Raises:
            ValueError: The file there is of another method, whose name differs in signs or case alone.
        """
        path = Path(folder) / f"{slug(self.method)}.{self.split}.json"
        other = _method_of(path)
        if other not in (None, self.method):
            raise ValueError(
                f"{path.name} holds the result of {other!r}, not of {self.method!r}: give the method another name, or "
                "delete the file"
            )
        scores = self.scores.round(4).to_dict("list")
        content: dict[str, object] = {"method": self.method, "split": self.split, "edition": self.edition}
        content |= {"sees": self.sees, "cost": asdict(self.cost) if self.cost else None, "scores": scores}
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
        return write_whole(path, text)


def _method_of(path: Path) -> str | None:
    """Whose result a file holds; None where there is no file, or a damaged one."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["method"])
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None


def difference(first: ExamResult, second: ExamResult, family: str, metric: str = "nDCG@10") -> Interval:
    """By how much the first is better than the second in a family: questions are resampled in pairs.

    Raises:
        ValueError: They did not answer the same questions of the family, or the metric is unknown.
    """
    one, other = (result.by_family(metric).get(family, pd.Series(dtype=float)) for result in (first, second))
    if one.empty or set(one.index) != set(other.index):
        raise ValueError(f"{first.method} and {second.method} did not answer the same questions of {family!r}")
    return mean_interval((one - other[one.index]).to_numpy())


def recorded(folder: Path | str, *, edition: int = EDITION) -> list[ExamResult]:
    """The results kept in a folder.

    Args:
        folder: Where they are.
        edition: Of the exam that was sat.

    Raises:
        ValueError: A file is damaged, or of another edition; names it.
    """
    results = []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            result = _result(json.loads(path.read_text(encoding="utf-8")))
        except (AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path.name} is no result of the exam ({error}); delete it and let the method sit again"
            ) from None
        if result.edition != edition:
            raise ValueError(
                f"{path.name} is a result of edition {result.edition} of the exam, not of edition {edition}: the two "
                f"cannot be compared. Let {result.method} sit again, or read it with edition={result.edition}"
            )
        results.append(result)
    return results


def _result(content: dict[str, Any]) -> ExamResult:
    """The result that a file's content stands for.

    Raises:
        AttributeError, LookupError, TypeError, ValueError: It stands for none, or holds a value that no sitting gives.
    """
    if content["split"] not in get_args(Split):
        raise ValueError(f"unknown split {content['split']!r}")
    scores = pd.DataFrame(content["scores"])
    if scores.empty:
        raise ValueError("it has no scores")
    scores["variant"] = scores.get("variant", "")
    scores = scores[["question_id", "family", "variant", *METRICS]].astype(dict.fromkeys(METRICS, float))
    sees, edition, cost = content.get("sees", ""), content.get("edition", 1), content.get("cost")
    texts = {"method": [content["method"]], "sees": [sees]} | {name: scores[name] for name in _NAMED}
    for name, values in texts.items():
        wrong = next((value for value in values if not isinstance(value, str) or not (value or name in _EMPTY)), None)
        if wrong is not None or any(value is None for value in values):
            raise ValueError(f"{name} is {wrong!r}")
    for metric in METRICS:
        impossible = scores[~scores[metric].between(0, 1)]
        if len(impossible):
            asked, score = impossible.iloc[0][["question_id", metric]]
            raise ValueError(f"{metric} of {asked} is {score}, which is not between 0 and 1")
    twice = scores[scores.duplicated(["question_id", "variant"])]
    if len(twice):
        raise ValueError(f"{twice['question_id'].iloc[0]} has two scores")
    if type(edition) is not int:
        raise ValueError(f"edition is {edition!r}")
    return ExamResult(content["method"], content["split"], scores, sees, _cost(cost) if cost else None, edition)


_NAMED, _EMPTY = ("question_id", "family", "variant"), ("sees", "variant")


def _cost(content: dict[str, Any]) -> Cost:
    cost = Cost(**content)
    wrong = [name for name, value in asdict(cost).items() if type(value) not in (int, float) or not 0 <= value < inf]
    if wrong:
        raise ValueError(f"its cost has no {', '.join(wrong)}")
    return cost


def in_order(scores: pd.DataFrame, families: Iterable[str]) -> pd.DataFrame:
    """The same rows with the families in this order."""
    place = {family: number for number, family in enumerate(families)}
    return scores.sort_values("family", key=lambda column: column.map(place), kind="stable", ignore_index=True)
