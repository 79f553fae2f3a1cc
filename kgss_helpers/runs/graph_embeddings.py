"""Who foresees edges without reading a text: the exam's rows of graph embeddings, and their measures on held-out edges.

python -m kgss_helpers.runs.graph_embeddings             # rows of the exam, in `data/results/exam`
python -m kgss_helpers.runs.graph_embeddings --compare   # measures on held-out edges, in `data/results/link_prediction`

Each takes some minutes on two cores; ``--only SVD`` makes do with those whose name holds a word. All learn from the
training graph alone.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from importlib.metadata import version

import numpy as np
import pandas as pd

from kgss_helpers.exam.films import film_exam, sit
from kgss_helpers.exam.statistics import mean_interval
from kgss_helpers.files import DATA, slug, write_whole
from kgss_helpers.films.roles import ROLES, TABLE
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.edge_prediction import (
    ByEdges,
    EdgeScorer,
    NodeDegree,
    Proximity,
    UnseenEdges,
    degree_correlation,
    measure,
)
from kgss_helpers.methods.embeddings_of_graphs import (
    KnowledgeEmbedding,
    NodeVectors,
    adjacency_svd,
    distilled_pagerank,
    light_gcn_vectors,
)
from kgss_helpers.methods.foresight import Foresight
from kgss_helpers.methods.graph_sage import GraphSage, embed_all
from kgss_helpers.methods.learned_proximity import LearnedProximity
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.methods.proximity import PersonalisedPageRank, ThreeHops
from kgss_helpers.methods.walks import GraphWalks
from kgss_helpers.question import Split
from kgss_helpers.runs.recording import record
from kgss_helpers.runs.records import COUNT, checked, read_json, reading
from kgss_helpers.training.edges import train_complex, train_light_gcn
from kgss_helpers.training.relational import train_relational
from kgss_helpers.training.sage import train_sage

RECORDED = DATA / "results" / "link_prediction"
CREDITS, KEYWORDS, IN_EXAM = "credits", "keywords", "the exam's family credit"
CORRELATION = "correlation with degree"
SAGE = "GraphSAGE without text"
BY_DEGREE, EACH = f"{SAGE}, negatives by degree", 8
"""Its false ends are as popular as the true one; so many are drawn for each edge."""
TYPED, UNTYPED = f"{SAGE}, a matrix a relation", f"{SAGE}, all neighbours"
"""Both look at all neighbours in every step; the second, with one matrix for all relations, is there to compare."""
IN_THE_EXAM = (
    "adjacency SVD", "distilled PageRank", "ComplEx", "LightGCN", SAGE, BY_DEGREE, TYPED, "learned proximity",
    "learned proximity, years too",
)  # fmt: skip
"""What gets a row; graph walks have theirs already."""
FORESIGHT = "soft structured query, next credits too"
RIVAL = "personalised PageRank"
"""What every scorer is compared with, edge by edge."""
SETTINGS = {"epochs": 5, "batch_size": 1024, "learning_rate": 1e-2, "fan_out": (10, 5)}
ASKED = [(role.name, re.compile(re.escape(role.question).replace(re.escape("{person}"), ".+"))) for role in TABLE]


def relation_of(text: str) -> str | None:
    """The role that a question about somebody's films asks for, by the words of the table of roles."""
    return next((name for name, form in ASKED if form.fullmatch(text)), None)


def unseen_edges(split: Split = "test") -> UnseenEdges:
    """The film exam's held-out edges of a half."""
    the_exam = film_exam()
    return UnseenEdges.of(the_exam.training_graph, getattr(the_exam, split), the_exam.graph)


def kinds_of(edges: UnseenEdges) -> dict[str, UnseenEdges]:
    """Held-out credits and held-out keywords apart: they are different tasks."""
    is_credit = np.isin(edges.relations, ROLES)
    return {CREDITS: edges.only(is_credit), KEYWORDS: edges.only(~is_credit)}


# ---- the scorers -----------------------------------------------------------------------------------------------------


