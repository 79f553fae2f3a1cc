"""Rows a second of our fine-tuning loop against the library's trainer as it comes.

Run it: ``python tests/benchmarks/sbert.py``, on a machine that does nothing else.

Same rows, same model, same loss, same machine, one after the other. What differs is what `train_sbert` adds: bfloat16
where the device has it, and batches of rows of like length without repeated facts.
"""

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from kgss_helpers import exam
from kgss_helpers.compute import pick_device
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.session import setup
from kgss_helpers.text.rows import training_rows
from kgss_helpers.training.negatives import for_training
from kgss_helpers.training.sbert import train_sbert


def library(rows: pd.DataFrame, steps: int, batch_size: int, device: str) -> float:
    """Seconds of the library's trainer with nothing set but the batch size and the number of steps."""
    model = load_pretrained(device=device)
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            folder, max_steps=steps, per_device_train_batch_size=batch_size, report_to="none", save_strategy="no",
            use_cpu=device == "cpu", disable_tqdm=True,
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


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--style", choices=("name", "either"), default="either")
    parser.add_argument("--device")
    options = parser.parse_args()
    setup()
    device = pick_device(options.device)
    rows, facts = for_training(training_rows(exam.training_graph(), options.style))
    seconds = {}
    for name, loop in (("the library's trainer", library), ("train_sbert", partial(ours, facts=facts))):
        loop(rows, 2, options.batch_size, device)  # the first steps build kernels
        seconds[name] = loop(rows, options.steps, options.batch_size, device)
        speed = options.steps * options.batch_size / seconds[name]
        print(f"{name:24}{seconds[name]:8.1f} s{speed:10.0f} rows a second on {device}", flush=True)
    library_took, ours_took = seconds.values()
    print(f"{'ratio':24}{library_took / ours_took:8.2f}")


if __name__ == "__main__":
    main()
