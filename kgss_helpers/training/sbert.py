"""Fine-tuning a sentence transformer: the library's trainer, made quiet, quick, reproducible and resumable.

The method is the bi-encoder of Reimers and Gurevych (2019) with in-batch negatives (Henderson et al. 2017).
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import PrinterCallback, TrainerCallback

from kgss_helpers.datasets._io import write_whole
from kgss_helpers.encoders.pretrained import has_bf16
from kgss_helpers.training.common import TrainingRun, pick_device, seed_everything, undisturbed

MakeLoss = Callable[[SentenceTransformer], torch.nn.Module]
OnEpochEnd = Callable[[SentenceTransformer, int], Mapping[str, float]]
HISTORY = "history.json"
POOL = 40
"""So many batches are drawn at random, and then sorted by length among themselves."""


def multiple_negatives(model: SentenceTransformer) -> torch.nn.Module:
    """The default loss: each anchor has to find its positive among all positives of the batch."""
    return MultipleNegativesRankingLoss(model, gather_across_devices=int(os.environ.get("WORLD_SIZE", "1")) > 1)


def train_sbert(
    model: SentenceTransformer,
    rows: pd.DataFrame,
    *,
    facts: Sequence[object] | None = None,
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
    report_to: Sequence[str] = (),
    log_every: int = 10,
) -> TrainingRun:
    """Trains a sentence transformer on rows of texts.

    Args:
        model: Is changed in place.
        rows: Text columns in the order the loss wants them (anchor, positive, then any hard negatives), and for losses
            that need one a last column ``label`` or ``score``. Other columns must be dropped first.
        facts: One for each row: rows of the same fact never meet in a batch, where each would count as a negative of
            the other. The texts alone decide if not given.
        loss: Makes the loss for the model; multiple-negatives ranking if not given.
        epochs: Passes over the rows.
        max_steps: Stop after so many steps whatever the epochs; -1 for no limit.
        batch_size: Rows a step; with in-batch negatives it is the number of candidates too.
        learning_rate: Peak of a linear schedule (about 2e-5 for transformers, 0.2 for static embeddings).
        warmup: Share of the steps over which the rate rises.
        device: CUDA, then MPS, then CPU if not given.
        bf16: Compute in bfloat16 where the device does so at speed.
        seed: Of row order and dropout.
        checkpoint_dir: Where to keep the state after each epoch; none is kept if not given.
        resume: Go on from the last checkpoint there, to the same numbers as without interruption.
        on_epoch_end: Called with the model and the number of epochs done, before the first one with 0; what it returns
            joins the history.
        report_to: Monitors of the library, such as ``("wandb",)``; none by default.
        log_every: Steps between two rows of history.

    Returns:
        The run. An interrupt (the stop button, Ctrl+C) ends it early with ``finished=False`` and the model as it is.

    Raises:
        ValueError: No rows, an empty text, facts of another number, or ``resume`` without a checkpoint to resume from.
    """
    _check_rows(rows)
    if facts is not None and len(facts) != len(rows):
        raise ValueError(f"there must be one fact for each of the {len(rows)} rows, not {len(facts)}")
    seed_everything(seed)
    model.to(pick_device(device))
    recorder = Recorder(on_epoch_end)
    trainer = _trainer(
        model, rows, facts, loss(model), recorder, seed=seed, bf16=bf16 and has_bf16(model.device.type),
        output_dir=str(checkpoint_dir or Path(tempfile.gettempdir()) / "kgss"),
        save_strategy="epoch" if checkpoint_dir else "no", num_train_epochs=epochs, max_steps=max_steps,
        per_device_train_batch_size=batch_size, learning_rate=learning_rate, warmup_steps=warmup,
        logging_steps=log_every, report_to=list(report_to) or "none",
    )  # fmt: skip
    checkpoint = _last_checkpoint(checkpoint_dir) if resume else None
    if checkpoint is not None:
        recorder.load(checkpoint)
    started, finished = time.perf_counter(), True
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except KeyboardInterrupt:
        finished = False
    model.eval()
    return TrainingRun(model, recorder.history(), time.perf_counter() - started, finished)


def _trainer(
    model: SentenceTransformer,
    rows: pd.DataFrame,
    facts: Sequence[object] | None,
    loss: torch.nn.Module,
    recorder: Recorder,
    *,
    seed: int,
    **settings: Any,
) -> Any:
    """The library's trainer without its bars, tables, model card and reports."""
    disable_progress_bars()
    arguments = SentenceTransformerTrainingArguments(
        seed=seed, data_seed=seed, disable_tqdm=True, logging_strategy="steps",
        batch_sampler=partial(SortedBatches, facts=facts),
        use_cpu=model.device.type == "cpu", dataloader_pin_memory=False, save_total_limit=2, **settings,
    )  # fmt: skip
    dataset = Dataset.from_pandas(rows, preserve_index=False)
    trainer = QuietTrainer(model, arguments, train_dataset=dataset, loss=loss, callbacks=[recorder])
    trainer.remove_callback(PrinterCallback)
    return trainer


class QuietTrainer(SentenceTransformerTrainer):
    """The library's trainer without its model card, for which it would encode examples before the first step."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Adds nothing."""


