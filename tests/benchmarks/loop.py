"""Time a step of our plain training loop against the same training written out in bare PyTorch.

Run it: ``python tests/benchmarks/loop.py``, on a machine that does nothing else.

Same model, rows, order, rate, clipping and optimizer, in turns, and at the end the same weights. What differs is what
`train` adds: the look at each loss and gradient, the history, Accelerate, and a checkpoint with its digests after every
epoch. On a processor it is processor time, which others who use the machine change little.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch.utils.data import TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from kgss_helpers.compute import pick_device
from kgss_helpers.training.loop import share_of_rate, shuffled, train

RATE, WARMUP, NORM = 0.01, 0.1, 1.0
Training = Callable[[torch.nn.Module, TensorDataset, int, int, str], float]


class Pairs(torch.nn.Module):
    """Two tables of embeddings and a dot product, as a recommender has them."""

    def __init__(self, rows: int, dimensions: int) -> None:
        super().__init__()
        self.left, self.right = torch.nn.Embedding(rows, dimensions), torch.nn.Embedding(rows, dimensions)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        """Shape (batch, 2) to (batch,)."""
        return (self.left(pairs[:, 0]) * self.right(pairs[:, 1])).sum(dim=1)


def clock(device: str) -> Callable[[], float]:
    """What tells the time."""
    return time.process_time if device == "cpu" else time.perf_counter


def squared_error(model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """The loss of both."""
    pairs, target = batch
    return torch.nn.functional.mse_loss(model(pairs), target)


def bare(model: torch.nn.Module, data: TensorDataset, epochs: int, batch_size: int, device: str) -> float:
    """Seconds of a loop as one writes it for a single use."""
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0, fused=True)
    started, step = clock(device)(), 0
    total = epochs * len(shuffled(len(data), batch_size, 0))
    for epoch in range(epochs):
        for rows in shuffled(len(data), batch_size, epoch):
            for group in optimizer.param_groups:
                group["lr"] = RATE * share_of_rate(step, total, WARMUP)
            loss = squared_error(model, [part.to(device) for part in data[rows]])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), NORM)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
    loss.item()  # on a GPU, waits for all that has been asked of it
    return clock(device)() - started


def ours(
    model: torch.nn.Module, data: TensorDataset, epochs: int, batch_size: int, device: str, folder: str | None = None
) -> float:
    """Seconds of `train` for the same."""
    started = clock(device)()
    train(model, data, squared_error, epochs=epochs, batch_size=batch_size, learning_rate=RATE, warmup=WARMUP,
          max_grad_norm=NORM, device=device, bf16=False, checkpoint_dir=folder)  # fmt: skip
    return clock(device)() - started


def with_checkpoints(*given: object) -> float:
    """Seconds of `train` that keeps its state every epoch."""
    with tempfile.TemporaryDirectory() as folder:
        return ours(*given, folder)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200, help="in an epoch")
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device")
    options = parser.parse_args()
    device = pick_device(options.device)
    torch.manual_seed(0)
    pairs = torch.randint(options.nodes, (options.steps * options.batch_size, 2))
    data = TensorDataset(pairs, torch.rand(len(pairs)))
    loops: dict[str, Training] = {"bare PyTorch": bare, "train": ours, "train, checkpoints": with_checkpoints}
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    weights = {}
    for repeat in range(options.repeats + 1):
        for name, loop in loops.items():
            torch.manual_seed(1)
            model = Pairs(options.nodes, options.dimensions)
            took = loop(model, data, options.epochs, options.batch_size, device)
            weights[name] = model.left.weight.detach().cpu()
            if repeat:  # the first round warms up
                seconds[name].append(took)
    for name, times in seconds.items():
        apart = (weights[name] - weights["bare PyTorch"]).abs().max()
        a_step = 1e3 * median(times) / (options.epochs * options.steps)
        ratio = median(times) / median(seconds["bare PyTorch"])
        print(f"{name:20}{a_step:8.3f} ms a step on {device}{ratio:8.2f} times bare; weights differ by {apart:.1g}")


if __name__ == "__main__":
    main()
