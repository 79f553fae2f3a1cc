"""GloVe's objective against numbers worked out by hand, and a training that does what all trainings here do."""

from pathlib import Path

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors
from scipy import sparse
from trainings import quick_collections  # noqa: F401 - a fixture

from kgss_helpers.methods.counting import Cooccurrence, cooccurrences
from kgss_helpers.training import glove
from kgss_helpers.training.folder import RunFolderError
from kgss_helpers.training.glove import GloVe, loss_of, main, pairs_of, train_glove, weight
from kgss_helpers.training.run import TrainingRun


def toy() -> GloVe:
    model = GloVe(["ice", "solid"], dimensions=2)
    model.word.data = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    model.context.data = torch.tensor([[0.5, 0.0], [2.0, 1.0]])
    model.word_bias.data = torch.tensor([0.5, -1.0])
    model.context_bias.data = torch.tensor([0.25, 0.0])
    return model


def test_the_prediction_is_the_dot_product_and_both_biases() -> None:
    pairs = torch.tensor([[0, 1], [1, 0], [1, 1]])
    # (1, 0) · (2, 1) + 0.5 + 0;  (0, 1) · (0.5, 0) − 1 + 0.25;  (0, 1) · (2, 1) − 1 + 0
    assert toy()(pairs).tolist() == [2.5, -0.75, 0.0]