class Recorder(TrainerCallback):
    """Keeps the history, measures at the end of each epoch, and lies beside every checkpoint."""

    def __init__(self, measure: OnEpochEnd | None) -> None:
        self.on_epoch = measure
        self.rows: list[dict[str, float]] = []

    def on_train_begin(self, _args: Any, state: Any, _control: Any, model: SentenceTransformer, **_: Any) -> None:
        """Measures once before the first step."""
        if state.global_step == 0:
            self.measure(state, model, 0)

    def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, float], **_: Any) -> None:
        """Keeps the loss."""
        if "loss" in logs and state.is_world_process_zero:
            self.rows.append({"step": state.global_step, "epoch": logs["epoch"], "loss": logs["loss"]})

    def on_epoch_end(self, _args: Any, state: Any, _control: Any, model: SentenceTransformer, **_: Any) -> None:
        """Measures."""
        self.measure(state, model, math.ceil(state.epoch - 1e-6))

    def on_save(self, args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Writes the history beside the checkpoint."""
        if state.is_world_process_zero:
            write_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}" / HISTORY, json.dumps(self.rows))

    def measure(self, state: Any, model: SentenceTransformer, epoch: int) -> None:
        """Calls the measure and keeps what it returns; the training goes on as if it had not."""
        if self.on_epoch is None or not state.is_world_process_zero:
            return
        with undisturbed():
            measured = dict(self.on_epoch(model, epoch) or {})
        if measured:
            self.rows.append({"step": state.global_step, "epoch": state.epoch or 0.0, **measured})

    def load(self, checkpoint: Path) -> None:
        """Takes over the history of a checkpoint."""
        self.rows = json.loads((checkpoint / HISTORY).read_text(encoding="utf-8"))

    def history(self) -> pd.DataFrame:
        """The history so far."""
        return pd.DataFrame(self.rows, columns=_columns(self.rows))


def _columns(rows: Sequence[Mapping[str, float]]) -> list[str]:
    return list(dict.fromkeys(["step", "epoch", "loss", *(key for row in rows for key in row)]))


def _last_checkpoint(folder: Path | str | None) -> Path:
    if folder is None:
        raise ValueError("nothing to resume from: pass the checkpoint_dir of the run that was interrupted")
    found = [path.parent for path in Path(folder).glob(f"checkpoint-*/{HISTORY}")]
    if not found:
        raise ValueError(f"nothing to resume from in {folder}; train with checkpoint_dir and without resume first")
    return max(found, key=lambda checkpoint: int(checkpoint.name.removeprefix("checkpoint-")))


def _check_rows(rows: pd.DataFrame) -> None:
    texts = rows.select_dtypes(exclude="number")
    if rows.empty or texts.shape[1] < 2:
        raise ValueError("rows must have at least two columns of text and at least one row")
    empty = texts.apply(lambda column: column.isna() | (column.astype(str).str.strip() == "")).to_numpy()
    if empty.any():
        row, column = np.argwhere(empty)[0]
        raise ValueError(f"row {rows.index[row]}: {texts.columns[column]} is empty; fill it in or leave the row out")


class SortedBatches(DefaultBatchSampler):
    """Batches of rows of like length, in which no text occurs twice, and no fact.

    What stood in two rows of a batch would be a false negative of itself. Rows of like length waste no
    arithmetic on padding. Rows are shuffled anew each epoch and sorted by length within pools of `POOL` batches, and
    the batches are shuffled.
    """

    def __init__(self, dataset: Any, *, facts: Sequence[object] | None = None, **settings: Any) -> None:
        super().__init__(dataset, **settings)
        texts = dataset.to_pandas().select_dtypes(exclude="number")
        self.lengths = texts.apply(lambda column: column.str.len()).max(axis=1).to_numpy()
        codes, distinct = pd.factorize(texts.to_numpy().ravel())
        self.keys = codes.reshape(texts.shape)
        if facts is not None:
            of_facts, _ = pd.factorize(np.asarray(facts, dtype=object))
            self.keys = np.column_stack([self.keys, of_facts + len(distinct)])

    def __len__(self) -> int:
        """Full batches an epoch; what is left over has its chance in the next one, since the order changes."""
        return max(len(self.lengths) // self.batch_size, 1)

    def __iter__(self) -> Iterator[list[int]]:
        """Lists of row numbers, the same for the same seed and epoch."""
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(len(self.lengths))
        batches: list[list[int]] = []
        waiting: list[int] = []
        pool_size = POOL * self.batch_size
        for start in range(0, len(order), pool_size):
            pool = np.concatenate([np.array(waiting, dtype=np.int64), order[start : start + pool_size]])
            full, waiting = self._pack(pool[np.argsort(self.lengths[pool], kind="stable")])
            batches += full
        while waiting and len(batches) < len(self):
            full, rest = self._pack(np.array(waiting), small=True)
            batches, waiting = batches + full, rest
        batches = batches[: len(self)]
        yield from (batches[place] for place in rng.permutation(len(batches)))

    def _pack(self, rows: np.ndarray, *, small: bool = False) -> tuple[list[list[int]], list[int]]:
        """Fills batches in order, putting off what repeats a text or a fact.

        A last one that is not full counts only if ``small``.
        """
        full: list[list[int]] = []
        remaining = rows.tolist()
        while remaining:
            batch: list[int] = []
            later: list[int] = []
            seen: set[int] = set()
            for place, row in enumerate(remaining):
                keys = self.keys[row]
                if not seen.isdisjoint(keys):
                    later.append(row)
                    continue
                batch.append(row)
                seen.update(keys)
                if len(batch) == self.batch_size:
                    later += remaining[place + 1 :]
                    break
            if len(batch) < self.batch_size and not small:
                return full, remaining
            full.append(batch)
            remaining = later
        return full, remaining


if __name__ == "__main__":
    from kgss_helpers.training.record import main

    raise SystemExit(main())
