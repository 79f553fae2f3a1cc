"""The figures of notebook 07."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.show.charts import GROUP_STYLES
from kgss_helpers.show.palette import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

DASHES = ("-", "--", "-.", ":")


def lines(
    curves: Mapping[str, pd.Series], *, title: str, x_label: str, y_label: str, log: bool = False, every: int = 1
) -> Figure:
    """Some lines over the index, told apart by colour, marker and dashes; a marker at each ``every``-th point."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    for (label, values), (color, _, marker), dashes in zip(curves.items(), GROUP_STYLES, DASHES * 2, strict=False):
        axes.plot(values.index, values, dashes, color=color, marker=marker, markevery=every, linewidth=2, label=label)
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def gates(steps: Mapping[str, np.ndarray], *, title: str) -> Figure:
    """How far the gates of one LSTM unit are open at each step, as means over the texts that it reads.

    Args:
        steps: ``i``, ``f`` and ``o``, each of shape (texts, length).
        title: Above it.
    """
    named = {"forget gate f": steps["f"], "output gate o": steps["o"], "input gate i": steps["i"]}
    curves = {label: pd.Series(values.mean(axis=0)) for label, values in named.items()}
    figure = lines(curves, title=title, x_label="symbols read after the letter", y_label="how far open")
    figure.axes[0].set_ylim(-0.03, 1.03)
    figure.axes[0].xaxis.set_major_locator(_whole_numbers())
    return figure


def memories(lines_of: Mapping[str, np.ndarray], *, title: str) -> Figure:
    """One line a letter: a unit's memory at each step; solid where it ends above zero, dashed where below."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    for values in lines_of.values():
        above = values[-1] > 0
        axes.plot(values, "-" if above else "--", color=BLUE if above else VERMILION, linewidth=2)
    ends = sorted((values[-1], letter) for letter, values in lines_of.items())
    span = max(end for end, _ in ends) - min(end for end, _ in ends)
    height = -np.inf
    for end, letter in ends:  # labels that would lie on each other move up
        height = max(end, height + 0.06 * span)
        axes.annotate(letter, (len(values) - 1, height), (8, 0), textcoords="offset points", va="center")
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set(title=title, xlabel="symbols read after the letter", ylabel="memory c of the unit (mean)")
    axes.xaxis.set_major_locator(_whole_numbers())
    return figure


def _whole_numbers() -> Locator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(integer=True)


def layers(table: pd.DataFrame, *, title: str, chance: float) -> Figure:
    """A dot with its interval for each kind of vectors, from left to right, and a line at what chance gets."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 4.8))
    spread = np.stack([table["mean"] - table["low"], table["high"] - table["mean"]])
    at = np.arange(len(table))
    axes.axhline(chance, color=GREY, linestyle="--", linewidth=1.5)
    axes.text(len(table) - 0.45, chance + 0.01, "chance", ha="right", va="bottom")
    axes.errorbar(at, table["mean"], yerr=spread, fmt="o", color=BLUE, capsize=5, markersize=8, linewidth=2)
    axes.set_xticks(at, [label.replace(", ", ",\n") for label in table["label"]], rotation=30, ha="right")
    axes.set(title=title, ylabel="nearest has the same sense", ylim=(0.3, 1.0))
    return figure


def two_maps(maps: Mapping[str, np.ndarray], senses: Sequence[str], *, title: str) -> Figure:
    """The same occurrences of one word in several spaces, each flattened to two axes; a marker and a colour a sense."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(maps), figsize=(10, 4.4), squeeze=False)
    for axes, (label, points) in zip(panels[0], maps.items(), strict=True):
        styles = zip(dict.fromkeys(senses), GROUP_STYLES, (260, 90, 40), strict=False)
        for sense, (color, _, marker), size in styles:  # the first ones hollow and large: others may lie on them
            rows = [place for place, found in enumerate(senses) if found == sense]
            look = {"facecolors": "none" if size > 200 else color, "edgecolors": color, "linewidths": 2}
            axes.scatter(points[rows, 0], points[rows, 1], s=size, marker=marker, label=sense, **look)
        axes.set(title=label, xticks=[], yticks=[], xlabel="first direction")
        axes.margins(0.2)
    panels[0, 0].set_ylabel("second direction")
    panels[0, -1].legend(title="meaning", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.suptitle(title, ha="left", x=0.01, fontsize=15)
    return figure


def attention(shares: Mapping[str, np.ndarray], tokens: Sequence[str], *, title: str) -> Figure:
    """What each token takes from which: a heat map a head, the words on both axes, shares from .1 on as numbers."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(shares), figsize=(6.2 * len(shares), 6.2), squeeze=False, sharey=True)
    for axes, (label, matrix) in zip(panels[0], shares.items(), strict=True):
        axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(tokens)), tokens, rotation=60, ha="right")
        axes.set_yticks(range(len(tokens)), tokens)
        axes.set(title=label, xlabel="looks at")
        for row, column in zip(*np.nonzero(matrix >= 0.1), strict=True):
            color = "white" if matrix[row, column] > 0.6 else BLACK
            axes.text(column, row, f"{matrix[row, column]:.1f}", ha="center", va="center", color=color, fontsize=10)
    panels[0, 0].set_ylabel("this word")
    figure.suptitle(title, ha="left", x=0.01, fontsize=15)
    return figure


def views(masks: Mapping[str, np.ndarray], words: Sequence[str], *, title: str) -> Figure:
    """Which words each model may use for the one that it predicts: a filled square with a tick for yes."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap

    figure, panels = plt.subplots(1, len(masks), figsize=(4 * len(masks), 4.6), squeeze=False, sharey=True)
    for axes, (label, mask) in zip(panels[0], masks.items(), strict=True):
        axes.imshow(mask, cmap=ListedColormap(["#FFFFFF", ORANGE]), vmin=0, vmax=1, aspect="auto")
        for row, column in zip(*np.nonzero(mask), strict=True):
            axes.text(column, row, "✓", ha="center", va="center")
        axes.set_xticks(range(len(words)), words, rotation=45, ha="right")
        axes.set_yticks(range(len(words)), words)
        axes.set_xticks(np.arange(-0.5, len(words)), minor=True)
        axes.set_yticks(np.arange(-0.5, len(words)), minor=True)
        axes.grid(which="minor", color="#BBBBBB")
        axes.tick_params(which="minor", length=0)
        axes.set(title=label, xlabel="may look at")
    panels[0, 0].set_ylabel("to predict")
    figure.suptitle(title, ha="left", x=0.01, fontsize=15)
    return figure


def learning(history: pd.DataFrame, levels: Mapping[str, float], *, title: str) -> Figure:
    """Perplexity on held-out text after each epoch, on a logarithmic axis, and other models' as lines across."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    measured = history.dropna(subset="perplexity")
    axes.semilogy(measured["epoch"], measured["perplexity"], "o-", color=BLUE, linewidth=2, label="LSTM")
    for (label, level), color, dashes in zip(levels.items(), (VERMILION, GREEN, GREY), DASHES[1:], strict=False):
        axes.axhline(level, color=color, linestyle=dashes, linewidth=2, label=label)
    axes.set(title=title, xlabel="epochs", ylabel="perplexity per character")
    ticks = [tick for tick in (2, 3, 4, 5, 7, 10, 20, 40, 80) if tick <= 1.2 * measured["perplexity"].max()]
    axes.set_yticks(ticks, ticks)
    axes.minorticks_off()
    axes.xaxis.set_major_locator(_whole_numbers())
    axes.legend(loc="upper right")
    return figure