def test_rare_pairs_weigh_less_and_frequent_ones_all_the_same() -> None:
    counts = torch.tensor([0.5, 5.0, 10.0, 1000.0])
    np.testing.assert_allclose(weight(counts), [(0.5 / 10) ** 0.75, 0.5**0.75, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(weight(torch.tensor([25.0]), maximum=100, power=0.5), [0.5])


def test_the_loss_is_the_weighted_squared_error_of_log_counts() -> None:
    batch = torch.tensor([[0, 1], [1, 0]]), torch.tensor([5.0, 40.0])
    by_hand = np.mean([0.5**0.75 * (2.5 - np.log(5)) ** 2, 1 * (-0.75 - np.log(40)) ** 2])
    assert loss_of(toy(), batch).item() == pytest.approx(by_hand, rel=1e-6)


def test_the_gradient_is_that_of_the_paper() -> None:
    model = toy()
    loss_of(model, (torch.tensor([[0, 1]]), torch.tensor([5.0]))).backward()
    error = 2 * 0.5**0.75 * (2.5 - np.log(5))
    np.testing.assert_allclose(model.word.grad, [[error * 2, error * 1], [0, 0]], rtol=1e-5)
    np.testing.assert_allclose(model.context.grad, [[0, 0], [error * 1, 0]], rtol=1e-5)
    np.testing.assert_allclose(model.word_bias.grad, [error, 0], rtol=1e-5)
    np.testing.assert_allclose(model.context_bias.grad, [0, error], rtol=1e-5)


def test_the_vectors_are_the_sum_of_both_sets() -> None:
    table = toy().table()
    assert table.index_to_key == ["ice", "solid"]
    np.testing.assert_array_equal(table.vectors, [[1.5, 0], [2, 2]])
    model = toy()
    kept = model.table()
    model.word.data += 1
    np.testing.assert_array_equal(kept.vectors, [[1.5, 0], [2, 2]])  # of their own


def near() -> Cooccurrence:
    rng = np.random.default_rng(1)
    topics = [["sea", "ship", "sail", "wave"], ["oven", "bread", "flour", "yeast"]]
    return cooccurrences([list(rng.permutation(topics[row % 2])[:3]) for row in range(200)], window=2)


def test_every_counted_pair_is_learned_from_and_no_other() -> None:
    counts = near().counts
    pairs, values = pairs_of(counts).tensors
    assert len(pairs) == counts.nnz
    np.testing.assert_allclose(counts.toarray()[tuple(pairs.numpy().T)], values, rtol=1e-6)


def trained(dimensions: int = 4, **settings: object) -> TrainingRun:
    counts = near()
    given = {"epochs": 60, "batch_size": 8, "learning_rate": 0.05, "device": "cpu"} | settings
    return train_glove(GloVe(counts.words, dimensions), counts, **given)


@pytest.fixture(scope="module")
def run() -> TrainingRun:
    return trained()


def test_training_learns_the_log_counts(run: TrainingRun) -> None:
    assert run.finished
    pairs, values = pairs_of(near().counts).tensors
    assert (run.model(pairs) - values.log()).abs().max().item() < 0.1
    assert run.history["loss"].iloc[-1] < 0.01 * run.history["loss"].iloc[0]


def test_words_of_one_topic_come_to_lie_together(run: TrainingRun) -> None:
    table = run.model.table()
    within, across = table.similarity("sea", "ship"), table.similarity("sea", "bread")
    assert within > across


def test_the_same_seed_gives_the_same_vectors(run: TrainingRun) -> None:
    np.testing.assert_array_equal(trained().model.table().vectors, run.model.table().vectors)
    assert not np.array_equal(GloVe(["a"], 3, seed=1).word.detach(), GloVe(["a"], 3, seed=2).word.detach())


def test_an_interrupted_training_goes_on_to_the_same_vectors(tmp_path: Path, run: TrainingRun) -> None:
    calls = []

    def stop(_model: GloVe, epoch: int) -> None:
        calls.append(epoch)
        if epoch == 20:
            raise KeyboardInterrupt

    first = trained(checkpoint_dir=tmp_path, on_epoch_end=stop)
    assert not first.finished
    second = trained(checkpoint_dir=tmp_path, resume=True)
    np.testing.assert_array_equal(second.model.table().vectors, run.model.table().vectors)
    with pytest.raises(RunFolderError):
        trained(checkpoint_dir=tmp_path, resume=True, maximum=50.0)


def test_what_does_not_fit_is_refused() -> None:
    counts = near()
    with pytest.raises(ValueError, match=r"make the model of the counts' words, GloVe\(counts.words\)"):
        train_glove(GloVe(["sea"]), counts)
    with pytest.raises(ValueError, match="maximum and power must be positive"):
        train_glove(GloVe(counts.words), counts, maximum=0)
    wrong = Cooccurrence(("a", "b"), np.array([1, 1]), sparse.csr_array([[0.0, -1.0], [-1.0, 0.0]]))
    with pytest.raises(ValueError, match="count must be positive"):
        train_glove(GloVe(wrong.words), wrong)


def test_the_command_trains_on_a_text_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the sea and the ship\nthe oven and the bread\n" * 20, encoding="utf-8")
    given = [
        "--text",
        str(text),
        "--dimensions",
        "3",
        "--epochs",
        "2",
        "--device",
        "cpu",
        "--output",
        str(tmp_path / "out"),
    ]
    assert main(given) == 0
    assert "kept in" in capsys.readouterr().out
    table = KeyedVectors.load_word2vec_format(tmp_path / "out" / glove.VECTORS)
    assert set(table.index_to_key) == {"the", "and", "sea", "ship", "oven", "bread"}
    assert (tmp_path / "out" / glove.HISTORY).read_text(encoding="utf-8").startswith("step,epoch,loss")
    assert main([*given, "--resume"]) == 0
    assert main([*given, "--seed", "1", "--resume"]) == 1
    assert "python -m kgss_helpers.training.glove:" in capsys.readouterr().err


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--text", str(tmp_path / "nowhere.txt"), "--output", str(tmp_path)]) == 1
    assert "nowhere.txt" in capsys.readouterr().err
    (tmp_path / "short.txt").write_text("one two", encoding="utf-8")
    assert main(["--text", str(tmp_path / "short.txt"), "--output", str(tmp_path)]) == 1
    assert "no word occurs 5 times" in capsys.readouterr().err
