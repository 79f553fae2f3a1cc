"""For notebook 13: a small pupil of the tuned model, what it costs, and a field for the reader's own question."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from kgss_helpers.exam.films import film_exam, sit
from kgss_helpers.exam.results import ExamResult
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.fields import DESCRIPTION, field_texts
from kgss_helpers.methods.static import static_model
from kgss_helpers.methods.structured import StructuredQuery
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.runs.untuned import KeptDocuments
from kgss_helpers.show.search_view import Search, SearchView
from kgss_helpers.text.asking import asking_rows
from kgss_helpers.text.documents import documents
from kgss_helpers.training import sbert

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from kgss_helpers.question import Split
    from kgss_helpers.training.run import TrainingRun

DIMENSIONS = 384
"""As many as the teacher's, so that both can be compared number by number."""


def lessons(graph: KnowledgeGraph, *, asked: int = 3000, seed: int = 0) -> dict[str, list[str]]:
    """Texts that a pupil may learn from, by kind; no question of the exam is among them.

    Args:
        graph: The training graph.
        asked: So many of the sentences that teach how people ask, which the teacher has still to read.
        seed: Of which ones.
    """
    kinds = {style: documents(graph, style) for style in ("skills", "name")}
    kinds["descriptions"] = field_texts(graph, DESCRIPTION)
    asking = asking_rows(graph, seed=seed)["anchor"].drop_duplicates()
    kinds["asking"] = asking.sample(min(asked, len(asking)), random_state=seed).tolist()
    seen = {question.text for question in film_exam().questions}
    found: dict[str, list[str]] = {}
    for kind, texts in kinds.items():
        found[kind] = [text for text in dict.fromkeys(texts) if text not in seen]
        seen.update(found[kind])
    return found


def train_pupil(
    texts: Sequence[str], teacher: TextVectors, *, epochs: float = 3, learning_rate: float = 0.3, seed: int = 0
) -> TrainingRun:
    """Pulls a table of one vector a token to what the teacher makes of whole texts.

    Args:
        texts: As from `lessons`, all kinds together.
        teacher: Vectors that it has kept cost nothing.
        epochs: How often all texts are seen.
        learning_rate: At its peak.
        seed: Of the order of texts.
    """
    rows = pd.DataFrame({"text": list(texts), "label": range(len(texts))})
    return sbert.train_sbert(
        static_model(dimensions=DIMENSIONS), rows, loss=sbert.distilled(teacher(texts)), epochs=epochs,
        batch_size=256, learning_rate=learning_rate, device="cpu", bf16=False, seed=seed, log_every=20,
    )  # fmt: skip


def likeness(pupil: SentenceTransformer, teacher: TextVectors, texts: Sequence[str]) -> float:
    """The mean cosine of what both make of the same text."""
    return float((TextVectors(pupil)(texts) * teacher(texts)).sum(axis=1).mean())


def sits(model: SentenceTransformer, name: str, *, split: Split = "test") -> dict[str, ExamResult]:
    """Two rows of a model on the exam: alone, with documents, and as a reader before the graph that counts."""
    vectors = TextVectors(model)
    counts = StructuredQuery(model, name=f"soft structured query, {name} reader")
    counts.vectors = vectors
    asked = [question for question in film_exam().questions if not question.variant]
    ways = {"documents": KeptDocuments(vectors, "skills", f"{name}, documents"), "counts": counts}
    return {way: sit(method, split=split, questions=asked) for way, method in ways.items()}


def megabytes(model: SentenceTransformer) -> float:
    """What a model's weights take."""
    return sum(weight.numel() * weight.element_size() for weight in model.parameters()) / 1e6


def texts_a_second(model: SentenceTransformer, texts: Sequence[str]) -> float:
    """How many it encodes in a second, by the clock; the first text warms it up."""
    model.encode(texts[:1], show_progress_bar=False)
    started = time.perf_counter()
    model.encode(list(texts), batch_size=64, show_progress_bar=False)
    return len(texts) / (time.perf_counter() - started)


def own_question(search: Search, *, node_type: str = "person", k: int = 8) -> SearchView:
    """The search as a field to type into, all its readers chosen."""
    view = SearchView(search, search.example, node_type=node_type, k=k)
    for button in view.chosen:
        button.value = True
    return view
