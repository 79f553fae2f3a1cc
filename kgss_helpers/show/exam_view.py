"""An exam to be browsed: any question of it, or one in the reader's words, beside what a method answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from html import escape

import ipywidgets as ipw
import pandas as pd

from kgss_helpers.exam.sitting import answers
from kgss_helpers.files import counted, shortened
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.protocol import Encoder, Method, answer
from kgss_helpers.question import Query, Question
from kgss_helpers.show.graph_view import offer, told_apart

LONGEST, REASON, MISSED = 300, 160, 8
"""Letters of a question and of a reason, and names of missed answers, that are shown at most."""
WORKING = "<p role='status'>Looking for answers …</p>"
"""Stands there while a method is at work."""


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
    graph that has them. The ids of the nodes, since names are not keys, are in the table's ``attrs`` as ``node_ids``.
    """
    ranking = answers(method, [question], graph, fit=fit, newcomer_graph=newcomer_graph)[question.question_id][:k]
    graph = newcomer_graph or graph
    rows = [graph.node(node_id) for node_id in ranking]
    table = pd.DataFrame(
        {
            "place": range(1, len(rows) + 1),
            "answer": [row["name"] for row in rows],
            "description": [shortened(row["description"], 80) for row in rows],
            "right": ["✓" if row["node_id"] in question.relevant else "" for row in rows],
        }
    )
    table.attrs["node_ids"] = list(ranking)
    return table


def missed_answers(question: Question, shown: pd.DataFrame, graph: KnowledgeGraph) -> str:
    """The right answers that are not among those that `ranked_answers` shows, as HTML; empty if there is none."""
    ids = shown.attrs["node_ids"]
    wanted = [graph.node(node_id) for node_id in question.relevant if node_id not in ids]
    called = Counter(graph.node(node_id)["name"] for node_id in {*question.relevant, *ids})
    missed = [
        node["name"] + (f" ({told_apart(graph, node['node_id'])})" if called[node["name"]] > 1 else "")
        for node in wanted
    ]
    if not missed:
        return ""
    more = f" and {len(missed) - MISSED} more" if len(missed) > MISSED else ""
    return f"<p>Right, and not among these: {escape(', '.join(missed[:MISSED]))}{more}.</p>"


def unticked_answers(
    asked: Query,
    method: Method | Encoder,
    graph: KnowledgeGraph,
    *,
    why: Callable[[Query, str], str] | None = None,
    fit: bool = True,
    k: int = 10,
) -> pd.DataFrame:
    """The first ``k`` answers of a method to a question that nobody has answered: ``place``, ``answer``, ``why``.

    Without ``why`` there is a ``description`` instead.

    Raises:
        GraphError: The graph has no node of the type.
        ValueError: The method cannot read the text: it is, for instance, a recorded space without a model.
    """
    found = answer(method, asked.text, graph, node_type=asked.node_type, fit=fit, k=k)
    table = pd.DataFrame({"place": range(1, len(found) + 1), "answer": found["name"]})
    if why is None:
        return table.assign(description=[shortened(text, 80) for text in found["description"]])
    return table.assign(why=[shortened(why(asked, node_id), REASON) for node_id in found["node_id"]])


def table_as_html(table: pd.DataFrame) -> str:
    """A table whose texts are escaped and not cut."""
    with pd.option_context("display.max_colwidth", None):
        return table.to_html(index=False, escape=True, border=0, justify="left")


class ExamBrowser(ipw.VBox):
    """Any question of the exam beside what one method answers to it, right answers ticked.

    A field takes a question in the reader's words. Nobody has ticked its answers; ``why`` can say what supports them.

    Args:
        questions: Of any families.
        method: Who answers.
        graph: What the method may see.
        fit: Fit an encoder before it answers.
        newcomer_graph: With newcomers, whom some questions are about.
        why: Says which edges support an answer to a question in the reader's words.

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
        why: Callable[[Query, str], str] | None = None,
    ) -> None:
        self.graph, self.method, self.fit, self.newcomer_graph, self.why = graph, method, fit, newcomer_graph, why
        self.by_family: dict[str, list[Question]] = {}
        for question in questions:
            self.by_family.setdefault(question.family, []).append(question)
        if not self.by_family:
            raise ValueError("there is no question to browse; give at least one")
        self.family = ipw.Dropdown(options=list(self.by_family), description="Family")
        self.question = ipw.Dropdown(description="Question", layout=ipw.Layout(width="90%"))
        wide = {"description_width": "110px"}
        self.text = ipw.Text(
            description="Your question", placeholder="in your words; Enter asks", continuous_update=False,
            layout=ipw.Layout(width="90%"), style=wide,
        )  # fmt: skip
        types = dict.fromkeys([*(question.node_type for question in questions), *graph.nodes["node_type"]])
        self.node_type = ipw.Dropdown(options=list(types), description="Looks for", style=wide)
        self.result = ipw.HTML()
        self.text.observe(lambda _: self.ask(), names="value")
        self.node_type.observe(lambda _: self.ask(), names="value")
        self.family.observe(self._family_chosen, names="value")
        self.question.observe(lambda change: self.show(change["new"]), names="value")
        super().__init__([self.family, self.question, self.text, self.node_type, self.result])
        self._family_chosen({"new": self.family.value})

    def __repr__(self) -> str:
        return f"<{self.method.name} before any question of the exam: run this cell in JupyterLab>"

    def show(self, question: Question | None) -> None:
        """Shows the answers to a question."""
        if question is not None:
            self.result.value = WORKING
            shown = ranked_answers(question, self.method, self.graph, fit=self.fit, newcomer_graph=self.newcomer_graph)
            found = f"{(shown['right'] != '').sum()} of the first {len(shown)}" if len(shown) else "nothing found"
            right = counted(len(question.relevant), "right answer")
            heading = f"<b>{escape(shortened(question.text, LONGEST))}</b> ({right}; right: {found})"
            missed = missed_answers(question, shown, self.newcomer_graph or self.graph)
            self.result.value = heading + table_as_html(shown) + missed

    def ask(self) -> None:
        """Shows the answers to the question in the reader's words; nothing changes while there is none."""
        text = shortened(self.text.value, LONGEST)
        if not text:
            return
        if not any(letter.isalnum() for letter in text):
            self.result.value = (
                "<p>Type a question in words, such as <b>who makes people laugh?</b>, and press Enter.</p>"
            )
            return
        self.result.value = WORKING
        asked = Query(text, self.node_type.value)
        try:
            found = unticked_answers(asked, self.method, self.graph, why=self.why, fit=self.fit)
        except ValueError as error:
            self.result.value = f"<p>{escape(str(error))}</p>"
            return
        shown = table_as_html(found) if len(found) else "<p>Nothing is found; ask in other words.</p>"
        self.result.value = f"<b>{escape(text)}</b> (asked of {escape(self.method.name)}){shown}"

    def _family_chosen(self, change: dict[str, str]) -> None:
        offer(self.question, [(question.text, question) for question in self.by_family[change["new"]]])
