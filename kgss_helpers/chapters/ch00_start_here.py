"""For notebook 00: the way from a graph to a search as a picture, and the notebooks that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgss_helpers.show.palette import BLACK, BLUE, GREEN, GREY, VERMILION

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def pipeline() -> Figure:
    """What we have, what we need, what we want: three boxes from a graph to a search."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 3.2))
    boxes = [
        ("we have", "a knowledge graph", "subjects verbing objects", BLUE),
        ("we need", "a semantic space", "a vector for everything", GREEN),
        ("we want", "a searchable database", "answers that nobody stored", VERMILION),
    ]
    for place, (verb_phrase, what, how, color) in enumerate(boxes):
        x = 3.6 * place
        axes.add_patch(plt.Rectangle((x, 0), 2.8, 1.6, facecolor="white", edgecolor=color, linewidth=3))
        axes.text(x + 1.4, 1.78, verb_phrase, ha="center", color=color, fontsize=15, fontweight="bold")
        axes.text(x + 1.4, 1.0, what, ha="center", va="center", fontsize=14)
        axes.text(x + 1.4, 0.5, how, ha="center", va="center", fontsize=12, color=GREY, style="italic")
    for x, label in ((2.85, "embed"), (6.45, "search")):
        axes.annotate("", (x + 0.7, 0.8), (x, 0.8), arrowprops={"arrowstyle": "-|>", "linewidth": 2, "color": BLACK})
        axes.text(x + 0.35, 0.95, label, ha="center", fontsize=12)
    axes.set(xlim=(-0.1, 10.1), ylim=(-0.1, 2.1))
    axes.axis("off")
    return figure


def road(notebooks: pd.DataFrame) -> str:
    """The notebooks as a list in Markdown, each with a link and its whole question.

    Args:
        notebooks: As `kgss_helpers.session.contents` gives them: columns ``notebook``, ``title`` and ``question``.
    """
    return "\n".join(
        f"- {row.notebook[:2]} · [{row.title}]({row.notebook}): *{row.question.replace('*', '')}*"
        for row in notebooks.itertuples()
    )
