"""What counts as a word, and the texts that words are learned from."""

import pytest
from helpers import small_films

from kgss_helpers import exam
from kgss_helpers.text.corpora import graph_corpus, lee_corpus, wikipedia_corpus, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Dog's bone, the DOG’S bone.", ["the", "dog's", "bone", "the", "dog's", "bone"]),
        ("sci-fi of 1977", ["sci", "fi", "of"]),
        ("Amélie και Ő", ["amélie", "και", "ő"]),
        ("snake_case 'quoted' <b>bold</b>", ["snake", "case", "quoted", "b", "bold", "b"]),
        ("", []),
        ("42 – …", []),
    ],
)
def test_words_are_letters_of_any_script_in_lower_case(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_graph_says_its_descriptions_and_its_edges() -> None:
    corpus = graph_corpus(small_films())
    assert ["a", "heist", "on", "the", "moon"] in corpus
    assert ["ada", "quill", "directed", "red", "moon"] in corpus
    assert all(corpus)


def test_a_description_of_two_sentences_is_two_lists() -> None:
    graph = small_films()
    nodes = graph.nodes.assign(description=["One thing. Another thing!", *graph.nodes["description"][1:]])
    corpus = graph_corpus(type(graph)(nodes, graph.edges))
    assert ["one", "thing"] in corpus
    assert ["another", "thing"] in corpus


def test_what_is_learned_for_the_exam_says_no_held_out_fact() -> None:
    the_exam = exam.film_exam()
    known = set(the_exam.training_graph.nodes["name"])
    said = {" ".join(words) for words in graph_corpus(the_exam.training_graph)}
    names = the_exam.graph.nodes.set_index("node_id")["name"]
    held_out = the_exam.test[the_exam.test["relation"] == "Director"]
    assert len(held_out)
    for source, target in zip(held_out["source"], held_out["target"], strict=True):
        assert " ".join(words_of(f"{names[source]} directed {names[target]}")) not in said
    strangers = [names[node_id] for node_id in the_exam.newcomers if names[node_id] not in known]
    full_names = {" ".join(words_of(name)) for name in strangers if len(words_of(name)) > 1}
    subjects = {sentence.split(" directed ")[0] for sentence in said if " directed " in sentence}
    assert not full_names & subjects


def test_the_bundled_corpora_are_what_their_description_says() -> None:
    lee, wikipedia = lee_corpus(), wikipedia_corpus()
    assert sum(map(len, lee)) == 59_576
    assert lee[0][:5] == ["hundreds", "of", "people", "have", "been"]
    assert len(wikipedia) == 106
    assert 450_000 < sum(map(len, wikipedia)) < 480_000
    assert wikipedia[0][0] == "anarchism"
    assert not any(words[0] == "redirect" for words in wikipedia)
    assert lee_corpus() is lee
