"""Word vectors by prediction: Word2Vec in both directions and FastText, by gensim, the same at every run.

Word2Vec is Mikolov and others, *Efficient Estimation of Word Representations* and *Distributed Representations of Words
and Phrases* (both 2013); FastText is Bojanowski and others, *Enriching Word Vectors with Subword Information* (2017).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gensim.models import KeyedVectors
    from gensim.models.fasttext import FastTextKeyedVectors

Corpus = Sequence[Sequence[str]]
DIMENSIONS = 100
SHORTEST_NGRAM, LONGEST_NGRAM = 3, 6
BUCKETS = 100_000
"""So many vectors the n-grams share, by a hash; 2 million in the paper, which a million words never fill."""


def fixed_hash(text: str) -> int:
    """A hash that is the same in every process, unlike Python's own."""
    return zlib.crc32(text.encode("utf-8"))


def word2vec(
    corpus: Corpus,
    *,
    skip_gram: bool = True,
    dimensions: int = DIMENSIONS,
    window: int = 5,
    epochs: int = 10,
    rate: float = 0.05,
    subsample: float = 1e-4,
    negatives: int = 5,
    least: int = 5,
    seed: int = 0,
) -> KeyedVectors:
    """One vector a word, learned by predicting words from each other.

    Training takes one thread, because with two the order of the steps, and so the result, is left to chance. On one
    machine the same call gives the same numbers; another processor rounds otherwise, and neighbours may change places.

    Args:
        corpus: Sentences or documents as lists of words.
        skip_gram: From the word in the middle to each word around it; if False, from the words around it to the one in
            the middle (CBOW, the continuous bag of words).
        dimensions: Of each vector.
        window: How many words on either side belong to the context at most; gensim draws a number from 1 to it.
        epochs: How often the corpus is read.
        rate: Of learning, in the beginning; it falls to nearly nothing.
        subsample: Words more frequent than this share are left out at random, the more often the more frequent; 0
            keeps all.
        negatives: Wrong words drawn for each right one.
        least: Rarer words are left out.
        seed: Of the first vectors and of all that is drawn.

    Raises:
        ValueError: No word is frequent enough to have a vector.
    """
    from gensim.models import Word2Vec

    _require_words(corpus, least)
    model = Word2Vec(
        sentences=list(corpus), sg=int(skip_gram), vector_size=dimensions, window=window, epochs=epochs, alpha=rate,
        sample=subsample, negative=negatives, min_count=least, **_the_same_each_time(seed),
    )  # fmt: skip
    return model.wv


def fasttext(
    corpus: Corpus,
    *,
    skip_gram: bool = True,
    dimensions: int = DIMENSIONS,
    window: int = 5,
    epochs: int = 10,
    rate: float = 0.05,
    subsample: float = 1e-4,
    negatives: int = 5,
    least: int = 5,
    buckets: int = BUCKETS,
    seed: int = 0,
) -> FastTextKeyedVectors:
    """One vector a word and one a bucket of n-grams of letters: any text with an n-gram gets a vector.

    A word's vector is the mean of its own and of those of its n-grams, 3 to 6 letters long with ``<`` before and ``>``
    after the word; a word that never occurred is the mean of its n-grams alone.

    Args:
        corpus: As for `word2vec`, and so are all others but one.
        skip_gram: The direction.
        dimensions: Of each vector.
        window: How many words on either side at most.
        epochs: How often the corpus is read.
        rate: Of learning, in the beginning.
        subsample: Share above which words are left out at random.
        negatives: Wrong words for each right one.
        least: Rarer words have no vector of their own; their n-grams may have one.
        buckets: How many vectors the n-grams share.
        seed: Of all that is drawn.

    Raises:
        ValueError: No word is frequent enough.
    """
    from gensim.models import FastText

    _require_words(corpus, least)
    model = FastText(
        sentences=list(corpus), sg=int(skip_gram), vector_size=dimensions, window=window, epochs=epochs, alpha=rate,
        sample=subsample, negative=negatives, min_count=least, min_n=SHORTEST_NGRAM, max_n=LONGEST_NGRAM,
        bucket=buckets, **_the_same_each_time(seed),
    )  # fmt: skip
    return model.wv


def ngrams(word: str, shortest: int = SHORTEST_NGRAM, longest: int = LONGEST_NGRAM) -> list[str]:
    """The pieces that FastText cuts a word into, short ones first: ``<`` and ``>`` stand for its ends.

    ``"cat"`` → ``["<ca", "cat", "at>", "<cat", "cat>", "<cat>"]``.
    """
    marked = f"<{word}>"
    return [
        marked[start : start + length]
        for length in range(shortest, longest + 1)
        for start in range(len(marked) - length + 1)
    ]


def nearest_words(table: KeyedVectors, word: str, k: int = 5) -> list[tuple[str, float]]:
    """The words with the largest cosine to a word, and their cosines; itself left out.

    Raises:
        KeyError: The table has no vector for the word: a vector of zeros has no direction, so nothing is near it.
    """
    if word not in table or not np.any(table.get_vector(word)):
        raise KeyError(f"{word!r} has no vector in this table of {len(table):,} words, so nothing is near it")
    return [(other, float(cosine)) for other, cosine in table.most_similar(word, topn=k)]


def _the_same_each_time(seed: int) -> dict[str, Any]:
    return {"workers": 1, "hashfxn": fixed_hash, "seed": seed}


def _require_words(corpus: Corpus, least: int) -> None:
    from collections import Counter

    counts = Counter(word for sentence in corpus for word in sentence)
    if max(counts.values(), default=0) < least:
        raise ValueError(
            f"no word stands in the corpus {least} times or more, so none would have a vector; give more text, or a "
            "smaller least="
        )
