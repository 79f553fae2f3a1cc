"""The exam to browse: right answers are ticked, and markup stays text."""

import re
from html import escape

import numpy as np
import pytest
from helpers import tables

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.baselines import WordMatch
from kgss_helpers.question import Query, Question
from kgss_helpers.show.exam_view import ExamBrowser, missed_answers, ranked_answers, unticked_answers

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


def question(name, family, text, relevant, **further):
    return Question(name, family, "test", text, "project", relevant, **further)


QUESTIONS = [
    question("q1", "plot", "a heist", {"m1": 2}),
    question("q2", "plot", SCRIPT, {"m1": 1}),
    question("q3", "alike", "films like Red Moon", {"m2": 1}, anchor="m1"),
    question("q4", "plot", "the river and the moon", {"m2": 1}),
]


def test_right_answers_are_ticked(graph):
    shown = ranked_answers(QUESTIONS[3], WordMatch(), graph)
    assert list(shown.columns) == ["place", "answer", "description", "right"]
    assert shown["place"].tolist() == [1, 2]
    assert dict(zip(shown["answer"], shown["right"], strict=True)) == {"Blue River": "✓", "Red Moon": ""}


def test_at_most_k_answers_and_none_where_nothing_is_found(graph):
    assert len(ranked_answers(QUESTIONS[3], WordMatch(), graph, k=1)) == 1
    nothing = ranked_answers(question("q", "plot", "zeppelin", {"m1": 1}), WordMatch(), graph)
    assert nothing.empty
    assert list(nothing.columns) == ["place", "answer", "description", "right"]


def test_long_descriptions_are_cut(graph):
    nodes = NODES.assign(description=NODES["description"] + " heist" * 50)
    shown = ranked_answers(QUESTIONS[0], WordMatch(), KnowledgeGraph(nodes, EDGES))
    assert shown["description"].str.len().max() <= 80
    assert shown["description"].str.endswith("heist…").any()  # between two words


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
    assert ranked_answers(QUESTIONS[0], method, graph, fit=False).empty
    assert method.fitted == 0
    ranked_answers(QUESTIONS[0], method, graph)
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
    assert "<b>a heist</b> (1 right answer; right: 1 of the first 1)" in browser.result.value
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


def test_right_answers_that_were_missed_are_named(graph):
    asked = question("q", "plot", "a heist", {"m1": 1, "m2": 1})
    assert "Right, and not among these: Blue River." in ExamBrowser([asked], WordMatch(), graph).result.value


def test_a_question_of_thousands_of_letters_is_cut(graph):
    browser = ExamBrowser([question("q", "plot", "heist " * 1000, {"m1": 1})], WordMatch(), graph)
    assert len(browser.result.value) < 2000
    assert "heist…" in browser.result.value


def test_families_of_ones_own_can_be_browsed(graph):
    asked = [question("b", "bridges", "a heist", {"m1": 1}), question("t", "tunnels", "the river", {"m2": 1})]
    browser = ExamBrowser(asked, WordMatch(), graph)
    assert browser.family.options == ("bridges", "tunnels")
    browser.family.value = "tunnels"
    assert "<b>the river</b>" in browser.result.value


def test_a_browser_has_the_same_text_every_time(browser):
    assert repr(browser) == "<word match (BM25) before any question of the exam: run this cell in JupyterLab>"


# ---- a question in the reader's words -------------------------------------------------------------------------------


def edges_of(graph):
    """Says how many edges a node has."""
    return lambda asked, node_id: f"{asked.node_type}: {graph.degree.iloc[graph.position(node_id)]} edges"


def test_a_question_in_the_readers_words_is_answered_with_reasons(graph):
    browser = ExamBrowser(QUESTIONS, WordMatch(), graph, why=edges_of(graph))
    assert browser.node_type.options == ("project", "person", "keyword")
    before = browser.result.value
    browser.node_type.value = "person"
    assert browser.result.value == before  # nothing was typed yet
    browser.text.value = "who writes about the moon?"
    assert "<b>who writes about the moon?</b> (asked of word match (BM25))" in browser.result.value
    assert "Ada Quill" in browser.result.value
    assert "person: 2 edges" in browser.result.value
    browser.node_type.value = "project"
    assert "Red Moon" in browser.result.value
    browser.family.value = "alike"
    assert "<b>films like Red Moon</b>" in browser.result.value


def test_without_reasons_there_are_descriptions(graph):
    found = unticked_answers(Query("the moon", "project"), WordMatch(), graph, k=1)
    assert found.to_dict("records") == [{"place": 1, "answer": "Red Moon", "description": "A heist on the moon."}]


def test_what_is_typed_stays_text_and_nothing_found_says_so(browser):
    browser.text.value = SCRIPT
    assert escape(SCRIPT) in browser.result.value
    browser.text.value = "zeppelin " * 1000
    assert "Nothing is found; ask in other words." in browser.result.value
    assert len(browser.result.value) < 1000
    assert no_markup_but_ours(browser.result.value)


def test_a_text_that_a_method_cannot_read_is_explained(graph):
    class Recorded:
        name = "recorded"

        def score(self, questions, _graph):
            raise ValueError(f"no vector for {questions[0].text!r}")

    browser = ExamBrowser(QUESTIONS[:1], WordMatch(), graph)
    browser.method = Recorded()
    browser.text.value = SCRIPT
    assert "no vector for" in browser.result.value
    assert no_markup_but_ours(browser.result.value)


def test_a_missed_namesake_of_a_right_answer_is_told_apart():
    nodes = [(f"p{number}", "person", "Ada Quill", f"Number {number}.") for number in range(2)]
    graph = KnowledgeGraph(*tables(nodes, []))
    asked = Question("q", "names", "test", "Ada", "person", relevant={"p0": 1, "p1": 1})
    shown = ranked_answers(asked, WordMatch(), graph, k=1)
    (first,) = shown.attrs["node_ids"]
    other = {"p0": "p1", "p1": "p0"}[first]
    assert f"Ada Quill (Number {other[1]}.)" in missed_answers(asked, shown, graph)


def test_signs_without_a_word_get_a_next_step(graph):
    asked = Question("q", "plot", "test", "a heist", "project", relevant={"m1": 1})
    browser = ExamBrowser([asked], WordMatch(), graph)
    browser.text.value = "🎬 ?!"
    assert "Type a question in words" in browser.result.value
