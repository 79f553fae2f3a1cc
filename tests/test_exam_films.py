"""The exam's questions, proved again from the graph by other means than those that made them."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kgss_helpers.datasets import load_films
from kgss_helpers.datasets.films import project_id, read_films, without_brackets
from kgss_helpers.exam import films as module
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
    alike,
    credit,
    derive_questions,
    hold_out,
    role_and_genre,
)
from kgss_helpers.exam.sitting import rank
from kgss_helpers.files import DATA
from kgss_helpers.films.roles import ROLES
from kgss_helpers.films.skills import skilled_people
from kgss_helpers.graph import GraphError, KnowledgeGraph
from kgss_helpers.question import Question, load_questions, save_questions


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


# ---- role and genre ----------------------------------------------------------------------------------------------


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


def tiny_graph(*credited, genres=(), keywords=(), series=None, names=None):
    """A graph from (person, role, film), (film, genre) and (film, keyword)."""
    kinds, edges = {}, []
    for person, role, film in credited:
        kinds |= {person: "person", film: "project"}
        edges.append((person, role, film))
    for relation, kind, rows in (("has genre", "genre", genres), ("has keyword", "keyword", keywords)):
        for film, other in rows:
            kinds |= {film: "project", other: kind}
            edges.append((film, relation, other))
    nodes = pd.DataFrame([(node, kind) for node, kind in kinds.items()], columns=["node_id", "node_type"])
    nodes["name"] = [(names or {}).get(node, node) for node in nodes["node_id"]]
    nodes["series"] = [(series or {}).get(node, "") for node in nodes["node_id"]]
    return KnowledgeGraph(nodes, pd.DataFrame(edges, columns=["source", "relation", "target"]))


def test_skilled_people_count_films_and_start_at_three():
    films = ["f1", "f2", "f3"]
    graph = tiny_graph(
        *[("ada", "Editor", film) for film in films],
        *[("bo", "Editor", film) for film in films[:2]],
        ("ada", "Actor", "f1"),
        ("bo", "fan of", "f3"),
        genres=[(film, "noir") for film in films] + [("f1", "comedy")],
    )
    assert skilled_people(graph).to_dict("records") == [
        {"role": "Editor", "genre": "noir", "person": "ada", "films": 3}
    ]


def test_articles_fit_in_every_phrasing():
    people, films = ["p1", "p2", "p3"], ["f1", "f2", "f3"]
    roles = ["Actor", "Editor", "Animator", "Director"]
    genres = [(film, genre) for film in films for genre in ("Action", "Drama", "Animation")]
    graph = tiny_graph(*[(p, role, film) for p in people for role in roles for film in films], genres=genres)
    texts = [question.text for question in role_and_genre(graph, np.random.default_rng(0))]
    assert len(texts) == 12
    assert not [text for text in texts if re.search(r"\ba [aeiou]|\ban [^aeiou]", text)]
    assert "drama" in " ".join(texts)
    assert "draman" not in " ".join(texts)


@pytest.mark.parametrize(("people", "asked"), [(2, 0), (3, 1), (60, 1), (61, 0)])
def test_too_few_or_too_many_answers_are_not_asked_for(people, asked):
    credited = [(f"p{number}", "Editor", film) for number in range(people) for film in ("f1", "f2", "f3")]
    graph = tiny_graph(*credited, genres=[(film, "noir") for film in ("f1", "f2", "f3")])
    assert len(list(role_and_genre(graph, np.random.default_rng(0)))) == asked


# ---- credit ------------------------------------------------------------------------------------------------------


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


def test_a_person_with_fewer_than_three_known_credits_is_not_asked_about():
    credited = [("ada", "Editor", f"f{number}") for number in range(4)]
    credited += [("bo", "Editor", f"f{number}") for number in range(3)]
    graph = tiny_graph(*credited)

    def split(hidden):
        train = [row for row in credited if row not in hidden]
        columns = ["source", "relation", "target"]
        return module.EdgeSplit(
            pd.DataFrame(train, columns=columns),
            pd.DataFrame(hidden, columns=columns),
            pd.DataFrame([], columns=columns),
            graph,
        )

    made = list(credit(graph, split([credited[0], credited[4]]), np.random.default_rng(0)))
    assert [(question.text, question.relevant, question.exclude) for question in made] == [
        ("films edited by ada", {"f0": 1}, ("f1", "f2", "f3"))
    ]


def test_every_role_has_a_phrasing():
    assert set(CREDIT_PHRASINGS) == set(ROLES)


def test_held_out_facts_are_not_in_the_training_graph(graph, held_out):
    training = triples(held_out.training_graph.edges)
    validation, test = triples(held_out.validation), triples(held_out.test)
    assert training | validation | test == triples(graph.edges)
    assert not training & (validation | test)
    assert not validation & test
    assert len(validation) > 400
    assert len(test) > 400
    pairs = [{frozenset((s, t)) for s, _, t in side} for side in (training, validation, test)]
    assert not pairs[0] & pairs[1]
    assert not pairs[0] & pairs[2]
    assert not pairs[1] & pairs[2]
    assert {relation for _, relation, _ in validation | test} <= set(ROLES)


def test_the_split_is_the_same_every_time(graph, held_out):
    again = hold_out(graph)
    assert again.validation.equals(held_out.validation)
    assert again.test.equals(held_out.test)


def test_only_who_has_five_credits_in_a_role_loses_any(graph, held_out):
    counts = Counter(zip(graph.edges["source"], graph.edges["relation"], strict=True))
    lost = [(person, role) for side in (held_out.validation, held_out.test) for person, role, _ in triples(side)]
    assert min(counts[pair] for pair in lost) == 5


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
    scores = np.array(
        [[counts[question.question_id, node] for node in training.nodes["node_id"]] for question in asked]
    )
    marks = mark(asked, rank(asked, np.where(scores > 0, scores, -np.inf), training))
    assert 0.93 < marks["nDCG@10"].mean() < 1


def test_what_a_description_tells_is_never_held_out(graph, held_out, names):
    """Not even without the title's article: descriptions are there for every method to read."""
    description = dict(zip(graph.nodes["node_id"], graph.nodes["description"], strict=True))
    told = []
    for side in (held_out.validation, held_out.test):
        for person, role, film in side.itertuples(index=False):
            title = re.sub(r"^(the|an?) ", "", names[film].casefold())
            if re.search(rf"(?<!\w){re.escape(title)}(?!\w)", description[person].casefold()):
                told.append((person, role, film))
    assert told == []


