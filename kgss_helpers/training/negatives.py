"""Hard negatives: what is not true of an anchor, but looks as if it could be.

Whether something is true is asked of the graph, not of words: the same fact in another surface form, or told from the
other end of its edge, is no negative. In-batch negatives need nothing from here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from kgss_helpers.films.skills import skill_phrases, skills_of
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.encoder import encode
from kgss_helpers.text.rows import DESCRIPTION, fact_key, facts_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Control = Literal["graph", "margin", "none"]
BELOW = 0.95
"""A candidate within a margin has no more than this share of the positive's cosine."""
LOOKED_AT = 100
"""So many of the most similar facts are looked at before a row is given up."""


def described(graph: KnowledgeGraph, node_type: str) -> pd.DataFrame:
    """What is said about nodes of a type without naming them: columns ``node_id``, ``text``, ``fact``.

    A stored description; for people who have none, their skills.
    """
    skills = {person: ". ".join(skill_phrases(found)) for person, found in skills_of(graph).items()}
    nodes = graph.nodes[graph.nodes["node_type"] == node_type]
    text = nodes["description"].where(nodes["description"] != "", nodes["node_id"].map(skills))
    facts = [fact_key(DESCRIPTION, node_id) for node_id in nodes["node_id"]]
    found = pd.DataFrame({"node_id": nodes["node_id"], "text": text, "fact": facts})
    return found.dropna(subset="text").reset_index(drop=True)


def drawn_negatives(
    rows: pd.DataFrame, graph: KnowledgeGraph, node_type: str, *, count: int = 1, seed: int = 0
) -> pd.DataFrame:
    """Adds descriptions of other nodes, drawn at random: a person with own facts against a film's description, say.

    Args:
        rows: As `training_rows` makes them.
        graph: Knows what is joined to an anchor, and so no negative of it.
        node_type: Whose descriptions are drawn.
        count: Negatives a row.
        seed: Of the draw.

    Returns:
        The rows with the columns ``negative_1``, ``negative_fact_1`` and so on.

    Raises:
        ValueError: No node of the type is described.
    """
    pool = described(graph, node_type)
    if pool.empty:
        raise ValueError(f"no {node_type} of {graph.name} has a description to be a negative")
    joined: dict[str, set[str]] = defaultdict(set)
    for source, target in zip(graph.edges["source"], graph.edges["target"], strict=True):
        joined[source].add(target)
        joined[target].add(source)
    rng = np.random.default_rng(seed)
    shuffled = (rng.permutation(len(pool))[: count + 60] for _ in range(len(rows)))
    ids, texts, facts = (pool[column].to_numpy() for column in ("node_id", "text", "fact"))
    chosen = [
        _first((place for place in order if ids[place] != here and ids[place] not in joined[here]), count)
        for here, order in zip(rows["node_id"], shuffled, strict=True)
    ]
    return _with_columns(rows, chosen, texts, facts, count)


def mined_negatives(
    rows: pd.DataFrame,
    graph: KnowledgeGraph,
    model: SentenceTransformer,
    *,
    among: pd.DataFrame | None = None,
    count: int = 1,
    skip: int = 0,
    control: Control = "graph",
) -> pd.DataFrame:
    """Adds what the model itself takes for true: the most similar positives of other rows, if the graph denies them.

    After Xiong et al. (2021), with the graph in the place of a margin (Qu et al. 2021 ask a cross-encoder). Candidates
    are positives of the same relation told from the same end, so that form and length give nothing away. Two other
    controls are there to be compared: a ``"margin"`` takes no candidate whose cosine is above `BELOW` of the positive's
    (Moreira et al. 2024), and ``"none"`` takes all but the row's own fact.

    Args:
        rows: As `training_rows` makes them.
        graph: Knows what is true of an anchor.
        model: Whose mistakes are looked for.
        among: Rows whose positives are candidates; ``rows`` themselves if not given.
        count: Negatives a row.
        skip: Leaves out so many of the most similar ones.
        control: What keeps true facts out.

    Returns:
        The rows for which enough was found, with the columns ``negative_1``, ``negative_fact_1`` and so on.
    """
    from sentence_transformers.util import semantic_search

    true = facts_of(graph) if control == "graph" else defaultdict(set)
    kinds, among = graph.nodes.set_index("node_id")["node_type"], rows if among is None else among
    pools = dict(list(among.groupby([among["relation"], among["node_id"].map(kinds)], sort=False)))
    parts = []
    for of_a_kind, part in rows.groupby([rows["relation"], rows["node_id"].map(kinds)], sort=False):
        pool = pools.get(of_a_kind, among.head(0)).drop_duplicates("positive")
        texts, facts = pool["positive"].to_numpy(), pool["fact"].to_numpy()
        anchors = part["anchor"].unique()
        of_anchors = encode(model, anchors, bf16=True)
        hits = semantic_search(of_anchors, encode(model, texts, bf16=True), top_k=min(LOOKED_AT, len(texts)))
        near = dict(zip(anchors, hits, strict=True))
        limits = np.full(len(part), np.inf)
        if control == "margin":
            of_rows = of_anchors[pd.Index(anchors).get_indexer(part["anchor"])]
            limits = BELOW * (of_rows * encode(model, part["positive"].tolist(), bf16=True)).sum(axis=1)
        chosen = [
            _first((hit["corpus_id"] for hit in near[anchor] if hit["score"] <= limit
                    and facts[hit["corpus_id"]] not in true[here] and facts[hit["corpus_id"]] != fact),
                   count, skip=skip)
            for anchor, here, fact, limit in zip(part["anchor"], part["node_id"], part["fact"], limits, strict=True)
        ]  # fmt: skip
        parts.append(_with_columns(part, chosen, texts, facts, count))
    return pd.concat(parts).sort_index()


def for_training(rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The text columns that a loss eats, and each row's facts for `train_sbert`, shape (rows, 1 + negatives)."""
    negatives = [column for column in rows if column.startswith("negative_") and "fact" not in column]
    facts = ["fact", *(column.replace("negative_", "negative_fact_") for column in negatives)]
    return rows[["anchor", "positive", *negatives]], rows[facts].to_numpy(dtype=object)


def _first(candidates: Iterable[int], count: int, *, skip: int = 0) -> list[int]:
    found: list[int] = []
    for number, row in enumerate(candidates):
        if number >= skip:
            found.append(row)
        if len(found) == count:
            break
    return found


def _with_columns(
    rows: pd.DataFrame, chosen: list[list[int]], texts: np.ndarray, facts: np.ndarray, count: int
) -> pd.DataFrame:
    """Rows with fewer than ``count`` negatives are left out."""
    enough = np.array([len(found) == count for found in chosen], dtype=bool)
    rows = rows[enough].copy()
    picked = np.array([found for found in chosen if len(found) == count], dtype=int).reshape(len(rows), count)
    for number in range(count):
        rows[f"negative_{number + 1}"] = texts[picked[:, number]]
        rows[f"negative_fact_{number + 1}"] = facts[picked[:, number]]
    return rows
