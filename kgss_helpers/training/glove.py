"""GloVe (Pennington, Socher and Manning 2014) on the common loop: vectors whose dot products give log counts.

python -m kgss_helpers.training.glove --output build/glove                        # on the two corpora in gensim's wheel
python -m kgss_helpers.training.glove --text lines.txt --dimensions 100 --resume  # on text of your own
torchrun --nproc-per-node 2 -m kgss_helpers.training.glove --output build/glove
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse
from torch.utils.data import TensorDataset

from kgss_helpers.compute import is_first_process
from kgss_helpers.files import counted, write_whole
from kgss_helpers.methods.counting import Cooccurrence, Corpus, cooccurrences
from kgss_helpers.methods.word_vectors import table_of
from kgss_helpers.text.corpora import lee_corpus, wikipedia_corpus, words_of
from kgss_helpers.training.folder import RunFolderError
from kgss_helpers.training.logbook import OnEpochEnd, OnLog, print_last
from kgss_helpers.training.loop import train
from kgss_helpers.training.run import TrainingRun

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

MAXIMUM, POWER = 10.0, 0.75
"""From which count on a pair counts fully, and how fast rarer ones count less; the paper's maximum is 100."""
START = 0.5
"""Vectors begin uniformly between minus and plus this, divided by their number of dimensions; biases at zero."""
VECTORS, HISTORY = "vectors.txt", "history.csv"


def weight(counts: torch.Tensor, *, maximum: float = MAXIMUM, power: float = POWER) -> torch.Tensor:
    """How much a pair counts in the loss: (count / maximum) ** power, and 1 from the maximum on; of the same shape."""
    return (counts / maximum).clamp(max=1) ** power


class GloVe(torch.nn.Module):
    """A vector and a bias for each word, and another vector and bias for each word as somebody's context.

    Args:
        words: Whose vectors these are.
        dimensions: Of each vector.
        seed: Of the numbers it begins with.
    """

    def __init__(self, words: Sequence[str], dimensions: int = 50, *, seed: int = 0) -> None:
        super().__init__()
        self.words = tuple(words)
        generator = torch.Generator().manual_seed(seed)
        shape, reach = (len(self.words), dimensions), START / dimensions
        self.word, self.context = (
            torch.nn.Parameter(torch.empty(shape).uniform_(-reach, reach, generator=generator)) for _ in range(2)
        )
        self.word_bias, self.context_bias = (torch.nn.Parameter(torch.zeros(len(self.words))) for _ in range(2))

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        """What the logarithm of each pair's count should be: rows of word and context, shape (batch, 2) → (batch,)."""
        word, context = pairs.unbind(dim=1)
        product = (self.word[word] * self.context[context]).sum(dim=1)
        return product + self.word_bias[word] + self.context_bias[context]

    def table(self) -> KeyedVectors:
        """The sum of each word's two vectors, as the paper takes it: gensim's table, with values of their own."""
        return table_of(self.words, (self.word + self.context).detach().cpu().float().numpy())


def loss_of(
    model: GloVe, batch: Sequence[torch.Tensor], *, maximum: float = MAXIMUM, power: float = POWER
) -> torch.Tensor:
    """The objective's mean over a batch: weight × (prediction − log count)², shape ().

    Args:
        model: Predicts.
        batch: Pairs of rows, shape (batch, 2), and their counts, shape (batch,).
        maximum: As for `weight`.
        power: Likewise.
    """
    pairs, counts = batch
    return (weight(counts, maximum=maximum, power=power) * (model(pairs) - counts.log()) ** 2).mean()


def pairs_of(counts: sparse.csr_array) -> TensorDataset:
    """All pairs that were counted, shape (pairs, 2), and their counts, shape (pairs,), float32."""
    entries = counts.tocoo()
    pairs = np.stack([entries.row, entries.col], axis=1).astype(np.int64)
    return TensorDataset(torch.from_numpy(pairs), torch.from_numpy(entries.data.astype(np.float32)))


