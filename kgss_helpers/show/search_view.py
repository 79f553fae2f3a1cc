"""A search to play with: a question, filters, methods side by side, a reason for each answer, and a map that lights up.

What is typed becomes a `Wish`; `Search.ask` answers it and knows no widget; `SearchView` is a face over it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import ipywidgets as ipw
import numpy as np
import pandas as pd

from kgss_helpers.files import counted, shortened
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.narrowing import Narrowing
from kgss_helpers.methods.protocol import Encoder, Method, scores_of
from kgss_helpers.question import Query
from kgss_helpers.show.graph_view import NODE_STYLE, OTHER_STYLE
from kgss_helpers.show.palette import BLACK, GREY
from kgss_helpers.space import best

if TYPE_CHECKING:
    import plotly.graph_objects as go

LONGEST = 300
"""So many letters of a question are repeated."""
ANYTHING = "anything"
NUMBER = re.compile(r"\d{1,6}")
TRY = (
    "Type what you look for in words of your own, such as <b>{}</b>, and press Enter. The buttons narrow the answers "
    "down; they may all stay as they are."
)
NONE_FOUND = "<p>Nothing is found. Ask in other words, or let another method answer.</p>"
NONE_LEFT = (
    "<p>Nothing is found with these filters. Ask in other words, or take them away: press <b>Clear the filters</b>.</p>"
)
CROWD, CLOSE = 3000, 0.03
"""So many nodes stand behind the answers on the map; nearer than this share of its width, one label is enough."""
SIGN = "<p role='status'>Searching …</p>"
"""Stands there while methods are at work."""


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        text: What somebody typed.
        node_type: Only nodes of this type.
        low: The smallest value of the graph's attribute, such as a year.
        high: The largest one.
        role: As a relation of the graph.
        subject: The id of a node that answers have to do with.
    """

    text: str
    node_type: str | None = None
    low: float | None = None
    high: float | None = None
    role: str | None = None
    subject: str | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter is set."""
        return any(part is not None for part in (self.low, self.high, self.role, self.subject))


@dataclass(frozen=True, eq=False)
class Search:
    """One graph, who answers questions about it, and who gives the reasons.

    Attributes:
        graph: What is searched.
        methods: By what they are called on a button; the first answers if nobody chooses.
        why: Why a node answers a question, in a sentence; nothing is said if not given.
        attribute: A numeric column of the nodes to narrow by, such as a year.
        points: Where each node lies on the map, shape (nodes, 2); no map if not given.
        example: A question to begin with.
    """

    graph: KnowledgeGraph
    methods: Mapping[str, Method | Encoder]
    why: Callable[[Query, str], str] | None = None
    attribute: str | None = None
    points: np.ndarray | None = None
    example: str = "somebody who knows about this"
    narrowing: Narrowing = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.methods:
            raise ValueError("a search needs a method; give at least one, by the name that stands on its button")
        if self.points is not None and self.points.shape != (len(self.graph.nodes), 2):
            wanted = f"({len(self.graph.nodes)}, 2)"
            raise ValueError(f"a map has two coordinates a node, shape {wanted}; found {self.points.shape}")
        object.__setattr__(self, "narrowing", Narrowing(self.graph, attribute=self.attribute))

    def ask(self, wish: Wish, method: str | None = None, *, k: int = 10) -> pd.DataFrame:
        """What one method answers, best first.

        Args:
            wish: What is asked for; an empty text finds nothing.
            method: One of `methods`; the first if not given.
            k: How many answers at most.

        Returns:
            ``node_id``, ``node_type``, ``name``, ``score``, ``why``.

        Raises:
            GraphError: The graph has no such type of node, or no such role.
            KeyError: There is no such method or no such subject.
        """
        chosen = self.methods[method or next(iter(self.methods))]
        if wish.node_type is not None:
            self.graph.require_known([wish.node_type], "node_type")
        remain = self.narrowing.allowed(low=wish.low, high=wish.high, role=wish.role, subject=wish.subject)
        if wish.node_type is not None:
            remain = remain & (self.graph.nodes["node_type"] == wish.node_type).to_numpy()
        question = Query(wish.text, wish.node_type)
        found = np.zeros(0, dtype=int)
        if any(letter.isalnum() for letter in wish.text):
            scores = scores_of(chosen, [question], self.graph, fit=False)[0]
            found = best(np.where(remain, scores, -np.inf), k)
        else:
            scores = np.zeros(len(remain))
        table = self.graph.nodes.iloc[found][["node_id", "node_type", "name"]].reset_index(drop=True)
        return table.assign(score=scores[found], why=[self._why(question, one) for one in table["node_id"]])

    def _why(self, question: Query, node_id: str) -> str:
        return "" if self.why is None else self.why(question, node_id)

    def label(self, node_id: str) -> str:
        """A node's name, with the attribute where it has one: names are not keys."""
        node = self.graph.node(node_id)
        value = node[self.attribute] if self.attribute else None
        return f"{node['name']} ({value:.0f})" if self.attribute and pd.notna(value) else str(node["name"])

    def subjects(self, node_type: str) -> dict[str, str]:
        """Names of the nodes of a type with their ids, in the order of the alphabet."""
        nodes = self.graph.nodes[self.graph.nodes["node_type"] == node_type]
        return dict(sorted(zip(nodes["name"], nodes["node_id"], strict=True)))


