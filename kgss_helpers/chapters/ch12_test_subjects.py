"""For notebook 12: somebody's skills, what is right for a question, and the widgets that show both after each epoch.

Each widget is a thin face over a pure function, and no model is asked: all vectors were kept. Whatever a user types or
a graph contains is escaped before it becomes HTML. The figures are in `ch12_figures`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import ipywidgets as ipw
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from kgss_helpers.chapters.ch12_figures import epoch_title, label_sides, last_name, people_map
from kgss_helpers.exam.films import film_exam
from kgss_helpers.files import shortened
from kgss_helpers.films.roles import HAS_GENRE, SKILLS
from kgss_helpers.films.skills import skill_counts
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.runs.epochs import RETRIEVAL, SCALE, Epochs
from kgss_helpers.show.graph_view import card, lookup
from kgss_helpers.show.palette import BLUE, shade, text_on
from kgss_helpers.text.sentences import listed, verb

DOCUMENTARY = "genre:documentary"
ABOUT = re.compile(r"documentary movie about (?P<name>.+)")
HELD_OUT = " (held out)"
"""Ends a reason that stands on held-out edges alone."""
TICK, TICK_HELD_OUT = "✓", "✓ held out"


@dataclass(frozen=True)
class Rule:
    """What proves an answer: a number of credits in a role, among projects of one of these genres or keywords.

    Attributes:
        targets: Ids of genres and keywords; every project counts if there are none.
        role: Asks for people in this role; for the projects themselves if there is none.
        at_least: How many projects a person needs.
    """

    targets: tuple[str, ...] = ()
    role: str = ""
    at_least: int = 1


RULES = {
    "a director of sci-fi movies": Rule(("genre:science-fiction",), "Director", 3),
    "someone who builds monsters for horror films": Rule(("genre:horror",), "Visual effects artist", 3),
    "a voice for a cartoon": Rule(("genre:animation",), "Voice actor"),
    "music for a space adventure": Rule(("genre:science-fiction",), "Composer", 3),
    "who can find the actors for a costume drama?": Rule(("genre:history",), "Casting director", 3),
    "a stop-motion animator": Rule(("keyword:stop-motion",), "Animator"),
    "space battle": Rule(("keyword:space-battle",)),
    "a shark in the water": Rule(("keyword:shark",)),
    "robots that want to be human": Rule(("keyword:robot", "keyword:android")),
    "a heist that goes wrong": Rule(("keyword:heist",)),
} | {skill: Rule(role=role) for role, skill in SKILLS.items()}


def people_called(graph: KnowledgeGraph, text: str) -> tuple[list[str], str]:
    """Like `lookup`, among people only: their ids, most credited first, and a message as HTML."""
    found, message = lookup(graph.subgraph(node_types=["person"]), text)
    others = graph.find(text.strip())["node_type"].tolist()
    if others and not found:
        return [], f"<b>{escape(shortened(text, 80))}</b> is no person here, but a {escape(others[0])}."
    return sorted(found, key=lambda node_id: -graph.degree.iloc[graph.position(node_id)]), message


def in_words(values: pd.Series) -> str:
    """``"Producing 17, Directing 3"``: largest first, without zeros; shares with two decimals."""
    shown = values[values > 0].sort_values(ascending=False, kind="stable")
    form = "{} {:.2f}" if pd.api.types.is_float_dtype(values) else "{} {}"
    return ", ".join(form.format(name, value) for name, value in shown.items())


def skill_paths(
    epochs: Epochs, counts: pd.DataFrame, node_id: str, *, scales: Sequence[float] | None = None
) -> pd.DataFrame:
    """How likely each skill is for one person, untuned and after each epoch; likeliest at the end first.

    Rows are skills; columns ``credits``, as the graph counts them (`skill_counts`), and `Epochs.labels`. Cosines are
    multiplied by one of ``scales`` for each epoch; by 20, if none are given.

    Raises:
        KeyError: The person is not among the nodes that were kept.
    """
    likely = [
        epochs.affinities(epoch, people=[node_id], scale=SCALE if scales is None else scales[epoch]).iloc[0]
        for epoch in range(len(epochs))
    ]
    table = pd.concat(likely, axis=1, keys=epochs.labels)
    known = counts.loc[node_id] if node_id in counts.index else pd.Series(0, index=table.index)
    table.insert(0, "credits", known.reindex(table.index, fill_value=0))
    return table.sort_values(epochs.labels[-1], ascending=False, kind="stable").rename_axis("skill")


def right_answers(graph: KnowledgeGraph, text: str, *, seen: KnowledgeGraph | None = None) -> dict[str, str]:
    """What the graph proves to be right for a text, and why, in words.

    A node's own name asks for what it is joined to; ``"documentary movie about …"`` for documentaries in which that
    person appears, or which name that person in their title; a text of `RULES` for what its rule says; a question of
    the exam for its own answers. Nothing is right for any other text.

    Args:
        graph: With all edges, those that were held out included.
        text: What is asked.
        seen: The graph that a method learned from; what it does not hold, or does not prove by a rule, is marked as
            held out.
    """
    about = ABOUT.fullmatch(text)
    named = graph.find(about["name"] if about else text)["node_id"].tolist()
    if about:
        return _documentaries(graph, about["name"], named)
    if text in RULES:
        right = _by_rule(graph, RULES[text])
        known = right if seen is None else _by_rule(seen, RULES[text])
        return {node_id: why + ("" if node_id in known else HELD_OUT) for node_id, why in right.items()}
    if named:
        return _joined(graph, named, seen)
    asked = next((question for question in film_exam().questions if question.text == text), None)
    return dict.fromkeys(asked.relevant, "right in the exam") if asked else {}


def answers_after(
    epochs: Epochs,
    graph: KnowledgeGraph,
    text: str,
    epoch: int,
    node_type: str,
    k: int = 15,
    *,
    seen: KnowledgeGraph | None = None,
    among: Collection[str] | None = None,
) -> pd.DataFrame:
    """What the space after an epoch answers to a text that was kept, best first.

    Args:
        epochs: Nodes and texts that were kept.
        graph: Says what is right (`right_answers`); with all edges.
        text: One of the texts.
        epoch: 0 is the untuned model.
        node_type: ``"person"`` or ``"project"``.
        k: How many answers at most.
        seen: As for `right_answers`.
        among: Only these node ids, for instance of people with several credits.

    Returns:
        ``place``, ``answer``, ``score`` (the cosine), ``right`` (✓ or empty; held-out ones are marked) and ``why``.

    Raises:
        ValueError: The text was not kept, or no node has the type.
    """
    space = epochs[epoch]
    found = space.search(space.encode_queries([text])[0], k, node_type=node_type, among=among)
    right = right_answers(graph, text, seen=seen)
    reasons = [right.get(node_id, "") for node_id in found["node_id"]]
    return pd.DataFrame(
        {
            "place": range(1, len(found) + 1),
            "answer": found["name"],
            "score": found["score"].astype(float).round(2),
            "right": [_tick(why) for why in reasons],
            "why": reasons,
        }
    )


def check_names(graph: KnowledgeGraph, names: Iterable[str], right: Mapping[str, str], node_type: str) -> pd.DataFrame:
    """Checks a list of names that comes from anywhere against what the graph proves.

    Args:
        graph: Where the names are looked up; of several nodes of a name the right one counts, else the most connected.
        names: For instance a published list.
        right: As from `right_answers`.
        node_type: Only nodes of this type.

    Returns:
        Columns as from `answers_after`, and ``found``: whether the graph has such a name.
    """
    rows = []
    for name in map(str.strip, names):
        nodes = graph.find(name, node_type)["node_id"].tolist()
        best = next((node_id for node_id in nodes if node_id in right), None)
        rows.append((name, bool(nodes), TICK if best else "", right[best] if best else ""))
    table = pd.DataFrame(rows, columns=["answer", "found", "right", "why"])
    table.loc[~table["found"], "why"] = "not in the graph"
    table.insert(0, "place", range(1, len(table) + 1))
    return table


def _tick(why: str) -> str:
    return "" if not why else TICK_HELD_OUT if why.endswith(HELD_OUT) else TICK


def _documentaries(graph: KnowledgeGraph, name: str, named: Sequence[str]) -> dict[str, str]:
    films = graph.neighbours(DOCUMENTARY, relation=HAS_GENRE)
    appears = {
        film for node_id in named for film in graph.neighbours(node_id, relation="Actor", direction="out")["node_id"]
    }
    return {
        node_id: f"a documentary that names {name}" if name.casefold() in title.casefold() else f"{name} appears in it"
        for node_id, title in zip(films["node_id"], films["name"], strict=True)
        if node_id in appears or name.casefold() in title.casefold()
    }


def _by_rule(graph: KnowledgeGraph, rule: Rule) -> dict[str, str]:
    names = [graph.node(target)["name"] for target in rule.targets]
    what = " or ".join(names)
    edges = graph.edges
    projects = set(edges["source"][edges["target"].isin(rule.targets)]) if rule.targets else None
    if not rule.role:
        return dict.fromkeys(sorted(projects or ()), what)
    held = edges[edges["relation"] == rule.role]
    if projects is not None:
        held = held[held["target"].isin(projects)]
    counted = held.groupby("source")["target"].nunique()
    among = f" ({what})" if names else ""
    return {
        person: f"{rule.role} of {count} film{'s' * (count != 1)}{among}"
        for person, count in counted[counted >= rule.at_least].items()
    }


def _joined(graph: KnowledgeGraph, named: Sequence[str], seen: KnowledgeGraph | None) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for node_id in named:
        here = graph.node(node_id)["name"]
        for (other, direction), rows in graph.neighbours(node_id).groupby(["node_id", "direction"], sort=False):
            said = [verb(relation) for relation in rows["relation"]]
            ends = (here, "it") if direction == "out" else ("it", here)
            found.setdefault(other, []).append(f"{ends[0]} {listed(said)} {ends[1]}")
    known = set(found)
    if seen is not None:
        learned = set(seen.nodes["node_id"]).intersection(named)
        known = {other for node_id in learned for other in seen.neighbours(node_id)["node_id"]}
    return {other: "; ".join(said) + ("" if other in known else HELD_OUT) for other, said in found.items()}


def _as_html(table: pd.DataFrame, heading: str) -> str:
    right = int((table["right"] != "").sum())
    rows = table.to_html(index=False, border=0).replace("<th>", "<th style='text-align:left'>")
    return f"<div style='line-height:1.3'><b>{escape(heading)}</b>: {right} of {len(table)} right{rows}</div>"


def _paths_as_html(table: pd.DataFrame) -> str:
    """Likelihoods in percent; the likelier, the darker, and what the graph credits in bold."""
    head = "".join(f"<th>{escape(str(column))}</th>" for column in ("skill", *table.columns))
    rows = []
    for skill, values in table.iterrows():
        cells = [f"<td>{int(values.iloc[0]) or ''}</td>"]
        for value in values.iloc[1:]:
            background = shade(BLUE, value)
            colors = f"background:{background};color:{text_on(background)}"
            cells.append(f"<td style='{colors};text-align:right;min-width:2.2em'>{100 * value:.0f}</td>")
        name = escape(str(skill))
        rows.append(f"<tr><td>{f'<b>{name} ✓</b>' if values.iloc[0] else name}</td>{''.join(cells)}</tr>")
    return f"<table style='line-height:1.4'><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def first_skills(affinities: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """The skill that each person's vector is nearest to, beside what the graph says.

    Args:
        affinities: As from `Epochs.affinities`.
        counts: As from `skill_counts`.

    Returns:
        A row for each person of both tables: ``first`` (the likeliest skill), ``likelihood``, ``main`` (whether the
        graph has no more credits in any other skill), ``any`` (whether it has one in this skill) and ``credits``.
    """
    people = affinities.index.intersection(counts.index)
    likely, known = affinities.loc[people], counts.loc[people, affinities.columns].to_numpy()
    rows, first = np.arange(len(people)), likely.to_numpy().argmax(axis=1)
    return pd.DataFrame(
        {
            "first": likely.columns[first],
            "likelihood": likely.to_numpy()[rows, first],
            "main": known[rows, first] == known.max(axis=1),
            "any": known[rows, first] > 0,
            "credits": known.sum(axis=1),
        },
        index=people,
    )


def mean_cosines(vectors: np.ndarray, groups: Sequence[str]) -> tuple[float, float]:
    """Mean cosine of two of one group, and of two of different groups; ``vectors`` are unit vectors, one a row.

    A sum over all pairs is the square of a sum of vectors, so no matrix of all cosines is needed.
    """
    codes, names = pd.factorize(np.asarray(groups))
    members = np.eye(len(names))[codes]
    itself, pairs_of_one = float((vectors**2).sum()), float((members.sum(axis=0) ** 2).sum() - len(codes))
    of_one = float(((members.T @ vectors) ** 2).sum()) - itself
    everything, pairs = float((vectors.sum(axis=0) ** 2).sum()) - itself, len(codes) ** 2 - len(codes)
    return of_one / pairs_of_one, (everything - of_one) / (pairs - pairs_of_one)


class SkillAffinity(ipw.VBox):
    """Type anybody's name: how likely each skill is at each epoch, beside the credits that the graph counts.

    Args:
        epochs: Nodes and skills that were kept.
        graph: Whose credits are counted.
        start: Who is shown first.
        scales: As for `skill_paths`, chosen so that likelihoods are calibrated; the table then says so.
    """

    def __init__(
        self, epochs: Epochs, graph: KnowledgeGraph, start: str, *, scales: Sequence[float] | None = None
    ) -> None:
        self.epochs, self.graph, self.counts, self.scales = epochs, graph, skill_counts(graph), scales
        self.name = ipw.Text(
            placeholder="a person", description="Person", continuous_update=False, layout=ipw.Layout(width="60%")
        )
        self.message, self.result = ipw.HTML(), ipw.HTML()
        self.which = ipw.Dropdown(options=[], description="Which one", layout=ipw.Layout(width="90%", display="none"))
        self.name.observe(self._typed, names="value")
        self.which.observe(lambda change: change["new"] and self.show(change["new"]), names="value")
        super().__init__([self.name, self.message, self.which, self.result])
        self.name.value = start

    def __repr__(self) -> str:
        return "<anybody's affinity to each skill, epoch by epoch: run this cell in JupyterLab>"

    def show(self, node_id: str) -> None:
        """Shows a person's table."""
        table = skill_paths(self.epochs, self.counts, node_id, scales=self.scales)
        how = "Calibrated likelihood" if self.scales is not None else "Likelihood"
        note = f"{how} in percent, untuned and after each epoch. ✓ and the number beside it: credits in the graph."
        self.result.value = card(self.graph, node_id) + f"<p>{note}</p>" + _paths_as_html(table)

    def _typed(self, change: dict[str, str]) -> None:
        if not change["new"].strip():
            return
        found, self.message.value = people_called(self.graph, change["new"])
        self.which.options = []
        self.which.layout.display = "none" if len(found) < 2 else None
        if not found:
            self.result.value = ""  # whom the message speaks of is not the person before
        elif len(found) == 1:
            self.show(found[0])
        else:
            self.which.options = [(self._with_skills(node_id), node_id) for node_id in found]
            self.which.index = 0

    def _with_skills(self, node_id: str) -> str:
        known = in_words(self.counts.loc[node_id]) if node_id in self.counts.index else "no credits"
        return f"{self.graph.node(node_id)['name']}: {known}"


