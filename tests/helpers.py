"""What several tests write down: a graph's two tables, a file of JSON lines, a tiny exam and who sits it."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kgss_helpers.exam.results import METRICS, ExamResult
from kgss_helpers.graph import EDGE_COLUMNS, NODE_COLUMNS, KnowledgeGraph
from kgss_helpers.question import Question


def tables(nodes: Sequence[tuple], edges: Sequence[tuple]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of a graph, from rows of (id, type, name, description) and of (source, relation, target)."""
    return pd.DataFrame(nodes, columns=list(NODE_COLUMNS)), pd.DataFrame(edges, columns=list(EDGE_COLUMNS))


def write_json_lines(path: Path, records: Iterable[object], end: str = "") -> Path:
    """Writes one record a line, and then ``end`` as it is (a line that is cut off, say); returns the path."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records) + end, encoding="utf-8")
    return path


def without_brackets(credited):
    """``"Steve McQueen (director)"`` → ``"Steve McQueen"``."""
    return re.sub(r"\s*\([^)]*\)$", "", credited)


def small_films():
    """Three films of one genre by one director, a voice, a keyword, and somebody without an edge."""
    nodes = [
        ("f1", "project", "Red Moon", "A heist on the moon."),
        ("f2", "project", "Blue River", ""),
        ("f3", "project", "Green Hill", ""),
        ("p1", "person", "Ada Quill", "Knows the moon."),
        ("p2", "person", "Bo Ray", ""),
        ("g1", "genre", "Crime", ""),
        ("k1", "keyword", "heist", ""),
        ("lone", "person", "Nobody", ""),
    ]
    edges = [
        ("p1", "Director", "f1"),
        ("p1", "Director", "f2"),
        ("p1", "Director", "f3"),
        ("p2", "Voice actor", "f3"),
        ("f1", "has genre", "g1"),
        ("f2", "has genre", "g1"),
        ("f3", "has genre", "g1"),
        ("f1", "has keyword", "k1"),
    ]
    return KnowledgeGraph(*tables(nodes, edges))


# ---- a tiny exam -------------------------------------------------------------------------------------------------


def tiny_graph():
    """Six projects and two people."""
    nodes = [*((f"f{number}", "project", f"Film {number}", "") for number in range(6))]
    nodes += [("p0", "person", "Ada Quill", ""), ("p1", "person", "Bo Ray", "")]
    edges = [("p0", "Director", "f0"), ("p0", "Director", "f1"), ("p1", "Actor", "f1")]
    return KnowledgeGraph(*tables(nodes, edges), name="tiny")


def question(name="q", relevant=None, *, node_type="project", **further):
    """A question of the tiny exam; right is the first project if nothing else is said."""
    further = {"family": "plot", "split": "test", "text": f"what of {name}?"} | further
    relevant = {"f0": 1} if relevant is None else relevant
    return Question(question_id=name, node_type=node_type, relevant=relevant, **further)


def result_of(method, values, family="plot", split="test"):
    """A result with the same number for every metric, a value a question; families one for all, or one each."""
    scores = pd.DataFrame({"question_id": [f"q{row}" for row in range(len(values))], "family": family})
    return ExamResult(method, split, scores.assign(**dict.fromkeys(METRICS, values)))


class Fixed:
    """A method that hands in prepared scores."""

    def __init__(self, scores, name="fixed"):
        self.scores, self.name = scores, name

    def score(self, _questions, _graph):
        return self.scores


class Oracle:
    """Knows the right answers; its opposite ranks them last."""

    def __init__(self, sign=1):
        self.name, self.sign = f"oracle {sign}", sign

    def score(self, questions, graph):
        rows = np.zeros((len(questions), len(graph.nodes)))
        for row, asked in enumerate(questions):
            for node_id, grade in asked.relevant.items():
                rows[row, graph.position(node_id)] = self.sign * grade
        return rows


class Compass:
    """An encoder with a direction for each node of the tiny graph and each word it knows; zeros for other texts."""

    name = "compass"

    def __init__(self):
        nodes = [[1, 0], [0.8, 0.6], [0, 1], [-1, 0], [0, -1], [0.6, 0.8], [1, 0], [0, 1]]
        self.nodes, self.texts, self.fitted = (
            np.array(nodes, dtype=float),
            {"east": [1.0, 0.0], "north": [0.0, 1.0]},
            [],
        )

    def fit(self, graph):
        self.fitted.append(graph)
        return self

    def encode_nodes(self, _graph):
        return self.nodes

    def encode_queries(self, texts):
        return np.array([self.texts.get(text, [0.0, 0.0]) for text in texts])
