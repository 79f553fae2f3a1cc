"""One large array in a file that is mapped into memory instead of read, so that it opens at once whatever its size.

The file has the format of the library safetensors, which opens it, too. A digest stands for each piece of the large
array, since comparing all of it would take as long as reading it, and one for all else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kgss_helpers.files import whole_file

PIECE = 1 << 14
"""Rows under one digest."""
KINDS = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "U8": np.dtype("u1")}
"""The numbers that it holds, by the format's names; texts are bytes of JSON."""
NAMES = {dtype: name for name, dtype in KINDS.items()}


def digest_of(*arrays: np.ndarray) -> str:
    """The SHA-256 of the bytes of arrays, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return digest.hexdigest()


def pieces_of(rows: np.ndarray) -> list[np.ndarray]:
    """An array in pieces of ``PIECE`` rows; nothing is copied."""
    return [rows[start : start + PIECE] for start in range(0, len(rows), PIECE)]


def _as_bytes(value: object) -> np.ndarray:
    return np.frombuffer(json.dumps(value, sort_keys=True).encode(), KINDS["U8"])


def write_mapped(path: Path, large: np.ndarray, small: np.ndarray, texts: Mapping[str, Sequence[str]]) -> Path:
    """Writes a file whole or not at all; returns the path.

    Args:
        path: Where to.
        large: The array that is mapped, ``vectors`` in the file. It is written in pieces, without a copy of all.
        small: Another one, ``text_vectors`` in the file, which is read at once.
        texts: Lists of texts by their names.

    Raises:
        ValueError: An array holds what is no number, or numbers of a kind that the format lacks.
    """
    wrong = next(
        (str(array.dtype) for array in (large, small) if array.dtype.kind != "f" or array.dtype not in NAMES), 0
    )
    if wrong:
        raise ValueError(f"numbers of {wrong} cannot be kept in {path.name}; make them float32")
    pieces = pieces_of(large)
    if not all(np.isfinite(piece).all() for piece in (*pieces, small)):
        raise ValueError(f"{path.name} would hold vectors that are no numbers (NaN or infinity)")
    read = {"text_vectors": small} | {
        name: _as_bytes([str(value) for value in values]) for name, values in texts.items()
    }
    table, end = {}, 0
    for name, array in ({"vectors": large} | read).items():
        offsets = [end, end + array.nbytes]
        table[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": offsets}
        end += array.nbytes
    metadata = {"digests": json.dumps([digest_of(piece) for piece in pieces])}
    metadata["digest"] = digest_of(_as_bytes([table, metadata]), *read.values())
    header = json.dumps({"__metadata__": metadata} | table).encode()
    header += b" " * (-len(header) % 8)  # numbers must begin at a multiple of their size, or they are copied
    with whole_file(path) as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        for array in (*pieces, *read.values()):
            stream.write(np.ascontiguousarray(array).data)
    return path


def read_mapped(path: Path) -> tuple[np.ndarray, list[str], np.ndarray, dict[str, list[str]]]:
    """Maps the large array; reads all else and compares it with its digest.

    Returns:
        The large array, which nobody can write to, the digests of its pieces, the small array, and the texts.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is cut off, or all but the large array is not as it was written.
        LookupError, TypeError, AttributeError: It is no such file.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        table = json.loads(stream.read(min(length, size)))
        metadata, arrays = table.pop("__metadata__"), list(table.items())
        start = 8 + length
        if size != start + arrays[-1][1]["data_offsets"][1]:
            raise ValueError("it is cut off, or something stands behind its end")
        stream.seek(start + table["vectors"]["data_offsets"][1])
        raw = [stream.read(array["data_offsets"][1] - array["data_offsets"][0]) for _, array in arrays[1:]]
    if metadata.pop("digest") != digest_of(_as_bytes([table, metadata]), *(np.frombuffer(part, "u1") for part in raw)):
        raise ValueError("it was altered after it was saved")
    shape, dtype = tuple(table["vectors"]["shape"]), KINDS[table["vectors"]["dtype"]]
    large = np.memmap(path, dtype, "r", start, shape) if 0 not in shape else np.empty(shape, dtype)
    held = table["text_vectors"]
    small = np.frombuffer(raw[0], KINDS[held["dtype"]]).reshape(held["shape"])
    texts = {name: json.loads(part) for (name, _), part in zip(arrays[2:], raw[1:], strict=True)}
    return np.asarray(large), json.loads(metadata["digests"]), small, texts
