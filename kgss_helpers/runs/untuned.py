"""The exam's rows that need the packaged model but no training: structured queries, proximity, texts, averaging.

python -m kgss_helpers.runs.untuned                  # all of them: about fifteen minutes on two cores
python -m kgss_helpers.runs.untuned --only averaging # those whose name holds a word
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.encoder import SentenceEncoder
from kgss_helpers.methods.fields import DESCRIPTION, Fields
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.methods.proximity import AdamicAdar, PersonalisedPageRank, ThreeHops
from kgss_helpers.methods.smoothing import Smoothed
from kgss_helpers.methods.structured import StructuredQuery
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.runs.recording import record
from kgss_helpers.text.documents import Style, documents

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class KeptDocuments(SentenceEncoder):
    """Texts of nodes, each encoded once: a model that is not trained any more gives a text the same vector always."""

    def __init__(self, vectors: TextVectors, style: Style = "skills", name: str = "MiniLM, documents") -> None:
        super().__init__(vectors.model, style, name=name)
        self.vectors = vectors

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Unit vectors, shape (nodes, dimensions), float32."""
        return self.vectors(documents(graph, self.style))

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (texts, dimensions), float32."""
        return self.vectors(texts)


def methods(model: SentenceTransformer) -> list[Method | Encoder]:
    """All of them, the cheap ones first."""
    kept = KeptDocuments(TextVectors(model))
    return [
        AdamicAdar(),
        ThreeHops(),
        PersonalisedPageRank(),
        StructuredQuery(model, hard=True),
        StructuredQuery(model),
        StructuredQuery(model, subject_types=("genre", "keyword"), name="soft structured query, keywords too"),
        SentenceEncoder(model, "name", name="MiniLM, names"),
        Fields(model, (DESCRIPTION,), name="MiniLM, descriptions"),
        SentenceEncoder(model, "skills", name="MiniLM, documents"),
        Fields(model, (DESCRIPTION, "skills"), name="MiniLM, descriptions and documents"),
        Smoothed(kept, hops=1),
        Smoothed(kept, hops=2),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    about = __doc__.split("\n")[0]
    return record(
        lambda: methods(load_pretrained(device="cpu")), argv, command="kgss_helpers.runs.untuned", about=about
    )


if __name__ == "__main__":
    raise SystemExit(main())
