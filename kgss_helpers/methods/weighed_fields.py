"""Many fields a node, read in several ways, and how much each counts is learned from questions whose answers are known.

The idea is mFAR's (Li et al. 2024): every text of a node is a field, dense and lexical comparisons stand side by side,
and the weights depend on the question. Here a comparison can also go word by word (Khattab and Zaharia 2020), which
finds what one vector a text blurs, and what is learned is so little that some hundred questions suffice: a weight a
field, another one for each type of node asked for, and how it changes with the length of the question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd
from scipy import sparse

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.evidence import BestWords
from kgss_helpers.methods.fields import field_texts
from kgss_helpers.methods.fusion import Router
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.question import Asked
from kgss_helpers.text.documents import Style

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Tokens = Callable[[Sequence[str]], list[np.ndarray]]
"""For each text its tokens' unit vectors, such as `kgss_helpers.methods.late_interaction.TokenVectors` gives."""
Pieces = Callable[[Sequence[str]], list[list[int]]]
"""For each text its tokens' numbers in the vocabulary."""
LEXICAL = 10.0
"""BM25 is divided by this, to be as large as a cosine."""
STEEP, NEAR = 20.0, 0.3
"""Of the soft count of what a node joins: a cosine this much above `NEAR` counts as e times more."""
USUAL = 2.0
"""The logarithm of a usual question's number of words."""
SHARP = 2
"""The power of a token's cosine: one that is nearly the same word counts more than two that are half alike."""
LEAST = 1e-6
"""So little counts a token that stands in all texts."""
LONG = "words of the question"


