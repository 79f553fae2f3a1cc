"""A plugin of pytest for the notebooks that nbval runs: a cell that is cut off says so, and why.

nbval interrupts a cell at its limit. Training takes an interrupt as the stop button and ends well, so that the cell may
pass or only differ; and nbval expects all cells after it to fail, so that nothing in the log gives the reason. Here the
cell fails with a sentence, and the cells after it are skipped with that reason.

The `test` command loads this; it needs pytest and nbval, unlike the rest of the front door.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kgss_helpers.frontdoor.budget import budget_of, cut_off
from kgss_helpers.frontdoor.notebooks import cell_name

# Seconds in which a kernel answers an interrupt, or shows the last of its outputs. nbval's own 5 are too few for a
# busy machine and for a training that keeps its last good state.
PATIENCE = 60
CUT_OFF = "cut off"


def is_cell(item: Any) -> bool:
    """Tell whether a test is a notebook's cell."""
    return hasattr(item, "cell") and hasattr(item.parent, "timed_out")


def named(item: Any) -> str:
    """Name a cell so that a person finds it."""
    notebook = item.parent.nb
    return cell_name(notebook, next(index for index, cell in enumerate(notebook.cells) if cell is item.cell))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every cell the longer patience."""
    for item in items:
        if is_cell(item):
            item.output_timeout = PATIENCE


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what stands after a cell that was cut off: it has not what it needs, and may take as long."""
    if is_cell(item) and item.parent.timed_out:
        pytest.skip("a cell before it was cut off")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Fail a cell that was cut off, whatever came of the interrupt."""
    report = yield
    if call.when == "call" and is_cell(item) and item.parent.timed_out:
        sentence = reason(item, report.longreprtext)
        report.outcome = "failed"
        report.longrepr = f"{sentence}\n\n{report.longreprtext}".rstrip()
        report.user_properties.append((CUT_OFF, sentence))
    return report


def reason(item: Any, nbval_says: str) -> str:
    """Say why a cell was cut off."""
    stem = Path(item.path).stem
    if "waiting for output" in nbval_says:
        return f"{stem}, {named(item)} was cut off: it was done, but its kernel was silent for {item.output_timeout} s."
    return cut_off(stem, named(item), item.config.option.nbval_cell_timeout)


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.pluginmanager.register(Times())


class Times:
    """Adds up what each notebook took, and writes it beside its budget at the end, with what was cut off."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cut_off: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase of one cell."""
        path = Path(report.location[0])
        if path.suffix == ".ipynb":
            self.seconds[path.stem] = self.seconds.get(path.stem, 0.0) + report.duration
            self.cut_off += [sentence for name, sentence in report.user_properties if name == CUT_OFF]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Write the times. None fails for them, since the machine may have been busy."""
        if self.seconds:
            terminalreporter.section("notebooks: seconds taken, seconds in the budget")
            for stem, taken in self.seconds.items():
                note = "  more than its budget" if taken > budget_of(stem) else ""
                terminalreporter.line(f"{stem:<28} {taken:6.0f} {budget_of(stem):6}{note}")
            for sentence in self.cut_off:
                terminalreporter.line(sentence, red=True)
