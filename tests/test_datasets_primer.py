"""The primer's rows keep their split, and a wrong file is refused by line."""

from collections import Counter
from itertools import combinations
from pathlib import Path

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
        ("sts", "train,a,b,0.5", "train,a,b,nan", "sts.csv, line 2: score is 'nan'"),
        ("sts", "train,a,b,0.5", "train,a,b,inf", "sts.csv, line 2: score is 'inf'"),
        ("sts", "train,a,b,0.5", "train,a,b", "sts.csv, line 2: 3 fields, and the header has 4"),
        ("sts", "train,a,b,0.5", "train,a,b,0.5,c", "sts.csv, line 2: 5 fields, and the header has 4"),
        ("sts", "held out,c,d,1", "\n\nheld out,c,d,9", "sts.csv, line 5: score is '9'"),
        ("pairs", "held out,q,r", 'held out,"q,r', r"pairs.csv, from line 3: it is no CSV \(unexpected end"),
        ("pairs", "held out,q,r\n", "", "pairs.csv has no row whose split is 'held out'"),
        ("pairs", "train,o,p\nheld out,q,r\n", "", "pairs.csv has no rows"),
        ("pairs", "anchor,positive", "anchor,anchor", "pairs.csv has two columns of one name"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, kind: str, old: str, new: str, message: str) -> None:
    (folder / f"{kind}.csv").write_text(WELL[kind].replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_primer(folder)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "sts.csv has no rows"),
        (b"\x00\x00\x00", "sts.csv has no rows"),
        (b"PK\x03\x04 a zip file", "sts.csv has no rows"),
        (b"split,sentence1,sentence2,score\ntrain,a,b,1\ntrain,\xe9,b,0.5\n", "sts.csv, line 3: it is not UTF-8"),
    ],
)
def test_a_file_that_is_none_is_named(folder: Path, raw: bytes, message: str) -> None:
    (folder / "sts.csv").write_bytes(raw)
    with pytest.raises(ValueError, match=message):
        load_primer(folder)


def test_numbers_and_missing_values_are_texts_where_texts_are_due(folder: Path) -> None:
    (folder / "pairs.csv").write_text("split,anchor,positive\ntrain,1,NA\nheld out,007,None\n", encoding="utf-8")
    train, held_out = load_primer(folder)["pairs"]
    assert (train.iloc[0].tolist(), held_out.iloc[0].tolist()) == (["1", "NA"], ["007", "None"])


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "nli.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"nli\.csv"):
        load_primer(folder)
