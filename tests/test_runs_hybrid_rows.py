"""What the router of the film exam learned from, and what the system says about the film graph."""

import numpy as np
import pytest

from kgss_helpers.exam.films import film_exam
from kgss_helpers.methods.fusion import Example, Router
from kgss_helpers.methods.hybrid import FEATURES, HybridSearch
from kgss_helpers.methods.pretrained import PACKAGED, load_pretrained
from kgss_helpers.methods.sources import SOURCES
from kgss_helpers.question import Query
from kgss_helpers.runs import hybrid_rows as run


class Blind:
    """Foresees nothing."""

    name = "blind"

    def edge_scores(self, sources, relations):
        return np.zeros((len(sources), len(film_exam().training_graph.nodes)))


@pytest.fixture(scope="module")
def system() -> HybridSearch:
    return HybridSearch(load_pretrained(device="cpu"), film_exam().training_graph, predictor=Blind())


# ---- what is learned from --------------------------------------------------------------------------------------------


def test_the_router_learns_from_validation_questions_as_they_were_written_and_no_others(monkeypatch, tmp_path) -> None:
    taught = []

    def examples(_method, questions, _exam):
        taught.extend(questions)
        votes = np.random.default_rng(0).random((4, len(SOURCES)))
        return [Example(np.ones(len(FEATURES)), votes, np.eye(4)[0])] * 2, ["one", "other"]

    monkeypatch.setattr(run, "examples", examples)
    monkeypatch.setattr(run, "WEIGHTS", tmp_path)
    monkeypatch.setattr(run, "hybrid", lambda _reader, **_: HybridSearch.__new__(HybridSearch))
    monkeypatch.setattr(HybridSearch, "router", Router.equal(FEATURES, tuple(SOURCES)), raising=False)
    path = run.learn()
    assert {question.split for question in taught} == {"validation"}
    assert {question.variant for question in taught} == {""}
    assert len(taught) == sum(one.split == "validation" and not one.variant for one in film_exam().questions)
    assert path.parent == tmp_path
    assert Router.load(path, features=FEATURES, sources=tuple(SOURCES)).reader == PACKAGED


def test_candidates_are_the_first_of_every_source() -> None:
    votes = np.array([[0.9, 0.0], [0.5, 0.0], [0.7, 0.3], [0.1, 0.0]])
    assert run.first_answers(votes, 2).tolist() == [[True, False], [False, False], [True, True], [False, False]]


def test_what_was_learned_is_there_and_fits_the_sources_of_today() -> None:
    router = run.load_router()
    assert router.reader == PACKAGED
    assert router.table.shape == (len(FEATURES), len(SOURCES))
    assert np.abs(router.table).max() > 0.5, "it believes all sources alike"


def test_weights_of_a_reader_that_nobody_learned_are_missed_by_name() -> None:
    with pytest.raises(FileNotFoundError, match=r"nobody-s-model\.json|nobodys-model\.json"):
        run.load_router("nobody's model")


# ---- on the film graph -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("films directed by Steven Spielberg", "Steven Spielberg"),
        ("films directed by Steven Speilberg", "Steven Spielberg"),
        ("films scored by John Wiliams", "John Williams"),
        ("films shot by Gordon Wilis", "Gordon Willis"),
        ("films scored by Zebulon Nonesuch", None),
        ("a man who walks his dog at night", None),
    ],
)
def test_a_name_is_found_even_if_misspelt_and_that_of_nobody_is_not(system: HybridSearch, text, right) -> None:
    prepared = system.prepare(system.graph)
    named = [node_id for node_id, _ in prepared.understanding.agents_named(text)]
    found = {str(system.graph.node(node_id)["name"]) for node_id in named}
    assert found == ({right} if right else set())


def test_hardly_any_question_has_a_word_mended_that_is_none_and_most_slips_are() -> None:
    exam = film_exam()
    asked = {one.question_id: one for one in exam.questions if one.split == "validation"}
    system = HybridSearch(load_pretrained(device="cpu"), exam.training_graph, predictor=Blind())
    understanding = system.prepare(exam.training_graph).understanding
    as_written = [one for one in asked.values() if not one.variant]
    changed = np.mean([understanding.spelt(one.text) != one.text for one in as_written])
    slips = [one for one in asked.values() if one.variant == "misspelt-1"]
    origin = [asked[one.question_id.split("~")[0]].text for one in slips]
    mended = np.mean(
        [understanding.spelt(one.text).lower() == text.lower() for one, text in zip(slips, origin, strict=True)]
    )
    assert changed < 0.05
    assert mended > 0.7


@pytest.mark.parametrize(
    ("question", "answer", "says"),
    [
        (Query("films like it", "project", "project:alien-1979"), "project:aliens-1986", "shares"),
        (Query("films scored by John Wiliams", "project"), "project:jaws-1975", "John Williams scored Jaws"),
    ],
)
def test_explanations_name_edges_of_the_graph(system: HybridSearch, question, answer, says) -> None:
    explained = system.explain(question, answer)
    assert explained.why.startswith(says)
    there = set(system.graph.edges.itertuples(index=False, name=None))
    rows = set(explained.edges.itertuples(index=False, name=None))
    assert rows
    assert rows <= there
