"""A space in Milvus: its search against the exact one here, what is refused, and that nothing is lost on the way."""

import socket
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgss_helpers.database import DatabaseError, SpaceDatabase, space_database, to_database
from kgss_helpers.database.filters import any_of, condition, quoted
from kgss_helpers.datasets import load_films
from kgss_helpers.space import SemanticSpace

pytest.importorskip("milvus_lite", reason="Milvus Lite is not installed, as on Windows")

NASTY = [
    'a "quoted" name', 'x" or node_type == "person', "back\\slash", '\\" or 1 == 1 or "', "two\nlines\r\tand a tab",
    "it's", "宮崎 駿", "🎬 {curly} %s", "", " ", "nul\x00byte", "\\u0041", "$meta", "a like b", '"', "\\",
]  # fmt: skip


def space_of(vectors, *, types=None, ids=None, name="random"):
    ids = [f"x:{number}" for number in range(len(vectors))] if ids is None else ids
    types = np.random.default_rng(0).choice(["person", "film", "word"], len(vectors)) if types is None else types
    names = [f"N {node_id}" for node_id in ids]
    return SemanticSpace(name, *(np.array(part, dtype=object) for part in (ids, list(types), names)), vectors)


def few_bits(rows, dimensions, seed=0):
    """Vectors whose products no processor rounds, so that the order can be compared whole; many of them tie."""
    drawn = np.random.default_rng(seed).integers(-3, 4, (rows, dimensions))
    return (drawn / 16).astype(np.float32)


@pytest.fixture(scope="module")
def film_graph():
    return load_films()


@pytest.fixture(scope="module")
def films(film_graph):
    """The whole film graph with vectors of few bits; some nodes are nowhere."""
    vectors = few_bits(len(film_graph.nodes), 8)
    vectors[::97] = 0
    return SemanticSpace.of(film_graph, vectors, name="films")


@pytest.fixture(scope="module")
def database(films, film_graph, tmp_path_factory):
    path = tmp_path_factory.mktemp("milvus") / "films.db"
    with films.to_database(path, payload=film_graph.nodes) as opened:
        yield opened


# ---- the same answers as here ----------------------------------------------------------------------------------------


def test_it_holds_every_node_and_says_what_it_is(database, films):
    assert len(database) == len(films)
    assert database.columns == ["description", "year", "series"]
    assert repr(database).startswith("SpaceDatabase('semantic_space': 8 dimensions")


@pytest.mark.parametrize("node_type", [None, "person", "project", "keyword", "genre"])
@pytest.mark.parametrize("k", [1, 10, 700])
def test_a_search_is_the_exact_one_of_the_space_ties_and_all(database, films, node_type, k):
    for seed in range(3):
        vector = few_bits(1, 8, seed=100 + seed)[0]
        pd.testing.assert_frame_equal(
            database.search(vector, k, node_type=node_type), films.search(vector, k, node_type=node_type)
        )


def test_a_filter_on_the_payload_is_the_exact_search_among_those_nodes(database, films, film_graph):
    nodes, vector = film_graph.nodes, few_bits(1, 8, seed=7)[0]
    years = nodes["year"]
    for where, right in [
        ({"year": (1970, 1979)}, years.between(1970, 1979)),
        ({"year": (None, 1930)}, years <= 1930),
        ({"year": (2010, None)}, years >= 2010),
        ({"year": 1977}, years == 1977),
        ({"year": [1977, 1982]}, years.isin([1977, 1982])),
        ({"year": []}, years < 0),
        ({"year": None}, years.isna()),
        ({"year": (1970, 1999), "series": "Star Wars"}, years.between(1970, 1999) & (nodes["series"] == "Star Wars")),
    ]:
        among = nodes["node_id"][right.fillna(False)].tolist()
        for node_type in (None, "project"):
            found = database.search(vector, 15, node_type=node_type, where=where)
            expected = films.search(vector, 15, node_type=node_type, among=among)
            pd.testing.assert_frame_equal(found, expected)
    assert years.between(1970, 1979).sum() > 100


