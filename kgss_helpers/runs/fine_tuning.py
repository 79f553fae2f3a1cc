"""The long run: fine-tune on the film graph, sit the exam after every epoch, and keep what the notebooks show.

python -m kgss_helpers.runs.fine_tuning --output build/sbert
torchrun --nproc-per-node 2 -m kgss_helpers.runs.fine_tuning --output build/sbert

Besides what ``kgss_helpers.training.sbert`` leaves, the output folder holds ``spaces``, one after every epoch, and at
its end ``exam.csv`` and ``epochs.npz``. With ``--record`` the notebooks show this run from then on.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, get_args

import pandas as pd

from kgss_helpers.compute import is_first_process
from kgss_helpers.files import write_whole
from kgss_helpers.question import Split
from kgss_helpers.runs.epochs import EPOCHS, RECORDED, EpochRecorder, Epochs, compact, gather, sat
from kgss_helpers.training.sbert.command import CONFIG, HISTORY, parser, run

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SCORES, SPACES = "exam.csv", "spaces"
SHOWN = (CONFIG, HISTORY, SCORES, EPOCHS)
"""What the notebooks read."""


class Recording:
    """The space after each epoch and how it does in the exam; at the end, two compact files of all epochs."""

    files = (SCORES, EPOCHS)

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.spaces = options, options.output / SPACES

    @cached_property
    def recorder(self) -> EpochRecorder:
        """Made when it is first needed, since it writes a text for every node."""
        style = "skills" if self.options.rows == "either" else self.options.rows
        return EpochRecorder(self.spaces, style, bf16=self.options.bf16)

    def measure(self, model: SentenceTransformer, epoch: int) -> Mapping[str, float]:
        """Returns nDCG@10 on validation, by family."""
        if epoch == 0:
            for left_behind in self.spaces.glob("epoch-*.npz"):
                left_behind.unlink()
        return self.recorder(model, epoch)

    def keep(self) -> None:
        """Writes the exam by epoch and the compact spaces."""
        epochs = gather(self.spaces)
        scores = exam_by_epoch(epochs).round(4).to_csv(index=False, lineterminator="\n")
        write_whole(self.options.output / SCORES, scores)
        compact(epochs).save(self.options.output / EPOCHS)


def exam_by_epoch(epochs: Epochs) -> pd.DataFrame:
    """The exam after each epoch: the columns of `ExamResult.summary`, after ``epoch`` and ``split``."""
    summaries = [
        sat(space, split).summary().assign(epoch=epoch, split=split)
        for epoch, space in enumerate(epochs.spaces)
        for split in get_args(Split)
    ]
    table = pd.concat(summaries, ignore_index=True)
    return table[["epoch", "split", *table.columns.drop(["epoch", "split"])]]


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    command = parser("kgss_helpers.runs.fine_tuning", __doc__.split("\n")[0])
    help_ = "only train: embed nothing and sit no exam"
    command.add_argument("--no-spaces", dest="spaces", action="store_false", default=True, help=help_)
    command.add_argument("--record", action="store_true", help="have the notebooks show this run")
    options = command.parse_args(argv)
    record = vars(options).pop("record")  # what is learned does not depend on it, so it names no other run
    if record and not options.spaces:
        command.error("--record needs the spaces that --no-spaces leaves out")
    status = run(command, options, Recording(options) if options.spaces else None)
    if status == 0 and options.spaces and is_first_process():
        if record:
            for name in SHOWN:
                write_whole(RECORDED / name, (options.output / name).read_bytes())
            print(f"The notebooks show it from now on: {', '.join(SHOWN)} are in {RECORDED}")
        else:
            print("To have it shown by the notebooks, repeat the command with --resume --record")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
