"""What makes a skill: one count, one threshold."""

from collections import Counter, defaultdict

import pytest
from helpers import small_films, tables

from kgss_helpers.datasets import load_films
from kgss_helpers.films import skills as module
from kgss_helpers.films.roles import HAS_GENRE, ROLES, SKILLS
from kgss_helpers.films.skills import (
    SKILLED_FROM,
    credits_of,
    how_often,
    skill_counts,
    skill_phrases,
    skilled_people,
    skills_of,
)
from kgss_helpers.graph import KnowledgeGraph


@pytest.fixture
def graph():
    return small_films()


@pytest.fixture(scope="module")
def films():
    return load_films()


def credited(*rows, genres=()):
    """A graph from (person, role, film) and (film, genre)."""
    kinds, edges = {}, []
    for person, role, film in rows:
        kinds |= {person: "person", film: "project"}
        edges.append((person, role, film))
    for film, genre in genres:
        kinds |= {film: "project", genre: "genre"}
        edges.append((film, HAS_GENRE, genre))
    return KnowledgeGraph(*tables([(node, kind, node, "") for node, kind in kinds.items()], edges))


def test_skilled_people_count_films_and_start_at_three():
    films = ["f1", "f2", "f3"]
    graph = credited(
        *[("ada", "Editor", film) for film in films],
        *[("bo", "Editor", film) for film in films[:2]],
        ("ada", "Actor", "f1"),
        ("bo", "fan of", "f3"),
        genres=[(film, "noir") for film in films] + [("f1", "comedy")],
    )
    assert skilled_people(graph).to_dict("records") == [
        {"role": "Editor", "genre": "noir", "person": "ada", "films": 3}
    ]


def test_skills_are_counted_from_three_credits_on(graph):
    assert skills_of(graph) == {"p1": [("Director", "Crime", 3)]}
    fewer = graph.with_edges(graph.edges[graph.edges["target"] != "f3"])
    assert skills_of(fewer) == {}


def test_the_most_frequent_genre_of_a_role_is_said_first():
    skills = [("Director", "Crime", 3), ("Director", "Drama", 5), ("Actor", "War", 9)]
    assert skill_phrases(skills) == ["Director in drama", "Director in crime", "Actor in war"]


def by_hand(graph, threshold):
    """Person, role, genre by name and number of films, counted in plain Python."""
    names = dict(zip(graph.nodes["node_id"], graph.nodes["name"], strict=True))
    genres = defaultdict(set)
    for film, relation, genre in graph.edges.itertuples(index=False):
        if relation == HAS_GENRE:
            genres[film].add(names[genre])
    counts = Counter(
        (person, role, genre)
        for person, role, film in graph.edges.itertuples(index=False)
        if role in ROLES
        for genre in genres[film]
    )
    return {(*skill, count) for skill, count in counts.items() if count >= threshold}


@pytest.mark.parametrize("threshold", [SKILLED_FROM, 2, 5])
def test_the_two_views_of_skills_agree_and_share_one_threshold(films, monkeypatch, threshold):
    monkeypatch.setattr(module, "SKILLED_FROM", threshold)
    names = films.nodes.set_index("node_id")["name"]
    table = skilled_people(films)
    rows = zip(table["person"], table["role"], names[table["genre"]], table["films"], strict=True)
    expected = by_hand(films, threshold)
    assert set(rows) == expected
    assert len(table) == len(expected)
    found = skills_of(films)
    assert {(person, *skill) for person, skills in found.items() for skill in skills} == expected
    assert sum(map(len, found.values())) == len(expected)
    assert table["films"].min() == threshold


def test_roles_with_most_credits_come_first_and_genres_by_the_alphabet(films):
    by_role = credits_of(films)
    for person, skills in skills_of(films).items():
        roles = list(dict.fromkeys(role for role, _, _ in skills))
        order = [role for role in by_role[person] if role in roles]
        assert roles == order
        counts = [len(by_role[person][role]) for role in by_role[person]]
        assert counts == sorted(counts, reverse=True)
        for role in roles:
            genres = [genre for of_role, genre, _ in skills if of_role == role]
            assert genres == sorted(genres)


def test_a_film_of_two_genres_counts_in_both_and_a_second_edge_not_twice():
    films = ["f1", "f2", "f3"]
    genres = [(film, genre) for film in films for genre in ("noir", "war")]
    graph = credited(*[("ada", "Editor", film) for film in films], ("ada", "Actor", "f1"), genres=genres)
    assert skills_of(graph) == {"ada": [("Editor", "noir", 3), ("Editor", "war", 3)]}


def test_without_genres_there_are_no_skills():
    graph = credited(*[("ada", "Editor", film) for film in ("f1", "f2", "f3")])
    assert skills_of(graph) == {}
    assert skilled_people(graph).empty
    assert list(skilled_people(graph).columns) == ["role", "genre", "person", "films"]


@pytest.mark.parametrize(("count", "said"), [(1, "one"), (2, "two"), (3, "several"), (5, "several"), (6, "many")])
def test_numbers_are_said_in_words(count, said):
    assert how_often(count) == said


def test_credits_are_counted_by_skill(graph):
    counts = skill_counts(graph)
    assert counts.columns.tolist() == list(SKILLS.values())
    assert counts.loc["p1", ["Directing", "Acting"]].tolist() == [3, 0]
    assert counts.loc["p2"].sum() == counts.loc["p2", "Voice acting"] == 1
    assert "lone" not in counts.index
    odd = credited(("cy", "Catering", "f1"))
    assert not skill_counts(odd).loc["cy"].any()  # catering is no skill that is asked for
