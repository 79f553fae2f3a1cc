"""The baselines against the formulas they claim to be."""

import math
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from kgss_helpers.exam.sitting import rank
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.baselines import Popularity, Random, RolePopularity, WordMatch
from kgss_helpers.methods.protocol import Method
from kgss_helpers.question import Question

TEXTS = [
    ("Red Moon", "A heist on the moon, planned by a retired thief."),
    ("Blue River", "A river pilot learns to love the river."),
    ("It", "The it and the of."),
    ("The Thief", "Steals a red car, a red coat and a red rose."),
    ("Ada Quill", ""),
]


@pytest.fixture
def graph():
    nodes = pd.DataFrame(
        [(f"n{row}", "project", name, text) for row, (name, text) in enumerate(TEXTS)],
        columns=["node_id", "node_type", "name", "description"],
    )
    edges = pd.DataFrame(
        [("n4", "Director", "n0"), ("n4", "Actor", "n0"), ("n4", "Actor", "n1"), ("n0", "follows", "n3")],
        columns=["source", "relation", "target"],
    )
    return KnowledgeGraph(nodes, edges)


def ask(text, *, anchor=None):
    return Question(text or "empty", "plot", "test", text, "project", {"n1": 1}, anchor=anchor)


@pytest.mark.parametrize("method", [Random(), Popularity(), RolePopularity(), WordMatch(), WordMatch("films")])
def test_baselines_are_methods_of_the_exam(method, graph):
    assert isinstance(method, Method)
    questions = [ask("red"), ask("river"), ask("")]
    scores = method.score(questions, graph)
    assert scores.shape == (3, 5)
    assert scores.dtype == float
    assert np.array_equal(scores, method.score(questions, graph))


def test_random_is_uniform_and_goes_by_its_seed(graph):
    questions = [ask(str(number)) for number in range(400)]
    scores = Random().score(questions, graph)
    assert scores.min() >= 0
    assert scores.max() < 1
    assert scores.mean() == pytest.approx(0.5, abs=0.03)
    assert not np.array_equal(scores, Random(seed=1).score(questions, graph))
    assert np.bincount(scores.argmax(axis=1), minlength=5).min() > 40


def test_popularity_counts_edges_and_does_not_read(graph):
    ends = Counter(graph.edges["source"]) + Counter(graph.edges["target"])
    expected = [ends[node_id] for node_id in graph.nodes["node_id"]]
    assert Popularity().score([ask("red"), ask("river")], graph).tolist() == [expected, expected]
    assert expected == [3, 1, 0, 1, 3]


# Words that bm25s leaves out; of those, what occurs in the texts above.
LEFT_OUT = {"a", "on", "the", "by", "it", "and", "of", "to"}


def tokens(text):
    return [word for word in re.findall(r"\b\w\w+\b", text.lower()) if word not in LEFT_OUT]


def bm25(query, texts, *, k=1.5, b=0.75):
    """Okapi BM25 with Lucene's weight for rare words."""
    documents = [Counter(tokens(text)) for text in texts]
    lengths = [sum(document.values()) for document in documents]
    average = sum(lengths) / len(lengths)
    scores = []
    for document, length in zip(documents, lengths, strict=True):
        score = 0.0
        for word in tokens(query):
            having = sum(word in other for other in documents)
            rarity = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
            score += rarity * document[word] / (document[word] + k * (1 - b + b * length / average))
        scores.append(score or -math.inf)
    return scores


@pytest.mark.parametrize(
    "text", ["red", "a red moon", "RED, Moon!", "the river, the river", "thief of the river", "Quill", "red zeppelin"]
)
def test_word_match_is_bm25_over_names_and_descriptions(graph, text):
    texts = [f"{name} {description}" for name, description in TEXTS]
    assert WordMatch().score([ask(text)], graph)[0] == pytest.approx(bm25(text, texts), rel=1e-5)


@pytest.mark.parametrize("text", ["zeppelin", "", "the of it", "???", "moons"])
def test_where_no_word_is_shared_nothing_is_found(graph, text):
    asked = ask(text)
    scores = WordMatch().score([asked], graph)
    assert np.isneginf(scores).all()
    assert rank([asked], scores, graph)[asked.question_id] == []


def test_a_node_is_found_by_its_name_and_by_its_description(graph):
    assert np.isfinite(WordMatch().score([ask("quill"), ask("pilot")], graph)).tolist() == [
        [False, False, False, False, True],
        [False, True, False, False, False],
    ]


def test_a_question_that_starts_from_a_node_is_asked_in_its_words(graph):
    words_of_it = f"{TEXTS[3][0]} {TEXTS[3][1]}"
    anchored, plain = WordMatch().score([ask("films like it", anchor="n3"), ask(words_of_it)], graph)
    assert np.array_equal(anchored, plain)
    assert np.isfinite(anchored).tolist() == [True, False, False, True, False]


def test_questions_do_not_disturb_each_other(graph):
    questions = [ask("red moon"), ask("nothing known"), ask("river")]
    together = WordMatch().score(questions, graph)
    alone = np.concatenate([WordMatch().score([question], graph) for question in questions])
    assert np.array_equal(together, alone)


def test_a_graph_of_empty_words_alone_is_searched_in_vain():
    nodes = pd.DataFrame([("a", "project", "It"), ("b", "project", "The")], columns=["node_id", "node_type", "name"])
    graph = KnowledgeGraph(nodes, pd.DataFrame(columns=["source", "relation", "target"]))
    assert np.isneginf(WordMatch().score([ask("it"), ask("moon")], graph)).all()


def test_role_popularity_counts_credits_in_the_longest_role_named(graph):
    scores = RolePopularity().score([ask("a good Actor"), ask("who directs?"), ask("a pilot")], graph)
    assert scores[0].tolist() == [-np.inf] * 4 + [2.0]
    assert np.isneginf(scores[1:]).all()


def test_word_match_reads_the_documents_it_is_told_to(graph):
    asked = [ask("Actor")]
    assert np.isneginf(WordMatch().score(asked, graph)).all()
    assert np.isfinite(WordMatch("films").score(asked, graph)[0]).tolist() == [False] * 4 + [True]
    assert WordMatch("films").name != WordMatch().name
