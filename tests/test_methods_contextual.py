"""A word's vector in its sentence, and attention, from the packaged model."""

import numpy as np
import pytest

from kgss_helpers.methods.contextual import ContextualModel


@pytest.fixture(scope="module")
def model() -> ContextualModel:
    return ContextualModel.load()


def test_a_reading_has_a_vector_for_each_token_in_each_layer(model: ContextualModel) -> None:
    reading = model.read("The pilot landed.")
    assert reading.tokens == ("[CLS]", "the", "pilot", "landed", ".", "[SEP]")
    assert reading.layers.shape == (7, 6, 384)
    assert reading.attention.shape == (6, 12, 6, 6)
    np.testing.assert_allclose(reading.attention.sum(axis=3), 1, atol=1e-4)
    np.testing.assert_array_equal(reading.word("pilot"), reading.layers[:, 2])


def test_its_last_layer_is_that_of_the_sentence_encoder(model: ContextualModel) -> None:
    from kgss_helpers.methods.encoder import encode
    from kgss_helpers.methods.pretrained import load_pretrained

    text = "A storm rolls over the harbour."
    mean = model.read(text).layers[-1].mean(axis=0)
    np.testing.assert_allclose(mean / np.linalg.norm(mean), encode(load_pretrained(device="cpu"), [text])[0], atol=1e-4)


def test_a_word_differs_between_sentences_but_not_in_what_goes_in(model: ContextualModel) -> None:
    one, other = model.words("bank", ["The bank is closed.", "The bank is muddy."])
    np.testing.assert_allclose(one[0], other[0], atol=1e-5)
    assert np.abs(one[-1] - other[-1]).max() > 0.05


def test_a_word_of_several_pieces_is_their_mean_and_capitals_do_not_matter(model: ContextualModel) -> None:
    reading = model.read("Espresso, please: an ESPRESSO.")
    pieces = reading.pieces("espresso")
    assert len(pieces) > 1
    np.testing.assert_allclose(reading.word("espresso"), reading.layers[:, pieces].mean(axis=1))
    assert pieces[0] == 1


@pytest.mark.parametrize("word", ["", "plane", "pil", "<b>"])
def test_a_word_that_is_not_there_is_named(model: ContextualModel, word: str) -> None:
    with pytest.raises(ValueError, match="does not stand in"):
        model.read("The pilot landed.").word(word)


def test_what_stands_behind_the_end_of_what_can_be_read_is_said(model: ContextualModel) -> None:
    with pytest.raises(ValueError, match="stands behind"):
        model.read("a " * 600 + "pilot").word("pilot")


@pytest.mark.parametrize(
    "text", ["", "\N{HOT BEVERAGE}\N{VARIATION SELECTOR-16}", "مرحبا", "e\N{COMBINING ACUTE ACCENT}", "\x00"]
)
def test_any_text_can_be_read(model: ContextualModel, text: str) -> None:
    reading = model.read(text)
    assert np.isfinite(reading.layers).all()
    assert reading.tokens[0] == "[CLS]"


def test_a_batch_gives_the_vectors_of_the_texts_one_by_one(model: ContextualModel) -> None:
    texts = ["A short one.", "A rather longer text than the other."]
    batch = model.run(texts)
    for vectors, text in zip(batch, texts, strict=True):
        alone = model.read(text).layers[-1]
        np.testing.assert_allclose(vectors[: len(alone)], alone, atol=1e-4)


def test_half_a_character_and_signs_that_are_left_out_are_no_trap(model: ContextualModel) -> None:
    reading = model.read("the ba\ud83dnk is a \u200d b")
    assert np.isfinite(reading.layers).all()
    with pytest.raises(ValueError, match="signs that it leaves out"):
        reading.word("\u200d")
    assert model.run(["ba\ud83dnk"]).shape[2] == 384


def test_a_message_does_not_repeat_a_whole_book(model: ContextualModel) -> None:
    with pytest.raises(ValueError, match="does not stand in") as caught:
        model.read("word " * 2_000).word("b" * 9_000)
    assert len(str(caught.value)) < 500
