"""Figures of notebook 14: the exam as a heat map, the steps as a ladder, the system against the best of each family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.chapters.ch14_semantic_search import KINDS, kind_of, short
from kgss_helpers.exam.statistics import Interval
from kgss_helpers.show.palette import BLACK, BLUE, GREY, VERMILION, WHITE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = "cividis"
"""Made for all kinds of colour vision (Nuñez, Anderton and Renslow 2018); light is high."""
DARK = 0.5
"""Below this, numbers are written in white."""


def heat_map(table: pd.DataFrame, *, title: str = "nDCG@10 on the test questions") -> Figure:
    """Methods × families, the number in each cell, the best of each column in a frame; kinds apart from each other.

    Args:
        table: Methods as rows, in the order of `KINDS`; families as columns, and their mean.
        title: Of the figure.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(12, 1.4 + 0.265 * len(table)))
    values, kinds = table.to_numpy(), [kind_of(name) for name in table.index]
    axes.imshow(values, cmap=COLOURS, vmin=0, vmax=1, aspect="auto")
    best = values.argmax(axis=0)
    for (row, column), value in np.ndenumerate(values):
        is_best = best[column] == row
        axes.text(
            column, row, f"{value:.2f}"[1:] if value < 1 else "1.0", ha="center", va="center", fontsize=11,
            color=WHITE if value < DARK else BLACK, fontweight="bold" if is_best else "normal",
        )  # fmt: skip
        if is_best:
            axes.add_patch(
                plt.Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, fill=False, color=VERMILION, lw=3, zorder=5)
            )
    for row in range(1, len(kinds)):
        if kinds[row] != kinds[row - 1]:
            axes.axhline(row - 0.5, color=WHITE, linewidth=4)
    axes.axvline(len(table.columns) - 1.5, color=WHITE, linewidth=4)
    _name_kinds(axes, kinds, len(table.columns))
    columns = [name.replace(" and ", "\nand ").replace("other ", "other\n") for name in table.columns]
    axes.set_xticks(range(len(columns)), columns, fontsize=11)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_yticks(range(len(table)), [short(name) for name in table.index], fontsize=11)
    axes.set_title(f"{title}; framed: the best of its column", pad=12)
    axes.set(xlabel="family of questions", ylabel="method")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _name_kinds(axes: object, kinds: Sequence[str], columns: int) -> None:
    for kind in KINDS:
        rows = [row for row, other in enumerate(kinds) if other == kind]
        if rows:
            axes.text(columns - 0.4, np.mean(rows), kind, ha="left", va="center", fontsize=12, color=BLACK)


def ladder_figure(table: pd.DataFrame) -> Figure:
    """The steps from top to bottom, with the headline family and the mean of all, each with its interval."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 1.6 + 0.42 * len(table)))
    lines = np.arange(len(table))
    for part, label, color, marker, shift in (
        ("headline", "other words", VERMILION, "s", -0.12), ("mean", "mean of all families", BLUE, "o", 0.12),
    ):  # fmt: skip
        spread = np.clip([table[part] - table[f"{part} low"], table[f"{part} high"] - table[part]], 0, None)
        axes.plot(table[part], lines + shift, color=color, linewidth=1, alpha=0.5)
        axes.errorbar(table[part], lines + shift, xerr=spread, fmt=marker, color=color, markersize=7, label=label)
    axes.set_yticks(lines, [f"{row.step}\n({row.method})" for row in table.itertuples()], fontsize=10)
    axes.invert_yaxis()
    axes.grid(axis="x", color="#DDDDDD")
    axes.set(title="What each step bought", xlabel="nDCG@10 on the test questions", ylabel="step", xlim=(-0.02, 1.0))
    axes.legend(loc="upper right")
    return figure


def differences_figure(found: Mapping[str, tuple[str, Interval, Interval, Interval]]) -> Figure:
    """By how much the system differs from the best single method of each family, with the paired interval."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 1.4 + 0.42 * len(found)))
    for place, (_, _, _, gained) in enumerate(found.values()):
        color, marker = (BLUE, "o") if gained.low > 0 else (VERMILION, "s") if gained.high < 0 else (GREY, "D")
        axes.errorbar(
            gained.mean, place, xerr=[[gained.mean - gained.low], [gained.high - gained.mean]], fmt=marker, color=color,
            capsize=4, markersize=8,
        )  # fmt: skip
    axes.axvline(0, color=BLACK, linewidth=1)
    axes.set_yticks(range(len(found)), [f"{family}\n(against {short(rival)})" for family, (rival, *_) in found.items()])
    axes.tick_params(axis="y", labelsize=10)
    axes.invert_yaxis()
    axes.grid(axis="x", color="#DDDDDD")
    axes.set(
        title="One system against the best single method", ylabel="family",
        xlabel="difference in nDCG@10, paired (right: the system is better)",
    )  # fmt: skip
    return figure
