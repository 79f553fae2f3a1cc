"""For notebook 10: pictures of architectures, drawn from boxes and arrows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kgss_helpers.show.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXT, MODEL, VECTOR, RESULT = SKY, BLUE, GREEN, ORANGE
"""What a box holds, by its colour; its label says so, too."""
LAYERS = 6
"""Of the packaged model."""


def _canvas(columns: int, *, size: tuple[float, float]) -> tuple[Figure, Sequence[Axes]]:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, columns, figsize=size, squeeze=False)
    for panel in axes[0]:
        panel.set(xlim=(0, 10), ylim=(0, 10), xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    return figure, axes[0]


def _box(
    axes: Axes, centre: tuple[float, float], text: str, color: str, *, size: tuple[float, float], font: float = 12
) -> None:
    from matplotlib.patches import FancyBboxPatch

    (x, y), (wide, high) = centre, size
    corner = (x - wide / 2, y - high / 2)
    axes.add_patch(
        FancyBboxPatch(
            corner, wide, high, boxstyle="round,pad=0,rounding_size=0.15", facecolor=shade(color, 0.25), edgecolor=color
        )
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=font, color=BLACK)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], *, color: str = GREY) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0})


def architectures() -> Figure:
    """A bi-encoder, which reads two texts apart, beside a cross-encoder, which reads them together."""
    figure, (two, one) = _canvas(2, size=(12.4, 5.4))
    two.set_title("Bi-encoder: two readers, two vectors")
    for x, text, vector in ((2.6, "question", "u"), (7.4, "answer", "v")):
        _box(two, (x, 0.9), text, TEXT, size=(3.4, 1.1))
        _arrow(two, (x, 1.45), (x, 2.4))
        _box(two, (x, 3.1), "transformer", MODEL, size=(3.4, 1.4))
        _arrow(two, (x, 3.8), (x, 4.6))
        _box(two, (x, 5.15), "pooling", MODEL, size=(3.4, 1.1))
        _arrow(two, (x, 5.7), (x, 6.5))
        _box(two, (x, 7.05), vector, VECTOR, size=(3.4, 1.1))
        _arrow(two, (x, 7.6), (5 + (x - 5) * 0.25, 8.5))
    two.plot([4.35, 5.65], [3.1, 3.1], ":", color=GREY)
    two.text(5, 2.1, "the same\nweights", ha="center", va="center", fontsize=11)
    _box(two, (5, 9.1), "cosine of u and v", RESULT, size=(4.6, 1.1))
    one.set_title("Cross-encoder: one reader, one number")
    _box(one, (5, 0.9), "[CLS] question [SEP] answer [SEP]", TEXT, size=(8.2, 1.1))
    _arrow(one, (5, 1.45), (5, 2.4))
    _box(
        one,
        (5, 3.9),
        "transformer\n\neach token of the question looks at\neach token of the answer",
        MODEL,
        size=(8.2, 3.0),
    )
    _arrow(one, (5, 5.4), (5, 6.5))
    _box(one, (5, 7.05), "one linear layer on [CLS]", MODEL, size=(5.4, 1.1))
    _arrow(one, (5, 7.6), (5, 8.5))
    _box(one, (5, 9.1), "how well they fit", RESULT, size=(4.6, 1.1))
    return figure


def inside_the_model(tokens: Sequence[str], *, dimensions: int) -> Figure:
    """From the tokens of one text to its vector, bottom to top.

    Args:
        tokens: As the tokenizer gives them.
        dimensions: Of the vectors.
    """
    figure, (axes,) = _canvas(1, size=(11, 6.2))
    step = 8 / len(tokens)
    across = [2 + step * (number + 0.5) for number in range(len(tokens))]
    rows = {"tokens": 0.7, "a vector each,\nfrom a table": 2.1, "transformer": 4.2, "a vector each,\nin context": 6.3}
    rows |= {"pooling": 7.8, "one vector": 9.3}
    for label, y in rows.items():
        axes.text(1.75, y, label, ha="right", va="center", fontsize=12)
    for x, token in zip(across, tokens, strict=True):
        _box(axes, (x, 0.7), token, TEXT, size=(0.88 * step, 0.8))
        _arrow(axes, (x, 1.1), (x, 1.75))
        _box(axes, (x, 2.1), "", VECTOR, size=(0.3, 0.7))
        _box(axes, (x, 6.3), "", VECTOR, size=(0.3, 0.7))
        _arrow(axes, (x, 5.4), (x, 5.95))
        _arrow(axes, (x, 6.65), (x + (6 - x) * 0.55, 7.4))
        for other in across:
            axes.plot([x, other], [2.45, 3.0], color=shade(PURPLE, 0.55), linewidth=0.8, zorder=0)
    _box(axes, (6, 4.2), f"{LAYERS} layers; in each, every token looks at all others\n(attention), and a small network "
         "changes its vector", MODEL, size=(8, 2.4))  # fmt: skip
    _box(axes, (6, 7.8), "the mean over all tokens, without padding", MODEL, size=(6, 0.8))
    _arrow(axes, (6, 8.2), (6, 8.9))
    _box(axes, (6, 9.3), f"{dimensions} numbers, of length 1", RESULT, size=(4.2, 0.8))
    axes.set_title("What a sentence transformer does with one text")
    return figure


def foundation_and_expert() -> Figure:
    """A foundation model and rows of one domain become an expert model."""
    figure, (axes,) = _canvas(1, size=(11, 2.9))
    _box(axes, (1.5, 5), "foundation model\n\na billion pairs of\ntexts of all kinds", MODEL, size=(2.6, 7))
    axes.text(3.2, 5, "+", fontsize=26, ha="center", va="center")
    _box(axes, (4.8, 5), "rows of your domain\n\nfor instance from\nyour graph", TEXT, size=(2.4, 7))
    _arrow(axes, (6.1, 5), (7.2, 5), color=VERMILION)
    axes.text(6.65, 6.6, "fine-tuning", fontsize=12, ha="center", va="center")
    _box(axes, (8.6, 5), "expert model\n\nreads the words\nof your domain", RESULT, size=(2.6, 7))
    axes.set_title("What the next notebook does")
    return figure
