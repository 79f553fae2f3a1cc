"""One system for every question: all evidence is asked, a router decides whom to believe, each answer is explained.

It reads a question's text, the type of node asked for and the node it starts from, and nothing else. What is counted,
encoded or indexed is made ready once for a graph; then a question takes some tens of milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from scipy.stats import entropy

from kgss_helpers.files import DATA
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.edge_prediction import EdgeScorer
from kgss_helpers.methods.evidence import Evidence, Foreseen, Heard, softmax
from kgss_helpers.methods.explaining import Explainer, Explanation
from kgss_helpers.methods.fusion import Router, votes_of
from kgss_helpers.methods.learned_proximity import LearnedProximity
from kgss_helpers.methods.linking import NameIndex
from kgss_helpers.methods.sources import NAMED, SOURCES, STORED
from kgss_helpers.methods.structured import SCALE
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.methods.understanding import INTENTS, Understanding
from kgss_helpers.question import Asked, Query
from kgss_helpers.space import best, unit_rows
from kgss_helpers.text.schema import schema_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WEIGHTS = DATA / "hybrid"
"""What routers have learned, one file a reader."""
FEATURES = (
    "always", "asks for agents", "asks for items", "asks for subjects", "starts from a node", "names an agent",
    *INTENTS, "peak of broad subjects", "vagueness", "share of narrow subjects", "nearness of narrow subjects",
    "rather to be discovered than proven",
)  # fmt: skip
"""What the router sees of a question."""
LEAST = 1e-9
"""Smaller shares are taken for this."""
DISCOVERY = 20.0
"""Multiplies a difference of cosines, to make it as large as the other features."""
CERTAIN = 1000.0
"""The weight of what is stored: it comes before all that is likely."""
EQUAL, LEARNED = "hybrid (reciprocal ranks)", "hybrid (learned router)"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A graph that is ready for questions."""

    graph: KnowledgeGraph
    evidence: Evidence
    understanding: Understanding
    mentions: NameIndex
    explainer: Explainer


