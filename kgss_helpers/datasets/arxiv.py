"""arXiv's metadata snapshot: one JSON object a line (https://www.kaggle.com/datasets/Cornell-University/arxiv)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from kgss_helpers.datasets.builder import GraphBuilder, listed_values, require_text, require_whole, year_of
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
    wanted = listed_values(categories)
    if limit is not None:
        require_whole(limit, "limit", least=1)
    is_wanted = _chooser(wanted)
    builder, papers = GraphBuilder("arXiv"), 0
    for line, record in read_json_lines(path, on_bad_rows=on_bad_rows):
        where = f"{Path(path).name}, line {line}"
        fields = record if isinstance(record, dict) else {}
        missing = [field for field in ("id", "title", "categories") if not str(fields.get(field) or "").strip()]
        if missing:
            raise GraphError(f"{where}: the record has no {missing[0]!r}; is this arXiv's metadata snapshot?")
        for field in ("id", "title", "categories", "abstract", "authors"):
            require_text(fields.get(field) or "", field, where)
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
            year=_year(record),
        )
        for subject in subjects:
            builder.edge(paper, HAS_GENRE, builder.named("genre", subject))
        for name in _authors(record, where):
            builder.edge(builder.named("person", name), "Author", paper)
    return builder.build(quiet=["repeated edges merged"])


def _year(record: dict) -> int | None:
    """The year of the first version; ``update_date`` is that of the last change of the record, years later at times."""
    versions = record.get("versions")
    first = versions[0] if isinstance(versions, list) and versions and isinstance(versions[0], dict) else {}
    created = re.search(r"\b(\d{4})\b", str(first.get("created") or ""))
    return int(created[1]) if created else year_of(str(record.get("update_date") or ""))


def _authors(record: dict, where: str) -> list[str]:
    """Names in reading order, from the parsed form where there is one: last name, first name, suffix, affiliations.

    In the plain form affiliations stand in brackets, with commas of their own.
    """
    parsed = record.get("authors_parsed") or []
    if not parsed:
        plain = _one_line(record.get("authors") or "")
        while plain != (shorter := re.sub(r"\([^()]*\)", "", plain)):
            plain = shorter
        return [name.strip() for name in re.split(r",| and ", plain) if name.strip()]
    if not isinstance(parsed, list) or not all(
        isinstance(author, list) and all(isinstance(part, str) for part in author) for author in parsed
    ):
        raise GraphError(f"{where}: 'authors_parsed' must hold lists of last name, first name, suffix; mend it")
    names = (_one_line(" ".join([*author[1:2], *author[:1], *author[2:3]])) for author in parsed)
    return [name for name in names if name]


def _chooser(categories: tuple[str, ...]) -> Callable[[str], bool]:
    """Tells whether a subject is one of the categories, or lies below one that ends in a full stop."""
    below = tuple(category for category in categories if category.endswith("."))
    return lambda subject: subject in categories or subject.startswith(below)


def _one_line(text: str) -> str:
    return " ".join(text.split())