def answers_as_html(search: Search, wish: Wish, tables: Mapping[str, pd.DataFrame]) -> str:
    """Answers of several methods side by side, each with its reason; what to do where there is none.

    Whatever was typed, and whatever the graph holds, comes out as text.
    """
    text = " ".join(wish.text.split())
    if not any(letter.isalnum() for letter in text):
        return f"<p>{TRY.format(escape(search.example))}</p>"
    asked = f"<p><b>{escape(shortened(text, LONGEST))}</b>{escape(_narrowed_to(search, wish))}</p>"
    columns = "".join(
        f"<div style='flex:1 1 24em; min-width:0'><h4 style='margin:0.2em 0'>{escape(name)}</h4>"
        f"{_list(search, table, wish)}</div>"
        for name, table in tables.items()
    )
    return f"{asked}<div style='display:flex; flex-wrap:wrap; gap:1.5em; line-height:1.45'>{columns}</div>"


def _list(search: Search, table: pd.DataFrame, wish: Wish) -> str:
    if not len(table):
        return NONE_LEFT if wish.is_narrowed else NONE_FOUND
    items = "".join(
        f"<li><b>{escape(search.label(row.node_id))}</b>{'' if wish.node_type else f', {escape(row.node_type)}'}"
        f"<br><span style='opacity:0.75'>{escape(row.why)}</span></li>"
        for row in table.itertuples()
    )
    return f"<ol style='margin:0; padding-left:2em'>{items}</ol>"


def _narrowed_to(search: Search, wish: Wish) -> str:
    parts = [wish.node_type or "", wish.role or ""]
    if wish.subject is not None:
        parts.append(str(search.graph.node(wish.subject)["name"]))
    if wish.low is not None or wish.high is not None:
        low, high = (("" if end is None else f"{end:.0f}") for end in (wish.low, wish.high))
        parts.append(f"{search.attribute} {low} to {high}".replace("  ", " ").strip())
    said = ", ".join(part for part in parts if part)
    return f" ({said})" if said else ""


def number_of(text: str) -> float | None:
    """The whole number that was typed, or None for an empty field.

    Raises:
        ValueError: Something else was typed; says what is wanted.
    """
    text = text.strip()
    if not text:
        return None
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{shortened(text, 40)!r} is no whole number; type one such as 1977, or leave the field empty")
    return float(text)


