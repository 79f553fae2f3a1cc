"""A convolutional network that reads characters, and what it makes of a text as a method of the exam.

It has no vocabulary of words: whatever is typed is a row of characters, so there is an answer to every word.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save

from kgss_helpers.files import write_whole
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.text.documents import Style, documents

PADDING, UNKNOWN = 0, 1
"""What stands behind a text that is shorter than others, and for a character that no training text had."""
LONGEST = 128
"""Characters of a text that are read; what stands behind them is not."""


def alphabet_of(texts: Iterable[str], *, at_least: int = 3) -> str:
    """The characters that occur so often, case folded, in the order of their code points."""
    counts = Counter(character for text in texts for character in text.casefold())
    return "".join(sorted(character for character, count in counts.items() if count >= at_least))


class CharCNN(torch.nn.Module):
    """Characters → embeddings → convolutions of several widths → the largest value of each → a linear layer.

    Kim's network for sentences (2014, https://arxiv.org/abs/1408.5882), on characters as in Zhang, Zhao and LeCun
    (2015, https://arxiv.org/abs/1509.01626). A convolution of width 3 is a detector of some three characters; its
    largest value says whether they stand anywhere in the text.

    Args:
        alphabet: The characters it tells apart.
        outputs: How many numbers it gives for a text.
        embedding: Numbers that stand for a character.
        channels: Detectors of each width.
        widths: How many characters a detector sees.
        dropout: Share of the found values that is hidden while it trains.
        longest: Characters that are read of a text.
    """

    def __init__(
        self,
        alphabet: str,
        outputs: int,
        *,
        embedding: int = 16,
        channels: int = 96,
        widths: Sequence[int] = (2, 3, 4, 5),
        dropout: float = 0.2,
        longest: int = LONGEST,
    ) -> None:
        super().__init__()
        self.alphabet, self.widths, self.longest = alphabet, tuple(widths), longest
        self.settings = {"outputs": outputs, "embedding": embedding, "channels": channels, "widths": list(widths)}
        self.settings |= {"dropout": dropout, "longest": longest}
        self._place = {character: place for place, character in enumerate(alphabet, start=UNKNOWN + 1)}
        self.embedding = torch.nn.Embedding(len(alphabet) + 2, embedding, padding_idx=PADDING)
        self.convolutions = torch.nn.ModuleList(torch.nn.Conv1d(embedding, channels, width) for width in widths)
        # Largest values are never negative, so all texts would point the same way; this takes away what they share.
        self.norm = torch.nn.BatchNorm1d(channels * len(widths))
        self.dropout = torch.nn.Dropout(dropout)
        self.output = torch.nn.Linear(channels * len(widths), outputs)

    def numbers(self, texts: Sequence[str]) -> torch.Tensor:
        """Places in the alphabet, shape (texts, `longest`), int64: `PADDING` behind the end, `UNKNOWN` for others."""
        rows = torch.full((len(texts), self.longest), PADDING)
        for row, text in enumerate(texts):
            found = [self._place.get(character, UNKNOWN) for character in text.casefold()[: self.longest]]
            rows[row, : len(found)] = torch.tensor(found, dtype=torch.int64)
        return rows

    def found(self, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What each detector found: the largest value, and where its window begins, both (texts, detectors).

        A window that begins before the text has a negative place.
        """
        used = int((numbers != PADDING).any(dim=0).sum())
        edge = max(self.widths) - 1
        # Padding at both ends of every text, so that its vector does not depend on how long the others are.
        padded = torch.nn.functional.pad(numbers[:, :used], (edge, edge), value=PADDING)
        read = self.embedding(padded).transpose(1, 2)
        best = [torch.relu(convolution(read)).max(dim=2) for convolution in self.convolutions]
        return torch.cat([one.values for one in best], dim=1), torch.cat([one.indices for one in best], dim=1) - edge

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Shape (texts, outputs), for numbers of shape (texts, characters)."""
        return self.output(self.dropout(self.norm(self.found(numbers)[0])))

    def save(self, path: Path | str) -> Path:
        """Keeps weights in half precision, alphabet and settings in one ``.safetensors``; returns the path."""
        state = self.state_dict().items()
        weights = {name: weight.half() if weight.is_floating_point() else weight for name, weight in state}
        about = {"alphabet": self.alphabet, "settings": json.dumps(self.settings)}
        return write_whole(path, save(weights, metadata=about))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Reads what `save` wrote, ready to be asked.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It holds no such network; names the file.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"there is no file {Path(path).resolve()}; train the network and save it")
        try:
            with safe_open(path, framework="pt") as kept:
                about = kept.metadata()
                model = cls(about["alphabet"], **json.loads(about["settings"]))
                model.load_state_dict({name: kept.get_tensor(name) for name in kept.keys()})  # noqa: SIM118
            if not all(weight.isfinite().all() for weight in model.state_dict().values()):
                raise ValueError("some weights are no numbers")
        except Exception as error:  # its library raises an exception of its own, without a name to import
            raise ValueError(
                f"{Path(path).name} holds no character network ({error}); train and save it again"
            ) from None
        return model.eval()


def unit_vectors(model: CharCNN, texts: Sequence[str], *, batch_size: int = 256) -> np.ndarray:
    """Unit vectors, shape (texts, outputs), float32; zeros for an empty text, each distinct text computed once."""
    distinct = sorted({text for text in texts if text}, key=lambda text: (len(text), text))
    place = {text: row for row, text in enumerate(distinct)}
    device = next(model.parameters()).device
    vectors = [np.zeros((0, model.output.out_features), dtype=np.float32)]
    with torch.no_grad():
        for start in range(0, len(distinct), batch_size):
            given = model.numbers(distinct[start : start + batch_size]).to(device)
            vectors.append(torch.nn.functional.normalize(model(given).float(), dim=1).cpu().numpy())
    found = np.concatenate([*vectors, np.zeros((1, model.output.out_features), dtype=np.float32)])
    return found[[place.get(text, -1) for text in texts]]


class CharacterEncoder:
    """Texts of nodes, and questions, as a network reads them character by character.

    Args:
        model: A trained network, or a function that trains one on the training graph and says how many seconds of
            processor time it took.
        style: Which text stands for a node (`kgss_helpers.text.documents`).
        name: The row in the exam's table.
    """

    def __init__(
        self,
        model: CharCNN | Callable[[KnowledgeGraph], tuple[CharCNN, float]],
        style: Style = "skills",
        *,
        name: str = "character CNN",
    ) -> None:
        self.model, self.style, self.name = model, style, name
        self.sees = f"texts of nodes: {style}, by character"
        self.training_seconds = 0.0

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Trains the network if that is to be done, once: a second fit finds it trained."""
        if not isinstance(self.model, CharCNN):
            self.model, self.training_seconds = self.model(graph)
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Unit vectors, shape (nodes, dimensions), float32."""
        return unit_vectors(self.model, documents(graph, self.style))

    def encode_some(self, graph: KnowledgeGraph, rows: Sequence[int]) -> np.ndarray:
        """Unit vectors of these rows of ``graph.nodes`` alone."""
        texts = documents(graph, self.style)
        return unit_vectors(self.model, [texts[row] for row in rows])

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (texts, dimensions), float32; zeros for an empty text."""
        return unit_vectors(self.model, texts)
