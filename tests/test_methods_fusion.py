"""Votes of several rankings, the router that weighs them, and the file it is kept in."""

import json

import numpy as np
import pytest

from kgss_helpers.methods.fusion import RANK_SHIFT, Example, Router, learn_router, reciprocal_ranks

FEATURES, SOURCES = ("always", "asks for people"), ("counting", "reading")


def planted(count: int = 40, seed: int = 0) -> list[Example]:
    """Questions about people are answered rightly by the first source alone, all others by the second."""
    rng, made = np.random.default_rng(seed), []
    for number in range(count):
        votes, people = rng.random((12, 2)), number % 2
        right = np.argmax(votes[:, 0 if people else 1])
        made.append(Example(np.array([1.0, people]), votes, np.eye(12)[right]))
    return made


def test_reciprocal_ranks_by_hand_and_equal_scores_share_the_better_rank() -> None:
    votes = reciprocal_ranks(np.array([3.0, -np.inf, 5.0, 3.0, 1.0]))
    top = RANK_SHIFT + 1
    assert votes == pytest.approx([top / (RANK_SHIFT + 2), 0, 1, top / (RANK_SHIFT + 2), top / (RANK_SHIFT + 4)])
    assert not reciprocal_ranks(np.full(3, -np.inf)).any()


def test_a_router_learns_whom_to_believe_for_which_question() -> None:
    router = learn_router(planted(), FEATURES, SOURCES, ridge=0.1)
    people, others = router.weights(np.array([[1.0, 1.0], [1.0, 0.0]]))
    assert people[0] > 2 * people[1]
    assert others[1] > 2 * others[0]
    unseen = planted(seed=1)
    right = [np.argmax(one.votes @ router.weights(one.features)) == one.true.argmax() for one in unseen]
    equal = [np.argmax(one.votes.sum(axis=1)) == one.true.argmax() for one in unseen]
    assert np.mean(right) > 0.9 > np.mean(equal)


def test_learning_is_the_same_every_time_and_importance_counts() -> None:
    made = planted()
    once, again = (learn_router(made, FEATURES, SOURCES).table for _ in range(2))
    assert np.array_equal(once, again)
    only_people = np.array([one.features[1] for one in made])
    assert learn_router(made, FEATURES, SOURCES, importance=only_people).weights(np.array([1.0, 0.0]))[0] > 1


def test_nothing_can_be_learned_from_nothing() -> None:
    with pytest.raises(ValueError, match="no question to learn from"):
        learn_router([], FEATURES, SOURCES)


def test_equal_weights_are_all_one() -> None:
    assert (Router.equal(FEATURES, SOURCES).weights(np.array([1.0, 0.5])) == 1).all()


def test_a_router_is_kept_and_read(tmp_path) -> None:
    router = learn_router(planted(), FEATURES, SOURCES, reader="a model")
    path = router.save(tmp_path / "router.json")
    read = Router.load(path, features=FEATURES, sources=SOURCES)
    assert np.allclose(read.table, router.table, atol=1e-4)
    assert (read.reader, read.shift) == ("a model", router.shift)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda kept: kept.pop("shift"), "holds no weights"),
        (lambda kept: kept["features"].pop("always"), "other features or sources"),
        (lambda kept: kept["sources"].reverse(), "other features or sources"),
        (lambda kept: kept["features"].update(always=[1.0]), "holds no weights|missing or no number"),
        (lambda kept: kept["features"].update(always=[float("nan"), 1.0]), "missing or no number"),
        (lambda kept: kept.update(features=["always"]), "holds no weights"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_with_the_remedy(tmp_path, change, says) -> None:
    path = Router.equal(FEATURES, SOURCES).save(tmp_path / "router.json")
    kept = json.loads(path.read_text())
    change(kept)
    path.write_text(json.dumps(kept))
    with pytest.raises(ValueError, match=f"router.json.*({says}).*; make it anew with the command"):
        Router.load(path, features=FEATURES, sources=SOURCES, renew="the command")


def test_a_file_that_is_cut_off_or_missing_is_refused(tmp_path) -> None:
    path = Router.equal(FEATURES, SOURCES).save(tmp_path / "router.json")
    path.write_text(path.read_text()[:40])
    with pytest.raises(ValueError, match="holds no weights"):
        Router.load(path, features=FEATURES, sources=SOURCES)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Router.load(tmp_path / "nowhere.json", features=FEATURES, sources=SOURCES)
