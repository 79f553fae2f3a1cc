"""Arithmetic on word vectors: equal to gensim's, clear about missing words, honest about what is left out."""

import numpy as np
import pandas as pd
import pytest

from kgss_helpers.methods.word_arithmetic import (
    UnknownWordError,
    along,
    analogy,
    context_vector,
    context_weights,
    context_words,
    direction,
    fill_gap,
    google_analogies,
    learn_concept,
    nearest,
    require_word,
    solve,
)
from kgss_helpers.methods.word_vectors import load_word_vectors, table_of


@pytest.fixture(scope="module")
def table():
    return load_word_vectors("minilm")


@pytest.fixture
def toy():
    """Four words in a plane; the arrow from man to king is that from woman to queen."""
    vectors = np.array([[1, -1], [1, 1], [2, -1], [2, 1], [-1, 0.1]], dtype=np.float32)
    return table_of(["man", "woman", "king", "queen", "egg"], vectors)


def test_an_analogy_has_the_answers_and_cosines_of_gensim(table):
    ours = analogy(table, "france", "paris", "japan", k=5)
    theirs = table.most_similar(positive=["paris", "japan"], negative=["france"], topn=5)
    assert ours["word"].tolist() == [word for word, _ in theirs]
    assert np.allclose(ours["cosine"], [cosine for _, cosine in theirs], atol=1e-5)


def test_inputs_are_answers_only_if_they_may_be(table):
    assert analogy(table, "man", "king", "woman", exclude=False)["word"].iloc[0] == "king"
    assert not {"man", "king", "woman"} & set(analogy(table, "man", "king", "woman", k=50)["word"])


def test_all_analogies_at_once_are_those_one_by_one(table):
    questions = google_analogies().groupby("section").head(2)
    solved = solve(table, questions)
    assert 0 < len(solved) <= len(questions)
    for row in solved.itertuples():
        assert row.by_sum == analogy(table, row.a, row.b, row.c, k=1)["word"].iloc[0]
        assert row.inputs_allowed == analogy(table, row.a, row.b, row.c, k=1, exclude=False)["word"].iloc[0]
        assert row.near_c == nearest(table, table.get_vector(row.c), k=1, without=[row.a, row.b, row.c])["word"].iloc[0]


def test_the_share_solved_is_that_of_gensims_own_test(table, tmp_path):
    questions = google_analogies().query("section == 'family'")
    lines = [": family", *(" ".join(row[1:]) for row in questions.itertuples(index=False))]
    (tmp_path / "family.txt").write_text("\n".join(lines) + "\n")
    theirs, _ = table.evaluate_word_analogies(str(tmp_path / "family.txt"), restrict_vocab=30_000)
    solved = solve(table, questions)
    assert (solved["by_sum"] == solved["d"]).mean() == pytest.approx(theirs)


def test_a_table_that_covers_nothing_solves_nothing(toy):
    solved = solve(toy, google_analogies().head(3))
    assert len(solved) == 0
    assert {"by_sum", "inputs_allowed", "near_c"} <= set(solved.columns)


def test_the_analogies_are_all_there():
    questions = google_analogies()
    assert len(questions) == 19_544
    assert questions["section"].nunique() == 14


@pytest.mark.parametrize("word", ["actres", "Actress ", " ACTRESS"])
def test_words_are_read_whatever_their_case_and_missing_ones_get_a_hint(table, word):
    if word == "actres":
        with pytest.raises(UnknownWordError, match=r"'actres'; did you mean .*actress"):
            require_word(table, word)
    else:
        assert require_word(table, word) == "actress"


@pytest.mark.parametrize(
    ("word", "said"), [("", "type a word"), ("new york", "single words only"), ("日本", "try another word")]
)
def test_what_cannot_be_a_word_of_the_table_is_told(table, word, said):
    with pytest.raises(UnknownWordError, match=said):
        require_word(table, word)


def test_a_vector_of_zeros_has_no_neighbours(toy):
    assert len(nearest(toy, np.zeros(2))) == 0


def test_only_some_words_can_be_asked_for(toy):
    found = nearest(toy, np.array([1, 1]), among=["egg", "man", "unheard"])
    assert found["word"].tolist() == ["man", "egg"]


def test_frequent_words_weigh_less():
    weights = context_weights(["the", "cafe", "cafe"], {"the": 1000, "cafe": 1})
    assert weights.index.tolist() == ["the", "cafe"]
    assert weights["the"] < 0.01 < weights["cafe"]


@pytest.mark.parametrize("sentence", ["no gap", "{X} and {X}", ""])
def test_a_sentence_needs_one_gap(toy, sentence):
    with pytest.raises(ValueError, match="one gap"):
        fill_gap(toy, sentence, {})


def test_a_gap_is_filled_by_what_lies_near_the_words_around_it(toy):
    assert fill_gap(toy, "the man and the {X} of Rome", {})["word"].iloc[0] == "king"
    assert context_words("A {X}, she said") == ["a", "she", "said"]


def test_the_order_of_the_words_does_not_matter(table):
    vectors = [context_vector(table, text, {}) for text in ("the dog bit the {X}", "{X} the bit dog the")]
    assert np.allclose(*vectors)


def test_a_sentence_of_unknown_words_is_refused(toy):
    with pytest.raises(UnknownWordError, match="no word of the sentence"):
        fill_gap(toy, "qqq {X}", {})


def test_words_stand_along_a_direction(toy):
    axis = direction(toy, ["man", "king"], ["woman", "queen"])
    assert np.linalg.norm(axis) == pytest.approx(1)
    standings = along(toy, ["woman", "man"], axis)
    assert standings.index.tolist() == ["man", "woman"]
    assert standings["man"] == pytest.approx(-standings["woman"])


def test_a_concept_is_learned_from_examples_that_are_not_ranked(table):
    shown = ["france", "germany", "italy", "spain", "portugal", "poland", "sweden", "norway", "greece", "hungary"]
    ranking = learn_concept(table, shown, seed=1)
    assert not set(shown) & set(ranking.index)
    assert len(ranking) == len(table) - 10 - 40
    assert {"austria", "finland", "denmark"} & set(ranking.index[:30])
    assert ranking.is_monotonic_decreasing
    pd.testing.assert_series_equal(ranking, learn_concept(table, shown, seed=1))
