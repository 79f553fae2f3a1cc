"""One table of the fourteen roles: every word is there, and none twice."""

from collections import Counter
from dataclasses import fields

import pytest

from kgss_helpers.datasets import load_films
from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD, ROLE_OF_JOB, ROLES, SKILLS, TABLE, VERBS, Role, role_of


def repeated(values):
    return [value for value, count in Counter(values).items() if count > 1]


def test_there_are_fourteen_roles_each_with_all_its_words():
    assert len(TABLE) == 14
    for role in TABLE:
        words = [role.name, role.verb, role.skill, role.question, *role.jobs]
        assert all(word and word == " ".join(word.split()) for word in words), role
        assert "{person}" in role.question
        assert role.question.format(person="Ada Quill").startswith(("films ", "screenplays ")), role
        assert role.name[0].isupper()
        assert role.skill[0].isupper()
        assert role.verb.islower()
        assert all(job == job.casefold() for job in role.jobs)
    assert {field.name for field in fields(Role)} == {"name", "verb", "skill", "question", "jobs"}


@pytest.mark.parametrize("field", ["name", "verb", "skill", "question"])
def test_no_word_stands_for_two_roles(field):
    assert repeated(getattr(role, field).casefold() for role in TABLE) == []


def test_no_job_title_belongs_to_two_roles_and_none_is_a_role_itself():
    jobs = [job for role in TABLE for job in role.jobs]
    assert repeated(jobs) == []
    assert set(jobs) & {role.name.casefold() for role in TABLE} == set()
    assert len(ROLE_OF_JOB) == len(jobs) + len(TABLE)


def test_what_is_made_of_the_table_holds_all_of_it():
    assert tuple(role.name for role in TABLE) == ROLES
    assert {role.name: role.skill for role in TABLE} == SKILLS
    assert {relation: verb for relation, verb in VERBS.items() if relation in ROLES} == {
        role.name: role.verb for role in TABLE
    }


def test_every_relation_of_the_film_graph_has_a_verb_of_its_own():
    assert set(VERBS) == {*ROLES, HAS_GENRE, HAS_KEYWORD}
    assert len(set(VERBS.values())) == len(VERBS)
    assert set(load_films().edges["relation"]) == set(VERBS)


@pytest.mark.parametrize(
    ("job", "role"),
    [
        ("Original Music Composer", "Composer"),
        ("music", "Composer"),
        ("casting_director", "Casting director"),
        (" ACTRESS ", "Actor"),
        ("director_of_photography", "Cinematographer"),
        ("Director", "Director"),
        ("gaffer", "Gaffer"),
        ("stunt_coordinator", "Stunt coordinator"),
        ("", ""),
    ],
)
def test_other_sources_words_become_roles(job, role):
    assert role_of(job) == role


@pytest.mark.parametrize("role", TABLE, ids=lambda role: role.name)
def test_a_role_is_known_however_it_is_written(role):
    for written in (role.name, role.name.upper(), role.name.replace(" ", "_").lower(), *role.jobs):
        assert role_of(written) == role.name
