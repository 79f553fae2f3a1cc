"""Every demo without a browser: what it says, where it goes, and that typed or stored markup stays text."""

import re
from html import escape

import numpy as np
import pandas as pd
import pytest
from helpers import tables

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.baselines import WordMatch
from kgss_helpers.question import Question
from kgss_helpers.show.exam_view import ExamBrowser
from kgss_helpers.show.graph_view import SHOWN, NeighbourhoodView, Walk, between, card, lookup, steps

SCRIPT = "<script>alert('x')</script>"
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


@pytest.fixture
def graph():
    return KnowledgeGraph(NODES, EDGES, name="tiny")


def no_markup_but_ours(html):
    ours = ["b", "br", "div", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"]
    return set(re.findall(r"<\s*/?\s*(\w+)", html)) <= set(ours)


# ---- lookup ------------------------------------------------------------------------------------------------------


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


def test_what_is_like_nothing_gets_no_suggestion(graph):
    assert lookup(graph, "zeppelin") == ([], "Nothing here is called <b>zeppelin</b>.")


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


# ---- card, steps, between ----------------------------------------------------------------------------------------


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


# ---- walk --------------------------------------------------------------------------------------------------------


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


# ---- neighbourhood -----------------------------------------------------------------------------------------------


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


# ---- the exam ----------------------------------------------------------------------------------------------------


def question(name, family, text, relevant, **further):
    return Question(name, family, "test", text, "project", relevant, **further)


QUESTIONS = [
    question("q1", "plot", "a heist", {"m1": 2}),
    question("q2", "plot", SCRIPT, {"m1": 1}),
    question("q3", "alike", "films like Red Moon", {"m2": 1}, anchor="m1"),
    question("q4", "plot", "the river and the moon", {"m2": 1}),
]


def test_answers_are_marked(graph):
    shown = marked_answers(QUESTIONS[3], WordMatch(), graph)
    assert list(shown.columns) == ["place", "answer", "description", "right"]
    assert shown["place"].tolist() == [1, 2]
    assert dict(zip(shown["answer"], shown["right"], strict=True)) == {"Blue River": "✓", "Red Moon": ""}


def test_at_most_k_answers_and_none_where_nothing_is_found(graph):
    assert len(marked_answers(QUESTIONS[3], WordMatch(), graph, k=1)) == 1
    nothing = marked_answers(question("q", "plot", "zeppelin", {"m1": 1}), WordMatch(), graph)
    assert nothing.empty
    assert list(nothing.columns) == ["place", "answer", "description", "right"]


def test_long_descriptions_are_cut(graph):
    nodes = NODES.assign(description=NODES["description"] + " heist" * 50)
    shown = marked_answers(QUESTIONS[0], WordMatch(), KnowledgeGraph(nodes, EDGES))
    assert shown["description"].str.len().max() == 80


def test_an_encoder_is_fitted_only_if_asked_to(graph):
    class Silent:
        name, fitted = "silent", 0

        def fit(self, _graph):
            self.fitted += 1

        def encode_nodes(self, graph):
            return np.zeros((len(graph.nodes), 2))

        def encode_queries(self, texts):
            return np.zeros((len(texts), 2))

    method = Silent()
    assert marked_answers(QUESTIONS[0], method, graph, fit=False).empty
    assert method.fitted == 0
    marked_answers(QUESTIONS[0], method, graph)
    assert method.fitted == 1


@pytest.fixture
def browser(graph):
    return ExamBrowser(QUESTIONS, WordMatch(), graph)


def test_without_a_question_there_is_nothing_to_browse(graph):
    with pytest.raises(ValueError, match="no question to browse"):
        ExamBrowser([], WordMatch(), graph)


def test_the_browser_opens_on_the_first_family_and_question(browser):
    assert browser.family.options == ("plot", "alike")
    assert browser.family.value == "plot"
    assert [label for label, _ in browser.question.options] == ["a heist", SCRIPT, "the river and the moon"]
    assert "<b>a heist</b> (1 right answers; right: 1 of the first 1)" in browser.result.value
    assert "✓" in browser.result.value


def test_switching_the_family_shows_its_questions_and_an_answer(browser):
    browser.question.index = 2
    browser.family.value = "alike"
    assert [label for label, _ in browser.question.options] == ["films like Red Moon"]
    assert "<b>films like Red Moon</b>" in browser.result.value
    browser.family.value = "plot"
    assert "<b>a heist</b>" in browser.result.value


def test_switching_the_family_while_the_first_question_is_shown_works_too(browser):
    assert browser.question.index == 0
    browser.family.value = "alike"
    assert "<b>films like Red Moon</b>" in browser.result.value


def test_choosing_a_question_shows_its_answers(browser):
    browser.question.index = 2
    assert "<b>the river and the moon</b>" in browser.result.value
    assert "Blue River" in browser.result.value


def test_markup_in_questions_and_answers_stays_text(browser, graph):
    browser.question.index = 1
    assert f"<b>{escape(SCRIPT)}</b>" in browser.result.value
    assert "nothing found" in browser.result.value
    people = Question("q", "plot", "test", "says script", "person", {"p3": 1})
    shown = ExamBrowser([people], WordMatch(), graph).result.value
    assert "&lt;script&gt;alert" in shown
    assert no_markup_but_ours(shown)
