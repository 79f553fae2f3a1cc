"""A question as it was meant: its spelling mended, the names in it found even if misspelt, and what it is after.

Nothing here is learned from questions. What somebody is after (more of the same, somebody to discover, the works of
somebody) is compared with sentences that say so.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.linking import NameIndex
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.methods.word_vectors import GLOVE, load_word_vectors
from kgss_helpers.text.corpora import words_of
from kgss_helpers.text.documents import documents
from kgss_helpers.text.spelling import Speller

INTENTS = {
    "to be discovered": (
        "somebody to discover, whom nobody has noticed yet",
        "who could do this well one day, though nobody says so yet?",
        "who would suit such work?",
        "an undiscovered talent, promising but not proven",
    ),
    "proven": (
        "somebody with experience, who has done this several times",
        "who does this often, and does it well?",
        "the best in the trade, well known for it",
        "we need somebody who knows this work",
        "who has made several of them?",
        "an old hand with many credits of the kind",
    ),
    "more of the same": ("something like this one", "more of the same", "what comes near to it?", "similar ones"),
    "works of somebody": ("what was made by this person", "everything she worked on", "with his part in it", "by her"),
}
"""Sentences that say what somebody is after."""
AT_LEAST = 0.8
"""So much of a misspelt name must agree, by `difflib.SequenceMatcher.ratio`."""
CANDIDATES = 8
EVERYDAY = 200_000
"""So many words are left as they are: rarer ones in GloVe's table are often misspelt themselves."""
LETTERS = 7
"""Shorter names are found only if they stand there letter for letter: nearly everything is like them."""


class FuzzyNames:
    """Finds names in a text that may be misspelt: first word for word, then by groups of three letters.

    Args:
        graph: Whose names are looked for.
        node_types: Only nodes of these types.
    """

    def __init__(self, graph: KnowledgeGraph, node_types: Sequence[str]) -> None:
        self.exact = NameIndex(graph, tuple(node_types))
        nodes = graph.nodes[graph.nodes["node_type"].isin(node_types)]
        plain = nodes["name"].map(plain_words)
        long = plain.map(lambda name: " " in name and len(name) >= LETTERS)
        self.ids, self.names = nodes["node_id"][long].tolist(), plain[long].tolist()
        self.letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), norm=None)
        self.table = self.letters.fit_transform(self.names) if self.names else None
        if self.table is not None:
            whole = np.asarray(self.table.sum(axis=1)).ravel()
            self.shares = sparse.csr_array(sparse.diags_array(1 / np.maximum(whole, 1e-9)) @ self.table)

    def named(self, text: str) -> list[tuple[str, float]]:
        """Node ids with how surely they are meant: 1 word for word, less if misspelt; names within names are left out.

        Of misspelt names only those count whose every word has its like in the text.
        """
        found = self.exact.named(text)
        if found or self.table is None:
            return [(node_id, 1.0) for node_id in found]
        words = plain_words(text).split()
        there = self.letters.transform([" ".join(words)])
        contained = np.asarray((self.shares @ (there > 0).astype(float).T).todense()).ravel()
        near = np.argsort(-contained, kind="stable")[:CANDIDATES]
        sure = [(self.ids[row], likeness(self.names[row].split(), words)) for row in near if contained[row] > 0]
        best = max((how for _, how in sure), default=0.0)
        return [(node_id, how) for node_id, how in sure if how >= AT_LEAST and how == best]


def likeness(name: Sequence[str], words: Sequence[str]) -> float:
    """How alike a name and the likest run of as many words are: the least over the name's words, from 0 to 1."""
    runs = [words[start : start + len(name)] for start in range(len(words) - len(name) + 1)]
    return max((min(map(_ratio, name, run)) for run in runs), default=0.0)


def _ratio(one: str, other: str) -> float:
    if one == other:
        return 1.0
    if min(len(one), len(other)) < 4 or other in ENGLISH_STOP_WORDS:
        return 0.0
    return difflib.SequenceMatcher(None, one, other).ratio()


def plain_words(text: str) -> str:
    """Words in lower case, one space between them."""
    return " ".join(re.findall(r"\w+", text.casefold()))


class Understanding:
    """Reads questions about one graph.

    Args:
        graph: Whose names and words are known.
        vectors: Encodes texts.
        agent_types: Types of nodes whose names are found even if misspelt; a name of another type must be exact.
    """

    def __init__(self, graph: KnowledgeGraph, vectors: TextVectors, agent_types: Sequence[str]) -> None:
        self.graph, self.vectors = graph, vectors
        counts = Counter(word for text in documents(graph, "skills") for word in words_of(text))
        self.speller = Speller(everyday_words() | counts)
        self.agents = FuzzyNames(graph, agent_types)
        self.names = dict(zip(graph.nodes["node_id"], graph.nodes["name"], strict=True))

    def spelt(self, text: str) -> str:
        """The text with unknown words replaced by known ones that are a slip away."""
        return self.speller.corrected(text)

    def agents_named(self, text: str) -> list[tuple[str, float]]:
        """Agents that a text names, and how surely: as it was typed, or once it is spelt."""
        return self.agents.named(text) or self.agents.named(self.spelt(text))

    def without_names(self, text: str, named: Sequence[str]) -> str:
        """The text with *somebody* where a name stood."""
        for node_id in named:
            words = r"\W+".join(map(re.escape, plain_words(self.names[node_id]).split()))
            text = re.sub(words, "somebody", text, flags=re.IGNORECASE)
        return text

    def intents(self, vectors: np.ndarray) -> np.ndarray:
        """For each question how near it is to each intent, at its likest sentence; shape (questions, intents)."""
        return np.stack([(vectors @ self.vectors(said).T).max(axis=1) for said in INTENTS.values()], axis=1)


@cache
def everyday_words(most: int = EVERYDAY) -> dict[str, float]:
    """The words that GloVe met most often, in the news and in Wikipedia, and a frequency that falls by rank."""
    words = load_word_vectors(GLOVE).index_to_key[:most]
    return {word: 1 / (rank + 2) for rank, word in enumerate(words) if re.fullmatch(r"[a-z]{2,}", word)}
