"""What the loaders share: rows, lines, ids, and the builder that counts."""

import gzip
import json
import warnings

import pandas as pd
import pytest

from kgss_helpers.datasets.builder import GraphBuilder, spelling, year_of
from kgss_helpers.datasets.tables import find_file, read_chunks, read_table
from kgss_helpers.files import first_error, read_json_lines, slug
from kgss_helpers.graph import GraphError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Amélie (2001)", "amelie-2001"),
        ("Tom & Jerry's", "tom-and-jerrys"),
        ("  a__b  ", "a-b"),
        ("Straße", "strasse"),
        ("宮崎 駿", "宮崎-駿"),
        ("!?", "21-3f"),
    ],
)
def test_slug(text, expected):
    assert slug(text) == expected


def test_slugs_of_signs_alone_differ_and_are_not_empty():
    assert len({slug(text) for text in ("!", "?", "…", "★", "!!")}) == 5
    assert all(slug(text) for text in ("!", "-", "_"))


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("1999-05-19", 1999),
        ("2001", 2001),
        ("", None),
        (r"\N", None),
        (None, None),
        ("19999", None),
        ("May 1999", None),
    ],
)
def test_year_of(date, year):
    assert year_of(date) == year


def test_first_error_says_how_many_more_there_are():
    assert first_error(["a", "b"]) == "a\nb"
    assert first_error(map(str, range(9)), limit=2) == "0\n1\n… and 7 more"


# ---- tables ------------------------------------------------------------------------------------------------------


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
    with pytest.warns(UserWarning, match=r"t\.csv, line 5: .*; 1 such row skipped") as told:
        pieces = chunks_of(path, separator=",", on_bad_rows="skip")
    assert pieces[0].values.tolist() == [["1,5", "x\ny"]]
    assert told[0].filename == __file__


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


# ---- JSON lines --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_json_lines(tmp_path, packed):
    path = tmp_path / ("r.jsonl.gz" if packed else "r.jsonl")
    content = b'\xef\xbb\xbf{"a": "\xc3\xa9"}\r\n\n[1]\n'
    path.write_bytes(gzip.compress(content) if packed else content)
    assert list(read_json_lines(path)) == [(1, {"a": "é"}), (3, [1])]


def test_json_lines_that_are_cut_off_even_inside_a_letter(tmp_path):
    path = tmp_path / "r.jsonl"
    whole = "\n".join(json.dumps(record, ensure_ascii=False) for record in (["a"], ["b"], ["é"])).encode()
    for content in (whole[:-2], whole[:-3]):  # after é, and between its two bytes
        path.write_bytes(content)
        with pytest.raises(GraphError, match=r"r\.jsonl, line 3: not valid JSON .*on_bad_rows='skip'"):
            list(read_json_lines(path))
        with pytest.warns(UserWarning, match=r"r\.jsonl: 1 line not valid JSON, skipped") as told:
            assert [value for _, value in read_json_lines(path, on_bad_rows="skip")] == [["a"], ["b"]]
        assert told[0].filename == __file__


# ---- the builder -------------------------------------------------------------------------------------------------


def test_names_with_the_same_words_are_different_nodes_if_more_than_spelling_differs():
    builder = GraphBuilder("test")
    different = ["C", "C++", "C#", "Help", "Help!", "Ä", "A", "Á", "Alabama", "Alabama (band)", "Alabama band"]
    ids = [builder.named("keyword", name) for name in different]
    assert len(set(ids)) == len(different)
    assert ids[:3] == ["keyword:c", "keyword:c-2", "keyword:c-3"]
    assert [builder.named("keyword", name) for name in different] == ids
    assert builder.named("genre", "C") == "genre:c"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert builder.build().nodes["name"].tolist() == [*different, "C"]


def test_spellings_of_a_name_are_one_node_and_counted():
    builder = GraphBuilder("test")
    spellings = ["Héctor O’Neil Jr.", "Hector O'Neil, Jr.", "hector oneil jr", "Hector  O’Neil-Jr", "Héctor O’Neil Jr."]
    assert {builder.named("person", name) for name in spellings} == {"person:hector-oneil-jr"}
    with pytest.warns(UserWarning, match="^test: 3 other spellings of a name merged with its first$"):
        graph = builder.build()
    assert graph.nodes["name"].tolist() == spellings[:1]
    assert spelling("E. T.") == spelling("e.t") == "e t"


def test_an_id_that_looks_like_a_made_one_is_not_taken():
    builder = GraphBuilder("test")
    builder.node("keyword:c", "keyword", "see")
    assert builder.named("keyword", "C") == "keyword:c-2"


def test_what_is_counted_is_told_once_at_the_callers_line_unless_it_is_normal():
    builder = GraphBuilder("test")
    a, b = builder.named("person", "A"), builder.named("project", "B")
    for _ in range(3):
        builder.edge(a, "Director", b)
    builder.count("things left out")
    with pytest.warns(UserWarning, match="left out") as told:
        graph = builder.build()
    assert [str(warning.message) for warning in told] == ["test: 2 repeated edges merged; 1 things left out"]
    assert told[0].filename == __file__
    assert len(graph.edges) == 1
    with pytest.warns(UserWarning, match="^test: 1 things left out$"):
        builder.build(quiet=["repeated edges merged"])


def test_years_are_whole_numbers_and_texts_are_never_missing():
    builder = GraphBuilder("test")
    builder.node("m1", "project", "A", year=1999, series="S", score=0.5)
    builder.node("m2", "project", "B", year=None, series="")
    builder.node("p1", "person", "C")
    nodes = builder.build().nodes
    assert str(nodes["year"].dtype) == "Int64"
    assert nodes["year"].tolist() == [1999, pd.NA, pd.NA]
    assert nodes["series"].tolist() == ["S", "", ""]
    assert nodes["score"].isna().tolist() == [False, True, True]
    with pytest.raises(GraphError, match="test: the person 'p2' has an empty name"):
        builder.node("p2", "person", " ")


def test_nothing_at_all_is_an_empty_graph():
    assert len(GraphBuilder("test").build().nodes) == 0
