"""Renews everything that is recorded, one command after the other, and goes on where it was cut off.

python -m kgss_helpers.runs                # all of it: an evening on two cores
python -m kgss_helpers.runs --list         # what there is, and what is done
python -m kgss_helpers.runs --only tuned   # the commands that hold a word, done or not

What is done is kept in ``build/renewal.json``, for the films and the exam as they are: when these change, everything is
to be renewed. A command that was cut off in the middle goes on by means of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kgss_helpers.compute import machine, pick_device
from kgss_helpers.files import write_whole
from kgss_helpers.runs.records import digest

STATE = Path("build") / "renewal.json"
RUNS = "kgss_helpers.runs"
COMMANDS = (
    "kgss_helpers exam --renew",
    *(
        f"{RUNS}.{command}"
        for command in (
            "untuned",
            "counted_words",
            "predicted_words",
            "walk_weights",
            "corpus_sizes",
            "link_embeddings",
            "link_embeddings --held-out",
            "character_vectors",
            "language_models",
            "graph_embeddings",
            "graph_embeddings --compare",
            "sage_with_text --texts",
            "fine_tuning --output build/sbert --record",
            "ablations",
            "tuned",
            "tuned_texts",
            "field_weights --learn",
            "field_weights",
            "field_weights --reader tuned --learn",
            "field_weights --reader tuned",
            "hybrid_rows --learn",
            "hybrid_rows",
            "hybrid_rows --reader tuned --learn",
            "hybrid_rows --reader tuned",
            "space_map",
        )
    ),
)
"""After ``python -m``; each may read what those before it have written."""


def done(state: Path, of: str) -> dict[str, object]:
    """Which commands have been done for these data, each with its minutes; nothing for other data or no file."""
    try:
        kept = json.loads(state.read_text(encoding="utf-8"))
        return dict(kept["done"]) if kept["of"] == of else {}
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return {}


def keep(state: Path, of: str, finished: Mapping[str, object]) -> None:
    """Writes what is done, and on which machine."""
    import torch

    about = {"of": of, "done": dict(finished), **machine(torch.device(pick_device()), bf16=True)}
    write_whole(state, json.dumps(about, indent=1) + "\n")


def resumed(command: str) -> str:
    """The command, told to go on where its output holds a checkpoint."""
    words = command.split()
    if "--output" not in words:
        return command
    output = Path(words[words.index("--output") + 1])
    return f"{command} --resume" if any(output.glob("checkpoints/checkpoint-*")) else command


def main(argv: Sequence[str] | None = None, *, state: Path = STATE) -> int:
    """The command; returns its exit status, that of the first command that failed."""
    parser = argparse.ArgumentParser(prog=f"python -m {RUNS}", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", default="", help="the commands that hold this, done or not")
    parser.add_argument("--list", action="store_true", help="print the commands, and do nothing")
    options = parser.parse_args(argv)
    of = digest()
    finished = done(state, of)
    for command in COMMANDS:
        if options.only not in command:
            continue
        if options.list:
            print(f"{'done' if command in finished else '    '}  python -m {command}")
            continue
        if command in finished and not options.only:
            continue
        started = time.perf_counter()
        print(f"python -m {command}", flush=True)
        status = subprocess.run([sys.executable, "-m", *resumed(command).split()]).returncode
        if status:
            print(f"{command} ended with status {status}; repeat the command, and it goes on from there", flush=True)
            return status
        finished[command] = round((time.perf_counter() - started) / 60, 1)
        keep(state, of := digest(), finished)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
