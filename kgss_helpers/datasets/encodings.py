"""Which encoding a file is written in: UTF-8, or the one among those of old in which its words look right."""

from __future__ import annotations

import itertools
import re
import unicodedata
from pathlib import Path

from kgss_helpers.files import announce, counted, open_bytes, require_file
from kgss_helpers.graph import GraphError

_GUESSES = ("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "iso8859_2", "mac_roman", "cp932", "gb18030", "cp949")
"""Encodings of old, the most common first."""
_ALPHABETS = {
    "Hungarian": "áéíóöőúüű",
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Polish": "ąćęłńóśźż",
    "Croatian": "čćđšž",
    "Romanian": "ăâîşţ",
}
"""Letters beyond a to z of the languages that Windows-1250 was made for; Windows-1252 shows them as other letters."""
_FEW_BAD = 0.02
"""A file of which at most this share of the letters beyond ASCII is not UTF-8 is UTF-8 with damaged places."""


def read_text(path: Path | str, encoding: str | None = None) -> str:
    """The text of a file in UTF-8, UTF-16 with a byte order mark, or whatever other encoding it most likely has.

    A guess is announced by a warning, since a wrong one turns names into other names.

    Args:
        path: The file, plain or as ``.gz``.
        encoding: What the file is written in, if it is known.

    Raises:
        GraphError: The file is no text in the encoding, or in none known here.
    """
    path = require_file(path)
    with open_bytes(path) as file:
        raw = file.read()
    utf_16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    wanted = encoding or ("utf-16" if utf_16 else "utf-8-sig")
    try:
        text = raw.decode(wanted)
    except LookupError:
        raise GraphError(f"there is no encoding {encoding!r}; try 'utf-8', 'cp1252' or 'shift_jis'") from None
    except UnicodeDecodeError as error:
        text = _decoded_all_the_same(raw, path.name, error, guess=encoding is None and not utf_16)
    if "\0" in text:
        raise GraphError(f"{path.name}: not a text file (it holds zero bytes); save it as CSV in UTF-8")
    return text.removeprefix("\ufeff")


def _decoded_all_the_same(raw: bytes, name: str, error: UnicodeDecodeError, *, guess: bool) -> str:
    """What can be made of bytes that are not in the encoding in which they should be."""
    before = error.object[: error.start]
    ends_inside = error.reason in ("unexpected end of data", "truncated data")
    if ends_inside and not (guess and before.isascii()):
        announce(f"{name} ends in the middle of a letter: it is cut off. Compare its last row with the original")
        return before.decode(error.encoding)
    if not guess:
        raise GraphError(f"{name}: not a text in {error.encoding} ({error.reason}); pass the right encoding")
    if (mended := _with_damaged_places(raw, name)) is not None:
        return mended
    best = _guessed_encoding(raw)
    if best is None:
        raise GraphError(f"{name}: not a text file in any encoding known here; save it as UTF-8")
    announce(
        f"{name} is not UTF-8; read as {best}. Check names with accents, pass another encoding, or save it as UTF-8"
    )
    return raw.decode(best)


def _with_damaged_places(raw: bytes, name: str) -> str | None:
    """UTF-8 with few bytes that are none, each of them replaced; None where there are too many for that."""
    text = raw.decode("utf-8", errors="surrogateescape")
    bad = [place for place, letter in enumerate(text) if "\ud800" <= letter <= "\udfff"]
    letters = sum(not letter.isascii() for letter in text) - len(bad)
    if not letters or len(bad) > max(1, _FEW_BAD * letters):
        return None
    lines = list(dict.fromkeys(text.count("\n", 0, place) + 1 for place in bad[:5]))
    where = f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}{' and more' * (len(bad) > 5)}"
    announce(f"{name}, {where}: {counted(len(bad), 'byte')} not UTF-8, replaced by \ufffd; mend what stands there")
    return raw.decode("utf-8-sig", errors="replace")


def _guessed_encoding(raw: bytes) -> str | None:
    """The most common encoding in which the fewest words look odd; short tables defeat statistics of letters.

    Windows-1250 shares most letters with Windows-1252, so it is taken where all letters beyond ASCII are those of one
    language that it was made for, and Windows-1252 would show some of them as others.
    """
    odd, texts = {}, {}
    for encoding in _GUESSES:
        try:
            texts[encoding] = raw.decode(encoding)
            odd[encoding] = sum(map(_looks_odd, set(re.split(r"[\s,;|\"]+", texts[encoding]))))
        except UnicodeDecodeError:
            continue
    if odd:
        best = min(odd, key=odd.__getitem__)
        return "cp1250" if best == "cp1252" and _is_central_european(texts.get("cp1250", ""), texts[best]) else best
    from charset_normalizer import from_bytes

    best = from_bytes(raw).best()
    return best and best.encoding


def _is_central_european(text: str, western: str) -> bool:
    """Whether the letters of a text are one language's of Central Europe, and the Western reading is none of theirs."""
    letters, others = ({letter for letter in read.lower() if letter.isalpha()} for read in (text, western))
    beyond = {letter for letter in letters if not letter.isascii()}
    differing = beyond - others
    return len(differing) > 0 and any(beyond <= set(alphabet) for alphabet in _ALPHABETS.values())


def _looks_odd(word: str) -> bool:
    """Two scripts, a sign or a capital among small letters, or accents all over: a word in the wrong encoding."""
    if word.isascii():
        return False
    word = word.strip("()[]«»‹›“”„‘’‚'!?¡¿.:…-–—")
    letters = [letter for letter in word if letter.isalpha()]
    scripts = {unicodedata.name(letter, "NONE").split()[0] for letter in letters}
    scripts -= {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"} if "CJK" in scripts else set()
    signs = any(not letter.isalnum() and letter not in "'’.-–·&/" for letter in word if not letter.isascii())
    capitals = any(b.isupper() and a.islower() and not b.isascii() for a, b in itertools.pairwise(word))
    accents = sum(not letter.isascii() for letter in letters) > max(2, len(letters) / 2)
    return signs or capitals or len(scripts) > 1 or "HALFWIDTH" in scripts or (scripts == {"LATIN"} and accents)
