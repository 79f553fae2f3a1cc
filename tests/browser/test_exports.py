"""Slides and pages as a hall without network shows them: opened from a folder, measured slide by slide."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from kgss_helpers.frontdoor.environment import ROOT
from kgss_helpers.frontdoor.export import export_html, export_slides
from kgss_helpers.frontdoor.notebooks import all_notebooks, read
from kgss_helpers.frontdoor.rendering import PLOTLY

from .lab import PICTURES

SCREEN = {"width": 1280, "height": 720}
SMALLEST = 0.55  # of the 22 pixels of a text

# What is too large for its slide or too small to read, and slides that show nothing: one line each.
MISFITS = """smallest => window.Reveal.getSlides().flatMap(page => {
    const {h, v} = window.Reveal.getIndices(page);
    window.Reveal.slide(h, v, 99);
    const room = page.querySelector('.room').getBoundingClientRect();
    if (room.width !== 1200 || room.height !== 650) return [`${h}.${v}: a room of ${room.width} x ${room.height}`];
    const found = [];
    let shown = 0;
    for (const element of page.querySelectorAll('.room *')) {
        const hidden = element.closest('details:not([open])');
        if ((hidden && !element.matches('summary')) || element.parentElement.closest('svg, .kgss-plotly')) continue;
        const box = element.getBoundingClientRect();
        const [across, down] = [Math.max(box.right - room.right, room.left - box.left), box.bottom - room.bottom];
        const over = Math.round(Math.max(across, down));
        if (box.width && over > 1) found.push(`${h}.${v}: ${over} pixels over: ${element.outerHTML.slice(0, 80)}`);
        if (element.matches('img, .kgss-plotly') || element.innerText?.trim()) shown += box.width * box.height > 0;
    }
    for (const block of page.querySelectorAll('.block')) {
        let zoom = 1;
        for (let at = block; at !== page; at = at.parentElement) zoom *= Number(at.style.zoom || 1);
        if (zoom < smallest) found.push(`${h}.${v}: shrunk to ${zoom}`);
    }
    return shown ? found : [...found, `${h}.${v}: empty`];
})"""
ALTS = "() => [...document.images].map(image => image.alt)"


@contextmanager
def opened(browser: Browser, file: Path) -> Iterator[Page]:
    """A file in the browser; it may ask for files and for nothing else, and raise no error."""
    context = browser.new_context(viewport=SCREEN, locale="en-GB")
    page, problems = context.new_page(), []
    page.on("request", lambda request: request.url.split(":")[0] in ("file", "data") or problems.append(request.url))
    page.on("requestfailed", lambda request: problems.append(f"not there: {request.url}"))
    page.on("pageerror", lambda error: problems.append(str(error)))
    try:
        page.goto(file.as_uri())
        yield page
        assert problems == []
    finally:
        context.close()


@contextmanager
def deck(browser: Browser, file: Path) -> Iterator[Page]:
    """A deck, once its content is fitted into slides."""
    with opened(browser, file) as page:
        page.wait_for_selector("html[data-fitted=yes]", state="attached")
        yield page


def figures_in(path: Path) -> int:
    """How many interactive figures a notebook's cells show."""
    return sum(PLOTLY in output.get("data", {}) for cell in read(path).cells for output in cell.get("outputs", []))


@pytest.fixture(scope="module")
def folder(browser: Browser) -> Path:
    """Where the slides of each notebook and the pages of two lie; they are kept, to be looked at."""
    folder = ROOT / "build" / "browser" / "exports"
    notebooks = all_notebooks()
    export_slides(notebooks, whole=False, folder=folder)
    export_html([path for path in notebooks if path.stem[:2] in ("01", "10")], folder=folder)
    return folder


@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_every_slide_fits_and_describes_its_pictures(browser: Browser, folder: Path, path: Path) -> None:
    with deck(browser, folder / f"{path.stem}.slides.html") as page:
        assert page.evaluate("() => window.Reveal.getTotalSlides()") > 10
        assert page.evaluate(MISFITS, SMALLEST) == []
        alts = page.evaluate(ALTS)
        assert alts
        assert all(alts)
        assert not any("No description" in alt for alt in alts)
        assert page.locator(".kgss-plotly .main-svg").count() >= figures_in(path)
        assert page.locator("details[open]").count() == 0
        assert page.locator(".kgss-solution").count() == 0  # solutions are skipped


