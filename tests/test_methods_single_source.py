"""One source of evidence on its own: what it says, and silence where it says nothing."""

import numpy as np
import pytest

from kgss_helpers.methods.hybrid import HybridSearch
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.protocol import scores_of
from kgss_helpers.methods.single_source import SingleSource
from kgss_helpers.question import Query
from tests.helpers import small_films


@pytest.fixture(scope="module")
def system():
    return HybridSearch(load_pretrained(device="cpu"), small_films()).fit()


def test_a_source_answers_like_any_method(system):
    words = SingleSource(system, "words of names and descriptions")
    scores = scores_of(words, [Query("a heist"), Query("zebra")], system.graph)
    ids = system.graph.nodes["node_id"].to_numpy()
    assert set(ids[np.isfinite(scores[0])]) == {"f1", "k1"}
    assert not np.isfinite(scores[1]).any()
    assert words.name == "words of names and descriptions"


def test_no_question_gives_no_row(system):
    assert SingleSource(system, "PageRank", name="walks").score([], system.graph).shape == (0, len(system.graph.nodes))


def test_an_unknown_source_is_named_with_those_there_are(system):
    with pytest.raises(ValueError, match=r"no source 'magic'.*PageRank"):
        SingleSource(system, "magic")
