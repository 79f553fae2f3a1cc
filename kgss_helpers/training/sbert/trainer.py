"""Fine-tuning a sentence transformer: the library's trainer, made quiet, quick, reproducible and resumable.

The method is the bi-encoder of Reimers and Gurevych (2019) with in-batch negatives (Henderson et al. 2017).
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset, disable_progress_bars
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from transformers import PrinterCallback, TrainerCallback
from transformers.trainer_utils import SaveStrategy

from kgss_helpers.compute import has_bf16, pick_device, processes, release_memory, seed_everything, undisturbed
from kgss_helpers.files import write_whole
from kgss_helpers.training.run import TrainingRun
from kgss_helpers.training.sbert.batches import SortedBatches
from kgss_helpers.training.sbert.losses import MakeLoss, multiple_negatives

OnEpochEnd = Callable[[SentenceTransformer, int], Mapping[str, float]]
HISTORY = "history.json"


def train_sbert(
    model: SentenceTransformer,
    rows: pd.DataFrame,
    *,
    facts: Sequence[object] | np.ndarray | None = None,
    loss: MakeLoss = multiple_negatives,
    epochs: float = 1,
    max_steps: int = -1,
    batch_size: int = 32,
    learning_rate: float = 2e-5,
    warmup: float = 0.1,
    device: str | None = None,
    bf16: bool = True,
    seed: int = 0,
    checkpoint_dir: Path | str | None = None,
    resume: bool = False,
    on_epoch_end: OnEpochEnd | None = None,
    on_log: Callable[[pd.DataFrame], object] | None = None,
    report_to: Sequence[str] = (),
    log_every: int = 10,
) -> TrainingRun:
    """Trains a sentence transformer on rows of texts.

    Args:
        model: Is changed in place.
        rows: Text columns in the order the loss wants them (anchor, positive, then any hard negatives), and for losses
            that need one a last column ``label`` or ``score``. Other columns must be dropped first.
        facts: One for each row, or one for each text of it but the anchor, shape (rows, texts - 1): rows of the same
            fact never meet in a batch, where each would count as a negative of the other. The texts alone decide if not
            given.
        loss: Makes the loss for the model; multiple-negatives ranking if not given.
        epochs: Passes over the rows.
        max_steps: Stop after so many steps whatever the epochs; -1 for no limit.
        batch_size: Rows a step and process; with in-batch negatives it is the number of candidates too.
        learning_rate: Peak of a linear schedule (about 2e-5 for transformers, 0.2 for static embeddings).
        warmup: Share of the steps over which the rate rises.
        device: CUDA, then MPS, then CPU if not given; under torchrun each process has a GPU of its own.
        bf16: Compute in bfloat16 where the device does so at speed.
        seed: Of row order and dropout.
        checkpoint_dir: Where to keep the state after each epoch; none is kept if not given.
        resume: Go on from the last checkpoint there, to the same numbers as without interruption.
        on_epoch_end: Called with the model and the number of epochs done, before the first one with 0; what it returns
            joins the history. Under torchrun the first process calls it, and the others wait.
        on_log: Called with the history so far whenever a loss joins it, for instance to draw it.
        report_to: Monitors of the library, such as ``("wandb",)``; none by default. A run that this begins there ends
            with the training; one that is open already is used and stays open.
        log_every: Steps between two rows of history; with checkpoints, there is one at the end of each epoch too.

    Returns:
        The run. An interrupt (the stop button, Ctrl+C) ends it early with ``finished=False`` and the model as it is.

    Raises:
        ValueError: No rows, an empty text, facts of another number, rows that processes cannot share, a device
            that the trainer would not take, or ``resume`` without a checkpoint or without a step left to train.
        ImportError: A monitor that is not installed.
    """
    _check_rows(rows, facts)
    monitors = check_monitors(report_to)
    checkpoint = last_checkpoint(checkpoint_dir) if resume else None
    if checkpoint is not None and 0 < max_steps <= _steps_of(checkpoint):
        raise ValueError(f"nothing left to train: {checkpoint} has all {max_steps} steps behind it")
    seed_everything(seed)
    model.to(pick_device(device))
    recorder = Recorder(on_epoch_end, on_log)
    trainer = _trainer(
        model, rows, facts, loss(model), recorder, seed=seed, bf16=bf16 and has_bf16(model.device.type),
        output_dir=str(checkpoint_dir or Path(tempfile.gettempdir()) / "kgss"),
        save_strategy="epoch" if checkpoint_dir else "no", num_train_epochs=epochs, max_steps=max_steps,
        per_device_train_batch_size=batch_size, learning_rate=learning_rate, warmup_steps=warmup,
        logging_steps=log_every, report_to=monitors or "none",
    )  # fmt: skip
    release_memory()
    recorder.begin(checkpoint)
    finished = True
    try:
        with _ending_what_it_begins(monitors):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except KeyboardInterrupt:
        finished = False
    # The trainer leaves autocast around the model; without it, vectors are those of the same model loaded from disk.
    if "_original_forward" in vars(model):
        model.forward = vars(model).pop("_original_forward")
    model.eval().zero_grad(set_to_none=True)
    _let_go(trainer)
    return TrainingRun(model, recorder.history(), recorder.seconds(), finished)


def _let_go(trainer: Any) -> None:
    """Frees the optimizer, three times the model: the trainer and its parts hold each other, and so outlive a call."""
    trainer.optimizer = trainer.lr_scheduler = None
    trainer.accelerator.free_memory()
    release_memory()


def check_monitors(report_to: Sequence[str]) -> list[str]:
    """The monitors by name; raises ImportError if Weights & Biases is asked for and not there."""
    monitors = [report_to] if isinstance(report_to, str) else list(report_to)
    if "wandb" in monitors and importlib.util.find_spec("wandb") is None:
        raise ImportError(
            "Weights & Biases is not installed: run `python -m kgss_helpers install --with monitor`, or in an "
            "environment of your own `pip install wandb`"
        )
    return monitors


@contextmanager
def _ending_what_it_begins(monitors: Sequence[str]) -> Iterator[None]:
    """Ends the run that the library begins on Weights & Biases; without this, the next training would go into it."""

    def open_run() -> Any:
        return getattr(sys.modules.get("wandb"), "run", None)

    before, failed = open_run(), True
    try:
        yield
        failed = False
    finally:
        run = open_run()
        if monitors and before is None and run is not None:
            run.finish(exit_code=int(failed))


def _trainer(
    model: SentenceTransformer,
    rows: pd.DataFrame,
    facts: Sequence[object] | np.ndarray | None,
    loss: torch.nn.Module,
    recorder: Recorder,
    *,
    seed: int,
    **settings: Any,
) -> Any:
    """The library's trainer without its bars, tables, model card and reports."""
    disable_progress_bars()
    arguments = OneDevice(
        seed=seed, data_seed=seed, disable_tqdm=True, logging_strategy="steps",
        batch_sampler=partial(SortedBatches, facts=facts, processes=processes()),
        dataloader_drop_last=processes() > 1, dataloader_pin_memory=False,
        use_cpu=model.device.type == "cpu", save_total_limit=2, **settings,
    )  # fmt: skip
    if (arguments.device.type, arguments.device.index or 0) != (model.device.type, model.device.index or 0):
        raise ValueError(
            f"the trainer takes {arguments.device}, not {model.device}: choose a GPU by the environment variable "
            "CUDA_VISIBLE_DEVICES, and pass the device cuda"
        )
    dataset = Dataset.from_pandas(rows, preserve_index=False)
    trainer = QuietTrainer(model, arguments, train_dataset=dataset, loss=loss, callbacks=[recorder])
    trainer.remove_callback(PrinterCallback)
    recorder.report = trainer.log
    return trainer


