"""A static model: a table with one vector a token; a sentence is the mean of its tokens' vectors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from kgss_helpers.methods.pretrained import load_pretrained

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def static_model(
    start: Literal["pretrained", "random"] = "pretrained", *, dimensions: int = 128, seed: int = 0
) -> SentenceTransformer:
    """A table of token vectors as a sentence transformer, shape (30522, dimensions), on the CPU.

    Args:
        start: ``"pretrained"`` takes the packaged transformer's own token embeddings, its contextual layers left out,
            projected on their largest directions; ``"random"`` draws normal numbers.
        dimensions: 1 to 384.
        seed: Of the random start.

    Raises:
        ValueError: Another start, or dimensions out of range.
    """
    if start not in ("pretrained", "random") or not 1 <= dimensions <= 384:
        raise ValueError("start is 'pretrained' or 'random', and dimensions lie between 1 and 384")
    tokenizer, weights = _start(dimensions)
    if start == "random":
        weights = torch.randn(weights.shape, generator=torch.Generator().manual_seed(seed))
    weights = weights / weights.std()  # so that one learning rate suits both starts
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu")


@cache
def _start(dimensions: int) -> tuple[PreTrainedTokenizerFast, torch.Tensor]:
    """The transformer's tokenizer and its token embeddings on their largest directions."""
    transformer = load_pretrained(device="cpu")
    table = next(weight for name, weight in transformer.named_parameters() if "word_embeddings" in name).detach()
    centred = (table - table.mean(dim=0)).double()
    _, directions = torch.linalg.eigh(centred.T @ centred)
    return transformer.tokenizer, (table.double() @ directions[:, -dimensions:]).float()
