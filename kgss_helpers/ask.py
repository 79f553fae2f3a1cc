"""The film graph, asked in a terminal: ranks, names, and the edges that support them.

python -m kgss_helpers ask "a good sci-fi director" --type person
python -m kgss_helpers ask                                  # asks for one question after the other
"""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from kgss_helpers.methods.fusion import Router
    from kgss_helpers.methods.hybrid import HybridSearch

WIDEST = 110
"""Columns of a terminal that are used at most."""
MOST = 50
"""Answers that are printed at most."""


def load_system() -> HybridSearch:
    """The workbook's one search, read by the tuned model, on all that the exam lets a method see; ready in seconds.

    Raises:
        FileNotFoundError: Vectors or the model are missing; says how to get them.
        ValueError: The kept vectors are of another model or of other texts; says how to renew them.
    """
    from kgss_helpers.exam.films import film_exam
    from kgss_helpers.methods.hybrid import HybridSearch
    from kgss_helpers.methods.pretrained import TUNED
    from kgss_helpers.runs.tuned_texts import kept_vectors

    vectors, graph = kept_vectors(TUNED), film_exam().newcomer_graph
    return HybridSearch(vectors.model, graph, router=_router(), vectors=vectors, foresee=False).fit()


def _router() -> Router | None:
    """What was learned for the tuned reader, or else for its base; all sources count alike where there is neither."""
    from kgss_helpers.methods.pretrained import PACKAGED, TUNED
    from kgss_helpers.runs.hybrid_rows import load_router

    for reader in (TUNED, PACKAGED):
        with suppress(FileNotFoundError):
            return load_router(reader)
    return None


def answers_as_text(found: pd.DataFrame, *, width: int = WIDEST) -> str:
    """One line an answer, its rank, name and reason; long reasons go on below themselves.

    Args:
        found: As from `HybridSearch.search`: ``name``, ``node_type`` and ``why``.
        width: Columns that there are.
    """
    if not len(found):
        return "Nothing is found; ask in other words."
    longest = min(max(map(len, found["name"])), width // 2)
    lines = []
    for rank, row in enumerate(found.itertuples(), 1):
        start = f"{rank:>3}  {textwrap.shorten(row.name, longest, placeholder='…'):<{longest}}  "
        lines.append(textwrap.fill(row.why, max(width, 40), initial_indent=start, subsequent_indent=" " * len(start)))
    return "\n".join(lines)


def asked_for(text: str) -> Iterator[str]:
    """The question that was given, or else one after the other as they are typed, until an empty line."""
    if text:
        yield text
        return
    ask = partial(input, "Your question (nothing ends it): ") if sys.stdin.isatty() else input
    while True:
        try:
            typed = ask().strip()
        except EOFError:
            return
        if not typed:
            return
        yield typed


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers ask", description="Ask the film graph a question.")
    parser.add_argument("text", nargs="*", help="the question; without one, questions are asked for")
    parser.add_argument("--type", dest="node_type", help="only nodes of this type: person, project, keyword or genre")
    parser.add_argument("-k", type=int, default=10, help="how many answers at most (%(default)s)")
    options = parser.parse_args(argv)
    if not 1 <= options.k <= MOST:
        parser.error(f"-k must be from 1 to {MOST}, not {options.k}")
    from kgss_helpers.session import setup

    setup()
    try:
        system = load_system()
        if options.node_type is not None:
            system.graph.require_known([options.node_type], "node_type")
        width = min(shutil.get_terminal_size().columns - 1, WIDEST)
        for text in asked_for(" ".join(options.text).strip()):
            print(answers_as_text(system.search(text, node_type=options.node_type, k=options.k), width=width))
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
