"""For notebook 04: its words, what is measured of them, and the widgets; the pictures are in `ch04_figures`.

Each widget is a thin face over a pure function. Whatever a user types is escaped before it becomes HTML.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as ipw
import numpy as np
import pandas as pd

from kgss_helpers.chapters import ch04_figures as figures
from kgss_helpers.exam.statistics import mean_interval
from kgss_helpers.files import DATA
from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.word_arithmetic import (
    UnknownWordError,
    along,
    analogy,
    direction,
    fill_gap,
    require_word,
    unit_vectors,
)
from kgss_helpers.methods.word_vectors import GLOVE, MINILM
from kgss_helpers.show.charts import as_html
from kgss_helpers.text.corpora import wikipedia_corpus

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

TABLES = {MINILM: "MiniLM's table", GLOVE: "GloVe 6B"}
"""The two tables of word vectors, by name, as figures call them."""
CAFE = "The cafe served a {X} that really woke me up"
_THREE = {
    "food": """bread butter cheese milk cream coffee tea wine beer juice soup salad rice pasta potato tomato onion
        garlic pepper salt sugar honey chocolate cake pie cookie apple banana lemon peach grape bean corn beef pork ham
        bacon sausage egg cherry""",
    "crafts": """director actor actress producer composer singer painter writer poet novelist editor photographer dancer
        musician designer artist sculptor architect conductor pianist violinist guitarist drummer playwright
        screenwriter cinematographer choreographer comedian animator journalist critic author narrator filmmaker
        songwriter organist soprano illustrator engineer teacher""",
    "feelings": """joy fear anger sadness love hate hope despair grief pride shame guilt envy jealousy happiness sorrow
        pity disgust surprise delight anxiety boredom loneliness regret relief rage fury terror panic pleasure pain
        affection longing trust doubt courage calm worry frustration embarrassment""",
}
GROUPS = {group: words.split() for group, words in _THREE.items()}
"""Three groups of forty words."""
AXES = {
    "past to future": ("ancient medieval historical past king", "future futuristic robotic spaceship technology"),
    "funny to scary": ("funny comedy humor joke laugh", "scary horror terror fear nightmare"),
    "he to she": (
        "he him his man male boy father son brother husband",
        "she her hers woman female girl mother daughter sister wife",
    ),
}
"""Concept axes: words at either end."""
GENRES_AT_ENDS = {
    "past to future": ({"History", "Western"}, {"Science fiction"}),
    "funny to scary": ({"Comedy"}, {"Horror", "Thriller"}),
}
"""Which genres of our films stand for the two ends."""
OCCUPATIONS = (
    "actor", "animator", "choreographer", "cinematographer", "composer", "critic", "dancer", "designer", "director",
    "doctor", "editor", "engineer", "nurse", "photographer", "producer", "screenwriter", "secretary", "singer",
    "soldier", "writer",
)  # fmt: skip
"""What people do whose place on the axis from *he* to *she* is measured."""


@cache
def word_counts() -> Counter[str]:
    """How often each word stands in the bundled sample of Wikipedia."""
    return Counter(word for article in wikipedia_corpus() for word in article)


@cache
def countries() -> pd.DataFrame:
    """Countries whose English name is a single word: ``word``, and the ISO 3166 code of three letters ``iso``."""
    return pd.read_csv(DATA / "world" / "countries.csv", keep_default_na=False)


# ---- measuring ----------------------------------------------------------------------------------------------------


def by_section(solved: pd.DataFrame, how: str = "by_sum") -> pd.DataFrame:
    """The share of analogies solved, section by section: ``analogies``, ``mean``, ``low``, ``high`` (95 %)."""
    right = (solved[how] == solved["d"]).groupby(solved["section"], sort=False)
    rows = {section: (len(part), *mean_interval(part.to_numpy(dtype=float))) for section, part in right}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["analogies", "mean", "low", "high"])


def rank_measures(ranking: pd.Series, right: Sequence[str]) -> dict[str, float]:
    """How well a ranking of words finds the right ones.

    Args:
        ranking: Word → distance from the hyperplane, largest first.
        right: The words to be found; those that are not ranked do not count.

    Returns:
        ``P@10``, ``P@50``, ``P@100``; ``average precision``; of calling every word above 0 a hit ``precision`` and
        ``accuracy``; and ``always no``, the accuracy of one who calls no word a hit.
    """
    from sklearn.metrics import average_precision_score

    hits = ranking.index.isin(right)
    said = ranking.to_numpy() > 0
    return {
        **{f"P@{k}": float(hits[:k].mean()) for k in (10, 50, 100)},
        "average precision": float(average_precision_score(hits, ranking)),
        "precision": float(hits[said].mean()) if said.any() else 0.0,
        "accuracy": float((hits == said).mean()),
        "always no": float(1 - hits.mean()),
    }


def purity(vectors: np.ndarray, groups: Sequence[str], neighbours: int = 5) -> float:
    """The share of the nearest neighbours (by Euclidean distance) that are of the same group; vectors (words, dim)."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=neighbours + 1).fit(vectors).kneighbors(return_distance=False)
    kind = np.array(groups)
    return float((kind[found[:, :neighbours]] == kind[:, None]).mean())


