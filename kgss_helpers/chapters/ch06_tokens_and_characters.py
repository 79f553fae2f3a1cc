"""For notebook 06: tokens to look at, words nobody knows, what misspelling costs, and a genre read from characters."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as ipw
import numpy as np
import pandas as pd

from kgss_helpers.exam.results import ExamResult
from kgss_helpers.exam.statistics import mean_interval, paired_interval
from kgss_helpers.files import counted
from kgss_helpers.films.roles import HAS_GENRE
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Question
from kgss_helpers.runs.records import COUNT, checked, reading
from kgss_helpers.runs.token_counts import RECORD
from kgss_helpers.show.charts import GROUP_STYLES
from kgss_helpers.text.spelling import WORD
from kgss_helpers.text.tokens import PART, Pair, Piece, Tokenizer, well_formed

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

SEMINAR = {"English": (105, 468), "Norwegian": (None, 465), "Arabic": (286, 402)}
"""Tokens and characters of the opening of Kafka's *Metamorphosis* on the seminar's slide; one number is not legible."""


SHOWN = (
    "word match (BM25) on skills, spell-checked",
    "soft structured query, spell-checked",
    "MiniLM, descriptions",
    "GloVe 6B",
    "MiniLM, descriptions and documents",
    "soft structured query",
    "TF-IDF",
    "word match (BM25) on skills",
    "MiniLM, documents",
    "character CNN, trained on slips",
    "character CNN, trained without slips",
    "structured query",
)
"""The rows that table and figure of kept scores show, where they are recorded."""


def library_merges(texts: Sequence[str], merges: int) -> list[Pair]:
    """What the library ``tokenizers`` merges in ASCII texts, words cut as `learn_merges` cuts them."""
    import tokenizers
    from tokenizers import models, pre_tokenizers, trainers

    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(PART.pattern), "isolated")
    size = len(set("".join(texts))) + merges
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    found = json.loads(tokenizer.to_str())["model"]["merges"]
    return [(left.encode(), right.encode()) for left, right in found]


def recorded_gpt() -> pd.DataFrame:
    """Tokens of the paragraphs in vocabularies of GPT: index ``tokenizer``, ``vocabulary`` and a column a language."""
    with reading(RECORD, "python -m kgss_helpers.runs.token_counts") as path:
        table = pd.read_csv(path)
        counts = [column for column in table if column != "tokenizer"]
        return checked(table, dict.fromkeys(counts, COUNT), ["tokenizer"]).set_index("tokenizer")


# -------------------------------------------------------------------------------------------------------------- chips

TINTS = ("#D6E9F8", "#FBE3C0", "#D5EFE3", "#F3DDEA")
"""Light forms of the palette: black on each of them has a contrast of 15 or more."""
MOST_CHIPS = 400
UNKNOWN = "[UNK]"


def visible(text: str) -> str:
    """The text with signs for what one cannot see: blanks, ends of lines, marks without a letter, signs that steer."""
    shown = []
    for place, character in enumerate(text):
        kind = unicodedata.category(character)
        if character == " ":
            shown.append("␣")
        elif character == "\n":
            shown.append("⏎")
        elif kind in ("Cc", "Cf", "Zs", "Zl", "Zp", "Co", "Cn"):
            shown.append(f"U+{ord(character):04X}")
        elif kind.startswith("M") and place == 0:
            shown.append("◌" + character)
        else:
            shown.append(character)
    return "".join(shown)


def direction(text: str) -> str:
    """``"rtl"`` if the first letter that has a direction is written from right to left, else ``"ltr"``."""
    kinds = (unicodedata.bidirectional(character) for character in text)
    return "rtl" if next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L" else "ltr"


def chip(piece: Piece, place: int) -> str:
    """A piece as HTML: what it is, in a box, with its id below; a dashed box without an id for what is left out."""
    box = "display:inline-block;margin:2px;padding:1px 4px;border-radius:4px;text-align:center;color:#000;"
    if piece.id is None:
        box += "background:#FFF;border:1px dashed #767676;"
    else:
        box += f"background:{TINTS[place % len(TINTS)]};border:1px solid #555;"
    number = "left out" if piece.id is None else str(piece.id)
    return (
        f'<span style="{box}"><bdi style="font-size:16px">{escape(visible(piece.shown))}</bdi><br>'
        f'<span style="font-size:11px;color:#333">{number}</span></span>'
    )


def summary(text: str, tokenizer: Tokenizer, pieces: Sequence[Piece]) -> str:
    """How many pieces a tokenizer made of a text, and what it left out or did not know."""
    with_id = [piece for piece in pieces if piece.id is not None]
    said = f"{tokenizer.name}: {counted(len(with_id), 'piece')} for {counted(len(text), 'character')}"
    if text:
        said += f", {len(with_id) / len(text):.2f} a character"
    left_out = sum(len(piece.shown) for piece in pieces if piece.id is None)
    if left_out:
        said += f"; {counted(left_out, 'character')} left out"
    unknown = [text[piece.start : piece.end] for piece in with_id if piece.shown == UNKNOWN]
    if unknown:
        said += f"; it has no piece for {', '.join(dict.fromkeys(unknown))[:80]}"
    return f"{said}. Its vocabulary has {tokenizer.size:,} entries."


def chips(text: str, tokenizer: Tokenizer, *, most: int = MOST_CHIPS) -> str:
    """A text as HTML, cut into pieces as a tokenizer cuts it; all that was typed is text in it, never markup."""
    text = well_formed(text)
    if not text:
        return "<p>Nothing is typed, and nothing has no pieces. Type a text, or press a language.</p>"
    pieces = tokenizer.pieces(text)
    shown = "".join(chip(piece, place) for place, piece in enumerate(pieces[:most]))
    more = f"<p>The first {most} pieces are shown.</p>" if len(pieces) > most else ""
    return (
        f"<p><b>{escape(summary(text, tokenizer, pieces))}</b></p>"
        f'<div dir="{direction(text)}" style="line-height:1.5">{shown}</div>{more}'
    )


class TokenChips(ipw.VBox):
    """A text to type, a tokenizer to choose, and the pieces with their ids.

    Args:
        tokenizers: To choose from.
        samples: Texts that a button each writes into the field.
        text: What stands there at first.
    """

    def __init__(self, tokenizers: Sequence[Tokenizer], samples: Mapping[str, str], *, text: str) -> None:
        self.by_name = {tokenizer.name: tokenizer for tokenizer in tokenizers}
        self.text = ipw.Text(value=text, description="Text", layout=ipw.Layout(width="95%"))
        self.choice = ipw.ToggleButtons(options=list(self.by_name), description="Tokenizer")
        self.samples = [ipw.Button(description=name, tooltip=f"The paragraph: {name}") for name in samples]
        self.panel = ipw.HTML()
        for button, sample in zip(self.samples, samples.values(), strict=True):
            button.on_click(lambda _, sample=sample: setattr(self.text, "value", sample))
        self.text.observe(lambda _: self.show(), names="value")
        self.choice.observe(lambda _: self.show(), names="value")
        super().__init__([self.text, ipw.HBox(self.samples), self.choice, self.panel])
        self.show()

    def __repr__(self) -> str:
        return f"<texts as pieces, by {counted(len(self.by_name), 'tokenizer')}: run this cell in JupyterLab>"

    def show(self) -> None:
        """Shows the text that stands in the field as the chosen tokenizer cuts it."""
        self.panel.value = chips(self.text.value, self.by_name[self.choice.value])


# -------------------------------------------------------------------------------------------------- charts of tokens

LETTERED = dict(zip(("English", "Norwegian", "Arabic", "Hungarian"), GROUP_STYLES, strict=False))


def per_character_figure(rates: pd.DataFrame) -> Figure:
    """Tokens per character: a row a tokenizer, a sign a language, the first row on top."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 1.4 + 0.5 * len(rates)))
    for language in rates:
        color, _, marker = LETTERED[language]
        axes.plot(rates[language], range(len(rates)), marker, color=color, markersize=10, label=language)
    axes.set_yticks(range(len(rates)), rates.index)
    axes.invert_yaxis()
    axes.grid(axis="y", color="#DDDDDD")
    axes.axvline(1, color="#767676", linestyle=":")
    axes.set(title="The same story, cut by each tokenizer", xlabel="tokens per character", xlim=(0, None))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def sizes_figure(rates: pd.DataFrame) -> Figure:
    """Tokens per character over the size of the vocabulary: a line a language."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    for language in rates:
        color, _, marker = LETTERED[language]
        axes.plot(rates.index, rates[language], marker + "-", color=color, markersize=8, label=language)
    axes.set_xscale("log", base=2)
    axes.set_xticks(rates.index, [f"{size:,}" for size in rates.index])
    axes.minorticks_off()
    axes.set(title="A larger vocabulary helps the language it was trained on", xlabel="entries of the vocabulary",
             ylabel="tokens per character", ylim=(0, None))  # fmt: skip
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


# -------------------------------------------------------------------------------------------------- words and slips


def misspelt_words(questions: Iterable[Question], variant: str = "misspelt-1") -> pd.DataFrame:
    """The words that the exam misspells: ``typed`` and ``right``, each pair once, in order."""
    asked = list(questions)
    right = {question.question_id: question.text for question in asked if not question.variant}
    pairs: set[tuple[str, str]] = set()
    for question in asked:
        if question.variant == variant:
            sides = [WORD.findall(text.lower()) for text in (question.text, right[question.question_id.split("~")[0]])]
            if len(sides[0]) == len(sides[1]):
                pairs.update((typed, meant) for typed, meant in zip(*sides, strict=True) if typed != meant)
    return pd.DataFrame(sorted(pairs), columns=["typed", "right"])


def coverage(groups: Mapping[str, Collection[str]], knows: Mapping[str, Callable[[str], bool]]) -> pd.DataFrame:
    """The share of each group's words that each representation has something for."""
    shares = {
        name: {group: np.mean([bool(can(word)) for word in words]) for group, words in groups.items()}
        for name, can in knows.items()
    }
    return pd.DataFrame.from_dict(shares, orient="index").rename_axis("representation")


