"""Links whose structure is known because it was planted, after what the pages of films really link to.

A page about a film names who made it and those they work with (its *maker*), the actors and studios of a country, a
decade and a genre (its *scene*), the other films of its *series*, its *year*, *genre* and *country*, and the newspapers
and aggregators that stand on every page (*everywhere*). Such groups lie in each other: a series is one maker's, and a
maker works in one country, for some years and mostly in one genre. Few groups are large and many small, and of a
group's links few are taken often (Zipf's law).

`portrait` holds any pairs beside real ones. Of those there is this to go by: the workbook's own films; and the counts
that the Deep Learning Cookbook prints of its ten most frequent links, from 9,393 of 10,000 films (*Rotten Tomatoes*)
over 5,882 (*Category:English-language films*) down to 2,454 (*Los Angeles Times*).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from kgss_helpers.graph import GraphError

AT_LEAST = 3
"""So many projects have each link, as in the Deep Learning Cookbook's film data."""
RARE = 10
"""A link of so many projects or fewer is a rare one."""
COUNTRIES, GENRES, YEARS, DECADE = 40, 24, 100, 10
OF_A_MAKER, CAREER, STAYS = 5, 6, 0.7
"""Projects of a maker, on average; years between them and the middle of a career, likewise; how often in one genre."""
LONGEST, IN_SERIES = 8, 0.4
"""The longest series, and the chance of a maker's successive projects to be one."""


class Level(NamedTuple):
    """A kind of group: its share of all links, and of a project's links."""

    links: float
    pairs: float


LEVELS = {
    "everywhere": Level(0.01, 0.20),
    "country": Level(0.06, 0.14),
    "genre": Level(0.05, 0.14),
    "year": Level(0.09, 0.12),
    "scene": Level(0.44, 0.26),
    "maker": Level(0.21, 0.08),
    "series": Level(0.14, 0.06),
}
"""So few links of so small groups as a maker or a series have few pairs between them, though a project has them all."""


