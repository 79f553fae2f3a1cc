"""What notebook 06 shows: chips, coverage, what misspelling costs, and scores of genres."""

import numpy as np
import pandas as pd
import pytest
from helpers import question, result_of, small_films

from kgss_helpers.chapters import ch06_tokens_and_characters as chapter
from kgss_helpers.chapters.ch06_tokens_and_characters import (
    TokenChips,
    average_precisions,
    chips,
    cosines,
    coverage,
    direction,
    found_table,
    genre_scores,
    genres_of,
    kept,
    library_merges,
    misspelt_words,
    ranks,
    slips_in,
    visible,
)
from kgss_helpers.exam.results import METRICS, ExamResult
from kgss_helpers.runs.character_vectors import WEIGHTS
from kgss_helpers.runs.token_counts import PARAGRAPHS, counts, main, paragraphs
from kgss_helpers.text.tokens import BytePairs, Bytes, Characters, learn_merges

HOSTILE = '<img src=x onerror="alert(1)">'


def test_the_story_stands_in_four_languages_and_arabic_runs_from_right_to_left() -> None:
    story = paragraphs()
    assert story.index.tolist() == ["English", "Norwegian", "Arabic", "Hungarian"]
    assert [direction(text) for text in story["text"]] == story["direction"].tolist() == ["ltr", "ltr", "rtl", "ltr"]
    assert story["text"].str.count(r"\. |\.$|\.»|\.”").between(5, 8).all()


def test_recorded_counts_are_of_the_languages_of_the_story() -> None:
    gpt = chapter.recorded_gpt()
    assert gpt.columns.tolist() == ["vocabulary", *paragraphs().index]
    assert (gpt > 0).all(axis=None)
    assert counts([Bytes()], {"x": "ab"}).loc["bytes"].tolist() == [256, 2]


def test_where_no_gpt_can_be_had_the_record_stays(tmp_path, monkeypatch, capsys) -> None:
    def refuse(name: str) -> None:
        raise OSError(f"no {name}")

    monkeypatch.setattr("kgss_helpers.runs.token_counts.load_gpt", refuse)
    assert main(["--output", str(tmp_path / "x.csv")]) == 1
    assert "stays as it is" in capsys.readouterr().out
    assert not (tmp_path / "x.csv").exists()
    monkeypatch.setattr(
        "kgss_helpers.runs.token_counts.load_gpt", lambda name: Characters() if name == "gpt-4" else refuse(name)
    )
    assert main(["--output", str(tmp_path / "x.csv")]) == 0
    assert PARAGRAPHS.exists()
    assert (tmp_path / "x.csv").exists()


def test_the_library_learns_what_the_hand_made_one_learns() -> None:
    text = "low low low lower lowest newer newer wider"
    assert library_merges([text], 8) == learn_merges([text], 8)


# ------------------------------------------------------------------------------------------------------------- chips


def test_what_one_cannot_see_has_a_sign() -> None:
    assert visible(" a\n\u200d\u0301") == "␣a⏎U+200D\u0301"
    assert visible("\u0301") == "◌\u0301"


def test_typed_markup_stays_text() -> None:
    for tokenizer in (Characters(), Bytes(), BytePairs([])):
        assert "<img" not in chips(HOSTILE, tokenizer)
        assert "&lt;" in chips(HOSTILE, tokenizer)


def test_chips_say_how_many_there_are() -> None:
    assert "1 piece for 1 character, 1.00 a character" in chips("a", Characters())
    assert "2 pieces for 1 character" in chips("é", Bytes())
    assert "nothing has no pieces" in chips("", Bytes())
    assert "The first 3 pieces are shown." in chips("abcde", Characters(), most=3)
    assert "shown" not in chips("abc", Characters(), most=3)
    assert 'dir="rtl"' in chips("مرحبا", Characters())
    assert "\ufffd" in chips("\ud83d", Characters())


def test_the_widget_follows_text_tokenizer_and_samples() -> None:
    view = TokenChips([Characters(), Bytes()], {"Dash": "–"}, text="é")
    assert "1 piece " in view.panel.value
    view.choice.value = "bytes"
    assert "2 pieces" in view.panel.value
    view.samples[0].click()
    assert view.text.value == "–"
    assert "3 pieces" in view.panel.value
    view.text.value = ""
    assert "Nothing is typed" in view.panel.value
    assert "2 tokenizers" in repr(view)


