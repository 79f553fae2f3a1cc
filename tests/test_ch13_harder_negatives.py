"""Notebook 13: a fact beside negatives of each kind, the widget that shows what the function returns, and gains."""

import pandas as pd
import pytest

from kgss_helpers import exam
from kgss_helpers.chapters.ch13_harder_negatives import NegativesView, candidates, gains
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.text.rows import facts_of, training_rows


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return exam.training_graph()


@pytest.fixture(scope="module")
def rows(graph: KnowledgeGraph) -> pd.DataFrame:
    made = training_rows(graph, seed=1)
    lucas = made[made["node_id"] == "person:george-lucas"]
    return pd.concat([lucas.head(3), made.head(300)])


@pytest.fixture(scope="module")
def model():
    return load_pretrained(device="cpu")


def test_a_fact_stands_beside_a_negative_of_each_kind(graph: KnowledgeGraph, rows: pd.DataFrame, model) -> None:
    found = candidates(graph, rows, model, "person:george-lucas")
    assert found.columns.tolist() == ["what", "text", "share"]
    assert found["what"].tolist()[:3] == ["true", "a film's description", "another person's description"]
    assert found["text"].iloc[0] == rows["positive"].iloc[0]
    assert found["text"].is_unique
    assert found["share"].between(0, 1).all()
    assert found["share"].sum() == pytest.approx(1, abs=0.02)
    true = facts_of(graph)["person:george-lucas"]
    said = dict(zip(rows["positive"], rows["fact"], strict=True))
    assert not [text for text in found["text"].iloc[1:] if said.get(text) in true]


def test_where_nothing_is_said_of_somebody_there_is_no_row(graph: KnowledgeGraph, rows: pd.DataFrame, model) -> None:
    assert candidates(graph, rows.iloc[3:4], model, "person:george-lucas").empty


def test_it_is_mined_from_the_rows_that_one_says(graph: KnowledgeGraph, rows: pd.DataFrame, model) -> None:
    fewer = rows[rows["relation"] == rows["relation"].iloc[0]]
    found = candidates(graph, rows, model, "person:george-lucas", among=fewer).set_index("what")["text"]
    assert found["mined"] in set(fewer["positive"])
    nothing = candidates(graph, rows, model, "person:george-lucas", among=rows.head(0))
    assert nothing["what"].tolist() == ["true", "a film's description", "another person's description"]


def test_the_view_shows_what_the_function_returns(graph: KnowledgeGraph, rows: pd.DataFrame, model) -> None:
    view = NegativesView(graph, rows, model, start="George Lucas")
    expected = candidates(graph, rows, model, "person:george-lucas")
    assert view.result.value == expected.to_html(index=False, escape=True, border=0)
    view.name.value = "Gorge Lucas"
    assert "Did you mean <b>George Lucas</b>?" in view.result.value
    view.name.value = "<script>alert(1)</script>"
    assert "<script" not in view.result.value
    assert repr(view).endswith(": run this cell in JupyterLab>")


def test_gains_stand_about_zero_the_largest_on_top() -> None:
    table = pd.DataFrame({"gain": [-0.1, 0.2], "from": [-0.3, 0.1], "to": [0.0, 0.25]}, index=["worse", "better"])
    axes = gains(table, title="Two changes", x_label="gain").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["worse", "better"]
    assert axes.get_xlim() == pytest.approx((-0.33, 0.33))
    assert [
        line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1 and line.get_linewidth() == 1
    ] == [0]
