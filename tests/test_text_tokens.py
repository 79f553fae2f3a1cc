"""Tokenizers: nothing is lost, the hand-made one is the library's, and what cannot be had is said."""

import random
import sys
import types
from itertools import product
from pathlib import Path

import pytest

from kgss_helpers.methods.pretrained import offline_model_path
from kgss_helpers.text import tokens
from kgss_helpers.text.tokens import (
    BytePairs,
    Bytes,
    Characters,
    GPTTokenizer,
    LibraryTokenizer,
    Piece,
    Tokenizer,
    counted_pieces,
    joined,
    learn_merges,
    load_gpt,
    readable,
    spelled_out,
    train_byte_pairs,
    well_formed,
)

TOY = "low low low lower lowest newer newer wider"
NASTY = ["a", "B", " ", "\n", "\t", "\x00", "\u200b", "\u200d", "\u200f", "\ufeff", "é", "e\u0301", "\u0301", "ø", "ő"]
NASTY += [
    "İ",
    "ß",
    "ﬁ",
    "½",
    "日",
    "م",
    "\u064b",
    "ש",
    "👩",
    "👩\u200d🚀",
    "👍🏽",
    "🇭🇺",
    "[UNK]",
    "##a",
    "<|endoftext|>",
    "Ġ",
]


class OneByteEach:
    """What tiktoken's encodings can do, with a vocabulary of bytes."""

    n_vocab = 256

    def encode_ordinary(self, text: str) -> list[int]:
        return list(text.encode())

    def decode_single_token_bytes(self, number: int) -> bytes:
        return bytes([number])


@pytest.fixture(scope="module")
def tokenizers() -> list[Tokenizer]:
    learned = train_byte_pairs([TOY, "Ein kleiner Text über Züge"], 300)
    wordpiece = LibraryTokenizer.of_file(offline_model_path() / "tokenizer.json", name="WordPiece")
    by_hand = BytePairs(learn_merges([TOY], 8))
    return [Characters(), Bytes(), by_hand, learned, wordpiece, GPTTokenizer(OneByteEach(), name="stand-in")]


def test_no_tokenizer_loses_a_character_of_any_text(tokenizers: list[Tokenizer]) -> None:
    rng = random.Random(6)
    texts = ["", *NASTY, *(first + second for first, second in product(NASTY, NASTY))]
    texts += ["".join(rng.choices(NASTY, k=rng.randint(3, 30))) for _ in range(200)]
    for tokenizer in tokenizers:
        for text in texts:
            pieces = tokenizer.pieces(text)
            assert spelled_out(text, pieces) == text, (tokenizer.name, text)
            starts = [piece.start for piece in pieces]
            assert starts == sorted(starts)
            assert all(0 <= piece.start < piece.end <= len(text) for piece in pieces)


def test_ids_stay_within_the_vocabulary(tokenizers: list[Tokenizer]) -> None:
    for tokenizer in tokenizers:
        for text in NASTY:
            assert all(piece.id is None or 0 <= piece.id < tokenizer.size for piece in tokenizer.pieces(text))


def test_merges_are_those_that_one_counts_by_eye() -> None:
    merges = learn_merges([TOY], 8)
    assert merges[:3] == [(b"l", b"o"), (b"lo", b"w"), (b" ", b"low")]
    assert learn_merges(["ab ab"], 50) == [(b"a", b"b"), (b" ", b"ab")]
    assert learn_merges([], 5) == []


def test_a_pair_is_joined_from_the_left_and_once_a_pass() -> None:
    assert joined([b"a"] * 5, (b"a", b"a")) == [b"aa", b"aa", b"a"]
    assert joined([b"a", b"b", b"b"], (b"a", b"b")) == [b"ab", b"b"]
    assert joined([], (b"a", b"b")) == []


def test_known_pieces_and_single_bytes_make_up_a_new_word() -> None:
    pieces = BytePairs(learn_merges([TOY], 8)).pieces("slower")
    assert [piece.shown for piece in pieces] == ["s", "low", "er"]
    assert pieces[1] == Piece("low", 257, 1, 4)


def test_a_byte_that_is_no_whole_character_is_shown_as_a_number() -> None:
    assert readable("é".encode()[:1]) == "C3"
    assert [piece.shown for piece in Bytes().pieces("é")] == ["C3", "A9"]
    assert {(piece.start, piece.end) for piece in Bytes().pieces("👩")} == {(0, 1)}


def test_training_gives_the_size_and_the_same_vocabulary_again() -> None:
    one, other = (train_byte_pairs([TOY] * 3, 270) for _ in range(2))
    assert one.size == other.size == 270
    assert one.tokenizer.get_vocab() == other.tokenizer.get_vocab()


def test_what_wordpiece_leaves_out_is_a_piece_without_id(tokenizers: list[Tokenizer]) -> None:
    pieces = tokenizers[4].pieces("Cafe\u0301 ☕")
    assert (pieces[0].shown, pieces[0].id is None) == ("cafe", False)
    assert "[UNK]" in [piece.shown for piece in pieces]
    assert any(piece.id is None for piece in pieces)


def test_long_texts_are_read_whole(tokenizers: list[Tokenizer]) -> None:
    assert len(tokenizers[4].pieces("film " * 2000)) > 2000


def test_only_pieces_with_an_id_are_counted(tokenizers: list[Tokenizer]) -> None:
    table = counted_pieces([tokenizers[0], tokenizers[4]], {"one": "a b", "none": ""})
    assert table.loc["characters"].tolist() == [3, 0]
    assert table.loc["WordPiece"].tolist() == [2, 0]


def test_half_a_character_becomes_a_replacement() -> None:
    assert well_formed("a\ud83d") == "a\ufffd"
    assert well_formed("\ud83d\ude00") == "😀"


# ------------------------------------------------------------------------------------------------------ GPT's, online


def test_a_gpt_tokenizer_that_cannot_be_had_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_args: object, **_kwargs: object) -> None:
        raise OSError("no network")

    monkeypatch.setitem(sys.modules, "tiktoken", None)
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", no_network)
    with pytest.raises(OSError, match=r"gpt-4 cannot be had here.*all else works without it"):
        load_gpt("gpt-4")
    with pytest.raises(OSError, match="comes with tiktoken alone"):
        load_gpt("gpt-3")
    with pytest.raises(ValueError, match="there are gpt-2, gpt-3, gpt-4"):
        load_gpt("gpt-9")


def test_tiktoken_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = types.SimpleNamespace(get_encoding=lambda name: OneByteEach() if name == "cl100k_base" else None)
    monkeypatch.setitem(sys.modules, "tiktoken", stand_in)
    tokenizer = load_gpt("gpt-4")
    assert tokenizer.name == "gpt-4"
    assert [piece.id for piece in tokenizer.pieces("hi")] == [104, 105]


def test_the_hub_is_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    path = str(offline_model_path() / "tokenizer.json")
    monkeypatch.setattr(tokens, "_of_hub", lambda _repository: path)
    assert load_gpt("gpt-4").size == 30522


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has a tokenizer\.json"):
        LibraryTokenizer.of_file(tmp_path / "no.json", name="x")


def test_half_a_character_keeps_its_place_in_every_tokenizer() -> None:
    half = "ab\ud83dcd"
    texts = ["the word ab cd", half]
    for one in (Bytes(), BytePairs(learn_merges(texts, 5)), train_byte_pairs(texts, 270)):
        assert spelled_out(half, one.pieces(half)) == half, one.name


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"{}"])
def test_a_file_without_a_tokenizer_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"tokenizer\.json holds no tokenizer"):
        LibraryTokenizer.of_file(path, name="x")
