"""Every interactive demo: a thin face over pure functions, which tests call without a browser.

Whatever a user types or a graph contains is escaped before it becomes HTML.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, ClassVar

import ipywidgets as ipw
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from kgss_helpers import exam, plots
from kgss_helpers.encoders.sentence import encode
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.negatives import drawn_negatives, mined_negatives
from kgss_helpers.palette import BLUE, GREY
from kgss_helpers.questions import Question
from kgss_helpers.training.stages import SCALE
from kgss_helpers.verbalize import seen_from

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SHOWN = 6
HINT = "Click a node in the figure: here it will say what joins it to the centre, and where it leads."
READABLE = "<div style='line-height:1.45'>{}</div>"


# ---- pure functions ----------------------------------------------------------------------------------------------


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
    hint = f" Did you mean {', '.join(f'<b>{escape(name)}</b>' for name in close)}?" if close else ""
    return [], f"Nothing here is called <b>{escape(text)}</b>.{hint}"


def card(graph: KnowledgeGraph, node_id: str) -> str:
    """A node as HTML: name, type, description, number of edges."""
    node = graph.node(node_id)
    edges = int(graph.degree.iloc[graph.position(node_id)])
    description = f"<br>{escape(node['description'])}" if node["description"] else ""
    return f"<b>{escape(node['name'])}</b>, {escape(node['node_type'])}, {edges} edge{'s' * (edges != 1)}{description}"


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


def marked_answers(
    question: Question, method: exam.Method | exam.Encoder, graph: KnowledgeGraph, *, fit: bool = True, k: int = 10
) -> pd.DataFrame:
    """The first ``k`` answers of a method to an exam question.

    Columns are ``place``, ``answer``, ``description`` and ``right`` (✓ or empty).
    """
    scores = exam.scores_of(method, [question], graph, fit=fit)
    ranking = exam.rank([question], scores, graph)[question.question_id][:k]
    rows = [graph.node(node_id) for node_id in ranking]
    return pd.DataFrame(
        {
            "place": range(1, len(rows) + 1),
            "answer": [row["name"] for row in rows],
            "description": [row["description"][:80] for row in rows],
            "right": ["✓" if row["node_id"] in question.relevant else "" for row in rows],
        }
    )


def _close_names(graph: KnowledgeGraph, text: str) -> list[str]:
    names = {name.casefold(): name for name in graph.nodes["name"]}
    return [names[near] for near in difflib.get_close_matches(text.casefold(), list(names), n=3, cutoff=0.7)]


def _offer(chooser: ipw.Select | ipw.Dropdown, options: list[tuple[str, object]]) -> None:
    """New options, the first one chosen: left to itself, a chooser that was empty before chooses none."""
    chooser.options = options
    if options:
        chooser.index = 0


def candidates(graph: KnowledgeGraph, rows: pd.DataFrame, model: SentenceTransformer, node_id: str) -> pd.DataFrame:
    """A fact about a node beside a negative of each kind, and the share of the softmax that a model gives to each.

    Args:
        graph: Knows what is true.
        rows: As `training_rows` makes them; the node's first row is used, the others are what is mined from.
        model: Compares.
        node_id: The anchor.

    Returns:
        Columns ``what``, ``text``, ``share``; no row where nothing is said of the node.
    """
    own = rows[rows["node_id"] == node_id].head(1)
    if own.empty:
        return pd.DataFrame(columns=["what", "text", "share"])
    mined = mined_negatives(own, graph, model, among=rows).reindex(own.index)
    texts = {
        "true": own["positive"].item(),
        "a film's description": drawn_negatives(own, graph, "project")["negative_1"].item(),
        "another person's description": drawn_negatives(own, graph, "person")["negative_1"].item(),
        "mined": mined["negative_1"].item(),
    }
    vectors = encode(model, [own["anchor"].item(), *texts.values()])
    weights = np.exp(SCALE * (vectors[1:] @ vectors[0]))
    return pd.DataFrame({"what": texts.keys(), "text": texts.values(), "share": (weights / weights.sum()).round(2)})


def loss_curve(history: pd.DataFrame) -> str:
    """The loss by step as an SVG picture with its last value in words; a waiting line before the first loss."""
    losses = history.dropna(subset="loss") if "loss" in history else history
    if losses.empty:
        return "The curve appears with the first steps."
    step, loss = losses["step"].to_numpy(dtype=float), losses["loss"].to_numpy(dtype=float)
    width, height, edge = 560, 160, 12
    x = edge + (step - step[0]) / max(step[-1] - step[0], 1.0) * (width - 2 * edge)
    low, span = loss.min(), max(float(loss.max() - loss.min()), 1e-9)
    y = height - edge - (loss - low) / span * (height - 2 * edge)
    line = " ".join(f"{a:.0f},{b:.0f}" for a, b in zip(x, y, strict=True))
    said = f"step {step[-1]:.0f}: loss {loss[-1]:.2f}; first {loss[0]:.2f}, lowest {low:.2f}"
    return (
        f"<svg role='img' aria-label='Loss, {said}' viewBox='0 0 {width} {height}' width='{width}' height='{height}'>"
        f"<rect width='{width}' height='{height}' fill='none' stroke='{GREY}'/>"
        f"<polyline points='{line}' fill='none' stroke='{BLUE}' stroke-width='3'/></svg><div>{said}</div>"
    )


# ---- widgets -----------------------------------------------------------------------------------------------------


class NeighbourhoodView(ipw.VBox):
    """A neighbourhood to click: the panel below tells what joins the clicked node to the centre, and where it leads."""

    def __init__(self, graph: KnowledgeGraph, node_id: str, *, most: int = 24) -> None:
        self.graph, self.centre = graph, node_id
        self.panel = ipw.HTML(READABLE.format(HINT), layout=ipw.Layout(min_height="260px"))
        self.figure = go.FigureWidget(plots.neighbourhood(graph, node_id, most=most))
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
            placeholder="a person, a film, a keyword, a genre",
            description="Go to",
            continuous_update=False,
            layout=ipw.Layout(width="60%"),
        )
        self.message, self.path, self.here = ipw.HTML(), ipw.HTML(), ipw.HTML()
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
            _offer(self.choices, [(f"{name}: {text}", node_id) for node_id, name, text in self._described(found)])

    def _described(self, node_ids: list[str]) -> list[tuple[str, str, str]]:
        rows = (self.graph.node(node_id) for node_id in node_ids)
        return [(row["node_id"], row["node_type"], row["description"] or row["name"]) for row in rows]

    def _show(self) -> None:
        names = [escape(self.graph.node(node_id)["name"]) for node_id in self.trail[-8:]]
        self.path.value = " → ".join(["…"] * (len(self.trail) > 8) + names)
        self.here.value = card(self.graph, self.trail[-1])
        _offer(self.choices, steps(self.graph, self.trail[-1]))
        self.message.value = ""


class ExamBrowser(ipw.VBox):
    """Any question of the exam beside what one method answers to it, right answers ticked.

    Raises:
        ValueError: There is no question.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        method: exam.Method | exam.Encoder,
        graph: KnowledgeGraph,
        *,
        fit: bool = True,
    ) -> None:
        self.graph, self.method, self.fit = graph, method, fit
        self.by_family: dict[str, list[Question]] = {}
        for question in questions:
            self.by_family.setdefault(question.family, []).append(question)
        if not self.by_family:
            raise ValueError("there is no question to browse; give at least one")
        self.family = ipw.Dropdown(options=list(self.by_family), description="Family")
        self.question = ipw.Dropdown(description="Question", layout=ipw.Layout(width="90%"))
        self.result = ipw.HTML()
        self.family.observe(self._family_chosen, names="value")
        self.question.observe(lambda change: self.show(change["new"]), names="value")
        super().__init__([self.family, self.question, self.result])
        self._family_chosen({"new": self.family.value})

    def __repr__(self) -> str:
        return f"<{self.method.name} before any question of the exam: run this cell in JupyterLab>"

    def show(self, question: Question | None) -> None:
        """Shows the answers to a question."""
        if question is not None:
            shown = marked_answers(question, self.method, self.graph, fit=self.fit)
            found = f"{(shown['right'] != '').sum()} of the first {len(shown)}" if len(shown) else "nothing found"
            heading = f"<b>{escape(question.text)}</b> ({len(question.relevant)} right answers; right: {found})"
            self.result.value = heading + shown.to_html(index=False, escape=True, border=0)

    def _family_chosen(self, change: dict[str, str]) -> None:
        _offer(self.question, [(question.text, question) for question in self.by_family[change["new"]]])


