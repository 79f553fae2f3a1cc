"""Notebook 07: gates by hand, the memory task, neurons and their text, senses, and what its two widgets answer."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from gensim.models import KeyedVectors

from kgss_helpers.chapters import ch07_figures as figures
from kgss_helpers.chapters import ch07_sequences_and_context as chapter
from kgss_helpers.methods.contextual import ContextualModel, Reading
from kgss_helpers.runs import language_models as runs
from kgss_helpers.training.language import Alphabet, LanguageModel, load_language_model
from kgss_helpers.training.remembering import LETTERS, NOISE, remember_rows, train_rememberer

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def contextual() -> ContextualModel:
    return ContextualModel.load()


@pytest.fixture
def writer() -> tuple[LanguageModel, Alphabet]:
    torch.manual_seed(0)
    alphabet = Alphabet.of("abc (): <>\n")
    return LanguageModel(len(alphabet), width=8, units=12).eval(), alphabet


# ---- memory ----------------------------------------------------------------------------------------------------------


def test_the_lstm_by_its_formulas_is_that_of_torch() -> None:
    torch.manual_seed(0)
    lstm, inputs = torch.nn.LSTM(3, 5, batch_first=True), torch.randn(2, 7, 3)
    steps, (hidden, (_, memory)) = chapter.steps_of(lstm, inputs), lstm(inputs)
    np.testing.assert_allclose(steps["h"], hidden.detach(), atol=1e-6)
    np.testing.assert_allclose(steps["c"][:, -1], memory[0].detach(), atol=1e-6)
    assert all(((steps[gate] > 0) & (steps[gate] < 1)).all() for gate in "ifo")


def test_rows_to_remember_begin_with_a_letter_and_go_on_with_noise() -> None:
    inputs, targets = remember_rows(wait=4, rows=50, seed=1).tensors
    assert inputs.shape == (50, 5)
    assert torch.equal(inputs[:, 0], targets)
    assert targets.max() < len(LETTERS) <= inputs[:, 1:].min()
    assert inputs.max() < len(LETTERS + NOISE)
    assert torch.equal(inputs, remember_rows(wait=4, rows=50, seed=1).tensors[0])


def test_a_short_wait_is_learned_and_its_keeper_is_found() -> None:
    run, right = train_rememberer("LSTM", 4, epochs=3)
    assert right > 0.9
    inputs, targets = remember_rows(wait=4, rows=100, seed=3).tensors
    unit, explained = chapter.keeper(
        chapter.steps_of(run.model.cell, run.model.input(inputs).detach()), targets.numpy()
    )
    assert 0 <= unit < 32
    assert 0.5 < explained <= 1 + 1e-6


def test_an_input_fades_in_the_rnn_and_not_in_the_lstm() -> None:
    rnn, lstm = (chapter.influence(cell, 30) for cell in ("RNN", "LSTM"))
    assert rnn[-1] == lstm[-1] == 1
    assert rnn[0] < 1e-3 < 0.01 < lstm[0]


# ---- neurons ---------------------------------------------------------------------------------------------------------


def test_memory_read_in_pieces_is_nearly_that_of_one_reading(writer: tuple[LanguageModel, Alphabet]) -> None:
    model, alphabet = writer
    text = "(ab: c) " * 30
    pieces, whole = (chapter.memory(model, alphabet, text, piece=size, lead=40) for size in (50, 400))
    assert pieces.shape == (len(text), 12)
    np.testing.assert_allclose(pieces, whole, atol=0.02)


def test_the_follower_is_chosen_on_one_half_and_measured_on_the_other() -> None:
    chance = np.random.default_rng(0)
    followed = chance.random(400)
    states = chance.random((400, 6))
    states[:, 4] = -2 * followed
    states[:200, 2] = followed[:200] * 0.9
    unit, r = chapter.neuron_following(states, followed)
    assert (unit, round(r, 6)) in {(4, -1.0), (2, round(r, 6))}
    assert chapter.neuron_following(np.ones((10, 2)), np.arange(10)) == (0, 0.0)


def test_a_coloured_text_is_underlined_too_and_escaped() -> None:
    html = chapter.coloured("<b>&", [True, True, False, False])
    assert "&lt;b</span>&gt;&amp;" in html
    assert "text-decoration:underline" in html
    assert "color:#000000" in html
    assert "<span" not in chapter.coloured("", [])


def test_the_stretch_shown_is_the_one_where_strings_begin_and_end_most_often() -> None:
    text = "x = 1\n" * 5 + "f('a', 'b')\n" * 3 + "y = 2\n" * 5
    assert text[chapter.a_stretch_with_strings(text, lines=3)] == "f('a', 'b')\n" * 3
    assert chapter.a_stretch_with_strings("x = 1\n", lines=3) == slice(0, 6)


# ---- senses ----------------------------------------------------------------------------------------------------------


def test_twenty_words_and_more_stand_in_sentences_of_two_senses() -> None:
    senses = chapter.word_senses()
    assert senses["word"].nunique() >= 20
    assert senses.groupby(["word", "sense"]).size().min() >= 4
    assert not senses["sentence"].duplicated().any()
    assert {"bank", "cast", "score", "pilot", "shot"} <= set(senses["word"])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("word,sense\n", "has the columns"),
        ("word,sense,sentence\nbat,animal,A bird.\n", "line 2"),
        ("word,sense,sentence\nbat,,A bat.\n", "line 2"),
        ("word,sense,sentence\nbat,animal,A bat.\n", "two senses"),
    ],
)
def test_a_table_of_senses_with_a_mistake_is_refused_with_its_line(tmp_path, rows: str, said: str) -> None:
    (tmp_path / "senses.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        chapter.word_senses(tmp_path / "senses.csv")


def test_vectors_that_are_all_alike_get_what_chance_gets_and_clear_ones_everything() -> None:
    senses = pd.DataFrame({"word": ["a"] * 4 + ["b"] * 4, "sense": list("xxyy") * 2})
    assert chapter.same_sense(np.ones((8, 2)), senses).tolist() == pytest.approx([1 / 3, 1 / 3])
    clear = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]] * 2)
    assert chapter.same_sense(clear, senses).tolist() == [1, 1]
    table = chapter.sense_table({"alike": np.ones((8, 2)), "clear": clear}, senses)
    assert table["mean"].round(2).tolist() == [0.33, 1]
    assert chapter.difference(clear, np.ones((8, 2)), senses).mean == pytest.approx(2 / 3)


def test_a_head_that_looks_one_back_is_found_by_its_shares() -> None:
    attention = np.zeros((1, 2, 4, 4))
    attention[0, 0, [1, 2], [0, 1]] = 1
    attention[0, 1, [1, 2], [2, 3]] = 0.5
    reading = Reading(
        "ab", ("[CLS]", "a", "b", "[SEP]"), ((0, 0), (0, 1), (1, 2), (0, 0)), np.zeros((2, 4, 3)), attention
    )
    assert chapter.looks([reading, reading], -1).tolist() == [[1, 0]]
    assert chapter.looks([reading], +1).tolist() == [[0, 0.5]]


def test_vectors_of_texts_have_length_one_and_only_the_transformers_know_order(contextual: ContextualModel) -> None:
    table = KeyedVectors(2)
    table.add_vectors(["dog", "man", "bit"], np.array([[1.0, 0], [0, 3], [1, 1]]))
    one, other = "The dog bit the man", "The man bit the dog"
    assert chapter.mean_vector(table, one) == pytest.approx(chapter.mean_vector(table, other))
    read = [chapter.sentence_vector(contextual, text) for text in (one, other)]
    for vector in (read[0], chapter.mean_vector(table, one)):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert read[0] @ read[1] < 0.999


def test_all_words_but_the_two_signs_are_voted_for() -> None:
    torch.manual_seed(0)
    numbers = {runs.UNKNOWN_WORD: 0, runs.BOUNDARY: 1} | {word: place for place, word in enumerate("abcdefghi", 2)}
    model = LanguageModel(len(numbers), width=8, units=12).eval()
    votes = chapter.gap_votes(model, model, "a", "b unknown", numbers, ["a b c", "d e"])
    assert sorted(votes.index) == list("abcdefghi")
    assert votes.is_monotonic_decreasing
    assert np.exp(votes).sum() < 1


def test_flat_keeps_the_distances_of_what_is_flat() -> None:
    points = np.array([[0.0, 0, 0], [3, 0, 0], [0, 4, 0]])
    found = chapter.flat(points)
    assert np.linalg.norm(found[1] - found[2]) == pytest.approx(5)


# ---- widgets ---------------------------------------------------------------------------------------------------------


def test_the_same_seed_writes_the_same_and_the_button_another(writer: tuple[LanguageModel, Alphabet]) -> None:
    view = chapter.PrefixWriter({"one": writer}, "ab")
    before = view.result.value
    view.write()
    assert view.result.value == before
    view.again.click()
    assert view.result.value != before
    assert "'ab'" in repr(view)


@pytest.mark.parametrize("prefix", [HOSTILE, "\N{SNOWMAN}", "مرحبا", "e\N{COMBINING ACUTE ACCENT}", "a" * 5000, "\t"])
def test_whatever_is_typed_is_continued_and_escaped(writer: tuple[LanguageModel, Alphabet], prefix: str) -> None:
    view = chapter.PrefixWriter({"one": writer}, "ab")
    view.prefix.value = prefix
    assert "<img" not in view.result.value
    text, _ = chapter.written(*writer, prefix, temperature=0.7, seed=0)
    assert len(text) == chapter.WRITTEN


def test_what_is_unknown_cut_or_missing_is_said(writer: tuple[LanguageModel, Alphabet]) -> None:
    said = {
        prefix: chapter.written(*writer, prefix, temperature=0.7, seed=0)[1] for prefix in ("ab", "", "aZ", "a" * 301)
    }
    assert said["ab"] == ""
    assert "at least one character" in said[""]
    assert said["aZ"].endswith("unknown: Z")
    assert "Only the last 300" in said["a" * 301]


def test_a_word_in_two_sentences_is_compared_by_layer(contextual: ContextualModel) -> None:
    cosines, remark = chapter.compared(contextual, " bank ", "The bank is closed.", "The bank is closed.")
    assert remark == ""
    assert cosines.to_numpy() == pytest.approx(np.ones(7), abs=1e-4)
    none, remark = chapter.compared(contextual, "bank", "The bank is closed.", HOSTILE)
    assert none is None
    assert "does not stand in" in remark
    view = chapter.SenseComparer(contextual, "bank", "The bank is closed.", "The bank is muddy.")
    assert "layer 6" in view.result.value
    view.fields[2].value = HOSTILE
    assert "<img" not in view.result.value
    assert "Nothing to compare" in view.result.value
    view.fields[0].value = ""
    assert "Nothing to compare" in view.result.value


# ---- what is recorded ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [runs.DESCRIPTIONS, runs.PYTHON, runs.FORWARD, runs.BACKWARD])
def test_what_is_recorded_belongs_to_its_settings_and_can_be_read(name: str) -> None:
    record = runs.recorded(name)
    assert record["settings"] == runs.SETTINGS[name]
    history = pd.DataFrame(record["history"]).dropna(subset="perplexity")
    assert history["epoch"].iloc[-1] == pytest.approx(record["settings"]["epochs"])
    assert history["perplexity"].iloc[-1] < history["perplexity"].iloc[0] / 5
    path = runs.RECORDED / f"{name}.safetensors"
    table = None if name in runs.SAMPLE_AFTER else runs.word_table()[1]
    model, _ = load_language_model(path, table=table)
    assert sum(part.numel() for part in model.parameters()) == record["sizes"]["parameters"]
    assert path.stat().st_size < 2_000_000


def test_the_held_out_descriptions_are_not_among_those_to_learn_from() -> None:
    learned, held_out = runs.descriptions()
    assert not set(learned.splitlines()) & set(held_out.splitlines())
    assert 0.04 < len(held_out) / len(learned + held_out) < 0.06


def test_brackets_are_counted_by_what_was_open(writer: tuple[LanguageModel, Alphabet]) -> None:
    from kgss_helpers.training.character_counts import CharacterCounts

    model, alphabet = writer
    text = "a(b) c: (a(b)) " * 60
    found = runs.brackets_that_close(model, alphabet, CharacterCounts(alphabet, 4).fit(text), "4-gram", text)
    assert found["the text itself"]["one open"] == [1, 1, 1]
    assert found["4-gram, temperature 0.5"]["one open"][0] > 0.8
    assert set(found["LSTM, temperature 1.0"]) == {"one open", "two or more open"}


# ---- figures ---------------------------------------------------------------------------------------------------------


def test_figures_have_titles_and_labels() -> None:
    table = pd.DataFrame({"label": ["a, b", "c"], "mean": [0.5, 0.9], "low": [0.4, 0.8], "high": [0.6, 1.0]})
    history = pd.DataFrame({"epoch": [0.0, 1.0], "perplexity": [70.0, 5.0], "loss": [np.nan, np.nan]})
    made = [
        figures.lines({"x": pd.Series([1.0, 2.0])}, title="t", x_label="x", y_label="y", log=True),
        figures.gates({key: np.full((2, 3), 0.5) for key in "ifo"}, title="t"),
        figures.memories({"a": np.array([0.0, 1.0]), "b": np.array([0.0, -1.0])}, title="t"),
        figures.layers(table, title="t", chance=0.44),
        figures.two_maps({"one": np.eye(2), "two": np.eye(2)}, ["x", "y"], title="t"),
        figures.attention({"one": np.eye(3), "two": np.eye(3)}, ["a", "b", "c"], title="t"),
        figures.views({"one": np.eye(3)}, ["a", "b", "c"], title="t"),
        figures.learning(history, {"counts": 6.0}, title="t"),
    ]
    for figure in made:
        assert figure.axes[0].get_title() or figure.get_suptitle()
        assert figure.axes[0].get_ylabel()
        assert figure.axes[0].get_xlabel() or figure.axes[0].get_xticklabels()
        figure.canvas.draw()
    plt.close("all")


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", "word,sense,sentence\nbank,a,b\u00e4nk".encode("latin-1")])
def test_a_file_of_senses_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "senses.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"senses\.csv cannot be read"):
        chapter.word_senses(path)


def test_half_a_character_in_the_prefix_can_be_shown() -> None:
    alphabet = Alphabet("abc")
    widget = chapter.PrefixWriter({"letters": (LanguageModel(len(alphabet), width=2, units=2), alphabet)}, "ab\ud83dc")
    assert "ab\N{REPLACEMENT CHARACTER}c" in widget.result.value
    widget.result.value.encode()
