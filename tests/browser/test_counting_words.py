"""The search box of notebook 02 as a reader uses it: type words, choose a type by mouse and by keyboard."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from .lab import HOSTILE, Lab, Notebook, Widget

CELL = """from kgss_helpers.session import setup

setup()
from kgss_helpers import exam
from kgss_helpers.chapters import ch02_counting_words as chapter

box = chapter.WordSearchView(chapter.WordSearch(exam.training_graph()), "space battle")
box"""


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open(lab.create("counting.ipynb", CELL)) as opened:
        opened.run_all()
        yield opened


@pytest.fixture
def box(notebook: Notebook) -> Widget:
    return notebook.widget("Search for")


def test_typed_words_find_what_shares_them_and_say_why(box: Widget) -> None:
    box.should_say("battle 0.51, space 0.49")
    box.type_into("Search for", "a story of a boy and his dog on the moon")
    box.should_say("Woman in the Moon")
    box.screenshot("counting-words-search")


def test_a_word_that_no_document_has_is_named_with_the_nearest(box: Widget) -> None:
    box.type_into("Search for", "zeppelins over outre space")
    box.should_say("did you mean outer?")
    box.type_into("Search for", "qqqq")
    box.should_say("Nothing shares a word with it.")
    box.screenshot("counting-words-nothing")


def test_a_type_is_chosen_by_keyboard_and_the_notebook_stays_whole(box: Widget, notebook: Notebook) -> None:
    box.type_into("Search for", "space battle")
    cells = len(notebook.cells())
    button = box.output.get_by_role("button", name="person", exact=True)
    button.focus()
    button.press("Enter")
    box.should_say("among person:")
    everything = box.output.get_by_role("button", name="everything", exact=True)
    everything.focus()
    everything.press("Space")
    box.should_say("among everything:")
    assert len(notebook.cells()) == cells
    expect(box.output.get_by_label("Search for", exact=True)).to_be_visible()


def test_typed_markup_comes_out_as_text(box: Widget, notebook: Notebook) -> None:
    box.type_into("Search for", HOSTILE)
    box.should_say(HOSTILE[:60])
    box.screenshot("counting-words-markup")
    assert box.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None


def test_a_very_long_question_stays_on_the_page(box: Widget) -> None:
    box.type_into("Search for", "moon " + "abc" * 2000)
    box.should_say("a word of")
    overflow = box.output.evaluate("e => e.scrollWidth - e.clientWidth")
    assert overflow <= 1
    box.screenshot("counting-words-long")
