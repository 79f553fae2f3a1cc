"""Batches without repeats, of rows of like length, quickly made."""

import time

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from kgss_helpers import exam
from kgss_helpers.text.rows import training_rows
from kgss_helpers.training.sbert import SortedBatches


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return training_rows(exam.training_graph(), "either", seed=3)


def batches_of(rows: pd.DataFrame, size: int, *, seed: int = 0, epoch: int = 0) -> list[list[int]]:
    sampler = SortedBatches(Dataset.from_pandas(rows), batch_size=size, drop_last=False, seed=seed)
    sampler.set_epoch(epoch)
    found = list(sampler)
    assert len(found) == len(sampler)
    return found


def test_no_text_occurs_twice_in_a_batch(rows: pd.DataFrame) -> None:
    part = rows[["anchor", "positive"]].head(4000).reset_index(drop=True)
    for batch in batches_of(part, 64):
        texts = part.iloc[batch].to_numpy().ravel()
        assert len(set(texts)) == len(texts)


def test_no_fact_occurs_twice_in_a_batch(rows: pd.DataFrame) -> None:
    part = rows[rows["relation"] == "skill"].head(4000).reset_index(drop=True)
    facts = part["fact"].tolist()
    sampler = SortedBatches(
        Dataset.from_pandas(part[["anchor", "positive"]]), batch_size=32, drop_last=False, facts=facts
    )
    repeats = 0
    for batch in sampler:
        of_batch = part.iloc[batch]
        assert of_batch["fact"].is_unique
        repeats += len(batch) - of_batch["positive"].str.extract("'(.+)'")[0].nunique()
    assert repeats > 0  # the same genre in other roles is no repetition


def test_nearly_all_rows_are_used_once_an_epoch(rows: pd.DataFrame) -> None:
    part = rows[["anchor", "positive"]].head(4000).reset_index(drop=True)
    used = np.concatenate(batches_of(part, 32))
    assert len(set(used)) == len(used)
    assert len(used) > 0.95 * len(part)


def test_batches_hold_rows_of_like_length(rows: pd.DataFrame) -> None:
    part = rows[["anchor", "positive"]].head(4000).reset_index(drop=True)
    lengths = part.apply(lambda column: column.str.len()).max(axis=1).to_numpy()
    spread = np.mean([np.ptp(lengths[batch]) for batch in batches_of(part, 32)])
    in_order = np.mean([np.ptp(lengths[start : start + 32]) for start in range(0, len(part), 32)])
    assert spread < 0.4 * in_order


def test_order_depends_on_seed_and_epoch_alone(rows: pd.DataFrame) -> None:
    part = rows[["anchor", "positive"]].head(500).reset_index(drop=True)
    assert batches_of(part, 16) == batches_of(part, 16)
    assert batches_of(part, 16) != batches_of(part, 16, epoch=1)
    assert batches_of(part, 16) != batches_of(part, 16, seed=1)


def test_rows_left_out_of_an_epoch_are_any_rows_not_the_longest() -> None:
    texts = pd.DataFrame({"anchor": [f"{n:03}" for n in range(100)], "positive": ["x" * n for n in range(1, 101)]})
    sampler = SortedBatches(Dataset.from_pandas(texts), batch_size=16, drop_last=False)
    left_out = []
    for epoch in range(40):
        sampler.set_epoch(epoch)
        used = [row for batch in sampler for row in batch]
        assert len(used) == len(set(used)) == 96
        left_out += sorted(set(range(100)) - set(used))
    assert 30 < np.mean(left_out) < 70
    assert len(set(left_out)) > 60


def test_rows_that_all_repeat_a_text_still_give_batches() -> None:
    rows = pd.DataFrame({"anchor": ["same"] * 6, "positive": [f"other {number}" for number in range(6)]})
    assert sorted(map(len, batches_of(rows, 3))) == [1, 1]


class PlainBatches(SortedBatches):
    """The same batches, made as one would say it: each row is asked again for each batch. Slow, and the reference."""

    def __init__(self, dataset: Dataset, *, facts: list | None = None, **settings) -> None:
        super().__init__(dataset, facts=facts, **settings)
        texts = dataset.to_pandas().to_numpy()
        self.keys = [{*row, *([("fact", facts[number])] if facts else ())} for number, row in enumerate(texts.tolist())]

    def _pack(self, rows: np.ndarray, wanted: int, *, small: bool = False) -> tuple[list[list[int]], np.ndarray]:
        full: list[list[int]] = []
        remaining = rows.tolist()
        while remaining:
            batch: list[int] = []
            later: list[int] = []
            seen: set = set()
            for place, row in enumerate(remaining):
                if not seen.isdisjoint(self.keys[row]):
                    later.append(row)
                    continue
                batch.append(row)
                seen.update(self.keys[row])
                if len(batch) == self.rows_a_step:
                    later += remaining[place + 1 :]
                    break
            if len(batch) < self.rows_a_step and not small:
                break
            full.append(batch[: len(batch) // self.processes * self.processes])
            remaining = later
        return list(filter(None, full))[:wanted], np.array(remaining, dtype=int)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_batches_are_those_of_the_plain_algorithm(processes: int) -> None:
    rng = np.random.default_rng(processes)
    for seed in range(60):
        count = int(rng.integers(1, 300))
        anchors, positives, facts = (rng.integers(0, rng.integers(1, 2 * count + 2), count) for _ in range(3))
        data = Dataset.from_dict(
            {"anchor": [f"a{n}" * (n % 7 + 1) for n in anchors], "positive": [f"p{n}" * (n % 5 + 1) for n in positives]}
        )
        settings = {"batch_size": int(rng.integers(1, 40)), "drop_last": False, "seed": seed, "processes": processes}
        settings["facts"] = facts.tolist() if seed % 2 else None
        made = []
        for sampler in (PlainBatches(data, **settings), SortedBatches(data, **settings)):
            sampler.set_epoch(seed % 3)
            try:
                made.append(list(sampler))
            except ValueError as error:
                made.append(str(error))
        assert made[0] == made[1]


@pytest.mark.parametrize("distinct", [20, 60, 200])
def test_few_distinct_positives_take_no_longer(distinct: int) -> None:
    """Looking at each row again for each batch took 26 seconds for this."""
    positives = [f"positive {n % distinct}" for n in range(32_000)]
    sampler = SortedBatches(
        Dataset.from_dict({"anchor": [f"anchor {n}" for n in range(32_000)], "positive": positives}),
        batch_size=64,
        drop_last=False,
    )
    started = time.process_time()
    seen, rows_a_step = sampler.coverage()
    assert time.process_time() - started < 1
    assert rows_a_step == pytest.approx(min(distinct, 64), abs=0.5)
    assert seen == pytest.approx(min(distinct, 64) / 64, abs=0.01)