class LossCurve(ipw.HTML):
    """A curve that grows while a model trains: give its `draw` to the training as ``on_log``."""

    def __init__(self) -> None:
        super().__init__(loss_curve(pd.DataFrame()))

    def __repr__(self) -> str:
        return "<the loss while it falls: run this cell in JupyterLab>"

    def draw(self, history: pd.DataFrame) -> None:
        """Shows the history so far."""
        self.value = loss_curve(history)


class NegativesView(ipw.VBox):
    """Type a name: a true fact, a negative of each kind, and how much of the loss falls on each."""

    def __init__(self, graph: KnowledgeGraph, rows: pd.DataFrame, model: SentenceTransformer, *, start: str) -> None:
        self.graph, self.rows, self.model = graph, rows, model
        self.name = ipw.Text(start, description="Person", continuous_update=False)
        self.result = ipw.HTML()
        self.name.observe(lambda change: self.show(change["new"]), names="value")
        super().__init__([self.name, self.result])
        self.show(start)

    def __repr__(self) -> str:
        return "<anybody's fact beside three kinds of negatives: run this cell in JupyterLab>"

    def show(self, name: str) -> None:
        """Shows the candidates of the first node of that name that has rows."""
        found, message = lookup(self.graph, name)
        tables = (candidates(self.graph, self.rows, self.model, node_id) for node_id in found)
        table = next((table for table in tables if len(table)), None)
        if table is None:
            self.result.value = message or f"No row here is about <b>{escape(name)}</b>; try another person."
        else:
            self.result.value = table.to_html(index=False, escape=True, border=0)


