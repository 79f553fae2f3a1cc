"""The command that fine-tunes on the film graph: its options, and what it leaves in its output folder.

``kgss_helpers.training.sbert`` trains and keeps the model; ``kgss_helpers.runs.fine_tuning`` also keeps what the
notebooks show of each epoch. Both are this command.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch

from kgss_helpers import exam
from kgss_helpers.compute import is_first_process, machine, pick_device, processes
from kgss_helpers.exam.results import EDITION
from kgss_helpers.files import write_whole
from kgss_helpers.methods.pretrained import PACKAGED, load_pretrained
from kgss_helpers.text.rows import training_rows
from kgss_helpers.training.folder import RunFolderError, locked
from kgss_helpers.training.logbook import OnEpochEnd
from kgss_helpers.training.monitors import check_monitors
from kgss_helpers.training.run import how_it_ended
from kgss_helpers.training.sbert.train import train_sbert

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CHECKPOINTS, MODEL, HISTORY, CONFIG = "checkpoints", "model", "history.csv", "config.json"
MAY_CHANGE = ("output", "resume", "report_to", "device", "bf16")
"""Where a run goes on, and who hears of it, may differ from where it began; what is learned may not."""


class Extras(Protocol):
    """What a command does besides training."""

    files: Sequence[str]
    """What `keep` writes."""

    def measure(self, model: SentenceTransformer, epoch: int) -> Mapping[str, float]:
        """Called after each epoch, and before the first with 0."""

    def keep(self) -> None:
        """Called at the end of the run."""


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """The options that both commands have."""
    made = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    add = made.add_argument
    add("--rows", choices=("name", "films", "skills", "either"), default="name", help="a node's text (%(default)s)")
    add("--model", default=PACKAGED, help="a folder, or a name on the hub (%(default)s, which is packaged)")
    add("--epochs", type=float, default=9, help="how often all rows are seen (%(default)s)")
    add("--max-steps", type=int, default=-1, help="stop after so many steps")
    add("--batch-size", type=int, default=128, help="rows a step and process (%(default)s)")
    add("--learning-rate", type=float, default=2e-4, help="at its peak (%(default)s)")
    add("--device", help="cuda, mps or cpu; the best there is if not given")
    add("--no-bf16", dest="bf16", action="store_false", help="compute in float32")
    add("--seed", type=int, default=0, help="of forms, order and dropout (%(default)s)")
    add("--output", type=Path, default=Path("build") / "sbert", help="where everything is written (%(default)s)")
    add("--resume", action="store_true", help="go on from the last checkpoint in the output")
    add("--report-to", nargs="*", default=[], metavar="MONITOR", help="for instance wandb; nobody if not given")
    made.set_defaults(spaces=False)
    return made


def run(command: argparse.ArgumentParser, options: argparse.Namespace, extras: Extras | None = None) -> int:
    """Trains as the options say; returns the exit status, which is 1 for a run that did not come to its end."""
    # What the trainer's libraries have to tell each other about their next versions, once a process.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(accelerate|sentence_transformers)\.")
    try:
        check_monitors(options.report_to)
        with locked(options.output) if is_first_process() else nullcontext():
            return _run(options, extras)
    except (ImportError, RunFolderError) as error:
        command.error(str(error))
    except OSError as error:
        print(f"{command.prog}: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, extras: Extras | None) -> int:
    folder, written = options.output, (MODEL, HISTORY, *(extras.files if extras else ()), CONFIG)
    held = next((name for name in (MODEL, CONFIG) if (folder / name).exists()), None)
    if held and not options.resume and is_first_process():
        raise RunFolderError(f"{folder} holds a run already ({held}): pass --resume or another --output")
    complete = all((folder / name).exists() for name in written)
    rows = training_rows(exam.training_graph(), options.rows, seed=options.seed)
    settings = {key: value for key, value in vars(options).items() if key not in MAY_CHANGE}
    trained = train_sbert(
        load_pretrained(options.model, device=pick_device(options.device)), rows[["anchor", "positive"]],
        facts=rows["fact"].tolist(), epochs=options.epochs, max_steps=options.max_steps,
        batch_size=options.batch_size, learning_rate=options.learning_rate, device=options.device, bf16=options.bf16,
        seed=options.seed, checkpoint_dir=folder / CHECKPOINTS, resume=options.resume, identity=settings,
        report_to=options.report_to, on_epoch_end=printing(extras.measure if extras else None), log_every=50,
    )  # fmt: skip
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    if is_first_process():
        if not trained.finished:
            print(how_it_ended(trained, folder / CHECKPOINTS))
        elif complete:
            print(f"The run in {folder} is finished, all {trained.steps} steps of it: there is nothing to resume")
        else:
            trained.model.save(str(folder / MODEL))
            write_whole(folder / HISTORY, trained.history.round(4).to_csv(index=False, lineterminator="\n"))
            if extras:
                extras.keep()
            config = settings | {"device": options.device, "bf16": options.bf16, "processes": processes()}
            config |= {"rows_an_epoch": len(rows), "minutes": round(trained.seconds / 60, 1), "edition": EDITION}
            config |= machine(trained.model.device, bf16=options.bf16)
            write_whole(folder / CONFIG, json.dumps(config, indent=2) + "\n")
            print(f"Kept in {folder}: {', '.join(written)}")
    return int(not trained.finished)


def printing(measure: OnEpochEnd | None) -> OnEpochEnd:
    """The same measure, with a printed line an epoch, so that one sees a long run going on."""

    def measured(model: SentenceTransformer, epoch: int) -> Mapping[str, float]:
        scores = measure(model, epoch) if measure else {}
        shown = ", ".join(f"{name} {score:.2f}" for name, score in scores.items())
        print(f"epoch {epoch}" + (f": {shown}" if shown else ""), flush=True)
        return scores

    return measured
