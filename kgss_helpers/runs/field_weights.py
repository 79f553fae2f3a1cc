"""Fields scored together: how much each counts is learned from validation questions; their rows in the exam's table.

python -m kgss_helpers.runs.field_weights --learn                # data/results/fields/READER.json, of validation
python -m kgss_helpers.runs.field_weights                        # rows of the exam, in `data/results/exam`
python -m kgss_helpers.runs.field_weights --learn --reader tuned # the same with the tuned model beside its base

Vectors of names, documents and descriptions are those that are kept of each reader (`kgss_helpers.runs.tuned_texts`);
questions and tokens are read anew, in float32.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from kgss_helpers.exam.films import FilmExam, film_exam
from kgss_helpers.files import DATA, slug
from kgss_helpers.methods.fields import DESCRIPTION
from kgss_helpers.methods.fusion import Example, Router, even_importance, learn_router
from kgss_helpers.methods.late_interaction import TokenVectors
from kgss_helpers.methods.pretrained import PACKAGED, TUNED
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.methods.weighed_fields import (
    Comparer,
    Cosines,
    Field,
    SharedWords,
    WeighedFields,
    WordByWord,
    groups,
    pieces_of,
    seen,
)
from kgss_helpers.question import Question
from kgss_helpers.runs.recording import record
from kgss_helpers.runs.tuned_texts import kept_vectors

COMMAND = "kgss_helpers.runs.field_weights"
WEIGHTS = DATA / "results" / "fields"
NODE_TYPES = ("person", "project", "keyword")
"""Those that the exam asks for."""
READERS = {PACKAGED: ("untuned",), TUNED: ("untuned", "tuned")}
"""Who reads in each of the two rows."""
NAMES = {PACKAGED: "fields with learned weights", TUNED: "fields with learned weights, tuned reader"}
WORDS = "shared words"
CANDIDATES = 30
"""So many of each field's first answers are candidates that weights are learned from."""
RIDGE = 0.3
"""Chosen by cross-validation among validation questions."""


def fields_of(reader: str) -> list[Field]:
    """The fields of a row: shared words, and three texts by each reader; films word by word, people by their films."""
    found = [Field(WORDS, DESCRIPTION), Field(WORDS, "skills")]
    for one in READERS[reader]:
        found += [Field(one, text) for text in ("name", DESCRIPTION, "skills")]
        found += [Field(one, text, ("person",), joined=True) for text in (DESCRIPTION, "skills")]
        found += [Field(word_by_word(one), "skills", ("project",))]
    return found


def word_by_word(reader: str) -> str:
    """What the comparer is called that a reader's tokens make."""
    return f"{reader}, word by word"


@cache
def comparers(name: str) -> dict[str, Comparer]:
    """One reader's two ways to compare; made once a session, and each text is read once."""
    vectors = kept_vectors({"untuned": PACKAGED, "tuned": TUNED}[name])
    return {
        name: Cosines(vectors),
        word_by_word(name): WordByWord(TokenVectors(vectors.model), pieces_of(vectors.model)),
    }


def readers(reader: str) -> dict[str, Comparer]:
    """All that a row's fields name."""
    found: dict[str, Comparer] = {WORDS: SharedWords()}
    for name in READERS[reader]:
        found |= comparers(name)
    return found


def method(reader: str = PACKAGED, router: Router | None = None) -> WeighedFields:
    """A row's method; all fields count alike where there is no router."""
    return WeighedFields(readers(reader), fields_of(reader), NODE_TYPES, router=router, name=NAMES[reader])


def weights_file(reader: str) -> Path:
    """Where a row's weights are kept."""
    return WEIGHTS / f"{slug(reader)}.json"


def load_weights(reader: str = PACKAGED) -> Router:
    """What was learned for a row.

    Raises:
        FileNotFoundError: Nothing was.
        ValueError: The file is damaged, or was learned for other fields; names the command that renews it.
    """
    further = "" if reader == PACKAGED else f" --reader {reader}"
    sources = [field.name for field in fields_of(reader)]
    renew = f"python -m {COMMAND} --learn{further}"
    return Router.load(weights_file(reader), features=groups(NODE_TYPES), sources=sources, renew=renew)


# ---- what is learned -------------------------------------------------------------------------------------------------


def validation_questions(the_exam: FilmExam) -> list[Question]:
    """All that is learned from: questions of the validation half, as they were written."""
    return [one for one in the_exam.questions if one.split == "validation" and not one.variant]


def examples(made: WeighedFields, questions: Sequence[Question], the_exam: FilmExam) -> dict[int, Example]:
    """By the question's number: the first answers of every field as candidates, and the right ones, all that there are.

    Newcomers are asked of the graph that has them, and are candidates among themselves.
    """
    newcomers, found = the_exam.newcomers, {}
    new = np.array([bool(newcomers.intersection(one.relevant)) for one in questions])
    for which, graph in ((~new, the_exam.training_graph), (new, the_exam.newcomer_graph)):
        positions = np.flatnonzero(which)
        some = [questions[place] for place in positions]
        features = seen(some, made.node_types)
        ids = graph.nodes["node_id"].to_numpy()
        for asked, rows, likenesses in made.compared(some, graph):
            values = np.zeros((len(asked), len(rows), len(made.fields)), np.float32)
            for at, likeness in likenesses:
                values[:, :, at] = likeness
            for at, of_nodes in zip(asked, values, strict=True):
                kept = ~np.isin(ids[rows], [*some[at].exclude, some[at].anchor or ""])
                kept &= np.isin(ids[rows], list(newcomers)) == new[positions[at]]
                found[int(positions[at])] = _example(features[at], of_nodes[kept], ids[rows][kept], some[at])
    return found


def _example(features: np.ndarray, values: np.ndarray, ids: np.ndarray, question: Question) -> Example:
    """Of one question, from what each field says of each node that may answer, shape (nodes, fields)."""
    grades = np.array([question.relevant.get(node_id, 0) for node_id in ids], dtype=float)
    least = np.sort(values, axis=0)[-min(CANDIDATES, len(values))]
    kept = ((values >= least) & (values > 0)).any(axis=1) | (grades > 0)
    return Example(features, values[kept].astype(float), grades[kept] / grades.sum())


def learned(
    made: WeighedFields, some: Sequence[Example], families: Sequence[str], *, ridge: float = RIDGE, reader: str = ""
) -> Router:
    """The weights that make the right answers likeliest."""
    names = tuple(field.name for field in made.fields)
    return learn_router(
        some, groups(made.node_types), names, importance=even_importance(families), ridge=ridge, reader=reader
    )


def learn(reader: str = PACKAGED) -> Path:
    """Learns a row's weights, every family of questions counting the same; returns the file."""
    the_exam, made = film_exam(), method(reader)
    questions = validation_questions(the_exam)
    found = examples(made, questions, the_exam)
    router = learned(made, list(found.values()), [questions[at].family for at in found], reader=reader)
    return router.save(weights_file(reader))


# ---- the rows --------------------------------------------------------------------------------------------------------


def methods(reader: str = PACKAGED) -> Iterator[Method | Encoder]:
    """The row of a reader."""
    yield method(reader, load_weights(reader))


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--learn", action="store_true")
    parser.add_argument("--reader", default=PACKAGED, choices=list(READERS))
    options, further = parser.parse_known_args(argv)
    if options.learn:
        print(learn(options.reader))
        return 0
    return record(lambda: methods(options.reader), further, command=COMMAND, about=(__doc__ or "").split("\n")[0])


if __name__ == "__main__":
    raise SystemExit(main())
