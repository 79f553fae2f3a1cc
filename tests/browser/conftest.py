"""Fixtures of the browser tests: one server and one browser for all of them, and what no test may cause.

Their scope is this package, not the session: while Playwright is at work it holds the thread's event loop, and other
tests need theirs.
"""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from .lab import NO_BROWSER, Lab, find_browser, launch
from .server import Server

RUNNING = pytest.StashKey[list[Server | Lab]]()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium without a window; without Chromium these tests are skipped, except in continuous integration."""
    program = find_browser()
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_BROWSER)
    with sync_playwright() as playwright:
        launched = launch(playwright, program)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def server(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Server]:
    """JupyterLab; started only where there is a browser."""
    running = Server(tmp_path_factory.mktemp("jupyterlab"))
    request.config.stash.setdefault(RUNNING, []).append(running)
    yield running
    request.config.stash[RUNNING].remove(running)
    running.stop()


@pytest.fixture(scope="package")
def lab(browser: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """JupyterLab in the browser: what the tests work with."""
    opened = Lab(browser, server)
    request.config.stash[RUNNING].append(opened)
    yield opened
    request.config.stash[RUNNING].remove(opened)
    opened.close()


@pytest.fixture(autouse=True)
def no_problems(lab: Lab) -> Iterator[None]:
    """Fails a test during which a page asked another machine, raised an error or opened a dialog."""
    yield
    problems = lab.take_problems()
    assert not problems, "\n".join(problems)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Adds to a failure the server's log, and keeps a picture of each open tab."""
    report = yield
    if report.failed:
        for running in item.config.stash.get(RUNNING, []):
            if isinstance(running, Server):
                report.sections.append(("JupyterLab's log", running.log))
            else:
                report.sections.append(("Pictures of the open tabs", "\n".join(running.keep_pictures(item.name))))
    return report
