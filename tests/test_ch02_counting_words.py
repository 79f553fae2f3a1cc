"""What notebook 02 shows: hits with their reasons, neighbours by three measures, lengths by rank, recorded rows."""

import numpy as np
import pandas as pd
import pytest
from helpers import result_of, small_films

from kgss_helpers.chapters import ch02_counting_words as chapter
from kgss_helpers.exam.statistics import Interval
from kgss_helpers.graph import GraphError
from kgss_helpers.methods.counting import TfIdf, cooccurrences, ppmi
from kgss_helpers.methods.protocol import answer
from kgss_helpers.methods.word_vectors import table_of
from kgss_helpers.runs import counted_words

HOSTILE = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">'


@pytest.fixture(scope="module")
def search() -> chapter.WordSearch:
    return chapter.WordSearch(small_films())


def test_bags_count_words_in_the_order_in_which_they_come() -> None:
    bags = chapter.bags(["The dog, the moon.", "A dog"])
    assert list(bags) == ["the", "dog", "moon", "a"]
    assert bags.to_numpy().tolist() == [[2, 1, 1, 0], [0, 1, 0, 1]]


def test_hits_are_those_of_the_exam_s_method_and_say_why(search: chapter.WordSearch) -> None:
    hits = search.hits("a heist on the moon")
    found = answer(TfIdf(), "a heist on the moon", small_films(), k=8)
    assert hits["name"].tolist() == found["name"].tolist()
    assert hits["place"].tolist() == list(range(1, len(hits) + 1))
    np.testing.assert_allclose(hits["cosine"], found["score"].round(2))
    assert "moon" in hits["because"].iloc[0]
    reasons = [float(part.split()[-1]) for part in hits["because"].iloc[0].split(", ")]
    assert sum(reasons) == pytest.approx(hits["cosine"].iloc[0], abs=0.03)


def test_hits_can_be_of_one_type(search: chapter.WordSearch) -> None:
    assert search.hits("heist moon", node_type="keyword")["name"].tolist() == ["heist"]
    with pytest.raises(GraphError, match="keyword"):
        search.hits("heist", node_type="keywrod")


def test_unknown_words_are_named_once(search: chapter.WordSearch) -> None:
    assert search.unknown("a zeppelin on a zeppelin") == ["zeppelin"]


def test_the_panel_escapes_what_is_typed(search: chapter.WordSearch) -> None:
    shown = chapter.search_panel(search, f"moon {HOSTILE}")
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;script&gt;" in shown
    assert "Red Moon" in shown


def test_the_panel_says_what_to_do(search: chapter.WordSearch) -> None:
    assert "Type some words" in chapter.search_panel(search, "  42 ")
    nothing = chapter.search_panel(search, "zeppelin")
    assert "No document has <i>zeppelin</i>" in nothing
    assert "Nothing shares a word with it" in nothing
    assert "(did you mean <i>heist</i>?)" in chapter.search_panel(search, "hiest")
    many = chapter.search_panel(search, "zaa zbb zcc zdd zee zff")
    assert "and others" in many
    assert "zff" not in many.split("No document has")[1]


def test_the_panel_stays_short_and_cuts_no_word(search: chapter.WordSearch) -> None:
    shown = chapter.search_panel(search, "moon " + "x" * 200 + " heist" * 300)
    assert "a word of more than 40 letters" in shown
    assert "x" * 50 not in shown
    assert len(shown) < 5000


def test_the_search_box_is_a_face_over_the_panel(search: chapter.WordSearch) -> None:
    view = chapter.WordSearchView(search, "moon")
    assert view.panel.value == chapter.search_panel(search, "moon")
    keyword = next(button for button in view.buttons if button.description == "keyword")
    keyword.click()
    assert view.panel.value == chapter.search_panel(search, "moon", "keyword")
    assert [button.description for button in view.buttons if button.style.font_weight == "bold"] == ["keyword"]
    view.text.value = "heist"
    assert view.panel.value == chapter.search_panel(search, "heist", "keyword")
    assert "JupyterLab" in repr(view)


def test_company_is_the_largest_of_a_row() -> None:
    near = cooccurrences([["sea", "ship"], ["sea", "ship"], ["sea", "sail"]], min_count=1)
    assert chapter.company(near, near.counts, "sea").to_dict() == {"ship": 2, "sail": 1}
    assert "sea" not in chapter.company(near, ppmi(near.counts), "sea")
    with pytest.raises(KeyError, match="'oven' is not among the 3 words"):
        chapter.company(near, near.counts, "oven")


