"""Fine-tuning a sentence transformer on rows of texts; as a command, ``python -m kgss_helpers.training.sbert``."""

from kgss_helpers.training.sbert.batches import SortedBatches
from kgss_helpers.training.sbert.losses import (
    LENGTHS,
    both_directions,
    cached_multiple_negatives,
    distilled,
    guided,
    multiple_negatives,
    nested,
)
from kgss_helpers.training.sbert.train import train_sbert

__all__ = [
    "LENGTHS",
    "SortedBatches",
    "both_directions",
    "cached_multiple_negatives",
    "distilled",
    "guided",
    "multiple_negatives",
    "nested",
    "train_sbert",
]
