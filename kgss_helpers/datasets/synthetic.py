"""A graph of any size with the shape of the real ones: few hubs, a long tail."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD, ROLES
from kgss_helpers.graph import GraphError, KnowledgeGraph

GENRES = 19
SHARES = {"person": 0.62, "project": 0.33}
ROLE_SHARES = (0.07, 0.1, 0.12, 0.36, 0.03, 0.06, 0.06, 0.05, 0.02, 0.05, 0.03, 0.03, 0.01, 0.01)
CREDITS, KEYWORDS, GENRES_EACH = 11.0, 8.0, 2.5
TAIL = 0.7
"""A node's chance to be chosen falls with its rank to this power.

That gives degrees a power-law tail, as in real networks (Barabási and Albert 1999).
"""


def synthetic_graph(nodes: int = 10_000, *, seed: int = 0) -> KnowledgeGraph:
    """People, projects, keywords and genres joined as in the film graph, in numbers of your choice.

    Each project has about eleven credits, eight keywords and two or three genres (fewer in a graph of a few hundred
    nodes, where the same is drawn twice); who and what is drawn follows a power law. The edge table's columns are
    categorical, which keeps ten million edges small; they compare like text.

    Args:
        nodes: How many nodes in all, at least 100.
        seed: The same seed gives the same graph.

    Raises:
        GraphError: Fewer than 100 nodes are asked for.
    """
    if nodes < 100:
        raise GraphError(f"cannot spread {nodes} nodes over people, projects, keywords and genres; ask for 100 or more")
    rng = np.random.default_rng(seed)
    people, projects = round(SHARES["person"] * nodes), round(SHARES["project"] * nodes)
    genres = min(GENRES, nodes // 40)
    keywords = nodes - people - projects - genres
    table = _nodes({"person": people, "project": projects, "keyword": keywords, "genre": genres})
    first_project, first_keyword, first_genre = people, people + projects, people + projects + keywords
    credited, who = _drawn(rng, projects, CREDITS, people)
    about, keyword = _drawn(rng, projects, KEYWORDS, keywords)
    kind, genre = _drawn(rng, projects, GENRES_EACH, genres)
    relations = [*ROLES, HAS_KEYWORD, HAS_GENRE]
    sources = np.concatenate([who, first_project + about, first_project + kind])
    targets = np.concatenate([first_project + credited, first_keyword + keyword, first_genre + genre])
    roles = rng.choice(len(ROLES), size=len(who), p=np.array(ROLE_SHARES) / sum(ROLE_SHARES))
    codes = np.concatenate([roles, np.full(len(about), len(ROLES)), np.full(len(kind), len(ROLES) + 1)])
    ids = pd.CategoricalDtype(table["node_id"])
    edges = pd.DataFrame(
        {
            "source": pd.Categorical.from_codes(sources, dtype=ids),
            "relation": pd.Categorical.from_codes(codes, categories=relations),
            "target": pd.Categorical.from_codes(targets, dtype=ids),
        }
    )
    return KnowledgeGraph(table, edges, name=f"synthetic, {nodes:,} nodes")


def _nodes(counts: dict[str, int]) -> pd.DataFrame:
    ids = [f"{kind}:{number}" for kind, count in counts.items() for number in range(count)]
    types = np.repeat(list(counts), list(counts.values()))
    return pd.DataFrame(
        {"node_id": ids, "node_type": types, "name": [node_id.replace(":", " ") for node_id in ids], "description": ""}
    )


def _drawn(rng: np.random.Generator, projects: int, mean: float, candidates: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct (project, candidate) pairs: a Poisson number for each project, candidates by the power law."""
    counts = np.minimum(1 + rng.poisson(mean - 1, projects), candidates)
    weights = np.cumsum(np.arange(1, candidates + 1, dtype=float) ** -TAIL)
    chosen = np.searchsorted(weights, rng.random(counts.sum()) * weights[-1])
    pairs = np.sort(np.repeat(np.arange(projects), counts) * candidates + np.minimum(chosen, candidates - 1))
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return pairs // candidates, pairs % candidates
