"""The one searchable system: what its router learns from validation questions, and its rows in the exam's table.

python -m kgss_helpers.runs.hybrid_rows --learn                # data/hybrid/READER.json, from validation alone
python -m kgss_helpers.runs.hybrid_rows                        # rows of the exam, in `data/results/exam`
python -m kgss_helpers.runs.hybrid_rows --learn --reader tuned # the same with another reader
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from kgss_helpers.exam.films import FilmExam, film_exam
from kgss_helpers.files import slug
from kgss_helpers.methods.fusion import Example, Router, even_importance, learn_router
from kgss_helpers.methods.hybrid import FEATURES, WEIGHTS, HybridSearch
from kgss_helpers.methods.late_interaction import LateInteraction
from kgss_helpers.methods.learned_proximity import LearnedProximity
from kgss_helpers.methods.pretrained import PACKAGED, load_pretrained
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.methods.sources import SOURCES
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.question import Question
from kgss_helpers.runs.recording import record

COMMAND = "kgss_helpers.runs.hybrid_rows"
ATTRIBUTE = "year"
CANDIDATES = 30
"""So many of each source's first answers are candidates that the router learns from."""
RIDGE, SHIFT, RANK_SHARE = 0.3, 8.0, 0.25
"""Chosen by cross-validation among validation questions: of the weights, and of the votes they weigh."""


def weights_file(reader: str) -> Path:
    """Where a reader's router is kept."""
    return WEIGHTS / f"{slug(reader)}.json"


def renewed_by(reader: str) -> str:
    """The command that makes that file anew."""
    further = "" if reader == PACKAGED else f" --reader {reader}"
    return f"python -m {COMMAND} --learn{further}"


def load_router(reader: str = PACKAGED) -> Router:
    """What the router has learned for a reader.

    Raises:
        FileNotFoundError: Nothing has been learned for it.
        ValueError: The file is damaged, or was learned with other sources; names the command that renews it.
    """
    path = weights_file(reader)
    if not path.is_file():
        raise FileNotFoundError(
            f"there are no weights {path} for the reader {reader!r}; {renewed_by(reader)} learns them"
        )
    return Router.load(path, features=FEATURES, sources=tuple(SOURCES), renew=renewed_by(reader))


@cache
def predictor() -> tuple[LearnedProximity, float]:
    """Where credits will come, learned from the training graph once a session, and the seconds of processor time."""
    began = time.process_time()
    graph = film_exam().training_graph
    about = set(graph.nodes.loc[graph.nodes["node_type"] == "project", "node_id"])
    relations = sorted(graph.edges["relation"][graph.edges["target"].isin(about)].unique())
    return LearnedProximity(relations, attribute=ATTRIBUTE).fit(graph), time.process_time() - began


@cache
def vectors_of(reader: str) -> TextVectors:
    """A reader's vectors, kept for all methods of a session."""
    return TextVectors(load_pretrained(reader, device="cpu"))


def hybrid(reader: str = PACKAGED, *, router: Router | None = None, name: str = "") -> HybridSearch:
    """The system on the film exam's training graph, with equal weights if there is no router."""
    foresees, seconds = predictor()
    method = HybridSearch(
        vectors_of(reader).model, film_exam().training_graph, router=router, predictor=foresees, attribute=ATTRIBUTE,
        vectors=vectors_of(reader), name=name,
    )  # fmt: skip
    method.training_seconds = seconds
    return method


# ---- what is learned -------------------------------------------------------------------------------------------------


def validation_questions(exam: FilmExam) -> list[Question]:
    """All that is learned from: questions of the validation half, as they were written."""
    return [question for question in exam.questions if question.split == "validation" and not question.variant]


def examples(method: HybridSearch, questions: Sequence[Question], exam: FilmExam) -> tuple[list[Example], list[str]]:
    """Questions with the first answers of every source as candidates, and the family of each.

    A question without a right answer among them teaches nothing and is left out.
    """
    made, families = [], []
    for question in questions:
        newcomer = bool(exam.newcomers.intersection(question.relevant))
        prepared = method.prepare(exam.newcomer_graph if newcomer else exam.training_graph)
        heard = method.hear([question], prepared)
        rows, votes = method.votes(heard[0], prepared)
        ids = prepared.graph.nodes["node_id"].to_numpy()[rows]
        kept = ~np.isin(ids, question.exclude) & (np.isin(ids, list(exam.newcomers)) if newcomer else True)
        kept &= first_answers(np.where(kept[:, None], votes, 0)).any(axis=1)
        grades = np.array([question.relevant.get(node_id, 0) for node_id in ids[kept]], dtype=float)
        if grades.any():
            features = method.features(heard, prepared)[0]
            made.append(Example(features, votes[kept], grades / grades.sum()))
            families.append(question.family)
    return made, families


def first_answers(votes: np.ndarray, count: int = CANDIDATES) -> np.ndarray:
    """Which candidates are among each source's first, shape (candidates, sources)."""
    least = np.sort(votes, axis=0)[-min(count, len(votes))] if len(votes) else np.zeros(votes.shape[1])
    return (votes >= least) & (votes > 0)


def learn(reader: str = PACKAGED) -> Path:
    """Learns the router of a reader, every family of questions counting the same; returns the file."""
    exam = film_exam()
    method = hybrid(reader, router=Router.equal(FEATURES, tuple(SOURCES), shift=SHIFT, rank_share=RANK_SHARE))
    made, families = examples(method, validation_questions(exam), exam)
    router = learn_router(
        made,
        FEATURES,
        tuple(SOURCES),
        importance=even_importance(families),
        ridge=RIDGE,
        shift=SHIFT,
        rank_share=RANK_SHARE,
        reader=reader,
    )
    return router.save(weights_file(reader))


# ---- the rows --------------------------------------------------------------------------------------------------------


def methods(reader: str = PACKAGED) -> Iterator[Method | Encoder]:
    """Equal weights, learned weights, and each behind late interaction."""
    said = "" if reader == PACKAGED else f", {reader} reader"
    learned = hybrid(reader, router=load_router(reader), name=f"hybrid (learned router){said}")
    yield hybrid(reader, name=f"hybrid (reciprocal ranks){said}")
    yield learned
    yield LateInteraction(
        learned,
        vectors_of(reader).model,
        node_types=("project",),
        describes=learned.describes,
        name=f"hybrid, late interaction{said}",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--learn", action="store_true")
    parser.add_argument("--reader", default=PACKAGED)
    options, further = parser.parse_known_args(argv)
    if options.learn:
        print(learn(options.reader))
        return 0
    about = (__doc__ or "").split("\n")[0]
    return record(lambda: methods(options.reader), further, command=COMMAND, about=about)


if __name__ == "__main__":
    raise SystemExit(main())
