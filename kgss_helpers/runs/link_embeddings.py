"""Link embeddings: their rows in the exam, how well held-out links are found, and what real people like.

python -m kgss_helpers.runs.link_embeddings                      # the exam's rows: two minutes on two cores
python -m kgss_helpers.runs.link_embeddings --held-out           # data/results/links/held_out.json: three minutes
python -m kgss_helpers.runs.link_embeddings --movielens FOLDER   # data/results/links/movielens.json: one minute
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from kgss_helpers.datasets import load_films, load_movielens
from kgss_helpers.datasets.films import project_id, read_films
from kgss_helpers.datasets.movielens import DISLIKES, LIKES
from kgss_helpers.exam.sitting import evaluate
from kgss_helpers.exam.statistics import mean_interval
from kgss_helpers.files import DATA, slug, write_whole
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.link_vectors import (
    HeldOutLinks,
    LinkPairs,
    LinkVectors,
    SharedLinks,
    link_pairs,
    popularity_scores,
    shared_link_scores,
)
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.question import Question
from kgss_helpers.runs.recording import record
from kgss_helpers.runs.records import read_json, reading
from kgss_helpers.space import best, unit_rows
from kgss_helpers.training.links import Negatives, Objective, learn_link_space, train_links

COMMAND = "kgss_helpers.runs.link_embeddings"
RESULTS = DATA / "results" / "links"
SEEDS = 5
MIN_COUNT = 3
NOT_HELD_OUT = ("year", "decade")
"""Every film has one of each, and nobody recommends it."""
RATED = 8
"""So many films that our graph has must a user like, and dislike as many, to be asked about."""


# ---- films and what they link to -------------------------------------------------------------------------------------


def film_link_graph() -> KnowledgeGraph:
    """The film graph with all that a film's page would link to: series, companies, places, years, works, topics.

    A page is one node whatever field it stands in: the keyword *stop motion* and the page *Stop motion* are the same.
    """
    films = load_films()
    ids = {slug(name): node_id for node_id, name in _pages(films)}
    nodes, edges = [], []
    for film in read_films():
        year = film["year"]
        further = {"series": [film["series"]] if film["series"] else [], "company": film["companies"]}
        further |= {"country": film["countries"], "year": [f"{year} in film"], "decade": [f"{year // 10 * 10}s"]}
        for kind, names in (further | {"page": film["links"]}).items():
            for name in names:
                if slug(name) not in ids:
                    ids[slug(name)] = f"{kind}:{slug(name)}"
                    nodes.append((ids[slug(name)], kind, name))
                edges.append((project_id(film), "links to", ids[slug(name)]))
    nodes = pd.concat([films.nodes, pd.DataFrame(nodes, columns=["node_id", "node_type", "name"])])
    edges = pd.concat([films.edges, pd.DataFrame(edges, columns=films.edges.columns).drop_duplicates()])
    return KnowledgeGraph(nodes.reset_index(drop=True), edges.reset_index(drop=True), name="films and their links")


def _pages(films: KnowledgeGraph) -> list[tuple[str, str]]:
    stands = films.nodes["node_type"].isin(["genre", "keyword"])
    return list(films.nodes.loc[stands, ["node_id", "name"]].itertuples(index=False, name=None))


def held_out_film_links(graph: KnowledgeGraph) -> HeldOutLinks:
    """The links that three films or more have, and a tenth of them held out for each half."""
    pairs = link_pairs(graph, min_count=MIN_COUNT)
    types = graph.nodes.set_index("node_id").loc[pairs.links, "node_type"]
    return pairs.hold_out(0.1, may=~types.isin(NOT_HELD_OUT).to_numpy())


# ---- finding what is held out ----------------------------------------------------------------------------------------


def found_links(scores: np.ndarray, train: LinkPairs, held_out: np.ndarray) -> pd.DataFrame:
    """How early each project's held-out links stand among all that it is not known to have.

    Args:
        scores: Shape (projects, links).
        train: What is known, and so left out of the ranking.
        held_out: Pairs of link and project, shape (pairs, 2).

    Returns:
        The exam's metrics, one row for each project that has a held-out link, its id as ``question_id``.
    """
    unknown = scores.astype(float)
    unknown[train.pairs[:, 1], train.pairs[:, 0]] = -np.inf
    asked, ranking = [], {}
    for project, rows in pd.DataFrame(held_out, columns=["link", "project"]).groupby("project"):
        name = str(train.projects[project])
        relevant = {str(train.links[link]): 1 for link in rows["link"]}
        asked.append(Question(name, "links", "test", name, "link", relevant, anchor=name))
        ranking[name] = [str(train.links[link]) for link in best(unknown[project], 100)]
    return evaluate(asked, ranking)


def learned_scores(train: LinkPairs, **settings: Any) -> np.ndarray:
    """Cosines of all projects and links, shape (projects, links), learned by `train_links` with these settings."""
    links, projects = train_links(train, **settings).require_finished().model.vectors()
    return projects @ links.T


def record_held_out() -> Path:
    """Counts, and every loss with every kind of negatives and five seeds, on the test links; returns the file."""
    split = held_out_film_links(film_link_graph())
    draws = np.random.default_rng(0).random((len(split.train.projects), len(split.train.links)))
    rivals = {"random": draws, "popularity": popularity_scores(split.train)}
    rivals["shared-link counts"] = shared_link_scores(split.train)
    rows = {name: [found_links(scores, split.train, split.test)] for name, scores in rivals.items()}
    for objective, negatives in product(get_args(Objective), get_args(Negatives)):
        settings = {"objective": objective, "negatives": negatives, "device": "cpu"}
        rows[f"{objective}, {negatives}"] = [
            found_links(learned_scores(split.train, seed=seed, **settings), split.train, split.test)
            for seed in range(SEEDS)
        ]
        print(f"{objective}, {negatives}: done", flush=True)
    metrics = ("recall@10", "MRR")
    content = {
        "machine": machine(), "train": len(split.train), "test": len(split.test),
        "films": rows["random"][0]["question_id"].tolist(),
        "rows": {
            name: {metric: [table[metric].round(3).tolist() for table in tables] for metric in metrics}
            for name, tables in rows.items()
        },
    }  # fmt: skip
    return write_whole(RESULTS / "held_out.json", json.dumps(content, separators=(",", ":")) + "\n")


def recorded_held_out(path: Path | None = None) -> dict[str, dict[str, np.ndarray]]:
    """What `record_held_out` kept: by row and metric, shape (seeds, films).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged; names it and the command that makes it anew.
    """
    renew = "python -m kgss_helpers.runs.link_embeddings --held-out"
    with reading(path or RESULTS / "held_out.json", renew) as file:
        content, rows = read_json(file), {}
        for name, row in content["rows"].items():
            rows[name] = {metric: np.array(row[metric], dtype=float) for metric in ("recall@10", "MRR")}
            for metric, shares in rows[name].items():
                if shares.ndim != 2 or shares.shape[1] != len(content["films"]) or not len(shares):
                    raise ValueError(f"{name}, {metric}: shape {shares.shape} for {len(content['films'])} films")
                if not ((shares >= 0) & (shares <= 1)).all():
                    raise ValueError(f"{name}, {metric}: a score is not between 0 and 1")
        if not rows:
            raise ValueError("it has no rows")
        return rows


def machine() -> str:
    """What a run was recorded on, in words."""
    import torch

    processor = f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"
    return f"{platform.system()}, {processor}, Python {platform.python_version()}, torch {torch.__version__}"


# ---- what somebody likes ---------------------------------------------------------------------------------------------


def taste(vectors: np.ndarray, liked: Sequence[int], disliked: Sequence[int]) -> tuple[np.ndarray, float]:
    """The plane that separates the liked from the disliked with the widest margin (Cortes and Vapnik 1995).

    Args:
        vectors: Of all films, shape (films, dimensions).
        liked: Rows.
        disliked: Rows.

    Returns:
        Weights, shape (dimensions,), and a bias: ``vectors @ weights + bias`` is 1 or more for what is clearly liked,
        0 on the plane, -1 or less for what is clearly disliked.

    Raises:
        ValueError: Nothing is liked, or nothing is disliked.
    """
    from sklearn.svm import SVC

    if not len(liked) or not len(disliked):
        raise ValueError("a taste needs something that is liked and something that is not")
    rows = [*liked, *disliked]
    labels = [1] * len(liked) + [-1] * len(disliked)
    machine = SVC(kernel="linear", C=10.0, class_weight="balanced").fit(vectors[rows], labels)
    return machine.coef_[0], float(machine.intercept_[0])


def matching_films(films: KnowledgeGraph, others: KnowledgeGraph) -> dict[str, int]:
    """Which project of another source is which of our films: the same title, and a year that differs by one at most.

    Returns:
        The other source's id, and the row among our films.
    """
    ours = films.nodes[films.nodes["node_type"] == "project"].reset_index(drop=True)
    titles = zip(ours["name"], ours["year"], strict=True)
    rows = {(slug(name), int(year)): row for row, (name, year) in enumerate(titles)}
    theirs = others.nodes[(others.nodes["node_type"] == "project") & others.nodes["year"].notna()]
    found = {}
    for node_id, name, year in theirs[["node_id", "name", "year"]].itertuples(index=False):
        keys = [(slug(name), int(year) + shift) for shift in (0, -1, 1)]
        row = next((rows[key] for key in keys if key in rows), None)
        if row is not None:
            found[node_id] = row
    return found


def tastes_of_people(
    likes: Mapping[str, tuple[Collection[int], Collection[int]]], features: Mapping[str, np.ndarray], *, seed: int = 0
) -> pd.DataFrame:
    """Each person's films are split in two; from either half the taste is learned, and the other half is ranked.

    Args:
        likes: By person, the rows of the films that are liked and those that are not.
        features: By name, what is known of each film, shape (films, numbers).
        seed: Of the halves.

    Returns:
        A row a person: the area under the ROC curve, by name of the features, and as ``popularity`` that of how many
        *other* people like a film.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    size = len(next(iter(features.values())))
    liked_by = np.bincount([row for liked, _ in likes.values() for row in liked], minlength=size)
    rows = {}
    for person, (liked, disliked) in likes.items():
        rated = np.array([*liked, *disliked])
        label = np.repeat([1, 0], [len(liked), len(disliked)])
        found: dict[str, list[float]] = {name: [] for name in ("popularity", *features)}
        for known, asked in StratifiedKFold(2, shuffle=True, random_state=seed).split(rated, label):
            others_like = liked_by[rated[asked]] - label[asked]
            found["popularity"].append(roc_auc_score(label[asked], others_like))
            for name, values in features.items():
                weights, bias = taste(values, rated[known][label[known] == 1], rated[known][label[known] == 0])
                found[name].append(roc_auc_score(label[asked], values[rated[asked]] @ weights + bias))
        rows[person] = {name: float(np.mean(values)) for name, values in found.items()}
    return pd.DataFrame(rows).T


