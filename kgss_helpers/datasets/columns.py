"""What columns are called: all that are missing at once, and what those that are there may be meant for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from kgss_helpers.datasets.known_tables import known_layout
from kgss_helpers.graph import GraphError, listed

SYNONYMS = {
    "node_id": ("id", "nodeid", "identifier", "key", "uid", "uuid"),
    "node_type": ("type", "labels", "label", "category", "class", "kind"),
    "name": ("label", "title", "displayname", "nodename"),
    "description": ("text", "abstract", "summary", "about", "comment"),
    "source": ("startid", "start", "from", "fromid", "head", "subject", "src", "sourceid"),
    "relation": ("type", "relationship", "predicate", "rel", "edgetype", "relationtype", "label"),
    "target": ("endid", "end", "to", "toid", "tail", "object", "dst", "dest", "targetid"),
}
"""Our columns, and what others call them (written without signs, in lower case), the likeliest first."""


def plain(column: str) -> str:
    """A column's name without case and signs, and without the types and groups that Neo4j adds.

    ``"personId:ID(Person)"`` becomes ``"id"``, ``"born:int"`` becomes ``"born"``.
    """
    column = re.sub(r"\(.*\)$", "", column.strip())
    named, _, kind = column.rpartition(":")
    meant = kind if kind.lower() in ("id", "start_id", "end_id", "label", "type") else named or kind
    return re.sub(r"[\W_]+", "", meant).casefold()


def proposed(header: Sequence[str], missing: Sequence[str]) -> dict[str, str]:
    """For each of our columns that is missing, the column that may be meant; without those where none is."""
    free, found = [column for column in header if column.strip()], {}
    for ours in missing:
        by_name = {plain(column): column for column in reversed(free)}
        likely = [by_name[name] for name in (plain(ours), *SYNONYMS.get(ours, ())) if name in by_name]
        likely += [by_name[name] for name in get_close_matches(plain(ours), by_name, n=1, cutoff=0.75)]
        if likely:
            found[ours] = likely[0]
            free.remove(likely[0])
    return found


def check_header(header: Sequence[str], required: Sequence[str], name: str, delimiter: str) -> None:
    """Raises GraphError where a column stands twice, or naming all that are missing and what may be meant instead."""
    repeated = next((column for column, times in Counter(header).items() if column and times > 1), None)
    if repeated is not None:
        raise GraphError(f"{name}, line 1: two columns are called {repeated!r}; rename one")
    missing = [column for column in required if column not in header]
    if not missing:
        return
    found = listed(filter(None, header))
    lacks = f"column {missing[0]!r} is" if len(missing) == 1 else f"columns {', '.join(map(repr, missing))} are"
    there = f"found {found} (separated by {delimiter!r})"
    meant = proposed(header, missing)
    hint = "Rename a column, or check what separates the columns"
    if meant:
        hint = f"Rename {', '.join(f'{theirs!r} to {ours!r}' for ours, theirs in meant.items())}"
    raise GraphError(f"{name}, line 1: {lacks} missing; {there}. {hint}{known_layout(header)}")


def renamed(header: Sequence[str], columns: Mapping[str, str], name: str) -> list[str]:
    """A header with the names that the caller says: ours → theirs.

    Raises:
        GraphError: Two of ours are one of theirs, or one of theirs is not there.
    """
    absent = [theirs for theirs in columns.values() if theirs not in header]
    if absent:
        near = get_close_matches(absent[0], header, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are {listed(filter(None, header))}"
        raise GraphError(f"{name}, line 1: there is no column {absent[0]!r}{hint}")
    ours = {theirs: column for column, theirs in columns.items()}
    if len(ours) < len(columns):
        raise GraphError(f"{name}: a column cannot be two of ours; columns= names one of them twice")
    return [ours.get(column, column) for column in header]
