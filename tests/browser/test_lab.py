"""JupyterLab and the harness itself: settings, figures drawn while cells run, what must fail, names as markup."""

import json

import pytest
from playwright.sync_api import expect

from kgss_helpers.frontdoor.cli import LAB_CONFIG

from .lab import Lab, Notebook
from .server import Server

KERNELS = "@jupyterlab/apputils-extension:kernels-settings"

HOSTILE_NAME = "<img src=x onerror='window.hacked = 1'> & <b>co</b>"
HOSTILE_GRAPH = f"""
import pandas as pd
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.show.graph_view import NeighbourhoodView, Walk
name = {HOSTILE_NAME!r}
nodes = pd.DataFrame([("a", "person", name, name), ("b", "project", "Film " + name, name)],
                     columns=["node_id", "node_type", "name", "description"])
edges = pd.DataFrame([("a", "Director", "b")], columns=["source", "relation", "target"])
graph = KnowledgeGraph(nodes, edges)
"""


# Pyplot draws into "the current figure", of which there is one for all threads.
DRAWING = """
import time
import ipywidgets as ipw
import matplotlib.pyplot as plt

def draw(name, bars):
    plt.figure(name, figsize=(3, 2), clear=True)
    for height in range(1, bars + 1):
        plt.bar(height, height)
        time.sleep(0.1)
    plt.title(f"{name}: {len(plt.gca().patches)} of {bars}")
    plt.show()

def clicked(_):
    with panel:
        draw("clicked", 10)

panel, button = ipw.Output(), ipw.Button(description="Draw")
button.on_click(clicked)
ipw.VBox([button, panel])
"""
COMMS_OVER_SUBSHELLS = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.commsOverSubshells"
LONG_CELL = "print('drawing')\ndraw('running', 40)"


def pictures(notebook: Notebook) -> dict[str, list[str]]:
    """The pictures in the output of the long cell and in that of the button's callback, as they arrived."""
    pictures = notebook.page.locator(".jp-Cell .jp-RenderedImage img")
    found: dict[str, list[str]] = {"running": [], "clicked": []}
    for picture in pictures.all():
        in_widget = picture.locator("xpath=ancestor::*[contains(@class, 'jupyter-widgets')]").count()
        found["clicked" if in_widget else "running"].append(picture.get_attribute("src"))
    return found


def test_a_figure_drawn_while_another_cell_runs_arrives_whole(lab: Lab) -> None:
    with lab.open(lab.create("drawing.ipynb", DRAWING, LONG_CELL)) as notebook:
        all_pictures, button = (
            notebook.page.locator(".jp-RenderedImage img"),
            notebook.page.get_by_role("button", name="Draw"),
        )
        # First one after the other: so they look when nothing comes between.
        notebook.run_all()
        button.click()
        expect(all_pictures).to_have_count(2)
        notebook.wait_until_idle()
        alone = pictures(notebook)
        # Now at the same time.
        notebook.start_run()
        expect(all_pictures).to_have_count(0)
        expect(notebook.page.locator(".jp-OutputArea-output", has_text="drawing")).to_be_visible()
        button.click()
        notebook.finish_run()
        expect(all_pictures).to_have_count(2)
        notebook.wait_until_idle()
        notebook.screenshot("drawn-while-running")
        assert notebook.page.evaluate(COMMS_OVER_SUBSHELLS) == "disabled"
        assert [len(found) for found in alone.values()] == [1, 1]
        assert pictures(notebook) == alone


def test_settings_of_the_front_door_are_in_force(server: Server) -> None:
    (defaults,) = (LAB_CONFIG / "labconfig").iterdir()
    shipped = json.loads(defaults.read_text(encoding="utf-8"))
    assert shipped[KERNELS] == {"commsOverSubshells": "disabled"}
    for plugin, settings in shipped.items():
        assert settings.items() <= server.settings(plugin).items()


def test_what_a_user_chooses_is_stronger_than_our_settings(server: Server) -> None:
    server.choose(KERNELS, {"commsOverSubshells": "perComm"})
    try:
        assert server.settings(KERNELS)["commsOverSubshells"] == "perComm"
    finally:
        server.choose(KERNELS, {})
    assert server.settings(KERNELS)["commsOverSubshells"] == "disabled"


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
