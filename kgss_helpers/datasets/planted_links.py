"""Links with a structure that is known because it was planted: projects of a few topics each, links of one."""

from __future__ import annotations

import numpy as np

from kgss_helpers.graph import GraphError

TOPICS = 20
TOPICS_EACH = 2
ON_TOPIC = 0.5
"""This share of a project's links is drawn within its topics, the others from all links: an encyclopaedia has hubs."""
AT_LEAST = 3
"""So many projects have each link, as in the Deep Learning Cookbook's film data."""


def planted_links(
    *, projects: int = 10_000, links: int = 66_913, pairs: int = 949_544, topics: int = TOPICS, seed: int = 0
) -> np.ndarray:
    """Pairs of a link and a project, each once, shape (pairs, 2); the default sizes are the Cookbook's.

    Args:
        projects: How many.
        links: How many; each has one topic and at least three projects.
        pairs: How many in all.
        topics: How many; fewer are easier to learn.
        seed: The same seed gives the same pairs.

    Raises:
        GraphError: There are too few pairs for the links, more than half of all possible ones, or too many topics.
    """
    if not AT_LEAST * links <= pairs <= projects * links // 2 or topics > min(links, projects):
        sizes = f"{pairs:,} pairs of {links:,} links and {projects:,} projects in {topics} topics"
        raise GraphError(f"cannot plant {sizes}; take more pairs, or fewer topics")
    rng = np.random.default_rng(seed)
    topic_of = rng.permutation(np.arange(links) % topics)
    by_topic = np.argsort(topic_of, kind="stable")
    starts = np.searchsorted(topic_of[by_topic], np.arange(topics + 1))
    any_order = rng.permutation(links)
    interests = rng.integers(topics, size=(projects, TOPICS_EACH))
    interests[:topics, 0] = np.arange(topics)  # no topic without a project
    members = np.argsort(interests.T.ravel(), kind="stable")
    first = np.searchsorted(np.sort(interests.T.ravel()), np.arange(topics + 1))

    def of_links(wanted: np.ndarray) -> np.ndarray:
        """A project of each link's topic."""
        low, high = first[topic_of[wanted]], first[topic_of[wanted] + 1]
        return members[low + (rng.random(len(wanted)) * (high - low)).astype(int)] % projects

    def of_projects(wanted: np.ndarray) -> np.ndarray:
        """A link of one of each project's topics, or any."""
        topic = interests[wanted, rng.integers(TOPICS_EACH, size=len(wanted))]
        size = starts[topic + 1] - starts[topic]
        within = by_topic[starts[topic] + zipf(size, rng)]
        anywhere = any_order[zipf(np.full(len(wanted), links), rng)]
        return np.where(rng.random(len(wanted)) < ON_TOPIC, within, anywhere)

    found = np.empty(0, dtype=np.int64)
    needed = np.repeat(np.arange(links), AT_LEAST)
    for _ in range(100):  # what is drawn twice is drawn again
        found = np.union1d(found, needed * projects + of_links(needed))
        missing = AT_LEAST - np.bincount(found // projects, minlength=links)
        needed = np.repeat(np.arange(links), np.maximum(missing, 0))
        if not len(needed):
            break
    while len(found) < pairs:
        missing = pairs - len(found)
        drawn = rng.integers(projects, size=2 * missing + 100)
        new = np.setdiff1d(of_projects(drawn) * projects + drawn, found)
        found = np.concatenate([found, rng.permutation(new)[:missing]])
    found.sort()
    return np.stack([found // projects, found % projects], axis=1)


def zipf(sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A place below each size; its chance falls as one over its rank (Zipf's law, as of words and of links)."""
    return np.minimum((sizes + 1.0) ** rng.random(len(sizes)) - 1, sizes - 1).astype(int)
