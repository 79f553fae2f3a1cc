"""The exam's rows of vectors learned by prediction: Word2Vec in both directions, FastText, walks through the graph.

python -m kgss_helpers.runs.predicted_words              # all of them: about five minutes on two cores
python -m kgss_helpers.runs.predicted_words --only walks # those whose name holds a word
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.methods.walks import GraphWalks
from kgss_helpers.methods.word2vec import fasttext, word2vec
from kgss_helpers.methods.word_vectors import WordVectors
from kgss_helpers.runs.recording import record
from kgss_helpers.text.corpora import graph_corpus, lee_corpus, wikipedia_corpus

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

CBOW, SKIP_GRAM, FASTTEXT = "Word2Vec, CBOW", "Word2Vec, skip-gram", "FastText"
WALKS, WALKS_WITH_RELATIONS = "graph walks", "graph walks, relations named"


def corpus(graph: KnowledgeGraph) -> list[list[str]]:
    """All there is to read: what the graph says, the news of Lee, and the articles of Wikipedia."""
    return [*graph_corpus(graph), *lee_corpus(), *wikipedia_corpus()]


def learned(direction: str, graph: KnowledgeGraph) -> KeyedVectors:
    """The table of one method's name, learned from `corpus`."""
    if direction == FASTTEXT:
        return fasttext(corpus(graph))
    return word2vec(corpus(graph), skip_gram=direction == SKIP_GRAM)


def methods() -> Iterator[Method | Encoder]:
    """All of them, the cheap ones first; each learns once and answers both halves."""
    yield GraphWalks(name=WALKS)
    yield GraphWalks(relations=True, name=WALKS_WITH_RELATIONS)
    for name in (CBOW, SKIP_GRAM, FASTTEXT):
        yield WordVectors(cache(partial(learned, name)), name=name)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return record(methods, argv, command="kgss_helpers.runs.predicted_words", about=__doc__.split("\n")[0])


if __name__ == "__main__":
    raise SystemExit(main())
