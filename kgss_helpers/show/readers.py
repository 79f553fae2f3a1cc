"""Several readers of the same documents, asked side by side, every answer with the edges that support it."""

from __future__ import annotations

from collections.abc import Mapping

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.fields import Fields
from kgss_helpers.methods.hybrid import HybridSearch
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.show.search_view import Search


def ask_readers(readers: Mapping[str, TextVectors], graph: KnowledgeGraph, example: str) -> Search:
    """A search of documents by several readers side by side, with the edges behind each answer.

    Args:
        readers: By what stands on a button; the last one reads for the reasons.
        graph: What is searched.
        example: A question to begin with.
    """
    methods: dict[str, Fields] = {}
    for name, vectors in readers.items():
        methods[name] = Fields(vectors.model, ("skills",), name=f"{name}, documents")
        methods[name].vectors = vectors
    reader = list(readers.values())[-1]
    explainer = HybridSearch(reader.model, graph, vectors=reader, foresee=False)
    return Search(graph, methods, why=lambda asked, node: explainer.explain(asked, node).why, example=example)
