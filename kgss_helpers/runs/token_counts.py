"""How many tokens GPT vocabularies make of the paragraph in four languages, for notebook 06.

python -m kgss_helpers.runs.token_counts    # seconds; needs tiktoken, and a network or what tiktoken has kept

It writes ``data/results/characters/gpt_tokens.csv``: one row a vocabulary, one column a language.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from kgss_helpers.files import DATA, write_whole
from kgss_helpers.text.tokens import GPT, Tokenizer, counted_pieces, load_gpt

PARAGRAPHS = DATA / "paragraphs.csv"
RECORD = DATA / "results" / "characters" / "gpt_tokens.csv"


def paragraphs() -> pd.DataFrame:
    """The story in four languages: index ``language``, columns ``code``, ``direction`` and ``text``."""
    return pd.read_csv(PARAGRAPHS).set_index("language")


def counts(tokenizers: Sequence[Tokenizer], texts: Mapping[str, str]) -> pd.DataFrame:
    """Size of each vocabulary, and tokens of each text."""
    counted = counted_pieces(tokenizers, texts)
    counted.insert(0, "vocabulary", [one.size for one in tokenizers])
    return counted


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m kgss_helpers.runs.token_counts", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--output", type=Path, default=RECORD)
    options = parser.parse_args(argv)
    found: list[Tokenizer] = []
    for name in GPT:
        try:
            found.append(load_gpt(name))
        except OSError as error:
            print(error)
    if not found:
        print(f"nothing is counted, and {options.output.name} stays as it is")
        return 1
    table = counts(found, paragraphs()["text"].to_dict())
    write_whole(options.output, table.to_csv())
    print(table.to_string())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
