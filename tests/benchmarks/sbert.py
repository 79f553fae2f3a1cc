"""Rows a second of our fine-tuning loop against the library's trainer, as it comes and as its documentation advises.

Run it: ``python tests/benchmarks/sbert.py``, on a machine that does nothing else. ``--output`` keeps the numbers.

Same rows, same model, same loss, same machine, in turns. What differs is what `train_sbert` adds: bfloat16 where the
device has it, and batches of rows of like length without repeated facts. The documentation advises bfloat16 where the
processor has it, and for this loss a sampler that repeats no text in a batch. On a processor with bfloat16 everything
is measured twice, the second time as on one with AVX2 alone, in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.sampler import BatchSamplers
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from kgss_helpers import exam
from kgss_helpers.compute import has_bf16, machine, pick_device
from kgss_helpers.files import write_whole
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.session import setup
from kgss_helpers.text.rows import training_rows
from kgss_helpers.training.negatives import for_training
from kgss_helpers.training.sbert import train_sbert

OLDER = {
    "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell", "KGSS_BF16": "0",
}  # fmt: skip
"""What makes a processor with AVX-512 and bfloat16 compute as one without."""


def library(rows: pd.DataFrame, steps: int, batch_size: int, device: str, *, advised: bool = False) -> float:
    """Seconds of the library's trainer: with nothing set but batch size and steps, or as its documentation advises."""
    model = load_pretrained(device=device)
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            folder, max_steps=steps, per_device_train_batch_size=batch_size, report_to="none", save_strategy="no",
            use_cpu=device == "cpu", disable_tqdm=True, logging_strategy="no",
            bf16=advised and has_bf16(device),
            batch_sampler=BatchSamplers.NO_DUPLICATES if advised else BatchSamplers.BATCH_SAMPLER,
        )  # fmt: skip
        trainer = SentenceTransformerTrainer(
            model, arguments, train_dataset=Dataset.from_pandas(rows), loss=MultipleNegativesRankingLoss(model)
        )
        start = time.perf_counter()
        trainer.train()
        return time.perf_counter() - start


def ours(rows: pd.DataFrame, steps: int, batch_size: int, device: str, facts: np.ndarray) -> float:
    """Seconds of `train_sbert` for the same."""
    model = load_pretrained(device=device)
    return train_sbert(model, rows, facts=facts, max_steps=steps, batch_size=batch_size, device=device).seconds


def measured(options: argparse.Namespace) -> dict[str, object]:
    """Median seconds of each loop, and how many times as long as ours the others take."""
    setup()
    device = pick_device(options.device)
    rows, facts = for_training(training_rows(exam.training_graph(), options.style))
    loops = {
        "as it comes": library,
        "as advised": partial(library, advised=True),
        "train_sbert": partial(ours, facts=facts),
    }
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for repeat in range(1 + options.repeats):
        for name, loop in loops.items():
            took = loop(rows, options.steps if repeat else 2, options.batch_size, device)
            if repeat:  # the first steps build kernels
                seconds[name].append(took)
    medians = {name: median(found) for name, found in seconds.items()}
    for name, took in medians.items():
        speed = options.steps * options.batch_size / took
        print(f"{name:14}{took:8.1f} s{speed:8.0f} rows a second on {device}", flush=True)
    times = {name: round(took / medians["train_sbert"], 2) for name, took in medians.items() if name != "train_sbert"}
    return {
        **machine(torch.device(device), bf16=True), "batch_size": options.batch_size, "steps": options.steps,
        "repeats": options.repeats, "seconds": {name: round(took, 1) for name, took in medians.items()},
        "times as long as train_sbert": times,
    }  # fmt: skip


def main() -> None:
    """Measures, prints and keeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--style", choices=("name", "either"), default="either")
    parser.add_argument("--device")
    parser.add_argument("--output", type=Path, help="a JSON file; printed only, if not given")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measured(options)))
        return
    kinds, here = {}, pick_device(options.device)
    for kind, environment in {"as it is": {}, "as with AVX2 alone": OLDER}.items():
        if environment and not (here == "cpu" and has_bf16("cpu")):
            continue
        command = [sys.executable, __file__, "--alone", *sys.argv[1:]]
        *said, last = subprocess.run(
            command, env=os.environ | environment, check=True, capture_output=True, text=True
        ).stdout.splitlines()
        kinds[kind] = json.loads(last)
        print(f"{kind}:", *(line for line in said if line.endswith(f"on {here}")), sep="\n", flush=True)
        print(kinds[kind]["times as long as train_sbert"], flush=True)
    if options.output:
        write_whole(options.output, json.dumps(kinds, indent=1) + "\n")


if __name__ == "__main__":
    main()
