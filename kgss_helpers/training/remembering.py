"""The smallest test of a memory: read a letter, then noise, and name the letter at the end."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.data import TensorDataset

from kgss_helpers.training.loop import train
from kgss_helpers.training.run import TrainingRun

LETTERS, NOISE = "abcdefgh", "·-~*"


def remember_rows(wait: int, rows: int, seed: int) -> TensorDataset:
    """A letter, then ``wait`` symbols of noise; to be named at the end is the letter. Inputs and targets as numbers."""
    chance = torch.Generator().manual_seed(seed)
    inputs = torch.randint(len(LETTERS), len(LETTERS + NOISE), (rows, wait + 1), generator=chance)
    inputs[:, 0] = torch.randint(len(LETTERS), (rows,), generator=chance)
    return TensorDataset(inputs, inputs[:, 0].clone())


class Rememberer(nn.Module):
    """Reads symbols one by one, and names the first from the state behind the last.

    Args:
        cell: ``"RNN"`` or ``"LSTM"``.
        forget_bias: What the LSTM's forget gates begin with; at 3 they keep 95 % of the memory in each step.
    """

    def __init__(self, cell: str, *, width: int = 16, units: int = 32, forget_bias: float = 3.0) -> None:
        super().__init__()
        self.input = nn.Embedding(len(LETTERS + NOISE), width)
        self.cell = getattr(nn, cell)(width, units, batch_first=True)
        self.output = nn.Linear(units, len(LETTERS))
        if cell == "LSTM":
            with torch.no_grad():
                self.cell.bias_ih_l0[units : 2 * units] = forget_bias

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        """Logits of the first symbol, shape (batch, letters), for symbols of shape (batch, length)."""
        return self.output(self.cell(self.input(symbols))[0][:, -1])


def _loss_of_letter(model: Rememberer, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return nn.functional.cross_entropy(model(batch[0]).float(), batch[1])


def train_rememberer(cell: str, wait: int, *, epochs: int = 6, seed: int = 0, **how: Any) -> tuple[TrainingRun, float]:
    """Trains one on 3,200 rows for each epoch; returns the run and the share of 1,000 new rows that it gets right."""
    torch.manual_seed(seed)
    run = train(
        Rememberer(cell, **how), remember_rows(wait, 3200, seed), _loss_of_letter, epochs=epochs, batch_size=64,
        learning_rate=0.01, device="cpu", bf16=False, seed=seed,
    ).require_finished()  # fmt: skip
    inputs, letters = remember_rows(wait, 1000, seed + 1).tensors
    with torch.inference_mode():
        return run, float((run.model(inputs).argmax(dim=1) == letters).float().mean())
