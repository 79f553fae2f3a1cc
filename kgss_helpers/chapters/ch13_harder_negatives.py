"""For notebook 13: a fact beside a negative of each kind, what mining takes for false, and gains drawn about zero."""

from __future__ import annotations

from collections.abc import Mapping, Set
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as ipw
import numpy as np
import pandas as pd

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.encoder import encode
from kgss_helpers.runs.epochs import SCALE
from kgss_helpers.show import charts
from kgss_helpers.show.graph_view import lookup
from kgss_helpers.show.palette import BLACK
from kgss_helpers.training.negatives import drawn_negatives, mined_negatives

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure
    from sentence_transformers import SentenceTransformer

    from kgss_helpers.training.sbert.losses import MakeLoss


def candidates(
    graph: KnowledgeGraph,
    rows: pd.DataFrame,
    model: SentenceTransformer,
    node_id: str,
    *,
    among: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """A fact about a node beside a negative of each kind, and the share of the softmax that a model gives to each.

    Args:
        graph: Knows what is true.
        rows: As `training_rows` makes them; the node's first row is used.
        model: Compares.
        node_id: The anchor.
        among: Rows that are mined from; ``rows`` if not given.

    Returns:
        Columns ``what``, ``text``, ``share``; no row where nothing is said of the node, and none for the mined negative
        where there is nothing to mine.
    """
    about = rows[rows["node_id"] == node_id].head(1)
    if about.empty:
        return pd.DataFrame(columns=["what", "text", "share"])
    mined = mined_negatives(about, graph, model, among=rows if among is None else among)
    texts = {
        "true": about["positive"].item(),
        "a film's description": drawn_negatives(about, graph, "project")["negative_1"].item(),
        "another person's description": drawn_negatives(about, graph, "person")["negative_1"].item(),
    }
    if len(mined):
        texts["mined"] = mined["negative_1"].item()
    vectors = encode(model, [about["anchor"].item(), *texts.values()])
    weights = np.exp(SCALE * (vectors[1:] @ vectors[0]))
    return pd.DataFrame({"what": texts.keys(), "text": texts.values(), "share": (weights / weights.sum()).round(2)})


def nearest_positives(
    model: SentenceTransformer,
    rows: pd.DataFrame,
    pool: pd.DataFrame,
    true: Mapping[str, Set[str]],
    *,
    k: int = 5,
) -> pd.DataFrame:
    """The positives of other rows that a model finds nearest to each row's anchor, and whether they are true of it.

    Args:
        model: Compares.
        rows: As `training_rows` makes them.
        pool: Rows whose positives are compared.
        true: The facts that the graph holds of each node, as from `kgss_helpers.text.rows.facts_of`.
        k: How many for each row.

    Returns:
        Columns ``node_id``, ``positive``, ``fact``, ``true``; ``k`` rows for each row.
    """
    from sentence_transformers.util import semantic_search

    pool = pool.drop_duplicates("positive")
    hits = semantic_search(encode(model, rows["anchor"].tolist()), encode(model, pool["positive"].tolist()), top_k=k)
    found = pool.iloc[[hit["corpus_id"] for of_row in hits for hit in of_row]][["positive", "fact"]]
    found = found.assign(node_id=np.repeat(rows["node_id"].to_numpy(), [len(of_row) for of_row in hits]))
    found["true"] = [fact in true[node_id] for node_id, fact in zip(found["node_id"], found["fact"], strict=True)]
    return found[["node_id", "positive", "fact", "true"]].reset_index(drop=True)


def true_share(mined: pd.DataFrame, true: Mapping[str, Set[str]], *, count: int = 1) -> float:
    """Which share of mined negatives the graph holds to be true."""
    pairs = mined.melt("node_id", [f"negative_fact_{number}" for number in range(1, count + 1)], value_name="mined")
    return float(
        np.mean([fact in true[node_id] for node_id, fact in zip(pairs["node_id"], pairs["mined"], strict=True)])
    )


def gradient_of(model: SentenceTransformer, rows: pd.DataFrame, loss: MakeLoss) -> torch.Tensor:
    """What one batch would change at the queries of the first attention; the model stays as it is.

    Args:
        model: Is not trained, and drops nothing.
        rows: With ``anchor`` and ``positive``, one batch.
        loss: Makes the loss for the model.
    """
    import torch

    features = [model.preprocess(rows[column].tolist()) for column in ("anchor", "positive")]
    weight = dict(model.named_parameters())[
        next(name for name, _ in model.named_parameters() if name.endswith("attention.self.query.weight"))
    ]
    model.eval().zero_grad()
    with torch.enable_grad():
        loss(model)([dict(part) for part in features], None).backward()
    gradient = weight.grad.clone()
    model.zero_grad()
    return gradient


class NegativesView(ipw.VBox):
    """Type a name: a true fact, a negative of each kind, and how much of the loss falls on each.

    Args:
        graph: Knows what is true, and who is meant.
        rows: Whose anchors can be chosen.
        model: Compares.
        start: The name that is shown first.
        among: Rows that are mined from, fewer of which answer sooner; ``rows`` if not given.
    """

    def __init__(
        self,
        graph: KnowledgeGraph,
        rows: pd.DataFrame,
        model: SentenceTransformer,
        *,
        start: str,
        among: pd.DataFrame | None = None,
    ) -> None:
        self.graph, self.rows, self.model, self.among = graph, rows, model, among
        self.name = ipw.Text(start, description="Person", continuous_update=False)
        self.result = ipw.HTML()
        self.name.observe(lambda change: self.show(change["new"]), names="value")
        super().__init__([self.name, self.result])
        self.show(start)

    def __repr__(self) -> str:
        return "<anybody's fact beside three kinds of negatives: run this cell in JupyterLab>"

    def show(self, name: str) -> None:
        """Shows the candidates of the first node of that name that has rows; says so while they are looked for."""
        found, message = lookup(self.graph, name)
        self.result.value = f"Looking for negatives of <b>{escape(name)}</b> …" if found else message
        tables = (candidates(self.graph, self.rows, self.model, node_id, among=self.among) for node_id in found)
        table = next((table for table in tables if len(table)), None)
        if table is not None:
            self.result.value = table.to_html(index=False, escape=True, border=0)
        elif found:
            self.result.value = message or f"No row here is about <b>{escape(name)}</b>; try another person."


def gains(table: pd.DataFrame, *, title: str, x_label: str) -> Figure:
    """Paired differences with their intervals about a line at zero: columns ``gain``, ``from``, ``to``, names as index.

    The largest gain stands on top.
    """
    columns = {"gain": "mean", "from": "low", "to": "high"}
    ordered = table.rename(columns=columns).sort_values("mean", ascending=False, kind="stable")
    figure = charts.intervals(ordered.reset_index(names="label"), title=title, x_label=x_label)
    axes = figure.axes[0]
    edge = 1.1 * float(ordered[["low", "high"]].abs().max(axis=None))
    axes.set_xlim(-edge, edge)
    axes.axvline(0, color=BLACK, linewidth=1)
    return figure
