"""Charts that can be read: titles, labels, colours, alt texts."""

import io
import struct

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from kgss_helpers.show import charts
from kgss_helpers.show.charts import GROUP_STYLES, bars, curves, intervals, show
from kgss_helpers.show.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION

TABLE = pd.DataFrame(
    {"label": ["first", "second", "third"], "mean": [0.2, 0.5, 0.9], "low": [0.1, 0.4, 0.8], "high": [0.4, 0.55, 1.0]}
)


LINE = pd.DataFrame({"mean": [0.1, 0.5], "low": [0.0, 0.4], "high": [0.2, 0.6]}, index=["untuned", "1"])


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def bars_of(values=(3, 1000, 2), **further):
    return bars(pd.Series(values, index=["a", "b", "c"]), title="Counts", x_label="films", **further)


@pytest.mark.parametrize(
    "figure",
    [
        bars_of,
        lambda: intervals(TABLE, title="The floor", x_label="nDCG@10"),
        lambda: curves({"one": LINE}, title="Right", y_label="share"),
    ],
    ids=["bars", "intervals", "curves"],
)
def test_figures_have_a_title_and_a_label_on_each_axis_of_numbers(figure):
    (axes,) = figure().axes
    assert axes.get_title(loc="left") or axes.get_title()
    assert axes.get_xlabel()
    # Names on the vertical axis speak for themselves.
    assert axes.get_ylabel() or {text.get_text() for text in axes.get_yticklabels()} & {"a", "first"}


def test_bars_stand_in_order_from_the_top_with_their_numbers():
    figure = bars_of()
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["c", "b", "a"]
    assert [bar.get_width() for bar in axes.patches] == [2, 1000, 3]
    assert sorted(text.get_text() for text in axes.texts) == ["1,000", "2", "3"]
    assert {to_hex(bar.get_facecolor()).upper() for bar in axes.patches} == {BLUE}


def test_each_bar_can_have_its_colour():
    (axes,) = bars_of(colors=[BLUE, GREEN, GREY]).axes
    assert [to_hex(bar.get_facecolor()).upper() for bar in axes.patches] == [GREY, GREEN, BLUE]


def test_intervals_show_mean_low_and_high_the_first_on_top():
    (axes,) = intervals(TABLE, title="The floor", x_label="nDCG@10").axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["third", "second", "first"]
    points, _, (bars,) = axes.containers[0]
    assert points.get_xdata().tolist() == [0.9, 0.5, 0.2]
    assert [segment[:, 0].tolist() for segment in bars.get_segments()] == [
        pytest.approx([0.8, 1.0]),
        pytest.approx([0.4, 0.55]),
        pytest.approx([0.1, 0.4]),
    ]


@pytest.fixture
def displayed(monkeypatch):
    """What would appear under a cell."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *objects, **options: shown.append((objects, options)))
    return shown


def test_show_emits_a_png_with_alt_text_and_closes_the_figure(displayed):
    figure = bars_of()
    show(figure, alt="Three bars.")
    (((bundle,), options),) = displayed
    assert bundle["image/png"].startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", bundle["image/png"][16:24])
    assert width > height > 100
    assert bundle["text/plain"] == "Three bars."
    assert options == {"raw": True, "metadata": {"image/png": {"alt": "Three bars."}}}
    assert plt.get_fignums() == []


def test_the_same_figure_is_the_same_picture(displayed):
    for _ in range(2):
        show(bars_of(), alt="Three bars.")
    first, second = (objects[0]["image/png"] for objects, _ in displayed)
    assert first == second
    assert b"matplotlib" not in first.lower()  # no version that would make a picture differ


def test_lines_are_told_apart_by_colour_dash_and_marker():
    figure = curves({"one": LINE, "two": LINE, "three": LINE}, title="Right", y_label="share")
    lines = figure.axes[0].get_lines()
    for feature in ("linestyle", "marker", "color"):
        assert len({getattr(line, f"get_{feature}")() for line in lines}) == 3
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["untuned", "1"]
    assert figure.axes[0].get_ylabel() == "share"
    assert [line.get_ydata().tolist() for line in lines] == [[0.1, 0.5]] * 3


def test_groups_differ_in_colour_and_in_shape_and_are_of_the_palette():
    assert {color for color, _, _ in GROUP_STYLES} == {BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY}
    for feature in zip(*GROUP_STYLES, strict=True):
        assert len(set(feature)) == len(GROUP_STYLES)


def test_a_dollar_in_a_name_is_a_dollar_and_log_axes_have_plain_numbers():
    import matplotlib as mpl

    with mpl.rc_context(charts.MATPLOTLIB_STYLE):
        figure, axes = plt.subplots()
        axes.loglog([1, 10, 1000], [1e-12, 1e-6, 1])
        axes.set_title("A$AP $\\frac{ and 100$")  # as a formula this would be an error
        charts.as_html(figure, "a line")
        ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert {"1", "10", "100", "1,000"} <= set(ticks)
    assert not any("$" in label.get_text() for label in axes.get_yticklabels())


def test_a_figure_in_a_widget_has_its_description_escaped():
    figure, _ = plt.subplots()
    shown = charts.as_html(figure, 'a "line" <b>')
    assert 'alt="a &quot;line&quot; &lt;b&gt;"' in shown
    assert "data:image/png;base64," in shown


def test_a_picture_in_few_colours_looks_the_same(displayed):
    figure, axes = plt.subplots(dpi=100)
    axes.imshow(np.linspace(0, 1, 400).reshape(20, 20), cmap="cividis")
    axes.plot([0, 19], [0, 19], color="#D55E00")
    whole = io.BytesIO()
    figure.savefig(whole, format="png", metadata={"Software": None})
    charts.show(figure, alt="A heat map with a line.")
    small = displayed[-1][0][0]["image/png"]
    before, after = (
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=int) for data in (whole.getvalue(), small)
    )
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 2
    assert np.quantile(np.abs(before - after).max(axis=-1), 0.99) <= 12
    assert len(small) < 0.6 * len(whole.getvalue())
