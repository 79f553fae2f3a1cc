"""Static models: a table of token vectors that repeats itself."""

import numpy as np
import pytest
import torch

from kgss_helpers.methods.static import static_model


def test_static_models_repeat() -> None:
    first, second = (static_model("random", dimensions=8, seed=3).encode(["space"]) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, static_model("random", dimensions=8, seed=4).encode(["space"]))


@pytest.mark.parametrize("start", ["pretrained", "random"])
def test_a_table_has_a_row_a_token_and_one_scale_for_both_starts(start: str) -> None:
    table = static_model(start, dimensions=16)[0].embedding.weight
    assert table.shape == (30522, 16)
    assert table.std().item() == pytest.approx(1, abs=1e-3)
    assert torch.isfinite(table).all()


def test_a_sentence_is_the_mean_of_its_tokens() -> None:
    model = static_model(dimensions=8)
    both, one, other = model.encode(["space battle", "space", "battle"])
    assert both == pytest.approx((one + other) / 2, abs=1e-5)


def test_each_model_has_a_table_of_its_own() -> None:
    first, second = static_model(dimensions=8), static_model(dimensions=8)
    with torch.no_grad():
        first[0].embedding.weight.zero_()
    assert second[0].embedding.weight.abs().sum() > 0
    assert static_model(dimensions=8)[0].embedding.weight.abs().sum() > 0


@pytest.mark.parametrize("wrong", [{"start": "zeros"}, {"dimensions": 0}, {"dimensions": 385}])
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="start is 'pretrained' or 'random', and dimensions lie between 1 and 384"):
        static_model(**wrong)
