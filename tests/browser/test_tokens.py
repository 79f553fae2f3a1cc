"""Notebook 06's chips as a reader uses them: type, choose a tokenizer, press a language."""

from collections.abc import Iterator

import pytest

from .lab import HOSTILE, Lab, Notebook, Widget

SOURCE = """
from kgss_helpers.session import setup; setup()
from kgss_helpers.chapters.ch06_tokens_and_characters import TokenChips
from kgss_helpers.methods.pretrained import offline_model_path
from kgss_helpers.runs.token_counts import paragraphs
from kgss_helpers.text.tokens import BytePairs, Bytes, Characters, LibraryTokenizer, learn_merges

wordpiece = LibraryTokenizer.of_file(offline_model_path() / "tokenizer.json", name="WordPiece")
by_hand = BytePairs(learn_merges(["low low low lower lowest newer newer wider"], 8))
TokenChips([wordpiece, Characters(), Bytes(), by_hand], paragraphs()["text"].to_dict(), text="A spacehsip")
"""


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open(lab.create("tokens.ipynb", SOURCE)) as opened:
        opened.run_all()
        yield opened


@pytest.fixture
def chips(notebook: Notebook) -> Widget:
    return notebook.widget("Text")


def test_a_typed_text_is_cut_while_it_is_typed(chips: Widget) -> None:
    chips.click("WordPiece")
    chips.type_into("Text", "two spacehsips")
    chips.should_say("WordPiece: 5 pieces for 14 characters")
    chips.should_say("##hs")
    chips.should_say("left out")
    chips.screenshot("tokens-word-pieces")


def test_another_tokenizer_cuts_it_otherwise(chips: Widget) -> None:
    chips.type_into("Text", "lowest")
    chips.click("byte pairs, by hand")
    chips.should_say("byte pairs, by hand: 4 pieces for 6 characters")
    chips.click("characters")
    chips.should_say("characters: 6 pieces for 6 characters")


def test_the_keyboard_alone_is_enough(chips: Widget, notebook: Notebook) -> None:
    chips.type_into("Text", "low")
    button = chips.output.get_by_role("button", name="bytes", exact=True)
    button.focus()
    button.press("Enter")
    chips.should_say("bytes: 3 pieces for 3 characters")
    assert len(notebook.cells()) == 1


def test_a_language_writes_its_story_and_arabic_runs_from_right_to_left(chips: Widget) -> None:
    chips.click("WordPiece")
    chips.click("Arabic")
    chips.should_say("WordPiece: 343 pieces for 423 characters")
    assert chips.output.locator("div[dir=rtl]").count() == 1
    chips.screenshot("tokens-arabic")


def test_marks_joiners_and_nothing_at_all_are_shown(chips: Widget) -> None:
    chips.click("bytes")
    chips.type_into("Text", "e\u0301👩\u200d🚀")
    chips.should_say("bytes: 14 pieces for 5 characters")
    chips.click("characters")
    chips.should_say("U+200D")
    chips.should_say("characters: 5 pieces for 5 characters")
    chips.screenshot("tokens-emoji")
    chips.type_into("Text", "")
    chips.should_say("Nothing is typed")


def test_typed_markup_comes_out_as_text(chips: Widget, notebook: Notebook) -> None:
    chips.click("WordPiece")
    chips.type_into("Text", HOSTILE)
    chips.should_say("##rro")
    assert chips.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None
