"""For notebook 03: Word2Vec by hand on a toy, shared n-grams, rows of the exam, and what lies near whom by walks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import product
from typing import TYPE_CHECKING, Literal

import ipywidgets as ipw
import numpy as np
import pandas as pd

from kgss_helpers.exam.films import RESULTS
from kgss_helpers.exam.results import EDITION, ExamResult, recorded
from kgss_helpers.exam.statistics import Interval, mean_interval
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.word2vec import nearest_words, ngrams
from kgss_helpers.question import Split
from kgss_helpers.show.graph_view import READABLE, lookup, steps
from kgss_helpers.space import SemanticSpace
from kgss_helpers.text.corpora import words_of

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

Direction = Literal["CBOW", "skip-gram"]
Example = tuple[tuple[str, ...], str]
SLOTS = {
    "who, in the kitchen": ("cook", "baker", "waiter"),
    "does, in the kitchen": ("bakes", "slices"),
    "what, in the kitchen": ("bread", "cake", "pie"),
    "who, in the hall": ("pianist", "singer", "fiddler"),
    "does, in the hall": ("plays", "hums"),
    "what, in the hall": ("waltz", "tango", "march"),
}
"""The toy's words by the place that they take in a sentence."""
LONGEST_TYPED = 40


# ---- Word2Vec by hand -----------------------------------------------------------------------------------------------


def toy_sentences() -> list[list[str]]:
    """Every sentence of the kitchen and every one of the concert hall: who, does, what."""
    slots = list(SLOTS.values())
    return [list(words) for place in (slots[:3], slots[3:]) for words in product(*place)]


def examples(sentences: Iterable[Sequence[str]], direction: Direction, *, width: int = 2) -> list[Example]:
    """What is given and what is to be predicted, for each word of each sentence.

    Args:
        sentences: Lists of words.
        direction: ``"CBOW"``: all words around are given together, and the one in the middle is asked for;
            ``"skip-gram"``: the one in the middle is given, and each word around is asked for in turn.
        width: How many words on either side are around.
    """
    found: list[Example] = []
    for words in sentences:
        for at, middle in enumerate(words):
            around = tuple(words[max(0, at - width) : at]) + tuple(words[at + 1 : at + 1 + width])
            if direction == "skip-gram":
                found += [((middle,), word) for word in around]
            elif around:
                found.append((around, middle))
    return found


