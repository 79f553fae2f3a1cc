"""Notebook 11's widgets as a reader uses them: a question of the exam, and one in the reader's words.

The cells are the notebook's; the training before them is left out, and the untuned model stands for its result.
"""

from collections.abc import Iterator

import nbformat
import pytest

from kgss_helpers.frontdoor.notebooks import FOLDER

from .lab import Lab, Notebook, asks_in_own_words

BEFORE = """
from kgss_helpers.session import setup

setup()

from kgss_helpers import exam
from kgss_helpers.chapters import ch11_fine_tuning as chapter
from kgss_helpers.methods.fields import Fields

the_exam = exam.film_exam()
graph = the_exam.training_graph
questions = [question for question in the_exam.questions if not question.variant]
base = chapter.base_and_tuned()["base"].vectors
live = Fields(base.model, ("name",), name="live run")
live.vectors = base
"""
SHOWN = ("ExamBrowser(", "chapter.base_and_tuned()", "SearchView(")


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    cells = nbformat.read(FOLDER / "11_fine_tuning.ipynb", as_version=4)["cells"]
    code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    shown = [next(source for source in code if what in source) for what in SHOWN]
    with lab.open(lab.create("widgets_of_11.ipynb", BEFORE, *shown)) as opened:
        opened.run_all()
        yield opened


def test_a_model_answers_a_question_of_the_exam_and_one_of_the_readers(notebook: Notebook) -> None:
    browser = notebook.widget("Your question")
    browser.choose("Family", "keyword")
    browser.should_say("right answer")
    browser.type_into("Your question", "who makes people laugh?")
    browser.should_say("asked of live run")
    browser.screenshot("fine-tuning-exam")


def test_a_question_in_the_readers_words_is_answered_by_base_and_tuned(notebook: Notebook) -> None:
    asks_in_own_words(notebook, {"base", "tuned"}, "fine-tuning-own-words")
