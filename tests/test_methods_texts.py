"""Several texts a node, and vectors lent between neighbours."""

import numpy as np
import pytest

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.encoder import encode
from kgss_helpers.methods.fields import Fields, field_texts
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.smoothing import Smoothed
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.question import Query
from tests.helpers import tables


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    nodes = [
        ("f1", "project", "Jaws", "A shark frightens a seaside town."), ("f2", "project", "Duel", ""),
        ("k1", "keyword", "shark", ""),
    ]  # fmt: skip
    return KnowledgeGraph(*tables(nodes, [("f1", "has keyword", "k1")]), name="two films")


def test_a_node_without_a_description_is_called_by_its_name(graph: KnowledgeGraph) -> None:
    assert field_texts(graph, "description") == ["A shark frightens a seaside town.", "Duel", "shark"]
    assert field_texts(graph, "name") == ["Jaws", "Duel", "shark"]


def test_fields_are_a_weighed_mean_of_cosines(graph: KnowledgeGraph) -> None:
    model = load_pretrained(device="cpu")
    found = Fields(model, ("name", "description"), weights=(1, 3)).score([Query("danger in the water")], graph)[0]
    query = encode(model, ["danger in the water"])[0]
    name, description = (encode(model, field_texts(graph, field)) @ query for field in ("name", "description"))
    assert np.allclose(found, (name + 3 * description) / 4, atol=1e-6)


def test_an_anchor_is_nearest_to_itself(graph: KnowledgeGraph) -> None:
    scores = Fields(load_pretrained(device="cpu")).score([Query("like it", anchor="f2")], graph)[0]
    assert scores.argmax() == graph.position("f2")
    assert scores.max() == pytest.approx(1, abs=1e-5)


def test_each_field_needs_a_weight() -> None:
    with pytest.raises(ValueError, match="one weight for each of the 2 fields"):
        Fields(load_pretrained(device="cpu"), weights=[1.0])


class Axes:
    """Every node on an axis of its own."""

    name = "axes"

    def fit(self, graph: KnowledgeGraph) -> "Axes":
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        return np.eye(len(graph.nodes), dtype=np.float32)

    def encode_queries(self, texts: list[str]) -> np.ndarray:
        return np.ones((len(texts), 3), dtype=np.float32)


def test_one_hop_lends_a_vector_to_the_neighbour_alone(graph: KnowledgeGraph) -> None:
    vectors = Smoothed(Axes(), hops=1).encode_nodes(graph)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.allclose(vectors[0], vectors[2])  # two nodes with one edge and a loop each
    assert vectors[1].tolist() == [0, 1, 0]
    assert (Smoothed(Axes(), hops=0).encode_nodes(graph) == np.eye(3)).all()


def test_a_text_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        "kgss_helpers.methods.text_vectors.encode",
        lambda _, texts, **_further: (
            asked.append(list(texts)) or np.array([[float(len(text))] for text in texts]).reshape(-1, 1)
        ),
    )
    vectors = TextVectors(None)
    assert vectors(["a", "bb", "a"]).ravel().tolist() == [1, 2, 1]
    assert vectors(["bb", "ccc"]).ravel().tolist() == [2, 3]
    assert asked == [["a", "bb"], ["ccc"]]
    assert vectors([]).shape == (0, 1)
