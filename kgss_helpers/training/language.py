"""Language models on the common loop: an LSTM that predicts the next symbol, a character or a word.

python -m kgss_helpers.training.language text.txt --folder build/mine            # trains on a text of yours
python -m kgss_helpers.training.language text.txt --folder build/mine --resume   # goes on after an interrupt

The cell is that of Hochreiter and Schmidhuber (1997) with the forget gate of Gers, Schmidhuber and Cummins (2000). For
words, the input is a fixed table of vectors, and what comes out is compared with the same table (Press and Wolf 2017:
tied weights). Trained once on a text and once on the text read backwards, two such models give a word a vector that
depends on what stands before it and behind it: the idea of ELMo (Peters and others 2018).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import nn

from kgss_helpers.files import require_file, write_whole
from kgss_helpers.training.loop import train
from kgss_helpers.training.run import TrainingRun

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""Stands for every character that was not in the text that a model learned from."""
CONFIG = "config"


class Alphabet:
    """The characters of a text, numbered; number 0 is `UNKNOWN`.

    Args:
        characters: Each once, in order, without `UNKNOWN`.
    """

    def __init__(self, characters: str) -> None:
        self.characters = UNKNOWN + characters
        self._number = {character: number for number, character in enumerate(self.characters)}
        if len(self._number) != len(self.characters):
            raise ValueError("each character of an alphabet stands in it once")

    @classmethod
    def of(cls, text: str) -> Self:
        """All characters of a text, sorted."""
        return cls("".join(sorted(set(text) - {UNKNOWN})))

    def __len__(self) -> int:
        return len(self.characters)

    def __contains__(self, character: str) -> bool:
        return character in self._number

    def number(self, character: str) -> int:
        """The number of a character, 0 for an unknown one."""
        return self._number.get(character, 0)

    def encode(self, text: str) -> torch.Tensor:
        """Numbers, shape (characters,), int64; 0 for an unknown character."""
        return torch.tensor([self._number.get(character, 0) for character in text], dtype=torch.int64)

    def decode(self, numbers: Sequence[int] | torch.Tensor) -> str:
        """The text again, `UNKNOWN` for number 0."""
        return "".join(self.characters[int(number)] for number in numbers)


