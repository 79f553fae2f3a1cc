"""The notebooks as web pages and as slides."""

from __future__ import annotations

import html
import os
import shutil
import webbrowser
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kgss_helpers.files import write_whole
from kgss_helpers.frontdoor.environment import ROOT, FrontDoorError, say
from kgss_helpers.frontdoor.notebooks import cleaned, execute, read

BUILD = ROOT / "build"
# Both: the figure's data for JupyterLab, and a page that carries the drawing library itself.
RENDERER = "plotly_mimetype+notebook"

INDEX = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>From Knowledge Graphs to Semantic Spaces</title>
<style>body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}</style>
<h1>From Knowledge Graphs to Semantic Spaces</h1>
<ol start="0">
{items}
</ol>
</html>
"""


def heading(notebook: Any) -> str:
    """Return the text of a notebook's first H1."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for line in cell["source"].splitlines():
                if line.startswith("# "):
                    return line[2:].strip()
    return "Untitled"


def prepared(path: Path, as_is: bool) -> Any:
    """Return a notebook whose figures draw outside of JupyterLab: executed anew, unless it is to be taken as it is."""
    notebook = read(path)
    if not as_is:
        say(f"Executing {path.stem} ...")
        os.environ["KGSS_PLOTLY_RENDERER"] = RENDERER
        execute(notebook, path)
        notebook = cleaned(notebook)
    return notebook


def convert(notebook: Any, exporter: Any, title: str) -> str:
    """Run one notebook through an exporter of nbconvert."""
    import nbformat

    body, _ = exporter.from_notebook_node(nbformat.from_dict(notebook), resources={"metadata": {"name": title}})
    return body


def index_page(titles: Mapping[str, str]) -> str:
    """Return the page that lists the others, from file name to title."""
    items = [f'<li><a href="{html.escape(name)}">{html.escape(title)}</a></li>' for name, title in titles.items()]
    return INDEX.format(items="\n".join(items))


def export_html(paths: Iterable[Path], as_is: bool = False, folder: Path = BUILD / "html") -> int:
    """Write every notebook as a page, and a page that lists them; returns the exit status."""
    from nbconvert import HTMLExporter

    folder.mkdir(parents=True, exist_ok=True)
    titles: dict[str, str] = {}
    for path in paths:
        notebook = prepared(path, as_is)
        titles[f"{path.stem}.html"] = heading(notebook)
        write_whole(folder / f"{path.stem}.html", convert(notebook, HTMLExporter(), heading(notebook)))
    write_whole(folder / "index.html", index_page(titles))
    say(f"{len(titles)} pages: open {(folder / 'index.html').relative_to(ROOT)}")
    return 0


def own_reveal(copy_of_reveal: str, folder: Path) -> str:
    """Put a copy of reveal.js beside the slides and return the address under which they find it."""
    source = Path(copy_of_reveal).expanduser()
    if not (source / "dist" / "reveal.js").exists():
        raise FrontDoorError(f"{source} holds no reveal.js: there should be a file dist/reveal.js in it.")
    shutil.copytree(source, folder / "reveal.js", dirs_exist_ok=True)
    return "reveal.js"


def export_slides(
    paths: Iterable[Path], as_is: bool, reveal: str | None, show: bool, folder: Path = BUILD / "slides"
) -> int:
    """Write notebooks as reveal.js slides; returns the exit status.

    Args:
        paths: the notebooks.
        as_is: take the committed outputs instead of executing anew.
        reveal: a folder with a copy of reveal.js, or None for the one on the web.
        show: open the first one in the browser.
        folder: where the slides go.
    """
    from nbconvert import SlidesExporter

    folder.mkdir(parents=True, exist_ok=True)
    exporter = SlidesExporter()
    if reveal:
        exporter.reveal_url_prefix = own_reveal(reveal, folder)
    written: list[Path] = []
    for path in paths:
        notebook = prepared(path, as_is)
        written.append(folder / f"{path.stem}.slides.html")
        write_whole(written[-1], convert(notebook, exporter, heading(notebook)))
        say(f"Slides: {written[-1].relative_to(ROOT)}")
    if not reveal:
        say("They load reveal.js from the web when they are shown; see 'slides --help' for a hall without network.")
    if show and written:
        webbrowser.open(written[0].as_uri())
    return 0
