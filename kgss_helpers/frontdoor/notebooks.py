"""Re-executing the notebooks, cleaning what they carry, and checking what is committed."""

from __future__ import annotations

import copy
import re
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgss_helpers.files import write_whole
from kgss_helpers.frontdoor.budget import budget_of, cell_limit, cut_off
from kgss_helpers.frontdoor.environment import ROOT, FrontDoorError, child_variables, say

FOLDER = ROOT / "notebooks"
LARGEST = 1_000_000  # bytes; beyond it GitHub and a lecture hall's network become slow

# JupyterLab's own name for the kernel: with any other it would rename it and call a notebook changed when it is opened.
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python"}
# What cells keep: tags steer the tests, slideshow the slides, jupyter collapses a worked solution.
CELL_METADATA = ("jupyter", "slideshow", "tags")
WIDGET = "application/vnd.jupyter.widget-view+json"


def all_notebooks(folder: Path = FOLDER) -> list[Path]:
    """Return the workbook's notebooks in order."""
    return sorted(folder.glob("[0-9][0-9]_*.ipynb"))


def named_notebooks(names: Sequence[str], folder: Path = FOLDER) -> list[Path]:
    """Return the notebooks that are meant by '01', '01_knowledge_graph' or a path, in order; without names, all."""
    everything = all_notebooks(folder)
    if not everything:
        raise FrontDoorError(f"There are no notebooks in {folder}.")
    if not names:
        return everything
    chosen: set[Path] = set()
    for name in names:
        stem = Path(name).stem
        found = [path for path in everything if path.stem == stem or path.stem.split("_")[0] == stem]
        if not found:
            known = ", ".join(path.stem for path in everything)
            raise FrontDoorError(f"There is no notebook '{name}'. There are: {known}.")
        chosen.update(found)
    return sorted(chosen)


def read(path: Path) -> Any:
    """Read a notebook in today's format."""
    import nbformat

    return nbformat.read(path, as_version=4)


def cleaned(notebook: Any) -> Any:
    """Return a copy without what changes from run to run or from editor to editor.

    Sources, outputs, cell ids and attachments stay. The random ids of widgets are replaced by ones made from the
    cell's own id, so that executing again changes nothing that was not changed.
    """
    notebook = copy.deepcopy(notebook)
    title = notebook["metadata"].get("title")
    notebook["metadata"] = {"kernelspec": dict(KERNEL), "language_info": dict(LANGUAGE)}
    if title:
        notebook["metadata"]["title"] = title
    for cell in notebook["cells"]:
        cell["metadata"] = {key: value for key, value in cell["metadata"].items() if key in CELL_METADATA}
        for number, output in enumerate(cell.get("outputs", [])):
            view = output.get("data", {}).get(WIDGET)
            if view and "model_id" in view:
                view["model_id"] = uuid.uuid5(uuid.NAMESPACE_OID, f"{cell.get('id')}/{number}").hex
    return notebook


def as_text(notebook: Any) -> str:
    """Return a notebook as it is written to its file."""
    import nbformat

    return nbformat.writes(nbformat.from_dict(notebook)).rstrip("\n") + "\n"


def cell_name(notebook: Any, index: int) -> str:
    """Name a cell so that a person finds it: its place, and the first line of its code."""
    lines = notebook["cells"][index]["source"].strip().splitlines()
    return f"cell {index + 1} of {len(notebook['cells'])} (`{lines[0][:60] if lines else ''}`)"


def is_collapsed(cell: Any) -> bool:
    """Tell whether JupyterLab shows a cell's code only when asked to, also after all cells were run."""
    return bool(cell["metadata"].get("jupyter", {}).get("source_hidden"))


def problems_of(path: Path) -> list[str]:
    """Say what keeps a committed notebook from being executed and clean; empty when it is both."""
    notebook, text = read(path), path.read_text(encoding="utf-8")
    problems: list[str] = []
    expected = 0
    for index, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code" or not cell["source"].strip():
            continue
        expected += 1
        if cell["execution_count"] != expected:
            ran = "was never executed" if cell["execution_count"] is None else "was executed out of order"
            problems.append(f"{cell_name(notebook, index)} {ran}")
            break
        errors = [output for output in cell["outputs"] if output["output_type"] == "error"]
        if errors and "raises-exception" not in cell["metadata"].get("tags", []):
            problems.append(f"{cell_name(notebook, index)} ended in {errors[0]['ename']}")
        if "solution" in cell["metadata"].get("tags", []) and not is_collapsed(cell):
            problems.append(f"{cell_name(notebook, index)} is a solution that stands open; collapse its code")
    if text != as_text(cleaned(notebook)):
        problems.append("its metadata is not clean")
    if (size := len(text.encode("utf-8"))) > LARGEST:
        problems.append(f"it has {size / 1e6:.1f} MB; {LARGEST / 1e6:.0f} MB is the limit")
    return problems


