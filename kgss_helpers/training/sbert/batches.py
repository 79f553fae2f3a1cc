"""Batches of rows of like length, in which no text occurs twice, and no fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np
import pandas as pd
from sentence_transformers.base.sampler import DefaultBatchSampler

from kgss_helpers.compute import is_first_process, processes
from kgss_helpers.files import announce, counted

POOL = 40
"""So many batches are drawn at random, and then sorted by length among themselves."""
FEW = 0.5
"""An epoch that sees a smaller share of the rows is worth a warning."""
WINDOW = 512
"""So many rows at a time are asked whether a batch has room for them."""


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
        keys = codes.reshape(texts.shape)
        if facts is not None:
            groups = np.asarray(facts, dtype=object).reshape(len(texts), -1)
            of_facts, _ = pd.factorize(groups.ravel())
            keys = np.column_stack([keys, of_facts.reshape(groups.shape) + len(distinct)])
        self.sharing = _sharing(keys)

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
        waiting = order[:0]
        pool_size = POOL * self.rows_a_step
        for start in range(0, len(order), pool_size):
            pool = np.concatenate([waiting, order[start : start + pool_size]])
            full, waiting = self._pack(pool[np.argsort(self.lengths[pool], kind="stable")], wanted)
            steps += full
        steps += self._pack(np.concatenate([waiting, spare]), wanted - len(steps), small=True)[0]
        if not steps:
            raise ValueError(f"the rows repeat each other too often to be shared by {self.processes} processes")
        steps = list(islice(cycle(steps), wanted))
        for place in rng.permutation(wanted):
            yield from (steps[place][process :: self.processes] for process in range(self.processes))

    def coverage(self) -> tuple[float, float]:
        """The share of the rows that an epoch sees, and how many there are in a step, on average."""
        drawn = list(self)
        rows = [row for batch in drawn for row in batch]
        return len(set(rows)) / len(self.lengths), len(rows) / len(drawn) * self.processes

    def _pack(self, rows: np.ndarray, wanted: int, *, small: bool = False) -> tuple[list[list[int]], np.ndarray]:
        """Fills the rows of a step in order, putting off what repeats a text or a fact.

        A step that is not full counts only if ``small``, and only with as many rows for each process.

        Returns:
            At most so many steps as are wanted, and the rows that are left.
        """
        steps: list[list[int]] = []
        blocked_in = np.full(len(self.lengths), -1)
        for number in range(len(rows)):
            if len(steps) == wanted or not len(rows):
                break
            step = self._first_that_fit(rows, blocked_in, number)
            if len(step) < self.rows_a_step and not small:
                break
            if even := step[: len(step) // self.processes * self.processes]:
                steps.append(even)
            chosen = np.zeros(len(self.lengths), dtype=bool)
            chosen[step] = True
            rows = rows[~chosen[rows]]
        return steps, rows

    def _first_that_fit(self, rows: np.ndarray, blocked_in: np.ndarray, number: int) -> list[int]:
        """The first rows that repeat nothing of each other; each blocks at once all that share something with it."""
        step: list[int] = []
        for start in range(0, len(rows), WINDOW):
            window = rows[start : start + WINDOW]
            for row in window[blocked_in[window] != number].tolist():
                if blocked_in[row] == number:
                    continue
                step.append(row)
                for others in self.sharing[row]:
                    blocked_in[others] = number
                if len(step) == self.rows_a_step:
                    return step
        return step


def check_rows(rows: pd.DataFrame, facts: Sequence[object] | np.ndarray | None) -> None:
    """Raises ValueError for rows that nothing can be learned from: none, an empty text, facts of another number."""
    texts = rows.select_dtypes(exclude="number")
    if rows.empty or texts.empty or rows.shape[1] < 2:
        raise ValueError("there must be at least one row, of at least two columns of text, or of one and a label")
    empty = texts.apply(lambda column: column.isna() | (column.astype(str).str.strip() == "")).to_numpy()
    if empty.any():
        row, column = np.argwhere(empty)[0]
        raise ValueError(f"row {rows.index[row]}: {texts.columns[column]} is empty; fill it in or leave the row out")
    if facts is not None and len(facts) != len(rows):
        raise ValueError(f"there must be one fact for each of the {len(rows)} rows, not {len(facts)}")


def check_batches(batches: SortedBatches, batch_size: int, *, alone: bool) -> None:
    """Says what an epoch leaves out.

    Args:
        batches: Of which those of the first epoch are looked at.
        batch_size: What was asked for.
        alone: Whether the rows bring neither a negative nor a label with them.

    Raises:
        ValueError: They are alone in their batches as well.
    """
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


def _sharing(keys: np.ndarray) -> list[list[np.ndarray]]:
    """For each row, and each key of it that other rows have too: all rows that have it."""
    rows = np.argsort(keys, axis=None, kind="stable") // keys.shape[1]
    counts = np.bincount(keys.ravel())
    of_key = np.split(rows, np.cumsum(counts)[:-1])
    return [[of_key[key] for key in of_row if counts[key] > 1] for of_row in keys.tolist()]