def map_figure(search: Search, hits: Sequence[str] = (), *, most: int = CROWD) -> go.Figure:
    """The map with some nodes lit up and named; those with most edges stand behind them in grey.

    Args:
        search: With points.
        hits: Node ids, best first.
        most: So many nodes stand behind.

    Raises:
        ValueError: There is no map.
    """
    import plotly.graph_objects as go

    if search.points is None:
        raise ValueError("this search has no map: give it points, two coordinates a node")
    behind = np.sort(np.argsort(-search.graph.degree.to_numpy(), kind="stable")[:most])
    names = search.graph.nodes["name"].to_numpy()[behind]
    x, y = search.points[behind].T.tolist()
    crowd = go.Scatter(
        x=x, y=y, mode="markers", hoverinfo="text", hovertext=[escape(name, quote=False) for name in names],
        marker={"color": GREY, "size": 4, "opacity": 0.35},
    )  # fmt: skip
    shown = lit(search, hits)
    answers = go.Scatter(
        x=shown.x, y=shown.y, text=shown.labels, hovertext=shown.names, hoverinfo="text", mode="markers+text",
        textposition="top center", cliponaxis=False,
        marker={"color": shown.colors, "symbol": shown.symbols, "size": 13, "line": {"color": BLACK, "width": 1}},
    )  # fmt: skip
    figure = go.Figure([crowd, answers])
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    figure.update_layout(
        title={"text": map_title(hits), "font": {"size": 17}, "x": 0.01}, width=900, height=700, showlegend=False,
        margin={"l": 10, "r": 10, "t": 50, "b": 10}, plot_bgcolor="white", font={"size": 14}, hovermode="closest",
        dragmode="pan",
    )  # fmt: skip
    return figure


def map_title(hits: Sequence[str]) -> str:
    """What the map shows, in a line."""
    return f"A map of the space: {counted(len(hits), 'answer') if hits else 'nothing is asked yet'}"


class Lit(NamedTuple):
    """What the trace of lit nodes shows, one entry a node: where, what is called how, and how it is drawn."""

    x: list[float]
    y: list[float]
    names: list[str]
    labels: list[str]
    colors: list[str]
    symbols: list[str]


def lit(search: Search, hits: Sequence[str]) -> Lit:
    """Nodes on the map: colour and shape by type; of those that lie close together, the first alone has a label."""
    rows = [search.graph.position(node_id) for node_id in hits]
    points = search.points[rows] if rows else np.zeros((0, 2))
    styles = [NODE_STYLE.get(kind, OTHER_STYLE) for kind in search.graph.nodes["node_type"].iloc[rows]]
    names = [escape(search.label(node_id), quote=False) for node_id in hits]
    near = CLOSE * np.ptp(search.points, axis=0).max()
    labels, labelled = [], np.zeros((0, 2))
    for name, point in zip(names, points, strict=True):
        free = not len(labelled) or np.linalg.norm(labelled - point, axis=1).min() > near
        labels.append(name if free else "")
        labelled = np.vstack([labelled, point]) if free else labelled
    return Lit(*points.T.tolist(), names, labels, [style[0] for style in styles], [style[1] for style in styles])


