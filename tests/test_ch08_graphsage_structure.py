"""Notebook 08: sampled neighbourhoods drawn, tables of held-out edges, and the widget of missing edges."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from kgss_helpers.chapters import ch08_graphsage_structure as chapter
from kgss_helpers.exam.results import METRICS, ExamResult
from kgss_helpers.exam.statistics import Interval
from kgss_helpers.films.roles import TABLE
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.edge_prediction import Proximity
from kgss_helpers.methods.proximity import ThreeHops
from kgss_helpers.runs.graph_embeddings import load_compared, relation_of
from kgss_helpers.training.sampler import NeighbourSampler
from tests.helpers import tables

HOSTILE = "<script>window.hacked = 1</script>"


def films(held_out: bool) -> KnowledgeGraph:
    """Ann and Bo work together on six films; Ann's last one is held out. A film is called what would be markup."""
    nodes = [("ann", "person", "Ann Lee", ""), ("bo", "person", "Bo Ray", ""), ("bo2", "person", "Bo Ray", "")]
    nodes += [(f"f{n}", "project", f"Film {n}" if n else HOSTILE, "") for n in range(8)]
    edges = [("ann", "Director", f"f{n}") for n in range(1, 5 + held_out)]
    edges += [("bo", "Actor", f"f{n}") for n in range(7)] + [("bo2", "Actor", "f7"), ("ann", "Actor", "f1")]
    graph = KnowledgeGraph(*tables(nodes, edges), name="films")
    return KnowledgeGraph(graph.nodes.assign(year=2000), graph.edges, name="films")


@pytest.fixture
def graph() -> KnowledgeGraph:
    return films(held_out=False)


@pytest.fixture
def everything() -> KnowledgeGraph:
    return films(held_out=True)


@pytest.fixture
def scorer(graph: KnowledgeGraph) -> Proximity:
    return Proximity(ThreeHops()).fit(graph)


# ---- neighbourhoods --------------------------------------------------------------------------------------------------


def test_reached_counts_nodes_within_so_many_steps(graph: KnowledgeGraph) -> None:
    ann = graph.position("ann")
    assert chapter.reached(graph, [ann], 3) == [1, 5, 6, 9]
    assert chapter.reached(graph, [ann, graph.position("bo")], 1)[0] == 2


def test_a_sample_is_drawn_with_every_node_and_the_names_of_the_inner_ring(graph: KnowledgeGraph) -> None:
    tree = NeighbourSampler.of(graph, (3, 2)).tree(torch.tensor([graph.position("ann")]))
    (axes,) = chapter.sampled_figure(graph, tree, "A sample").axes
    assert sum(len(dots.get_offsets()) for dots in axes.collections) == 1 + 3 + 6
    assert len(axes.texts) == 4
    assert axes.texts[0].get_text() == "Ann Lee"
    assert axes.get_title(loc="left") or axes.get_title()
    plt.close("all")


def test_growth_has_a_line_a_column_with_its_last_number(graph: KnowledgeGraph) -> None:
    (axes,) = chapter.growth_figure(pd.DataFrame({"all": [1, 10, 1000], "drawn": [1, 5, 20]}), "Growth").axes
    assert [text.get_text() for text in axes.texts] == ["1,000", "20"]
    assert axes.get_yscale() == "log"
    plt.close("all")


# ---- tables ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def compared() -> pd.DataFrame:
    rows = [
        ("one", "credits", "MRR", 0.5, 0.4, 0.6, 0.2, 0.1, 0.3),
        ("one", "credits", "AUC", 0.9, 0.8, 1.0, 0.0, 0.0, 0.0),
        ("two", "credits", "MRR", 0.3, 0.2, 0.4, 0.0, 0.0, 0.0),
        ("two", "credits", "AUC", 0.7, 0.6, 0.8, -0.2, -0.3, -0.1),
    ]
    names = ["scorer", "edges", "measure", "mean", "low", "high", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows, columns=names)


def test_a_comparison_has_scorers_as_rows_in_the_order_of_the_last_measure(compared: pd.DataFrame) -> None:
    found = chapter.comparison(compared, "credits", ["AUC", "MRR"])
    assert found.index.tolist() == ["two", "one"]
    assert found.loc["one"].tolist() == [0.9, 0.5]
    assert chapter.comparison(compared, "credits", ["MRR"], ["one", "two"]).index.tolist() == ["one", "two"]


def test_gains_are_shown_with_sign_and_interval(compared: pd.DataFrame) -> None:
    found = chapter.gains(compared, ["one"], "credits", "MRR")
    assert found.loc["one", "against PageRank"].replace(chapter.NO_BREAK, " ") == "+0.20 [+0.10, +0.30]"
    assert found.loc["one", "MRR"].replace(chapter.NO_BREAK, " ") == "0.50 [0.40, 0.60]"
    assert chapter.gain_of(compared, "two", "credits", "AUC") == Interval(-0.2, -0.3, -0.1)


def test_the_figure_has_the_best_scorer_on_top(compared: pd.DataFrame) -> None:
    (axes,) = chapter.comparison_figure(compared, "credits", "MRR", title="t", x_label="MRR").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["two", "one"]
    plt.close("all")