class HybridSearch:
    """All evidence about a question, weighed by a router, and every answer explained.

    Args:
        model: Reads questions and texts.
        graph: What may be learned from: where edges will come is learned here.
        router: Weighs the sources; all alike, if not given.
        predictor: Foresees edges, fitted on the graph; `LearnedProximity`, fitted by `fit`, if not given.
        foresee: Learn a predictor if none is given; without one, nothing is foreseen, and a search is ready sooner.
        attribute: A numeric column of the nodes, such as a year, that the predictor may look at.
        broad_types: Types of the subjects that are few and broad, such as genres.
        vectors: The model's vectors of texts, if they are shared with others.
        name: The row in the exam's table.
    """

    sees = "the graph; texts of nodes; names in the question"

    def __init__(
        self,
        model: SentenceTransformer,
        graph: KnowledgeGraph,
        *,
        router: Router | None = None,
        predictor: EdgeScorer | None = None,
        foresee: bool = True,
        attribute: str | None = None,
        broad_types: Sequence[str] = ("genre",),
        vectors: TextVectors | None = None,
        name: str = "",
    ) -> None:
        self.vectors = vectors or TextVectors(model)
        self.graph, self.attribute, self.broad_types = graph, attribute, tuple(broad_types)
        self.router = router or Router.equal(FEATURES, tuple(SOURCES))
        self.name = name or (EQUAL if router is None else LEARNED)
        self.foreseen = None if predictor is None else Foreseen(predictor, graph)
        self._fitted = predictor is not None or not foresee
        self._prepared: list[Prepared] = []

    # ---- made ready once -------------------------------------------------------------------------------------------

    def fit(self) -> Self:
        """Learns where edges will come, if nobody foresees them yet, and makes the graph ready."""
        if not self._fitted:
            self.foreseen, self._fitted = self._learn_to_foresee(), True
        self.prepare(self.graph)
        return self

    def _learn_to_foresee(self) -> Foreseen | None:
        """Nothing where the graph has too few edges to set some aside."""
        relations = schema_of(self.graph).role_relations
        try:
            predictor = LearnedProximity(relations, attribute=self.attribute).fit(self.graph)
        except ValueError:
            return None
        return Foreseen(predictor, self.graph)

    def prepare(self, graph: KnowledgeGraph) -> Prepared:
        """The graph made ready; the last two are kept."""
        for prepared in self._prepared:
            if prepared.graph is graph:
                return prepared
        evidence = Evidence(graph, self.vectors, foreseen=self.foreseen, broad_types=self.broad_types)
        agent_types = sorted(set(evidence.types[evidence.agents]))
        prepared = Prepared(
            graph, evidence, Understanding(graph, self.vectors, agent_types), NameIndex(graph), Explainer(evidence)
        )
        self._prepared = [prepared, *self._prepared[:1]]
        return prepared

    # ---- understanding ---------------------------------------------------------------------------------------------

    def hear(self, questions: Sequence[Asked], prepared: Prepared) -> list[Heard]:
        """What each question says, with its spelling mended and its names found."""
        understanding = prepared.understanding
        spelt = [understanding.spelt(question.text) for question in questions]
        named = [[] if question.anchor else understanding.agents_named(question.text) for question in questions]
        ids = [tuple(node_id for node_id, _ in found) for found in named]
        plain = [understanding.without_names(text, found) for text, found in zip(spelt, ids, strict=True)]
        vectors, plain_vectors = self.vectors(spelt), self.vectors(plain)
        relations = prepared.evidence.relation_vectors
        return [
            Heard(
                text=text, vector=vector, node_type=question.node_type, anchor=question.anchor or None, named=found,
                mentioned=() if question.anchor else tuple(prepared.mentions.named(question.text)),
                relation_shares=softmax(SCALE * (relations @ plain_vector)) if len(relations) else np.zeros(0),
                sureness=max((sure for _, sure in pairs), default=0.0),
            )
            for question, text, vector, plain_vector, found, pairs in zip(
                questions, spelt, vectors, plain_vectors, ids, named, strict=True
            )
        ]  # fmt: skip

    def describes(self, question: Asked) -> bool:
        """Whether a question starts from no node and names nobody, so that only its meaning can answer it."""
        named = self.prepare(self.graph).understanding.agents_named(question.text)
        return not question.anchor and not named

    def features(self, heard: Sequence[Heard], prepared: Prepared) -> np.ndarray:
        """What the router sees, shape (questions, features)."""
        evidence, rows = prepared.evidence, []
        kinds = [set(evidence.types[group]) for group in (evidence.agents, evidence.items, evidence.subjects)]
        intents = prepared.understanding.intents(np.stack([self._without_subject(evidence, one) for one in heard]))
        for one, intent in zip(heard, intents, strict=True):
            asks = [float(one.anchor is None and one.node_type in kind) for kind in kinds]
            starts = float(one.anchor is not None)
            rows.append(
                [
                    1.0,
                    *asks,
                    starts,
                    one.sureness,
                    *intent,
                    *self._peaks(evidence, one),
                    DISCOVERY * asks[0] * (intent[0] - intent[1]),
                ]
            )
        return np.array(rows)

    @staticmethod
    def _without_subject(evidence: Evidence, heard: Heard) -> np.ndarray:
        """A question's vector without its part along the nearest phrase: how it is asked, and not what about."""
        if not evidence.phrases:
            return heard.vector
        nearest = evidence.phrase_vectors[evidence.shares(heard, "broad").argmax()]
        return unit_rows(heard.vector - (heard.vector @ nearest) * nearest)

    @staticmethod
    def _peaks(evidence: Evidence, heard: Heard) -> tuple[float, float, float, float]:
        """How clearly a broad subject is meant, how vaguely all are, and how much and how clearly narrow ones are."""
        if heard.anchor is not None or not evidence.phrases:
            return 0.0, 0.0, 0.0, 0.0
        broad, every = evidence.shares(heard, "broad"), evidence.shares(heard, "all")
        vague = float(entropy(broad) / np.log(max(len(broad), 2)))
        narrow = ~evidence.is_broad_phrase
        nearest = [every[which].max(initial=LEAST) for which in (narrow, ~narrow)]
        margin = float(np.log(max(nearest[0], LEAST) / max(nearest[1], LEAST))) / SCALE * 4
        return float(broad.max()), vague, float(every[narrow].sum()), margin

    def weights(self, heard: Sequence[Heard], prepared: Prepared) -> np.ndarray:
        """Of the sources, shape (questions, sources); who is named, and what the graph has stored, needs no vote."""
        weights = self.router.weights(self.features(heard, prepared))
        weights[:, [name == STORED for name in self.router.sources]] = CERTAIN
        any_type = [one.node_type is None for one in heard]
        weights[np.ix_(any_type, [name == NAMED for name in self.router.sources])] = 2 * CERTAIN
        return weights

    # ---- answering -------------------------------------------------------------------------------------------------

    def votes(self, heard: Heard, prepared: Prepared) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the nodes that may answer, and what each source says of them, shape (candidates, sources).

        Raises:
            GraphError: The graph has no node of the type asked for; names the types there are, and the nearest.
        """
        evidence = prepared.evidence
        if heard.node_type is None:
            rows = np.arange(len(evidence.types))
        else:
            prepared.graph.require_known([heard.node_type], "node_type")
            rows = np.flatnonzero(evidence.types == heard.node_type)
        if heard.anchor is not None:
            rows = rows[rows != prepared.graph.position(heard.anchor)]
        how = {"shift": self.router.shift, "rank_share": self.router.rank_share}
        found = [votes_of(SOURCES[name](evidence, heard)[rows], **how) for name in self.router.sources]
        return rows, np.stack(found, axis=1)

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes): the weighed sum of all votes, minus infinity where there is none.

        Raises:
            GraphError: A question asks for a type that the graph lacks.
        """
        self.fit()
        prepared = self.prepare(graph)
        scores = np.full((len(questions), len(graph.nodes)), -np.inf)
        if not questions:
            return scores
        heard = self.hear(questions, prepared)
        weights = self.weights(heard, prepared)
        for row, one in enumerate(heard):
            nodes, votes = self.votes(one, prepared)
            found = votes @ weights[row]
            scores[row, nodes] = np.where(found > 0, found, -np.inf)
        return scores

    def search(
        self, text: str, *, node_type: str | None = None, anchor: str | None = None, k: int = 10,
        graph: KnowledgeGraph | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        """The best answers, and why.

        Args:
            text: What somebody typed.
            node_type: Only nodes of this type.
            anchor: The id of a node to start from.
            k: How many at most.
            graph: What is searched; the one that was learned from, if not given.

        Returns:
            ``node_id``, ``node_type``, ``name``, ``score``; ``why``, a sentence about the edges behind the answer or
            *no edge supports this*; ``edges``, how many they are; ``sources``, who found it, the weightiest first.

        Raises:
            GraphError: The graph has no node of the type.
            KeyError: There is no node to start from.
        """
        self.fit()
        prepared = self.prepare(graph or self.graph)
        heard = self.hear([Query(text, node_type, anchor)], prepared)
        weights = self.weights(heard, prepared)[0]
        nodes, votes = self.votes(heard[0], prepared)
        found = votes @ weights
        hits = best(np.where(found > 0, found, -np.inf), k)
        table = prepared.graph.nodes.iloc[nodes[hits]][["node_id", "node_type", "name"]].reset_index(drop=True)
        why = [prepared.explainer.explain(heard[0], node_id) for node_id in table["node_id"]]
        return table.assign(
            score=found[hits], why=[one.why for one in why], edges=[len(one.edges) for one in why],
            sources=[", ".join(self._finders(votes[hit] * weights)) for hit in hits],
        )  # fmt: skip

    def _finders(self, parts: np.ndarray, most: int = 3) -> list[str]:
        """The sources that gave most of a score."""
        order = np.argsort(-parts, kind="stable")[:most]
        few = [source for place, source in enumerate(order) if not place or parts[source] > parts.sum() / 10]
        return [self.router.sources[source] for source in few]

    def explain(self, question: Asked, node_id: str, graph: KnowledgeGraph | None = None) -> Explanation:
        """The edges that support a node as an answer.

        Raises:
            KeyError: There is no such node.
        """
        prepared = self.prepare(graph or self.graph)
        return prepared.explainer.explain(self.hear([question], prepared)[0], node_id)
