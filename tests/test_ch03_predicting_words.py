"""Notebook 03: Word2Vec by hand against a calculation on paper, shared pieces, recorded runs, what its widgets say."""

import numpy as np
import pandas as pd
import pytest

from kgss_helpers.chapters import ch03_figures as figures
from kgss_helpers.chapters import ch03_predicting_words as chapter
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.walks import GraphWalks
from kgss_helpers.methods.word2vec import DIMENSIONS, fasttext, word2vec
from kgss_helpers.methods.word_vectors import table_of
from kgss_helpers.runs import corpus_sizes, counted_words, predicted_words, walk_weights
from kgss_helpers.runs.predicted_words import CBOW, FASTTEXT, SKIP_GRAM, WALKS, WALKS_WITH_RELATIONS
from kgss_helpers.space import SemanticSpace
from tests.helpers import small_films, tables

HOSTILE = "<script>alert(1)</script>"


# ---- by hand --------------------------------------------------------------------------------------------------------


def test_both_directions_make_the_examples_one_would_write_down() -> None:
    sentence = [["a", "b", "c"]]
    assert chapter.examples(sentence, "CBOW", width=1) == [(("b",), "a"), (("a", "c"), "b"), (("b",), "c")]
    assert chapter.examples(sentence, "skip-gram", width=1) == [
        (("a",), "b"), (("b",), "a"), (("b",), "c"), (("c",), "b"),
    ]  # fmt: skip
    assert chapter.examples([["alone"]], "CBOW") == []


def test_one_step_is_what_one_calculates_on_paper() -> None:
    loss, of_hidden, of_outputs = chapter.gradients(np.array([1.0, 0.0]), np.array([[0.0, 2.0], [0.0, -2.0]]))
    assert loss == pytest.approx(2 * np.log(2))
    assert of_hidden.tolist() == [0.0, -2.0]
    assert of_outputs.tolist() == [[-0.5, 0.0], [0.5, 0.0]]


def test_gradients_are_the_slopes_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    hidden, outputs = rng.normal(size=3), rng.normal(size=(4, 3))
    _, of_hidden, of_outputs = chapter.gradients(hidden, outputs)
    for column in range(3):
        small = 1e-6 * np.eye(3)[column]
        up, down = (chapter.gradients(hidden + sign * small, outputs)[0] for sign in (1, -1))
        assert of_hidden[column] == pytest.approx((up - down) / 2e-6, abs=1e-5)
    for cell in np.ndindex(4, 3):
        small = np.zeros((4, 3))
        small[cell] = 1e-6
        up, down = (chapter.gradients(hidden, outputs + sign * small)[0] for sign in (1, -1))
        assert of_outputs[cell] == pytest.approx((up - down) / 2e-6, abs=1e-5)