def gradients(hidden: np.ndarray, outputs: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Loss of one example by negative sampling, and its derivatives (Mikolov and others 2013, equation 4).

    Args:
        hidden: What is given, shape (dimensions,).
        outputs: The right word's output vector, and below it those of the wrong ones, shape (1 + wrong, dimensions).

    Returns:
        The loss, its gradient for ``hidden`` and its gradient for ``outputs``.
    """
    probability = 1 / (1 + np.exp(-outputs @ hidden))
    wanted = np.zeros(len(outputs))
    wanted[0] = 1
    loss = -np.log(np.where(wanted == 1, probability, 1 - probability)).sum()
    error = probability - wanted
    return float(loss), error @ outputs, np.outer(error, hidden)


@dataclass(frozen=True, eq=False)
class LearnedByHand:
    """The vectors of the words, shape (words, dimensions), and the mean loss of each epoch."""

    words: list[str]
    vectors: np.ndarray
    losses: list[float]


def learn(
    pairs: Sequence[Example], *, dimensions: int = 8, epochs: int = 40, rate: float = 0.1, wrong: int = 3, seed: int = 0
) -> LearnedByHand:
    """Word2Vec in a dozen lines: one step an example, drawn in another order in each epoch."""
    rng = np.random.default_rng(seed)
    words = sorted({word for given, wanted in pairs for word in (*given, wanted)})
    row = {word: number for number, word in enumerate(words)}
    vectors, outputs = rng.normal(0, 0.1, (len(words), dimensions)), np.zeros((len(words), dimensions))
    losses = []
    for _ in range(epochs):
        total = 0.0
        for number in rng.permutation(len(pairs)):
            given, wanted = [row[word] for word in pairs[number][0]], row[pairs[number][1]]
            drawn = rng.integers(len(words), size=wrong)
            asked = np.array([wanted, *drawn[drawn != wanted]])
            loss, of_hidden, of_outputs = gradients(vectors[given].mean(axis=0), outputs[asked])
            np.add.at(outputs, asked, -rate * of_outputs)
            np.add.at(vectors, given, -rate * of_hidden / len(given))
            total += loss
        losses.append(total / len(pairs))
    return LearnedByHand(words, vectors, losses)


def cosines(vectors: np.ndarray) -> np.ndarray:
    """Of every vector with every other, shape (vectors, vectors)."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def nearest_slots(words: Sequence[str], vectors: np.ndarray) -> pd.DataFrame:
    """Each word of the toy, the one nearest to it, and whether both take the same place in a sentence.

    Columns are ``word``, ``nearest`` and ``same place``.
    """
    place = {word: slot for slot, members in SLOTS.items() for word in members}
    table = cosines(vectors)
    np.fill_diagonal(table, -np.inf)
    near = [words[row] for row in table.argmax(axis=1)]
    same = [place[word] == place[other] for word, other in zip(words, near, strict=True)]
    return pd.DataFrame({"word": list(words), "nearest": near, "same place": same})


# ---- n-grams --------------------------------------------------------------------------------------------------------


def shared_ngrams(typed: str, meant: str) -> list[str]:
    """The n-grams that two words have in common, in the order of the first one's; each once."""
    there = set(ngrams(meant))
    return [piece for piece in dict.fromkeys(ngrams(typed)) if piece in there]


def most_alike_in_letters(typed: str, vocabulary: Iterable[str], k: int = 5) -> pd.DataFrame:
    """The words that share most n-grams with a word: ``word``, ``shared``, ``pieces`` (of the word itself)."""
    rows = [(word, len(shared_ngrams(typed, word)), len(set(ngrams(word)))) for word in vocabulary]
    table = pd.DataFrame(rows, columns=["word", "shared", "pieces"])
    return table.sort_values(["shared", "pieces", "word"], ascending=[False, True, True], ignore_index=True).head(k)


def near_a_spelling(table: KeyedVectors, known: KeyedVectors, text: str, k: int = 6) -> str:
    """What lies near a word however it is spelt, as HTML; what to do instead where there is no one word.

    Args:
        table: FastText's.
        known: Word2Vec's, to say whether the word was in the corpus.
        text: What somebody typed.
        k: Neighbours at most.
    """
    words = words_of(text)
    if not words:
        return "Type a word of letters, right or wrong, and press Enter; for instance <b>philosphy</b>."
    if len(words) > 1 or len(words[0]) > LONGEST_TYPED:
        return f"One word at a time, please, of {LONGEST_TYPED} letters at most: {_shortened(text)} is more."
    word = words[0]
    in_corpus = "was in the corpus" if word in known else "has <b>no vector</b>: it was not in the corpus often enough"
    near = pd.DataFrame(nearest_words(table, word, k), columns=["near for FastText", "cosine"])
    near["shared n-grams"] = [len(shared_ngrams(word, other)) for other in near["near for FastText"]]
    cut = f"FastText cuts it into {len(set(ngrams(word)))} n-grams:"
    return f"<p>For Word2Vec, <b>{escape(word)}</b> {in_corpus}. {cut}</p>{_as_html(near.round(2))}"


class Spelling(ipw.VBox):
    """Type a word, right or wrong, and see what FastText takes it for."""

    def __init__(self, table: KeyedVectors, known: KeyedVectors, word: str) -> None:
        self.table, self.known, self.first = table, known, word
        self.word = ipw.Text(
            value=word, description="Word", continuous_update=False, placeholder="a word, right or wrong"
        )
        self.answer = ipw.HTML()
        self.word.observe(lambda change: self._show(change["new"]), names="value")
        super().__init__([self.word, self.answer])
        self._show(word)

    def __repr__(self) -> str:
        return f"<words near {self.first!r} by their n-grams, to type: run this cell in JupyterLab>"

    def _show(self, text: str) -> None:
        self.answer.value = READABLE.format(near_a_spelling(self.table, self.known, text))


# ---- the exam -------------------------------------------------------------------------------------------------------


def rows_of(names: Sequence[str], split: Split = "test") -> dict[str, ExamResult]:
    """Recorded results by name, in this order.

    Raises:
        ValueError: One is not recorded; names it.
    """
    found = {result.method: result for result in recorded(RESULTS[EDITION]) if result.split == split}
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(
            f"not recorded for {split}: {', '.join(missing)}; python -m kgss_helpers.runs.predicted_words records them"
        )
    return {name: found[name] for name in names}


def gain(one: ExamResult, other: ExamResult, metric: str = "nDCG@10") -> Interval:
    """By how much one is better than another over all families, paired over questions, each family alike."""
    first, second = one.by_family(metric), other.by_family(metric)
    return mean_interval(*((first[name] - second[name][first[name].index]).to_numpy() for name in first))


def gain_in_variant(one: ExamResult, other: ExamResult, variant: str = "", metric: str = "nDCG@10") -> Interval:
    """By how much one is better than another where questions are put differently, paired, each family alike.

    With the empty variant it is the same questions as they were written.
    """
    families = one.variant_families()
    first, second = (result.by_family(metric, variant=variant) for result in (one, other))
    return mean_interval(*((first[name] - second[name][first[name].index]).to_numpy() for name in families))


def mean_in_variant(result: ExamResult, variant: str = "", metric: str = "nDCG@10") -> float:
    """The score where questions are put differently, each family that has variants alike; with none, as written."""
    scores = result.by_family(metric, variant=variant)
    return float(np.mean([scores[family].mean() for family in result.variant_families()]))


# ---- near by walks --------------------------------------------------------------------------------------------------


def nearest_by_type(space: SemanticSpace, node_id: str, k: int = 5) -> pd.DataFrame:
    """What lies nearest to a node, a column a type, the most frequent first: ``"name (cosine)"``.

    It is empty of a node that no walk came by.

    Types with fewer than ``k`` other nodes are left out.

    Raises:
        KeyError: The space has no such node.
    """
    vector = space.vectors[space.rows([node_id])[0]]
    columns = {}
    for node_type in pd.Series(space.types).value_counts().index:
        found = space.search(vector, k, node_type=node_type, exclude=[node_id])
        if len(found) == k:
            columns[node_type] = [f"{row.name} ({row.score:.2f})" for row in found.itertuples(index=False)]
    return pd.DataFrame(columns, index=range(1, k + 1) if columns else [])


def near_a_name(space: SemanticSpace, graph: KnowledgeGraph, text: str, k: int = 5, *, most: int = 3) -> str:
    """The neighbours of whatever has this name, as HTML; namesakes one below the other, with what tells them apart.

    Args:
        space: Nodes by walks.
        graph: Whose names are looked up; it may hold nodes that the space lacks.
        text: What somebody typed.
        k: Neighbours of each type.
        most: So many namesakes at most.
    """
    if len(text) > LONGEST_TYPED:
        return f"No name here is as long as {_shortened(text)}; type a shorter one."
    found, message = lookup(graph, text)
    if not found:
        return message
    names = graph.node(found[0])["name"]
    intro = f"<p>{len(found)} nodes are called <b>{escape(names)}</b>: names are not keys.</p>" * (len(found) > 1)
    return intro + "".join(_one_name(space, graph, node_id, k) for node_id in found[:most])


def _one_name(space: SemanticSpace, graph: KnowledgeGraph, node_id: str, k: int) -> str:
    node, ways = graph.node(node_id), steps(graph, node_id)
    said = node["description"] or (ways[0][0] if ways else "")
    title = f"<b>{escape(node['name'])}</b>, {escape(node['node_type'])}. {escape(said)}"
    known = node_id in set(space.ids)
    table = nearest_by_type(space, node_id, k) if known else pd.DataFrame()
    if table.empty:
        return f"<p>{title}<br>No walk came by here, so it has no vector, and nothing is ranked.</p>"
    return f"<p>{title}</p>{_as_html(table)}"


class WalkNeighbours(ipw.VBox):
    """Type a name, and see what the walks put near it."""

    def __init__(self, space: SemanticSpace, graph: KnowledgeGraph, name: str) -> None:
        self.space, self.graph, self.first = space, graph, name
        self.name = ipw.Text(
            value=name, description="Name", continuous_update=False, layout=ipw.Layout(width="60%"),
            placeholder=f"a name: {' or '.join(sorted(set(graph.nodes['node_type'])))}",
        )  # fmt: skip
        self.answer = ipw.HTML()
        self.name.observe(lambda change: self._show(change["new"]), names="value")
        super().__init__([self.name, self.answer])
        self._show(name)

    def __repr__(self) -> str:
        return f"<what walks put near {self.first}, to type another name: run this cell in JupyterLab>"

    def _show(self, text: str) -> None:
        self.answer.value = READABLE.format(near_a_name(self.space, self.graph, text))


def _as_html(table: pd.DataFrame) -> str:
    """A table whose cells have room around them; whatever stands in it is escaped."""
    cell = "style='padding: 2px 18px 2px 0; text-align: left; vertical-align: top'"
    head = "".join(f"<th {cell}>{escape(str(column))}</th>" for column in table.columns)
    rows = (
        "".join(f"<td {cell}>{escape(str(value))}</td>" for value in row)
        for row in table.itertuples(index=False, name=None)
    )
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return f"<b>{escape(words if len(words) <= LONGEST_TYPED else words[: LONGEST_TYPED - 1] + '…')}</b>"
