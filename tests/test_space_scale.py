"""Large spaces: the search by other means, and files that are mapped into memory and noticed when they are altered."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kgss_helpers import mapped_file
from kgss_helpers import space as space_room
from kgss_helpers.mapped_file import read_mapped, write_mapped
from kgss_helpers.space import SemanticSpace

TYPES = ("person", "film", "word")


def large(nodes=500, dimensions=16, *, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(nodes, dimensions))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[::50] = 0
    ids, names = ([f"{letter}{number} – 宮崎" for number in range(nodes)] for letter in "xN")
    parts = (ids, rng.choice(TYPES, nodes).tolist(), names)
    texts = {"east": vectors[1].astype(dtype), "a “quoted” text\n": vectors[2].astype(dtype)}
    return SemanticSpace("Ō’s space", *(np.array(part, object) for part in parts), vectors.astype(dtype), texts)


@pytest.fixture
def small_pieces(monkeypatch):
    """Digests of 64 rows each, so that a small space has many."""
    monkeypatch.setattr(mapped_file, "PIECE", 64)
    monkeypatch.setattr(space_room, "PIECE", 64)


def same_searches(one, other):
    for text in one.texts:
        for node_type in (None, *TYPES):
            for k in (1, 15, 1000):
                found = [space.search(space.texts[text], k, node_type=node_type) for space in (one, other)]
                pd.testing.assert_frame_equal(*found)


# ---- by other means --------------------------------------------------------------------------------------------------


def test_a_large_block_is_searched_with_one_thread_to_the_same_result(monkeypatch):
    from threadpoolctl import ThreadpoolController

    space, limits = large(), []
    expected = {kind: space.search(space.texts["east"], 15, node_type=kind) for kind in (None, *TYPES)}
    counting = ThreadpoolController.limit
    monkeypatch.setattr(
        ThreadpoolController, "limit", lambda self, **asked: limits.append(asked["limits"]) or counting(self, **asked)
    )
    monkeypatch.setattr(space_room, "LARGE", 200 * 16)
    monkeypatch.setattr(space_room, "_loaded_gpu", lambda: None)
    for kind, frame in expected.items():
        pd.testing.assert_frame_equal(space.search(space.texts["east"], 15, node_type=kind), frame)
    assert limits == [1]  # the block of all nodes alone is so large


def test_a_device_gives_what_the_processor_gives():
    space = large()
    for kind in (None, *TYPES):
        expected = space.search(space.texts["east"], 15, node_type=kind)
        found = space.search(space.texts["east"], 15, node_type=kind, device="cpu")
        assert found["node_id"].tolist() == expected["node_id"].tolist()
        assert found["score"].to_numpy() == pytest.approx(expected["score"].to_numpy(), abs=2e-6)
    assert set(space._on_devices) == {(kind, "cpu") for kind in (None, *TYPES)}
    assert space.search(np.zeros(16), device="cpu").empty
    left = space.search(space.texts["east"], 3, device="cpu", exclude=[space.ids[1]], among=space.ids[:40])
    pd.testing.assert_frame_equal(
        left, space.search(space.texts["east"], 3, exclude=[space.ids[1]], among=space.ids[:40]), atol=2e-6
    )


def test_a_gpu_is_taken_for_a_large_block_only_and_only_if_pytorch_is_loaded(monkeypatch):
    space = large()
    monkeypatch.setattr(space_room, "_loaded_gpu", lambda: "cpu")
    space.search(space.texts["east"])
    assert not space._on_devices
    monkeypatch.setattr(space_room, "LARGE", 1)
    space.search(space.texts["east"])
    assert set(space._on_devices) == {(None, "cpu")}
    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert space_room._loaded_gpu() is None


def test_a_device_that_is_not_there_is_said():
    with pytest.raises(ValueError, match=r"the vectors cannot be moved to 'toaster' \(.*\); search on 'cpu'"):
        large().search(np.ones(16), device="toaster")


def test_grouped_by_type_every_search_in_a_type_stays_and_copies_nothing():
    space = large()
    together = space.grouped()
    assert sorted(together.ids) == sorted(space.ids)
    assert (pd.Series(together.types).ne(pd.Series(together.types).shift())).sum() == len(TYPES)
    for kind in TYPES:
        pd.testing.assert_frame_equal(
            together.search(space.texts["east"], 500, node_type=kind),
            space.search(space.texts["east"], 500, node_type=kind),
        )
    whole = SemanticSpace(
        "whole", space.ids, np.sort(space.types), space.names, np.where(space.vectors, space.vectors, 1)
    )
    whole.search(space.texts["east"], node_type="film")
    assert np.shares_memory(whole._blocks["film"][1], whole.vectors)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 60).flatmap(
        lambda nodes: st.tuples(
            arrays(np.int8, (nodes, 3), elements=st.integers(-2, 2)),
            st.lists(st.sampled_from(TYPES), min_size=nodes, max_size=nodes),
        )
    ),
    st.integers(1, 70),
)
def test_grouping_mapping_and_a_plain_sort_agree(tmp_path_factory, drawn, k):
    numbers, types = drawn
    ids = np.array([f"x{row}" for row in range(len(types))], object)
    space = SemanticSpace("drawn", ids, np.array(types, object), ids, numbers.astype(np.float32))
    mapped = SemanticSpace.load(space.grouped().save(tmp_path_factory.mktemp("drawn") / "space.safetensors"))
    vector = np.array([1, 2, -1], np.float32)
    for kind in set(types):
        rows = [row for row in range(len(types)) if types[row] == kind and numbers[row].any()]
        best = sorted(rows, key=lambda row: (-int(numbers[row] @ [1, 2, -1]), row))[:k]
        assert mapped.search(vector, k, node_type=kind)["node_id"].tolist() == [f"x{row}" for row in best]


# ---- a file that is mapped -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("group", [True, False])
def test_what_is_saved_is_mapped_and_searched_as_before(tmp_path, small_pieces, dtype, group):
    space = large(dtype=dtype).grouped() if group else large(dtype=dtype)
    path = space.save(tmp_path / "new" / "空間.safetensors")
    again = SemanticSpace.load(path)
    assert again.name == space.name
    for part in ("ids", "types", "names"):
        assert getattr(again, part).tolist() == getattr(space, part).tolist()
    assert np.array_equal(again.vectors, space.vectors)
    assert again.vectors.dtype == space.vectors.dtype
    assert list(again.texts) == list(space.texts)
    assert all(np.array_equal(again.texts[text], space.texts[text]) for text in space.texts)
    assert isinstance(again.vectors.base, np.memmap)
    assert again.vectors.flags.aligned
    assert not again.vectors.flags.writeable
    same_searches(space, again)
    assert [file.name for file in path.parent.iterdir()] == ["空間.safetensors"]
    same_searches(space, SemanticSpace.load(again.save(tmp_path / "twice.safetensors")))
    same_searches(space, SemanticSpace.load(again.save(tmp_path / "packed.npz")))


def test_the_library_of_the_format_reads_it(tmp_path):
    from safetensors.numpy import load_file

    space = large()
    kept = load_file(space.save(tmp_path / "space.safetensors"))
    assert np.array_equal(kept["vectors"], space.vectors)
    assert json.loads(kept["ids"].tobytes()) == space.ids.tolist()


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_half_precision_takes_half_the_room_and_is_computed_in_single(tmp_path, ending):
    space = large(4000, 64)
    path, whole = (space.save(tmp_path / f"{name}.{ending}", half=name == "half") for name in ("half", "whole"))
    again = SemanticSpace.load(path)
    assert again.vectors.dtype == np.float16
    numbers = space.vectors.size
    assert whole.stat().st_size - path.stat().st_size > 1.5 * numbers
    for kind in (None, *TYPES):
        found, expected = (one.search(space.texts["east"], 15, node_type=kind) for one in (again, space))
        assert found["score"].dtype == np.float32
        assert found["score"].to_numpy() == pytest.approx(expected["score"].to_numpy(), abs=5e-4)
        assert len(set(found["node_id"]) & set(expected["node_id"])) >= 14
    assert again.encode_queries(["east"]).dtype == np.float32


def test_spaces_without_nodes_or_texts_come_back(tmp_path):
    nothing = np.array([], object)
    empty = SemanticSpace("empty", nothing, nothing, nothing, np.zeros((0, 3), np.float32))
    again = SemanticSpace.load(empty.save(tmp_path / "empty.safetensors"))
    assert (len(again), again.vectors.shape, dict(again.texts)) == (0, (0, 3), {})
    assert again.search(np.ones(3)).empty


def test_a_file_that_is_cut_off_or_longer_is_refused(tmp_path, small_pieces):
    path = large(200).save(tmp_path / "space.safetensors")
    whole = path.read_bytes()
    for length in [0, 5, 8, 200, *np.random.default_rng(0).integers(0, len(whole), 30), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"^space\.safetensors holds no semantic space \(.*; save it again"):
            SemanticSpace.load(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(ValueError, match="something stands behind its end"):
        SemanticSpace.load(path)


def test_every_altered_byte_is_noticed(tmp_path, small_pieces):
    """In the vectors when a search or `verify` reads them, everywhere else when it is opened."""
    path = large(200).save(tmp_path / "space.safetensors")
    whole = path.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    ends = start + 200 * 16 * 4
    for place in [*range(60), *np.random.default_rng(1).integers(0, len(whole), 150), len(whole) - 1]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        if whole[place : place + 1] == b" " and place < start:
            continue  # what only fills the header up
        with pytest.raises(ValueError, match=r"space\.safetensors holds no|its file was altered or damaged") as raised:
            SemanticSpace.load(path).verify()
        assert ("its file was altered" in str(raised.value)) == (start <= place < ends)


def test_only_the_pieces_of_a_search_are_compared(tmp_path, small_pieces):
    space = large(600).grouped()
    path = space.save(tmp_path / "space.safetensors")
    whole = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(whole[:8], "little")
    whole[start + 16 * 4 * 599] ^= 1  # in a vector of the last type
    path.write_bytes(whole)
    again, first, last = SemanticSpace.load(path), space.types[0], space.types[-1]
    pd.testing.assert_frame_equal(
        again.search(space.texts["east"], node_type=first), space.search(space.texts["east"], node_type=first)
    )
    for attempt in (
        lambda: again.search(space.texts["east"], node_type=last),
        lambda: again.search(space.texts["east"]),
        again.verify,
        again.grouped,
        lambda: again.save(tmp_path / "copy.npz"),
    ):
        with pytest.raises(ValueError, match=r"Ō’s space: its file was altered or damaged .*\(vectors 576 to 599\)"):
            attempt()
    assert not (tmp_path / "copy.npz").exists()


@pytest.mark.parametrize("content", [b"{}", b"[]", b"null", b'{"__metadata__": 3}', b'{"vectors": {}}', b"\xff\xfe"])
def test_what_is_no_space_is_named(tmp_path, content):
    path = tmp_path / "other.safetensors"
    path.write_bytes(len(content).to_bytes(8, "little") + content)
    with pytest.raises(ValueError, match=r"^other\.safetensors holds no semantic space \("):
        SemanticSpace.load(path)


def test_tensors_of_others_are_no_space(tmp_path):
    from safetensors.numpy import save_file

    save_file({"vectors": np.eye(3, dtype=np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"^model\.safetensors holds no semantic space"):
        SemanticSpace.load(tmp_path / "model.safetensors")
    with pytest.raises(FileNotFoundError):
        SemanticSpace.load(tmp_path / "nothing.safetensors")


def test_vectors_that_cannot_be_kept_are_refused_and_the_old_file_stays(tmp_path):
    path = large(50).save(tmp_path / "space.safetensors")
    before = path.read_bytes()
    broken = large(50)
    broken.vectors[7, 1] = np.nan
    with pytest.raises(ValueError, match=r"space\.safetensors would hold vectors that are no numbers"):
        broken.save(path)
    with pytest.raises(ValueError, match=r"numbers of int64 cannot be kept in numbers\.safetensors"):
        write_mapped(tmp_path / "numbers.safetensors", np.zeros((2, 2), np.int64), np.zeros((0, 2), np.float32), {})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["space.safetensors"]


def test_a_write_that_breaks_leaves_the_old_file(tmp_path, monkeypatch):
    path = large(50).save(tmp_path / "space.safetensors")
    before = path.read_bytes()

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        large(60).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["space.safetensors"]


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float32, st.tuples(st.integers(0, 40), st.integers(1, 5)), elements=st.floats(-1, 1, width=32)),
    st.lists(st.text(st.characters(codec="utf-8")), max_size=5),
)
def test_whatever_is_written_is_read(tmp_path_factory, rows, texts):
    path = tmp_path_factory.mktemp("any") / "any.safetensors"
    large_one, digests, small, read = read_mapped(write_mapped(path, rows, rows[:2], {"texts": texts}))
    assert np.array_equal(large_one, rows)
    assert np.array_equal(small, rows[:2])
    assert (read, len(digests)) == ({"texts": texts}, -(-len(rows) // mapped_file.PIECE))


def test_opening_reads_none_of_the_vectors(tmp_path):
    """Measured in what the process holds: 80 MB of vectors stay on the disk, and a search brings those of one type."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((200_000, 100), dtype=np.float32)
    ids = np.array([f"x{number}" for number in range(len(vectors))], object)
    types = np.repeat(np.array(["wanted", *["other"] * 9], object), 20_000)
    path = SemanticSpace("large", ids, types, ids, vectors).save(tmp_path / "space.safetensors")
    code = """
import sys, numpy as np, psutil
from kgss_helpers.space import SemanticSpace
space = SemanticSpace.load(sys.argv[1])
mapped = lambda: sum(part.rss for part in psutil.Process().memory_maps() if part.path == sys.argv[1]) / 1e6
opened = mapped()
space.search(np.ones(100), node_type="wanted")
print(opened, mapped())
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("what a process has mapped is read as Linux tells it")
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    opened, searched = map(float, done.stdout.split())
    assert opened < 2
    assert 7 < searched < 20