def keyword_lean(graph: KnowledgeGraph, axis: str, *, at_least: int = 3) -> pd.Series:
    """How the films of each keyword lean: the share in the genres at one end minus the share in those at the other.

    Single-word keywords with at least so many films; from -1 (all of them at the first end) to 1.
    """
    triples = graph.triples()
    genres = triples[triples["relation"] == HAS_GENRE].groupby("source")["object"].agg(set)
    keywords = triples[triples["relation"] == HAS_KEYWORD]
    first, second = GENRES_AT_ENDS[axis]
    of_film = keywords["source"].map(genres)
    lean = of_film.map(lambda found: bool(second & found) - bool(first & found) if isinstance(found, set) else 0)
    table = lean.groupby(keywords["object"]).agg(["mean", "size"])
    single = ~table.index.str.contains(r"\W")
    return table.loc[single & (table["size"] >= at_least), "mean"].astype(float)


def axis_against_graph(table: KeyedVectors, axis: str, lean: pd.Series) -> pd.DataFrame:
    """Keywords that a table knows, without those that make the axis: ``along`` it, and their ``lean`` by the graph."""
    ends = [words.split() for words in AXES[axis]]
    known = [word for word in lean.index if word in table.key_to_index and word not in {*ends[0], *ends[1]}]
    values = along(table, known, direction(table, *ends))
    return pd.DataFrame({"along": values, "lean": lean[values.index]})


def rank_correlation(on_axis: pd.DataFrame, *, resamples: int = 300) -> tuple[float, float, float]:
    """Spearman's correlation of ``along`` and ``lean`` with its 95 % bootstrap interval: mean, low, high."""
    from scipy.stats import bootstrap, spearmanr

    pair = (on_axis["along"], on_axis["lean"])
    found = bootstrap(
        pair, lambda x, y: spearmanr(x, y)[0], paired=True, vectorized=False, n_resamples=resamples, rng=0
    )
    return float(spearmanr(*pair)[0]), *map(float, found.confidence_interval)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """The cosine of two vectors of shape (dimensions,)."""
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def standard_deviations(table: KeyedVectors, words: Sequence[str], axis: np.ndarray, most: int = 20_000) -> pd.Series:
    """Words along a direction, as deviations from the mean of the most frequent words in their standard deviations."""
    everything = unit_vectors(table, most) @ axis
    values = along(table, [word for word in words if word in table.key_to_index], axis)
    return (values - everything.mean()) / everything.std()


def similarity_to(table: KeyedVectors, word: str) -> pd.Series:
    """ISO code → cosine between a word and the country's name, for the countries that the table knows.

    Raises:
        UnknownWordError: The table lacks the word.
    """
    asked = table.get_vector(require_word(table, word), norm=True)
    known = countries()[countries()["word"].isin(table.key_to_index)]
    cosines = [float(table.get_vector(name, norm=True) @ asked) for name in known["word"]]
    return pd.Series(cosines, index=known["iso"].tolist()).sort_values(ascending=False, kind="stable")


# ---- widgets ------------------------------------------------------------------------------------------------------


def analogy_page(table: KeyedVectors, a: str, b: str, c: str) -> str:
    """The answers to an analogy as HTML, or what to do about a word that the table lacks."""
    try:
        found = analogy(table, a, b, c)
    except UnknownWordError as error:
        return _said(error)
    heading = f"<p><b>{escape(a)}</b> is to <b>{escape(b)}</b> as <b>{escape(c)}</b> is to …</p>"
    return heading + found.round(2).to_html(index=False, escape=True, border=0)


