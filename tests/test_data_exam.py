"""The exam's file of questions, proved again from the graph by other means than those that made it."""

import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from helpers import without_brackets

from kgss_helpers.datasets import load_films
from kgss_helpers.datasets.films import project_id, read_films
from kgss_helpers.exam.films import (
    ALIKE_PHRASINGS,
    CREDIT_PHRASINGS,
    DERIVED,
    FAMILIES,
    FEWEST_ANSWERS,
    GENRE_WORDS,
    MOST_ANSWERS,
    QUESTIONS,
    ROLE_AND_GENRE_PHRASINGS,
    derive_questions,
    hold_out,
)
from kgss_helpers.exam.sitting import evaluate, rank
from kgss_helpers.files import DATA
from kgss_helpers.films.roles import ROLES
from kgss_helpers.question import load_questions, save_questions


@pytest.fixture(scope="module")
def graph():
    return load_films()


@pytest.fixture(scope="module")
def films():
    return {project_id(film): film for film in read_films()}


@pytest.fixture(scope="module")
def questions():
    return load_questions(QUESTIONS)


@pytest.fixture(scope="module")
def held_out(graph):
    return hold_out(graph)


@pytest.fixture(scope="module")
def facts(graph):
    """Every fact as (source, relation, target), in plain Python."""
    return list(graph.edges.itertuples(index=False, name=None))


@pytest.fixture(scope="module")
def types(graph):
    return dict(zip(graph.nodes["node_id"], graph.nodes["node_type"], strict=True))


@pytest.fixture(scope="module")
def names(graph):
    return dict(zip(graph.nodes["node_id"], graph.nodes["name"], strict=True))


def of_family(questions, family):
    return [question for question in questions if question.family == family]


def triples(edges):
    return set(edges.itertuples(index=False, name=None))


def repeated(values):
    return [value for value, count in Counter(values).items() if count > 1]


# ---- the whole file ------------------------------------------------------------------------------------------------


def test_the_exam_lies_in_the_data_folder():
    assert QUESTIONS == DATA / "exam.jsonl"


def test_four_hundred_questions_or_more_every_family_in_both_splits(questions):
    assert len(questions) >= 400
    counts = Counter((question.family, question.split) for question in questions)
    assert set(counts) == {(family, split) for family in FAMILIES for split in ("validation", "test")}
    assert min(counts.values()) >= 20
    assert len(of_family(questions, "plot")) >= 200
    assert len(of_family(questions, "keyword")) >= 40


def test_the_file_holds_exactly_what_is_derived(graph, questions):
    kept = [question for question in questions if question.family in DERIVED]
    assert derive_questions(graph) == kept
    assert derive_questions(graph, seed=1) != kept


def test_the_file_is_written_as_save_writes_it(questions, tmp_path):
    save_questions(questions, tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == QUESTIONS.read_bytes()


def test_every_node_that_a_question_names_is_there_and_has_the_right_type(questions, types):
    for question in questions:
        hidden = [*question.exclude, *([question.anchor] if question.anchor else [])]
        asked = [*question.relevant, *hidden]
        assert {types.get(node) for node in asked} == {question.node_type}, question.question_id
        assert not set(hidden) & set(question.relevant), question.question_id
        assert len(set(question.exclude)) == len(question.exclude), question.question_id


def test_no_question_is_asked_twice(questions):
    assert repeated(question.question_id for question in questions) == []
    # Two films of one title are two questions with the same words: the node they start from tells them apart. And a
    # person's credits may be asked for in both splits, each time for others.
    assert repeated((question.text.casefold(), question.anchor, question.split) for question in questions) == []


def test_only_alike_starts_from_a_node(questions):
    for question in questions:
        assert (question.anchor is not None) == (question.family == "alike"), question.question_id


def test_questions_are_clean_text(questions):
    for question in questions:
        assert question.text == " ".join(question.text.split())
        assert "{" not in question.text
        assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiouhAEIOUH]", question.text) or question.family != (
            "role and genre"
        ), question.text


# ---- what the graph proves -----------------------------------------------------------------------------------------


