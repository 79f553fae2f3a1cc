"""A spell checker before any method: the cheap rival of everything that copes with misspelling by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.protocol import Encoder, Method, scores_of, sees
from kgss_helpers.question import Asked
from kgss_helpers.text.corpora import words_of
from kgss_helpers.text.documents import documents
from kgss_helpers.text.spelling import Speller


def speller_of(graph: KnowledgeGraph, further: Collection[str] = ()) -> Speller:
    """A speller that knows the words of a graph's documents, as frequent as they are there, and further words."""
    counts = Counter(word for text in documents(graph, "skills") for word in words_of(text))
    return Speller(dict.fromkeys(further, 0.5) | counts)


class SpellChecked:
    """Corrects what is asked, then asks another method.

    Args:
        method: Who answers.
        speller: Who corrects.
    """

    def __init__(self, method: Method | Encoder, speller: Speller) -> None:
        self.method, self.speller = method, speller
        self.name, self.sees = f"{method.name}, spell-checked", sees(method)

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes), as the method scores the corrected questions."""
        asked = [replace(question, text=self.speller.corrected(question.text)) for question in questions]
        return scores_of(self.method, asked, graph)
