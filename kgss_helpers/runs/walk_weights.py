"""node2vec's one knob: graph walks that turn back less or more, on the validation half of the exam.

python -m kgss_helpers.runs.walk_weights    # half a minute
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from kgss_helpers.exam.films import sit
from kgss_helpers.exam.results import ExamResult, recorded
from kgss_helpers.files import DATA
from kgss_helpers.methods.walks import GraphWalks
from kgss_helpers.runs.predicted_words import WALKS

FOLDER = DATA / "results" / "walk_weights"
BACK = (0.25, 4.0)
"""Weights of the edge back, every edge away having 1; with 1 for both it is the row of plain walks."""


def name_of(back: float) -> str:
    """What the row of a weight is called."""
    return f"{WALKS}, back {back:g}"


def load_weights(folder: Path | str = FOLDER) -> dict[float, ExamResult]:
    """The recorded results on the validation half by weight."""
    found = {result.method: result for result in recorded(folder)}
    return {back: found[name_of(back)] for back in BACK}


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m kgss_helpers.runs.walk_weights", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--to", type=Path, default=FOLDER, help="the folder that is written to")
    options = parser.parse_args(argv)
    for back in BACK:
        result = sit(GraphWalks(back=back, name=name_of(back)), split="validation")
        result.save(options.to)
        print(f"{result.method}: {result.interval()}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
