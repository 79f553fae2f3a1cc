"""For notebook 02: a search by shared words that gives its reasons, neighbours and norms of word vectors, figures."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as ipw
import numpy as np
import pandas as pd
from scipy import sparse

from kgss_helpers.exam.films import RESULTS
from kgss_helpers.exam.results import EDITION, ExamResult, recorded
from kgss_helpers.exam.statistics import Interval
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.counting import Cooccurrence, shared_words, tf_idf
from kgss_helpers.methods.word_vectors import table_of
from kgss_helpers.question import Split
from kgss_helpers.show.charts import GROUP_STYLES
from kgss_helpers.show.palette import BLUE, GREY, VERMILION
from kgss_helpers.space import best
from kgss_helpers.text.corpora import words_of
from kgss_helpers.text.documents import Style, documents

if TYPE_CHECKING:
    from gensim.models import KeyedVectors
    from matplotlib.figure import Figure

FLOOR = ("random", "popularity", "word match (BM25) on skills")
COUNTED = ("TF-IDF", "PPMI-SVD", "GloVe, trained here", "GloVe 6B", "MiniLM's word table")
"""The rows that `kgss_helpers.runs.counted_words` records."""
READER = "MiniLM, documents"
ROWS = (*FLOOR, *COUNTED, READER)
PAIRS = {"WordSim-353": "wordsim353.tsv", "SimLex-999": "simlex999.txt"}
"""Two lists of word pairs that people have judged, in gensim's wheel."""
PUBLISHED = {"WordSim-353": 0.69, "SimLex-999": 0.44}
"""What is usually given for the vectors that Word2Vec learned from Google News; not measured here."""
LONGEST_QUESTION, LONGEST_SHOWN, LONGEST_WORD, MOST_MISSING = 300, 110, 40, 5
MOST_DOTS, FEW = 4000, 1000
"""Of a panel, about, besides the most frequent few: more make the file larger, and the picture no clearer."""
COLUMN_WIDTHS = {"place": 50, "name": 190, "type": 80, "cosine": 70, "because": 300}
"""Of the hits, in pixels and at least."""


# ---- bags of words ---------------------------------------------------------------------------------------------------


def bags(texts: Iterable[str]) -> pd.DataFrame:
    """How often each word stands in each text: a row a text, a column a word, in the order in which they come."""
    found = [words_of(text) for text in texts]
    words = dict.fromkeys(word for one in found for word in one)
    return pd.DataFrame([[one.count(word) for word in words] for one in found], columns=list(words))


class WordSearch:
    """TF-IDF over the documents of a graph's nodes: what shares words with a question, and which words these are.

    Args:
        graph: Whose nodes are found.
        style: Which text stands for a node.
    """

    def __init__(self, graph: KnowledgeGraph, style: Style = "skills") -> None:
        self.graph, self.texts = graph, documents(graph, style)
        self.vectorizer = tf_idf()
        self.rows = self.vectorizer.fit_transform(self.texts)

    def unknown(self, text: str) -> list[str]:
        """The words of a text that stand in no document."""
        return [word for word in dict.fromkeys(words_of(text)) if word not in self.vectorizer.vocabulary_]

    def hits(self, text: str, *, node_type: str | None = None, k: int = 8) -> pd.DataFrame:
        """What shares words with a text, best first: ``place``, ``name``, ``type``, ``cosine`` and ``because``.

        Args:
            text: Any words.
            node_type: Only nodes of this type.
            k: How many at most.

        Raises:
            GraphError: The graph has no node of the type.
        """
        if node_type is not None:
            self.graph.require_known([node_type], "node_type")
        scores = (self.rows @ self.vectorizer.transform([text]).T).toarray()[:, 0]
        fits = True if node_type is None else self.graph.nodes["node_type"] == node_type
        found = best(np.where((scores > 0) & fits, scores, -np.inf).round(6), k)
        nodes = self.graph.nodes.iloc[found]
        return pd.DataFrame(
            {
                "place": range(1, len(found) + 1),
                "name": nodes["name"].tolist(),
                "type": nodes["node_type"].tolist(),
                "cosine": scores[found].round(2),
                "because": [in_words(shared_words(self.vectorizer, text, self.texts[row])) for row in found],
            }
        )


