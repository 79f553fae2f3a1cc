"""Every figure of the workbook.

Readable on a projector, in colours that colour-blind people can tell apart, with alt text.
"""

from __future__ import annotations

import io
import textwrap
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
