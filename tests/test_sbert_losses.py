"""The losses: a guide takes false negatives out, nested lengths count, a pupil comes nearer to its teacher."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import torch
from sentence_transformers import SentenceTransformer

from kgss_helpers.methods.encoder import encode
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.static import static_model
from kgss_helpers.training.sbert import (
    LENGTHS,
    both_directions,
    cached_multiple_negatives,
    distilled,
    guided,
    multiple_negatives,
    nested,
    train_sbert,
)
from kgss_helpers.training.sbert.losses import MakeLoss


@pytest.fixture(scope="module")
def model() -> SentenceTransformer:
    return load_pretrained(device="cpu").eval()


def loss_of(made: MakeLoss, model: SentenceTransformer, *columns: Sequence[str]) -> float:
    features = [model.preprocess(list(column)) for column in columns]
    with torch.no_grad():
        return float(made(model)(features, None))


APART = (["a director of westerns", "deep sea animals", "a cake recipe"],
         ["she makes films about cowboys", "fish and squids", "flour, eggs and sugar"])  # fmt: skip


def test_where_nothing_is_false_a_guide_changes_nothing(model: SentenceTransformer) -> None:
    assert loss_of(guided, model, *APART) == pytest.approx(loss_of(multiple_negatives, model, *APART), abs=1e-4)


def test_a_guide_takes_out_what_it_holds_for_nearer_than_the_positive(model: SentenceTransformer) -> None:
    anchors = ["a director of westerns", "a western director"]
    positives = ["she makes films about cowboys", "a director of western films"]  # the second is truer of the first
    assert loss_of(guided, model, anchors, positives) < loss_of(multiple_negatives, model, anchors, positives) - 0.1


def test_the_cached_loss_is_the_same_loss(model: SentenceTransformer) -> None:
    cached, plain = (loss_of(made, model, *APART) for made in (cached_multiple_negatives, multiple_negatives))
    assert cached == pytest.approx(plain, abs=1e-4)


def test_nested_adds_up_the_losses_of_the_first_numbers(model: SentenceTransformer) -> None:
    vectors = [model.encode(list(column), convert_to_tensor=True) for column in APART]
    expected = 0.0
    for length in LENGTHS:
        first, second = (torch.nn.functional.normalize(part[:, :length], dim=1) for part in vectors)
        scores, right = 20 * first @ second.T, torch.arange(3)
        both = [torch.nn.functional.cross_entropy(table, right) for table in (scores, scores.T)]
        expected += float(sum(both)) / 2
    assert loss_of(nested, model, *APART) == pytest.approx(expected, rel=1e-3)


def test_a_short_model_has_no_longer_lengths() -> None:
    small = static_model(dimensions=64)
    assert nested(small).matryoshka_dims == (64, 32) or list(nested(small).matryoshka_dims) == [64, 32]
    assert loss_of(nested, small, *APART) > loss_of(both_directions, small, *APART)


def test_a_pupil_comes_nearer_to_its_teacher(model: SentenceTransformer) -> None:
    texts = [text for column in APART for text in column]
    vectors, pupil = encode(model, texts), static_model(dimensions=384)
    rows = pd.DataFrame({"text": texts, "label": range(len(texts))})

    def likeness() -> float:
        return float((encode(pupil, texts) * vectors).sum(axis=1).mean())

    before = likeness()
    train_sbert(
        pupil, rows, loss=distilled(vectors), epochs=40, batch_size=3, learning_rate=0.1, device="cpu", bf16=False
    ).require_finished()
    assert likeness() > max(before + 0.2, 0.8)


def test_each_text_is_pulled_to_its_own_vector(model: SentenceTransformer) -> None:
    texts = list(APART[0])
    vectors = encode(model, texts)
    made = distilled(vectors)(model)
    features = [model.preprocess(texts)]
    with torch.no_grad():
        own, turned = (float(made(features, torch.tensor(labels))) for labels in ([0, 1, 2], [1, 2, 0]))
    assert own == pytest.approx(0, abs=1e-4)
    assert turned == pytest.approx(1 - float(np.mean((vectors * vectors[[1, 2, 0]]).sum(axis=1))), abs=1e-3)
