"""Every figure of the workbook.

Readable on a projector, in colours that colour-blind people can tell apart, with alt text.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.palette import (  # noqa: F401 - notebooks take all colours from here
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
)
from kgss_helpers.verbalize import seen_from, verb

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABEL_WIDTH = 26
"""So many letters stand in one line of a label."""
NODE_STYLE = {
    "person": (BLUE, "circle", "o"),
    "project": (VERMILION, "square", "s"),
    "keyword": (GREEN, "diamond", "D"),
    "genre": (PURPLE, "triangle-up", "^"),
}
OTHER_STYLE = (GREY, "circle", "o")
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
}


def show(figure: Figure, alt: str) -> None:
    """Displays a matplotlib figure with a description for those who can't see it, and closes it.

    The description stands in the output's metadata, where HTML exports find it, and as the plain-text form of the
    output.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(figure)
    display({"image/png": buffer.getvalue(), "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})


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


def degrees(graph: KnowledgeGraph) -> Figure:
    """How many nodes have at least so many edges, by type, on logarithmic axes: few hubs, a long tail."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    for node_type, rows in graph.nodes.groupby("node_type", sort=True).indices.items():
        values, counts = np.unique(graph.degree.to_numpy()[rows], return_counts=True)
        at_least = counts[::-1].cumsum()[::-1]
        color, _, marker = NODE_STYLE.get(node_type, OTHER_STYLE)
        axes.loglog(values, at_least, marker + "-", color=color, markersize=5, linewidth=1, label=node_type)
    axes.set(title="A few hubs, a long tail", xlabel="edges of a node, at least", ylabel="nodes")
    axes.legend()
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


def neighbourhood_layout(graph: KnowledgeGraph, node_id: str, *, most: int = 24) -> pd.DataFrame:
    """A node in the middle and its neighbours on a ring, grouped by type, the most connected kept.

    Returns:
        ``node_id``, ``node_type``, ``name``, ``sentences`` (how the neighbour is joined to the centre, one a line),
        ``degree``, ``x``, ``y``; the centre is the first row. Coordinates are rounded, so that saved figures are the
        same everywhere.
    """
    centre = graph.node(node_id)
    around = graph.neighbours(node_id)
    around["sentences"] = [
        seen_from(centre["name"], relation, direction, name)
        for relation, direction, name in zip(around["relation"], around["direction"], around["name"], strict=True)
    ]
    joined = around.groupby("node_id", sort=False)["sentences"].agg("\n".join)
    ring = around.drop_duplicates("node_id").assign(sentences=lambda rows: rows["node_id"].map(joined))
    ring["degree"] = [int(graph.degree.iloc[graph.position(other)]) for other in ring["node_id"]]
    ring = (
        ring.sort_values("degree", ascending=False, kind="stable")
        .head(most)
        .sort_values(["node_type", "name"], kind="stable")
    )
    angle = np.pi / 2 - 2 * np.pi * np.arange(len(ring)) / max(len(ring), 1)
    ring = ring.assign(x=np.cos(angle).round(3) + 0.0, y=np.sin(angle).round(3) + 0.0)
    middle = {
        **centre[["node_id", "node_type", "name"]],
        "sentences": "",
        "degree": int(graph.degree.iloc[graph.position(node_id)]),
        "x": 0.0,
        "y": 0.0,
    }
    columns = ["node_id", "node_type", "name", "sentences", "degree", "x", "y"]
    return pd.concat([pd.DataFrame([middle]), ring[columns]], ignore_index=True)[columns]


def neighbourhood(graph: KnowledgeGraph, node_id: str, *, most: int = 24) -> go.Figure:
    """One neighbourhood as an interactive plotly figure: hover for the sentence behind an edge.

    Types differ in colour and shape.
    """
    import plotly.graph_objects as go

    layout = neighbourhood_layout(graph, node_id, most=most)
    figure = go.Figure([_spokes(layout), *_node_traces(layout)])
    hidden = len(graph.neighbours(node_id)["node_id"].unique()) - (len(layout) - 1)
    more = f"<br><span style='font-size:13px'>{hidden} less connected ones are not shown</span>" if hidden else ""
    centre, count = _plain(layout["name"].iloc[0]), len(layout) - 1
    figure.add_annotation(x=0, y=-0.13, text=f"<b>{centre}</b>", showarrow=False, bgcolor="white", font={"size": 16})
    figure.update_layout(
        title={
            "text": f"{centre} and {count} neighbour{'s' * (count != 1)}{more}",
            "font": {"size": 17},
            "x": 0.01,
        },
        font={"size": 14},
        width=860,
        height=640,
        margin={"l": 20, "r": 20, "t": 70, "b": 20},
        plot_bgcolor="white",
        hovermode="closest",
        legend={"orientation": "h", "y": -0.02},
        # Fixed, because two quick clicks on two nodes would be a double click, which zooms.
        xaxis={"visible": False, "range": [-2.1, 2.1], "fixedrange": True},
        yaxis={"visible": False, "range": [-1.25, 1.25], "fixedrange": True},
    )
    return figure


def _spokes(layout: pd.DataFrame) -> go.Scatter:
    import plotly.graph_objects as go

    ring = layout.iloc[1:]
    x = [coordinate for end in ring["x"] for coordinate in (0.0, end, None)]
    y = [coordinate for end in ring["y"] for coordinate in (0.0, end, None)]
    return go.Scatter(
        x=x, y=y, mode="lines", line={"color": "#BBBBBB", "width": 1.5}, hoverinfo="skip", showlegend=False
    )


def _node_traces(layout: pd.DataFrame) -> list[go.Scatter]:
    import plotly.graph_objects as go

    traces = []
    for node_type, rows in layout.groupby("node_type", sort=True):
        color, symbol, _ = NODE_STYLE.get(node_type, OTHER_STYLE)
        traces.append(
            go.Scatter(
                x=rows["x"].tolist(),
                y=rows["y"].tolist(),
                mode="markers+text",
                name=_plain(node_type),
                text=[_label(name, is_centre) for name, is_centre in zip(rows["name"], rows.index == 0, strict=True)],
                textposition=[_text_side(x, y) for x, y in zip(rows["x"], rows["y"], strict=True)],
                customdata=rows["node_id"].tolist(),
                hovertext=[_plain(text).replace("\n", "<br>") or "the centre" for text in rows["sentences"]],
                hoverinfo="text",
                cliponaxis=False,
                marker={
                    "color": color,
                    "symbol": symbol,
                    "opacity": 1,
                    "size": [26 if is_centre else 15 for is_centre in rows.index == 0],
                },
            )
        )
    return traces


def _plain(text: str) -> str:
    """Plotly reads a subset of HTML in labels; a name is never markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _label(name: str, is_centre: bool) -> str:
    """A neighbour's name, in two lines where it is long; the centre's stands in a box of its own."""
    if is_centre:
        return ""
    return "<br>".join(_plain(line) for line in textwrap.wrap(name, LABEL_WIDTH))


def _text_side(x: float, y: float) -> str:
    if abs(x) < 0.2:
        return "bottom center" if x == y == 0 or y < 0 else "top center"
    return "middle right" if x > 0 else "middle left"


def relation_phrases(graph: KnowledgeGraph) -> pd.DataFrame:
    """Each kind of sentence with its count and its verb: what a drawing of the graph's schema shows."""
    return graph.summary().assign(verb=lambda rows: rows["relation"].map(verb))


def matrices(panels: dict[str, np.ndarray], *, x_label: str, y_label: str) -> Figure:
    """Square similarity matrices side by side on one scale of colour, each with its title."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(4.8 * len(panels), 4.6), squeeze=False, sharey=True)
    for panel, (title, values) in zip(axes[0], panels.items(), strict=True):
        image = panel.imshow(values, cmap="cividis", vmin=-0.2, vmax=1)
        ticks = range(0, len(values), max(len(values) // 5, 1))
        panel.set(title=title, xlabel=x_label, xticks=ticks, yticks=ticks)
    axes[0, 0].set(ylabel=y_label)
    figure.colorbar(image, ax=axes[0].tolist(), label="cosine", shrink=0.8)
    return figure


def by_score(panels: dict[str, np.ndarray], scores: np.ndarray) -> Figure:
    """Cosines of scored pairs above the scores in the rows, one panel a model; bars mark the medians."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(4.8 * len(panels), 4.2), squeeze=False, sharey=True)
    shift = np.random.default_rng(0).uniform(-0.04, 0.04, len(scores))
    for panel, (title, values) in zip(axes[0], panels.items(), strict=True):
        panel.plot(scores + shift, values, "o", color=BLUE, alpha=0.6)
        for score in np.unique(scores):
            panel.hlines(np.median(values[scores == score]), score - 0.08, score + 0.08, color=VERMILION, linewidth=3)
        panel.set(title=title, xlabel="score in the row", xticks=np.unique(scores))
    axes[0, 0].set(ylabel="cosine of the two sentences")
    return figure


def gains(table: pd.DataFrame, *, title: str, x_label: str, y_label: str) -> Figure:
    """A table of gains as colours around zero, each with its number; blue is better, vermilion worse."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import LinearSegmentedColormap

    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.62 * len(table)))
    colors = LinearSegmentedColormap.from_list("loss and gain", [VERMILION, "white", BLUE])
    axes.imshow(table, cmap=colors, vmin=-1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        axes.text(column, row, f"{value:+.2f}", ha="center", va="center", color="white" if abs(value) > 0.6 else BLACK)
    axes.set_xticks(range(table.shape[1]), table.columns)
    axes.set_yticks(range(len(table)), table.index)
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    return figure


# ---- the stages of a fine-tuning ---------------------------------------------------------------------------------

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


def stage_title(label: str) -> str:
    """``"before training"``, ``"after 1 epoch"``, ``"after 9 epochs"``."""
    return "before training" if label == "base" else f"after {label} epoch{'s' * (label != '1')}"


def group_styles(groups: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Colour, plotly symbol and matplotlib marker of each group, in the order in which they come."""
    return {group: GROUP_STYLES[number % len(GROUP_STYLES)] for number, group in enumerate(dict.fromkeys(groups))}


def similarities(panels: dict[str, np.ndarray], names: Sequence[str], groups: Sequence[str]) -> Figure:
    """Cosines of people with people, two panels a row, on one scale of colour; lines part the groups."""
    import matplotlib.pyplot as plt

    rows = (len(panels) + 1) // 2
    figure, axes = plt.subplots(rows, 2, figsize=(12.5, 5.0 * rows), squeeze=False, sharey=True, layout="compressed")
    ends = [place for place in range(1, len(groups)) if groups[place] != groups[place - 1]]
    for panel, (title, values) in zip(axes.flat, panels.items(), strict=False):
        image = panel.imshow(values, cmap="cividis", vmin=-0.2, vmax=1)
        for end in ends:
            panel.axhline(end - 0.5, color="white", linewidth=1.5)
            panel.axvline(end - 0.5, color="white", linewidth=1.5)
        panel.set(title=title, xticks=[])
        panel.set_yticks(range(len(names)), names, fontsize=11)
    for panel in axes.flat[len(panels) :]:
        panel.axis("off")
    figure.supxlabel("the same people in the same order", fontsize=13)
    figure.colorbar(image, ax=axes.ravel().tolist(), label="cosine", shrink=0.5)
    return figure


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
        _label_apart(panel, [name.split()[-1] for name in names], points)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


SIDES = (
    "middle right", "middle left", "top center", "bottom center",
    "top right", "bottom right", "top left", "bottom left",
)  # fmt: skip
UPRIGHT = {"top": 1, "middle": 0, "bottom": -1}


def label_sides(places: np.ndarray, labels: Sequence[str], *, size: float = 11) -> list[str]:
    """For each point the side on which its label covers least of the others; ``places`` are in pixels, upwards."""
    taken, sides = [(x - 8, y - 8, x + 8, y + 8) for x, y in places], []
    for label, (x, y) in zip(labels, places, strict=True):
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
    import plotly.graph_objects as go

    figure = go.Figure()
    for group, (color, symbol, _) in group_styles(groups).items():
        rows = [row for row, of_person in enumerate(groups) if of_person == group]
        figure.add_trace(
            go.Scatter(
                x=points[rows, 0].tolist(), y=points[rows, 1].tolist(), mode="markers+text",
                name=_plain(group), meta=group,
                text=[_plain(names[row].split()[-1]) for row in rows], hovertext=[_plain(names[row]) for row in rows],
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
    """Each person's likelihoods as colours, skills down and stages across; at the right the graph's credits, if any.

    Each table has skills as rows (the same for all), and ``credits`` and the stages as columns.
    """
    import matplotlib.pyplot as plt

    columns = 5
    rows = -(-len(people) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(13, 4.6 * rows), squeeze=False, sharex=True, sharey=True)
    for panel, (name, table) in zip(axes.flat, people.items(), strict=False):
        stages = table.drop(columns="credits")
        image = panel.imshow(stages, cmap="cividis", vmin=0, vmax=1, aspect="auto")
        most = table["credits"].max()
        for row, count in enumerate(table["credits"]):
            if count:
                weight = "bold" if count == most else "normal"
                panel.text(stages.shape[1] - 0.3, row, count, va="center", fontsize=11, fontweight=weight)
        panel.set_title(textwrap.fill(name, 16), fontsize=13)
        panel.set_yticks(range(len(table)), table.index, fontsize=11)
        ticks = range(0, stages.shape[1], 3)
        panel.set_xticks(ticks, [stages.columns[tick] for tick in ticks], fontsize=11)
    for panel in axes.flat[len(people) :]:
        panel.axis("off")
    figure.supxlabel("epochs", fontsize=13)
    figure.colorbar(image, ax=axes.ravel().tolist(), label="likelihood of the skill", shrink=0.6, pad=0.04)
    return figure


def courses(lines: dict[str, pd.DataFrame], *, title: str, y_label: str, x_label: str = "epochs") -> Figure:
    """Shares over stages with their intervals: tables with columns ``mean``, ``low``, ``high``, a row a stage."""
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
