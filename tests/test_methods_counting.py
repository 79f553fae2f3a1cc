"""Counts by hand on texts that one can check by eye; TF-IDF number for number; what PPMI-SVD promises."""

import numpy as np
import pytest
from helpers import small_films
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from kgss_helpers.methods.counting import TfIdf, cooccurrences, ppmi, ppmi_svd, shared_words, tf_idf
from kgss_helpers.methods.protocol import answer, scores_of
from kgss_helpers.question import Query

TEXTS = ["the dog and the moon", "a dog in snow", "the snow"]


# ---- TF-IDF


def test_weights_are_what_the_formula_says() -> None:
    rows = tf_idf(sublinear=False).fit_transform(TEXTS).toarray()
    words = sorted({word for text in TEXTS for word in text.split()})
    counts = np.array([[text.split().count(word) for word in words] for text in TEXTS])
    weights = counts * (np.log((1 + 3) / (1 + (counts > 0).sum(axis=0))) + 1)
    np.testing.assert_allclose(rows, weights / np.linalg.norm(weights, axis=1, keepdims=True))


def test_our_words_give_what_scikit_learn_gives_with_its_words() -> None:
    theirs = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True)
    ours = tf_idf()
    np.testing.assert_array_equal(ours.fit_transform(TEXTS).toarray(), theirs.fit_transform(TEXTS).toarray())


def test_stop_words_are_left_out_on_request() -> None:
    assert set(tf_idf(stop_words="english").fit(TEXTS).vocabulary_) == {"dog", "moon", "snow"}


def test_shared_words_sum_to_the_cosine() -> None:
    vectorizer = tf_idf().fit(TEXTS)
    parts = shared_words(vectorizer, "dog on the moon", TEXTS[0])
    one, other = vectorizer.transform(["dog on the moon", TEXTS[0]]).toarray()
    assert sum(parts.values()) == pytest.approx(one @ other)
    assert list(parts.values()) == sorted(parts.values(), reverse=True)
    assert set(parts) == {"dog", "the", "moon"}
    assert shared_words(vectorizer, "nothing known", TEXTS[0]) == {}


def test_tf_idf_finds_what_shares_words_and_nothing_else() -> None:
    graph = small_films()
    found = answer(TfIdf(), "a heist on the moon", graph, node_type="project")
    assert found["name"].iloc[0] == "Red Moon"
    assert answer(TfIdf(), "zeppelin", graph).empty
    assert answer(TfIdf(), "", graph).empty


def test_tf_idf_answers_an_anchor_with_its_own_words() -> None:
    graph = small_films()
    scores = scores_of(TfIdf(), [Query("whatever", "project", anchor="f1")], graph)[0]
    assert scores.argmax() == graph.position("f1")
    assert scores[graph.position("k1")] > 0
    assert scores_of(TfIdf(), [], graph).shape == (0, len(graph.nodes))


def test_tf_idf_of_a_graph_without_words_finds_nothing() -> None:
    graph = small_films()
    wordless = type(graph)(graph.nodes.assign(name="42", description=""), graph.edges.iloc[:0])
    assert np.isneginf(scores_of(TfIdf("name"), [Query("moon", "project")], wordless)).all()


# ---- who stands near whom


def test_counts_fall_with_the_distance_and_are_the_same_in_both_directions() -> None:
    near = cooccurrences([["the", "dog", "finds", "the", "pilot"]], window=2, min_count=1)
    assert near.words == ("the", "dog", "finds", "pilot")
    assert near.frequency.tolist() == [2, 1, 1, 1]
    wanted = [[0, 1.5, 1.5, 1], [1.5, 0, 1, 0], [1.5, 1, 0, 0.5], [1, 0, 0.5, 0]]
    np.testing.assert_array_equal(near.counts.toarray(), wanted)
    assert near.of("the", "dog") == 1.5
    with pytest.raises(KeyError, match="'cat' is not among the 4 words"):
        near.of("the", "cat")