def gap_page(table: KeyedVectors, sentence: str) -> str:
    """What fills the gap of a sentence, among all words and among forty things to eat and drink, as HTML."""
    try:
        among = [fill_gap(table, sentence, word_counts(), among=words, k=5) for words in (None, GROUPS["food"])]
    except (UnknownWordError, ValueError) as error:
        return _said(error)
    titles = ("among all words", "among food and drink")
    parts = [
        f"<div><b>{title}</b>{found.round(2).to_html(index=False, escape=True, border=0)}</div>"
        for title, found in zip(titles, among, strict=True)
    ]
    return f"<div style='display:flex;gap:3em'>{''.join(parts)}</div>"


def world_page(table: KeyedVectors, word: str) -> str:
    """A map of the world coloured by similarity to a word, and the five nearest countries, as HTML."""
    try:
        similarity = similarity_to(table, word)
    except UnknownWordError as error:
        return _said(error)
    names = countries().set_index("iso")["word"]
    top = ", ".join(f"{names[code]} {cosine:.2f}" for code, cosine in similarity.head(5).items())
    alt = f"A map of the world, coloured by how near each country's name is to {word.strip()}. Nearest: {top}."
    figure = figures.world(similarity, title="How near each country's name is to the word")
    return f"<p><b>{escape(word.strip())}</b>: {escape(top)}</p>" + as_html(figure, alt)


def _said(error: Exception) -> str:
    message = str(error)
    return f"<p>{escape(message[:1].upper() + message[1:])}.</p>"


class WordsAsked(ipw.VBox):
    """Fields for words above what a pure function answers to them; a choice of tables where there are several.

    Args:
        tables: Name → table of word vectors.
        page: Table and texts → HTML.
        fields: Label of each text field → what stands in it at first.
        about: What the widget is, in words, for those who read the notebook without running it.
    """

    def __init__(
        self, tables: Mapping[str, KeyedVectors], page: Callable[..., str], fields: Mapping[str, str], *, about: str
    ) -> None:
        self.tables, self.page, self.about = tables, page, about
        width = "90%" if len(fields) == 1 else "20em"
        self.fields = [
            ipw.Text(value, description=label, continuous_update=False, layout=ipw.Layout(width=width))
            for label, value in fields.items()
        ]
        self.table = ipw.ToggleButtons(options=list(tables), description="Vectors")
        self.result = ipw.HTML()
        for control in (*self.fields, self.table):
            control.observe(lambda _: self.show(), names="value")
        shown = [ipw.HBox(self.fields)] if len(fields) > 1 else self.fields
        super().__init__([*shown, *([self.table] if len(tables) > 1 else []), self.result])
        self.show()

    def __repr__(self) -> str:
        return f"<{self.about}: run this cell in JupyterLab>"

    def show(self) -> None:
        """Shows what is answered to the words in the fields."""
        texts = [field.value for field in self.fields]
        self.result.value = self.page(self.tables[self.table.value], *texts)


class PerplexityView(ipw.VBox):
    """Layouts of the same words, made beforehand; a slider goes from perplexity to perplexity.

    Args:
        layouts: Perplexity → points, shape (words, 2).
        words: What is drawn.
        groups: The group of each word.
    """

    def __init__(self, layouts: Mapping[int, np.ndarray], words: Sequence[str], groups: Sequence[str]) -> None:
        self.layouts, self.words, self.groups = layouts, list(words), list(groups)
        self.slider = ipw.SelectionSlider(options=list(layouts), description="Perplexity")
        self.result = ipw.HTML()
        self.slider.observe(lambda _: self.show(), names="value")
        super().__init__([self.slider, self.result])
        self.show()

    def __repr__(self) -> str:
        return "<the words' map at each perplexity, with a slider: run this cell in JupyterLab>"

    def show(self) -> None:
        """Draws the layout of the chosen perplexity."""
        chosen = self.slider.value
        title = f"t-SNE, perplexity {chosen}"
        figure = figures.word_maps({title: self.layouts[chosen]}, self.words, self.groups, labelled=14)
        figure.set_size_inches(9, 6)
        self.result.value = as_html(figure, f"{title}: {len(self.words)} words, three groups as separate clouds.")
