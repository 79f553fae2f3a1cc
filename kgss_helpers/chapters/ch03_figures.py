"""For notebook 03, its pictures: the two directions of Word2Vec, a toy's cosines, corpus sizes, n-grams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.chapters.ch03_predicting_words import shared_ngrams
from kgss_helpers.methods.word2vec import ngrams
from kgss_helpers.show.charts import GROUP_STYLES
from kgss_helpers.show.palette import BLUE, GREY, ORANGE, SKY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def directions(words: Sequence[str], at: int) -> Figure:
    """Both ways to predict, side by side: from the words around to the one in the middle, and back."""
    import matplotlib.pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(11, 4.4))
    around = [word for row, word in enumerate(words) if row != at]
    heights = np.linspace(1, 0, len(around))
    for axes, title in zip(both, ("CBOW", "skip-gram"), strict=True):
        given_at, asked_at = (0.15, 0.85) if title == "CBOW" else (0.85, 0.15)
        for word, height in zip(around, heights, strict=True):
            _box(axes, 0.15 if title == "CBOW" else 0.85, height, word, SKY if title == "CBOW" else ORANGE)
        middle_x = 0.85 if title == "CBOW" else 0.15
        _box(axes, middle_x, 0.5, words[at], ORANGE if title == "CBOW" else SKY)
        for height in heights:
            if title == "CBOW":
                _arrow(axes, (0.27, height), (0.46, 0.5))
            else:
                _arrow(axes, (0.29, 0.5), (0.72, height))
        if title == "CBOW":
            _box(axes, 0.53, 0.5, "mean", "white")
            _arrow(axes, (0.6, 0.5), (0.73, 0.5))
        axes.text(given_at if title == "CBOW" else asked_at, 1.22, "given", ha="center", color=GREY)
        axes.text(asked_at if title == "CBOW" else given_at, 1.22, "asked for", ha="center", color=GREY)
        axes.set(title=title, xlim=(0, 1), ylim=(-0.15, 1.32))
        axes.set_axis_off()
    return figure


def _box(axes: Axes, x: float, y: float, text: str, color: str) -> None:
    box = {"boxstyle": "round,pad=0.4", "facecolor": color, "edgecolor": "black"}
    axes.text(x, y, text, ha="center", va="center", bbox=box, fontsize=14)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "->", "linewidth": 1.5, "color": "black"})


def heat_maps(tables: Mapping[str, np.ndarray], words: Sequence[str]) -> Figure:
    """Cosines of the same words in several tables, dark for 1; words are named at the left and below."""
    import matplotlib.pyplot as plt

    figure, row = plt.subplots(1, len(tables), figsize=(4.1 * len(tables), 4.9), sharey=True)
    for axes, (title, table) in zip(np.atleast_1d(row), tables.items(), strict=True):
        drawn = axes.imshow(table, cmap="cividis_r", vmin=-1, vmax=1)
        axes.set_xticks(range(len(words)), words, rotation=90, fontsize=11)
        axes.set_yticks(range(len(words)), words, fontsize=11)
        axes.set_title(title)
    figure.colorbar(drawn, ax=row, label="cosine", shrink=0.7)
    return figure


def sizes(table: pd.DataFrame, measure: str = "all pairs") -> Figure:
    """Agreement with people against words of text, a line a way to train; dots are single draws.

    Args:
        table: Columns ``way``, ``words``, and the measure.
        measure: Which column.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    for (way, rows), (color, _, marker) in zip(table.groupby("way", sort=False), GROUP_STYLES, strict=False):
        mean = rows.groupby("words")[measure].mean()
        axes.plot(mean.index, mean, "-", marker=marker, color=color, markersize=8, label=way)
        axes.plot(rows["words"], rows[measure], ".", color=color, markersize=4)
    ticks = sorted(table["words"].unique())
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{words // 1000}" for words in ticks])
    axes.minorticks_off()
    axes.set(
        title="More text, better vectors", xlabel="thousand words of text", ylabel="WordSim-353, Spearman",
        ylim=(min(-0.02, table[measure].min() - 0.02), None),
    )  # fmt: skip
    axes.legend(loc="upper left")
    return figure


def pieces(word: str) -> Figure:
    """A word with its two ends, letter by letter, and below it every n-gram where it stands."""
    import matplotlib.pyplot as plt

    letters = f"<{word}>"
    found = ngrams(word)
    figure, axes = plt.subplots(figsize=(10, 1.2 + 0.21 * len(found)))
    for at, letter in enumerate(letters):
        axes.text(at + 0.5, 0, letter, ha="center", va="center", fontsize=20, family="monospace", weight="bold")
    line = 1.2
    for length in sorted({len(piece) for piece in found}):
        for start in range(len(letters) - length + 1):
            axes.plot([start + 0.08, start + length - 0.08], [line, line], color=BLUE, linewidth=5)
            axes.text(len(letters) + 0.3, line, letters[start : start + length], va="center", family="monospace")
            line += 0.85
        line += 0.6
    axes.set(title=f"The {len(found)} n-grams of '{word}'", xlim=(-0.2, len(letters) + 2.6), ylim=(line, -0.9))
    axes.set_axis_off()
    return figure


def shared(pairs: Sequence[tuple[str, str]]) -> Figure:
    """What is typed cut into n-grams, a line a length; those that the word that was meant has too stand in boxes."""
    import matplotlib.pyplot as plt

    figure, rows = plt.subplots(len(pairs), 1, figsize=(11, 1.85 * len(pairs)))
    for axes, (typed, meant) in zip(np.atleast_1d(rows), pairs, strict=True):
        in_common, found = set(shared_ngrams(typed, meant)), ngrams(typed)
        for line, length in enumerate(sorted({len(piece) for piece in found})):
            of_length = [piece for piece in found if len(piece) == length]
            for column, piece in enumerate(of_length):
                kept = piece in in_common
                axes.text(
                    column + 0.5, line, piece, ha="center", va="center", family="monospace", fontsize=13,
                    color="black" if kept else GREY, weight="bold" if kept else "normal",
                    bbox={"boxstyle": "round,pad=0.25", "facecolor": SKY, "edgecolor": "black"} if kept else None,
                )  # fmt: skip
        total = len(set(found))
        axes.set_title(f"'{typed}' shares {len(in_common)} of its {total} n-grams with '{meant}'", fontsize=14)
        axes.set(xlim=(0, 9.3), ylim=(3.6, -0.6))
        axes.set_axis_off()
    return figure
