"""For notebook 01: what kinds of sentences a graph holds, and how unequally its edges are shared out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.show.graph_view import NODE_STYLE, OTHER_STYLE
from kgss_helpers.text.sentences import verb

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def degrees(graph: KnowledgeGraph) -> Figure:
    """How many nodes have at least so many edges, by type, on logarithmic axes: few hubs, a long tail."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    for node_type, rows in graph.nodes.groupby("node_type", sort=True).indices.items():
        values, counts = np.unique(graph.degree.to_numpy()[rows], return_counts=True)
        at_least = counts[::-1].cumsum()[::-1]
        color, _, marker = NODE_STYLE.get(node_type, OTHER_STYLE)
        axes.loglog(values, at_least, marker + "-", color=color, markersize=5, linewidth=1, label=node_type)
    axes.set(title="A few hubs, a long tail", xlabel="edges of a node, at least", ylabel="nodes")
    axes.legend()
    return figure


def relation_phrases(graph: KnowledgeGraph) -> pd.DataFrame:
    """Each kind of sentence with its count and its verb: what a drawing of the graph's schema shows."""
    return graph.summary().assign(verb=lambda rows: rows["relation"].map(verb))
