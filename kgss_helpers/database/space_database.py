"""Writing a space into a collection of Milvus, and searching it there as one searches it here."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from kgss_helpers.database.filters import FIXED, NAMED, ROW, SOMEWHERE, VECTOR, any_of, condition, quoted
from kgss_helpers.database.payload import LONGEST, Payload, aligned, batches, check_texts, kind_of, records
from kgss_helpers.database.reach import ANSWER, DatabaseError, asking, connect, disconnect, is_local
from kgss_helpers.graph import did_you_mean
from kgss_helpers.space import DECIMALS, SemanticSpace

MOST = 16_384
"""Hits that Milvus gives to one search at most."""
SPARE = 16
"""Hits asked for beyond ``k``, so that a tie at the border is seen."""
DIMENSIONS = 32_768
"""Of a vector at most."""


def to_database(
    space: SemanticSpace,
    uri: str | Path,
    collection: str = "semantic_space",
    *,
    payload: Payload | None = None,
    replace: bool = False,
    token: str = "",
) -> SpaceDatabase:
    """Writes a space into a collection of Milvus, whole or not at all.

    All is written into a new collection first; the name asked for becomes its alias when it is complete.

    Args:
        space: What is written; vectors are kept as float32.
        uri: A local database, whose name ends in ``.db``, or the address of a server: ``"http://localhost:19530"``.
        collection: What it is called there.
        payload: Further columns of the nodes, such as ``graph.nodes``: a table with a column ``node_id``, or columns in
            the order of the space. Whole and other numbers, texts, true and false; any may be missing.
        replace: What is there under this name, written by this function, gives way to it; else it is refused.
        token: ``"user:password"`` or a key, for a server that asks for it.

    Raises:
        ValueError: The name, the vectors or the payload are such that Milvus cannot hold them.
        DatabaseError: There is a collection of this name, or the database cannot be reached, opened or written.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,199}", collection):
        raise ValueError(f"{collection!r} is no name for a collection: letters, digits and _, the first one no digit")
    dimensions = space.verify().vectors.shape[1]
    if not 1 <= dimensions <= DIMENSIONS:
        raise ValueError(f"{space.name} has {dimensions} dimensions; Milvus takes 1 to {DIMENSIONS:,}")
    if not np.isfinite(space.vectors).all():
        raise ValueError(f"{space.name}: its vectors hold what is no number (NaN or infinity)")
    table = aligned(space, payload)
    kinds = {name: kind_of(name, table[name]) for name in table}
    check_texts(space, table)
    client = connect(uri, token, create=True)
    draft = f"{collection}_{uuid.uuid4().hex[:12]}"
    try:
        with asking(uri, "writing the space"):
            there = _behind(client, collection)
            if there == collection:
                raise DatabaseError(f"{collection!r} is a collection that was made otherwise: choose another name")
            if there and not replace:
                raise DatabaseError(f"there is a collection {collection!r} already: pass replace=True, or another name")
            try:
                _write(client, draft, dimensions, kinds, records(space, table, kinds))
                held = client.query(draft, filter="", output_fields=["count(*)"], timeout=ANSWER)[0]["count(*)"]
                if held != len(space):
                    raise DatabaseError(f"{held:,} of {len(space):,} nodes arrived; what was there is as it was")
                (client.alter_alias if there else client.create_alias)(draft, collection, timeout=ANSWER)
            except BaseException:
                client.drop_collection(draft, timeout=ANSWER)
                raise
            if there:
                client.drop_collection(there, timeout=ANSWER)
            if is_local(uri):  # a process that was killed could not clear away; nobody else can be writing here
                for left in client.list_collections(timeout=ANSWER):
                    if re.fullmatch(rf"{collection}_[0-9a-f]{{12}}", left) and left != draft:
                        client.drop_collection(left, timeout=ANSWER)
        return SpaceDatabase(uri, collection, token=token)
    finally:
        disconnect(client, uri)


def _behind(client: Any, collection: str) -> str | None:
    """The collection of this name, or that it is an alias of; None, if there is none."""
    if not client.has_collection(collection, timeout=ANSWER):
        return None
    if collection in client.list_collections(timeout=ANSWER):
        return collection
    return client.describe_alias(collection, timeout=ANSWER)["collection_name"]


