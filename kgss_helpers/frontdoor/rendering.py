"""Notebooks as HTML by nbconvert, with nothing that comes from the web: formulas, figures and what surrounds them."""

from __future__ import annotations

import base64
import copy
import html
import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import pass_context
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from kgss_helpers.frontdoor.environment import FrontDoorError

TEMPLATES = Path(__file__).parent / "templates"
PLOTLY = "application/vnd.plotly.v1+json"
PICTURES = ("image/png", "image/jpeg")
SIZE = 20  # points, in which formulas are drawn; pages show them in the size of their text


def formula(latex: str, block: bool) -> str:
    """A formula as a picture in the page, drawn by matplotlib; its alternative text is what was written.

    MathML would do without a picture, but looks wrong where no font for mathematics is installed.

    Raises:
        FrontDoorError: matplotlib does not know something in it.
    """
    from matplotlib import rc_context
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    written, drawn = " ".join(latex.split()), io.BytesIO()
    try:
        with rc_context({"mathtext.fontset": "stix", "svg.hashsalt": "formula"}):
            depth = math_to_image(f"${written}$", drawn, FontProperties(size=SIZE), dpi=72, format="svg")
    except ValueError as error:
        raise FrontDoorError(f"The formula ${written}$ cannot be drawn; say it with simpler signs.\n{error}") from error
    height = re.search(rb'height="([\d.]+)pt"', drawn.getvalue())
    size = f"height:{float(height[1]) / SIZE:.3f}em;vertical-align:{-depth / SIZE:.3f}em"
    source = "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode("ascii")
    image = f'<img class="kgss-formula" alt="{html.escape(written)}" style="{size}" src="{source}">'
    return f"<p class='kgss-formula'>{image}</p>" if block else image


class Renderer(IPythonRenderer):
    """Markdown to HTML with formulas that need no script."""

    def inline_math(self, body: str) -> str:
        """A formula in a line."""
        return formula(body, block=False)

    def block_math(self, body: str) -> str:
        """A formula in a line of its own."""
        return formula(body, block=True)

    def multiline_math(self, text: str) -> str:
        """A formula of several lines, with the signs that enclose it."""
        return formula(text.strip().strip("$"), block=True)

    def latex_environment(self, name: str, body: str) -> str:
        """A formula between begin and end."""
        return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)


class Exporter(HTMLExporter):
    """nbconvert's exporter with our templates and formulas; pictures of Markdown cells are put into the page."""

    def __init__(self, template: str) -> None:
        super().__init__(template_name=template, extra_template_basedirs=[str(TEMPLATES)], embed_images=True)

    def default_filters(self) -> Iterable[tuple[str, Any]]:
        """The filters of templates, with our own Markdown."""
        yield from super().default_filters()
        yield "markdown2html", self.markdown2html

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """Markdown to HTML; ``context`` is the template's and knows the cell."""
        renderer = Renderer(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            embed_images=self.embed_images,
            path=context.get("resources", {}).get("metadata", {}).get("path", ""),
            anchor_link_text=self.anchor_link_text,
            exclude_anchor_links=self.exclude_anchor_links,
        )
        return MarkdownWithMath(renderer=renderer).render(source)


def has_figures(notebook: Any) -> bool:
    """Tell whether a notebook shows an interactive figure."""
    return any(PLOTLY in output.get("data", {}) for cell in notebook["cells"] for output in cell.get("outputs", []))


def figure_as_html(figure: Any) -> str:
    """A plotly figure as an element that `figures.js` draws; a screen reader hears its title."""
    layout = figure.get("layout", {})
    title = layout.get("title", {})
    label = title.get("text", "") if isinstance(title, dict) else str(title)
    data = json.dumps({"data": figure["data"], "layout": layout}).replace("<", "\\u003c")
    element = f'<div class="kgss-plotly" role="img" aria-label="{html.escape(label or "interactive figure")}">'
    return f'{element}<script type="application/json">{data}</script></div>'


def picture_as_html(data: str, mime_type: str, alt: str) -> str:
    """A picture with the description that it carries."""
    source = f"data:{mime_type};base64,{data.strip()}"
    return f'<div class="jp-RenderedImage"><img alt="{html.escape(alt)}" src="{html.escape(source)}"></div>'


def self_contained(notebook: Any) -> Any:
    """Return a copy in which interactive figures and described pictures are HTML."""
    notebook = copy.deepcopy(notebook)
    for output in (output for cell in notebook["cells"] for output in cell.get("outputs", [])):
        data = output.get("data", {})
        described = [kind for kind in PICTURES if kind in data and output["metadata"].get(kind, {}).get("alt")]
        if PLOTLY in data:
            output["data"] = {"text/html": figure_as_html(data[PLOTLY])}
        elif described:
            kind = described[0]
            output["data"] = {"text/html": picture_as_html(data[kind], kind, output["metadata"][kind]["alt"])}
    return notebook


def joined(notebooks: Sequence[tuple[str, Any]]) -> Any:
    """Return one notebook of the cells of several, each of which begins a slide and is named on all of its slides."""
    whole = copy.deepcopy(notebooks[0][1])
    whole["cells"] = []
    for place, (title, notebook) in enumerate(notebooks):
        cells = copy.deepcopy(notebook["cells"])
        for cell in cells:
            cell["id"] = f"{place}-{cell['id']}"[:64]
            cell["metadata"].setdefault("slideshow", {})["data"] = {"notebook": title}
        shown = [cell for cell in cells if cell["metadata"]["slideshow"].get("slide_type") not in ("skip", "notes")]
        if shown:
            shown[0]["metadata"]["slideshow"]["slide_type"] = "slide"
        whole["cells"] += cells
    return whole


def as_page(notebook: Any, template: str, title: str, folder: Path) -> str:
    """Return a notebook as a page, by one of the templates 'page' and 'slides'; its pictures lie beside ``folder``."""
    resources = {"metadata": {"name": title, "path": str(folder)}, "kgss": {"plotly": has_figures(notebook)}}
    shown = nbformat.from_dict(self_contained(notebook))
    body, _ = Exporter(template).from_notebook_node(shown, resources=resources)
    return body
