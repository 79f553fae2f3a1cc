"""Notebook 01 as a reader uses it: click a node, type a name, follow a sentence."""

from collections.abc import Iterator

import pytest

from kgss_helpers.datasets import load_films
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.show.graph_view import steps

from .lab import HOSTILE, Lab, Notebook, Widget


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open("01_knowledge_graph.ipynb") as opened:
        opened.run_all()
        yield opened


@pytest.fixture(scope="module")
def films() -> KnowledgeGraph:
    return load_films()


@pytest.fixture
def walk(notebook: Notebook) -> Widget:
    return notebook.widget("Go to")


def sentences(graph: KnowledgeGraph, node_id: str) -> list[str]:
    return [text for text, _ in steps(graph, node_id)]


def test_clicking_a_node_tells_what_joins_it_to_the_centre(notebook: Notebook) -> None:
    view = notebook.widget("Star Wars and")
    view.click_node("Harrison Ford")
    view.should_say("Harrison Ford acted in Star Wars.")
    view.click_node("George Lucas")
    view.should_say("George Lucas directed Star Wars.")
    view.should_say("George Lucas directed American Graffiti.")
    view.should_not_say("Harrison Ford acted in Star Wars.")
    view.screenshot("knowledge-graph-node")


def test_a_typed_name_becomes_the_current_node(walk: Widget, films: KnowledgeGraph) -> None:
    walk.type_into("Go to", "Harrison Ford")
    walk.should_say("→ Harrison Ford")
    walk.should_say("Harrison Ford, person")
    walk.should_offer("From here", sentences(films, "person:harrison-ford"))
    walk.screenshot("knowledge-graph-walk")


def test_typed_markup_comes_out_as_text(walk: Widget, notebook: Notebook) -> None:
    walk.type_into("Go to", HOSTILE)
    walk.should_say(HOSTILE)
    walk.screenshot("knowledge-graph-markup")
    assert walk.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None


def test_a_sentence_leads_on_and_back_returns(walk: Widget, films: KnowledgeGraph) -> None:
    walk.type_into("Go to", "Carrie Fisher")
    walk.should_say("Carrie Fisher, person")
    walk.choose("From here", "Carrie Fisher acted in Star Wars.")
    walk.click("Follow")
    walk.should_say("Carrie Fisher → Star Wars")
    walk.should_offer("From here", sentences(films, "project:star-wars-1977"))
    walk.screenshot("knowledge-graph-followed")
    walk.click("Back")
    walk.should_not_say("Carrie Fisher → Star Wars")
    walk.should_offer("From here", sentences(films, "person:carrie-fisher"))


def test_the_exams_browser_takes_a_question_in_the_readers_words(notebook: Notebook) -> None:
    browser = notebook.widget("Your question")
    browser.choose("Looks for", "person")
    browser.type_into("Your question", "a good sci-fi director")
    browser.should_say("a good sci-fi director (asked of soft structured query)")
    browser.should_say("Steven Spielberg")
    browser.screenshot("knowledge-graph-own-question")
    browser.type_into("Your question", HOSTILE)
    browser.should_say(HOSTILE)
    assert browser.output.locator("script, img").count() == 0