def in_words(parts: Mapping[str, float]) -> str:
    """``"space .31, battle .22"``: what each word adds, as far as it does so by a hundredth."""
    return ", ".join(f"{word} {value:.2f}" for word, value in parts.items() if value >= 0.005)


class WordSearchView(ipw.VBox):
    """A search box over a graph's documents: type words, choose a type, and read which words led to each hit."""

    EVERYTHING = "everything"

    def __init__(self, search: WordSearch, text: str = "") -> None:
        self.search = search
        self.text = ipw.Text(
            description="Search for", continuous_update=False, placeholder="words, then Enter",
            layout=ipw.Layout(width="90%"), style={"description_width": "initial"},
        )  # fmt: skip
        types = [self.EVERYTHING, *dict.fromkeys(search.graph.nodes["node_type"])]
        self.buttons = [ipw.Button(description=name, tooltip=f"Search {name} only") for name in types]
        self.buttons[0].tooltip = "Search all nodes"
        self.chosen, self.panel = self.EVERYTHING, ipw.HTML(layout=ipw.Layout(overflow="auto"))
        for button in self.buttons:
            button.on_click(lambda pressed: self.choose(pressed.description))
        self.text.observe(lambda _: self._show(), names="value")
        super().__init__([self.text, ipw.HBox(self.buttons), self.panel])
        self.text.value = text
        self.choose(self.EVERYTHING)

    def __repr__(self) -> str:
        return "<a search box: run this cell in JupyterLab>"

    def choose(self, node_type: str) -> None:
        """Searches one type of node, or everything."""
        self.chosen = node_type
        for button in self.buttons:
            button.button_style = "primary" if button.description == node_type else ""
            # Bold as well, for colour is never alone; an icon would become part of what a screen reader calls it.
            button.style.font_weight = "bold" if button.description == node_type else "normal"
        self._show()

    def _show(self) -> None:
        node_type = None if self.chosen == self.EVERYTHING else self.chosen
        self.panel.value = search_panel(self.search, self.text.value, node_type)


def search_panel(search: WordSearch, text: str, node_type: str | None = None) -> str:
    """The hits as a table in HTML, words that no document has, and what to try where nothing is found."""
    text = text[:LONGEST_QUESTION].strip()
    if not words_of(text):
        return "Type some words, such as <i>space battle</i>, and press Enter."
    hits, missing = search.hits(text, node_type=node_type), search.unknown(text)
    asked = escape(textwrap.shorten(text, LONGEST_SHOWN, placeholder=" …"))
    said = [f"<b>{asked}</b>, among {escape(node_type) if node_type else 'everything'}:"]
    if missing:
        named = ", ".join(_named(search, word) for word in missing[:MOST_MISSING])
        said.append(f"No document has {named}{' and others' if len(missing) > MOST_MISSING else ''}.")
    if hits.empty:
        said.append(
            "Nothing shares a word with it. Try a word that the graph itself uses, such as <i>science fiction</i>."
        )
        return "<br>".join(said)
    return "<br>".join(said) + hits.to_html(index=False, escape=True, border=0, justify="left", col_space=COLUMN_WIDTHS)


def _named(search: WordSearch, word: str) -> str:
    """A word that no document has, and the word there that is spelt most like it."""
    if len(word) > LONGEST_WORD:
        return f"a word of more than {LONGEST_WORD} letters"
    near = difflib.get_close_matches(word, search.vectorizer.vocabulary_, n=1)
    return f"<i>{escape(word)}</i>" + (f" (did you mean <i>{escape(near[0])}</i>?)" if near else "")


# ---- word vectors ----------------------------------------------------------------------------------------------------


def company(counted: Cooccurrence, table: sparse.csr_array, word: str, *, k: int = 8) -> pd.Series:
    """The words with the largest numbers in a word's row of a table of counts, or of what was computed from them.

    Raises:
        KeyError: The word was not counted.
    """
    if word not in counted.words:
        raise KeyError(f"{word!r} is not among the {len(counted.words):,} words that were counted")
    row = table[[counted.words.index(word)]].toarray()[0]
    found = best(np.where(row > 0, row, -np.inf).round(6), k)
    return pd.Series(row[found], index=[counted.words[column] for column in found])


