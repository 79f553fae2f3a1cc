"""What makes fine-tuning better: one change at a time, at equal rows, each before the exam.

python -m kgss_helpers.runs.ablations               # all of them: an hour and a half on two cores
python -m kgss_helpers.runs.ablations --only mined  # those whose name holds a word
"""

from __future__ import annotations

import argparse
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
from kgss_helpers.exam.films import RUNS_EDITION
from kgss_helpers.files import DATA, slug, write_whole
from kgss_helpers.methods.encoder import embed
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.question import Split
from kgss_helpers.text.documents import Style, documents
from kgss_helpers.text.rows import SKILL, training_rows
from kgss_helpers.training import sbert
from kgss_helpers.training.negatives import drawn_negatives, for_training, mined_negatives
from kgss_helpers.training.sbert.losses import MakeLoss

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

RESULTS = DATA / "results" / "ablations"
SCORES = "exam"
STYLES: tuple[Style, ...] = ("name", "skills")
"""What stands for a node in the exam."""
LOSSES: dict[str, MakeLoss] = {
    "plain": sbert.multiple_negatives,
    "cached": sbert.cached_multiple_negatives,
    "both directions": sbert.both_directions,
}
NEGATIVES: dict[str, Callable[..., pd.DataFrame]] = {
    "film": partial(drawn_negatives, node_type="project"),
    "person": partial(drawn_negatives, node_type="person"),
    "mined": mined_negatives,
}


@dataclass(frozen=True)
class Setting:
    """One way to fine-tune.

    Attributes:
        rows: How many of the training rows, 0 for no training; names or documents, at random, stand for nodes.
        skills: Which share of them states a skill.
        batch_size: Rows a step.
        learning_rate: Peak for batches of 128; it is scaled by the root of the batch size.
        loss: A key of `LOSSES`.
        negatives: A key of `NEGATIVES`, or none but those of the batch.
        count: How many negatives a row has.
        epochs: How often all rows are seen.
        seed: Of the rows, their order and dropout.
    """

    rows: int = 12_288
    skills: float = 0.5
    batch_size: int = 128
    learning_rate: float = 2e-4
    loss: str = "plain"
    negatives: str = ""
    count: int = 1
    epochs: int = 1
    seed: int = 0


SETTINGS = {
    "untuned": Setting(rows=0),
    "batch 16": Setting(batch_size=16),
    "batch 64": Setting(batch_size=64),
    "batch 128": Setting(),
    "batch 256": Setting(batch_size=256, loss="cached"),
    "batch 1024": Setting(batch_size=1024, loss="cached"),
    "both directions": Setting(loss="both directions"),
    "film descriptions": Setting(negatives="film"),
    "other people's descriptions": Setting(negatives="person"),
    "two people's descriptions": Setting(negatives="person", count=2),
    "mined": Setting(negatives="mined"),
    "both directions, mined": Setting(loss="both directions", negatives="mined"),
    "both directions, other people's": Setting(loss="both directions", negatives="person"),
}
BEST = Setting(rows=23_552, learning_rate=3e-4, loss="both directions")
SEEDS = (0, 1, 2)
SETTINGS |= {f"best, seed {seed}": replace(BEST, seed=seed) for seed in SEEDS}
SETTINGS["best, two epochs"] = replace(BEST, epochs=2)


def run(name: str, setting: Setting, folder: Path | str = RESULTS) -> dict[str, float]:
    """Trains, sits both halves of the exam with names and with documents, and keeps scores and cost as JSON."""
    model = load_pretrained()
    cost = train(model, setting) if setting.rows else {"rows": 0, "seconds": 0}
    write_whole(Path(folder) / f"{slug(name)}.json", json.dumps({"name": name, **asdict(setting), **cost}) + "\n")
    the_exam = exam.film_exam(edition=RUNS_EDITION)
    graph, questions = the_exam.training_graph, the_exam.questions
    asked = [question.text for question in questions]
    for style in STYLES if name == "untuned" or name.startswith("best") else STYLES[1:]:
        space = embed(model, graph, documents(graph, style), asked, name=f"{name}, {style}", bf16=True)
        for split in get_args(Split):
            exam.sit(space, split=split, questions=questions, edition=RUNS_EDITION).save(Path(folder) / SCORES)
    return cost


def train(model: SentenceTransformer, setting: Setting) -> dict[str, float]:
    """Trains the model in place; returns rows and seconds, mining included."""
    started = time.perf_counter()
    graph = exam.training_graph(edition=RUNS_EDITION)
    rows = chosen(training_rows(graph, "either", seed=setting.seed), setting)
    if setting.negatives:
        more = {"model": model} if setting.negatives == "mined" else {"seed": setting.seed}
        rows = NEGATIVES[setting.negatives](rows, graph, count=setting.count, **more)
    texts, facts = for_training(rows)
    sbert.train_sbert(
        model, texts, facts=facts, loss=LOSSES[setting.loss], epochs=setting.epochs, batch_size=setting.batch_size,
        learning_rate=setting.learning_rate * (setting.batch_size / 128) ** 0.5, seed=setting.seed,
    )  # fmt: skip
    return {"rows": len(rows), "seconds": round(time.perf_counter() - started)}


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
        if options.only in name:
            print(name, run(name, setting, options.output), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
