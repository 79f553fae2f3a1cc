"""How far counting alone can get: every question is understood perfectly, and then what is left in training is counted.

In *credit* there is nothing left to count, and *plot* and *keyword* are no questions of counts: there it finds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from kgss_helpers.exam import films, sitting
from kgss_helpers.exam.films.families import Families, shared_keywords
from kgss_helpers.exam.films.holdout import hold_out
from kgss_helpers.exam.films.proof import Facts, proved
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Question, Split


class Counting:
    """Knows which role and genre, or role and theme, each question means, and counts credits; for films, keywords.

    Who has enough credits from enough series comes first.
    """

    name = "counting, told what is meant"
    sees = "graph, and what is meant"

    def __init__(self, families: Families) -> None:
        self.families = families
        if not families.meant:
            families.all()

    def score(self, questions: Sequence[Question], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): counts, minus infinity where there is nothing to count."""
        facts, index = Facts(graph), pd.Index(graph.nodes["node_id"])
        scores = np.full((len(questions), len(index)), -np.inf)
        all_films = graph.nodes["node_id"][graph.nodes["node_type"] == "project"].tolist()
        anchors = sorted({question.anchor for question in questions if question.anchor})
        if anchors:
            rarity = dict(zip(anchors, shared_keywords(graph, anchors, all_films)[1], strict=True))
        for row, question in enumerate(questions):
            if question.anchor:
                scores[row, index.get_indexer(all_films)] = rarity[question.anchor]
            elif question.question_id in self.families.meant:
                counts = self._counts(facts, *self.families.meant[question.question_id])
                scores[row, index.get_indexer(counts.index)] = counts
        return scores

    def _counts(self, facts: Facts, role: str, about: str | tuple[str, ...]) -> pd.Series:
        """Person → count, of a genre (its id) or of a theme (the ids of its keywords)."""
        if isinstance(about, str):
            found = facts.of_skill(role, about)
            return found["films"] + 1000 * proved(found)
        return facts.of_theme(role, about)


@cache
def counting() -> Counting:
    """The method, told what every question of the film exam means."""
    return Counting(Families(hold_out(films.film_exam().graph)))


def ceilings(split: Split = "test", metric: str = "nDCG@10") -> pd.DataFrame:
    """What `Counting` gets, by family: ``mean``, ``low``, ``high``, ``questions``."""
    the_exam = films.film_exam()
    questions = [question for question in the_exam.questions if not question.variant]
    result = sitting.sit(
        counting(), graph=the_exam.training_graph, questions=questions, split=split,
        newcomer_graph=the_exam.newcomer_graph,
    )  # fmt: skip
    summary = result.summary()
    return summary[summary["metric"] == metric].set_index("family")[["mean", "low", "high", "questions"]]
