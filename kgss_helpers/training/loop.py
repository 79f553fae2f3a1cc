"""The one plain training loop, for every model that no library trains for us.

It knows no model: what is particular comes as one small function, the loss of a batch. A whole training is then:

>>> import torch
>>> from torch.utils.data import TensorDataset
>>> from kgss_helpers.training.loop import train

>>> words = ["king", "queen", "man", "woman"]
>>> pairs = torch.tensor([[0, 1], [2, 3], [0, 2], [1, 3]])  # these occur together, others do not
>>> together = torch.tensor([1.0, 1.0, 0.0, 0.0])

>>> def loss_of(model, batch):
...     pair, label = batch
...     score = model(pair).prod(dim=1).sum(dim=1)
...     return torch.nn.functional.binary_cross_entropy_with_logits(score, label)

>>> _ = torch.manual_seed(0)
>>> run = train(torch.nn.Embedding(4, 8), TensorDataset(pairs, together), loss_of, epochs=50, batch_size=2,
...             learning_rate=0.1, device="cpu", log_every=25, on_epoch_end=lambda model, epoch: {"epochs": epoch})
>>> run.finished, len(run.history.dropna(subset="loss")), bool(run.history["loss"].dropna().iloc[-1] < 0.1)
(True, 4, True)

With a ``checkpoint_dir``, the same call with ``resume=True`` goes on after an interrupt, a killed process or a power
cut, and comes to the same numbers. Under ``torchrun`` the same code trains on several devices.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import send_to_device
from safetensors.torch import load_file, load_model, save_file, save_model

from kgss_helpers.compute import (
    has_bf16,
    is_first_process,
    pick_device,
    processes,
    random_state,
    seed_everything,
    set_random_state,
)
from kgss_helpers.files import counted, write_whole
from kgss_helpers.training.folder import RunFolder, described, fingerprint
from kgss_helpers.training.logbook import Logbook, OnEpochEnd, OnLog
from kgss_helpers.training.monitors import check_monitors, ending_what_it_begins
from kgss_helpers.training.run import TrainingRun

LossOf = Callable[[Any, Any], torch.Tensor]
WEIGHTS, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"


class Data(Protocol):
    """What can be learned from: a tensor, a ``TensorDataset``, or anything else with a length and an index."""

    def __len__(self) -> int:
        """How many rows there are."""

    def __getitem__(self, rows: torch.Tensor) -> Any:
        """A batch: the rows with these numbers, shape (batch,)."""


def train(
    model: torch.nn.Module,
    data: Data,
    loss_of: LossOf,
    *,
    epochs: float = 1,
    max_steps: int = -1,
    batch_size: int,
    learning_rate: float,
    warmup: float = 0.1,
    weight_decay: float = 0.0,
    max_grad_norm: float = 1.0,
    batches: Callable[[int], Sequence[torch.Tensor]] | None = None,
    device: str | None = None,
    bf16: bool = True,
    seed: int = 0,
    checkpoint_dir: Path | str | None = None,
    save_every: int | None = None,
    resume: bool = False,
    identity: Mapping[str, Any] | None = None,
    on_epoch_end: OnEpochEnd | None = None,
    on_log: OnLog | None = None,
    report_to: Sequence[str] = (),
    log_every: int = 10,
) -> TrainingRun:
    """Trains a model with AdamW at a rate that rises linearly and then falls to zero.

    Args:
        model: Is changed in place.
        data: A batch of it is ``data[rows]``, moved to the device.
        loss_of: The mean loss of a batch, given the model and the batch. The model that it gets is the one passed here,
            also under torchrun, so it may call whatever methods that has.
        epochs: How often all rows are seen.
        max_steps: Stop after so many steps whatever the epochs; -1 for no limit.
        batch_size: Rows a step and process.
        learning_rate: At its peak.
        warmup: Share of the steps over which the rate rises.
        weight_decay: AdamW's.
        max_grad_norm: A gradient longer than this is shortened to it.
        batches: The row numbers of each step of an epoch (of all processes together), given the number of epochs behind
            it; the same number of steps every time. Shuffled rows if not given.
        device: CUDA, then MPS, then CPU if not given; under torchrun each process has a GPU of its own.
        bf16: Compute in bfloat16 where the device does so at speed; weights stay as they are.
        seed: Of the order of rows, and of all random numbers that the model draws while it trains.
        checkpoint_dir: Where to keep the state after each epoch; none is kept if not given.
        save_every: Keep it after so many steps too.
        resume: Go on from the last intact checkpoint there, to the same numbers as without interruption.
        identity: What else makes it this run and no other, by name; so for data of another kind than tensors, of which
            only the number of rows is looked at.
        on_epoch_end: Called with the model, in eval mode, and the number of epochs done, before the first one with 0;
            what it returns joins the history. Under torchrun the first process calls it, and the others wait.
        on_log: Called with the history so far whenever a loss joins it: to draw it, or `print_last`.
        report_to: Accelerate's trackers, such as ``("wandb",)``. A run that this begins on Weights & Biases ends with
            the training; one that is open already is used and stays open.
        log_every: Steps between two rows of history; the last step has one in any case.

    Returns:
        The run. An interrupt (the stop button, Ctrl+C) ends it early with ``finished=False`` and the model as it is. So
        does a loss or gradient that is no number, with a warning: that step is not taken, and the model goes back to
        the last checkpoint if there is one.

    Raises:
        ValueError: No rows, fewer than processes, or a number that must be positive and is not.
        RunFolderError: The folder is in use or holds another run, or there is nothing to resume.
        OSError: A checkpoint could not be written.
        ImportError: A monitor that is not installed.
    """
    if min(batch_size, log_every) < 1 or not 0 < epochs < math.inf or learning_rate <= 0 or max_grad_norm <= 0:
        raise ValueError("epochs, batch_size, learning_rate, log_every and max_grad_norm must be positive")
    monitors, there = check_monitors(report_to), torch.device(pick_device(device))
    seed_everything(seed)
    accelerator = _accelerator(there, bf16=bf16, monitors=monitors)
    batches = lru_cache(maxsize=1)(batches or partial(shuffled, len(data), batch_size, seed=seed))
    steps_an_epoch = len(batches(0))
    total = max_steps if max_steps > 0 else math.ceil(epochs * steps_an_epoch)
    settings = {"batch_size": batch_size, "learning_rate": learning_rate, "epochs": epochs, "max_steps": max_steps}
    settings |= {"warmup": warmup, "weight_decay": weight_decay, "max_grad_norm": max_grad_norm, "seed": seed}
    settings |= {"processes": processes(), "loss": getattr(loss_of, "__qualname__", type(loss_of).__name__)}
    settings |= {"data": f"{counted(len(data), 'row')} (digest {fingerprint(data)})", "parameters": described(model)}
    settings |= identity or {}

    trained = [parameter for parameter in model.to(there).parameters() if parameter.requires_grad]
    objective = accelerator.prepare_model(Objective(model, loss_of), device_placement=False)
    optimizer = torch.optim.AdamW(trained, lr=learning_rate, weight_decay=weight_decay, fused=True)
    logbook = Logbook(total, steps_an_epoch, log_every=log_every, on_epoch_end=on_epoch_end, on_log=on_log)
    folder = RunFolder(checkpoint_dir, settings)
    with (
        folder.opened(resume=resume) as checkpoint,
        _reporting(accelerator, monitors, logbook, settings),
        logbook.ending_well(partial(_restored, folder, model)),
    ):
        if checkpoint:
            load(checkpoint, model, optimizer, logbook)
        else:
            logbook.measure(model.eval())
        model.train()
        for step in range(logbook.step, total):
            epoch, place = divmod(step, steps_an_epoch)
            rows = batches(epoch)[place][accelerator.process_index :: accelerator.num_processes]
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * share_of_rate(step, total, warmup)
            loss = objective(send_to_device(data[rows], there))
            loss.backward()
            gradient = torch.nn.utils.clip_grad_norm_(trained, max_grad_norm)
            # One look at both numbers, since on a GPU each look waits for all that has been asked of it.
            loss, gradient = torch.stack([accelerator.reduce(loss.detach(), "mean"), gradient]).tolist()
            logbook.check(loss, gradient)
            optimizer.step()
            optimizer.zero_grad()
            logbook.add(loss)
            if ended := place + 1 == steps_an_epoch or step + 1 == total:
                logbook.measure(model.eval())
                model.train()
            if folder.path and (ended or (save_every and (step + 1) % save_every == 0)):
                with folder.checkpoint(step + 1) as path:
                    save(path, model, optimizer, logbook)
    model.eval().zero_grad(set_to_none=True)
    accelerator.free_memory()
    return logbook.run_of(model)


class Objective(torch.nn.Module):
    """Model and loss as one module: what is computed in bfloat16, and whose gradients processes share."""

    def __init__(self, model: torch.nn.Module, loss_of: LossOf) -> None:
        super().__init__()
        self.model, self.loss_of = model, loss_of

    def forward(self, batch: Any) -> torch.Tensor:
        """The mean loss of a batch, shape ()."""
        return self.loss_of(self.model, batch)


def shuffled(rows: int, batch_size: int, epoch: int, *, seed: int = 0) -> list[torch.Tensor]:
    """Row numbers in random order, a step of all processes each; the last one may be short, but is shared evenly.

    Raises:
        ValueError: There are no rows, or fewer than processes.
    """
    order = torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(rows))
    even = order[: rows // processes() * processes()]
    if not len(even):
        raise ValueError(f"{counted(rows, 'row')} cannot be shared by {counted(processes(), 'process')}")
    return list(even.split(batch_size * processes()))


def share_of_rate(step: int, total: int, warmup: float) -> float:
    """What part of the rate a step has: it rises over the first share of the steps, and falls from there to the end."""
    rising = int(total * warmup)
    return (step + 1) / (rising + 1) if step < rising else (total - step) / (total - rising)


def save(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, logbook: Logbook) -> None:
    """Writes all that a training needs to go on as if nothing had happened; no file of it is a pickle."""
    write_whole(path / f"random-{os.environ.get('RANK', 0)}.json", json.dumps(random_state()))
    if is_first_process():
        save_model(model, str(path / WEIGHTS))
        moments = optimizer.state_dict()["state"]
        named = {
            f"{number}.{name}": moment.contiguous()
            for number, of_one in moments.items()
            for name, moment in of_one.items()
        }
        save_file(named, path / OPTIMIZER)
        write_whole(path / STATE, json.dumps(logbook.kept()))


def load(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, logbook: Logbook) -> None:
    """Reads what `save` wrote."""
    load_model(model, path / WEIGHTS)
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for key, moment in load_file(path / OPTIMIZER).items():
        number, name = key.split(".")
        moments.setdefault(int(number), {})[name] = moment
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    logbook.go_on_from(json.loads((path / STATE).read_text(encoding="utf-8")))
    set_random_state(json.loads((path / f"random-{os.environ.get('RANK', 0)}.json").read_text(encoding="utf-8")))


def _restored(folder: RunFolder, model: torch.nn.Module) -> str:
    if kept := folder.newest_intact():
        load_model(model, kept / WEIGHTS)
        return f"in {kept.name}"
    return "before that step"


def _accelerator(device: torch.device, *, bf16: bool, monitors: Sequence[str]) -> Accelerator:
    # A training before this one, in the same process, may have been of another precision or on another device.
    AcceleratorState._reset_state(reset_partial_state=True)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # whose random numbers are kept
    return Accelerator(
        cpu=device.type == "cpu",
        mixed_precision="bf16" if bf16 and has_bf16(device.type) else "no",
        log_with=list(monitors) or None,
        project_dir=str(Path(tempfile.gettempdir()) / "kgss"),
    )


@contextmanager
def _reporting(
    accelerator: Accelerator, monitors: Sequence[str], logbook: Logbook, settings: Mapping[str, Any]
) -> Iterator[None]:
    """Sends what joins the history to the monitors, under the names that the library's trainer has for it."""

    def report(values: Mapping[str, float]) -> None:
        named = {f"eval/{key[5:]}" if key.startswith("eval_") else f"train/{key}": values[key] for key in values}
        accelerator.log(named | {"train/global_step": logbook.step})

    with ending_what_it_begins(monitors, lambda: bool(logbook.stopped)):
        if monitors:
            accelerator.init_trackers(
                os.environ.get("WANDB_PROJECT", "kgss"), dict(settings), {"wandb": {"reinit": "return_previous"}}
            )
            logbook.report = report
        yield
        for tracker in accelerator.trackers:
            if tracker.name != "wandb":
                tracker.finish()
