"""The sources of evidence: each scores all nodes for a question, and is silent where it knows nothing.

Minus infinity stands for *nothing found*. What a source needs is made ready once, by
`kgss_helpers.methods.evidence.Evidence`; whom to believe is for `kgss_helpers.methods.hybrid` to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from kgss_helpers.methods.evidence import BestWords, Evidence, Heard, Which, softmax
from kgss_helpers.methods.proximity import PersonalisedPageRank
from kgss_helpers.methods.structured import SCALE

SHARP = 30.0
"""As `SCALE`, for broad subjects: they are few, and far from each other."""
PEAKED = 20.0
"""Cosines with items are multiplied by this before a softmax."""
STORED = "edges stored"
NAMED = "named itself"
"""The sources that are certain; the second where any type of node may answer."""
PROVEN_FROM = 3
"""Whoever has so many edges of a kind is no discovery any more."""


def _found(scores: np.ndarray) -> np.ndarray:
    return np.where(scores > 0, scores, -np.inf)


def _silent(evidence: Evidence) -> np.ndarray:
    return np.full(len(evidence.row), -np.inf)


def _counting(table: str, which: Which, scale: float) -> Callable[[Evidence, Heard], np.ndarray]:
    def count(evidence: Evidence, heard: Heard) -> np.ndarray:
        if heard.anchor is not None or not evidence.phrases:
            return _silent(evidence)
        return _found(getattr(evidence, table) @ evidence.shares(heard, which, scale=scale))

    return count


def from_found_items(evidence: Evidence, heard: Heard) -> np.ndarray:
    """Who and what belongs to the items whose documents answer: agents in the roles asked for, and subjects.

    Expert search's document-centric model (Balog et al. 2006): items share out what they are found with.
    """
    if heard.anchor is not None or not len(evidence.items):
        return _silent(evidence)
    cosines = (
        evidence.dense(evidence.document_vectors, heard) + evidence.dense(evidence.description_vectors, heard)
    ) / 2
    items = np.full(len(evidence.row), -np.inf)
    items[evidence.items] = cosines[evidence.items]
    if not np.isfinite(items).any():
        return _silent(evidence)
    items = softmax(PEAKED * items)
    scores = np.zeros(len(evidence.row))
    for table, share in zip(evidence.role_tables, evidence.role_shares(heard), strict=True):
        scores += share * (table @ items)
    many = np.asarray(evidence.has_subject.sum(axis=0)).ravel()
    scores[evidence.subjects] += (evidence.has_subject.T @ items) / np.sqrt(np.maximum(many, 1))
    return _found(scores)


def by_items_about(evidence: Evidence, heard: Heard) -> np.ndarray:
    """Agents by how many of their items are about what is asked, whichever of its subjects it is; roles are weighed."""
    if heard.anchor is not None or not evidence.phrases:
        return _silent(evidence)
    shares = evidence.shares(heard, "all").reshape(len(evidence.counts.roles), -1)
    scores = np.zeros(len(evidence.row))
    for table, row in zip(evidence.role_tables, shares, strict=True):
        if row.sum() > 1e-3:
            scores += row.sum() * np.log1p(table @ (evidence.has_subject @ (row / row.max())))
    return _found(scores)


def about_subjects(evidence: Evidence, heard: Heard) -> np.ndarray:
    """Items by the shares that their subjects have of a question, and subjects by their shares."""
    if heard.anchor is not None or not evidence.counts.subjects:
        return _silent(evidence)
    shares = evidence.subject_shares(heard)
    scores = evidence.has_subject @ shares
    scores[evidence.subjects] = shares
    return _found(scores)


def stored_words(evidence: Evidence, heard: Heard) -> np.ndarray:
    """BM25 over names and descriptions."""
    return _words(evidence.stored_words, evidence, heard)


def document_words(evidence: Evidence, heard: Heard) -> np.ndarray:
    """BM25 over documents."""
    return _words(evidence.document_words, evidence, heard)


def _words(index: BestWords, evidence: Evidence, heard: Heard) -> np.ndarray:
    text = heard.text if heard.anchor is None else index.texts[evidence.graph.position(heard.anchor)]
    return index.score(text)


def near_names(evidence: Evidence, heard: Heard) -> np.ndarray:
    """Cosines with names."""
    return evidence.dense(evidence.name_vectors, heard)


def near_descriptions(evidence: Evidence, heard: Heard) -> np.ndarray:
    """Cosines with descriptions."""
    return evidence.dense(evidence.description_vectors, heard)


def near_documents(evidence: Evidence, heard: Heard) -> np.ndarray:
    """Cosines with documents."""
    return evidence.dense(evidence.document_vectors, heard)


def rare_subjects(evidence: Evidence, heard: Heard) -> np.ndarray:
    """Narrow subjects shared with the anchor, each weighed by its rarity (Spärck Jones 1972)."""
    if heard.anchor is None:
        return _silent(evidence)
    shared = evidence.rare_narrow[[evidence.graph.position(heard.anchor)]]
    return _found(np.asarray((evidence.has_subject @ shared.T).todense()).ravel())


def pagerank(evidence: Evidence, heard: Heard) -> np.ndarray:
    """Personalised PageRank from what is named."""
    starts = evidence.starts(heard)
    return _found(PersonalisedPageRank().spread(starts, evidence.joined)) if starts else _silent(evidence)


def rare_company(evidence: Evidence, heard: Heard) -> np.ndarray:
    """Common neighbours of the anchor, each weighed by its rarity among items: people and subjects alike."""
    if heard.anchor is None:
        return _silent(evidence)
    degree = np.asarray(evidence.joined.sum(axis=1)).ravel()
    rarity = np.log(max(len(evidence.items), 2) / np.maximum(degree, 1))
    around = evidence.joined[[evidence.graph.position(heard.anchor)]].toarray().ravel()
    return _found(evidence.joined @ (np.maximum(rarity, 0) * around))


def _asked_of_named(evidence: Evidence, heard: Heard) -> Iterator[tuple[int, int]]:
    """The row of each agent named, and the role that is asked for among those it has."""
    for node_id in heard.named if heard.anchor is None else ():
        row = evidence.graph.position(node_id)
        held = np.array([table[[row]].sum() for table in evidence.role_tables])
        if held.any():
            yield row, int(np.argmax(np.where(held > 0, heard.relation_shares, -1)))


def stored_edges(evidence: Evidence, heard: Heard) -> np.ndarray:
    """The ends of the edges that the graph has, of the named agents and in the role asked for."""
    scores = np.zeros(len(evidence.row))
    for row, role in _asked_of_named(evidence, heard):
        scores += evidence.role_tables[role][[row]].toarray().ravel()
    return _found(scores)


def foreseen_edges(evidence: Evidence, heard: Heard) -> np.ndarray:
    """The ends of edges that the graph lacks, the likeliest first, of the named agents and in the role asked for."""
    scores, seen, foreseen = np.zeros(len(evidence.row)), False, evidence.foreseen
    for row, role in _asked_of_named(evidence, heard) if foreseen is not None else ():
        node_id, relation = evidence.graph.nodes["node_id"].iloc[row], evidence.counts.roles[role]
        if node_id not in foreseen.row.index or relation not in foreseen.relations:
            continue
        there, here = foreseen.columns_in(evidence.graph)
        found = np.full(len(evidence.row), -np.inf)
        found[there] = foreseen.predictor.edge_scores(np.array([foreseen.row[node_id]]), [relation])[0][here]
        found[evidence.role_tables[role][[row]].indices] = -np.inf
        scores, seen = scores + found, True
    return scores if seen else _silent(evidence)


def unproven(evidence: Evidence, heard: Heard) -> np.ndarray:
    """The count with everybody's next edge, of those who have few edges yet in what is asked for first of all."""
    if heard.anchor is not None or not evidence.phrases or evidence.foreseen is None:
        return _silent(evidence)
    shares = evidence.shares(heard, "broad")
    counts = evidence.counts.table[:, [int(shares.argmax())]].toarray().ravel()
    scores = np.asarray(evidence.counted_next @ shares)
    return _found(np.where(counts < PROVEN_FROM, scores, 0))


