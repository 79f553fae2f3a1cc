"""Articles and their links, in the Cookbook's record layout."""

import gzip
import json

import pandas as pd
import pytest
from helpers import write_json_lines

from kgss_helpers.datasets import load_link_records
from kgss_helpers.datasets.link_records import page_of
from kgss_helpers.graph import GraphError

pytestmark = pytest.mark.usefixtures("unexpected_warnings_fail")

RECORDS = [
    ["Tin Harbour", {"name": "x"}, ["sea", "Sea#Depth", "Fog", "Category:1984 films", "C++", "C"], "87%", "7.9/10"],
    ["Tin harbour", {}, ["Sea", "file:map.png", ":Category:Fog"], None, None],
    ["NA", {}, ["Tin Harbour", "C"], "100%", None],
    ["Empty", {}, [], "0%", "10/10"],
]


@pytest.fixture
def records(tmp_path):
    def write(rows=RECORDS, end=""):
        return write_json_lines(tmp_path / "films.ndjson", rows, end)

    return write


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("star_wars#Plot", "Star wars"),
        ("#Section", ""),
        ("Category:Films", ""),
        ("image:x.jpg", ""),
        ("wikt:sea", ""),
        ("fr:Mer", ""),
        ("be-x-old:Мора", ""),
        ("W:Sea", ""),
        ("doi:10.1/2", ""),
        ("Re:Zero", "Re:Zero"),
        ("CSI: Miami", "CSI: Miami"),
        ("Star Trek: Nemesis", "Star Trek: Nemesis"),
        ("2001: A Space Odyssey", "2001: A Space Odyssey"),
        ("élan", "Élan"),
        ("  ", ""),
    ],
)
def test_what_page_a_link_leads_to(link, page):
    assert page_of(link) == page


def pages_of(graph, article):
    return graph.neighbours(article, relation="links to", direction="out")["name"].tolist()


def test_a_small_file(records):
    graph = load_link_records(records())
    articles = graph.nodes[graph.nodes["node_type"] == "project"].set_index("name")
    assert list(articles.index) == ["Tin Harbour", "Tin harbour", "NA", "Empty"]  # titles are told apart by case
    assert articles["rotten_tomatoes"].tolist()[::2] == [0.87, 1.0]
    assert articles["rotten_tomatoes"].isna().tolist() == [False, True, False, False]
    assert articles.loc["Empty", ["rotten_tomatoes", "metascore"]].tolist() == [0.0, 10.0]
    assert articles.loc["Tin Harbour", "metascore"] == 7.9
    assert pages_of(graph, articles.loc["Tin Harbour", "node_id"]) == ["Sea", "Fog", "C++", "C"]
    assert pages_of(graph, articles.loc["Tin harbour", "node_id"]) == ["Sea"]
    assert graph.find("C")["degree"].tolist() == [2]
    assert graph.find("C++")["degree"].tolist() == [1]
    assert len(graph.find("Tin Harbour", "keyword")) == 1  # the page is not the article


def test_only_pages_that_several_articles_link_to(records):
    graph = load_link_records(records(), min_count=2)
    assert set(graph.nodes.query("node_type == 'keyword'")["name"]) == {"Sea", "C"}
    assert len(graph.edges) == 4


def test_a_title_twice_and_a_page_in_two_spellings_are_counted(records):
    rows = [*RECORDS, ["NA", {}, ["fog."], None, None]]
    warned = "1 articles with a title that is there already merged; 1 other spellings of a name merged with its first"
    with pytest.warns(UserWarning, match=f"link records: {warned}"):
        graph = load_link_records(records(rows))
    assert graph.find("fog")["degree"].tolist() == [2]


def test_packed_records(records):
    path = records()
    packed = path.with_suffix(".ndjson.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert load_link_records(packed).edges.equals(load_link_records(path).edges)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"title": "x"}, "expected [title, infobox, links, percent or null, score or null]"),
        (["x", {}, []], "expected [title"),
        ([" ", {}, [], None, None], "expected [title"),
        (["x", {}, "links", None, None], "expected [title"),
        (["x", {}, ["a", 3], None, None], "expected [title"),
        (["x", {}, [], "good", None], "'good' is neither like '87%' nor like '7.9/10'; use null"),
        (["x", {}, [], None, "79%"], "'79%' is neither"),
    ],
)
def test_a_record_in_another_layout(records, record, message):
    with pytest.raises(GraphError) as refusal:
        load_link_records(records([*RECORDS, record]), on_bad_rows="skip")
    assert str(refusal.value).startswith(f"films.ndjson, line 5: {message}")


def test_a_record_that_is_cut_off(records):
    path = records(end='["Tail", {}, ["Se')
    with pytest.raises(GraphError, match=r"films\.ndjson, line 5: not valid JSON"):
        load_link_records(path)
    with pytest.warns(UserWarning, match=r"films\.ndjson: 1 line not valid JSON, skipped"):
        assert len(load_link_records(path, on_bad_rows="skip").find("Empty")) == 1


def test_the_real_articles(reference):
    path = reference / "wikipedia_links" / "wp_articles_106.ndjson"
    with pytest.warns(
        UserWarning, match=r"^link records: \d+ other spellings of a name merged with its first$"
    ) as warned:
        graph = load_link_records(path)
    assert len(warned) == 1
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    articles = graph.nodes[graph.nodes["node_type"] == "project"]
    assert articles["name"].tolist() == [row[0] for row in rows]
    pages = {page for row in rows for page in map(page_of, row[2]) if page}
    merged = int(str(warned[0].message).split()[2])
    assert (graph.nodes["node_type"] == "keyword").sum() + merged == len(pages)  # nothing else got lost
    assert not graph.nodes["name"].str.contains("^(?:Category|File|Image|Wikt|Bg|Da):", regex=True).any()
    assert articles["rotten_tomatoes"].isna().all()
    assert "Peter Kropotkin" in pages_of(graph, "project:anarchism")


def test_scores_are_numbers_in_every_graph(records):
    for rows in (RECORDS, RECORDS[1:2]):
        nodes = load_link_records(records(rows)).nodes
        assert pd.api.types.is_float_dtype(nodes["rotten_tomatoes"])
        assert pd.api.types.is_float_dtype(nodes["metascore"])
