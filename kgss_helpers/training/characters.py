"""Training a network that reads characters: to sort texts under headings, or to put what belongs together side by side.

python -m kgss_helpers.training.characters --output build/characters            # the exam's encoder
python -m kgss_helpers.training.characters --output build/characters --resume   # goes on after an interrupt
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from kgss_helpers.compute import seed_everything
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.character_encoder import PADDING, UNKNOWN, CharCNN, alphabet_of
from kgss_helpers.text.rows import training_rows
from kgss_helpers.training.logbook import print_last
from kgss_helpers.training.loop import shuffled, train
from kgss_helpers.training.run import TrainingRun

TEMPERATURE = 0.05
"""Cosines are divided by it: the scale of 20 that sentence transformers are trained with."""
DIMENSIONS = 192
MOST_EDITS = 3
FILE = "encoder.safetensors"


def never_alone(rows: int, batch_size: int, seed: int) -> Callable[[int], list[torch.Tensor]]:
    """Shuffled rows for the loop; a last one that would be alone joins the batch before, as a norm needs two."""

    def batches(epoch: int) -> list[torch.Tensor]:
        found = shuffled(rows, batch_size, epoch, seed=seed)
        return [*found[:-2], torch.cat(found[-2:])] if len(found) > 1 and len(found[-1]) == 1 else found

    return batches


# ---------------------------------------------------------------------------------------------- texts under headings


def heading_loss(model: CharCNN, batch: Sequence[torch.Tensor]) -> torch.Tensor:
    """Cross entropy of each heading apart, since a text may stand under several: numbers, and labels of 0 and 1."""
    numbers, labels = batch
    return torch.nn.functional.binary_cross_entropy_with_logits(model(numbers).float(), labels)


def train_classifier(
    texts: Sequence[str],
    labels: np.ndarray,
    *,
    epochs: float = 20,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    dropout: float = 0.4,
    channels: int = 64,
    longest: int = 200,
    seed: int = 0,
    **settings: Any,
) -> TrainingRun:
    """A new network that learns under which headings a text stands.

    Args:
        texts: What it reads.
        labels: 1 where a text stands under a heading, shape (texts, headings).
        epochs: How often it sees them all.
        batch_size: Texts a step.
        learning_rate: At its peak.
        dropout: Share of the found values that is hidden.
        channels: Detectors of each width.
        longest: Characters that are read of a text.
        seed: Of the first weights and of the order.
        settings: Of `kgss_helpers.training.loop.train`: device, checkpoints, resume, what to measure.

    Raises:
        ValueError: There is not one row of labels for each text, or there are fewer than two texts.
    """
    if len(texts) < 2:
        raise ValueError(f"a network of this kind compares texts while it learns; give two or more, not {len(texts)}")
    if len(texts) != len(labels):
        raise ValueError(f"{len(labels)} rows of labels for {len(texts)} texts; give one for each")
    seed_everything(seed)
    model = CharCNN(alphabet_of(texts), labels.shape[1], channels=channels, dropout=dropout, longest=longest)
    data = torch.utils.data.TensorDataset(model.numbers(texts), torch.as_tensor(labels, dtype=torch.float32))
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    given["batches"] = never_alone(len(data), batch_size, seed)
    return train(model, data, heading_loss, weight_decay=0.01, **given | settings)


def likelihoods(model: CharCNN, texts: Sequence[str], *, batch_size: int = 256) -> np.ndarray:
    """How likely a text stands under each heading, shape (texts, headings), by what the network has learned."""
    device = next(model.parameters()).device
    with torch.no_grad():
        parts = [
            torch.sigmoid(model(model.numbers(texts[start : start + batch_size]).to(device)).float()).cpu().numpy()
            for start in range(0, len(texts), batch_size)
        ]
    return np.concatenate([np.zeros((0, model.output.out_features), dtype=np.float32), *parts])


# ------------------------------------------------------------------------------------------ what belongs side by side


def misspelt(numbers: torch.Tensor, letters: torch.Tensor, *, most: int = MOST_EDITS) -> torch.Tensor:
    """The same texts with up to so many slips of the finger each; the end of a full row may fall off.

    A slip leaves out a character, doubles it, swaps it with the next one, or puts a letter in its place. Random numbers
    are torch's.

    Args:
        numbers: Shape (texts, characters), padded at the end.
        letters: What may stand in a character's place.
        most: Slips a text; how many there are is drawn.
    """
    rows, length = numbers.shape
    at = torch.arange(length).expand(rows, length)
    slips = torch.randint(0, most + 1, (rows, 1))
    for turn in range(most):
        ends = (numbers != PADDING).sum(dim=1, keepdim=True)
        place = (torch.rand(rows, 1) * (ends - 1)).long().clamp(min=0)
        kind = torch.randint(0, 4, (rows, 1)).masked_fill((slips <= turn) | (ends < 2), -1)
        source = at + ((kind == 0) & (at >= place)).long() - ((kind == 1) & (at > place)).long()
        source = source + ((kind == 2) & (at == place)).long() - ((kind == 2) & (at == place + 1)).long()
        changed = torch.nn.functional.pad(numbers, (0, 1), value=PADDING).gather(1, source.clamp(0, length))
        drawn = letters[torch.randint(0, len(letters), (rows, 1))]
        numbers = torch.where((kind == 3) & (at == place), drawn, changed)
    return numbers


class Pairs:
    """Pairs of texts that belong together, misspelt anew each time they are read.

    A batch is: numbers of both, and for each pair what it is about and what it says, so that two that say the same are
    not taken for opposites.

    Args:
        model: Whose alphabet is used.
        rows: As `kgss_helpers.text.rows.training_rows` makes them.
        most_edits: Slips a text; 0 leaves all texts as they are.

    Raises:
        ValueError: Fewer slips than none.
    """

    def __init__(self, model: CharCNN, rows: pd.DataFrame, *, most_edits: int = MOST_EDITS) -> None:
        if most_edits < 0:
            raise ValueError(f"a text has 0 slips or more, not {most_edits}")
        self.rows, self.most_edits = rows, most_edits
        self.sides = []
        for column in ("anchor", "positive"):
            codes, distinct = pd.factorize(rows[column])
            self.sides.append((torch.as_tensor(codes), model.numbers(list(distinct)).short()))
        self.about = torch.as_tensor(pd.factorize(rows["anchor"])[0])
        self.says = torch.as_tensor(pd.factorize(rows["fact"])[0])
        signs = [place for place, sign in enumerate(model.alphabet, start=UNKNOWN + 1) if sign.isalpha()]
        self.letters = torch.tensor(signs, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        both = []
        for codes, numbers in self.sides:
            read = numbers[codes[rows]].long()
            read = read[:, : max(1, int((read != PADDING).any(dim=0).sum())) + self.most_edits]
            both.append(misspelt(read, self.letters, most=self.most_edits) if self.most_edits else read)
        return *both, self.about[rows], self.says[rows]


def pair_loss(model: CharCNN, batch: Sequence[torch.Tensor]) -> torch.Tensor:
    """Multiple negatives ranking in both directions: each text must find its partner among those of the batch.

    Henderson and others (2017, https://arxiv.org/abs/1705.00652). Pairs about the same node, or that say the same, are
    no negatives of each other.
    """
    first, second, about, says = batch
    one, other = (torch.nn.functional.normalize(model(numbers).float(), dim=1) for numbers in (first, second))
    same = (about[:, None] == about) | (says[:, None] == says)
    same.fill_diagonal_(False)
    scores = (one @ other.T / TEMPERATURE).masked_fill(same, float("-inf"))
    wanted = torch.arange(len(scores), device=scores.device)
    return (torch.nn.functional.cross_entropy(scores, wanted) + torch.nn.functional.cross_entropy(scores.T, wanted)) / 2


def train_encoder(
    graph: KnowledgeGraph,
    *,
    epochs: float = 10,
    batch_size: int = 256,
    learning_rate: float = 2e-3,
    most_edits: int = MOST_EDITS,
    dimensions: int = DIMENSIONS,
    seed: int = 0,
    **settings: Any,
) -> TrainingRun:
    """A new network that puts what a graph says of a node near the node's text.

    Args:
        graph: The only source; the training graph if the exam is to be sat afterwards.
        epochs: How often it sees all rows.
        batch_size: Pairs a step; each is compared with all others of it.
        learning_rate: At its peak.
        most_edits: Slips of the finger in a training text; 0 for none.
        dimensions: Of its vectors.
        seed: Of rows, first weights and order.
        settings: Of `kgss_helpers.training.loop.train`: device, checkpoints, resume, what to measure.
    """
    rows = training_rows(graph, "either", seed=seed)
    seed_everything(seed)
    model = CharCNN(alphabet_of([*rows["anchor"], *rows["positive"]]), dimensions)
    data = Pairs(model, rows, most_edits=most_edits)
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    given["batches"] = never_alone(len(data), batch_size, seed)
    identity = {"graph": graph.name, "most_edits": most_edits, "dimensions": dimensions}
    return train(model, data, pair_loss, weight_decay=0.01, identity=identity, **given | settings)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    from kgss_helpers.exam import training_graph

    parser = argparse.ArgumentParser(
        prog="python -m kgss_helpers.training.characters", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--output", type=Path, required=True, help=f"folder for checkpoints and {FILE}")
    parser.add_argument("--epochs", type=float, default=10)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--edits", type=int, default=MOST_EDITS, help="slips of the finger in a training text, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default=None)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    options = parser.parse_args(argv)
    try:
        run = train_encoder(
            training_graph(), epochs=options.epochs, batch_size=options.batch_size, learning_rate=options.learning_rate,
            most_edits=options.edits, seed=options.seed, device=options.device, checkpoint_dir=options.output / "run",
            resume=options.resume, on_log=print_last,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    if not run.finished:
        print(f"not finished: {run.stopped or 'interrupted'}; go on with --resume")
        return 1
    print(run.model.save(options.output / FILE))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
