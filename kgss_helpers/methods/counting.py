"""Counting words: TF-IDF as a method of the exam, who stands near whom, and word vectors from counts alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.word_vectors import table_of
from kgss_helpers.question import Asked
from kgss_helpers.text.corpora import words_of
from kgss_helpers.text.documents import Style, documents

if TYPE_CHECKING:
    from gensim.models import KeyedVectors
    from sklearn.feature_extraction.text import TfidfVectorizer

Corpus = Sequence[Sequence[str]]
SMOOTHING = 0.75
"""The power of context counts in PPMI; below 1 it keeps rare words from being everybody's best context."""


class TfIdf:
    """Documents and questions as bags of weighted words, compared by cosine (Salton and Buckley 1988).

    A word weighs 1 + log(count) times its inverse document frequency, as scikit-learn computes it. Rows are sparse, and
    a dense table of them would be gigabytes, so this scores instead of encoding. A question that starts from a node is
    answered with that node's own words.

    Args:
        style: Which text of `kgss_helpers.text.documents` stands for a node.
        stop_words: ``"english"`` leaves out the words of scikit-learn's list; None keeps all.
        name: The row in the exam's table.
    """

    def __init__(self, style: Style = "skills", *, stop_words: str | None = None, name: str = "TF-IDF") -> None:
        self.style, self.stop_words, self.name = style, stop_words, name
        self.sees = f"texts of nodes: {style}"

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): cosines, minus infinity where no word is shared."""
        texts = documents(graph, self.style)
        asked = [texts[graph.position(question.anchor)] if question.anchor else question.text for question in questions]
        vectorizer = tf_idf(stop_words=self.stop_words)
        try:
            rows = vectorizer.fit_transform(texts)
        except ValueError:  # not one word in all texts
            return np.full((len(questions), len(texts)), -np.inf)
        scores = (vectorizer.transform(asked) @ rows.T).toarray() if asked else np.zeros((0, len(texts)))
        return np.where(scores > 0, scores, -np.inf)


def tf_idf(*, stop_words: str | None = None, sublinear: bool = True) -> TfidfVectorizer:
    """scikit-learn's TF-IDF over the words of `kgss_helpers.text.corpora.words_of`; its rows are unit vectors."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

    left_out = ENGLISH_STOP_WORDS if stop_words == "english" else frozenset()

    def words_that_count(text: str) -> list[str]:
        return [word for word in words_of(text) if word not in left_out]

    return TfidfVectorizer(analyzer=words_that_count, sublinear_tf=sublinear)


def shared_words(vectorizer: TfidfVectorizer, first: str, second: str) -> dict[str, float]:
    """What each word that two texts share adds to their cosine, the largest first; sums to the cosine."""
    one, other = vectorizer.transform([first, second]).toarray()
    product = one * other
    names = vectorizer.get_feature_names_out()
    order = np.lexsort((names, -product))
    return {str(names[column]): float(product[column]) for column in order if product[column] > 0}


@dataclass(frozen=True, eq=False)
class Cooccurrence:
    """How often words stand near each other.

    Attributes:
        words: The most frequent first; among equals in the order of the alphabet.
        frequency: How often each occurs, shape (words,).
        counts: Shape (words, words), symmetric, float64.
    """

    words: tuple[str, ...]
    frequency: np.ndarray
    counts: sparse.csr_array

    def __repr__(self) -> str:
        return f"Cooccurrence({len(self.words):,} words, {self.counts.nnz:,} of their pairs)"

    def of(self, first: str, second: str) -> float:
        """The count of two words; raises KeyError naming one that it lacks."""
        missing = next((word for word in (first, second) if word not in self.words), None)
        if missing is not None:
            raise KeyError(f"{missing!r} is not among the {len(self.words):,} words that were counted")
        return float(self.counts[self.words.index(first), self.words.index(second)])


