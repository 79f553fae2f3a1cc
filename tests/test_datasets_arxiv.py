"""arXiv's metadata snapshot."""

import gzip
import json

import pandas as pd
import pytest
from helpers import write_json_lines

from kgss_helpers.datasets import load_arxiv
from kgss_helpers.graph import GraphError

pytestmark = pytest.mark.usefixtures("unexpected_warnings_fail")

RECORDS = [
    {
        "id": "0001.1",
        "title": "On\n  Lighthouses",
        "categories": "cs.IR math.CO",
        "abstract": "  Light\nand sea. ",
        "update_date": "2011-01-02",
        "authors": "ignored",
        "authors_parsed": [
            ["Lee", "Ann", ""],
            ["Ray", "Bo", "Jr.", "University of\n X", "Dept."],
            ["NA", "", ""],
        ],
    },
    {
        "id": "0001.2",
        "title": "None",
        "categories": "math-ph",
        "abstract": None,
        "update_date": None,
        "authors": "Ann Lee, C. Quill and\n Bo Ray Jr.",
    },
    {
        "id": "0001.3",
        "title": "Fog",
        "categories": "cs.AI",
        "authors_parsed": [["Lee", "Ann"], ["Collaboration"], ["", ""]],
    },
]


@pytest.fixture
def snapshot(tmp_path):
    def write(records=RECORDS, end=""):
        return write_json_lines(tmp_path / "arxiv.json", records, end)

    return write


def authors_of(graph, paper):
    return graph.neighbours(f"project:{paper}", relation="Author")["name"].tolist()


def papers_of(graph):
    return graph.nodes[graph.nodes["node_type"] == "project"]["node_id"].str.removeprefix("project:").tolist()


def test_a_small_snapshot(snapshot):
    graph = load_arxiv(snapshot())
    assert graph.node("project:0001.1")[["name", "description", "year"]].tolist() == [
        "On Lighthouses",
        "Light and sea.",
        2011,
    ]
    assert graph.node("project:0001.2")[["name", "description"]].tolist() == ["None", ""]
    assert graph.node("project:0001.2")["year"] is pd.NA
    assert authors_of(graph, "0001.1") == ["Ann Lee", "Bo Ray Jr.", "NA"]  # no affiliations
    assert authors_of(graph, "0001.2") == ["Ann Lee", "C. Quill", "Bo Ray Jr."]
    assert authors_of(graph, "0001.3") == ["Ann Lee", "Collaboration"]
    assert graph.find("ann lee")["degree"].tolist() == [3]
    genres = graph.neighbours("project:0001.1", relation="has genre")
    assert genres["name"].tolist() == ["cs.IR", "math.CO"]


def test_a_packed_snapshot(snapshot):
    path = snapshot()
    packed = path.with_suffix(".json.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert load_arxiv(packed).edges.equals(load_arxiv(path).edges)


@pytest.mark.parametrize(
    ("categories", "papers"),
    [
        (["cs.IR"], ["0001.1"]),
        (["cs."], ["0001.1", "0001.3"]),
        ("cs.", ["0001.1", "0001.3"]),
        (["math."], ["0001.1"]),
        (["math-ph", "cs.AI"], ["0001.2", "0001.3"]),
        ((), ["0001.1", "0001.2", "0001.3"]),
    ],
)
def test_categories_are_exact_unless_they_end_in_a_full_stop(snapshot, categories, papers):
    assert papers_of(load_arxiv(snapshot(), categories=categories)) == papers


def test_the_limit_counts_papers_that_were_chosen(snapshot):
    assert papers_of(load_arxiv(snapshot(), categories=["cs."], limit=1)) == ["0001.1"]


def test_a_choice_that_leaves_nothing_is_told(snapshot):
    with pytest.warns(UserWarning, match=r"arXiv: nothing was read\. Check what was asked for"):
        assert papers_of(load_arxiv(snapshot(), categories=["math"])) == []
    with pytest.raises(GraphError, match="limit must be a whole number from 1 on, not 0"):
        load_arxiv(snapshot(), limit=0)


def test_the_year_is_that_of_the_first_version(snapshot):
    versions = [
        {"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"},
        {"created": "Tue, 3 May 2011 00:00:00 GMT"},
    ]
    record = {"id": "1", "title": "T", "categories": "x", "update_date": "2015-05-13", "versions": versions}
    graph = load_arxiv(snapshot([record, {**record, "id": "2", "versions": []}]))
    assert graph.nodes.set_index("node_id")["year"].loc[["project:1", "project:2"]].tolist() == [2007, 2015]


def test_affiliations_in_brackets_are_no_people(snapshot):
    authors = "A. Lee (1), B. Ray (Univ. of X, Y (Z), W) and C. Quill ((1) Institute, Town)"
    graph = load_arxiv(snapshot([{"id": "1", "title": "T", "categories": "x", "authors": authors}]))
    assert authors_of(graph, "1") == ["A. Lee", "B. Ray", "C. Quill"]


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("title", ["T"], "a list"),
        ("categories", 7, "a number"),
        ("abstract", {"a": 1}, "an object"),
        ("authors", True, "true"),
    ],
)
def test_a_field_of_another_kind_is_named(snapshot, field, value, kind):
    record = {"id": "1", "title": "T", "categories": "x"} | {field: value}
    with pytest.raises(GraphError, match=f"arxiv.json, line 1: '{field}' is {kind}.*not a text"):
        load_arxiv(snapshot([record]))


