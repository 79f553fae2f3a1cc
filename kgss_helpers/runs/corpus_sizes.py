"""How much text Word2Vec needs: trained on 30 to 500 thousand words, measured on WordSim-353.

python -m kgss_helpers.runs.corpus_sizes    # about a minute and a half
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.files import DATA, write_whole
from kgss_helpers.methods.word2vec import word2vec
from kgss_helpers.runs.records import COUNT, SHARE, checked, read_json, reading
from kgss_helpers.text.corpora import lee_corpus, wikipedia_corpus

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

RECORDED = DATA / "results" / "word_vectors" / "corpus_sizes.json"
SIZES = (30_000, 60_000, 125_000, 250_000, 500_000)
EPOCHS = 10
DRAWS = 2
"""So many times the text is cut and put in another order, to see how much chance there is in a number."""
PIECE = 100
"""Articles are cut into pieces of so many words, so that a small corpus is no less varied than a large one."""
CBOW, SKIP_GRAM, AS_MANY_STEPS = "CBOW", "skip-gram", "skip-gram, as many steps"


def general_corpus() -> list[list[str]]:
    """The news of Lee and the articles of Wikipedia, nothing of any graph."""
    return [*lee_corpus(), *wikipedia_corpus()]


def sample(corpus: Sequence[Sequence[str]], words: int, seed: int) -> list[list[str]]:
    """Pieces of a corpus, drawn without replacement until there are so many words.

    Of one seed, a larger sample begins with the smaller one.

    Raises:
        ValueError: The corpus has fewer words.
    """
    pieces = [list(text[at : at + PIECE]) for text in corpus for at in range(0, len(text), PIECE)]
    order = np.random.default_rng(seed).permutation(len(pieces))
    upto = np.cumsum([len(pieces[row]) for row in order])
    if upto[-1] < words:
        raise ValueError(f"the corpus has {upto[-1]:,} words, fewer than {words:,}; ask for less")
    count = int(np.searchsorted(upto, words)) + 1
    drawn = [pieces[row] for row in order[:count]]
    drawn[-1] = drawn[-1][: len(drawn[-1]) - int(upto[count - 1] - words)]
    return drawn


@cache
def word_pairs() -> pd.DataFrame:
    """WordSim-353 (Finkelstein and others 2002), as gensim bundles it: ``first``, ``second``, ``score`` of 0 to 10."""
    from gensim.test.utils import datapath

    pairs = pd.read_csv(datapath("wordsim353.tsv"), sep="\t", comment="#", names=["first", "second", "score"])
    return pairs.assign(first=pairs["first"].str.lower(), second=pairs["second"].str.lower())


def known_pairs(table: KeyedVectors, pairs: pd.DataFrame) -> np.ndarray:
    """Of which pairs a table knows both words, shape (pairs,)."""
    return np.array(
        [one in table and other in table for one, other in zip(pairs["first"], pairs["second"], strict=True)]
    )


def agreement(table: KeyedVectors, pairs: pd.DataFrame) -> float:
    """Spearman's correlation of a table's cosines with people's scores; a pair with an unknown word gets the mean.

    So every table is measured on the same pairs, and one that knows few words cannot look good by it.
    """
    known = known_pairs(table, pairs)
    words = pairs.loc[known, ["first", "second"]].itertuples(index=False)
    cosines = pd.Series(np.nan, index=pairs.index)
    cosines[known] = [table.similarity(first, second) for first, second in words]
    return float(cosines.fillna(cosines.mean()).corr(pairs["score"], method="spearman"))


def measure(draws: int = DRAWS) -> Iterator[dict[str, object]]:
    """One row for each way to train, size and draw."""
    corpus, pairs = general_corpus(), word_pairs()
    for seed in range(draws):
        for words in SIZES:
            text = sample(corpus, words, seed)
            ways = {CBOW: EPOCHS, SKIP_GRAM: EPOCHS}
            if words in (SIZES[0], SIZES[2]):
                ways[AS_MANY_STEPS] = EPOCHS * SIZES[-1] // words
            for way, epochs in ways.items():
                table = word2vec(text, skip_gram=way != CBOW, epochs=epochs, seed=seed)
                known = known_pairs(table, pairs)
                yield {
                    "way": way, "words": words, "draw": seed, "epochs": epochs, "vocabulary": len(table),
                    "covered": round(float(known.mean()), 4),
                    "all pairs": round(agreement(table, pairs), 4),
                    "known pairs": round(agreement(table, pairs[known]), 4),
                }  # fmt: skip


def load_sizes(path: Path | str = RECORDED) -> pd.DataFrame:
    """The recorded rows; the other columns are as in `measure`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged; names it, row, column, and the command that makes it anew.
    """
    counts = dict.fromkeys(("words", "draw", "epochs", "vocabulary"), COUNT)
    agreements = dict.fromkeys(("all pairs", "known pairs"), (-1, 1))
    with reading(path, "python -m kgss_helpers.runs.corpus_sizes") as file:
        return checked(read_json(file)["rows"], counts | {"covered": SHARE} | agreements, ["way"])


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m kgss_helpers.runs.corpus_sizes", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--to", type=Path, default=RECORDED, help="the file that is written")
    options = parser.parse_args(argv)
    start, rows = time.process_time(), []
    for row in measure():
        print(*row.values(), flush=True)
        rows.append(row)
    machine = f"{platform.machine()}, one thread, {time.process_time() - start:.0f} s of processor time"
    command = "python -m kgss_helpers.runs.corpus_sizes"
    lines = ",\n".join(json.dumps(row) for row in rows)
    text = f'{{"command": {json.dumps(command)}, "machine": {json.dumps(machine)}, "rows": [\n{lines}\n]}}\n'
    write_whole(options.to, text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
