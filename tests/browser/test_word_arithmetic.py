"""Notebook 04's widgets as a reader uses them: three words, a sentence with a gap, a word for the map, a slider."""

from collections.abc import Iterator

import pytest

from .lab import HOSTILE, Lab, Notebook

SOURCES = (
    "from kgss_helpers.session import setup\nsetup()\n"
    "from kgss_helpers.chapters import ch04_word_arithmetic as chapter\n"
    "from kgss_helpers.methods.word_vectors import load_word_vectors\n"
    "tables = {'MiniLM': load_word_vectors('minilm'), 'GloVe': load_word_vectors('glove-6b-50d')}",
    "fields = {'A': 'man', 'B': 'doctor', 'C': 'woman'}\n"
    "chapter.WordsAsked(tables, chapter.analogy_page, fields, about='words')",
    "chapter.WordsAsked(tables, chapter.gap_page, {'Sentence': chapter.CAFE}, about='a gap')",
    "chapter.WordsAsked({'MiniLM': tables['MiniLM']}, chapter.world_page, {'Word': 'snow'}, about='a map')",
)


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open(lab.create("word_arithmetic_widgets.ipynb", *SOURCES)) as opened:
        opened.run_all()
        yield opened


def test_three_words_get_a_fourth(notebook: Notebook) -> None:
    view = notebook.widget("A")
    view.should_say("physician")
    view.type_into("B", "king")
    view.should_say("queen")
    view.screenshot("word-arithmetic-analogy")


def test_an_unknown_word_gets_a_hint_and_markup_stays_text(notebook: Notebook) -> None:
    view = notebook.widget("A")
    view.type_into("B", "kingg")
    view.should_say("did you mean king")
    view.type_into("B", HOSTILE)
    view.should_say("has no vector for")
    assert view.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None


def test_a_sentence_is_filled_or_asked_for_its_gap(notebook: Notebook) -> None:
    view = notebook.widget("Sentence")
    view.should_say("coffee")
    view.type_into("Sentence", "The bar served a {X} that made me drunk")
    view.should_say("beer")
    view.screenshot("word-arithmetic-gap")
    view.type_into("Sentence", "no gap")
    view.should_say("needs one gap")


def test_a_word_colours_the_map(notebook: Notebook) -> None:
    view = notebook.widget("Word")
    view.should_say("norway")
    view.type_into("Word", "kangaroo")
    view.should_say("australia")
    assert "kangaroo" in view.output.locator("img").get_attribute("alt")
    view.screenshot("word-arithmetic-map")