@pytest.mark.parametrize("direction", ["CBOW", "skip-gram"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_toy_is_learned_by_hand_whatever_the_seed(direction: str, seed: int) -> None:
    learned = chapter.learn(chapter.examples(chapter.toy_sentences(), direction), seed=seed)
    assert chapter.nearest_slots(learned.words, learned.vectors)["same place"].all()
    assert learned.losses[-1] < learned.losses[0]


# ---- pieces of words ------------------------------------------------------------------------------------------------


def test_shared_pieces_are_counted_once_each() -> None:
    assert chapter.shared_ngrams("sceince", "science") == ["<sc", "nce", "ce>", "nce>"]
    assert len(chapter.shared_ngrams("scienec", "science")) == 10
    assert chapter.shared_ngrams("banana", "ananas") == ["ana", "nan", "anan", "nana", "anana"]


def test_sceince_looks_more_like_prince_than_like_science() -> None:
    alike = chapter.most_alike_in_letters("sceince", ["science", "prince", "since", "music"], 4)
    assert alike["word"].tolist() == ["since", "prince", "science", "music"]
    assert alike["shared"].tolist() == [6, 6, 4, 0]


@pytest.fixture(scope="module")
def spelled() -> tuple[object, object]:
    sentences = chapter.toy_sentences()
    small = {"dimensions": 8, "window": 2, "epochs": 40, "subsample": 0, "least": 1}
    return fasttext(sentences, **small, buckets=2000), word2vec(sentences, **small)


def test_the_spelling_widget_says_what_it_takes_a_word_for(spelled: tuple[object, object]) -> None:
    said = chapter.near_a_spelling(*spelled, "pianisst")
    assert "<b>pianisst</b> has <b>no vector</b>" in said
    assert ">pianist</td>" in said
    assert "<b>cook</b> was in the corpus" in chapter.near_a_spelling(*spelled, "Cook")


@pytest.mark.parametrize("typed", ["", "  ", "1234", "🎬"])
def test_the_spelling_widget_says_what_to_type(spelled: tuple[object, object], typed: str) -> None:
    assert "Type a word" in chapter.near_a_spelling(*spelled, typed)


def test_the_spelling_widget_refuses_more_than_a_word_and_escapes_it(spelled: tuple[object, object]) -> None:
    assert "One word at a time" in chapter.near_a_spelling(*spelled, HOSTILE)
    assert "<script" not in chapter.near_a_spelling(*spelled, HOSTILE)
    assert len(chapter.near_a_spelling(*spelled, "x" * 5000)) < 200


# ---- near by walks --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    nodes = [("k", "keyword", "heist", "")]
    nodes += [(f"f{row}", "project", f"Film {row}", "") for row in range(4)]
    nodes += [("p0", "person", "Ann <b>Lee</b>", ""), ("p1", "person", "Bo", ""), ("p2", "person", "Bo", "")]
    nodes.append(("new", "project", "New Film", "Nobody walked here."))
    edges = [("p0", "Director", "f0"), ("p0", "Director", "f1"), ("p1", "Actor", "f1"), ("p2", "Actor", "f3")]
    edges += [(f"f{row}", "has keyword", "k") for row in range(4)]
    return KnowledgeGraph(*tables(nodes, edges), name="small")


@pytest.fixture(scope="module")
def space(graph: KnowledgeGraph) -> SemanticSpace:
    return GraphWalks(dimensions=8).fit(graph).space


def test_neighbours_stand_by_type_without_the_node_itself(space: SemanticSpace) -> None:
    near = chapter.nearest_by_type(space, "f0", 2)
    assert list(near.columns) == ["project", "person"]  # 5 projects, 3 people
    assert not near["project"].str.startswith("Film 0 ").any()
    assert near["person"].iloc[0].startswith("Ann <b>Lee</b>")


def test_namesakes_are_told_apart(space: SemanticSpace, graph: KnowledgeGraph) -> None:
    said = chapter.near_a_name(space, graph, "bo", 2)
    assert "2 nodes are called <b>Bo</b>" in said
    assert "Bo acted in Film 1." in said
    assert "Bo acted in Film 3." in said


def test_names_from_the_graph_and_typed_markup_are_escaped(space: SemanticSpace, graph: KnowledgeGraph) -> None:
    assert "<b>Lee" not in chapter.near_a_name(space, graph, "Film 0", 2)
    assert "&lt;b&gt;Lee" in chapter.near_a_name(space, graph, "Film 0", 2)
    assert "<script" not in chapter.near_a_name(space, graph, HOSTILE)


def test_what_no_walk_came_by_is_not_ranked(space: SemanticSpace, graph: KnowledgeGraph) -> None:
    said = chapter.near_a_name(space, graph, "New Film")
    assert "nothing is ranked" in said
    assert "<table" not in said
    assert chapter.nearest_by_type(space, "new").empty


def test_an_unknown_name_gets_a_hint_and_a_long_one_a_limit(space: SemanticSpace, graph: KnowledgeGraph) -> None:
    assert "Did you mean" in chapter.near_a_name(space, graph, "Filn 0")
    assert "Type a name" in chapter.near_a_name(space, graph, " ")
    assert len(chapter.near_a_name(space, graph, "x" * 5000)) < 200


def test_widgets_follow_what_is_typed(
    spelled: tuple[object, object], space: SemanticSpace, graph: KnowledgeGraph
) -> None:
    spelling = chapter.Spelling(*spelled, "cook")
    spelling.word.value = "pianisst"
    assert "pianist" in spelling.answer.value
    near = chapter.WalkNeighbours(space, graph, "Film 0")
    near.name.value = "Film 1"
    assert "<b>Film 1</b>" in near.answer.value
    assert "run this cell in JupyterLab" in repr(near) + repr(spelling)


# ---- recorded -------------------------------------------------------------------------------------------------------


def test_samples_have_the_wanted_words_and_grow_from_each_other() -> None:
    corpus = [[f"w{row}-{word}" for word in range(250)] for row in range(8)]
    small, large = (corpus_sizes.sample(corpus, words, seed=0) for words in (330, 900))
    assert sum(map(len, small)) == 330
    assert sum(map(len, large)) == 900
    assert {word for text in small for word in text} <= {word for text in large for word in text}
    with pytest.raises(ValueError, match="fewer than 9,000"):
        corpus_sizes.sample(corpus, 9_000, seed=0)


def test_agreement_is_spearmans_and_unknown_pairs_get_the_mean() -> None:
    table = table_of(["a", "b", "c", "d"], np.array([[1, 0], [0.9, 0.1], [0.5, 0.5], [0, 1]], dtype=np.float32))
    pairs = pd.DataFrame({"first": ["a", "a", "a"], "second": ["b", "c", "d"], "score": [9.0, 5.0, 1.0]})
    assert corpus_sizes.agreement(table, pairs) == pytest.approx(1)
    unknown = pd.concat([pairs, pd.DataFrame([("a", "x", 9.5)], columns=pairs.columns)], ignore_index=True)
    assert corpus_sizes.known_pairs(table, unknown).tolist() == [True, True, True, False]
    assert corpus_sizes.agreement(table, unknown) < 0.9


def test_the_word_pairs_are_those_of_the_paper() -> None:
    pairs = corpus_sizes.word_pairs()
    assert len(pairs) == 353
    assert pairs["score"].between(0, 10).all()


def test_the_recorded_sizes_are_all_there() -> None:
    recorded = corpus_sizes.load_sizes()
    assert set(recorded["words"]) == set(corpus_sizes.SIZES)
    assert recorded.groupby("way")["draw"].nunique().eq(corpus_sizes.DRAWS).all()


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_rows_of_this_notebook_are_recorded(split: str) -> None:
    rows = chapter.rows_of([CBOW, SKIP_GRAM, FASTTEXT, WALKS, WALKS_WITH_RELATIONS], split)
    for row in rows.values():
        assert row.by_family()["newcomer"].max() == 0 or row.method in (CBOW, SKIP_GRAM, FASTTEXT)


def test_a_row_that_is_not_recorded_is_named_with_its_command() -> None:
    with pytest.raises(ValueError, match=r"nobody's method.*predicted_words"):
        chapter.rows_of(["nobody's method"])


def test_walks_that_turn_back_are_recorded_on_the_validation_half_alone() -> None:
    plain = chapter.rows_of([WALKS], "validation")[WALKS]
    for back, result in walk_weights.load_weights().items():
        assert (result.method, result.split) == (walk_weights.name_of(back), "validation")
        assert set(result.scores["question_id"]) == set(plain.scores["question_id"])


def test_counted_and_predicted_words_read_the_same_texts() -> None:
    graph = small_films()
    assert counted_words.all_texts(graph) == predicted_words.corpus(graph)
    assert (counted_words.COUNTED_DIMENSIONS, DIMENSIONS) == (300, 100)  # as the notebook says


def test_a_gain_over_all_families_counts_each_alike() -> None:
    rows = chapter.rows_of([SKIP_GRAM, FASTTEXT])
    there, back = chapter.gain(rows[FASTTEXT], rows[SKIP_GRAM]), chapter.gain(rows[SKIP_GRAM], rows[FASTTEXT])
    assert there.mean == pytest.approx(-back.mean)
    assert there.mean == pytest.approx(rows[FASTTEXT].interval().mean - rows[SKIP_GRAM].interval().mean)


def test_a_gain_in_a_variant_is_paired_by_question() -> None:
    rows = chapter.rows_of([SKIP_GRAM, FASTTEXT])
    assert chapter.gain_in_variant(rows[SKIP_GRAM], rows[SKIP_GRAM], "misspelt-1") == (0, 0, 0)
    there = chapter.gain_in_variant(rows[FASTTEXT], rows[SKIP_GRAM], "misspelt-1")
    back = chapter.gain_in_variant(rows[SKIP_GRAM], rows[FASTTEXT], "misspelt-1")
    assert there.mean == pytest.approx(-back.mean)
    first, second = (chapter.mean_in_variant(rows[name], "misspelt-1") for name in (FASTTEXT, SKIP_GRAM))
    assert there.mean == pytest.approx(first - second)
    assert chapter.mean_in_variant(rows[FASTTEXT]) == pytest.approx(rows[FASTTEXT].mean_as_written())


# ---- pictures -------------------------------------------------------------------------------------------------------


def title(axes: object) -> str:
    """Wherever it stands: that depends on the style, which another test may have set."""
    return axes.get_title(loc="left") + axes.get_title(loc="center")


def test_pictures_say_what_they_show() -> None:
    import matplotlib.pyplot as plt

    drawn = figures.directions(["the", "singer", "hums"], at=1)
    assert [title(axes) for axes in drawn.axes] == ["CBOW", "skip-gram"]
    assert title(figures.pieces("cat").axes[0]) == "The 6 n-grams of 'cat'"
    titles = [title(axes) for axes in figures.shared([("sceince", "science")]).axes]
    assert titles == ["'sceince' shares 4 of its 22 n-grams with 'science'"]
    lines = figures.sizes(corpus_sizes.load_sizes()).axes[0].get_legend_handles_labels()[1]
    assert lines == [corpus_sizes.CBOW, corpus_sizes.SKIP_GRAM, corpus_sizes.AS_MANY_STEPS]
    assert len(figures.heat_maps({"one": np.eye(2), "two": np.eye(2)}, ["a", "b"]).axes) == 3
    plt.close("all")
