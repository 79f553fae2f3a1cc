"""The losses of a fine-tuning with in-batch negatives."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    EmbedDistillLoss,
    GISTEmbedLoss,
    MatryoshkaLoss,
    MultipleNegativesRankingLoss,
)

from kgss_helpers.compute import processes
from kgss_helpers.methods.pretrained import load_pretrained

MakeLoss = Callable[[SentenceTransformer], torch.nn.Module]
LENGTHS = (384, 128, 64, 32)
"""Each of these first numbers of a vector is a vector of its own right to `nested`."""


def multiple_negatives(model: SentenceTransformer) -> torch.nn.Module:
    """The default loss: each anchor has to find its positive among all positives of the batch.

    Under torchrun it is the batch of all processes together.
    """
    return MultipleNegativesRankingLoss(model, gather_across_devices=processes() > 1)


def both_directions(model: SentenceTransformer) -> torch.nn.Module:
    """`multiple_negatives`, and each positive has to find its anchor as well, as a question has to find a node."""
    return MultipleNegativesRankingLoss(
        model,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
        gather_across_devices=processes() > 1,
    )


def cached_multiple_negatives(model: SentenceTransformer) -> torch.nn.Module:
    """The same loss and gradients as `multiple_negatives` for batches too large for memory (Gao et al. 2021).

    Each text is encoded twice: once for the loss, once, in small parts, for the gradients.
    """
    return CachedMultipleNegativesRankingLoss(model, mini_batch_size=64, gather_across_devices=processes() > 1)


def guided(model: SentenceTransformer) -> torch.nn.Module:
    """`multiple_negatives` without those negatives that the untuned model holds for nearer than the positive.

    After Solatorio (2024), whose further negatives (anchors against anchors, positives against positives) are left out:
    the guide is all that differs from `multiple_negatives`.
    """
    return GISTEmbedLoss(
        model,
        load_pretrained(device=str(model.device)),
        temperature=1 / 20,
        contrast_anchors=False,
        contrast_positives=False,
        gather_across_devices=processes() > 1,
    )


def nested(model: SentenceTransformer) -> torch.nn.Module:
    """`both_directions` on the first numbers of each vector as well, at all `LENGTHS` (Kusupati et al. 2022)."""
    size = model.get_embedding_dimension()
    return MatryoshkaLoss(model, both_directions(model), [length for length in LENGTHS if length <= size])


class LikeTeacher(EmbedDistillLoss):
    """One minus the cosine with a teacher's vector of the same text (Kim et al. 2023); a label is the vector's row."""

    def __init__(self, model: SentenceTransformer, vectors: np.ndarray) -> None:
        super().__init__(model, distance_metric="cosine")
        self.vectors = torch.from_numpy(vectors)

    def forward(self, sentence_features: Iterable[dict[str, torch.Tensor]], labels: torch.Tensor) -> torch.Tensor:
        """The loss of a batch; ``labels`` are row numbers, shape (batch,)."""
        return super().forward(sentence_features, self.vectors[labels.cpu()])


def distilled(vectors: np.ndarray) -> MakeLoss:
    """A loss that pulls a pupil's vectors to those of a teacher, which were computed before.

    Args:
        vectors: The teacher's, shape (texts, dimensions), as many dimensions as the pupil's. Rows to train on have a
            text and its row in here as ``label``.
    """
    return lambda model: LikeTeacher(model, vectors)
