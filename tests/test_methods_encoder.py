"""Sentence encoders: unit vectors in the right order, and the space they make of a graph."""

import numpy as np
import pandas as pd
import pytest

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.encoder import SentenceEncoder, embed, encode
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.protocol import Encoder, answer
from kgss_helpers.space import SemanticSpace
from kgss_helpers.text.documents import documents


@pytest.fixture
def graph():
    nodes = pd.DataFrame(
        [
            ("m1", "project", "Red Moon", "Astronauts fight aliens in orbit."),
            ("m2", "project", "Blue River", "A pilot learns to love the water."),
            ("p1", "person", "Ada Quill", ""),
        ],
        columns=["node_id", "node_type", "name", "description"],
    )
    edges = pd.DataFrame([("p1", "Director", "m1"), ("p1", "Director", "m2")], columns=["source", "relation", "target"])
    return KnowledgeGraph(nodes, edges)


class Counting:
    """Stands in for a model: the length of a text and its number of e's, and a record of what it was asked."""

    def __init__(self):
        import torch

        self.device, self.asked, self.options = torch.device("cpu"), [], []

    def encode(self, texts, **options):
        import torch

        self.asked.append(list(texts))
        self.options.append(options)
        return torch.tensor([[float(len(text)), float(text.count("e"))] for text in texts])

    def get_embedding_dimension(self):
        return 2


def expected(texts):
    rows = np.array([[len(text), text.count("e")] for text in texts], dtype=float)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_vectors_are_unit_vectors_in_the_order_of_the_texts():
    texts = ["eel", "a", "tree", "a", "eel", "eel"]
    model = Counting()
    vectors = encode(model, texts, batch_size=7)
    assert vectors.dtype == np.float32
    assert vectors == pytest.approx(expected(texts), abs=1e-6)
    assert model.options[0]["batch_size"] == 7
    assert model.options[0]["show_progress_bar"] is False


def test_a_text_that_is_there_twice_is_computed_once():
    model = Counting()
    encode(model, ["b", "a", "b", "b"])
    assert model.asked == [["b", "a"]]


def test_no_texts_are_no_vectors():
    vectors = encode(Counting(), [])
    assert vectors.shape == (0, 2)
    assert vectors.dtype == np.float32


def test_any_sequence_of_texts_will_do():
    texts = pd.Series(["eel", "tree"], index=[7, 8])
    assert encode(Counting(), texts) == pytest.approx(expected(texts), abs=1e-6)


def test_the_encoder_reads_documents_and_questions(graph):
    model = Counting()
    encoder = SentenceEncoder(model, "skills", name="counting", batch_size=3)
    assert isinstance(encoder, Encoder)
    assert encoder.fit(graph) is encoder
    assert encoder.encode_nodes(graph) == pytest.approx(expected(documents(graph, "skills")), abs=1e-6)
    assert encoder.encode_queries(["who?"]) == pytest.approx(expected(["who?"]), abs=1e-6)
    assert [options["batch_size"] for options in model.options] == [3, 3]
    assert encoder.name == "counting"


@pytest.fixture(scope="module")
def model():
    return load_pretrained(device="cpu")


def test_the_packaged_model_understands_what_shares_no_word(model, graph):
    vectors = encode(
        model, ["a space battle", "Astronauts fight aliens in orbit.", "A pilot learns to love the water."]
    )
    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1
    found = answer(SentenceEncoder(model, "films"), "a space battle", graph, node_type="project")
    assert found["name"].tolist() == ["Red Moon", "Blue River"]


def test_no_texts_are_no_vectors_of_the_packaged_model_either(model):
    assert encode(model, []).shape == (0, 384)


def test_vectors_do_not_depend_on_the_batch(model):
    texts = ["a", "a much longer sentence about the moon and the sea", "space"]
    assert encode(model, texts, batch_size=1) == pytest.approx(encode(model, texts, batch_size=3), abs=1e-5)


# ---- a space -------------------------------------------------------------------------------------------------------


def test_a_space_holds_a_vector_a_node_and_a_text_once(graph):
    model = Counting()
    space = embed(model, graph, documents(graph, "skills"), ["who?", "eel", "who?"], name="counting")
    assert isinstance(space, SemanticSpace)
    assert space.name == "counting"
    assert space.ids.tolist() == graph.nodes["node_id"].tolist()
    assert space.vectors == pytest.approx(expected(documents(graph, "skills")), abs=1e-6)
    assert list(space.texts) == ["who?", "eel"]
    assert np.stack(list(space.texts.values())) == pytest.approx(expected(["who?", "eel"]), abs=1e-6)
    assert len(model.asked) == 1


def test_a_space_without_questions_knows_none(graph):
    space = embed(Counting(), graph, documents(graph, "name"), name="counting")
    assert space.texts == {}
    assert len(space) == len(graph.nodes)


def test_texts_that_are_not_one_a_node_are_refused(graph):
    with pytest.raises(ValueError, match="one row a node"):
        embed(Counting(), graph, ["a", "b"], ["a question"], name="short")


def test_a_space_answers_as_its_encoder_does(model, graph):
    asked = ["a space battle", "swimming"]
    space = embed(model, graph, documents(graph, "films"), asked, name="MiniLM")
    for text in asked:
        one = answer(space, text, graph, node_type="project")
        other = answer(SentenceEncoder(model, "films"), text, graph, node_type="project")
        assert one["node_id"].tolist() == other["node_id"].tolist()
        assert one["score"].to_numpy() == pytest.approx(other["score"].to_numpy(), abs=1e-5)
