"""Reading tables that people made: delimiters, quotation marks, cut-off rows; see also `encodings` and `columns`."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

import pandas as pd

from kgss_helpers.datasets.columns import check_header
from kgss_helpers.datasets.encodings import read_text
from kgss_helpers.files import BadRows, announce, counted, open_bytes, require_file
from kgss_helpers.graph import GraphError

_DELIMITERS = ",;\t|"
_LARGEST_FIELD = 2**31 - 1
_MANY_LINES = 100
Naming = Callable[[list[str], str], list[str]]
SEPARATOR_LINE = re.compile(r"sep=.", re.IGNORECASE)
"""What Excel writes above a table to say what separates its columns."""


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
        yield from _pieces(text, path.name, required, separator, on_bad_rows, rows)


def _quoted_pieces(table: _Rows, name: str, required: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
    """Pieces of a table in which a row may span several lines."""
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


def _pieces(
    text: Iterator[str], name: str, required: Sequence[str], separator: str, on_bad_rows: BadRows, rows: int
) -> Iterator[pd.DataFrame]:
    """Pieces of a table. Where a line is a row, fields are counted here and split by pandas, three times as fast.

    So it is where quotation marks are ordinary characters, and in a comma-separated file up to the first one.
    """
    quoting = separator == ","
    first = next(text, "")
    if quoting and not _plain_header(first):
        table = _Rows(itertools.chain([first], text), name, required, separator, True, on_bad_rows)
        yield from _quoted_pieces(table, name, required, rows)
        return
    table = _Rows([first], name, required, separator, False, on_bad_rows)
    positions = sorted(table.header.index(column) for column in required)
    line, separators = 2, len(table.header) - 1
    while (piece := list(itertools.islice(text, rows))) or line == 2:
        whole = "".join(piece)
        if (quoting and '"' in whole) or "\0" in whole:  # at which pandas would cut a text off
            table.go_on(itertools.chain(piece, text), line, quoting)
            yield from _quoted_pieces(table, name, required, rows)
            return
        good = [row for row in piece if row.count(separator) == separators and row.strip("\r\n")]
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


def _plain_header(line: str) -> bool:
    """Whether the first line is a header as it stands: nothing quoted, not empty, no note of the separator."""
    line = line.strip("\ufeff\r\n ")
    return bool(line) and '"' not in line and not SEPARATOR_LINE.fullmatch(line)


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


class _Lines:
    """Lines of a text, one after the other; what a reader took too many of can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._rest, self._back = iter(lines), deque[str]()
        self.taken: list[str] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._rest)
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """All lines taken but the first are to come again."""
        self._back.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


