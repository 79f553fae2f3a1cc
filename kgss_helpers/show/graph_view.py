"""A graph to be clicked and walked through: one neighbourhood, and a step after another."""

from __future__ import annotations

import difflib
import textwrap
from html import escape

import ipywidgets as ipw
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from kgss_helpers.files import shortened
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.show.palette import BLUE, GREEN, GREY, PURPLE, VERMILION
from kgss_helpers.text.sentences import seen_from

LABEL_WIDTH = 26
"""So many letters stand in one line of a label."""
NODE_STYLE = {
    "person": (BLUE, "circle", "o"),
    "project": (VERMILION, "square", "s"),
    "keyword": (GREEN, "diamond", "D"),
    "genre": (PURPLE, "triangle-up", "^"),
}
OTHER_STYLE = (GREY, "circle", "o")


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
    centre, count = plain_label(layout["name"].iloc[0]), len(layout) - 1
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
                name=plain_label(node_type),
                text=[_label(name, is_centre) for name, is_centre in zip(rows["name"], rows.index == 0, strict=True)],
                textposition=[_text_side(x, y) for x, y in zip(rows["x"], rows["y"], strict=True)],
                customdata=rows["node_id"].tolist(),
                hovertext=[plain_label(text).replace("\n", "<br>") or "the centre" for text in rows["sentences"]],
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


def plain_label(text: str) -> str:
    """Plotly reads a subset of HTML in labels; a name is never markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _label(name: str, is_centre: bool) -> str:
    """A neighbour's name, in two lines where it is long; the centre's stands in a box of its own."""
    if is_centre:
        return ""
    return "<br>".join(plain_label(line) for line in textwrap.wrap(name, LABEL_WIDTH))


def _text_side(x: float, y: float) -> str:
    if abs(x) < 0.2:
        return "bottom center" if x == y == 0 or y < 0 else "top center"
    return "middle right" if x > 0 else "middle left"


SHOWN = 6
NEXT_STEP = " Type a whole name, as the graph spells it."
HINT = "Click a node in the figure: here it will say what joins it to the centre, and where it leads."
READABLE = "<div style='line-height:1.45; overflow-wrap:anywhere'>{}</div>"
"""Around a text of lines; a word without an end is broken, so that it does not run off the page."""


def lookup(graph: KnowledgeGraph, text: str) -> tuple[list[str], str]:
    """Finds nodes by name.

    Returns:
        The node ids, most connected first, and a message as HTML: empty for one hit, a choice for several, the nearest
        names for none.
    """
    text = text.strip()
    if not text:
        return [], "Type a name and press Enter."
    found = graph.find(text)["node_id"].tolist()
    if found:
        message = (
            f"{len(found)} nodes are called <b>{escape(text)}</b>: names are not keys. Choose one."
            if len(found) > 1
            else ""
        )
        return found, message
    close = _close_names(graph, text)
    hint = f" Did you mean {', '.join(f'<b>{escape(name)}</b>' for name in close)}?" if close else NEXT_STEP
    return [], f"Nothing here is called <b>{escape(shortened(text, 80))}</b>.{hint}"


def card(graph: KnowledgeGraph, node_id: str) -> str:
    """A node as HTML: name, type, description, number of edges."""
    node = graph.node(node_id)
    edges = int(graph.degree.iloc[graph.position(node_id)])
    description = f"<br>{escape(node['description'])}" if node["description"] else ""
    return f"<b>{escape(node['name'])}</b>, {escape(node['node_type'])}, {edges} edge{'s' * (edges != 1)}{description}"


def told_apart(graph: KnowledgeGraph, node_id: str) -> str:
    """What tells a node from others of its name: its year, its description, or else what it is joined to first."""
    node = graph.node(node_id)
    year = f"{node['year']:.0f}. " if pd.notna(node.get("year", None)) else ""
    ways = steps(graph, node_id)
    return year + shortened(node["description"] or (ways[0][0] if ways else node["name"]), 90)


def steps(graph: KnowledgeGraph, node_id: str) -> list[tuple[str, str]]:
    """Where one can go from a node: the sentence that leads there, and the neighbour's id; one entry an edge."""
    here = graph.node(node_id)["name"]
    return [
        (seen_from(here, row.relation, row.direction, row.name), row.node_id)
        for row in graph.neighbours(node_id)[["relation", "direction", "name", "node_id"]].itertuples(index=False)
    ]


def between(graph: KnowledgeGraph, node_id: str, other: str) -> str:
    """What joins two nodes, and what else the second is joined to, as HTML."""
    ways = steps(graph, other)
    joined = [text for text, neighbour in ways if neighbour == node_id]
    further = [text for text, neighbour in ways if neighbour != node_id]
    rest = f"<li>… and {len(further) - SHOWN} more</li>" if len(further) > SHOWN else ""
    items = "".join(f"<li>{escape(text)}</li>" for text in further[:SHOWN])
    facts = f"<p>{' '.join(map(escape, joined))}</p>" if joined else ""
    onward = f"<p>One step further:</p><ul>{items}{rest}</ul>" if further else ""
    return card(graph, other) + facts + onward


