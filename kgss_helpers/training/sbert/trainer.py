"""Fine-tuning a sentence transformer: the library's trainer, made quiet, quick, reproducible and resumable.

The method is the bi-encoder of Reimers and Gurevych (2019) with in-batch negatives (Henderson et al. 2017). What it
promises is what `kgss_helpers.training.loop.train` promises.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset, disable_progress_bars
from safetensors.torch import load_file, save_file
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from transformers import PrinterCallback, TrainerCallback

from kgss_helpers.compute import (
    has_bf16,
    is_first_process,
    pick_device,
    processes,
    release_memory,
    seed_everything,
)
from kgss_helpers.files import announce, counted, write_whole
from kgss_helpers.training.folder import RunFolder, described, fingerprint, steps_of
from kgss_helpers.training.logbook import Logbook, OnEpochEnd, OnLog
from kgss_helpers.training.monitors import check_monitors, ending_what_it_begins
from kgss_helpers.training.run import TrainingRun
from kgss_helpers.training.sbert.batches import SortedBatches
from kgss_helpers.training.sbert.losses import MakeLoss, multiple_negatives

LOGBOOK, LOSS_WEIGHTS = "logbook.json", "loss.safetensors"
FEW = 0.5
"""An epoch that sees a smaller share of the rows is worth a warning."""


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
    identity: Mapping[str, Any] | None = None,
    on_epoch_end: OnEpochEnd | None = None,
    on_log: OnLog | None = None,
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
        epochs: How often all rows are seen.
        max_steps: Stop after so many steps whatever the epochs; -1 for no limit.
        batch_size: Rows a step and process; with in-batch negatives it is the number of candidates too.
        learning_rate: Peak of a linear schedule (about 2e-5 for transformers, 0.2 for static embeddings).
        warmup: Share of the steps over which the rate rises.
        device: CUDA, then MPS, then CPU if not given; under torchrun each process has a GPU of its own.
        bf16: Compute in bfloat16 where the device does so at speed.
        seed: Of row order and dropout.
        checkpoint_dir: Where to keep the state after each epoch; none is kept if not given.
        resume: Go on from the last intact checkpoint there, to the same numbers as without interruption.
        identity: What else makes it this run and no other, by name.
        on_epoch_end: Called with the model and the number of epochs done, before the first one with 0; what it returns
            joins the history. Under torchrun the first process calls it, and the others wait.
        on_log: Called with the history so far whenever a loss joins it, for instance to draw it.
        report_to: Monitors of the library, such as ``("wandb",)``; none by default. A run that this begins there ends
            with the training; one that is open already is used and stays open.
        log_every: Steps between two rows of history; the last step has one in any case.

    Returns:
        The run. An interrupt (the stop button, Ctrl+C) ends it early with ``finished=False`` and the model as it is. So
        does a loss or gradient that is no number, with a warning: that step is not taken, and the model goes back to
        the last checkpoint if there is one.

    Raises:
        ValueError: No rows, an empty text, facts of another number, rows of which no two can meet in a batch or that
            processes cannot share, or a device that the trainer would not take.
        RunFolderError: The folder is in use or holds another run, or there is nothing to resume.
        OSError: A checkpoint could not be written.
        ImportError: A monitor that is not installed.
    """
    _check_rows(rows, facts)
    monitors = check_monitors(report_to)
    seed_everything(seed)
    model.to(pick_device(device))
    made = loss(model)
    dataset = Dataset.from_pandas(rows, preserve_index=False)
    batches = SortedBatches(
        dataset, facts=facts, processes=processes(), batch_size=batch_size, drop_last=processes() > 1, seed=seed
    )
    _check_batches(batches, batch_size, alone=rows.shape[1] == 2 and not rows.select_dtypes("number").shape[1])
    steps_an_epoch = len(batches) // processes()
    total = max_steps if max_steps > 0 else math.ceil(epochs * steps_an_epoch)
    logbook = Logbook(total, steps_an_epoch, log_every=log_every, on_epoch_end=on_epoch_end, on_log=on_log)
    settings = {"batch_size": batch_size, "learning_rate": learning_rate, "epochs": epochs, "max_steps": max_steps}
    settings |= {"warmup": warmup, "seed": seed, "processes": processes(), "loss": _named(made)}
    settings |= {"data": f"{counted(len(rows), 'row')} (digest {fingerprint(rows)})", "facts": fingerprint(facts)}
    folder = RunFolder(checkpoint_dir, settings | {"parameters": described(model)} | dict(identity or {}))
    with folder.opened(resume=resume) as checkpoint:
        arguments = OneDevice(
            str(checkpoint_dir or Path(tempfile.gettempdir()) / "kgss"), num_train_epochs=epochs, max_steps=max_steps,
            per_device_train_batch_size=batch_size, learning_rate=learning_rate, warmup_steps=warmup, seed=seed,
            data_seed=seed, bf16=bf16 and has_bf16(model.device.type), use_cpu=model.device.type == "cpu",
            dataloader_drop_last=processes() > 1, dataloader_pin_memory=False,
            disable_tqdm=True, logging_strategy="no", logging_nan_inf_filter=False, report_to=monitors or "none",
            save_strategy="epoch" if checkpoint_dir else "no",
        )  # fmt: skip
        trainer = QuietTrainer(model, arguments, dataset, batches, made, logbook, folder)
        release_memory()
        with ending_what_it_begins(monitors, lambda: bool(logbook.stopped)), logbook.ending_well(trainer.restore):
            trainer.run(checkpoint)
    trainer.let_go()
    return logbook.run_of(model)


