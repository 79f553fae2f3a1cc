"""The search to play with: what is found, why, within which limits; typed markup stays text; a map that lights up."""

import numpy as np
import pytest
from helpers import small_films

from kgss_helpers.graph import GraphError, KnowledgeGraph
from kgss_helpers.methods.baselines import Popularity, WordMatch
from kgss_helpers.show.search_view import (
    Search,
    SearchView,
    Wish,
    answers_as_html,
    lit,
    map_figure,
    number_of,
)

SCRIPT = "<script>alert('x')</script>"


@pytest.fixture
def graph():
    films = small_films()
    years = films.nodes["node_id"].map({"f1": 1971, "f2": 1985, "f3": 1999}).astype("Int64")
    names = films.nodes["name"].where(films.nodes["node_id"] != "p2", f"Bo {SCRIPT}")
    return KnowledgeGraph(films.nodes.assign(year=years, name=names), films.edges, name="small")


@pytest.fixture
def search(graph):
    points = np.arange(2 * len(graph.nodes), dtype=float).reshape(-1, 2)
    return Search(
        graph, {"words": WordMatch(), "the famous": Popularity()}, why=lambda _, node_id: f"since {node_id} & co",
        attribute="year", points=points, example="a heist",
    )  # fmt: skip


@pytest.fixture
def view(search):
    return SearchView(search, subject_type="genre")


def test_a_question_is_answered_with_reasons(search):
    found = search.ask(Wish("the moon"))
    assert set(found["node_id"]) == {"f1", "p1"}
    assert found["score"].is_monotonic_decreasing
    assert found["why"].tolist() == [f"since {node_id} & co" for node_id in found["node_id"]]


def test_types_and_filters_hold_and_methods_differ(search):
    assert search.ask(Wish("the moon", "person"))["node_id"].tolist() == ["p1"]
    assert search.ask(Wish("the moon", low=1980))["node_id"].tolist() == ["p1"]
    assert search.ask(Wish("the moon", "project", low=1980)).empty
    famous = search.ask(Wish("anybody", role="Voice actor"), "the famous")
    assert set(famous["node_id"]) <= {"f3", "p2", "g1"}
    assert len(search.ask(Wish("anybody"), "the famous", k=2)) == 2


@pytest.mark.parametrize("text", ["", "   ", "?!", "…"])
def test_nothing_asked_finds_nothing_and_says_what_to_do(search, text):
    wish = Wish(text)
    assert search.ask(wish, "the famous").empty
    said = answers_as_html(search, wish, {"words": search.ask(wish)})
    assert "<b>a heist</b>" in said
    assert "Enter" in said


def test_nothing_found_names_the_next_step(search):
    for wish, words in ((Wish("zebra"), "Ask in other words"), (Wish("moon", low=3000), "with these filters")):
        assert words in answers_as_html(search, wish, {"words": search.ask(wish)})


def test_markup_comes_out_as_text_whoever_wrote_it(search):
    wish = Wish(f"{SCRIPT} moon", role="Voice actor")
    said = answers_as_html(search, wish, {SCRIPT: search.ask(wish, "the famous")})
    assert "<script" not in said
    assert "&lt;script&gt;" in said
    assert "since p2 &amp; co" in said


def test_a_long_question_is_shortened_where_it_is_repeated(search):
    said = answers_as_html(search, Wish("moon " * 500), {"words": search.ask(Wish("moon " * 500))})
    assert len(said) < 2000


def test_what_does_not_exist_is_named(graph, search):
    with pytest.raises(GraphError, match="persn"):
        search.ask(Wish("moon", "persn"))
    with pytest.raises(KeyError, match="nothing"):
        search.ask(Wish("moon"), "nothing")
    with pytest.raises(ValueError, match="needs a method"):
        Search(graph, {})
    with pytest.raises(ValueError, match="two coordinates"):
        Search(graph, {"words": WordMatch()}, points=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="no map"):
        map_figure(Search(graph, {"words": WordMatch()}))


def test_numbers_are_read_or_refused_with_the_remedy():
    assert number_of(" 1977 ") == 1977
    assert number_of("") is None
    for wrong in ("next year", "1e3", "-5", "²"):
        with pytest.raises(ValueError, match="whole number"):
            number_of(wrong)


def test_the_map_lights_up_what_is_found(graph, search):
    figure = map_figure(search, ["f1", "p2"], most=3)
    assert len(figure.data[0].x) == 3
    shown = figure.data[-1]
    assert list(shown.x) == [0, 2 * graph.position("p2")]
    assert shown.text[0] == "Red Moon (1971)"
    assert "<script" not in "".join(shown.text)
    assert len(set(shown.marker.symbol)) == 2
    assert "2 answers" in figure.layout.title.text
    assert lit(search, []).x == []


def test_answers_that_lie_together_share_a_label(graph):
    points = np.zeros((len(graph.nodes), 2))
    points[graph.position("f3")] = 1
    crowded = Search(graph, {"words": WordMatch()}, points=points)
    assert lit(crowded, ["f1", "f2", "f3"]).labels == ["Red Moon", "", "Green Hill"]


def test_the_view_answers_when_something_is_typed_or_chosen(view):
    assert "a heist" in view.result.value
    view.asked.value = "the moon"
    assert "Ada Quill" in view.result.value
    assert "Red Moon (1971)" in view.result.value
    assert view.figure.layout.title.text.endswith("2 answers")
    assert len(view.figure.data[-1].x) == 2
    view.kind.value = "person"
    assert "Red Moon" not in view.result.value
    view.chosen[1].value = True
    assert "the famous" in view.result.value


def test_the_view_never_lets_go_of_all_methods(view):
    view.asked.value = "the moon"
    view.chosen[0].value = False
    assert "Ada Quill" in view.result.value


def test_filters_of_the_view_can_be_set_and_cleared(view):
    view.asked.value = "the moon"
    view.low.value, view.high.value = "1980", "1990"
    assert "Red Moon" not in view.result.value
    assert "year 1980 to 1990" in view.result.value
    view.subject.value, view.role.value = "g1", "Director"
    assert "Crime" in view.result.value
    view.clear.click()
    assert view.wish == Wish("the moon")
    assert "Red Moon" in view.result.value


def test_a_value_that_is_no_number_is_said(view):
    view.asked.value = "the moon"
    view.low.value = "<b>then</b>"
    assert "no whole number" in view.result.value
    assert "<b>then" not in view.result.value
    view.low.value, view.high.value = "1990", "1980"
    assert "smaller number first" in view.result.value


def test_the_view_is_quiet_in_a_saved_notebook(view):
    assert "run this cell" in repr(view)


def test_a_graph_without_values_subjects_or_map_has_a_view_too():
    view = SearchView(Search(small_films(), {"words": WordMatch()}), "heist")
    assert "Red Moon" in view.result.value
    assert view.figure is None