def test_plain_counts_and_a_word_beside_itself() -> None:
    near = cooccurrences([["ha", "ha", "ha"]], window=2, min_count=1, by_distance=False)
    assert near.of("ha", "ha") == 6  # three pairs, each in both directions


def test_windows_end_where_a_list_ends_and_rare_words_take_no_room() -> None:
    near = cooccurrences([["a", "b"], ["b", "a"], ["a", "once", "b"]], window=1, min_count=2)
    assert near.words == ("a", "b")
    assert near.of("a", "b") == 3
    assert near.of("b", "b") == 0


def test_counting_agrees_with_two_plain_loops() -> None:
    rng = np.random.default_rng(0)
    corpus = [list(rng.choice(list("abcdefg"), size)) for size in rng.integers(1, 12, 40)]
    near = cooccurrences(corpus, window=3, min_count=1)
    for first in near.words:
        for second in near.words:
            slow = sum(
                1 / abs(i - j)
                for words in corpus
                for i, one in enumerate(words)
                for j, other in enumerate(words)
                if i != j and abs(i - j) <= 3 and (one, other) == (first, second)
            )
            assert near.of(first, second) == pytest.approx(slow)


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="a window of 0 holds no other word"):
        cooccurrences([["a"]], window=0)
    with pytest.raises(ValueError, match="no word occurs 5 times"):
        cooccurrences([["a"]])
    with pytest.raises(ValueError, match="no word occurs 1 times"):
        cooccurrences([], min_count=1)
    assert cooccurrences([["a"]], min_count=1).counts.nnz == 0


# ---- mutual information and its directions


def test_ppmi_is_the_logarithm_of_seen_over_expected() -> None:
    counts = sparse.csr_array([[0.0, 4.0, 1.0], [4.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    dense = counts.toarray()
    with np.errstate(divide="ignore"):
        pmi = np.log(dense * dense.sum() / np.outer(dense.sum(axis=1), dense.sum(axis=0)))
    np.testing.assert_allclose(ppmi(counts, smoothing=1).toarray(), np.maximum(pmi, 0))
    context = dense.sum(axis=0) ** 0.75
    with np.errstate(divide="ignore"):
        smoothed = np.log(dense / dense.sum(axis=1, keepdims=True) / (context / context.sum()))
    np.testing.assert_allclose(ppmi(counts).toarray(), np.maximum(smoothed, 0))
    assert (ppmi(counts).data > 0).all()


TOPICS = [["sea", "ship", "sail", "wave"], ["oven", "bread", "flour", "yeast"]]


def topic_corpus() -> list[list[str]]:
    rng = np.random.default_rng(1)
    return [list(rng.permutation(TOPICS[row % 2])[:3]) for row in range(200)]


def test_words_of_one_topic_come_to_lie_together() -> None:
    table = ppmi_svd(topic_corpus(), 2, window=2)
    for topic in TOPICS:
        for word in topic:
            assert {near for near, _ in table.most_similar(word, topn=3)} == set(topic) - {word}


def test_the_table_is_the_best_of_its_rank_and_the_same_each_time() -> None:
    near = cooccurrences(topic_corpus(), window=2)
    table = ppmi_svd(near, 3, power=1)
    information = ppmi(near.counts).toarray()
    values = np.linalg.svd(information, compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(table.vectors, axis=0), values[:3], rtol=1e-4)
    np.testing.assert_array_equal(table.vectors, ppmi_svd(near, 3, power=1).vectors)


def test_fewer_dimensions_are_the_first_ones_of_many() -> None:
    near = cooccurrences(topic_corpus(), window=2)
    np.testing.assert_allclose(ppmi_svd(near, 5).vectors[:, :2], ppmi_svd(near, 2).vectors, atol=1e-3)


@pytest.mark.parametrize("dimensions", [0, 8, 300])
def test_more_dimensions_than_words_are_refused(dimensions: int) -> None:
    with pytest.raises(ValueError, match="8 words cannot have"):
        ppmi_svd(topic_corpus(), dimensions)
