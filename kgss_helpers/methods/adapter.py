"""What a fine-tuning changed, as a small file: the difference between two models' weights, reduced to a low rank.

A fine-tuned matrix is the base's plus a difference, and most of a difference lies in few directions (Hu et al. 2021,
who train it so from the start). Its singular value decomposition keeps the best ones (Eckart and Young 1936): two thin
matrices instead of a full one. Taking only a share of the difference is averaging the weights of both models (Wortsman
et al. 2022), which forgets less of what the base knew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgss_helpers.files import sha256_of, write_whole

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

WEIGHTS, CONFIG = "adapter.safetensors", "adapter.json"
LEFT, RIGHT, WHOLE = ".left", ".right", ".whole"
LEAST = 1e-7
"""A parameter that changed by less was frozen."""


def reduced(
    base: Mapping[str, torch.Tensor], tuned: Mapping[str, torch.Tensor], *, rank: int = 32, scale: float = 1.0
) -> dict[str, torch.Tensor]:
    """The difference between the weights of two models, in half precision.

    Args:
        base: Weights by name, as ``model.state_dict()`` gives them.
        tuned: The same names and shapes.
        rank: How many directions of each matrix are kept.
        scale: The share of the difference that is taken; 0.5 is the mean of both models.

    Returns:
        For a matrix of shape (m, n) two of shapes (m, rank) and (rank, n), whose product is the difference; a vector
        whole. What did not change has none.

    Raises:
        ValueError: The models have other parameters, or the rank is below 1.
    """
    import torch

    if rank < 1:
        raise ValueError(f"the rank must be at least 1, not {rank}")
    if {name: value.shape for name, value in base.items()} != {name: value.shape for name, value in tuned.items()}:
        raise ValueError("the two models have other parameters; an adapter is the difference of two of one kind")
    kept: dict[str, torch.Tensor] = {}
    for name, before in base.items():
        if not before.is_floating_point():
            continue
        difference = scale * (tuned[name].detach().cpu().double() - before.detach().cpu().double())
        if difference.abs().max() < LEAST:
            continue
        if difference.ndim != 2 or min(difference.shape) <= rank:
            kept[name + WHOLE] = difference.half()
            continue
        left, values, right = torch.linalg.svd(difference, full_matrices=False)
        root = values[:rank].sqrt()
        kept[name + LEFT], kept[name + RIGHT] = (left[:, :rank] * root).half(), (root[:, None] * right[:rank]).half()
    return {name: value.contiguous() for name, value in kept.items()}


def apply(model: SentenceTransformer, adapter: Mapping[str, torch.Tensor]) -> SentenceTransformer:
    """Adds the difference to a model's weights, in place; returns the model.

    Raises:
        ValueError: The adapter is that of a model with other parameters; names one.
    """
    import torch

    weights = model.state_dict()
    with torch.no_grad():
        for name, value in _differences(adapter).items():
            if name not in weights or weights[name].shape != value.shape:
                raise ValueError(f"the adapter is none of this model's: {name!r} of shape {tuple(value.shape)} is not")
            weights[name] += value.to(weights[name])
    return model


def _differences(adapter: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = {}
    for key, value in adapter.items():
        name, part = key.rsplit(".", 1)
        if f".{part}" == WHOLE:
            found[name] = value.float()
        elif f".{part}" == LEFT:
            found[name] = value.float() @ adapter[name + RIGHT].float()
    return found


def save(folder: Path | str, adapter: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> Path:
    """Keeps the weights as safetensors, and beside them what they are, with their SHA-256; returns the folder."""
    from safetensors.torch import save as packed

    folder = Path(folder)
    write_whole(folder / WEIGHTS, packed(dict(adapter)))
    said = dict(about) | {"sha256": sha256_of(folder / WEIGHTS)}
    write_whole(folder / CONFIG, json.dumps(said, indent=2, ensure_ascii=False) + "\n")
    return folder


def load(folder: Path | str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """What `save` wrote: the weights and what is said of them.

    Raises:
        FileNotFoundError: One of the two files is missing.
        ValueError: The weights are not those that were kept, or the description is none; names the file.
    """
    from safetensors.torch import load as unpacked

    config, weights = Path(folder) / CONFIG, Path(folder) / WEIGHTS
    for path in (config, weights):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; get both files of the adapter again")
    try:
        about = json.loads(config.read_text(encoding="utf-8"))
        expected = about["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{config} describes no adapter ({error}); get it again") from None
    if sha256_of(weights) != expected:
        raise ValueError(f"{weights} was altered: its SHA-256 is not the one in {CONFIG}; get both files again")
    return unpacked(weights.read_bytes()), about
