"""An exam to be browsed: any question beside what a method answers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import ipywidgets as ipw
import pandas as pd

from kgss_helpers.exam.sitting import answers
from kgss_helpers.files import counted, shortened
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.question import Question
from kgss_helpers.show.graph_view import offer

LONGEST, MISSED = 300, 8
"""Letters of a question, and names of missed answers, that are shown at most."""


def ranked_answers(
    question: Question,
    method: Method | Encoder,
    graph: KnowledgeGraph,
    *,
    fit: bool = True,
    newcomer_graph: KnowledgeGraph | None = None,
    k: int = 10,
) -> pd.DataFrame:
    """The first ``k`` answers of a method to an exam question.

    Columns are ``place``, ``answer``, ``description`` and ``right`` (✓ or empty). A question about newcomers needs the
    graph that has them.
    """
    ranking = answers(method, [question], graph, fit=fit, newcomer_graph=newcomer_graph)[question.question_id][:k]
    graph = newcomer_graph or graph
    rows = [graph.node(node_id) for node_id in ranking]
    return pd.DataFrame(
        {
            "place": range(1, len(rows) + 1),
            "answer": [row["name"] for row in rows],
            "description": [shortened(row["description"], 80) for row in rows],
            "right": ["✓" if row["node_id"] in question.relevant else "" for row in rows],
        }
    )


def missed_answers(question: Question, shown: pd.DataFrame, graph: KnowledgeGraph) -> str:
    """The right answers that are not among those shown, as HTML; empty if there is none."""
    ticked = set(shown.loc[shown["right"] != "", "answer"])
    names = [graph.node(node_id)["name"] for node_id in question.relevant]
    missed = [name for name in dict.fromkeys(names) if name not in ticked]
    if not missed:
        return ""
    more = f" and {len(missed) - MISSED} more" if len(missed) > MISSED else ""
    return f"<p>Right, and not among these: {escape(', '.join(missed[:MISSED]))}{more}.</p>"


class ExamBrowser(ipw.VBox):
    """Any question of the exam beside what one method answers to it, right answers ticked.

    Raises:
        ValueError: There is no question.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        method: Method | Encoder,
        graph: KnowledgeGraph,
        *,
        fit: bool = True,
        newcomer_graph: KnowledgeGraph | None = None,
    ) -> None:
        self.graph, self.method, self.fit, self.newcomer_graph = graph, method, fit, newcomer_graph
        self.by_family: dict[str, list[Question]] = {}
        for question in questions:
            self.by_family.setdefault(question.family, []).append(question)
        if not self.by_family:
            raise ValueError("there is no question to browse; give at least one")
        self.family = ipw.Dropdown(options=list(self.by_family), description="Family")
        self.question = ipw.Dropdown(description="Question", layout=ipw.Layout(width="90%"))
        self.result = ipw.HTML()
        self.family.observe(self._family_chosen, names="value")
        self.question.observe(lambda change: self.show(change["new"]), names="value")
        super().__init__([self.family, self.question, self.result])
        self._family_chosen({"new": self.family.value})

    def __repr__(self) -> str:
        return f"<{self.method.name} before any question of the exam: run this cell in JupyterLab>"

    def show(self, question: Question | None) -> None:
        """Shows the answers to a question."""
        if question is not None:
            shown = ranked_answers(question, self.method, self.graph, fit=self.fit, newcomer_graph=self.newcomer_graph)
            found = f"{(shown['right'] != '').sum()} of the first {len(shown)}" if len(shown) else "nothing found"
            right = counted(len(question.relevant), "right answer")
            heading = f"<b>{escape(shortened(question.text, LONGEST))}</b> ({right}; right: {found})"
            missed = missed_answers(question, shown, self.newcomer_graph or self.graph)
            self.result.value = heading + shown.to_html(index=False, escape=True, border=0, justify="left") + missed

    def _family_chosen(self, change: dict[str, str]) -> None:
        offer(self.question, [(question.text, question) for question in self.by_family[change["new"]]])