def test_long_code_opens_above_the_slide_and_scrolls(browser: Browser, folder: Path) -> None:
    with deck(browser, folder / "12_test_subjects.slides.html") as page:
        page.evaluate(
            "() => { const {h, v} = Reveal.getIndices(document.querySelector('.code details').closest('section.page'));"
            " Reveal.slide(h, v, 99) }"
        )
        page.locator("section.present section.present .code summary").first.click()
        code = page.locator("section.present section.present details[open] .jp-InputArea-editor")
        expect(code).to_be_visible()
        box = code.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= SCREEN["height"]
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / "slides-code-open.png")


LARGE = {
    "code": ("\n".join(f"value_{line} = {line}" for line in range(60)), "stream", "done\n"),
    "lines": ("print", "stream", "".join(f"line {line}\n" for line in range(200))),
    "table": (
        "table",
        "html",
        "<table><thead><tr><th>n</th><th>name</th></tr></thead><tbody>"
        + "".join(f"<tr><td>{row}</td><td>{'a long name ' * 20}</td></tr>" for row in range(90))
        + "</tbody></table>",
    ),
    "wide": ("wide", "html", f"<table><tbody><tr>{'<td>0.123456</td>' * 18}</tr></tbody></table>"),
    "picture": (
        "picture",
        "html",
        "<img alt='Tall.' src='data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 width=%22900%22 "
        "height=%222400%22%3E%3Crect width=%22900%22 height=%222400%22/%3E%3C/svg%3E'>",
    ),
}


def large_notebook() -> nbformat.NotebookNode:
    """A notebook in which everything is too large for a slide."""
    v4 = nbformat.v4
    cells = [v4.new_markdown_cell("# Large\n\n" + "\n".join(f"- point {n} " + "word " * 30 for n in range(40)))]
    for source, kind, content in LARGE.values():
        data = {"text/html": content}
        output = v4.new_output("stream", text=content) if kind == "stream" else v4.new_output("display_data", data)
        cells.append(v4.new_code_cell(source, outputs=[output], execution_count=1))
    return v4.new_notebook(cells=cells)


def test_what_is_too_large_is_shrunk_or_divided_and_nothing_is_lost(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "00_large.ipynb"
    nbformat.write(large_notebook(), path)
    export_slides([path], whole=False, folder=tmp_path)
    with deck(browser, tmp_path / "00_large.slides.html") as page:
        assert page.evaluate(MISFITS, SMALLEST) == []
        assert page.locator(".block tbody tr").count() == 90 + 1
        assert page.locator(".block li").count() == 40
        text = page.evaluate("() => document.querySelector('.slides').textContent")
        assert [line for line in range(200) if f"line {line}\n" not in text + "\n"] == []
        assert page.locator(".code details").count() == 1  # sixty lines of code
        # And the measure itself: what is put in afterwards sticks out.
        page.evaluate("() => { document.querySelector('.block').style.height = '900px' }")
        assert any("pixels over" in line for line in page.evaluate(MISFITS, SMALLEST))


def test_the_whole_seminar_is_one_deck_in_order(browser: Browser, tmp_path: Path) -> None:
    paths = [path for path in all_notebooks() if path.stem[:2] in ("00", "13")]
    export_slides(paths, whole=True, folder=tmp_path)
    with deck(browser, tmp_path / "seminar.slides.html") as page:
        said = page.locator("section.page").evaluate_all(
            "pages => pages.map(page => page.dataset.notebook.slice(0, 2))"
        )
        assert sorted(set(said)) == ["00", "13"]
        assert said == sorted(said)


def test_a_page_shows_figures_descriptions_and_closed_solutions(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "01_knowledge_graph.html") as page:
        expect(page.locator(".kgss-plotly .gtitle").first).to_contain_text("Star Wars")
        alts = page.evaluate(ALTS)
        assert alts
        assert all(alts)
        assert not any("No description" in alt for alt in alts)
        solution = page.locator("details.kgss-solution").first
        code = solution.locator(".jp-InputArea-editor").first
        expect(code).to_be_hidden()
        solution.locator("summary").click()
        expect(code).to_be_visible()
        PICTURES.mkdir(parents=True, exist_ok=True)
        solution.screenshot(path=PICTURES / "page-solution.png")


def test_the_index_numbers_notebooks_as_their_files_do(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "index.html") as page:
        assert page.locator("li").evaluate_all("items => items.map(item => item.value)") == [1, 10]
        page.get_by_role("link").last.click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
