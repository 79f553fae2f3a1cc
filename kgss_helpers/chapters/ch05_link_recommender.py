"""For notebook 05: figures of scores and margins, a ranking by taste with its reasons, and the widget over it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as ipw
import numpy as np
import pandas as pd

from kgss_helpers.exam.statistics import Interval, mean_interval
from kgss_helpers.files import counted
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.link_vectors import LinkPairs
from kgss_helpers.runs.link_embeddings import taste
from kgss_helpers.show.graph_view import lookup
from kgss_helpers.show.palette import BLUE, GREY, VERMILION
from kgss_helpers.space import SemanticSpace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NBSP = "\N{NO-BREAK SPACE}"
REASONS = 3
"""So many links are named for a film."""
RATED = (
    "Star Wars (1977)", "Alien (1979)", "Blade Runner (1982)", "The Matrix (1999)", "Back to the Future (1985)",
    "Jurassic Park (1993)", "2001: A Space Odyssey (1968)", "The Sound of Music (1965)", "Titanic (1997)",
    "Pretty Woman (1990)", "When Harry Met Sally... (1989)", "Grease (1978)", "Pride & Prejudice (2005)",
    "Amélie (2001)", "Casablanca (1942)", "Moulin Rouge! (2001)",
)  # fmt: skip
"""Films that the reader can tick: the first seven are liked and the others disliked until then."""
LIKED = 7
BEST, WORST, ALL = 8, 5, 1_000_000
"""So many films of a ranking are shown."""


# ---- figures ---------------------------------------------------------------------------------------------------------


def scores_figure(scores: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """For each title a panel: how the scores of true pairs and of drawn ones are spread, shapes (pairs,)."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(scores), figsize=(10, 4), sharey=True, squeeze=False)
    bins = np.linspace(-1, 1, 41)
    for axes, (title, (true, drawn)) in zip(panels[0], scores.items(), strict=True):
        axes.hist(drawn, bins, density=True, color=GREY, alpha=0.6, label="drawn pairs")
        axes.hist(true, bins, density=True, histtype="step", linewidth=2.5, color=BLUE, label="true pairs")
        axes.set(title=title, xlabel="score: cosine of link and film")
    panels[0, 0].set(ylabel="density")
    panels[0, -1].legend(loc="upper right")
    return figure


def margin_figure(names: Sequence[str], values: Sequence[float], liked: int) -> Figure:
    """What was ticked, along the line that the machine found: liked ones first; 1 and -1 are the margin's edges."""
    import matplotlib.pyplot as plt

    order = np.argsort(values)
    figure, axes = plt.subplots(figsize=(9, 0.8 + 0.34 * len(names)))
    axes.axvspan(-1, 1, color="#EEEEEE")
    for at, style in ((-1, "--"), (0, "-"), (1, "--")):
        axes.axvline(at, color=GREY, linestyle=style, linewidth=1.5)
    for label, of_side, color, marker in (
        ("liked", order < liked, BLUE, "o"),
        ("disliked", order >= liked, VERMILION, "s"),
    ):
        at = np.flatnonzero(of_side)
        axes.plot(np.asarray(values)[order[at]], at, marker, color=color, markersize=9, label=label)
    axes.set_yticks(range(len(names)), [names[row] for row in order])
    axes.set(title="The widest gap between likes and dislikes", xlabel="side of the plane (0), in margins")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


# ---- held-out links --------------------------------------------------------------------------------------------------


def over_seeds(recorded: Mapping[str, Mapping[str, np.ndarray]], metric: str) -> pd.DataFrame:
    """Each row's mean over films and seeds with its interval over films, and how far its seeds lie apart.

    Columns are ``label``, ``mean``, ``low``, ``high``, ``seeds`` and ``spread`` (largest minus smallest seed).
    """
    rows = []
    for name, metrics in recorded.items():
        by_seed = metrics[metric]
        spread = float(np.ptp(by_seed.mean(axis=1)))
        rows.append((name, *mean_interval(by_seed.mean(axis=0)), len(by_seed), spread))
    return pd.DataFrame(rows, columns=["label", *Interval._fields, "seeds", "spread"])


def gain(
    recorded: Mapping[str, Mapping[str, np.ndarray]], name: str, rival: str, metric: str = "recall@10"
) -> Interval:
    """By how much one row is better than another: films are resampled in pairs, seeds averaged."""
    return mean_interval(recorded[name][metric].mean(axis=0) - recorded[rival][metric].mean(axis=0))


