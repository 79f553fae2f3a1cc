"""The long run: fine-tune on the film graph, sit the exam after every epoch, and keep what the notebooks show.

python -m kgss_helpers.runs.fine_tuning --output build/sbert
torchrun --nproc-per-node 2 -m kgss_helpers.runs.fine_tuning --output build/sbert

The output folder holds ``checkpoints`` and ``spaces`` (one each after every epoch) while it runs, and at its end the
``model``, ``config.json``, ``history.csv``, ``exam.csv`` and ``epochs.npz``.
"""

from __future__ import annotations

import argparse
import json
import platform
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from kgss_helpers import exam
from kgss_helpers.compute import has_bf16, is_first_process, pick_device, processes
from kgss_helpers.files import write_whole
from kgss_helpers.methods.pretrained import PACKAGED, load_pretrained
from kgss_helpers.runs.epochs import EPOCHS, RECORDED, EpochRecorder, Epochs, compact, gather
from kgss_helpers.text.rows import training_rows
from kgss_helpers.training.sbert.trainer import OnEpochEnd, check_monitors, last_checkpoint, train_sbert

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CONFIG, HISTORY, SCORES = "config.json", "history.csv", "exam.csv"
CHECKPOINTS, SPACES, MODEL = "checkpoints", "spaces", "model"
NOT_KEPT = ("output", "resume", "report_to")
MAY_CHANGE = ("device", "bf16")
"""Where a run goes on may differ from where it began, but not what is learned, or neither run's numbers come out."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status, which is 1 for a run that was interrupted."""
    parser = _parser()
    options = parser.parse_args(argv)
    settings = {key: value for key, value in vars(options).items() if key not in NOT_KEPT} | {"processes": processes()}
    try:
        check_monitors(options.report_to)
        check_folder(options.output, settings, resume=options.resume)
    except (ImportError, ValueError) as error:
        parser.error(str(error))
    # What the trainer's libraries have to tell each other about their next versions, once a process.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(accelerate|sentence_transformers)\.")
    graph = exam.training_graph(edition=1)
    rows = training_rows(graph, options.rows, seed=options.seed)
    record = None
    if options.spaces:
        style = "skills" if options.rows == "either" else options.rows
        record = EpochRecorder(options.output / SPACES, graph, style, bf16=options.bf16)
    if is_first_process() and not options.resume:
        write_whole(options.output / CONFIG, json.dumps(settings, indent=2) + "\n")
    run = train_sbert(
        load_pretrained(options.model, device=pick_device(options.device)), rows[["anchor", "positive"]],
        facts=rows["fact"].tolist(), epochs=options.epochs, max_steps=options.max_steps,
        batch_size=options.batch_size, learning_rate=options.learning_rate, device=options.device, bf16=options.bf16,
        seed=options.seed, checkpoint_dir=options.output / CHECKPOINTS, resume=options.resume,
        report_to=options.report_to, on_epoch_end=reporting(record), log_every=50,
    )  # fmt: skip
    if not run.finished:
        return _interrupted(options.output)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    if not is_first_process():
        return 0
    run.model.save(str(options.output / MODEL))
    config = settings | {"rows_an_epoch": len(rows), "minutes": round(run.seconds / 60, 1)}
    config |= machine(run.model.device, bf16=options.bf16)
    keep(options.output, config, run.history, gather(options.output / SPACES) if record else None)
    print(f"Kept in {options.output}; to have it shown by the notebooks, copy the files to {RECORDED}")
    return 0


def check_folder(folder: Path, settings: Mapping[str, Any], *, resume: bool) -> None:
    """Two runs never mix in a folder.

    Raises:
        ValueError: It holds another run already, or no run with these settings to resume.
    """
    if not resume:
        patterns = (f"{CHECKPOINTS}/checkpoint-*", f"{SPACES}/epoch-[1-9]*.npz", MODEL)
        found = next((path for pattern in patterns for path in sorted(folder.glob(pattern))), None)
        if found is not None:
            raise ValueError(
                f"{folder} holds a run already ({found.relative_to(folder)}): pass --resume or another --output"
            )
        return
    last_checkpoint(folder / CHECKPOINTS)
    begun = json.loads((folder / CONFIG).read_text(encoding="utf-8")) if (folder / CONFIG).exists() else {}
    for key in sorted(settings.keys() & begun.keys()):
        if key not in MAY_CHANGE and begun[key] != settings[key]:
            raise ValueError(
                f"the run in {folder} began with {key} {begun[key]}, not {settings[key]}: resume it with the same, or "
                "begin another in another --output"
            )


