"""Which relations are roles and which lead to subjects is read off a graph's shape, whatever anything is called."""

import pytest
from helpers import tables

from kgss_helpers.exam import training_graph
from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD, ROLES
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.text.documents import documents
from kgss_helpers.text.rows import SKILL, fact_key, facts_of, training_rows
from kgss_helpers.text.schema import counted_roles, has_genres, role_name, schema_of, skills_by_subject

NODES = [
    ("a", "member", "Anna", "Older than she looks."), ("b", "member", "Bert", ""),
    *((f"w{number}", "work", f"Work {number}", "") for number in range(1, 5)),
    ("s1", "matter", "Bridges", ""), ("s2", "matter", "Tunnels", ""), ("t", "team", "Team North", ""),
]  # fmt: skip
EDGES = [
    *(("a", "builder of", work) for work in ("w1", "w2", "w3")), ("a", "checks", "w4"), ("b", "checks", "w1"),
    *((work, "deals with", "s1") for work in ("w1", "w2")), *((work, "deals with", "s2") for work in ("w3", "w4")),
    ("a", "belongs to", "t"), ("b", "belongs to", "t"), ("a", "advises", "b"),
]  # fmt: skip


@pytest.fixture
def graph() -> KnowledgeGraph:
    return KnowledgeGraph(*tables(NODES, EDGES), name="works")


def test_roles_and_subjects_of_a_graph_with_names_of_its_own_kind(graph: KnowledgeGraph) -> None:
    schema = schema_of(graph)
    assert schema.role_relations == ("builder of", "checks")
    assert schema.subject_relations == ("deals with",)
    assert (schema.holder_types, schema.project_types, schema.subject_types) == (("member",), ("work",), ("matter",))


def test_the_shape_alone_finds_the_roles_and_subjects_of_films() -> None:
    films = training_graph()
    renamed = {HAS_GENRE: "is a", HAS_KEYWORD: "shows"}
    other = films.with_edges(films.edges.assign(relation=films.edges["relation"].replace(renamed)))
    for known, (genre, keyword) in ((films, (HAS_GENRE, HAS_KEYWORD)), (other, ("is a", "shows"))):
        assert schema_of(known).subject_relations == tuple(sorted((genre, keyword)))
        assert schema_of(known).role_relations == tuple(sorted(ROLES))
    assert (has_genres(films), has_genres(other)) == (True, False)


@pytest.mark.parametrize(
    "edges",
    [
        [],
        [("a", "advises", "b")],
        [("a", "builder of", "w1"), ("a", "builder of", "w2")],  # works are about nothing
        [("a", "builder of", "w1"), ("w1", "deals with", "s1"), ("w2", "deals with", "s2")],  # nothing is shared
        [("w1", "deals with", "s1"), ("w2", "deals with", "s1")],  # nobody takes part
    ],
)
def test_a_graph_without_the_chain_has_no_subjects(edges) -> None:
    graph = KnowledgeGraph(*tables(NODES, edges), name="poor")
    schema = schema_of(graph)
    assert schema.subject_relations == schema.role_relations == schema.subject_types == ()
    assert counted_roles(graph).empty
    assert skills_by_subject(graph) == {}


def test_counts_by_role_and_what_somebody_knows_over_all_roles(graph: KnowledgeGraph) -> None:
    counted = counted_roles(graph).set_index(["holder", "role", "subject"])["count"].to_dict()
    assert counted == {
        ("a", "builder of", "s1"): 2, ("a", "builder of", "s2"): 1, ("a", "checks", "s2"): 1, ("b", "checks", "s1"): 1,
    }  # fmt: skip
    assert skills_by_subject(graph) == {"a": [("builder of", "Bridges", 2), ("builder of", "Tunnels", 2)]}


def test_a_relation_becomes_what_somebody_is() -> None:
    names = {"researcher in": "researcher", "works_on": "works", "Director": "Director", "head of": "head", "of": "of"}
    assert {relation: role_name(relation) for relation in names} == names


def test_documents_say_what_somebody_knows_and_what_is_no_role(graph: KnowledgeGraph) -> None:
    text = dict(zip(graph.nodes["node_id"], documents(graph, "skills"), strict=True))
    assert text["a"] == (
        "Anna. builder in Bridges and Tunnels. advises Bert. belongs to Team North. Older than she looks."
    )
    assert text["b"] == "Bert. belongs to Team North. checks Work 1"  # one project is no knowledge
    assert text["w1"] == "Work 1. deals with Bridges"


def test_rows_of_such_a_graph_speak_of_no_roles_of_others(graph: KnowledgeGraph) -> None:
    rows = training_rows(graph, "either", seed=1)
    assert not rows["positive"].str.contains("film|genre|keyword").any()
    assert not rows["positive"].str.contains("[{}]").any()
    of_edges = rows[~rows["relation"].isin([SKILL, "description"])]
    assert len(of_edges) == len(graph.edges)
    known = rows[rows["relation"] == SKILL]
    assert set(known["fact"]) == {fact_key(SKILL, "builder of", name) for name in ("Bridges", "Tunnels")}
    assert len(known) == 4
    true = facts_of(graph)
    stated = rows[rows["relation"] != "description"]
    assert all(fact in true[node] for node, fact in zip(stated["node_id"], stated["fact"], strict=True))


def test_an_edge_that_is_taken_away_leaves_documents_and_rows(graph: KnowledgeGraph) -> None:
    poorer = graph.with_edges(graph.edges[graph.edges["target"] != "w2"])
    assert "Bridges" not in dict(zip(graph.nodes["node_id"], documents(poorer, "skills"), strict=True))["a"]
    assert not training_rows(poorer, "either")["positive"].str.contains("in 'Bridges'").any()
