"""Methods that understand nothing: what every other method has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kgss_helpers.films.roles import SKILLS
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Question
from kgss_helpers.text.documents import Style, documents


class Random:
    """Draws lots: the floor."""

    name = "random"
    sees = "nothing"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def score(self, questions: Sequence[Question], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes), uniform in [0, 1)."""
        return np.random.default_rng(self.seed).random((len(questions), len(graph.nodes)))


class Popularity:
    """Answers every question with the most connected nodes of the type asked for, as far as the training edges show."""

    name = "popularity"
    sees = "the graph"

    def score(self, questions: Sequence[Question], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): the degree of each node."""
        return np.tile(graph.degree.to_numpy(dtype=float), (len(questions), 1))


class RolePopularity:
    """Reads the role out of the question and answers with who has most credits in it; other questions with nothing."""

    name = "popularity within the role"
    sees = "the graph; roles named in the question"

    def score(self, questions: Sequence[Question], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): credits in the longest role named, minus infinity where there are none."""
        credited = graph.edges[graph.edges["relation"].isin(SKILLS)]
        counts = {role: part["source"].value_counts() for role, part in credited.groupby("relation")}
        scores = np.full((len(questions), len(graph.nodes)), -np.inf)
        for row, question in enumerate(questions):
            named = [role for role in counts if role.lower() in question.text.lower()]
            if named:
                scores[row] = graph.nodes["node_id"].map(counts[max(named, key=len)]).fillna(-np.inf)
        return scores


class WordMatch:
    """Exact words, weighted by Okapi BM25 (Robertson and Zaragoza 2009) as `bm25s` implements it: a search box.

    It finds nothing where no word is shared. A question that starts from a node is answered with that node's own words.

    Args:
        style: Which text of `kgss_helpers.text.documents` it reads; what the graph stores of a node, its name and
            its description, if not given.
    """

    name = "word match (BM25)"
    sees = "texts of nodes"

    def __init__(self, style: Style | None = None) -> None:
        self.style = style
        if style is not None:
            self.name = f"word match (BM25) on {style}"

    def score(self, questions: Sequence[Question], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): BM25, minus infinity where no word is shared."""
        import bm25s

        stored = graph.nodes["name"] + " " + graph.nodes["description"]
        texts = stored.tolist() if self.style is None else documents(graph, self.style)
        queries = [
            texts[graph.position(question.anchor)] if question.anchor else question.text for question in questions
        ]
        words_of = bm25s.tokenize(texts, stopwords="en", return_ids=False, show_progress=False)
        if not any(words_of):
            return np.full((len(questions), len(texts)), -np.inf)
        index = bm25s.BM25()
        index.index(words_of, show_progress=False)
        rows = []
        for words in bm25s.tokenize(queries, stopwords="en", return_ids=False, show_progress=False):
            known = [word for word in words if word in index.vocab_dict]
            rows.append(index.get_scores(known) if known else np.zeros(len(texts), dtype=np.float32))
        scores = np.stack(rows).astype(float)
        return np.where(scores > 0, scores, -np.inf)