def reporting(measure: OnEpochEnd | None) -> OnEpochEnd:
    """The same measure, with a printed line an epoch, so that one sees a long run going on."""

    def tell(model: SentenceTransformer, epoch: int) -> Mapping[str, float]:
        scores = measure(model, epoch) if measure else {}
        shown = ", ".join(f"{family} {score:.2f}" for family, score in scores.items())
        print(f"epoch {epoch}" + (f": nDCG@10 on validation: {shown}" if shown else ""), flush=True)
        return scores

    return tell


def machine(device: torch.device, *, bf16: bool) -> dict[str, Any]:
    """What the run ran on, and whether it computed in bfloat16 there if that was allowed."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "machine": name,
        "threads": torch.get_num_threads(),
        "computed_in_bf16": bf16 and has_bf16(device.type),
        "torch": torch.__version__.split("+")[0],
    }


def keep(folder: Path, config: Mapping[str, Any], history: pd.DataFrame, epochs: Epochs | None) -> None:
    """Writes configuration, history, and of the epochs the exam and compact vectors: four files of a few megabytes."""
    write_whole(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    write_whole(folder / HISTORY, history.round(4).to_csv(index=False, lineterminator="\n"))
    if epochs is not None:
        write_whole(folder / SCORES, exam_by_epoch(epochs).round(4).to_csv(index=False, lineterminator="\n"))
        compact(epochs).save(folder / EPOCHS)


def exam_by_epoch(epochs: Epochs) -> pd.DataFrame:
    """The exam after each epoch: the columns of `ExamResult.summary`, after ``epoch`` and ``split``."""
    graph, questions = exam.training_graph(edition=1), exam.film_exam(edition=1).questions
    sat = [
        exam.sit(space, split=split, graph=graph, questions=questions).summary().assign(epoch=epoch, split=split)
        for epoch, space in enumerate(epochs.spaces)
        for split in ("validation", "test")
    ]
    table = pd.concat(sat, ignore_index=True)
    return table[["epoch", "split", *table.columns.drop(["epoch", "split"])]]


def _interrupted(folder: Path) -> int:
    """Says how to go on; returns the exit status."""
    if is_first_process():
        try:
            last = last_checkpoint(folder / CHECKPOINTS)
        except ValueError:
            print("Interrupted before the first checkpoint: begin again")
        else:
            print(f"Interrupted; go on from {last} with --resume")
    return 1


def _processor() -> str:
    """The processor's name as the system tells it, without asking anything outside."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers.runs.fine_tuning", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--rows", choices=("name", "films", "skills", "either"), default="name", help="a node's text (%(default)s)")
    add("--model", default=PACKAGED, help="a folder, or a name on the hub (%(default)s, which is packaged)")
    add("--epochs", type=float, default=9, help="how often all rows are seen (%(default)s)")
    add("--max-steps", type=int, default=-1, help="stop after so many steps")
    add("--batch-size", type=int, default=128, help="rows a step and process (%(default)s)")
    add("--learning-rate", type=float, default=2e-4, help="at its peak (%(default)s)")
    add("--device", help="cuda, mps or cpu; the best there is if not given")
    add("--no-bf16", dest="bf16", action="store_false", help="compute in float32")
    add("--seed", type=int, default=0, help="of forms, order and dropout (%(default)s)")
    add("--no-spaces", dest="spaces", action="store_false", help="only train: embed nothing and sit no exam")
    add("--output", type=Path, default=Path("build") / "sbert", help="where everything is written (%(default)s)")
    add("--resume", action="store_true", help="go on from the last checkpoint in the output")
    add("--report-to", nargs="*", default=[], metavar="MONITOR", help="for instance wandb; nobody if not given")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
