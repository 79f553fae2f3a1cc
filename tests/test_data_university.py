"""The small university is whole, says what its card says, and stores nobody's skills."""

import re
import warnings
from collections import Counter
from functools import cache

import pytest

from kgss_helpers.datasets import load_csv
from kgss_helpers.exam.generated import FAMILIES, generated_exam
from kgss_helpers.files import DATA
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.text.schema import schema_of, skills_by_subject

FOLDER = DATA / "university"
CARD = (FOLDER / "README.md").read_text(encoding="utf-8")
ACCENTS = "áéíóöőúüű"


@cache
def university() -> KnowledgeGraph:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_csv(FOLDER / "nodes.csv", FOLDER / "edges.csv")


def of_type(node_type: str):
    nodes = university().nodes
    return nodes[nodes["node_type"] == node_type]


def edges_of(*relations: str):
    edges = university().edges
    return edges[edges["relation"].isin(relations)]


def stated(header: str) -> dict[str, int]:
    """The numbers of one of the card's tables, by the first cell."""
    lines = CARD.split(header, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return {name.strip(): int(count) for name, count in (line.strip("|").split("|")[:2] for line in lines)}


def test_the_card_counts_what_is_there() -> None:
    graph = university()
    assert stated("| node type | nodes | its description |") == dict(Counter(graph.nodes["node_type"]))
    assert stated("| relation | edges | from, to |") == dict(Counter(graph.edges["relation"]))


def test_every_node_has_an_edge_a_name_and_an_id_of_its_type() -> None:
    graph = university()
    assert (graph.degree > 0).all()
    assert graph.nodes["name"].is_unique
    assert (graph.nodes["node_id"].str.split(":").str[0] == graph.nodes["node_type"]).all()
    assert (graph.nodes["description"] != "").all()


def test_every_project_has_people_and_keywords_and_one_who_leads_it() -> None:
    leads, keywords = edges_of("principal investigator of"), edges_of("about")
    projects = of_type("project")["node_id"]
    assert sorted(leads["target"]) == sorted(projects)
    per_project = keywords["source"].value_counts()
    assert per_project[projects].between(3, 5).all()
    others = edges_of("researcher in", "doctoral researcher in")["target"].value_counts()
    assert (others.reindex(projects).fillna(0) >= 1).all()
    assert set(edges_of("teacher of")["target"]) == set(of_type("course")["node_id"])


def test_every_keyword_is_shared_and_every_person_works_on_something() -> None:
    about = edges_of("about")
    by_projects = about[about["source"].str.startswith("project:")]["target"].value_counts()
    assert (by_projects.reindex(of_type("keyword")["node_id"]).fillna(0) >= 2).all()
    in_projects = university().edges[university().edges["target"].str.startswith("project:")]["source"]
    assert set(in_projects) == set(of_type("person")["node_id"])


def test_everybody_is_in_one_institute_and_doctoral_students_have_one_supervisor() -> None:
    assert sorted(edges_of("member of")["source"]) == sorted(of_type("person")["node_id"])
    assert sorted(edges_of("head of")["target"]) == sorted(of_type("institute")["node_id"])
    ranks = university().nodes.set_index("node_id")["description"]
    students = [person for person in of_type("person")["node_id"] if re.match("Dokt|Doct", ranks[person])]
    assert sorted(edges_of("supervisor of")["target"]) == sorted(students)
    assert set(edges_of("doctoral researcher in")["source"]) == set(students)
    assert not set(edges_of("supervisor of")["source"]) & set(students)


def test_nobody_has_two_roles_in_one_project() -> None:
    pairs = edges_of(*schema_of(university()).role_relations)[["source", "target"]]
    assert not pairs.duplicated().any()


@pytest.mark.parametrize("node_type", ["project", "course"])
def test_texts_are_in_the_language_that_is_said(node_type: str) -> None:
    nodes = of_type(node_type)
    assert set(nodes["language"]) == ({"en", "hu", "both"} if node_type == "project" else {"en", "hu"})
    for text, language in zip(nodes["description"], nodes["language"], strict=True):
        sentences = re.split(r"(?<=[.!?]) ", text)
        found = {"hu" if sum(map(sentence.count, ACCENTS)) else "en" for sentence in sentences}
        assert found == ({"hu", "en"} if language == "both" else {language}), text


def test_projects_have_a_year_and_a_description_of_several_sentences() -> None:
    projects = of_type("project")
    assert projects["year"].astype(int).between(2019, 2024).all()
    assert projects["description"].str.count(r"[.!?](?: |$)").between(2, 4).all()


def test_no_skill_is_stored_and_yet_most_people_have_one() -> None:
    """What somebody knows is in no description of a person: neither a keyword nor a project's name."""
    people, keywords = of_type("person"), of_type("keyword")
    subjects = [*keywords["name"], *keywords["description"], *of_type("project")["name"]]
    for text in people["description"].str.casefold():
        assert not [subject for subject in subjects if re.search(rf"\b{re.escape(subject.casefold())}\b", text)], text
    known = skills_by_subject(university())
    assert len(known) > 0.8 * len(people)


def test_no_text_names_a_person() -> None:
    family_names = [re.escape(name) for name in of_type("person")["name"]]
    texts = "\n".join(university().nodes.loc[university().nodes["node_type"] != "person", "description"])
    assert not re.findall("|".join(family_names), texts)


def test_it_gives_an_exam_with_every_family() -> None:
    made = generated_exam(university())
    assert not made.left_out
    assert made.sizes().index.tolist() == list(FAMILIES)
    assert (made.sizes().to_numpy() >= 20).all()
