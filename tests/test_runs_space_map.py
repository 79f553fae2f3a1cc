"""The recorded map: of these nodes and no others, whole numbers, and refused where it is damaged."""

import io
import shutil

import numpy as np
import pytest
from helpers import tiny_graph

from kgss_helpers.exam import training_graph
from kgss_helpers.runs.space_map import FILE, WIDTH, drawn, load_map


def test_the_recorded_map_is_of_the_training_graph():
    graph = training_graph()
    points = load_map(graph)
    assert points.shape == (len(graph.nodes), 2)
    assert np.abs(points).max() == WIDTH


def test_the_map_of_another_graph_is_refused():
    with pytest.raises(ValueError, match=r"other nodes than those of tiny.*space_map"):
        load_map(tiny_graph())


def test_a_damaged_or_missing_file_says_how_it_is_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="space_map"):
        load_map(tiny_graph(), tmp_path / "points.npz")
    cut = tmp_path / "cut.npz"
    shutil.copy(FILE, cut)
    cut.write_bytes(cut.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"cut\.npz holds no map.*space_map"):
        load_map(tiny_graph(), cut)
    other = io.BytesIO()
    np.savez(other, points=np.zeros((3, 2)))
    cut.write_bytes(other.getvalue())
    with pytest.raises(ValueError, match=r"cut\.npz holds no map"):
        load_map(tiny_graph(), cut)


def test_what_is_drawn_fills_the_map_in_whole_numbers():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(120, 8))
    points = drawn(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    assert points.shape == (120, 2)
    assert points.dtype == np.int16
    assert np.abs(points).max() == WIDTH
