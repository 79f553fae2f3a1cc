"""Running text to learn words from: what a graph says, and two small corpora that come with gensim."""

from __future__ import annotations

import bz2
import re
from functools import cache
from pathlib import Path

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.text.sentences import sentences

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
LEE, WIKIPEDIA = "lee_background.cor", "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, in order: letters of any script, with what stands behind an apostrophe."""
    return [word.replace("’", "'") for word in WORD.findall(text.lower())]


def graph_corpus(graph: KnowledgeGraph) -> list[list[str]]:
    """Sentences as lists of words: every description, sentence by sentence, and every edge as one sentence.

    Args:
        graph: The training graph, if what is learned is to sit an exam.
    """
    described = [part for text in graph.nodes["description"] for part in SENTENCE_END.split(text)]
    return _as_words([*described, *sentences(graph.triples())])


@cache
def lee_corpus() -> list[list[str]]:
    """The background texts of Lee, Pincombe and Welsh (2005): 300 news items of 2001, 60,000 words, by sentence."""
    text = _bundled(LEE).read_text(encoding="utf-8")
    return _as_words(SENTENCE_END.split(text))


@cache
def wikipedia_corpus() -> list[list[str]]:
    """The first articles of an English Wikipedia dump, 106 of them, as gensim bundles them: one list an article."""
    from gensim.corpora.wikicorpus import extract_pages, filter_wiki

    with bz2.open(_bundled(WIKIPEDIA)) as dump:
        pages = [filter_wiki(text) for _, text, _ in extract_pages(dump, filter_namespaces=("0",))]
    return _as_words(page for page in pages if not page.lstrip().lower().startswith("#redirect"))


def _bundled(name: str) -> Path:
    """A file of gensim's test data, which its wheel carries."""
    from gensim.test.utils import datapath

    return Path(datapath(name))


def _as_words(texts: object) -> list[list[str]]:
    return [words for text in texts if (words := words_of(text))]