@dataclass(frozen=True)
class Run:
    """What executing a notebook took."""

    seconds: float
    megabytes: float


def peak_megabytes(process_id: int) -> float:
    """Return the peak resident memory of a process; on macOS the present one, since it keeps no other figure."""
    import psutil

    status = Path(f"/proc/{process_id}/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found.group(1)) * 1024 / 1e6
    memory = psutil.Process(process_id).memory_info()
    return getattr(memory, "peak_wset", memory.rss) / 1e6


def execute(notebook: Any, path: Path) -> Run:
    """Execute a notebook in place, in a kernel of this very environment.

    Args:
        notebook: what `read` returned; its outputs are replaced.
        path: its file, which stays as it is; the kernel works in that folder.

    Raises:
        FrontDoorError: a cell failed, or was cut off at its limit; names the notebook and the cell.
    """
    import zmq
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    at, peak, limit = 0, 0.0, cell_limit()

    def begin(cell: Any, cell_index: int) -> None:
        nonlocal at
        at = cell_index

    def measure(cell: Any, cell_index: int, **_: Any) -> None:
        nonlocal peak
        if client.km is not None and (process_id := getattr(client.km.provisioner, "pid", None)):
            peak = max(peak, peak_megabytes(process_id))

    client = NotebookClient(
        notebook,
        timeout=limit,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=begin,
        on_cell_executed=measure,
    )
    # Without kernel folders only the kernel of this interpreter is left: another 'python3' that the user has
    # registered cannot take its place.
    specs = KernelSpecManager(kernel_dirs=[])
    # Encrypted where it can be, since a kernel complains of every plain connection.
    secrecy = "auto" if zmq.has("curve") else "disabled"
    client.km = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs, transport_encryption=secrecy)
    start = time.perf_counter()
    try:
        client.execute(env=child_variables(quiet=True))
    except CellTimeoutError as error:
        raise FrontDoorError(cut_off(path.stem, cell_name(notebook, at), limit)) from error
    except DeadKernelError as error:
        died = "the kernel died, often for lack of memory"
        raise FrontDoorError(f"{path.stem}, {cell_name(notebook, at)}: {died}.") from error
    except CellExecutionError as error:
        failed = f"failed with {error.ename}: {error.evalue}"
        raise FrontDoorError(f"{path.stem}, {cell_name(notebook, at)} {failed}") from error
    return Run(time.perf_counter() - start, peak)


def renew(path: Path, runner: Callable[[Any, Path], Run] = execute) -> Run:
    """Execute one notebook, clean it and write it; when a cell fails, the file stays as it was."""
    notebook = read(path)
    run = runner(notebook, path)
    write_whole(path, as_text(cleaned(notebook)))
    return run


def renew_all(paths: Iterable[Path]) -> int:
    """Renew notebooks in order, with time and peak memory of each; returns the exit status."""
    failed: list[str] = []
    for path in paths:
        say(f"{path.stem} ...")
        try:
            run = renew(path)
        except FrontDoorError as error:
            failed.append(path.stem)
            say(f"  {error}")
            continue
        size = path.stat().st_size / 1e6
        print(f"{path.stem:<28} {run.seconds:6.1f} s {run.megabytes:7.0f} MB of memory, file {size:.2f} MB", flush=True)
        if run.seconds > budget_of(path.stem):
            say(f"  That is more than its budget of {budget_of(path.stem)} s, unless the machine was busy.")
    if failed:
        say(f"Not renewed, because a cell failed: {', '.join(failed)}.")
    return 1 if failed else 0


def clean_all(paths: Iterable[Path]) -> int:
    """Clean notebooks without executing them; returns the exit status."""
    for path in paths:
        text = as_text(cleaned(read(path)))
        if text != path.read_text(encoding="utf-8"):
            write_whole(path, text)
            say(f"{path.stem}: cleaned.")
    return 0


def check_all(paths: Sequence[Path]) -> int:
    """Verify that notebooks are executed and clean, and print what is not; returns the exit status."""
    bad = 0
    for path in paths:
        for problem in problems_of(path):
            bad += 1
            print(f"{path.name}: {problem}")
    if bad:
        say("'python -m kgss_helpers notebooks [names]' executes and cleans; '--clean' cleans only.")
    else:
        say(f"Executed and clean: {', '.join(path.stem for path in paths)}.")
    return 1 if bad else 0
