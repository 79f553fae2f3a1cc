"""Sitting an exam: scores against rankings worked out by hand, and what a method may and may not hand in."""

import math

import numpy as np
import pandas as pd
import pytest
from helpers import Compass, Fixed, Oracle, question, tables, tiny_graph

from kgss_helpers import exam
from kgss_helpers.exam.results import ALL, METRICS
from kgss_helpers.exam.sitting import RANKED, answers, evaluate, rank, sit
from kgss_helpers.graph import KnowledgeGraph

LETTERS = [f"n{number:03}" for number in range(150)]


@pytest.fixture
def graph():
    return tiny_graph()


# ---- metrics -----------------------------------------------------------------------------------------------------


def by_hand(relevant, ranking):
    """nDCG@10 with the grade as gain, recall@10 and the reciprocal rank of the first right answer."""
    gains = [relevant.get(node, 0) for node in ranking[:10]]
    ideal = sorted(relevant.values(), reverse=True)[:10]

    def discounted(values):
        return sum(value / math.log2(place + 2) for place, value in enumerate(values))

    first = next((place for place, node in enumerate(ranking, 1) if node in relevant), None)
    return discounted(gains) / discounted(ideal), sum(map(bool, gains)) / len(relevant), 1 / first if first else 0


@pytest.mark.parametrize(
    ("relevant", "ranking", "expected"),
    [
        ({"a": 1}, ["a"], (1, 1, 1)),
        ({"a": 1}, ["x", "a"], (1 / math.log2(3), 1, 1 / 2)),
        ({"a": 1, "b": 1, "c": 1}, ["a", "x", "y", "b"], ((1 + 1 / math.log2(5)) / (1.5 + 1 / math.log2(3)), 2 / 3, 1)),
        ({"a": 2, "b": 1}, ["b", "a"], ((1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3)), 1, 1)),
        ({"a": 2, "b": 1}, ["a", "b"], (1, 1, 1)),
        ({"a": 1}, ["x", "y"], (0, 0, 0)),
        ({"a": 1}, [], (0, 0, 0)),
        ({"n010": 1}, LETTERS[:11], (0, 0, 1 / 11)),
        ({"n009": 1}, LETTERS[:11], (1 / math.log2(11), 1, 1 / 10)),
        (dict.fromkeys(LETTERS[:20], 1), LETTERS[:10], (1, 0.5, 1)),
        ({"n099": 1}, LETTERS[:100], (0, 0, 1 / 100)),
    ],
)
def test_scores_worked_out_by_hand(relevant, ranking, expected):
    scores = evaluate([question(relevant=relevant)], {"q": ranking})
    assert list(scores.columns) == ["question_id", "family", "variant", *METRICS]
    assert scores[list(METRICS)].iloc[0].tolist() == pytest.approx(expected)
    assert by_hand(relevant, ranking) == pytest.approx(expected)


def test_scores_of_random_rankings_are_those_of_the_formulas():
    rng = np.random.default_rng(0)
    questions, ranking = [], {}
    for number in range(40):
        right = rng.choice(LETTERS, rng.integers(1, 30), replace=False)
        questions.append(question(f"q{number}", {node: int(rng.integers(1, 3)) for node in right}))
        ranking[f"q{number}"] = rng.permutation(LETTERS)[: rng.integers(0, 101)].tolist()
    scores = evaluate(questions, ranking)
    expected = [by_hand(asked.relevant, ranking[asked.question_id]) for asked in questions]
    assert scores["question_id"].tolist() == [asked.question_id for asked in questions]
    assert scores[list(METRICS)].to_numpy() == pytest.approx(np.array(expected))


def test_a_question_that_nobody_ranked_gets_zeros_and_keeps_its_place():
    scores = evaluate([question("q1"), question("q2", family="alike"), question("q3")], {"q3": ["f0"], "q1": []})
    assert scores[["question_id", "family", "MRR"]].to_numpy().tolist() == [
        ["q1", "plot", 0.0],
        ["q2", "alike", 0.0],
        ["q3", "plot", 1.0],
    ]


# ---- ranking -----------------------------------------------------------------------------------------------------


