"""``python -m kgss_helpers exam``: prints the table, or derives the questions and records the simple methods anew."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from typing import get_args

import pandas as pd

from kgss_helpers.exam import films
from kgss_helpers.exam.films.variants import make_variants
from kgss_helpers.exam.results import EDITION, METRICS
from kgss_helpers.files import write_whole
from kgss_helpers.methods.baselines import Popularity, Random, RolePopularity, WordMatch
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.question import Split, save_questions


def build_parser() -> argparse.ArgumentParser:
    """The command's options; the front door's help repeats them, since it may not import this module."""
    parser = argparse.ArgumentParser(
        prog="python -m kgss_helpers exam", description="Print the exam's table, as recorded."
    )
    parser.add_argument("--metric", choices=METRICS, default="nDCG@10", help="what is measured; nDCG@10 if not given")
    parser.add_argument("--split", choices=get_args(Split), default="test", help="which half; test if not given")
    parser.add_argument(
        "--edition", type=int, choices=sorted(films.RESULTS), default=EDITION,
        help="1 is the exam of older recorded runs; 2 if not given",
    )  # fmt: skip
    parser.add_argument("--variants", action="store_true", help="show the misspelt and the Hungarian questions instead")
    parser.add_argument(
        "--renew", action="store_true", help="derive the questions from the graph again and record the simple methods"
    )
    return parser


def main(argv: Sequence[str] = ()) -> int:
    """The command; returns its exit status."""
    options = build_parser().parse_args(list(argv))
    if options.renew:
        renew()
    table = films.table(options.metric, split=options.split, edition=options.edition, variants=options.variants)
    print(caption(options.metric, options.split, options.edition, table, variants=options.variants))
    if table.size:
        print(table.loc[:, (table != "").any()].to_string())
    return 0


def caption(metric: str, split: Split, edition: int, table: pd.DataFrame, *, variants: bool = False) -> str:
    """What the printed table shows, in one line."""
    exam = f"the {split} half of the film exam, edition {edition}"
    if not table.size:
        return f"Nothing is recorded for {exam}{', put differently' if variants else ''}."
    by = "the mean of all families" if films.HEADLINE not in table else films.HEADLINE
    said = ""
    if variants:
        families = dict.fromkeys(
            family for result in films.results(split=split, edition=edition) for family in result.variant_families()
        )
        by, said = "as written", f"; means over {', '.join(families)}"
    line = f"{metric} on {exam}{said}; 95 % intervals in brackets; sorted by {by}, worst first"
    if "seconds" in table and (table["seconds"] != "").any():
        line += "; costs in processor time, empty where nothing is learned or kept before a question"
    return line + "."


def simple_methods() -> list[Method | Encoder]:
    """What sits the exam without a model and without training."""
    return [Random(), Popularity(), RolePopularity(), WordMatch(), WordMatch("films"), WordMatch("skills")]


def renew() -> None:
    """Derives the questions and their variants, and lets the simple methods sit anew."""
    renew_questions()
    for method in simple_methods():
        for split in get_args(Split):
            films.sit(method, split=split).save(films.RESULTS[EDITION])


def renew_questions() -> None:
    """Writes ``questions.jsonl`` and ``variants.csv``."""
    questions = films.derive_questions()
    save_questions(questions, films.QUESTIONS)
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(["question_id", "variant", "text"])
    writer.writerows(make_variants(questions, films.load_films()))
    write_whole(films.by_hand.FOLDER / "variants.csv", rows.getvalue())
    films.read_film_exam.cache_clear()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