class OneDevice(SentenceTransformerTrainingArguments):
    """One process, one device: without torchrun, the library would split each batch among all GPUs that it sees."""

    @property
    def n_gpu(self) -> int:
        """At most one."""
        return min(super().n_gpu, 1)


class QuietTrainer(SentenceTransformerTrainer):
    """The library's trainer without its bars, tables, model card and reports, but with our logbook and folder."""

    def __init__(
        self,
        model: SentenceTransformer,
        arguments: OneDevice,
        dataset: Dataset,
        batches: SortedBatches,
        loss: torch.nn.Module,
        logbook: Logbook,
        folder: RunFolder,
    ) -> None:
        if (arguments.device.type, arguments.device.index or 0) != (model.device.type, model.device.index or 0):
            raise ValueError(
                f"the trainer takes {arguments.device}, not {model.device}: choose a GPU by the environment variable "
                "CUDA_VISIBLE_DEVICES, and pass the device cuda"
            )
        disable_progress_bars()
        super().__init__(model, arguments, train_dataset=dataset, loss=loss, callbacks=[Moments(self)])
        self.remove_callback(PrinterCallback)
        self.batches, self.logbook, self.folder, self.loss_of_step = batches, logbook, folder, 0.0
        logbook.report = self.log
        weights = {id(weight) for weight in model.parameters()}
        self.of_loss = {name: weight for name, weight in loss.named_parameters() if id(weight) not in weights}

    def run(self, checkpoint: Path | None) -> None:
        """Trains, from the checkpoint on if there is one."""
        if checkpoint:
            self.logbook.go_on_from(json.loads((checkpoint / LOGBOOK).read_text(encoding="utf-8")))
            self._load_from_checkpoint(str(checkpoint))
            if steps_of(checkpoint) >= self.logbook.total:
                return
        self.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)

    def restore(self) -> str:
        """Brings back the weights of the last checkpoint, and says which these are."""
        if checkpoint := self.folder.newest_intact():
            self._load_from_checkpoint(str(checkpoint))
            return f"in {checkpoint.name}"
        return "before that step"

    def let_go(self) -> None:
        """Leaves the model ready for use, and frees the optimizer, three times the model: its parts hold each other."""
        # Autocast stays around the model; without it, vectors are those of the same model loaded from disk.
        if "_original_forward" in vars(self.model):
            self.model.forward = vars(self.model).pop("_original_forward")
        self.model.eval().zero_grad(set_to_none=True)
        self.optimizer = self.lr_scheduler = None
        self.accelerator.free_memory()
        release_memory()

    def get_batch_sampler(self, *_: Any, **__: Any) -> SortedBatches:
        """Ours, instead of the one that the arguments name."""
        return self.batches

    def training_step(self, *given: Any, **named: Any) -> torch.Tensor:
        """As the library's; notices a loss that is no number."""
        loss = super().training_step(*given, **named)
        self.loss_of_step = self.accelerator.reduce(loss, "mean").item()
        self.logbook.check(self.loss_of_step)
        return loss

    def _clip_grad_norm(self, model: torch.nn.Module) -> torch.Tensor:
        norm = super()._clip_grad_norm(model)
        self.logbook.check(self.loss_of_step, float(norm))
        return norm

    def _save_checkpoint(self, *given: Any) -> None:
        with self.folder.checkpoint(self.state.global_step) as path:
            super()._save_checkpoint(*given)
            if is_first_process():
                write_whole(path / LOGBOOK, json.dumps(self.logbook.kept()))
                if self.of_loss:  # the library keeps the model's only
                    save_file({name: weight.detach() for name, weight in self.of_loss.items()}, path / LOSS_WEIGHTS)

    def _save(self, output_dir: str, state_dict: Any = None) -> None:
        """Without a model card, which takes longer than the weights of a small model, and pickled arguments."""
        self.model.save_pretrained(output_dir, create_model_card=False)

    def _load_from_checkpoint(self, checkpoint: str) -> None:
        super()._load_from_checkpoint(checkpoint)
        for name, weight in load_file(Path(checkpoint) / LOSS_WEIGHTS).items() if self.of_loss else ():
            self.of_loss[name].data.copy_(weight)

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Adds nothing: for its card, the library would encode examples before the first step."""


class Moments(TrainerCallback):
    """Tells the logbook when a step has been taken, and when it is time to measure."""

    def __init__(self, trainer: QuietTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(self, _args: Any, state: Any, _control: Any, model: SentenceTransformer, **_: Any) -> None:
        """Measures before the first step."""
        if state.global_step == 0:
            self.trainer.logbook.measure(model.eval())

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Keeps the loss."""
        self.trainer.logbook.add(self.trainer.loss_of_step)

    def on_epoch_end(self, _args: Any, _state: Any, _control: Any, model: SentenceTransformer, **_: Any) -> None:
        """Measures."""
        self.trainer.logbook.measure(model.eval())


def _named(loss: torch.nn.Module) -> str:
    """The loss and its settings, as far as it tells them."""
    settings = loss.get_config_dict() if hasattr(loss, "get_config_dict") else {}
    listed = ", ".join(f"{key}={value}" for key, value in settings.items())
    return re.sub(r" at 0x\w+", "", f"{type(loss).__name__}({listed})")


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


def _check_batches(batches: SortedBatches, batch_size: int, *, alone: bool) -> None:
    """Says what an epoch leaves out. Rows are alone if they bring neither a negative nor a label with them."""
    seen, rows_a_step = batches.coverage()
    if alone and rows_a_step == 1:
        raise ValueError(
            "no two rows meet in a batch, so no anchor has a negative: pass a larger batch_size, rows that do not all "
            "share a text or a fact, or a column of hard negatives"
        )
    if seen < FEW and is_first_process():
        announce(
            f"an epoch sees {seen:.0%} of the {counted(len(batches.lengths), 'row')}: those that share a text or fact "
            f"never meet in a batch, so a step has {counted(round(rows_a_step), 'row')} on average, not "
            f"{batch_size * processes()}. Pass a smaller batch_size, or rows that repeat each other less"
        )
