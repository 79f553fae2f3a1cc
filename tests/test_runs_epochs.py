"""The stages of a fine-tuning: what is kept, what comes back, and what the vectors say of people's skills."""

import numpy as np
import pandas as pd
import pytest
from helpers import tables

from kgss_helpers import exam
from kgss_helpers.chapters.ch12_test_subjects import first_skills, mean_cosines
from kgss_helpers.films.roles import SKILLS
from kgss_helpers.films.skills import skill_counts
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Question
from kgss_helpers.runs import epochs as stages_module
from kgss_helpers.runs.epochs import RECORDED, RETRIEVAL, SCALE, compact, gather, questions_kept

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


def some_stages(count=3, dimensions=24, *, rank=None):
    """Random spaces; of a low rank, so that they fit into fewer dimensions."""
    rng = np.random.default_rng(0)
    rank = rank or dimensions
    directions = rng.normal(size=(rank, dimensions))
    nodes, texts = (unit(rng.normal(size=(count, size, rank)) @ directions) for size in (PEOPLE + PROJECTS, len(TEXTS)))
    node_ids = NODES["node_id"].tolist()[: PEOPLE + PROJECTS]
    return Stages(node_ids, list(TEXTS), nodes.astype(np.float32), texts.astype(np.float32))


# ---- keeping ------------------------------------------------------------------------------------------------------


def test_what_was_saved_comes_back_to_two_decimals(tmp_path):
    kept = some_stages()
    back = Stages.load(kept.save(tmp_path / "new" / "stages.npz"))
    assert (back.node_ids, back.texts) == (kept.node_ids, kept.texts)
    assert len(back) == 3
    for now, then in ((back.node_vectors, kept.node_vectors), (back.text_vectors, kept.text_vectors)):
        assert now.shape == then.shape
        assert np.allclose(np.linalg.norm(now, axis=2), 1, atol=1e-5)
        assert np.abs(now - then).max() < 0.01
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["stages.npz"]


def test_a_file_of_zeros_comes_back_as_zeros(tmp_path):
    kept = some_stages()
    silent = Stages(kept.node_ids, kept.texts, np.zeros_like(kept.node_vectors), kept.text_vectors)
    assert not Stages.load(silent.save(tmp_path / "stages.npz")).node_vectors.any()


@pytest.mark.parametrize("length", [0, 200, -40])
def test_a_damaged_file_is_named(tmp_path, length):
    path = some_stages().save(tmp_path / "stages.npz")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"stages\.npz holds no stages .*record them again"):
        Stages.load(path)


def test_another_npz_is_no_stages(tmp_path):
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz holds no stages"):
        Stages.load(tmp_path / "other.npz")


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        Stages.load(tmp_path / "nothing.npz")


# ---- gathering and making small -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """What a recorder leaves behind: every node of the graph, float16, a file a stage."""
    names = {"node_ids": NODES["node_id"].to_numpy(dtype=str), "asked": np.array(TEXTS)}
    rng = np.random.default_rng(0)
    for number in range(11):
        vectors = {"nodes": rng.normal(size=(len(NODES), 8)), "texts": rng.normal(size=(len(TEXTS), 8))}
        halves = {key: unit(vector).astype(np.float16) for key, vector in vectors.items()}
        np.savez(tmp_path / f"stage-{number}.npz", **names, **halves)
    return tmp_path


def test_stages_are_gathered_in_the_order_of_their_numbers(folder):
    gathered = gather(folder)
    assert gathered.node_vectors.shape == (11, len(NODES), 8)
    assert gathered.text_vectors.shape == (11, len(TEXTS), 8)
    assert gathered.node_ids == NODES["node_id"].tolist()
    assert gathered.labels == ["base", *map(str, range(1, 11))]
    with np.load(folder / "stage-10.npz") as tenth:
        assert np.array_equal(gathered.text_vectors[10], tenth["texts"].astype(np.float32))


