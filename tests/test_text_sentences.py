"""From edges to sentences."""

import pytest
from helpers import small_films

from kgss_helpers.text.sentences import listed, seen_from, sentence, sentences, verb


@pytest.fixture
def graph():
    return small_films()


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
    assert len(said) == len(graph.edges)
    assert said[0] == "Ada Quill directed Red Moon."
    assert said[3] == "Bo Ray lent a voice to Green Hill."
    assert said[4] == "Red Moon belongs to the genre Crime."


def test_an_edge_reads_the_same_from_both_of_its_ends():
    assert seen_from("George Lucas", "Director", "out", "Star Wars") == "George Lucas directed Star Wars."
    assert seen_from("Star Wars", "Director", "in", "George Lucas") == "George Lucas directed Star Wars."


@pytest.mark.parametrize(
    ("names", "said"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), ([], "")]
)
def test_names_are_listed_as_people_say_them(names, said):
    assert listed(names) == said
