"""The network that reads characters learns, goes on where it was, and is told what is misspelt."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import small_films
from trainings import quick_collections  # noqa: F401 - a fixture

from kgss_helpers.methods.character_encoder import PADDING, CharCNN, unit_vectors
from kgss_helpers.training.characters import (
    Pairs,
    likelihoods,
    main,
    misspelt,
    pair_loss,
    train_classifier,
    train_encoder,
)
from kgss_helpers.training.run import TrainingRun

TEXTS = ["a heist on the moon", "the moon is red", "a song of love", "love at the opera", "war in the snow", "snow"]
LABELS = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1], [0, 0]])
QUICK: dict[str, Any] = {"device": "cpu", "bf16": False}


def weights(run: TrainingRun) -> np.ndarray:
    return torch.cat([weight.detach().flatten() for weight in run.model.parameters()]).numpy()


def test_a_tiny_batch_is_learned_by_heart() -> None:
    run = train_classifier(TEXTS, LABELS, epochs=60, batch_size=6, dropout=0.0, channels=16, longest=24, **QUICK)
    assert run.history["loss"].iloc[-1] < 0.1
    assert ((likelihoods(run.model, TEXTS) > 0.5) == LABELS).all()


def test_labels_must_be_one_row_a_text() -> None:
    with pytest.raises(ValueError, match="5 rows of labels for 6 texts"):
        train_classifier(TEXTS, LABELS[:5])


def test_what_belongs_together_comes_together() -> None:
    run = train_encoder(small_films(), epochs=60, batch_size=16, dimensions=16, most_edits=0, **QUICK)
    assert run.history["loss"].iloc[-1] < 0.5 * run.history["loss"].iloc[0]
    heist, other = unit_vectors(run.model, ["A heist on the moon.", "Knows the moon."])
    red_moon = unit_vectors(run.model, ["Red Moon"])[0]
    assert red_moon @ heist > red_moon @ other


def test_going_on_after_an_interrupt_gives_the_same_numbers(tmp_path: Path) -> None:
    settings = {"epochs": 3, "batch_size": 8, "dimensions": 8, "most_edits": 2, **QUICK}
    whole = train_encoder(small_films(), **settings)

    def stop(_model: object, epoch: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    broken = train_encoder(small_films(), checkpoint_dir=tmp_path, on_epoch_end=stop, **settings)
    assert not broken.finished
    resumed = train_encoder(small_films(), checkpoint_dir=tmp_path, resume=True, **settings)
    assert resumed.finished
    np.testing.assert_array_equal(weights(whole), weights(resumed))


def test_pairs_that_say_the_same_are_no_opposites() -> None:
    torch.manual_seed(0)
    model = CharCNN("abcdef", 4).eval()
    numbers = model.numbers(["ab", "ab"])
    apart, together = torch.tensor([0, 1]), torch.tensor([0, 0])
    assert pair_loss(model, (numbers, numbers, apart, together)) == 0
    assert pair_loss(model, (numbers, numbers, apart, apart)) > 0.5


# ------------------------------------------------------------------------------------------------------------- slips


def test_a_slip_changes_a_text_by_one_character_at_most() -> None:
    torch.manual_seed(3)
    model = CharCNN("abcdefghij", 2, longest=12)
    text = model.numbers(["abcdefgh"]).repeat(300, 1)
    changed = misspelt(text, torch.tensor([2, 3, 4]), most=1)
    lengths = (changed != PADDING).sum(dim=1)
    assert set(lengths.tolist()) == {7, 8, 9}
    assert (changed == text).all(dim=1).any()
    swapped = [row for row in changed if (row != text[0]).sum() == 2 and sorted(row) == sorted(text[0])]
    assert swapped


def test_no_slip_is_made_where_none_is_asked_for_and_short_texts_survive() -> None:
    model = CharCNN("ab", 2, longest=4)
    numbers = model.numbers(["", "a", "abab"])
    assert torch.equal(misspelt(numbers, torch.tensor([2]), most=0), numbers)
    for _ in range(50):
        changed = misspelt(numbers, torch.tensor([2, 3]), most=3)
        assert changed.shape == numbers.shape
        assert (changed[0] == PADDING).all()
        assert changed[1].tolist() == numbers[1].tolist()


def test_pairs_hand_out_numbers_and_what_they_are_about() -> None:
    rows = pd.DataFrame({"anchor": ["ab", "ab", "c"], "positive": ["x", "y", "x"], "fact": ["f", "g", "f"]})
    first, second, about, says = Pairs(CharCNN("abcxy", 2), rows, most_edits=0)[torch.tensor([0, 2])]
    assert first.shape == (2, 2)
    assert second.shape == (2, 1)
    assert about.tolist() == [0, 1]
    assert says.tolist() == [0, 0]


def test_the_command_keeps_weights_that_can_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kgss_helpers.exam.training_graph", small_films)
    assert main(["--output", str(tmp_path), "--epochs", "1", "--batch-size", "8", "--device", "cpu"]) == 0
    assert "encoder.safetensors" in capsys.readouterr().out
    assert unit_vectors(CharCNN.load(tmp_path / "encoder.safetensors"), ["Red Moon"]).shape == (1, 192)


def test_a_text_that_would_be_alone_in_the_last_batch_joins_the_others() -> None:
    labels = np.zeros((5, 2))
    assert train_classifier(["abc", "bca", "cab", "aab", "abb"], labels, batch_size=2, epochs=1, device="cpu").finished
    with pytest.raises(ValueError, match="give two or more"):
        train_classifier(["abc"], labels[:1])


@pytest.mark.parametrize("wrong", [["--resume"], ["--edits", "-2"], ["--epochs", "-1"]])
def test_the_command_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    monkeypatch.setattr("kgss_helpers.exam.training_graph", small_films)
    assert main(["--output", str(tmp_path), "--device", "cpu", *wrong]) == 1
    assert capsys.readouterr().err.startswith("python -m kgss_helpers.training.characters: ")
