"""``python -m kgss_helpers exam``: prints the table, or derives the questions and records the baselines anew."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import get_args

from kgss_helpers.datasets.films import load_films
from kgss_helpers.exam import films
from kgss_helpers.exam.results import METRICS
from kgss_helpers.methods.baselines import Popularity, Random, WordMatch
from kgss_helpers.question import Split, load_questions, save_questions


def main(argv: Sequence[str] = ()) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m kgss_helpers exam", description="Print every method's row of the exam."
    )
    parser.add_argument("--metric", choices=METRICS, default="nDCG@10")
    parser.add_argument("--split", choices=get_args(Split), default="test")
    parser.add_argument(
        "--renew", action="store_true", help="derive the questions that the graph proves again and record the baselines"
    )
    options = parser.parse_args(list(argv))
    if options.renew:
        renew()
    print(films.table(options.metric, split=options.split).to_string())
    return 0


def renew() -> None:
    """Derives the families that the graph proves, keeps those written by hand, and lets the baselines sit anew."""
    by_hand = [question for question in load_questions(films.QUESTIONS) if question.family not in films.DERIVED]
    save_questions([*films.derive_questions(load_films()), *by_hand], films.QUESTIONS)
    films.film_exam.cache_clear()
    for method in (Random(), Popularity(), WordMatch()):
        for split in get_args(Split):
            films.sit(method, split=split).save(films.RESULTS)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
