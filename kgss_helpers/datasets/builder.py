"""Collecting nodes and edges from records: ids, spellings, and a count of whatever is merged."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from kgss_helpers.files import announce, slug
from kgss_helpers.graph import EDGE_COLUMNS, NODE_COLUMNS, GraphError, KnowledgeGraph

MANY = 2_000_000
"""From so many edges on, their columns are categorical, which takes a tenth of the memory; they compare like text."""


def year_of(text: str | None) -> int | None:
    """The year with which a date begins, or None where there is none."""
    found = re.match(r"\s*(\d{4})(?!\d)", text or "")
    return int(found[1]) if found else None


def listed_values(values: str | Iterable[str]) -> tuple[str, ...]:
    """A single text as a list of one: ``"movie"`` is meant as ``("movie",)``, not as five letters.

    Raises:
        GraphError: Something else than texts is listed; names it.
    """
    found = (values,) if isinstance(values, str) else tuple(values)
    other = [value for value in found if not isinstance(value, str)]
    if other:
        raise GraphError(f"a list of texts is needed, and {other[0]!r} is none")
    return found


def require_whole(value: object, name: str, *, least: int) -> None:
    """Raises GraphError, naming it, for what is no whole number, or too small a one."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise GraphError(f"{name} must be a whole number from {least} on, not {value!r}")


def require_text(value: object, field: str, where: str) -> str:
    """The value, if it is a text; raises GraphError naming file, line and field if it is a list, a number or so."""
    if not isinstance(value, str):
        kinds = {list: "a list", dict: "an object", bool: "true or false", type(None): "null"}
        raise GraphError(f"{where}: {field!r} is {kinds.get(type(value), 'a number')}, not a text; mend the record")
    return value


