"""For notebook 04: its pictures. Arrows, sections, maps of words, a hyperplane, a map of the world, an axis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.files import DATA
from kgss_helpers.show.charts import GROUP_STYLES
from kgss_helpers.show.palette import BLACK, BLUE, GREY, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUTLINES = DATA / "world" / "outlines.json"
NO_COLOUR = "#E6E6E6"


def arrows(points: pd.DataFrame, start: str, end: str, third: str) -> Figure:
    """Four words in a plane, the arrow from one to another, and the same arrow put on a third."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5))
    axes.scatter(points.iloc[:, 0], points.iloc[:, 1], color=BLUE, s=70, zorder=3)
    for word, (x, y) in points.iterrows():
        axes.annotate(word, (x, y), xytext=(8, 8), textcoords="offset points", fontsize=16)
    step = points.loc[end] - points.loc[start]
    for word, color in ((start, BLACK), (third, VERMILION)):
        x, y = points.loc[word]
        end_point = (x + step.iloc[0], y + step.iloc[1])
        axes.annotate("", end_point, (x, y), arrowprops={"arrowstyle": "->", "color": color, "lw": 2.5})
    axes.set(title="One arrow, put on two words", xlabel=points.columns[0], ylabel=points.columns[1])
    axes.margins(0.25)
    return figure


def sections(shares: Mapping[str, pd.DataFrame]) -> Figure:
    """The share of analogies solved by section: for each table of word vectors a dot with its 95 % interval."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 6))
    names = list(next(iter(shares.values())).index)
    for place, ((label, table), (color, _, marker)) in enumerate(zip(shares.items(), GROUP_STYLES, strict=False)):
        rows = table.loc[names]
        at = np.arange(len(names)) + 0.25 * (place - (len(shares) - 1) / 2)
        spread = np.clip([rows["mean"] - rows["low"], rows["high"] - rows["mean"]], 0, None)
        axes.errorbar(rows["mean"], at, xerr=spread, fmt=marker, color=color, markersize=7, elinewidth=1.5, label=label)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(axis="x", color="#DDDDDD")
    axes.set(
        title="Analogies solved, section by section", xlabel="share of those that a table covers", xlim=(-0.02, 1.02)
    )
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def word_maps(
    layouts: Mapping[str, np.ndarray], words: Sequence[str], groups: Sequence[str], *, labelled: int = 8
) -> Figure:
    """Words in two dimensions, one panel a layout; some words of each group are written out.

    Args:
        layouts: Title → points, shape (words, 2).
        words: What is drawn.
        groups: The group of each word, for colour and shape.
        labelled: How many words of each group are written out in each panel at most, none over another.
    """
    import matplotlib.pyplot as plt

    columns = min(2, len(layouts))
    rows = -(-len(layouts) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(6 * columns, 4.6 * rows), squeeze=False)
    kind = np.array(groups)
    for panel, (title, points) in zip(panels.ravel(), layouts.items(), strict=False):
        for group, (color, _, marker) in zip(dict.fromkeys(groups), GROUP_STYLES, strict=False):
            here = np.flatnonzero(kind == group)
            panel.scatter(*points[here].T, color=color, marker=marker, s=45, alpha=0.75, label=group)
        panel.set(title=title, xticks=[], yticks=[])
        for row in _readable(points, words, groups, labelled):
            panel.annotate(words[row], points[row], xytext=(4, 3), textcoords="offset points", fontsize=12)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _readable(points: np.ndarray, words: Sequence[str], groups: Sequence[str], labelled: int) -> list[int]:
    """Rows whose words can be written out without covering one another: at most so many of each group, in order."""
    place = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    written: list[tuple[float, float, float]] = []
    rows: list[int] = []
    for row, (x, y) in enumerate(place):
        end = x + 0.03 + 0.021 * len(words[row])
        covers = any(abs(y - other) < 0.06 and x < right and left < end for left, right, other in written)
        if not covers and sum(groups[done] == groups[row] for done in rows) < labelled:
            written.append((x, end, y))
            rows.append(row)
    return rows


def hyperplane(points: np.ndarray, labels: Sequence[str], weights: np.ndarray, bias: float) -> Figure:
    """A line between two kinds of words in a plane, with its margins; points of shape (words, 2)."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 5.5))
    kind = np.array(labels)
    for group, (color, _, marker) in zip(dict.fromkeys(labels), GROUP_STYLES, strict=False):
        axes.scatter(*points[kind == group].T, color=color, marker=marker, s=55, label=group)
    reach = np.array([points[:, 1].min() - 0.05, points[:, 1].max() + 0.05])
    for shift, style in ((0, "-"), (1, "--"), (-1, "--")):
        axes.plot((shift - bias - weights[1] * reach) / weights[0], reach, style, color=GREY, linewidth=2)
    axes.set(title="A line between countries and other words", xlabel="first direction", ylabel="second direction")
    axes.set_xlim(points[:, 0].min() - 0.05, points[:, 0].max() + 0.05)
    axes.set_ylim(*reach)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


