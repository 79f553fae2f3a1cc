"""The film graph's texts as the tuned model and its base read them, kept: a search then encodes its question alone.

python -m kgss_helpers.runs.tuned_texts   # renews both files, after the adapter or the graph has changed

A run that was cut off goes on when the command is repeated.

Of the tuned model everything is kept. Of its base, documents and names are kept already
(`kgss_helpers.runs.kept_texts`); what these lack is kept beside them.
"""

from __future__ import annotations

import argparse
import io
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kgss_helpers.exam.films import FilmExam, film_exam
from kgss_helpers.files import write_whole
from kgss_helpers.methods.encoder import encode
from kgss_helpers.methods.fields import DESCRIPTION, field_texts
from kgss_helpers.methods.kept_vectors import KeptVectors, digest, digest_of_model
from kgss_helpers.methods.pretrained import ADAPTER, PACKAGED, TUNED, load_pretrained
from kgss_helpers.methods.structured import CreditCounts
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.runs import kept_texts
from kgss_helpers.text.documents import documents
from kgss_helpers.text.schema import PHRASE, role_name
from kgss_helpers.text.sentences import verb

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WORK, PART = Path("build") / "tuned_texts", 512
RENEW = "`python -m kgss_helpers.runs.tuned_texts`"
FILES = {TUNED: ADAPTER / "texts.npz", PACKAGED: kept_texts.FOLDER / "further_texts.npz"}
LEVELS = {"documents": 31, "descriptions": 31, "names": 15, "phrases": 15}
"""A cosine moves by some thousandths; phrases and names are read by a softmax or beside longer texts."""
SUBJECT_TYPES = {TUNED: ("genre", "keyword"), PACKAGED: ("genre",)}
"""Phrases about keywords are ten thousand: they are kept for the tuned model alone."""


def texts_of(the_exam: FilmExam, reader: str = TUNED) -> dict[str, list[str]]:
    """What is kept of a reader, by group; no text stands twice.

    Raises:
        ValueError: There is no such reader.
    """
    if reader not in FILES:
        raise ValueError(f"vectors are kept of {', '.join(FILES)}, not of {reader!r}")
    groups = {**_texts_of_nodes(the_exam), "phrases": phrases(the_exam, SUBJECT_TYPES[reader])}
    known = set(kept_texts.all_texts(the_exam)) if reader == PACKAGED else set()
    names = set(groups["names"])
    found: dict[str, list[str]] = {}
    for group, texts in groups.items():
        left = [text for text in dict.fromkeys(texts) if text not in known and (group == "names" or text not in names)]
        found[group] = left
        known.update(left)
    return found


@cache
def _texts_of_nodes(the_exam: FilmExam) -> dict[str, list[str]]:
    """Written once a session: it takes some seconds."""
    graph = the_exam.newcomer_graph
    return {
        "documents": [*the_exam.texts("skills"), *documents(graph, "skills")],
        "descriptions": field_texts(graph, DESCRIPTION),
        "names": documents(graph, "name"),
    }


def phrases(the_exam: FilmExam, subject_types: Sequence[str]) -> list[str]:
    """Each role in each subject of these types, as `StructuredQuery` says it; and subjects, roles and verbs alone."""
    counts = CreditCounts.of(the_exam.newcomer_graph)
    wanted = np.isin(counts.subject_types, tuple(subject_types))
    subjects = [name.lower() for name, chosen in zip(counts.subjects, wanted, strict=True) if chosen]
    said = [PHRASE.format(role=role_name(role), subject=subject) for role in counts.roles for subject in subjects]
    return [*said, *subjects, *counts.roles, *map(verb, counts.roles)]


def record(reader: str, path: Path | None = None, *, work: Path = WORK) -> Path:
    """Encodes what is kept of a reader and writes its file; some minutes on two cores for the tuned one.

    Args:
        reader: As for `texts_of`.
        path: Where to; its place in the repository if not given.
        work: Where parts are kept until all are done.
    """
    texts, model, of_model = (
        texts_of(film_exam(), reader),
        load_pretrained(reader, device="cpu"),
        digest_of_model(reader),
    )
    vectors = {group: _encoded(model, of_group, work / of_model[:16]) for group, of_group in texts.items()}
    saved = KeptVectors(texts, vectors, of_model).save(path or FILES[reader], levels=LEVELS)
    shutil.rmtree(work / of_model[:16], ignore_errors=True)
    return saved


def _encoded(model: SentenceTransformer, texts: Sequence[str], work: Path) -> np.ndarray:
    """Part by part, each kept as soon as it is done; in bfloat16 where that is faster: more would not be kept."""
    parts = [encode(model, [])]
    for part in (texts[start : start + PART] for start in range(0, len(texts), PART)):
        file = work / f"{digest(part)[:24]}.npy"
        if not file.is_file():
            packed = io.BytesIO()
            np.save(packed, encode(model, part, bf16=True), allow_pickle=False)
            write_whole(file, packed.getvalue())
        parts.append(np.load(file, allow_pickle=False))
    return np.concatenate(parts)


def kept_vectors(reader: str = TUNED, model: SentenceTransformer | None = None) -> TextVectors:
    """A reader's encoder that knows the film graph's texts already.

    Args:
        reader: ``"tuned"``, or the packaged model's name.
        model: The reader, if it is loaded already.

    Raises:
        FileNotFoundError: Nothing was kept; says how to make it.
        ValueError: What was kept is of another model or of other texts; says how to renew it.
    """
    the_exam = film_exam()
    kept = KeptVectors.load(FILES[reader], texts_of(the_exam, reader), model=digest_of_model(reader), renew=RENEW)
    filled = kept.fill(TextVectors(model or load_pretrained(reader, device="cpu")))
    if reader == PACKAGED:
        base = kept_texts.KeptTexts.load()
        filled.remember(the_exam.texts(kept_texts.NAMES), base.names)
        filled.remember(the_exam.texts(kept_texts.DOCUMENTS), base.documents)
        filled.remember(list(base.questions), np.array(list(base.questions.values())))
    return filled


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m kgss_helpers.runs.tuned_texts", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--reader", choices=list(FILES), action="append", help="renew one file alone")
    for reader in parser.parse_args(argv).reader or FILES:
        print(record(reader))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
