"""GraphSAGE, trained to tell true edges from false ones; as a command, ``python -m kgss_helpers.training.sage``."""

from kgss_helpers.training.sage.held_out import HeldOutEdges, link_metrics
from kgss_helpers.training.sage.link_prediction import train_sage
from kgss_helpers.training.sage.node_negatives import NodeNegatives

__all__ = ["HeldOutEdges", "NodeNegatives", "link_metrics", "train_sage"]
