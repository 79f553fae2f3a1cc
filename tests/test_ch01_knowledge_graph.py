"""Notebook 01: degrees and kinds of sentences."""

import matplotlib.pyplot as plt
import pytest
from helpers import tables

from kgss_helpers.chapters.ch01_knowledge_graph import degrees, relation_phrases
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.show.graph_view import NODE_STYLE, OTHER_STYLE

NODES, EDGES = tables(
    [
        ("m1", "project", "Red Moon", ""),
        ("p1", "person", "Ada Quill", ""),
        ("p2", "person", "Co", ""),
        ("k1", "keyword", "heist", ""),
        ("g1", "genre", "Crime", ""),
        ("x1", "<i>odd</i>", "Something else", ""),
        ("m2", "project", "Blue River", ""),
        ("lone", "person", "Nobody", ""),
    ],
    [
        ("p1", "Director", "m1"),
        ("p1", "Screenwriter", "m1"),
        ("p2", "Actor", "m1"),
        ("p2", "Actor", "m2"),
        ("p1", "Actor", "m2"),
        ("m1", "has keyword", "k1"),
        ("m1", "has genre", "g1"),
        ("m2", "has genre", "g1"),
        ("m1", "mentions", "x1"),
    ],
)


@pytest.fixture
def graph():
    return KnowledgeGraph(NODES, EDGES, name="tiny")


def test_degrees_counts_nodes_with_at_least_so_many_edges(graph):
    (axes,) = degrees(graph).axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert set(lines) == set(NODES["node_type"])
    assert lines["project"].get_xdata().tolist() == [3, 6]
    assert lines["project"].get_ydata().tolist() == [2, 1]
    assert lines["person"].get_xdata().tolist() == [0, 2, 3]
    assert lines["person"].get_ydata().tolist() == [3, 2, 1]
    assert {line.get_color() for line in lines.values()} <= {
        color for color, _, _ in (*NODE_STYLE.values(), OTHER_STYLE)
    }
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert axes.get_title()
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    plt.close("all")


def test_relations_are_listed_with_verb_and_count(graph):
    phrases = relation_phrases(graph)
    rows = {(row.subject_type, row.relation): (row.verb, row.edges) for row in phrases.itertuples()}
    assert rows["person", "Actor"] == ("acted in", 3)
    assert rows["project", "has genre"] == ("belongs to the genre", 2)
    assert rows["project", "mentions"] == ("mentions", 1)
    assert phrases["edges"].sum() == len(EDGES)
