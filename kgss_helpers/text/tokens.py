"""Tokenizers of several kinds behind one protocol: a text goes in, pieces with ids and places in the text come out.

None of them may lose a character without saying so: what a tokenizer leaves out is a piece too, without an id.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

import pandas as pd

if TYPE_CHECKING:
    import tokenizers

PART = re.compile(r" ?\S+|\s")
"""What a pair is never joined across: a word with the blank before it, or a blank of its own."""
HALF = re.compile("[\ud800-\udfff]")
"""Half of a character in UTF-16, alone: no encoding can write it, and no library reads it."""
GPT = {
    "gpt-2": ("gpt2", "openai-community/gpt2"),
    "gpt-3": ("p50k_base", None),
    "gpt-4": ("cl100k_base", "Xenova/gpt-4"),
    "gpt-4o": ("o200k_base", "Xenova/gpt-4o"),
}
"""Names → what tiktoken calls the vocabulary, and a place on the hub that has it."""
PATIENCE = 3
"""Seconds to wait for an answer of the hub."""


class Piece(NamedTuple):
    """A piece of a text.

    Attributes:
        shown: What the tokenizer makes of it, readable: bytes that are no whole character as hexadecimal numbers.
        id: Its number in the vocabulary; None for a part of the text that the tokenizer leaves out.
        start: The first character of the text that it stands for.
        end: The one behind the last. Two pieces may stand for parts of one character.
    """

    shown: str
    id: int | None
    start: int
    end: int


class Tokenizer(Protocol):
    """Anything that cuts a text into pieces of a vocabulary."""

    name: str
    size: int

    def pieces(self, text: str) -> list[Piece]:
        """In the order of the text; together they cover all of it."""


def spelled_out(text: str, pieces: Iterable[Piece]) -> str:
    """What the pieces cover of a text, each character once: all of it, if nothing is lost."""
    covered, done = [], 0
    for piece in pieces:
        covered.append(text[max(piece.start, done) : piece.end])
        done = max(done, piece.end)
    return "".join(covered)


def well_formed(text: str) -> str:
    """The text without halves of characters, which no encoding can write: each becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def without_halves(text: str) -> str:
    """The text with U+FFFD for each half of a character; unlike `well_formed`, every place stays what it was."""
    return HALF.sub("\N{REPLACEMENT CHARACTER}", text)


