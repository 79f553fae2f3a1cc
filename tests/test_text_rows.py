"""A graph in sentences: every edge says what it means, and no text says what the graph does not hold."""

import pandas as pd
import pytest
from helpers import tables

from kgss_helpers.datasets import load_films
from kgss_helpers.exam import film_exam
from kgss_helpers.films.roles import ROLES, VERBS
from kgss_helpers.films.skills import skill_phrases, skills_of
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.text import rows as verbalize
from kgss_helpers.text.documents import documents
from kgss_helpers.text.rows import training_rows
from kgss_helpers.text.sentences import sentence, sentences, verb

NODES, EDGES = tables(
    [
        ("f1", "project", "Red Moon", "A heist on the moon."),
        ("f2", "project", "Blue River", ""),
        ("f3", "project", "Green Hill", ""),
        ("p1", "person", "Ada Quill", "Knows the moon."),
        ("p2", "person", "Bo Ray", ""),
        ("g1", "genre", "Crime", ""),
        ("k1", "keyword", "heist", ""),
        ("lone", "person", "Nobody", ""),
    ],
    [
        ("p1", "Director", "f1"),
        ("p1", "Director", "f2"),
        ("p1", "Director", "f3"),
        ("p2", "Voice actor", "f3"),
        ("f1", "has genre", "g1"),
        ("f2", "has genre", "g1"),
        ("f3", "has genre", "g1"),
        ("f1", "has keyword", "k1"),
    ],
)
STYLES = ["name", "films", "skills"]


@pytest.fixture
def graph():
    return KnowledgeGraph(NODES, EDGES)


# ---- sentences ---------------------------------------------------------------------------------------------------


def test_every_relation_of_the_film_graph_has_a_verb_of_its_own():
    assert set(VERBS) == {*ROLES, "has genre", "has keyword"}
    assert len(set(VERBS.values())) == len(VERBS)
    assert set(load_films().edges["relation"]) == set(VERBS)


@pytest.mark.parametrize(
    ("relation", "expected"),
    [("Director", "directed"), ("_derivationally_related_form", "derivationally related form"), ("cites", "cites")],
)
def test_other_relations_are_read_as_they_stand(relation, expected):
    assert verb(relation) == expected


def test_an_edge_is_a_sentence():
    assert sentence("George Lucas", "Director", "Star Wars") == "George Lucas directed Star Wars."
    assert sentence("Star Wars", "has keyword", "space battle") == "Star Wars has the keyword space battle."


def test_triples_become_sentences_in_order(graph):
    said = sentences(graph.triples())
    assert len(said) == len(EDGES)
    assert said[0] == "Ada Quill directed Red Moon."
    assert said[3] == "Bo Ray lent a voice to Green Hill."
    assert said[4] == "Red Moon belongs to the genre Crime."


# ---- documents ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_one_document_a_node_in_order_beginning_with_its_name(graph, style):
    texts = documents(graph, style)
    assert len(texts) == len(NODES)
    assert [text.startswith(name) for text, name in zip(texts, NODES["name"], strict=True)] == [True] * len(NODES)
    assert texts == documents(graph, style)


def test_the_name_alone_is_the_name(graph):
    assert documents(graph, "name") == NODES["name"].tolist()


@pytest.mark.parametrize("style", ["films", "skills"])
def test_documents_hold_the_facts_and_the_description(graph, style):
    text = dict(zip(NODES["node_id"], documents(graph, style), strict=True))
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
    text = documents(graph, "films", most=1)[NODES["node_id"].tolist().index("p1")]
    assert "Red Moon" in text
    assert "Blue River" not in text


def test_an_unknown_style_is_refused(graph):
    with pytest.raises(ValueError, match=r"unknown style 'poem'.*name.*films.*skills"):
        documents(graph, "poem")


@pytest.mark.parametrize("style", ["films", "skills"])
def test_a_fact_that_is_taken_away_leaves_every_text(graph, style):
    kept = EDGES[EDGES["target"] != "f3"]
    text = dict(zip(NODES["node_id"], documents(graph.with_edges(kept), style), strict=True))
    assert text["p2"] == "Bo Ray"
    assert [node for node, said in text.items() if "Green Hill" in said] == ["f3"]
    assert "Bo Ray" not in text["f3"]


def test_skills_are_counted_from_three_credits_on(graph):
    assert skills_of(graph) == {"p1": [("Director", "Crime", 3)]}
    fewer = graph.with_edges(EDGES[EDGES["target"] != "f3"])
    assert skills_of(fewer) == {}


def test_the_most_frequent_genre_of_a_role_is_said_first():
    skills = [("Director", "Crime", 3), ("Director", "Drama", 5), ("Actor", "War", 9)]
    assert skill_phrases(skills) == ["Director in drama", "Director in crime", "Actor in war"]


# ---- rows --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    return training_rows(film_exam()[0].training_graph)


def test_rows_have_their_columns_and_no_empty_text(rows):
    assert list(rows.columns) == ["anchor", "positive", "relation", "node_id", "other", "fact"]
    assert (rows[["anchor", "positive", "relation", "node_id"]] != "").all(axis=None)
    assert not rows[["anchor", "positive"]].stack().str.contains("[{}]", regex=True).any()


def test_rows_about_an_edge_stand_on_a_training_edge(rows):
    split = film_exam()[0]
    known = set(split.train.itertuples(index=False, name=None))
    hidden = {
        frozenset((source, target))
        for side in (split.validation, split.test)
        for source, _, target in side.itertuples(index=False)
    }
    about = rows[(rows["other"] != "") & (rows["relation"] != "skill")]
    assert len(about) == len(split.train)
    ends = list(about[["node_id", "relation", "other"]].itertuples(index=False, name=None))
    assert all((one, relation, other) in known or (other, relation, one) in known for one, relation, other in ends)
    assert not hidden & {frozenset((one, other)) for one, _, other in ends}


def test_every_training_edge_is_in_a_row(rows):
    about = rows[rows["other"] != ""]
    ends = set(about[["node_id", "relation", "other"]].itertuples(index=False, name=None))
    train = film_exam()[0].train.itertuples(index=False, name=None)
    assert not [edge for edge in train if edge not in ends and edge[::-1] not in ends]


def test_no_row_uses_a_phrasing_of_the_exam(rows):
    """Keywords apart: they are words of the graph, and their questions leave the node of that name out."""
    asked = {question.text.casefold() for question in film_exam()[1] if question.family != "keyword"}
    said = set(rows["anchor"].str.casefold()) | set(rows["positive"].str.casefold())
    assert not asked & said


def test_rows_go_by_their_seed(graph):
    pd.testing.assert_frame_equal(training_rows(graph), training_rows(graph))
    assert not training_rows(graph).equals(training_rows(graph, seed=1))


def test_rows_of_another_graph_need_no_film_relations():
    edges = EDGES.assign(relation="related to").drop_duplicates()
    made = training_rows(KnowledgeGraph(NODES, edges))
    assert len(made) >= len(edges)
    assert verbalize.HAS_GENRE not in set(made["relation"])