class SearchView(ipw.VBox):
    """A question, filters and methods; answers with reasons, and the map if there is one. All works by keyboard.

    Args:
        search: What is searched, and by whom.
        text: What is asked first; nothing, if empty.
        node_type: Which type of node is asked for first.
        subject_type: Whose nodes are offered as a filter, such as genres; none if not given.
        k: Answers a method.
    """

    def __init__(
        self, search: Search, text: str = "", *, node_type: str | None = None, subject_type: str | None = None,
        k: int = 10,
    ) -> None:  # fmt: skip
        self.search, self.k, self._quiet = search, k, False
        wide, names = ipw.Layout(width="95%"), list(search.methods)
        self.asked = ipw.Text(
            value=text, description="Question", placeholder=search.example, continuous_update=False, layout=wide
        )
        types = [ANYTHING, *dict.fromkeys(search.graph.nodes["node_type"])]
        self.kind = ipw.ToggleButtons(options=types, value=node_type or ANYTHING, description="Looking for")
        self.chosen = [
            ipw.ToggleButton(value=place == 0, description=name, tooltip=f"Answers of: {name}", layout=_FITTING)
            for place, name in enumerate(names)
        ]
        number = {"continuous_update": False, "layout": ipw.Layout(width="14em")}
        self.low = ipw.Text(description=f"{(search.attribute or '').capitalize()} from", **number)
        self.high = ipw.Text(description="to", **number)
        roles = {"any role": None} | {role: role for role in search.narrowing.roles}
        self.role = _buttons(roles, "Role")
        subjects = {f"any {subject_type}": None} | (search.subjects(subject_type) if subject_type else {})
        self.subject = _buttons(subjects, (subject_type or "").capitalize())
        self.clear = ipw.Button(description="Clear the filters", tooltip="Any role, any subject, any value")
        said, hits = self._answers()
        self.result, self.figure = ipw.HTML(said), self._map(hits)
        filters = [self.role] if len(roles) > 1 else []
        filters += [self.subject] * (len(subjects) > 1) + [ipw.HBox([self.low, self.high] * bool(search.attribute))]
        self.filters = ipw.VBox([*filters, self.clear])
        for control in (self.asked, self.kind, self.low, self.high, self.role, self.subject, *self.chosen):
            control.observe(self._changed, names="value")
        self.clear.on_click(lambda _: self._clear())
        methods = ipw.HBox([ipw.Label("Answers of"), *self.chosen], layout=ipw.Layout(flex_flow="row wrap"))
        folded = ipw.Accordion([self.filters], titles=("Filters",))
        super().__init__([self.asked, self.kind, methods, folded, self.result, *filter(None, [self.figure])])

    def __repr__(self) -> str:
        return f"<a search in {self.search.graph.name}, to type and choose: run this cell in JupyterLab>"

    @property
    def wish(self) -> Wish:
        """What the fields say now; raises ValueError for a value that is no number."""
        kind = None if self.kind.value == ANYTHING else self.kind.value
        low, high = number_of(self.low.value), number_of(self.high.value)
        if low is not None and high is not None and low > high:
            raise ValueError(f"nothing lies from {low:.0f} to {high:.0f}; type the smaller number first")
        return Wish(self.asked.value, kind, low, high, self.role.value, self.subject.value)

    def show(self) -> None:
        """Answers what the fields say; says at once that it is at work, and what is wrong with a value."""
        self.result.value = SIGN
        self._say(*self._answers())

    def _answers(self) -> tuple[str, list[str]]:
        """What is said, and who is on the map."""
        try:
            wish = self.wish
        except ValueError as error:
            return f"<p>{escape(str(error))}</p>", []
        tables = {name: self.search.ask(wish, name, k=self.k) for name in self._methods()}
        hits = list(dict.fromkeys(node_id for table in tables.values() for node_id in table["node_id"]))
        return answers_as_html(self.search, wish, tables), hits

    def _methods(self) -> list[str]:
        chosen = [button.description for button in self.chosen if button.value]
        return chosen or [self.chosen[0].description]

    def _say(self, html: str, hits: Sequence[str]) -> None:
        self.result.value = html
        if self.figure is None:
            return
        shown, trace = lit(self.search, hits), self.figure.data[-1]
        with self.figure.batch_update():
            trace.x, trace.y, trace.text, trace.hovertext = shown.x, shown.y, shown.labels, shown.names
            trace.marker.color, trace.marker.symbol = shown.colors, shown.symbols
            self.figure.layout.title.text = map_title(hits)

    def _map(self, hits: Sequence[str]) -> go.FigureWidget | None:
        """With the first answers on it: a page that opens later begins with what it was made of."""
        import plotly.graph_objects as go

        return None if self.search.points is None else go.FigureWidget(map_figure(self.search, hits))

    def _changed(self, _change: object) -> None:
        if not self._quiet:
            self.show()

    def _clear(self) -> None:
        self._quiet = True
        self.low.value = self.high.value = ""
        self.role.value = self.subject.value = None
        self._quiet = False
        self.show()


_FITTING = ipw.Layout(width="auto")


def _buttons(options: Mapping[str, str | None], description: str) -> ipw.ToggleButtons:
    return ipw.ToggleButtons(
        options=list(options.items()), value=None, description=description, style={"button_width": "auto"}
    )