def test_vectors_as_they_are_give_the_same_but_for_the_last_decimal(film_graph, tmp_path):
    vectors = np.random.default_rng(3).standard_normal((len(film_graph.nodes), 16), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    space = SemanticSpace.of(film_graph, vectors, name="films")
    with space.to_database(tmp_path / "films.db") as database:
        for row in range(5):
            found = database.search(vectors[row], 15, node_type="person")
            expected = space.search(vectors[row], 15, node_type="person")
            assert found["score"].to_numpy() == pytest.approx(expected["score"].to_numpy(), abs=2e-6)
            gaps = -np.diff(expected["score"])
            sure = np.r_[True, gaps > 4e-6] & np.r_[gaps > 4e-6, False]
            assert sure.sum() > 10
            assert found["node_id"][sure].tolist() == expected["node_id"][sure].tolist()


def test_what_is_left_out_and_what_it_is_looked_for_among(database, films):
    vector = few_bits(1, 8, seed=9)[0]
    best = films.search(vector, 20, node_type="person")["node_id"].tolist()
    for options in (
        {"exclude": best[:7]},
        {"among": {*best[3:12], "nobody"}},
        {"exclude": best[:5], "among": best[:9]},
    ):
        pd.testing.assert_frame_equal(
            database.search(vector, 5, node_type="person", **options),
            films.search(vector, 5, node_type="person", **options),
        )
    assert database.search(vector, among=[]).empty


def test_columns_of_the_payload_come_with_the_hits(database, film_graph):
    found = database.search(few_bits(1, 8)[0], 5, node_type="project", columns=["year", "description"])
    assert list(found.columns) == ["node_id", "node_type", "name", "score", "year", "description"]
    rows = film_graph.nodes.set_index("node_id").loc[found["node_id"]]
    assert found["year"].tolist() == rows["year"].tolist()
    assert found["description"].tolist() == rows["description"].tolist()


def test_ties_without_end_are_decided_by_the_order_of_nodes(tmp_path):
    space = space_of(np.ones((3000, 2), np.float32))
    with to_database(space, tmp_path / "ties.db") as database:
        assert database.search(np.ones(2), 5)["node_id"].tolist() == [f"x:{row}" for row in range(5)]


def test_zeros_find_nothing_and_are_not_found(tmp_path):
    vectors = few_bits(40, 4)
    vectors[::2] = 0
    space = space_of(vectors)
    with to_database(space, tmp_path / "zeros.db") as database:
        assert database.search(np.zeros(4)).empty
        assert database.search(np.ones(4), 0).empty
        pd.testing.assert_frame_equal(database.search(-np.ones(4), 40), space.search(-np.ones(4), 40))
        assert len(database) == 40


# ---- whatever is called whatever -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    """Nodes, types and payload under names that want to be a filter."""
    space = space_of(few_bits(len(NASTY), 3) + 1, ids=NASTY, types=NASTY, name="nasty")
    columns = {"title": NASTY, "score": [None, *range(1, len(NASTY))], "seen": [True, None] * (len(NASTY) // 2)}
    with to_database(space, tmp_path_factory.mktemp("milvus") / "nasty.db", payload=columns) as database:
        yield space, database


@pytest.mark.parametrize("text", NASTY)
def test_a_text_in_a_filter_means_itself_and_nothing_else(nasty, text):
    space, database = nasty
    assert database.search(np.ones(3), 99, where={"title": text})["node_id"].tolist() == [text]
    assert database.search(np.ones(3), 99, node_type=text)["node_id"].tolist() == [text]
    assert database.search(np.ones(3), 99, among=[text])["node_id"].tolist() == [text]
    left = database.search(np.ones(3), 99, exclude=[text])["node_id"].tolist()
    assert left == space.search(np.ones(3), 99, exclude=[text])["node_id"].tolist()
    assert len(left) == len(NASTY) - 1


def read_back(literal):
    """What a quoted text says to a reader who knows nothing but the rule: after a backslash stands an escaped sign."""
    assert (literal[0], literal[-1]) == ('"', '"')
    signs, said = iter(literal[1:-1]), []
    for sign in signs:
        assert sign not in '"\n\r'
        said.append(
            {"n": "\n", "r": "\r", "t": "\t"}.get(next_sign := next(signs), next_sign) if sign == "\\" else sign
        )
    return "".join(said)


@given(st.text())
def test_no_text_ends_its_quotation(text):
    assert read_back(quoted(text)) == text


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_numbers_are_written_as_numbers(values):
    assert any_of("year", values) == f"year in [{', '.join(map(str, values))}]"


def test_what_does_not_fit_a_column_is_said(nasty):
    _, database = nasty
    for where, message in [
        ({"titel": "x"}, "no column 'titel'; there are title, score, seen.*did you mean 'title'"),
        ({"title": 3}, "'title' holds texts, which cannot be compared with 3"),
        ({"score": "3"}, "'score' holds .*numbers, which cannot be compared with '3'"),
        ({"seen": 1}, "'seen' holds true and false"),
        ({"score": (1, 2, 3)}, "a range is"),
        ({"score": (None, None)}, "a range is"),
        ({"score": [1, None]}, "None alone"),
        ({"title": "\ud83c"}, "half a character"),
        ({"score": float("nan")}, "cannot be compared"),
        ({'score == 1 or title == "': 1}, "has no column"),
    ]:
        with pytest.raises(ValueError, match=message):
            database.search(np.ones(3), where=where)
    with pytest.raises(ValueError, match="has no column 'yaer'"):
        database.search(np.ones(3), columns=["yaer"])
    assert database.search(np.ones(3), 99, where={"seen": True})["node_id"].tolist() != []
    assert condition("year", "INT64", (1970, None)) == "year >= 1970"


def test_a_vector_or_type_that_it_has_not_is_said(database):
    with pytest.raises(ValueError, match=r"semantic_space has 8 dimensions, the vector has shape \(9,\)"):
        database.search(np.ones(9))
    with pytest.raises(ValueError, match="no number"):
        database.search(np.full(8, np.nan))
    with pytest.raises(ValueError, match=r"no node of type 'persn'; there are .*did you mean 'person'"):
        database.search(np.ones(8), node_type="persn")
    with pytest.raises(ValueError, match="16,384 hits at most"):
        database.search(np.ones(8), 20_000)


# ---- writing: whole or not at all ------------------------------------------------------------------------------------


def test_what_is_there_is_only_replaced_when_asked_for(tmp_path):
    old, new = space_of(few_bits(30, 3)), space_of(few_bits(50, 4, seed=1))
    with old.to_database(tmp_path / "a.db"):
        pass
    with pytest.raises(DatabaseError, match="there is a collection 'semantic_space' already: pass replace=True"):
        new.to_database(tmp_path / "a.db")
    with SpaceDatabase(tmp_path / "a.db") as database:
        assert (len(database), database.dimensions) == (30, 3)
        pd.testing.assert_frame_equal(database.search(np.ones(3)), old.search(np.ones(3)))
    with new.to_database(tmp_path / "a.db", replace=True) as database:
        assert (len(database), database.dimensions) == (50, 4)
        pd.testing.assert_frame_equal(database.search(np.ones(4)), new.search(np.ones(4)))
        assert len(database._client.list_collections()) == 1
    with new.to_database(tmp_path / "a.db", "another") as other, SpaceDatabase(tmp_path / "a.db") as database:
        assert len(other) == len(database) == 50


@pytest.mark.parametrize("break_in", ["insert", "flush", "alter_alias", "count"])
def test_a_replacement_that_breaks_leaves_the_old_one_whole(tmp_path, monkeypatch, break_in):
    from pymilvus import MilvusClient

    old, new = space_of(few_bits(30, 3)), space_of(few_bits(50, 3, seed=1))
    old.to_database(tmp_path / "a.db").close()

    def broken(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if break_in == "count":
            patch.setattr(space_database, "records", lambda *parts: iter(()))
        else:
            patch.setattr(MilvusClient, break_in, broken)
        with pytest.raises((KeyboardInterrupt, DatabaseError)):
            new.to_database(tmp_path / "a.db", replace=True)
    with SpaceDatabase(tmp_path / "a.db") as database:
        pd.testing.assert_frame_equal(database.search(np.ones(3), 40), old.search(np.ones(3), 40))
        assert len(database._client.list_collections()) == 1


def test_a_process_that_is_killed_while_it_writes_loses_nothing_and_leaves_nothing(tmp_path):
    old, new = space_of(few_bits(30, 3)), space_of(few_bits(50, 3, seed=1))
    old.to_database(tmp_path / "a.db").close()
    new.save(tmp_path / "new.npz")
    code = """
import os, sys
from pymilvus import MilvusClient
from kgss_helpers.space import SemanticSpace
MilvusClient.flush = lambda *asked, **further: os._exit(9)
SemanticSpace.load(sys.argv[2]).to_database(sys.argv[1], replace=True)
"""
    killed = subprocess.run([sys.executable, "-c", code, tmp_path / "a.db", tmp_path / "new.npz"], check=False)
    assert killed.returncode == 9
    with SpaceDatabase(tmp_path / "a.db") as database:
        pd.testing.assert_frame_equal(database.search(np.ones(3), 40), old.search(np.ones(3), 40))
        assert len(database._client.list_collections()) == 2
    with new.to_database(tmp_path / "a.db", replace=True) as database:
        pd.testing.assert_frame_equal(database.search(np.ones(3), 60), new.search(np.ones(3), 60))
        assert len(database._client.list_collections()) == 1


def test_collections_of_others_are_not_touched(tmp_path):
    from pymilvus import MilvusClient

    space_of(few_bits(5, 3)).to_database(tmp_path / "a.db", "ours").close()
    with SpaceDatabase(tmp_path / "a.db", "ours") as database:
        database._client.create_collection("theirs", dimension=3)
        with pytest.raises(DatabaseError, match="'theirs' is a collection that was made otherwise"):
            space_of(few_bits(5, 3)).to_database(tmp_path / "a.db", "theirs", replace=True)
        with pytest.raises(DatabaseError, match="'theirs' is no semantic space"):
            SpaceDatabase(tmp_path / "a.db", "theirs")
        assert isinstance(database._client, MilvusClient)
        assert len(database) == 5
    with pytest.raises(DatabaseError, match=r"there is no collection 'nothing'; there are: .*theirs"):
        SpaceDatabase(tmp_path / "a.db", "nothing")


def test_many_batches_arrive_in_order(tmp_path, monkeypatch):
    from kgss_helpers.database import payload

    monkeypatch.setattr(payload, "BATCH", 2000)
    space = space_of(few_bits(400, 5))
    with space.to_database(tmp_path / "a.db", payload={"number": range(400)}) as database:
        found = database.search(np.ones(5), 400, columns=["number"])
        assert found["node_id"].tolist() == [f"x:{number}" for number in found["number"]]
        pd.testing.assert_frame_equal(found.drop(columns="number"), space.search(np.ones(5), 400))


def test_a_payload_with_node_ids_may_come_in_any_order(tmp_path):
    space = space_of(few_bits(20, 3))
    table = pd.DataFrame({"node_id": space.ids, "number": range(20), "share": np.linspace(0, 1, 20), "none": None})
    table.loc[3, "share"] = np.nan
    with space.to_database(tmp_path / "a.db", payload=table.sample(frac=1, random_state=0)) as database:
        found = database.search(np.ones(3), 20, columns=["number", "share", "none"])
        assert found["node_id"].tolist() == [f"x:{number}" for number in found["number"]]
        assert database.search(np.ones(3), 20, where={"share": None})["node_id"].tolist() == ["x:3"]
        assert found["none"].isna().all()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"year": [1]}, "the payload has 1 rows, the space 4 nodes"),
        (pd.DataFrame({"node_id": ["x:0", "x:1"], "year": 1}), "one row for each node_id"),
        (pd.DataFrame({"node_id": ["x:0"] * 4, "year": 1}), "one row for each node_id"),
        ({"the year": [1] * 4}, "cannot have a column 'the year': rename it"),
        ({"vector": [1] * 4}, "cannot have a column 'vector'"),
        ({"like": [1] * 4}, "cannot have a column 'like'"),
        ({"year; drop": [1] * 4}, "cannot have a column"),
        ({"mixed": [1, "a", 2.0, None]}, "column 'mixed' mixes kinds"),
        ({"lists": [[1], [2], [3], [4]]}, "column 'lists' mixes kinds, or holds none of"),
        ({"large": [2**63, 0, 0, 0]}, "more than 64 bits"),
        ({"endless": [np.inf, 0.0, 0.0, 0.0]}, "holds infinity"),
        ({"text": ["a", "b", "c" * 70_000, "d"]}, "text of 'x:2' has 70,000 bytes, Milvus keeps 65,535"),
        ({"text": ["a", "\ud83c", "c", "d"]}, "text of 'x:1' holds half a character"),
    ],
)
def test_a_payload_that_cannot_be_kept_is_refused_before_anything_is_written(tmp_path, payload, message):
    with pytest.raises(ValueError, match=message):
        space_of(few_bits(4, 3)).to_database(tmp_path / "a.db", payload=payload)
    assert not (tmp_path / "a.db").exists()


