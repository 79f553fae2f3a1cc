"""Rows that teach how people ask: what they are made of, and that no question of the exam is among them."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from kgss_helpers.exam.films import film_exam
from kgss_helpers.films.roles import ROLES
from kgss_helpers.films.skills import skilled_people
from kgss_helpers.text.asking import ASKING, TABLES, asking_rows, load_asking

SHARED = 5


def runs_of_words(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[a-z']+", text.lower())
    return {tuple(words[at : at + SHARED]) for at in range(len(words) - SHARED + 1)}


@pytest.fixture(scope="module")
def exam():
    return film_exam()


@pytest.fixture(scope="module")
def rows(exam) -> pd.DataFrame:
    return asking_rows(exam.training_graph)


def test_no_text_shares_five_words_in_a_row_with_a_question(exam) -> None:
    asked = set().union(*(runs_of_words(question.text) for question in exam.questions if question.variant == ""))
    whole = {question.text.lower().strip(" .?!") for question in exam.questions}
    for name, column in (("questions", "text"), ("role_forms", "form"), ("genre_scenes", "phrase"),
                         ("keyword_phrases", "phrase"), ("retellings", "text")):  # fmt: skip
        for text in load_asking()[name][column]:
            assert not runs_of_words(text) & asked, text
            assert text.lower().strip(" .?!") not in whole, text


def test_every_role_and_genre_is_asked_for_without_its_name(exam) -> None:
    tables, graph = load_asking(), exam.training_graph
    genres = set(graph.nodes["name"][graph.nodes["node_type"] == "genre"])
    questions = tables["questions"]
    assert set(questions["role"]) == set(tables["role_forms"]["role"]) == set(ROLES)
    assert set(questions["genre"]) == set(tables["genre_scenes"]["genre"]) == genres
    assert not questions["text"].duplicated().any()
    for role, genre, text in questions.itertuples(index=False):
        words = set(re.findall(r"[a-z-]+", text.lower()))
        assert not words & {role.lower(), role.lower() + "s", genre.lower()} - {"family"}, text
    assert tables["role_forms"]["form"].str.count(re.escape("{theme}")).eq(1).all()


def test_films_of_the_exam_and_newcomers_are_not_retold(exam) -> None:
    retold = set(load_asking()["retellings"]["node_id"])
    answers = {node for question in exam.questions if question.family == "plot" for node in question.relevant}
    assert not retold & answers
    assert not retold & exam.newcomers
    assert retold <= set(exam.training_graph.nodes["node_id"])


def test_a_row_is_true_in_the_training_graph(exam, rows) -> None:
    skilled = {(row.role, row.genre, row.person) for row in skilled_people(exam.training_graph).itertuples()}
    of_people = rows[(rows["relation"] == "skill") & (rows["node_id"] != "")]
    assert len(of_people) > 2_000
    for row in of_people.itertuples():
        role = next(role for role in ROLES if row.fact.startswith(f"skill {role} "))
        assert (role, row.other, row.node_id) in skilled
    joined = set(zip(exam.training_graph.edges["source"], exam.training_graph.edges["target"], strict=True))
    films = rows[(rows["relation"] == "has keyword") & rows["node_id"].str.startswith("project:")]
    assert all((row.node_id, row.other) in joined for row in films.itertuples())


def test_rows_are_the_same_for_a_seed_and_others_for_another(exam, rows) -> None:
    pd.testing.assert_frame_equal(rows, asking_rows(exam.training_graph))
    assert not rows["anchor"].equals(asking_rows(exam.training_graph, seed=1)["anchor"])
    assert not rows["anchor"].str.contains("{theme}", regex=False).any()


def test_a_damaged_table_is_named_by_line(tmp_path: Path) -> None:
    for name in TABLES:
        (tmp_path / f"{name}.csv").write_text((ASKING / f"{name}.csv").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "role_forms.csv").write_text("role,form\nDirector,who shoots {theme}?\nActor, \n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"role_forms.csv, line 3: form is empty"):
        load_asking(tmp_path)
    (tmp_path / "role_forms.csv").write_text("role,text\n", encoding="utf-8")
    with pytest.raises(ValueError, match="header must be role,form"):
        load_asking(tmp_path)
    (tmp_path / "role_forms.csv").unlink()
    with pytest.raises(FileNotFoundError):
        load_asking(tmp_path)