# ---- a ranking by taste ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class FilmShelf:
    """Films and their links as vectors, and what the graph says of them.

    Attributes:
        graph: Films and their links.
        pairs: Which film links to what.
        links: Unit vectors of the links, shape (links, dimensions).
        films: Unit vectors of the films, shape (films, dimensions).
    """

    graph: KnowledgeGraph
    pairs: LinkPairs
    links: np.ndarray
    films: np.ndarray

    @cached_property
    def catalogue(self) -> pd.DataFrame:
        """Of each film in the order of the vectors: ``node_id``, ``name``, ``year``, ``series`` and ``title``."""
        found = self.graph.nodes.set_index("node_id").loc[self.pairs.projects, ["name", "year", "series"]].reset_index()
        found["year"] = found["year"].astype(int)
        return found.assign(title=found["name"] + " (" + found["year"].astype(str) + ")")

    @cached_property
    def space(self) -> SemanticSpace:
        """Films and links as one searchable space."""
        ids = np.concatenate([self.pairs.links, self.pairs.projects])
        known = self.graph.nodes.set_index("node_id").loc[ids]
        types, names = (known[column].to_numpy(dtype=object) for column in ("node_type", "name"))
        return SemanticSpace("films and their links", ids, types, names, np.concatenate([self.links, self.films]))

    @cached_property
    def _by_title(self) -> KnowledgeGraph:
        """The films alone, to look them up by name."""
        return self.graph.subgraph(node_types=["project"])

    @cached_property
    def _links_of(self) -> list[np.ndarray]:
        return [row.indices for row in (self.pairs.matrix[[film]] for film in range(len(self.films)))]

    def row(self, title: str) -> int:
        """The row of a film by its title, ``"Alien (1979)"`` or ``"Alien"``; raises KeyError if that is not one."""
        rows, message = self.look_up(title)
        if len(rows) != 1:
            raise KeyError(re.sub("<[^>]*>", "", message))
        return rows[0]

    def look_up(self, text: str) -> tuple[list[int], str]:
        """The rows of the films that a text means, and a message as HTML: what to type where that is not one."""
        exact = self.catalogue.index[self.catalogue["title"].str.casefold() == text.strip().casefold()]
        if len(exact):
            return [int(exact[0])], ""
        ids, message = lookup(self._by_title, textwrap.shorten(text, 80, placeholder=" …"))
        rows = self.catalogue.index[self.catalogue["node_id"].isin(ids)].tolist()
        if len(rows) > 1:
            titles = " or ".join(f"<b>{escape(title)}</b>" for title in self.catalogue["title"][rows])
            message = f"{len(rows)} films have this title. Type one of them with its year: {titles}."
        elif not rows:
            message = message.replace("Type a name", "Type a film's title").replace("Nothing here", "No film here")
            message += "" if "Did you mean" in message or "press Enter" in message else " Try another spelling."
        return rows, message

    def reasons(self, film: int, weights: np.ndarray, *, against: bool = False, most: int = REASONS) -> str:
        """The links of a film that point furthest to the liked side (``against``: to the other), by name."""
        links = self._links_of[film]
        pull = self.links[links] @ weights * (-1 if against else 1)
        named = [self.pairs.links[links[place]] for place in np.argsort(-pull, kind="stable")[:most] if pull[place] > 0]
        return ", ".join(self.graph.nodes["name"].iloc[[self.graph.position(node_id) for node_id in named]])

    def ranked(
        self, liked: Sequence[int], disliked: Sequence[int], *, without_series: bool = False, most: int = 10
    ) -> pd.DataFrame:
        """All other films by taste: the first ``most`` and the last five.

        Uncertainty is shown by taking back one tick after the other: the best and the worst place that the film then
        gets.

        Args:
            liked: Rows of films.
            disliked: Rows of films.
            without_series: Leave out films of the series of anything that was ticked.
            most: How many of the best.

        Returns:
            ``place``, ``film``, ``score``, ``from`` and ``to`` (places), ``because`` (links), ``row``.

        Raises:
            ValueError: Nothing is liked, or nothing is disliked.
        """
        weights, bias = taste(self.films, liked, disliked)
        left = np.setdiff1d(np.arange(len(self.films)), [*liked, *disliked])
        if without_series:
            series = self.catalogue["series"]
            ticked = set(series.iloc[[*liked, *disliked]]) - {""}
            left = left[~series.iloc[left].isin(ticked).to_numpy()]
        scores = (self.films[left] @ weights + bias).round(6)
        all_places = np.stack([_ranks(scores), *self._without_one(liked, disliked, left)])
        shown = np.argsort(all_places[0], kind="stable")
        shown = shown if len(shown) <= most + WORST else np.concatenate([shown[:most], shown[-WORST:]])
        return pd.DataFrame(
            {
                "place": all_places[0, shown],
                "film": self.catalogue["title"].iloc[left[shown]].to_numpy(),
                "score": scores[shown],
                "from": all_places[:, shown].min(axis=0),
                "to": all_places[:, shown].max(axis=0),
                "because": [self.reasons(left[at], weights, against=bool(scores[at] < 0)) for at in shown],
                "row": left[shown],
            }
        )

    def _without_one(self, liked: Sequence[int], disliked: Sequence[int], left: np.ndarray) -> list[np.ndarray]:
        """Places of the films that are left, when one tick is taken back; one array a tick."""
        found = []
        for taken in (*liked, *disliked):
            sides = [[row for row in side if row != taken] for side in (liked, disliked)]
            if all(sides):
                weights, bias = taste(self.films, *sides)
                found.append(_ranks((self.films[left] @ weights + bias).round(6)))
        return found