def test_only_the_right_type_is_ranked_without_anchor_and_known_answers(graph):
    scores = np.arange(8.0)[None]
    assert rank([question()], scores, graph)["q"] == ["f5", "f4", "f3", "f2", "f1", "f0"]
    assert rank([question(node_type="person")], scores, graph)["q"] == ["p1", "p0"]
    asked = question(anchor="f5", exclude=("f4", "f1"))
    assert rank([asked], scores, graph)["q"] == ["f3", "f2", "f0"]


@pytest.mark.parametrize(
    ("node_type", "nearest"), [("Person", "; did you mean 'person'?"), ("keyword", ""), (None, "")]
)
def test_a_type_that_the_graph_lacks_is_refused(graph, node_type, nearest):
    with pytest.raises(ValueError, match=r"question 'q': no node has the type .* tiny has person, project") as caught:
        rank([question(), question(node_type=node_type)], np.zeros((2, 8)), graph)
    assert str(caught.value).endswith("person, project" + nearest)


def test_what_is_not_found_is_not_ranked(graph):
    scores = np.full((1, 8), -np.inf)
    assert rank([question()], scores, graph) == {"q": []}
    scores[0, 2] = -5
    assert rank([question()], scores, graph) == {"q": ["f2"]}


def test_the_scores_handed_in_stay_as_they_are(graph):
    scores = np.arange(8.0)[None]
    rank([question(anchor="f5")], scores, graph)
    assert scores.tolist() == [list(range(8))]


def test_ties_are_broken_by_lot_and_each_time_alike(graph):
    scores = np.zeros((1, 8))
    scores[0, 3] = 1
    once = rank([question()], scores, graph)["q"]
    assert once == rank([question()], scores, graph)["q"]
    assert once[0] == "f3"
    assert sorted(once) == [f"f{number}" for number in range(6)]
    orders = {tuple(rank([question()], scores, graph, seed=seed)["q"]) for seed in range(20)}
    assert len(orders) > 5


def test_the_lot_favours_nobody_by_place_in_the_table():
    nodes = pd.DataFrame({"node_id": LETTERS, "node_type": "project", "name": LETTERS})
    graph = KnowledgeGraph(nodes, tables([], [])[1])
    ranking = rank([question(relevant={LETTERS[0]: 1})], np.zeros((1, 150)), graph)["q"]
    assert len(ranking) == RANKED == 100
    assert ranking != sorted(ranking)
    assert 30 < sum(LETTERS.index(node) < 75 for node in ranking) < 70


def test_a_node_to_leave_out_that_is_not_there_is_named(graph):
    with pytest.raises(KeyError, match="nobody"):
        rank([question(exclude=("nobody",))], np.zeros((1, 8)), graph)


# ---- sitting -----------------------------------------------------------------------------------------------------


def test_who_knows_the_answers_gets_full_scores_and_who_turns_them_round_none(graph):
    questions = [
        question("one", {"f1": 1}),
        question("two", {"f0": 1, "f3": 1}, family="credit", exclude=("f5",)),
        question("graded", {"f0": 1, "f3": 2}, family="alike", anchor="f1"),
        question("who", {"p1": 1}, node_type="person", family="role and genre"),
    ]
    scores = sit(Oracle(), graph=graph, questions=questions).scores
    assert scores["nDCG@10"].tolist() == [1.0] * 4
    assert scores["recall@10"].tolist() == [1.0] * 4
    assert scores["MRR"].tolist() == [1.0] * 4


@pytest.mark.parametrize("shape", [(1, 7), (2, 8), (8,), (8, 1)])
def test_scores_of_the_wrong_shape_are_refused(graph, shape):
    with pytest.raises(ValueError, match=r"fixed must give 1 × 8 numbers, gave shape \(") as caught:
        sit(Fixed(np.zeros(shape)), graph=graph, questions=[question()])
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(graph, value):
    scores = np.zeros((1, 8))
    scores[0, 3] = value
    with pytest.raises(ValueError, match="fixed gave NaN or infinity"):
        sit(Fixed(scores), graph=graph, questions=[question()])


