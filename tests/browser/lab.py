"""What a test does in JupyterLab: open a notebook, run it, use its widgets, keep a picture.

    with lab.open("01_knowledge_graph.ipynb") as notebook:
        notebook.run_all()
        view = notebook.widget("Star Wars and its")     # by a control's label, a button or a figure's title
        view.click_node("George Lucas")
        view.should_say("George Lucas directed Star Wars.")
        view.screenshot("neighbourhood")

Every step waits for its condition, none for a fixed time.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import nbformat
from playwright.sync_api import (
    Browser,
    ElementHandle,
    Locator,
    Page,
    Playwright,
    Route,
    WebSocketRoute,
    expect,
)
from playwright.sync_api import (
    TimeoutError as TooLate,
)

from kgss_helpers.frontdoor.environment import ROOT

from .server import Server

PICTURES = ROOT / "build" / "browser"
HOSTILE = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">'
"""A name that would run if it were ever taken for markup."""
VIEWPORT = {"width": 1280, "height": 900}
MENUS_HEIGHT = 200  # what JupyterLab shows above and below a notebook, and some more
STEP_MS, RUN_MS, POLL_MS = 60_000, 300_000, 100
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER_PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
    r"%LocalAppData%\Google\Chrome\Application\chrome.exe",
    r"%LocalAppData%\Chromium\Application\chrome.exe",
)
NO_BROWSER = (
    "these tests need Chromium or Chrome: install it (Debian: `apt install chromium`; others: google.com/chrome) "
    "or name its program in the variable KGSS_CHROMIUM"
)
BROWSER_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names outside this machine lead nowhere, even for what the browser asks on its own behalf.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

# Asked inside the page, of JupyterLab's own application object.
READY = """path => {
    const panel = window.jupyterapp?.shell.currentWidget;
    if (panel?.context?.path !== path || !panel.context.isReady || !panel.sessionContext.isReady) return false;
    return panel.sessionContext.session?.kernel?.status === 'idle';
}"""
START_RUN = """() => {
    const {commands} = window.jupyterapp;
    window.testRun = {over: false, problem: ''};
    commands.execute('notebook:clear-all-cell-outputs')
        .then(() => commands.execute('notebook:run-all-cells'))
        .catch(problem => { window.testRun.problem = String(problem); })
        .finally(() => { window.testRun.over = true; });
}"""
CELLS = "() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.toJSON())"
WHOLLY_IN_VIEW = """output => {
    output.scrollIntoView({block: 'center'});
    const [shown, view] = [output, output.closest('.jp-WindowedPanel-outer')].map(e => e.getBoundingClientRect());
    return shown.top >= view.top - 1 && shown.bottom <= view.bottom + 1;
}"""
CLICKS, CLICK_MS = 4, 3000
LISTEN_FOR_CLICK = """marker => {
    window.plotlyClicked = false
    marker.closest('.js-plotly-plot').once('plotly_click', () => { window.plotlyClicked = true })
}"""
MARKER_OF_LABEL = """label => {
    const trace = label.closest('.trace');
    const labels = [...trace.querySelectorAll('.textpoint')];
    return trace.querySelectorAll('path.point')[labels.indexOf(label.closest('.textpoint'))];
}"""


def find_browser() -> str | None:
    """The program to drive: KGSS_CHROMIUM, else one on the path, else one in its usual place."""
    if wish := os.environ.get("KGSS_CHROMIUM"):
        return shutil.which(wish)
    on_path = (shutil.which(name) for name in BROWSER_NAMES)
    usual = (os.path.expandvars(place) for place in BROWSER_PLACES)
    return next(filter(None, on_path), None) or next((place for place in usual if Path(place).is_file()), None)


def launch(playwright: Playwright, program: str) -> Browser:
    """Starts the browser without a window."""
    expect.set_options(timeout=STEP_MS)
    return playwright.chromium.launch(executable_path=program, headless=True, args=BROWSER_FLAGS, timeout=STEP_MS)


class Lab:
    """JupyterLab in a browser that reaches the test server and nothing else.

    ``problems`` collects what no page of ours may do: ask another machine, raise an error, open a dialog.
    """

    def __init__(self, browser: Browser, server: Server) -> None:
        self.server = server
        self.problems: list[str] = []
        self.context = browser.new_context(viewport=VIEWPORT, service_workers="block", locale="en-GB")
        self.context.set_default_timeout(STEP_MS)
        outside = re.compile(rf"^(?:https?|wss?)://(?!{re.escape(server.url.split('://')[1])})")
        self.context.route(outside, self._refuse)
        self.context.route_web_socket(outside, self._refuse_socket)

    def create(self, name: str, *sources: str) -> str:
        """Writes a notebook of the given code cells beside the workbook's own, for :meth:`open`; returns its name."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        nbformat.write(notebook, self.server.root / "notebooks" / name)
        return name

    @contextmanager
    def open(self, name: str) -> Iterator[Notebook]:
        """Opens a notebook in a tab of its own and waits for its kernel; shuts both down afterwards."""
        page, path = self.context.new_page(), f"notebooks/{name}"
        try:
            yield self._open(page, path)
        except BaseException:
            self.keep_pictures(name)
            raise
        finally:
            page.close()
            self.server.shut_down_kernel(path)

    def take_problems(self) -> list[str]:
        """The problems since the last call."""
        self.context.cookies()  # any question to the browser: what it reported before arrives first
        taken, self.problems = self.problems, []
        return taken

    def keep_pictures(self, name: str) -> list[str]:
        """Keeps a picture of each open tab as ``build/browser/failed-NAME-N.png``; returns the files."""
        safe = re.sub(r"[^\w-]+", "-", name)
        return [str(_keep(page, f"failed-{safe}-{n}")) for n, page in enumerate(self.context.pages)]

    def close(self) -> None:
        """Closes all tabs."""
        self.context.close()

    def _open(self, page: Page, path: str) -> Notebook:
        page.on("pageerror", lambda error: self.problems.append(f"error in the page: {error}"))
        page.on("dialog", self._dismiss)
        # A workspace of its own, or a second tab would be asked to share the first one's.
        address = f"{self.server.url}lab/workspaces/{uuid4().hex}/tree/{path}?token={self.server.token}"
        page.goto(address, wait_until="domcontentloaded")
        notebook = Notebook(page, path, self.server)
        notebook.wait_until_idle()
        return notebook

    def _refuse(self, route: Route) -> None:
        self.problems.append(f"request to another machine: {route.request.url}")
        route.abort("blockedbyclient")

    def _refuse_socket(self, socket: WebSocketRoute) -> None:
        self.problems.append(f"connection to another machine: {socket.url}")
        socket.close()

    def _dismiss(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()


class Notebook:
    """A notebook open in JupyterLab."""

    def __init__(self, page: Page, path: str, server: Server) -> None:
        self.page, self.path, self.server = page, path, server

    def run_all(self, *, timeout_ms: int = RUN_MS) -> None:
        """Clears what the cells showed before, runs them all and waits until they are done.

        Raises:
            AssertionError: A cell raised, with its traceback (cells tagged ``raises-exception`` may), or was not
                reached.
        """
        self.start_run()
        self.finish_run(timeout_ms=timeout_ms)

    def start_run(self) -> None:
        """Begins what :meth:`run_all` does, for a test that does something while cells run."""
        self.page.evaluate(START_RUN)

    def finish_run(self, *, timeout_ms: int = RUN_MS) -> None:
        """Waits for the end of what :meth:`start_run` began; raises as :meth:`run_all` does."""
        self.page.wait_for_function("() => window.testRun.over", timeout=timeout_ms, polling=POLL_MS)
        failures = [failure for cell in self.cells() if (failure := _failure(cell))]
        assert not failures, "\n\n".join(failures)
        problem = self.page.evaluate("() => window.testRun.problem")
        assert not problem, f"{self.path} did not run to its end: {problem}"
        self.wait_until_idle()
        missed = [cell["source"] for cell in self.cells() if _not_executed(cell)]
        assert not missed, f"{self.path}: cells that were not executed:\n" + "\n---\n".join(missed)

    def wait_until_idle(self) -> None:
        """Waits until the page and the server agree that the kernel is connected and has nothing to do."""
        self.page.wait_for_function(READY, arg=self.path, polling=POLL_MS)
        give_up = time.monotonic() + STEP_MS / 1000
        while not self.server.has_idle_kernel(self.path):
            assert time.monotonic() < give_up, f"{self.path}: no idle kernel with a connection after {STEP_MS} ms"
            self.page.wait_for_timeout(POLL_MS)

    def cells(self) -> list[dict[str, Any]]:
        """The cells as JupyterLab holds them at this moment, in nbformat's shape."""
        return self.page.evaluate(CELLS)

    def cell_with(self, text: str) -> Locator:
        """The first cell in whose source or output a text stands."""
        return self.page.locator(".jp-Notebook .jp-Cell", has_text=text).first

    def widget(self, label: str) -> Widget:
        """The first widget with a control, a button or a figure's title that contains a text."""
        labels = self.page.locator(".jupyter-widgets").locator(".widget-label, .widget-button, .gtitle", has_text=label)
        return Widget(self.page.locator(".jp-OutputArea-output").filter(has=labels).first)

    def figure(self, title: str) -> Widget:
        """The first plotly figure outside widgets whose title contains a text."""
        titles = self.page.locator(".gtitle", has_text=title)
        return Widget(self.page.locator(".jp-RenderedPlotly").filter(has=titles).first)

    def screenshot(self, name: str) -> Path:
        """Keeps a picture of the whole window as ``build/browser/NAME.png``."""
        return _keep(self.page, name)


class Widget:
    """An ipywidgets widget or a plotly figure in a cell's output."""

    def __init__(self, output: Locator) -> None:
        self.output = output

    @property
    def says(self) -> str:
        """The text in its panels (HTML widgets): not that of controls, figures and hover labels."""
        return "\n".join(self._panels().all_inner_texts())

    @property
    def title(self) -> str:
        """The title of its figure."""
        return self.output.locator(".gtitle").text_content() or ""

    def should_say(self, text: str) -> None:
        """Waits until a text stands in a panel; markup in it must be there for the reader to see."""
        try:
            expect(self._panels(text).first).to_be_visible()
        except AssertionError:
            raise AssertionError(f"The widget does not say {text!r}, it says:\n{self.says}") from None

    def should_not_say(self, text: str) -> None:
        """Waits until no panel holds a text."""
        try:
            expect(self._panels(text)).to_have_count(0)
        except AssertionError:
            raise AssertionError(f"The widget still says {text!r}:\n{self.says}") from None

    def should_offer(self, description: str, options: list[str]) -> None:
        """Waits until a list or drop-down has exactly these options."""
        expect(self._control(description).locator("option")).to_have_text(options)

    def type_into(self, description: str, text: str) -> None:
        """Replaces what stands in a text field and presses Enter."""
        field = self._control(description)
        field.fill(text)
        field.press("Enter")

    def choose(self, description: str, option: str) -> None:
        """Chooses from a list or drop-down the first option that contains a text."""
        choices = self._control(description)
        found = choices.locator("option", has_text=option).first
        choices.select_option(label=found.text_content())

    def click(self, button: str) -> None:
        """Presses a button."""
        self.output.get_by_role("button", name=button, exact=True).click()

    def click_node(self, name: str) -> None:
        """Clicks the marker of a plotly figure's node by its label, where it really is on the screen.

        On a busy machine plotly may miss a click, as it would miss a person's; then it is clicked again.
        """
        marker = self._marker(name)
        marker.evaluate(LISTEN_FOR_CLICK)
        for _ in range(CLICKS):
            self._hover_over_nothing()
            marker.scroll_into_view_if_needed()
            marker.wait_for_element_state("stable")
            box = marker.bounding_box()
            mouse = self.output.page.mouse
            mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            # Plotly clicks what the mouse hovers over, and finds that out with a delay.
            expect(self.output.locator(".hovertext").first).to_be_visible()
            mouse.down()
            mouse.up()
            if self._heard_click():
                return
        raise AssertionError(f"plotly heard none of {CLICKS} clicks on {name!r}")

    def _heard_click(self) -> bool:
        try:
            self.output.page.wait_for_function("() => window.plotlyClicked", timeout=CLICK_MS)
        except TooLate:
            return False
        return True

    def screenshot(self, name: str) -> Path:
        """Keeps a picture of the widget as ``build/browser/NAME.png``, in a window as high as it needs."""
        self._hover_over_nothing()
        page = self.output.page
        height = int(self.output.bounding_box()["height"]) + MENUS_HEIGHT
        page.set_viewport_size(VIEWPORT | {"height": max(VIEWPORT["height"], height)})
        page.wait_for_function(WHOLLY_IN_VIEW, arg=self.output.element_handle(), polling=POLL_MS)
        try:
            return _keep(self.output, name)
        finally:
            page.set_viewport_size(VIEWPORT)

    def _hover_over_nothing(self) -> None:
        self.output.page.mouse.move(0, 0)
        expect(self.output.locator(".hovertext")).to_have_count(0)

    def _panels(self, text: str = "") -> Locator:
        return self.output.locator(".widget-html-content").filter(has_text=re.compile(re.escape(text)))

    def _control(self, description: str) -> Locator:
        return self.output.get_by_label(description, exact=True)

    def _marker(self, name: str) -> ElementHandle:
        words = r"\s*".join(map(re.escape, name.split()))  # a long label stands in several lines
        label = self.output.locator(".textpoint text").filter(has_text=re.compile(f"^{words}$"))
        marker = label.evaluate_handle(MARKER_OF_LABEL).as_element()
        assert marker, f"the figure has a label {name!r} without a marker"
        return marker


def _failure(cell: dict[str, Any]) -> str:
    """The traceback of a cell that raised, below its source; empty for the others."""
    if "raises-exception" in cell["metadata"].get("tags", []):
        return ""
    errors = [output for output in cell.get("outputs", []) if output["output_type"] == "error"]
    tracebacks = ["\n".join(error["traceback"]) or f"{error['ename']}: {error['evalue']}" for error in errors]
    return "\n".join([cell["source"], *(ANSI_COLOUR.sub("", text) for text in tracebacks)]) if errors else ""


def _not_executed(cell: dict[str, Any]) -> bool:
    return cell["cell_type"] == "code" and bool(cell["source"].strip()) and cell["execution_count"] is None


def _keep(shown: Page | Locator, name: str) -> Path:
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / f"{name}.png"
    shown.screenshot(path=picture, animations="disabled")
    return picture


def asks_in_own_words(notebook: Notebook, readers: set[str], picture: str) -> None:
    """Types a question into a notebook's search: each reader answers, with reasons, and typed markup stays text."""
    search = notebook.widget("Looking for")
    search.type_into("Question", "who frightens people with puppets?")
    search.should_say("who frightens people with puppets?")
    assert readers <= set(search.says.splitlines())
    search.should_say("about ")  # a reason made of edges
    search.screenshot(picture)
    search.type_into("Question", HOSTILE)
    search.should_say(HOSTILE)
    assert search.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None