def named_itself(evidence: Evidence, heard: Heard) -> np.ndarray:
    """The agents named, the first first."""
    scores = _silent(evidence)
    for place, node_id in enumerate(heard.named):
        scores[evidence.graph.position(node_id)] = -float(place)
    return scores


SOURCES: dict[str, Callable[[Evidence, Heard], np.ndarray]] = {
    "broad subjects counted": _counting("counted", "broad", SHARP),
    "narrow subjects counted": _counting("counted", "narrow", SCALE),
    "next edges counted, broad": _counting("counted_next", "broad", SCALE),
    "next edges counted, narrow": _counting("counted_next", "narrow", SCALE),
    "next edges of the unproven": unproven,
    "items about it counted": by_items_about,
    "found items shared out": from_found_items,
    "about its subjects": about_subjects,
    "words of names and descriptions": stored_words,
    "words of documents": document_words,
    "names by meaning": near_names,
    "descriptions by meaning": near_descriptions,
    "documents by meaning": near_documents,
    "rare subjects shared": rare_subjects,
    "rare company shared": rare_company,
    "PageRank": pagerank,
    STORED: stored_edges,
    "edges foreseen": foreseen_edges,
    NAMED: named_itself,
}
"""By name, everything that may speak for an answer: (evidence, heard) to shape (nodes,), minus infinity for nothing."""
