"""Rows to learn from: every training edge is in one, nothing held out is in any, and each names its fact."""

from collections import Counter

import pandas as pd
import pytest
from helpers import small_films

from kgss_helpers.exam import film_exam, training_graph
from kgss_helpers.films.roles import HAS_GENRE
from kgss_helpers.films.skills import SKILLED_FROM, skilled_people
from kgss_helpers.films.wording import SKILL_FORMS
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.text.rows import DESCRIPTION, MOST_SKILL_ROWS, SKILL, fact_key, facts_of, training_rows


@pytest.fixture
def graph():
    return small_films()


@pytest.fixture(scope="module")
def rows():
    return training_rows(training_graph())


def test_rows_have_their_columns_and_no_empty_text(rows):
    assert list(rows.columns) == ["anchor", "positive", "relation", "node_id", "other", "fact"]
    assert (rows[["anchor", "positive", "relation", "node_id"]] != "").all(axis=None)
    assert not rows[["anchor", "positive"]].stack().str.contains("[{}]", regex=True).any()


def test_rows_about_an_edge_stand_on_a_training_edge(rows):
    split = film_exam()
    known = set(split.training_graph.edges.itertuples(index=False, name=None))
    hidden = {
        frozenset((source, target))
        for side in (split.validation, split.test)
        for source, _, target in side.itertuples(index=False)
    }
    about = rows[(rows["other"] != "") & (rows["relation"] != SKILL)]
    assert len(about) == len(split.training_graph.edges)
    ends = list(about[["node_id", "relation", "other"]].itertuples(index=False, name=None))
    assert all((one, relation, other) in known or (other, relation, one) in known for one, relation, other in ends)
    assert not hidden & {frozenset((one, other)) for one, _, other in ends}


def test_every_training_edge_is_in_a_row(rows):
    about = rows[rows["other"] != ""]
    ends = set(about[["node_id", "relation", "other"]].itertuples(index=False, name=None))
    train = training_graph().edges.itertuples(index=False, name=None)
    assert not [edge for edge in train if edge not in ends and edge[::-1] not in ends]


def test_no_row_uses_a_phrasing_of_the_exam(rows):
    """Keywords apart: they are words of the graph, and their questions leave the node of that name out."""
    asked = {question.text.casefold() for question in film_exam().questions if question.family != "keyword"}
    said = set(rows["anchor"].str.casefold()) | set(rows["positive"].str.casefold())
    assert not asked & said


def test_rows_go_by_their_seed(graph):
    pd.testing.assert_frame_equal(training_rows(graph), training_rows(graph))
    assert not training_rows(graph).equals(training_rows(graph, seed=1))


def test_rows_of_another_graph_need_no_film_relations(graph):
    edges = graph.edges.assign(relation="related to").drop_duplicates()
    made = training_rows(KnowledgeGraph(graph.nodes, edges))
    assert len(made) >= len(edges)
    assert HAS_GENRE not in set(made["relation"])


# ---- facts ---------------------------------------------------------------------------------------------------------


def test_a_row_names_its_fact_by_the_one_function_that_makes_such_keys(rows):
    names = training_graph().nodes.set_index("node_id")["name"]
    edges = rows[~rows["relation"].isin([SKILL, DESCRIPTION])]
    assert edges["fact"].tolist() == [fact_key(*pair) for pair in zip(edges["relation"], edges["other"], strict=True)]
    described = rows[rows["relation"] == DESCRIPTION]
    assert described["fact"].tolist() == [fact_key(DESCRIPTION, node_id) for node_id in described["node_id"]]
    skills = rows[rows["relation"] == SKILL]
    genres = names[skills["other"]].tolist()
    assert all(
        fact.startswith(f"{SKILL} ") and fact.endswith(f" {genre}") and fact == fact_key(*fact.split(" ", 1))
        for fact, genre in zip(skills["fact"], genres, strict=True)
    )


def test_facts_are_true_from_both_ends_and_cover_every_row(rows):
    graph = training_graph()
    true = facts_of(graph)
    for source, relation, target in graph.edges.itertuples(index=False):
        assert fact_key(relation, target) in true[source]
        assert fact_key(relation, source) in true[target]
    stated = rows[rows["relation"] != DESCRIPTION]
    assert all(fact in true[node] for node, fact in zip(stated["node_id"], stated["fact"], strict=True))


def test_facts_of_a_graph_are_its_edges_from_both_ends_and_its_skills(graph):
    facts = facts_of(graph)
    assert facts["p1"] == {
        *(fact_key("Director", f"f{film}") for film in (1, 2, 3)),
        fact_key(SKILL, "Director", "Crime"),
    }
    assert facts["k1"] == {fact_key("has keyword", "f1")}
    assert facts["g1"] == {fact_key("has genre", f"f{film}") for film in (1, 2, 3)}
    assert "lone" not in facts


def test_a_skill_gives_a_row_a_credit_up_to_a_limit(rows):
    graph = training_graph()
    names = graph.nodes.set_index("node_id")["name"]
    expected = {
        (row.person, fact_key(SKILL, row.role, names[row.genre])): min(row.films, MOST_SKILL_ROWS)
        for row in skilled_people(graph).itertuples()
    }
    skills = rows[rows["relation"] == SKILL]
    assert Counter(zip(skills["node_id"], skills["fact"], strict=True)) == expected
    assert min(expected.values()) == SKILLED_FROM
    assert max(expected.values()) == MOST_SKILL_ROWS


def test_the_same_in_other_words_is_the_same_fact(rows):
    said = rows.groupby(["node_id", "fact"])["positive"].nunique()
    assert said.max() == len(SKILL_FORMS)
    # And the same words say two facts only of namesakes: two films of one title, say.
    names = training_graph().nodes.set_index("node_id")["name"]
    twice = rows[rows.groupby(["node_id", "positive"])["fact"].transform("nunique") > 1]
    assert len(twice) < 0.01 * len(rows)
    assert (twice.groupby(["node_id", "positive"])["other"].agg(lambda ids: names[ids].nunique()) == 1).all()
