"""The run at the scale of a million nodes: what it keeps, tried on a small graph, and what was recorded."""

import json
from pathlib import Path

import pandas as pd
import pytest

from kgss_helpers.runs import million_nodes

SMALL = ("--graph", "synthetic", "--nodes", "300", "--communities", "3", "--features", "planted", "--max-steps", "4",
         "--batch-size", "64", "--measure-every", "128", "--device", "cpu")  # fmt: skip


def test_it_keeps_curve_and_circumstances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(million_nodes, "OPTIONS", SMALL)
    monkeypatch.setattr(million_nodes, "RECORDED", tmp_path / "results")
    assert million_nodes.main(["--output", str(tmp_path / "run")]) == 0
    history = pd.read_csv(tmp_path / "results" / "million.csv")
    assert history["AUC"].notna().sum() >= 2
    assert json.loads((tmp_path / "results" / "million.json").read_text())["nodes"] == 300


@pytest.mark.skipif(not (million_nodes.RECORDED / "million.json").exists(), reason="the run has not been recorded")
def test_a_million_nodes_were_trained_and_embedded_within_eight_gigabytes() -> None:
    config = json.loads((million_nodes.RECORDED / "million.json").read_text())
    history = pd.read_csv(million_nodes.RECORDED / "million.csv")
    assert config["nodes"] > 1_000_000
    assert config["dimensions"] == 128
    assert config["peak_memory_gb"] < 8
    assert history["step"].max() == config["steps"]
    measured = history.dropna(subset="AUC")
    assert measured["AUC"].iloc[-1] > measured["AUC"].iloc[0] + 0.1
    assert measured["MRR"].iloc[-1] > 2 * measured["MRR"].iloc[0]
