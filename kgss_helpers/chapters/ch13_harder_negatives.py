"""For notebook 13: a fact beside a negative of each kind."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets as ipw
import numpy as np
import pandas as pd

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.encoder import encode
from kgss_helpers.runs.epochs import SCALE
from kgss_helpers.show.graph_view import lookup
from kgss_helpers.training.negatives import drawn_negatives, mined_negatives

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def candidates(graph: KnowledgeGraph, rows: pd.DataFrame, model: SentenceTransformer, node_id: str) -> pd.DataFrame:
    """A fact about a node beside a negative of each kind, and the share of the softmax that a model gives to each.

    Args:
        graph: Knows what is true.
        rows: As `training_rows` makes them; the node's first row is used, the others are what is mined from.
        model: Compares.
        node_id: The anchor.

    Returns:
        Columns ``what``, ``text``, ``share``; no row where nothing is said of the node.
    """
    own = rows[rows["node_id"] == node_id].head(1)
    if own.empty:
        return pd.DataFrame(columns=["what", "text", "share"])
    mined = mined_negatives(own, graph, model, among=rows).reindex(own.index)
    texts = {
        "true": own["positive"].item(),
        "a film's description": drawn_negatives(own, graph, "project")["negative_1"].item(),
        "another person's description": drawn_negatives(own, graph, "person")["negative_1"].item(),
        "mined": mined["negative_1"].item(),
    }
    vectors = encode(model, [own["anchor"].item(), *texts.values()])
    weights = np.exp(SCALE * (vectors[1:] @ vectors[0]))
    return pd.DataFrame({"what": texts.keys(), "text": texts.values(), "share": (weights / weights.sum()).round(2)})


class NegativesView(ipw.VBox):
    """Type a name: a true fact, a negative of each kind, and how much of the loss falls on each."""

    def __init__(self, graph: KnowledgeGraph, rows: pd.DataFrame, model: SentenceTransformer, *, start: str) -> None:
        self.graph, self.rows, self.model = graph, rows, model
        self.name = ipw.Text(start, description="Person", continuous_update=False)
        self.result = ipw.HTML()
        self.name.observe(lambda change: self.show(change["new"]), names="value")
        super().__init__([self.name, self.result])
        self.show(start)

    def __repr__(self) -> str:
        return "<anybody's fact beside three kinds of negatives: run this cell in JupyterLab>"

    def show(self, name: str) -> None:
        """Shows the candidates of the first node of that name that has rows."""
        found, message = lookup(self.graph, name)
        tables = (candidates(self.graph, self.rows, self.model, node_id) for node_id in found)
        table = next((table for table in tables if len(table)), None)
        if table is None:
            self.result.value = message or f"No row here is about <b>{escape(name)}</b>; try another person."
        else:
            self.result.value = table.to_html(index=False, escape=True, border=0)
