"""A semantic space: nodes of any types as unit vectors in one table, and **the** exact search in it.

Whatever embeds a graph ends here, whether a model computed the vectors just now, a run recorded them or a file held
them. Searching is exact (every vector is compared), so that a result never depends on an index. Grouped by type and
mapped from a file, a million vectors open at once, and a search reads those of its type alone.
"""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from kgss_helpers.files import write_whole
from kgss_helpers.graph import KnowledgeGraph, did_you_mean
from kgss_helpers.mapped_file import PIECE, digest_of, read_mapped, write_mapped

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

    from kgss_helpers.database import SpaceDatabase

SHORTEST = 1e-12
"""What is shorter has no direction and stays as it is."""
DECIMALS = 6
"""Cosines that agree so far are a tie, which the order of nodes decides: the rest is noise of the processor's."""
LARGE = 1 << 24
"""Numbers in a block that no processor's cache holds. A search then waits for memory, where threads only get in each
other's way; a GPU's memory is faster."""
MAPPED = ".safetensors"
"""How the name of a file ends that is mapped into memory."""

DAMAGED = (AttributeError, BadZipFile, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError, zlib.error)
"""What readers raise over a file that is cut off, changed or none of theirs."""


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Vectors divided by their lengths along the last axis, shape as before; a row of zeros stays one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), SHORTEST)


def best(scores: np.ndarray, k: int, ties: np.ndarray | None = None) -> np.ndarray:
    """Positions of the ``k`` largest finite scores, largest first.

    Args:
        scores: Shape (candidates,); minus infinity means *not found*.
        k: How many at most.
        ties: Shape (candidates,): among equal scores the smaller number comes first; the position, if not given.
    """
    scores = scores if scores.dtype.kind == "f" else scores.astype(float)  # unsigned numbers have no negatives
    found = np.flatnonzero(np.isfinite(scores))
    if k < 1:
        return found[:0]
    if k < len(found):
        least = np.partition(scores[found], len(found) - k)[len(found) - k]
        found = found[scores[found] >= least]
    order = found if ties is None else ties[found]
    return found[np.lexsort((order, -scores[found]))][:k]