def test_role_and_genre_is_right_for_people_with_three_such_credits(questions, facts, names):
    genres_of = defaultdict(set)
    for source, relation, target in facts:
        if relation == "has genre":
            genres_of[source].add(names[target])
    films_of = defaultdict(set)
    for person, role, film in facts:
        if role in ROLES:
            for genre in genres_of[film]:
                films_of[role, genre, person].add(film)
    expected = defaultdict(dict)
    for (role, genre, person), made in films_of.items():
        if len(made) >= 3:
            expected[role, genre][person] = 1
    expected = {key: right for key, right in expected.items() if FEWEST_ANSWERS <= len(right) <= MOST_ANSWERS}
    asked = {}
    for question in of_family(questions, "role and genre"):
        (key,) = [(r, g) for r, g in expected if question.question_id == f"{r} {g}".lower().replace(" ", "-")]
        word = GENRE_WORDS.get(key[1], key[1].lower())
        forms = [form.format(role=key[0].lower(), genre=word) for form in ROLE_AND_GENRE_PHRASINGS]
        assert re.sub(r"\ban (?=[aeiou])", "a ", question.text) in forms
        assert (question.node_type, question.exclude) == ("person", ())
        asked[key] = question.relevant
    assert asked == expected


def test_credit_asks_for_held_out_facts_alone_and_hides_the_known_ones(questions, facts, held_out, names):
    every = defaultdict(set)
    for person, role, film in facts:
        every[person, role].add(film)
    sides = {"validation": triples(held_out.validation), "test": triples(held_out.test)}
    training = triples(held_out.train)
    for question in of_family(questions, "credit"):
        split, rest = question.question_id.split("-", 1)
        assert split == question.split
        (role,) = [role for role in ROLES if rest.startswith(f"{role.lower().replace(' ', '-')}-")]
        person = "person:" + rest[len(role) + 1 :]
        assert question.text == CREDIT_PHRASINGS[role].format(person=names[person])
        hidden = {film for film in every[person, role] if (person, role, film) in sides[split]}
        assert question.relevant == dict.fromkeys(hidden, 1)
        assert set(question.exclude) == every[person, role] - hidden
        assert sum((person, role, film) in training for film in question.exclude) >= 3


def test_the_training_graph_still_proves_most_skills(graph, held_out, questions):
    """Perfect counting of what a method may see is the best it can do in role and genre: there must be room to win."""
    training = held_out.training_graph
    names = graph.nodes.set_index("node_id")["name"]
    genres = defaultdict(list)
    for film, relation, genre in triples(training.edges):
        if relation == "has genre":
            genres[film].append(names[genre])
    counts = Counter()
    for person, role, film in triples(training.edges):
        if role in ROLES:
            counts.update((f"{role} {genre}".lower().replace(" ", "-"), person) for genre in genres[film])
    asked = [question for question in questions if question.family == "role and genre"]
    counted = np.array(
        [[counts[question.question_id, node] for node in training.nodes["node_id"]] for question in asked]
    )
    scores = evaluate(asked, rank(asked, np.where(counted > 0, counted, -np.inf), training))
    assert 0.93 < scores["nDCG@10"].mean() < 1


def test_alike_is_the_series_and_whoever_shares_three_keywords(questions, films):
    keywords = {film_id: set(film["keywords"]) for film_id, film in films.items()}
    for question in of_family(questions, "alike"):
        asked = films[question.anchor]
        expected = {}
        for other, film in films.items():
            if other == question.anchor:
                continue
            if asked["series"] is not None and film["series"] == asked["series"]:
                expected[other] = 2
            elif len(keywords[other] & keywords[question.anchor]) >= 3:
                expected[other] = 1
        assert question.relevant == expected
        assert FEWEST_ANSWERS <= len(expected) <= MOST_ANSWERS
        assert question.text in [form.format(title=asked["title"]) for form in ALIKE_PHRASINGS]
        assert question.question_id == f"alike-{question.anchor.removeprefix('project:')}"
    graded = {grade for question in of_family(questions, "alike") for grade in question.relevant.values()}
    assert graded == {1, 2}


