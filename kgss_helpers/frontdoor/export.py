"""The notebooks as web pages and as slides, which need no network: what they use lies beside them, in `assets`."""

from __future__ import annotations

import html
import shutil
import webbrowser
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kgss_helpers.files import write_whole
from kgss_helpers.frontdoor.environment import ROOT, say
from kgss_helpers.frontdoor.notebooks import cleaned, execute, read

BUILD = ROOT / "build"
TEMPLATES = Path(__file__).parent / "templates"
SEMINAR = "From Knowledge Graphs to Semantic Spaces"
FOR_PAGES = ("cells.css", "figures.js")
FOR_SLIDES = (
    *FOR_PAGES,
    "slides.css",
    "slides.js",
    *(f"reveal/{name}" for name in ("reveal.js", "reveal.css", "notes.js")),
)

INDEX = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>From Knowledge Graphs to Semantic Spaces</title>
<style>body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}</style>
<h1>From Knowledge Graphs to Semantic Spaces</h1>
<ol>
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


def near(path: Path) -> Path:
    """Return a path as it is called from the workbook's folder, if it lies there."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def prepared(path: Path, anew: bool) -> Any:
    """Return a notebook as it is committed, or executed anew."""
    notebook = read(path)
    if anew:
        say(f"Executing {path.stem} ...")
        execute(notebook, path)
        notebook = cleaned(notebook)
    return notebook


def provide(names: Iterable[str], folder: Path, figures: bool) -> None:
    """Put what pages or slides use beside them; plotly's library of 5 MB only where there are figures."""
    assets = folder / "assets"
    assets.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(TEMPLATES / name, assets / Path(name).name)
    if any(name.startswith("reveal/") for name in names):
        shutil.copyfile(TEMPLATES / "reveal" / "LICENSE", assets / "LICENSE-reveal.txt")
    if figures and (plotly := find_spec("plotly")) and plotly.origin:
        shutil.copyfile(Path(plotly.origin).parent / "package_data" / "plotly.min.js", assets / "plotly.min.js")


def number(stem: str) -> int:
    """Return the number that a notebook's file name begins with."""
    return int(stem.partition("_")[0])


def index_page(titles: Mapping[str, str]) -> str:
    """Return the page that lists the others, from file name to title; each by the number of its notebook."""
    items = [
        f'<li value="{number(name)}"><a href="{html.escape(name)}">{html.escape(title)}</a></li>'
        for name, title in titles.items()
    ]
    return INDEX.format(items="\n".join(items))


def export_html(paths: Iterable[Path], anew: bool = False, folder: Path = BUILD / "html") -> int:
    """Write every notebook as a page, and a page that lists them; returns the exit status."""
    from kgss_helpers.frontdoor.rendering import as_page, has_figures

    titles: dict[str, str] = {}
    figures = False
    for path in paths:
        notebook = prepared(path, anew)
        figures |= has_figures(notebook)
        titles[f"{path.stem}.html"] = title = heading(notebook)
        write_whole(folder / f"{path.stem}.html", as_page(notebook, "page", title, path.parent))
    provide(FOR_PAGES, folder, figures)
    write_whole(folder / "index.html", index_page(titles))
    say(f"{len(titles)} pages: open {near(folder / 'index.html')}")
    return 0


def export_slides(
    paths: Sequence[Path], whole: bool, anew: bool = False, show: bool = False, folder: Path = BUILD / "slides"
) -> int:
    """Write notebooks as reveal.js slides; returns the exit status.

    Args:
        paths: the notebooks.
        whole: one deck of all of them instead of one for each.
        anew: execute them instead of taking the committed outputs.
        show: open the first deck in the browser.
        folder: where the slides go.
    """
    from kgss_helpers.frontdoor.rendering import as_page, has_figures, joined

    notebooks = {path.stem: prepared(path, anew) for path in paths}
    titled = {stem: (f"{stem[:2]} · {heading(notebook)}", notebook) for stem, notebook in notebooks.items()}
    decks = {stem: (heading(titled[stem][1]), [titled[stem]]) for stem in titled}
    if whole:
        decks = {"seminar": (SEMINAR, list(titled.values()))}
    provide(FOR_SLIDES, folder, any(map(has_figures, notebooks.values())))
    written: list[Path] = []
    for name, (title, parts) in decks.items():
        written.append(folder / f"{name}.slides.html")
        write_whole(written[-1], as_page(joined(parts), "slides", title, paths[0].parent))
        say(f"Slides: {near(written[-1])}")
    say("They need no network. Keep the folder together: what they use lies in 'assets'.")
    if show and written:
        webbrowser.open(written[0].as_uri())
    return 0