def movielens_likes(folder: Path | str, films: KnowledgeGraph, *, rated: int = RATED) -> dict[str, tuple[list, list]]:
    """Rows of our films that each user of MovieLens likes (four stars or more) and does not (two or fewer).

    Args:
        folder: Where ``movies.csv`` and ``ratings.csv`` lie (https://grouplens.org/datasets/movielens/).
        films: Our graph.
        rated: Only users with so many of both.

    Raises:
        FileNotFoundError: A file is missing.
    """
    ratings = load_movielens(folder, tags=False)
    row_of = matching_films(films, ratings)
    rows = ratings.edges["target"].map(row_of)
    edges = ratings.edges.assign(row=rows)[rows.notna() & ratings.edges["relation"].isin([LIKES, DISLIKES])]
    found = {}
    for person, part in edges.groupby("source", sort=True):
        sides = [sorted(set(part["row"][part["relation"] == side].astype(int))) for side in (LIKES, DISLIKES)]
        if min(map(len, sides)) >= rated:
            found[person] = (sides[0], sides[1])
    return found


def record_movielens(folder: Path | str) -> Path:
    """The areas under the curve of MovieLens's users, with link vectors and with plain links; returns the file.

    Only means and intervals are kept, nothing of any user.
    """
    graph = film_link_graph()
    pairs = link_pairs(graph, min_count=MIN_COUNT)
    vectors = train_links(pairs, device="cpu").require_finished().model.vectors()[1]
    likes = movielens_likes(folder, graph)
    areas = tastes_of_people(likes, {"link vectors": vectors, "plain links": rarity_weighted(pairs)})
    by_name = {name: areas[name].to_numpy() for name in areas}
    films = {row for sides in likes.values() for side in sides for row in side}
    content = {"machine": machine(), "people": len(areas), "films": len(films)}
    content |= {"areas": {name: mean_interval(values) for name, values in by_name.items()}}
    content["differences"] = {
        f"{name} against {rival}": mean_interval(by_name[name] - by_name[rival])
        for name, rival in (
            ("link vectors", "popularity"),
            ("plain links", "popularity"),
            ("link vectors", "plain links"),
        )
    }
    return write_whole(RESULTS / "movielens.json", json.dumps(content, indent=1) + "\n")


def rarity_weighted(pairs: LinkPairs) -> np.ndarray:
    """Each project's links as numbers, rare ones larger, in rows of length 1; shape (projects, links)."""
    weighted = pairs.matrix.toarray() * np.log(len(pairs.projects) / np.maximum(pairs.counts, 1))
    return unit_rows(weighted)


# ---- the command -----------------------------------------------------------------------------------------------------


def methods() -> list[Method | Encoder]:
    """Counts, and vectors by either loss."""
    learned: Callable[..., Any] = partial(learn_link_space, device="cpu")
    return [
        SharedLinks(),
        LinkVectors(partial(learned, objective="squared"), name="link vectors, squared error"),
        LinkVectors(learned, name="link vectors, ranking loss"),
        LinkVectors(partial(learned, negatives="degree"), name="link vectors, ranking loss, negatives by degree"),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--held-out"]:
        print(record_held_out())
        return 0
    if arguments[:1] == ["--movielens"] and len(arguments) == 2:
        print(record_movielens(arguments[1]))
        return 0
    return record(methods, arguments, command=COMMAND, about=__doc__.split("\n")[0])


if __name__ == "__main__":
    raise SystemExit(main())