def ranks(scores: np.ndarray, candidates: Sequence[str], right: Sequence[str]) -> np.ndarray:
    """At which place, from 0, the right candidate stands for each row of scores: so many are better."""
    column = {candidate: place for place, candidate in enumerate(candidates)}
    of_right = scores[np.arange(len(right)), [column[word] for word in right]]
    return (scores > of_right[:, None]).sum(axis=1)


def found_table(ranks_of: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """How often the right word comes first, and among the first ten, with intervals; the best row first."""
    rows = {
        name: {"first": str(mean_interval(found == 0)), "among ten": str(mean_interval(found < 10))}
        for name, found in sorted(ranks_of.items(), key=lambda item: -np.mean(item[1] == 0))
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("representation")


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosines of all rows of the one with all rows of the other; 0 for a row of zeros."""
    one, other = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9) for rows in (first, second))
    return one @ other.T


# --------------------------------------------------------------------------------------------- what misspelling costs


def _share_kept(written: np.ndarray, misspelt: np.ndarray, axis: int = -1) -> np.ndarray:
    return misspelt.mean(axis=axis) / np.maximum(written.mean(axis=axis), 1e-9)


def kept(results: Iterable[ExamResult], *, variant: str = "misspelt-1", at_least: float = 0.1) -> pd.DataFrame:
    """Which share of its score each method keeps where a question is put differently.

    Families count the same, whatever their size. Questions are resampled with their variant, in pairs.

    Args:
        results: Of one split.
        variant: How they are put.
        at_least: A method with less than this to begin with has nothing to lose, and is left out.

    Returns:
        Columns ``label``, ``written``, ``misspelt``, ``mean``, ``low``, ``high``; who keeps most first.
    """
    rows = []
    for result in results:
        differently = result.by_family(variant=variant)
        plain = result.by_family()
        pairs = []
        for family, part in differently.items():
            written = plain[family].reindex(part.index.str.split("~").str[0])
            pairs.append(np.stack([written, part]) / len(part))
        if not pairs or np.isnan(np.concatenate(pairs, axis=1)).any():
            continue
        written, misspelt = np.concatenate(pairs, axis=1)
        means = [sum(pair[side].sum() for pair in pairs) / len(pairs) for side in (0, 1)]
        if means[0] >= at_least:
            share = paired_interval(_share_kept, written, misspelt)
            rows.append((result.method, *means, *share))
    columns = ["label", "written", "misspelt", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["mean", "label"], ascending=[False, True], ignore_index=True
    )


# ---------------------------------------------------------------------------------------- a genre read from characters


@dataclass(frozen=True)
class Genres:
    """Films with their genres, shared out by seed into those to learn from and those that are held out.

    Attributes:
        names: Of the genres.
        films: Rows of the graph's nodes, by part: ``"train"``, ``"validation"``, ``"test"``.
        labels: 1 where a film has a genre, shape (films, genres), by part.
    """

    names: list[str]
    films: dict[str, pd.DataFrame]
    labels: dict[str, np.ndarray]

    def texts(self, part: str, column: str = "description") -> list[str]:
        """Descriptions, or names, of a part's films."""
        return self.films[part][column].tolist()


def genres_of(graph: KnowledgeGraph, *, seed: int = 6) -> Genres:
    """Seven films of ten to learn from, one to choose settings by, two to report."""
    films = graph.nodes[graph.nodes["node_type"] == "project"].reset_index(drop=True)
    edges = graph.triples().query("relation == @HAS_GENRE", local_dict={"HAS_GENRE": HAS_GENRE})
    table = pd.crosstab(edges["source"], edges["object"]).clip(upper=1).reindex(films["node_id"], fill_value=0)
    order = np.random.default_rng(seed).permutation(len(films))
    cuts = [int(share * len(films)) for share in (0.7, 0.8)]
    parts = dict(zip(("train", "validation", "test"), np.split(order, cuts), strict=True))
    return Genres(
        list(table.columns),
        {part: films.iloc[rows] for part, rows in parts.items()},
        {part: table.to_numpy()[rows] for part, rows in parts.items()},
    )


def tfidf_model(analyzer: str) -> Pipeline:
    """TF-IDF and a logistic regression for each heading: of words, or of n-grams of 2 to 5 characters."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    if analyzer == "word":
        reader = TfidfVectorizer(sublinear_tf=True, stop_words="english")
    else:
        reader = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return make_pipeline(reader, OneVsRestClassifier(LogisticRegression(C=3, class_weight="balanced", max_iter=500)))


def average_precisions(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of each row: ranked by score, the mean share of right headings above each right one, itself counted."""
    order = np.argsort(-scores, axis=1, kind="stable")
    right = np.take_along_axis(labels, order, axis=1)
    precision = right.cumsum(axis=1) / np.arange(1, right.shape[1] + 1)
    return (precision * right).sum(axis=1) / np.maximum(right.sum(axis=1), 1)


def genre_scores(scores: Mapping[str, np.ndarray], labels: np.ndarray) -> pd.DataFrame:
    """How high a film's genres stand in each method's ranking, and how often the first one is right, with intervals."""
    rows = {}
    for name, found in scores.items():
        first = labels[np.arange(len(labels)), found.argmax(axis=1)]
        rows[name] = {
            "average precision": str(mean_interval(average_precisions(found, labels))),
            "first is right": str(mean_interval(first)),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def slips_in(text: str, every: int, *, seed: int) -> str:
    """The text with a wrong letter in one of so many words of four letters or more, drawn by seed."""
    rng = np.random.default_rng(seed)

    def slip(match: re.Match[str]) -> str:
        word = match[0]
        if len(word) < 4 or rng.random() >= 1 / every:
            return word
        at = int(rng.integers(1, len(word) - 1))
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return (swapped, word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:])[rng.integers(3)]

    return WORD.sub(slip, text)
