"""The knowledge graph: two tables, validated once, and the questions a graph answers exactly.

A graph is *subjects verbing objects*: each row of ``edges`` says that a source stands in a relation to a target
("George Lucas, Director, Star Wars"). Everything a source calls a thing is a row of ``nodes``. Identity lies in
``node_id`` alone: two people may share a name, two films a title.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData

NODE_COLUMNS = ("node_id", "node_type", "name", "description")
EDGE_COLUMNS = ("source", "relation", "target")
RESERVED_COLUMNS = ("relation", "direction", "degree")
"""What `KnowledgeGraph.neighbours` and `KnowledgeGraph.find` put beside the columns of a node."""
Direction = Literal["out", "in", "both"]


class GraphError(ValueError):
    """Raised when tables do not make a graph; the message names the table, the row and what to do about it."""


@dataclass(frozen=True)
class Adjacency:
    """Every edge seen from both of its ends, in compressed sparse row form.

    ``neighbours[starts[i]:starts[i + 1]]`` are the positions of the nodes next to node ``i``; ``edge_rows`` are the
    rows of the edge table behind them, and ``outgoing`` is true where node ``i`` is the source. All three have shape
    ``(2 * number_of_edges,)``, ``starts`` has shape ``(number_of_nodes + 1,)``.
    """

    starts: np.ndarray
    neighbours: np.ndarray
    edge_rows: np.ndarray
    outgoing: np.ndarray


@dataclass(frozen=True)
class EdgeSplit:
    """Rows of ``graph.edges`` on each side of a split; a pair of nodes is never on two sides.

    ``training_graph`` holds all nodes and the training edges alone: it is what a method may see.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    training_graph: KnowledgeGraph

    def __repr__(self) -> str:
        return f"EdgeSplit(train={len(self.train):,}, validation={len(self.validation):,}, test={len(self.test):,})"


