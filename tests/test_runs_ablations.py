"""One change at a time: the settings say what they mean, a run leaves what the notebook reads, and is not run twice."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kgss_helpers import exam
from kgss_helpers.exam.films import FAMILIES
from kgss_helpers.files import slug
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.runs import ablations
from kgss_helpers.runs.ablations import (
    LOSSES,
    NEGATIVES,
    RESULTS,
    SCORES,
    SETTINGS,
    SHORTENED,
    STEPS,
    Setting,
    batches_seen,
    chosen,
    done,
    shortened,
)
from kgss_helpers.space import SemanticSpace
from kgss_helpers.text.rows import training_rows
from kgss_helpers.training.sbert import LENGTHS


def test_settings_name_what_there_is() -> None:
    assert len(SETTINGS) == len(set(SETTINGS.values()))
    for setting in SETTINGS.values():
        assert setting.loss in LOSSES
        assert setting.negatives in ("", *NEGATIVES)
        assert setting.batch_size <= max(setting.rows, 128)


def test_one_change_at_a_time() -> None:
    """Batch sizes change what follows from them; the guide and the lengths stand beside the setting that lacks them."""
    base = SETTINGS["batch 128"]
    beside = {"batches by text, guided": "batches by text"}
    for name, setting in SETTINGS.items():
        other = asdict(SETTINGS[beside.get(name, "batch 128")])
        changed = {key for key, value in asdict(setting).items() if value != other[key]}
        if name in ("untuned", "batch 128"):
            continue
        if setting.batch_size == base.batch_size:
            assert len(changed) == 1, name
            assert setting.steps == STEPS
        else:
            assert changed <= {"batch_size", "rows", "steps", "loss"}, name
            assert name.endswith("equal rows" if setting.rows == base.rows else "equal steps")
            assert setting.loss in ("plain", "cached")


def test_rows_are_chosen_in_proportion_and_in_their_order() -> None:
    rows = training_rows(exam.training_graph(), "either", seed=2)
    found = chosen(rows, Setting(rows=400, skills=0.25))
    assert len(found) == 400
    assert (found["relation"] == "skill").sum() == 100
    assert found.index.is_monotonic_increasing


def test_large_batches_see_fewer_rows() -> None:
    rows = training_rows(exam.training_graph(), "either", seed=2)
    small, large = (batches_seen(rows, Setting(rows=1024, batch_size=size)) for size in (32, 512))
    assert small["rows seen"] > 0.9
    assert large["rows seen"] < small["rows seen"]
    assert (small["steps"], large["steps"]) == (32, 2)
    assert 16 < small["rows a batch"] <= 32


@pytest.mark.parametrize("changed", [{}, {"negatives": "mined"}, {"negatives": "person"}, {"by_fact": False}])
def test_every_kind_of_setting_trains(changed: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], dict[str, object]]] = []

    class Trained:
        steps = 2

    def train_sbert(_: object, texts: object, **how: object) -> Trained:
        seen.append((list(texts), how))
        return Trained()

    monkeypatch.setattr(ablations.sbert, "train_sbert", train_sbert)
    few = replace(Setting(rows=64, steps=2, batch_size=32), **changed)
    cost = ablations.train(load_pretrained(device="cpu"), few)
    (columns, how), *_ = seen
    assert len(columns) == (3 if few.negatives else 2)
    assert (how["facts"] is not None) == few.by_fact
    assert how["max_steps"] == 2
    assert how["learning_rate"] == pytest.approx(few.learning_rate / 2)
    assert cost["taken"] == 2


def test_a_shortened_space_is_of_unit_vectors_and_says_so() -> None:
    nodes = {"node_id": ["a", "b"], "name": ["a", "b"], "node_type": ["person", "person"]}
    edges = {"source": ["a"], "target": ["b"], "relation": ["knows"]}
    graph = KnowledgeGraph(pd.DataFrame(nodes), pd.DataFrame(edges), name="two")
    vectors = np.array([[0.6, 0.0, 0.8], [0.0, 1.0, 0.0]], dtype=np.float32)
    space = SemanticSpace.of(graph, vectors, name="whole", texts={"who?": vectors[0]})
    short = shortened(space, 2)
    assert short.name == "whole, 2 numbers"
    np.testing.assert_allclose(short.vectors, [[1, 0], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(short.texts["who?"].ravel(), [1, 0], atol=1e-6)
    assert space.vectors.shape == (2, 3)


def test_what_was_run_is_not_run_again_and_another_setting_is(tmp_path: Path) -> None:
    setting = SETTINGS["batch 128"]
    assert not done("batch 128", setting, tmp_path)
    recorded = RESULTS / "batch-128.json"
    (tmp_path / recorded.name).write_bytes(recorded.read_bytes())
    assert done("batch 128", setting, tmp_path)
    assert not done("batch 128", replace(setting, seed=1), tmp_path)


def test_what_is_recorded_is_whole() -> None:
    names = {json.loads(path.read_text(encoding="utf-8"))["name"] for path in RESULTS.glob("*.json")}
    assert names == set(SETTINGS)
    results = exam.recorded(RESULTS / SCORES)
    short = {f"{name}, {length} numbers" for name in SHORTENED for length in LENGTHS[1:]}
    wanted = {(name, split) for name in names | short for split in ("validation", "test")}
    assert {(result.method, result.split) for result in results} == wanted
    asked = {question.question_id for question in exam.film_exam().questions}
    for result in results:
        assert set(result.by_family()) == set(FAMILIES)
        assert set(result.scores["question_id"]) <= asked


def test_recorded_settings_are_those_of_the_code() -> None:
    for name, setting in SETTINGS.items():
        assert done(name, setting, RESULTS), name
        kept = json.loads((RESULTS / f"{slug(name)}.json").read_text(encoding="utf-8"))
        assert kept["edition"] == exam.results.EDITION
        assert kept["taken"] == setting.steps or not setting.steps or not setting.rows