def test_a_space_that_cannot_be_kept_is_refused(tmp_path):
    vectors = few_bits(4, 3)
    vectors[2, 1] = np.nan
    for space, message in [(space_of(vectors), "no number"), (space_of(np.zeros((4, 0), np.float32)), "0 dimensions")]:
        with pytest.raises(ValueError, match=message):
            space.to_database(tmp_path / "a.db")
    for name in ("my films", "1st", "a-b", "", 'x"', "ü"):
        with pytest.raises(ValueError, match="is no name for a collection"):
            space_of(few_bits(4, 3)).to_database(tmp_path / "a.db", name)


# ---- reaching it -----------------------------------------------------------------------------------------------------


def test_what_is_closed_comes_back_in_another_process_and_not_before(tmp_path):
    path = tmp_path / "a.db"
    code = (
        "import sys; from kgss_helpers.database import SpaceDatabase\n"
        "try:\n    print(len(SpaceDatabase(sys.argv[1])))\nexcept Exception as error:\n    print(error)"
    )

    def elsewhere():
        done = subprocess.run([sys.executable, "-W", "error", "-c", code, path], capture_output=True, text=True)
        return done.stdout.strip(), done.stderr

    first = space_of(few_bits(7, 3)).to_database(path)
    with SpaceDatabase(path) as second:
        first.close()
        first.close()
        assert elsewhere() == ("a.db is open in another process: close it there (in a notebook, stop its kernel)", "")
        assert len(second) == 7
    assert elsewhere() == ("7", "")
    with pytest.raises(DatabaseError, match="is closed; open it again"):
        second.search(np.ones(3))