def test_a_missing_stage_is_not_passed_over(folder):
    (folder / "stage-4.npz").unlink()
    with pytest.raises(ValueError, match=r"must hold stage-0\.npz, stage-1\.npz and so on"):
        gather(folder)


def test_stages_of_two_recordings_are_not_mixed(folder):
    with np.load(folder / "stage-3.npz") as third:
        others = dict(third) | {"asked": third["asked"][::-1]}
    np.savez(folder / "stage-3.npz", **others)
    with pytest.raises(ValueError, match=r"stage-3\.npz is of other nodes or questions"):
        gather(folder)


def test_an_empty_folder_holds_no_stages(tmp_path):
    with pytest.raises(ValueError, match="it has \\[\\]"):
        gather(tmp_path)


def test_fewer_dimensions_keep_cosines_and_rankings():
    full = some_stages(dimensions=48, rank=6)
    small = compact(full, 6)
    assert small.node_vectors.shape == (3, PEOPLE + PROJECTS, 6)
    assert (small.node_ids, small.texts) == (full.node_ids, full.texts)
    for stage in range(3):
        before = full.node_vectors[stage] @ full.text_vectors[stage].T
        after = small.node_vectors[stage] @ small.text_vectors[stage].T
        assert np.allclose(before, after, atol=1e-4)
        assert np.array_equal(before.argmax(axis=0), after.argmax(axis=0))


def test_bytes_hardly_move_a_ranking(tmp_path):
    full = some_stages(dimensions=48, rank=6)
    kept = Stages.load(compact(full, 6).save(tmp_path / "stages.npz"))
    before, after = (s.node_vectors[0] @ s.text_vectors[0].T for s in (full, kept))
    assert np.abs(before - after).max() < 0.02


# ---- asking -------------------------------------------------------------------------------------------------------


def test_vectors_of_nodes_come_in_the_order_asked_for():
    stages = some_stages()
    found = stages.of(["project:1", "person:2"], 1)
    assert np.array_equal(found, stages.node_vectors[1][[PEOPLE + 1, 2]])
    with pytest.raises(ValueError, match="person:nobody is not among the 50 nodes that were kept"):
        stages.of(["person:1", "person:nobody"], 0)


def test_a_stage_sits_the_exam(graph):
    stages = some_stages()
    questions = [Question("q", "plot", "test", "a heist", "project", {"project:3": 1})]
    result = exam.sit(stages.method(1, graph), graph=graph, questions=questions)
    assert result.method == "stage 1"
    best = np.argsort(-(stages.node_vectors[1][PEOPLE:] @ stages.text_vectors[1][TEXTS.index("a heist")]))
    assert result.marks["MRR"].iloc[0] == pytest.approx(1 / (1 + best.tolist().index(3)))
    assert stages.method(0, graph, name="untuned").name == "untuned"


def test_nodes_that_were_not_kept_lie_nowhere(graph):
    vectors = some_stages().method(0, graph).encode_nodes(graph)
    assert vectors.shape == (len(NODES), 24)
    assert not vectors[-2:].any()
    assert vectors[:-2].any(axis=1).all()


def test_affinities_are_shares_of_each_person():
    stages = some_stages()
    likely = stages.affinities(2)
    assert likely.index.tolist() == [f"person:{number}" for number in range(PEOPLE)]
    assert likely.columns.tolist() == list(SKILLS.values())
    assert np.allclose(likely.sum(axis=1), 1, atol=1e-5)
    cosines = stages.node_vectors[2][4] @ stages.text_vectors[2][:14].T
    assert np.allclose(likely.iloc[4], np.exp(SCALE * cosines) / np.exp(SCALE * cosines).sum(), atol=1e-5)


def test_affinities_of_some_people_to_some_skills():
    stages = some_stages()
    likely = stages.affinities(0, ["Acting", "Casting"], people=["person:7", "person:1"])
    assert likely.shape == (2, 2)
    assert likely.index.tolist() == ["person:7", "person:1"]
    with pytest.raises(ValueError, match="Juggling"):
        stages.affinities(0, ["Juggling"])


