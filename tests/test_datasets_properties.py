"""Whatever somebody writes into a table comes back from it, in any encoding, delimiter and quoting that can hold it."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgss_helpers.datasets import load_csv, load_triples
from kgss_helpers.datasets.tables import read_chunks, read_table
from kgss_helpers.files import read_json_lines
from kgss_helpers.graph import GraphError

OFTEN = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NO_SURROGATES = st.characters(exclude_categories=("Cs", "Cc"))
CELL = st.text(NO_SURROGATES | st.sampled_from(list('",;\t|\n')), max_size=12)
NAME = st.text(NO_SURROGATES, min_size=1, max_size=12).filter(lambda text: text.strip() == text and text.isprintable())


def written(rows, delimiter, quoting, ending):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=ending).writerows(rows)
    return text.getvalue()


def attempt(read, *how):
    """What is read, or the message with which it is refused."""
    try:
        return read(*how), ""
    except GraphError as error:
        return None, str(error)


@OFTEN
@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ending=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_a_table_comes_back_or_is_refused_by_line(tmp_path, rows, delimiter, quoting, ending, encoding):
    path = tmp_path / "t.csv"
    path.write_bytes(written([("a", "b", "c"), *rows], delimiter, quoting, ending).encode(encoding))
    kept = [list(row) for row in rows if any(row) or quoting == csv.QUOTE_ALL]
    table, refusal = attempt(read_table, path, ["a", "b", "c"])
    if refusal:
        # A text that looks like rows of this very table is taken for rows behind a stray quotation mark.
        assert "line" in refusal
        assert any("\n" in cell for row in rows for cell in row)
    else:
        assert [row for row in table.values.tolist() if any(row)] == [row for row in kept if any(row)]


@OFTEN
@given(rows=st.lists(st.tuples(NAME, NAME), min_size=1, max_size=6), ending=st.sampled_from(["\n", "\r\n"]))
def test_a_large_table_without_quoting_comes_back(tmp_path, rows, ending):
    rows = [tuple(cell.replace("\t", " ") for cell in row) for row in rows]
    path = tmp_path / "t.tsv"
    path.write_bytes(ending.join(["a\tb", *("\t".join(row) for row in rows), ""]).encode("utf-8"))
    (piece,) = read_chunks(path, ["a", "b"])
    assert piece.values.tolist() == [list(row) for row in rows]


@OFTEN
@given(names=st.lists(NAME, min_size=1, max_size=6), delimiter=st.sampled_from(",;\t|"))
def test_names_of_a_graph_come_back(tmp_path, names, delimiter):
    nodes = [("node_id", "node_type", "name"), *((f"n{row}", "thing", name) for row, name in enumerate(names))]
    edges = [("source", "relation", "target"), *((f"n{row}", "next", "n0") for row in range(1, len(names)))]
    for file, rows in (("n.csv", nodes), ("e.csv", edges)):
        (tmp_path / file).write_text(written(rows, delimiter, csv.QUOTE_MINIMAL, "\n"), encoding="utf-8", newline="")
    graph = load_csv(tmp_path / "n.csv", tmp_path / "e.csv", delimiter=delimiter)
    assert graph.nodes["name"].tolist() == names
    assert len(graph.edges) == len(names) - 1


@OFTEN
@given(triples=st.lists(st.tuples(NAME, NAME, NAME), min_size=1, max_size=6, unique=True))
def test_plain_triples_come_back(tmp_path, triples):
    (tmp_path / "train.txt").write_text("".join("\t".join(row) + "\n" for row in triples), encoding="utf-8", newline="")
    graph = load_triples(tmp_path, parts=["train"])
    assert set(graph.edges.itertuples(index=False, name=None)) == set(triples)


@OFTEN
@given(
    lines=st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"")), max_size=5),
    good=st.integers(0, 3),
)
@pytest.mark.filterwarnings("ignore:.*not valid JSON, skipped")
def test_lines_that_are_no_json_are_refused_by_number_or_skipped(tmp_path, lines, good):
    path = tmp_path / "t.json"
    path.write_bytes(b"\n".join([b'{"a": 1}'] * good + lines))
    _, refusal = attempt(lambda: list(read_json_lines(path)))
    assert not refusal or "t.json, line " in refusal
    assert len(list(read_json_lines(path, on_bad_rows="skip"))) >= good


@pytest.mark.parametrize("bad", ['"\\ud800"', "[" * 100_000, "{", "NaN,"])
def test_half_letters_and_deep_nesting_are_bad_lines(tmp_path, bad):
    path = tmp_path / "t.json"
    path.write_text(f"1\n{bad}\n2\n", encoding="utf-8")
    with pytest.raises(GraphError, match=r"t\.json, line 2: not valid JSON"):
        list(read_json_lines(path))
    with pytest.warns(UserWarning, match="1 line not valid JSON, skipped"):
        assert list(read_json_lines(path, on_bad_rows="skip")) == [(1, 1), (3, 2)]