class LanguageModel(nn.Module):
    """Symbols in, logits of the next symbol out.

    Args:
        symbols: How many there are.
        width: Dimensions of a symbol's vector.
        units: Of each LSTM layer.
        layers: One LSTM above the other.
        dropout: Share of the units that are silent in a training step.
        table: Fixed vectors of the symbols, shape (symbols, width). The model then learns no vectors of its own, and
            scores a next symbol by the dot product with its vector, so it can be given another table later, of other
            words in the same space.
    """

    def __init__(
        self,
        symbols: int,
        *,
        width: int = 48,
        units: int = 256,
        layers: int = 1,
        dropout: float = 0.0,
        table: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self.config = {"symbols": symbols, "width": width, "units": units, "layers": layers, "tied": table is not None}
        self.input = nn.Embedding(symbols, width) if table is None else None
        if table is not None and table.shape != (symbols, width):
            raise ValueError(f"the table has shape {tuple(table.shape)}, not ({symbols}, {width})")
        self.register_buffer("table", table, persistent=False)
        self.lstm = nn.LSTM(width, units, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(units, symbols if table is None else width)
        with torch.no_grad():
            for layer in range(layers):  # what is not told to be forgotten is kept (Gers and others 2000)
                getattr(self.lstm, f"bias_ih_l{layer}")[units : 2 * units] = 1.0

    def forward(self, symbols: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        """Logits of what comes next, shape (batch, length, symbols), and the state behind the last symbol.

        Args:
            symbols: Numbers, shape (batch, length).
            state: Where an earlier call ended; a fresh one if not given.
        """
        hidden, state = self.lstm(self.embedded(symbols), state)
        found = self.output(self.dropout(hidden))
        return found if self.table is None else found @ self.table.T.to(found.dtype), state

    def embedded(self, symbols: torch.Tensor) -> torch.Tensor:
        """The vectors of symbols, one more dimension than ``symbols``: what the first LSTM layer gets."""
        return self.input(symbols) if self.table is None else self.table[symbols]

    def hidden(self, symbols: torch.Tensor) -> torch.Tensor:
        """What the last LSTM layer says after each symbol, shape (batch, length, units), from a fresh state."""
        return self.lstm(self.embedded(symbols))[0]


def windows(symbols: torch.Tensor, length: int) -> torch.Tensor:
    """A text in pieces of ``length`` inputs, and one symbol more to predict: shape (rows, length + 1).

    The last symbols, too few for a piece, are left out.

    Raises:
        ValueError: The text has no whole piece, or a piece has no length.
    """
    if length < 1:
        raise ValueError(f"a piece has one symbol or more, not {length}")
    rows = (len(symbols) - 1) // length
    if rows < 1:
        raise ValueError(f"a text of {len(symbols)} symbols has no piece of {length + 1}; give more text")
    return torch.stack([symbols[row * length : (row + 1) * length + 1] for row in range(rows)])


def next_symbol_loss(model: LanguageModel, batch: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the next symbol in nats, for pieces of shape (batch, length + 1)."""
    logits, _ = model(batch[:, :-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1).float(), batch[:, 1:].flatten())


def train_language_model(
    model: LanguageModel,
    symbols: torch.Tensor,
    *,
    length: int = 128,
    epochs: float = 1,
    batch_size: int = 32,
    learning_rate: float = 4e-3,
    **settings: Any,
) -> TrainingRun:
    """Trains on a text in pieces, in random order; each piece begins with a fresh state.

    Args:
        model: Is changed in place.
        symbols: The text as numbers, shape (symbols,).
        length: Symbols of a piece: how far back an error is traced.
        epochs: How often the text is read.
        batch_size: Pieces a step.
        learning_rate: At its peak.
        settings: What else `kgss_helpers.training.loop.train` takes: device, seed, checkpoint_dir, resume and so on.
    """
    return train(
        model, windows(symbols, length), next_symbol_loss, epochs=epochs, batch_size=batch_size,
        learning_rate=learning_rate, **settings,
    )  # fmt: skip


@torch.inference_mode()
def sample(
    model: LanguageModel,
    alphabet: Alphabet,
    prefixes: Sequence[str],
    *,
    length: int = 200,
    temperature: float = 1.0,
    seed: int = 0,
) -> list[str]:
    """Lets the model go on from each prefix; the prefix itself is not in what it returns.

    Args:
        model: Of characters; on any device.
        alphabet: Its characters.
        prefixes: All of one length, at least one character.
        length: Characters to write.
        temperature: The logits are divided by it: below 1 the likely becomes likelier, and 0 takes the likeliest.
        seed: The same seed writes the same text, on one machine.

    Raises:
        ValueError: Prefixes of different lengths or empty ones, or a temperature below 0.
    """
    if not temperature >= 0 or len({len(prefix) for prefix in prefixes}) != 1 or not prefixes[0]:
        raise ValueError("give prefixes of one length, at least one character, and a temperature of 0 or more")
    chance = torch.Generator().manual_seed(seed)
    there = next(model.parameters()).device
    symbols, state, written = torch.stack([alphabet.encode(prefix) for prefix in prefixes]), None, []
    for _ in range(length):
        logits, state = model(symbols.to(there), state)
        last = logits[:, -1].float().cpu()
        last[:, 0] = -torch.inf  # it may read what it does not know, but never writes it
        if temperature:
            symbols = torch.multinomial(torch.softmax(last / temperature, dim=1), 1, generator=chance)
        else:
            symbols = last.argmax(dim=1, keepdim=True)
        written.append(symbols)
    return [alphabet.decode(row) for row in torch.cat(written, dim=1)] if written else [""] * len(prefixes)


@torch.inference_mode()
def log_probabilities(model: LanguageModel, symbols: torch.Tensor, *, chunk: int = 2048) -> np.ndarray:
    """What a model thinks of a text: logarithms, shape (length - 1, symbols), of each symbol's place after the first.

    The state runs on from the first symbol to the last, so only the first predictions lack what came before.
    """
    there, state, rows = next(model.parameters()).device, None, []
    if len(symbols) < 2:
        return np.zeros((0, model.config["symbols"]), dtype=np.float32)
    for part in symbols[:-1].split(chunk):
        logits, state = model(part[None].to(there), state)
        rows.append(torch.log_softmax(logits[0].float(), dim=1).cpu())
    return torch.cat(rows).numpy()


@torch.inference_mode()
def both_directions(forward: LanguageModel, backward: LanguageModel, symbols: torch.Tensor) -> np.ndarray:
    """A vector for each symbol in its place, shape (length, 2 × units): one half has read up to it, one down to it.

    Args:
        forward: Learned to predict the next symbol.
        backward: Learned to predict the one before: from a text that was read from its end.
        symbols: A text as numbers, shape (length,).
    """
    there = next(forward.parameters()).device
    before = forward.hidden(symbols[None].to(there))[0]
    behind = backward.hidden(symbols.flip(0)[None].to(there))[0].flip(0)
    return torch.cat([before, behind], dim=1).cpu().numpy()


@torch.inference_mode()
def fill_gap(
    forward: LanguageModel, backward: LanguageModel, before: torch.Tensor, behind: torch.Tensor, prior: np.ndarray
) -> np.ndarray:
    """Logarithms, shape (symbols,), of what stands between two pieces of text, by a vote of both directions.

    One direction never saw what is behind the gap, the other never what is before it. Were the two sides independent
    given what stands between them, it would have the probability p(it | left) p(it | right) / p(it), up to a constant.

    Args:
        forward: Learned to predict the next symbol.
        backward: Learned to predict the one before.
        before: Numbers of what stands before the gap, at least one.
        behind: And behind it.
        prior: Logarithms of how frequent each symbol is anywhere, shape (symbols,).
    """
    left = torch.log_softmax(forward(before[None])[0][0, -1].float(), dim=0)
    right = torch.log_softmax(backward(behind.flip(0)[None])[0][0, -1].float(), dim=0)
    return torch.log_softmax(left + right - torch.from_numpy(prior).float(), dim=0).numpy()


def perplexity(log_probability: np.ndarray) -> float:
    """How many equally likely symbols a model was as unsure as: e to the mean loss in nats."""
    return float(np.exp(-np.mean(log_probability)))


def save_language_model(path: Path | str, model: LanguageModel, alphabet: Alphabet | None = None) -> Path:
    """Writes weights in half precision, with all that is needed to make the model again, as one safetensors file."""
    config = model.config | {"characters": alphabet.characters[1:] if alphabet else ""}
    tensors = {name: value.detach().cpu().half().contiguous() for name, value in model.state_dict().items()}
    return write_whole(path, to_safetensors(tensors, metadata={CONFIG: json.dumps(config)}))


def load_language_model(
    path: Path | str, *, table: torch.Tensor | None = None
) -> tuple[LanguageModel, Alphabet | None]:
    """Reads what `save_language_model` wrote, in single precision, in eval mode.

    Args:
        path: The file.
        table: For a model of words, the vectors of the words that it is to read; any words, of the same width.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not such a file, or is damaged, or a table is missing or one too many.
    """
    path = require_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            config = json.loads((file.metadata() or {})[CONFIG])
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - it is no dict
        if broken := [name for name, weight in weights.items() if not weight.isfinite().all()]:
            raise ValueError(f"{path} is damaged ({broken[0]} holds what is no number); record it anew")
        tied, characters = config.pop("tied"), config.pop("characters")
        if tied != (table is not None):
            raise ValueError(f"{path.name} is a model of {'words: give a table' if tied else 'characters: no table'}")
        if tied:
            config["symbols"] = len(table)
        model = LanguageModel(**config, table=table)
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, RuntimeError, json.JSONDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} is damaged, or no language model of ours ({reason}); record it anew") from None
    return model.eval(), Alphabet(characters) if characters else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers.training.language", description="A text's LSTM.")
    parser.add_argument("text", type=Path, help="a file in UTF-8")
    parser.add_argument("--folder", type=Path, required=True, help="for checkpoints and the model")
    parser.add_argument("--epochs", type=float, default=5, help="how often the text is read (%(default)s)")
    parser.add_argument("--units", type=int, default=256, help="of the LSTM (%(default)s)")
    parser.add_argument("--layers", type=int, default=1, help="LSTMs above each other (%(default)s)")
    parser.add_argument("--device", help="cuda, mps or cpu; the best there is if not given")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the folder")
    options = parser.parse_args(argv)
    try:
        return _train_on(_read(options.text), options)
    except (OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1


def _read(path: Path) -> str:
    try:
        return require_file(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8") from None


def _train_on(text: str, options: argparse.Namespace) -> int:
    alphabet = Alphabet.of(text)
    torch.manual_seed(0)
    model = LanguageModel(len(alphabet), units=options.units, layers=options.layers)

    def report(trained: LanguageModel, epoch: int) -> None:
        print(f"epoch {epoch}: {sample(trained, alphabet, [text[:1]], temperature=0.7)[0]!r}", flush=True)

    # Two texts in which the same numbers stand for other characters look the same to the loop.
    letters = hashlib.sha256(alphabet.characters.encode()).hexdigest()[:16]
    run = train_language_model(
        model, alphabet.encode(text), epochs=options.epochs, device=options.device, checkpoint_dir=options.folder,
        resume=options.resume, on_epoch_end=report, identity={"characters": f"{len(alphabet)} (digest {letters})"},
    )  # fmt: skip
    print(f"{save_language_model(options.folder / 'model.safetensors', model, alphabet)}")
    if not run.finished:
        print(f"not finished: {run.stopped or 'interrupted'}; go on with --resume")
    return 0 if run.finished else 1


if __name__ == "__main__":
    raise SystemExit(main())
