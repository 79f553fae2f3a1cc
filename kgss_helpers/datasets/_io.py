"""Reading tables that people made: encodings, delimiters, cut-off rows; and ids made from names."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import os
import re
import sys
import unicodedata
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import pandas as pd

from kgss_helpers.graph import EDGE_COLUMNS, NODE_COLUMNS, GraphError, KnowledgeGraph

BadRows = Literal["error", "skip"]
_DELIMITERS = ",;\t|"
_LARGEST_FIELD = 2**31 - 1
_GUESSES = ("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "iso8859_2", "mac_roman", "cp932", "gb18030", "cp949")
"""Encodings of old, the most common first."""


def announce(message: str) -> None:
    """Warns at the line outside this package that asked for the data."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("kgss_helpers."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def counted(number: int, thing: str) -> str:
    """``"1 row"``, ``"2,000 rows"``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def year_of(text: str | None) -> int | None:
    """The year with which a date begins, or None where there is none."""
    found = re.match(r"\s*(\d{4})(?!\d)", text or "")
    return int(found[1]) if found else None


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


def write_whole(path: Path | str, content: str | bytes) -> Path:
    """Writes a file whole or not at all: an interrupted write leaves the old file as it was. Returns the path.

    Text is written as UTF-8.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        if isinstance(content, bytes):
            draft.write_bytes(content)
        else:
            draft.write_text(content, encoding="utf-8", newline="\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


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


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if its name ends in ``.gz``; raises GraphError where what is packed is damaged."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        problem = f"{path.name}: the compressed file is cut off or damaged ({error}); download it again"
        raise GraphError(problem) from None


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
            except ValueError as error:
                if on_bad_rows == "error":
                    reason = getattr(error, "msg", "not UTF-8")
                    raise GraphError(
                        f"{path.name}, line {number}: not valid JSON ({reason}); "
                        "mend it, or read with on_bad_rows='skip'"
                    ) from None
                skipped += 1
                continue
            yield number, value
    if skipped:
        announce(f"{path.name}: {counted(skipped, 'line')} not valid JSON, skipped")


class GraphBuilder:
    """Collects nodes and edges from records and counts what it merges, so that nothing disappears silently."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: dict[str, dict[str, object]] = {}
        self._edges: dict[tuple[str, str, str], None] = {}
        self._counts: dict[str, int] = {}
        self._named: dict[tuple[str, str], str] = {}
        self._spelled: dict[tuple[str, str], str] = {}

    def node(self, node_id: str, node_type: str, name: str, description: str = "", **further: object) -> str:
        """Adds a node unless its id is there already; returns the id."""
        if not name.strip():
            raise GraphError(f"{self.name}: the {node_type} {node_id!r} has an empty name; fill it in")
        self._nodes.setdefault(
            node_id, {"node_id": node_id, "node_type": node_type, "name": name, "description": description, **further}
        )
        return node_id

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._nodes

    def named(self, node_type: str, name: str) -> str:
        """A node for which the name is the key (a genre, a keyword), added on first use; returns its id.

        Spellings that differ in case, accents, blanks, full stops, commas, hyphens and apostrophes alone are one name,
        which is counted; names that differ in more ("C" and "C++") are two nodes.
        """
        if (node_type, name) not in self._named:
            self._named[node_type, name] = self._by_spelling(node_type, name)
        return self._named[node_type, name]

    def _by_spelling(self, node_type: str, name: str) -> str:
        key = (node_type, spelling(name))
        if key in self._spelled:
            if self._nodes[self._spelled[key]]["name"] != name:
                self.count("other spellings of a name merged with its first")
            return self._spelled[key]
        self._spelled[key] = self.node(self.free_id(f"{node_type}:{slug(name)}"), node_type, name)
        return self._spelled[key]

    def free_id(self, wanted: str) -> str:
        """The id if no node has it, else with the first number behind it that is free."""
        node_id, number = wanted, 1
        while node_id in self:
            number += 1
            node_id = f"{wanted}-{number}"
        return node_id

    def edge(self, source: str, relation: str, target: str) -> None:
        """Adds an edge; the same edge again is merged and counted."""
        if (source, relation, target) in self._edges:
            self.count("repeated edges merged")
        self._edges[source, relation, target] = None

    def count(self, what: str) -> None:
        """Notes that something was left out or merged, to be reported in one warning at the end."""
        self._counts[what] = self._counts.get(what, 0) + 1

    def build(self, *, quiet: Iterable[str] = ()) -> KnowledgeGraph:
        """The graph; what was counted becomes one warning, except for what ``quiet`` names as normal for the source.

        ``year`` becomes a column of whole numbers, missing where there is none; other columns of text are empty there.
        """
        told = {what: count for what, count in self._counts.items() if what not in set(quiet)}
        if told:
            announce(f"{self.name}: " + "; ".join(f"{count:,} {what}" for what, count in told.items()))
        nodes = pd.DataFrame(list(self._nodes.values())) if self._nodes else pd.DataFrame(columns=list(NODE_COLUMNS))
        for column in nodes.columns.difference(NODE_COLUMNS):
            if column == "year":
                nodes[column] = nodes[column].astype("Int64")
            elif isinstance(nodes[column].dtype, pd.StringDtype):
                nodes[column] = nodes[column].fillna("")
        edges = pd.DataFrame(list(self._edges), columns=list(EDGE_COLUMNS))
        return KnowledgeGraph(nodes, edges, name=self.name)


def spelling(name: str) -> str:
    """What different spellings of one name have in common; a single letter or sign keeps its accent."""
    plain = unicodedata.normalize("NFKD", name.replace("'", "").replace("’", "")).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub(r"[\s_.,\-‐‑–—]+", " ", plain).strip()
    return plain if len(plain) > 1 else unicodedata.normalize("NFKC", name).casefold().strip()


def first_error(problems: Iterable[str], *, limit: int = 5) -> str:
    """The first few problems as one message, and how many more there are."""
    problems = list(problems)
    more = f"\n… and {len(problems) - limit} more" if len(problems) > limit else ""
    return "\n".join(problems[:limit]) + more
