"""The losses of a fine-tuning with in-batch negatives."""

from __future__ import annotations

from collections.abc import Callable

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
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
