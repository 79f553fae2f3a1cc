"""What makes fine-tuning better: one change at a time, at equal steps (batch sizes also at equal rows), by exam.

python -m kgss_helpers.runs.ablations               # all of them: less than an hour on two cores
python -m kgss_helpers.runs.ablations --only mined  # those whose name holds a word

What was cut off goes on when the command is repeated: a setting whose results lie there already is not run again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pandas as pd
from datasets import Dataset

from kgss_helpers import exam
from kgss_helpers.compute import machine
from kgss_helpers.exam.results import EDITION
from kgss_helpers.files import DATA, slug, write_whole
from kgss_helpers.methods.encoder import embed
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.question import Split
from kgss_helpers.runs.records import digest
from kgss_helpers.space import SemanticSpace, unit_rows
from kgss_helpers.text.rows import SKILL, training_rows
from kgss_helpers.training import sbert
from kgss_helpers.training.negatives import drawn_negatives, for_training, mined_negatives
from kgss_helpers.training.sbert.losses import MakeLoss

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

RESULTS = DATA / "results" / "ablations"
SCORES = "exam"
LOSSES: dict[str, MakeLoss] = {
    "plain": sbert.multiple_negatives,
    "cached": sbert.cached_multiple_negatives,
    "both directions": sbert.both_directions,
    "guided": sbert.guided,
    "both directions, nested": sbert.nested,
}
NEGATIVES: dict[str, Callable[..., pd.DataFrame]] = {
    "film": partial(drawn_negatives, node_type="project"),
    "person": partial(drawn_negatives, node_type="person"),
    "mined": mined_negatives,
    "mined, by a margin": partial(mined_negatives, control="margin"),
    "mined, no control": partial(mined_negatives, control="none"),
}
STEPS = 48
"""What is given to each setting, except where rows are held equal and not steps."""
ROWS = 128 * STEPS
SIZES = (16, 64, 128, 512)


@dataclass(frozen=True)
class Setting:
    """One way to fine-tune.

    Attributes:
        rows: How many of the training rows, 0 for no training; names or documents, at random, stand for nodes.
        steps: No more than these, and as many passes over the rows as they take; 0 for one pass.
        skills: Which share of the rows states a skill.
        batch_size: Rows a step.
        learning_rate: Peak for batches of 128; it is scaled by the root of the batch size.
        loss: A key of `LOSSES`.
        negatives: A key of `NEGATIVES`, or none but those of the batch.
        by_fact: No fact stands twice in a batch; otherwise no text does.
        seed: Of the rows, their order and dropout.
    """

    rows: int = ROWS
    steps: int = STEPS
    skills: float = 0.5
    batch_size: int = 128
    learning_rate: float = 2e-4
    loss: str = "plain"
    negatives: str = ""
    by_fact: bool = True
    seed: int = 0


def _of_size(size: int, *, rows: int, steps: int) -> Setting:
    return Setting(rows=rows, steps=steps, batch_size=size, loss="cached" if size > 128 else "plain")


SETTINGS = {
    "untuned": Setting(rows=0),
    "batch 128": Setting(),
    **{f"batch {size}, equal steps": _of_size(size, rows=size * STEPS, steps=STEPS) for size in SIZES if size != 128},
    **{f"batch {size}, equal rows": _of_size(size, rows=ROWS, steps=0) for size in SIZES if size != 128},
    "both directions": Setting(loss="both directions"),
    "film descriptions": Setting(negatives="film"),
    "other people's descriptions": Setting(negatives="person"),
    "mined, no control": Setting(negatives="mined, no control"),
    "mined, by a margin": Setting(negatives="mined, by a margin"),
    "mined, by the graph": Setting(negatives="mined"),
    "batches by text": Setting(by_fact=False),
    "batches by text, guided": Setting(by_fact=False, loss="guided"),
    "both directions, nested": Setting(loss="both directions, nested"),
}
SHORTENED = ("untuned", "both directions", "both directions, nested")
"""These sit the exam with the first numbers of their vectors too, at all `sbert.LENGTHS`."""


def run(name: str, setting: Setting, folder: Path | str = RESULTS) -> dict[str, float]:
    """Trains, sits both halves of the exam with documents, and keeps scores and cost as JSON."""
    model = load_pretrained()
    cost = train(model, setting) if setting.rows else {"found": 0, "taken": 0, "seconds": 0}
    the_exam = exam.film_exam()
    asked = [question for question in the_exam.questions if not question.variant]
    texts = the_exam.texts("skills")
    space = embed(model, the_exam.newcomer_graph, texts, [question.text for question in asked], name=name, bf16=True)
    shorter = [shortened(space, length) for length in sbert.LENGTHS[1:]] if name in SHORTENED else []
    for sitter, split in itertools.product([space, *shorter], get_args(Split)):
        exam.sit(sitter, split=split, questions=asked).save(Path(folder) / SCORES)
    about = {"name": name, "edition": EDITION, "data": digest(), **asdict(setting), **cost}
    about |= machine(model.device, bf16=True)
    write_whole(Path(folder) / f"{slug(name)}.json", json.dumps(about) + "\n")
    return cost


def train(model: SentenceTransformer, setting: Setting) -> dict[str, float]:
    """Trains the model in place; returns the rows found, the steps taken, and seconds, mining included."""
    started = time.perf_counter()
    graph = exam.training_graph()
    rows = chosen(training_rows(graph, "either", seed=setting.seed), setting)
    if setting.negatives:
        more = {"model": model} if setting.negatives.startswith("mined") else {"seed": setting.seed}
        rows = NEGATIVES[setting.negatives](rows, graph, **more)
    texts, facts = for_training(rows)
    trained = sbert.train_sbert(
        model, texts, facts=facts if setting.by_fact else None, loss=LOSSES[setting.loss],
        max_steps=setting.steps or -1, batch_size=setting.batch_size, seed=setting.seed,
        learning_rate=setting.learning_rate * (setting.batch_size / 128) ** 0.5,
    )  # fmt: skip
    return {"found": len(rows), "taken": trained.steps, "seconds": round(time.perf_counter() - started)}


def shortened(space: SemanticSpace, length: int) -> SemanticSpace:
    """The space of the first ``length`` numbers of each vector, scaled to unit length again; its name says so."""
    texts = {text: unit_rows(vector[:length]) for text, vector in space.texts.items()}
    vectors = unit_rows(space.vectors[:, :length])
    return replace(space, name=shortened_name(space.name, length), vectors=vectors, texts=texts)


def shortened_name(name: str, length: int) -> str:
    """The row of a setting whose vectors are cut to a length; its own, if nothing is cut off."""
    return name if length == sbert.LENGTHS[0] else f"{name}, {length} numbers"


def done(name: str, setting: Setting, folder: Path) -> bool:
    """Whether this very setting has been run already, on the data as they are."""
    try:
        kept = json.loads((folder / f"{slug(name)}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return {"name": name, "edition": EDITION, "data": digest(), **asdict(setting)}.items() <= kept.items()


def chosen(rows: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """As many rows as the setting says, skills and others in its proportion, in their order."""
    skill = rows["relation"] == SKILL
    of_skills = round(setting.rows * setting.skills)
    return pd.concat([rows[skill].head(of_skills), rows[~skill].head(setting.rows - of_skills)]).sort_index()


def batches_seen(rows: pd.DataFrame, setting: Setting) -> dict[str, float]:
    """What the batches of a setting's first epoch hold, since no fact stands in one of them twice.

    Args:
        rows: As `training_rows` makes them.
        setting: Chooses among the rows, and says how many there are in a batch.

    Returns:
        ``rows seen`` as a share of those chosen, ``rows a batch`` on average, and the number of ``steps``.
    """
    texts, facts = for_training(chosen(rows, setting))
    dataset = Dataset.from_pandas(texts, preserve_index=False)
    batches = sbert.SortedBatches(dataset, facts=facts, batch_size=setting.batch_size, drop_last=False)
    share, rows_a_batch = batches.coverage()
    return {"rows seen": share, "rows a batch": rows_a_batch, "steps": len(batches)}


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers.runs.ablations", description=__doc__)
    parser.add_argument("--only", default="", help="only settings whose name holds this")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args(argv)
    for name, setting in SETTINGS.items():
        if options.only in name and not done(name, setting, options.output):
            print(name, run(name, setting, options.output), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
