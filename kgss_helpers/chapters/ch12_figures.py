"""For notebook 12: its figures of people, their map and their skills."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from kgss_helpers.runs.epochs import UNTUNED
from kgss_helpers.show.charts import GROUP_STYLES
from kgss_helpers.show.graph_view import plain_label
from kgss_helpers.show.palette import BLUE, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def epoch_title(label: str) -> str:
    """``"untuned"``, ``"after 1 epoch"``, ``"after 9 epochs"``."""
    return "untuned" if label == UNTUNED else f"after {label} epoch{'s' * (label != '1')}"


def group_styles(groups: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Colour, plotly symbol and matplotlib marker of each group, in the order in which they come."""
    return {group: GROUP_STYLES[number % len(GROUP_STYLES)] for number, group in enumerate(dict.fromkeys(groups))}


def similarities(panels: dict[str, np.ndarray], names: Sequence[str], groups: Sequence[str]) -> Figure:
    """Cosines of people with people, two panels a row, on one scale of colour.

    Lines part the groups, whose names stand at the right.
    """
    import matplotlib.pyplot as plt

    rows = (len(panels) + 1) // 2
    figure, axes = plt.subplots(rows, 2, figsize=(12.5, 4.4 * rows), squeeze=False, sharey=True, layout="compressed")
    ends = [row for row in range(1, len(groups)) if groups[row] != groups[row - 1]]
    for panel, (title, values) in zip(axes.flat, panels.items(), strict=False):
        image = panel.imshow(values, cmap="cividis", vmin=-0.2, vmax=1)
        for end in ends:
            panel.axhline(end - 0.5, color="white", linewidth=1.5)
            panel.axvline(end - 0.5, color="white", linewidth=1.5)
        panel.set(title=title, xticks=[])
        panel.set_yticks(range(len(names)), names, fontsize=11)
    for panel in axes[:, -1]:
        for start, end in pairwise([0, *ends, len(groups)]):
            panel.text(len(groups) - 0.2, (start + end - 1) / 2, groups[start], va="center", fontsize=11)
    for panel in axes.flat[len(panels) :]:
        panel.axis("off")
    figure.supxlabel("the same people in the same order", fontsize=13)
    figure.colorbar(image, ax=axes.ravel().tolist(), label="cosine", shrink=0.5)
    return figure


def last_name(name: str) -> str:
    """The last word of a name, as far as it has words."""
    return (name.split() or [name])[-1]


def people_maps(panels: dict[str, np.ndarray], names: Sequence[str], groups: Sequence[str]) -> Figure:
    """People as points, two panels a row on the same axes: colour and shape for the group, last names beside them."""
    import matplotlib.pyplot as plt

    rows = (len(panels) + 1) // 2
    figure, axes = plt.subplots(rows, 2, figsize=(12.5, 5.4 * rows), squeeze=False, sharex=True, sharey=True)
    for panel, (title, points) in zip(axes.flat, panels.items(), strict=False):
        for group, (color, _, marker) in group_styles(groups).items():
            inside = np.array(groups) == group
            panel.plot(*points[inside].T, marker, color=color, markersize=9, label=group)
        panel.set(title=title, xticks=[], yticks=[], xlabel="first common axis", ylabel="second common axis")
        panel.margins(0.2)
    for panel, points in zip(axes.flat, panels.values(), strict=False):
        _label_apart(panel, [last_name(name) for name in names], points)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


SIDES = (
    "middle right", "middle left", "top center", "bottom center",
    "top right", "bottom right", "top left", "bottom left",
)  # fmt: skip
UPRIGHT = {"top": 1, "middle": 0, "bottom": -1}


def label_sides(positions: np.ndarray, labels: Sequence[str], *, size: float = 11) -> list[str]:
    """For each point the side on which its label covers least of the others; ``positions`` are in pixels, upwards."""
    taken, sides = [(x - 8, y - 8, x + 8, y + 8) for x, y in positions], []
    for label, (x, y) in zip(labels, positions, strict=True):
        wide, high = 0.95 * size * len(label), 1.7 * size
        boxes = {}
        for side in SIDES:
            upright, across = side.split()
            left = {"right": x + 9, "left": x - 9 - wide, "center": x - wide / 2}[across]
            middle = y + UPRIGHT[upright] * (20 if across == "center" else 15)
            boxes[side] = (left, middle - high / 2, left + wide, middle + high / 2)
        sides.append(min(SIDES, key=lambda side: sum(_overlap(boxes[side], other) for other in taken)))
        taken.append(boxes[sides[-1]])
    return sides


def _label_apart(panel: Axes, labels: Sequence[str], points: np.ndarray, *, size: int = 11) -> None:
    """Writes a label beside each point, on the side where it covers least of the others."""
    for label, point, side in zip(
        labels, points, label_sides(panel.transData.transform(points), labels, size=size), strict=True
    ):
        upright, across = side.split()
        rise = UPRIGHT[upright] * (13 if across == "center" else 9)
        shift = {"right": 7, "left": -7, "center": 0}[across]
        aligned = {"right": "left", "left": "right", "center": "center"}[across]
        panel.annotate(
            label, point, xytext=(shift, rise), textcoords="offset points", ha=aligned, va="center", fontsize=size
        )


