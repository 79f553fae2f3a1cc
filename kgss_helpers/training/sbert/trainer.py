"""The library's trainer, made quiet, quick, reproducible and resumable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, disable_progress_bars
from safetensors.torch import load_file, save_file
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from transformers import PrinterCallback, TrainerCallback

from kgss_helpers.compute import is_first_process, release_memory
from kgss_helpers.files import write_whole
from kgss_helpers.training.folder import RunFolder, steps_of
from kgss_helpers.training.logbook import Logbook
from kgss_helpers.training.sbert.batches import SortedBatches

LOGBOOK, LOSS_WEIGHTS = "logbook.json", "loss.safetensors"


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
