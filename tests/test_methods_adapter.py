"""The difference between two models as a small file: what it keeps, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from kgss_helpers.methods import adapter
from kgss_helpers.methods.pretrained import ADAPTER, load_pretrained

torch.set_num_threads(1)


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    return {
        "layer.weight": torch.randn(40, 30, generator=drawn),
        "layer.bias": torch.randn(40, generator=drawn),
        "frozen.weight": torch.ones(20, 20),
        "position": torch.arange(5),
    }


class Toy(torch.nn.Module):
    """As much of a model as an adapter needs."""

    def __init__(self, values: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.values = {name: value.clone() for name, value in values.items()}

    def state_dict(self) -> dict[str, torch.Tensor]:
        return self.values


def low_rank_change(rank: int) -> torch.Tensor:
    drawn = torch.Generator().manual_seed(7)
    return torch.randn(40, rank, generator=drawn) @ torch.randn(rank, 30, generator=drawn)


def test_a_difference_of_low_rank_comes_back_whole() -> None:
    base, tuned = weights(), weights()
    tuned["layer.weight"] = base["layer.weight"] + low_rank_change(3)
    tuned["layer.bias"] = base["layer.bias"] + 1
    kept = adapter.reduced(base, tuned, rank=3)
    assert sorted(kept) == ["layer.bias.whole", "layer.weight.left", "layer.weight.right"]
    assert kept["layer.weight.left"].shape == (40, 3)
    assert kept["layer.weight.right"].shape == (3, 30)
    model = adapter.apply(Toy(base), kept)
    for name, value in model.state_dict().items():
        assert torch.allclose(value.float(), tuned[name].float(), atol=0.03), name


def test_the_best_directions_are_kept() -> None:
    base, tuned = weights(), weights()
    tuned["layer.weight"] = base["layer.weight"] + low_rank_change(10)
    errors = []
    for rank in (1, 4, 9):
        model = adapter.apply(Toy(base), adapter.reduced(base, tuned, rank=rank))
        errors.append(float((model.state_dict()["layer.weight"] - tuned["layer.weight"]).norm()))
    change = tuned["layer.weight"] - base["layer.weight"]
    least = torch.linalg.svdvals(change)
    assert errors == sorted(errors, reverse=True)
    assert errors[1] == pytest.approx(float(least[4:].square().sum().sqrt()), rel=1e-2)


def test_a_share_of_the_difference_lies_between_the_models() -> None:
    base, tuned = weights(), weights()
    tuned["layer.bias"] = base["layer.bias"] + 2
    model = adapter.apply(Toy(base), adapter.reduced(base, tuned, scale=0.5))
    assert torch.allclose(model.state_dict()["layer.bias"], base["layer.bias"] + 1, atol=1e-2)


def test_models_of_two_kinds_have_no_difference() -> None:
    other = weights() | {"layer.weight": torch.zeros(3, 3)}
    with pytest.raises(ValueError, match="other parameters"):
        adapter.reduced(weights(), other)
    with pytest.raises(ValueError, match="at least 1"):
        adapter.reduced(weights(), weights(), rank=0)


def test_another_models_adapter_is_refused() -> None:
    base, tuned = weights(), weights(1)
    with pytest.raises(ValueError, match="none of this model's"):
        adapter.apply(Toy({"other": torch.zeros(2)}), adapter.reduced(base, tuned, rank=2))


def test_what_is_saved_is_read_and_what_was_altered_is_refused(tmp_path) -> None:
    kept = adapter.reduced(weights(), weights(1), rank=2)
    adapter.save(tmp_path, kept, {"rank": 2})
    read, about = adapter.load(tmp_path)
    assert about["rank"] == 2
    assert all(torch.equal(read[name], value) for name, value in kept.items())
    file = tmp_path / adapter.WEIGHTS
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match="was altered"):
        adapter.load(tmp_path)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"adapter\.safetensors is missing"):
        adapter.load(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"sha256": '])
def test_a_damaged_description_is_named(tmp_path, content: str) -> None:
    adapter.save(tmp_path, {"a.whole": torch.ones(2)}, {})
    (tmp_path / adapter.CONFIG).write_text(content)
    with pytest.raises(ValueError, match=r"adapter\.json"):
        adapter.load(tmp_path)


def test_the_tuned_model_is_small_and_is_another_than_the_base() -> None:
    assert (ADAPTER / adapter.WEIGHTS).stat().st_size < 8_000_000
    texts = ["who keeps the violins shrieking in the attic?", "Composer in horror", "Animator in sport"]
    base, tuned = (load_pretrained(name, device="cpu").encode(texts) for name in ("all-MiniLM-L6-v2", "tuned"))
    gap = [float(vectors[0] @ vectors[1] - vectors[0] @ vectors[2]) for vectors in (base, tuned)]
    assert gap[1] > gap[0] + 0.2
