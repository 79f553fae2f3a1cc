"""Charts that more than one notebook draws: readable on a projector, with alt text."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.show.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MATPLOTLIB_STYLE = {
    "figure.figsize": (9, 4.5),
    "figure.dpi": 100,
    "font.size": 13,
    "axes.titlesize": 15,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "text.parse_math": False,  # a dollar in a name is a dollar
}


def show(figure: Figure, alt: str) -> None:
    """Displays a matplotlib figure with a description for those who can't see it, and closes it.

    The description stands in the output's metadata, where HTML exports find it, and as the plain-text form of the
    output.
    """
    from IPython.display import display

    display({"image/png": _png(figure), "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})


def as_html(figure: Figure, alt: str) -> str:
    """A matplotlib figure as an ``<img>`` with its description, for an HTML widget; the figure is closed."""
    data = base64.b64encode(_png(figure)).decode("ascii")
    return f'<img style="max-width: 100%" alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def _png(figure: Figure) -> bytes:
    import matplotlib.pyplot as plt

    _plain_log_ticks(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()


def _plain_log_ticks(figure: Figure) -> None:
    """Writes out the numbers on logarithmic axes: matplotlib's own powers are formulas, which a name must never be."""
    from matplotlib.ticker import FuncFormatter, LogFormatter, NullFormatter

    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if isinstance(axis.get_major_formatter(), LogFormatter):
            axis.set_major_formatter(
                FuncFormatter(lambda value, _: f"{value:,.10g}" if value >= 1e-4 else f"{value:g}")
            )
            axis.set_minor_formatter(NullFormatter())


def bars(values: pd.Series, *, title: str, x_label: str, colors: list[str] | str = BLUE) -> Figure:
    """Horizontal bars, the first value on top, each with its number."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, axes = plt.subplots(figsize=(9, 0.8 + 0.42 * len(values)))
    drawn = axes.barh(
        values.index.astype(str)[::-1], values[::-1], color=colors[::-1] if isinstance(colors, list) else colors
    )
    axes.bar_label(drawn, fmt="{:,.0f}", padding=4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(title=title, xlabel=x_label)
    return figure


def intervals(table: pd.DataFrame, *, title: str, x_label: str) -> Figure:
    """A dot with its 95 % interval for each row: columns ``label``, ``mean``, ``low``, ``high``; the first on top."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 1 + 0.42 * len(table)))
    rows = table[::-1]
    spread = np.stack([rows["mean"] - rows["low"], rows["high"] - rows["mean"]])
    axes.errorbar(rows["mean"], np.arange(len(rows)), xerr=spread, fmt="o", color=BLUE, capsize=4)
    axes.set_yticks(np.arange(len(rows)), rows["label"])
    axes.set(title=title, xlabel=x_label, xlim=(-0.02, 1.02))
    axes.grid(axis="x", color="#DDDDDD")
    return figure


def curves(lines: dict[str, pd.DataFrame], *, title: str, y_label: str, x_label: str = "epochs") -> Figure:
    """Shares over epochs with their intervals: tables with columns ``mean``, ``low``, ``high``, a row an epoch."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    for (label, table), (color, _, marker), dashes in zip(
        lines.items(), GROUP_STYLES, ("-", "--", "-.", ":") * 2, strict=False
    ):
        axes.plot(range(len(table)), table["mean"], dashes, marker=marker, color=color, label=label)
        axes.fill_between(range(len(table)), table["low"], table["high"], color=color, alpha=0.2, linewidth=0)
    axes.set_xticks(range(len(table)), table.index)
    axes.set(title=title, xlabel=x_label, ylabel=y_label, ylim=(0, 1))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


GROUP_STYLES = (
    (BLUE, "circle", "o"),
    (VERMILION, "square", "s"),
    (GREEN, "triangle-up", "^"),
    (PURPLE, "diamond", "D"),
    (ORANGE, "cross", "P"),
    (SKY, "star", "*"),
    (BLACK, "x", "X"),
    (GREY, "triangle-down", "v"),
)
