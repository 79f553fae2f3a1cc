"""The primer's rows keep their split, its losses learn them, and its widget shows what its pure function returns."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kgss_helpers.datasets.primer import COLUMNS, LABELS, PRIMER, load_other_words, load_primer, texts

WELL = {
    "sts": "split,sentence1,sentence2,score\ntrain,a,b,0.5\nheld out,c,d,1\n",
    "nli": "split,sentence1,sentence2,label\ntrain,e,f,neutral\nheld out,g,h,neutral\n",
    "triplets": "split,anchor,positive,negative\ntrain,i,j,k\nheld out,l,m,n\n",
    "pairs": "split,anchor,positive\ntrain,o,p\nheld out,q,r\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind, content in WELL.items():
        (tmp_path / f"{kind}.csv").write_text(content, encoding="utf-8")
    return tmp_path


def test_sizes_and_columns() -> None:
    rows = load_primer()
    sizes = {kind: tuple(map(len, parts)) for kind, parts in rows.items()}
    assert sizes == {"sts": (80, 40), "nli": (102, 48), "triplets": (80, 40), "pairs": (133, 67)}
    assert all(tuple(part.columns) == COLUMNS[kind] for kind, parts in rows.items() for part in parts)
    assert len(load_other_words()) == 200


def test_no_text_stands_on_both_sides_of_any_file() -> None:
    rows = load_primer()
    for (_, (train, _)), (_, (_, held_out)) in [*combinations(rows.items(), 2), *((x, x) for x in rows.items())]:
        assert not texts(train) & texts(held_out)
    seen = set().union(*(texts(train) | texts(held_out) for train, held_out in rows.values()))
    assert not seen & texts(load_other_words())


def test_no_row_occurs_twice_and_no_row_contradicts_itself() -> None:
    for kind in COLUMNS:
        table = pd.read_csv(PRIMER / f"{kind}.csv")
        words = table.select_dtypes(exclude="number").drop(columns=["split", "label"], errors="ignore")
        assert not words.duplicated().any(), kind
        assert all(len(set(row)) == len(row) for row in words.itertuples(index=False)), kind


def test_labels_are_balanced() -> None:
    for part in load_primer()["nli"]:
        assert len(set(Counter(part["label"]).values())) == 1
        assert set(part["label"]) == set(range(len(LABELS)))


def test_a_well_formed_folder_is_read(folder: Path) -> None:
    assert load_primer(folder)["nli"][0]["label"].tolist() == [1]


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("sts", "train,a,b,0.5", "train,a,b,5", "sts.csv, line 2: score is .*5.*; it must be a number from 0 to 1"),
        ("nli", "train,e,f,neutral", "train,e,f,maybe", "nli.csv, line 2: label"),
        ("pairs", "held out,q,r", "held out,q, ", "pairs.csv, line 3: positive is .*; it must be a text"),
        ("pairs", "held out,q,r", "test,q,r", "pairs.csv, line 3: split"),
        ("triplets", "negative", "wrong", "no column 'negative'"),
        ("pairs", "held out,q,r", "held out,q,a", "'a' stands in training rows and in held-out rows"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, kind: str, old: str, new: str, message: str) -> None:
    (folder / f"{kind}.csv").write_text(WELL[kind].replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_primer(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "nli.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"nli\.csv"):
        load_primer(folder)


def test_measures_on_rows_whose_answer_is_known() -> None:
    from kgss_helpers.chapters.ch10_sentence_transformers import measure

    assert measure(np.array([1, 0, 1, 1])) == 0.75
    assert measure(np.array([0.1, 0.2, 0.3]), np.array([1, 2, 3])) == pytest.approx(1)
    mean, low, high = interval(np.array([True] * 30 + [False] * 10))
    assert mean == 0.75
    assert 0.55 < low < 0.75 < high < 0.95
    same = np.array([True, False] * 20)
    assert interval(same, before=(same,)).tolist() == [0, 0, 0]


def test_places_count_from_one() -> None:
    from kgss_helpers.methods.static import static_model

    pairs = pd.DataFrame({"anchor": ["a film about space"], "positive": ["cheese"]})
    candidates = pd.Series(["cheese", "a film about space", "a film about the moon"])
    assert places(static_model(dimensions=32), pairs, candidates).tolist() == [3]


def test_static_models_repeat_and_refuse_nonsense() -> None:
    from kgss_helpers.chapters.ch10_sentence_transformers import loss_for
    from kgss_helpers.methods.static import static_model

    first, second = (static_model("random", dimensions=8, seed=3).encode(["space"]) for _ in range(2))
    assert np.array_equal(first, second)
    with pytest.raises(ValueError, match="start is"):
        static_model("zeros")
    with pytest.raises(ValueError, match="no kind of row"):
        loss_for("poems", static_model("random", dimensions=8))


def test_teaching_helps_and_the_bench_shows_what_the_function_returns() -> None:
    from kgss_helpers.chapters.ch10_sentence_transformers import PrimerBench, before_and_after

    rows = load_primer()
    table = before_and_after("pairs", rows, epochs=3)
    assert table.loc["pairs", "gain"] > 0.2
    bench = PrimerBench(rows)
    bench.epochs.value = 3
    bench.button.click()
    assert f"{table.loc['pairs', 'after']:.2f}"[:3] in bench.result.value
    assert "question and answer" in bench.result.value
    assert not bench.button.disabled
    with pytest.raises(ValueError, match="a batch needs two rows"):
        before_and_after("pairs", rows, batch_size=1)
