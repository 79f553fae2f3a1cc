"""What may speak for an answer: counts, words, vectors and neighbourhoods of one graph, each made ready once.

Every source of evidence scores all nodes for a question, and says nothing where it knows nothing: it is for
`kgss_helpers.methods.hybrid` to decide whom to believe. No source knows what kind of question is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.edge_prediction import EdgeScorer
from kgss_helpers.methods.fields import DESCRIPTION, field_texts
from kgss_helpers.methods.foresight import next_edges
from kgss_helpers.methods.proximity import adjacency
from kgss_helpers.methods.structured import SCALE, CreditCounts
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.text.documents import documents
from kgss_helpers.text.schema import PHRASE, role_name, schema_of
from kgss_helpers.text.sentences import verb

Which = Literal["broad", "narrow", "all"]


@dataclass(frozen=True)
class Heard:
    """A question as it was understood: what every source is given.

    Attributes:
        text: The question, its spelling corrected.
        vector: Its vector, shape (dimensions,).
        node_type: The type asked for; any if None.
        anchor: Where it starts from, if it starts from a node.
        named: Ids of the agents that the text names.
        mentioned: Ids of nodes of any type whose names stand in the text word for word.
        relation_shares: How likely it asks for each of the graph's relations of named nodes, shape (roles,).
        sureness: How surely the agents are meant: 1 if they are named word for word, 0 if there is none.
    """

    text: str
    vector: np.ndarray
    node_type: str | None
    anchor: str | None
    named: tuple[str, ...]
    mentioned: tuple[str, ...]
    relation_shares: np.ndarray
    sureness: float = 0.0


class Foreseen:
    """Edges that are likely to come, as a predictor sees them that learned from a graph; made once for all questions.

    Args:
        predictor: Fitted on the graph.
        graph: What it learned from.
    """

    def __init__(self, predictor: EdgeScorer, graph: KnowledgeGraph) -> None:
        self.predictor, self.graph = predictor, graph
        self.row = pd.Series(range(len(graph.nodes)), index=graph.nodes["node_id"])
        self.relations = frozenset(schema_of(graph).role_relations)

    @cached_property
    def next(self) -> dict[str, sparse.csr_array]:
        """By relation, where everybody's next edge will end (`next_edges`)."""
        return next_edges(self.predictor, self.graph, CreditCounts.of(self.graph).roles)

    def forget(self) -> None:
        """Gives the next edges back, a hundred megabytes; they are computed anew if another graph asks for them."""
        self.__dict__.pop("next", None)

    def columns_in(self, graph: KnowledgeGraph) -> tuple[np.ndarray, np.ndarray]:
        """Positions in another graph of the nodes that are known, and their positions here."""
        found = self.row.reindex(graph.nodes["node_id"]).to_numpy()
        there = np.flatnonzero(~np.isnan(found))
        return there, found[there].astype(int)

    def next_in(self, graph: KnowledgeGraph, relation: str) -> sparse.csr_array:
        """The next edges in rows and columns of another graph, shape (nodes, nodes)."""
        there, here = self.columns_in(graph)
        lift = sparse.csr_array((np.ones(len(there)), (there, here)), shape=(len(graph.nodes), len(self.row)))
        if relation not in self.next:
            return sparse.csr_array((len(graph.nodes), len(graph.nodes)))
        return sparse.csr_array(lift @ self.next[relation] @ lift.T)


