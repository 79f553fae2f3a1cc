"""A model's vectors of texts, each computed once: phrases and documents are asked for again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kgss_helpers.methods.encoder import encode

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class TextVectors:
    """Encodes like `kgss_helpers.methods.encoder.encode`, and remembers what it has encoded.

    It is for a model that stays as it is: after a training, make a new one.

    Args:
        model: A sentence transformer.
        bf16: As for `kgss_helpers.methods.encoder.encode`.
    """

    def __init__(self, model: SentenceTransformer, *, bf16: bool = False) -> None:
        self.model, self.bf16 = model, bf16
        self._kept: dict[str, np.ndarray] = {}

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (texts, dimensions), float32."""
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        self._kept.update(zip(new, encode(self.model, new, bf16=self.bf16), strict=True))
        if not len(texts):
            return encode(self.model, [])
        return np.stack([self._kept[text] for text in texts])

    def remember(self, texts: Sequence[str], vectors: np.ndarray) -> None:
        """Takes unit vectors that the same model computed before, shape (texts, dimensions), instead of encoding.

        Raises:
            ValueError: There is not one vector for each text.
        """
        if len(texts) != len(vectors):
            raise ValueError(f"{len(texts)} texts and {len(vectors)} vectors; give one vector for each text")
        self._kept.update(zip(texts, vectors, strict=True))
