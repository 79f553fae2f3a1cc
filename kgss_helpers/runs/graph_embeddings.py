"""Who foresees edges without reading a text: the exam's rows of graph embeddings, and their measures on held-out edges.

python -m kgss_helpers.runs.graph_embeddings                    # rows of the exam, in `data/results/exam`
python -m kgss_helpers.runs.graph_embeddings --only SVD         # those whose name holds a word
python -m kgss_helpers.runs.graph_embeddings --compare          # measures, in `data/results/link_prediction`

Both learn from the training graph alone; each takes some minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version

import numpy as np
import pandas as pd

from kgss_helpers.compute import release_memory
from kgss_helpers.exam.films import film_exam, sit
from kgss_helpers.exam.statistics import mean_interval
from kgss_helpers.files import DATA, write_whole
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
from kgss_helpers.training.edges import train_complex, train_light_gcn
from kgss_helpers.training.sage import train_sage

RECORDED = DATA / "results" / "link_prediction"
CREDITS, KEYWORDS = "credits", "keywords"
RIVAL = "personalised PageRank"
"""What every scorer is compared with, edge by edge."""
SAGE = {"epochs": 20, "batch_size": 1024, "learning_rate": 1e-2, "fan_out": (10, 5)}
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
    train_sage(model, graph, device="cpu", log_every=1000, **(SAGE | settings)).require_finished()
    return embed_all(model, graph)


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
        "GraphSAGE without text": lambda: NodeVectors("GraphSAGE without text", sage_vectors),
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


# ---- rows of the exam ------------------------------------------------------------------------------------------------


def methods(only: str = "") -> Iterator[Method | Encoder]:
    """All of them, the cheap ones first; each is fitted once, for both halves."""
    graph = film_exam().training_graph
    for name, make in (embeddings() | learned()).items():
        if only in name and name not in ("node2vec walks", "learned proximity, walks alone"):
            yield ByEdges(make().fit(graph), graph, relation_of=relation_of)
    predictor = LearnedProximity(ROLES, attribute="year").fit(graph)
    yield Foresight(load_pretrained(device="cpu"), predictor, graph)


# ---- measures on held-out edges --------------------------------------------------------------------------------------


def compared(split: Split = "test") -> pd.DataFrame:
    """Every scorer on held-out edges: ``scorer``, ``edges``, ``measure``, an interval, and the gain over PageRank.

    Columns are ``mean``, ``low``, ``high`` and ``gain``, ``gain_low``, ``gain_high`` (paired over edges or questions).
    """
    graph, kinds, rows = film_exam().training_graph, kinds_of(unseen_edges(split)), []
    asked = [one for one in film_exam().questions if one.family == "credit" and not one.variant]
    rival: dict[tuple[str, str], np.ndarray] = {}
    makers = {RIVAL: proximities()[RIVAL]} | proximities() | embeddings() | learned()
    for name, make in makers.items():
        began = time.process_time()
        scorer = make().fit(graph)
        spent = time.process_time() - began
        found = {}
        for kind, edges in kinds.items():
            if kind == KEYWORDS and isinstance(scorer, LearnedProximity):
                continue  # it learns credits alone
            per_edge = measure(scorer, edges)
            per_edge["correlation with degree"] = degree_correlation(scorer, edges)
            found |= {(kind, column): per_edge[column].to_numpy() for column in per_edge}
        sat = sit(ByEdges(scorer, graph, relation_of=relation_of), split=split, questions=asked)
        found["the exam's family credit", "nDCG@10"] = sat.by_family()["credit"].to_numpy()
        rival = rival or found
        for (kind, which), values in found.items():
            gain = mean_interval(values - rival[kind, which])
            rows.append((name, kind, which, *mean_interval(values), *gain, round(spent, 1)))
        print(f"{name}: {sat.interval('credit')} on credit, {spent:.0f} s", flush=True)
        release_memory()
    columns = ["scorer", "edges", "measure", "mean", "low", "high", "gain", "gain_low", "gain_high", "seconds"]
    return pd.DataFrame(rows, columns=columns)


def load_compared(split: Split = "test") -> pd.DataFrame:
    """What `compared` left in ``data/results/link_prediction``."""
    return pd.DataFrame(json.loads((RECORDED / f"{split}.json").read_text(encoding="utf-8"))["rows"])


def keep(table: pd.DataFrame, split: Split, seconds: float) -> None:
    """Writes a comparison, with what it ran on."""
    kept = {
        "split": split,
        "seconds": round(seconds),
        "machine": {"processor": platform.machine(), "python": platform.python_version()}
        | {name: version(name) for name in ("torch", "torch-geometric", "scikit-learn")},
        "rows": json.loads(table.round(4).to_json(orient="records")),
    }
    text = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
    write_whole(RECORDED / f"{split}.json", text)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--only", default="")
    options, _ = parser.parse_known_args(argv)
    if not options.compare:
        about = __doc__.split("\n")[0]
        return record(lambda: methods(options.only), argv, command="kgss_helpers.runs.graph_embeddings", about=about)
    began = time.process_time()
    table = compared(options.split)
    keep(table, options.split, time.process_time() - began)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