def test_a_split_without_questions_is_refused(graph):
    with pytest.raises(ValueError, match="there are no validation questions"):
        sit(Oracle(), split="validation", graph=graph, questions=[question()])
    with pytest.raises(ValueError, match="there are no test questions"):
        sit(Oracle(), graph=graph, questions=[])


def test_an_unknown_split_is_refused(graph):
    with pytest.raises(ValueError, match="unknown split 'tst'; there are validation, test"):
        sit(Oracle(), split="tst", graph=graph, questions=[question()])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([question(node_type="Person")], "'q': no node has the type 'Person'; tiny has .*; did you mean 'person'"),
        ([question(node_type=None)], "'q': 'node_type' must be a text"),
        ([question(relevant={})], "'q': a question without a right answer"),
        ([question(relevant={"f0": 0})], "'q': 'relevant' must give"),
        ([question(), question("other"), question()], "'q' is there twice"),
        ([question(relevant={"f0": 1, "f9": 1})], "'q': its right answer 'f9' is no node of tiny"),
        (
            [question(relevant={"p0": 1})],
            "'q': it asks for the type 'project', but its right answer 'p0' is a 'person'",
        ),
    ],
)
def test_a_question_that_could_only_score_zero_is_refused(graph, asked, message):
    with pytest.raises(ValueError, match=message):
        sit(Oracle(), graph=graph, questions=asked)


def test_only_questions_of_the_split_are_asked(graph):
    questions = [question("tune", split="validation"), question("report")]
    result = sit(Oracle(), split="validation", graph=graph, questions=questions)
    assert result.scores["question_id"].tolist() == ["tune"]
    assert result.split == "validation"


def test_methods_and_encoders_sit_alike(graph):
    compass = Compass()
    asked = [question("q1", {"f0": 1}, text="east"), question("q2", {"f2": 1}, text="unreadable")]
    result = sit(compass, graph=graph, questions=asked)
    assert (result.method, result.split) == ("compass", "test")
    assert result.scores["MRR"].tolist() == [1.0, 0.0]
    assert compass.fitted == [graph]
    sit(compass, graph=graph, questions=asked, fit=False)
    assert compass.fitted == [graph]


def test_vectors_for_too_few_nodes_are_refused(graph):
    compass = Compass()
    compass.nodes = compass.nodes[:5]
    with pytest.raises(ValueError, match=r"compass must give 1 × 8 numbers, gave shape \(1, 5\)"):
        sit(compass, graph=graph, questions=[question(text="east")])


# ---- any graph, any families -------------------------------------------------------------------------------------


@pytest.fixture
def rivers():
    """A graph without a film in it."""
    nodes = [(f"b{number}", "bridge", f"Bridge {number}", "") for number in range(4)]
    nodes += [("t0", "tunnel", "Old Tunnel", ""), ("t1", "tunnel", "New Tunnel", ""), ("r", "river", "Danube", "")]
    return KnowledgeGraph(*tables(nodes, [("b0", "crosses", "r"), ("t0", "runs below", "r")]), name="rivers")


def rivers_questions():
    asked = [question(f"b{n}", {f"b{n}": 1}, node_type="bridge", family="bridges", split="test") for n in range(3)]
    asked += [question("t", {"t0": 2, "t1": 1}, node_type="tunnel", family="tunnels")]
    return [*asked, question("v", {"t1": 1}, node_type="tunnel", family="tunnels", split="validation")]


@pytest.mark.parametrize("through", [sit, exam.sit])
def test_families_of_ones_own_get_a_full_summary(rivers, through):
    result = through(Oracle(), graph=rivers, questions=rivers_questions())
    summary = result.summary()
    assert summary["family"].tolist() == ["bridges", "tunnels", ALL] * 3
    assert summary["metric"].tolist() == [metric for metric in METRICS for _ in range(3)]
    assert summary["questions"].tolist() == [3, 1, 4] * 3
    assert (summary[["mean", "low", "high"]] == 1).all(axis=None)
    assert result.row().index.tolist() == ["bridges", "tunnels", ALL]
    assert result.row()["tunnels"] == "1.00 [1.00, 1.00]"
    tuned = through(Oracle(), graph=rivers, questions=rivers_questions(), split="validation")
    assert tuned.row().index.tolist() == ["tunnels", ALL]


