"""How any question is put to any method: scores, encoders, and answers to what somebody types."""

import numpy as np
import pandas as pd
import pytest
from helpers import Compass, question, tables, tiny_graph

from kgss_helpers import exam
from kgss_helpers.exam.sitting import rank, sit
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.baselines import Random, WordMatch
from kgss_helpers.methods.protocol import Encoder, Method, answer, scores_of
from kgss_helpers.question import Query


@pytest.fixture
def graph():
    return tiny_graph()


@pytest.fixture
def compass():
    return Compass()


# ---- encoders ----------------------------------------------------------------------------------------------------


def test_an_encoder_is_asked_by_dot_product(graph, compass):
    scores = scores_of(compass, [question(text="east"), question(text="north")], graph)
    assert scores == pytest.approx(compass.nodes.T)
    assert compass.fitted == [graph]
    assert rank([question()], scores[:1], graph)["q"][:3] == ["f0", "f1", "f5"]


def test_an_encoder_that_is_trained_already_is_not_fitted(graph, compass):
    scores_of(compass, [question(text="east")], graph, fit=False)
    answer(compass, "east", graph, fit=False)
    assert compass.fitted == []


def test_a_question_that_starts_from_a_node_is_answered_with_its_vector(graph, compass):
    asked = [question("q1", anchor="f2", text="east"), question("q2", anchor="f2", text="unreadable")]
    scores = scores_of(compass, asked, graph)
    assert scores[0] == pytest.approx(compass.nodes[:, 1])
    assert scores[1] == pytest.approx(compass.nodes[:, 1])
    assert rank(asked[:1], scores[:1], graph)["q1"][:2] == ["f5", "f1"]
    assert compass.nodes[2].tolist() == [0, 1]


def test_a_question_that_cannot_be_read_finds_nothing(graph, compass):
    asked = [question("q1", text="unreadable"), question("q2", text="east")]
    scores = scores_of(compass, asked, graph)
    assert np.isneginf(scores[0]).all()
    assert rank(asked, scores, graph)["q1"] == []
    assert sit(compass, graph=graph, questions=asked).scores["MRR"].tolist() == [0.0, 1.0]


def test_a_node_that_lies_nowhere_is_not_found(graph, compass):
    compass.nodes[[0, 3]] = 0
    scores = scores_of(compass, [question(text="east"), question(text="south", anchor="f4")], graph)
    assert np.isneginf(scores[:, [0, 3]]).all()
    assert np.isfinite(np.delete(scores, [0, 3], axis=1)).all()
    assert answer(compass, "east", graph, node_type="project")["node_id"].tolist() == ["f1", "f5", "f2", "f4"]


def test_methods_and_encoders_are_told_apart(compass):
    assert isinstance(Random(), Method)
    assert not isinstance(Random(), Encoder)
    assert isinstance(compass, Encoder)
    assert not isinstance(compass, Method)


class Nameless:
    def score(self, questions, graph):
        return np.zeros((len(questions), len(graph.nodes)))


class Speechless:
    name = "speechless"

    def fit(self, graph):
        return self

    def encode_nodes(self, graph):
        return np.zeros((len(graph.nodes), 2))


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Nameless(), "Nameless lacks a name: give it an attribute 'name'"),
        (Speechless(), "Speechless is no method: .* lacks score, encode_queries$"),
        (object(), "object is no method: .* lacks score, fit, encode_nodes, encode_queries$"),
        (Random, r"Random is a class; .*: Random\(\)$"),
    ],
)
def test_what_is_no_method_is_told_what_it_lacks(graph, method, message):
    with pytest.raises(ValueError, match=message):
        sit(method, graph=graph, questions=[question()])
    with pytest.raises(ValueError, match=message):
        answer(method, "east", graph)


def test_vectors_must_have_the_length_one_or_zero(graph, compass):
    compass.nodes[3] = [0, 1.0005]
    scores_of(compass, [question(text="east")], graph)
    compass.nodes[3] = [0, 3]
    with pytest.raises(ValueError, match=r"compass must give unit vectors .* for nodes, gave one of length 3 in row 3"):
        scores_of(compass, [question(text="east")], graph)
    compass.nodes[3] = 0
    compass.texts["east"] = [0.5, 0]
    with pytest.raises(ValueError, match=r"for questions, gave one of length 0\.5 in row 1"):
        scores_of(compass, [question(text="north"), question(text="east")], graph)


# ---- any question ------------------------------------------------------------------------------------------------


def test_an_answer_is_a_table_best_first(graph, compass):
    found = answer(compass, "east", graph)
    assert found["node_id"].tolist()[:3] == ["f0", "p0", "f1"]
    assert found["score"].is_monotonic_decreasing
    assert list(found.columns) == [*graph.nodes.columns, "score"]
    assert answer(compass, "east", graph, node_type="person")["node_id"].tolist() == ["p0", "p1"]


def test_an_answer_that_finds_nothing_is_empty(graph, compass):
    assert answer(compass, "unreadable", graph).empty
    assert answer(WordMatch(), "zeppelin", graph).empty
    assert list(answer(compass, "unreadable", graph).columns) == [*graph.nodes.columns, "score"]


@pytest.mark.parametrize("method", [Random(), WordMatch(), Compass()], ids=lambda method: method.name)
def test_a_misspelt_type_is_answered_with_those_there_are_and_the_nearest(graph, method):
    with pytest.raises(ValueError, match=r"type 'persn'; tiny has person, project; did you mean 'person'\?$"):
        answer(method, "east", graph, node_type="persn")
    with pytest.raises(ValueError, match=r"type 'Projects'; tiny has person, project; did you mean 'project'\?$"):
        answer(method, "east", graph, node_type="Projects")
    with pytest.raises(ValueError, match=r"type 'zeppelin'; tiny has person, project$"):
        answer(method, "east", graph, node_type="zeppelin")


def test_an_answer_holds_a_hundred_at_most_or_as_many_as_asked_for():
    letters = [f"n{number:03}" for number in range(150)]
    nodes = pd.DataFrame({"node_id": letters, "node_type": "project", "name": letters})
    graph = KnowledgeGraph(nodes, tables([], [])[1])
    assert len(answer(Random(), "anything", graph)) == 100
    assert len(answer(Random(), "anything", graph, k=7)) == 7


def test_a_method_is_shown_a_query_without_answers(graph):
    seen = []

    class Curious(Random):
        def score(self, questions, graph):
            seen.extend(questions)
            return super().score(questions, graph)

    answer(Curious(), "east of what?", graph, node_type="person")
    assert seen == [Query("east of what?", "person")]
    assert not hasattr(seen[0], "relevant")


def test_asking_does_not_count_as_sitting(graph, compass, monkeypatch):
    monkeypatch.setattr(exam.films, "_SAT", {})
    answer(compass, "east", graph)
    assert exam.films._SAT == {}
