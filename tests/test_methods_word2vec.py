"""Word vectors by prediction: the same numbers at every run, what stands together lies together, pieces of words."""

import os
import subprocess
import sys

import numpy as np
import pytest

from kgss_helpers.methods.word2vec import fasttext, fixed_hash, nearest_words, ngrams, word2vec
from kgss_helpers.methods.word_vectors import table_of

SENTENCES = [
    [who, does, what]
    for whos, verbs, whats in (
        (("cook", "baker", "waiter"), ("bakes", "slices"), ("bread", "cake", "pie")),
        (("pianist", "singer", "fiddler"), ("plays", "hums"), ("waltz", "tango", "march")),
    )
    for who in whos
    for does in verbs
    for what in whats
]
SMALL = {"dimensions": 8, "window": 2, "epochs": 200, "subsample": 0, "least": 1}


@pytest.mark.parametrize("skip_gram", [False, True], ids=["CBOW", "skip-gram"])
def test_words_that_could_stand_for_each_other_are_nearest(skip_gram: bool) -> None:
    table = word2vec(SENTENCES, skip_gram=skip_gram, **SMALL)
    assert {word for word, _ in nearest_words(table, "cook", 2)} == {"baker", "waiter"}
    assert {word for word, _ in nearest_words(table, "tango", 2)} == {"waltz", "march"}


def test_the_same_call_gives_the_same_numbers_and_another_seed_others() -> None:
    first, again, other = (word2vec(SENTENCES, **SMALL, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.vectors, again.vectors)
    assert not np.allclose(first.vectors, other.vectors)


def test_another_process_with_another_hash_seed_gives_the_same_numbers() -> None:
    code = (
        "from kgss_helpers.methods.word2vec import word2vec;"
        "table = word2vec([['a', 'b', 'c'], ['c', 'b', 'a']] * 5, dimensions=4, least=1, epochs=3);"
        "print(table.index_to_key, float(table.vectors.sum()))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert fixed_hash("a") == 3904355907


def test_rare_words_get_no_vector_and_a_corpus_of_rare_words_is_refused() -> None:
    table = word2vec([["often", "often", "once"]] * 1 + [["often"]] * 5, dimensions=4, least=2, subsample=0)
    assert "often" in table
    assert "once" not in table
    for learn in (word2vec, fasttext):
        with pytest.raises(ValueError, match="give more text, or a smaller least="):
            learn([["all", "words", "differ"]])
        with pytest.raises(ValueError, match="no word stands"):
            learn([])


def test_a_word_is_cut_as_the_paper_says() -> None:
    assert ngrams("cat") == ["<ca", "cat", "at>", "<cat", "cat>", "<cat>"]
    assert ngrams("a") == ["<a>"]
    assert len(ngrams("science")) == 22


@pytest.mark.parametrize("word", ["science", "the", "i", "amélie", "őrült"])
def test_the_library_cuts_a_word_alike(word: str) -> None:
    from gensim.models.fasttext_inner import compute_ngrams

    assert sorted(ngrams(word)) == sorted(compute_ngrams(word, 3, 6))


def test_an_unseen_word_is_the_mean_of_its_pieces() -> None:
    from gensim.models.fasttext import ft_ngram_hashes

    table = fasttext(SENTENCES, **SMALL | {"epochs": 3}, buckets=500)
    rows = ft_ngram_hashes("bakery", 3, 6, table.bucket)
    assert "bakery" not in table.key_to_index
    assert np.allclose(table.get_vector("bakery"), table.vectors_ngrams[rows].mean(axis=0), atol=1e-6)


def test_a_misspelt_word_lies_near_the_one_that_shares_its_pieces() -> None:
    table = fasttext(SENTENCES, **SMALL | {"epochs": 60})
    assert nearest_words(table, "pianisst", 1)[0][0] == "pianist"


def test_a_word_without_a_vector_is_refused_not_ranked() -> None:
    table = table_of(["zero", "east", "north"], np.array([[0, 0], [1, 0], [0, 1]], dtype=np.float32))
    for word in ("zero", "west"):
        with pytest.raises(KeyError, match="nothing is near it"):
            nearest_words(table, word)
