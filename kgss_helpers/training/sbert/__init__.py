"""Fine-tuning a sentence transformer on rows of texts; as a command, ``python -m kgss_helpers.training.sbert``."""

from kgss_helpers.training.sbert.batches import SortedBatches
from kgss_helpers.training.sbert.losses import both_directions, cached_multiple_negatives, multiple_negatives
from kgss_helpers.training.sbert.train import train_sbert

__all__ = ["SortedBatches", "both_directions", "cached_multiple_negatives", "multiple_negatives", "train_sbert"]
