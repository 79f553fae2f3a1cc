"""The language models: they learn, go on after an interrupt, write the same by seed, and are kept and read again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kgss_helpers.training.character_counts import CharacterCounts
from kgss_helpers.training.language import (
    UNKNOWN,
    Alphabet,
    LanguageModel,
    both_directions,
    fill_gap,
    load_language_model,
    log_probabilities,
    main,
    perplexity,
    sample,
    save_language_model,
    train_language_model,
    windows,
)

TEXT = "the cat sat on the mat. the dog sat on the log. " * 12
SETTINGS = {"length": 16, "batch_size": 8, "learning_rate": 0.02, "device": "cpu", "bf16": False}


def small(alphabet: Alphabet, **how: object) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(len(alphabet), width=8, units=24, **how)


@pytest.fixture(scope="module")
def alphabet() -> Alphabet:
    return Alphabet.of(TEXT)


@pytest.fixture(scope="module")
def trained(alphabet: Alphabet) -> LanguageModel:
    return train_language_model(small(alphabet), alphabet.encode(TEXT), epochs=12, **SETTINGS).model


def test_a_text_comes_back_from_its_numbers_and_a_new_character_is_unknown(alphabet: Alphabet) -> None:
    assert alphabet.decode(alphabet.encode(TEXT)) == TEXT
    assert alphabet.decode(alphabet.encode("cat\N{SNOWMAN}")) == "cat" + UNKNOWN
    assert "\N{SNOWMAN}" not in alphabet
    assert alphabet.encode("").shape == (0,)
    assert len(Alphabet.of("aab" + UNKNOWN)) == 3
    with pytest.raises(ValueError, match="once"):
        Alphabet("aa")


def test_a_text_is_cut_into_pieces_that_overlap_by_the_symbol_to_predict() -> None:
    assert windows(torch.arange(10), 3).tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    with pytest.raises(ValueError, match="no piece of 12"):
        windows(torch.arange(10), 11)


@pytest.mark.parametrize("how", [{}, {"layers": 2, "dropout": 0.1}])
def test_a_tiny_text_is_learned_by_heart(alphabet: Alphabet, how: dict[str, object]) -> None:
    few = alphabet.encode(TEXT[:49])
    run = train_language_model(small(alphabet, **how), few, epochs=150, **SETTINGS).require_finished()
    assert run.history["loss"].iloc[-1] < 0.15
    assert sample(run.model, alphabet, ["the c"], length=10, temperature=0)[0] == TEXT[5:15]


def test_a_resumed_training_comes_to_the_same_numbers(alphabet: Alphabet, tmp_path: Path) -> None:
    symbols = alphabet.encode(TEXT)
    whole = train_language_model(small(alphabet, dropout=0.2), symbols, epochs=3, **SETTINGS)

    def stop(model: LanguageModel, epoch: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    first = train_language_model(
        small(alphabet, dropout=0.2), symbols, epochs=3, checkpoint_dir=tmp_path, on_epoch_end=stop, **SETTINGS
    )
    assert not first.finished
    second = train_language_model(
        small(alphabet, dropout=0.2), symbols, epochs=3, checkpoint_dir=tmp_path, resume=True, **SETTINGS
    )
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(second.model.state_dict()[name], value, rtol=0, atol=0)


def test_a_sample_is_the_same_by_seed_and_another_by_another(trained: LanguageModel, alphabet: Alphabet) -> None:
    def write(seed: int, temperature: float = 1.0) -> str:
        return sample(trained, alphabet, ["the "], length=60, temperature=temperature, seed=seed)[0]

    assert write(1) == write(1)
    assert write(1) != write(2)
    assert write(1, 0) == write(2, 0)
    assert len(write(1)) == 60
    assert UNKNOWN not in write(1)
    assert sample(trained, alphabet, ["the ", "a ca"], length=0) == ["", ""]
    assert len(sample(trained, alphabet, [UNKNOWN * 2], length=5)[0]) == 5


@pytest.mark.parametrize(("prefixes", "temperature"), [([""], 1), (["ab", "a"], 1), (["a"], -1)])
def test_what_cannot_be_continued_is_refused(
    trained: LanguageModel, alphabet: Alphabet, prefixes: list[str], temperature: float
) -> None:
    with pytest.raises(ValueError, match="one length"):
        sample(trained, alphabet, prefixes, temperature=temperature)


def test_probabilities_do_not_depend_on_how_a_text_is_cut(trained: LanguageModel, alphabet: Alphabet) -> None:
    symbols = alphabet.encode(TEXT[:100])
    whole, cut = log_probabilities(trained, symbols), log_probabilities(trained, symbols, chunk=7)
    assert whole.shape == (99, len(alphabet))
    np.testing.assert_allclose(whole, cut, atol=1e-5)
    np.testing.assert_allclose(np.exp(whole).sum(axis=1), 1, atol=1e-4)
    assert perplexity(whole[range(99), symbols[1:]]) < 3
    assert perplexity(np.log([0.25, 0.25])) == pytest.approx(4)


def test_a_model_is_kept_in_half_precision_and_read_again(
    trained: LanguageModel, alphabet: Alphabet, tmp_path: Path
) -> None:
    path = save_language_model(tmp_path / "kept.safetensors", trained, alphabet)
    model, its = load_language_model(path)
    assert its.characters == alphabet.characters
    symbols = alphabet.encode(TEXT[:50])
    np.testing.assert_allclose(log_probabilities(model, symbols), log_probabilities(trained, symbols), atol=0.05)
    assert path.stat().st_size < 3 * sum(part.numel() for part in model.parameters()) + 4000
    with pytest.raises(ValueError, match="no table"):
        load_language_model(path, table=torch.zeros(3, 8))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="damaged"):
        load_language_model(path)
    with pytest.raises(FileNotFoundError):
        load_language_model(tmp_path / "none.safetensors")


def test_a_model_with_a_table_reads_other_words_of_the_same_space(tmp_path: Path) -> None:
    torch.manual_seed(0)
    table = torch.randn(9, 8)
    model = LanguageModel(4, width=8, units=6, table=table[:4])
    path = save_language_model(tmp_path / "words.safetensors", model)
    read, none = load_language_model(path, table=table)
    assert none is None
    logits, _ = read(torch.tensor([[8, 1]]))
    assert logits.shape == (1, 2, 9)
    symbols = torch.tensor([[0, 3, 2]])
    torch.testing.assert_close(read(symbols)[0][..., :4], model(symbols)[0], atol=0.01, rtol=0.01)
    with pytest.raises(ValueError, match="give a table"):
        load_language_model(path)
    with pytest.raises(ValueError, match="shape"):
        LanguageModel(4, width=8, table=table)


def test_one_half_of_a_vector_knows_what_is_before_the_other_what_is_behind() -> None:
    torch.manual_seed(0)
    table = torch.randn(9, 8)
    forward, backward = (LanguageModel(9, width=8, units=6, table=table).eval() for _ in range(2))
    one, other = (both_directions(forward, backward, torch.tensor([1, 2, 3, last])) for last in (4, 5))
    assert one.shape == (4, 12)
    np.testing.assert_array_equal(one[:3, :6], other[:3, :6])
    assert (np.abs(one[:, 6:] - other[:, 6:]).max(axis=1) > 1e-4).all()
    votes = fill_gap(forward, backward, torch.tensor([1, 2]), torch.tensor([3]), np.log(np.full(9, 1 / 9)))
    assert np.exp(votes).sum() == pytest.approx(1, abs=1e-4)


def test_counts_are_those_of_the_text_and_all_probabilities_sum_to_one() -> None:
    letters = Alphabet("ab")
    counts = CharacterCounts(letters, order=2).fit("aab")
    single = 1 / 3 * 2 / 5 + np.array([0, 2, 1]) / 5  # three characters, two of them different
    np.testing.assert_allclose(counts.probabilities(""), single)
    np.testing.assert_allclose(counts.probabilities("a"), single / 2 + np.array([0, 1, 1]) / 4)
    np.testing.assert_allclose(counts.probabilities("b"), single)
    assert np.exp(counts.log_probabilities("abba")).sum(axis=1) == pytest.approx(1)
    with pytest.raises(ValueError, match="at least one"):
        CharacterCounts(letters, order=0)


def test_longer_contexts_predict_a_regular_text_better_and_samples_go_by_seed(alphabet: Alphabet) -> None:
    right = alphabet.encode(TEXT)[1:].numpy()
    found = [
        perplexity(CharacterCounts(alphabet, order).fit(TEXT).log_probabilities(TEXT)[range(len(right)), right])
        for order in (1, 3, 5)
    ]
    assert found == sorted(found, reverse=True)
    counts = CharacterCounts(alphabet, 5).fit(TEXT)
    assert counts.sample("the ", length=30, seed=1) == counts.sample("the ", length=30, seed=1)
    assert counts.sample("the ", length=30, seed=1) != counts.sample("the ", length=30, seed=2)


def test_the_command_trains_on_a_text_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, folder = tmp_path / "text.txt", tmp_path / "run"
    text.write_text(TEXT * 8, encoding="utf-8")
    command = [str(text), "--folder", str(folder), "--units", "8", "--device", "cpu"]
    assert main([*command, "--epochs", "1"]) == 0
    assert "epoch 1: " in capsys.readouterr().out
    model, _ = load_language_model(folder / "model.safetensors")
    assert model.config["units"] == 8
    assert main([*command, "--epochs", "1", "--resume"]) == 0


def test_counts_take_any_temperature_from_zero_on(alphabet: Alphabet) -> None:
    counts = CharacterCounts(alphabet, 4).fit(TEXT)
    coldest = counts.sample("the ", length=20, temperature=0)
    assert coldest == counts.sample("the ", length=20, temperature=0, seed=7)
    assert len(counts.sample("the ", length=20, temperature=1e-9)) == 20
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="0 or more"):
            counts.sample("the ", temperature=wrong)


def test_a_text_without_a_second_symbol_has_no_predictions(alphabet: Alphabet) -> None:
    model = LanguageModel(len(alphabet), width=4, units=4)
    for text in ("", "a"):
        assert log_probabilities(model, alphabet.encode(text)).shape == (0, len(alphabet))
        assert CharacterCounts(alphabet, 3).fit(TEXT).log_probabilities(text).shape == (0, len(alphabet))
    with pytest.raises(ValueError, match="one symbol or more"):
        windows(alphabet.encode(TEXT), 0)
    with pytest.raises(ValueError, match="temperature of 0 or more"):
        sample(model, alphabet, ["a"], temperature=float("nan"))


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, alphabet: Alphabet) -> None:
    model = LanguageModel(len(alphabet), width=4, units=4)
    torch.nn.init.constant_(model.output.bias, float("inf"))
    with pytest.raises(ValueError, match=r"is damaged \(output\.bias"):
        load_language_model(save_language_model(tmp_path / "m.safetensors", model, alphabet))


@pytest.mark.parametrize("content", [None, b"", b"abc", b"\xff\xfe\x00"])
def test_the_command_says_what_is_wrong_with_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path), "--folder", str(tmp_path / "run"), "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("python -m kgss_helpers.training.language: ")
    assert any(words in said for words in ("check the path", "give more text", "save it as UTF-8"))


def test_the_command_leaves_a_run_on_another_text_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    one.write_text(TEXT * 4, encoding="utf-8-sig")
    other.write_text(TEXT[::-1] * 4, encoding="utf-8")
    settings = ["--folder", str(tmp_path / "run"), "--units", "4", "--epochs", "1", "--device", "cpu"]
    assert main([str(one), *settings]) == 0
    kept = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert main([str(other), *settings, "--resume"]) == 1
    assert main([str(other), *settings]) == 1
    shifted = "".join(sorted(set(TEXT)))
    other.write_text((TEXT * 4).translate({ord(letter): ord(letter) + 500 for letter in shifted}), encoding="utf-8")
    assert main([str(other), *settings, "--resume"]) == 1
    assert "another folder" in capsys.readouterr().err
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == kept
