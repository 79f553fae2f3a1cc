"""Figures that can be read: titles, labels, colours, alt texts; and a neighbourhood that is the same every time."""

import re
import struct

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers import tables
from matplotlib.colors import to_hex

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.show import charts

HOSTILE = "<script>alert(1)</script> & <b>Co</b>"
NODES, EDGES = tables(
    [
        ("m1", "project", "Red Moon", ""),
        ("p1", "person", "Ada Quill", ""),
        ("p2", "person", HOSTILE, ""),
        ("k1", "keyword", "heist", ""),
        ("g1", "genre", "Crime", ""),
        ("x1", "<i>odd</i>", "Something else", ""),
        ("m2", "project", "Blue River", ""),
        ("lone", "person", "Nobody", ""),
    ],
    [
        ("p1", "Director", "m1"),
        ("p1", "Screenwriter", "m1"),
        ("p2", "Actor", "m1"),
        ("p2", "Actor", "m2"),
        ("p1", "Actor", "m2"),
        ("m1", "has keyword", "k1"),
        ("m1", "has genre", "g1"),
        ("m2", "has genre", "g1"),
        ("m1", "mentions", "x1"),
    ],
)
PALETTE = {
    palette.BLUE, palette.VERMILION, palette.GREEN, palette.PURPLE, palette.ORANGE, palette.SKY, palette.YELLOW, palette.BLACK,
    palette.GREY,
}  # fmt: skip
TABLE = pd.DataFrame(
    {"label": ["first", "second", "third"], "mean": [0.2, 0.5, 0.9], "low": [0.1, 0.4, 0.8], "high": [0.4, 0.55, 1.0]}
)
SQUARE = np.array([[1.0, 0.2], [0.2, 1.0]])


@pytest.fixture
def graph():
    return KnowledgeGraph(NODES, EDGES, name="tiny")


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


# ---- matplotlib --------------------------------------------------------------------------------------------------


def bars_of(values=(3, 1000, 2), **further):
    return charts.bars(pd.Series(values, index=["a", "b", "c"]), title="Counts", x_label="films", **further)