class EpochMap(ipw.VBox):
    """People in two dimensions; a slider moves the dots from epoch to epoch.

    Args:
        points: As from `Epochs.maps`.
        labels: Of the epochs.
        names: Of the people.
        groups: The group of each person, for colour and shape.
    """

    def __init__(self, points: np.ndarray, labels: Sequence[str], names: Sequence[str], groups: Sequence[str]) -> None:
        self.points, self.labels, self.groups = points.round(3), list(labels), np.array(groups)
        self.last_names = [last_name(name) for name in names]
        self.figure = go.FigureWidget(people_map(self.points[0], names, groups, reach=np.abs(points).max()))
        self.epoch = ipw.SelectionSlider(options=self.labels, description="Epochs", layout=ipw.Layout(width="80%"))
        self.epoch.observe(lambda change: self._move(change["new"]), names="value")
        super().__init__([self.epoch, self.figure])
        self._move(self.epoch.value)

    def __repr__(self) -> str:
        return "<the people's map at each epoch, with a slider: run this cell in JupyterLab>"

    def show(self, epoch: int) -> None:
        """Moves the dots to where they lie after an epoch, as the slider does."""
        self.epoch.value = self.labels[epoch]

    def _move(self, label: str) -> None:
        epoch = self.labels.index(label)
        pixels = self.points[epoch] / np.abs(self.points).max() * (350, 220)
        sides = np.array(label_sides(pixels, self.last_names, size=10))
        with self.figure.batch_update():
            for trace in self.figure.data:
                rows = np.flatnonzero(self.groups == trace.meta)
                trace.x, trace.y = self.points[epoch, rows, 0].tolist(), self.points[epoch, rows, 1].tolist()
                trace.textposition = sides[rows].tolist()
            self.figure.layout.title.text = f"The test subjects, {epoch_title(label)}"


