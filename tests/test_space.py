"""A semantic space: its search against a plain sort, what it refuses, and that it comes back from a file."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from helpers import tables

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.protocol import Encoder, answer
from kgss_helpers.space import SemanticSpace, best

TYPES = ("person", "film", "word")
SCRIPTS = ["宮崎 駿", "Сергей Эйзенштейн", "سینما", "Żal", "🎬 ü"]


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def random_space(nodes=300, dimensions=7, *, seed=0, in_a_line=False, vectors=None):
    """Random unit vectors, or the ones given, under ids from which no type can be read."""
    rng = np.random.default_rng(seed)
    types = rng.choice(TYPES, nodes)
    ids = [f"x:{number}" for number in range(nodes)]
    return SemanticSpace(
        "random",
        np.array(ids, dtype=object),
        (np.sort(types) if in_a_line else types).astype(object),
        np.array([f"N {node_id}" for node_id in ids], dtype=object),
        unit(rng.normal(size=(nodes, dimensions))) if vectors is None else vectors,
        {text: unit(rng.normal(size=dimensions)) for text in ("east", "north")},
    )


# ---- best --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_the_best_are_those_of_a_full_sort_whatever_ties_and_holes(seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, 40).astype(float)  # six values for forty candidates: ties at every border
    scores[rng.random(40) < 0.3] = -np.inf
    draw = rng.permutation(40)
    for ties in (None, draw):
        order = np.arange(40) if ties is None else ties
        expected = [row for row in sorted(range(40), key=lambda row: (-scores[row], order[row])) if scores[row] >= 0]
        for k in (1, 2, 5, len(expected), 40, 99):
            assert best(scores, k, ties).tolist() == expected[:k]


def test_what_is_no_finite_number_is_never_found():
    assert best(np.array([-np.inf, 1.0, np.nan, np.inf, -5.0]), 9).tolist() == [1, 4]
    assert best(np.full(4, -np.inf), 2).tolist() == []
    assert best(np.array([]), 3).tolist() == []


@pytest.mark.parametrize("k", [0, -1])
def test_none_are_none(k):
    assert best(np.arange(3.0), k).tolist() == []


def test_scores_stay_as_they_are():
    scores = np.array([3.0, 1.0, 2.0])
    best(scores, 2)
    assert scores.tolist() == [3, 1, 2]


# ---- searching ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_a_line", [True, False])
@pytest.mark.parametrize("levels", [1, 30])
@pytest.mark.parametrize("node_type", [None, *TYPES])
def test_a_search_is_a_full_sort_of_the_type(in_a_line, levels, node_type):
    """Numbers of a few bits, so that no sum is rounded and the order can be compared whole: of one level, most tie."""
    rng = np.random.default_rng(levels)
    vectors = (rng.integers(-levels, levels + 1, (300, 7)) / 64).astype(np.float32)
    space = random_space(in_a_line=in_a_line, vectors=vectors)
    rows = [row for row in range(300) if node_type in (None, space.types[row]) and vectors[row].any()]
    for _ in range(10):
        vector = rng.integers(1, levels + 1, 7) / 64
        scores = vectors.astype(float) @ vector
        expected = sorted(rows, key=lambda row: (-scores[row], row))
        for k in (1, 10, 1000):
            found = space.search(vector, k, node_type=node_type)
            assert found["node_id"].tolist() == [f"x:{row}" for row in expected[:k]]
            assert found["score"].to_numpy() == pytest.approx(scores[expected[:k]], abs=1e-6)


def test_cosines_that_only_the_processor_tells_apart_are_a_tie():
    vectors = np.tile(unit(np.ones(7)), (300, 1))
    vectors[::2, 0] *= 1 + 1e-6
    found = random_space(vectors=vectors).search(unit(np.ones(7)), 5)
    assert found["node_id"].tolist() == [f"x:{row}" for row in range(5)]
    assert found["score"].tolist() == pytest.approx([1] * 5, abs=1e-5)


def test_a_hit_has_its_id_type_name_and_score():
    space = random_space()
    found = space.search(space.vectors[4], 1)
    assert list(found.columns) == ["node_id", "node_type", "name", "score"]
    assert found.iloc[0].tolist() == ["x:4", space.types[4], "N x:4", pytest.approx(1)]


def test_types_come_from_the_graph_and_not_from_ids():
    nodes, edges = tables(
        [("film:1", "person", "A", ""), ("film:2", "film", "B", ""), ("person:3", "film", "C", "")], []
    )
    space = SemanticSpace.of(KnowledgeGraph(nodes, edges), np.eye(3, dtype=np.float32), name="turned round")
    assert space.search(np.ones(3), node_type="person")["node_id"].tolist() == ["film:1"]
    assert space.search(np.ones(3), node_type="film")["node_id"].tolist() == ["film:2", "person:3"]


@pytest.mark.parametrize("node_type", [None, "film"])
def test_what_is_left_out_and_what_it_is_looked_for_among(node_type):
    space = random_space()
    vector = space.texts["east"]
    everything = space.search(vector, 300, node_type=node_type)["node_id"].tolist()
    exclude, among = [*everything[:3], "nobody"], {*everything[1:7], "nobody"}
    assert space.search(vector, 4, node_type=node_type, exclude=exclude)["node_id"].tolist() == everything[3:7]
    assert space.search(vector, node_type=node_type, among=among)["node_id"].tolist() == everything[1:7]
    both = space.search(vector, node_type=node_type, among=among, exclude=tuple(exclude))
    assert both["node_id"].tolist() == everything[3:7]
    assert space.search(vector, among=[]).empty
    assert len(space.search(vector, 999, exclude=set())) == 300


def test_an_id_of_another_type_lets_nothing_else_in():
    space = random_space()
    film = space.search(space.texts["east"], 1, node_type="film")["node_id"].item()
    assert space.search(space.texts["east"], node_type="person", among=[film]).empty


def test_zeros_find_nothing_and_are_not_found():
    space = random_space()
    vectors = space.vectors.copy()
    vectors[::2] = 0
    half = SemanticSpace("half", space.ids, space.types, space.names, vectors)
    assert half.search(np.zeros(7)).empty
    assert list(half.search(np.zeros(7)).columns) == ["node_id", "node_type", "name", "score"]
    vector = -vectors[1::2].sum(axis=0)  # so that many cosines are less than the zero of a row of zeros
    assert set(half.search(vector, 300)["node_id"]) == set(space.ids[1::2])
    assert half.search(vector, 300)["score"].min() < 0
    silent = SemanticSpace("silent", space.ids, space.types, space.names, np.zeros_like(vectors))
    assert silent.search(vector, node_type="film").empty


def test_a_search_of_doubles_is_that_of_singles():
    space = random_space()
    vector = space.texts["east"]
    pd.testing.assert_frame_equal(space.search(vector), space.search(vector.astype(float)))
    pd.testing.assert_frame_equal(space.search(vector), space.search(vector.tolist()))


def test_what_cannot_be_searched_for_is_said():
    space = random_space()
    with pytest.raises(ValueError, match=r"random has 7 dimensions, the vector has shape \(8,\)"):
        space.search(np.ones(8))
    with pytest.raises(ValueError, match=r"the vector has shape \(1, 7\)"):
        space.search(np.ones((1, 7)))
    with pytest.raises(ValueError, match=r"no node of type 'persn'; there are .*film.*; did you mean 'person'\?"):
        space.search(np.ones(7), node_type="persn")
    with pytest.raises(ValueError, match="no number"):
        space.search(np.full(7, np.nan))


def test_a_table_that_is_not_one_is_refused():
    space = random_space()
    parts = {"ids": space.ids, "types": space.types, "names": space.names, "vectors": space.vectors}
    for part in parts:
        with pytest.raises(ValueError, match="one row a node"):
            SemanticSpace("torn", **parts | {part: parts[part][:-1]})
    with pytest.raises(ValueError, match="one row a node"):
        SemanticSpace("flat", **parts | {"vectors": np.zeros(300)})
    with pytest.raises(ValueError, match="twice: 'x:0' is there twice"):
        SemanticSpace("twice", **parts | {"ids": np.array(["x:0", *space.ids[:-1]], object)})
    with pytest.raises(ValueError, match="the vector of 'up' has not 7 dimensions"):
        SemanticSpace("askew", **parts, texts={"up": np.ones(3)})


def test_rows_of_nodes_come_in_the_order_asked_for():
    space = random_space()
    assert space.rows(["x:7", "x:2", "x:7"]).tolist() == [7, 2, 7]
    assert space.rows([]).tolist() == []
    with pytest.raises(KeyError, match="'nobody' is not among the 300 nodes of random"):
        space.rows(["x:7", "nobody"])


# ---- as a method of the exam -------------------------------------------------------------------------------------


@pytest.fixture
def graph():
    nodes, edges = tables(
        [("a", "person", "Ada", ""), ("b", "film", "Red", ""), ("c", "film", "Blue", "")], [("a", "Director", "b")]
    )
    return KnowledgeGraph(nodes, edges, name="tiny")


@pytest.fixture
def space(graph):
    vectors = unit(np.array([[1, 0], [1, 1], [0, 1]]))
    return SemanticSpace.of(graph, vectors, name="by hand", texts={"east": unit(np.array([1.0, 0.1]))})


def test_a_space_of_a_graph_has_its_nodes(space, graph):
    assert space.ids.tolist() == graph.nodes["node_id"].tolist()
    assert space.types.tolist() == ["person", "film", "film"]
    assert space.names.tolist() == ["Ada", "Red", "Blue"]
    assert repr(space) == "SemanticSpace('by hand': 3 nodes, 2 dimensions)"
    with pytest.raises(ValueError, match="one row a node"):
        SemanticSpace.of(graph, np.eye(2), name="short")


def test_a_space_answers_the_texts_that_it_knows(space, graph):
    assert isinstance(space, Encoder)
    assert answer(space, "east", graph)["node_id"].tolist() == ["a", "b", "c"]
    found = answer(space, "east", graph, node_type="film")
    assert found["node_id"].tolist() == space.search(space.texts["east"], node_type="film")["node_id"].tolist()
    with pytest.raises(ValueError, match=r"by hand has no vector for 'west'.*It knows 1 texts, such as 'east'"):
        answer(space, "west", graph)
    assert space.encode_queries([]).shape == (0, 2)
    without = SemanticSpace.of(graph, space.vectors, name="mute")
    with pytest.raises(ValueError, match="mute has no vector for 'east'; embed it with the model"):
        without.encode_queries(["east"])


def test_nodes_that_a_space_lacks_are_not_found(space, graph):
    nodes, edges = tables(
        [("c", "film", "Blue", ""), ("z", "film", "New", ""), ("a", "person", "Ada", "")], [("a", "Director", "c")]
    )
    other = KnowledgeGraph(nodes, edges)
    assert space.encode_nodes(graph) is space.vectors
    assert space.encode_nodes(other).tolist() == [[0, 1], [0, 0], [1, 0]]
    assert answer(space, "east", other)["node_id"].tolist() == ["a", "c"]
    strangers = KnowledgeGraph(nodes.assign(node_id=["x", "y", "z"]), edges[:0], name="strangers")
    with pytest.raises(ValueError, match="by hand has a vector for no node of strangers"):
        space.encode_nodes(strangers)


# ---- keeping -----------------------------------------------------------------------------------------------------


def in_scripts(texts=True):
    vectors = unit(np.random.default_rng(0).normal(size=(len(SCRIPTS), 3)))
    ids = np.array([f"人:{number}" for number in range(len(SCRIPTS))], dtype=object)
    types = np.array(["人", "film", "مردم", "film", ""], dtype=object)
    asked = dict(zip(["宇宙の戦い", "a “quoted” text\n"], vectors[:2], strict=True)) if texts else {}
    return SemanticSpace("Ō’s space", ids, types, np.array(SCRIPTS, dtype=object), vectors, asked)


@pytest.mark.parametrize("texts", [True, False])
def test_what_is_saved_is_loaded(tmp_path, texts):
    kept = in_scripts(texts)
    path = kept.save(tmp_path / "new" / "空間.npz")
    again = SemanticSpace.load(path)
    assert again.name == kept.name
    for part in ("ids", "types", "names"):
        assert getattr(again, part).tolist() == getattr(kept, part).tolist()
        assert all(type(value) is str for value in getattr(again, part))
    assert np.array_equal(again.vectors, kept.vectors)
    assert again.vectors.dtype == kept.vectors.dtype
    assert list(again.texts) == list(kept.texts)
    assert all(np.array_equal(again.texts[text], kept.texts[text]) for text in kept.texts)
    pd.testing.assert_frame_equal(again.search(kept.vectors[0]), kept.search(kept.vectors[0]))
    assert [file.name for file in path.parent.iterdir()] == ["空間.npz"]


def packed(**parts):
    stream = io.BytesIO()
    np.savez(stream, **parts)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive at all",
        packed(weights=np.zeros(3)),
        packed(**{name: np.array(7) for name in ("name", "ids", "types", "names", "vectors", "asked", "text_vectors")}),
    ],
)
def test_what_is_no_space_is_named(tmp_path, content):
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^other\.npz holds no semantic space \(.*; save it again"):
        SemanticSpace.load(path)


def test_a_single_array_is_no_space(tmp_path):
    np.save(tmp_path / "one.npy", np.eye(2))
    with pytest.raises(ValueError, match=r"^one\.npy holds no semantic space"):
        SemanticSpace.load(tmp_path / "one.npy")


def test_pickles_are_refused_unopened(tmp_path):
    class Opened:
        def __reduce__(self):
            return pytest.fail, ("a pickle was opened",)

    with np.load(in_scripts().save(tmp_path / "space.npz")) as whole:
        parts = dict(whole)
    parts["names"] = np.array([Opened()] * len(SCRIPTS), dtype=object)
    np.savez(tmp_path / "space.npz", **parts)
    with pytest.raises(ValueError, match=r"^space\.npz holds no semantic space \(.*allow_pickle=False"):
        SemanticSpace.load(tmp_path / "space.npz")


def test_a_damaged_file_is_named_wherever_the_damage_is(tmp_path):
    path = random_space(40).save(tmp_path / "space.npz")
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for length in rng.integers(0, len(whole), 40):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"space\.npz holds "):
            SemanticSpace.load(path)
    refused = 0
    for place in rng.integers(0, len(whole), 150):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            SemanticSpace.load(path)
        except ValueError as error:
            assert "space.npz holds " in str(error)  # noqa: PT017 (some bytes, such as dates, do not matter)
            refused += 1
    assert refused > 100


def test_vectors_that_are_no_numbers_are_refused(tmp_path):
    space = in_scripts()
    for texts in (False, True):
        broken = in_scripts()
        (broken.texts["宇宙の戦い"] if texts else broken.vectors[1])[0] = np.nan
        with pytest.raises(ValueError, match=r"space\.npz holds no semantic space \(its vectors are no numbers"):
            SemanticSpace.load(broken.save(tmp_path / "space.npz"))
    SemanticSpace.load(space.save(tmp_path / "space.npz"))


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        SemanticSpace.load(tmp_path / "nothing.npz")


def test_nothing_in_the_file_needs_a_pickle(tmp_path):
    with zipfile.ZipFile(in_scripts().save(tmp_path / "space.npz")) as archive:
        heads = [archive.read(name)[:200] for name in archive.namelist()]
    assert heads
    assert not [head for head in heads if b"'O'" in head or b"|O" in head]


def test_the_best_of_unsigned_numbers_are_the_largest() -> None:
    assert best(np.array([0, 1, 2, 3], dtype=np.uint8), 4).tolist() == [3, 2, 1, 0]
