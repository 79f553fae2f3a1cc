"""A text for each node, which says no more than the graph holds."""

import pytest
from helpers import small_films, tables

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.text.documents import documents

STYLES = ["name", "films", "skills"]


@pytest.fixture
def graph():
    return small_films()


@pytest.mark.parametrize("style", STYLES)
def test_one_document_a_node_in_order_beginning_with_its_name(graph, style):
    texts = documents(graph, style)
    assert len(texts) == len(graph.nodes)
    assert [text.startswith(name) for text, name in zip(texts, graph.nodes["name"], strict=True)] == [True] * len(
        graph.nodes
    )
    assert texts == documents(graph, style)


def test_the_name_alone_is_the_name(graph):
    assert documents(graph, "name") == graph.nodes["name"].tolist()


@pytest.mark.parametrize("style", ["films", "skills"])
def test_documents_hold_the_facts_and_the_description(graph, style):
    text = dict(zip(graph.nodes["node_id"], documents(graph, style), strict=True))
    assert "heist" in text["f1"]
    assert "crime" in text["f1"].lower()
    assert "A heist on the moon." in text["f1"]
    assert ("Knows the moon." in text["p1"]) == (style == "films")
    assert "director" in text["p1"].lower()
    assert text["lone"] == "Nobody"
    assert text["k1"] == "heist"
    assert not [said for said in text.values() if "has genre" in said or "has keyword" in said]
    if style == "films":
        assert all(title in text["p1"] for title in ("Red Moon", "Blue River", "Green Hill"))
    else:
        assert text["p1"] == "Ada Quill. Director in crime"
        assert text["p2"] == "Bo Ray. Credited in Green Hill"


def test_no_more_is_listed_than_asked_for(graph):
    text = documents(graph, "films", most=1)[graph.nodes["node_id"].tolist().index("p1")]
    assert "Red Moon" in text
    assert "Blue River" not in text


def test_an_unknown_style_is_refused(graph):
    with pytest.raises(ValueError, match=r"unknown style 'poem'.*name.*films.*skills"):
        documents(graph, "poem")


@pytest.mark.parametrize("style", ["films", "skills"])
def test_a_fact_that_is_taken_away_leaves_every_text(graph, style):
    kept = graph.edges[graph.edges["target"] != "f3"]
    text = dict(zip(graph.nodes["node_id"], documents(graph.with_edges(kept), style), strict=True))
    assert text["p2"] == "Bo Ray"
    assert [node for node, said in text.items() if "Green Hill" in said] == ["f3"]
    assert "Bo Ray" not in text["f3"]


def test_relations_that_are_no_roles_are_said_as_they_stand() -> None:
    nodes = [("a", "person", "Anna", ""), ("b", "team", "Civil works", ""), ("c", "thing", "Long bridge", "")]
    graph = KnowledgeGraph(*tables(nodes, [("a", "member of", "b"), ("a", "works_on", "c")]), name="works")
    for style in ("films", "skills"):
        assert documents(graph, style)[0] == "Anna. member of Civil works. works on Long bridge"


def test_a_project_that_leads_on_keeps_its_genres() -> None:
    nodes = [("f", "project", "Aliens", ""), ("h", "project", "Alien", ""), ("g", "genre", "Horror", "")]
    graph = KnowledgeGraph(*tables(nodes, [("f", "has genre", "g"), ("f", "sequel of", "h")]), name="two")
    assert documents(graph, "films")[0] == "Aliens. Horror film. sequel of Alien"
