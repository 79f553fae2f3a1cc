"""For notebook 11: what nine epochs bought and cost in each family, and a question in the reader's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.compute import release_memory
from kgss_helpers.exam.results import ExamResult, difference
from kgss_helpers.exam.statistics import Interval
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.explaining import NOTHING
from kgss_helpers.methods.fields import Fields
from kgss_helpers.methods.pretrained import PACKAGED, TUNED
from kgss_helpers.question import Question
from kgss_helpers.runs.epochs import Epochs
from kgss_helpers.runs.tuned_texts import kept_vectors
from kgss_helpers.show.palette import BLUE, GREY
from kgss_helpers.show.readers import ask_readers
from kgss_helpers.show.search_view import Search

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BASE = "base"
"""The untuned model, where it stands beside the tuned one."""
PANELS_A_ROW = 3


def gains(after: ExamResult, before: ExamResult) -> pd.DataFrame:
    """What a training changed in each family: ``mean``, ``low``, ``high`` of the paired difference, and a ``verdict``.

    The verdict is ``"gains"`` or ``"loses"`` where the whole interval lies on one side of zero, else ``"unclear"``.

    Raises:
        ValueError: The two did not answer the same questions.
    """
    found = {family: difference(after, before, family) for family in before.by_family()}
    table = pd.DataFrame(found.values(), index=list(found), columns=list(Interval._fields))
    table["verdict"] = np.select([table["low"] > 0, table["high"] < 0], ["gains", "loses"], "unclear")
    return table.rename_axis("family")


def before_and_after(scores: pd.DataFrame, families: Sequence[str]) -> pd.DataFrame:
    """A family's score untuned and after the last epoch, with intervals, and a ``verdict``.

    The verdict is ``"gains"`` or ``"loses"`` where the two intervals do not touch, else ``"unclear"``: stricter than
    `gains`, which has the questions and can pair them.

    Args:
        scores: As for `family_panels`.
        families: In this order.
    """
    last = scores["epoch"].max()
    rows = scores.set_index(["epoch", "family"])[list(Interval._fields)]
    ends = {family: [Interval(*rows.loc[epoch, family]) for epoch in (0, last)] for family in families}
    table = pd.DataFrame(
        {
            "untuned": {family: str(before) for family, (before, _) in ends.items()},
            f"after epoch {last}": {family: str(after) for family, (_, after) in ends.items()},
        }
    )
    table["verdict"] = [
        "gains" if after.low > before.high else "loses" if after.high < before.low else "unclear"
        for before, after in ends.values()
    ]
    return table.rename_axis("family")


def family_panels(scores: pd.DataFrame, families: Sequence[str], *, title: str) -> Figure:
    """A small panel a family: its score after each epoch with its interval, over a line where it was untuned.

    Args:
        scores: Columns ``epoch`` (0 is the untuned model), ``family``, ``mean``, ``low`` and ``high``.
        families: In this order, row by row.
        title: Above all panels.

    Raises:
        ValueError: A family has no score.
    """
    import matplotlib.pyplot as plt

    for family in families:
        if not (scores["family"] == family).any():
            raise ValueError(f"no score of {family!r}; there are {', '.join(dict.fromkeys(scores['family']))}")
    lines = ceil(len(families) / PANELS_A_ROW)
    figure, panels = plt.subplots(
        lines, PANELS_A_ROW, sharex=True, sharey=True, squeeze=False, figsize=(10.5, 2.1 * lines + 0.7)
    )
    for panel in panels.flat[len(families) :]:
        panel.set_visible(False)
    for panel, family in zip(panels.flat, families, strict=False):
        shown = scores[scores["family"] == family].sort_values("epoch")
        panel.axhline(shown["mean"].iloc[0], color=GREY, linestyle="--", linewidth=1.5)
        panel.fill_between(shown["epoch"], shown["low"], shown["high"], color=BLUE, alpha=0.2, linewidth=0)
        panel.plot(shown["epoch"], shown["mean"], color=BLUE, marker="o", markersize=4)
        panel.set_title(family, fontsize=12)
        panel.set(ylim=(0, 1), xticks=sorted(shown["epoch"].unique())[::3])
    figure.suptitle(title)
    figure.supxlabel("epochs (0: the untuned model, dashed)", fontsize=12)
    figure.supylabel("nDCG@10", fontsize=12)
    return figure


def first_answers(
    epochs: Epochs, question: Question, chosen: Sequence[int], *, among: Sequence[str], k: int = 5
) -> pd.DataFrame:
    """The first answers to a question untuned and after some epochs, side by side, right ones ticked.

    Args:
        epochs: Which keep the vector of the question's text.
        question: Says who is right, and who is left out.
        chosen: Numbers of epochs; 0 is the untuned model.
        among: Ids of the nodes that are ranked.
        k: How many answers at most.

    Returns:
        A row a place; two levels of columns: the epoch, and ``answer``, ``score`` (the cosine) and ``right``.

    Raises:
        ValueError: The text was not kept.
    """
    lists = {}
    for epoch in chosen:
        space = epochs[epoch]
        vector = space.encode_queries([question.text])[0]
        found = space.search(vector, k, node_type=question.node_type, exclude=question.exclude, among=among)
        lists["untuned" if not epoch else f"epoch {epoch}"] = pd.DataFrame(
            {
                "answer": found["name"],
                "score": found["score"].astype(float).round(2),
                "right": ["✓" if node_id in question.relevant else "" for node_id in found["node_id"]],
            }
        )
    table = pd.concat(lists, axis=1)
    return table.set_axis(range(1, len(table) + 1)).rename_axis("place")


def base_and_tuned() -> dict[str, Fields]:
    """The untuned model and the tuned one of ``data/tuned``, both by documents; no text of a node is encoded anew.

    Raises:
        FileNotFoundError: Nothing was kept; says how to make it.
        ValueError: What was kept is of another model or of other texts; says how to renew it.
    """
    release_memory()  # a training before it has left holes
    methods = {}
    for name, model in {BASE: PACKAGED, TUNED: TUNED}.items():
        vectors = kept_vectors(model)
        methods[name] = Fields(vectors.model, ("skills",), name=f"{name}, documents")
        methods[name].vectors = vectors
    return methods


def with_reasons(methods: Mapping[str, Fields], graph: KnowledgeGraph, example: str) -> Search:
    """A search in which every answer stands beside the edges that support it, whichever method gave it.

    Args:
        methods: As from `base_and_tuned`.
        graph: What is searched.
        example: A question to begin with.
    """
    return ask_readers({name: method.vectors for name, method in methods.items()}, graph, example)


def supported(table: pd.DataFrame) -> int:
    """How many answers of `Search.ask` at least one edge supports."""
    return int((table["why"] != NOTHING).sum())
