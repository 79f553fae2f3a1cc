"""Notebook 13's tables: gains are paired, what is not recorded is named, a change of agreement is what SciPy says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from kgss_helpers.chapters import ch13_recipes as recipes
from kgss_helpers.exam.films import FAMILIES
from kgss_helpers.exam.results import METRICS, ExamResult
from kgss_helpers.runs.tuned import word_pairs

RNG = np.random.default_rng(0)


def result(name: str, level: float, **better: float) -> ExamResult:
    """About the same score everywhere, and another one in some families (spaces as underscores)."""
    rows = [
        (f"{family}-{number}", family, "", np.clip(better.get(family.replace(" ", "_"), level) + noise, 0, 1))
        for family in FAMILIES
        for number, noise in enumerate(RNG.normal(0, 0.02, 20))
    ]
    scores = pd.DataFrame(rows, columns=["question_id", "family", "variant", METRICS[0]])
    return ExamResult(name, "validation", scores.assign(**dict.fromkeys(METRICS, scores[METRICS[0]])))


@pytest.fixture(scope="module")
def found() -> dict[str, ExamResult]:
    names = [recipes.setting_of_size(size, equal) for size in recipes.SIZES for equal in recipes.EQUAL]
    levels = {name: 0.2 + 0.01 * number for number, name in enumerate(dict.fromkeys(names))}
    return {name: result(name, level, role_and_genre=0.5) for name, level in levels.items()}


def test_a_gain_is_paired_and_each_family_counts_the_same() -> None:
    first, second = result("a", 0.3, keyword=0.9), result("b", 0.3)
    of_all = recipes.gain(first, second)
    assert of_all.mean == pytest.approx(0.6 / len(FAMILIES), abs=0.01)
    assert recipes.gain(first, second, ["keyword"]).mean == pytest.approx(0.6, abs=0.02)
    assert of_all.low < of_all.mean < of_all.high


def test_gains_are_shown_with_their_signs(found: dict[str, ExamResult]) -> None:
    names = [name for name in found if name != recipes.BASE]
    by_role, by_all = recipes.against(found, names, families=["role and genre"]), recipes.against(found, names)
    shown = recipes.verdicts(by_role, by_all, names=["one", "all"])
    assert shown.index.tolist() == names
    assert shown["all"].str.fullmatch(r"[+-]\d\.\d\d \[[+-]\d\.\d\d, [+-]\d\.\d\d\]").all()


def test_sizes_stand_at_equal_steps_and_at_equal_rows(found: dict[str, ExamResult]) -> None:
    tables = recipes.by_size(found)
    assert list(tables) == list(recipes.EQUAL)
    for table in tables.values():
        assert table.index.tolist() == list(recipes.SIZES)
        assert (table["low"] <= table["mean"]).all()
    assert tables["equal steps"].loc[128].equals(tables["equal rows"].loc[128])


def test_lengths_are_those_of_the_nested_loss() -> None:
    cut = {recipes.shortened_name("x", length): result("x", length / 1000) for length in recipes.LENGTHS}
    table = recipes.by_length(cut, ["x"])["x"]
    assert table.index.tolist() == list(recipes.LENGTHS)
    assert table["mean"].is_monotonic_decreasing


@pytest.mark.parametrize("same", [True, False])
def test_each_panel_has_its_lines_and_a_legend(found: dict[str, ExamResult], same: bool) -> None:
    import matplotlib.pyplot as plt

    tables = recipes.by_size(found)
    other = tables if same else {"a series": tables["equal rows"]["mean"]}
    figure = recipes.lines({"one": tables, "two": other}, x_label="rows", y_label="score", even=not same)
    one, two = figure.axes
    assert (one.get_title(), one.get_xlabel(), one.get_ylabel()) == ("one", "rows", "score")
    assert len(two.lines) == len(other)
    assert [tick.get_text() for tick in one.get_xticklabels()] == [str(size) for size in recipes.SIZES]
    assert bool(figure.legends) == same
    assert (two.get_legend() is None) == same
    plt.close(figure)


def test_what_is_not_recorded_is_named_with_its_command(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'untuned' is not recorded.*runs\.ablations"):
        recipes.settings(tmp_path)
    result("documents, seed 0", 0.5).save(tmp_path)
    with pytest.raises(ValueError, match=r"documents, seed 1, documents, seed 2: not recorded.*runs\.tuned"):
        recipes.of_seeds("documents", "validation", tmp_path)


def test_all_seeds_are_read(tmp_path: Path) -> None:
    for seed in recipes.SEEDS:
        result(f"documents, seed {seed}", 0.5).save(tmp_path)
    assert list(recipes.of_seeds("documents", "validation", tmp_path)) == ["seed 0", "seed 1", "seed 2"]


def test_a_change_of_agreement_is_the_difference_of_spearmans_correlations() -> None:
    judged = RNG.integers(0, 10, 120).astype(float)
    before, after = judged + RNG.normal(0, 2, 120), judged + RNG.normal(0, 9, 120)
    change = recipes.agreement_lost(judged, before, after)
    expected = spearmanr(judged, after).statistic - spearmanr(judged, before).statistic
    assert change.mean == pytest.approx(expected)
    assert change.low < change.mean < change.high < 0
    assert recipes.agreement_lost(judged, before, before).mean == 0


def test_word_pairs_are_as_many_as_published() -> None:
    sizes = {name: len(word_pairs(name)) for name in ("WordSim-353", "SimLex-999")}
    assert sizes == {"WordSim-353": 353, "SimLex-999": 999}


def test_one_way_of_a_table_is_taken_out() -> None:
    table = pd.DataFrame(
        {"scale": [0.0, 0.0, 1.0], "split": "validation", "way": ["a", "b", "a"], "keyword": [0.1, 0.2, 0.3]}
    )
    assert recipes.kept_of(table, "scale", "a", ["keyword"])["keyword"].to_dict() == {0.0: 0.1, 1.0: 0.3}
