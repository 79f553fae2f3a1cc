"""Notebook 08's widget as a reader uses it: type a person, a name that nobody has, markup; tick a box by keyboard."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from .lab import HOSTILE, Lab, Notebook, Widget

SOURCE = """
from kgss_helpers.chapters import ch08_graphsage_structure as chapter
from kgss_helpers.exam import film_exam
from kgss_helpers.methods.edge_prediction import NodeDegree, Proximity
from kgss_helpers.methods.proximity import ThreeHops

exam = film_exam()
scorers = [one.fit(exam.training_graph) for one in (Proximity(ThreeHops()), NodeDegree())]
chapter.MissingEdges(scorers, exam.training_graph, exam.graph, "person:john-williams")
"""


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open(lab.create("missing_edges.ipynb", SOURCE)) as opened:
        opened.run_all()
        yield opened


@pytest.fixture
def view(notebook: Notebook) -> Widget:
    return notebook.widget("Person")


def test_a_typed_person_gets_the_likeliest_films_of_each_method(view: Widget) -> None:
    view.should_say("John Williams, composer")
    view.type_into("Person", "Roger Corman")
    view.should_say("Roger Corman,")
    view.should_say("three-hop counts")
    view.should_say("popularity")
    view.should_not_say("John Williams, composer")
    view.screenshot("graphsage-structure-person")


def test_a_name_that_nobody_has_gets_the_nearest(view: Widget) -> None:
    view.type_into("Person", "Jon Wiliams")
    view.should_say("Did you mean John Williams")
    view.should_not_say("stored,")


def test_typed_markup_comes_out_as_text(view: Widget, notebook: Notebook) -> None:
    view.type_into("Person", HOSTILE)
    view.should_say("Nobody in the training graph is called <script>")
    assert view.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None
    view.screenshot("graphsage-structure-markup")


def test_the_box_is_ticked_by_keyboard(view: Widget, notebook: Notebook) -> None:
    view.type_into("Person", "John Williams")
    view.should_say("John Williams, composer")
    cells = len(notebook.cells())
    view.output.locator("input[type=checkbox]").focus()
    notebook.page.keyboard.press("Space")
    expect(view.output.get_by_role("cell", name="stored", exact=True).first).to_be_visible()
    assert len(notebook.cells()) == cells
    view.screenshot("graphsage-structure-stored")
