"""Words that look for their like: by hand, as the library does it, and as a reranker."""

import numpy as np
import pytest
from helpers import Fixed, question, tiny_graph

from kgss_helpers.methods.late_interaction import LateInteraction, TokenVectors, max_sim
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.space import unit_rows

ORDER = np.array([[6.0, 5, 4, 3, 2, 1, 9, 8]])


class Alphabet(TokenVectors):
    """A token is a word, and like itself alone."""

    def __init__(self):
        self.words = {}

    def __call__(self, texts):
        rows = [[self.words.setdefault(word, len(self.words)) for word in text.lower().split()] for text in texts]
        return [np.eye(50)[row] for row in rows]


def reranker(**settings):
    method = LateInteraction(Fixed(ORDER, "first"), None, fields=("name",), **settings)
    method.tokens = Alphabet()
    return method


def test_each_word_takes_its_best_match_by_hand() -> None:
    asked, text = np.array([[1.0, 0], [0, 1]]), np.array([[0.6, 0.8], [1, 0], [-1, 0]])
    assert max_sim(asked, text) == pytest.approx((1 + 0.8) / 2)
    assert max_sim(asked, text[:0]) == 0


def test_it_is_what_the_library_computes() -> None:
    from sentence_transformers.util import maxsim

    rng = np.random.default_rng(0)
    asked, texts = unit_rows(rng.normal(size=(4, 8))), [unit_rows(rng.normal(size=(size, 8))) for size in (3, 7)]
    library = maxsim([asked.astype(np.float32)], [text.astype(np.float32) for text in texts], length_normalize=True)
    assert [max_sim(asked, text) for text in texts] == pytest.approx(library.numpy()[0].tolist(), abs=1e-5)


def test_tokens_are_unit_vectors_in_context_and_the_frame_is_left_out() -> None:
    tokens = TokenVectors(load_pretrained(device="cpu"))
    bank, river, again = tokens(["the bank gave a loan", "the bank of a river", "the bank gave a loan"])
    assert len(bank) == 5
    assert np.linalg.norm(bank.astype(float), axis=1) == pytest.approx(np.ones(5), abs=1e-2)
    assert again is bank
    assert max_sim(bank[1:2], river[1:2]) < 0.95


def test_only_the_latest_texts_are_remembered() -> None:
    tokens = TokenVectors(load_pretrained(device="cpu"), most=2)
    first = tokens(["the bank of a river", "a loan", "a fish"])
    assert len(first) == 3
    again, last = tokens(["a loan", "a fish"])
    assert again is first[1]
    assert last is first[2]
    assert tokens(["the bank of a river"])[0] is not first[0]


def test_texts_of_a_graph_are_written_once_and_anew_for_another() -> None:
    method, graph, other = reranker(depth=3), tiny_graph(), tiny_graph()
    method.score([question(text="film 2")], graph)
    written = method._texts
    method.score([question(text="film 1")], graph)
    assert method._texts is written
    method.score([question(text="film 1")], other)
    assert method._texts is not written


def test_candidates_are_put_in_order_and_stay_before_all_others() -> None:
    scores = reranker(depth=3, share=1.0).score([question(text="film 2")], tiny_graph())[0]
    assert np.argsort(-scores[:6]).tolist()[0] == 2
    assert set(np.argsort(-scores[:6])[:3].tolist()) == {0, 1, 2}
    assert scores[3:].tolist() == ORDER[0, 3:].tolist()


def test_without_a_share_nothing_changes_and_so_for_an_anchor_or_another_type() -> None:
    graph = tiny_graph()
    kept = reranker(share=0.0, depth=6).score([question(text="film 5")], graph)[0]
    assert np.argsort(-kept[:6]).tolist() == [0, 1, 2, 3, 4, 5]
    for method, ask in (
        (reranker(), question(text="film 5", anchor="f0", relevant={"f1": 1})),
        (reranker(node_types=("person",)), question(text="film 5")),
    ):
        assert np.array_equal(method.score([ask], graph), ORDER)


@pytest.mark.parametrize("wrong", [{"share": 1.5}, {"share": -1}, {"depth": 0}])
def test_impossible_settings_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="share must lie between 0 and 1"):
        reranker(**wrong)


def test_who_names_somebody_is_answered_as_before() -> None:
    method, graph = reranker(depth=3, share=1.0, describes=lambda one: "by name" not in one.text), tiny_graph()
    described, named = (method.score([question(text=text)], graph) for text in ("film 2", "film 2 by name"))
    assert np.argsort(-described[0, :6]).tolist()[0] == 2
    assert np.array_equal(named, ORDER)
