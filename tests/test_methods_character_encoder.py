"""A text's vector by its characters: the same alone and among others, kept and read, and a method of the exam."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import small_films

from kgss_helpers.exam.sitting import sit
from kgss_helpers.methods.baselines import WordMatch
from kgss_helpers.methods.character_encoder import CharacterEncoder, CharCNN, alphabet_of, unit_vectors
from kgss_helpers.methods.protocol import answer
from kgss_helpers.methods.spell_checked import SpellChecked, speller_of
from kgss_helpers.question import Question
from kgss_helpers.text.spelling import Speller


@pytest.fixture
def model() -> CharCNN:
    torch.manual_seed(0)
    return CharCNN("abcdefghijklmnopqrstuvwxyz ", 8, channels=6, longest=40).eval()


def test_the_alphabet_holds_what_occurs_often_enough() -> None:
    assert alphabet_of(["Aab", "ba a", "b"], at_least=3) == "ab"


def test_a_vector_does_not_depend_on_the_other_texts(model: CharCNN) -> None:
    alone = unit_vectors(model, ["red moon"])[0]
    among = unit_vectors(model, ["red moon", "a very much longer text than that one", "x"])[0]
    np.testing.assert_allclose(alone, among, atol=1e-6)
    assert np.linalg.norm(alone) == pytest.approx(1, abs=1e-5)


def test_every_text_but_the_empty_one_has_a_vector(model: CharCNN) -> None:
    vectors = unit_vectors(model, ["", "日本", "a", "a" * 500])
    assert not vectors[0].any()
    assert np.linalg.norm(vectors[1:], axis=1) == pytest.approx(1, abs=1e-5)
    assert unit_vectors(model, []).shape == (0, 8)


def test_detectors_find_the_place_of_their_pattern() -> None:
    model = CharCNN("abc", 1, embedding=2, channels=1, widths=(2,)).eval()
    with torch.no_grad():
        model.embedding.weight.zero_()
        model.embedding.weight[2:] = torch.tensor([[1.0, 0], [0, 1.0], [0, 0]])
        model.convolutions[0].weight.copy_(torch.tensor([[[1.0, 0], [0, 1.0]]]))
        model.convolutions[0].bias.zero_()
    values, begins = model.found(model.numbers(["ccab", "abcc", "cccc"]))
    assert values[:, 0].tolist() == [2, 2, 0]
    assert begins[:2, 0].tolist() == [2, 0]


def test_it_is_kept_in_half_precision_and_read_again(model: CharCNN, tmp_path: Path) -> None:
    read = CharCNN.load(model.save(tmp_path / "network.safetensors"))
    np.testing.assert_allclose(unit_vectors(model, ["red moon"]), unit_vectors(read, ["red moon"]), atol=5e-3)
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"broken.safetensors holds no character network"):
        CharCNN.load(tmp_path / "broken.safetensors")
    with pytest.raises(FileNotFoundError, match="train the network"):
        CharCNN.load(tmp_path / "none.safetensors")


def test_the_encoder_trains_once_and_answers(model: CharCNN) -> None:
    trainings = []

    def train(graph: object) -> tuple[CharCNN, float]:
        trainings.append(graph)
        return model, 2.5

    encoder, graph = CharacterEncoder(train, "name"), small_films()
    assert len(answer(encoder, "red moon", graph, node_type="project", k=3)) == 3
    asked = Question("q", "plot", "test", "Red Moon", "project", {"f1": 1})
    result = sit(encoder, graph=graph, questions=[asked])
    assert len(trainings) == 1
    assert result.cost.seconds >= 2.5
    assert result.interval("plot", "MRR").mean == 1
    np.testing.assert_allclose(encoder.encode_some(graph, [2]), encoder.encode_nodes(graph)[[2]], atol=1e-6)


# ---------------------------------------------------------------------------------------------------- spell checking


def test_known_words_one_slip_away_come_first_by_frequency() -> None:
    speller = Speller({"heist": 3, "hoist": 1, "moon": 2, "on": 9})
    assert speller.proposals("heost") == ["heist"]
    assert speller.proposals("hist")[0] == "heist"
    assert speller.proposals("mono") == ["moon"]
    assert speller.proposals("moon") == ["moon"]
    assert speller.proposals("hsiet") == ["heist", "hoist"]
    assert speller.proposals("zzzzz") == []
    assert speller.proposals("hiest") == ["heist"]
    assert speller.proposals("mmonn", slips=1) == []
    assert speller.proposals("mmonn", slips=2) == ["moon"]


def test_only_unknown_longer_words_are_corrected() -> None:
    speller = Speller({"heist": 3, "moon": 2})
    assert speller.corrected("A hesit, on teh Moon; zzzzzz") == "A heist, on teh Moon; zzzzzz"
    assert speller.corrected("") == ""


def test_a_spell_checker_before_a_method_answers_what_was_meant() -> None:
    graph = small_films()
    plain, checked = WordMatch(), SpellChecked(WordMatch(), speller_of(graph, ["further"]))
    assert checked.name == "word match (BM25), spell-checked"
    assert answer(plain, "hesit", graph).empty
    assert "f1" in answer(checked, "hesit", graph)["node_id"].tolist()
    assert checked.speller.corrected("furhter") == "further"


def test_a_word_longer_than_all_known_ones_is_left_alone_at_once() -> None:
    speller = Speller({"heist": 3, "moon": 2})
    assert speller.corrected("a" * 100_000 + " heisst") == "a" * 100_000 + " heist"
    assert Speller({}).corrected("heisst") == "heisst"


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    network = CharCNN("abc", 3)
    torch.nn.init.constant_(network.output.bias, float("nan"))
    with pytest.raises(ValueError, match=r"network\.safetensors holds no character network"):
        CharCNN.load(network.save(tmp_path / "network.safetensors"))
