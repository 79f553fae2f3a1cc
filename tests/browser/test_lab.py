"""The harness itself: what must make a test fail does, and names from a graph are never markup."""

import pytest

from .lab import Lab

HOSTILE_NAME = "<img src=x onerror='window.hacked = 1'> & <b>co</b>"
HOSTILE_GRAPH = f"""
import pandas as pd
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.widgets import NeighbourhoodView, Walk
name = {HOSTILE_NAME!r}
nodes = pd.DataFrame([("a", "person", name, name), ("b", "project", "Film " + name, name)],
                     columns=["node_id", "node_type", "name", "description"])
edges = pd.DataFrame([("a", "Director", "b")], columns=["source", "relation", "target"])
graph = KnowledgeGraph(nodes, edges)
"""


def test_what_must_fail_fails(lab: Lab) -> None:
    name = lab.create(
        "harness.ipynb",
        "from IPython.display import HTML, Javascript",
        "HTML('<img src=\"https://example.org/picture.png\">')",
        "Javascript('setTimeout(() => { window.thrown = true; throw new Error(\"ours\") })')",
        "1 / 0",
        "'never reached'",
    )
    with lab.open(name) as notebook:
        with pytest.raises(AssertionError, match="ZeroDivisionError: division by zero"):
            notebook.run_all()
        notebook.page.wait_for_function("() => window.thrown && document.querySelector('img[src*=example]')?.complete")
    problems = lab.take_problems()
    assert "request to another machine: https://example.org/picture.png" in problems
    assert any("ours" in problem for problem in problems)
    assert len(set(problems)) == 2, problems


def test_names_in_a_graph_are_never_markup(lab: Lab) -> None:
    name = lab.create("hostile.ipynb", HOSTILE_GRAPH, "NeighbourhoodView(graph, 'a')", "Walk(graph, 'a')")
    with lab.open(name) as notebook:
        notebook.run_all()
        view, walk = notebook.widget("neighbour"), notebook.widget("Go to")
        view.click_node(f"Film {HOSTILE_NAME}")
        for widget in (view, walk):
            widget.should_say(HOSTILE_NAME)
            assert widget.output.locator("img").count() == 0
        assert view.title.startswith(HOSTILE_NAME)
        view.screenshot("hostile-names")
        assert notebook.page.evaluate("() => window.hacked") is None
