"""A graph to click and walk: the same figure every time, every sentence true, and markup stays text."""

import re
from html import escape

import numpy as np
import pandas as pd
import pytest
from helpers import tables

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.show.graph_view import (
    LABEL_WIDTH,
    NODE_STYLE,
    SHOWN,
    NeighbourhoodView,
    Walk,
    between,
    card,
    lookup,
    neighbourhood,
    neighbourhood_layout,
    steps,
    told_apart,
)
from kgss_helpers.show.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION

SCRIPT = "<script>alert('x')</script>"
HOSTILE = "<script>alert(1)</script> & <b>Co</b>"


NODES, EDGES = tables(
    [
        ("m1", "project", "Red Moon", "A heist on the moon."),
        ("m2", "project", "Blue River", "A pilot & a <b>river</b>."),
        ("p1", "person", "Ada Quill", "Writes about the moon."),
        ("p2", "person", "ada quill", "Paints the river."),
        ("p3", "person", SCRIPT, f"Says {SCRIPT}"),
        ("k1", "keyword", "heist", ""),
        ("lone", "person", "Nobody", ""),
    ],
    [
        ("p1", "Director", "m1"),
        ("p1", "Screenwriter", "m1"),
        ("p2", "Actor", "m1"),
        ("p3", "Actor", "m1"),
        ("p3", "Producer", "m2"),
        ("m1", "has keyword", "k1"),
    ],
)