def table() -> object:
    words = {"a": [1, 0], "long": [9, 9], "near": [1.2, 0.5], "same": [3, 0], "back": [-1, 0]}
    return table_of(list(words), np.array(list(words.values()), dtype=np.float32))


def test_three_measures_name_three_neighbours() -> None:
    found = chapter.three_measures(table(), "a", k=4)
    assert found["cosine"].tolist() == ["same", "near", "long", "back"]
    assert found["dot product"].tolist() == ["long", "same", "near", "back"]
    assert found["distance"].tolist() == ["near", "same", "back", "long"]
    assert chapter.neighbours({"t": table()}, ["a", "zeppelin"], k=2)["t"].tolist() == ["same, near", "–"]


def test_unit_vectors_make_the_three_agree() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 5))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    found = chapter.three_measures(table_of([str(row) for row in range(50)], unit), "7")
    assert (found["cosine"] == found["dot product"]).all()
    assert (found["cosine"] == found["distance"]).all()


def test_a_table_can_be_cut_to_words_and_dimensions() -> None:
    cut = chapter.restricted(table(), ["near", "zeppelin", "a"], 1)
    assert cut.index_to_key == ["near", "a"]
    np.testing.assert_allclose(cut.vectors, [[1.2], [1]])


def test_norms_go_with_ranks() -> None:
    norms = chapter.Norms.of(table(), ["long", "same", "zeppelin", "near", "a"])
    assert norms.words == ["a", "long", "near", "same"]
    assert norms.ranks.tolist() == [5, 1, 4, 2]
    assert norms.correlation() == pytest.approx(-1)  # the more frequent, the longer


def test_agreement_is_gensim_s(monkeypatch: pytest.MonkeyPatch) -> None:
    class Judged:
        def evaluate_word_pairs(self, path: str) -> tuple:
            value = 0.5 if "wordsim" in path else 0.25
            return None, type("Spearman", (), {"statistic": value}), 10.0

    judged = chapter.agreement({"t": Judged()})
    assert judged.loc["t", ("WordSim-353", "correlation")] == 0.5
    assert judged.loc["t", ("SimLex-999", "known")] == pytest.approx(0.9)
    shown = chapter.with_published(judged)
    assert shown.iloc[0].tolist() == ["0.50", "0.90", "0.25", "0.90"]
    assert shown.index[1].endswith("(published)")
    assert shown.iloc[1].tolist() == ["0.69", "–", "0.44", "–"]


def test_every_row_that_the_notebook_shows_is_recorded_for_both_halves() -> None:
    for split in ("validation", "test"):
        assert tuple(chapter.recorded_rows(split)) == chapter.ROWS


def test_the_command_records_the_rows_of_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted_words, "load_word_vectors", lambda name: table())
    assert {method.name for method in counted_words.methods()} == set(chapter.COUNTED)


def test_a_table_is_learned_once_for_both_halves() -> None:
    learned = []
    learn = counted_words.learned_once(lambda graph: learned.append(graph) or table())
    graph = small_films()
    assert learn(graph) is learn(graph)
    assert learned == [graph]


def test_figures_say_what_they_show() -> None:
    figure = chapter.weighting_figure(10, 0.75)
    assert figure.axes[0].get_xlabel() == "count of the pair"
    norms = chapter.Norms.of(table(), ["long", "same", "near", "a"])
    assert [axes.get_title() for axes in chapter.norms_figure({"one": norms, "two": norms}, ["a"]).axes] == [
        "one",
        "two",
    ]
    by_size = {10: Interval(0.1, 0.05, 0.2), 25: Interval(0.2, 0.1, 0.3)}
    figure = chapter.dimensions_figure({"plot": by_size, "alike": by_size})
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["10", "25"]
    rows = {"TF-IDF": result_of("TF-IDF", [0.1, 0.2]), "random": result_of("random", [0.0, 0.1])}
    figure = chapter.families_figure(rows, ["plot", "plot"])
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["TF-IDF", "random"]
    pd.testing.assert_index_equal(pd.Index(chapter.PAIRS), pd.Index(chapter.PUBLISHED))
