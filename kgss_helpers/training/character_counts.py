"""A language model without a network: how often each character followed the last few, and fewer where those are new."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Self

import numpy as np

from kgss_helpers.training.language import Alphabet


class CharacterCounts:
    """Interpolated n-grams of characters (Witten and Bell 1991, method C).

    A context that was followed by n characters, t of them different, has the say with weight n / (n + t); the rest goes
    to the context that is one character shorter, and at last to all characters alike.

    Args:
        alphabet: The characters.
        order: Length of an n-gram: it looks at ``order - 1`` characters.
    """

    def __init__(self, alphabet: Alphabet, order: int = 5) -> None:
        if order < 1:
            raise ValueError("an n-gram has at least one character")
        self.alphabet, self.order = alphabet, order
        self._counts: list[dict[str, Counter[str]]] = [defaultdict(Counter) for _ in range(order)]

    def fit(self, text: str) -> Self:
        """Counts what follows each context of up to ``order - 1`` characters."""
        for size, table in enumerate(self._counts):
            for end in range(size, len(text)):
                table[text[end - size : end]][text[end]] += 1
        return self

    def probabilities(self, context: str) -> np.ndarray:
        """Of each character of the alphabet, to come next; shape (characters,), float64."""
        found = np.full(len(self.alphabet), 1 / len(self.alphabet))
        for size, table in enumerate(self._counts):
            if size > len(context) or not (counts := table.get(context[len(context) - size :])):
                break
            total, different = counts.total(), len(counts)
            found *= different / (total + different)
            for character, count in counts.items():
                found[self.alphabet.number(character)] += count / (total + different)
        return found

    def log_probabilities(self, text: str) -> np.ndarray:
        """Logarithms, shape (length - 1, characters), of each character's place after the first, as the LSTM's are."""
        reach = self.order - 1
        if len(text) < 2:
            return np.zeros((0, len(self.alphabet)))
        rows = [self.probabilities(text[max(0, end - reach) : end]) for end in range(1, len(text))]
        return np.log(np.stack(rows))

    def sample(self, prefix: str, *, length: int = 200, temperature: float = 1.0, seed: int = 0) -> str:
        """Goes on from a prefix, which is not in what it returns; the same seed writes the same.

        Raises:
            ValueError: A temperature below 0; at 0 the likeliest is taken.
        """
        if not temperature >= 0:
            raise ValueError(f"a temperature is 0 or more, not {temperature}")
        chance, text = np.random.default_rng(seed), prefix
        for _ in range(length):
            scaled = self.probabilities(text[max(0, len(text) - self.order + 1) :])
            scaled[0] = 0.0
            scaled /= scaled.max()  # so that the likeliest stays 1 however cold it is
            scaled = scaled ** (1 / temperature) if temperature else (scaled == 1).astype(float)
            if not temperature:
                scaled[scaled.argmax() + 1 :] = 0.0
            text += self.alphabet.characters[chance.choice(len(scaled), p=scaled / scaled.sum())]
        return text[len(prefix) :]
