"""The one way to write a file whole, to read JSON lines, to make a slug.

The standard library is enough, because the front door writes files too, before anything is installed.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import re
import stat
import sys
import time
import unicodedata
import uuid
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal

DATA = Path(__file__).resolve().parents[1] / "data"

BadRows = Literal["error", "skip"]

ABANDONED = 3600.0
"""Seconds after which nobody is still writing a draft."""
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)
"""What a system says where nothing can be written."""


def announce(message: str) -> None:
    """Warns at the line outside this package that asked for the data."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(("kgss_helpers.", "contextlib")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def counted(number: int, thing: str) -> str:
    """``"1 row"``, ``"2,000 rows"``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def shortened(text: str, most: int) -> str:
    """A text of at most so many letters, cut between words and marked by ``…`` where something is left out."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    return (kept if text[most - 1] == " " else kept.rpartition(" ")[0] or kept).rstrip(" ,.;:") + "…"


def slug(text: str) -> str:
    """Lower case ASCII words joined by hyphens: ``"Amélie (2001)"`` becomes ``"amelie-2001"``.

    Other scripts are kept as they are.
    """
    plain = unicodedata.normalize("NFKD", text.replace("&", " and ").replace("'", "").replace("’", "")).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", "-", plain).strip("-") or "-".join(f"{ord(letter):x}" for letter in text)


def require_file(path: Path | str) -> Path:
    """The path, if a file is there.

    Raises:
        FileNotFoundError: With the full path that was tried.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path.resolve()}; check the path (relative paths start at {Path.cwd()})"
        )
    return path


@contextmanager
def whole_file(path: Path | str) -> Iterator[BinaryIO]:
    """A stream whose bytes become the file when the block ends: an error inside leaves the old file as it was.

    A file that is there already keeps its permissions.

    Raises:
        OSError: The disk is full, or nothing can be written there; says so, and what to do.
    """
    path = Path(path)
    draft = path.with_name(f".{uuid.uuid4().hex}.part")  # in the same folder, since a move between disks is no move
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_drafts(path.parent)
        with draft.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # else a power cut could leave the new name on an empty file
        if path.exists():
            draft.chmod(stat.S_IMODE(path.stat().st_mode))
        draft.replace(path)
    except OSError as error:
        if error.errno not in UNWRITABLE or Path(error.filename or path) not in (draft, path, *path.parents):
            raise  # of somebody else's, who wrote into the stream
        remedy = "make room there, or choose another folder; a file that was there is as it was"
        raise OSError(error.errno, f"{os.strerror(error.errno)}: {remedy}", str(path)) from None
    finally:
        with suppress(OSError):  # the folder, say, does not let anybody look into it
            draft.unlink(missing_ok=True)


def _clear_drafts(folder: Path) -> None:
    """Removes what writers that were killed left behind; those at work write their drafts now, and keep them."""
    for draft in folder.glob(f".{'[0-9a-f]' * 32}.part"):
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > ABANDONED:
                draft.unlink()


def write_whole(path: Path | str, content: str | bytes) -> Path:
    """Writes a file whole or not at all: an interrupted write leaves the old file as it was. Returns the path.

    Text is written as UTF-8 with plain line feeds. A file that is there already keeps its permissions.
    """
    with whole_file(path) as stream:
        stream.write(content.encode("utf-8") if isinstance(content, str) else content)
    return Path(path)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if its name ends in ``.gz``; raises GraphError where what is packed is damaged."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        from kgss_helpers.graph import GraphError

        problem = f"{path.name}: the compressed file is cut off or damaged ({error}); download it again"
        raise GraphError(problem) from None


def read_json_lines(path: Path | str, *, on_bad_rows: BadRows = "error") -> Iterator[tuple[int, object]]:
    """Line number and value for each non-empty line of a JSON-lines file, plain or ``.gz``, read one line at a time.

    Raises:
        GraphError: A line is not JSON in UTF-8 (cut off, say); names file and line.
    """
    path, skipped = require_file(path), 0
    with open_bytes(path) as lines:
        for number, raw in enumerate(lines, 1):
            line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            if not line.strip():
                continue
            try:
                value = json.loads(line.decode("utf-8"))
                if b"\\ud" in line.lower():
                    json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a letter can be read, but not written
            except (ValueError, RecursionError) as error:
                if on_bad_rows == "error":
                    from kgss_helpers.graph import GraphError

                    reason = _why(error)
                    raise GraphError(
                        f"{path.name}, line {number}: not valid JSON ({reason}); "
                        "mend it, or read with on_bad_rows='skip'"
                    ) from None
                skipped += 1
                continue
            yield number, value
    if skipped:
        announce(f"{path.name}: {counted(skipped, 'line')} not valid JSON, skipped")


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeEncodeError):
        return "half of a surrogate pair stands alone"
    return getattr(error, "msg", "not UTF-8")


def first_error(problems: Iterable[str], *, limit: int = 5) -> str:
    """The first few problems as one message, and how many more there are."""
    problems = list(problems)
    more = f"\n… and {len(problems) - limit} more" if len(problems) > limit else ""
    return "\n".join(problems[:limit]) + more
