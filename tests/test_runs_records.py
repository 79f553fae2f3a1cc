"""What a run kept is read with a look at every value, and refused by the name of the file."""

import json
from pathlib import Path

import pytest

from kgss_helpers.chapters import ch06_tokens_and_characters as ch06
from kgss_helpers.chapters import ch08_graphsage_structure as ch08
from kgss_helpers.runs import corpus_sizes, graph_embeddings, language_models, link_embeddings
from kgss_helpers.runs.records import COUNT, SHARE, checked, read_json, reading

RENEW = "python -m renew"


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1, NaN]", '{"a": Infinity}', '{"a": -Infinity}', "\x00", "[" * 100_000, "\ud800"],
)
def test_what_is_no_json_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "kept.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    said = pytest.raises(ValueError, match=rf"^kept\.json holds no such record .*make it anew: {RENEW}")
    with said, reading(tmp_path / "kept.json", RENEW) as path:
        read_json(path)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"kept\.json"), reading(tmp_path / "kept.json", RENEW):
        pass


ROW = {"share": 0.5, "count": 3, "name": "x", "gap": None}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no rows"),
        (None, "list of objects"),
        ({"share": [1]}, "list of objects"),
        ([1, 2], "list of objects"),
        ([{"share": 1}], "it has no name, count"),
        ([ROW, ROW | {"share": 7}], "row 2: share is 7"),
        ([ROW | {"share": -0.1}], "row 1: share is -0.1"),
        ([ROW | {"share": "0.5"}], "row 1: share is '0.5'"),
        ([ROW | {"share": True}, ROW], "row 1: share is True"),
        ([ROW | {"share": None}], "row 1: share"),
        ([ROW | {"share": [1]}], "row 1: share is"),
        ([ROW | {"count": float("inf")}], "row 1: count is inf"),
        ([ROW | {"count": float("nan")}], "row 1: count is nan"),
        ([ROW | {"name": " "}], "row 1: name is ' '"),
        ([ROW | {"name": 3}], "row 1: name is 3"),
        ([ROW | {"gap": -1}], "row 1: gap is -1"),
    ],
)
def test_each_value_is_looked_at(rows: object, said: str) -> None:
    good = checked([ROW, ROW], {"share": SHARE, "count": COUNT, "gap": COUNT}, ["name"], gaps=["gap"])
    assert len(good) == 2
    with pytest.raises(ValueError, match=said):
        checked(rows, {"share": SHARE, "count": COUNT, "gap": COUNT}, ["name"], gaps=["gap"])


def damaged(content: object, way: str) -> object:
    """The same content with one value that cannot be, wherever the first number lies; or nothing, or another thing."""
    if way == "empty":
        return type(content)()
    if way == "other":
        return 7
    text = json.dumps(content)
    for key in ('"loss": 3', '"covered": 0', '"mean": 0', '"recall@10": [[0', '"right": [1', '"edges_a_second": 1'):
        if key in text:
            return json.loads(text.replace(key, key[:-1] + "-1", 1))
    raise AssertionError("no number was found to damage")


READERS = {
    "language/descriptions.json": (language_models, lambda _: language_models.recorded("descriptions")),
    "language/memory.json": (language_models, lambda _: language_models.recorded("memory")),
    "links/held_out.json": (None, lambda path: link_embeddings.recorded_held_out(path)),
    "word_vectors/corpus_sizes.json": (None, lambda path: corpus_sizes.load_sizes(path)),
    "link_prediction/popularity.test.json": (graph_embeddings, lambda _: graph_embeddings.load_compared()),
    "sage/benchmark.json": (ch08, lambda _: ch08.speed()),
}


@pytest.mark.parametrize("way", ["value", "empty", "other", "cut"])
@pytest.mark.parametrize("name", READERS)
def test_no_recorded_file_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, way: str) -> None:
    module, read = READERS[name]
    original = link_embeddings.DATA / "results" / name
    path = tmp_path / original.name
    path.write_bytes(original.read_bytes())
    if module is not None:
        monkeypatch.setattr(module, "MILLION" if module is ch08 else "RECORDED", tmp_path)
    read(path)  # as it is committed
    content = json.loads(original.read_text(encoding="utf-8"))
    if way == "cut":
        path.write_bytes(original.read_bytes()[:-40])
    else:
        path.write_text(json.dumps(damaged(content, way)), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"^{path.name} holds no such record .*make it anew: python "):
        read(path)


@pytest.mark.parametrize(("old", "new"), [("0.6374", "7"), ("0.6374", "x"), ("MRR", "RMR"), ("476,", "-476,")])
def test_the_million_nodes_are_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    for name in ("million.csv", "million.json"):
        (tmp_path / name).write_bytes((ch08.MILLION / name).read_bytes())
    monkeypatch.setattr(ch08, "MILLION", tmp_path)
    ch08.million()
    text = (tmp_path / "million.csv").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "million.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"^million\.csv holds no such record .*million_nodes"):
        ch08.million()


@pytest.mark.parametrize("text", ["", "tokenizer,vocabulary\n", "tokenizer,vocabulary\ngpt-3,-1\n", "x,y\n1,2\n"])
def test_counted_tokens_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert len(ch06.recorded_gpt())
    (tmp_path / "gpt_tokens.csv").write_text(text, encoding="utf-8")
    monkeypatch.setattr(ch06, "RECORD", tmp_path / "gpt_tokens.csv")
    with pytest.raises(ValueError, match=r"^gpt_tokens\.csv holds no such record .*token_counts"):
        ch06.recorded_gpt()