class KnowledgeGraph:
    """A directed, typed graph with texts.

    Args:
        nodes: Columns ``node_id``, ``node_type``, ``name`` and, if there are texts, ``description``. Further columns
            (a year, a series) are kept as they are.
        edges: Columns ``source``, ``relation``, ``target``; both ends are ``node_id`` values. Further columns are not
            kept.
        name: What the graph is called in messages and titles.

    Raises:
        GraphError: A column is missing or called like another, an id is empty or used twice, a name or relation is
            empty or no text, an edge points to nothing or stands there twice. The row is named by the table's index,
            which a loader may set to line numbers of its file.
    """

    def __init__(self, nodes: pd.DataFrame, edges: pd.DataFrame, *, name: str = "graph") -> None:
        for table, what in ((nodes, "nodes"), (edges, "edges")):
            if not isinstance(table, pd.DataFrame):
                raise GraphError(f"{what} must be a pandas DataFrame, not {type(table).__name__}")
        _require_columns(nodes, NODE_COLUMNS[:3], "nodes")
        _require_columns(edges, EDGE_COLUMNS, "edges")
        reserved = next((column for column in RESERVED_COLUMNS if column in nodes), None)
        if reserved is not None:
            raise GraphError(f"nodes: the graph itself fills a column called {reserved!r}; rename yours")
        descriptions = nodes["description"].astype("str").fillna("") if "description" in nodes else ""
        nodes = nodes.assign(description=descriptions)
        for column in NODE_COLUMNS[:3]:
            _require_text(nodes, column, "nodes")
        for column in EDGE_COLUMNS:
            _require_text(edges, column, "edges")
        _require_unique(nodes, nodes["node_id"], "nodes", "give each node an id of its own (names need not be unique)")
        self.name = name
        self._index = pd.Index(nodes["node_id"])
        self._sources, self._targets = self._positions_of(edges["source"]), self._positions_of(edges["target"])
        self._refuse_dangling(edges)
        relation_codes = pd.factorize(edges["relation"])[0]
        pairs = self._sources * len(nodes) + self._targets
        triples = pd.Series(relation_codes * len(nodes) ** 2 + pairs, index=edges.index)
        _require_unique(edges[list(EDGE_COLUMNS)], triples, "edges", "keep one of them")
        further = [column for column in nodes.columns if column not in NODE_COLUMNS]
        self.nodes = nodes[[*NODE_COLUMNS, *further]].reset_index(drop=True)
        self.edges = edges[list(EDGE_COLUMNS)].reset_index(drop=True)

    def __repr__(self) -> str:
        types = ", ".join(f"{count:,} {kind}" for kind, count in self._counts_by_type().items())
        return f"KnowledgeGraph({self.name!r}: {len(self.nodes):,} nodes ({types}), {len(self.edges):,} edges)"

    def _counts_by_type(self) -> pd.Series:
        counts = self.nodes["node_type"].value_counts()
        return counts[counts > 0]

    def _positions_of(self, node_ids: pd.Series) -> np.ndarray:
        """Rows of the nodes, -1 where there is no such node."""
        if isinstance(node_ids.dtype, pd.CategoricalDtype):
            return self._index.get_indexer(node_ids.cat.categories)[node_ids.cat.codes]
        return self._index.get_indexer(node_ids)

    def _refuse_dangling(self, edges: pd.DataFrame) -> None:
        dangling = np.flatnonzero((self._sources < 0) | (self._targets < 0))
        if dangling.size:
            first = dangling[0]
            column = "source" if self._sources[first] < 0 else "target"
            row, value = edges.index[first], edges[column].iloc[first]
            more = f" ({dangling.size:,} edges are like this)" if dangling.size > 1 else ""
            raise GraphError(
                f"edges, row {row}: {column} {value!r} is not a node_id of nodes{more}; add the node or remove the edge"
            )

    # ---- looking things up -------------------------------------------------------------------------------------

    def position(self, node_id: str) -> int:
        """Row of ``node_id`` in ``nodes``.

        Raises:
            KeyError: There is no such node; the message shows how to search by name.
        """
        try:
            return int(self._index.get_loc(node_id))
        except KeyError:
            raise KeyError(f"no node {node_id!r} in {self.name}; graph.find('some name') looks a name up") from None

    def node(self, node_id: str) -> pd.Series:
        """The row of one node; raises KeyError like `position`."""
        return self.nodes.iloc[self.position(node_id)]

    def find(self, name: str, node_type: str | None = None) -> pd.DataFrame:
        """All nodes of that name, whatever its case, most connected first.

        Several rows are normal: names are not keys.
        """
        if not isinstance(name, str):
            raise GraphError(f"a name is a text, and {name!r} is none")
        wanted = self.nodes["name"].astype("str").str.casefold() == name.strip().casefold()
        if node_type is not None:
            wanted &= self.nodes["node_type"] == node_type
        found = self.nodes[wanted]
        return found.assign(degree=self.degree[wanted]).sort_values("degree", ascending=False, kind="stable")

    @cached_property
    def adjacency(self) -> Adjacency:
        """Neighbours of every node, built on first use."""
        count = len(self.edges)
        ends = np.concatenate([self._sources, self._targets])
        order = np.argsort(ends, kind="stable")
        starts = np.zeros(len(self.nodes) + 1, dtype=np.int64)
        np.cumsum(np.bincount(ends, minlength=len(self.nodes)), out=starts[1:])
        others = np.concatenate([self._targets, self._sources])
        return Adjacency(starts, others[order], order % max(count, 1), order < count)

    @cached_property
    def degree(self) -> pd.Series:
        """How many edges touch each node, in the order of ``nodes`` (a loop counts twice)."""
        return pd.Series(np.diff(self.adjacency.starts), index=self.nodes.index, name="degree")

    def neighbours(self, node_id: str, *, relation: str | None = None, direction: Direction = "both") -> pd.DataFrame:
        """What is one edge away.

        Args:
            node_id: Where to stand.
            relation: Keep only edges of this relation.
            direction: ``"out"`` for edges that leave the node, ``"in"`` for edges that reach it.

        Returns:
            One row an edge: ``relation``, ``direction`` and the columns of the neighbour's node, in the edge table's
            order. An edge from the node to itself is there twice, once in each direction.

        Raises:
            KeyError: There is no such node.
            GraphError: ``direction`` is none of the three.
        """
        if direction not in ("out", "in", "both"):
            raise GraphError(f"there is no direction {direction!r}; choose 'out', 'in' or 'both'")
        here, table = self.position(node_id), self.adjacency
        span = slice(table.starts[here], table.starts[here + 1])
        rows, outgoing, others = table.edge_rows[span], table.outgoing[span], table.neighbours[span]
        found = self.nodes.iloc[others].reset_index(drop=True)
        found.insert(0, "relation", self.edges["relation"].iloc[rows].to_numpy())
        found.insert(1, "direction", np.where(outgoing, "out", "in"))
        keep = np.ones(len(found), dtype=bool)
        if relation is not None:
            keep &= (found["relation"] == relation).to_numpy()
        if direction != "both":
            keep &= (found["direction"] == direction).to_numpy()
        order = np.argsort(rows[keep], kind="stable")
        return found[keep].iloc[order].reset_index(drop=True)

    def triples(self) -> pd.DataFrame:
        """The edges in words: subject, relation, object by name and type, beside the ids."""
        names, types = self.nodes["name"].to_numpy(), self.nodes["node_type"].to_numpy()
        return pd.DataFrame(
            {
                "subject": names[self._sources],
                "subject_type": types[self._sources],
                "relation": self.edges["relation"].to_numpy(),
                "object": names[self._targets],
                "object_type": types[self._targets],
                "source": self.edges["source"].to_numpy(),
                "target": self.edges["target"].to_numpy(),
            }
        )

    def summary(self) -> pd.DataFrame:
        """Edges counted by the kind of sentence they make: subject type, relation, object type, count."""
        kinds = self.triples().groupby(["subject_type", "relation", "object_type"], sort=False)
        return kinds.size().rename("edges").reset_index().sort_values("edges", ascending=False, ignore_index=True)

    # ---- smaller graphs ----------------------------------------------------------------------------------------

    def subgraph(
        self,
        *,
        node_ids: Iterable[str] | None = None,
        node_types: Sequence[str] | None = None,
        min_degree: int = 0,
        top: Mapping[str, int] | None = None,
    ) -> KnowledgeGraph:
        """The nodes that meet every condition, and the edges among them.

        Args:
            node_ids: Only these nodes.
            node_types: Only nodes of these types.
            min_degree: Only nodes with at least so many edges in *this* graph.
            top: For each named type only its so many most connected nodes, counted in *this* graph; other types stay
                whole.

        Raises:
            KeyError: There is no node of one of the ids.
            GraphError: There is no such node type, or a count is negative.
        """
        self.require_known([*(node_types or ()), *(top or ())], "node_type")
        if min([min_degree, *(top or {}).values()]) < 0:
            raise GraphError("min_degree and the counts of top must not be negative")
        keep = (self.degree >= min_degree).to_numpy(copy=True)
        if node_ids is not None:
            chosen = np.zeros(len(self.nodes), dtype=bool)
            chosen[[self.position(node_id) for node_id in node_ids]] = True
            keep &= chosen
        if node_types is not None:
            keep &= self.nodes["node_type"].isin(node_types).to_numpy()
        for node_type, count in (top or {}).items():
            of_type = (self.nodes["node_type"] == node_type).to_numpy()
            ranked = self.degree[of_type].sort_values(ascending=False, kind="stable").index[:count]
            keep &= ~of_type | np.isin(np.arange(len(self.nodes)), ranked)
        inside = keep[self._sources] & keep[self._targets]
        return KnowledgeGraph(self.nodes[keep], self.edges[inside], name=self.name)

    def require_known(self, values: Sequence[str], column: Literal["node_type", "relation"]) -> None:
        """Raises GraphError for a node type or a relation that the graph lacks; names those it has, and the nearest."""
        there = set((self.nodes if column == "node_type" else self.edges)[column])
        unknown = next((value for value in values if value not in there), None)
        if unknown is not None:
            kind = "node has the type" if column == "node_type" else "edge has the relation"
            known = ", ".join(sorted(there)) + did_you_mean(unknown, there)
            raise GraphError(f"no {kind} {unknown!r}; {self.name} has {known}")

    def with_edges(self, edges: pd.DataFrame) -> KnowledgeGraph:
        """The same nodes with other edges."""
        return KnowledgeGraph(self.nodes, edges, name=self.name)

    def split_edges(
        self,
        *,
        validation: float = 0.1,
        test: float = 0.1,
        relations: Sequence[str] | None = None,
        never_hold_out: Iterable[int] = (),
        seed: int = 0,
    ) -> EdgeSplit:
        """Set edges aside by seed, before anything is learned or written from the graph.

        All edges between the same two nodes, in either direction and of any relation, go to the same side: who directed
        a film and wrote it too would otherwise give one half of the fact away. Every node keeps at least one training
        edge, so that no method has to embed a node it never met; the shares are therefore upper bounds in a sparse
        graph, and what can be set aside there is divided in their proportion.

        Args:
            validation: Share of the eligible pairs that goes to validation.
            test: Share that goes to test.
            relations: Only edges of these relations are eligible; a pair joined by any other relation stays in
                training.
            never_hold_out: Rows of ``edges`` that must stay in training, by number or as a mask.
            seed: The same seed gives the same split.

        Raises:
            GraphError: The shares are negative or leave nothing to learn from, a relation is unknown, or there is no
                row that ``never_hold_out`` names.
        """
        if min(validation, test) < 0 or validation + test >= 1:
            raise GraphError(
                f"cannot hold out {validation:.0%} and {test:.0%}: "
                "shares must not be negative and must leave something to learn from"
            )
        self.require_known(relations or (), "relation")
        kept = np.array(list(never_hold_out))
        kept = np.flatnonzero(kept) if kept.dtype == bool else kept.astype(np.int64)
        outside = kept[(kept < 0) | (kept >= len(self.edges))]
        if outside.size:
            raise GraphError(f"never_hold_out names row {outside[0]}; the edges have rows 0 to {len(self.edges) - 1:,}")
        low, high = np.minimum(self._sources, self._targets), np.maximum(self._sources, self._targets)
        pair = np.unique(low * len(self.nodes) + high, return_inverse=True)[1]
        fixed_edges = np.zeros(len(self.edges), dtype=bool)
        fixed_edges[kept] = True
        if relations is not None:
            fixed_edges |= ~self.edges["relation"].isin(relations).to_numpy()
        side = _sides(pair, fixed_edges, low, high, (validation, test), np.random.default_rng(seed))[pair]
        train = self.edges[side == 0]
        return EdgeSplit(train, self.edges[side == 1], self.edges[side == 2], self.with_edges(train))

    # ---- handing over ------------------------------------------------------------------------------------------

    def to_pyg(self, *, homogeneous: bool = False) -> HeteroData | Data:
        """The structure as PyTorch Geometric data.

        Args:
            homogeneous: One node set in the order of ``nodes`` with ``node_type`` and ``edge_type`` as integers,
                instead of one node set a type.

        Returns:
            `HeteroData`, whose ``node_id`` lists give the order within each type and whose edge types are
            ``(subject type, relation, object type)``, each an identifier (``to_hetero`` wants them) made from the name;
            ``relation_names`` tells which relation an edge type is. Or `Data` with ``edge_index`` of shape (2, edges)
            and the name lists ``node_types`` and ``edge_types``.
        """
        import torch
        from torch_geometric.data import Data, HeteroData

        type_codes, types = pd.factorize(self.nodes["node_type"])
        relation_codes, relations = pd.factorize(self.edges["relation"])
        ends = torch.from_numpy(np.stack([self._sources, self._targets]))
        if homogeneous:
            data = Data(edge_index=ends, num_nodes=len(self.nodes))
            data.node_type, data.edge_type = torch.from_numpy(type_codes), torch.from_numpy(relation_codes)
            data.node_types, data.edge_types = list(types), list(relations)
            data.node_id = self.nodes["node_id"].tolist()
            return data
        type_keys = _identifiers(types)
        relation_keys = _identifiers([str(relation).casefold() for relation in relations])
        within = np.zeros(len(self.nodes), dtype=np.int64)
        hetero = HeteroData()
        for code, node_type in enumerate(type_keys):
            members = np.flatnonzero(type_codes == code)
            within[members] = np.arange(len(members))
            hetero[node_type].num_nodes = len(members)
            hetero[node_type].node_id = self.nodes["node_id"].iloc[members].tolist()
        local = torch.from_numpy(within)[ends]
        kinds = pd.DataFrame(
            {"source": type_codes[self._sources], "relation": relation_codes, "target": type_codes[self._targets]}
        )
        names = {}
        by_kind = kinds.groupby(["source", "relation", "target"], sort=True)
        for (source, relation, target), rows in by_kind.indices.items():
            key = (type_keys[source], relation_keys[relation], type_keys[target])
            hetero[key].edge_index = local[:, torch.from_numpy(rows)].contiguous()
            names[key] = relations[relation]
        hetero.relation_names = names
        return hetero