def sage_vectors(graph: KnowledgeGraph, **settings: object) -> np.ndarray:
    """GraphSAGE over a learned table, trained on a graph's edges: unit vectors of all nodes."""
    model = GraphSage(nodes=len(graph.nodes))
    train_sage(model, graph, device="cpu", log_every=1000, **(SETTINGS | settings)).require_finished()
    return embed_all(model, graph)


def relational_vectors(graph: KnowledgeGraph, **settings: object) -> np.ndarray:
    """The same with all neighbours in every step, and a matrix for each relation and direction if nothing is said."""
    return train_relational(graph, device="cpu", log_every=1000, **settings).require_finished().model.embed()


def walk_vectors(graph: KnowledgeGraph) -> np.ndarray:
    """The graph walks of notebook 03, as unit vectors of all nodes."""
    return GraphWalks().fit(graph).encode_nodes(graph)


def embeddings() -> dict[str, Callable[[], EdgeScorer]]:
    """Every method that gives nodes vectors by their edges alone, by name; made when it is called."""
    return {
        "adjacency SVD": lambda: NodeVectors("adjacency SVD", adjacency_svd),
        "distilled PageRank": lambda: NodeVectors("distilled PageRank", distilled_pagerank),
        "node2vec walks": lambda: NodeVectors("node2vec walks", walk_vectors),
        "ComplEx": lambda: KnowledgeEmbedding(
            lambda graph: train_complex(graph, device="cpu", log_every=1000).require_finished().model
        ),
        "LightGCN": lambda: NodeVectors(
            "LightGCN",
            lambda graph: light_gcn_vectors(
                train_light_gcn(graph, device="cpu", log_every=1000).require_finished().model, graph
            ),
        ),
        SAGE: lambda: NodeVectors(SAGE, sage_vectors),
        BY_DEGREE: lambda: NodeVectors(BY_DEGREE, partial(sage_vectors, negatives="degree", negatives_each=EACH)),
        TYPED: lambda: NodeVectors(TYPED, relational_vectors),
        UNTYPED: lambda: NodeVectors(UNTYPED, partial(relational_vectors, typed=False)),
    }


def proximities() -> dict[str, Callable[[], EdgeScorer]]:
    """What is counted, and what learns from counts."""
    return {
        "popularity": NodeDegree,
        "three-hop counts": lambda: Proximity(ThreeHops()),
        RIVAL: lambda: Proximity(PersonalisedPageRank()),
        "three-hop counts, new ends only": lambda: Proximity(ThreeHops(), skip_joined=True),
        f"{RIVAL}, new ends only": lambda: Proximity(PersonalisedPageRank(), skip_joined=True),
    }


def learned() -> dict[str, Callable[[], EdgeScorer]]:
    """Learned proximity: what it needs, taken away and added."""
    walks_alone = ("three steps, the first", "edges of", "none of", "degree", "joined")
    return {
        "learned proximity, walks alone": lambda: LearnedProximity(
            ROLES, without=walks_alone, name="learned proximity, walks alone"
        ),
        "learned proximity": lambda: LearnedProximity(ROLES),
        "learned proximity, years too": lambda: LearnedProximity(
            ROLES, attribute="year", name="learned proximity, years too"
        ),
    }


# ---- what is recorded ------------------------------------------------------------------------------------------------


@cache
def fitted(name: str) -> tuple[EdgeScorer, float]:
    """A scorer by name, fitted on the training graph once a session, and the seconds of processor time it took."""
    began = time.process_time()
    scorer = (proximities() | embeddings() | learned())[name]().fit(film_exam().training_graph)
    return scorer, time.process_time() - began


def as_method(name: str) -> ByEdges:
    """A fitted scorer as a method of the exam."""
    scorer, seconds = fitted(name)
    method = ByEdges(scorer, film_exam().training_graph, relation_of=relation_of)
    method.training_seconds = seconds
    return method