class GraphBuilder:
    """Collects nodes and edges from records and counts what it merges, so that nothing disappears silently."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: dict[str, dict[str, object]] = {}
        # An edge is three numbers in three arrays: as texts, a million of them would take half a gigabyte.
        self._ends: dict[str, int] = {}
        self._relations: dict[str, int] = {}
        self._edges = (array("i"), array("i"), array("i"))
        self._counts: dict[str, int] = {}
        self._named: dict[tuple[str, str], str] = {}
        self._spelled: dict[tuple[str, str], str] = {}

    def node(self, node_id: str, node_type: str, name: str, description: str = "", **further: object) -> str:
        """Adds a node unless its id is there already; returns the id."""
        if not name.strip():
            raise GraphError(f"{self.name}: the {node_type} {node_id!r} has an empty name; fill it in")
        self._nodes.setdefault(
            node_id, {"node_id": node_id, "node_type": node_type, "name": name, "description": description, **further}
        )
        return node_id

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._nodes

    def named(self, node_type: str, name: str) -> str:
        """A node for which the name is the key (a genre, a keyword), added on first use; returns its id.

        Spellings that differ in case, accents, blanks, full stops, commas, hyphens and apostrophes alone are one name,
        which is counted; names that differ in more ("C" and "C++") are two nodes.
        """
        if (node_type, name) not in self._named:
            self._named[node_type, name] = self._by_spelling(node_type, name)
        return self._named[node_type, name]

    def _by_spelling(self, node_type: str, name: str) -> str:
        key = (node_type, spelling(name))
        if key in self._spelled:
            if self._nodes[self._spelled[key]]["name"] != name:
                self.count("other spellings of a name merged with its first")
            return self._spelled[key]
        self._spelled[key] = self.node(self.free_id(f"{node_type}:{slug(name)}"), node_type, name)
        return self._spelled[key]

    def free_id(self, wanted: str) -> str:
        """The id if no node has it, else with the first number behind it that is free."""
        node_id, number = wanted, 1
        while node_id in self:
            number += 1
            node_id = f"{wanted}-{number}"
        return node_id

    def edge(self, source: str, relation: str, target: str) -> None:
        """Adds an edge; the same edge again is merged and counted."""
        sources, relations, targets = self._edges
        sources.append(self._ends.setdefault(source, len(self._ends)))
        relations.append(self._relations.setdefault(relation, len(self._relations)))
        targets.append(self._ends.setdefault(target, len(self._ends)))

    def edges(self, sources: Sequence[str], relations: Sequence[str], targets: Sequence[str]) -> None:
        """Adds many edges at once, from three columns of one length, as `edge` does one by one.

        Raises:
            ValueError: The columns differ in length.
        """
        if not len(sources) == len(relations) == len(targets):
            raise ValueError(f"columns of {len(sources)}, {len(relations)} and {len(targets)} rows are no edges")
        numbered = zip((sources, relations, targets), (self._ends, self._relations, self._ends), strict=True)
        for kept, (texts, numbers) in zip(self._edges, numbered, strict=True):
            codes, different = pd.factorize(pd.Series(texts, dtype="str"))
            table = np.array([numbers.setdefault(text, len(numbers)) for text in different], dtype=np.int32)
            kept.frombytes(table[codes].tobytes())

    def count(self, what: str, times: int = 1) -> None:
        """Notes that something was left out or merged, to be reported in one warning at the end."""
        if times:
            self._counts[what] = self._counts.get(what, 0) + times

    def build(self, *, quiet: Iterable[str] = ()) -> KnowledgeGraph:
        """The graph; what was counted becomes one warning, except for what ``quiet`` names as normal for the source.

        ``year`` becomes a column of whole numbers, missing where there is none; other columns of text are empty there.
        A graph without a node is announced too. With `MANY` edges or more, their columns are categorical.
        """
        edges = self._edge_table()
        if not self._nodes:
            announce(
                f"{self.name}: nothing was read. Check what was asked for (types, years, categories), and whether the "
                "files hold more than a header"
            )
        reported = {what: count for what, count in self._counts.items() if what not in set(quiet)}
        if reported:
            announce(f"{self.name}: " + "; ".join(f"{count:,} {what}" for what, count in reported.items()))
        nodes = pd.DataFrame(list(self._nodes.values())) if self._nodes else pd.DataFrame(columns=list(NODE_COLUMNS))
        for column in nodes.columns.difference(NODE_COLUMNS):
            if column == "year":
                nodes[column] = nodes[column].astype("Int64")
            elif isinstance(nodes[column].dtype, pd.StringDtype):
                nodes[column] = nodes[column].fillna("")
        return KnowledgeGraph(nodes, edges, name=self.name)

    def _edge_table(self) -> pd.DataFrame:
        """The edges, each once, in the order of their first appearance; what is merged is counted."""
        source, relation, target = (np.frombuffer(part, dtype=np.int32) for part in self._edges)
        ends, relations = pd.Index(self._ends, dtype="str"), pd.Index(self._relations, dtype="str")
        repeated = pd.Series((relation.astype(np.int64) * len(ends) + source) * len(ends) + target).duplicated()
        if repeated.any():
            self._counts = {"repeated edges merged": int(repeated.sum())} | self._counts
            source, relation, target = (part[~repeated.to_numpy()] for part in (source, relation, target))
        numbered = zip(EDGE_COLUMNS, (source, relation, target), (ends, relations, ends), strict=True)
        if len(source) >= MANY:
            return pd.DataFrame(
                {column: pd.Categorical.from_codes(codes, categories=texts) for column, codes, texts in numbered}
            )
        return pd.DataFrame({column: texts.take(codes) for column, codes, texts in numbered}, dtype="str")


def spelling(name: str) -> str:
    """What different spellings of one name have in common; a single letter or sign keeps its accent."""
    plain = unicodedata.normalize("NFKD", name.replace("'", "").replace("’", "")).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub(r"[\s_.,\-‐‑–—]+", " ", plain).strip()
    return plain if len(plain) > 1 else unicodedata.normalize("NFKC", name).casefold().strip()
