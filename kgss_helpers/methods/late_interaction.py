"""Late interaction: each word of a question looks for its like among a text's words (Khattab and Zaharia 2020).

One vector a text is a summary; here all token vectors of the last layer are kept. It costs a hundred times the memory,
so it only puts the first answers of another method in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.fields import field_texts
from kgss_helpers.methods.protocol import Encoder, Method, scores_of
from kgss_helpers.question import Asked
from kgss_helpers.space import best, unit_rows
from kgss_helpers.text.documents import Style

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class TokenVectors:
    """The unit vectors of a text's tokens, without the two that frame it; each text is encoded once.

    Args:
        model: A sentence transformer.
        batch_size: Texts at a time.
        most: So many texts are remembered, the latest; all, if not given. A text takes some fifty kilobytes.
    """

    def __init__(self, model: SentenceTransformer, *, batch_size: int = 64, most: int | None = None) -> None:
        self.model, self.batch_size, self.most = model, batch_size, most
        self._kept: dict[str, np.ndarray] = {}

    def __call__(self, texts: Sequence[str]) -> list[np.ndarray]:
        """For each text shape (tokens, dimensions), float16: what is compared needs no more."""
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if new:
            found = self.model.encode(
                new, output_value="token_embeddings", batch_size=self.batch_size, show_progress_bar=False
            )
            for text, vectors in zip(new, found, strict=True):
                tokens = vectors.float().cpu().numpy()
                self._kept[text] = unit_rows(tokens[1:-1] if len(tokens) > 2 else tokens).astype(np.float16)
        wanted = [self._kept[text] for text in texts]
        for text in list(self._kept)[: max(len(self._kept) - self.most, 0)] if self.most is not None else ():
            del self._kept[text]
        return wanted


def max_sim(question: np.ndarray, text: np.ndarray) -> float:
    """The mean over a question's tokens of the largest cosine with a text's token.

    Args:
        question: Unit vectors, shape (tokens, dimensions).
        text: Unit vectors, shape (tokens, dimensions).
    """
    if not len(question) or not len(text):
        return 0.0
    return float((question.astype(np.float32) @ text.astype(np.float32).T).max(axis=1).mean())


class LateInteraction:
    """Puts the first answers of another method in the order of their token-wise likeness to the question.

    A question that starts from a node is left as the other method answers it.

    Args:
        first: Finds the candidates.
        model: Gives tokens their vectors.
        fields: The texts of a node, as for `kgss_helpers.methods.fields.Fields`; their likenesses are added.
        depth: How many candidates are put in order.
        node_types: Only questions for these types are put in order; all, if not given.
        describes: Says whether a question describes what it looks for; others, which name somebody, are left. All
            describe, if not given.
        share: Of the likeness in the new score; the rest is the other method's score, both scaled from 0 to 1.
        most: So many texts are remembered word by word, the latest; all, if not given.
        name: The row in the exam's table.
    """

    def __init__(
        self,
        first: Method | Encoder,
        model: SentenceTransformer,
        *,
        fields: Sequence[Style | str] = ("description", "skills"),
        depth: int = 50,
        node_types: Sequence[str] | None = None,
        describes: Callable[[Asked], bool] | None = None,
        share: float = 0.5,
        most: int | None = None,
        name: str = "",
    ) -> None:
        if not 0 <= share <= 1 or depth < 1:
            raise ValueError(f"share must lie between 0 and 1 and depth not below 1, found {share} and {depth}")
        self.first, self.tokens, self.fields = first, TokenVectors(model, most=most), tuple(fields)
        self.depth, self.share, self.node_types, self.describes = depth, share, node_types, describes
        self.name = name or f"{first.name}, late interaction"
        self.sees = f"texts of nodes, word by word: {', '.join(self.fields)}"
        self._of: KnowledgeGraph | None = None
        self._texts: list[list[str]] = []

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes); what is not among the candidates keeps its order behind them."""
        scores = np.array(scores_of(self.first, questions, graph))
        texts = self._texts_of(graph)
        types = graph.nodes["node_type"].to_numpy()
        for row, question in enumerate(questions):
            if not self._is_for(question):
                continue
            possible = np.full(len(types), True) if question.node_type is None else types == question.node_type
            found = best(np.where(possible, scores[row], -np.inf), self.depth)
            if len(found) > 1:
                scores[row, found] = self._in_order(question.text, [[text[at] for text in texts] for at in found],
                                                    scores[row, found])  # fmt: skip
        return scores

    def _texts_of(self, graph: KnowledgeGraph) -> list[list[str]]:
        """Each field's texts, written once for a graph: whoever asks one question after the other need not wait."""
        if self._of is not graph:
            self._of, self._texts = graph, [field_texts(graph, field) for field in self.fields]
        return self._texts

    def _is_for(self, question: Asked) -> bool:
        if question.anchor or (self.node_types is not None and question.node_type not in self.node_types):
            return False
        return self.describes is None or self.describes(question)

    def _in_order(self, asked: str, texts: list[list[str]], before: np.ndarray) -> np.ndarray:
        """New scores of the candidates, all above the last one's old score."""
        words, *vectors = self.tokens([asked, *(text for some in texts for text in some)])
        likeness = np.reshape([max_sim(words, one) for one in vectors], (len(texts), -1)).sum(axis=1)
        mixed = self.share * _scaled(likeness) + (1 - self.share) * _scaled(before)
        return before.min() + 1e-6 + mixed


def _scaled(values: np.ndarray) -> np.ndarray:
    """From 0 to 1, shape as before; all 0 where all are the same."""
    spread = np.ptp(values)
    return (values - values.min()) / spread if spread else np.zeros(len(values))