class BestWords:
    """BM25 (Robertson and Zaragoza 2009) over one text a node, by `bm25s`; indexed once.

    Args:
        texts: One a node.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s

        self.texts = list(texts)
        words = self._words(self.texts)
        self._index = bm25s.BM25() if any(words) else None
        if self._index is not None:
            self._index.index(words, show_progress=False)

    @staticmethod
    def _words(texts: Sequence[str]) -> list[list[str]]:
        import bm25s

        return bm25s.tokenize(texts, stopwords="en", return_ids=False, show_progress=False)

    def score(self, text: str) -> np.ndarray:
        """Shape (nodes,), minus infinity where no word is shared."""
        known = [word for word in self._words([text])[0] if self._index and word in self._index.vocab_dict]
        if not known:
            return np.full(len(self.texts), -np.inf)
        scores = self._index.get_scores(known).astype(float)
        return np.where(scores > 0, scores, -np.inf)


class Evidence:
    """One graph, made ready for questions.

    Args:
        graph: What is searched.
        vectors: Encodes texts, each once; may be shared by several graphs.
        foreseen: Edges that are likely to come; none, if not given.
        broad_types: Types of the subjects that are few and broad, such as genres; all subjects where there are none.
        text_types: Only nodes of these types have their texts encoded; all that are an item or a subject, if not given.
    """

    def __init__(
        self,
        graph: KnowledgeGraph,
        vectors: TextVectors,
        *,
        foreseen: Foreseen | None = None,
        broad_types: Sequence[str] = ("genre",),
        text_types: Sequence[str] | None = None,
    ) -> None:
        self.graph, self.vectors, self.foreseen = graph, vectors, foreseen
        self.types = graph.nodes["node_type"].to_numpy()
        self.row = pd.Series(range(len(graph.nodes)), index=graph.nodes["node_id"])
        self._last: tuple[Heard, np.ndarray] | None = None
        self.schema = schema_of(graph)
        relation = graph.edges["relation"]
        self.about = graph.edges[relation.isin(self.schema.subject_relations)]
        credited = graph.edges[relation.isin(self.schema.role_relations)]
        self.items, self.subjects = self._rows(self.about["source"]), self._rows(self.about["target"])
        self.items = np.union1d(self.items, self._rows(credited["target"]))
        self.agents = np.setdiff1d(self._rows(credited["source"]), self.items)
        self.counts = CreditCounts.of(graph)
        self.broad = np.isin(self.counts.subject_types, tuple(broad_types))
        self.broad |= not self.broad.any()
        self.text_types = tuple(text_types) if text_types is not None else self._types_with_texts()

    def _rows(self, node_ids: pd.Series) -> np.ndarray:
        return np.unique(self.row[node_ids].to_numpy(dtype=np.int64))

    def _types_with_texts(self) -> tuple[str, ...]:
        """All types except those of agents: what is said of them is counted, and their names are looked up."""
        return tuple(sorted(set(self.types) - set(self.types[self.agents])) or sorted(set(self.types)))

    # ---- tables --------------------------------------------------------------------------------------------------

    @cached_property
    def phrases(self) -> list[str]:
        """One for each column of the counts."""
        return [
            PHRASE.format(role=role_name(role), subject=subject.lower())
            for role in self.counts.roles
            for subject in self.counts.subjects
        ]

    @cached_property
    def phrase_vectors(self) -> np.ndarray:
        """Shape (phrases, dimensions)."""
        return self.vectors(self.phrases)

    @cached_property
    def is_broad_phrase(self) -> np.ndarray:
        """Shape (phrases,)."""
        return np.tile(self.broad, len(self.counts.roles))

    @cached_property
    def has_subject(self) -> sparse.csr_array:
        """Which subjects each node has, shape (nodes, subjects)."""
        rows, targets = (self.row[self.about[end]].to_numpy(dtype=np.int64) for end in ("source", "target"))
        columns = pd.factorize(targets, sort=True)[0]
        shape = (len(self.graph.nodes), len(self.counts.subjects))
        return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)

    @cached_property
    def rare_narrow(self) -> sparse.csr_array:
        """Each node's narrow subjects, weighed by their inverse document frequency, shape (nodes, subjects)."""
        narrow = sparse.csr_array(self.has_subject @ sparse.diags_array((~self.broad).astype(float)))
        holders, count = (narrow.sum(axis=1) > 0).sum(), np.asarray(narrow.sum(axis=0)).ravel()
        rarity = np.log(np.maximum(holders, 1) / np.maximum(count, 1))
        return sparse.csr_array(narrow @ sparse.diags_array(rarity))

    @cached_property
    def role_tables(self) -> list[sparse.csr_array]:
        """For each role who is joined to what by it, shape (nodes, nodes)."""
        tables = []
        for role in self.counts.roles:
            edges = self.graph.edges[self.graph.edges["relation"] == role]
            ends = self.row[edges["source"]].to_numpy(), self.row[edges["target"]].to_numpy()
            tables.append(sparse.csr_array((np.ones(len(edges)), ends), shape=(len(self.row),) * 2))
        return tables

    @cached_property
    def counted(self) -> sparse.csc_array:
        """Logarithms of 1 + how many, shape (nodes, phrases)."""
        return sparse.csc_array(self.counts.table.log1p())

    @cached_property
    def counted_next(self) -> sparse.csc_array:
        """The same with everybody's next edge."""
        if self.foreseen is None:
            return self.counted
        parts = [self.foreseen.next_in(self.graph, role) @ self.has_subject for role in self.counts.roles]
        return sparse.csc_array((self.counts.table + sparse.hstack(parts)).log1p()) if parts else self.counted

    @cached_property
    def joined(self) -> sparse.csr_array:
        """Which nodes are joined, shape (nodes, nodes)."""
        return adjacency(self.graph)

    @cached_property
    def stored_words(self) -> BestWords:
        """Over names and descriptions."""
        return BestWords((self.graph.nodes["name"] + " " + self.graph.nodes["description"]).tolist())

    @cached_property
    def document_words(self) -> BestWords:
        """Over documents."""
        return BestWords(documents(self.graph, "skills"))

    @cached_property
    def with_texts(self) -> np.ndarray:
        """Positions of the nodes whose texts are encoded."""
        return np.flatnonzero(np.isin(self.types, self.text_types))

    def _encoded(self, field: str) -> np.ndarray:
        texts = field_texts(self.graph, field)
        return self.vectors([texts[row] for row in self.with_texts])

    @cached_property
    def name_vectors(self) -> np.ndarray:
        """Shape (nodes with texts, dimensions)."""
        return self._encoded("name")

    @cached_property
    def description_vectors(self) -> np.ndarray:
        """Shape (nodes with texts, dimensions)."""
        return self._encoded(DESCRIPTION)

    @cached_property
    def document_vectors(self) -> np.ndarray:
        """Shape (nodes with texts, dimensions)."""
        return self._encoded("skills")

    @cached_property
    def relation_vectors(self) -> np.ndarray:
        """One for each role: the mean of its name's and its verb's, shape (roles, dimensions)."""
        if not self.counts.roles:
            return np.zeros((0, self.vectors([""]).shape[1]), dtype=np.float32)
        return self.vectors(self.counts.roles) + self.vectors([verb(role) for role in self.counts.roles])

    # ---- what a question says ------------------------------------------------------------------------------------

    def shares(self, heard: Heard, which: Which, *, scale: float = SCALE) -> np.ndarray:
        """How much of a question each phrase has, shape (phrases,), summing to 1.

        Args:
            heard: The question.
            which: Only phrases of broad subjects have a share, only those of narrow ones, or all.
            scale: By which cosines are multiplied before the softmax.
        """
        near = scale * self._nearness(heard)
        if which != "all":
            near = np.where(self.is_broad_phrase == (which == "broad"), near, -np.inf)
        return softmax(near) if np.isfinite(near).any() else np.zeros(len(near))

    def _nearness(self, heard: Heard) -> np.ndarray:
        """Cosines with all phrases; those of the last question are kept, since every source asks for them."""
        if self._last is None or self._last[0] is not heard:
            self._last = heard, self.phrase_vectors @ heard.vector
        return self._last[1]

    def role_shares(self, heard: Heard) -> np.ndarray:
        """Shape (roles,)."""
        shares = self.shares(heard, "broad")
        return shares.reshape(len(self.counts.roles), -1).sum(axis=1)

    def subject_shares(self, heard: Heard) -> np.ndarray:
        """By the names of the subjects alone, shape (subjects,)."""
        if not self.counts.subjects:
            return np.zeros(0)
        return softmax(SCALE * (self.vectors([name.lower() for name in self.counts.subjects]) @ heard.vector))

    def dense(self, vectors: np.ndarray, heard: Heard) -> np.ndarray:
        """Cosines with one text of each node, shape (nodes,); an anchor's text stands for its question."""
        scores = np.full(len(self.row), -np.inf)
        asked = heard.vector
        if heard.anchor is not None:
            at = np.flatnonzero(self.with_texts == self.graph.position(heard.anchor))
            if not len(at):
                return scores
            asked = vectors[at[0]]
        scores[self.with_texts] = vectors @ asked
        return scores

    def starts(self, heard: Heard) -> list[int]:
        """Positions of the anchor, or of what is named or mentioned."""
        named = [heard.anchor] if heard.anchor is not None else dict.fromkeys((*heard.named, *heard.mentioned))
        return [self.graph.position(node_id) for node_id in named]


def softmax(values: np.ndarray) -> np.ndarray:
    """Shares of the exponentials, shape as before."""
    weights = np.exp(values - values.max())
    return weights / weights.sum()
