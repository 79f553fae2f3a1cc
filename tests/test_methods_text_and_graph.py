"""Two vectors side by side: words answer as before where nobody is named, and the graph where somebody is."""

from collections.abc import Sequence

import numpy as np
import pytest

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.text_and_graph import TextAndGraph
from kgss_helpers.space import unit_rows
from tests.helpers import tables

NODES = [
    ("p1", "person", "Ann Archer", ""), ("p2", "person", "Bob Baker", ""), ("f1", "project", "Starlight", ""),
    ("f2", "project", "Moonfall", ""), ("k1", "keyword", "space", ""),
]  # fmt: skip
EDGES = [("p1", "Director", "f1"), ("p2", "Director", "f2"), ("f1", "has keyword", "k1")]
MEANT = unit_rows(np.random.default_rng(0).normal(size=(6, 8)))


class Drawn:
    """A direction for each node, drawn once; a text is the direction of its last word, a digit."""

    name = "drawn"

    def fit(self, graph: KnowledgeGraph) -> "Drawn":
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        return MEANT[: len(graph.nodes)]

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        return MEANT[[int(text.split()[-1]) for text in texts]]


def steps(graph: KnowledgeGraph) -> tuple[np.ndarray, np.ndarray]:
    """An edge leads from a node to its neighbours: a product of both tables is 1 for these and 0 for all others."""
    ends = np.eye(len(graph.nodes))
    begins = np.zeros_like(ends)
    for source, target in zip(graph.edges["source"], graph.edges["target"], strict=True):
        begins[graph.position(source), graph.position(target)] = begins[
            graph.position(target), graph.position(source)
        ] = 1
    return begins, ends


@pytest.fixture
def graph() -> KnowledgeGraph:
    return KnowledgeGraph(*tables(NODES, EDGES), name="films")


def made(graph: KnowledgeGraph, *, share: float = 0.8) -> TextAndGraph:
    return TextAndGraph(Drawn(), share=share, node_types=("person", "project"), make=steps).fit(graph)


def test_all_vectors_have_length_one(graph: KnowledgeGraph) -> None:
    method = made(graph)
    for vectors in (method.encode_nodes(graph), method.encode_queries(["Ann Archer 1", "nobody 2"])):
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)


def test_a_question_that_names_nobody_is_answered_by_words_alone(graph: KnowledgeGraph) -> None:
    """A keyword's name is not looked up, and a node without edges gains nothing from having none."""
    method = made(KnowledgeGraph(*tables(NODES, EDGES[1:]), name="without Ann's film"))
    asked = ["what is it 4", "space 1"]
    scores = method.encode_queries(asked) @ method.encode_nodes(graph).T
    words = Drawn().encode_queries(asked) @ Drawn().encode_nodes(graph).T
    assert np.allclose(scores, words * np.sqrt(1 - 0.8), atol=1e-6)


def test_who_is_named_is_looked_up(graph: KnowledgeGraph) -> None:
    method = made(graph)
    (scores,) = method.encode_queries(["films by Ann Archer 3"]) @ method.encode_nodes(graph).T
    words = MEANT[3] @ MEANT[:5].T
    assert scores - 0.2 * words == pytest.approx([0, 0, 0.8, 0, 0], abs=1e-6)


def test_a_newcomer_stands_where_its_neighbours_do(graph: KnowledgeGraph) -> None:
    later = KnowledgeGraph(
        *tables([*NODES, ("p3", "person", "Cy Clark", "")], [*EDGES, ("p3", "Composer", "f1")]), name="later"
    )
    method = made(graph)
    (scores,) = method.encode_queries(["Ann Archer 0"]) @ method.encode_nodes(later).T
    assert scores[5] - 0.2 * MEANT[0] @ MEANT[5] == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("share", [0, 1, 1.5])
def test_a_share_outside_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="take a number between 0 and 1"):
        TextAndGraph(Drawn(), share=share)
