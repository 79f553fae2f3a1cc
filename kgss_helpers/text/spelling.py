"""A spell checker of a few lines: the known words that are one or two slips away, the most frequent first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

WORD = re.compile(r"[^\W\d_]+")
SHORTEST = 4
"""Shorter words are left alone: nearly everything is one slip away from them."""


class Speller:
    """Knows words and how frequent they are; proposes the known words that look like one it does not know.

    By Norvig's recipe (2007, https://norvig.com/spell-correct.html), after Damerau (1964): a slip leaves a letter out,
    puts one in, changes one, or swaps two neighbours.

    Args:
        frequency: How often each word was met, in lower case; the larger, the sooner it is proposed.
    """

    def __init__(self, frequency: Mapping[str, float]) -> None:
        self.frequency = frequency

    @cached_property
    def letters(self) -> str:
        """All letters of the known words."""
        return "".join(sorted({letter for word in self.frequency for letter in word}))

    @cached_property
    def longest(self) -> int:
        """Letters of the longest known word."""
        return max(map(len, self.frequency), default=0)

    def one_slip_from(self, word: str) -> Iterator[str]:
        """Everything that one slip makes of a word."""
        for at in range(len(word) + 1):
            head, tail = word[:at], word[at:]
            if tail:
                yield head + tail[1:]
            if len(tail) > 1:
                yield head + tail[1] + tail[0] + tail[2:]
            for letter in self.letters:
                yield head + letter + tail
                if tail:
                    yield head + letter + tail[1:]

    def proposals(self, word: str, *, slips: int = 2) -> list[str]:
        """Known words so few slips away, the most frequent first; of one slip, if there are any, else of two.

        Args:
            word: As it was typed, in lower case.
            slips: 1, or 2, which takes some hundred times as long where one slip leads nowhere.
        """
        if word in self.frequency:
            return [word]
        if len(word) > self.longest + slips:  # however it is mended, it stays longer than all known words
            return []
        near = set(self.one_slip_from(word))
        found = self._known(near)
        if not found and slips > 1:
            found = self._known(other for one in near for other in self.one_slip_from(one))
        return found

    def _known(self, words: Iterable[str]) -> list[str]:
        return sorted(
            {word for word in words if word in self.frequency}, key=lambda word: (-self.frequency[word], word)
        )

    def corrected(self, text: str, *, slips: int = 1) -> str:
        """The text with each unknown word of `SHORTEST` letters or more replaced by the first proposal, if any."""

        def mend(match: re.Match[str]) -> str:
            word = match[0].lower()
            if len(word) < SHORTEST or word in self.frequency:
                return match[0]
            return next(iter(self.proposals(word, slips=slips)), match[0])

        return WORD.sub(mend, text)
