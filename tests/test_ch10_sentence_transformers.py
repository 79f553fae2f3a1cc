"""Notebook 10: small models learn from rows, measures are the field's, and the bench shows what they give."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from kgss_helpers.chapters import ch10_figures
from kgss_helpers.chapters.ch10_sentence_transformers import (
    KINDS,
    PrimerBench,
    before_and_after,
    by_score,
    gains,
    loss_for,
    matrices,
    measure,
    measured,
    ranks,
)
from kgss_helpers.datasets.primer import COLUMNS, load_primer
from kgss_helpers.methods.static import static_model

SQUARE = np.array([[1.0, 0.2], [0.2, 1.0]])


def test_measures_on_rows_whose_answer_is_known() -> None:
    assert measure(np.array([1, 0, 1, 1])) == 0.75
    assert measure(np.array([0.1, 0.2, 0.3]), np.array([1, 2, 3])) == pytest.approx(1)
    mean, low, high = measured(np.array([True] * 30 + [False] * 10))
    assert mean == 0.75
    assert 0.55 < low < 0.75 < high < 0.95
    same = np.array([True, False] * 20)
    assert measured(same, before=(same,)) == (0, 0, 0)


def test_ranks_count_from_one() -> None:
    pairs = pd.DataFrame({"anchor": ["a film about space"], "positive": ["cheese"]})
    candidates = pd.Series(["cheese", "a film about space", "a film about the moon"])
    assert ranks(static_model(dimensions=32), pairs, candidates).tolist() == [3]


def test_teaching_helps_and_the_bench_shows_what_the_function_returns() -> None:
    rows = load_primer()
    table = before_and_after("pairs", rows, epochs=3)
    assert table.loc["pairs", "gain"] > 0.2
    bench = PrimerBench(rows)
    bench.epochs.value = 3
    bench.button.click()
    assert f"{table.loc['pairs', 'tuned']:.2f}"[:3] in bench.result.value
    assert "question and answer" in bench.result.value
    assert not bench.button.disabled
    with pytest.raises(ValueError, match="a batch needs two rows"):
        before_and_after("pairs", rows, batch_size=1)


def test_every_kind_of_row_has_a_loss_of_its_own() -> None:
    assert set(KINDS) == set(COLUMNS)
    model = static_model("random", dimensions=8)
    assert len({type(loss_for(kind, model)) for kind in KINDS}) == len(KINDS)
    with pytest.raises(ValueError, match="no kind of row"):
        loss_for("poems", model)


@pytest.mark.parametrize(
    "figure",
    [
        lambda: matrices({"one": SQUARE, "two": SQUARE}, x_label="sentence", y_label="sentence"),
        lambda: by_score({"one": np.arange(6) / 6}, np.array([0, 0, 1, 1, 2, 2.0])),
        lambda: gains(pd.DataFrame(SQUARE, index=["a", "b"], columns=["c", "d"]), title="T", x_label="x", y_label="y"),
    ],
    ids=["matrices", "by_score", "gains"],
)
def test_figures_have_a_title_and_a_label_on_each_axis(figure) -> None:
    made = figure()
    panels = [axes for axes in made.axes if axes.get_label() != "<colorbar>"]
    assert all(axes.get_title(loc="left") or axes.get_title() for axes in panels)
    assert all(axes.get_xlabel() for axes in panels)
    assert panels[0].get_ylabel()
    assert all(axes.get_ylabel() for axes in made.axes if axes.get_label() == "<colorbar>")
    plt.close(made)


def test_gains_are_written_with_their_sign() -> None:
    made = gains(pd.DataFrame(SQUARE - 0.5), title="T", x_label="x", y_label="y")
    assert [text.get_text() for text in made.axes[0].texts] == ["+0.50", "-0.30", "-0.30", "+0.50"]
    plt.close(made)


# ---- pictures of architectures ---------------------------------------------------------------------------------


def labels_of(panel: plt.Axes) -> str:
    return "\n".join(text.get_text() for text in panel.texts)


def title_of(panel: plt.Axes) -> str:
    return panel.get_title(loc="left") + panel.get_title()


def test_the_two_architectures_say_what_is_read_together_and_what_apart() -> None:
    two, one = ch10_figures.architectures().axes
    assert labels_of(two).count("transformer") == 2
    assert "the same\nweights" in labels_of(two)
    assert labels_of(one).count("transformer") == 1
    assert "[CLS] question [SEP] answer [SEP]" in labels_of(one)
    assert title_of(two).startswith("Bi-encoder")
    assert title_of(one).startswith("Cross-encoder")
    plt.close("all")


def test_inside_the_model_every_token_has_a_box_and_fits_a_slide() -> None:
    tokens = ["[CLS]", "a", "$x$", "<b>", "[SEP]"]
    figure = ch10_figures.inside_the_model(tokens, dimensions=384)
    shown = labels_of(figure.axes[0])
    assert all(token in shown for token in tokens)
    assert f"{ch10_figures.LAYERS} layers" in shown
    assert "384 numbers" in shown
    for drawn in (figure, ch10_figures.foundation_and_expert(), ch10_figures.architectures()):
        wide, high = drawn.get_size_inches() * 100
        assert wide <= 1280
        assert high <= 720
    plt.close("all")
