"""What is kept of the tuned model and its base is all that a search needs besides its question."""

import numpy as np
import pytest

from kgss_helpers.exam import film_exam
from kgss_helpers.methods.encoder import encode
from kgss_helpers.methods.fields import DESCRIPTION, Fields
from kgss_helpers.methods.pretrained import PACKAGED, TUNED, load_pretrained
from kgss_helpers.methods.structured import StructuredQuery
from kgss_helpers.question import Query
from kgss_helpers.runs.tuned_texts import FILES, SUBJECT_TYPES, kept_vectors, texts_of

QUESTION = "a question that nobody kept"


class Untouched:
    """A model that must not be asked."""

    def get_embedding_dimension(self):
        return 384

    def encode(self, texts, **_):
        raise AssertionError(f"{texts} were encoded")


@pytest.mark.parametrize("reader", list(FILES))
def test_a_search_encodes_its_question_alone(reader):
    vectors = kept_vectors(reader, Untouched())
    vectors.remember([QUESTION], np.eye(1, 384, dtype=np.float32))
    fields = Fields(Untouched(), (DESCRIPTION, "skills"))
    counted = StructuredQuery(Untouched(), subject_types=SUBJECT_TYPES[reader])
    fields.vectors = counted.vectors = vectors
    for graph in (film_exam().training_graph, film_exam().newcomer_graph):
        for method in (fields, counted):
            scores = method.score([Query(QUESTION, "person")], graph)
            assert scores.shape == (1, len(graph.nodes))
            assert np.isfinite(scores).any()


@pytest.mark.parametrize("reader", list(FILES))
def test_what_is_kept_is_what_the_model_says(reader):
    model = load_pretrained(reader, device="cpu")
    vectors, texts = kept_vectors(reader, model), texts_of(film_exam(), reader)
    some = [text for group in texts.values() for text in group[:: max(len(group) // 3, 1)][:3]]
    assert (np.sum(vectors(some) * encode(model, some), axis=1) > 0.99).all()


def test_no_text_stands_twice_and_the_base_keeps_what_it_lacks():
    tuned, base = texts_of(film_exam(), TUNED), texts_of(film_exam(), PACKAGED)
    everything = [text for group in tuned.values() for text in group]
    assert len(everything) == len(set(everything))
    assert sum(map(len, base.values())) < len(everything) / 5
    assert not base["names"]
    with pytest.raises(ValueError, match="not of 'other'"):
        texts_of(film_exam(), "other")