@dataclass(frozen=True, eq=False)
class SemanticSpace:
    """Nodes as unit vectors, and texts whose vectors are known already.

    It is a method of the exam as it stands: it has nothing to learn and answers every text in ``texts``.

    Attributes:
        name: What the method is called; the row in the exam's table.
        ids: Node ids, shape (nodes,).
        types: Node types, shape (nodes,).
        names: What the nodes are called, shape (nodes,).
        vectors: Unit vectors, shape (nodes, dimensions); a row of zeros stands for a node that nothing finds.
        texts: The unit vector of each text that can be asked without a model.
        digests: Of vectors mapped from a file, the SHA-256 of each ``PIECE`` rows; a piece is compared with it before
            it is searched for the first time.
    """

    name: str
    ids: np.ndarray
    types: np.ndarray
    names: np.ndarray
    vectors: np.ndarray
    texts: Mapping[str, np.ndarray] = field(default_factory=dict)
    digests: Sequence[str] = ()

    def __post_init__(self) -> None:
        lengths = {len(self.ids), len(self.types), len(self.names), len(self.vectors)}
        if len(lengths) != 1 or self.vectors.ndim != 2:
            raise ValueError(
                f"{self.name}: ids, types, names and vectors must have one row a node, found {len(self.ids)} ids, "
                f"{len(self.types)} types, {len(self.names)} names and vectors of shape {self.vectors.shape}"
            )
        if not self._index.is_unique:
            raise ValueError(f"{self.name}: {self.ids[self._index.duplicated()][0]!r} is there twice; ids are keys")
        wrong = next((text for text, vector in self.texts.items() if vector.shape != self.vectors.shape[1:]), None)
        if wrong is not None:
            raise ValueError(f"{self.name}: the vector of {wrong!r} has not {self.vectors.shape[1]} dimensions")

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"SemanticSpace({self.name!r}: {len(self):,} nodes, {self.vectors.shape[1]} dimensions)"

    @classmethod
    def of(
        cls, graph: KnowledgeGraph, vectors: np.ndarray, *, name: str, texts: Mapping[str, np.ndarray] | None = None
    ) -> Self:
        """A space of a graph's nodes: ``vectors`` in the order of ``graph.nodes``, shape (nodes, dimensions).

        Raises:
            ValueError: There is not one vector for each node.
        """
        ids, types, names = (graph.nodes[column].to_numpy(dtype=object) for column in ("node_id", "node_type", "name"))
        return cls(name, ids, types, names, vectors, texts or {})

    # ---- searching -------------------------------------------------------------------------------------------------

    @cached_property
    def _index(self) -> pd.Index:
        return pd.Index(self.ids)

    @property
    def _kind(self) -> np.dtype:
        """What it computes in: half precision is for keeping only, since processors are slow at it."""
        return np.dtype(np.float32) if self.vectors.dtype == np.float16 else self.vectors.dtype

    @cached_property
    def _blocks(self) -> dict[str | None, tuple[np.ndarray, np.ndarray]]:
        return {}

    @cached_property
    def _on_devices(self) -> dict[tuple[str | None, str], Any]:
        return {}

    @cached_property
    def _compared(self) -> set[int]:
        """The pieces of a mapped file that are known to be as they were saved."""
        return set()

    def rows(self, node_ids: Sequence[str]) -> np.ndarray:
        """Rows of the nodes; raises KeyError naming one that the space lacks."""
        found = self._index.get_indexer(list(node_ids))
        if (found < 0).any():
            missing = list(node_ids)[int(np.flatnonzero(found < 0)[0])]
            raise KeyError(f"{missing!r} is not among the {len(self):,} nodes of {self.name}")
        return found

    def _candidates(self, node_type: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Rows of one type and their vectors in one block, gathered once: a search reads memory in a line."""
        if node_type not in self._blocks:
            rows = np.arange(len(self)) if node_type is None else np.flatnonzero(self.types == node_type)
            if node_type is not None and not len(rows):
                types = dict.fromkeys(self.types)
                there = ", ".join(types) + did_you_mean(node_type, types)
                raise ValueError(f"{self.name} has no node of type {node_type!r}; there are {there}")
            self._compare(rows)
            block = self._gathered(rows)
            somewhere = block.any(axis=1)  # a row of zeros is nowhere
            if not somewhere.all():
                rows = rows[somewhere]
                block = self._gathered(rows)
            self._blocks[node_type] = rows, block
        return self._blocks[node_type]

    def _gathered(self, rows: np.ndarray) -> np.ndarray:
        """Vectors of rows in order; no copy is made if they lie in a line and are of a kind that one computes in."""
        in_a_line = len(rows) > 0 and len(rows) == rows[-1] - rows[0] + 1
        block = self.vectors[rows[0] : rows[-1] + 1] if in_a_line else self.vectors[rows]
        return np.asarray(block, self._kind)

    def _compare(self, rows: np.ndarray) -> None:
        """Raises ValueError if the file that these rows are mapped from is not as it was saved."""
        for piece in sorted(set((rows // PIECE).tolist()) - self._compared) if self.digests else ():
            vectors = self.vectors[piece * PIECE : (piece + 1) * PIECE]
            if digest_of(vectors) != self.digests[piece]:
                raise ValueError(
                    f"{self.name}: its file was altered or damaged after it was saved (vectors {piece * PIECE:,} to "
                    f"{piece * PIECE + len(vectors) - 1:,}); save it again"
                )
            self._compared.add(piece)

    def verify(self) -> Self:
        """Compares all vectors with their digests now, instead of those of a type when it is first searched.

        Raises:
            ValueError: The file is not as it was saved.
        """
        self._compare(np.arange(len(self)))
        return self

    def _scores(self, vector: np.ndarray, block: np.ndarray, node_type: str | None, device: str | None) -> np.ndarray:
        """The block's product with the vector, by what is fastest for its size if no device is named."""
        if device is None and block.size >= LARGE:
            device = _loaded_gpu()
        if device is None and block.size >= LARGE:
            with _threads().limit(limits=1, user_api="blas"):
                return block @ vector
        if device is None:
            return block @ vector
        import torch

        if (node_type, device) not in self._on_devices:
            try:
                self._on_devices[node_type, device] = torch.tensor(block, device=device)
            except (AssertionError, RuntimeError) as error:  # what PyTorch raises: none of this name, or no room on it
                reason = str(error).partition("\n")[0]
                raise ValueError(f"the vectors cannot be moved to {device!r} ({reason}); search on 'cpu'") from None
        there = self._on_devices[node_type, device]
        return torch.mv(there, torch.tensor(vector, device=device)).cpu().numpy()

    def _among(self, rows: np.ndarray, node_ids: Collection[str]) -> np.ndarray:
        """Which of the rows are those of the nodes; ids that the space lacks are none of them."""
        return np.isin(rows, self._index.get_indexer(list(node_ids)))

    def search(
        self,
        vector: np.ndarray,
        k: int = 10,
        *,
        node_type: str | None = None,
        exclude: Collection[str] = (),
        among: Collection[str] | None = None,
        device: str | None = None,
    ) -> pd.DataFrame:
        """The nodes whose vectors have the largest dot product with one vector, largest first.

        Args:
            vector: Shape (dimensions,); a vector of zeros finds nothing.
            k: How many at most.
            node_type: Only nodes of this type.
            exclude: Node ids that are left out; ids that the space lacks are none of it anyway.
            among: Only these node ids.
            device: Where PyTorch compares them, such as ``"cuda"``; the vectors of the type stay there from then on. If
                not given, NumPy compares them, except for a large block where there is CUDA and PyTorch is loaded.

        Returns:
            ``node_id``, ``node_type``, ``name``, ``score``.

        Raises:
            ValueError: No node has the type, or the vector has other dimensions than the space or holds no numbers;
                or the device takes no vectors, or the file that they are mapped from was altered.
        """
        vector = np.asarray(vector, dtype=self._kind)  # of another kind, it would have all vectors copied
        if vector.shape != self.vectors.shape[1:]:
            raise ValueError(f"{self.name} has {self.vectors.shape[1]} dimensions, the vector has shape {vector.shape}")
        if not np.isfinite(vector).all():
            raise ValueError("the vector holds what is no number (NaN or infinity), so nothing is near it")
        rows, vectors = self._candidates(node_type)
        scores = self._scores(vector, vectors, node_type, device).round(DECIMALS)
        if not vector.any():
            scores[:] = -np.inf
        if among is not None:
            scores[~self._among(rows, among)] = -np.inf
        if len(exclude):
            scores[self._among(rows, exclude)] = -np.inf
        found = best(scores, k)
        columns = {"node_id": self.ids, "node_type": self.types, "name": self.names}
        return pd.DataFrame({name: values[rows[found]] for name, values in columns.items()} | {"score": scores[found]})

    # ---- as a method of the exam -----------------------------------------------------------------------------------

    def fit(self, graph: KnowledgeGraph) -> Self:
        """Nothing to learn."""
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        """Vectors of the graph's nodes, shape (nodes, dimensions); zeros for a node that the space lacks.

        Raises:
            ValueError: It has none of the graph's nodes.
        """
        rows = self._index.get_indexer(graph.nodes["node_id"])
        if (rows < 0).all():
            raise ValueError(f"{self.name} has a vector for no node of {graph.name}: it is the space of another graph")
        if np.array_equal(rows, np.arange(len(self))):
            return np.asarray(self.verify().vectors, self._kind)
        return np.where(rows[:, None] < 0, np.float32(0), np.asarray(self.verify().vectors[rows], self._kind))

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (texts, dimensions); raises ValueError naming a text that has no vector."""
        missing = next((text for text in texts if text not in self.texts), None)
        if missing is not None:
            known = next(iter(self.texts), None)
            hint = f" It knows {len(self.texts)} texts, such as {known!r}." if known else ""
            raise ValueError(f"{self.name} has no vector for {missing!r}; embed it with the model.{hint}")
        return np.array([self.texts[text] for text in texts], self._kind).reshape(-1, self.vectors.shape[1])

    # ---- keeping it ------------------------------------------------------------------------------------------------

    def grouped(self) -> Self:
        """The same space with the nodes of each type in a line, so that a search in a type reads memory in a line.

        Within a type the order stays, and with it every result; over all types, ties come in the new order.
        """
        self.verify()
        order = np.argsort(pd.factorize(self.types)[0], kind="stable")
        parts = {part: getattr(self, part)[order] for part in ("ids", "types", "names", "vectors")}
        return replace(self, **parts, digests=())

    def save(self, path: Path | str, *, half: bool = False) -> Path:
        """Keeps everything in one file without pickles, whole or not at all; returns the path.

        Args:
            path: A name that ends in ``.safetensors`` makes a file that `load` maps into memory, so that a million
                vectors open at once; see `grouped`. Any other makes a compressed ``.npz``.
            half: Keep vectors in half precision (float16), in half the room: cosines then differ in the fourth decimal.

        Raises:
            ValueError: The file is to be mapped, and vectors are no numbers.
        """
        vectors = self.verify().vectors.astype(np.float16 if half else self.vectors.dtype, copy=False)
        if Path(path).suffix == MAPPED:
            texts = (self.ids, self.types, self.names, self.texts, [self.name])
            parts = dict(zip(("ids", "types", "names", "asked", "name"), texts, strict=True))
            return write_mapped(Path(path), vectors, self.encode_queries(list(self.texts)), parts)
        packed = io.BytesIO()
        np.savez_compressed(
            packed, name=np.array(self.name), ids=self.ids.astype(str), types=self.types.astype(str),
            names=self.names.astype(str), vectors=vectors, asked=np.array(list(self.texts), dtype=str),
            text_vectors=self.encode_queries(list(self.texts)),
        )  # fmt: skip
        return write_whole(path, packed.getvalue())

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Reads what `save` wrote; a ``.safetensors`` file is mapped into memory.

        The vectors of a mapped file are compared with their digests when they are first searched, or by `verify`; all
        else is compared here.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is no space, or cut off, altered or damaged; names the file.
        """
        try:
            if Path(path).suffix == MAPPED:
                vectors, digests, asked, texts = read_mapped(Path(path))
                parts = {part: np.array(texts[part], object) for part in ("ids", "types", "names")}
                return cls(
                    texts["name"][0], **parts, vectors=vectors, digests=digests,
                    texts=dict(zip(texts["asked"], asked, strict=True)),
                )  # fmt: skip
            with np.load(path, allow_pickle=False) as kept:
                texts = dict(zip(kept["asked"].tolist(), kept["text_vectors"], strict=True))
                ids, types, names = (kept[part].astype(object) for part in ("ids", "types", "names"))
                space = cls(str(kept["name"]), ids, types, names, kept["vectors"], texts)
            if not all(np.isfinite(vectors).all() for vectors in (space.vectors, *texts.values())):
                raise ValueError("its vectors are no numbers")
        except FileNotFoundError:
            raise
        except DAMAGED as error:
            raise ValueError(f"{Path(path).name} holds no semantic space ({error}); save it again") from None
        return space

    def to_database(self, uri: str | Path, collection: str = "semantic_space", **options: Any) -> SpaceDatabase:
        """Hands it over to Milvus, in a file or a cluster; for the options see `kgss_helpers.database.to_database`."""
        from kgss_helpers.database import to_database

        return to_database(self, uri, collection, **options)


# ---- large ones ------------------------------------------------------------------------------------------------------


@cache
def _threads() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _loaded_gpu() -> str | None:
    """``"cuda"``, if there is one and PyTorch is loaded, as it is where a model embeds the questions."""
    torch = sys.modules.get("torch")
    return "cuda" if torch is not None and torch.cuda.is_available() else None