class OneDevice(SentenceTransformerTrainingArguments):
    """One process, one device: without torchrun, the library would split each batch among all GPUs that it sees."""

    @property
    def n_gpu(self) -> int:
        """At most one."""
        return min(super().n_gpu, 1)


class QuietTrainer(SentenceTransformerTrainer):
    """The library's trainer without its model card, for which it would encode examples before the first step."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Adds nothing."""


class Recorder(TrainerCallback):
    """Keeps history and time, measures at the end of each epoch, and lies beside every checkpoint.

    Under torchrun, the first process alone does so.
    """

    def __init__(self, measure: OnEpochEnd | None, draw: Callable[[pd.DataFrame], object] | None = None) -> None:
        self.on_epoch, self.draw = measure, draw
        self.report: Callable[[dict[str, float]], None] = lambda _: None
        self.rows: list[dict[str, float]] = []
        self.seconds_before, self.started = 0.0, time.perf_counter()

    def begin(self, checkpoint: Path | None) -> None:
        """Starts the clock, with history and time of the checkpoint from which it goes on."""
        if checkpoint is not None:
            kept = json.loads((checkpoint / HISTORY).read_text(encoding="utf-8"))
            self.rows, self.seconds_before = kept["rows"], kept["seconds"]
        self.started = time.perf_counter()

    def on_train_begin(self, _args: Any, state: Any, _control: Any, model: SentenceTransformer, **_: Any) -> None:
        """Measures once before the first step."""
        if state.global_step == 0:
            self.measure(state, model, 0)

    def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, float], **_: Any) -> None:
        """Keeps the loss, and shows it to whoever draws."""
        if "loss" in logs and state.is_world_process_zero:
            self.rows.append({"step": state.global_step, "epoch": logs["epoch"], "loss": logs["loss"]})
            if self.draw is not None:
                self.draw(self.history())

    def on_epoch_end(self, args: Any, state: Any, control: Any, model: SentenceTransformer, **_: Any) -> None:
        """Measures, and before a checkpoint asks for the loss so far, so that no mean of losses reaches across it."""
        self.measure(state, model, math.ceil(state.epoch - 1e-6))
        control.should_log = args.save_strategy == SaveStrategy.EPOCH

    def on_save(self, args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Writes history and time beside the checkpoint."""
        if state.is_world_process_zero:
            kept = {"seconds": self.seconds(), "rows": self.rows}
            write_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}" / HISTORY, json.dumps(kept))

    def measure(self, state: Any, model: SentenceTransformer, epoch: int) -> None:
        """Calls the measure, keeps what it returns and tells the monitors; the training goes on as if it had not."""
        if self.on_epoch is None or not state.is_world_process_zero:
            return
        with undisturbed():
            measured = {name: float(value) for name, value in (self.on_epoch(model, epoch) or {}).items()}
        if measured:
            self.rows.append({"step": state.global_step, "epoch": state.epoch or 0.0, **measured})
            self.report({f"eval_{name}": value for name, value in measured.items()})

    def seconds(self) -> float:
        """Time so far, with that before the checkpoint."""
        return self.seconds_before + time.perf_counter() - self.started

    def history(self) -> pd.DataFrame:
        """The history so far."""
        return pd.DataFrame(self.rows, columns=_columns(self.rows))


def _columns(rows: Sequence[Mapping[str, float]]) -> list[str]:
    return list(dict.fromkeys(["step", "epoch", "loss", *(key for row in rows for key in row)]))


def last_checkpoint(folder: Path | str | None) -> Path:
    """The newest checkpoint that `train_sbert` kept there; raises ValueError where there is none."""
    if folder is None:
        raise ValueError("nothing to resume from: pass the checkpoint_dir of the run that was interrupted")
    found = [path.parent for path in Path(folder).glob(f"checkpoint-*/{HISTORY}")]
    if not found:
        raise ValueError(f"nothing to resume from in {folder}: a run keeps its first checkpoint after an epoch")
    return max(found, key=_steps_of)


def _steps_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))


def _check_rows(rows: pd.DataFrame, facts: Sequence[object] | np.ndarray | None) -> None:
    texts = rows.select_dtypes(exclude="number")
    if rows.empty or texts.shape[1] < 2:
        raise ValueError("rows must have at least two columns of text and at least one row")
    empty = texts.apply(lambda column: column.isna() | (column.astype(str).str.strip() == "")).to_numpy()
    if empty.any():
        row, column = np.argwhere(empty)[0]
        raise ValueError(f"row {rows.index[row]}: {texts.columns[column]} is empty; fill it in or leave the row out")
    if facts is not None and len(facts) != len(rows):
        raise ValueError(f"there must be one fact for each of the {len(rows)} rows, not {len(facts)}")
