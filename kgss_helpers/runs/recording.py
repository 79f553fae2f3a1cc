"""One command for every file that records rows of the exam: which methods, both halves, one after the other."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import get_args

from kgss_helpers.compute import release_memory
from kgss_helpers.exam.films import RESULTS, sit
from kgss_helpers.exam.results import EDITION
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.question import Split


def record(
    methods: Callable[[], Iterable[Method | Encoder]], argv: Sequence[str] | None, *, command: str, about: str
) -> int:
    """Lets each method sit both halves of the film exam, validation first, and keeps its rows in ``data/results``.

    Args:
        methods: Makes them, the cheap ones first.
        argv: What stands behind the command.
        command: How it is called, such as ``"kgss_helpers.runs.untuned"``.
        about: What it records, in one line.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {command}", description=about)
    parser.add_argument("--only", default="", help="only methods whose name holds this")
    options = parser.parse_args(argv)
    for method in methods():
        if options.only in method.name:
            for split in get_args(Split):
                result = sit(method, split=split)
                result.save(RESULTS[EDITION])
                print(f"{method.name}, {split}: {result.interval()}", flush=True)
            release_memory()
    return 0
