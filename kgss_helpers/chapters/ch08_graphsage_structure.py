"""For notebook 08: sampled neighbourhoods drawn, tables of held-out edges, and the widget of missing edges."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as ipw
import numpy as np
import pandas as pd

from kgss_helpers.exam.films import RESULTS
from kgss_helpers.exam.results import EDITION, ExamResult, recorded
from kgss_helpers.exam.statistics import Interval
from kgss_helpers.files import DATA, shortened
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.edge_prediction import EdgeScorer
from kgss_helpers.methods.proximity import adjacency
from kgss_helpers.question import Split
from kgss_helpers.runs.records import COUNT, SHARE, checked, read_json, reading
from kgss_helpers.show.charts import GROUP_STYLES
from kgss_helpers.show.graph_view import NODE_STYLE, OTHER_STYLE
from kgss_helpers.show.palette import BLUE, GREY, VERMILION
from kgss_helpers.space import best

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kgss_helpers.methods.graph_sage import FanOut

STORED, HELD_OUT, UNKNOWN = "stored", "held out, and true", "nobody says so"
"""What can be said of an edge that a method predicts."""
SHOWN = 10
NO_BREAK = "\N{NO-BREAK SPACE}"
PLAIN = "{x:,.0f}"
"""Ticks of a logarithmic axis as numbers, without powers of ten."""
MILLION = DATA / "results" / "sage"
IN_WORDS = {
    "three steps": "three steps, of any kind",
    "three steps, the first of the relation": "three steps, begun in the same role",
    "none of the relation there": "nobody in this role yet",
    "edges of the relation there": "people in this role already",
    "degree there": "edges of the film",
    "three steps, through has genre": "three steps, through a genre",
    "three steps, through has keyword": "three steps, through a keyword",
}
"""What the features of learned proximity are called in the figure."""


# ---- a million nodes -------------------------------------------------------------------------------------------------


def million() -> tuple[pd.DataFrame, dict]:
    """The recorded training on more than a million nodes: what was measured after which step, and how it was run.

    Raises:
        FileNotFoundError: A file is not there.
        ValueError: A file is damaged; names it and the command that makes it anew.
    """
    renew = "python -m kgss_helpers.runs.million_nodes"
    with reading(MILLION / "million.json", renew) as path:
        config = dict(read_json(path))
    with reading(MILLION / "million.csv", renew) as path:
        shares = dict.fromkeys(("AUC", "MRR", "hits@10"), SHARE)
        history = checked(pd.read_csv(path), {"step": COUNT} | shares, gaps=shares)
    history = history.dropna(subset="MRR").drop_duplicates("step")
    return history.set_index("step")[["AUC", "MRR", "hits@10"]], config


def speed() -> pd.DataFrame:
    """The recorded benchmark: milliseconds a step, at best by arithmetic alone, memory, and how it compares.

    Raises:
        FileNotFoundError: The file is not there.
        ValueError: It is damaged; names it and the command that makes it anew.
    """
    with reading(MILLION / "benchmark.json", "python tests/benchmarks/sage.py --output FILE") as path:
        measured = ("nodes_asked_about", "ms_a_step", "limit_ms_a_step", "edges_a_second", "peak_memory_gb")
        rows = checked(read_json(path)["results"], dict.fromkeys(measured, COUNT), ["contender"], gaps=measured)
    table = rows.set_index("contender")
    peer = table.loc[table["limit_ms_a_step"].isna(), "edges_a_second"].iloc[0]
    shown = {
        "nodes asked about": table["nodes_asked_about"],
        "ms a step": table["ms_a_step"].round().astype(int),
        "ms at best": table["limit_ms_a_step"].round().astype("Int64"),
        "edges a second": table["edges_a_second"].astype(int),
        "times the peer": (table["edges_a_second"] / peer).round(1),
        "GB": table["peak_memory_gb"].round(1),
    }
    return pd.DataFrame(shown)


def million_figure(measured: pd.DataFrame, batch_size: int) -> Figure:
    """How well held-out edges are told from false ones, against the number of edges seen."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    for (name, values), (color, _, marker) in zip(measured.items(), GROUP_STYLES, strict=False):
        axes.plot(measured.index * batch_size, values, marker=marker, color=color, label=name)
    axes.xaxis.set_major_formatter(PLAIN)
    title = "More than a million nodes: held-out edges"
    axes.set(title=title, xlabel="edges seen in training", ylabel="measure", ylim=(0, 1))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


# ---- neighbourhoods --------------------------------------------------------------------------------------------------


