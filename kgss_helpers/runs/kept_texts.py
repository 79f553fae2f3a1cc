"""The packaged model's vectors of all documents, names and questions, kept small: who reads them needs no model.

Encoding eleven thousand documents takes more than a minute on two cores, and gives the same vectors every time.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from kgss_helpers.exam.films import FilmExam, film_exam
from kgss_helpers.files import DATA, write_whole
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.kept_vectors import digest, packed, unpacked
from kgss_helpers.methods.pretrained import SHA256, check_offline_model
from kgss_helpers.space import DAMAGED, unit_rows

FOLDER = DATA / "results" / "sage_text"
FILE = FOLDER / "texts.npz"
RENEW = "`python -m kgss_helpers.runs.sage_with_text --texts`"
DOCUMENTS, NAMES = "skills", "name"
LEVELS = {"documents": 127, "names": 15, "questions": 127}
"""Names serve a training alone, as texts among others, and need not be as exact."""


@dataclass(frozen=True, eq=False)
class KeptTexts:
    """What a model makes of the exam's texts.

    Attributes:
        ids: Of all nodes, newcomers included, shape (nodes,).
        documents: Unit vectors of what the training graph says of each node, shape (nodes, 384); of a newcomer, what
            the graph with newcomers says.
        names: Unit vectors of the names alone, shape (nodes, 384).
        questions: Each question's text with its unit vector.
    """

    ids: np.ndarray
    documents: np.ndarray = field(repr=False)
    names: np.ndarray = field(repr=False)
    questions: dict[str, np.ndarray] = field(repr=False)

    def of(self, graph: KnowledgeGraph, *, names: bool = False) -> np.ndarray:
        """Documents' (or names') vectors in the order of ``graph.nodes``, shape (nodes, 384).

        Raises:
            KeyError: The graph has a node that is kept nowhere; names it.
        """
        place = {node_id: row for row, node_id in enumerate(self.ids)}
        missing = next((node_id for node_id in graph.nodes["node_id"] if node_id not in place), None)
        if missing is not None:
            raise KeyError(f"{missing!r} has no kept vector: these are the nodes of the film exam alone")
        vectors = self.names if names else self.documents
        return vectors[[place[node_id] for node_id in graph.nodes["node_id"]]]

    def ask(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of questions of the exam, shape (texts, 384); raises KeyError for another text."""
        missing = next((text for text in texts if text not in self.questions), None)
        if missing is not None:
            raise KeyError(f"{missing!r} is no question of the exam: encode it with the model")
        return np.array([self.questions[text] for text in texts], np.float32).reshape(-1, self.documents.shape[1])

    def without_meaning(self, *, seed: int = 0) -> Self:
        """The same with random unit vectors: texts that tell each other apart, and say no more."""
        rng = np.random.default_rng(seed)

        def drawn(rows: int) -> np.ndarray:
            vectors = rng.normal(size=(rows, self.documents.shape[1])).astype(np.float32)
            return unit_rows(vectors)

        asked = dict(zip(self.questions, drawn(len(self.questions)), strict=True))
        return type(self)(self.ids, drawn(len(self.ids)), drawn(len(self.ids)), asked)

    @classmethod
    def load(cls, path: Path | str = FILE) -> Self:
        """Reads what `record_texts` wrote.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is damaged, of another model, or of texts that have changed since; says how to renew it.
        """
        the_exam = film_exam()
        try:
            with np.load(path, allow_pickle=False) as kept:
                found = {name: kept[name] for name in kept.files}
            vectors = {
                part: unpacked(found[f"{part}_bytes"], found[f"{part}_scale"])
                for part in ("documents", "names", "questions")
            }
            of_model, of_texts = str(found["model"]), str(found["texts"])
        except FileNotFoundError:
            raise
        except DAMAGED as error:
            raise ValueError(f"{Path(path).name} is damaged ({error}); renew it: {RENEW}") from None
        if of_model != SHA256:
            raise ValueError(f"{Path(path).name} was made by another model than the packaged one; renew it: {RENEW}")
        if of_texts != digest(all_texts(the_exam)):
            raise ValueError(f"{Path(path).name} holds vectors of texts that have changed since; renew it: {RENEW}")
        asked = dict(zip(question_texts(the_exam), vectors["questions"], strict=True))
        ids = the_exam.newcomer_graph.nodes["node_id"].to_numpy(dtype=object)
        return cls(ids, vectors["documents"], vectors["names"], asked)


def question_texts(the_exam: FilmExam) -> list[str]:
    """Each distinct text that the exam asks, variants included."""
    return list(dict.fromkeys(question.text for question in the_exam.questions))


def all_texts(the_exam: FilmExam) -> list[str]:
    """Documents, names and questions, one after the other."""
    return [*the_exam.texts(DOCUMENTS), *the_exam.texts(NAMES), *question_texts(the_exam)]


def record_texts(path: Path | str = FILE) -> Path:
    """Encodes everything with the packaged model and keeps it; some three minutes on two cores."""
    from kgss_helpers.methods.encoder import encode
    from kgss_helpers.methods.pretrained import load_pretrained

    the_exam, model = film_exam(), load_pretrained(device="cpu")
    texts = {
        "documents": the_exam.texts(DOCUMENTS),
        "names": the_exam.texts(NAMES),
        "questions": question_texts(the_exam),
    }
    parts = {
        f"{part}_{kind}": numbers
        for part, of_part in texts.items()
        for kind, numbers in packed(encode(model, of_part), LEVELS[part]).items()
    }
    file = io.BytesIO()
    np.savez_compressed(
        file, model=np.array(check_offline_model()), texts=np.array(digest(all_texts(the_exam))), **parts
    )
    return write_whole(path, file.getvalue())
