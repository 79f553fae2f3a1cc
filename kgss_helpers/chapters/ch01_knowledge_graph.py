"""For notebook 01: what a graph says, how unequally its edges are shared out, and the exam's families and rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgss_helpers.exam.films import FAMILIES, RESULTS
from kgss_helpers.exam.results import EDITION, ExamResult, recorded
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Question, Split
from kgss_helpers.show.charts import GROUP_STYLES
from kgss_helpers.show.graph_view import NODE_STYLE, OTHER_STYLE
from kgss_helpers.text.sentences import verb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEPARATES = {
    "role and genre": "reading role and genre, and counting",
    "other words": "understanding the asker: neither role nor genre is named",
    "theme": "words and relations at once",
    "plot": "the meaning of whole sentences",
    "keyword": "words for the same thing",
    "alike": "likeness beyond what is stored",
    "credit": "foresight: the edges that are held out",
    "implicit": "foresight: the skills that are held out",
    "newcomer": "nodes that nobody could learn from",
}
"""What each family of the exam tells apart."""
KINDS = {
    "reads nothing": ("random", "popularity"),
    "shared words": ("word match (BM25)", "word match (BM25) on films", "word match (BM25) on skills"),
    "counts and walks": (
        "popularity within the role", "structured query", "soft structured query",
        "soft structured query, keywords too", "three-hop counts", "personalised PageRank", "Adamic–Adar",
    ),
    "untuned vectors": (
        "MiniLM, names", "MiniLM, descriptions", "MiniLM, documents", "MiniLM, descriptions and documents",
        "MiniLM, documents, 1 hop of averaging", "MiniLM, documents, 2 hops of averaging",
    ),
}  # fmt: skip
"""The rows that notebook 01 shows, by what they go by; none of them was trained on this graph."""
ROWS = tuple(name for names in KINDS.values() for name in names)


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


def examples(questions: Iterable[Question], split: Split = "test") -> pd.DataFrame:
    """The shortest question of each family: its text, how many right answers it has, and what its family separates."""
    asked = [question for question in questions if question.split == split and not question.variant]
    rows = []
    for family in dict.fromkeys(question.family for question in asked):
        chosen = min(
            (question for question in asked if question.family == family), key=lambda question: len(question.text)
        )
        rows.append((family, chosen.text, len(chosen.relevant), SEPARATES.get(family, "")))
    columns = ["family", "a question", "right answers", "what the family separates"]
    return pd.DataFrame(rows, columns=columns).set_index("family")


def recorded_rows(split: Split = "test") -> dict[str, ExamResult]:
    """What is recorded of `ROWS`, by name and in that order.

    Raises:
        ValueError: A row is not recorded; names it.
    """
    found = {result.method: result for result in recorded(RESULTS[EDITION]) if result.split == split}
    missing = [name for name in ROWS if name not in found]
    if missing:
        raise ValueError(
            f"not recorded for {split}: {', '.join(missing)}; let them sit the exam and save what they got"
        )
    return {name: found[name] for name in ROWS}


def by_family(results: Iterable[ExamResult], metric: str = "nDCG@10") -> pd.DataFrame:
    """Families as rows and methods as columns: ``"0.42 [0.36, 0.48]"``, with spaces that do not break."""
    return pd.DataFrame(
        {result.method: result.row(metric).str.replace(" ", "\N{NO-BREAK SPACE}") for result in results}
    )


def best_of_each_kind(validation: dict[str, ExamResult], test: dict[str, ExamResult]) -> pd.DataFrame:
    """The best row of each of `KINDS` in each family: chosen on validation, shown on test.

    Columns are ``family``, ``kind``, ``method``, ``mean``, ``low`` and ``high``.
    """
    rows = []
    for family in FAMILIES:
        for kind, names in KINDS.items():
            best = max(names, key=lambda name, family=family: validation[name].by_family()[family].mean())
            rows.append((family, kind, best, *test[best].interval(family)))
    return pd.DataFrame(rows, columns=["family", "kind", "method", "mean", "low", "high"])


def families_figure(best: pd.DataFrame, families: Sequence[str] = FAMILIES) -> Figure:
    """A line a family, on it a dot with its interval for each kind of method; the first family on top."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 5.6))
    kinds = list(dict.fromkeys(best["kind"]))
    for place, (kind, (color, _, marker)) in enumerate(zip(kinds, GROUP_STYLES, strict=False)):
        rows = best[best["kind"] == kind].set_index("family").loc[list(families)]
        at = np.arange(len(families)) + 0.2 * (place - (len(kinds) - 1) / 2)
        spread = np.clip([rows["mean"] - rows["low"], rows["high"] - rows["mean"]], 0, None)
        axes.errorbar(
            rows["mean"], at, xerr=spread, fmt=marker, color=color, markersize=7, capsize=0, elinewidth=1.5, label=kind
        )
    for line in range(1, len(families)):
        axes.axhline(line - 0.5, color="#DDDDDD", linewidth=1)
    axes.set_yticks(range(len(families)), families)
    axes.invert_yaxis()
    axes.set(title="The best untrained row of each kind", xlabel="nDCG@10 on the test questions", xlim=(-0.02, 1.02))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