def sampled_figure(graph: KnowledgeGraph, tree: FanOut, title: str) -> Figure:
    """One node, the neighbours drawn for it, and theirs: rings around the middle, a shape and colour for each type."""
    import matplotlib.pyplot as plt

    middle, first, second = (level[0].reshape(-1).numpy() for level in tree.levels[:3])
    figure, axes = plt.subplots(figsize=(10, 7))
    inner = np.pi / 2 - 2 * np.pi * np.arange(len(first)) / len(first)
    outer = np.pi / 2 - 2 * np.pi * (np.arange(len(second)) - (len(second) / len(first) - 1) / 2) / len(second)
    at_first = np.stack([np.cos(inner), np.sin(inner)], axis=1) * 1.6
    at_second = np.stack([np.cos(outer), np.sin(outer)], axis=1) * 2.7
    for end in at_first:
        axes.plot([0, end[0]], [0, end[1]], color="#999999", linewidth=1.2, zorder=1)
    for number, end in enumerate(at_second):
        start = at_first[number * len(first) // len(second)]
        axes.plot([start[0], end[0]], [start[1], end[1]], color="#CCCCCC", linewidth=1, zorder=1)
    every = np.concatenate([middle, first, second])
    where = np.concatenate([[[0, 0]], at_first, at_second])
    size = np.repeat([260, 150, 55], [1, len(first), len(second)])
    types = graph.nodes["node_type"].to_numpy()[every]
    for kind in dict.fromkeys(types):
        rows = types == kind
        color, _, marker = NODE_STYLE.get(kind, OTHER_STYLE)
        axes.scatter(*where[rows].T, s=size[rows], c=color, marker=marker, label=kind, zorder=2)
    names = graph.nodes["name"].to_numpy()
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    for node, (x, y) in zip(every[: 1 + len(first)], where, strict=False):
        axes.annotate(names[node], (x, y), (0, -17), textcoords="offset points", ha="center", va="center", bbox=box)
    axes.set(title=title, xlim=(-3.4, 3.4), ylim=(-3, 3), aspect="equal")
    axes.axis("off")
    axes.legend(loc="lower left")
    return figure


def reached(graph: KnowledgeGraph, starts: Sequence[int], steps: int) -> list[int]:
    """How many distinct nodes lie within 0, 1, … ``steps`` steps of the starts, themselves included."""
    joined, here = adjacency(graph), np.zeros(len(graph.nodes), dtype=bool)
    here[list(starts)] = True
    found = [int(here.sum())]
    for _ in range(steps):
        here = here | (joined @ here.astype(float) > 0)
        found.append(int(here.sum()))
    return found


def growth_figure(growth: pd.DataFrame, title: str) -> Figure:
    """Nodes that one node's vector depends on, by the number of layers: one line a column, a logarithmic axis."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    for (name, values), (color, _, marker) in zip(growth.items(), GROUP_STYLES, strict=False):
        axes.semilogy(growth.index, values, marker=marker, color=color, label=name)
        axes.annotate(
            f"{values.iloc[-1]:,.0f}", (growth.index[-1], values.iloc[-1]), (8, -4), textcoords="offset points"
        )
    axes.set_xticks(growth.index)
    axes.yaxis.set_major_formatter(PLAIN)
    axes.set(title=title, xlabel="layers", ylabel="nodes looked at")
    axes.legend(loc="upper left")
    axes.margins(x=0.12)
    return figure


# ---- tables ----------------------------------------------------------------------------------------------------------


def interval_of(row: Mapping[str, float], prefix: str = "") -> Interval:
    """The interval in a row of `kgss_helpers.runs.graph_embeddings.compared`, or that of the gain."""
    if prefix:
        return Interval(row["gain"], row["gain_low"], row["gain_high"])
    return Interval(row["mean"], row["low"], row["high"])


def comparison(table: pd.DataFrame, edges: str, measures: Sequence[str], scorers: Sequence[str] = ()) -> pd.DataFrame:
    """Scorers as rows, measures as columns: means of one kind of edges, rounded; in the order of the last measure."""
    chosen = table[(table["edges"] == edges) & table["measure"].isin(measures)]
    wide = chosen.pivot(index="scorer", columns="measure", values="mean")[list(measures)]
    wide = wide.loc[list(scorers)] if len(scorers) else wide.sort_values(measures[-1], kind="stable")
    return wide.rename_axis(columns=None).round(2)


def comparison_figure(table: pd.DataFrame, edges: str, measure: str, *, title: str, x_label: str) -> Figure:
    """A dot with its interval for each scorer, the best on top."""
    from kgss_helpers.show.charts import intervals

    rows = table[(table["edges"] == edges) & (table["measure"] == measure)]
    rows = rows.sort_values("mean", ascending=False, kind="stable").rename(columns={"scorer": "label"})
    return intervals(rows.reset_index(drop=True), title=title, x_label=x_label)


def gains(table: pd.DataFrame, scorers: Sequence[str], edges: str, measure: str) -> pd.DataFrame:
    """What each scorer has and by how much it is better than PageRank: two columns of intervals as text."""
    rows = table[(table["edges"] == edges) & (table["measure"] == measure)].set_index("scorer").loc[list(scorers)]
    return pd.DataFrame(
        {
            measure: [str(interval_of(row)) for _, row in rows.iterrows()],
            "against PageRank": [f"{interval_of(row, 'gain'):+}" for _, row in rows.iterrows()],
        },
        index=rows.index,
    ).map(lambda shown: shown.replace(" ", NO_BREAK))


def gain_of(table: pd.DataFrame, scorer: str, edges: str, measure: str) -> Interval:
    """By how much a scorer is better than PageRank."""
    chosen = (table["scorer"] == scorer) & (table["edges"] == edges) & (table["measure"] == measure)
    return interval_of(table[chosen].iloc[0], "gain")


def rows_by_name(names: Sequence[str], split: Split = "test") -> dict[str, ExamResult]:
    """Recorded rows of the exam, in this order.

    Raises:
        ValueError: A row is not recorded; names it.
    """
    found = {result.method: result for result in recorded(RESULTS[EDITION]) if result.split == split}
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"not recorded for {split}: {', '.join(missing)}")
    return {name: found[name] for name in names}


def by_family(rows: Mapping[str, ExamResult], families: Sequence[str]) -> pd.DataFrame:
    """Methods as rows and families as columns: ``"0.42 [0.36, 0.48]"``, with spaces that do not break."""
    shown = {
        name: [str(row.interval(family)).replace(" ", NO_BREAK) for family in families] for name, row in rows.items()
    }
    return pd.DataFrame.from_dict(shown, orient="index", columns=list(families))


def degree_figure(degree: np.ndarray, scores: Mapping[str, np.ndarray], title: str) -> Figure:
    """A panel for each method: the mean score of each node as an end, by its degree on a logarithmic axis."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(scores), figsize=(10, 4.2), squeeze=False, sharey=True)
    for axes, (name, values), (color, _, marker) in zip(panels[0], scores.items(), GROUP_STYLES, strict=False):
        axes.scatter(degree, values, s=14, c=color, marker=marker, alpha=0.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(PLAIN)
        axes.set(title=name, xlabel="edges of the node")
    panels[0, 0].set(ylabel="mean score as an end")
    figure.suptitle(title, x=0.01, ha="left", fontsize=15)
    return figure


def weights_figure(weights: pd.Series, title: str) -> Figure:
    """Bars to the right for what speaks for an end, to the left for what speaks against it; the heaviest on top."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 1.2 + 0.4 * len(weights)))
    shown = weights[::-1].rename(index=IN_WORDS)
    colors = [BLUE if value > 0 else VERMILION for value in shown]
    drawn = axes.barh(shown.index, shown, color=colors)
    axes.bar_label(drawn, fmt="{:+.1f}", padding=4)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.margins(x=0.12)
    axes.set(title=title, xlabel="weight for one standard deviation more of the feature")
    return figure


# ---- missing edges ---------------------------------------------------------------------------------------------------


def verdicts(person: str, films: Sequence[str], graph: KnowledgeGraph, everything: KnowledgeGraph) -> list[str]:
    """What the graphs say of each film and a person: stored in the training graph, held out and true, or nothing."""
    seen, true = (set(one.neighbours(person)["node_id"]) for one in (graph, everything))
    return [STORED if film in seen else HELD_OUT if film in true else UNKNOWN for film in films]


def likely_edges(
    person: str,
    relation: str,
    scorers: Sequence[EdgeScorer],
    graph: KnowledgeGraph,
    everything: KnowledgeGraph,
    *,
    hide_stored: bool = True,
    k: int = SHOWN,
) -> pd.DataFrame:
    """The likeliest films of a person by each scorer, beside each other, each with what is known of it.

    Args:
        person: Its id.
        relation: In which role.
        scorers: Fitted on the training graph.
        graph: The training graph.
        everything: The whole graph.
        hide_stored: Leave out what the training graph says already.
        k: How many.

    Returns:
        Rows from 1; for each scorer two columns, (name, ``"film"``) and (name, ``"verdict"``).
    """
    start, parts = np.array([graph.position(person)]), {}
    is_film = (graph.nodes["node_type"] == "project").to_numpy(copy=True)
    if hide_stored:
        is_film &= ~graph.nodes["node_id"].isin(graph.neighbours(person)["node_id"]).to_numpy()
    for scorer in scorers:
        scores = np.where(is_film, scorer.edge_scores(start, [relation])[0], -np.inf)
        found = graph.nodes.iloc[best(scores, k)]
        parts[scorer.name, "film"] = [
            f"{name} ({int(year)})" for name, year in zip(found["name"], found["year"], strict=True)
        ]
        parts[scorer.name, "verdict"] = verdicts(person, found["node_id"], graph, everything)
    return pd.DataFrame(parts, index=range(1, 1 + max(map(len, parts.values()))))


def find_person(graph: KnowledgeGraph, text: str) -> tuple[list[str], str]:
    """People of that name, most connected first, and what to say as HTML: the nearest names where there is none."""
    text = text.strip()
    if not text:
        return [], "Type the name of a person, such as <b>John Williams</b>, and press Enter."
    found = graph.find(text, "person")["node_id"].tolist()
    if found:
        shared = f"{len(found)} people are called so; this is the one with most credits. " if len(found) > 1 else ""
        return found, shared
    people = graph.nodes.loc[graph.nodes["node_type"] == "person", "name"]
    names = {name.casefold(): name for name in people}
    close = difflib.get_close_matches(text.casefold(), list(names), n=3, cutoff=0.6)
    hint = f"Did you mean {', '.join(f'<b>{escape(names[name])}</b>' for name in close)}?" if close else "Try another."
    return [], f"Nobody in the training graph is called <b>{escape(shortened(text, 60))}</b>. {hint}"


class MissingEdges(ipw.VBox):
    """Type a person: the likeliest edges that are missing, by several methods, each with its verdict.

    Args:
        scorers: Fitted on the training graph.
        graph: The training graph.
        everything: The whole graph, for the verdicts.
        start: Whose edges are shown first.
    """

    def __init__(
        self, scorers: Sequence[EdgeScorer], graph: KnowledgeGraph, everything: KnowledgeGraph, start: str
    ) -> None:
        self.scorers, self.graph, self.everything = list(scorers), graph, everything
        self.name = ipw.Text(
            value=graph.node(start)["name"], description="Person", continuous_update=False,
            placeholder="a name, then Enter", layout=ipw.Layout(width="50%"),
        )  # fmt: skip
        self.stored = ipw.Checkbox(description="show stored edges too", indent=False)
        self.message, self.result = ipw.HTML(), ipw.HTML()
        self.name.observe(lambda _: self.refresh(), names="value")
        self.stored.observe(lambda _: self.refresh(), names="value")
        super().__init__([ipw.HBox([self.name, self.stored]), self.message, self.result])
        self.refresh()

    def __repr__(self) -> str:
        return "<the likeliest missing edges of a person, to type: run this cell in JupyterLab>"

    def refresh(self) -> None:
        """Shows the edges of the person whose name is typed; an empty table for a name that nobody has."""
        found, message = find_person(self.graph, self.name.value)
        self.message.value = message
        if not found:
            self.result.value = ""
            return
        self.message.value = message + "Looking …"
        self.result.value = answers_html(found[0], self.scorers, self.graph, self.everything, self.stored.value)
        self.message.value = message


def main_relation(graph: KnowledgeGraph, person: str) -> str:
    """The role in which somebody has most credits; of equals, the first in the alphabet."""
    counts = graph.neighbours(person, direction="out")["relation"].value_counts()
    return min(counts.index, key=lambda relation: (-counts[relation], relation))


def answers_html(
    person: str,
    scorers: Sequence[EdgeScorer],
    graph: KnowledgeGraph,
    everything: KnowledgeGraph,
    show_stored: bool = False,
) -> str:
    """The table of `likely_edges` in the person's main role, with a sentence that counts; all names escaped."""
    relation = main_relation(graph, person)
    table = likely_edges(person, relation, scorers, graph, everything, hide_stored=not show_stored)
    right = {scorer.name: int((table[scorer.name, "verdict"] == HELD_OUT).sum()) for scorer in scorers}
    seen, true = (set(one.neighbours(person)["node_id"]) for one in (graph, everything))
    known = set(graph.nodes["node_id"])
    hidden = len((true - seen) & known)
    said = "; ".join(f"{escape(name)} finds {count}" for name, count in right.items())
    heading = (
        f"<p><b>{escape(graph.node(person)['name'])}</b>, {escape(relation.lower())}: {len(seen)} "
        f"film{'s' * (len(seen) != 1)} stored, {hidden} held out. Of those held out, {said} among the first "
        f"{len(table)}.</p>"
    )
    shown = table.replace({HELD_OUT: f"✓ {HELD_OUT}", UNKNOWN: "–"}).to_html(escape=True, border=0, justify="left")
    return f"{heading}<div style='overflow-x:auto'>{shown}</div><p>– {UNKNOWN}</p>"
