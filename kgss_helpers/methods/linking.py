"""Which nodes a question names: the longest names that stand in it word for word."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from kgss_helpers.graph import KnowledgeGraph


class NameIndex:
    """Finds the names of a graph's nodes in any text; one name may mean several nodes, and then all are found.

    A name that is made of everyday words alone (*Up*, *Them!*) or of one letter (*M*) is found nowhere: in most texts
    it would be just that word.

    Args:
        graph: Whose names are looked for.
        node_types: Only nodes of these types; all if not given.
    """

    def __init__(self, graph: KnowledgeGraph, node_types: tuple[str, ...] = ()) -> None:
        self._ids: dict[tuple[str, ...], list[str]] = defaultdict(list)
        nodes = graph.nodes[graph.nodes["node_type"].isin(node_types)] if node_types else graph.nodes
        for node_id, name in zip(nodes["node_id"], nodes["name"], strict=True):
            self._ids[_words(name)].append(node_id)
        self._ids = {words: ids for words, ids in self._ids.items() if _says_something(words)}
        self._longest = max(map(len, self._ids), default=0)

    def named(self, text: str) -> list[str]:
        """Node ids in the order in which the text names them; of names within names the longest counts."""
        words, found, start = _words(text), [], 0
        while start < len(words):
            lengths = range(min(self._longest, len(words) - start), 0, -1)
            length = next((length for length in lengths if words[start : start + length] in self._ids), 0)
            found += self._ids[words[start : start + length]] if length else []
            start += length or 1
        return list(dict.fromkeys(found))


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def _says_something(words: tuple[str, ...]) -> bool:
    return any(len(word) > 1 and word not in ENGLISH_STOP_WORDS for word in words)
