"""The loader of the film graph: what it reads, and what it refuses by file and line."""

import pytest
from helpers import write_json_lines

from kgss_helpers.datasets import load_films
from kgss_helpers.datasets.films import person_id, project_id
from kgss_helpers.graph import GraphError

GOOD = {
    "title": "Red Moon", "year": 1999, "series": None, "genres": ["Drama"], "keywords": ["heist"], "companies": ["A"],
    "countries": ["France"], "links": ["Moon"], "description": "A heist.", "credits": [["Ada Quill", "Director"]],
}  # fmt: skip


NO_PEOPLE = "person_id,name,disambiguation,known_for\n"


def write(folder, *records, people=NO_PEOPLE):
    (folder / "p.csv").write_text(people, encoding="utf-8")
    return write_json_lines(folder / "f.jsonl", records), folder / "p.csv"


def test_other_files_in_the_format_are_read(tmp_path):
    people = NO_PEOPLE + "person:ada-quill,Ada Quill,,Writes.\n"
    graph = load_films(*write(tmp_path, GOOD, people=people))
    assert graph.node("person:ada-quill")["description"] == "Writes."
    assert len(graph.edges) == 3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("title", "", "'title' must be a non-empty string"),
        ("year", "1999", "'year' must be a whole number"),
        ("year", True, "'year' must be a whole number"),
        ("description", None, "'description'"),
        ("series", 3, "'series' must be a string or null"),
        ("genres", "Drama", "'genres' must be a list"),
        ("keywords", [" "], "'keywords' must be a list of non-empty strings"),
        ("links", None, "'links'"),
        ("credits", [], "'credits' must be a list of"),
        ("credits", "Ada", "'credits' must be a list of"),
        ("credits", 7, "'credits' must be a list of"),
        ("credits", [["Ada Quill"]], "'credits' must be a list of"),
        ("credits", [["Ada Quill", "Boss"]], "Ada Quill has the unknown role 'Boss'"),
    ],
)
def test_a_wrong_field_is_named_with_file_and_line(tmp_path, field, value, message):
    with pytest.raises(GraphError, match=r"f\.jsonl, line 2") as caught:
        load_films(*write(tmp_path, GOOD, {**GOOD, "year": 2000, field: value}))
    assert message in str(caught.value)


def test_a_line_that_is_no_film_and_a_film_that_is_there_twice(tmp_path):
    with pytest.raises(GraphError, match=r"f\.jsonl, line 1: not a JSON object"):
        load_films(*write(tmp_path, [1]))
    with pytest.raises(GraphError, match=r"Red Moon \(1999\) is there twice"):
        load_films(*write(tmp_path, GOOD, GOOD))


def test_a_person_is_there_once_in_people(tmp_path):
    people = NO_PEOPLE + "person:ada-quill,Ada Quill,,Writes.\nperson:ada-quill,Ada Quill,,Paints.\n"
    with pytest.raises(GraphError, match=r"^people\.csv, line 3: person:ada-quill is there twice; keep one"):
        load_films(*write(tmp_path, GOOD, people=people))


def test_ids_come_from_title_and_year_and_from_the_name_as_credited():
    assert project_id({"title": "Amélie & Co.", "year": 2001}) == "project:amelie-and-co-2001"
    assert person_id("Steve McQueen (director)") == "person:steve-mcqueen-director"