# ------------------------------------------------------------------------------------------------------ words, slips


def test_misspelt_words_stand_beside_the_right_ones() -> None:
    asked = [question("q1", text="a good heist"), question("q1~misspelt-1", text="a good hesit", variant="misspelt-1")]
    assert misspelt_words(asked).to_numpy().tolist() == [["hesit", "heist"]]


def test_coverage_is_the_share_of_words_that_are_known() -> None:
    table = coverage({"two": ["a", "b"], "one": ["a"]}, {"only a": {"a"}.__contains__})
    assert table.loc["only a"].to_dict() == {"two": 0.5, "one": 1.0}


def test_ranks_count_who_is_better() -> None:
    scores = np.array([[0.1, 0.9, 0.5], [0.9, 0.1, 0.5]])
    assert ranks(scores, ["a", "b", "c"], ["b", "b"]).tolist() == [0, 2]
    table = found_table({"bad": np.array([3, 12]), "good": np.array([0, 0])})
    assert table.index.tolist() == ["good", "bad"]
    assert table.loc["good", "first"] == "1.00 [1.00, 1.00]"
    assert cosines(np.array([[2.0, 0], [0, 0]]), np.array([[1.0, 0]])).tolist() == [[1], [0]]


def of_variants(name: str, written: list[float], misspelt: list[float]) -> ExamResult:
    ids = [f"q{row}" for row in range(len(written))]
    scores = pd.DataFrame({"question_id": [*ids, *(f"{one}~misspelt-1" for one in ids)], "family": "plot"})
    scores["variant"] = [*[""] * len(ids), *["misspelt-1"] * len(ids)]
    return ExamResult(name, "test", scores.assign(**{metric: [*written, *misspelt] for metric in METRICS}))


def test_who_keeps_most_comes_first_and_who_has_nothing_is_left_out() -> None:
    half, whole = of_variants("half", [1, 0.5, 0.5], [0.5, 0.25, 0.25]), of_variants("whole", [1, 0, 1], [1, 0, 1])
    table = kept([half, whole, of_variants("poor", [0.01, 0], [0, 0]), result_of("without variants", [1.0])])
    assert table["label"].tolist() == ["whole", "half"]
    assert table["mean"].tolist() == pytest.approx([1, 0.5])
    assert table.loc[1, ["low", "high"]].tolist() == pytest.approx([0.5, 0.5])
    assert table.loc[0, "written"] == pytest.approx(2 / 3)


# ------------------------------------------------------------------------------------------------------------ genres


def test_average_precision_is_one_where_right_headings_stand_on_top() -> None:
    labels = np.array([[1, 1, 0], [0, 0, 1]])
    scores = np.array([[0.9, 0.8, 0.1], [0.9, 0.8, 0.1]])
    assert average_precisions(scores, labels).tolist() == pytest.approx([1, 1 / 3])
    table = genre_scores({"one": scores}, labels)
    assert table.loc["one", "first is right"].startswith("0.50")


def test_films_are_shared_out_with_their_genres() -> None:
    task = genres_of(small_films())
    assert task.names == ["Crime"]
    assert sum(len(films) for films in task.films.values()) == 3
    for part, films in task.films.items():
        assert task.labels[part].shape == (len(films), 1)
        assert task.labels[part].all()


def test_slips_are_the_same_for_the_same_seed() -> None:
    text = "a retired detective vanishes"
    assert slips_in(text, 1, seed=3) == slips_in(text, 1, seed=3) != text
    assert slips_in("a of the", 1, seed=0) == "a of the"


def test_figures_have_a_line_a_language() -> None:
    rates = pd.DataFrame({"English": [0.3, 0.2], "Arabic": [1.8, 1.8]}, index=[300, 500])
    assert len(chapter.sizes_figure(rates).axes[0].lines) == 2
    assert chapter.per_character_figure(rates).axes[0].get_xlabel() == "tokens per character"


def test_the_recorded_network_is_there() -> None:
    from kgss_helpers.methods.character_encoder import CharCNN

    assert CharCNN.load(WEIGHTS).output.out_features == 192
