"""Fewer answers: a range, a role and a subject hold together, for items, their makers and what they are about."""

import pytest
from helpers import small_films, tables

from kgss_helpers.graph import GraphError, KnowledgeGraph
from kgss_helpers.methods.narrowing import Narrowing

YEARS = {"f1": 1971, "f2": 1985}


@pytest.fixture
def graph():
    films = small_films()
    nodes = films.nodes.assign(year=films.nodes["node_id"].map(YEARS).astype("Int64"))
    return KnowledgeGraph(nodes, films.edges, name="dated")


def left(graph, **asked):
    return set(graph.nodes["node_id"][Narrowing(graph, attribute="year").allowed(**asked)])


def test_nothing_asked_for_leaves_everything(graph):
    assert left(graph) == set(graph.nodes["node_id"])


def test_a_range_keeps_items_of_it_with_their_makers_and_subjects(graph):
    assert left(graph, low=1970, high=1979) == {"f1", "p1", "g1", "k1"}
    assert left(graph, low=1985) == {"f2", "p1", "g1"}
    assert left(graph, high=1971) == {"f1", "p1", "g1", "k1"}


def test_an_item_without_a_value_lies_in_no_range(graph):
    assert "f3" not in left(graph, low=0)
    assert left(graph, low=1900, high=1910) == set()


def test_a_role_keeps_who_has_it(graph):
    assert left(graph, role="Voice actor") == {"f3", "p2", "g1"}
    assert left(graph, role="Director") == {"f1", "f2", "f3", "p1", "g1", "k1"}


def test_a_subject_keeps_what_is_about_it(graph):
    assert left(graph, subject="k1") == {"f1", "p1", "k1", "g1"}


def test_all_conditions_hold_of_one_item(graph):
    # Bo Ray lent a voice, and there are films of the seventies, but not one film with both.
    assert left(graph, role="Voice actor", low=1970, high=1979) == set()
    assert left(graph, role="Director", subject="k1", low=1970) == {"f1", "p1", "k1", "g1"}


def test_what_the_graph_lacks_is_named(graph):
    with pytest.raises(GraphError, match=r"Directr.*Director"):
        left(graph, role="Directr")
    with pytest.raises(KeyError, match="nobody"):
        left(graph, subject="nobody")
    with pytest.raises(ValueError, match=r"no column 'age'.*year"):
        Narrowing(graph, attribute="age")


def test_a_graph_without_roles_subjects_or_values_can_be_searched_too():
    nodes, edges = tables([("a", "person", "Ada", ""), ("b", "person", "Bo", "")], [("a", "knows", "b")])
    graph = KnowledgeGraph(nodes, edges)
    assert Narrowing(graph).allowed().all()
    assert not Narrowing(graph).allowed(low=1).any()
