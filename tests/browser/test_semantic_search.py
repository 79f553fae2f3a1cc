"""The search of notebook 14 as a reader uses it: in the lab, and as an app of its own without any code."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from kgss_helpers.frontdoor.environment import ROOT, child_variables

from .lab import HOSTILE, PICTURES, VIEWPORT, Lab, Notebook, Widget
from .server import NOWHERE, _free_port

NAME = "14_semantic_search.ipynb"
QUESTION, ANSWERED = "a good western composer", "Ennio Morricone"
READY_MS = 120_000
NEEDED = ("setup()", "demo.film_system()", "demo.film_search(")
"""What stands in the cells that the view needs; the rest of the notebook is run by other tests."""


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    cells = nbformat.read(ROOT / "notebooks" / NAME, as_version=4).cells
    sources = [
        cell.source for cell in cells if cell.cell_type == "code" and any(part in cell.source for part in NEEDED)
    ]
    assert len(sources) == len(NEEDED)
    with lab.open(lab.create("view_of_14.ipynb", *sources)) as opened:
        opened.run_all()
        yield opened


@pytest.fixture
def view(notebook: Notebook) -> Widget:
    return notebook.widget("Answers of")


def test_a_question_is_answered_with_reasons_and_a_map(view: Widget, notebook: Notebook) -> None:
    view.type_into("Question", QUESTION)
    view.should_say(ANSWERED)
    view.should_say("Composer of")
    expect(view.output.locator(".gtitle")).to_contain_text("10 answers")
    view.screenshot("semantic-search")


def test_methods_answer_side_by_side_and_filters_narrow(view: Widget) -> None:
    view.type_into("Question", QUESTION)
    view.click("shared words")
    view.should_say("shared words")
    view.output.get_by_text("Filters", exact=True).click()
    view.type_into("to", "1960")
    view.should_say("year to 1960")
    view.should_not_say(ANSWERED)
    view.type_into("Year from", "<b>soon")
    view.should_say("no whole number")
    view.click("Clear the filters")
    view.should_say(ANSWERED)
    view.screenshot("semantic-search-side-by-side")
    view.click("shared words")


def test_typed_markup_comes_out_as_text(view: Widget, notebook: Notebook) -> None:
    view.type_into("Question", HOSTILE)
    view.should_say(HOSTILE)
    assert view.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None


def test_it_works_from_the_keyboard(view: Widget) -> None:
    view.type_into("Question", "space battle")
    view.output.get_by_role("button", name="keyword", exact=True).focus()
    view.output.page.keyboard.press("Enter")
    view.should_say("space battle")
    view.should_say("(keyword)")


# ---- the app ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def app(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ``python -m kgss_helpers search``, with its token."""
    port, token, log = _free_port(), secrets.token_hex(16), tmp_path_factory.mktemp("app") / "voila.log"
    command = [sys.executable, "-m", "kgss_helpers", "search", "--no-install", "--no-browser"]
    variables = child_variables(quiet=True) | dict.fromkeys(("http_proxy", "https_proxy"), NOWHERE)
    variables |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, f"--port={port}", f"--token={token}"], cwd=ROOT, env=variables, stdout=file, stderr=file
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/", process, log)
        yield f"http://127.0.0.1:{port}/?token={token}"
    finally:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for member in reversed(family):
            member.terminate()
        for member in psutil.wait_procs(family, timeout=10)[1]:
            member.kill()


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    give_up = time.monotonic() + READY_MS / 1000
    while time.monotonic() < give_up and process.poll() is None:
        try:
            direct.open(address, timeout=5).close()
        except urllib.error.HTTPError:
            return  # it asks for the token
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"the app did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")


@pytest.fixture(scope="module")
def page(app: str, browser: Browser) -> Iterator[Page]:
    """The app's page, which may ask nobody but the app."""
    asked: list[str] = []
    context = browser.new_context(viewport=VIEWPORT | {"height": 1500}, locale="en-GB")
    context.on("request", lambda request: asked.append(request.url))
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(app.partition("?")[0])
    assert "login" in opened.url, "the app opens without a token"
    opened.goto(app)
    opened.get_by_label("Question", exact=True).wait_for(timeout=READY_MS)
    yield opened
    context.close()
    here = re.compile(re.escape(app.partition("?")[0]) + "|data:|blob:|ws://127")
    assert not [url for url in asked if not here.match(url)]
    assert not errors


def test_the_app_answers_without_any_code(page: Page) -> None:
    field = page.get_by_label("Question", exact=True)
    field.fill(QUESTION)
    field.press("Enter")
    expect(page.locator(".widget-html-content").filter(has_text=ANSWERED)).to_be_visible()
    expect(page.locator(".gtitle")).to_contain_text("answers")
    assert "import" not in page.inner_text("body")
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "semantic-search-app.png", full_page=True)


def test_markup_typed_into_the_app_comes_out_as_text(page: Page) -> None:
    field = page.get_by_label("Question", exact=True)
    field.fill(HOSTILE)
    field.press("Enter")
    expect(page.locator(".widget-html-content").filter(has_text=re.compile(re.escape(HOSTILE)))).to_be_visible()
    assert page.evaluate("() => window.hacked") is None
