"""Notebook 03's two widgets as a reader uses them: a word in any spelling, and a name whose neighbours are wanted."""

from collections.abc import Iterator

import pytest

from .lab import HOSTILE, Lab, Notebook, Widget

SPELLING = """
from kgss_helpers.chapters import ch03_predicting_words as chapter
from kgss_helpers.methods.word2vec import fasttext, word2vec
small = {"dimensions": 8, "window": 2, "epochs": 40, "subsample": 0, "least": 1}
tables = [learn(chapter.toy_sentences(), **small) for learn in (fasttext, word2vec)]
chapter.Spelling(*tables, "cook")
"""
WALKS = """
from kgss_helpers import exam
from kgss_helpers.methods.walks import GraphWalks
the_exam = exam.film_exam()
space = GraphWalks(per_node=1, length=5, dimensions=8, window=2, epochs=1).fit(the_exam.training_graph).space
chapter.WalkNeighbours(space, the_exam.newcomer_graph, "Hayao Miyazaki")
"""


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open(lab.create("predicting-words-widgets.ipynb", SPELLING, WALKS)) as opened:
        opened.run_all()
        yield opened


@pytest.fixture
def spelling(notebook: Notebook) -> Widget:
    return notebook.widget("Word")


@pytest.fixture
def near(notebook: Notebook) -> Widget:
    return notebook.widget("Name")


def test_a_misspelt_word_shows_what_it_is_taken_for(spelling: Widget) -> None:
    spelling.type_into("Word", "pianisst")
    spelling.should_say("has no vector")
    spelling.should_say("pianist")
    spelling.screenshot("predicting-words-spelling")


def test_the_field_keeps_its_keys_and_says_what_to_type(spelling: Widget, notebook: Notebook) -> None:
    before = len(notebook.cells())
    field = spelling.output.get_by_label("Word", exact=True)
    field.focus()
    field.press("Control+a")
    notebook.page.keyboard.type("bax")
    notebook.page.keyboard.press("Enter")
    spelling.should_say("For Word2Vec, bax has no vector")
    assert len(notebook.cells()) == before
    spelling.type_into("Word", "12")
    spelling.should_say("Type a word of letters")


def test_typed_markup_stays_text(spelling: Widget, near: Widget, notebook: Notebook) -> None:
    spelling.type_into("Word", HOSTILE)
    spelling.should_say("One word at a time")
    near.type_into("Name", HOSTILE)
    near.should_say("No name here is as long as")
    near.type_into("Name", "<img src=x onerror=hacked>")
    near.should_say("<img src=x onerror=hacked>")
    for widget in (spelling, near):
        assert widget.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None


def test_a_name_shows_its_neighbours_and_namesakes_stand_apart(near: Widget) -> None:
    near.type_into("Name", "john williams")
    near.should_say("John Williams, person")
    near.screenshot("predicting-words-walks")
    near.type_into("Name", "Steve McQueen")
    near.should_say("2 nodes are called Steve McQueen")
    near.should_say("Steve McQueen directed Hunger.")


def test_a_wrong_name_gets_a_hint_and_a_newcomer_no_ranking(near: Widget) -> None:
    near.type_into("Name", "John Wiliams")
    near.should_say("Did you mean John Williams")
    near.type_into("Name", "Home Alone 2: Lost in New York")
    near.should_say("No walk came by here")
    near.should_not_say("keyword")
