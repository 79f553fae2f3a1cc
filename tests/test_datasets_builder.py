"""The builder that counts: names, spellings, repeats, years."""

import warnings

import pandas as pd
import pytest

from kgss_helpers.datasets import builder as builder_module
from kgss_helpers.datasets.builder import GraphBuilder, spelling, year_of
from kgss_helpers.graph import GraphError


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


def test_edges_by_the_column_are_edges_one_by_one():
    one, many = GraphBuilder("test"), GraphBuilder("test")
    ends, relations = [f"n{number}" for number in range(5)], ["knows", "likes"]
    rows = [(ends[row % 5], relations[row % 2], ends[row * row % 5]) for row in range(40)]
    for builder in (one, many):
        for end in ends:
            builder.node(end, "person", end)
    for row in rows:
        one.edge(*row)
    many.edges(*zip(*rows[:15], strict=True))
    many.edge(*rows[15])
    many.edges(*zip(*rows[16:], strict=True))
    many.edges([], [], [])
    with pytest.warns(UserWarning, match="repeated edges merged"):
        first, second = one.build(), many.build()
    assert first.edges.equals(second.edges)
    assert list(first.edges.itertuples(index=False, name=None)) == list(dict.fromkeys(rows))
    with pytest.raises(ValueError, match="columns of 1, 1 and 0 rows"):
        many.edges(["n1"], ["knows"], [])


def test_many_edges_are_categorical_and_compare_like_text(monkeypatch):
    monkeypatch.setattr(builder_module, "MANY", 2)
    builder = GraphBuilder("test")
    a, b = builder.node("a", "person", "A"), builder.node("b", "person", "B")
    builder.edges([a, b], ["knows", "likes"], [b, a])
    graph = builder.build()
    assert graph.edges["source"].dtype == "category"
    assert (graph.edges["relation"] == "likes").tolist() == [False, True]
    assert graph.neighbours("a")["relation"].tolist() == ["knows", "likes"]


def test_an_edge_to_nothing_is_named():
    builder = GraphBuilder("test")
    builder.edge(builder.node("a", "person", "A"), "knows", "nobody")
    with pytest.raises(GraphError, match="'nobody' is not a node_id"):
        builder.build()


def test_what_is_counted_is_said_once_at_the_callers_line_unless_it_is_normal():
    builder = GraphBuilder("test")
    a, b = builder.named("person", "A"), builder.named("project", "B")
    for _ in range(3):
        builder.edge(a, "Director", b)
    builder.count("things left out")
    with pytest.warns(UserWarning, match="left out") as warned:
        graph = builder.build()
    assert [str(warning.message) for warning in warned] == ["test: 2 repeated edges merged; 1 things left out"]
    assert warned[0].filename == __file__
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


def test_nothing_at_all_is_an_empty_graph_and_is_told():
    with pytest.warns(UserWarning, match="test: nothing was read"):
        assert len(GraphBuilder("test").build().nodes) == 0


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
