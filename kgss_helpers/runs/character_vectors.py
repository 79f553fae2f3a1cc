"""The exam's rows of notebook 06: a spell checker before others, and a network that reads characters, with its weights.

python -m kgss_helpers.runs.character_vectors                    # all rows: a quarter of an hour on two cores
python -m kgss_helpers.runs.character_vectors --only "on slips"  # the one whose weights the notebook loads

A training that was interrupted goes on where it was, from ``build/characters``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from kgss_helpers.exam import training_graph
from kgss_helpers.files import DATA
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.baselines import WordMatch
from kgss_helpers.methods.character_encoder import CharacterEncoder, CharCNN
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.spell_checked import SpellChecked, speller_of
from kgss_helpers.methods.structured import StructuredQuery
from kgss_helpers.methods.word_vectors import MINILM, load_word_vectors
from kgss_helpers.runs.recording import record
from kgss_helpers.training.characters import FILE, MOST_EDITS, train_encoder
from kgss_helpers.training.logbook import print_last

EPOCHS = 4
CHECKPOINTS = DATA.parent / "build" / "characters"
WEIGHTS = DATA / "results" / "characters" / FILE
ON_SLIPS, WITHOUT_SLIPS = "character CNN, trained on slips", "character CNN, trained without slips"


def trained(
    graph: KnowledgeGraph, *, most_edits: int, checkpoints: Path | None = None, weights: Path | None = None,
    epochs: float = EPOCHS,
) -> tuple[CharCNN, float]:  # fmt: skip
    """A network trained on the graph, and the seconds of processor time that took.

    Args:
        graph: The training graph.
        most_edits: Slips of the finger in a training text, at most.
        checkpoints: Where the training keeps them, and goes on from the last one.
        weights: Where the weights are kept, if anywhere.
        epochs: How often all rows are seen.
    """
    before = time.process_time()
    run = train_encoder(
        graph, epochs=epochs, most_edits=most_edits, device="cpu", checkpoint_dir=checkpoints, save_every=50,
        resume=checkpoints is not None and any(checkpoints.glob("*")), on_log=print_last,
        on_epoch_end=lambda _model, _epoch: {"processor_seconds": time.process_time() - before},
    ).require_finished()  # fmt: skip
    if weights is not None:
        run.model.save(weights)
    return run.model, float(run.history["processor_seconds"].max())


def methods(
    checkpoints: Path | None = CHECKPOINTS, weights: Path | None = WEIGHTS
) -> Iterator[SpellChecked | CharacterEncoder]:
    """Two methods behind a spell checker; the network, trained on texts with slips, and on texts as they are."""
    speller = speller_of(training_graph(), list(load_word_vectors(MINILM).key_to_index))
    yield SpellChecked(WordMatch("skills"), speller)
    yield SpellChecked(StructuredQuery(load_pretrained(device="cpu")), speller)

    def trainer(most_edits: int, weights: Path | None) -> Callable[[KnowledgeGraph], tuple[CharCNN, float]]:
        folder = checkpoints / f"slips-{most_edits}" if checkpoints else None
        return partial(trained, most_edits=most_edits, checkpoints=folder, weights=weights)

    yield CharacterEncoder(trainer(MOST_EDITS, weights), name=ON_SLIPS)
    yield CharacterEncoder(trainer(0, None), name=WITHOUT_SLIPS)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    about = (__doc__ or "").split("\n")[0]
    return record(methods, argv, command="kgss_helpers.runs.character_vectors", about=about)


if __name__ == "__main__":
    raise SystemExit(main())