def methods(only: str = "") -> Iterator[Method | Encoder]:
    """The rows of the exam whose name holds a word, the cheap ones first; each is fitted once, for both halves."""
    for name in IN_THE_EXAM:
        if only in name:
            yield as_method(name)
    if only in FORESIGHT:
        predictor = fitted("learned proximity, years too")[0]
        yield Foresight(load_pretrained(device="cpu"), predictor, film_exam().training_graph, name=FORESIGHT)


def compared(name: str, split: Split = "test") -> pd.DataFrame:
    """A scorer on held-out edges and on the exam's family *credit*, beside PageRank.

    Returns:
        Columns ``scorer``, ``edges``, ``measure``, ``mean``, ``low``, ``high``, and the gain over PageRank, paired over
        edges or questions: ``gain``, ``gain_low``, ``gain_high``.
    """
    rival, found = _values(RIVAL, split), _values(name, split)
    rows = [(name, *key, *mean_interval(values), *mean_interval(values - rival[key])) for key, values in found.items()]
    columns = ["scorer", "edges", "measure", "mean", "low", "high", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows, columns=columns)


@cache
def _values(name: str, split: Split) -> dict[tuple[str, str], np.ndarray]:
    """Every measure, edge by edge or question by question, by kind of edges and name of the measure."""
    scorer, found = fitted(name)[0], {}
    for kind, edges in kinds_of(unseen_edges(split)).items():
        if kind == CREDITS or not isinstance(scorer, LearnedProximity):  # that learns credits alone
            per_edge = measure(scorer, edges)
            per_edge[CORRELATION] = degree_correlation(scorer, edges)
            found |= {(kind, column): per_edge[column].to_numpy() for column in per_edge}
    asked = [one for one in film_exam().questions if one.family == "credit" and not one.variant]
    sat = sit(as_method(name), split=split, questions=asked)
    return found | {(IN_EXAM, "nDCG@10"): sat.by_family()["credit"].to_numpy()}


def keep(name: str, split: Split = "test") -> None:
    """Writes a comparison, with what it ran on."""
    table = compared(name, split)
    libraries = {package: version(package) for package in ("torch", "torch-geometric", "scikit-learn")}
    kept = {
        "scorer": name,
        "split": split,
        "seconds to fit": round(fitted(name)[1], 1),
        "machine": {"processor": platform.machine(), "python": platform.python_version()} | libraries,
        "rows": json.loads(table.drop(columns="scorer").round(4).to_json(orient="records")),
    }
    write_whole(RECORDED / f"{slug(name)}.{split}.json", json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    exam_row = table.set_index("edges").loc[IN_EXAM]
    print(f"{name}: {exam_row['mean']:.2f} on credit, {exam_row['gain']:+.2f} against {RIVAL}", flush=True)


def load_compared(split: Split = "test") -> pd.DataFrame:
    """What is recorded of all scorers, as `compared` gives it, with ``seconds`` to fit.

    Raises:
        FileNotFoundError: Nothing is; says by which command it is made.
        ValueError: A file is damaged; names it, row, column, and the command that makes it anew.
    """
    parts = []
    for path in sorted(RECORDED.glob(f"*.{split}.json")):
        with reading(path, "python -m kgss_helpers.runs.graph_embeddings --compare") as file:
            kept = read_json(file)
            scores = dict.fromkeys(("mean", "low", "high"), (-1, 1))
            scores |= dict.fromkeys(("gain", "gain_low", "gain_high"), (-2, 2))
            part = checked(kept["rows"], scores, ["edges", "measure"])
            part = checked(part.assign(seconds=kept["seconds to fit"]), {"seconds": COUNT})
            part.insert(0, "scorer", str(kept["scorer"]))
        parts.append(part)
    if not parts:
        raise FileNotFoundError(f"{RECORDED} holds no comparison; run python -m kgss_helpers.runs.graph_embeddings")
    return pd.concat(parts, ignore_index=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--only", default="")
    options, _ = parser.parse_known_args(argv)
    if not options.compare:
        about = __doc__.split("\n")[0]
        return record(lambda: methods(options.only), argv, command="kgss_helpers.runs.graph_embeddings", about=about)
    for name in proximities() | embeddings() | learned():
        if options.only in name:
            keep(name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
