"""Charts that more than one notebook draws: readable on a projector, with alt text."""

from __future__ import annotations

import base64
import io
import unicodedata
import warnings
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.files import shortened
from kgss_helpers.show.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.ticker import Formatter

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
COLOURS = 256
"""Of a picture in a notebook, which takes a third of the room that all colours take and looks the same."""


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
    for letters in FITTING:
        _fit_texts(figure, letters)
        buffer = io.BytesIO()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            figure.savefig(buffer, format="png", metadata={"Software": None})
        if not any("collapsed to zero" in str(warning.message) for warning in warned):
            break
    plt.close(figure)
    for warning in warned:
        if "collapsed to zero" not in str(warning.message):  # else names fill the figure, however short
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return _in_few_colours(buffer)


def _in_few_colours(png: io.BytesIO) -> bytes:
    """The same picture with a table of its commonest colours."""
    from PIL import Image

    few, small = Image.open(png).convert("RGB"), io.BytesIO()
    few = few.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(small, format="png", optimize=True)
    return small.getvalue()


FITTING = (60, 30, 15)
"""Letters of a label at most; fewer, where labels would leave no room for what they are the labels of."""
UNSEEN, SELECTORS = ("Cc", "Cf"), tuple(map(chr, range(0xFE00, 0xFE10)))
"""Signs that steer what stands beside them, for which no font has a picture."""
NO_GLYPH = "\N{WHITE VERTICAL RECTANGLE}"


def _fit_texts(figure: Figure, letters: int) -> None:
    """Writes every text in letters that the font has, and none longer than fits: names are whatever people are called.

    Titles may be as long as the figure is wide.
    """
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    titles = [getattr(axes, part) for axes in figure.axes for part in ("title", "_left_title", "_right_title")]
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        written, family = axis.get_major_formatter(), axis.get_label().get_fontproperties()
        if isinstance(written, FixedFormatter | FuncFormatter | StrCategoryFormatter):

            def fitting(
                value: float, place: int | None = None, *, written: Formatter = written, family: FontProperties = family
            ) -> str:
                return _fitting(str(written(value, place)), family, letters)

            axis.set_major_formatter(FuncFormatter(fitting))
    for text in figure.findobj(Text):
        size = text.get_fontsize() * 0.5 / 72  # inches a letter is wide, about
        most = int(figure.get_figwidth() / size) if text in titles else max(letters, 2 * letters - 20)
        text.set_text(_fitting(text.get_text(), text.get_fontproperties(), most))


def _fitting(text: str, family: FontProperties, letters: int) -> str:
    """A text in letters that a font has, a box for the others, each line cut between words where it is too long."""
    if text.isascii() and text.isprintable() and len(text) <= letters:
        return text
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont(family)).get_charmap()
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        plain = (" " if letter in "\t\r" else letter for letter in line)
        plain = (letter for letter in plain if unicodedata.category(letter) not in UNSEEN and letter not in SELECTORS)
        shown = "".join(letter if ord(letter) in known else NO_GLYPH for letter in plain)
        lines.append(line if shown == line and len(line) <= letters else shortened(shown, letters))
    return "\n".join(lines)


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
    heights = range(len(values))  # not the names, since two bars may have the same
    drawn = axes.barh(heights, values[::-1], color=colors[::-1] if isinstance(colors, list) else colors)
    axes.set_yticks(heights, values.index.astype(str)[::-1])
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