def planted_links(*, projects: int = 10_000, links: int = 66_913, pairs: int = 949_544, seed: int = 0) -> np.ndarray:
    """Pairs of a link and a project, each once, shape (pairs, 2); the default sizes are the Cookbook's.

    Args:
        projects: How many.
        links: How many; each belongs to a group, and has at least three of its projects.
        pairs: How many in all.
        seed: The same seed gives the same pairs.

    Raises:
        GraphError: There are too few pairs for the links, fewer than ten projects, or more than two thirds of the pairs
            that there can be: of each link with every project of its group.
    """
    asked = f"cannot plant {pairs:,} pairs of {links:,} links and {projects:,} projects"
    if projects < 10 or pairs < AT_LEAST * links:
        raise GraphError(f"{asked}; take ten projects or more, and {AT_LEAST} pairs a link or more")
    rng = np.random.default_rng(seed)
    groups = groups_of(projects, rng)
    link_group, members, first = _with_links(groups, links, rng)
    most = int(np.diff(members.indptr)[link_group].sum()) * 2 // 3
    if pairs > most:
        raise GraphError(f"{asked}; their groups have room for {most:,}: take fewer pairs, or more projects")
    sizes, starts = np.diff(members.indptr), members.indptr

    def of_links(wanted: np.ndarray) -> np.ndarray:
        """A project of each link's group."""
        group = link_group[wanted]
        return members.indices[starts[group] + (rng.random(len(wanted)) * sizes[group]).astype(int)]

    def of_projects(wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A link of one of each project's groups, for those projects whose group has one."""
        shares = np.array([level.pairs for level in LEVELS.values()])
        group = groups[wanted, rng.choice(len(LEVELS), size=len(wanted), p=shares / shares.sum())]
        some = first[group + 1] > first[group]
        group = group[some]
        return first[group] + zipf(first[group + 1] - first[group], rng), wanted[some]

    found = np.empty(0, dtype=np.int64)
    needed = np.repeat(np.arange(links), AT_LEAST)
    while len(needed):  # what is drawn twice is drawn again
        found = np.union1d(found, needed * projects + of_links(needed))
        needed = np.repeat(np.arange(links), np.maximum(AT_LEAST - np.bincount(found // projects, minlength=links), 0))
    while len(found) < pairs:
        missing = pairs - len(found)
        drawn_links, drawn_projects = of_projects(rng.integers(projects, size=2 * missing + 100))
        new = np.setdiff1d(drawn_links * projects + drawn_projects, found)
        found = np.concatenate([found, rng.permutation(new)[:missing]])
    found.sort()
    return np.stack([found // projects, found % projects], axis=1)


def groups_of(projects: int, rng: np.random.Generator) -> np.ndarray:
    """The group of each project on each level, shape (projects, levels); groups of all levels are numbered together."""
    makers = max(1, projects // OF_A_MAKER)
    maker = rng.choice(makers, size=projects, p=_shares(rng.exponential(size=makers)))
    country = rng.choice(COUNTRIES, size=makers, p=_shares(1 / np.arange(1, COUNTRIES + 1) ** 1.5))[maker]
    by_rank = _shares(1 / np.arange(1, GENRES + 1))
    genre = rng.choice(GENRES, size=makers, p=by_rank)[maker]
    genre = np.where(rng.random(projects) < STAYS, genre, rng.choice(GENRES, size=projects, p=by_rank))
    middle = YEARS * np.sqrt(rng.random(makers))  # ever more are made
    year = np.clip(middle[maker] + rng.normal(scale=CAREER, size=projects), 0, YEARS - 1).astype(int)
    scene = (country * GENRES + genre) * YEARS + year // DECADE
    levels = [np.zeros(projects, dtype=int), country, genre, year, scene, maker, _series(maker, year, rng)]
    groups = np.empty((projects, len(levels)), dtype=np.int64)
    for column, level in enumerate(levels):
        groups[:, column] = np.unique(level, return_inverse=True)[1] + (
            groups[:, column - 1].max() + 1 if column else 0
        )
    return groups


def _series(maker: np.ndarray, year: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A number for each project: successive ones of a maker share it, if they are a series; others are alone."""
    order = np.lexsort((year, maker))
    place = np.arange(len(maker)) - np.searchsorted(maker[order], maker[order])
    length = rng.integers(AT_LEAST, LONGEST + 1, size=maker.max() + 1)[maker[order]]
    begins = np.flatnonzero(place % length == 0)
    run = np.repeat(begins, np.diff(begins, append=len(maker)))
    series = np.empty(len(maker), dtype=np.int64)
    series[order] = np.where(rng.random(len(maker))[run] < IN_SERIES, run, len(maker) + np.arange(len(maker)))
    return series


def _with_links(
    groups: np.ndarray, links: int, rng: np.random.Generator
) -> tuple[np.ndarray, sparse.csr_array, np.ndarray]:
    """The group of each link, in order; the projects of each group; and at which link each group begins."""
    projects = np.repeat(np.arange(len(groups)), groups.shape[1])
    ones = np.ones(groups.size, dtype=np.int8)
    members = sparse.csr_array((ones, (groups.ravel(), projects)), shape=(groups.max() + 1, len(groups)))
    sizes = np.diff(members.indptr)
    share = np.zeros(len(sizes))
    for column, level in zip(groups.T, LEVELS.values(), strict=True):
        here = np.unique(column)
        large = here[sizes[here] >= AT_LEAST]
        share[large] += level.links * _shares(sizes[large]) if len(large) else 0
    count = rng.multinomial(links, _shares(share))
    return np.repeat(np.arange(len(count)), count), members, np.concatenate([[0], np.cumsum(count)])


def _shares(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum()


def zipf(sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A place below each size; its chance falls as one over its rank (Zipf's law, as of words and of links)."""
    return np.minimum((sizes + 1.0) ** rng.random(len(sizes)) - 1, sizes - 1).astype(int)


def portrait(pairs: np.ndarray, *, drawn: int = 4_000, seed: int = 0) -> dict[str, float]:
    """What pairs of link and project look like, to hold planted ones beside real ones.

    Args:
        pairs: Each once, shape (pairs, 2).
        drawn: So many rare links, and so many pairs of projects, are looked at.
        seed: Of the draw.

    Returns:
        ``projects of a link``: their median, and ``upper tenth``. ``largest ten``: the share of the projects that have
        the ten most frequent links, on average. ``pairs of rare links``: their share of all. ``shared by two of a rare
        link``: of the other links of the poorer of two projects, which share the other has as well; and ``by any two``.
    """
    links, projects = pairs.max(axis=0) + 1
    table = sparse.csr_array((np.ones(len(pairs)), (pairs[:, 1], pairs[:, 0])), shape=(projects, links))
    counts, size, rng = np.bincount(pairs[:, 0]), np.diff(table.indptr), np.random.default_rng(seed)
    by_link = table.tocsc()
    rare = rng.choice(np.flatnonzero((counts > 1) & (counts <= RARE)), size=drawn)
    ends = np.array([rng.choice(by_link.indices[slice(*by_link.indptr[link : link + 2])], 2, False) for link in rare])
    any_two = np.array([rng.choice(projects, 2, False) for _ in range(drawn)])

    def shared(two: np.ndarray, known: int) -> float:
        common = table[two[:, 0]].multiply(table[two[:, 1]]).sum(axis=1) - known
        return float((common / np.maximum(size[two].min(axis=1) - known, 1)).mean())

    return {
        "projects of a link": float(np.median(counts)),
        "upper tenth": float(np.quantile(counts, 0.9)),
        "largest ten": float(np.sort(counts)[-10:].mean() / projects),
        "pairs of rare links": float((counts[pairs[:, 0]] <= RARE).mean()),
        "shared by two of a rare link": shared(ends, 1),
        "shared by any two": shared(any_two, 0),
    }
