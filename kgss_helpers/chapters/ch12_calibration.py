"""For notebook 12: making a likelihood honest, by one number that is chosen on people whom nothing is measured on.

Temperature scaling (Guo et al. 2017): before the softmax all cosines are multiplied by one scale, the inverse of a
temperature. It changes how sure the space seems, and never which skill comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from kgss_helpers.runs.epochs import Epochs

BINS = 10
LOWEST, HIGHEST = 0.5, 100.0
"""Between these a scale is looked for."""


def split_people(people: Sequence[str], *, without: Collection[str] = (), seed: int = 0) -> tuple[list[str], list[str]]:
    """Two halves by lot, one to choose a scale on and one to measure on; ``without`` are in neither."""
    rest = sorted(set(people) - set(without))
    drawn = np.random.default_rng(seed).permutation(len(rest))
    half = len(rest) // 2
    return [rest[row] for row in drawn[:half]], [rest[row] for row in drawn[half:]]


def surprise(epochs: Epochs, epoch: int, main: pd.Series, scale: float) -> float:
    """The mean negative logarithm of the likelihood of people's main skill, ``main`` by node id."""
    likely = epochs.affinities(epoch, people=list(main.index), scale=scale)
    found = likely.to_numpy()[np.arange(len(main)), likely.columns.get_indexer(main)]
    return float(-np.log(np.maximum(found, 1e-12)).mean())


def calibrated_scale(epochs: Epochs, epoch: int, main: pd.Series) -> float:
    """The scale that surprises least on these people, to one decimal."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_scale: surprise(epochs, epoch, main, float(np.exp(log_scale))),
        bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded",
    )  # fmt: skip
    return round(float(np.exp(found.x)), 1)


def reliability(likelihood: pd.Series, right: pd.Series, *, bins: int = BINS) -> pd.DataFrame:
    """How sure and how right, in bins of equal width: ``people``, ``likelihood``, ``right``; no empty bins."""
    edges = np.linspace(0, 1, bins + 1)
    found = pd.DataFrame({"likelihood": likelihood.astype(float), "right": right.astype(float)})
    grouped = found.groupby(pd.cut(found["likelihood"], edges, include_lowest=True), observed=True)
    table = grouped.agg(people=("right", "size"), likelihood=("likelihood", "mean"), right=("right", "mean"))
    return table.rename_axis("from, to")


def calibration_error(likelihood: pd.Series, right: pd.Series, *, bins: int = BINS) -> float:
    """Expected calibration error (Naeini et al. 2015): the mean distance of sureness and rightness over people."""
    table = reliability(likelihood, right, bins=bins)
    return float(np.average((table["likelihood"] - table["right"]).abs(), weights=table["people"]))
