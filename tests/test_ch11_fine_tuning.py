"""Notebook 11: verdicts from intervals, panels a family, lists epoch by epoch, and a reader's question with reasons."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers import result_of

from kgss_helpers.chapters import ch11_fine_tuning as chapter
from kgss_helpers.exam.films import film_exam
from kgss_helpers.question import Question
from kgss_helpers.runs.epochs import Epochs, space_name
from kgss_helpers.show.search_view import Wish
from kgss_helpers.space import SemanticSpace

FAMILIES = ("role", "plot", "keyword", "credit")


def by_epoch() -> pd.DataFrame:
    """Role rises, plot rises a little, keyword falls, credit stays; intervals of ±0.1, in no order of epochs."""
    paths = {"role": (0.1, 0.4, 0.7), "plot": (0.1, 0.1, 0.2), "keyword": (0.7, 0.5, 0.4), "credit": (0.1, 0.1, 0.1)}
    rows = [
        (epoch, family, mean, mean - 0.1, mean + 0.1)
        for family, means in paths.items()
        for epoch, mean in enumerate(means)
    ]
    return pd.DataFrame(rows[::-1], columns=["epoch", "family", "mean", "low", "high"])


def test_a_paired_gain_has_a_verdict_only_where_its_interval_leaves_zero() -> None:
    families = ["up"] * 10 + ["down"] * 10 + ["either"] * 10
    before = result_of("before", [0.2] * 10 + [0.8] * 10 + [0.5] * 10, families)
    after = result_of("after", [0.3] * 10 + [0.6] * 10 + [0.2, 0.8] * 5, families)
    table = chapter.gains(after, before)
    assert table["verdict"].to_dict() == {"up": "gains", "down": "loses", "either": "unclear"}
    assert table.loc["up", "mean"] == pytest.approx(0.1)
    with pytest.raises(ValueError, match="did not answer the same questions"):
        chapter.gains(result_of("other", [0.5], ["up"]), before)


def test_before_and_after_is_clear_only_where_intervals_do_not_touch() -> None:
    table = chapter.before_and_after(by_epoch(), FAMILIES)
    assert table["verdict"].tolist() == ["gains", "unclear", "loses", "unclear"]
    assert table.loc["role", ["untuned", "after epoch 2"]].tolist() == ["0.10 [0.00, 0.20]", "0.70 [0.60, 0.80]"]


def test_every_family_has_a_panel_with_its_path_over_the_untuned_line() -> None:
    figure = chapter.family_panels(by_epoch(), FAMILIES, title="Four families")
    shown = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_title() for panel in shown] == list(FAMILIES)
    untuned, path = shown[2].lines
    assert set(untuned.get_ydata()) == {0.7}
    assert path.get_xydata().tolist() == [[0, 0.7], [1, 0.5], [2, 0.4]]
    plt.close(figure)
    with pytest.raises(ValueError, match="no score of 'theme'; there are credit, keyword"):
        chapter.family_panels(by_epoch(), ("theme",), title="None")


def test_lists_leave_out_whom_the_exam_leaves_out_and_tick_who_is_right() -> None:
    ids = np.array(["ann", "bo", "cy", "new", "film"], dtype=object)
    types = np.array(["person"] * 4 + ["project"], dtype=object)
    asked = {"a good director": np.array([1.0, 0.0])}
    turned = [[0.0, 0.6, 0.8, 1.0, 1.0], [1.0, 0.8, 0.6, 0.9, 1.0]]
    spaces = [
        SemanticSpace(space_name(n), ids, types, ids, np.array([[c, (1 - c * c) ** 0.5] for c in cosines]), asked)
        for n, cosines in enumerate(turned)
    ]
    question = Question("q", "role and genre", "test", "a good director", "person", {"ann": 1}, exclude=("cy",))
    lists = chapter.first_answers(Epochs(spaces), question, (0, 1), among=["ann", "bo", "cy", "film"], k=3)
    assert lists["untuned", "answer"].tolist() == ["bo", "ann"]
    assert lists["epoch 1", "answer"].tolist() == ["ann", "bo"]
    assert lists["epoch 1", "score"].tolist() == [1.0, 0.8]
    assert lists["epoch 1", "right"].tolist() == ["✓", ""]
    assert lists.index.tolist() == [1, 2]


def test_base_and_tuned_answer_any_question_without_encoding_a_document_and_give_reasons() -> None:
    graph = film_exam().newcomer_graph
    methods = chapter.base_and_tuned()
    search = chapter.with_reasons(methods, graph, "who frightens people with puppets?")
    encoded: list[str] = []
    for method in methods.values():
        method.vectors.model.register_forward_pre_hook(lambda _, inputs: encoded.extend(map(str, inputs)))
    tables_of = {name: search.ask(Wish(search.example, node_type="person"), name, k=5) for name in methods}
    assert list(tables_of) == ["base", "tuned"]
    assert all(len(table) == 5 for table in tables_of.values())
    assert 1 <= len(encoded) <= 4  # the question and what the reasons read in it, never eleven thousand documents
    assert 1 <= chapter.supported(tables_of["tuned"]) <= 5


def test_an_answer_that_no_edge_supports_is_not_counted() -> None:
    assert chapter.supported(pd.DataFrame({"why": [chapter.NOTHING, "Actor of 3 projects", ""]})) == 2
