"""A graph of any size with the shape of the real ones: few hubs, a long tail, and communities if wanted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kgss_helpers.datasets.builder import require_whole
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
INSIDE = 0.8
"""Where there are communities, the chance of an edge to stay within one: a planted partition (Condon and Karp 2001)."""


def synthetic_graph(nodes: int = 10_000, *, communities: int = 0, seed: int = 0) -> KnowledgeGraph:
    """People, projects, keywords and genres joined as in the film graph, in numbers of your choice.

    Each project has about eleven credits, eight keywords and two or three genres (fewer in a graph of a few hundred
    nodes, where the same is drawn twice); who and what is drawn follows a power law. The edge table's columns are
    categorical, which keeps ten million edges small; they compare like text.

    Args:
        nodes: How many nodes in all, at least 100.
        communities: If given, every node belongs to one of so many (the column ``community``), and most edges stay
            within one, so that there is something to learn; hubs remain hubs. Genres belong to several.
        seed: The same seed gives the same graph.

    Raises:
        GraphError: Fewer than 100 nodes are asked for, or a negative number of communities.
    """
    for name, value in (("nodes", nodes), ("seed", seed)):
        require_whole(value, name, least=0)
    if not isinstance(communities, int):
        raise GraphError(f"communities must be a whole number, not {communities!r}")
    if nodes < 100:
        raise GraphError(f"cannot spread {nodes} nodes over people, projects, keywords and genres; ask for 100 or more")
    if communities < 0:
        raise GraphError(f"there cannot be {communities} communities; 0 makes a graph without any")
    rng = np.random.default_rng(seed)
    people, projects = round(SHARES["person"] * nodes), round(SHARES["project"] * nodes)
    genres = min(GENRES, nodes // 40)
    keywords = nodes - people - projects - genres
    table = _nodes({"person": people, "project": projects, "keyword": keywords, "genre": genres})
    first_project, first_keyword, first_genre = people, people + projects, people + projects + keywords
    if communities:
        number = np.arange(nodes) - np.repeat([0, first_project, first_keyword, first_genre],
                                              [people, projects, keywords, genres])  # fmt: skip
        table["community"] = number % communities
    credited, who = _drawn(rng, projects, CREDITS, people, communities)
    about, keyword = _drawn(rng, projects, KEYWORDS, keywords, communities)
    kind, genre = _drawn(rng, projects, GENRES_EACH, genres, communities)
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


def _drawn(
    rng: np.random.Generator, projects: int, mean: float, candidates: int, communities: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct (project, candidate) pairs: a Poisson number for each project, candidates by the power law."""
    counts = np.minimum(1 + rng.poisson(mean - 1, projects), candidates)
    weights = np.cumsum(np.arange(1, candidates + 1, dtype=float) ** -TAIL)
    chosen = np.searchsorted(weights, rng.random(counts.sum()) * weights[-1])
    project, chosen = np.repeat(np.arange(projects), counts), np.minimum(chosen, candidates - 1)
    if communities:
        chosen = np.where(
            rng.random(len(chosen)) < INSIDE, _brought_home(project, chosen, candidates, communities), chosen
        )
    pairs = np.sort(project * candidates + chosen)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return pairs // candidates, pairs % candidates


def _brought_home(project: np.ndarray, chosen: np.ndarray, candidates: int, communities: int) -> np.ndarray:
    """For each that was chosen, one of nearly the same rank in the project's community."""
    if candidates < communities:
        return project % communities % candidates
    near = chosen - chosen % communities + project % communities
    return np.where(near < candidates, near, near - communities)