def train_glove(
    model: GloVe,
    counts: Cooccurrence,
    *,
    epochs: float = 20,
    batch_size: int = 4096,
    learning_rate: float = 0.02,
    maximum: float = MAXIMUM,
    power: float = POWER,
    device: str | None = None,
    seed: int = 0,
    checkpoint_dir: Path | str | None = None,
    resume: bool = False,
    on_epoch_end: OnEpochEnd | None = None,
    on_log: OnLog | None = None,
    report_to: Sequence[str] = (),
    log_every: int = 10,
) -> TrainingRun:
    """Trains on every pair that was counted; ``run.model.table()`` are the vectors.

    Args:
        model: Is changed in place.
        counts: Of the model's words, in their order.
        epochs: How often each pair is seen.
        batch_size: Pairs a step and process.
        learning_rate: At its peak.
        maximum: As for `weight`.
        power: Likewise.
        device: CUDA, then MPS, then CPU if not given.
        seed: Of the order of pairs.
        checkpoint_dir: As for `kgss_helpers.training.loop.train`, like all that follows.
        resume: Go on from the last checkpoint there.
        on_epoch_end: Measures after each epoch, and before the first.
        on_log: Called with the history whenever a loss joins it.
        report_to: Monitors, such as ``("wandb",)``.
        log_every: Steps between two rows of history.

    Raises:
        ValueError: Model and counts are not of the same words, a pair's count is not positive, or a setting is not.
        RunFolderError: The folder is in use or holds another run, or there is nothing to resume.
    """
    if model.words != tuple(counts.words):
        raise ValueError(
            f"the model has {counted(len(model.words), 'word')}, the counts {len(counts.words)}, or in another order: "
            "make the model of the counts' words, GloVe(counts.words)"
        )
    if min(maximum, power) <= 0:
        raise ValueError("maximum and power must be positive")
    data = pairs_of(counts.counts)
    if len(data) and not bool((data.tensors[1] > 0).all()):
        raise ValueError("a pair's count must be positive, since its logarithm is what is learned")

    def objective(model: GloVe, batch: Sequence[torch.Tensor]) -> torch.Tensor:
        return loss_of(model, batch, maximum=maximum, power=power)

    return train(
        model, data, objective, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, device=device,
        bf16=False, seed=seed, checkpoint_dir=checkpoint_dir, resume=resume, on_epoch_end=on_epoch_end, on_log=on_log,
        report_to=report_to, log_every=log_every, identity={"maximum": maximum, "power": power},
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status, which is 1 for a run that did not come to its end."""
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers.training.glove", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--text", type=Path, help="a UTF-8 text, a sentence or document a line; if not given, gensim's two corpora")
    add("--window", type=int, default=10, help="how far apart two words may stand (%(default)s)")
    add("--min-count", type=int, default=5, help="rarer words are left out (%(default)s)")
    add("--dimensions", type=int, default=100, help="of each vector (%(default)s)")
    add("--epochs", type=float, default=20, help="how often each pair is seen (%(default)s)")
    add("--batch-size", type=int, default=4096, help="pairs a step and process (%(default)s)")
    add("--learning-rate", type=float, default=0.02, help="at its peak (%(default)s)")
    add("--maximum", type=float, default=MAXIMUM, help="the count from which on a pair counts fully (%(default)s)")
    add("--device", help="cuda, mps or cpu; the best there is if not given")
    add("--seed", type=int, default=0, help="of the first vectors and the order of pairs (%(default)s)")
    add("--output", type=Path, default=Path("build") / "glove", help="where everything is written (%(default)s)")
    add("--resume", action="store_true", help="go on from the last checkpoint in the output")
    add("--report-to", nargs="*", default=[], metavar="MONITOR", help="for instance wandb; nobody if not given")
    options = parser.parse_args(argv)
    try:
        counts = cooccurrences(_text(options.text), window=options.window, min_count=options.min_count)
        run = train_glove(
            GloVe(counts.words, options.dimensions, seed=options.seed), counts, epochs=options.epochs,
            batch_size=options.batch_size, learning_rate=options.learning_rate, maximum=options.maximum,
            device=options.device, seed=options.seed, checkpoint_dir=options.output / "checkpoints",
            resume=options.resume, report_to=options.report_to, on_log=print_last, log_every=100,
        )  # fmt: skip
    except (OSError, ValueError, ImportError, RunFolderError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    if is_first_process():
        _keep(run, options.output)
    return int(not run.finished)


def _text(path: Path | None) -> Corpus:
    if path is None:
        return lee_corpus() + wikipedia_corpus()
    return [words_of(line) for line in path.read_text(encoding="utf-8-sig").splitlines()]


def _keep(run: TrainingRun, folder: Path) -> None:
    """The vectors in the format that Word2Vec's and GloVe's tools read, and the history."""
    table = run.model.table()
    lines = [f"{len(table)} {table.vector_size}"]
    lines += [f"{word} {' '.join(f'{value:.6f}' for value in table[word])}" for word in table.index_to_key]
    write_whole(folder / VECTORS, "\n".join(lines) + "\n")
    write_whole(folder / HISTORY, run.history.to_csv(index=False))
    print(f"kept in {folder}: {VECTORS} ({counted(len(table), 'word')}), {HISTORY}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