def test_what_is_no_database_is_not_written_over(tmp_path):
    space = space_of(few_bits(4, 3))
    (tmp_path / "file.db").write_text("notes")
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "folder.db" / "notes.txt").write_text("notes")
    for name in ("file.db", "folder.db"):
        for attempt in (
            lambda name=name: space.to_database(tmp_path / name),
            lambda name=name: SpaceDatabase(tmp_path / name),
        ):
            with pytest.raises(DatabaseError, match=f"{name} is no database of Milvus Lite: choose another name"):
                attempt()
    assert (tmp_path / "file.db").read_text() == "notes"
    assert [path.name for path in (tmp_path / "folder.db").iterdir()] == ["notes.txt"]
    with pytest.raises(FileNotFoundError, match=r"there is no database .*none\.db; .*to_database writes one"):
        SpaceDatabase(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(ValueError, match=r"films\.sqlite: the name of a local database ends in \.db"):
        space.to_database(tmp_path / "films.sqlite")


def test_a_damaged_database_is_said_to_be(tmp_path):
    space_of(few_bits(4, 3)).to_database(tmp_path / "a.db").close()
    for file in (tmp_path / "a.db" / "collections").rglob("*.json"):
        file.write_bytes(file.read_bytes()[:5])
    with pytest.raises(DatabaseError, match=r"a\.db"):
        SpaceDatabase(tmp_path / "a.db")


@pytest.mark.parametrize("kind", ["nobody", "silent"])
def test_a_server_that_does_not_answer_is_said_within_ten_seconds(kind, capfd):
    server = socket.create_server(("127.0.0.1", 0))  # the system takes connections for it, and it never says a word
    port = server.getsockname()[1]
    if kind == "nobody":
        server.close()
    began = time.monotonic()
    with pytest.raises(DatabaseError, match=rf"no Milvus answers at http://127\.0\.0\.1:{port} .*check the address"):
        SpaceDatabase(f"http://root:secret@127.0.0.1:{port}")
    assert time.monotonic() - began < 12
    assert "secret" not in "".join(capfd.readouterr())
    server.close()


def test_an_address_of_another_kind_is_refused():
    for address in ("ftp://example.org", "postgres://user:secret@host"):
        with pytest.raises(ValueError, match="is no address of a server") as raised:
            SpaceDatabase(address)
        assert "secret" not in str(raised.value)


def test_a_server_by_its_address_is_the_same_code(tmp_path, films, film_graph):
    """Milvus Lite speaks the protocol of a cluster; here it is reached as one, from outside."""
    from milvus_lite import server_manager_instance

    address = server_manager_instance.start_and_get_uri(str(tmp_path / "served.db"))
    try:
        with films.to_database(address, "films", payload=film_graph.nodes) as database:
            vector = few_bits(1, 8, seed=5)[0]
            where = {"year": (1970, 1979)}
            among = film_graph.nodes["node_id"][film_graph.nodes["year"].between(1970, 1979).fillna(False)].tolist()
            expected = films.search(vector, 15, node_type="project", among=among)
            pd.testing.assert_frame_equal(database.search(vector, 15, node_type="project", where=where), expected)
        with SpaceDatabase(address, "films") as again:
            assert len(again) == len(films)
    finally:
        server_manager_instance.release_server(str(tmp_path / "served.db"))
    with pytest.raises(DatabaseError, match=r"^http://127\.0\.0\.1:\d+: opening 'films' failed|no Milvus answers"):
        SpaceDatabase(address, "films")


@pytest.mark.parametrize("package", ["pymilvus", "milvus_lite"])
def test_a_package_that_is_missing_is_said(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    message = {
        "pymilvus": "pymilvus is not installed",
        "milvus_lite": "pip install milvus-lite.*Windows.*http://localhost",
    }
    with pytest.raises(DatabaseError, match=message[package]):
        space_of(few_bits(4, 3)).to_database(tmp_path / "a.db")
    assert not (tmp_path / "a.db").exists()


def test_no_database_is_loaded_before_it_is_asked_for():
    code = "import sys, kgss_helpers.space, kgss_helpers.database; print({'pymilvus', 'milvus_lite'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_nothing_is_shown_and_nothing_warns(tmp_path):
    """In a process of its own, where nobody takes what is logged."""
    code = """
import sys, numpy as np
from kgss_helpers.database import SpaceDatabase
from kgss_helpers.space import SemanticSpace
ids = np.array(["a", "b"], object)
space = SemanticSpace("two", ids, ids, ids, np.eye(2, dtype=np.float32))
for _ in range(2):
    with space.to_database(sys.argv[1], payload={"year": [1977, None]}, replace=True) as database:
        assert database.search(np.array([0, 1]), where={"year": None})["node_id"].tolist() == ["b"]
for attempt in (lambda: space.to_database(sys.argv[1]), lambda: SpaceDatabase(sys.argv[1], "none")):
    try:
        attempt()
    except RuntimeError as error:
        print(type(error).__name__)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, tmp_path / "a.db"], capture_output=True, text=True
    )
    assert (done.stdout.split(), done.stderr, done.returncode) == (["DatabaseError"] * 2, "", 0)
