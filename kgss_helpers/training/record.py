"""The long run: fine-tune on the film graph, sit the exam at every stage, and keep what the notebooks show.

python -m kgss_helpers.training.sbert --output build/sbert
torchrun --nproc-per-node 2 -m kgss_helpers.training.sbert --output build/sbert
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from kgss_helpers import exam
from kgss_helpers.datasets._io import write_whole
from kgss_helpers.encoders.pretrained import PACKAGED, has_bf16, load_pretrained
from kgss_helpers.training.sbert import train_sbert
from kgss_helpers.training.stages import RECORDED, STAGES, StageRecorder, Stages, compact, gather
from kgss_helpers.verbalize import training_rows

CONFIG, HISTORY, MARKS = "config.json", "history.csv", "exam.csv"


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = _parser().parse_args(argv)
    graph = exam.training_graph()
    rows = training_rows(graph, options.rows, seed=options.seed)
    style = "name" if options.rows == "name" else "skills"
    run = train_sbert(
        load_pretrained(options.model), rows[["anchor", "positive"]], facts=rows["fact"].tolist(),
        epochs=options.epochs, max_steps=options.max_steps, batch_size=options.batch_size,
        learning_rate=options.learning_rate, device=options.device, bf16=options.bf16, seed=options.seed,
        checkpoint_dir=options.output / "checkpoints", resume=options.resume, report_to=options.report_to,
        on_epoch_end=StageRecorder(options.output / "stages", graph, style, bf16=options.bf16), log_every=50,
    )  # fmt: skip
    if int(os.environ.get("RANK", "0")):
        return 0
    if not run.finished:
        print(f"Interrupted; go on with --resume (checkpoints are in {options.output / 'checkpoints'})")
        return 1
    run.model.save(str(options.output / "model"))
    settings = {key: value for key, value in vars(options).items() if key not in ("output", "resume", "report_to")}
    config = settings | {"rows_an_epoch": len(rows), "minutes": round(run.seconds / 60, 1)} | machine(run.model.device)
    keep(options.output, config, run.history, gather(options.output / "stages", graph))
    print(f"Kept in {options.output}; to have it shown by the notebooks, copy the files to {RECORDED}")
    return 0


def machine(device: torch.device) -> dict[str, Any]:
    """What the run ran on."""
    name = torch.cuda.get_device_name() if device.type == "cuda" else _processor()
    return {
        "machine": name,
        "threads": torch.get_num_threads(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "computed_in_bf16": has_bf16(device.type),
        "torch": torch.__version__.split("+")[0],
    }


def keep(folder: Path, config: dict[str, Any], history: pd.DataFrame, stages: Stages) -> None:
    """Writes configuration, history, marks at each stage and compact vectors: four files of a few megabytes."""
    write_whole(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    write_whole(folder / HISTORY, history.round(4).to_csv(index=False, lineterminator="\n"))
    write_whole(folder / MARKS, marks(stages).round(4).to_csv(index=False, lineterminator="\n"))
    compact(stages).save(folder / STAGES)


def marks(stages: Stages) -> pd.DataFrame:
    """The exam at each stage: the columns of `ExamResult.summary`, after ``stage`` and ``split``."""
    graph, questions = exam.training_graph(), exam.film_exam()[1]
    sat = [
        exam.sit(stages.method(stage, graph), split=split, graph=graph, questions=questions)
        .summary()
        .assign(stage=stage, split=split)
        for stage in range(len(stages))
        for split in ("validation", "test")
    ]
    table = pd.concat(sat, ignore_index=True)
    return table[["stage", "split", *table.columns.drop(["stage", "split"])]]


def _processor() -> str:
    """The processor's name as the system tells it, without asking anything outside."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers.training.sbert", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--rows", choices=("name", "films", "skills", "either"), default="name", help="what stands for a node")
    add("--model", default=PACKAGED, help="the packaged model, a folder, or a name on the hub")
    add("--epochs", type=float, default=9)
    add("--max-steps", type=int, default=-1, help="stop after so many steps")
    add("--batch-size", type=int, default=128, help="rows a step and device")
    add("--learning-rate", type=float, default=2e-4)
    add("--device", help="cuda, mps or cpu; the best there is if not given")
    add("--no-bf16", dest="bf16", action="store_false", help="compute in float32")
    add("--seed", type=int, default=0)
    add("--output", type=Path, default=Path("build") / "sbert", help="where everything is written")
    add("--resume", action="store_true", help="go on from the last checkpoint in the output")
    add("--report-to", nargs="*", default=[], metavar="MONITOR", help="for instance: wandb")
    return parser
