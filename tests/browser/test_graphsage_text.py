"""Notebook 09's field as a reader uses it: ask three spaces, choose who may answer, type what no one should."""

from collections.abc import Iterator

import pytest

from .lab import HOSTILE, Lab, Notebook, Widget

SOURCE = """
import numpy as np
from kgss_helpers.chapters import ch09_graphsage_text as chapter
from kgss_helpers.space import SemanticSpace

ids, types, names = ["a", "b", "c"], ["keyword", "keyword", "project"], ["space battle", "wedding", "Alien"]
ids, types, names = (np.array(part, dtype=object) for part in (ids, types, names))
space = SemanticSpace("toy", ids, types, names, np.eye(3, dtype=np.float32))


def ask(text):
    return np.array([0.8, 0.6, 0.0] if "space" in text else [0.6, 0.8, 0.0], dtype=np.float32)


chapter.AskSpaces({"text alone": (space, ask), "GraphSAGE": (space, ask)}, "space battle")
"""


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open(lab.create("graphsage_text_field.ipynb", SOURCE)) as opened:
        opened.run_all()
        yield opened


@pytest.fixture
def view(notebook: Notebook) -> Widget:
    return notebook.widget("Ask")


def test_a_question_is_answered_by_each_space(view: Widget) -> None:
    view.type_into("Ask", "a battle in space")
    view.should_say("a battle in space, keyword")
    view.should_say("space battle (0.80)")
    view.screenshot("graphsage-text-answers")


def test_a_button_chooses_who_may_answer_from_the_keyboard_too(view: Widget) -> None:
    button = view.output.get_by_role("button", name="project", exact=True)
    button.focus()
    button.press("Enter")
    view.should_say("Alien")
    view.click("keyword")
    view.should_say("wedding")


def test_no_words_get_a_hint(view: Widget) -> None:
    view.type_into("Ask", "?!")
    view.should_say("Type a question in words")


def test_markup_comes_out_as_text(view: Widget, notebook: Notebook) -> None:
    view.type_into("Ask", HOSTILE)
    view.should_say(HOSTILE)
    view.screenshot("graphsage-text-markup")
    assert view.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None
