"""The exam: marks against rankings worked out by hand, and what a method may and may not hand in."""

import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest

from kgss_helpers import exam
from kgss_helpers.exam import ExamResult, difference, recorded, sit, table
from kgss_helpers.exam.films import FAMILIES
from kgss_helpers.exam.results import ALL, METRICS
from kgss_helpers.exam.sitting import rank
from kgss_helpers.files import slug
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.baselines import Popularity, Random, WordMatch
from kgss_helpers.methods.protocol import answer, scores_of
from kgss_helpers.question import Question

NODES = pd.DataFrame(
    [(f"f{number}", "project", f"Film {number}") for number in range(6)]
    + [("p0", "person", "Ada Quill"), ("p1", "person", "Bo Ray")],
    columns=["node_id", "node_type", "name"],
)
EDGES = pd.DataFrame(
    [("p0", "Director", "f0"), ("p0", "Director", "f1"), ("p1", "Actor", "f1")],
    columns=["source", "relation", "target"],
)
LETTERS = [f"n{number:03}" for number in range(150)]


@pytest.fixture
def graph():
    return KnowledgeGraph(NODES, EDGES, name="tiny")


@pytest.fixture(autouse=True)
def nobody_has_sat_yet(monkeypatch):
    monkeypatch.setattr(exam, "_SAT", {})


def question(name="q", relevant=None, *, node_type="project", **further):
    further = {"family": "plot", "split": "test", "text": f"what of {name}?"} | further
    return Question(
        question_id=name, node_type=node_type, relevant={"f0": 1} if relevant is None else relevant, **further
    )


class Fixed:
    """A method that hands in prepared scores."""

    def __init__(self, scores, name="fixed"):
        self.scores, self.name = scores, name

    def score(self, _questions, _graph):
        return self.scores


class Oracle:
    """Knows the right answers; its opposite ranks them last."""

    def __init__(self, sign=1):
        self.name, self.sign = f"oracle {sign}", sign

    def score(self, questions, graph):
        rows = np.zeros((len(questions), len(graph.nodes)))
        for row, asked in enumerate(questions):
            for node_id, grade in asked.relevant.items():
                rows[row, graph.position(node_id)] = self.sign * grade
        return rows


class Compass:
    """An encoder with a direction for each word it knows; zeros for a text it cannot read."""

    name = "compass"

    def __init__(self, nodes, texts):
        self.nodes, self.texts, self.fitted, self.encoded = np.asarray(nodes, float), texts, [], 0

    def fit(self, graph):
        self.fitted.append(graph)
        return self

    def encode_nodes(self, _graph):
        self.encoded += 1
        return self.nodes

    def encode_queries(self, texts):
        return np.array([self.texts.get(text, [0.0, 0.0]) for text in texts])


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
def test_marks_worked_out_by_hand(relevant, ranking, expected):
    marks = mark([question(relevant=relevant)], {"q": ranking})
    assert list(marks.columns) == ["question_id", "family", *METRICS]
    assert marks[list(METRICS)].iloc[0].tolist() == pytest.approx(expected)
    assert by_hand(relevant, ranking) == pytest.approx(expected)


def test_marks_of_random_rankings_are_those_of_the_formulas():
    rng = np.random.default_rng(0)
    questions, ranking = [], {}
    for number in range(40):
        right = rng.choice(LETTERS, rng.integers(1, 30), replace=False)
        questions.append(question(f"q{number}", {node: int(rng.integers(1, 3)) for node in right}))
        ranking[f"q{number}"] = rng.permutation(LETTERS)[: rng.integers(0, 101)].tolist()
    marks = mark(questions, ranking)
    expected = [by_hand(asked.relevant, ranking[asked.question_id]) for asked in questions]
    assert marks["question_id"].tolist() == [asked.question_id for asked in questions]
    assert marks[list(METRICS)].to_numpy() == pytest.approx(np.array(expected))


