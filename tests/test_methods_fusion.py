"""Rankings are joined by rank alone, and what nobody found stays unfound."""

import numpy as np
import pytest
from helpers import Compass, Fixed, question, tiny_graph

from kgss_helpers import exam
from kgss_helpers.methods.fusion import CONSTANT, Fusion, reciprocal_rank_fusion
from kgss_helpers.methods.protocol import answer

NOT_FOUND = -np.inf


def test_the_sum_of_reciprocal_ranks_by_hand() -> None:
    first, second = np.array([[9.0, 5.0, NOT_FOUND]]), np.array([[0.1, 0.3, 0.2]])
    fused = reciprocal_rank_fusion([first, second])[0]
    expected = [1 / (CONSTANT + 1) + 1 / (CONSTANT + 3), 1 / (CONSTANT + 2) + 1 / (CONSTANT + 1), 1 / (CONSTANT + 2)]
    assert fused == pytest.approx(expected)


def test_only_the_order_matters_and_equal_scores_share_a_rank() -> None:
    scores = np.random.default_rng(0).integers(0, 4, size=(3, 8)).astype(float)
    assert np.array_equal(reciprocal_rank_fusion([scores]), reciprocal_rank_fusion([np.exp(scores) * 7]))
    fused = reciprocal_rank_fusion([scores])
    assert all(len(set(fused[row][scores[row] == value])) <= 1 for row in range(3) for value in range(4))


def test_what_no_method_finds_is_not_found() -> None:
    part = np.array([[1.0, NOT_FOUND]])
    assert np.isneginf(reciprocal_rank_fusion([part, part])[0]).tolist() == [False, True]


@pytest.mark.parametrize("scores", [[], [np.zeros((1, 2)), np.zeros((1, 3))]])
def test_scores_of_no_or_different_shapes_are_refused(scores) -> None:
    with pytest.raises(ValueError, match="scores of one shape"):
        reciprocal_rank_fusion(scores)


def test_a_fusion_is_a_method_and_ranks_the_type_asked_for_alone() -> None:
    graph = tiny_graph()
    people_first = np.array([[1.0, 2, 3, 4, 5, 6, 99, 98]])
    people_last = np.array([[1.0, 2, 3, 4, 5, 6, -99, -98]])
    ask = [question(relevant={"f5": 1})]
    first, last = (Fusion([Fixed(part), Fixed(part)]).score(ask, graph) for part in (people_first, people_last))
    assert np.array_equal(first, last)
    assert np.isneginf(first[0, 6:]).all()
    assert exam.sit(Fusion([Fixed(people_first)] * 2), graph=graph, questions=ask).interval().mean == 1


def test_encoders_are_fitted_and_any_type_may_be_asked() -> None:
    compass = Compass()
    found = answer(Fusion([compass, compass]), "east", tiny_graph(), k=2)
    assert compass.fitted
    assert set(found["node_id"]) == {"f0", "p0"}


@pytest.mark.parametrize(("methods", "says"), [([Compass()], "at least two"), ([Compass(), "bm25"], "no method")])
def test_what_is_no_method_is_refused(methods, says) -> None:
    with pytest.raises(ValueError, match=says):
        Fusion(methods)