CROWD = tables(
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


PALETTE = {BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY}


@pytest.fixture
def graph():
    return KnowledgeGraph(NODES, EDGES, name="tiny")


@pytest.fixture
def crowd():
    return KnowledgeGraph(*CROWD, name="tiny")


def no_markup_but_ours(html):
    ours = ["b", "br", "div", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"]
    return set(re.findall(r"<\s*/?\s*(\w+)", html)) <= set(ours)


# ---- neighbourhoods ------------------------------------------------------------------------------------------------


def test_every_colour_of_a_node_type_is_of_the_palette_and_its_own():
    colors = [color for color, _, _ in NODE_STYLE.values()]
    assert len(set(colors)) == len(colors)
    assert set(colors) <= PALETTE
    for position in (1, 2):  # shapes differ too, for those who tell no colours apart
        assert len({style[position] for style in NODE_STYLE.values()}) == len(colors)


def test_a_layout_has_the_centre_and_each_neighbour_once(crowd):
    layout = neighbourhood_layout(crowd, "m1")
    assert layout["node_id"].tolist() == ["m1", "x1", "g1", "k1", "p2", "p1"]
    assert list(layout.columns) == ["node_id", "node_type", "name", "sentences", "degree", "x", "y"]
    rows = layout.set_index("node_id")
    assert rows.loc["m1", ["x", "y", "sentences"]].tolist() == [0, 0, ""]
    assert rows.loc["p1", "sentences"].split("\n") == [
        "Ada Quill directed Red Moon.",
        "Ada Quill wrote Red Moon.",
    ]
    assert rows.loc["k1", "sentences"] == "Red Moon has the keyword heist."
    assert rows["degree"].to_dict() == {node: int(crowd.degree[crowd.position(node)]) for node in rows.index}
    ring = layout.iloc[1:]
    assert np.hypot(ring["x"], ring["y"]).to_numpy() == pytest.approx(1, abs=0.002)
    assert len(ring[["x", "y"]].drop_duplicates()) == len(ring)
    assert ring["node_type"].is_monotonic_increasing


def test_the_most_connected_are_kept(crowd):
    layout = neighbourhood_layout(crowd, "m1", most=2)
    assert set(layout["node_id"]) == {"m1", "p1", "p2"}
    title = neighbourhood(crowd, "m1", most=2).layout.title
    assert title.text.startswith("Red Moon and 2 neighbours<br>")
    assert "3 less connected" in title.text
    assert neighbourhood(crowd, "m1", most=5).layout.title.text == "Red Moon and 5 neighbours"


def test_layouts_and_figures_are_the_same_every_time(crowd):
    pd.testing.assert_frame_equal(neighbourhood_layout(crowd, "m1"), neighbourhood_layout(crowd, "m1"))
    again = KnowledgeGraph(*CROWD)
    assert neighbourhood(crowd, "m1").to_json() == neighbourhood(again, "m1").to_json()


def test_a_node_without_neighbours_stands_alone(crowd):
    layout = neighbourhood_layout(crowd, "lone")
    assert layout["node_id"].tolist() == ["lone"]
    assert neighbourhood(crowd, "lone").layout.title.text == "Nobody and 0 neighbours"


def test_a_centre_that_is_not_there_is_named(crowd):
    with pytest.raises(KeyError, match="nothing"):
        neighbourhood(crowd, "nothing")


def test_traces_carry_ids_sentences_and_the_style_of_their_type(crowd):
    figure = neighbourhood(crowd, "m1")
    spokes, *traces = figure.data
    assert spokes.customdata is None
    assert len([x for x in spokes.x if x is None]) == 5
    by_type = {trace.customdata[0]: trace for trace in traces}
    person = by_type["p2"]
    assert list(person.customdata) == ["p2", "p1"]
    assert person.marker.color == BLUE
    assert person.marker.symbol == "circle"
    assert by_type["k1"].hovertext == ("Red Moon has the keyword heist.",)
    assert by_type["m1"].hovertext == ("the centre",)
    assert by_type["m1"].marker.size[0] > person.marker.size[0]
    assert {trace.marker.color for trace in traces} <= PALETTE


@pytest.mark.parametrize("centre", ["m1", "p2", "x1"])
def test_markup_in_names_and_types_comes_out_as_text(crowd, centre):
    """Plotly reads some HTML in titles, legends, labels and hover texts."""
    figure = neighbourhood(crowd, centre)
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
    nodes = CROWD[0].assign(name=CROWD[0]["name"].where(CROWD[0]["node_id"] != "m2", name))
    figure = neighbourhood(KnowledgeGraph(nodes, CROWD[1]), "p1")
    label = next(text for trace in figure.data[1:] for text in trace.text if "Assassination" in text)
    assert label.replace("<br>", " ") == name
    assert max(map(len, label.split("<br>"))) <= LABEL_WIDTH


def test_a_figure_asks_nothing_of_the_network(crowd):
    assert "http" not in neighbourhood(crowd, "m1").to_json()


# ---- lookup --------------------------------------------------------------------------------------------------------


def test_one_hit_needs_no_message(graph):
    assert lookup(graph, "  red MOON ") == (["m1"], "")


def test_several_hits_are_a_choice_most_connected_first(graph):
    found, message = lookup(graph, "Ada Quill")
    assert found == ["p1", "p2"]
    assert message == "2 nodes are called <b>Ada Quill</b>: names are not keys. Choose one."


@pytest.mark.parametrize(("typed", "meant"), [("Red Mon", "Red Moon"), ("blu river", "Blue River")])
def test_near_names_are_suggested(graph, typed, meant):
    found, message = lookup(graph, typed)
    assert found == []
    assert message == f"Nothing here is called <b>{typed}</b>. Did you mean <b>{meant}</b>?"


def test_what_is_like_nothing_gets_a_next_step(graph):
    message = "Nothing here is called <b>zeppelin</b>. Type a whole name, as the graph spells it."
    assert lookup(graph, "zeppelin") == ([], message)


def test_very_long_names_are_cut_in_the_answer(graph):
    assert len(lookup(graph, "zeppelin " * 500)[1]) < 200


def test_namesakes_are_told_apart_by_what_is_said_of_them_or_by_an_edge(graph):
    found = lookup(graph, "ada quill")[0]
    assert len(found) == 2
    assert len({told_apart(graph, node_id) for node_id in found}) == 2
    without = KnowledgeGraph(graph.nodes.assign(description=""), graph.edges)
    assert len({told_apart(without, node_id) for node_id in found}) == 2


@pytest.mark.parametrize("typed", ["", "   "])
def test_nothing_typed_is_answered_with_what_to_do(graph, typed):
    assert lookup(graph, typed) == ([], "Type a name and press Enter.")


def test_typed_markup_is_escaped(graph):
    _, message = lookup(graph, "<img src=x onerror=alert(1)>")
    assert "<img" not in message
    assert "&lt;img src=x onerror=alert(1)&gt;" in message


def test_suggested_markup_is_escaped(graph):
    _, message = lookup(graph, SCRIPT[:-1])
    assert f"Did you mean <b>{escape(SCRIPT)}</b>?" in message
    assert no_markup_but_ours(message)


# ---- card, steps, between ------------------------------------------------------------------------------------------


def test_a_card_tells_name_type_edges_and_description(graph):
    assert card(graph, "m1") == "<b>Red Moon</b>, project, 5 edges<br>A heist on the moon."
    assert card(graph, "k1") == "<b>heist</b>, keyword, 1 edge"
    assert card(graph, "lone") == "<b>Nobody</b>, person, 0 edges"


def test_a_card_escapes_what_the_graph_holds(graph):
    assert no_markup_but_ours(card(graph, "p3"))
    assert card(graph, "p3").count(escape(SCRIPT)) == 2
    assert "&amp; a &lt;b&gt;river&lt;/b&gt;" in card(graph, "m2")


def test_steps_are_sentences_in_the_direction_of_their_edge(graph):
    assert steps(graph, "p1") == [("Ada Quill directed Red Moon.", "m1"), ("Ada Quill wrote Red Moon.", "m1")]
    assert steps(graph, "m1") == [
        ("Ada Quill directed Red Moon.", "p1"),
        ("Ada Quill wrote Red Moon.", "p1"),
        ("ada quill acted in Red Moon.", "p2"),
        (f"{SCRIPT} acted in Red Moon.", "p3"),
        ("Red Moon has the keyword heist.", "k1"),
    ]
    assert steps(graph, "lone") == []


def test_between_tells_what_joins_two_nodes_and_what_else_is_there(graph):
    html = between(graph, "m1", "p3")
    assert f"<p>{escape(SCRIPT)} acted in Red Moon.</p>" in html
    assert f"<li>{escape(SCRIPT)} produced Blue River.</li>" in html
    assert html.count("<li>") == 1
    assert no_markup_but_ours(html)


def test_between_says_nothing_of_further_steps_where_there_are_none(graph):
    assert "further" in between(graph, "m1", "p3")
    assert "further" not in between(graph, "m1", "k1")


def test_between_lists_a_few_and_counts_the_rest():
    films = [f"m{number}" for number in range(SHOWN + 4)]
    nodes = pd.DataFrame([(film, "project", film.upper()) for film in films] + [("p", "person", "Ada")])
    nodes.columns = ["node_id", "node_type", "name"]
    edges = pd.DataFrame([("p", "Actor", film) for film in films], columns=["source", "relation", "target"])
    html = between(KnowledgeGraph(nodes, edges), "m0", "p")
    assert html.count("<li>") == SHOWN + 1
    assert "<li>… and 3 more</li>" in html


# ---- walk ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def walk(graph):
    return Walk(graph, "m1")


def choices(walk):
    return [label for label, _ in walk.choices.options]


def test_a_walk_begins_at_its_start(walk, graph):
    assert walk.trail == ["m1"]
    assert walk.path.value == "Red Moon"
    assert walk.here.value == card(graph, "m1")
    assert choices(walk) == [text for text, _ in steps(graph, "m1")]
    assert walk.choices.index == 0
    assert walk.name.placeholder == "a name: keyword or person or project"


def test_typing_a_name_goes_there(walk, graph):
    walk.name.value = "heist"
    assert walk.trail == ["m1", "k1"]
    assert walk.path.value == "Red Moon → heist"
    assert walk.here.value == card(graph, "k1")
    assert walk.message.value == ""


def test_a_name_can_be_typed_again(walk):
    for _ in range(2):
        walk.name.value = "heist"
        walk.back.click()
    walk.name.value = "heist"
    assert walk.trail == ["m1", "k1"]


def test_typing_a_name_that_two_share_offers_both(walk):
    walk.name.value = "Ada Quill"
    assert walk.trail == ["m1"]
    assert "2 nodes are called" in walk.message.value
    assert walk.choices.options == (("person: Writes about the moon.", "p1"), ("person: Paints the river.", "p2"))
    assert walk.choices.index == 0
    walk.choices.index = 1
    walk.follow.click()
    assert walk.trail == ["m1", "p2"]
    assert walk.message.value == ""


def test_typing_nonsense_stays_and_says_so(walk, graph):
    walk.name.value = "zeppelin"
    assert walk.trail == ["m1"]
    assert "Nothing here is called <b>zeppelin</b>" in walk.message.value
    assert choices(walk) == [text for text, _ in steps(graph, "m1")]


def test_what_was_said_of_a_name_is_gone_after_the_next_step(walk):
    walk.name.value = "zeppelin"
    walk.follow.click()
    assert walk.message.value == ""


def test_following_a_sentence_leads_to_its_other_end(walk):
    walk.choices.index = choices(walk).index("Red Moon has the keyword heist.")
    walk.follow.click()
    assert walk.trail == ["m1", "k1"]
    assert choices(walk) == ["Red Moon has the keyword heist."]
    walk.follow.click()
    assert walk.trail == ["m1", "k1", "m1"]


def test_back_returns_and_stays_at_the_start(walk, graph):
    walk.go("p3")
    walk.go("m2")
    walk.back.click()
    assert walk.trail == ["m1", "p3"]
    assert walk.here.value == card(graph, "p3")
    walk.back.click()
    walk.back.click()
    assert walk.trail == ["m1"]


def test_a_dead_end_can_be_left(graph):
    walk = Walk(graph, "lone")
    walk.follow.click()
    assert walk.trail == ["lone"]
    walk.name.value = "red moon"
    assert walk.trail == ["lone", "m1"]


def test_a_long_trail_shows_its_end(walk):
    for _ in range(5):
        walk.go("k1")
        walk.go("m1")
    assert len(walk.trail) == 11
    assert walk.path.value.startswith("… → ")
    assert walk.path.value.count("→") == 8


def test_markup_typed_or_walked_to_stays_text(walk):
    walk.name.value = "<script>alert(1)</script"
    assert no_markup_but_ours(walk.message.value)
    walk.name.value = SCRIPT
    assert walk.trail == ["m1", "p3"]
    assert no_markup_but_ours(walk.path.value + walk.here.value + walk.message.value)
    assert escape(SCRIPT) in walk.path.value


# ---- a neighbourhood to click --------------------------------------------------------------------------------------


@pytest.fixture
def view(graph):
    return NeighbourhoodView(graph, "m1")


def click(view, node_id):
    """The message that the figure sends from the browser when somebody clicks a marker."""
    trace = next(
        number
        for number, trace in enumerate(view.figure.data)
        if trace.customdata is not None and node_id in list(trace.customdata)
    )
    point = list(view.figure.data[trace].customdata).index(node_id)
    view.figure._js2py_pointsCallback = {
        "event_type": "plotly_click",
        "points": {"trace_indexes": [trace], "point_indexes": [point], "xs": [0.0], "ys": [0.0]},
        "device_state": None,
        "selector": None,
    }


def test_a_view_asks_to_be_clicked(view):
    assert "Click a node" in view.panel.value
    assert len(view.children) == 2
    assert any(child is view.figure for child in view.children)
    assert any(child is view.panel for child in view.children)


@pytest.mark.parametrize("node_id", ["p1", "p2", "p3", "k1"])
def test_a_click_tells_what_joins_the_node_to_the_centre(view, graph, node_id):
    click(view, node_id)
    assert between(graph, "m1", node_id) in view.panel.value
    assert no_markup_but_ours(view.panel.value)


def test_a_click_on_the_centre_shows_its_card(view, graph):
    click(view, "p1")
    click(view, "m1")
    assert card(graph, "m1") in view.panel.value
    assert "Ada Quill" not in view.panel.value


def test_the_same_node_can_be_clicked_again(view, graph):
    for node_id in ("p1", "k1", "p1"):
        click(view, node_id)
        assert between(graph, "m1", node_id) in view.panel.value


def test_select_does_what_a_click_does(view):
    click(view, "p3")
    clicked = view.panel.value
    view.panel.value = ""
    view.select("p3")
    assert view.panel.value == clicked
    with pytest.raises(KeyError):
        view.select("nothing")
