"""Reading tables that people made: encodings, delimiters, columns, cut-off rows."""

from __future__ import annotations

import csv
import io
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from kgss_helpers.files import BadRows, announce, counted, open_bytes, require_file
from kgss_helpers.graph import GraphError

_DELIMITERS = ",;\t|"
_LARGEST_FIELD = 2**31 - 1
_GUESSES = ("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "iso8859_2", "mac_roman", "cp932", "gb18030", "cp949")
"""Encodings of old, the most common first."""


def find_file(folder: Path, name: str) -> Path:
    """``name`` in the folder, plain or as ``.gz``; raises FileNotFoundError with both names."""
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"there is neither {name} nor {name}.gz in {folder.resolve()}")


def read_chunks(
    path: Path | str,
    required: Sequence[str],
    *,
    separator: str = "\t",
    on_bad_rows: BadRows = "error",
    rows: int = 500_000,
) -> Iterator[pd.DataFrame]:
    """The required columns of a large UTF-8 table in pieces, all as text.

    Quotation marks count only in comma-separated files. There is at least one piece, if an empty one.

    Raises:
        GraphError: The file is empty, cut off or not UTF-8, a column is missing, or a row has too few or too many
            fields; names file and line.
    """
    path = require_file(path)
    with open_bytes(path) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
        pieces = _quoted_pieces if separator == "," else _plain_pieces
        yield from pieces(text, path.name, required, separator, on_bad_rows, rows)


def _quoted_pieces(
    text: Iterable[str], name: str, required: Sequence[str], separator: str, on_bad_rows: BadRows, rows: int
) -> Iterator[pd.DataFrame]:
    """Pieces of a table in which a row may span several lines."""
    table = _Rows(text, name, required, separator, True, on_bad_rows)
    positions = [table.header.index(column) for column in required]
    rest = iter(table)
    while (piece := list(itertools.islice(rest, rows))) or not table.good:
        columns = {column: [row[at] for _, row in piece] for column, at in zip(required, positions, strict=True)}
        try:
            yield pd.DataFrame(columns, dtype="str")
        except UnicodeEncodeError:
            raise _not_utf_8(name, ((line, "".join(row)) for line, row in piece)) from None
        if not piece:
            return


def _plain_pieces(
    text: Iterator[str], name: str, required: Sequence[str], separator: str, on_bad_rows: BadRows, rows: int
) -> Iterator[pd.DataFrame]:
    """The same where a line is a row: its fields are counted here and split by pandas, three times as fast."""
    first = next(text, "")
    table = _Rows([first], name, required, separator, False, on_bad_rows)
    positions = sorted(table.header.index(column) for column in required)
    line, separators = 2, len(table.header) - 1
    while (piece := list(itertools.islice(text, rows))) or line == 2:
        good = [row for row in piece if row.count(separator) == separators]
        if len(good) < len(piece):
            for number, row in enumerate(piece, line):
                if row.strip("\r\n") and row.count(separator) != separators:
                    table.note_fields(number, row.count(separator) + 1)
        try:
            yield _split(good, separator, [table.header[at] for at in positions], positions)[list(required)]
        except UnicodeEncodeError:
            raise _not_utf_8(name, enumerate(piece, line)) from None
        if not piece:
            break
        line += len(piece)
    table.report()


def _split(rows: list[str], separator: str, names: list[str], positions: list[int]) -> pd.DataFrame:
    """Some fields of rows that all have the same number of fields."""
    if not rows:
        return pd.DataFrame(columns=names, dtype="str")
    return pd.read_csv(
        io.StringIO("".join(rows)),
        sep=separator,
        header=None,
        names=names,
        usecols=positions,
        dtype="str",
        quoting=csv.QUOTE_NONE,
        keep_default_na=False,
        skip_blank_lines=False,
    )


def _not_utf_8(name: str, rows: Iterable[tuple[int, str]]) -> GraphError:
    line = next(line for line, row in rows if not _is_text(row))
    return GraphError(f"{name}, line {line}: not UTF-8; save the file as UTF-8, or download it again")


