"""What a fine-tuning leaves behind after each epoch: where every person, project and question lay in the space."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from kgss_helpers.exam import film_exam, sit
from kgss_helpers.exam.results import ExamResult
from kgss_helpers.files import DATA, write_whole
from kgss_helpers.films.roles import SKILLS
from kgss_helpers.methods.encoder import embed
from kgss_helpers.question import Split
from kgss_helpers.space import DAMAGED, SemanticSpace, unit_rows
from kgss_helpers.text.documents import Style

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

RECORDED = DATA / "results" / "fine_tuning"
EPOCHS = "epochs.npz"
UNTUNED = "untuned"
DIMENSIONS = 64
SCALE = 20.0
"""Cosines are multiplied by this before a softmax, as in the loss."""
RETRIEVAL = (
    "George Lucas",
    "documentary movie about George Lucas",
    "a director of sci-fi movies",
    "someone who builds monsters for horror films",
    "a voice for a cartoon",
    "music for a space adventure",
    "who can find the actors for a costume drama?",
    "a stop-motion animator",
    "space battle",
    "a shark in the water",
    "robots that want to be human",
    "a heist that goes wrong",
)
"""Questions beyond the exam's, kept with the spaces so that they can be asked without a model."""


def questions_kept() -> list[str]:
    """Every text whose vector is kept: skills, the questions of the retrieval test, the exam's."""
    asked = [question.text for question in film_exam().questions]
    return list(dict.fromkeys([*SKILLS.values(), *RETRIEVAL, *asked]))


def space_name(epoch: int) -> str:
    """``"untuned"``, ``"epoch 1"`` and so on: the row in the exam's table."""
    return f"epoch {epoch}" if epoch else UNTUNED


def sat(space: SemanticSpace, split: Split) -> ExamResult:
    """What a space of a recorded training scored in the film exam, without joining the session's table."""
    return sit(space, split=split, questions=film_exam().questions)


class EpochRecorder:
    """Embeds the film graph and the questions, sits the exam, and keeps the space; made to be called after each epoch.

    Newcomers are embedded with the others, by their texts; no row that a model learns from knows them.

    Args:
        folder: Where ``epoch-0.npz``, ``epoch-1.npz`` and so on are written, whole or not at all.
        style: Which text stands for a node.
        bf16: Compute in bfloat16 where the device does so at speed.
    """

    def __init__(self, folder: Path | str, style: Style = "name", *, bf16: bool = True) -> None:
        self.folder, self.bf16, the_exam = Path(folder), bf16, film_exam()
        self.graph, self.texts, self.questions = the_exam.newcomer_graph, the_exam.texts(style), questions_kept()

    def __call__(self, model: SentenceTransformer, epoch: int) -> dict[str, float]:
        """Returns nDCG@10 on validation, by family; ``epoch`` is the number of epochs done, 0 for the untuned model."""
        name = space_name(epoch)
        space = embed(model, self.graph, self.texts, self.questions, name=name, bf16=self.bf16)
        space.save(self.folder / f"epoch-{epoch}.npz")
        result = sat(space, "validation")
        return {family: round(float(scores.mean()), 4) for family, scores in result.by_family().items()}


