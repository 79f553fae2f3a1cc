"""Fine-tuning a sentence transformer: the library's trainer, made quiet, quick, reproducible and resumable.

The method is the bi-encoder of Reimers and Gurevych (2019) with in-batch negatives (Henderson et al. 2017).
As a command, ``python -m kgss_helpers.training.sbert``, it records a whole run; see `kgss_helpers.training.record`.
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
from itertools import cycle, islice
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
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from transformers import PrinterCallback, TrainerCallback
from transformers.trainer_utils import SaveStrategy

from kgss_helpers.datasets._io import write_whole
from kgss_helpers.encoders.pretrained import has_bf16
from kgss_helpers.memory import release_memory
from kgss_helpers.training.common import TrainingRun, pick_device, processes, seed_everything, undisturbed

MakeLoss = Callable[[SentenceTransformer], torch.nn.Module]
OnEpochEnd = Callable[[SentenceTransformer, int], Mapping[str, float]]
HISTORY = "history.json"
POOL = 40
"""So many batches are drawn at random, and then sorted by length among themselves."""


def multiple_negatives(model: SentenceTransformer) -> torch.nn.Module:
    """The default loss: each anchor has to find its positive among all positives of the batch.

    Under torchrun it is the batch of all processes together.
    """
    return MultipleNegativesRankingLoss(model, gather_across_devices=processes() > 1)


def both_directions(model: SentenceTransformer) -> torch.nn.Module:
    """`multiple_negatives`, and each positive has to find its anchor as well, as a question has to find a node."""
    return MultipleNegativesRankingLoss(
        model,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
        gather_across_devices=processes() > 1,
    )


def cached_multiple_negatives(model: SentenceTransformer) -> torch.nn.Module:
    """The same loss and gradients as `multiple_negatives` for batches too large for memory (Gao et al. 2021).

    Each text is encoded twice: once for the loss, once, in small parts, for the gradients.
    """
    return CachedMultipleNegativesRankingLoss(model, mini_batch_size=64, gather_across_devices=processes() > 1)


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


class SortedBatches(DefaultBatchSampler):
    """Batches of rows of like length, in which no text occurs twice, and no fact.

    What stood in two rows of a batch would be a false negative of itself. Rows of like length waste no
    arithmetic on padding. Rows are shuffled anew each epoch and sorted by length within pools of `POOL` batches, and
    the batches are shuffled.

    Several processes take batches in turn and look for negatives in all that belong to a step. So these hold no repeat
    among them either, and are equal in number of rows and about equal in length.

    Args:
        dataset: The rows; columns of numbers are labels.
        facts: One or several for each row, if rows can say the same thing in other words.
        processes: How many train together.
        settings: The library's: ``batch_size``, ``seed`` and others.
    """

    def __init__(
        self, dataset: Any, *, facts: Sequence[object] | np.ndarray | None = None, processes: int = 1, **settings: Any
    ) -> None:
        super().__init__(dataset, **settings)
        self.processes, self.rows_a_step = processes, self.batch_size * processes
        if processes > 1:
            self.batch_size = None  # or accelerate drops a step that is not full
        texts = dataset.to_pandas().select_dtypes(exclude="number")
        self.lengths = texts.apply(lambda column: column.str.len()).max(axis=1).to_numpy()
        codes, distinct = pd.factorize(texts.to_numpy().ravel())
        self.keys = codes.reshape(texts.shape)
        if facts is not None:
            told = np.asarray(facts, dtype=object).reshape(len(texts), -1)
            of_facts, _ = pd.factorize(told.ravel())
            self.keys = np.column_stack([self.keys, of_facts.reshape(told.shape) + len(distinct)])

    def __len__(self) -> int:
        """Full batches an epoch; what is left over has its chance in the next one, since the order changes."""
        return max(len(self.lengths) // self.rows_a_step, 1) * self.processes

    def __iter__(self) -> Iterator[list[int]]:
        """Lists of row numbers, the same for the same seed and epoch."""
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(len(self.lengths))
        wanted = len(self) // self.processes
        # Left out are random rows: those left after sorting would be the longest, epoch after epoch.
        order, spare = np.split(order, [wanted * self.rows_a_step])
        steps: list[list[int]] = []
        waiting: list[int] = []
        pool_size = POOL * self.rows_a_step
        for start in range(0, len(order), pool_size):
            pool = np.concatenate([np.array(waiting, dtype=np.int64), order[start : start + pool_size]])
            full, waiting = self._pack(pool[np.argsort(self.lengths[pool], kind="stable")])
            steps += full
        waiting += spare.tolist()
        while waiting and len(steps) < wanted:
            full, rest = self._pack(np.array(waiting), small=True)
            steps, waiting = steps + full, rest
        even = [step[: len(step) // self.processes * self.processes] for step in steps]
        steps = list(islice(cycle(filter(None, even)), wanted))
        if not steps:
            raise ValueError(f"the rows repeat each other too often to be shared by {self.processes} processes")
        for place in rng.permutation(wanted):
            yield from (steps[place][process :: self.processes] for process in range(self.processes))

    def _pack(self, rows: np.ndarray, *, small: bool = False) -> tuple[list[list[int]], list[int]]:
        """Fills the rows of a step in order, putting off what repeats a text or a fact.

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
                if len(batch) == self.rows_a_step:
                    later += remaining[place + 1 :]
                    break
            if len(batch) < self.rows_a_step and not small:
                return full, remaining
            full.append(batch)
            remaining = later
        return full, remaining


if __name__ == "__main__":
    from kgss_helpers.training.record import main

    raise SystemExit(main())
