"""Program text to learn from: the standard library's own Python files, where they lie on the reader's machine."""

from __future__ import annotations

import hashlib
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

READABLE = frozenset(map(chr, range(32, 127))) | {"\n"}
CLOSES = {")": "(", "]": "[", "}": "{"}
STRING_OR_COMMENT = re.compile(
    r'''\#[^\n]*
    | """(?:\\.|.)*?(?:"""|\Z) | \'{3}(?:\\.|.)*?(?:\'{3}|\Z)
    | "(?:\\.|[^"\\\n])*"?
    | '(?:\\.|[^'\\\n])*'?''',
    re.VERBOSE | re.DOTALL,
)
HELD_OUT = 16
"""Of 256 files, so many are held out: those whose name's digest begins with a smaller byte."""


class SourceCode(NamedTuple):
    """Two texts and the names of the files they were read from."""

    training: str
    held_out: str
    training_files: tuple[str, ...]
    held_out_files: tuple[str, ...]


def source_code(folder: Path | str | None = None, *, most: int = 1_000_000, most_held_out: int = 60_000) -> SourceCode:
    """Python source in printable ASCII: other characters become ``?``, and a tab four spaces.

    Which file is held out, and which come first until there is enough, is decided by the digest of its name: the same
    on every machine, and where another Python lacks a file, the others keep their order. The text of a file differs
    between versions of Python, so what is learned from it does too.

    Args:
        folder: Whose ``*.py`` are read, without sub-folders; the standard library's if not given.
        most: Characters to learn from at most.
        most_held_out: Characters that are held out at most.

    Raises:
        FileNotFoundError: No Python file to learn from is there (a Python that carries its library as a zip, say).
    """
    folder = Path(folder or sysconfig.get_paths()["stdlib"])
    files = sorted(filter(Path.is_file, folder.glob("*.py")), key=lambda path: _digest(path.name))
    held_out, held_out_files = _joined((path for path in files if _digest(path.name)[0] < HELD_OUT), most_held_out)
    training, training_files = _joined((path for path in files if _digest(path.name)[0] >= HELD_OUT), most)
    if not training:
        raise FileNotFoundError(f"there is no Python file in {folder.resolve()}; pass a folder that has some")
    return SourceCode(training, held_out, training_files, held_out_files)


def _joined(files: Iterator[Path], most: int) -> tuple[str, tuple[str, ...]]:
    texts, names, size = [], [], 0
    for path in files:
        if size >= most:
            break
        raw = path.read_text(encoding="utf-8", errors="replace").expandtabs(4)
        text = "".join(letter if letter in READABLE else "?" for letter in raw)[: most - size]
        texts.append(text)
        names.append(path.name)
        size += len(text)
    return "".join(texts), tuple(names)


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def open_brackets(text: str) -> str:
    """The brackets still open at the end of a text, the outermost first; one that closes nothing is ignored."""
    still_open: list[str] = []
    for letter in text:
        if letter in "([{":
            still_open.append(letter)
        elif still_open and CLOSES.get(letter) == still_open[-1]:
            still_open.pop()
    return "".join(still_open)


def closes_them(before: str, after: str) -> bool:
    """Whether what is open at the end of one text is closed by the next one, each bracket by its own kind, in order."""
    still_open = list(open_brackets(before))
    for letter in after:
        if not still_open:
            break
        if letter in "([{":
            still_open.append(letter)
        elif letter in CLOSES and still_open.pop() != CLOSES[letter]:
            return False
    return not still_open


def quoted(text: str) -> list[bool]:
    """For each character of Python source, whether it stands inside a string, quotes included; a comment is none."""
    inside: list[bool] = []
    for found in STRING_OR_COMMENT.finditer(text):
        inside += [False] * (found.start() - len(inside))
        inside += [not found[0].startswith("#")] * len(found[0])
    return inside + [False] * (len(text) - len(inside))


def indentation(text: str) -> list[int]:
    """For each character, with how many spaces its line begins, as far as one has read."""
    found, spaces, at_start = [], 0, True
    for letter in text:
        if letter == "\n":
            found.append(spaces)
            spaces, at_start = 0, True
            continue
        at_start = at_start and letter == " "
        spaces += at_start
        found.append(spaces)
    return found