@cache
def outlines() -> dict[str, list[np.ndarray]]:
    """Country (ISO 3166 code of three letters) → its outlines, each of shape (corners, 2): longitude, latitude."""
    read = json.loads(OUTLINES.read_text(encoding="utf-8"))
    return {code: [np.array(ring) for ring in rings] for code, rings in read.items()}


def world(similarity: pd.Series, *, title: str) -> Figure:
    """Countries coloured by a number each; white where there is none.

    Args:
        similarity: ISO code → number.
        title: Of the figure.
    """
    import matplotlib.pyplot as plt
    from matplotlib.collections import PolyCollection

    figure, axes = plt.subplots(figsize=(11, 5.2))
    shapes = [(code, ring) for code, rings in outlines().items() for ring in rings]
    values = np.array([similarity.get(code, np.nan) for code, _ in shapes], dtype=float)
    colours = {"array": np.ma.masked_invalid(values), "cmap": _colours()}
    drawn = PolyCollection([ring for _, ring in shapes], edgecolor=GREY, linewidth=0.3, **colours)
    axes.add_collection(drawn)
    axes.set(title=title, xlim=(-170, 191), ylim=(-57, 84), xticks=[], yticks=[], aspect=1.2)
    for side in axes.spines.values():
        side.set_visible(False)
    figure.colorbar(drawn, ax=axes, shrink=0.7, label="cosine")
    return figure


def _colours() -> object:
    """One scale from light to dark, which is read with any colour vision; white for no number."""
    import matplotlib as mpl

    return mpl.colormaps["cividis_r"].with_extremes(bad="white")


def axis_chart(standings: Mapping[str, pd.Series], *, title: str, ends: tuple[str, str]) -> Figure:
    """Words along a direction, in standard deviations of all words: one panel a table, the grey band is two of them."""
    import matplotlib.pyplot as plt

    most = max(map(len, standings.values()))
    figure, panels = plt.subplots(1, len(standings), figsize=(6 * len(standings), 1.2 + 0.34 * most), squeeze=False)
    for panel, (label, values) in zip(panels.ravel(), standings.items(), strict=True):
        _dots(panel, values)
        panel.set(title=label, xlabel=f"← {ends[0]}    standard deviations    {ends[1]} →")
    figure.suptitle(title, x=0.01, ha="left", fontsize=15)
    return figure


def _dots(panel: Axes, values: pd.Series) -> None:
    panel.axvspan(-2, 2, color=NO_COLOUR)
    outside = values.abs() > 2
    for chosen, color, marker in ((~outside, BLUE, "o"), (outside, VERMILION, "D")):
        panel.scatter(values[chosen], np.flatnonzero(chosen), color=color, marker=marker, s=50, zorder=3)
    panel.set_yticks(range(len(values)), values.index)
    panel.invert_yaxis()
    reach = max(3.0, values.abs().max() + 0.3)
    panel.set_xlim(-reach, reach)
