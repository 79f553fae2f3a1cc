"""Articles and the pages they link to, in the record layout of the Deep Learning Cookbook's film data.

One JSON list a line: ``[title, infobox, [links], "NN%" or null, "N.N/10" or null]``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path

from kgss_helpers.datasets.builder import GraphBuilder, require_whole
from kgss_helpers.files import BadRows, read_json_lines, slug
from kgss_helpers.graph import GraphError, KnowledgeGraph

LINKS_TO = "links to"
NOT_PAGES = re.compile(
    r":|(category|file|image|media|template|help|portal|user|special|wikipedia|wikt|wiktionary|wikiquote|wikisource"
    r"|wikibooks|wikinews|wikiversity|wikispecies|commons|meta|doi|[bcdmnqsvw]):|(?-i:[a-z]{2,3}(-[a-z]+)*:(?=\S))",
    re.IGNORECASE,
)
"""How a link begins that leads to a category, a file, a sister project or an article in another language."""


def load_link_records(path: Path | str, *, min_count: int = 1, on_bad_rows: BadRows = "error") -> KnowledgeGraph:
    """Articles as projects, the pages they link to as keywords, with the critics' scores as columns.

    Links to categories, files, sister projects and other languages are no pages and are left out; sections
    (``Page#Section``) count as their page; a page's first letter is upper case, as in the encyclopedia.

    Args:
        path: The file of records, plain or as ``.gz``.
        min_count: Keep only pages that at least so many articles link to.
        on_bad_rows: ``"skip"`` counts lines that are not JSON in a warning instead of refusing the file.

    Returns:
        The graph; projects carry ``rotten_tomatoes`` (0 to 1) and ``metascore`` (0 to 10) as numbers, missing where
        there is none. A page to which an article links several times is one edge.

    Raises:
        FileNotFoundError: There is no such file.
        GraphError: A line does not have the layout; names file and line.
    """
    require_whole(min_count, "min_count", least=0)
    records = [_record(Path(path).name, line, value) for line, value in read_json_lines(path, on_bad_rows=on_bad_rows)]
    articles: dict[str, str] = {}
    counts = Counter(page for _, links, *_ in records for page in links)
    builder = GraphBuilder("link records")
    for title, links, percent, score in records:
        if title in articles:
            builder.count("articles with a title that is there already merged")
        else:
            node_id = builder.free_id(f"project:{slug(title)}")
            articles[title] = builder.node(node_id, "project", title, rotten_tomatoes=percent, metascore=score)
        for page in links:
            if counts[page] >= min_count:
                builder.edge(articles[title], LINKS_TO, builder.named("keyword", page))
    return builder.build(quiet=["repeated edges merged"])


def page_of(link: str) -> str:
    """The page that a link leads to, or an empty string where it is no page."""
    page = link.replace("_", " ").split("#")[0].strip()
    if not page or NOT_PAGES.match(page):
        return ""
    return page[:1].upper() + page[1:]


def _record(file: str, line: int, value: object) -> tuple[str, list[str], float, float]:
    well_formed = (
        isinstance(value, list) and len(value) == 5 and isinstance(value[0], str) and isinstance(value[2], list)
    )
    if not well_formed or not value[0].strip() or not all(isinstance(link, str) for link in value[2]):
        raise GraphError(f"{file}, line {line}: expected [title, infobox, links, percent or null, score or null]")
    title, links, percent, score = value[0].strip(), *value[2:]
    pages = dict.fromkeys(filter(None, map(page_of, links)))
    return (
        title,
        list(pages),
        _number(percent, r"(\d{1,3})%", 100, file, line),
        _number(score, r"(\d+(?:\.\d+)?)/10", 1, file, line),
    )


def _number(text: str | None, pattern: str, divisor: int, file: str, line: int) -> float:
    if text is None:
        return math.nan
    found = re.fullmatch(pattern, str(text).strip())
    if found is None or float(found[1]) > (100 if divisor == 100 else 10):
        raise GraphError(
            f"{file}, line {line}: {text!r} is neither like '87%' nor like '7.9/10'; use null where there is no score"
        )
    return float(found[1]) / divisor
