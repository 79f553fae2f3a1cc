"""Tables from files: rows, lines, and what is refused."""

import gzip

import pandas as pd
import pytest

from kgss_helpers.datasets.tables import find_file, read_chunks, read_table
from kgss_helpers.graph import GraphError


def test_read_table_keeps_everything_as_text_and_counts_lines_from_where_rows_begin(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,NA\n"x\ny",None\n\n007,""\n', encoding="utf-8", newline="")
    table = read_table(path, ["a", "b"])
    assert table.values.tolist() == [["1", "NA"], ["x\ny", "None"], ["007", ""]]
    assert table.index.tolist() == [2, 3, 6]
    assert table.dtypes.map(str).tolist() == ["str", "str"]


def test_without_quoting_marks_are_letters(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text('a\tb\n"1\t5" tall\n', encoding="utf-8")
    assert read_table(path, quoting=False).values.tolist() == [['"1', '5" tall']]


def test_a_cell_of_megabytes_is_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "x" * 3_000_000 + ",1\n", encoding="utf-8")
    assert len(read_table(path)["a"].iloc[0]) == 3_000_000


def chunks_of(path, required=("a", "b"), **how):
    return list(read_chunks(path, required, **how))


@pytest.mark.parametrize("packed", [False, True])
def test_pieces_of_a_large_table(tmp_path, packed):
    path = tmp_path / ("t.tsv.gz" if packed else "t.tsv")
    content = ("\ufeffa\tunused\tb\n" + "".join(f'{i}\t\\N\t"NA {i}\n' for i in range(25))).encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    pieces = chunks_of(path, rows=10)
    assert [len(piece) for piece in pieces] == [10, 10, 5]
    assert pd.concat(pieces).values.tolist() == [[str(i), f'"NA {i}'] for i in range(25)]


def test_commas_mean_quoting_and_lines_are_those_of_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a,b\n"1,5","x\ny"\n\n2\n', encoding="utf-8")
    with pytest.raises(GraphError, match=r"t\.csv, line 5: 1 field where the header has 2; the row is cut off"):
        chunks_of(path, separator=",")
    with pytest.warns(UserWarning, match=r"t\.csv, line 5: .*; 1 such row skipped") as warned:
        pieces = chunks_of(path, separator=",", on_bad_rows="skip")
    assert pieces[0].values.tolist() == [["1,5", "x\ny"]]
    assert warned[0].filename == __file__


def test_rows_with_too_many_fields_are_no_better_than_short_ones(tmp_path):
    """The first row especially: pandas would take its first field for an index and shift all others."""
    path = tmp_path / "t.tsv"
    path.write_text("a\tb\n0\t1\t2\n3\t4\n5\n6\t7\n", encoding="utf-8")
    with pytest.raises(GraphError, match="line 2: 3 fields where the header has 2"):
        chunks_of(path)
    with pytest.warns(UserWarning, match="2 such rows skipped"):
        assert pd.concat(chunks_of(path, on_bad_rows="skip")).values.tolist() == [["3", "4"], ["6", "7"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.tsv: the file is empty; it needs a header line with a, b"),
        (b"a\tc\n1\t2\n", "t.tsv, line 1: column 'b' is missing"),
        (b"a\tb\tb\n", "t.tsv, line 1: two columns are called 'b'"),
        (b"a\tb\n1\t2\nNo\xe9\t3\n", "t.tsv, line 3: not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_large_table_that_is_wrong_is_refused(tmp_path, content, message):
    path = tmp_path / "t.tsv"
    path.write_bytes(content)
    with pytest.raises(GraphError) as refusal:
        chunks_of(path)
    assert str(refusal.value).startswith(message)


def test_a_header_alone_gives_one_empty_piece(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("b\ta\n", encoding="utf-8")
    (piece,) = chunks_of(path)
    assert piece.empty
    assert list(piece.columns) == ["a", "b"]


def test_a_packed_file_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "t.tsv.gz"
    packed = gzip.compress("".join(["a\tb\n", *(f"{i}\t{i**3}\n" for i in range(5000))]).encode())
    for content in (packed[: len(packed) // 2], b"no gzip at all"):
        path.write_bytes(content)
        with pytest.raises(GraphError, match=r"t\.tsv\.gz: the compressed file is cut off or damaged"):
            chunks_of(path)


def test_find_file_takes_plain_or_packed_and_names_both_where_there_is_neither(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"neither x\.tsv nor x\.tsv\.gz in"):
        find_file(tmp_path, "x.tsv")
    (tmp_path / "x.tsv.gz").touch()
    assert find_file(tmp_path, "x.tsv").name == "x.tsv.gz"
    (tmp_path / "x.tsv").touch()
    assert find_file(tmp_path, "x.tsv").name == "x.tsv"
