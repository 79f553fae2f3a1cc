"""Batches of rows of like length, in which no text occurs twice, and no fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np
import pandas as pd
from sentence_transformers.base.sampler import DefaultBatchSampler

POOL = 40
"""So many batches are drawn at random, and then sorted by length among themselves."""


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
            groups = np.asarray(facts, dtype=object).reshape(len(texts), -1)
            of_facts, _ = pd.factorize(groups.ravel())
            self.keys = np.column_stack([self.keys, of_facts.reshape(groups.shape) + len(distinct)])

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