class Comparer(Protocol):
    """Says how alike questions and texts are."""

    def __call__(self, asked: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Shape (asked, texts), the larger the more alike, about as large as cosines are."""


class Cosines:
    """One vector a text.

    Args:
        vectors: Encodes texts, each once.
    """

    def __init__(self, vectors: TextVectors) -> None:
        self.vectors = vectors

    def __call__(self, asked: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Cosines, shape (asked, texts)."""
        return self.vectors(asked) @ self.vectors(texts).T


class SharedWords:
    """BM25, a tenth of it: a field that no model reads."""

    def __call__(self, asked: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Shape (asked, texts), 0 where no word is shared."""
        index = BestWords(texts)
        found = [np.maximum(index.score(text), 0) for text in asked]
        return np.array(found, np.float32).reshape(len(asked), len(texts)) / LEXICAL


class WordByWord:
    """Each token of a question looks for its like among a text's tokens; the mean of what it finds, rare tokens first.

    A token counts as its inverse document frequency among the texts does (Spärck Jones 1972), so that *a* and *who*
    say little, and its nearest one as the square of their cosine. All texts are compared, not only the first answers of
    something else. A thousand texts of sixty tokens take 50 MB, and three times as much while they are compared.

    Args:
        tokens: Gives a text's tokens their vectors.
        pieces: Gives them their numbers in the vocabulary, as many as there are vectors; `pieces_of` makes it.
    """

    def __init__(self, tokens: Tokens, pieces: Pieces) -> None:
        self.tokens, self.pieces = tokens, pieces

    def __call__(self, asked: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Shape (asked, texts); 0 for a text or a question without tokens."""
        found = np.zeros((len(asked), len(texts)), np.float32)
        of_texts = self.tokens(texts)
        full = np.flatnonzero([len(one) for one in of_texts])
        if not full.size:
            return found
        words = np.concatenate([of_texts[at] for at in full]).astype(np.float32)
        begins = np.cumsum([0, *(len(of_texts[at]) for at in full[:-1])])
        known = Counter(piece for pieces in self.pieces(texts) for piece in set(pieces))
        for row, (tokens, pieces) in enumerate(zip(self.tokens(asked), self.pieces(asked), strict=True)):
            rare = np.log([(len(texts) + 1) / (known[piece] + 1) for piece in pieces]) + LEAST
            if len(tokens):
                nearest = np.maximum.reduceat(tokens.astype(np.float32) @ words.T, begins, axis=1)
                found[row, full] = rare @ np.maximum(nearest, 0) ** SHARP / rare.sum()
        return found


def pieces_of(model: SentenceTransformer) -> Pieces:
    """What gives each text the numbers of its tokens, without the two that frame it."""

    def pieces(texts: Sequence[str]) -> list[list[int]]:
        if not len(texts):
            return []
        found = model.tokenizer(list(texts), truncation=True, max_length=model.max_seq_length)["input_ids"]
        return [one[1:-1] for one in found]

    return pieces


@dataclass(frozen=True)
class Field:
    """What of a node is compared, and by whom.

    Attributes:
        reader: Names a `Comparer`.
        text: ``"description"`` or a style of `kgss_helpers.text.documents.documents`.
        node_types: Compared for nodes of these types alone; for all, if empty.
        joined: Not the node's own text, but those of all nodes that its edges lead to: their likenesses are added up
            softly, so that many fair ones count as much as a good one.
    """

    reader: str
    text: Style | str
    node_types: tuple[str, ...] = ()
    joined: bool = False

    @property
    def name(self) -> str:
        """Such as ``"untuned, word by word: skills"``."""
        return f"{self.reader}: {self.text}{' of what it joins' if self.joined else ''}"

    def is_for(self, node_type: str | None) -> bool:
        """Whether questions for a type of node are compared with it."""
        return not self.node_types or node_type in self.node_types


def groups(node_types: Sequence[str]) -> tuple[str, ...]:
    """Names of the router's features: each type asked for, alone and from a node; and how long the question is."""
    kinds = [kind for node_type in node_types for kind in (node_type, f"{node_type}, from a node")]
    return (*kinds, *(f"{kind}, {LONG}" for kind in kinds))


def seen(questions: Sequence[Asked], node_types: Sequence[str]) -> np.ndarray:
    """What the weights depend on, shape (questions, `groups`): the kind of question, alone and times its length."""
    kinds = groups(node_types)[: 2 * len(node_types)]
    of = [f"{one.node_type}, from a node" if one.anchor else one.node_type for one in questions]
    kind = np.array([[float(name == this) for name in kinds] for this in of]).reshape(len(of), len(kinds))
    length = np.array([0.0 if one.anchor else np.log(max(len(one.text.split()), 1)) - USUAL for one in questions])
    return np.hstack([kind, kind * length[:, None]])


class WeighedFields:
    """The weighed sum of many likenesses; a question that starts from a node asks with that node's texts.

    Args:
        readers: The comparers that fields name.
        fields: What is compared.
        node_types: Those that `router` knows; for others all fields count alike.
        router: The weights; all alike, if not given.
        name: The row in the exam's table.

    Raises:
        ValueError: A field names no reader, or the router was learned for other fields or types.
    """

    def __init__(
        self,
        readers: Mapping[str, Comparer],
        fields: Sequence[Field],
        node_types: Sequence[str],
        *,
        router: Router | None = None,
        name: str = "weighed fields",
    ) -> None:
        missing = sorted({field.reader for field in fields} - set(readers))
        if missing:
            raise ValueError(f"no reader is called {missing[0]!r}; there are {', '.join(readers)}")
        self.readers, self.fields, self.node_types, self.name = readers, tuple(fields), tuple(node_types), name
        names = tuple(field.name for field in fields)
        self.router = router or Router.equal(groups(node_types), names)
        if (self.router.features, self.router.sources) != (groups(node_types), names):
            raise ValueError("the weights were learned for other fields or types of nodes; learn them anew")
        self.sees = "texts of nodes: " + ", ".join(dict.fromkeys(field.text for field in fields))
        self._of: KnowledgeGraph | None = None
        self._texts: dict[str, list[str]] = {}

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes); minus infinity for nodes of another type than is asked for."""
        scores = np.full((len(questions), len(graph.nodes)), -np.inf)
        weights = self.router.weights(seen(questions, self.node_types))
        for asked, rows, likenesses in self.compared(questions, graph):
            total = np.zeros((len(asked), len(rows)))
            for at, likeness in likenesses:
                total += weights[asked, at][:, None] * likeness
            scores[np.ix_(asked, rows)] = total
        return scores

    def compared(
        self, questions: Sequence[Asked], graph: KnowledgeGraph
    ) -> Iterator[tuple[np.ndarray, np.ndarray, Iterator[tuple[int, np.ndarray]]]]:
        """By type asked for: positions of questions and of nodes, and each field's number with its likenesses."""
        types = graph.nodes["node_type"].to_numpy()
        for node_type in dict.fromkeys(one.node_type for one in questions):
            asked = np.flatnonzero([one.node_type == node_type for one in questions])
            rows = np.flatnonzero([node_type is None or found == node_type for found in types])
            of_type = [questions[at] for at in asked]
            yield (
                asked,
                rows,
                (
                    (at, self._likeness(field, of_type, graph, rows))
                    for at, field in enumerate(self.fields)
                    if field.is_for(node_type) and rows.size
                ),
            )

    def _likeness(
        self, field: Field, questions: Sequence[Asked], graph: KnowledgeGraph, rows: np.ndarray
    ) -> np.ndarray:
        """Shape (questions, rows)."""
        texts, read = self._texts_of(graph, field.text), self.readers[field.reader]
        asked = [texts[graph.position(one.anchor)] if one.anchor else one.text for one in questions]
        if not field.joined:
            return read(asked, [texts[row] for row in rows])
        joins, ends = _joins(graph, rows)
        if not ends.size:
            return np.zeros((len(asked), len(rows)))
        counted = joins @ np.exp(STEEP * (read(asked, [texts[end] for end in ends]) - NEAR)).T
        return np.log1p(counted.T) / STEEP

    def _texts_of(self, graph: KnowledgeGraph, text: Style | str) -> list[str]:
        """One a node; those of the last graph are kept, since writing them takes a second."""
        if self._of is not graph:
            self._of, self._texts = graph, {}
        if text not in self._texts:
            self._texts[text] = field_texts(graph, text)
        return self._texts[text]


def _joins(graph: KnowledgeGraph, rows: np.ndarray) -> tuple[sparse.csr_array, np.ndarray]:
    """Which nodes the edges of some nodes lead to, shape (rows, ends), 1 or 0; and positions of these ends."""
    place = pd.Series(range(len(graph.nodes)), index=graph.nodes["node_id"])
    source, target = (place[graph.edges[end]].to_numpy() for end in ("source", "target"))
    row_of = np.full(len(graph.nodes), -1)
    row_of[rows] = np.arange(len(rows))
    from_them = row_of[source] >= 0
    ends, column = np.unique(target[from_them], return_inverse=True)
    joins = sparse.csr_array((np.ones(len(column)), (row_of[source[from_them]], column)), shape=(len(rows), len(ends)))
    joins.data[:] = 1
    return joins, ends
