"""What a fine-tuning leaves behind at each stage: where every person, project and question lay in the space."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from kgss_helpers import exam
from kgss_helpers.datasets._io import write_whole
from kgss_helpers.datasets.films import DATA
from kgss_helpers.encoders.known import KnownVectors
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.verbalize import SKILLS, Style, credits_of, documents

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

RECORDED = DATA / "results" / "fine_tuning"
STAGES = "stages.npz"
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
"""Questions beyond the exam's, kept with the stages so that they can be asked without a model."""


def questions_kept() -> list[str]:
    """Every text whose vector is kept: skills, the questions of the retrieval test, the exam's."""
    asked = [question.text for question in exam.film_exam()[1]]
    return list(dict.fromkeys([*SKILLS.values(), *RETRIEVAL, *asked]))


class StageRecorder:
    """Embeds the graph and the questions, sits the exam, and keeps the vectors; made to be called after each epoch.

    Args:
        folder: Where ``stage-0.npz``, ``stage-1.npz`` and so on are written, whole or not at all.
        graph: What the model is shown: the training graph.
        style: Which text stands for a node.
        bf16: Compute in bfloat16 where the device does so at speed.
    """

    def __init__(self, folder: Path | str, graph: KnowledgeGraph, style: Style = "name", *, bf16: bool = True) -> None:
        self.folder, self.bf16 = Path(folder), bf16
        self.graph, self.texts, self.questions = graph, documents(graph, style), questions_kept()

    def __call__(self, model: SentenceTransformer, epoch: int) -> dict[str, float]:
        """Returns nDCG@10 on validation, by family."""
        vectors = KnownVectors.of(model, self.texts, self.questions, name=f"stage {epoch}", bf16=self.bf16)
        queries = np.stack([vectors.texts[text] for text in self.questions])
        _write_npz(
            self.folder / f"stage-{epoch}.npz",
            node_ids=self.graph.nodes["node_id"].to_numpy(dtype=str), nodes=vectors.nodes.astype(np.float16),
            asked=np.array(self.questions), texts=queries.astype(np.float16),
        )  # fmt: skip
        marks = exam.sit(vectors, split="validation", graph=self.graph, questions=exam.film_exam()[1]).marks
        return marks.groupby("family")["nDCG@10"].mean().round(4).to_dict()