def cooccurrences(corpus: Corpus, *, window: int = 5, min_count: int = 5, by_distance: bool = True) -> Cooccurrence:
    """Counts which words stand at most ``window`` places apart in the same list of words, in both directions.

    Args:
        corpus: Lists of words, such as sentences.
        window: How far apart two words may be.
        min_count: Words that are rarer are taken out first, so what stood beyond them moves nearer.
        by_distance: Two words d places apart count 1 / d, as in GloVe (Pennington, Socher and Manning 2014), instead
            of 1.

    Raises:
        ValueError: The window is empty, or no word is frequent enough.
    """
    if window < 1:
        raise ValueError(f"a window of {window} holds no other word; take 1 or more")
    frequency = Counter(word for words in corpus for word in words)
    kept = sorted((word for word, count in frequency.items() if count >= min_count), key=lambda w: (-frequency[w], w))
    if not kept:
        raise ValueError(f"no word occurs {min_count} times; take more text, or a lower min_count")
    place = {word: row for row, word in enumerate(kept)}
    lists = [[place[word] for word in words if word in place] for words in corpus]
    tokens = np.fromiter((row for rows in lists for row in rows), dtype=np.int32)
    of_list = np.repeat(np.arange(len(lists)), [len(rows) for rows in lists])
    size = len(kept)
    counts = sparse.csr_array((size, size), dtype=np.float64)
    for distance in range(1, min(window, len(tokens) - 1) + 1):
        together = of_list[distance:] == of_list[:-distance]
        pairs = tokens[:-distance][together], tokens[distance:][together]
        weight = np.full(len(pairs[0]), 1 / distance if by_distance else 1.0)
        counts = counts + sparse.coo_array((weight, pairs), shape=(size, size)).tocsr()
    counts = (counts + counts.T).tocsr()
    counts.sort_indices()
    return Cooccurrence(tuple(kept), np.array([frequency[word] for word in kept]), counts)


def ppmi(counts: sparse.csr_array, *, smoothing: float = SMOOTHING) -> sparse.csr_array:
    """Positive pointwise mutual information: log p(w, c) / (p(w) p(c)), or 0 if less (Bullinaria and Levy 2007).

    Args:
        counts: Shape (words, contexts).
        smoothing: Context counts are raised to it before they become p(c) (Levy, Goldberg and Dagan 2015); 1 for none.

    Returns:
        Of the same shape, with positive entries only.
    """
    pairs = counts.tocoo()
    word = counts.sum(axis=1)
    context = counts.sum(axis=0) ** smoothing
    ratio = pairs.data / word[pairs.row] / (context / context.sum())[pairs.col]
    found = sparse.csr_array((np.maximum(np.log(ratio), 0), (pairs.row, pairs.col)), shape=counts.shape)
    found.eliminate_zeros()
    return found


def ppmi_svd(
    corpus: Corpus | Cooccurrence,
    dimensions: int = 100,
    *,
    window: int = 5,
    min_count: int = 5,
    smoothing: float = SMOOTHING,
    power: float = 0.5,
) -> KeyedVectors:
    """Word vectors without training: the largest directions of the PPMI table (Levy, Goldberg and Dagan 2015).

    The first k numbers of each vector are what k dimensions would give, so one table of many serves for all smaller.

    Args:
        corpus: Lists of words, or counts of them.
        dimensions: Of the vectors, fewer than there are words.
        window: As for `cooccurrences`; of no meaning for counts.
        min_count: Likewise.
        smoothing: As for `ppmi`.
        power: Of the singular values; below 1 it keeps the few largest from drowning all others.

    Raises:
        ValueError: There are not more words than dimensions.
    """
    from sklearn.utils.extmath import randomized_svd

    counted = corpus if isinstance(corpus, Cooccurrence) else cooccurrences(corpus, window=window, min_count=min_count)
    if not 0 < dimensions < len(counted.words):
        raise ValueError(
            f"{len(counted.words)} words cannot have {dimensions} dimensions; take 1 to one less than words"
        )
    information: Any = sparse.csr_matrix(ppmi(counted.counts, smoothing=smoothing))
    left, values, _ = randomized_svd(information, dimensions, n_iter=4, random_state=0)
    left *= np.sign(left[np.abs(left).argmax(axis=0), np.arange(dimensions)])
    return table_of(counted.words, (left * values**power).astype(np.float32))