class _Rows:
    """The rows of a table, each with the line on which it begins; bad ones are refused, or counted in a warning.

    A quotation mark that opens and does not close would swallow the rows behind it up to the next one. So where a row
    of several lines is bad, or what it swallowed looks like rows, its first line alone is bad, and the next is read.
    """

    def __init__(
        self,
        lines: Iterable[str],
        name: str,
        required: Sequence[str],
        delimiter: str,
        quoting: bool,
        on_bad_rows: BadRows,
        named: Naming | None = None,
    ) -> None:
        csv.field_size_limit(_LARGEST_FIELD)
        self._style = {"delimiter": delimiter, "quoting": csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE}
        self._lines, self._delimiter, self._at = _Lines(lines), delimiter, 0
        self._reader = self._new_reader()
        self._name, self._skip, self._bad, self.good = name, on_bad_rows == "skip", 0, 0
        self._first_problem, self._longest = "", (0, 0)
        self.header = self._read_header(required)
        if named:
            self.header = named(self.header, delimiter)
        else:
            check_header(self.header, required, name, delimiter)

    def _new_reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines, strict=True, **self._style)

    def _read_header(self, required: Sequence[str]) -> list[str]:
        try:
            for row in self._reader:
                self._at += len(self._lines.taken)
                first, self._lines.taken = self._lines.taken, []
                if any(map(str.strip, row)) and not SEPARATOR_LINE.fullmatch(first[0].strip("\ufeff\r\n")):
                    return [column.strip() for column in row]
        except csv.Error:
            raise GraphError(f"{self._name}, line 1: the header's quotation marks are not closed; mend them") from None
        needs = ", ".join(required) or "column names"
        raise GraphError(f"{self._name}: the file is empty; it needs a header line with {needs}")

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        width = len(self.header)
        while True:
            begin, row, problem = self._at + 1, [], ""
            try:
                row = next(self._reader)
            except StopIteration:
                break
            except csv.Error:
                problem = "quotation marks that do not close, or stand inside a field"
            span = len(self._lines.taken)
            if not problem and row and len(row) != width:
                problem = f"{counted(len(row), 'field')} where the header has {width}"
            elif not problem and span > 1 and self._swallowed(width):
                problem = f"a quotation mark opens that closes {counted(span - 1, 'line')} later, with rows between"
            if problem:
                self._note(begin, begin + span - 1, problem)
                self._lines.give_back()
                self._reader = self._new_reader()
            elif row:
                self.good += 1
                self._longest = max(self._longest, (span, begin))
            self._at += len(self._lines.taken)
            self._lines.taken = []
            if row and not problem:
                yield begin, row
        self.report()

    def _swallowed(self, width: int) -> bool:
        """Whether the lines inside of a row of several lines look like rows of their own."""
        inside = [line.count(self._delimiter) == width - 1 for line in self._lines.taken[1:-1]]
        return width > 1 and all(inside) and len(inside) >= (1 if width > 2 else 3)

    def go_on(self, lines: Iterable[str], line: int, quoting: bool) -> None:
        """From here on rows are read from these lines, the first of which has this number."""
        self._lines, self._at = _Lines(lines), line - 1
        self._style["quoting"] = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
        self._reader = self._new_reader()

    def note_fields(self, line: int, fields: int) -> None:
        """Refuses or counts a row with a wrong number of fields."""
        self._note(line, line, f"{counted(fields, 'field')} where the header has {len(self.header)}")

    def report(self) -> None:
        """Tells how many bad rows there were, and of a field that spans very many lines."""
        if self._bad:
            announce(f"{self._first_problem}; {counted(self._bad, 'such row')} skipped")
        span, begin = self._longest
        if span > _MANY_LINES:
            announce(
                f"{self._name}, line {begin}: one row spans {span:,} lines, up to line {begin + span - 1}; if it "
                "should not, a quotation mark is missing or too many there"
            )

    def _note(self, begin: int, end: int, what: str) -> None:
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
    named: Naming | None = None,
    strip: bool = False,
) -> pd.DataFrame:
    """A CSV or TSV file as text, nothing turned into missing values: 'NA' and 'None' are names.

    Args:
        path: The file, plain or as ``.gz``.
        required: Columns that must be there.
        delimiter: Guessed among comma, semicolon, tab and bar when not given.
        encoding: Found out when not given (`read_text`).
        quoting: False where quotation marks are ordinary characters (IMDb).
        on_bad_rows: What to do about a row with too few or too many fields, a cut-off last row for instance.
        named: From the header and what separates its columns to what they are to be called; it also says what is
            missing then.
        strip: Take blanks around each field away.

    Returns:
        All columns as str; the index is the line of the file on which each row begins.

    Raises:
        GraphError: No header, a column missing or named twice, or a bad row; names file and line.
    """
    text = read_text(path, encoding)
    delimiter = delimiter or _guess_delimiter(text)
    name = Path(path).name
    table = _Rows(io.StringIO(text, newline=""), name, required, delimiter, quoting, on_bad_rows, named)
    lines, rows = [], []
    for line, row in table:
        lines.append(line)
        rows.append([field.strip() for field in row] if strip else row)
    read = pd.DataFrame(rows, columns=table.header, index=pd.Index(lines, name="line", dtype="int64"), dtype="str")
    return _without_unnamed(read, name)


def _without_unnamed(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Without the columns that have no name, as Excel leaves them; tells how many filled cells they had."""
    unnamed = (table.columns == "").nonzero()[0]
    if not len(unnamed):
        return table
    filled = int((table.iloc[:, unnamed] != "").to_numpy().sum())
    if filled:
        announce(f"{name}: {counted(filled, 'cell')} in columns without a name not used; name the columns in line 1")
    return table.loc[:, table.columns != ""]


def _guess_delimiter(text: str) -> str:
    """The candidate that the header has most of; a header of one column has none, and a comma then does no harm."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    if SEPARATOR_LINE.fullmatch(header.strip()):
        return header.strip()[-1]
    return max(_DELIMITERS, key=header.count)
