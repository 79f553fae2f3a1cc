"""GraphSAGE at the scale of the seminar that this workbook grew out of: more than a million nodes, 128 dimensions.

``python -m kgss_helpers.runs.million_nodes`` trains on a synthetic graph of 1,050,000 nodes with 1,000 communities,
embeds all of it, and keeps learning curve and circumstances in ``data/results/sage``; the weights, the vectors and the
checkpoints stay in ``build/sage-million``. Interrupted, it goes on with ``--resume``. A node's features stay as they
are: a learned table of that size would take two gigabytes with what the optimizer keeps, all of it touched every step.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from kgss_helpers.files import DATA, write_whole
from kgss_helpers.training.sage import __main__ as command
from kgss_helpers.training.sage.sage_command import CONFIG, HISTORY

RECORDED = DATA / "results" / "sage"
OPTIONS = ("--graph", "synthetic", "--nodes", "1050000", "--communities", "1000", "--features", "planted",
           "--epochs", "13", "--measure-every", "500000", "--learning-rate", "0.003")  # fmt: skip
"""Each of more than six million edges once, in thirteen parts, with a measurement after every part."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers.runs.million_nodes", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build") / "sage-million", help="(%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the output")
    options = parser.parse_args(argv)
    status = command.main([*OPTIONS, "--output", str(options.output), *(["--resume"] if options.resume else [])])
    if status == 0:
        keep(options.output)
    return status


def keep(output: Path) -> None:
    """Copies learning curve and circumstances from a run's folder, and says what renews them."""
    RECORDED.mkdir(parents=True, exist_ok=True)
    write_whole(RECORDED / "million.csv", (output / HISTORY).read_text(encoding="utf-8"))
    config = {"command": "python -m kgss_helpers.runs.million_nodes", "options": " ".join(OPTIONS)}
    config |= json.loads((output / CONFIG).read_text(encoding="utf-8"))
    write_whole(RECORDED / "million.json", json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
