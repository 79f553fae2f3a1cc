"""A sentence transformer as a method: nodes by their documents, questions as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from kgss_helpers.compute import has_bf16, release_memory
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.space import SemanticSpace
from kgss_helpers.text.documents import Style, documents

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class SentenceEncoder:
    """Encodes what the graph says about each node, and any question, with one model.

    Args:
        model: A sentence transformer, trained or not.
        style: Which text stands for a node (`kgss_helpers.text.documents`).
        name: The row in the exam's table.
        batch_size: Texts at a time.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        style: Style = "name",
        *,
        name: str = "sentence transformer",
        batch_size: int = 64,
    ) -> None:
        self.model, self.style, self.name, self.batch_size = model, style, name, batch_size
        self.sees = f"texts of nodes: {style}"

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Nothing to learn: the model is trained elsewhere."""
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Unit vectors, shape (nodes, dimensions), float32."""
        return encode(self.model, documents(graph, self.style), batch_size=self.batch_size)

    def encode_some(self, graph: KnowledgeGraph, rows: Sequence[int]) -> np.ndarray:
        """Unit vectors of these rows of ``graph.nodes`` alone."""
        texts = documents(graph, self.style)
        return encode(self.model, [texts[row] for row in rows], batch_size=self.batch_size)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (texts, dimensions), float32."""
        return encode(self.model, texts, batch_size=self.batch_size)


def encode(model: SentenceTransformer, texts: Sequence[str], *, batch_size: int = 64, bf16: bool = False) -> np.ndarray:
    """Unit vectors, shape (texts, dimensions), float32; each distinct text is computed once.

    Args:
        model: A sentence transformer.
        texts: Any texts; repeated ones cost nothing.
        batch_size: Texts at a time.
        bf16: Compute in bfloat16 where the device does so at speed. Vectors then agree to about two decimals only, so
            it is for monitoring a training, not for results that others should reproduce.
    """
    import torch

    if not len(texts):
        return np.zeros((0, model.get_embedding_dimension()), dtype=np.float32)
    distinct = list(dict.fromkeys(texts))
    place = {text: row for row, text in enumerate(distinct)}
    device = model.device.type
    with torch.autocast(device, dtype=torch.bfloat16, enabled=bf16 and has_bf16(device)):
        vectors = model.encode(distinct, batch_size=batch_size, convert_to_tensor=True, show_progress_bar=False)
    vectors = torch.nn.functional.normalize(vectors.float(), dim=1).cpu().numpy()
    return vectors[[place[text] for text in texts]]


def embed(
    model: SentenceTransformer,
    graph: KnowledgeGraph,
    texts: Sequence[str],
    questions: Sequence[str] = (),
    *,
    name: str,
    bf16: bool = False,
) -> SemanticSpace:
    """The space that a model makes of one text a node, with the vectors of questions that are to be asked of it.

    Args:
        model: A sentence transformer.
        graph: Whose nodes are embedded.
        texts: One for each node, in the order of ``graph.nodes``.
        questions: Any texts; repeated ones cost nothing.
        name: The row in the exam's table.
        bf16: As for `encode`.
    """
    distinct = list(dict.fromkeys(questions))
    vectors = encode(model, [*texts, *distinct], bf16=bf16)
    release_memory()
    nodes, asked = np.split(vectors, [len(texts)])
    return SemanticSpace.of(graph, nodes, name=name, texts=dict(zip(distinct, asked, strict=True)))