def test_rows_that_are_not_recorded_are_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(chapter, "RESULTS", {chapter.EDITION: tmp_path})
    scores = pd.DataFrame({"question_id": ["q"], "family": ["plot"], "variant": [""]})
    ExamResult("one", "test", scores.assign(**dict.fromkeys(METRICS, 0.5))).save(tmp_path)
    rows = chapter.rows_by_name(["one"])
    assert chapter.by_family(rows, ["plot"]).loc["one", "plot"].startswith("0.50")
    with pytest.raises(ValueError, match="not recorded for test: two"):
        chapter.rows_by_name(["one", "two"])


def test_panels_and_bars_show_what_they_are_given() -> None:
    figure = chapter.degree_figure(np.array([1, 10]), {"a": np.zeros(2), "b": np.ones(2)}, "Degrees")
    assert [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes] == ["a", "b"]
    (axes,) = chapter.weights_figure(pd.Series({"up": 1.0, "down": -0.5}), "Weights").axes
    assert [text.get_text() for text in axes.texts] == ["-0.5", "+1.0"]
    plt.close("all")


# ---- missing edges ---------------------------------------------------------------------------------------------------


def test_a_verdict_says_what_the_graphs_know(graph: KnowledgeGraph, everything: KnowledgeGraph) -> None:
    found = chapter.verdicts("ann", ["f1", "f5", "f6"], graph, everything)
    assert found == [chapter.STORED, chapter.HELD_OUT, chapter.UNKNOWN]


def test_the_likeliest_films_stand_beside_each_other(graph, everything, scorer) -> None:
    table = chapter.likely_edges("ann", "Director", [scorer], graph, everything, k=3)
    assert not (table[scorer.name, "verdict"] == chapter.STORED).any()
    assert (table[scorer.name, "verdict"] == chapter.HELD_OUT).sum() <= 1
    whole = chapter.likely_edges("ann", "Director", [scorer], graph, everything, hide_stored=False)
    assert len(whole) == 8
    assert (whole[scorer.name, "verdict"] == chapter.STORED).sum() == 4
    assert "(2000)" in table[scorer.name, "film"].iloc[0]


def test_the_main_role_is_the_most_frequent_one(graph: KnowledgeGraph) -> None:
    assert chapter.main_relation(graph, "ann") == "Director"
    assert chapter.main_relation(graph, "bo") == "Actor"


def test_names_come_out_as_text(graph, everything, scorer) -> None:
    shown = chapter.answers_html("ann", [scorer], graph, everything, show_stored=True)
    assert HOSTILE not in shown
    assert "&lt;script&gt;" in shown
    assert "4 films stored, 1 held out" in shown


def test_an_unknown_name_gets_a_next_step(graph: KnowledgeGraph) -> None:
    assert chapter.find_person(graph, "bo ray")[0] == ["bo", "bo2"]
    assert "2 people are called so" in chapter.find_person(graph, "Bo Ray")[1]
    found, message = chapter.find_person(graph, "An Lee")
    assert found == []
    assert "Did you mean <b>Ann Lee</b>?" in message
    assert "<script>" not in chapter.find_person(graph, HOSTILE)[1]
    assert chapter.find_person(graph, "Film 1")[0] == [], "a film is no person"
    assert "Type the name" in chapter.find_person(graph, "  ")[1]
    assert len(chapter.find_person(graph, "word " * 500)[1]) < 300


def test_the_widget_shows_who_is_typed(graph, everything, scorer) -> None:
    view = chapter.MissingEdges([scorer], graph, everything, "ann")
    assert "Ann Lee" in view.result.value
    view.name.value = "Bo Ray"
    assert "Bo Ray" in view.result.value
    assert "2 people are called so" in view.message.value
    view.name.value = "nobody of this name"
    assert view.result.value == ""
    assert "Nobody in the training graph" in view.message.value
    view.name.value = "Ann Lee"
    cell = f"<td>{chapter.STORED}</td>"
    assert cell not in view.result.value
    view.stored.value = True
    assert cell in view.result.value
    assert repr(view).startswith("<")


# ---- what is recorded ------------------------------------------------------------------------------------------------


def test_a_question_about_credits_says_which_role() -> None:
    for role in TABLE:
        assert relation_of(role.question.format(person="Ann (of) Lee")) == role.name
    assert relation_of("a good sci-fi director") is None


def test_every_recorded_scorer_is_compared_with_pagerank() -> None:
    table = load_compared()
    assert {"popularity", "three-hop counts", "personalised PageRank", "GraphSAGE without text"} <= set(table["scorer"])
    rival = table[table["scorer"] == "personalised PageRank"]
    assert (rival[["gain", "gain_low", "gain_high"]] == 0).all(axis=None)
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()


def test_the_recorded_million_is_one_and_stays_small() -> None:
    measured, config = chapter.million()
    assert config["nodes"] > 1_000_000
    assert config["peak_memory_gb"] < 8
    assert measured.index.is_monotonic_increasing
    assert measured["MRR"].iloc[-1] > 3 * measured["MRR"].iloc[0]
    figure = chapter.million_figure(measured, config["batch_size"])
    assert len(figure.axes[0].lines) == 3