def _write(
    client: Any, name: str, dimensions: int, kinds: Mapping[str, str], records: Iterator[dict[str, Any]]
) -> None:
    """Makes a collection whose search is exact (an index FLAT over dot products), and fills it."""
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field(ROW, DataType.INT64, is_primary=True)
    for column in NAMED:
        schema.add_field(column, DataType.VARCHAR, max_length=LONGEST)
    schema.add_field(SOMEWHERE, DataType.BOOL)
    for column, kind in kinds.items():
        further = {"max_length": LONGEST} if kind == "VARCHAR" else {}
        schema.add_field(column, DataType[kind], nullable=True, **further)
    schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=dimensions)
    index = MilvusClient.prepare_index_params()
    index.add_index(VECTOR, index_type="FLAT", metric_type="IP")
    client.create_collection(
        name, schema=schema, index_params=index, consistency_level="Strong", timeout=ANSWER
    )  # fmt: skip
    for batch in batches(records):
        client.insert(name, batch, timeout=ANSWER)
    client.flush(name, timeout=10 * ANSWER)


# ---- what is asked ---------------------------------------------------------------------------------------------------


class SpaceDatabase:
    """A space in Milvus that `to_database` wrote. Close it, or use it in a ``with`` block: a local one is locked."""

    def __init__(self, uri: str | Path, collection: str = "semantic_space", *, token: str = "") -> None:
        """Opens it.

        Args:
            uri: A local database, whose name ends in ``.db``, or the address of a server.
            collection: What it is called there.
            token: ``"user:password"`` or a key, for a server that asks for it.

        Raises:
            FileNotFoundError: There is no such local database.
            DatabaseError: It cannot be reached or opened, or holds no such space.
        """
        self.uri, self.collection, self._client = uri, collection, connect(uri, token, create=False)
        try:
            with asking(uri, f"opening {collection!r}"):
                if not self._client.has_collection(collection, timeout=ANSWER):
                    there = self._client.list_collections(timeout=ANSWER)
                    raise DatabaseError(
                        f"there is no collection {collection!r}; there are: {', '.join(there) or 'none'}"
                    )
                fields = self._client.describe_collection(collection, timeout=ANSWER)["fields"]
                self._kinds = {field["name"]: field["type"].name for field in fields}
                if not set(FIXED) <= set(self._kinds):
                    raise DatabaseError(f"{collection!r} is no semantic space: to_database did not write it")
                self.dimensions = next(int(field["params"]["dim"]) for field in fields if field["name"] == VECTOR)
                self._client.load_collection(collection, timeout=ANSWER)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SpaceDatabase({self.collection!r}: {self.dimensions} dimensions, payload {self.columns})"

    def __len__(self) -> int:
        """How many nodes it holds."""
        return self._query("", ["count(*)"])[0]["count(*)"]

    @property
    def columns(self) -> list[str]:
        """What the payload has."""
        return [name for name in self._kinds if name not in FIXED]

    def close(self) -> None:
        """Lets go of the server, or of the file, which another process can then open. Twice does no harm."""
        client, self._client = self._client, None
        if client is not None:
            disconnect(client, self.uri)

    def _open(self) -> Any:
        if self._client is None:
            raise DatabaseError(f"the database with {self.collection!r} is closed; open it again")
        return self._client

    def _query(self, condition: str, columns: Sequence[str], **further: int) -> list[dict[str, Any]]:
        client = self._open()
        with asking(self.uri, f"asking {self.collection!r}"):
            return client.query(
                self.collection, filter=condition, output_fields=list(columns), timeout=ANSWER, **further
            )  # fmt: skip

    def _known(self, column: str) -> str:
        """The kind of a column of the payload; raises ValueError for another."""
        if column not in self.columns:
            there = ", ".join(self.columns) or "none"
            hint = did_you_mean(str(column), self.columns)
            raise ValueError(f"the payload of {self.collection!r} has no column {column!r}; there are {there}{hint}")
        return self._kinds[column]

    def search(
        self,
        vector: np.ndarray,
        k: int = 10,
        *,
        node_type: str | None = None,
        exclude: Collection[str] = (),
        among: Collection[str] | None = None,
        where: Mapping[str, object] | None = None,
        columns: Sequence[str] = (),
    ) -> pd.DataFrame:
        """As `SemanticSpace.search`: the nodes with the largest dot product, largest first.

        Args:
            vector: Shape (dimensions,); a vector of zeros finds nothing.
            k: How many at most.
            node_type: Only nodes of this type.
            exclude: Node ids that are left out.
            among: Only these node ids.
            where: Conditions on the payload that must all hold. A pair is a range, both ends included:
                ``{"year": (1970, 1979)}``; None is an open end. A list or a set says which values, anything else the
                value, and None that it is missing.
            columns: Columns of the payload that come with the hits.

        Returns:
            ``node_id``, ``node_type``, ``name``, ``score``, and the columns asked for.

        Raises:
            ValueError: No node has the type, there is no such column, a value does not fit it, ``k`` is more than
                Milvus gives, or the vector has other dimensions or holds no numbers.
            DatabaseError: The database does not answer.
        """
        vector = np.asarray(vector, dtype=np.float32)
        if vector.shape != (self.dimensions,):
            raise ValueError(f"{self.collection} has {self.dimensions} dimensions, the vector has shape {vector.shape}")
        if not np.isfinite(vector).all():
            raise ValueError("the vector holds what is no number (NaN or infinity), so nothing is near it")
        if k > MOST:
            raise ValueError(f"Milvus gives {MOST:,} hits at most, not {k:,}")
        conditions = [f"{SOMEWHERE} == true"]
        conditions += [condition(column, self._known(column), wanted) for column, wanted in (where or {}).items()]
        kept = [column for column in columns if self._known(column)]
        if node_type is not None:
            conditions.append(f"node_type == {quoted(str(node_type))}")
        if among is not None:
            conditions.append(any_of("node_id", [str(node_id) for node_id in among]))
        if len(exclude):
            conditions.append(f"not ({any_of('node_id', [str(node_id) for node_id in exclude])})")
        hits = self._hits(vector, k, " and ".join(conditions), [ROW, *NAMED, *kept]) if k > 0 and vector.any() else []
        if not hits and node_type is not None:
            self._require_type(node_type)
        scores = _rounded(hits)
        order = np.lexsort(([hit["entity"][ROW] for hit in hits], -scores))[:k]
        found = {name: np.array([hits[place]["entity"][name] for place in order], object) for name in (*NAMED, *kept)}
        named = pd.DataFrame({name: found[name] for name in NAMED} | {"score": scores[order]})
        return named.assign(**{name: found[name] for name in kept})

    def _hits(self, vector: np.ndarray, k: int, filtered: str, fields: list[str]) -> list[dict[str, Any]]:
        """The best ``k`` and all that tie with the last of them, as far as Milvus gives so many."""
        client, limit = self._open(), min(MOST, k + SPARE)
        while True:
            with asking(self.uri, f"searching {self.collection!r}"):
                hits = client.search(
                    self.collection, [vector], anns_field=VECTOR, limit=limit, filter=filtered, output_fields=fields,
                    consistency_level="Strong", timeout=ANSWER,
                )[0]  # fmt: skip
            scores = _rounded(hits)
            if len(hits) < limit or limit == MOST or scores[-1] < scores[k - 1]:
                return list(hits)
            limit = min(MOST, 4 * limit)

    def _require_type(self, node_type: str) -> None:
        if not self._query(f"node_type == {quoted(str(node_type))}", ["count(*)"])[0]["count(*)"]:
            types = dict.fromkeys(record["node_type"] for record in self._query("", ["node_type"], limit=MOST))
            there = ", ".join(types) + did_you_mean(str(node_type), types)
            raise ValueError(f"{self.collection} has no node of type {node_type!r}; there are {there}")


def _rounded(hits: Sequence[Mapping[str, Any]]) -> np.ndarray:
    return np.array([hit["distance"] for hit in hits], np.float32).round(DECIMALS)
