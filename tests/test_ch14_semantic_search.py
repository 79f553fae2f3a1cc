"""Notebook 14's tables: who is best is chosen on validation, differences are paired, cheap means measured."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from kgss_helpers.chapters import ch14_figures as figures
from kgss_helpers.chapters import ch14_semantic_search as chapter
from kgss_helpers.exam.films import FAMILIES
from kgss_helpers.exam.results import METRICS, Cost, ExamResult
from kgss_helpers.exam.statistics import Interval

RNG = np.random.default_rng(0)
EACH = 30


def result(name, level, cost=None, split="test", **better):
    """A row with about the same score everywhere, and another one in some families (spaces as underscores)."""
    rows = [
        (f"{family}-{number}", family, "", np.clip(better.get(family.replace(" ", "_"), level) + noise, 0, 1))
        for family in FAMILIES
        for number, noise in enumerate(RNG.normal(0, 0.02, EACH))
    ]
    scores = pd.DataFrame(rows, columns=["question_id", "family", "variant", METRICS[0]])
    return ExamResult(name, split, scores.assign(**dict.fromkeys(METRICS, scores[METRICS[0]])), cost=cost)


def every_row(split):
    """All rows of the notebook, low, with three that are good at something."""
    good = {
        "soft structured query": {"role_and_genre": 0.9, "other_words": 0.3},
        "learned proximity, years too": {"credit": 0.5},
        "MiniLM, descriptions and documents": {"plot": 0.5},
        chapter.SYSTEM: {family.replace(" ", "_"): 0.6 for family in FAMILIES},
    }
    names = [name for names in chapter.KINDS.values() for name in names]
    return {name: result(name, 0.1, Cost(1, 0, 1), split, **good.get(name, {})) for name in names}


@pytest.fixture(scope="module")
def test_rows():
    return every_row("test")


@pytest.fixture(scope="module")
def seen_rows():
    return every_row("validation")


def test_a_row_that_is_not_recorded_is_named_with_its_command(monkeypatch):
    found = every_row("test")
    monkeypatch.setattr(chapter, "results", lambda split: list(found.values()))
    assert list(chapter.rows()) == list(found)
    del found["TF-IDF"]
    with pytest.raises(ValueError, match=r"'TF-IDF' is not recorded.*python -m"):
        chapter.rows()


def test_every_kind_has_its_command_and_every_step_its_row():
    assert set(chapter.RENEWED_BY) == set(chapter.KINDS)
    known = {name for names in chapter.KINDS.values() for name in names}
    assert {name for _, name in chapter.LADDER} <= known
    assert {name for name in chapter.SHORT if not name.startswith(chapter.OTHERS_TOGETHER)} <= known
    assert len({chapter.short(name) for name in known}) == len(known)
    assert {family for families in chapter.NEEDS.values() for family in families} == set(FAMILIES)


def test_the_mean_counts_each_family_the_same(test_rows):
    table = chapter.means(test_rows)
    assert list(table) == [*FAMILIES, "mean"]
    assert np.allclose(table[list(FAMILIES)].mean(axis=1), table["mean"])
    assert np.isclose(table.loc[chapter.SYSTEM, "mean"], chapter.mean_of(test_rows[chapter.SYSTEM]))


def test_winners_are_chosen_on_validation_among_single_methods(seen_rows, test_rows):
    table = chapter.winners(seen_rows, test_rows)
    assert table.loc["credit", "method"] == "learned proximity"
    assert table.loc["plot", "kind"] == "texts, untuned"
    assert not table["method"].isin([chapter.short(chapter.SYSTEM)]).any()


def test_the_system_is_better_worse_or_as_good_by_the_interval(seen_rows, test_rows):
    found = chapter.against_best(chapter.SYSTEM, seen_rows, test_rows)
    assert list(found) == [*FAMILIES, "all families"]
    said = chapter.beside_best(found)["the system is"]
    assert said["role and genre"] == "worse"
    assert said["theme"] == said["all families"] == "better"
    assert chapter.verdict(Interval(0.01, -0.01, 0.02)) == "as good"


def test_other_readers_are_out_of_reach(seen_rows, test_rows):
    far = {name for name in test_rows if name not in chapter.within_reach(test_rows)}
    beyond = ("mpnet", "averaged", chapter.WEIGHED)
    assert far == {name for name in test_rows if any(part in name for part in beyond)}
    assert {"mpnet, names", "soft structured query, mpnet reader", "averaged weights, documents"} <= far
    better = dict(test_rows) | {"mpnet, names": result("mpnet, names", 0.1, keyword=0.9)}
    seen = dict(seen_rows) | {"mpnet, names": result("mpnet, names", 0.1, split="validation", keyword=0.9)}
    assert chapter.against_best(chapter.SYSTEM, seen, better)["keyword"][0] == "mpnet, names"
    found = chapter.against_best(chapter.SYSTEM, *map(chapter.within_reach, (seen, better)))
    assert chapter.verdict(found["keyword"][3]) == "better"


def test_rows_that_share_vectors_are_charged_with_reading_them(seen_rows, test_rows):
    names = ("mpnet, names", "mpnet, documents")
    seen = seen_rows | {names[0]: result(names[0], 0.1, Cost(50, 4, 20), "validation")}
    found = test_rows | {names[1]: result(names[1], 0.1, Cost(0, 8, 0.5))}
    paid = chapter.charged(seen, found)
    assert [paid[name].cost for name in names] == [Cost(50, 0, 20), Cost(50, 8, 20)]
    assert paid["tuned, names"].cost == found["tuned, names"].cost
    assert paid["TF-IDF"] is found["TF-IDF"]


def test_a_difference_over_families_is_paired(test_rows):
    one = test_rows["TF-IDF"]
    assert chapter.gain(one, one) == (0, 0, 0)
    shuffled = dataclasses.replace(one, scores=one.scores.sample(frac=1, random_state=1))
    assert np.allclose(chapter.gain(one, shuffled), 0)


def test_the_ladder_has_a_row_for_each_step(test_rows):
    table = chapter.ladder(test_rows)
    assert table["step"].tolist() == [step for step, _ in chapter.LADDER]
    assert (table["headline low"] <= table["headline"]).all()
    assert (table["mean"] <= table["mean high"]).all()


def test_the_cheapest_that_is_as_good_is_found():
    found = {
        "best": result("best", 0.60, Cost(1000, 0, 10)),
        "as good": result("as good", 0.60, Cost(10, 0, 1)),
        "worse": result("worse", 0.3, Cost(0, 0, 0.1)),
        "unmeasured": result("unmeasured", 0.60),
    }
    assert chapter.cheapest_as_good(FAMILIES, "best", found) == "as good"
    assert chapter.cheapest_as_good(FAMILIES, "worse", {"worse": found["worse"]}) == "worse"


def test_a_tuned_row_costs_its_tuning_too():
    names = ("MiniLM, names", "tuned, names", "averaged weights, documents")
    plain, tuned, averaged = (chapter.cost_of(result(name, 0.5, Cost(1, 0, 1))).seconds for name in names)
    assert tuned > plain + 60
    assert averaged == tuned


def test_decisions_cover_all_needs(seen_rows, test_rows):
    table = chapter.decisions(seen_rows, test_rows)
    assert list(table.index) == list(chapter.NEEDS)
    assert (table["best"] == chapter.short(chapter.SYSTEM)).sum() > len(table) / 2
    assert table.loc["role and genre are named", "best"] == "soft query"


def test_figures_have_titles_and_labels(seen_rows, test_rows):
    import matplotlib.pyplot as plt

    drawn = [
        figures.heat_map(chapter.means(test_rows)),
        figures.ladder_figure(chapter.ladder(test_rows)),
        figures.differences_figure(chapter.against_best(chapter.SYSTEM, seen_rows, test_rows)),
    ]
    for figure in drawn:
        assert figure.axes[0].get_title(loc="left") or figure.axes[0].get_title()
        assert figure.axes[0].get_xlabel()
        assert figure.axes[0].get_ylabel()
        plt.close(figure)


def test_the_best_of_each_column_stands_in_a_frame(test_rows):
    import matplotlib.pyplot as plt

    table = chapter.means(test_rows)
    figure = figures.heat_map(table)
    assert len(figure.axes[0].patches) == table.shape[1]
    plt.close(figure)
