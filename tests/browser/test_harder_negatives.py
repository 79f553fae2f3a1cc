"""Notebook 13 as a reader uses it: a name and its negatives; a question of one's own, answered by three readers."""

from collections.abc import Iterator

import pytest

from .lab import HOSTILE, Lab, Notebook, asks_in_own_words


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open("13_harder_negatives.ipynb") as opened:
        opened.run_all()
        yield opened


def test_a_typed_name_stands_beside_negatives_of_each_kind(notebook: Notebook) -> None:
    view = notebook.widget("Person")
    view.should_say("another person's description")
    view.type_into("Person", "Nobody at All")
    view.should_say("Nobody at All")
    view.type_into("Person", HOSTILE)
    assert view.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None


def test_a_question_in_the_readers_words_is_answered_by_base_pupil_and_tuned(notebook: Notebook) -> None:
    asks_in_own_words(notebook, {"base", "pupil", "tuned"}, "harder-negatives-own-words")
