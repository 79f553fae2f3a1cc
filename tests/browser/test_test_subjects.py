"""Notebook 12 as a reader uses it: type a name, ask a question after an epoch, move the slider of the map."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from kgss_helpers.films.roles import SKILLS

from .lab import HOSTILE, Lab, Notebook, Widget, asks_in_own_words


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open("12_test_subjects.ipynb") as opened:
        opened.run_all()
        yield opened


@pytest.fixture
def anybody(notebook: Notebook) -> Widget:
    return notebook.widget("Person")


def test_a_typed_name_shows_that_persons_skills(anybody: Widget) -> None:
    anybody.type_into("Person", "Nina Gold")
    anybody.should_say("Nina Gold, person")
    anybody.should_say("Casting ✓")
    anybody.screenshot("test-subjects-skills")


def test_a_wrong_name_gets_a_hint_and_typed_markup_stays_text(anybody: Widget, notebook: Notebook) -> None:
    anybody.type_into("Person", "Nina Golt")
    anybody.should_say("Did you mean Nina Gold")
    anybody.type_into("Person", HOSTILE)
    anybody.should_say(HOSTILE)
    assert anybody.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None


def test_two_people_of_one_name_are_a_choice(anybody: Widget) -> None:
    anybody.type_into("Person", "John Barry")
    anybody.should_say("2 nodes are called John Barry")
    anybody.should_say("Composing ✓")
    anybody.choose("Which one", "Production design")
    anybody.should_say("Production design ✓")
    anybody.should_not_say("Composing ✓")


def test_a_question_is_answered_untuned_and_after_an_epoch(notebook: Notebook) -> None:
    search = notebook.widget("Asks for")
    search.choose("Question", "a director of sci-fi movies")
    search.should_say("untuned")
    search.should_say("Director of")
    search.screenshot("test-subjects-search")
    search.choose("Kind", "skills")
    search.should_offer("Question", list(SKILLS.values()))
    search.choose("Question", "Composing")
    search.should_say("Composer of")


def test_the_slider_moves_the_map(notebook: Notebook) -> None:
    view = notebook.widget("The test subjects")
    title = view.output.locator(".gtitle")
    expect(title).to_have_text("The test subjects, untuned")
    handle = view.output.locator(".noUi-handle")
    handle.focus()
    handle.press("ArrowRight")
    expect(title).to_have_text("The test subjects, after 1 epoch")
    view.screenshot("test-subjects-map")


def test_a_question_in_the_readers_words_is_answered_by_base_and_tuned(notebook: Notebook) -> None:
    asks_in_own_words(notebook, {"base", "tuned"}, "test-subjects-own-words")