def counted_pieces(tokenizers: Iterable[Tokenizer], texts: Mapping[str, str]) -> pd.DataFrame:
    """How many pieces with an id each tokenizer makes of each text: a row a tokenizer, a column a text."""
    rows = {
        one.name: {name: sum(piece.id is not None for piece in one.pieces(text)) for name, text in texts.items()}
        for one in tokenizers
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("tokenizer")


# ------------------------------------------------------------------------------------------------- without learning


class Characters:
    """A piece a character (a code point of Unicode)."""

    name, size = "characters", 0x110000

    def pieces(self, text: str) -> list[Piece]:
        """One for each character; its id is its code point."""
        return [Piece(character, ord(character), place, place + 1) for place, character in enumerate(text)]


class Bytes:
    """A piece a byte of UTF-8: one for a Latin letter, two for an Arabic one, four for an emoji."""

    name, size = "bytes", 256

    def pieces(self, text: str) -> list[Piece]:
        """One for each byte, whose value is its id."""
        text = without_halves(text)
        return _byte_pieces(text, [(bytes([value]), value) for value in text.encode()])


def _byte_pieces(text: str, found: Iterable[tuple[bytes, int]]) -> list[Piece]:
    """Pieces from runs of bytes that make up a text, each with its id."""
    character_of = [place for place, character in enumerate(text) for _ in character.encode()]
    pieces, at = [], 0
    for run, number in found:
        pieces.append(Piece(readable(run), number, character_of[at], character_of[at + len(run) - 1] + 1))
        at += len(run)
    return pieces


def readable(run: bytes) -> str:
    """Bytes as the characters that they are; as hexadecimal numbers where one of them is not whole."""
    try:
        return run.decode()
    except UnicodeDecodeError:
        return run.hex(" ").upper()


# ------------------------------------------------------------------------------------------------ byte pairs, by hand

Pair = tuple[bytes, bytes]


def learn_merges(texts: Iterable[str], merges: int) -> list[Pair]:
    """Byte-pair encoding (Gage 1994; for words Sennrich, Haddow and Birch 2016), learned.

    All texts are cut into bytes. Then, again and again, the pair of neighbours that is most frequent becomes one
    symbol; of equally frequent ones the pair whose symbols are older.

    Args:
        texts: What to learn from.
        merges: How many symbols to add to the 256 bytes, at most.

    Returns:
        The pairs in the order in which they became symbols.
    """
    frequency = Counter(part for text in texts for part in PART.findall(without_halves(text)))
    cut = {part: [bytes([value]) for value in part.encode()] for part in frequency}
    age = {bytes([value]): value for value in range(256)}
    learned: list[Pair] = []
    while len(learned) < merges:
        pairs: Counter[Pair] = Counter()
        for part, symbols in cut.items():
            for pair in pairwise(symbols):
                pairs[pair] += frequency[part]
        if not pairs:
            break
        chosen = min(pairs, key=lambda pair: (-pairs[pair], age[pair[0]], age[pair[1]]))
        learned.append(chosen)
        age.setdefault(b"".join(chosen), len(age))
        cut = {part: joined(symbols, chosen) for part, symbols in cut.items()}
    return learned


def joined(symbols: list[bytes], pair: Pair) -> list[bytes]:
    """The symbols with each occurrence of a pair joined to one, from the left."""
    result: list[bytes] = []
    for symbol in symbols:
        if result and (result[-1], symbol) == pair and not isinstance(result[-1], _Joined):
            result[-1] = _Joined(result[-1] + symbol)
        else:
            result.append(symbol)
    return [bytes(symbol) for symbol in result]


class _Joined(bytes):
    """A symbol that was made in this very pass, and may not be joined again before the next."""


class BytePairs:
    """Byte-pair encoding by merges that were learned (see `learn_merges`): 256 bytes and what they were joined to."""

    def __init__(self, merges: Sequence[Pair], *, name: str = "byte pairs, by hand") -> None:
        self.name = name
        self.rank = {pair: place for place, pair in reversed(list(enumerate(merges)))}
        symbols = dict.fromkeys([*(bytes([value]) for value in range(256)), *(b"".join(pair) for pair in merges)])
        self.ids = {symbol: number for number, symbol in enumerate(symbols)}
        self.size = len(self.ids)

    def symbols(self, part: str) -> list[bytes]:
        """A word cut into bytes, whose pairs are joined in the order in which they were learned."""
        found = [bytes([value]) for value in part.encode()]
        while ranked := [pair for pair in pairwise(found) if pair in self.rank]:
            found = joined(found, min(ranked, key=self.rank.__getitem__))
        return found

    def pieces(self, text: str) -> list[Piece]:
        """In the order of the text."""
        text = without_halves(text)
        symbols = [symbol for part in PART.findall(text) for symbol in self.symbols(part)]
        return _byte_pieces(text, [(symbol, self.ids[symbol]) for symbol in symbols])


# ----------------------------------------------------------------------------------------------------- from libraries


def _byte_alphabet() -> dict[str, int]:
    """The signs that stand for the 256 bytes in byte-level vocabularies, which GPT-2 brought up (Radford 2019)."""
    themselves = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [value for value in range(256) if value not in themselves]
    return {chr(value): value for value in themselves} | {chr(256 + n): value for n, value in enumerate(others)}


class LibraryTokenizer:
    """A tokenizer of the library ``tokenizers``: trained here, or from a model's ``tokenizer.json``.

    Args:
        tokenizer: Of the library.
        name: What it is called in tables.
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer, *, name: str) -> None:
        self.tokenizer, self.name = tokenizer, name
        self.size = tokenizer.get_vocab_size()
        self._bytes = _byte_alphabet() if "ByteLevel" in str(tokenizer.pre_tokenizer) else None

    @classmethod
    def of_file(cls, path: Path | str, *, name: str) -> Self:
        """From a ``tokenizer.json``, which is data alone; whole texts are read, however long.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It holds no tokenizer; names the file.
        """
        import tokenizers

        if not Path(path).is_file():
            raise FileNotFoundError(f"there is no file {Path(path).resolve()}; a model's folder has a tokenizer.json")
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # its library raises no exception of a name
            raise ValueError(f"{path} holds no tokenizer ({error}); a model's folder has a tokenizer.json") from None
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(tokenizer, name=name)

    def pieces(self, text: str) -> list[Piece]:
        """In the order of the text; what is left out (blanks, marks, signs that steer) comes without an id."""
        found, pieces, done = self.tokenizer.encode(without_halves(text), add_special_tokens=False), [], 0
        for token, number, (start, end) in zip(found.tokens, found.ids, found.offsets, strict=True):
            if start > done:
                pieces.append(Piece(text[done:start], None, done, start))
            pieces.append(Piece(self._readable(token), number, start, end))
            done = max(done, end)
        if done < len(text):
            pieces.append(Piece(text[done:], None, done, len(text)))
        return pieces

    def _readable(self, token: str) -> str:
        if self._bytes is None or not all(sign in self._bytes for sign in token):
            return token
        return readable(bytes(self._bytes[sign] for sign in token))


def train_byte_pairs(texts: Iterable[str], size: int) -> LibraryTokenizer:
    """Byte-level byte-pair encoding, trained by the library ``tokenizers``.

    Args:
        texts: What to learn from.
        size: Of the vocabulary, the 256 bytes among them.
    """
    import tokenizers
    from tokenizers import models, pre_tokenizers, trainers

    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
    alphabet = sorted(_byte_alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(map(without_halves, texts), trainer)
    return LibraryTokenizer(tokenizer, name=f"byte pairs, {size:,}")


class GPTTokenizer:
    """A vocabulary of OpenAI's, by their library tiktoken."""

    def __init__(self, encoding: object, *, name: str) -> None:
        self.encoding, self.name, self.size = encoding, name, encoding.n_vocab

    def pieces(self, text: str) -> list[Piece]:
        """In the order of the text; whatever looks like a control sign is read as text."""
        text = without_halves(text)
        numbers = self.encoding.encode_ordinary(text)
        return _byte_pieces(text, [(self.encoding.decode_single_token_bytes(number), number) for number in numbers])


def load_gpt(name: str = "gpt-4") -> Tokenizer:
    """The tokenizer of a GPT: by tiktoken where it is installed, else from the hub. Both keep what they downloaded.

    Args:
        name: One of `GPT`.

    Raises:
        ValueError: There is none of this name.
        OSError: It is neither kept nor reachable; says what to do.
    """
    if name not in GPT:
        raise ValueError(f"there is no GPT tokenizer {name!r}; there are {', '.join(GPT)}")
    encoding, repository = GPT[name]
    try:
        import tiktoken
    except ImportError:
        tiktoken = None
    try:
        if tiktoken is not None:
            return GPTTokenizer(tiktoken.get_encoding(encoding), name=name)
        if repository is not None:
            return LibraryTokenizer.of_file(_of_hub(repository), name=name)
    except (OSError, ValueError) as error:
        reason = f"it would have to be downloaded, and that failed ({type(error).__name__})"
    else:
        reason = "it comes with tiktoken alone"
    raise OSError(
        f"the tokenizer of {name} cannot be had here: {reason}. With a network, `pip install tiktoken` and run this "
        "again; all else works without it"
    )


def _of_hub(repository: str) -> str:
    """The path of a repository's ``tokenizer.json``: as kept, else downloaded. Without a network it fails at once."""
    from urllib.request import Request, urlopen

    from huggingface_hub import hf_hub_download, hf_hub_url

    try:
        return hf_hub_download(repository, "tokenizer.json", local_files_only=True)
    except (OSError, ValueError):
        # The hub's own client would try for half a minute, and write so on the screen.
        urlopen(Request(hf_hub_url(repository, "tokenizer.json"), method="HEAD"), timeout=PATIENCE).close()
        return hf_hub_download(repository, "tokenizer.json")
