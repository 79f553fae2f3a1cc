"""For notebook 13: recorded ways to fine-tune beside each other, the shipped recipe's seeds, and what it forgets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from kgss_helpers.exam.films import FAMILIES, gain
from kgss_helpers.exam.results import ExamResult, recorded
from kgss_helpers.exam.statistics import Interval, mean_interval, paired_interval
from kgss_helpers.files import slug
from kgss_helpers.question import Split
from kgss_helpers.runs.ablations import RESULTS, SCORES, SETTINGS, SIZES, shortened_name
from kgss_helpers.runs.tuned import SEEDS, SITTINGS
from kgss_helpers.show.charts import GROUP_STYLES
from kgss_helpers.training.sbert import LENGTHS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BASE = "batch 128"
"""The way to train that every other is compared with."""
EQUAL = ("equal steps", "equal rows")
PLAIN = ("role and genre",)
"""The family that a single change is judged by, beside the mean over all families."""


def settings(folder: Path = RESULTS) -> pd.DataFrame:
    """What was recorded of each setting of the ablations, by name, in their order.

    Raises:
        ValueError: One is not recorded; names it and the command.
    """
    found = []
    for name in SETTINGS:
        path = folder / f"{slug(name)}.json"
        if not path.is_file():
            raise ValueError(f"{name!r} is not recorded; record it: `python -m kgss_helpers.runs.ablations`")
        found.append(json.loads(path.read_text(encoding="utf-8")))
    return pd.DataFrame(found).set_index("name")


def sat(split: Split = "validation", folder: Path = RESULTS / SCORES) -> dict[str, ExamResult]:
    """What each setting of the ablations scored, by name; those with shortened vectors too."""
    return {result.method: result for result in recorded(folder) if result.split == split}


def of_seeds(way: str, split: Split = "test", folder: Path = SITTINGS) -> dict[str, ExamResult]:
    """What the shipped recipe scored from each of `SEEDS`, in one way to use it, such as ``"documents"``.

    Raises:
        ValueError: A seed is not recorded; says which, and the command.
    """
    found = {result.method: result for result in recorded(folder) if result.split == split}
    wanted = {f"seed {seed}": f"{way}, seed {seed}" for seed in SEEDS}
    missing = [method for method in wanted.values() if method not in found]
    if missing:
        raise ValueError(f"{', '.join(missing)}: not recorded; record it: `python -m kgss_helpers.runs.tuned`")
    return {seed: found[method] for seed, method in wanted.items()}


def gains_table(pairs: Mapping[str, tuple[ExamResult, ExamResult]], families: Sequence[str] = FAMILIES) -> pd.DataFrame:
    """Paired gains, a row a pair: columns ``gain``, ``from``, ``to``."""
    found = {name: gain(first, second, families) for name, (first, second) in pairs.items()}
    return pd.DataFrame(found, index=["gain", "from", "to"]).T


def against(
    found: Mapping[str, ExamResult], names: Sequence[str], base: str = BASE, families: Sequence[str] = FAMILIES
) -> pd.DataFrame:
    """`gains_table` of these rows against one."""
    return gains_table({name: (found[name], found[base]) for name in names}, families)


def verdicts(*tables: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Gains as text beside each other, one column a table: ``"+0.05 [+0.02, +0.08]"``."""
    return pd.DataFrame(
        {
            name: [format(Interval(*map(float, row)), "+") for row in table.to_numpy()]
            for name, table in zip(names, tables, strict=True)
        },
        index=tables[0].index,
    )


def setting_of_size(size: int, equal: str) -> str:
    """The name of the setting with batches of this size."""
    return BASE if size == SETTINGS[BASE].batch_size else f"batch {size}, {equal}"


def by_size(found: Mapping[str, ExamResult], families: Sequence[str] = FAMILIES) -> dict[str, pd.DataFrame]:
    """Mean, low and high by batch size (rows), once at equal steps and once at equal rows."""
    return {
        equal: _intervals({size: found[setting_of_size(size, equal)] for size in SIZES}, families) for equal in EQUAL
    }


def by_length(
    found: Mapping[str, ExamResult], names: Sequence[str], families: Sequence[str] = FAMILIES
) -> dict[str, pd.DataFrame]:
    """Mean, low and high by how many numbers of a vector are kept (rows), for each of these settings."""
    return {
        name: _intervals({length: found[shortened_name(name, length)] for length in LENGTHS}, families)
        for name in names
    }


def _intervals(results: Mapping[int, ExamResult], families: Sequence[str]) -> pd.DataFrame:
    scores = {at: result.by_family() for at, result in results.items()}
    found = {at: mean_interval(*(of[family] for family in families)) for at, of in scores.items()}
    return pd.DataFrame(found, index=["mean", "low", "high"]).T


def lines(
    panels: Mapping[str, Mapping[str, pd.DataFrame | pd.Series]], *, x_label: str, y_label: str, even: bool = True
) -> Figure:
    """Panels side by side on one height: a line for each table, whose rows are what lies across.

    Args:
        panels: By title; tables by the line's label, with columns ``mean``, ``low``, ``high``, or one column of values.
        x_label: What lies across.
        y_label: What goes up.
        even: Rows stand evenly apart, whatever their numbers.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(5.6 * len(panels), 4.2), squeeze=False, sharey=True)
    for panel, (title, tables) in zip(axes[0], panels.items(), strict=True):
        for number, (label, table) in enumerate(tables.items()):
            color, _, shape = GROUP_STYLES[number % len(GROUP_STYLES)]
            dashes = ("-", "--", "-.", ":")[number % 4]
            across = np.arange(len(table)) if even else table.index.to_numpy(dtype=float)
            values = table if isinstance(table, pd.Series) else table["mean"]
            panel.plot(across, values, dashes, marker=shape, color=color, label=label)
            if isinstance(table, pd.DataFrame):
                panel.fill_between(across, table["low"], table["high"], color=color, alpha=0.15, linewidth=0)
            panel.set_xticks(across, table.index.astype(str))
        panel.set(title=title, xlabel=x_label, ylim=(0, None))
        panel.grid(axis="y", color="#DDDDDD")
    axes[0, 0].set_ylabel(y_label)
    labels = [list(tables) for tables in panels.values()]
    for panel in axes[0] if labels.count(labels[0]) < len(labels) else ():
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    if labels.count(labels[0]) == len(labels):
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


# ---- what tuning forgets ---------------------------------------------------------------------------------------------


def kept_of(table: pd.DataFrame, at: str, way: str, columns: Sequence[str]) -> pd.DataFrame:
    """One way to use a model, from a table of `kgss_helpers.runs.tuned`: rows by ``at``, the columns asked for."""
    seen = table[(table["way"] == way) & (table["split"] == "validation")]
    return seen.set_index(at)[list(columns)]


def agreement_lost(judged: np.ndarray, before: np.ndarray, after: np.ndarray) -> Interval:
    """By how much Spearman's correlation with people's judgements changed; pairs are resampled whole.

    Args:
        judged: What people said of each pair.
        before: A model's cosines.
        after: Another's.
    """

    def change(said: np.ndarray, one: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
        ranks = [rankdata(values, axis=axis) for values in (said, one, other)]
        said, one, other = ((rank - rank.mean(axis=axis, keepdims=True)) for rank in ranks)
        lengths = [np.sqrt((values**2).sum(axis=axis)) for values in (said, one, other)]
        before, after = ((said * values).sum(axis=axis) / lengths[0] for values in (one, other))
        return after / lengths[2] - before / lengths[1]

    return paired_interval(change, judged, before, after)
