"""What `kgss_helpers.methods.propagation` promises: text moves along edges, and only as far as it says."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.propagation import Appnp, CorrectAndSmooth, averaging, propagate
from kgss_helpers.methods.protocol import scores_of
from kgss_helpers.question import Query

EYE = np.eye(4, dtype=np.float32)


@pytest.fixture
def chain() -> KnowledgeGraph:
    """Ann - Starlight - space, and Moonfall, which nothing joins."""
    nodes = pd.DataFrame(
        [
            ("p1", "person", "Ann Archer"),
            ("f1", "project", "Starlight"),
            ("k1", "keyword", "space"),
            ("f2", "project", "Moonfall"),
        ],
        columns=["node_id", "node_type", "name"],
    )
    edges = pd.DataFrame(
        [("p1", "Director", "f1"), ("f1", "has keyword", "k1")], columns=["source", "relation", "target"]
    )
    return KnowledgeGraph(nodes, edges)


class OneEach:
    """Gives each node a direction of its own; a text is the direction of its last word, a digit."""

    name = "one each"

    def fit(self, graph: KnowledgeGraph) -> "OneEach":
        return self

    def encode_nodes(self, graph: KnowledgeGraph) -> np.ndarray:
        return EYE

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        return EYE[[int(text.split()[-1]) for text in texts]]


def test_the_average_divides_by_the_roots_of_both_degrees(chain: KnowledgeGraph) -> None:
    found = averaging(chain).toarray()
    assert np.allclose(found, found.T)
    assert found[0, 0] == pytest.approx(1 / 2)  # Ann and herself: degree 2
    assert found[0, 1] == pytest.approx(1 / np.sqrt(2 * 3))
    assert found[3].tolist() == [0, 0, 0, 1]
    assert averaging(chain, self_loops=False).toarray()[3].tolist() == [0, 0, 0, 0]


def test_nothing_moves_without_hops_or_with_every_share_kept(chain: KnowledgeGraph) -> None:
    average = averaging(chain)
    assert np.array_equal(propagate(EYE, average, restart=0.3, hops=0), EYE)
    assert np.allclose(propagate(EYE, average, restart=1.0, hops=7), EYE)


def test_many_hops_come_to_the_closed_form_of_personalised_pagerank(chain: KnowledgeGraph) -> None:
    average = averaging(chain)
    exact = 0.3 * np.linalg.inv(np.eye(4) - 0.7 * average.toarray())
    assert np.allclose(propagate(np.eye(4), average, restart=0.3, hops=100), exact)


@pytest.mark.parametrize(("restart", "hops"), [(-0.1, 1), (1.1, 1), (0.5, -1)])
def test_a_share_or_hops_out_of_range_are_refused(chain: KnowledgeGraph, restart: float, hops: int) -> None:
    with pytest.raises(ValueError, match="restart must lie between 0 and 1"):
        propagate(EYE, averaging(chain), restart=restart, hops=hops)


def test_appnp_lends_texts_to_neighbours_and_keeps_the_own_text_first(chain: KnowledgeGraph) -> None:
    vectors = Appnp(OneEach(), restart=0.5).encode_nodes(chain)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert vectors[0].argmax() == 0
    assert vectors[0, 1] > vectors[0, 2] > 0  # a neighbour's text says more than that of its neighbour
    assert np.allclose(vectors[3], EYE[3])


def test_appnp_leaves_questions_as_they_are(chain: KnowledgeGraph) -> None:
    method = Appnp(OneEach()).fit(chain)
    assert method.name == "one each, APPNP"
    assert np.array_equal(method.encode_queries(["number 2"]), EYE[[2]])


def test_smoothed_scores_reach_what_is_joined_to_what_the_text_finds(chain: KnowledgeGraph) -> None:
    scores = scores_of(CorrectAndSmooth(OneEach(), text_weight=0), [Query("number 2")], chain)[0]
    assert np.isfinite(scores).all()
    assert scores[1] > scores[3]  # the film about space before the film that nothing joins
    assert scores[2] > scores[3]


def test_what_a_question_names_is_known_and_corrects_the_prediction(chain: KnowledgeGraph) -> None:
    method = CorrectAndSmooth(OneEach(), text_weight=0)
    unnamed, named = scores_of(method, [Query("films of number 3"), Query("films of Ann Archer, number 3")], chain)
    assert unnamed[1] < unnamed[3]
    assert named[1] - named[3] > unnamed[1] - unnamed[3]


def test_a_question_that_starts_from_a_node_is_answered_around_it(chain: KnowledgeGraph) -> None:
    scores = scores_of(CorrectAndSmooth(OneEach(), text_weight=0), [Query("like it 3", None, "k1")], chain)[0]
    assert scores[1] > scores[3]


def test_no_question_gets_no_row(chain: KnowledgeGraph) -> None:
    assert CorrectAndSmooth(OneEach()).score([], chain).shape == (0, 4)