def test_hold_out_keeps_a_told_fact_in_training():
    people = [f"p{number}" for number in range(30)]
    credited = [(person, "Actor", f"f{film}") for person in people for film in range(6)]
    graph = tiny_graph(*credited, names={f"f{film}": f"Red Moon {film}" for film in range(6)})
    held = hold_out(graph)
    told = next(held.test.itertuples(index=False, name=None))
    nodes = graph.nodes.assign(description="")
    nodes.loc[nodes["node_id"] == told[0], "description"] = f"Shone in red moon {told[2][1:]}."
    again = hold_out(KnowledgeGraph(nodes, graph.edges))
    assert told in triples(held.test)
    assert told in triples(again.train)


# ---- alike -------------------------------------------------------------------------------------------------------


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


def test_alike_on_a_graph_to_check_by_eye():
    words = ["war", "train", "spy", "snow"]
    keywords = [(film, word) for film in ("f1", "f2") for word in words[:3]]
    keywords += [("f3", word) for word in words[:2]] + [("f4", "snow"), ("f5", "snow"), ("f6", "snow")]
    series = {"f1": "Saga", "f4": "Saga", "f5": "Saga"}
    made = list(alike(tiny_graph(keywords=keywords, series=series), np.random.default_rng(0)))
    assert {question.anchor: question.relevant for question in made} == {"f1": {"f2": 1, "f4": 2, "f5": 2}}


def test_the_films_exam_can_be_passed_and_failed():
    best = sit(Oracle()).scores
    worst = sit(Oracle(-1)).scores
    assert set(best["family"]) == set(FAMILIES)
    assert best["nDCG@10"].to_numpy() == pytest.approx(1)
    assert best["MRR"].to_numpy() == pytest.approx(1)
    assert worst[list(METRICS)].eq(0).all(axis=None)


def test_a_method_sees_the_training_graph_alone():
    seen = []

    class Curious(Random):
        name = "curious"

        def score(self, questions, graph):
            seen.append(graph)
            return super().score(questions, graph)

    sit(Curious())
    split = exam.film_exam()[0]
    assert seen == [split.training_graph]
    hidden = pd.concat([split.validation, split.test])
    assert len(seen[0].edges.merge(hidden, on=["source", "relation", "target"])) == 0


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("method", [Random(), Popularity(), WordMatch()], ids=lambda method: slug(method.name))
def test_recorded_results_are_what_a_fresh_sitting_gives(method, split):
    (kept,) = [found for found in recorded() if (found.method, found.split) == (method.name, split)]
    fresh = sit(method, split=split).scores
    pd.testing.assert_frame_equal(kept.scores, fresh.assign(**fresh[list(METRICS)].round(4)))


def test_recorded_files_are_named_after_method_and_split():
    for path in exam.RESULTS.glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert path.name == f"{slug(content['method'])}.{content['split']}.json"


# ---- the table ---------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of recorded results in place of the workbook's."""
    monkeypatch.setattr(exam, "recorded", lambda: recorded(tmp_path))
    return tmp_path


def with_marks(name, value, split="test"):
    marks = pd.DataFrame({"question_id": ["a", "b"], "family": ["plot", "credit"]})
    return ExamResult(name, split, scores.assign(**{metric: float(value) for metric in METRICS}))


def test_the_table_shows_recorded_baselines_worst_first():
    shown = table()
    assert shown.index.name == "method"
    assert {"random", "popularity", "word match (BM25)"} <= set(shown.index)
    assert list(shown.columns) == [*FAMILIES, ALL]
    means = [float(cell.split()[0]) for cell in shown[ALL]]
    assert means == sorted(means)
    assert shown.index[0] == "random"


def test_the_table_sorts_by_the_mean_of_all_families(folder):
    for name, value in (("best", 1), ("worst", 0), ("middling", 0.5)):
        with_marks(name, value).save(folder)
    assert table().index.tolist() == ["worst", "middling", "best"]


def test_the_table_keeps_splits_apart_and_metrics_are_checked(folder):
    with_marks("tuned", 0.5, "validation").save(folder)
    assert table().empty
    assert table(split="validation").index.tolist() == ["tuned"]
    with pytest.raises(ValueError, match="unknown metric 'F1'; there are nDCG@10, recall@10, MRR"):
        table("F1")


def test_who_sat_in_this_session_stands_beside_the_recorded_ones(folder):
    with_marks("random", 0.9).save(folder)
    sit(Popularity())
    assert table().index.tolist() == ["popularity", "random"]
    sit(Random())
    assert table().loc["random", ALL] != "0.90 [0.90, 0.90]"


def test_other_questions_do_not_enter_the_table_of_the_exam(folder, graph):
    with_marks("oracle 1", 0.5).save(folder)
    sit(Oracle(), graph=graph, questions=[question()])
    assert table().loc["oracle 1", ALL] == "0.50 [0.50, 0.50]"


