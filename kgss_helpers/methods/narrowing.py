"""Fewer answers to choose from: only nodes of a range, a role or a subject, read off the edges of any graph."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.text.schema import schema_of


class Narrowing:
    """Which nodes remain if an item must lie in a range, be about a subject, or have somebody in a role.

    An item is what has subjects: a film, a project, a paper. Somebody remains who has a role in an item that remains,
    and a subject that such an item is about: whoever asks for composers of the seventies means those who composed then,
    and not somebody who was born in them.

    Args:
        graph: What is searched.
        attribute: A numeric column of the nodes, such as a year; None if there is none.
    """

    def __init__(self, graph: KnowledgeGraph, *, attribute: str | None = None) -> None:
        if attribute is not None and attribute not in graph.nodes:
            there = ", ".join(graph.nodes)
            raise ValueError(f"{graph.name}: its nodes have no column {attribute!r}; there are {there}")
        self.graph, schema = graph, schema_of(graph)
        self.roles, row = schema.role_relations, pd.Series(range(len(graph.nodes)), index=graph.nodes["node_id"])
        ends = {end: row[graph.edges[end]].to_numpy(dtype=np.int64) for end in ("source", "target")}
        relation = graph.edges["relation"].to_numpy()
        is_role = np.isin(relation, self.roles)
        self._holder, self._held = (ends[end][is_role] for end in ("source", "target"))
        self._role = relation[is_role]
        is_about = np.isin(relation, schema.subject_relations)
        self._about, self._subject = (ends[end][is_about] for end in ("source", "target"))
        self._items = np.union1d(self._held, self._about)
        values = graph.nodes[attribute] if attribute is not None else pd.Series(np.nan, index=graph.nodes.index)
        self._values = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)

    def allowed(
        self,
        *,
        low: float | None = None,
        high: float | None = None,
        role: str | None = None,
        subject: str | None = None,
    ) -> np.ndarray:
        """Shape (nodes,), True for those that remain; all of them if nothing is asked for.

        Args:
            low: The smallest value of the attribute, if there is one.
            high: The largest one.
            role: Somebody must have it; of those who have roles, only who has it remains.
            subject: The id of a subject.

        Raises:
            GraphError: There is no such role; names the nearest.
            KeyError: There is no such subject.
        """
        if role is not None:
            self.graph.require_known([role], "relation")
        size = len(self.graph.nodes)
        if low is None and high is None and role is None and subject is None:
            return np.ones(size, dtype=bool)
        good = self._in_range(low, high)
        if subject is not None:
            good &= _at(size, self._about[self._subject == self.graph.position(subject)])
        in_role = np.ones(len(self._role), dtype=bool) if role is None else self._role == role
        if role is not None:
            good &= _at(size, self._held[in_role])
        holders = self._holder[in_role & good[self._held]]
        return good | _at(size, holders) | _at(size, self._subject[good[self._about]])

    def _in_range(self, low: float | None, high: float | None) -> np.ndarray:
        """Which nodes are items of the range; one without a value lies in none."""
        good = _at(len(self.graph.nodes), self._items)
        if low is not None:
            good &= self._values >= low
        if high is not None:
            good &= self._values <= high
        return good


def _at(size: int, rows: np.ndarray) -> np.ndarray:
    """True at these rows, shape (size,)."""
    found = np.zeros(size, dtype=bool)
    found[rows] = True
    return found
