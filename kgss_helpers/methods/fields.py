"""Several texts a node, scored together: a name, a description and a document each answer other questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.question import Asked
from kgss_helpers.text.documents import Style, documents

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DESCRIPTION = "description"


def field_texts(graph: KnowledgeGraph, field: Style | str) -> list[str]:
    """One text for each node: its stored description, or a style of `documents`; the name where that is empty."""
    if field != DESCRIPTION:
        return documents(graph, field)
    return [
        description or name for name, description in zip(graph.nodes["name"], graph.nodes["description"], strict=True)
    ]


class Fields:
    """The mean cosine of a question with several texts of each node: the idea of mFAR (Li et al. 2024), untrained.

    Args:
        model: Encodes fields and questions.
        fields: ``"description"`` or styles of `kgss_helpers.text.documents.documents`.
        weights: One for each field; equal, if not given.
        name: The row in the exam's table.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        fields: Sequence[Style | str] = ("description", "skills"),
        *,
        weights: Sequence[float] | None = None,
        name: str = "",
    ) -> None:
        self.vectors, self.fields = TextVectors(model), tuple(fields)
        self.weights = tuple(weights or [1.0] * len(self.fields))
        if len(self.weights) != len(self.fields):
            raise ValueError(f"there must be one weight for each of the {len(self.fields)} fields")
        self.name = name or " + ".join(self.fields)
        self.sees = "texts of nodes: " + ", ".join(self.fields)
        self._of: KnowledgeGraph | None = None
        self._kept: dict[Style | str, np.ndarray] = {}

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): weighed mean of cosines; an anchor's own texts stand for its question."""
        read = self.vectors([question.text for question in questions])
        total = np.zeros((len(questions), len(graph.nodes)))
        for field, weight in zip(self.fields, self.weights, strict=True):
            nodes, queries = self._nodes(graph, field), read.copy()
            for row, question in enumerate(questions):
                if question.anchor:
                    queries[row] = nodes[graph.position(question.anchor)]
            total += weight * (queries @ nodes.T)
        return total / sum(self.weights)

    def _nodes(self, graph: KnowledgeGraph, field: Style | str) -> np.ndarray:
        """Vectors of one text a node; those of the last graph are kept, since writing its texts takes a second."""
        if self._of is not graph:
            self._of, self._kept = graph, {}
        if field not in self._kept:
            self._kept[field] = self.vectors(field_texts(graph, field))
        return self._kept[field]
