"""The epochs of a fine-tuning: what is kept, what comes back, and what the spaces say of people's skills."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import tables

from kgss_helpers import exam
from kgss_helpers.films.roles import SKILLS
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Question
from kgss_helpers.runs.epochs import (
    EPOCHS,
    RECORDED,
    RETRIEVAL,
    SCALE,
    EpochRecorder,
    Epochs,
    compact,
    gather,
    questions_kept,
    space_name,
)
from kgss_helpers.space import SemanticSpace
from kgss_helpers.text.documents import documents

PEOPLE, PROJECTS = 30, 20
TEXTS = [*SKILLS.values(), "a heist", "space battle"]
NODES, EDGES = tables(
    [
        *((f"person:{number}", "person", f"Person {number}", "") for number in range(PEOPLE)),
        *((f"project:{number}", "project", f"Film {number}", "") for number in range(PROJECTS)),
        ("keyword:heist", "keyword", "heist", ""),
        ("genre:crime", "genre", "Crime", ""),
    ],
    [
        ("person:0", "Director", "project:0"),
        ("person:0", "Director", "project:1"),
        ("person:0", "Actor", "project:0"),
        ("person:1", "Actor", "project:0"),
        ("person:1", "Composer", "project:1"),
        ("person:2", "Catering", "project:0"),
        ("project:0", "has keyword", "keyword:heist"),
        ("project:0", "has genre", "genre:crime"),
    ],
)


@pytest.fixture
def graph():
    return KnowledgeGraph(NODES, EDGES, name="tiny")


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def epochs_of(vectors, texts=(), text_vectors=None, nodes=NODES):
    """Spaces of people and projects, from vectors of shape (epochs, nodes, dimensions)."""
    nodes = nodes.head(vectors.shape[1])
    columns = [nodes[column].to_numpy(dtype=object) for column in ("node_id", "node_type", "name")]
    kept = [dict(zip(texts, of_texts, strict=True)) for of_texts in text_vectors] if len(texts) else [{}] * len(vectors)
    return Epochs([SemanticSpace(space_name(n), *columns, of_nodes, kept[n]) for n, of_nodes in enumerate(vectors)])


def some_epochs(count=3, dimensions=24, *, rank=None):
    """Random spaces; of a low rank, so that they fit into fewer dimensions."""
    rng = np.random.default_rng(0)
    rank = rank or dimensions
    directions = rng.normal(size=(rank, dimensions))
    nodes, texts = (unit(rng.normal(size=(count, size, rank)) @ directions) for size in (PEOPLE + PROJECTS, len(TEXTS)))
    return epochs_of(nodes.astype(np.float32), TEXTS, texts.astype(np.float32))


def asked(space):
    return np.stack(list(space.texts.values()))


# ---- keeping ------------------------------------------------------------------------------------------------------


def test_what_was_saved_comes_back_to_two_decimals(tmp_path):
    kept = some_epochs()
    back = Epochs.load(kept.save(tmp_path / "new" / "epochs.npz"))
    assert len(back) == 3
    assert back.labels == ["untuned", "1", "2"]
    for now, then in zip(back.spaces, kept.spaces, strict=True):
        assert (now.name, list(now.texts)) == (then.name, list(then.texts))
        for part in ("ids", "types", "names"):
            assert getattr(now, part).tolist() == getattr(then, part).tolist()
        for vectors, before in ((now.vectors, then.vectors), (asked(now), asked(then))):
            assert vectors.dtype == np.float32
            assert vectors.shape == before.shape
            assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
            assert np.abs(vectors - before).max() < 0.01
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["epochs.npz"]


def test_zeros_come_back_as_zeros(tmp_path):
    vectors = np.stack([space.vectors for space in some_epochs().spaces])
    vectors[1, ::2] = 0
    back = Epochs.load(epochs_of(vectors).save(tmp_path / "epochs.npz"))
    assert not back[1].vectors[::2].any()
    assert back[1].vectors[1::2].any(axis=1).all()


@pytest.mark.parametrize("length", [0, 200, -40])
def test_a_damaged_file_is_named(tmp_path, length):
    path = some_epochs().save(tmp_path / "epochs.npz")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"epochs\.npz holds no recorded epochs .*record them again"):
        Epochs.load(path)


def test_a_file_with_changed_bytes_is_refused_or_whole(tmp_path):
    path = some_epochs().save(tmp_path / "epochs.npz")
    whole, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    for place in rng.integers(0, len(whole), 100):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            Epochs.load(path)
        except ValueError as error:
            assert "epochs.npz holds no recorded epochs" in str(error)  # noqa: PT017 (some bytes do not matter)
            refused += 1
    assert refused > 60


@pytest.mark.parametrize("parts", [{"weights": np.zeros(3)}, {"vectors": np.array([None], dtype=object)}])
def test_another_npz_is_no_epochs_and_no_pickle_is_opened(tmp_path, parts):
    np.savez(tmp_path / "other.npz", **parts)
    with pytest.raises(ValueError, match=r"other\.npz holds no recorded epochs"):
        Epochs.load(tmp_path / "other.npz")


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        Epochs.load(tmp_path / "nothing.npz")


# ---- gathering and making small -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """What a recorder leaves behind: a space of all nodes of the graph for each epoch."""
    rng = np.random.default_rng(0)
    nodes, texts = (unit(rng.normal(size=(11, size, 8))).astype(np.float32) for size in (len(NODES), len(TEXTS)))
    for number, space in enumerate(epochs_of(nodes, TEXTS, texts).spaces):
        space.save(tmp_path / f"epoch-{number}.npz")
    return tmp_path


def test_epochs_are_gathered_in_the_order_of_their_numbers(folder):
    gathered = gather(folder)
    assert len(gathered) == 11
    assert gathered[10].ids.tolist() == NODES["node_id"].tolist()
    assert gathered.labels == ["untuned", *map(str, range(1, 11))]
    for number in (2, 10):
        kept = SemanticSpace.load(folder / f"epoch-{number}.npz")
        assert np.array_equal(gathered[number].vectors, kept.vectors)
        assert np.array_equal(asked(gathered[number]), asked(kept))


def test_a_missing_epoch_is_not_skipped(folder):
    (folder / "epoch-4.npz").unlink()
    with pytest.raises(ValueError, match=r"must hold epoch-0\.npz, epoch-1\.npz and so on"):
        gather(folder)


@pytest.mark.parametrize("part", ["texts", "ids"])
def test_epochs_of_two_recordings_are_not_mixed(folder, part):
    third = SemanticSpace.load(folder / "epoch-3.npz")
    other = {name: getattr(third, name) for name in ("ids", "types", "names", "vectors", "texts")}
    other |= {"texts": dict(reversed(third.texts.items()))} if part == "texts" else {"ids": third.ids[::-1]}
    SemanticSpace(third.name, **other).save(folder / "epoch-3.npz")
    with pytest.raises(ValueError, match=r"epoch 3 holds other nodes or texts than untuned"):
        gather(folder)


def test_an_empty_folder_holds_no_epochs(tmp_path):
    with pytest.raises(ValueError, match="it has \\[\\]"):
        gather(tmp_path)


def test_fewer_dimensions_keep_cosines_and_rankings():
    full = some_epochs(dimensions=48, rank=6)
    small = compact(full, 6)
    for before, after in zip(full.spaces, small.spaces, strict=True):
        assert after.vectors.shape == (PEOPLE + PROJECTS, 6)
        assert after.ids.tolist() == before.ids.tolist()
        assert list(after.texts) == list(before.texts)
        cosines = [space.vectors @ asked(space).T for space in (before, after)]
        assert np.allclose(*cosines, atol=1e-4)
        assert np.array_equal(*(found.argmax(axis=0) for found in cosines))


def test_bytes_hardly_move_a_ranking(tmp_path):
    full = some_epochs(dimensions=48, rank=6)
    kept = Epochs.load(compact(full, 6).save(tmp_path / "epochs.npz"))
    before, after = (epochs[0].vectors @ asked(epochs[0]).T for epochs in (full, kept))
    assert np.abs(before - after).max() < 0.02


# ---- recording ----------------------------------------------------------------------------------------------------


def test_a_recorder_keeps_a_space_and_says_what_it_scores(tmp_path, graph, monkeypatch):
    import torch

    class Letters:
        """Stands in for a model: how often each of eight letters occurs."""

        device = torch.device("cpu")

        def encode(self, texts, **_):
            return torch.tensor([[float(text.count(letter)) + 0.1 for letter in "aeionrst"] for text in texts])

        def get_embedding_dimension(self):
            return 8

    questions = [
        Question("q1", "plot", "validation", "a heist", "project", {"project:3": 1}),
        Question("q2", "bridges", "validation", "who?", "person", {"person:0": 1}),
        Question("q3", "plot", "test", "a storm", "project", {"project:4": 1}),
    ]
    exam = SimpleNamespace(
        questions=tuple(questions), training_graph=graph, newcomer_graph=graph, newcomers=frozenset(),
        texts=lambda style: documents(graph, style),
    )  # fmt: skip
    for module in ("kgss_helpers.runs.epochs", "kgss_helpers.exam.films"):
        monkeypatch.setattr(f"{module}.film_exam", lambda *_: exam)
    record = EpochRecorder(tmp_path / "new")
    scores = record(Letters(), 0)
    assert list(scores) == ["plot", "bridges"]
    assert all(0 <= score <= 1 for score in scores.values())
    record(Letters(), 1)
    kept = gather(tmp_path / "new")
    assert [space.name for space in kept.spaces] == ["untuned", "epoch 1"]
    assert kept[0].ids.tolist() == NODES["node_id"].tolist()
    assert list(kept[0].texts) == [*SKILLS.values(), *RETRIEVAL, "a heist", "who?", "a storm"]


# ---- asking -------------------------------------------------------------------------------------------------------


def test_vectors_of_nodes_come_in_the_order_asked_for():
    epochs = some_epochs()
    found = epochs.of(["project:1", "person:2"], 1)
    assert np.array_equal(found, epochs[1].vectors[[PEOPLE + 1, 2]])
    with pytest.raises(KeyError, match="'person:nobody' is not among the 50 nodes of untuned"):
        epochs.of(["person:1", "person:nobody"], 0)


def test_an_epoch_sits_the_exam(graph):
    epochs = some_epochs()
    questions = [Question("q", "plot", "test", "a heist", "project", {"project:3": 1})]
    result = exam.sit(epochs[1], graph=graph, questions=questions)
    assert result.method == "epoch 1"
    best = np.argsort(-(epochs[1].vectors[PEOPLE:] @ epochs[1].texts["a heist"]))
    assert result.scores["MRR"].iloc[0] == pytest.approx(1 / (1 + best.tolist().index(3)))


def test_nodes_that_were_not_kept_lie_nowhere(graph):
    vectors = some_epochs()[0].encode_nodes(graph)
    assert vectors.shape == (len(NODES), 24)
    assert not vectors[-2:].any()
    assert vectors[:-2].any(axis=1).all()


def test_affinities_are_shares_of_each_person():
    epochs = some_epochs()
    likely = epochs.affinities(2)
    assert likely.index.tolist() == [f"person:{number}" for number in range(PEOPLE)]
    assert likely.columns.tolist() == list(SKILLS.values())
    assert np.allclose(likely.sum(axis=1), 1, atol=1e-5)
    cosines = epochs[2].vectors[4] @ asked(epochs[2])[:14].T
    assert np.allclose(likely.iloc[4], np.exp(SCALE * cosines) / np.exp(SCALE * cosines).sum(), atol=1e-5)


def test_people_are_told_by_their_type_and_not_by_their_ids():
    nodes = NODES.assign(node_id=[f"n{number}" for number in range(len(NODES))])
    vectors = np.stack([space.vectors for space in some_epochs().spaces])
    epochs = epochs_of(vectors, TEXTS, [asked(space) for space in some_epochs().spaces], nodes)
    assert epochs.affinities(0).index.tolist() == [f"n{number}" for number in range(PEOPLE)]


def test_affinities_of_some_people_to_some_skills():
    epochs = some_epochs()
    likely = epochs.affinities(0, ["Acting", "Casting"], people=["person:7", "person:1"])
    assert likely.shape == (2, 2)
    assert likely.index.tolist() == ["person:7", "person:1"]
    with pytest.raises(ValueError, match="no vector for 'Juggling'"):
        epochs.affinities(0, ["Juggling"])


def test_a_larger_scale_is_surer_of_the_same_order():
    epochs = some_epochs()
    calm, sure = (epochs.affinities(0, scale=scale) for scale in (1, 100))
    assert calm.idxmax(axis=1).equals(sure.idxmax(axis=1))
    assert (calm.max(axis=1) < sure.max(axis=1)).all()


# ---- maps ---------------------------------------------------------------------------------------------------------


def test_a_space_that_was_only_turned_gives_the_same_map():
    vectors = some_epochs(count=1, dimensions=8)[0].vectors
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0]
    people = [f"person:{number}" for number in range(12)]
    points, kept = epochs_of(np.stack([vectors @ turn, vectors])).maps(people)
    assert points.shape == (2, 12, 2)
    assert np.allclose(points[0], points[1], atol=1e-4)
    assert kept[0] == pytest.approx(kept[1], abs=1e-4)
    assert 0 < kept[0] < 1


def test_a_map_of_flat_spaces_keeps_all_distances():
    epochs = some_epochs(rank=2)
    people = [f"person:{number}" for number in range(12)]
    flat = [epochs.of(people, epoch) for epoch in range(3)]
    points, kept = epochs.maps(people)
    assert kept == pytest.approx(1, abs=1e-4)
    for vectors, seen in zip(flat, points, strict=True):
        apart = [np.linalg.norm(x[:, None] - x[None], axis=2) for x in (vectors, seen)]
        assert np.allclose(*apart, atol=1e-4)


# ---- what is recorded ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (RECORDED / EPOCHS).exists(), reason="no run is recorded")
def test_the_recorded_run_fits_the_graph_and_its_questions():
    epochs, nodes = Epochs.load(), exam.film_exam().newcomer_graph.nodes
    assert len(epochs) == 10
    for space in epochs.spaces:
        assert space.ids.tolist() == nodes["node_id"].tolist()
        assert space.types.tolist() == nodes["node_type"].tolist()
        assert space.names.tolist() == nodes["name"].tolist()
        assert list(space.texts) == questions_kept()
        assert np.isfinite(space.vectors).all()
        assert np.isfinite(asked(space)).all()
    assert set(RETRIEVAL) <= set(epochs[0].texts)


def test_what_is_recorded_needs_no_pickle():
    with np.load(io.BytesIO((RECORDED / EPOCHS).read_bytes()), allow_pickle=False) as kept:
        assert {kept[part].dtype.kind for part in kept.files} == {"U", "i"}
