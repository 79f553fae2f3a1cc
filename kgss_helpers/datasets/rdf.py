"""RDF in N-Triples, Turtle and what else `rdflib` reads (https://www.w3.org/TR/rdf11-concepts/)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from kgss_helpers.datasets.builder import GraphBuilder
from kgss_helpers.files import require_file
from kgss_helpers.graph import GraphError, KnowledgeGraph

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

FORMATS = {
    ".nt": "nt", ".ttl": "turtle", ".turtle": "turtle", ".n3": "n3", ".rdf": "xml", ".owl": "xml", ".xml": "xml",
    ".jsonld": "json-ld",
}  # fmt: skip
NAMES = ("label", "prefLabel", "name", "title")
DESCRIPTIONS = ("comment", "description", "abstract", "definition")
"""Last parts of the properties whose literals are names and descriptions, in order."""


def load_rdf(
    path: Path | str,
    *,
    languages: Sequence[str] = ("en", ""),
    node_type: str = "thing",
    format: str | None = None,  # noqa: A002 - as rdflib calls it
    name: str | None = None,
) -> KnowledgeGraph:
    """A graph from a file of RDF: resources become nodes, statements between them edges.

    A node's name is its label (``rdfs:label``, ``skos:prefLabel``, ``schema:name``, a title) in the first of the
    languages that it has, else the last part of its address; its type is that of ``rdf:type``. A literal of a property
    for descriptions is its description; other literals are counted in a warning, since no edge can hold them.

    Args:
        path: ``.nt``, ``.ttl``, ``.n3``, ``.rdf``, ``.owl``, ``.xml`` or ``.jsonld``; no pickle is ever read.
        languages: Which language is taken first, second and so on; ``""`` stands for literals without one.
        node_type: The type of what has no ``rdf:type``.
        format: As rdflib calls it, where the file's ending does not tell.
        name: What to call the graph; the file's name if not given.

    Raises:
        FileNotFoundError: There is no such file.
        GraphError: The file is not in the format, or its ending does not tell one; names file and line.
    """
    path = require_file(path)
    statements = _parsed(path, format)
    builder = GraphBuilder(name or path.stem)
    texts, types, edges = _sorted_out(statements, builder, languages)
    names = {resource: _first(found, NAMES, languages) or _last_part(resource) for resource, found in texts.items()}
    for resource, found in texts.items():
        kind = types.get(resource)
        description = _first(found, DESCRIPTIONS, languages)
        type_name = node_type if kind is None else names.get(kind) or _last_part(kind)
        builder.node(resource, type_name, names[resource], description)
    for source, relation, target in edges:
        builder.edge(source, _words(relation), target)
    return builder.build(quiet=["repeated edges merged"])


def _parsed(path: Path, format_: str | None) -> Graph:
    from rdflib import Graph

    chosen = format_ or FORMATS.get(path.suffix.lower())
    if chosen is None:
        raise GraphError(f"{path.name}: its ending tells no format of RDF; pass format='turtle' or the like")
    try:
        return Graph().parse(path, format=chosen)
    except Exception as error:  # each of rdflib's parsers has errors of its own
        said = " ".join(str(error).split())[:200]
        line = re.search(r"line (\d+)", said)
        where = f"{path.name}, line {line[1]}" if line else path.name
        raise GraphError(f"{where}: not valid {chosen} ({said}); mend it, or pass another format=") from None


def _sorted_out(
    statements: Graph, builder: GraphBuilder, languages: Sequence[str]
) -> tuple[dict[str, dict], dict[str, str], list[tuple[str, str, str]]]:
    """Literals of each resource by property, its first type, and the statements between resources; all sorted."""
    from rdflib import RDF, Literal

    texts: dict[str, dict] = {}
    types: dict[str, str] = {}
    edges = []
    for subject, predicate, value in sorted(statements):
        source = _address(subject)
        found = texts.setdefault(source, {})
        if isinstance(value, Literal):
            part = _last_part(str(predicate))
            if part not in (*NAMES, *DESCRIPTIONS):
                builder.count("literals that are neither name nor description left out")
            elif (value.language or "") not in languages:
                builder.count("names and descriptions in other languages left out")
            else:
                found.setdefault((part, value.language or ""), str(value).strip())
        elif predicate == RDF.type:
            types.setdefault(source, _address(value))
        else:
            texts.setdefault(_address(value), {})
            edges.append((source, str(predicate), _address(value)))
    return texts, types, edges


def _address(resource: Node) -> str:
    """The address of a resource; that of a blank node begins with ``_:``."""
    from rdflib import BNode

    return f"_:{resource}" if isinstance(resource, BNode) else str(resource)


def _first(found: dict, parts: Sequence[str], languages: Sequence[str]) -> str:
    kept = (found.get((part, language)) for part in parts for language in languages)
    return next(filter(None, kept), "")


def _last_part(address: str) -> str:
    """What stands behind the last ``#`` or ``/`` of an address, readable."""
    part = re.split(r"[#/]", address.rstrip("#/"))[-1]
    return unquote(part).replace("_", " ").strip() or address


def _words(address: str) -> str:
    """A property as a relation: ``…/hasKeyword`` becomes ``has keyword``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", _last_part(address)).lower()
