"""What weights of fields are learned from, and that they are learned at all."""

import numpy as np
import pytest
from helpers import question, tiny_graph

from kgss_helpers.exam.films import film_exam
from kgss_helpers.exam.results import EDITION
from kgss_helpers.methods.fusion import even_importance
from kgss_helpers.methods.pretrained import PACKAGED, TUNED
from kgss_helpers.methods.weighed_fields import Field, WeighedFields, groups, seen
from kgss_helpers.question import Query
from kgss_helpers.runs import field_weights as run


class Tiny:
    """An exam without newcomers on the tiny graph."""

    newcomers = frozenset()
    training_graph = newcomer_graph = tiny_graph()


def knows(asked, texts):
    """A tenth for the film whose name is asked for."""
    return np.array([[0.1 * (text.lower() == one) for text in texts] for one in asked])


def made() -> WeighedFields:
    readers = {"knows": knows, "errs": lambda asked, texts: 0.1 - knows(asked, texts)}
    return WeighedFields(readers, [Field("knows", "name"), Field("errs", "name")], ("project",))


def test_who_knows_gets_the_weight() -> None:
    method = made()
    asked = [question(f"q{place}", text=f"film {place}", relevant={f"f{place}": 1}) for place in range(4)]
    found = run.examples(method, asked, Tiny())
    assert [example.true.sum() for example in found.values()] == [1] * 4
    router = run.learned(method, list(found.values()), ["one"] * 4, ridge=0.01)
    right, wrong = router.weights(found[0].features)
    assert right > 3 * wrong


def test_what_is_taken_out_of_a_ranking_is_no_candidate() -> None:
    method = made()
    ask = question(text="film 1", relevant={"f1": 1}, exclude=("f2", "f3"))
    (example,) = run.examples(method, [ask], Tiny()).values()
    types = Tiny.training_graph.nodes["node_type"]
    assert len(example.votes) <= (types == ask.node_type).sum() - 2


def test_each_family_counts_the_same() -> None:
    weights = even_importance(["a", "a", "a", "b"])
    assert weights[:3].sum() == pytest.approx(weights[3])
    assert weights.sum() == pytest.approx(4)


def test_only_validation_questions_as_they_were_written_are_learned_from() -> None:
    some = run.validation_questions(film_exam())
    assert {(one.split, one.variant) for one in some} == {("validation", "")}
    assert len(some) == sum(one.split == "validation" and not one.variant for one in film_exam().questions)


@pytest.mark.parametrize("reader", [PACKAGED, TUNED])
def test_what_was_learned_fits_the_fields_of_today(reader) -> None:
    router = run.load_weights(reader)
    assert router.features == groups(run.NODE_TYPES)
    fields = run.fields_of(reader)
    retold = router.weights(seen([Query(" ".join(["word"] * 25), "project")], run.NODE_TYPES))[0]
    weights = {field.name: value for field, value in zip(fields, retold, strict=True) if field.is_for("project")}
    best = max(weights, key=weights.get)
    assert "word by word" in best, f"a retelling is read best by {best}"


@pytest.mark.parametrize("reader", [PACKAGED, TUNED])
def test_rows_are_recorded_in_both_halves(reader) -> None:
    from kgss_helpers.exam.films import results

    for split in ("validation", "test"):
        assert run.NAMES[reader] in {result.method for result in results(split=split, edition=EDITION)}


def test_the_first_row_needs_no_tuned_model() -> None:
    assert {field.reader for field in run.fields_of(PACKAGED)} == {run.WORDS, "untuned", "untuned, word by word"}


def test_weights_that_nobody_learned_are_missed_by_name(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(run, "WEIGHTS", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"tuned\.json"):
        run.load_weights(TUNED)
