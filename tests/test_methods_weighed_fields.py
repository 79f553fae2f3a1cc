"""Fields that are read in several ways, by hand; and weights that change with the question."""

import numpy as np
import pytest
from helpers import tables

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods import weighed_fields
from kgss_helpers.methods.fusion import Router
from kgss_helpers.methods.late_interaction import TokenVectors, max_sim
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.weighed_fields import (
    NEAR,
    STEEP,
    Field,
    SharedWords,
    WeighedFields,
    WordByWord,
    groups,
    pieces_of,
    seen,
)
from kgss_helpers.question import Query
from kgss_helpers.space import unit_rows

TYPES = ("project", "person")


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    nodes = [
        ("f1", "project", "Jaws", "A shark frightens a town."), ("f2", "project", "Duel", "A lorry hunts a driver."),
        ("p1", "person", "Ada", ""), ("p2", "person", "Bo", ""), ("p3", "person", "Cy", ""),
    ]  # fmt: skip
    edges = [("p1", "Director", "f1"), ("p1", "Editor", "f1"), ("p1", "Director", "f2"), ("p2", "Director", "f2")]
    return KnowledgeGraph(*tables(nodes, edges), name="two films")


def same_words(asked, texts):
    """The share of a question's words that a text has: a comparer one can check by eye."""
    sets = [set(text.lower().strip(".").split()) for text in texts]
    rows = [[len(set(one.lower().split()) & words) / len(one.split()) for words in sets] for one in asked]
    return np.array(rows)


def method(fields, **further):
    return WeighedFields({"words": same_words}, fields, TYPES, **further)


def test_likenesses_are_added_with_their_weights_and_other_types_are_not_found(graph) -> None:
    fields = [Field("words", "name"), Field("words", "description")]
    table = np.zeros((len(groups(TYPES)), 2))
    table[0] = np.log([3, 0.5])
    made = method(fields, router=Router(groups(TYPES), tuple(field.name for field in fields), table))
    scores = made.score([Query("jaws shark", "project"), Query("ada", "person")], graph)
    assert scores[0, :2] == pytest.approx([3 * 0.5 + 0.5 * 0.5, 0])
    assert np.isneginf(scores[0, 2:]).all()
    assert scores[1, 2:] == pytest.approx([2, 0, 0])  # nobody learned for people: both fields count 1
    assert np.isneginf(scores[1, :2]).all()


def test_who_asks_for_any_type_gets_all(graph) -> None:
    assert np.isfinite(method([Field("words", "name")]).score([Query("jaws")], graph)).all()


def test_an_anchor_asks_with_its_own_texts_field_by_field(graph) -> None:
    scores = method([Field("words", "description")]).score([Query("like it", "project", "f2")], graph)
    assert scores[0, :2] == pytest.approx(
        same_words(["A lorry hunts a driver."], ["A shark frightens a town", "A lorry hunts a driver"])[0]
    )


def test_what_a_node_joins_counts_softly_and_once(graph) -> None:
    found = method([Field("words", "description", ("person",), joined=True)]).score([Query("shark", "person")], graph)
    of_jaws, of_duel = np.exp(STEEP * (1 - NEAR)), np.exp(STEEP * (0 - NEAR))
    wanted = np.log1p([of_jaws + of_duel, of_duel, 0]) / STEEP
    assert found[0, 2:] == pytest.approx(wanted)
    films = method([Field("words", "description", ("person",), joined=True)]).score([Query("shark", "project")], graph)
    assert (films[0, :2] == 0).all()


def test_weights_depend_on_the_type_on_a_start_and_on_the_length() -> None:
    names = groups(TYPES)
    rows = seen([Query("a b c d e f g h", "project"), Query("x", "person", "f1"), Query("x", "genre")], TYPES)
    shown = [{name: value for name, value in zip(names, row, strict=True) if value} for row in rows]
    assert shown[0] == pytest.approx({"project": 1, "project, words of the question": np.log(8) - 2})
    assert shown[1] == {"person, from a node": 1}
    assert shown[2] == {}


def test_word_by_word_is_late_interaction_over_all_texts(monkeypatch) -> None:
    monkeypatch.setattr(weighed_fields, "SHARP", 1)
    rng = np.random.default_rng(0)
    sizes = {"a": 3, "b": 7, "c": 0, "q": 4}
    kept = {name: unit_rows(abs(rng.normal(size=(size, 6)))).astype(np.float16) for name, size in sizes.items()}
    apart = {"a": [1, 2, 3], "b": [4, 5, 6, 7, 8, 9, 10], "c": [], "q": [11, 12, 13, 14]}
    compare = WordByWord(lambda texts: [kept[text] for text in texts], lambda texts: [apart[text] for text in texts])
    found = compare(["q", "c"], ["a", "c", "b"])
    wanted = [max_sim(kept["q"], kept[name]) for name in "acb"]
    assert found[0] == pytest.approx(wanted, abs=1e-4)
    assert (found[1] == 0).all()
    assert compare(["q"], ["c"]).tolist() == [[0]]


def test_a_rare_token_counts_more_than_one_that_all_texts_have() -> None:
    axes = dict(zip(["the", "shark", "lorry"], np.eye(3), strict=True))
    numbers = {word: place for place, word in enumerate(axes)}
    compare = WordByWord(
        lambda texts: [np.stack([axes[word] for word in text.split()]) for text in texts],
        lambda texts: [[numbers[word] for word in text.split()] for text in texts],
    )
    found = compare(["the shark"], ["the shark", "the lorry"])[0]
    assert found == pytest.approx([1, 0], abs=1e-4)


def test_a_models_pieces_are_as_many_as_its_token_vectors() -> None:
    model = load_pretrained(device="cpu")
    texts = ["Somebody's unforgettable retelling, at 42!", "a", "word " * 400]
    assert [len(one) for one in pieces_of(model)(texts)] == [len(one) for one in TokenVectors(model)(texts)]
    assert pieces_of(model)([]) == []


def test_shared_words_are_bm25_and_nothing_where_none_is_shared() -> None:
    found = SharedWords()(["a shark", "whales"], ["A shark frightens a town.", "A lorry hunts a driver."])
    assert found[0, 0] > 0
    assert found[0, 1] == 0
    assert (found[1] == 0).all()


def test_an_unknown_reader_and_weights_of_other_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="no reader is called 'nobody'; there are words"):
        method([Field("nobody", "name")])
    with pytest.raises(ValueError, match="learned for other fields"):
        method([Field("words", "name")], router=Router.equal(groups(TYPES), ("another",)))