def _close_names(graph: KnowledgeGraph, text: str) -> list[str]:
    names = {name.casefold(): name for name in graph.nodes["name"]}
    return [names[near] for near in difflib.get_close_matches(text.casefold(), list(names), n=3, cutoff=0.7)]


def offer(chooser: ipw.Select | ipw.Dropdown, options: list[tuple[str, object]]) -> None:
    """New options, the first one chosen: left to itself, a chooser that was empty before chooses none."""
    chooser.options = options
    if options:
        chooser.index = 0


class NeighbourhoodView(ipw.VBox):
    """A neighbourhood to click: the panel below tells what joins the clicked node to the centre, and where it leads."""

    def __init__(self, graph: KnowledgeGraph, node_id: str, *, most: int = 24) -> None:
        self.graph, self.centre = graph, node_id
        self.panel = ipw.HTML(READABLE.format(HINT), layout=ipw.Layout(min_height="260px"))
        self.figure = go.FigureWidget(neighbourhood(graph, node_id, most=most))
        for trace in self.figure.data:
            if trace.customdata is not None:
                trace.on_click(self._clicked)
        super().__init__([self.figure, self.panel])

    def __repr__(self) -> str:
        return f"<{self.graph.node(self.centre)['name']} and its neighbours, to click: run this cell in JupyterLab>"

    def select(self, node_id: str) -> None:
        """Shows a node in the panel, as a click on it does."""
        of_centre = node_id == self.centre
        text = card(self.graph, node_id) if of_centre else between(self.graph, self.centre, node_id)
        self.panel.value = READABLE.format(text)

    def _clicked(self, trace: go.Scatter, points: object, _state: object) -> None:
        for index in points.point_inds[:1]:
            self.select(trace.customdata[index])


class Walk(ipw.VBox):
    """A walk over the graph: type a name, or choose one of the sentences to follow; the trail shows the way so far."""

    def __init__(self, graph: KnowledgeGraph, start: str) -> None:
        self.graph, self.trail = graph, [start]
        self.name = ipw.Text(
            placeholder=f"a name: {' or '.join(sorted(set(graph.nodes['node_type'])))}",
            description="Go to",
            continuous_update=False,
            layout=ipw.Layout(width="60%"),
        )
        # A name without a blank in it may be wider than the page, and is then scrolled.
        self.message, self.path, self.here = (ipw.HTML(layout=ipw.Layout(overflow="auto")) for _ in range(3))
        self.choices = ipw.Select(options=[], rows=10, description="From here", layout=ipw.Layout(width="95%"))
        self.follow = ipw.Button(
            description="Follow", tooltip="Walk to the other end of the chosen sentence", button_style="primary"
        )
        self.back = ipw.Button(description="Back", tooltip="Return to the node before")
        self.name.observe(self._typed, names="value")
        self.follow.on_click(lambda _: self.choices.value and self.go(self.choices.value))
        self.back.on_click(lambda _: self.step_back())
        super().__init__(
            [self.name, self.message, self.path, self.here, self.choices, ipw.HBox([self.follow, self.back])]
        )
        self._show()

    def __repr__(self) -> str:
        return (
            f"<a walk from {self.graph.node(self.trail[0])['name']}, to type and choose: run this cell in JupyterLab>"
        )

    def go(self, node_id: str) -> None:
        """Moves to a node."""
        self.trail.append(node_id)
        self._show()

    def step_back(self) -> None:
        """Returns to the node before; stays at the start."""
        self.trail = self.trail[:-1] or self.trail
        self._show()

    def _typed(self, change: dict[str, str]) -> None:
        if not change["new"].strip():
            return
        found, self.message.value = lookup(self.graph, change["new"])
        if len(found) == 1:
            self.go(found[0])
            self.name.value = ""
        elif found:
            offer(self.choices, [(f"{name}: {text}", node_id) for node_id, name, text in self._described(found)])

    def _described(self, node_ids: list[str]) -> list[tuple[str, str, str]]:
        rows = (self.graph.node(node_id) for node_id in node_ids)
        return [(row["node_id"], row["node_type"], told_apart(self.graph, row["node_id"])) for row in rows]

    def _show(self) -> None:
        names = [escape(self.graph.node(node_id)["name"]) for node_id in self.trail[-8:]]
        self.path.value = " → ".join(["…"] * (len(self.trail) > 8) + names)
        self.here.value = card(self.graph, self.trail[-1])
        offer(self.choices, steps(self.graph, self.trail[-1]))
        self.message.value = ""
