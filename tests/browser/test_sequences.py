"""Notebook 07 as a reader uses it: begin a text and let a network go on, compare a word in two sentences."""

from collections.abc import Iterator

import pytest

from .lab import HOSTILE, Lab, Notebook, Widget

SET_UP = """
from kgss_helpers.chapters import ch07_sequences_and_context as chapter
from kgss_helpers.methods.contextual import ContextualModel
from kgss_helpers.runs.language_models import RECORDED
from kgss_helpers.session import setup
from kgss_helpers.training.language import load_language_model
setup()
"""
WRITER = """
named = {"Python source": "python", "film descriptions": "descriptions"}
models = {said: load_language_model(RECORDED / f"{name}.safetensors") for said, name in named.items()}
chapter.PrefixWriter(models, "class ")
"""
COMPARER = """
model = ContextualModel.load()
chapter.SenseComparer(model, "bank", "The boat lies at the bank of the river.", "The bank gave me a loan.")
"""


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open(lab.create("sequences.ipynb", SET_UP, WRITER, COMPARER)) as opened:
        opened.run_all()
        yield opened


@pytest.fixture
def writer(notebook: Notebook) -> Widget:
    return notebook.widget("Begin with")


@pytest.fixture
def comparer(notebook: Notebook) -> Widget:
    return notebook.widget("One sentence")


def test_a_beginning_is_continued_by_either_network(writer: Widget) -> None:
    writer.type_into("Begin with", "def read(")
    writer.should_say("def read(")
    assert len(writer.says) > 200
    writer.screenshot("sequences-python")
    writer.click("film descriptions")
    writer.type_into("Begin with", "A young woman ")
    writer.should_say("A young woman ")
    writer.screenshot("sequences-descriptions")


def test_another_text_is_one_key_away(writer: Widget) -> None:
    writer.type_into("Begin with", "A boy ")
    writer.should_say("A boy ")
    before = writer.says
    button = writer.output.get_by_role("button", name="Write another", exact=True)
    button.focus()
    button.press("Enter")
    writer.output.page.wait_for_function(
        "([output, before]) => !output.innerText.includes(before)",
        arg=[writer.output.element_handle(), before.splitlines()[-1]],
    )
    assert writer.says != before


def test_keys_in_the_field_stay_in_the_field(writer: Widget, notebook: Notebook) -> None:
    cells = len(notebook.cells())
    field = writer.output.get_by_label("Begin with", exact=True)
    field.fill("")
    field.press_sequentially("abxdd")
    field.press("Enter")
    writer.should_say("abxdd")
    assert len(notebook.cells()) == cells


def test_nothing_and_unknown_characters_are_answered_in_words(writer: Widget) -> None:
    writer.type_into("Begin with", "A \N{SNOWMAN} ")
    writer.should_say("never met, and reads as one unknown: \N{SNOWMAN}")
    writer.type_into("Begin with", "")
    writer.should_say("Type at least one character")


def test_typed_markup_comes_out_as_text(writer: Widget, comparer: Widget, notebook: Notebook) -> None:
    writer.type_into("Begin with", HOSTILE)
    writer.should_say(HOSTILE)
    comparer.type_into("One sentence", HOSTILE)
    comparer.should_say(HOSTILE)
    writer.screenshot("sequences-markup")
    assert notebook.page.locator(".jp-OutputArea-output script, .jp-OutputArea-output img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None


def test_a_word_is_compared_in_two_sentences(comparer: Widget) -> None:
    comparer.type_into("Word", "pilot")
    comparer.should_say("Nothing to compare")
    comparer.type_into("One sentence", "The pilot landed the plane.")
    comparer.type_into("Another", "The pilot of the series was short.")
    comparer.should_say("layer 6")
    comparer.screenshot("sequences-senses")
