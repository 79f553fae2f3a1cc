"""Fine-tuning a sentence transformer: what is learned, by which settings, in which folder.

The method is the bi-encoder of Reimers and Gurevych (2019) with in-batch negatives (Henderson et al. 2017). What it
promises is what `kgss_helpers.training.loop.train` promises.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer

from kgss_helpers.compute import has_bf16, pick_device, processes, release_memory, seed_everything
from kgss_helpers.files import counted
from kgss_helpers.training.folder import RunFolder, described, fingerprint
from kgss_helpers.training.logbook import Logbook, OnEpochEnd, OnLog
from kgss_helpers.training.monitors import check_monitors, ending_what_it_begins
from kgss_helpers.training.run import TrainingRun
from kgss_helpers.training.sbert.batches import SortedBatches, check_batches, check_rows
from kgss_helpers.training.sbert.losses import MakeLoss, multiple_negatives
from kgss_helpers.training.sbert.trainer import OneDevice, QuietTrainer


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
    check_rows(rows, facts)
    monitors = check_monitors(report_to)
    seed_everything(seed)
    model.to(pick_device(device))
    made = loss(model)
    dataset = Dataset.from_pandas(rows, preserve_index=False)
    batches = SortedBatches(
        dataset, facts=facts, processes=processes(), batch_size=batch_size, drop_last=processes() > 1, seed=seed
    )
    check_batches(batches, batch_size, alone=rows.shape[1] == 2 and not rows.select_dtypes("number").shape[1])
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


def _named(loss: torch.nn.Module) -> str:
    """The loss and its settings, as far as it tells them; those that come from the number of processes are not its."""
    settings = loss.get_config_dict() if hasattr(loss, "get_config_dict") else {}
    listed = ", ".join(f"{key}={value}" for key, value in settings.items() if key != "gather_across_devices")
    return re.sub(r" at 0x\w+", "", f"{type(loss).__name__}({listed})")
