"""arXiv's metadata snapshot: one JSON object a line (https://www.kaggle.com/datasets/Cornell-University/arxiv)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kgss_helpers.datasets.builder import GraphBuilder, year_of
from kgss_helpers.files import BadRows, read_json_lines
from kgss_helpers.films.roles import HAS_GENRE
from kgss_helpers.graph import GraphError, KnowledgeGraph


def load_arxiv(
    path: Path | str, *, categories: Sequence[str] = (), limit: int | None = None, on_bad_rows: BadRows = "error"
) -> KnowledgeGraph:
    """Papers as projects with their abstracts, authors as people, subject categories as genres.

    The snapshot has no ids for authors: here a name *is* a key, and people who share one become one node. Affiliations
    are left out; whoever stands twice among the authors of a paper has one edge to it.

    Args:
        path: ``arxiv-metadata-oai-snapshot.json``, plain or as ``.gz`` (read line by line, whatever its size).
        categories: Only papers in one of these (``"cs.IR"``, ``"hep-ph"``); one that ends in a full stop (``"cs."``)
            takes all below it.
        limit: Stop after so many papers.
        on_bad_rows: ``"skip"`` counts lines that are not JSON in a warning instead of refusing the file.

    Raises:
        FileNotFoundError: There is no such file.
        GraphError: A record lacks its id, title or categories; names file and line.
    """
    wanted = (categories,) if isinstance(categories, str) else tuple(categories)
    is_wanted = _chooser(wanted)
    builder, papers = GraphBuilder("arXiv"), 0
    for line, record in read_json_lines(path, on_bad_rows=on_bad_rows):
        fields = record if isinstance(record, dict) else {}
        missing = [field for field in ("id", "title", "categories") if not str(fields.get(field) or "").strip()]
        if missing:
            raise GraphError(
                f"{Path(path).name}, line {line}: the record has no {missing[0]!r}; is this arXiv's metadata snapshot?"
            )
        subjects = record["categories"].split()
        if wanted and not any(map(is_wanted, subjects)):
            continue
        if limit is not None and papers == limit:
            break
        papers += 1
        if f"project:{record['id']}" in builder:
            builder.count("papers with an id that is there already merged")
        paper = builder.node(
            f"project:{record['id']}",
            "project",
            _one_line(record["title"]),
            _one_line(record.get("abstract") or ""),
            year=year_of(record.get("update_date")),
        )
        for subject in subjects:
            builder.edge(paper, HAS_GENRE, builder.named("genre", subject))
        for name in _authors(record):
            builder.edge(builder.named("person", name), "Author", paper)
    return builder.build(quiet=["repeated edges merged"])


def _authors(record: dict) -> list[str]:
    """Names in reading order, from the parsed form where there is one: last name, first name, suffix, affiliations."""
    parsed = record.get("authors_parsed") or []
    if parsed:
        names = [_one_line(" ".join([*author[1:2], *author[:1], *author[2:3]])) for author in parsed]
    else:
        names = _one_line(record.get("authors") or "").replace(" and ", ", ").split(",")
    return [name.strip() for name in names if name.strip()]


def _chooser(categories: tuple[str, ...]) -> Callable[[str], bool]:
    """Tells whether a subject is one of the categories, or lies below one that ends in a full stop."""
    below = tuple(category for category in categories if category.endswith("."))
    return lambda subject: subject in categories or subject.startswith(below)


def _one_line(text: str) -> str:
    return " ".join(text.split())
