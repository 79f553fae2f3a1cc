"""Why a node answers a question: the graph's own edges behind it, in words, or the admission that there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kgss_helpers.graph import EDGE_COLUMNS
from kgss_helpers.methods.evidence import Evidence, Heard
from kgss_helpers.text.sentences import listed, verb

NOTHING = "no edge supports this"
MOST = 5
"""So many names are listed in a sentence."""
READINGS = 5
"""So many phrases of a question are looked for among a node's edges."""
LEAST_SHARE = 0.02
"""A phrase or a subject with a smaller share of the question explains nothing."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a node answers.

    Attributes:
        why: One sentence, or `NOTHING`.
        edges: The edges that it speaks of, columns ``source``, ``relation``, ``target``; all are the graph's.
    """

    why: str
    edges: pd.DataFrame

    @classmethod
    def nothing(cls) -> Explanation:
        """There is no such edge."""
        return cls(NOTHING, pd.DataFrame(columns=list(EDGE_COLUMNS)))


class Explainer:
    """Looks for edges behind answers in one graph.

    Args:
        evidence: The graph, made ready.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.graph = evidence, evidence.graph
        self.names = self.graph.nodes["name"].to_numpy()
        self.is_agent = np.isin(np.arange(len(self.names)), evidence.agents)
        self.is_item = np.isin(np.arange(len(self.names)), evidence.items)

    def explain(self, heard: Heard, node_id: str) -> Explanation:
        """The first that holds: what joins it to a node of the question, its credits, its subjects, its items.

        Raises:
            KeyError: There is no such node.
        """
        row = self.graph.position(node_id)
        sure = [heard.anchor] if heard.anchor is not None else heard.named
        found = self._joined_to(sure, row)
        if found is None and heard.anchor is None:
            found = self._by_kind(heard, row) or self._joined_to(heard.mentioned, row)
        return found or Explanation.nothing()

    def _by_kind(self, heard: Heard, row: int) -> Explanation | None:
        if self.is_agent[row]:
            return self._credits(heard, row)
        return self._subjects(heard, row) if self.is_item[row] else self._items(heard, row)

    # ---- from what the question names ------------------------------------------------------------------------------

    def _joined_to(self, node_ids: Sequence[str], row: int) -> Explanation | None:
        for start in map(self.graph.position, node_ids):
            if start == row:
                continue
            direct = self._between(start, row)
            if len(direct):
                relation = direct["relation"].iloc[0]
                left, right = self._names_of(direct.iloc[0])
                return Explanation(f"{left} {verb(relation)} {right}", direct)
            shared = self._shared(start, row)
            if shared:
                edges = pd.concat(
                    [part for one in shared for part in (self._between(start, one), self._between(one, row))]
                )
                what = listed([self.names[one] for one in shared])
                return Explanation(f"shares {what} with {self.names[start]}", edges.drop_duplicates(ignore_index=True))
        return None

    def _between(self, one: int, other: int) -> pd.DataFrame:
        table = self.graph.adjacency
        span = slice(table.starts[one], table.starts[one + 1])
        rows = np.unique(table.edge_rows[span][table.neighbours[span] == other])
        return self.graph.edges.iloc[rows].reset_index(drop=True)

    def _neighbours(self, row: int) -> np.ndarray:
        table = self.graph.adjacency
        return np.unique(table.neighbours[table.starts[row] : table.starts[row + 1]])

    def _shared(self, one: int, other: int) -> list[int]:
        """The rarest common neighbours."""
        common = np.intersect1d(self._neighbours(one), self._neighbours(other))
        degree = self.graph.degree.to_numpy()[common]
        return common[np.lexsort((common, degree))][:MOST].tolist()

    def _names_of(self, edge: pd.Series) -> tuple[str, str]:
        return tuple(str(self.names[self.graph.position(edge[end])]) for end in ("source", "target"))

    # ---- from what the question means ------------------------------------------------------------------------------

    def _credits(self, heard: Heard, row: int) -> Explanation | None:
        """An agent's items about a subject, in the reading that has most of the question and of its items."""
        counts, best = self.evidence.counts, None
        counted = self.evidence.counted[[row]].toarray().ravel() if self.evidence.phrases else np.zeros(0)
        for which in ("broad", "narrow"):
            shares = self.evidence.shares(heard, which) if len(counted) else counted
            worth = np.where(shares >= LEAST_SHARE, shares * counted, 0)
            if worth.any() and (best is None or worth.max() > best[0]):
                best = float(worth.max()), int(worth.argmax())
        if best is None:
            return None
        role, subject = divmod(best[1], len(counts.subjects))
        items = self.evidence.role_tables[role][[row]].indices
        about = np.flatnonzero(self.evidence.has_subject[:, [subject]].toarray().ravel())
        items = np.intersect1d(items, about)
        target, relations = int(self.evidence.subjects[subject]), self.evidence.schema.subject_relations
        edges = [self._only(self._between(row, item), (counts.roles[role],)) for item in items]
        edges += [self._only(self._between(item, target), relations) for item in items]
        kind = self.graph.nodes["node_type"].iloc[items[0]] + "s" * (len(items) > 1)
        said = f"{counts.roles[role]} of {len(items)} {kind} about {counts.subjects[subject]}: {self._some(items)}"
        return Explanation(said, pd.concat(edges).drop_duplicates(ignore_index=True))

    @staticmethod
    def _only(edges: pd.DataFrame, relations: Sequence[str]) -> pd.DataFrame:
        return edges[edges["relation"].isin(relations)]

    def _some(self, rows: Sequence[int]) -> str:
        more = f" and {len(rows) - MOST} more" if len(rows) > MOST else ""
        return ", ".join(str(self.names[row]) for row in rows[:MOST]) + more

    def _subjects(self, heard: Heard, row: int) -> Explanation | None:
        """An item's subjects that have a share of the question."""
        if not self.evidence.counts.subjects:
            return None
        shares = self.evidence.subject_shares(heard)
        has = self.evidence.has_subject[[row]].indices
        has = has[np.argsort(-shares[has], kind="stable")]
        has = has[shares[has] >= LEAST_SHARE][:MOST]
        if not len(has):
            return None
        edges = pd.concat([self._between(row, int(self.evidence.subjects[subject])) for subject in has])
        said = f"about {listed([self.evidence.counts.subjects[subject] for subject in has])}"
        return Explanation(said, edges.reset_index(drop=True))

    def _items(self, heard: Heard, row: int) -> Explanation | None:
        """The items of a subject that are nearest to the question."""
        items = np.intersect1d(self._neighbours(row), self.evidence.items)
        if not len(items):
            return None
        near = self.evidence.dense(self.evidence.document_vectors, heard)[items]
        order = items[np.argsort(-near, kind="stable")]
        edges = pd.concat([self._between(int(item), row) for item in order[:MOST]])
        kind = self.graph.nodes["node_type"].iloc[items[0]] + "s" * (len(items) > 1)
        return Explanation(f"of {len(items)} {kind}: {self._some(order)}", edges.reset_index(drop=True))
