"""JupyterLab without a mouse, with a screen reader, in the dark: keys, descriptions, contrast, closed solutions."""

import re
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Locator, expect

from kgss_helpers.show.palette import READABLE, contrast

from .lab import Lab, Notebook

ALT = 'A square that is empty, and a "quote" & an <angle>.'
CHOOSERS = """
import ipywidgets as ipw
options = ["apple", "banana", "cherry", "xigua"]
kinds = [ipw.Dropdown, ipw.Select, ipw.RadioButtons, ipw.ToggleButtons, ipw.SelectionSlider]
choosers = [kind(options=options, description=kind.__name__) for kind in kinds]
choosers += [ipw.IntSlider(value=5, max=10, description="IntSlider")]
choosers += [ipw.Combobox(options=options, description="Combobox")]
said = ipw.HTML()
def say(_):
    said.value = ", ".join(f"{chooser.description} is {chooser.value}." for chooser in choosers)
for chooser in choosers:
    chooser.observe(say, names="value")
ipw.VBox([*choosers, said])
"""
PICTURE = f"""
import matplotlib.pyplot as plt
from kgss_helpers.show import charts
charts.show(plt.subplots(figsize=(2, 2))[0], alt={ALT!r})
"""
AFFINITIES = """
import pandas as pd
from IPython.display import HTML
from kgss_helpers.chapters.ch12_test_subjects import _paths_as_html
HTML(_paths_as_html(pd.DataFrame([[3, *(share / 20 for share in range(21))]], index=["Directing"])))
"""
CELLS = """() => {
    const {content} = window.jupyterapp.shell.currentWidget;
    return [content.activeCellIndex, ...content.widgets.map(cell => cell.model.sharedModel.getSource())];
}"""
SOLUTIONS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => (cell.model.getMetadata('tags') ?? []).includes('solution'))
    .map(cell => [cell.inputHidden, cell.node.querySelectorAll('.jp-InputArea-editor').length])"""
SHOWN_COLORS = """cells => cells.map(cell => {
    const digits = n => Number(n).toString(16).padStart(2, '0');
    const hex = color => '#' + color.match(/\\d+/g).slice(0, 3).map(digits).join('');
    const style = getComputedStyle(cell);
    let behind = cell;
    while (/^rgba\\(.*, 0\\)$/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
    return [hex(style.color), hex(getComputedStyle(behind).backgroundColor)];
})"""


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    """A notebook with a chooser of each kind, a picture, a table of affinities and a solution."""
    name = lab.create("access.ipynb", "before = 1", CHOOSERS, "after = 2", PICTURE, AFFINITIES, "the_solution = 3", "4")
    path = lab.server.root / "notebooks" / name
    content = nbformat.read(path, as_version=4)
    content.cells[5].metadata = {"tags": ["solution"], "jupyter": {"source_hidden": True}}
    nbformat.write(content, path)
    with lab.open(name) as opened:
        yield opened


def control(notebook: Notebook, kind: str) -> Locator:
    """What the keyboard reaches of a chooser."""
    label = notebook.page.locator(".jupyter-widgets .widget-label", has_text=re.compile(f"^{kind}$"))
    row = label.locator("xpath=..")
    return row.locator("select, input, button, .noUi-handle").first


def test_solutions_stay_closed_after_everything_has_run(notebook: Notebook) -> None:
    page = notebook.page
    closed = [[True, 0]]
    assert page.evaluate(SOLUTIONS) == closed
    last_prompt = page.locator(".jp-CodeCell .jp-InputPrompt").last
    for entry, count in (("Run All Cells", 7), ("Run All Cells", 14), ("Restart Kernel and Run All Cells…", 7)):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{entry}$")).click()
        if entry.startswith("Restart"):
            page.locator(".jp-Dialog .jp-mod-accept").click()
        expect(last_prompt).to_have_text(f"[{count}]:")
        assert page.evaluate(SOLUTIONS) == closed
    notebook.screenshot("access-solution-closed")
    page.locator(".jp-Placeholder-content").click()
    expect(page.locator(".jp-InputArea-editor", has_text="the_solution")).to_be_visible()
    notebook.wait_until_idle()


@pytest.mark.parametrize(
    ("kind", "keys", "value"),
    [
        ("Dropdown", ("ArrowDown", "b", "x"), "banana"),
        ("Select", ("ArrowDown", "b", "x"), "banana"),
        ("RadioButtons", ("b", "x", "ArrowDown"), "banana"),
        ("ToggleButtons", ("ArrowDown", "b", "x", "Tab", "Space"), "banana"),
        ("SelectionSlider", ("b", "x", "ArrowUp"), "banana"),
        ("IntSlider", ("b", "x", "ArrowDown"), "4"),
        ("Combobox", ("ArrowDown", "b", "x", "Enter"), "bx"),
    ],
)
def test_keys_pressed_in_a_chooser_choose_and_leave_the_cells_alone(
    notebook: Notebook, kind: str, keys: tuple[str, ...], value: str
) -> None:
    page = notebook.page
    control(notebook, kind).focus()
    cells = page.evaluate(CELLS)
    for key in keys:
        page.keyboard.press(key)
    expect(page.locator(".widget-html-content", has_text=f"{kind} is {value}.")).to_be_visible()
    assert page.evaluate(CELLS) == cells


def test_shortcuts_of_the_notebook_still_work_in_a_chooser(notebook: Notebook) -> None:
    page = notebook.page
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1 }")
    control(notebook, "Dropdown").focus()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-CodeCell .jp-InputPrompt").nth(1)).to_have_text("[8]:")
    notebook.wait_until_idle()
    assert page.evaluate(CELLS)[0] == 2


def test_a_picture_says_what_is_seen_in_it(notebook: Notebook) -> None:
    (alt,) = notebook.page.locator(".jp-RenderedImage img").evaluate_all("images => images.map(image => image.alt)")
    assert alt == ALT


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_the_table_of_affinities_can_be_read_in_both_themes(notebook: Notebook, theme: str) -> None:
    page = notebook.page
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    page.wait_for_function("dark => (document.body.dataset.jpThemeLight === 'false') === dark", arg="Dark" in theme)
    cells = page.locator(".jp-RenderedHTML", has_text="Directing").locator("td, th")
    cells.first.scroll_into_view_if_needed()
    colors = cells.evaluate_all(SHOWN_COLORS)
    assert len(colors) == 2 * (2 + 21)
    assert min(contrast(*pair) for pair in colors) >= READABLE
    notebook.screenshot(f"access-affinities-{theme.split()[-1].lower()}")
