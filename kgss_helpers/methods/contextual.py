"""What a transformer makes of each token of a text, layer by layer: a word's vector in its sentence, and attention."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from kgss_helpers.files import shortened
from kgss_helpers.methods.pretrained import PACKAGED, check_offline_model, offline_model_path
from kgss_helpers.text.tokens import without_halves

SAID = 200
"""Letters of a text, at most, that a message repeats."""


@dataclass(frozen=True)
class Reading:
    """One text, as a model read it.

    Attributes:
        text: The text.
        tokens: Its pieces, with those that the model puts before and behind it.
        spans: Where each piece stands in the text: start and end; both 0 for what the model added.
        layers: Vectors, shape (layers + 1, tokens, dimensions), float32. Layer 0 is what goes into the first layer: the
            table's vector of the token and that of its place.
        attention: Shares, shape (layers, heads, tokens, tokens), float32: how much the row's token takes from the
            column's. Each row sums to 1.
    """

    text: str
    tokens: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    layers: np.ndarray
    attention: np.ndarray

    def word(self, word: str) -> np.ndarray:
        """The vector of a word in every layer, shape (layers + 1, dimensions): the mean of its pieces.

        The word is looked for as it is written, in capitals or not, and the first one counts.

        Raises:
            ValueError: It does not stand in the text, or behind the end of what the model can read.
        """
        return self.layers[:, self.pieces(word)].mean(axis=1)

    def pieces(self, word: str) -> list[int]:
        """The places of the tokens that a word consists of; raises ValueError as `word` does."""
        found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.text, re.IGNORECASE) if word else None
        if found is None:
            raise ValueError(f"the word {_said(word)!r} does not stand in {_said(self.text)!r}")
        inside = [place for place, (start, end) in enumerate(self.spans) if start < found.end() and end > found.start()]
        if not inside:
            behind = f"stands behind the {len(self.tokens)} tokens that the model can read"
            raise ValueError(f"{_said(word)!r} {behind}, or is made of signs that it leaves out")
        return inside


def _said(text: str) -> str:
    return text if len(text) <= SAID else shortened(text, SAID)


class ContextualModel:
    """A transformer that shows its work.

    Args:
        model: Of the `transformers` library, with eager attention, so that it hands its shares out.
        tokenizer: Its fast tokenizer.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer

    @classmethod
    def load(cls, name: str = PACKAGED, *, device: str = "cpu") -> Self:
        """The packaged all-MiniLM-L6-v2 (6 layers, 12 heads, 384 dimensions; Wang and others 2020), or one of the hub.

        Raises:
            FileNotFoundError: The packaged model is not installed.
            ValueError: Its weights are not the published ones.
            OSError: A hub model is neither cached nor reachable.
        """
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        if name == PACKAGED:
            check_offline_model()
        there = str(offline_model_path()) if name == PACKAGED else name
        model = AutoModel.from_pretrained(there, attn_implementation="eager", local_files_only=name == PACKAGED)
        tokenizer = AutoTokenizer.from_pretrained(there, local_files_only=name == PACKAGED)
        return cls(model.to(device), tokenizer)

    def read(self, text: str) -> Reading:
        """Reads one text; what is too long for the model is left out at its end."""
        import torch

        encoded = self.tokenizer(
            without_halves(text),
            return_tensors="pt",
            return_offsets_mapping=True,
            truncation=True,
            max_length=self._longest(),
        )
        spans = encoded.pop("offset_mapping")[0].tolist()
        with torch.inference_mode():
            output = self.model(**encoded.to(self.model.device), output_hidden_states=True, output_attentions=True)
        return Reading(
            text=text,
            tokens=tuple(self.tokenizer.convert_ids_to_tokens(encoded["input_ids"][0])),
            spans=tuple((start, end) for start, end in spans),
            layers=torch.cat(output.hidden_states).float().cpu().numpy(),
            attention=torch.cat(output.attentions).float().cpu().numpy(),
        )

    def words(self, word: str, sentences: Sequence[str]) -> np.ndarray:
        """The vectors of one word in several sentences, shape (sentences, layers + 1, dimensions)."""
        return np.stack([self.read(sentence).word(word) for sentence in sentences])

    def run(self, texts: Sequence[str]) -> np.ndarray:
        """The last layer's vectors of all tokens, texts as one batch: shape (texts, longest, dimensions), float32."""
        import torch

        encoded = self.tokenizer(
            [without_halves(text) for text in texts],
            return_tensors="pt",
            padding=True,
            truncation=True,
            max_length=self._longest(),
        )
        with torch.inference_mode():
            return self.model(**encoded.to(self.model.device)).last_hidden_state.float().cpu().numpy()

    def _longest(self) -> int:
        return min(self.tokenizer.model_max_length, self.model.config.max_position_embeddings)
