"""Notebook 01: degrees and kinds of sentences; the exam's families, and its rows by what they go by."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers import tables

from kgss_helpers.chapters import ch01_knowledge_graph as chapter
from kgss_helpers.chapters.ch01_knowledge_graph import degrees, relation_phrases
from kgss_helpers.exam import film_exam
from kgss_helpers.exam.films import FAMILIES
from kgss_helpers.exam.results import ALL, METRICS, ExamResult
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Question
from kgss_helpers.show.graph_view import NODE_STYLE, OTHER_STYLE

NODES, EDGES = tables(
    [
        ("m1", "project", "Red Moon", ""),
        ("p1", "person", "Ada Quill", ""),
        ("p2", "person", "Co", ""),
        ("k1", "keyword", "heist", ""),
        ("g1", "genre", "Crime", ""),
        ("x1", "<i>odd</i>", "Something else", ""),
        ("m2", "project", "Blue River", ""),
        ("lone", "person", "Nobody", ""),
    ],
    [
        ("p1", "Director", "m1"),
        ("p1", "Screenwriter", "m1"),
        ("p2", "Actor", "m1"),
        ("p2", "Actor", "m2"),
        ("p1", "Actor", "m2"),
        ("m1", "has keyword", "k1"),
        ("m1", "has genre", "g1"),
        ("m2", "has genre", "g1"),
        ("m1", "mentions", "x1"),
    ],
)


@pytest.fixture
def graph():
    return KnowledgeGraph(NODES, EDGES, name="tiny")


def test_degrees_counts_nodes_with_at_least_so_many_edges(graph):
    (axes,) = degrees(graph).axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert set(lines) == set(NODES["node_type"])
    assert lines["project"].get_xdata().tolist() == [3, 6]
    assert lines["project"].get_ydata().tolist() == [2, 1]
    assert lines["person"].get_xdata().tolist() == [0, 2, 3]
    assert lines["person"].get_ydata().tolist() == [3, 2, 1]
    assert {line.get_color() for line in lines.values()} <= {
        color for color, _, _ in (*NODE_STYLE.values(), OTHER_STYLE)
    }
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert axes.get_title()
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    plt.close("all")


def test_relations_are_listed_with_verb_and_count(graph):
    phrases = relation_phrases(graph)
    rows = {(row.subject_type, row.relation): (row.verb, row.edges) for row in phrases.itertuples()}
    assert rows["person", "Actor"] == ("acted in", 3)
    assert rows["project", "has genre"] == ("belongs to the genre", 2)
    assert rows["project", "mentions"] == ("mentions", 1)
    assert phrases["edges"].sum() == len(EDGES)


# ---- the exam --------------------------------------------------------------------------------------------------------


def result(method, split, *scores):
    """A result with as many questions a family as there are scores, all families alike."""
    rows = [(f"{family}-{place}", family, "") for family in FAMILIES for place in range(len(scores))]
    table = pd.DataFrame(rows, columns=["question_id", "family", "variant"])
    for metric in METRICS:
        table[metric] = np.tile(np.array(scores, dtype=float), len(FAMILIES))
    return ExamResult(method, split, table)


def test_every_family_says_what_it_separates():
    assert tuple(chapter.SEPARATES) == FAMILIES


def test_examples_are_the_shortest_questions_of_the_half():
    def asked(name, text, family="plot", split="test", **more):
        return Question(name, family, split, text, "project", {"a": 1, "b": 2}, **more)

    questions = [
        asked("1", "longer"), asked("2", "short"), asked("3", "x", split="validation"), asked("4", "y", variant="odd"),
        asked("5", "word", family="of my own"),
    ]  # fmt: skip
    found = chapter.examples(questions)
    assert found["a question"].to_dict() == {"plot": "short", "of my own": "word"}
    assert found["right answers"].tolist() == [2, 2]
    assert found["what the family separates"].tolist() == [chapter.SEPARATES["plot"], ""]
    assert len(chapter.examples(film_exam().questions)) == len(FAMILIES)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_row_that_the_notebook_shows_is_recorded(split):
    assert tuple(chapter.recorded_rows(split)) == chapter.ROWS


def test_a_row_that_is_not_recorded_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(chapter, "RESULTS", {chapter.EDITION: tmp_path})
    result("random", "test", 0.5).save(tmp_path)
    with pytest.raises(ValueError, match="popularity, word match"):
        chapter.recorded_rows()


def test_families_are_rows_and_methods_columns():
    found = chapter.by_family([result("one", "test", 0.5, 0.5), result("other", "test", 0.25, 0.25)])
    assert found.index.tolist() == [*FAMILIES, ALL]
    plot = {method: shown.replace("\N{NO-BREAK SPACE}", " ") for method, shown in found.loc["plot"].items()}
    assert plot == {"one": "0.50 [0.50, 0.50]", "other": "0.25 [0.25, 0.25]"}
    assert " " not in found.loc["plot", "one"]


def test_the_best_row_is_chosen_on_validation_and_shown_on_test():
    validation = {name: result(name, "validation", 0.1) for name in chapter.ROWS}
    test = {name: result(name, "test", 0.2) for name in chapter.ROWS}
    validation["popularity"] = result("popularity", "validation", 0.3)
    test["random"] = result("random", "test", 0.9)
    best = chapter.best_of_each_kind(validation, test)
    assert len(best) == len(FAMILIES) * len(chapter.KINDS)
    chosen = best[best["kind"] == "reads nothing"]
    assert set(chosen["method"]) == {"popularity"}
    assert set(chosen["mean"]) == {0.2}


def test_the_figure_has_a_line_a_family_and_a_mark_a_kind():
    test = {name: result(name, "test", 0.2, 0.6) for name in chapter.ROWS}
    (axes,) = chapter.families_figure(chapter.best_of_each_kind(test, test)).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(FAMILIES)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(chapter.KINDS)
    assert axes.yaxis_inverted()
    dots = [container[0] for container in axes.containers]
    assert len({(dot.get_color(), dot.get_marker()) for dot in dots}) == len(chapter.KINDS)
    assert all(dot.get_xdata() == pytest.approx(0.4) for dot in dots)
    plt.close("all")