def _overlap(box: tuple[float, ...], other: tuple[float, ...]) -> float:
    wide = min(box[2], other[2]) - max(box[0], other[0])
    high = min(box[3], other[3]) - max(box[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def people_map(points: np.ndarray, names: Sequence[str], groups: Sequence[str], *, reach: float) -> go.Figure:
    """People as points, shape (people, 2), for a map whose dots are moved later: a trace a group, its name in meta."""
    figure = go.Figure()
    for group, (color, symbol, _) in group_styles(groups).items():
        rows = [row for row, of_person in enumerate(groups) if of_person == group]
        figure.add_trace(
            go.Scatter(
                x=points[rows, 0].tolist(), y=points[rows, 1].tolist(), mode="markers+text",
                name=plain_label(group), meta=group,
                text=[plain_label(last_name(names[row])) for row in rows],
                hovertext=[plain_label(names[row]) for row in rows],
                hoverinfo="text", textposition="top center", cliponaxis=False,
                marker={"color": color, "symbol": symbol, "size": 14},
            )
        )  # fmt: skip
    limit = [-1.15 * float(reach), 1.15 * float(reach)]
    axis = {"showticklabels": False, "zeroline": False, "showgrid": False, "showline": True, "mirror": True}
    figure.update_layout(
        title={"text": "The test subjects", "font": {"size": 17}, "x": 0.01},
        font={"size": 14}, width=860, height=620, margin={"l": 40, "r": 20, "t": 60, "b": 40}, plot_bgcolor="white",
        legend={"orientation": "h", "y": -0.08}, hovermode="closest",
        xaxis={**axis, "range": limit, "title": "first common axis"},
        yaxis={**axis, "range": limit, "title": "second common axis"},
    )  # fmt: skip
    return figure


def affinity_panels(people: dict[str, pd.DataFrame]) -> Figure:
    """Each person's likelihoods as colours, skills down and epochs across; at the right the graph's credits, if any.

    Each table has skills as rows (the same for all), and ``credits`` and the epochs as columns.
    """
    import matplotlib.pyplot as plt

    columns = 5
    rows = -(-len(people) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(13, 4.6 * rows), squeeze=False, sharex=True, sharey=True)
    for panel, (name, table) in zip(axes.flat, people.items(), strict=False):
        epochs = table.drop(columns="credits")
        image = panel.imshow(epochs, cmap="cividis", vmin=0, vmax=1, aspect="auto")
        most = table["credits"].max()
        for row, count in enumerate(table["credits"]):
            if count:
                weight = "bold" if count == most else "normal"
                panel.text(epochs.shape[1] - 0.3, row, count, va="center", fontsize=11, fontweight=weight)
        panel.set_title(textwrap.fill(name, 16), fontsize=13)
        panel.set_yticks(range(len(table)), table.index, fontsize=11)
        ticks = range(0, epochs.shape[1], 3)
        panel.set_xticks(ticks, [epochs.columns[tick] for tick in ticks], fontsize=11)
    for panel in axes.flat[len(people) :]:
        panel.axis("off")
    figure.supxlabel("epochs", fontsize=13)
    figure.colorbar(image, ax=axes.ravel().tolist(), label="likelihood of the skill", shrink=0.6, pad=0.04)
    return figure


def skill_lines(people: dict[str, pd.DataFrame], *, y_label: str) -> Figure:
    """One line chart a person, four in a row: a line a skill, epochs across; made to fit a slide.

    Each table has skills as rows, the same for all, and epochs as columns.
    """
    import matplotlib.pyplot as plt

    columns = 4
    rows = -(-len(people) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(12.4, 3.1 * rows), squeeze=False, sharex=True, sharey=True)
    for panel, (name, table) in zip(axes.flat, people.items(), strict=False):
        for (skill, values), (color, _, shape), dashes in zip(
            table.iterrows(), GROUP_STYLES, ("-", "--", "-.", ":") * 2, strict=False
        ):
            panel.plot(range(len(values)), values, dashes, marker=shape, color=color, markersize=5, label=skill)
        panel.set_title(name, fontsize=13)
        panel.set_xticks(range(table.shape[1]), ["0", *table.columns[1:]], fontsize=10)
        panel.set_ylim(-0.03, 1.03)
    for panel in axes.flat[len(people) :]:
        panel.axis("off")
    figure.supylabel(y_label, fontsize=13)
    figure.supxlabel("epochs (0: untuned)", fontsize=13)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=8, fontsize=11)
    return figure


def reliability_diagram(panels: dict[str, pd.DataFrame]) -> Figure:
    """How right above how sure, side by side, with the diagonal of an honest number; dots as large as bins are full.

    The tables are as from `kgss_helpers.chapters.ch12_calibration.reliability`.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(4.8 * len(panels), 4.6), squeeze=False, sharey=True)
    for panel, (title, table) in zip(axes[0], panels.items(), strict=True):
        panel.plot([0, 1], [0, 1], "--", color=GREY, label="as right as sure")
        panel.plot(table["likelihood"], table["right"], color=BLUE, linewidth=1)
        sizes = 30 + 400 * table["people"] / table["people"].sum()
        panel.scatter(table["likelihood"], table["right"], s=sizes, color=BLUE, label="people in a bin")
        panel.set(title=title, xlabel="mean likelihood of the first skill", xlim=(0, 1), ylim=(0, 1))
    axes[0, 0].set(ylabel="share whose main role it is")
    axes[0, 0].legend(loc="upper left")
    return figure
