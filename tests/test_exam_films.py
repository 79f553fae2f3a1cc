"""The film exam: what its graph proves, what is held out, and the table of who sat it."""

import json
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from helpers import Oracle, result_of

from kgss_helpers.datasets import load_films
from kgss_helpers.exam import film_exam, recorded, sit, table
from kgss_helpers.exam import films as module
from kgss_helpers.exam.films import CREDIT_PHRASINGS, FAMILIES, RESULTS, alike, credit, hold_out, role_and_genre
from kgss_helpers.exam.results import ALL, METRICS
from kgss_helpers.files import slug
from kgss_helpers.films.roles import ROLES
from kgss_helpers.graph import EdgeSplit, KnowledgeGraph
from kgss_helpers.methods.baselines import Popularity, Random, WordMatch


@pytest.fixture(autouse=True)
def nobody_has_sat_yet(monkeypatch):
    monkeypatch.setattr(module, "_SAT", {})


@pytest.fixture(scope="module")
def graph():
    return load_films()


@pytest.fixture(scope="module")
def held_out(graph):
    return hold_out(graph)


@pytest.fixture(scope="module")
def names(graph):
    return dict(zip(graph.nodes["node_id"], graph.nodes["name"], strict=True))


def triples(edges):
    return set(edges.itertuples(index=False, name=None))


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


# ---- questions that a graph proves ---------------------------------------------------------------------------------


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


def test_a_person_with_fewer_than_three_known_credits_is_not_asked_about():
    credited = [("ada", "Editor", f"f{number}") for number in range(4)]
    credited += [("bo", "Editor", f"f{number}") for number in range(3)]
    graph = tiny_graph(*credited)

    def split(hidden):
        train = [row for row in credited if row not in hidden]
        columns = ["source", "relation", "target"]
        return EdgeSplit(
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


def test_alike_on_a_graph_to_check_by_eye():
    words = ["war", "train", "spy", "snow"]
    keywords = [(film, word) for film in ("f1", "f2") for word in words[:3]]
    keywords += [("f3", word) for word in words[:2]] + [("f4", "snow"), ("f5", "snow"), ("f6", "snow")]
    series = {"f1": "Saga", "f4": "Saga", "f5": "Saga"}
    made = list(alike(tiny_graph(keywords=keywords, series=series), np.random.default_rng(0)))
    assert {question.anchor: question.relevant for question in made} == {"f1": {"f2": 1, "f4": 2, "f5": 2}}


# ---- what is held out ----------------------------------------------------------------------------------------------


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


def test_what_a_description_says_is_never_held_out(graph, held_out, names):
    """Not even without the title's article: descriptions are there for every method to read."""
    description = dict(zip(graph.nodes["node_id"], graph.nodes["description"], strict=True))
    given_away = []
    for side in (held_out.validation, held_out.test):
        for person, role, film in side.itertuples(index=False):
            title = re.sub(r"^(the|an?) ", "", names[film].casefold())
            if re.search(rf"(?<!\w){re.escape(title)}(?!\w)", description[person].casefold()):
                given_away.append((person, role, film))
    assert given_away == []


def test_hold_out_keeps_what_a_description_says_in_training():
    people = [f"p{number}" for number in range(30)]
    credited = [(person, "Actor", f"f{film}") for person in people for film in range(6)]
    graph = tiny_graph(*credited, names={f"f{film}": f"Red Moon {film}" for film in range(6)})
    held = hold_out(graph)
    fact = next(held.test.itertuples(index=False, name=None))
    nodes = graph.nodes.assign(description="")
    nodes.loc[nodes["node_id"] == fact[0], "description"] = f"Shone in red moon {fact[2][1:]}."
    again = hold_out(KnowledgeGraph(nodes, graph.edges))
    assert fact in triples(held.test)
    assert fact in triples(again.train)


# ---- sitting -------------------------------------------------------------------------------------------------------


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
    split = film_exam()[0]
    assert seen == [split.training_graph]
    hidden = pd.concat([split.validation, split.test])
    assert len(seen[0].edges.merge(hidden, on=["source", "relation", "target"])) == 0


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("method", [Random(), Popularity(), WordMatch()], ids=lambda method: slug(method.name))
def test_recorded_results_are_what_a_fresh_sitting_gives(method, split):
    (kept,) = [found for found in recorded(RESULTS) if (found.method, found.split) == (method.name, split)]
    fresh = sit(method, split=split).scores
    pd.testing.assert_frame_equal(kept.scores, fresh.assign(**fresh[list(METRICS)].round(4)))


def test_recorded_files_are_named_after_method_and_split():
    for path in RESULTS.glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert path.name == f"{slug(content['method'])}.{content['split']}.json"


# ---- the table -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of recorded results in place of the workbook's."""
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return tmp_path


def with_score(name, value, split="test"):
    return result_of(name, [value, value], ["plot", "credit"], split)


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
        with_score(name, value).save(folder)
    assert table().index.tolist() == ["worst", "middling", "best"]


def test_the_table_keeps_splits_apart_and_metrics_are_checked(folder):
    with_score("tuned", 0.5, "validation").save(folder)
    assert table().empty
    assert table(split="validation").index.tolist() == ["tuned"]
    with pytest.raises(ValueError, match="unknown metric 'F1'; there are nDCG@10, recall@10, MRR"):
        table("F1")


def test_who_sat_in_this_session_stands_beside_the_recorded_ones(folder):
    with_score("random", 0.9).save(folder)
    sit(Popularity())
    assert table().index.tolist() == ["popularity", "random"]
    sit(Random())
    assert table().loc["random", ALL] != "0.90 [0.90, 0.90]"


def test_other_questions_do_not_enter_the_table_of_the_exam(folder):
    with_score("oracle 1", 0.5).save(folder)
    some = [asked for asked in film_exam()[1] if asked.family == "plot"]
    assert sit(Oracle(), questions=some).row()["plot"] == "1.00 [1.00, 1.00]"
    assert table().loc["oracle 1", ALL] == "0.50 [0.50, 0.50]"


def test_families_stand_in_the_order_of_the_exam_however_they_were_asked(folder, monkeypatch):
    split, questions = film_exam()
    monkeypatch.setattr(module, "film_exam", lambda: (split, questions[::-1]))
    assert sit(Popularity()).row().index.tolist() == [*FAMILIES, ALL]
    assert list(table().columns) == [*FAMILIES, ALL]
