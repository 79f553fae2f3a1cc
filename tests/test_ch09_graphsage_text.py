"""What notebook 09 relies on: kept vectors that know what they are of, the model beside its texts, lists and panels."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from kgss_helpers.chapters import ch09_graphsage_text as chapter
from kgss_helpers.exam import film_exam
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.graph_sage import GraphSage
from kgss_helpers.runs import kept_texts
from kgss_helpers.runs import sage_with_text as runs
from kgss_helpers.space import SemanticSpace
from tests.helpers import question, small_films

HOSTILE = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">'


@pytest.fixture(scope="module")
def kept() -> kept_texts.KeptTexts:
    return kept_texts.KeptTexts.load()


@pytest.fixture
def space() -> SemanticSpace:
    names = np.array(["space battle", "<b>wedding</b>", "Alien"], dtype=object)
    types = np.array(["keyword", "keyword", "project"], dtype=object)
    return SemanticSpace("toy", np.array(["a", "b", "c"], dtype=object), types, names, np.eye(3, dtype=np.float32))


def ask(_text: str) -> np.ndarray:
    return np.array([0.8, 0.6, 0], dtype=np.float32)


# ---- kept vectors --------------------------------------------------------------------------------------------------


def test_a_byte_a_number_moves_no_cosine_by_a_hundredth() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[7] = 0
    found = kept_texts.unpacked(*kept_texts.packed(vectors).values())
    assert np.abs(found @ found.T - vectors @ vectors.T).max() < 0.01
    assert not found[7].any()


def test_every_node_and_question_of_the_exam_has_a_kept_vector(kept: kept_texts.KeptTexts) -> None:
    the_exam = film_exam()
    assert kept.of(the_exam.newcomer_graph).shape == (len(the_exam.newcomer_graph.nodes), 384)
    assert np.allclose(np.linalg.norm(kept.of(the_exam.training_graph, names=True), axis=1), 1, atol=1e-5)
    assert kept.ask([one.text for one in the_exam.questions]).shape == (len(the_exam.questions), 384)


def test_what_is_kept_nowhere_is_named(kept: kept_texts.KeptTexts) -> None:
    with pytest.raises(KeyError, match="no kept vector"):
        kept.of(small_films())
    with pytest.raises(KeyError, match="encode it with the model"):
        kept.ask(["nobody asks this"])


@pytest.mark.parametrize(("part", "says"), [("model", "another model"), ("texts", "have changed since")])
def test_vectors_of_another_model_or_of_other_texts_are_refused(tmp_path: Path, part: str, says: str) -> None:
    with np.load(kept_texts.FILE, allow_pickle=False) as file:
        content = {name: file[name] for name in file.files} | {part: np.array("0" * 64)}
    np.savez(tmp_path / "texts.npz", **content)
    with pytest.raises(ValueError, match=says):
        kept_texts.KeptTexts.load(tmp_path / "texts.npz")


def test_a_damaged_file_says_how_to_renew_it(tmp_path: Path) -> None:
    (tmp_path / "texts.npz").write_bytes(kept_texts.FILE.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"texts.npz is damaged .* --texts"):
        kept_texts.KeptTexts.load(tmp_path / "texts.npz")


# ---- the model -----------------------------------------------------------------------------------------------------


def toy_training() -> tuple[KnowledgeGraph, np.ndarray]:
    graph = small_films()
    vectors = np.random.default_rng(0).normal(size=(len(graph.nodes), 16)).astype(np.float32)
    return graph, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_training_with_text_lowers_the_loss_and_repeats_itself() -> None:
    graph, vectors = toy_training()
    recipe = runs.Recipe(hidden=8, fan_out=(3, 2), batch_size=16, epochs=30, learning_rate=0.01)
    first, again = (runs.train_with_text(recipe, graph, vectors, vectors, log_every=1) for _ in range(2))
    loss = first.history["loss"].dropna()
    assert loss.iloc[-5:].mean() < loss.iloc[:5].mean()
    assert torch.equal(first.model.layers[0].self_weight.weight, again.model.layers[0].self_weight.weight)


def test_the_recorded_model_is_the_recipe_that_the_notebook_shows(kept: kept_texts.KeptTexts) -> None:
    model, recipe = runs.load_model(), runs.RECIPES[runs.BEST]
    recorded = json.loads(runs.SETTINGS.read_text(encoding="utf-8"))
    assert recorded["hidden"] == recipe.hidden == model.layers[0].self_weight.out_features
    assert recorded["epochs"] == recipe.epochs
    assert model.features == kept.documents.shape[1]
    assert recorded["steps"] >= len(pd.read_csv(runs.HISTORY))


def test_a_damaged_model_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"model\.safetensors holds no model"):
        runs.load_model(tmp_path / "model.safetensors")


def test_a_model_that_moves_nothing_finds_every_node_by_its_own_name() -> None:
    graph, vectors = toy_training()
    ids = graph.nodes["node_id"].to_numpy(dtype=object)
    kept = kept_texts.KeptTexts(ids, vectors, vectors, {})
    untrained = GraphSage(16, hidden=8, out=16, residual=True)
    found = runs.found_alone(runs.KeptEncoder(kept, untrained), graph)
    assert found == dict.fromkeys(sorted(graph.nodes["node_type"].unique()), 1.0)


# ---- lists, groups, panels -----------------------------------------------------------------------------------------


def test_the_seminars_lists_stand_place_by_place_beside_ours() -> None:
    ours = pd.DataFrame({"name": ["space battle", "starfleet"], "score": [0.9, 0.5]})
    nodes = pd.DataFrame([("k", "keyword", "Starfleet")], columns=["node_id", "node_type", "name"])
    graph = KnowledgeGraph(nodes, pd.DataFrame(columns=["source", "relation", "target"], dtype=str))
    table = chapter.beside(ours, (("jedi", 0.7), ("starfleet", 0.6), ("orcs", 0.5)), graph, "keyword")
    assert table["ours"].tolist() == ["space battle", "starfleet"]
    assert table["in our graph"].tolist() == ["", "✓"]


def test_films_of_one_name_are_told_apart_by_their_year() -> None:
    graph = film_exam().training_graph
    thieves = ["project:the-thief-of-bagdad-1924", "project:alien-1979", "project:the-thief-of-bagdad-1940"]
    found = pd.DataFrame({"node_id": thieves, "name": ["The Thief of Bagdad", "Alien", "The Thief of Bagdad"]})
    names = chapter.with_years(found, graph)["name"].tolist()
    assert names == ["The Thief of Bagdad (1924)", "Alien", "The Thief of Bagdad (1940)"]


def test_short_names_stand_for_recorded_rows_and_each_for_one() -> None:
    recorded = chapter.rows_of(list(chapter.SHORT))
    table = chapter.by_family(list(recorded.values()))
    assert table.index.tolist() == list(chapter.SHORT.values())
    assert table.index.is_unique
    assert chapter.by_family([recorded[chapter.TEXT]], ["credit"]).index.tolist() == [chapter.TEXT]


def test_right_answers_are_counted_by_the_number_of_their_edges() -> None:
    graph = small_films()
    node_id = graph.nodes["node_id"].iloc[0]
    asked = question("q", {node_id: 1})
    found = chapter.found_by_band({"one": {"q": [node_id]}, "other": {"q": []}}, [asked], graph)
    assert found[["one", "other"]].to_numpy().tolist() == [[1.0, 0.0]]
    assert [chapter.band(edges) for edges in (0, 1, 3, 9, 10)] == ["none", "1", "2 or 3", "4 to 9", "10 or more"]
    assert chapter.gains(found, "one", "other", "edges").popitem()[1].mean == 1


def test_purity_is_the_share_of_neighbours_of_ones_own_kind() -> None:
    vectors = np.repeat(np.eye(2, dtype=np.float32), 6, axis=0)
    assert chapter.purity(vectors, ["a"] * 6 + ["b"] * 6, neighbours=3) == 1


def test_several_spaces_answer_side_by_side(space: SemanticSpace) -> None:
    table = chapter.side_by_side("space", {"one": (space, ask), "two": (space, ask)}, node_type="keyword")
    assert table["one"].tolist() == ["space battle (0.80)", "<b>wedding</b> (0.60)"]
    assert table["one"].equals(table["two"].rename("one"))


def test_whatever_is_typed_or_named_comes_out_as_text(space: SemanticSpace) -> None:
    shown = chapter.panel(HOSTILE, {"one": (space, ask)})
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;b&gt;wedding" in shown


@pytest.mark.parametrize("empty", ["", "   ", "?!…"])
def test_no_words_get_a_hint_instead_of_answers(space: SemanticSpace, empty: str) -> None:
    assert "Type a question" in chapter.panel(empty, {"one": (space, ask)})


def test_a_long_question_is_shortened_between_words(space: SemanticSpace) -> None:
    shown = chapter.panel("word " * 500, {"one": (space, ask)})
    assert "word …</b>" in shown
    assert len(shown) < 2000


def test_the_widget_answers_what_stands_in_its_field(space: SemanticSpace) -> None:
    view = chapter.AskSpaces({"one": (space, ask)}, "space", node_type="keyword")
    assert "space battle" in view.result.value
    view.kind.value = "project"
    assert "Alien" in view.result.value
    view.asked.value = ""
    assert "Type a question" in view.result.value
    assert "one" in repr(view)