def _is_text(field: str) -> bool:
    """False for what ``surrogateescape`` makes of bytes that are not UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in field)


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
    best = _guessed_encoding(raw)
    if best is None:
        raise GraphError(f"{name}: not a text file in any encoding known here; save it as UTF-8")
    announce(
        f"{name} is not UTF-8; read as {best}. Check names with accents, pass another encoding, or save it as UTF-8"
    )
    return raw.decode(best)


def _guessed_encoding(raw: bytes) -> str | None:
    """The most common encoding in which the fewest words look odd; short tables defeat statistics of letters."""
    odd = {}
    for encoding in _GUESSES:
        try:
            odd[encoding] = sum(map(_looks_odd, set(re.split(r"[\s,;|\"]+", raw.decode(encoding)))))
        except UnicodeDecodeError:
            continue
    if odd:
        return min(odd, key=odd.__getitem__)
    from charset_normalizer import from_bytes

    best = from_bytes(raw).best()
    return best and best.encoding


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


class _Rows:
    """The rows of a table, each with the line on which it begins; bad ones are refused, or counted in a warning."""

    def __init__(
        self,
        lines: Iterable[str],
        name: str,
        required: Sequence[str],
        delimiter: str,
        quoting: bool,
        on_bad_rows: BadRows,
    ) -> None:
        csv.field_size_limit(_LARGEST_FIELD)
        style = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
        self._reader = csv.reader(lines, delimiter=delimiter, quoting=style, strict=True)
        self._name, self._skip, self._bad, self.good = name, on_bad_rows == "skip", 0, 0
        self._first_problem = ""
        try:
            self.header = [column.strip() for column in next(filter(None, self._reader), [])]
        except csv.Error:
            raise GraphError(f"{name}, line 1: the header's quotation marks are not closed; mend them") from None
        if not any(self.header):
            raise GraphError(
                f"{name}: the file is empty; it needs a header line with {', '.join(required) or 'column names'}"
            )
        _check_header(self.header, required, name, delimiter)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        width = len(self.header)
        while True:
            begin = self._reader.line_num + 1
            try:
                row = next(self._reader)
            except StopIteration:
                break
            except csv.Error:
                self._note(begin, "quotation marks that do not close, or stand inside a field")
                continue
            if len(row) == width:
                self.good += 1
                yield begin, row
            elif row:
                self.note_fields(begin, len(row))
        self.report()

    def note_fields(self, line: int, fields: int) -> None:
        """Refuses or counts a row with a wrong number of fields."""
        self._note(line, f"{counted(fields, 'field')} where the header has {len(self.header)}")

    def report(self) -> None:
        """Tells how many bad rows there were."""
        if self._bad:
            announce(f"{self._first_problem}; {counted(self._bad, 'such row')} skipped")

    def _note(self, begin: int, what: str) -> None:
        end = self._reader.line_num
        problem = f"{self._name}, line {begin}{f' (to line {end})' if end > begin else ''}: {what}"
        if not self._skip:
            raise GraphError(f"{problem}; the row is cut off or torn. Mend it, or read with on_bad_rows='skip'")
        self._bad += 1
        self._first_problem = self._first_problem or problem


def read_table(
    path: Path | str,
    required: Sequence[str] = (),
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    quoting: bool = True,
    on_bad_rows: BadRows = "error",
) -> pd.DataFrame:
    """A CSV or TSV file as text, nothing turned into missing values: 'NA' and 'None' are names.

    Args:
        path: The file, plain or as ``.gz``.
        required: Columns that must be there.
        delimiter: Guessed among comma, semicolon, tab and bar when not given.
        encoding: Found out when not given (`read_text`).
        quoting: False where quotation marks are ordinary characters (IMDb).
        on_bad_rows: What to do about a row with too few or too many fields, a cut-off last row for instance.

    Returns:
        All columns as str; the index is the line of the file on which each row begins.

    Raises:
        GraphError: No header, a column missing or named twice, or a bad row; names file and line.
    """
    text = read_text(path, encoding)
    delimiter = delimiter or _guess_delimiter(text)
    table = _Rows(io.StringIO(text, newline=""), Path(path).name, required, delimiter, quoting, on_bad_rows)
    lines, rows = [], []
    for line, row in table:
        lines.append(line)
        rows.append(row)
    return pd.DataFrame(rows, columns=table.header, index=pd.Index(lines, name="line", dtype="int64"), dtype="str")


def _guess_delimiter(text: str) -> str:
    """The candidate that the header has most of; a header of one column has none, and a comma then does no harm."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=header.count)


def _check_header(header: list[str], required: Sequence[str], name: str, delimiter: str) -> None:
    repeated = next((column for column in header if header.count(column) > 1), None)
    if repeated is not None:
        raise GraphError(f"{name}, line 1: two columns are called {repeated!r}; rename one")
    missing = [column for column in required if column not in header]
    if missing:
        found = ", ".join(header)
        raise GraphError(
            f"{name}, line 1: column {missing[0]!r} is missing; found {found} (separated by {delimiter!r}). "
            "Rename a column or pass the delimiter"
        )
