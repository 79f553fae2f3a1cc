"""Results: their summary, their row, and that they come back from their file."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import result_of

from kgss_helpers.exam import ExamResult, difference, recorded
from kgss_helpers.exam.results import ALL, EDITION, METRICS, Cost
from kgss_helpers.exam.statistics import mean_interval

# ---- results -----------------------------------------------------------------------------------------------------


@pytest.fixture
def result():
    scores = pd.DataFrame(
        {
            "question_id": ["a", "b", "c", "d"],
            "family": ["plot", "plot", "credit", "credit"],
            "variant": "",
            "nDCG@10": [0.0, 1.0, 0.25, 0.25],
            "recall@10": [0.0, 1.0, 0.5, 0.5],
            "MRR": [0.123456, 1.0, 0.2, 0.2],
        }
    )
    return ExamResult("My method (v2)", "test", scores)


def test_a_summary_has_each_family_and_their_mean(result):
    summary = result.summary()
    assert list(summary.columns) == ["family", "metric", "mean", "low", "high", "questions"]
    ndcg = summary[summary["metric"] == "nDCG@10"].set_index("family")
    assert ndcg.index.tolist() == ["plot", "credit", ALL]
    assert ndcg["mean"].tolist() == [0.5, 0.25, 0.375]
    assert ndcg["questions"].tolist() == [2, 2, 4]
    assert (ndcg["low"] <= ndcg["mean"]).all()
    assert (ndcg["mean"] <= ndcg["high"]).all()
    assert summary["metric"].unique().tolist() == list(METRICS)


def test_a_row_reads_mean_and_interval(result):
    row = result.row("recall@10")
    assert row.name == "My method (v2)"
    assert row["credit"] == "0.50 [0.50, 0.50]"
    assert row["plot"] == "0.50 [0.00, 1.00]"
    assert row.index.tolist() == ["plot", "credit", ALL]


def test_results_are_saved_and_read_again(result, tmp_path):
    path = result.save(tmp_path / "new")
    assert path == tmp_path / "new" / "my-method-v2.test.json"
    (again,) = recorded(tmp_path / "new")
    assert (again.method, again.split) == (result.method, result.split)
    pd.testing.assert_frame_equal(again.scores, result.scores.round(4))
    result.save(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == [path]


def test_cost_and_what_is_seen_are_kept(result, tmp_path):
    dear = replace(result, sees="names", cost=Cost(12.34, 1536.0, 0.56))
    dear.save(tmp_path)
    (again,) = recorded(tmp_path)
    assert (again.cost, again.sees, again.edition) == (dear.cost, "names", EDITION)
    assert again.cost_row().to_dict() == {
        "seconds": "12.3",
        "bytes a node": "1,536",
        "ms a question": "0.6",
        "sees": "names",
    }
    assert set(result.cost_row()) == {""}


def test_what_is_neither_learned_nor_kept_costs_nothing_beforehand(result):
    shown = replace(result, cost=Cost(0.0, 0.0, 8.04)).cost_row()
    assert shown.to_dict() == {"seconds": "", "bytes a node": "", "ms a question": "8.0", "sees": ""}


def test_another_methods_file_is_not_overwritten(result, tmp_path):
    path = replace(result, method="shared words").save(tmp_path)
    kept = path.read_bytes()
    with pytest.raises(
        ValueError, match=r"shared-words\.test\.json holds the result of 'shared words', not of 'Shared"
    ):
        replace(result, method="Shared  Words!").save(tmp_path)
    assert path.read_bytes() == kept
    path.write_text("{cut", encoding="utf-8")
    assert replace(result, method="Shared  Words!").save(tmp_path) == path


def test_a_result_of_another_edition_is_refused_by_name(result, tmp_path):
    replace(result, edition=1).save(tmp_path)
    with pytest.raises(
        ValueError, match=r"^my-method-v2\.test\.json is a result of edition 1 .* sit again, or .*edition=1"
    ):
        recorded(tmp_path)
    assert [kept.edition for kept in recorded(tmp_path, edition=1)] == [1]


def test_a_file_without_an_edition_is_of_the_first(result, tmp_path):
    path = result.save(tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["edition"], content["cost"], content["sees"], content["scores"]["variant"]
    path.write_text(json.dumps(content), encoding="utf-8")
    (again,) = recorded(tmp_path, edition=1)
    pd.testing.assert_frame_equal(again.scores, result.scores.round(4))


def test_variants_count_in_no_family(result):
    spelt = result.scores.assign(variant=["", "", "", "misspelt-1"])
    mixed = replace(result, scores=spelt)
    assert mixed.by_family()["credit"].index.tolist() == ["c"]
    assert mixed.by_family(variant="misspelt-1")["credit"].index.tolist() == ["d"]
    assert mixed.summary().set_index("family")["questions"].to_dict() == {"plot": 2, "credit": 1, ALL: 3}
    assert mixed.variant_row("MRR").to_dict() == {"as written": "0.20 [0.20, 0.20]", "misspelt-1": "0.20 [0.20, 0.20]"}
    assert result.variant_row().empty
    assert mixed.variant_families() == ("credit",)
    assert mixed.mean_as_written("MRR") == pytest.approx(0.2)
    assert (result.variant_families(), result.mean_as_written()) == ((), float("-inf"))


def test_nothing_is_recorded_in_an_empty_folder(tmp_path):
    assert recorded(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "7",
        '{"method": "x"}',
        '{"method": "x", "split": "test", "scores": 7}',
        '{"method": "x", "split": "test", "scores": {"question_id": ["a"], "family": ["plot"], "MRR": [1.0]}}',
        '{"method": "x", "split": "test", "scores": {"question_id": ["a"], "family": ["plot", "plot"]}}',
        '{"method": "x", "split": "test", "scores": {"question_id": ["a"], "family": ["plot"], "nDCG@10": ["high"], '
        '"recall@10": [1.0], "MRR": [1.0]}}',
        '{"method": "x", "split": "test", "scores": {"question_id": ["a"], "family": ["plot"], "nDCG@10": [NaN], '
        '"recall@10": [1.0], "MRR": [1.0]}}',
        '{"method": "x", "split": "train", "scores": {"question_id": ["a"], "family": ["plot"], "nDCG@10": [1.0], '
        '"recall@10": [1.0], "MRR": [1.0]}}',
        "null",
        "[" * 100_000,
        "\x00\x00",
        '{"method": "x", "split": "test", "scores": {}}',
        '{"method": "x", "split": "test", "scores": null}',
    ],
)
def test_a_damaged_result_is_named(tmp_path, result, content):
    result.save(tmp_path)
    (tmp_path / "broken.test.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"^broken\.test\.json is no result of the exam \(.*let the method sit again"):
        recorded(tmp_path)


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("nDCG@10", [7.0, 1.0], "nDCG@10 of a is 7.0"),
        ("MRR", [0.5, -0.1], "MRR of b is -0.1"),
        ("recall@10", [float("inf"), 1.0], "recall@10 of a is inf"),
        ("recall@10", [None, 1.0], "recall@10 of a is nan"),
        ("question_id", ["a", "a"], "a has two scores"),
        ("question_id", ["a", 7], "question_id is 7"),
        ("family", ["plot", ""], "family is ''"),
        ("variant", ["", None], "variant is"),
        ("method", "", "method is ''"),
        ("method", 7, "method is 7"),
        ("sees", ["names"], r"sees is \['names'\]"),
        ("edition", "2", "edition is '2'"),
        ("edition", True, "edition is True"),
        ("split", None, "unknown split None"),
        ("cost", {"seconds": 1.0}, "bytes_a_node"),
        ("cost", {"seconds": -1.0, "bytes_a_node": 0, "milliseconds": float("nan")}, "no seconds, milliseconds"),
        ("cost", {"seconds": "1", "bytes_a_node": 0, "milliseconds": 0}, "no seconds"),
    ],
)
def test_a_value_that_no_sitting_gives_is_named(tmp_path, part, value, said):
    scores = {"question_id": ["a", "b"], "family": ["plot", "plot"], "variant": ["", ""]}
    scores |= {metric: [0.5, 1.0] for metric in METRICS}
    content = {"method": "x", "split": "test", "edition": EDITION, "sees": "", "cost": None, "scores": scores}
    (tmp_path / "x.test.json").write_text(json.dumps(content), encoding="utf-8")
    assert len(recorded(tmp_path)) == 1
    (scores if part in scores else content)[part] = value
    (tmp_path / "x.test.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"x\.test\.json is no result of the exam \(.*{said}"):
        recorded(tmp_path)


def test_a_folder_in_a_results_place_is_named(tmp_path):
    (tmp_path / "x.test.json").mkdir()
    with pytest.raises(ValueError, match=r"x\.test\.json is no result"):
        recorded(tmp_path)


def test_scores_come_by_family_in_the_order_in_which_they_were_asked(result):
    by_family = result.by_family("recall@10")
    assert list(by_family) == ["plot", "credit"]
    assert by_family["plot"].to_dict() == {"a": 0.0, "b": 1.0}
    assert by_family["credit"].to_dict() == {"c": 0.5, "d": 0.5}


def test_an_interval_is_of_one_family_or_of_all(result):
    assert result.interval("plot") == mean_interval([0.0, 1.0])
    assert result.interval() == mean_interval([0.0, 1.0], [0.25, 0.25])
    assert result.interval("credit", "recall@10") == (0.5, 0.5, 0.5)


def test_what_was_not_asked_or_measured_is_said(result):
    with pytest.raises(ValueError, match=r"answered no question of 'alike'; there are plot, credit"):
        result.interval("alike")
    for ask in (result.by_family, result.row, lambda metric: result.interval("plot", metric)):
        with pytest.raises(ValueError, match=r"unknown metric 'F1'; there are nDCG@10, recall@10, MRR"):
            ask("F1")


# ---- differences -------------------------------------------------------------------------------------------------


def test_a_difference_is_taken_question_by_question():
    easy_and_hard = np.array([0.0, 1.0] * 20)
    better = result_of("better", easy_and_hard * 0.9 + 0.1)
    other = result_of("other", easy_and_hard * 0.9)
    shuffled = ExamResult("other", "test", other.scores.sample(frac=1, random_state=0))
    assert difference(better, shuffled, "plot") == pytest.approx((0.1, 0.1, 0.1))
    assert difference(other, better, "plot", "MRR") == pytest.approx((-0.1, -0.1, -0.1))


def test_results_that_answered_other_questions_are_not_compared():
    with pytest.raises(ValueError, match="did not answer the same questions of 'plot'"):
        difference(result_of("a", [0.0, 1.0]), result_of("b", [0.0, 1.0, 1.0]), "plot")
    with pytest.raises(ValueError, match="did not answer the same questions of 'credit'"):
        difference(result_of("a", [0.0]), result_of("b", [1.0]), "credit")
    with pytest.raises(ValueError, match="unknown metric 'F1'"):
        difference(result_of("a", [0.0]), result_of("b", [1.0]), "plot", "F1")


def test_a_difference_is_the_interval_of_the_differences():
    rng = np.random.default_rng(0)
    one, other = rng.random(50), rng.random(50)
    found = difference(result_of("one", one), result_of("other", other), "plot", "recall@10")
    assert found == mean_interval(one - other)


def test_a_difference_looks_at_its_family_alone():
    families = ["plot", "alike"] * 10
    one, other = result_of("one", [1.0, 0.0] * 10, families), result_of("other", [0.5, 0.9] * 10, families)
    assert difference(one, other, "plot") == (0.5, 0.5, 0.5)
    assert difference(one, other, "alike") == pytest.approx((-0.9, -0.9, -0.9))