class EpochSearch(ipw.VBox):
    """A question that was kept, put to the untuned model and after any epoch: answers side by side, right ones ticked.

    Args:
        epochs: Nodes and texts that were kept.
        graph: Says what is right; with all edges.
        seen: The graph that the model learned from, so that held-out answers are marked.
    """

    def __init__(self, epochs: Epochs, graph: KnowledgeGraph, seen: KnowledgeGraph) -> None:
        self.epochs, self.graph, self.seen = epochs, graph, seen
        self.asked = {"retrieval test": list(RETRIEVAL), "skills": list(SKILLS.values())}
        for question in film_exam().questions:
            if not question.anchor and not question.exclude:
                self.asked.setdefault(f"exam: {question.family}", []).append(question.text)
        self.asked = {kind: [text for text in texts if text in epochs[0].texts] for kind, texts in self.asked.items()}
        self.asked = {kind: texts for kind, texts in self.asked.items() if texts}
        self.kind = ipw.Dropdown(options=list(self.asked), description="Kind")
        self.text = ipw.Dropdown(description="Question", layout=ipw.Layout(width="90%"))
        self.node_type = ipw.Dropdown(options=["project", "person"], description="Asks for")
        self.epoch = ipw.SelectionSlider(options=epochs.labels, value=epochs.labels[-1], description="Epochs")
        self.result = ipw.HTML()
        self.kind.observe(self._kind_chosen, names="value")
        self.text.observe(self._text_chosen, names="value")
        self.node_type.observe(lambda _: self.show(), names="value")
        self.epoch.observe(lambda _: self.show(), names="value")
        super().__init__([self.kind, self.text, self.node_type, self.epoch, self.result])
        self._kind_chosen({"new": self.kind.value})

    def __repr__(self) -> str:
        return "<a question to choose, untuned and after any epoch: run this cell in JupyterLab>"

    def show(self) -> None:
        """Shows the answers to what is chosen."""
        tables = []
        for label in dict.fromkeys([self.epochs.labels[0], self.epoch.value]):
            epoch, kind = self.epochs.labels.index(label), self.node_type.value
            found = answers_after(self.epochs, self.graph, self.text.value, epoch, kind, seen=self.seen)
            tables.append(_as_html(found, epoch_title(label)))
        self.result.value = f"<div style='display:flex;gap:2em'>{''.join(tables)}</div>"

    def _kind_chosen(self, change: dict[str, str]) -> None:
        self.text.options = self.asked[change["new"]]
        self.text.index = 0

    def _text_chosen(self, change: dict[str, str]) -> None:
        if change["new"] is None:
            return
        right = right_answers(self.graph, change["new"])
        types = {self.graph.node(node_id)["node_type"] for node_id in right}
        self.node_type.value = "person" if types == {"person"} else "project"
        self.show()
