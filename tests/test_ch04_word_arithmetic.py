"""Notebook 04 without a browser: its lists, its measures, and widgets that say what to do and run no markup."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from kgss_helpers import exam
from kgss_helpers.chapters import ch04_figures as figures
from kgss_helpers.chapters import ch04_word_arithmetic as chapter
from kgss_helpers.methods.word_vectors import load_word_vectors

HOSTILE = "<script>window.hacked = 1</script>"


@pytest.fixture(scope="module")
def table():
    return load_word_vectors("minilm")


def test_three_groups_have_forty_different_words_that_the_table_knows(table):
    words = [word for group in chapter.GROUPS.values() for word in group]
    assert [len(group) for group in chapter.GROUPS.values()] == [40, 40, 40]
    assert len(set(words)) == 120
    assert all(word in table for word in words)


def test_countries_are_single_words_with_codes_of_their_own():
    countries = chapter.countries()
    assert countries["word"].is_unique
    assert countries["iso"].is_unique
    assert countries["word"].str.fullmatch("[a-z]+").all()
    assert countries["iso"].str.fullmatch("[A-Z]{3}").all()
    assert len(set(countries["iso"]) - set(figures.outlines())) < 20  # islands too small to be drawn


def test_outlines_are_on_the_globe():
    for rings in figures.outlines().values():
        for ring in rings:
            assert ring.shape[1] == 2
            assert np.ptp(ring[:, 0]) < 180  # none is drawn across the whole map
            assert np.abs(ring[:, 1]).max() <= 90


def test_a_perfect_ranking_has_perfect_measures():
    ranking = pd.Series([2.0, 1.0, -1.0, -2.0], index=["a", "b", "c", "d"])
    measures = chapter.rank_measures(ranking, ["a", "b"])
    assert measures["average precision"] == 1
    assert measures["precision"] == measures["accuracy"] == 1
    assert measures["always no"] == 0.5


def test_purity_counts_neighbours_of_the_same_group():
    points = np.array([[0, 0], [0, 1], [9, 9], [9, 8]], dtype=float)
    assert chapter.purity(points, ["a", "a", "b", "b"], neighbours=1) == 1
    assert chapter.purity(points, ["a", "b", "a", "b"], neighbours=1) == 0


def test_keywords_lean_as_their_films_do():
    lean = chapter.keyword_lean(exam.training_graph(), "past to future")
    assert lean.between(-1, 1).all()
    assert lean["robot"] > 0.5 > 0 > lean["rome"]


@pytest.mark.parametrize(
    ("page", "texts", "said"),
    [
        (chapter.analogy_page, ("man", "king", "woman"), "queen"),
        (chapter.analogy_page, ("man", "kingg", "woman"), "did you mean king"),
        (chapter.analogy_page, ("man", "", "woman"), "Type a word"),
        (chapter.gap_page, (chapter.CAFE,), "coffee"),
        (chapter.gap_page, ("I like coffee",), "one gap"),
        (chapter.gap_page, ("日本 {X}",), "no word of the sentence"),
        (chapter.world_page, ("kangaroo",), "australia"),
        (chapter.world_page, ("kangaro",), "kangaroo"),
    ],
)
def test_pages_answer_or_say_what_to_do(table, page, texts, said):
    assert said in page(table, *texts)


@pytest.mark.parametrize(("page", "count"), [(chapter.analogy_page, 3), (chapter.gap_page, 1), (chapter.world_page, 1)])
def test_what_is_typed_stays_text(table, page, count):
    shown = page(table, *[HOSTILE] * count)
    assert "<script" not in shown


def test_the_map_has_a_description(table):
    assert 'alt="A map of the world, coloured by how near each country' in chapter.world_page(table, "snow")


def test_fields_and_tables_change_what_is_shown(table):
    glove = load_word_vectors("glove-6b-50d")
    view = chapter.WordsAsked(
        {"one": table, "other": glove}, chapter.analogy_page, {"A": "man", "B": "doctor", "C": "woman"}, about="words"
    )
    assert "nurse" not in view.result.value
    view.table.value = "other"
    assert "nurse" in view.result.value
    view.fields[1].value = "king"
    assert "queen" in view.result.value
    assert repr(view) == "<words: run this cell in JupyterLab>"


def test_the_slider_goes_through_the_layouts():
    points = np.random.default_rng(0).normal(size=(6, 2))
    words = [f"word{number}" for number in range(6)]
    view = chapter.PerplexityView({5: points, 30: points}, words, ["a", "b"] * 3)
    assert "perplexity 5" in view.result.value
    view.slider.value = 30
    assert "perplexity 30" in view.result.value


def test_labels_on_a_map_do_not_cover_one_another():
    points = np.array([[0.0, 0.0], [0.001, 0.001], [1.0, 1.0]])
    figure = figures.word_maps({"t": points}, ["here", "there", "far"], ["a", "a", "b"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["here", "far"]
    plt.close(figure)


def test_a_rank_correlation_has_its_interval():
    noise = np.random.default_rng(0).normal(size=(2, 60))
    mean, low, high = chapter.rank_correlation(pd.DataFrame({"along": noise[0], "lean": noise[0] + noise[1]}))
    assert 0 < low < mean < high < 1
    assert chapter.cosine(np.array([1.0, 0]), np.array([2.0, 2])) == pytest.approx(0.5**0.5)