def test_another_exam_does_not_enter_the_table_of_the_film_exam(rivers, monkeypatch):
    monkeypatch.setattr(exam.films, "_SAT", {})
    exam.sit(Oracle(), graph=rivers, questions=rivers_questions())
    assert exam.films._SAT == {}


def test_another_graph_is_not_asked_about_films(rivers):
    with pytest.raises(ValueError, match="not about rivers: pass questions="):
        exam.sit(Oracle(), graph=rivers)
    with pytest.raises(ValueError, match="there are no test questions"):
        exam.sit(Oracle(), graph=rivers, questions=[])


# ---- newcomers -----------------------------------------------------------------------------------------------------


@pytest.fixture
def newcomer_graph():
    """The tiny graph and somebody whom nobody could learn from, known for two of its films."""
    nodes = [*tiny_graph().nodes.itertuples(index=False, name=None), ("p2", "person", "Cy Moor", "")]
    edges = [*tiny_graph().edges.itertuples(index=False, name=None), ("p2", "Editor", "f2"), ("p2", "Editor", "f3")]
    return KnowledgeGraph(*tables(nodes, edges), name="tiny, with a newcomer")


class Watched(Compass):
    """Remembers which graphs it was fitted on and asked about, and which rows."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def encode_nodes(self, graph):
        self.asked.append((len(graph.nodes), None))
        return np.vstack([self.nodes, [[1.0, 0.0]]])[: len(graph.nodes)]

    def encode_some(self, graph, rows):
        self.asked.append((len(graph.nodes), list(rows)))
        return np.vstack([self.nodes, [[1.0, 0.0]]])[rows]


def test_newcomers_are_ranked_among_themselves_by_who_never_met_them(graph, newcomer_graph):
    questions = [
        question("old", {"p0": 1}, node_type="person"),
        question("new", {"p2": 1}, node_type="person", text="east"),
    ]
    method = Watched()
    scores = sit(method, graph=graph, questions=questions, newcomer_graph=newcomer_graph).scores
    assert scores.set_index("question_id")["MRR"]["new"] == 1
    assert method.fitted == [graph]
    assert method.asked == [(8, None), (9, [8])]


def test_who_is_asked_about_newcomers_alone_learns_from_the_training_graph(graph, newcomer_graph):
    method = Watched()
    sit(
        method,
        graph=graph,
        questions=[question("new", {"p2": 1}, node_type="person", text="east")],
        newcomer_graph=newcomer_graph,
    )
    assert method.fitted == [graph]


def test_known_nodes_and_newcomers_cannot_be_right_together(graph, newcomer_graph):
    both = question("both", {"p2": 1, "p0": 1}, node_type="person")
    with pytest.raises(ValueError, match="'both': its right answer 'p0' is known and others are newcomers"):
        sit(Oracle(), graph=graph, questions=[both], newcomer_graph=newcomer_graph)
    lost = question("lost", {"p9": 1}, node_type="person")
    with pytest.raises(ValueError, match=r"'lost': its right answer 'p9' is no node of tiny$"):
        sit(Oracle(), graph=graph, questions=[lost], newcomer_graph=newcomer_graph)


def test_a_question_about_newcomers_needs_their_graph(graph):
    with pytest.raises(ValueError, match=r"'new': its right answer 'p2' is no node of tiny; .* newcomer_graph="):
        sit(Oracle(), graph=graph, questions=[question("new", {"p2": 1}, node_type="person")])
    with pytest.raises(ValueError, match=r"no right answer of 'new' is in tiny; .* newcomer_graph="):
        answers(Oracle(), [question("new", {"p2": 1}, node_type="person")], graph)


def test_only_some_nodes_are_ranked_if_so_wished(graph):
    assert rank([question()], np.arange(8.0)[None], graph, among=["f1", "f3", "p0"])["q"] == ["f3", "f1"]


def test_a_sitting_measures_its_cost(graph):
    result = sit(Compass(), graph=graph, questions=[question(text="east")])
    assert result.cost.bytes_a_node == 16
    assert 0 <= result.cost.seconds < 5
    assert 0 <= result.cost.milliseconds < 5000
    assert result.sees == ""