def neighbours(tables: Mapping[str, KeyedVectors], words: Sequence[str], *, k: int = 5) -> pd.DataFrame:
    """The nearest words by cosine: a row a word, a column a table; a dash where a table lacks the word."""
    return pd.DataFrame(
        {
            name: [
                ", ".join(near for near, _ in table.most_similar(word, topn=k)) if word in table else "–"
                for word in words
            ]
            for name, table in tables.items()
        },
        index=pd.Index(words, name="word"),
    )


def three_measures(table: KeyedVectors, word: str, *, k: int = 8) -> pd.DataFrame:
    """The nearest words of a word by cosine, by dot product and by Euclidean distance, a column each.

    Raises:
        KeyError: The table lacks the word.
    """
    vectors, here = np.asarray(table.vectors, dtype=np.float64), np.asarray(table[word], dtype=np.float64)
    dots, lengths = vectors @ here, np.linalg.norm(vectors, axis=1)
    scores = {
        "cosine": dots / np.maximum(lengths * np.linalg.norm(here), 1e-12),
        "dot product": dots,
        "distance": -np.sqrt(np.maximum(lengths**2 - 2 * dots + here @ here, 0)),
    }
    row = table.key_to_index[word]
    for score in scores.values():
        score[row] = -np.inf
    return pd.DataFrame(
        {name: [table.index_to_key[found] for found in best(score.round(6), k)] for name, score in scores.items()},
        index=pd.RangeIndex(1, k + 1, name="place"),
    )


def restricted(table: KeyedVectors, words: Iterable[str], dimensions: int | None = None) -> KeyedVectors:
    """The table of some of its words, in their order, and of the first dimensions if so many are given."""
    kept = [word for word in words if word in table]
    return table_of(kept, np.ascontiguousarray(table[kept][:, :dimensions]))


def agreement(tables: Mapping[str, KeyedVectors]) -> pd.DataFrame:
    """Spearman's correlation with what people judged, and which share of the pairs was known: gensim's own evaluation.

    Columns are pairs of a list and ``"correlation"`` or ``"known"``.
    """
    from gensim.test.utils import datapath

    rows = {}
    for name, table in tables.items():
        found = {of: table.evaluate_word_pairs(datapath(file)) for of, file in PAIRS.items()}
        rows[name] = {
            (of, what): value
            for of, (_, spearman, unknown) in found.items()
            for what, value in (("correlation", float(spearman.statistic)), ("known", 1 - unknown / 100))
        }
    return pd.DataFrame(rows).T


def with_published(judged: pd.DataFrame) -> pd.DataFrame:
    """The table of `agreement` as text, with the published row of Word2Vec on Google News below it."""
    shown = judged.map("{:.2f}".format)
    published = {(name, "correlation"): f"{value:.2f}" for name, value in PUBLISHED.items()}
    return pd.concat([shown, pd.DataFrame([published], index=["Word2Vec on Google News (published)"])]).fillna("–")


@dataclass(frozen=True)
class Norms:
    """Lengths of word vectors beside how frequent the words are.

    Attributes:
        words: Those that have a rank.
        lengths: Of their vectors, shape (words,).
        ranks: 1 for the most frequent, shape (words,).
    """

    words: list[str]
    lengths: np.ndarray
    ranks: np.ndarray

    @classmethod
    def of(cls, table: KeyedVectors, by_frequency: Sequence[str]) -> Norms:
        """Of all words of a table that stand in a list ordered by frequency."""
        rank = {word: number for number, word in enumerate(by_frequency, start=1)}
        words = [word for word in table.index_to_key if word in rank]
        lengths = np.linalg.norm(np.asarray(table[words], dtype=np.float64), axis=1)
        return cls(words, lengths, np.array([rank[word] for word in words]))

    def correlation(self) -> float:
        """Spearman's, of length and rank: negative where frequent words are long."""
        from scipy.stats import spearmanr

        return float(spearmanr(self.lengths, self.ranks).statistic)


# ---- the exam --------------------------------------------------------------------------------------------------------


