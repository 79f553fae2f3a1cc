"""A model's vectors of many texts, kept small in a file: who reads them encodes questions alone.

Encoding ten thousand texts takes more than a minute on two cores, and gives the same vectors every time. What is kept
is bound to the model and to the texts: after a change of either the file is refused.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from kgss_helpers.files import sha256_of, write_whole
from kgss_helpers.methods import adapter
from kgss_helpers.methods.pretrained import ADAPTER, PACKAGED, TUNED, check_offline_model
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.space import DAMAGED, unit_rows

BYTES, SCALE, TEXTS, MODEL = "_bytes", "_scale", "_texts", "model"


def packed(vectors: np.ndarray, levels: int = 127) -> dict[str, np.ndarray]:
    """A byte a number, each row with a scale of its own: a cosine moves by less than a hundredth.

    Args:
        vectors: Shape (rows, dimensions).
        levels: On each side of zero; fewer take less room once they are compressed.
    """
    scale = np.abs(vectors).max(axis=1, keepdims=True) / levels
    return {"bytes": np.round(vectors / np.maximum(scale, 1e-12)).astype(np.int8), "scale": scale.astype(np.float16)}


def unpacked(numbers: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Unit vectors, float32, of what `packed` made; rows of zeros stay so."""
    vectors = numbers.astype(np.float32) * scale.astype(np.float32)
    return unit_rows(vectors)


def digest(texts: Sequence[str]) -> str:
    """One number for many texts, in hexadecimal: another text anywhere makes it another one."""
    return hashlib.sha256("\n\0".join(texts).encode()).hexdigest()


def digest_of_model(name: str = PACKAGED) -> str:
    """What tells the weights of the packaged model from those of the tuned one, and these from tuned ones of before.

    Raises:
        ValueError: It is neither of the two: only their files are known here.
    """
    if name == PACKAGED:
        return check_offline_model()
    if name == TUNED:
        return digest([check_offline_model(), sha256_of(ADAPTER / adapter.WEIGHTS)])
    raise ValueError(f"vectors are kept of {PACKAGED!r} and of {TUNED!r}, not of {name!r}")


@dataclass(frozen=True, eq=False)
class KeptVectors:
    """Vectors of texts in groups, such as documents and names.

    Attributes:
        texts: By group.
        vectors: By group, unit vectors, shape (texts, dimensions), float32.
        model: As from `digest_of_model`.
    """

    texts: Mapping[str, Sequence[str]] = field(repr=False)
    vectors: Mapping[str, np.ndarray] = field(repr=False)
    model: str

    def fill(self, vectors: TextVectors) -> TextVectors:
        """Gives all of them to an encoder, which then needs not encode them; returns it."""
        for group, texts in self.texts.items():
            vectors.remember(texts, self.vectors[group])
        return vectors

    def save(self, path: Path | str, *, levels: Mapping[str, int] | None = None) -> Path:
        """One npz without pickles.

        Args:
            path: Where to.
            levels: By group, as for `packed`; 127 where none are given.
        """
        parts: dict[str, np.ndarray] = {MODEL: np.array(self.model)}
        for group, texts in self.texts.items():
            found = packed(self.vectors[group], (levels or {}).get(group, 127))
            parts |= {group + BYTES: found["bytes"], group + SCALE: found["scale"]}
            parts[group + TEXTS] = np.array(digest(texts))
        file = io.BytesIO()
        np.savez_compressed(file, **parts)
        return write_whole(path, file.getvalue())

    @classmethod
    def load(cls, path: Path | str, texts: Mapping[str, Sequence[str]], *, model: str, renew: str) -> Self:
        """Reads what `save` wrote, if it is still of this model and of these texts.

        Args:
            path: Where from.
            texts: As they are now, by group.
            model: As it is now.
            renew: The command that makes the file anew, for messages.

        Raises:
            FileNotFoundError: There is no such file; says how to make it.
            ValueError: It is damaged, of another model, or of other texts; says how to renew it.
        """
        name = Path(path).name
        try:
            with np.load(path, allow_pickle=False) as file:
                kept = {part: file[part] for part in file.files}
            found = {group: unpacked(kept[group + BYTES], kept[group + SCALE]) for group in texts}
            of_texts = {group: str(kept[group + TEXTS]) for group in texts}
            of_model = str(kept[MODEL])
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no {path}; make it: {renew}") from None
        except DAMAGED as error:
            raise ValueError(f"{name} is damaged ({error}); renew it: {renew}") from None
        if of_model != model:
            raise ValueError(f"{name} was made by another model than the one of today; renew it: {renew}")
        changed = [group for group in texts if of_texts[group] != digest(texts[group])]
        if changed or any(len(found[group]) != len(texts[group]) for group in texts):
            raise ValueError(f"{name} holds vectors of {', '.join(changed)} that have changed since; renew it: {renew}")
        return cls(texts, found, model)