def test_a_larger_scale_is_surer_of_the_same_order():
    stages = some_stages()
    calm, sure = (stages.affinities(0, scale=scale) for scale in (1, 100))
    assert calm.idxmax(axis=1).equals(sure.idxmax(axis=1))
    assert (calm.max(axis=1) < sure.max(axis=1)).all()


# ---- maps ---------------------------------------------------------------------------------------------------------


def test_a_space_that_was_only_turned_gives_the_same_map():
    stages = some_stages(count=1, dimensions=8)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0]
    both = np.concatenate([stages.node_vectors @ turn, stages.node_vectors])
    people = [f"person:{number}" for number in range(12)]
    points, kept = Stages(stages.node_ids, [], both, both[:, :0]).maps(people)
    assert points.shape == (2, 12, 2)
    assert np.allclose(points[0], points[1], atol=1e-4)
    assert kept[0] == pytest.approx(kept[1], abs=1e-4)
    assert 0 < kept[0] < 1


def test_a_map_of_flat_spaces_keeps_all_distances():
    stages = some_stages(rank=2)
    people = [f"person:{number}" for number in range(12)]
    flat = [stages.of(people, stage) for stage in range(3)]
    points, kept = stages.maps(people)
    assert kept == pytest.approx(1, abs=1e-4)
    for vectors, seen in zip(flat, points, strict=True):
        apart = [np.linalg.norm(x[:, None] - x[None], axis=2) for x in (vectors, seen)]
        assert np.allclose(*apart, atol=1e-4)


# ---- skills -------------------------------------------------------------------------------------------------------


def test_credits_are_counted_by_skill(graph):
    counts = skill_counts(graph)
    assert counts.columns.tolist() == list(SKILLS.values())
    assert counts.loc["person:0", ["Directing", "Acting", "Casting"]].tolist() == [2, 1, 0]
    assert not counts.loc["person:2"].any()  # catering is no skill that is asked for
    assert "person:5" not in counts.index


def test_first_skills_beside_the_graph(graph):
    likely = pd.DataFrame(0.0, index=["person:0", "person:1", "person:5"], columns=list(SKILLS.values()))
    likely.loc["person:0", ["Acting", "Directing"]] = 0.7, 0.3
    likely.loc["person:1", "Composing"] = 0.9
    found = first_skills(likely, skill_counts(graph))
    assert found.index.tolist() == ["person:0", "person:1"]
    assert found["first"].tolist() == ["Acting", "Composing"]
    assert found["likelihood"].tolist() == [0.7, 0.9]
    assert found["main"].tolist() == [False, True]  # one credit each: both are a main role
    assert found["any"].tolist() == [True, True]
    assert found["credits"].tolist() == [3, 2]


# ---- what is recorded ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (RECORDED / stages_module.STAGES).exists(), reason="no run is recorded")
def test_the_recorded_run_fits_the_graph_and_its_questions():
    stages, graph = Stages.load(), exam.training_graph()
    kept = graph.nodes
    assert stages.node_ids == kept["node_id"].tolist()
    assert stages.texts == questions_kept()
    assert set(RETRIEVAL) <= set(stages.texts)
    assert np.isfinite(stages.node_vectors).all()


def test_mean_cosines_are_those_of_all_pairs():
    vectors, groups = some_stages().node_vectors[0][:9], list("aaabbbccd")
    cosines, alike = vectors @ vectors.T, np.equal.outer(groups, groups)
    of_one, of_different = mean_cosines(vectors, groups)
    assert of_one == pytest.approx(cosines[alike & ~np.eye(9, dtype=bool)].mean(), abs=1e-4)
    assert of_different == pytest.approx(cosines[~alike].mean(), abs=1e-4)
