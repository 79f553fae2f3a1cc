"""NetworkX graphs, and GraphML files by way of them (https://networkx.org, http://graphml.graphdrawing.org)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgss_helpers.datasets.builder import GraphBuilder
from kgss_helpers.datasets.columns import SYNONYMS, plain
from kgss_helpers.files import require_file
from kgss_helpers.graph import GraphError, KnowledgeGraph

if TYPE_CHECKING:
    import networkx


def from_networkx(
    graph: networkx.Graph, *, node_type: str = "thing", relation: str = "is linked to", name: str = ""
) -> KnowledgeGraph:
    """A NetworkX graph, directed or not, with or without parallel edges, as a `KnowledgeGraph`.

    A node's attributes ``name``, ``node_type`` and ``description`` are taken, or what is commonly called so (``label``,
    ``type`` and others); an edge's ``relation`` likewise, and the key of a parallel edge if it is a text. Other
    attributes are counted in a warning.

    Args:
        graph: The graph; a node's id is its text.
        node_type: The type of nodes that tell none.
        relation: The relation of edges that tell none.
        name: What to call the graph; its own name if not given.

    Raises:
        GraphError: Two nodes have the same text (1 and "1"), or a name is empty.
    """
    if not hasattr(graph, "nodes") or not hasattr(graph, "is_multigraph"):
        raise GraphError(f"a NetworkX graph is needed, not {type(graph).__name__}")
    builder = GraphBuilder(name or graph.name or "network")
    for node, attributes in graph.nodes(data=True):
        found = _known(attributes, ("name", "node_type", "description"), builder, "attributes of nodes")
        if str(node) in builder:
            raise GraphError(f"{builder.name}: two nodes are {str(node)!r} as text; give them ids that differ")
        builder.node(
            str(node), found.get("node_type") or node_type, found.get("name") or str(node), found.get("description", "")
        )
    for source, target, key, attributes in _edges(graph):
        found = _known(attributes, ("relation",), builder, "attributes of edges")
        told_by_key = key if isinstance(key, str) else ""
        builder.edge(str(source), found.get("relation") or told_by_key or relation, str(target))
    return builder.build()


def load_graphml(
    path: Path | str, *, node_type: str = "thing", relation: str = "is linked to", name: str | None = None
) -> KnowledgeGraph:
    """A graph from a GraphML file, as yEd, Gephi, Cytoscape and NetworkX write it; see `from_networkx`.

    Raises:
        FileNotFoundError: There is no such file.
        GraphError: It is no GraphML; names the file.
    """
    import networkx

    path = require_file(path)
    try:
        read = networkx.read_graphml(path)
    except Exception as error:  # those of the XML parser and of networkx have no common kind
        said = " ".join(str(error).split())[:200]
        raise GraphError(f"{path.name}: not valid GraphML ({said}); export it again") from None
    return from_networkx(read, node_type=node_type, relation=relation, name=name or path.stem)


def _edges(graph: networkx.Graph) -> list[tuple[Any, Any, Any, Mapping[str, Any]]]:
    if graph.is_multigraph():
        return list(graph.edges(keys=True, data=True))
    return [(source, target, None, attributes) for source, target, attributes in graph.edges(data=True)]


def _known(attributes: Mapping[str, Any], wanted: tuple[str, ...], builder: GraphBuilder, what: str) -> dict[str, str]:
    """Those attributes that we have a place for, by our names; others are counted."""
    by_name = {plain(str(key)): key for key in reversed(list(attributes))}
    found, used = {}, set()
    for ours in wanted:
        for called in (plain(ours), *SYNONYMS[ours]):
            key = by_name.get(called)
            value = None if key is None or key in used else attributes[key]
            if value is not None and str(value).strip():
                found[ours] = " ".join(str(attributes[key]).split())
                used.add(key)
                break
    unused = [key for key in attributes.keys() - used if attributes[key] is not None]
    builder.count(f"{what} not used", len(unused))
    return found
