"""One change at a time: the settings say what they mean, and a run leaves what the notebook reads."""

import json

import pandas as pd
import pytest

from kgss_helpers import exam
from kgss_helpers.exam.films.first_edition import FAMILIES
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.runs import ablations
from kgss_helpers.runs.ablations import (
    LOSSES,
    NEGATIVES,
    RESULTS,
    SCORES,
    SETTINGS,
    STYLES,
    Setting,
    batches_seen,
    chosen,
)
from kgss_helpers.text.rows import training_rows


def test_settings_name_what_there_is() -> None:
    assert len(SETTINGS) == len(set(SETTINGS.values()))
    for setting in SETTINGS.values():
        assert setting.loss in LOSSES
        assert setting.negatives in ("", *NEGATIVES)
        assert setting.batch_size <= max(setting.rows, 128)


def test_one_change_at_a_time_is_at_equal_rows() -> None:
    rows = {setting.rows for name, setting in SETTINGS.items() if name != "untuned" and not name.startswith("best")}
    assert len(rows) == 1


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


@pytest.mark.parametrize("setting", [Setting(), Setting(negatives="mined"), Setting(negatives="person", count=2)])
def test_every_kind_of_setting_trains(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], dict[str, object]]] = []
    monkeypatch.setattr(ablations.sbert, "train_sbert", lambda _, texts, **how: seen.append((list(texts), how)))
    few = Setting(rows=64, batch_size=32, negatives=setting.negatives, count=setting.count)
    cost = ablations.train(load_pretrained(device="cpu"), few)
    (columns, how), *_ = seen
    assert len(columns) == 2 + (setting.count if setting.negatives else 0)
    assert how["learning_rate"] == pytest.approx(few.learning_rate / 2)
    assert 0 < cost["rows"] <= 64


def test_what_is_recorded_is_whole() -> None:
    names = {json.loads(path.read_text(encoding="utf-8"))["name"] for path in RESULTS.glob("*.json")}
    assert names == set(SETTINGS)
    sat = {(result.method, result.split) for result in exam.recorded(RESULTS / SCORES, edition=1)}
    assert {(f"{name}, {STYLES[1]}", split) for name in SETTINGS for split in ("validation", "test")} <= sat
    asked = {question.question_id for question in exam.film_exam(edition=1).questions}
    for result in exam.recorded(RESULTS / SCORES, edition=1):
        assert set(result.by_family()) == set(FAMILIES)
        assert set(result.scores["question_id"]) <= asked


def test_recorded_settings_are_those_of_the_code() -> None:
    for path in RESULTS.glob("*.json"):
        kept = json.loads(path.read_text(encoding="utf-8"))
        setting = pd.Series(vars(SETTINGS[kept["name"]])).drop("rows")
        assert kept == kept | setting.to_dict()