def test_a_question_that_nobody_ranked_gets_zeros_and_keeps_its_place():
    marks = mark([question("q1"), question("q2", family="alike"), question("q3")], {"q3": ["f0"], "q1": []})
    assert marks[["question_id", "family", "MRR"]].to_numpy().tolist() == [
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
    assert rank([question(node_type="keyword")], scores, graph)["q"] == []


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
    graph = KnowledgeGraph(nodes, EDGES.iloc[:0])
    ranking = rank([question(relevant={LETTERS[0]: 1})], np.zeros((1, 150)), graph)["q"]
    assert len(ranking) == exam.RANKED == 100
    assert ranking != sorted(ranking)
    assert 30 < sum(LETTERS.index(node) < 75 for node in ranking) < 70


def test_a_node_to_leave_out_that_is_not_there_is_named(graph):
    with pytest.raises(KeyError, match="nobody"):
        rank([question(exclude=("nobody",))], np.zeros((1, 8)), graph)


# ---- intervals ---------------------------------------------------------------------------------------------------


def test_an_interval_contains_its_mean_and_is_reproducible():
    sample = np.random.default_rng(0).random(60)
    mean, low, high = interval([sample])
    assert mean == pytest.approx(sample.mean())
    assert low < mean < high
    assert interval([sample]) == (mean, low, high)
    assert interval([sample], seed=1) != (mean, low, high)
    # About 1.96 standard errors on each side: what the normal approximation says.
    error = sample.std(ddof=1) / math.sqrt(60)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_families_count_the_same_however_many_questions_they_have():
    mean, low, high = interval([np.array([1.0, 0.0] * 100), np.array([0.0, 0.0])])
    assert mean == pytest.approx(0.25)
    assert 0.2 < low < 0.25 < high < 0.3


def marked(method, values, family="plot"):
    marks = pd.DataFrame({"question_id": [f"q{row}" for row in range(len(values))], "family": family})
    return ExamResult(method, "test", marks.assign(**dict.fromkeys(METRICS, values)))


def test_a_difference_is_taken_question_by_question():
    easy_and_hard = np.array([0.0, 1.0] * 20)
    better = marked("better", easy_and_hard * 0.9 + 0.1)
    other = marked("other", easy_and_hard * 0.9)
    shuffled = ExamResult("other", "test", other.marks.sample(frac=1, random_state=0))
    assert difference(better, shuffled, "plot") == pytest.approx((0.1, 0.1, 0.1))
    assert difference(other, better, "plot", "MRR") == pytest.approx((-0.1, -0.1, -0.1))


def test_results_that_answered_other_questions_are_not_compared():
    with pytest.raises(ValueError, match="did not answer the same questions of 'plot'"):
        difference(marked("a", [0.0, 1.0]), marked("b", [0.0, 1.0, 1.0]), "plot")
    with pytest.raises(ValueError, match="did not answer the same questions of 'credit'"):
        difference(marked("a", [0.0]), marked("b", [1.0]), "credit")
    with pytest.raises(ValueError, match="unknown metric 'F1'"):
        difference(marked("a", [0.0]), marked("b", [1.0]), "plot", "F1")


def test_more_questions_make_a_narrower_interval():
    few, many = np.array([0.0, 1.0] * 5), np.array([0.0, 1.0] * 500)
    assert np.ptp(interval([many])[1:]) < np.ptp(interval([few])[1:]) / 5


@pytest.mark.parametrize("sample", [[0.0, 0.0, 0.0], [1.0], [0.3, 0.3]])
def test_where_nothing_varies_the_interval_is_the_mean(sample):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert interval([np.array(sample)]) == (sample[0],) * 3


def test_a_family_with_one_question_does_not_hide_how_the_others_vary():
    mean, low, high = interval([np.array([0.5]), np.array([0.0, 1.0] * 10)])
    assert mean == 0.5
    assert low < 0.45
    assert high > 0.55


# ---- sitting -----------------------------------------------------------------------------------------------------


def test_who_knows_the_answers_gets_full_marks_and_who_turns_them_round_none(graph):
    questions = [
        question("one", {"f1": 1}),
        question("two", {"f0": 1, "f3": 1}, family="credit", exclude=("f5",)),
        question("graded", {"f0": 1, "f3": 2}, family="alike", anchor="f1"),
        question("who", {"p1": 1}, node_type="person", family="role and genre"),
    ]
    marks = sit(Oracle(), graph=graph, questions=questions).marks
    assert marks["nDCG@10"].tolist() == [1.0] * 4
    assert marks["recall@10"].tolist() == [1.0] * 4
    assert marks["MRR"].tolist() == [1.0] * 4


def test_the_films_exam_can_be_passed_and_failed():
    best = sit(Oracle()).marks
    worst = sit(Oracle(-1)).marks
    assert set(best["family"]) == set(FAMILIES)
    assert best["nDCG@10"].to_numpy() == pytest.approx(1)
    assert best["MRR"].to_numpy() == pytest.approx(1)
    assert worst[list(METRICS)].eq(0).all(axis=None)


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


def test_only_questions_of_the_split_are_asked(graph):
    questions = [question("tune", split="validation"), question("report")]
    result = sit(Oracle(), split="validation", graph=graph, questions=questions)
    assert result.marks["question_id"].tolist() == ["tune"]
    assert result.split == "validation"


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


# ---- encoders ----------------------------------------------------------------------------------------------------


@pytest.fixture
def compass():
    nodes = [[1, 0], [0.8, 0.6], [0, 1], [-1, 0], [0, -1], [0.6, 0.8], [1, 0], [0, 1]]
    return Compass(nodes, {"east": [1.0, 0.0], "north": [0.0, 1.0]})


def test_an_encoder_is_asked_by_dot_product(graph, compass):
    scores = scores_of(compass, [question(text="east"), question(text="north")], graph)
    assert scores == pytest.approx(compass.nodes.T)
    assert compass.fitted == [graph]
    assert rank([question()], scores[:1], graph)["q"][:3] == ["f0", "f1", "f5"]


def test_an_encoder_that_is_trained_already_is_not_fitted(graph, compass):
    sit(compass, graph=graph, questions=[question(text="east")], fit=False)
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
    assert sit(compass, graph=graph, questions=asked).marks["MRR"].tolist() == [0.0, 1.0]


def test_vectors_for_too_few_nodes_are_refused(graph, compass):
    compass.nodes = compass.nodes[:5]
    with pytest.raises(ValueError, match=r"compass must give 1 × 8 numbers, gave shape \(1, 5\)"):
        sit(compass, graph=graph, questions=[question(text="east")])


def test_methods_and_encoders_are_told_apart(compass):
    assert isinstance(Random(), exam.Method)
    assert not isinstance(Random(), exam.Encoder)
    assert isinstance(compass, exam.Encoder)
    assert not isinstance(compass, exam.Method)


# ---- results -----------------------------------------------------------------------------------------------------


@pytest.fixture
def result():
    marks = pd.DataFrame(
        {
            "question_id": ["a", "b", "c", "d"],
            "family": ["plot", "plot", "credit", "credit"],
            "nDCG@10": [0.0, 1.0, 0.25, 0.25],
            "recall@10": [0.0, 1.0, 0.5, 0.5],
            "MRR": [0.123456, 1.0, 0.2, 0.2],
        }
    )
    return ExamResult("My method (v2)", "test", marks)


def test_a_summary_has_each_family_and_their_mean(result):
    summary = result.summary()
    assert list(summary.columns) == ["family", "metric", "mean", "low", "high", "questions"]
    ndcg = summary[summary["metric"] == "nDCG@10"].set_index("family")
    assert ndcg.index.tolist() == ["credit", "plot", ALL]
    assert ndcg["mean"].tolist() == [0.25, 0.5, 0.375]
    assert ndcg["questions"].tolist() == [2, 2, 4]
    assert (ndcg["low"] <= ndcg["mean"]).all()
    assert (ndcg["mean"] <= ndcg["high"]).all()
    assert summary["metric"].unique().tolist() == list(METRICS)


def test_a_row_reads_mean_and_interval(result):
    row = result.row("recall@10")
    assert row.name == "My method (v2)"
    assert row["credit"] == "0.50 [0.50, 0.50]"
    assert row["plot"] == "0.50 [0.00, 1.00]"
    assert row.index.tolist() == ["credit", "plot", ALL]


def test_results_are_saved_and_read_again(result, tmp_path):
    path = result.save(tmp_path / "new")
    assert path == tmp_path / "new" / "my-method-v2.test.json"
    (again,) = recorded(tmp_path / "new")
    assert (again.method, again.split) == (result.method, result.split)
    pd.testing.assert_frame_equal(again.marks, result.marks.round(4))
    result.save(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == [path]


def test_nothing_is_recorded_in_an_empty_folder(tmp_path):
    assert recorded(tmp_path) == []


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("method", [Random(), Popularity(), WordMatch()], ids=lambda method: slug(method.name))
def test_recorded_results_are_what_a_fresh_sitting_gives(method, split):
    (kept,) = [found for found in recorded() if (found.method, found.split) == (method.name, split)]
    fresh = sit(method, split=split).marks
    pd.testing.assert_frame_equal(kept.marks, fresh.assign(**fresh[list(METRICS)].round(4)))


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
    return ExamResult(name, split, marks.assign(**{metric: float(value) for metric in METRICS}))


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
    assert answer(compass, "east", graph, node_type="keyword").empty


def test_an_answer_holds_a_hundred_at_most():
    nodes = pd.DataFrame({"node_id": LETTERS, "node_type": "project", "name": LETTERS})
    assert len(answer(Random(), "anything", KnowledgeGraph(nodes, EDGES.iloc[:0]))) == 100


def test_asking_does_not_count_as_sitting(graph, compass):
    answer(compass, "east", graph, fit=False)
    assert compass.fitted == []
    assert exam._SAT == {}


# ---- the command -------------------------------------------------------------------------------------------------


def test_the_command_prints_the_table(capsys):
    assert exam.main(["--metric", "MRR", "--split", "validation"]) == 0
    printed = capsys.readouterr().out
    assert printed == table("MRR", split="validation").to_string() + "\n"
    assert "word match (BM25)" in printed


def test_the_command_refuses_what_it_does_not_know(capsys):
    with pytest.raises(SystemExit):
        exam.main(["--metric", "F1"])
    assert "F1" in capsys.readouterr().err


def test_renewing_writes_what_is_already_there(tmp_path, monkeypatch, capsys):
    """The committed questions are those of the committed graph and code; so are the results, as tested above."""
    questions = tmp_path / "exam.jsonl"
    monkeypatch.setattr(exam, "QUESTIONS", questions)
    monkeypatch.setattr(ExamResult.save, "__defaults__", (tmp_path / "results",))
    assert exam.main(["--renew"]) == 0
    assert "random" in capsys.readouterr().out
    assert questions.read_bytes() == (exam.DATA / "exam.jsonl").read_bytes()
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert len(written) == 6
    assert written <= {path.name for path in exam.RESULTS.iterdir()}


def test_a_damaged_result_is_named(tmp_path):
    (tmp_path / "broken.test.json").write_text('{"method": "x"}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"broken\.test\.json is no result of the exam"):
        exam.recorded(tmp_path)