def _ranks(scores: np.ndarray) -> np.ndarray:
    """1 for the largest; equal ones in their order."""
    ranks = np.empty(len(scores), dtype=int)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks


def ranking_html(ranked: pd.DataFrame, before: Mapping[int, int]) -> str:
    """A ranking as a table of HTML.

    Args:
        ranked: As `FilmShelf.ranked` gives it.
        before: The place of each row in the ranking before this one, to tell how far a film moved; empty at first.
    """
    shown = ranked[["place", "film", "because"]].copy()
    between = zip(ranked["from"], ranked["to"], strict=True)
    shown.insert(
        2, "one tick less", [f"{first}{NBSP}to{NBSP}{last}" if first != last else f"{first}" for first, last in between]
    )
    moves = [
        before.get(row, place) - place if before else 0
        for row, place in zip(ranked["row"], ranked["place"], strict=True)
    ]
    new = [bool(before) and row not in before for row in ranked["row"]]
    shown.insert(1, "moved", [_moved(step, is_new) for step, is_new in zip(moves, new, strict=True)])
    shown["because"] = shown["because"].replace("", "none of its links says why")
    return shown.to_html(index=False, escape=True, border=0, justify="left")


def _moved(step: int, is_new: bool) -> str:
    if is_new:
        return "new"
    return f"▲ {step}" if step > 0 else f"▼ {-step}" if step < 0 else ""


class LikesAndDislikes(ipw.VBox):
    """Tick what you like and what you don't: the ranking moves, and says because of which links.

    Args:
        shelf: The films.
        titles: Those that can be ticked from the beginning.
        liked: So many of them are liked at first, the others disliked.
    """

    def __init__(self, shelf: FilmShelf, titles: Sequence[str] = RATED, liked: int = LIKED) -> None:
        self.shelf = shelf
        self.ticks: dict[int, tuple[ipw.Checkbox, ipw.Checkbox]] = {}
        self._before: dict[int, int] = {}
        self.grid = ipw.GridBox(layout=ipw.Layout(grid_template_columns="repeat(2, minmax(300px, 1fr))", width="95%"))
        self.title = ipw.Text(
            description="Add a film", placeholder="a title, and Enter", continuous_update=False,
            layout=ipw.Layout(width="60%"),
        )  # fmt: skip
        self.without = ipw.Checkbox(
            description="leave out films of a series that I ticked", indent=False, layout=ipw.Layout(width="60%")
        )
        self.message, self.result = ipw.HTML(), ipw.HTML()
        for place, title in enumerate(titles):
            self._add(shelf.row(title), like=place < liked, dislike=place >= liked)
        self.title.observe(self._typed, names="value")
        self.without.observe(lambda _: self.show(), names="value")
        super().__init__([self.grid, self.title, self.message, self.without, self.result])
        self.show()

    def __repr__(self) -> str:
        return f"<{counted(len(self.ticks), 'film')} to tick, and a ranking: run this cell in JupyterLab>"

    @property
    def liked(self) -> list[int]:
        """Rows of the films that are ticked as liked."""
        return [row for row, (like, _) in self.ticks.items() if like.value]

    @property
    def disliked(self) -> list[int]:
        """Rows of the films that are ticked as disliked."""
        return [row for row, (_, dislike) in self.ticks.items() if dislike.value]

    def show(self) -> None:
        """Ranks anew."""
        try:
            ranked = self.shelf.ranked(self.liked, self.disliked, without_series=self.without.value, most=ALL)
        except ValueError:
            self.result.value = "Tick at least one film that you like and one that you don't."
            return
        shown = pd.concat([ranked.head(BEST), ranked.iloc[max(BEST, len(ranked) - WORST) :]])
        self.result.value = ranking_html(shown, self._before)
        self._before = dict(zip(ranked["row"], ranked["place"], strict=True))

    def _add(self, row: int, *, like: bool = False, dislike: bool = False) -> None:
        title = self.shelf.catalogue["title"][row]
        low = ipw.Layout(width="95%", height="22px", margin="0")
        boxes = tuple(
            ipw.Checkbox(value=value, description=f"{verb} {title}", indent=False, layout=low)
            for verb, value in (("like", like), ("dislike", dislike))
        )
        self.ticks[row] = boxes
        for box, other in (boxes, boxes[::-1]):
            box.observe(lambda change, other=other: self._ticked(change, other), names="value")
        self.grid.children = [*self.grid.children, *boxes]

    def _ticked(self, change: Mapping[str, bool], other: ipw.Checkbox) -> None:
        if change["new"] and other.value:
            other.value = False  # which ranks anew
        else:
            self.show()

    def _typed(self, change: Mapping[str, str]) -> None:
        rows, self.message.value = self.shelf.look_up(change["new"])
        if len(rows) == 1:
            title = escape(self.shelf.catalogue["title"][rows[0]])
            if rows[0] in self.ticks:
                self.message.value = f"<b>{title}</b> is among the films above."
            else:
                self._add(rows[0])
                self.message.value = f"<b>{title}</b> stands at the end of the list now: tick it."