class PrimerBench(ipw.VBox):
    """Turn the knobs of a small training, press the button, and read held-out measures before and after."""

    KINDS: ClassVar = {
        "scored pairs": "sts",
        "labelled pairs": "nli",
        "triplets": "triplets",
        "question and answer": "pairs",
    }

    def __init__(self, rows: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]) -> None:
        self.rows = rows
        self.kind = ipw.Dropdown(options=self.KINDS, value="pairs", description="Rows")
        self.learning_rate = ipw.SelectionSlider(options=[0.001, 0.01, 0.05, 0.2, 1.0], value=0.05, description="Rate")
        self.epochs = ipw.IntSlider(10, 1, 40, description="Epochs")
        self.batch_size = ipw.SelectionSlider(options=[2, 4, 8, 16, 32, 64], value=16, description="Batch")
        self.button = ipw.Button(description="Train", tooltip="Takes a few seconds", button_style="primary")
        self.result = ipw.HTML("Choose, and press Train.")
        self.button.on_click(lambda _: self.train())
        knobs = [self.kind, self.learning_rate, self.epochs, self.batch_size]
        super().__init__([*knobs, self.button, self.result])

    def train(self) -> None:
        """Trains with the chosen settings and shows the table."""
        from kgss_helpers.training.primer import before_and_after

        self.button.disabled, self.result.value = True, "Training …"
        try:
            table = before_and_after(
                self.kind.value, self.rows, learning_rate=self.learning_rate.value, epochs=self.epochs.value,
                batch_size=self.batch_size.value,
            )  # fmt: skip
            table.index = table.index.map({kind: name for name, kind in self.KINDS.items()})
            self.result.value = table.to_html(border=0)
        except ValueError as error:
            self.result.value = escape(str(error))
        finally:
            self.button.disabled = False