def recorded_rows(split: Split = "test") -> dict[str, ExamResult]:
    """What is recorded of `ROWS`, by name and in that order.

    Raises:
        ValueError: A row is not recorded; names it and the command that records it.
    """
    found = {result.method: result for result in recorded(RESULTS[EDITION]) if result.split == split}
    missing = [name for name in ROWS if name not in found]
    if missing:
        raise ValueError(
            f"not recorded for {split}: {', '.join(missing)}; run python -m kgss_helpers.runs.counted_words"
        )
    return {name: found[name] for name in ROWS}


# ---- figures ---------------------------------------------------------------------------------------------------------


def weighting_figure(maximum: float, power: float) -> Figure:
    """GloVe's weight of a pair by its count: it rises, and then stays at 1."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.6))
    counts = np.linspace(0, 2 * maximum, 200)
    axes.plot(counts, np.minimum(counts / maximum, 1) ** power, color=BLUE, linewidth=3)
    axes.axvline(maximum, color=GREY, linestyle=":")
    axes.text(maximum * 1.02, 0.05, f"maximum = {maximum:g}", color=GREY)
    axes.set(title="How much a pair of words counts", xlabel="count of the pair", ylabel="weight in the loss")
    return figure


def norms_figure(of_tables: Mapping[str, Norms], named: Sequence[str]) -> Figure:
    """Length by rank, a panel a table, on a logarithmic axis; some words by name."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(of_tables), figsize=(11, 4.6), squeeze=False)
    for axes, (name, norms) in zip(panels[0], of_tables.items(), strict=True):
        every = max(1, len(norms.words) // MOST_DOTS)
        some = (norms.ranks <= FEW) | (np.arange(len(norms.words)) % every == 0)
        axes.scatter(norms.ranks[some], norms.lengths[some], s=4, color=BLUE, alpha=0.25, linewidths=0)
        for word in named:
            if word in norms.words:
                row = norms.words.index(word)
                axes.plot(norms.ranks[row], norms.lengths[row], "D", color=VERMILION, markersize=7)
                axes.annotate(
                    word, (norms.ranks[row], norms.lengths[row]), textcoords="offset points", xytext=(6, 6), fontsize=13
                )
        axes.set(xscale="log", title=name, xlabel="rank by frequency", ylim=(0, None))
        axes.set_xticks([1, 10, 100, 1000, 10_000], ["1", "10", "100", "1,000", "10,000"], fontsize=11)
        axes.minorticks_off()
    panels[0, 0].set(ylabel="length of the vector")
    return figure


def dimensions_figure(scores: Mapping[str, Mapping[int, Interval]]) -> Figure:
    """Score by number of dimensions with intervals, a line a family of the exam."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.8))
    for shift, ((name, by_size), (color, _, marker)) in enumerate(zip(scores.items(), GROUP_STYLES, strict=False)):
        sizes = np.array(list(by_size), dtype=float) * 1.02**shift
        mean, low, high = np.array(list(by_size.values())).T
        axes.errorbar(
            sizes,
            mean,
            yerr=[mean - low, high - mean],
            fmt=marker + "-",
            color=color,
            capsize=4,
            markersize=7,
            label=name,
        )
    sizes = list(next(iter(scores.values())))
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set(
        title="How many dimensions?", xlabel="dimensions of PPMI-SVD", ylabel="nDCG@10, validation", ylim=(0, None)
    )
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def families_figure(rows: Mapping[str, ExamResult], families: Sequence[str]) -> Figure:
    """The score of each method with its interval, a panel a family; the first method on top."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(families), sharey=True, figsize=(12, 1.4 + 0.42 * len(rows)))
    for axes, family in zip(panels, families, strict=True):
        for place, (name, result) in enumerate(rows.items()):
            mean, low, high = result.interval(family)
            color, marker = (BLUE, "o") if name in COUNTED else (GREY, "s")
            axes.errorbar(
                mean, place, xerr=[[mean - low], [high - mean]], fmt=marker, color=color, capsize=4, markersize=7
            )
        axes.set(title=family, xlabel="nDCG@10", xlim=(-0.02, 0.8))
        axes.grid(axis="x", color="#DDDDDD")
    panels[0].set_yticks(range(len(rows)), list(rows))
    panels[0].invert_yaxis()
    return figure
