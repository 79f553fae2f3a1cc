"""Vectors kept in a file: as good as new, bound to their model and their texts, and never encoded again."""

import numpy as np
import pytest

from kgss_helpers.methods.kept_vectors import KeptVectors, digest, digest_of_model, packed, unpacked
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.space import unit_rows

TEXTS = {"documents": ["Ada Quill. Director in science fiction", "Red Moon"], "names": ["Bo Ray"]}
RENEW = "`make them anew`"


class Untouched:
    """A model that must not be asked."""

    def get_embedding_dimension(self):
        return 16

    def encode(self, texts, **_):
        raise AssertionError(f"{texts} were encoded")


def drawn(rows):
    return unit_rows(np.random.default_rng(rows).normal(size=(rows, 16)).astype(np.float32))


@pytest.fixture
def kept():
    return KeptVectors(TEXTS, {group: drawn(len(texts)) for group, texts in TEXTS.items()}, "model 1")


@pytest.mark.parametrize(("levels", "most"), [(127, 0.01), (31, 0.02), (15, 0.04)])
def test_fewer_levels_are_less_exact_and_still_near(levels, most):
    vectors = unit_rows(np.random.default_rng(0).normal(size=(50, 384)).astype(np.float32))
    found = unpacked(*packed(vectors, levels).values())
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.abs(vectors @ vectors.T - found @ found.T).max() < most
    assert not unpacked(*packed(np.zeros((1, 4)), levels).values()).any()


def test_what_was_saved_comes_back_and_fills_an_encoder(kept, tmp_path):
    path = kept.save(tmp_path / "kept.npz", levels={"names": 31})
    found = KeptVectors.load(path, TEXTS, model="model 1", renew=RENEW)
    for group in TEXTS:
        assert np.abs(found.vectors[group] - kept.vectors[group]).max() < 0.02
    vectors = found.fill(TextVectors(Untouched()))
    assert np.array_equal(vectors(["Bo Ray", "Red Moon"]), [found.vectors["names"][0], found.vectors["documents"][1]])
    with pytest.raises(AttributeError):  # 'device': another text is given to the model
        vectors(["something new"])


@pytest.mark.parametrize(
    ("texts", "model", "said"),
    [
        (TEXTS, "model 2", "by another model than the one of today"),
        ({**TEXTS, "names": ["Bo Roy"]}, "model 1", "vectors of names that have changed since"),
        ({**TEXTS, "titles": ["Red Moon"]}, "model 1", "is damaged"),
    ],
)
def test_what_is_of_another_model_or_of_other_texts_is_refused(kept, tmp_path, texts, model, said):
    path = kept.save(tmp_path / "kept.npz")
    with pytest.raises(ValueError, match=f"kept.npz .*{said}.*; renew it: `make them anew`"):
        KeptVectors.load(path, texts, model=model, renew=RENEW)


def test_a_damaged_or_a_missing_file_says_how_to_make_it(kept, tmp_path):
    path = kept.save(tmp_path / "kept.npz")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"kept.npz is damaged .*`make them anew`"):
        KeptVectors.load(path, TEXTS, model="model 1", renew=RENEW)
    with pytest.raises(FileNotFoundError, match=r"there is no .*nothing.npz; make it: `make them anew`"):
        KeptVectors.load(tmp_path / "nothing.npz", TEXTS, model="model 1", renew=RENEW)


def test_an_encoder_remembers_one_vector_for_each_text():
    with pytest.raises(ValueError, match="2 texts and 1 vectors"):
        TextVectors(Untouched()).remember(["a", "b"], drawn(1))


def test_models_and_texts_have_digests_of_their_own():
    assert digest(["a", "b"]) != digest(["ab"])
    assert digest_of_model("tuned") != digest_of_model()
    with pytest.raises(ValueError, match="not of 'all-mpnet-base-v2'"):
        digest_of_model("all-mpnet-base-v2")