@pytest.mark.parametrize("authors", [["Ann Lee"], [["Lee", None]], "Ann Lee", [[1, 2]]])
def test_authors_in_another_form_are_not_cut_into_letters(snapshot, authors):
    record = {"id": "1", "title": "T", "categories": "x", "authors_parsed": authors}
    with pytest.raises(GraphError, match=r"arxiv\.json, line 1: 'authors_parsed' must hold lists"):
        load_arxiv(snapshot([record]))


def test_a_record_without_what_it_needs(snapshot):
    for record, field in (({"id": "2", "title": " ", "categories": "x"}, "title"), ([1], "id"), ({"id": "3"}, "title")):
        with pytest.raises(GraphError, match=f"arxiv.json, line 4: the record has no '{field}'; is this arXiv's"):
            load_arxiv(snapshot([*RECORDS, record]))


def test_a_line_that_is_cut_off(snapshot):
    path = snapshot(end='{"id": "0002.1", "tit')
    with pytest.raises(GraphError, match=r"arxiv\.json, line 4: not valid JSON .*on_bad_rows='skip'"):
        load_arxiv(path)
    with pytest.warns(UserWarning, match=r"arxiv\.json: 1 line not valid JSON, skipped"):
        assert len(papers_of(load_arxiv(path, on_bad_rows="skip"))) == 3


def test_a_paper_that_stands_there_twice_is_counted(snapshot):
    with pytest.warns(UserWarning, match="arXiv: 1 papers with an id that is there already merged"):
        assert len(papers_of(load_arxiv(snapshot([*RECORDS, RECORDS[0]])))) == 3


def test_the_real_snapshot(reference):
    path = reference / "arxiv" / "arxiv-metadata-oai-snapshot.json"
    graph = load_arxiv(path)
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(papers_of(graph)) == len({record["id"] for record in records}) == 200
    subjects = {subject for record in records for subject in record["categories"].split()}
    assert set(graph.nodes[graph.nodes["node_type"] == "genre"]["name"]) == subjects
    assert authors_of(graph, "0704.0001") == ["C. Balázs", "E. L. Berger", "P. M. Nadolsky", "C. -P. Yuan"]
    names = graph.nodes[graph.nodes["node_type"] == "person"]["name"]
    assert not names.str.contains("Univers|Department|Institut|Princeton|Oxford", regex=True).any()
    assert graph.nodes["year"].dropna().between(2007, 2026).all()
    assert papers_of(load_arxiv(path, categories=["math."])) == [
        record["id"] for record in records if any(s.startswith("math.") for s in record["categories"].split())
    ]


def test_the_real_snapshot_cut_off(reference, tmp_path):
    whole = (reference / "arxiv" / "arxiv-metadata-oai-snapshot.json").read_bytes()
    path = tmp_path / "cut.json"
    path.write_bytes(whole[: len(whole) // 2])
    line = path.read_bytes().count(b"\n") + 1
    with pytest.raises(GraphError, match=rf"cut\.json, line {line}: not valid JSON"):
        load_arxiv(path)
    with pytest.warns(UserWarning, match=r"cut\.json: 1 line not valid JSON, skipped"):
        assert len(papers_of(load_arxiv(path, on_bad_rows="skip"))) == line - 1
