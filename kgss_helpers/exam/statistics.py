"""Means and other statistics with their intervals: one bootstrap (Efron 1979, by SciPy), one way to print it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
AT_ONCE = 2_000_000
"""So many resampled numbers are held in memory together."""


class Interval(NamedTuple):
    """A value with its 95 % interval; prints as ``0.42 [0.36, 0.48]``, with a sign as ``f"{gain:+}"``."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return format(self, "")

    def __format__(self, sign: str) -> str:
        if sign not in ("", "+"):
            raise ValueError(f"an interval is printed as it is or with a sign ('+'), not as {sign!r}")
        return "{0:{3}.2f} [{1:{3}.2f}, {2:{3}.2f}]".format(*self, sign)


def mean_interval(*samples: Sequence[float] | np.ndarray, seed: int = 0) -> Interval:
    """Mean of the samples' means; each sample is resampled on its own, so families of any size count the same.

    Raises:
        ValueError: A sample is empty, or a number is missing.
    """
    parts = [np.asarray(sample, dtype=float) for sample in samples]
    if not parts or not all(len(part) and np.isfinite(part).all() for part in parts):
        raise ValueError("an interval needs a number for each question, and a question for each family")

    def mean_of_means(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.mean([part.mean(axis=axis) for part in drawn], axis=0)

    return _bootstrap(parts, mean_of_means, paired=False, vectorized=True, seed=seed)


def paired_interval(statistic: Callable[..., float], *columns: np.ndarray, seed: int = 0) -> Interval:
    """Any statistic of columns of numbers whose rows belong together: rows are resampled whole.

    A statistic that takes an argument ``axis`` is computed on all resamples at once, which is much quicker.
    """
    rows = [np.asarray(column, dtype=float) for column in columns]
    return _bootstrap(rows, statistic, paired=True, vectorized=None, seed=seed)


def _bootstrap(
    samples: list[np.ndarray], statistic: Callable[..., float], *, paired: bool, vectorized: bool | None, seed: int
) -> Interval:
    from scipy.stats import bootstrap

    value = float(statistic(*samples))
    if all((sample == sample[0]).all() for sample in samples):
        return Interval(value, value, value)
    samples = [np.repeat(sample, 2) if len(sample) == 1 else sample for sample in samples]  # SciPy wants two or more
    found = bootstrap(
        samples, statistic, n_resamples=RESAMPLES, confidence_level=LEVEL, paired=paired, vectorized=vectorized,
        method="percentile", rng=np.random.default_rng(seed), batch=max(1, AT_ONCE // max(map(len, samples))),
    )  # fmt: skip
    return Interval(value, float(found.confidence_interval.low), float(found.confidence_interval.high))