FIGURES = {
    "bars": lambda graph: bars_of(),
    "degrees": ch01_knowledge_graph.degrees,
    "intervals": lambda graph: charts.intervals(TABLE, title="The floor", x_label="nDCG@10"),
    "matrices": lambda graph: ch10_sentence_transformers.matrices(
        {"one": SQUARE, "two": SQUARE}, x_label="sentence", y_label="sentence"
    ),
    "by_score": lambda graph: ch10_sentence_transformers.by_score(
        {"one": np.arange(6) / 6}, np.array([0, 0, 1, 1, 2, 2.0])
    ),
    "gains": lambda graph: ch10_sentence_transformers.gains(
        pd.DataFrame(SQUARE, index=["a", "b"], columns=["c", "d"]), title="Gains", x_label="x", y_label="y"
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_a_title_and_a_label_on_each_axis_of_numbers(graph, name):
    figure = FIGURES[name](graph)
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert all(axes.get_title(loc="left") or axes.get_title() for axes in panels)
    assert all(axes.get_xlabel() for axes in panels)
    # Names on the vertical axis speak for themselves.
    names = {text.get_text() for text in panels[0].get_yticklabels()} & {"a", "b", "first"}
    assert panels[0].get_ylabel() or names
    assert all(axes.get_ylabel() for axes in figure.axes if axes.get_label() == "<colorbar>")


def test_every_colour_of_a_node_type_is_of_the_palette_and_its_own():
    colors = [color for color, _, _ in graph_view.NODE_STYLE.values()]
    assert len(set(colors)) == len(colors)
    assert set(colors) <= PALETTE
    for position in (1, 2):  # shapes differ too, for those who tell no colours apart
        assert len({style[position] for style in graph_view.NODE_STYLE.values()}) == len(colors)


def test_bars_stand_in_order_from_the_top_with_their_numbers():
    figure = bars_of()
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["c", "b", "a"]
    assert [bar.get_width() for bar in axes.patches] == [2, 1000, 3]
    assert sorted(text.get_text() for text in axes.texts) == ["1,000", "2", "3"]
    assert {to_hex(bar.get_facecolor()).upper() for bar in axes.patches} == {palette.BLUE}


def test_each_bar_can_have_its_colour():
    (axes,) = bars_of(colors=[palette.BLUE, palette.GREEN, palette.GREY]).axes
    assert [to_hex(bar.get_facecolor()).upper() for bar in axes.patches] == [palette.GREY, palette.GREEN, palette.BLUE]


def test_degrees_counts_nodes_with_at_least_so_many_edges(graph):
    (axes,) = ch01_knowledge_graph.degrees(graph).axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert set(lines) == set(NODES["node_type"])
    assert lines["project"].get_xdata().tolist() == [3, 6]
    assert lines["project"].get_ydata().tolist() == [2, 1]
    assert lines["person"].get_xdata().tolist() == [0, 2, 3]
    assert lines["person"].get_ydata().tolist() == [3, 2, 1]
    assert {line.get_color() for line in lines.values()} <= PALETTE
    assert axes.get_xscale() == axes.get_yscale() == "log"


def test_intervals_show_mean_low_and_high_the_first_on_top():
    (axes,) = charts.intervals(TABLE, title="The floor", x_label="nDCG@10").axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["third", "second", "first"]
    points, _, (bars,) = axes.containers[0]
    assert points.get_xdata().tolist() == [0.9, 0.5, 0.2]
    assert [segment[:, 0].tolist() for segment in bars.get_segments()] == [
        pytest.approx([0.8, 1.0]),
        pytest.approx([0.4, 0.55]),
        pytest.approx([0.1, 0.4]),
    ]


def test_the_pipeline_tells_the_story_in_words():
    (axes,) = ch00_start_here.pipeline().axes
    said = " ".join(text.get_text() for text in axes.texts)
    for words in ("we have a knowledge graph", "we need a semantic space", "we want a searchable database"):
        assert words in said
    assert said.index("we have") < said.index("we need") < said.index("we want")


@pytest.fixture
def displayed(monkeypatch):
    """What would appear under a cell."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *objects, **options: shown.append((objects, options)))
    return shown


def test_show_emits_a_png_with_alt_text_and_closes_the_figure(displayed):
    figure = bars_of()
    charts.show(figure, alt="Three bars.")
    (((bundle,), options),) = displayed
    assert bundle["image/png"].startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", bundle["image/png"][16:24])
    assert width > height > 100
    assert bundle["text/plain"] == "Three bars."
    assert options == {"raw": True, "metadata": {"image/png": {"alt": "Three bars."}}}
    assert plt.get_fignums() == []


def test_the_same_figure_is_the_same_picture(displayed):
    for _ in range(2):
        charts.show(bars_of(), alt="Three bars.")
    first, second = (objects[0]["image/png"] for objects, _ in displayed)
    assert first == second
    assert b"matplotlib" not in first.lower()  # no version that would make a picture differ


# ---- neighbourhoods ----------------------------------------------------------------------------------------------


def test_a_layout_has_the_centre_and_each_neighbour_once(graph):
    layout = graph_view.neighbourhood_layout(graph, "m1")
    assert layout["node_id"].tolist() == ["m1", "x1", "g1", "k1", "p2", "p1"]
    assert list(layout.columns) == ["node_id", "node_type", "name", "sentences", "degree", "x", "y"]
    rows = layout.set_index("node_id")
    assert rows.loc["m1", ["x", "y", "sentences"]].tolist() == [0, 0, ""]
    assert rows.loc["p1", "sentences"].split("\n") == [
        "Ada Quill directed Red Moon.",
        "Ada Quill wrote Red Moon.",
    ]
    assert rows.loc["k1", "sentences"] == "Red Moon has the keyword heist."
    assert rows["degree"].to_dict() == {node: int(graph.degree[graph.position(node)]) for node in rows.index}
    ring = layout.iloc[1:]
    assert np.hypot(ring["x"], ring["y"]).to_numpy() == pytest.approx(1, abs=0.002)
    assert len(ring[["x", "y"]].drop_duplicates()) == len(ring)
    assert ring["node_type"].is_monotonic_increasing


def test_the_most_connected_are_kept(graph):
    layout = graph_view.neighbourhood_layout(graph, "m1", most=2)
    assert set(layout["node_id"]) == {"m1", "p1", "p2"}
    title = graph_view.neighbourhood(graph, "m1", most=2).layout.title
    assert title.text.startswith("Red Moon and 2 neighbours<br>")
    assert "3 less connected" in title.text
    assert graph_view.neighbourhood(graph, "m1", most=5).layout.title.text == "Red Moon and 5 neighbours"


def test_layouts_and_figures_are_the_same_every_time(graph):
    pd.testing.assert_frame_equal(
        graph_view.neighbourhood_layout(graph, "m1"), graph_view.neighbourhood_layout(graph, "m1")
    )
    again = KnowledgeGraph(NODES, EDGES)
    assert graph_view.neighbourhood(graph, "m1").to_json() == graph_view.neighbourhood(again, "m1").to_json()


def test_a_node_without_neighbours_stands_alone(graph):
    layout = graph_view.neighbourhood_layout(graph, "lone")
    assert layout["node_id"].tolist() == ["lone"]
    assert graph_view.neighbourhood(graph, "lone").layout.title.text == "Nobody and 0 neighbours"


def test_a_centre_that_is_not_there_is_named(graph):
    with pytest.raises(KeyError, match="nothing"):
        graph_view.neighbourhood(graph, "nothing")


def test_traces_carry_ids_sentences_and_the_style_of_their_type(graph):
    figure = graph_view.neighbourhood(graph, "m1")
    spokes, *traces = figure.data
    assert spokes.customdata is None
    assert len([x for x in spokes.x if x is None]) == 5
    by_type = {trace.customdata[0]: trace for trace in traces}
    person = by_type["p2"]
    assert list(person.customdata) == ["p2", "p1"]
    assert person.marker.color == palette.BLUE
    assert person.marker.symbol == "circle"
    assert by_type["k1"].hovertext == ("Red Moon has the keyword heist.",)
    assert by_type["m1"].hovertext == ("the centre",)
    assert by_type["m1"].marker.size[0] > person.marker.size[0]
    assert {trace.marker.color for trace in traces} <= PALETTE


@pytest.mark.parametrize("centre", ["m1", "p2", "x1"])
def test_markup_in_names_and_types_comes_out_as_text(graph, centre):
    """Plotly reads some HTML in titles, legends, labels and hover texts."""
    figure = graph_view.neighbourhood(graph, centre)
    texts = [figure.layout.title.text, *[note.text for note in figure.layout.annotations]]
    for trace in figure.data[1:]:
        texts += [trace.name, *trace.text, *trace.hovertext]
    ours = re.compile(r"<br>|</?b>")  # the breaks of long labels, and the centre's name in bold
    assert not [text for text in texts if re.search("[<>]", ours.sub("", text))]
    said = " ".join(ours.sub(" ", "|".join(texts)).split())
    if centre != "x1":
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;Co&lt;/b&gt;" in said
    if centre != "p2":
        assert "&lt;i&gt;odd&lt;/i&gt;" in said


def test_long_labels_break_between_words():
    name = "The Assassination of Jesse James by the Coward Robert Ford"
    nodes = NODES.assign(name=NODES["name"].where(NODES["node_id"] != "m2", name))
    figure = graph_view.neighbourhood(KnowledgeGraph(nodes, EDGES), "p1")
    label = next(text for trace in figure.data[1:] for text in trace.text if "Assassination" in text)
    assert label.replace("<br>", " ") == name
    assert max(map(len, label.split("<br>"))) <= graph_view.LABEL_WIDTH


def test_a_figure_asks_nothing_of_the_network(graph):
    assert "http" not in graph_view.neighbourhood(graph, "m1").to_json()


def test_relations_are_told_with_verb_and_count(graph):
    told = ch01_knowledge_graph.relation_phrases(graph)
    rows = {(row.subject_type, row.relation): (row.verb, row.edges) for row in told.itertuples()}
    assert rows["person", "Actor"] == ("acted in", 3)
    assert rows["project", "has genre"] == ("belongs to the genre", 2)
    assert rows["project", "mentions"] == ("mentions", 1)
    assert told["edges"].sum() == len(EDGES)
