"""The exam's rows of notebook 02: words that are counted, in documents, near each other, and in somebody else's text.

python -m kgss_helpers.runs.counted_words                  # all of them: about six minutes on two cores
python -m kgss_helpers.runs.counted_words --only TF-IDF    # those whose name holds a word

Style of documents, window, dimensions and rarity were chosen on validation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.counting import Corpus, TfIdf, cooccurrences, ppmi_svd
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.methods.word_vectors import GLOVE, MINILM, WordVectors, load_word_vectors
from kgss_helpers.runs.recording import record
from kgss_helpers.text.corpora import graph_corpus, lee_corpus, wikipedia_corpus
from kgss_helpers.training.glove import GloVe, train_glove

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

WINDOW = 10
COUNTED_DIMENSIONS, TRAINED_DIMENSIONS = 300, 100
GLOVE_SETTINGS = {"epochs": 10, "batch_size": 4096, "learning_rate": 0.02}


def all_texts(graph: KnowledgeGraph) -> Corpus:
    """What there is to learn from offline: what the graph says, and the two corpora in gensim's wheel."""
    return graph_corpus(graph) + lee_corpus() + wikipedia_corpus()


def counted_here(graph: KnowledgeGraph) -> KeyedVectors:
    """PPMI-SVD of all texts."""
    return ppmi_svd(all_texts(graph), COUNTED_DIMENSIONS, window=WINDOW)


def trained_here(graph: KnowledgeGraph) -> KeyedVectors:
    """GloVe on the same texts and counts."""
    counts = cooccurrences(all_texts(graph), window=WINDOW)
    run = train_glove(GloVe(counts.words, TRAINED_DIMENSIONS), counts, device="cpu", **GLOVE_SETTINGS)
    return run.require_finished().model.table()


def learned_once(learn: Callable[[KnowledgeGraph], KeyedVectors]) -> Callable[[KnowledgeGraph], KeyedVectors]:
    """The same function, whose answer for a graph is kept: each half of the exam fits a method anew."""
    return lru_cache(maxsize=1)(learn)


def methods() -> Iterator[Method | Encoder]:
    """All of them, the cheap ones first; each is made when its turn comes."""
    yield TfIdf("skills", stop_words="english", name="TF-IDF")
    yield WordVectors(load_word_vectors(GLOVE), "skills", name="GloVe 6B")
    yield WordVectors(load_word_vectors(MINILM), "skills", name="MiniLM's word table")
    yield WordVectors(learned_once(counted_here), "skills", name="PPMI-SVD")
    yield WordVectors(learned_once(trained_here), "skills", name="GloVe, trained here")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return record(methods, argv, command="kgss_helpers.runs.counted_words", about=__doc__.split("\n")[0])


if __name__ == "__main__":
    raise SystemExit(main())