# ---- plot ----------------------------------------------------------------------------------------------------------


# Words that carry no plot of their own.
EMPTY_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about across after again against all among an and another any are as at away back be because been before
        behind being between both but by can could did do does down during each every few for from had has have he her
        here hers him his how i if in into is it its itself just made make makes may me more most must no not of off on
        one only onto or other others out over own s so some such t than that the their them then there these they this
        those through to too two three under until up very was what when where which while who whom whose why will with
        without would you your""",
    )
)


def stem(word):
    """The word without its most common endings: enough to see that 'climbs' and 'climbing' are one word."""
    for ending in ("ing", "ings", "ied", "ies", "ed", "es", "ers", "er", "ly", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def content_words(text):
    words = re.findall(r"\w+", text.casefold().replace("'s", " ").replace("'", " "))
    return {stem(word) for word in words if word not in EMPTY_WORDS and not word.isdigit()}


@pytest.mark.parametrize(
    ("one", "other"),
    [("climbs", "climbing"), ("cities", "city"), ("loved", "loves"), ("winged", "wing"), ("mug", "mugs")],
)
def test_the_stem_of_two_forms_is_one(one, other):
    assert stem(one) == stem(other)


def test_every_plot_points_to_one_film_and_no_film_has_two(questions, films):
    plots = of_family(questions, "plot")
    assert all(len(question.relevant) == 1 for question in plots)
    targets = [next(iter(question.relevant)) for question in plots]
    assert repeated(targets) == []
    assert set(targets) <= set(films)
    assert all(question.question_id == f"plot-{next(iter(question.relevant))[8:]}" for question in plots)
    # The films asked for are of every time, not of one.
    assert len({films[target]["year"] // 10 for target in targets}) == 11


def test_a_plot_is_one_sentence(questions):
    for question in of_family(questions, "plot"):
        assert question.text[0].isupper() or question.text[0].isdigit()
        assert len(re.findall(r"[.!?](?=\s+[A-Z]|$)", re.sub(r"\b(St|Mr|Mrs|Dr)\.", "", question.text))) == 1, question
        assert 8 <= len(question.text.split()) <= 45, question


def test_a_plot_holds_no_word_of_its_title(questions, films):
    shared = {
        target: found
        for question in of_family(questions, "plot")
        for target in question.relevant
        if (found := content_words(films[target]["title"]) & content_words(question.text))
    }
    assert shared == {}


def test_a_plot_names_nobody_of_its_film(questions, films):
    """A part of a name counts where it is written as one: a radio song is not Song Kang-ho."""

    def named(text, film):
        people = {without_brackets(person) for person, _ in film["credits"]}
        parts = {part for person in people for part in [person, *person.split()] if len(part) > 2}
        return [part for part in parts if re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text)]

    found = {
        target: them
        for question in of_family(questions, "plot")
        for target in question.relevant
        if (them := named(question.text, films[target]))
    }
    assert found == {}
    assert named("Song sings.", {"credits": [["Song Kang-ho", "Actor"]]}) == ["Song"]


def test_a_plot_shares_at_most_two_content_words_with_the_description(questions, films):
    shared = {
        target: found
        for question in of_family(questions, "plot")
        for target in question.relevant
        if len(found := content_words(films[target]["description"]) & content_words(question.text)) > 2
    }
    assert shared == {}


# ---- keyword -------------------------------------------------------------------------------------------------------


def test_keywords_judged_exist_and_a_question_is_not_its_own_answer(questions, names):
    keywords = {node: name for node, name in names.items() if node.startswith("keyword:")}
    for question in of_family(questions, "keyword"):
        assert question.node_type == "keyword"
        assert set(question.relevant) <= set(keywords)
        assert len(question.relevant) >= 3
        assert set(question.relevant.values()) <= {1, 2}
        same = [node for node, name in keywords.items() if name == question.text.casefold()]
        assert set(same) <= set(question.exclude), question.text
    assert "space battle" in [question.text for question in of_family(questions, "keyword")]
