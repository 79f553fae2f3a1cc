"""Rankings are joined by rank alone, and what nobody found stays unfound."""

import numpy as np
import pytest
from helpers import Compass, Fixed, question, tiny_graph

from kgss_helpers import exam
from kgss_helpers.methods.protocol import answer
from kgss_helpers.methods.rank_fusion import RankFusion

NOT_FOUND = -np.inf


def fused(*parts: list[float]) -> np.ndarray:
    """The scores of the six projects of the tiny graph."""
    methods = [Fixed(np.array([[*part, NOT_FOUND, NOT_FOUND]], dtype=float)) for part in parts]
    return RankFusion(methods).score([question()], tiny_graph())[0, :6]


def test_who_comes_first_for_one_and_third_for_the_other_is_behind_first_and_second() -> None:
    scores = fused([9, 5, NOT_FOUND, 1, 0, -1], [0.1, 0.3, 0.2, NOT_FOUND, NOT_FOUND, NOT_FOUND])
    assert np.argsort(-scores)[:2].tolist() == [1, 0]
    assert scores[2] == pytest.approx(61 / 62)  # second for one, not found by the other


def test_only_the_order_matters_and_equal_scores_stay_equal() -> None:
    plain, steep = [3.0, 1, 2, 2, 0, 5], [20.0, 0.1, 7, 7, -40, 21]
    assert np.array_equal(fused(plain, plain), fused(steep, steep))
    assert fused(plain, plain)[2] == fused(plain, plain)[3]


def test_what_no_method_finds_is_not_found() -> None:
    part = [1, NOT_FOUND, NOT_FOUND, 2, 3, 4]
    assert np.isneginf(fused(part, part)).tolist() == [False, True, True, False, False, False]


def test_a_fusion_is_a_method_and_ranks_the_type_asked_for_alone() -> None:
    graph, ask = tiny_graph(), [question(relevant={"f5": 1})]
    people_first = np.array([[1.0, 2, 3, 4, 5, 6, 99, 98]])
    people_last = np.array([[1.0, 2, 3, 4, 5, 6, -99, -98]])
    first, last = (RankFusion([Fixed(part), Fixed(part)]).score(ask, graph) for part in (people_first, people_last))
    assert np.array_equal(first, last)
    assert np.isneginf(first[0, 6:]).all()
    assert exam.sit(RankFusion([Fixed(people_first)] * 2), graph=graph, questions=ask).interval().mean == 1


def test_encoders_are_fitted_and_any_type_may_be_asked() -> None:
    compass = Compass()
    found = answer(RankFusion([compass, compass]), "east", tiny_graph(), k=2)
    assert compass.fitted
    assert set(found["node_id"]) == {"f0", "p0"}


@pytest.mark.parametrize(("methods", "says"), [([Compass()], "at least two"), ([Compass(), "bm25"], "no method")])
def test_what_is_no_method_is_refused(methods, says) -> None:
    with pytest.raises(ValueError, match=says):
        RankFusion(methods)