@dataclass(frozen=True)
class Stages:
    """A space at each stage of a training.

    Attributes:
        node_ids: Whatever has a vector: all nodes of the graph.
        texts: Skills and questions.
        node_vectors: Unit vectors, shape (stages, nodes, dimensions); stage 0 is the model before the first step.
        text_vectors: Unit vectors, shape (stages, texts, dimensions).
    """

    node_ids: list[str]
    texts: list[str]
    node_vectors: np.ndarray
    text_vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.node_vectors)

    @property
    def labels(self) -> list[str]:
        """What the stages are called: ``"base"``, and then by the epochs behind them."""
        return ["base", *map(str, range(1, len(self)))]

    def of(self, node_ids: Sequence[str], stage: int) -> np.ndarray:
        """Shape (nodes asked for, dimensions); raises ValueError naming a node that is not kept."""
        place = {node_id: row for row, node_id in enumerate(self.node_ids)}
        missing = next((node_id for node_id in node_ids if node_id not in place), None)
        if missing is not None:
            raise ValueError(f"{missing} is not among the {len(place)} nodes that were kept")
        return self.node_vectors[stage][[place[node_id] for node_id in node_ids]]

    def method(self, stage: int, graph: KnowledgeGraph, *, name: str | None = None) -> KnownVectors:
        """The stage as a method of the exam; nodes that were not kept are found by nothing."""
        place = {node_id: row for row, node_id in enumerate(self.node_ids)}
        nodes = np.zeros((len(graph.nodes), self.node_vectors.shape[2]), dtype=np.float32)
        kept = [(row, place[node_id]) for row, node_id in enumerate(graph.nodes["node_id"]) if node_id in place]
        rows, places = np.array(kept).T
        nodes[rows] = self.node_vectors[stage][places]
        texts = dict(zip(self.texts, self.text_vectors[stage], strict=True))
        return KnownVectors(nodes, texts, name=name or f"stage {stage}")

    def affinities(
        self,
        stage: int,
        skills: Sequence[str] = tuple(SKILLS.values()),
        *,
        people: Sequence[str] | None = None,
        scale: float = SCALE,
    ) -> pd.DataFrame:
        """How likely each skill is for each person: softmax over skills of ``scale`` × cosine.

        Rows are node ids (of all people if none are given), columns skills; each row sums to 1.
        """
        if people is None:
            people = [node_id for node_id in self.node_ids if node_id.startswith("person:")]
        columns = [self.texts.index(skill) for skill in skills]
        scores = scale * self.of(people, stage) @ self.text_vectors[stage][columns].T
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        likely = scores / scores.sum(axis=1, keepdims=True)
        return pd.DataFrame(likely, index=list(people), columns=list(skills))

    def maps(self, node_ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Points of the nodes in two dimensions that can be compared between stages.

        Each stage is turned (and mirrored if need be), so that the nodes lie as near as can be to where they lie at
        the last stage (Schönemann 1966); that changes no distance. Then all stages are drawn on the same two axes, the
        first principal ones of all turned points together.

        Returns:
            Points, shape (stages, nodes, 2), and the share of each stage's variance that they keep, shape (stages,).
        """
        centred = [self.of(node_ids, stage) for stage in range(len(self))]
        centred = [vectors - vectors.mean(axis=0) for vectors in centred]
        turned = []
        for vectors in centred:
            left, _, right = np.linalg.svd(vectors.T @ centred[-1])
            turned.append(vectors @ left @ right)
        axes = np.linalg.svd(np.concatenate(turned), full_matrices=False)[2][:2]
        axes *= np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]
        points = np.stack(turned) @ axes.T
        return points, (points**2).sum(axis=(1, 2)) / (np.stack(turned) ** 2).sum(axis=(1, 2))

    def save(self, path: Path | str) -> Path:
        """Keeps the vectors as bytes, a scale a row, in one npz without pickles; agrees to about two decimals."""
        kept = {"node_ids": np.array(self.node_ids), "texts": np.array(self.texts)}
        for name, vectors in (("node_vectors", self.node_vectors), ("text_vectors", self.text_vectors)):
            largest = np.abs(vectors).max(axis=2, keepdims=True)
            kept[name] = np.round(vectors / np.maximum(largest, 1e-9) * 127).astype(np.int8)
        return _write_npz(Path(path), **kept)

    @classmethod
    def load(cls, path: Path | str = RECORDED / STAGES) -> Self:
        """Reads what `save` wrote; raises ValueError for a file that is none of its own."""
        try:
            with np.load(path, allow_pickle=False) as kept:
                vectors = [_unit(kept[name].astype(np.float32)) for name in ("node_vectors", "text_vectors")]
                return cls(kept["node_ids"].tolist(), kept["texts"].tolist(), *vectors)
        except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise ValueError(f"{Path(path).name} holds no stages ({error}); record them again") from None


def skill_counts(graph: KnowledgeGraph) -> pd.DataFrame:
    """How many credits of each skill the graph gives each person: rows node ids, columns skills."""
    counts = {
        person: {SKILLS[role]: len(projects) for role, projects in by_role.items() if role in SKILLS}
        for person, by_role in credits_of(graph).items()
    }
    table = pd.DataFrame.from_dict(counts, orient="index").reindex(columns=list(SKILLS.values()))
    return table.fillna(0).astype(int)


def first_skills(affinities: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """The skill that each person's vector is nearest to, beside what the graph says.

    Args:
        affinities: As from `Stages.affinities`.
        counts: As from `skill_counts`.

    Returns:
        A row for each person of both tables: ``first`` (the likeliest skill), ``likelihood``, ``main`` (whether the
        graph has no more credits in any other skill), ``any`` (whether it has one in this skill) and ``credits``.
    """
    people = affinities.index.intersection(counts.index)
    likely, known = affinities.loc[people], counts.loc[people, affinities.columns].to_numpy()
    rows, first = np.arange(len(people)), likely.to_numpy().argmax(axis=1)
    return pd.DataFrame(
        {
            "first": likely.columns[first],
            "likelihood": likely.to_numpy()[rows, first],
            "main": known[rows, first] == known.max(axis=1),
            "any": known[rows, first] > 0,
            "credits": known.sum(axis=1),
        },
        index=people,
    )


def mean_cosines(vectors: np.ndarray, groups: Sequence[str]) -> tuple[float, float]:
    """Mean cosine of two of one group, and of two of different groups; ``vectors`` are unit vectors, one a row.

    A sum over all pairs is the square of a sum of vectors, so no matrix of all cosines is needed.
    """
    codes, names = pd.factorize(np.asarray(groups))
    members = np.eye(len(names))[codes]
    itself, pairs_of_one = float((vectors**2).sum()), float((members.sum(axis=0) ** 2).sum() - len(codes))
    of_one = float(((members.T @ vectors) ** 2).sum()) - itself
    everything, pairs = float((vectors.sum(axis=0) ** 2).sum()) - itself, len(codes) ** 2 - len(codes)
    return of_one / pairs_of_one, (everything - of_one) / (pairs - pairs_of_one)


def gather(folder: Path | str) -> Stages:
    """All stages that a `StageRecorder` kept in a folder, at full size.

    Raises:
        ValueError: A stage is missing, or is of other nodes or questions than the first.
    """
    paths = sorted(Path(folder).glob("stage-*.npz"), key=lambda path: int(path.stem.removeprefix("stage-")))
    if [path.stem for path in paths] != [f"stage-{number}" for number in range(len(paths))] or not paths:
        raise ValueError(f"{folder} must hold stage-0.npz, stage-1.npz and so on; it has {[p.name for p in paths]}")
    kept: list[dict[str, np.ndarray]] = []
    for path in paths:
        with np.load(path, allow_pickle=False) as stage:
            kept.append(dict(stage))
        if any(not np.array_equal(kept[-1][name], kept[0][name]) for name in ("node_ids", "asked")):
            raise ValueError(f"{path} is of other nodes or questions than stage-0.npz; record both in one run")
    nodes, texts = (np.stack([stage[name].astype(np.float32) for stage in kept]) for name in ("nodes", "texts"))
    return Stages(kept[0]["node_ids"].tolist(), kept[0]["asked"].tolist(), nodes, texts)


def compact(stages: Stages, dimensions: int = DIMENSIONS) -> Stages:
    """The same spaces in fewer dimensions: each stage on its own first principal directions (Eckart and Young 1936).

    They are taken without centring, so that cosines stay as near as they can to what they were.
    """
    nodes, texts = [], []
    for of_nodes, of_texts in zip(stages.node_vectors, stages.text_vectors, strict=True):
        both = np.concatenate([of_nodes, of_texts])
        _, directions = np.linalg.eigh(both.T @ both)
        directions = directions[:, ::-1][:, :dimensions]
        nodes.append(_unit(of_nodes @ directions))
        texts.append(_unit(of_texts @ directions))
    return Stages(stages.node_ids, stages.texts, np.stack(nodes), np.stack(texts))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _write_npz(path: Path, **arrays: np.ndarray) -> Path:
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    return write_whole(path, packed.getvalue())
