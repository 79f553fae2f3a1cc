"""For notebook 14 and its app: the one system on the film graph, how it reads a question, and a search to play with."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
import pandas as pd

from kgss_helpers.exam.films import training_graph
from kgss_helpers.methods.fields import Fields
from kgss_helpers.methods.fusion import LARGEST, Router
from kgss_helpers.methods.hybrid import HybridSearch
from kgss_helpers.methods.late_interaction import LateInteraction
from kgss_helpers.methods.pretrained import TUNED
from kgss_helpers.methods.single_source import SingleSource
from kgss_helpers.methods.understanding import INTENTS
from kgss_helpers.question import Query, Question
from kgss_helpers.runs.hybrid_rows import ATTRIBUTE, load_router, predictor
from kgss_helpers.runs.space_map import load_map
from kgss_helpers.runs.tuned_texts import kept_vectors
from kgss_helpers.show.search_view import Search, SearchView

READER = TUNED
"""Who reads questions and texts for the system."""
EXAMPLE = "who puts spaceships on a screen?"
SINGLE = {
    "shared words": "words of documents",
    "counts": "broad subjects counted",
    "walks": "PageRank",
}
"""What stands on a button → the source of evidence behind it."""
EVERYTHING, VECTORS, WORDS = "everything", "vectors", "word by word"
DEPTH, REMEMBERED = 20, 200
"""Word by word, so many films are compared with a question: they are read while somebody waits. Of so many texts the
words stay remembered; they take some ten megabytes."""


@cache
def film_system(reader: str = READER) -> HybridSearch:
    """The system on the exam's training graph, ready for questions; made once a session.

    Nothing heavy is computed: texts were encoded before (`kgss_helpers.runs.tuned_texts`).
    """
    vectors, (foresees, _) = kept_vectors(reader), predictor()
    system = HybridSearch(
        vectors.model, training_graph(), router=load_router(reader), predictor=foresees, attribute=ATTRIBUTE,
        vectors=vectors,
    )  # fmt: skip
    evidence = system.fit().prepare(system.graph).evidence
    if evidence.foreseen is not None and evidence.counted_next.nnz:  # counted now, so the edges have done their work
        evidence.foreseen.forget()
    return system


def film_finder(system: HybridSearch | None = None) -> Search:
    """All that answers in the search view: the system, alone and with films put in order word by word; single ideas."""
    system = system or film_system()
    documents = Fields(system.vectors.model, ("skills",), name=VECTORS)
    documents.vectors = system.vectors
    words = LateInteraction(
        system, system.vectors.model, node_types=("project",), describes=system.describes, depth=DEPTH,
        most=REMEMBERED, name=WORDS,
    )  # fmt: skip
    methods = {EVERYTHING: system, WORDS: words, VECTORS: documents}
    methods |= {name: SingleSource(system, source) for name, source in SINGLE.items()}
    return Search(
        system.graph, methods, why=lambda question, node_id: system.explain(question, node_id).why,
        attribute=ATTRIBUTE, points=load_map(system.graph), example=EXAMPLE,
    )  # fmt: skip


def film_search(system: HybridSearch | None = None, *, text: str = "", node_type: str | None = None) -> SearchView:
    """The search to play with; the app shows nothing else."""
    return SearchView(film_finder(system), text, node_type=node_type, subject_type="genre")


# ---- how a question is read ------------------------------------------------------------------------------------------


def reading(system: HybridSearch, text: str, node_type: str | None = None, *, most: int = 3) -> pd.Series:
    """What the system makes of a question, step by step, in words.

    Args:
        system: Ready.
        text: The question.
        node_type: What is asked for.
        most: So many of each are named.
    """
    prepared = system.prepare(system.graph)
    heard = system.hear([Query(text, node_type)], prepared)[0]
    evidence, names = prepared.evidence, system.graph.nodes.set_index("node_id")["name"]
    intents = prepared.understanding.intents(heard.vector[None])[0]
    weights = believed(system, {text: node_type})[text]
    held = evidence.counts.roles
    return pd.Series(
        {
            "spelling mended": heard.text if heard.text != text else "nothing to mend",
            "somebody is named": ", ".join(names[one] for one in heard.named) or "nobody",
            "something is mentioned": ", ".join(names[one] for one in heard.mentioned[:most]) or "nothing",
            "as a relation": held[int(np.argmax(heard.relation_shares))] if len(held) else "",
            "as a role in a genre": _likeliest(evidence.phrases, evidence.shares(heard, "broad"), most),
            "as a role in a keyword": _likeliest(evidence.phrases, evidence.shares(heard, "narrow"), most),
            "as an intent": list(INTENTS)[int(np.argmax(intents))],
            "believed most": "; ".join(weights.index[:most]),
        },
        name=text,
    )


def _likeliest(phrases: list[str], shares: np.ndarray, most: int) -> str:
    order = np.argsort(-shares, kind="stable")[:most]
    return "; ".join(f"{phrases[at]} {shares[at]:.0%}" for at in order)


def believed(system: HybridSearch, asked: Mapping[str, str | None]) -> pd.DataFrame:
    """How much each source is believed, a column a question; 0 where it has nothing to say; the largest sums first.

    Args:
        system: Ready.
        asked: Question → the type of node asked for.
    """
    prepared = system.prepare(system.graph)
    heard = system.hear([Query(text, node_type) for text, node_type in asked.items()], prepared)
    weights = system.router.weights(system.features(heard, prepared))
    speaks = np.stack([system.votes(one, prepared)[1].any(axis=0) for one in heard])
    table = pd.DataFrame((weights * speaks).T, index=list(system.router.sources), columns=list(asked))
    order = table.sum(axis=1).sort_values(ascending=False, kind="stable").index
    return table.loc[order].rename_axis("source")


def with_router(system: HybridSearch, router: Router, name: str) -> HybridSearch:
    """The same system, with all that it has made ready, under another router."""
    other = copy.copy(system)
    other.router, other.name = router, name
    return other


def without(system: HybridSearch, sources: Sequence[str]) -> HybridSearch:
    """The same system, which hardly hears some of its sources: their weights are the smallest there are."""
    table = system.router.table.copy()
    table[:, [system.router.sources.index(source) for source in sources]] = 0
    table[0, [system.router.sources.index(source) for source in sources]] = -LARGEST
    return with_router(system, replace(system.router, table=table), f"without {', '.join(sources)}")


def some_of_each(questions: Sequence[Question], *, each: int, families: Sequence[str]) -> list[Question]:
    """The first test questions of each family, as they were written."""
    found: list[Question] = []
    for family in families:
        asked = (one for one in questions if one.family == family and one.split == "test" and not one.variant)
        found += islice(asked, each)
    return found


# ---- the map ---------------------------------------------------------------------------------------------------------


def purity(points: np.ndarray, labels: Sequence[str], *, neighbours: int = 10) -> float:
    """The mean share of a node's nearest neighbours that have its own label.

    Args:
        points: Unit vectors or coordinates, shape (nodes, dimensions); of unit vectors, the nearest have the largest
            cosines.
        labels: One for each.
        neighbours: How many are looked at.
    """
    from sklearn.neighbors import NearestNeighbors

    labels = np.asarray(labels)
    found = NearestNeighbors(n_neighbors=neighbours).fit(points).kneighbors(return_distance=False)
    return float((labels[found] == labels[:, None]).mean())


def spread(search: Search, node_ids: Sequence[str]) -> float:
    """The mean distance of two of these nodes on the map."""
    from scipy.spatial.distance import pdist

    if search.points is None:
        raise ValueError("this search has no map")
    return float(pdist(search.points[[search.graph.position(node_id) for node_id in node_ids]]).mean())