@dataclass(frozen=True)
class Epochs:
    """The space after each epoch of a training; number 0 is the untuned model's.

    Raises:
        ValueError: The spaces do not hold the same nodes and texts.
    """

    spaces: Sequence[SemanticSpace]

    def __post_init__(self) -> None:
        first = self.spaces[0]
        for space in self.spaces:
            if not np.array_equal(space.ids, first.ids) or list(space.texts) != list(first.texts):
                raise ValueError(f"{space.name} holds other nodes or texts than {first.name}; record both in one run")

    def __len__(self) -> int:
        return len(self.spaces)

    def __getitem__(self, epoch: int) -> SemanticSpace:
        return self.spaces[epoch]

    @property
    def labels(self) -> list[str]:
        """``"untuned"``, and then the number of epochs behind each space."""
        return [UNTUNED, *map(str, range(1, len(self)))]

    def of(self, node_ids: Sequence[str], epoch: int) -> np.ndarray:
        """Shape (nodes asked for, dimensions); raises KeyError naming a node that is not kept."""
        return self.spaces[epoch].vectors[self.spaces[epoch].rows(node_ids)]

    def affinities(
        self,
        epoch: int,
        skills: Sequence[str] = tuple(SKILLS.values()),
        *,
        people: Sequence[str] | None = None,
        scale: float = SCALE,
    ) -> pd.DataFrame:
        """How likely each skill is for each person: softmax over skills of ``scale`` × cosine.

        Rows are node ids (of all people if none are given), columns skills; each row sums to 1.

        Raises:
            KeyError: A person is not among the nodes.
            ValueError: A skill is not among the texts.
        """
        space = self.spaces[epoch]
        if people is None:
            people = space.ids[space.types == "person"]
        scores = scale * self.of(people, epoch) @ space.encode_queries(skills).T
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        likely = scores / scores.sum(axis=1, keepdims=True)
        return pd.DataFrame(likely, index=list(people), columns=list(skills))

    def maps(self, node_ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Points of the nodes in two dimensions that can be compared between epochs.

        Each space is turned (and mirrored if need be), so that the nodes lie as near as can be to where they lie after
        the last epoch (Schönemann 1966); that changes no distance. Then all are drawn on the same two axes, the first
        principal ones of all turned points together.

        Returns:
            Points, shape (epochs, nodes, 2), and the share of each space's variance that they keep, shape (epochs,).
        """
        from scipy.linalg import orthogonal_procrustes
        from sklearn.decomposition import TruncatedSVD

        spread = [self.of(node_ids, epoch) for epoch in range(len(self))]
        spread = [vectors - vectors.mean(axis=0) for vectors in spread]
        turned = [vectors @ orthogonal_procrustes(vectors, spread[-1])[0] for vectors in spread]
        axes = TruncatedSVD(2, algorithm="arpack", random_state=0).fit(np.concatenate(turned)).components_
        axes *= np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]
        points = np.stack(turned) @ axes.T
        return points, (points**2).sum(axis=(1, 2)) / (np.stack(turned) ** 2).sum(axis=(1, 2))

    def save(self, path: Path | str) -> Path:
        """Keeps the vectors as bytes, a scale a row, in one npz without pickles; agrees to about two decimals."""
        first = self.spaces[0]
        kept = {part: getattr(first, part).astype(str) for part in ("ids", "types", "names")}
        kept["asked"] = np.array(list(first.texts))
        for part, vectors in {
            "vectors": np.stack([space.vectors for space in self.spaces]),
            "text_vectors": np.stack([space.encode_queries(list(space.texts)) for space in self.spaces]),
        }.items():
            largest = np.abs(vectors).max(axis=2, keepdims=True)
            kept[part] = np.round(vectors / np.maximum(largest, 1e-9) * 127).astype(np.int8)
        packed = io.BytesIO()
        np.savez_compressed(packed, **kept)
        return write_whole(path, packed.getvalue())

    @classmethod
    def load(cls, path: Path | str = RECORDED / EPOCHS) -> Self:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is damaged, or none that `save` wrote.
        """
        try:
            with np.load(path, allow_pickle=False) as kept:
                return cls(_unpacked(kept))
        except FileNotFoundError:
            raise
        except DAMAGED as error:
            raise ValueError(f"{Path(path).name} holds no recorded epochs ({error}); record them again") from None


def _unpacked(kept: Mapping[str, np.ndarray]) -> list[SemanticSpace]:
    nodes, texts = (unit_rows(kept[part].astype(np.float32)) for part in ("vectors", "text_vectors"))
    ids, types, names = (kept[part].astype(object) for part in ("ids", "types", "names"))
    asked = kept["asked"].tolist()
    if len(nodes) != len(texts):
        raise ValueError(f"{len(nodes)} epochs of nodes and {len(texts)} of texts")
    return [
        SemanticSpace(space_name(epoch), ids, types, names, of_nodes, dict(zip(asked, of_texts, strict=True)))
        for epoch, (of_nodes, of_texts) in enumerate(zip(nodes, texts, strict=True))
    ]


def gather(folder: Path | str) -> Epochs:
    """All that an `EpochRecorder` kept in a folder, at full size.

    Raises:
        ValueError: An epoch is missing, or is of other nodes or questions than the first.
    """
    paths = sorted(Path(folder).glob("epoch-*.npz"), key=lambda path: int(path.stem.removeprefix("epoch-")))
    if [path.stem for path in paths] != [f"epoch-{number}" for number in range(len(paths))] or not paths:
        raise ValueError(f"{folder} must hold epoch-0.npz, epoch-1.npz and so on; it has {[p.name for p in paths]}")
    return Epochs([SemanticSpace.load(path) for path in paths])


def compact(epochs: Epochs, dimensions: int = DIMENSIONS) -> Epochs:
    """The same spaces in fewer dimensions: each on its own first principal directions (Eckart and Young 1936).

    They are taken without centring, so that cosines stay as near as they can to what they were.
    """
    from sklearn.decomposition import TruncatedSVD

    spaces = []
    for space in epochs.spaces:
        asked = list(space.texts)
        of_texts = space.encode_queries(asked)
        reduced = TruncatedSVD(min(dimensions, space.vectors.shape[1] - 1), algorithm="arpack", random_state=0)
        reduced.fit(np.concatenate([space.vectors, of_texts]))
        nodes, texts = (unit_rows(reduced.transform(vectors)) for vectors in (space.vectors, of_texts))
        texts = dict(zip(asked, texts, strict=True))
        spaces.append(SemanticSpace(space.name, space.ids, space.types, space.names, nodes, texts))
    return Epochs(spaces)
