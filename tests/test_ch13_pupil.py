"""Notebook 13's pupil: no question of the exam is a lesson, it comes near its teacher, readers answer side by side."""

import pytest

from kgss_helpers.chapters import ch13_pupil as school
from kgss_helpers.exam.films import film_exam, training_graph
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.static import static_model
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.show.readers import ask_readers
from kgss_helpers.show.search_view import Wish

TEXTS = [f"a film about {thing}" for thing in ("sharks", "robots", "a heist", "a wedding", "the moon", "two brothers")]


@pytest.fixture(scope="module")
def teacher() -> TextVectors:
    return TextVectors(load_pretrained(device="cpu"))


def test_no_question_of_the_exam_is_a_lesson_and_no_text_stands_twice() -> None:
    graph = training_graph()
    found = school.lessons(graph, asked=50)
    texts = [text for of_kind in found.values() for text in of_kind]
    assert len(texts) == len(set(texts))
    assert not {question.text for question in film_exam().questions} & set(texts)
    assert 40 < len(found["asking"]) <= 50
    assert found["asking"] == school.lessons(graph, asked=50)["asking"]


def test_a_pupil_comes_near_its_teacher(teacher: TextVectors) -> None:
    before = school.likeness(static_model(dimensions=school.DIMENSIONS), teacher, TEXTS)
    pupil = school.train_pupil(TEXTS, teacher, epochs=20).require_finished().model
    assert school.likeness(pupil, teacher, TEXTS) > max(before + 0.2, 0.7)


def test_a_table_is_smaller_and_quicker_than_a_transformer(teacher: TextVectors) -> None:
    pupil = static_model(dimensions=school.DIMENSIONS)
    assert school.megabytes(pupil) == pytest.approx(30522 * 384 * 4 / 1e6)
    assert school.megabytes(pupil) < school.megabytes(teacher.model)
    assert school.texts_a_second(pupil, TEXTS * 4) > school.texts_a_second(teacher.model, TEXTS * 4)


def test_readers_answer_side_by_side_with_reasons() -> None:
    readers = {name: TextVectors(static_model(dimensions=32)) for name in ("base", "pupil")}
    search = ask_readers(readers, training_graph(), "who frightens people with puppets?")
    assert list(search.methods) == ["base", "pupil"]
    tables = [search.ask(Wish("a director of westerns", node_type="person"), name, k=3) for name in readers]
    assert [len(table) for table in tables] == [3, 3]
    assert all(table["why"].str.len().gt(0).all() for table in tables)
    view = school.own_question(search, k=3)
    assert all(button.value for button in view.chosen)