def did_you_mean(value: str, there: Iterable[str]) -> str:
    """``"; did you mean 'person'?"`` for what is misspelt, nothing where nothing is like it."""
    near = {known.casefold(): known for known in there}
    found = difflib.get_close_matches(value.casefold(), near, n=1)
    return f"; did you mean {near[found[0]]!r}?" if found else ""


def _identifiers(names: Iterable[str]) -> list[str]:
    """A name of letters, digits and single underscores for each, no digit first; different for different names."""
    made: list[str] = []
    for name in names:
        plain = re.sub(r"[\W_]+", "_", str(name)).strip("_") or "other"
        plain = f"x_{plain}" if plain[0].isdigit() else plain
        word, number = plain, 1
        while word in made:
            number += 1
            word = f"{plain}_{number}"
        made.append(word)
    return made


def _sides(
    pair: np.ndarray,
    fixed_edges: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    shares: tuple[float, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """0 (train), 1 (validation) or 2 (test) for each distinct pair of nodes.

    The pair that a node comes with first stays in training.
    """
    count = int(pair.max(initial=-1)) + 1
    fixed = np.zeros(count, dtype=bool)
    fixed[pair[fixed_edges]] = True
    ends = np.zeros((count, 2), dtype=np.int64)
    ends[pair] = np.stack([low, high], axis=1)
    order = np.argsort(np.where(fixed, -1.0, rng.random(count)), kind="stable")
    first = np.unique(ends[order].ravel(), return_index=True)[1] // 2
    fixed[order[first]] = True
    free = order[~fixed[order]]
    eligible = count - int(np.count_nonzero(np.bincount(pair[fixed_edges], minlength=count)))
    wanted = [round(share * eligible) for share in shares]
    if sum(wanted) > len(free):
        wanted[0] = round(len(free) * shares[0] / sum(shares))
        wanted[1] = len(free) - wanted[0]
    side = np.zeros(count, dtype=np.int8)
    side[free[: wanted[0]]] = 1
    side[free[wanted[0] : wanted[0] + wanted[1]]] = 2
    return side


def listed(items: Iterable[str], *, most: int = 12) -> str:
    """``"a, b and 19,998 more"``: no more than a dozen of them."""
    items = list(items)
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def _require_columns(table: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        found = listed(map(repr, table.columns))
        raise GraphError(f"{what}: column {missing[0]!r} is missing; found {found}. Rename one or add it")
    if not table.columns.is_unique:
        repeated = table.columns[table.columns.duplicated()][0]
        raise GraphError(f"{what}: two columns are called {repeated!r}; rename one")


def _require_text(table: pd.DataFrame, column: str, what: str) -> None:
    values = table[column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        categories = values.cat.categories
        empty = values.isna() | values.isin(categories[_blank(categories.to_series())])
        texts, number = categories.to_series(), None
    else:
        empty = values.isna() | _blank(values)
        texts, number = values, table.index
    if empty.any():
        row = table.index[np.flatnonzero(empty)[0]]
        raise GraphError(f"{what}, row {row}: {column} is empty; fill it in or leave the row out")
    if not isinstance(texts.dtype, pd.StringDtype):
        other = np.flatnonzero([not isinstance(value, str) for value in texts])
        if other.size:
            where = what if number is None else f"{what}, row {number[other[0]]}"
            raise GraphError(
                f"{where}: {column} {texts.iloc[other[0]]} is not text; "
                f"turn the column into text with {what}[{column!r}].astype(str)"
            )


def _blank(values: pd.Series) -> np.ndarray:
    """True where a text has no visible character."""
    return (values.astype("str").str.strip() == "").to_numpy(dtype=bool)


def _require_unique(table: pd.DataFrame, keys: pd.Series, what: str, fix: str) -> None:
    """No value of ``keys``, which has one for each row of the table, stands there twice."""
    repeated = keys.duplicated().to_numpy()
    if repeated.any():
        again = int(np.flatnonzero(repeated)[0])
        first = int(np.flatnonzero((keys == keys.iloc[again]).to_numpy())[0])
        columns = ["node_id"] if what == "nodes" else list(EDGE_COLUMNS)
        value = ", ".join(map(str, table[columns].iloc[again]))
        raise GraphError(
            f"{what}, row {table.index[again]}: {value!r} is there already in row {table.index[first]}; {fix}"
        )
