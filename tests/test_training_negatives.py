"""A negative is false by the graph, whatever its words."""

import numpy as np
import pandas as pd
import pytest

from kgss_helpers import exam
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.encoder import encode
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.text.rows import facts_of, training_rows
from kgss_helpers.training.negatives import BELOW, described, drawn_negatives, for_training, mined_negatives
from kgss_helpers.training.sbert import train_sbert


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return exam.training_graph()


@pytest.fixture(scope="module")
def rows(graph: KnowledgeGraph) -> pd.DataFrame:
    return training_rows(graph, "either", seed=5).head(400)


@pytest.mark.parametrize("node_type", ["project", "person"])
def test_drawn_negatives_describe_somebody_else(graph: KnowledgeGraph, rows: pd.DataFrame, node_type: str) -> None:
    found = drawn_negatives(rows, graph, node_type, count=2, seed=1)
    assert len(found) == len(rows)
    texts = dict(zip(*described(graph, node_type)[["fact", "text"]].to_numpy().T, strict=True))
    joined = {*zip(graph.edges["source"], graph.edges["target"], strict=True)}
    for number in (1, 2):
        assert found[f"negative_{number}"].tolist() == [texts[fact] for fact in found[f"negative_fact_{number}"]]
        others = found[f"negative_fact_{number}"].str.removeprefix("description ")
        assert others.str.startswith(node_type).all()
        assert (others != found["node_id"]).all()
        pairs = zip(found["node_id"], others, strict=True)
        assert not [pair for pair in pairs if pair in joined or pair[::-1] in joined]
    assert (found["negative_fact_1"] != found["negative_fact_2"]).all()


def test_draws_follow_the_seed(graph: KnowledgeGraph, rows: pd.DataFrame) -> None:
    first, again, other = (drawn_negatives(rows, graph, "project", seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not first["negative_1"].equals(other["negative_1"])


def test_a_graph_without_descriptions_has_none_to_draw(rows: pd.DataFrame, graph: KnowledgeGraph) -> None:
    with pytest.raises(ValueError, match=r"no genre of .* has a description"):
        drawn_negatives(rows, graph, "genre")


def test_mined_negatives_are_like_the_positive_and_false(graph: KnowledgeGraph, rows: pd.DataFrame) -> None:
    true = facts_of(graph)
    found = mined_negatives(rows, graph, load_pretrained(device="cpu"), count=2)
    assert len(found) > 0.9 * len(rows)
    assert found.index.is_monotonic_increasing
    for row in found.itertuples():
        assert row.negative_fact_1 != row.negative_fact_2 or row.negative_1 != row.negative_2
        for fact in (row.negative_fact_1, row.negative_fact_2):
            assert fact not in true[row.node_id]
            assert fact.split(" ")[0] == row.fact.split(" ")[0]


def test_a_margin_keeps_candidates_below_the_positive(graph: KnowledgeGraph, rows: pd.DataFrame) -> None:
    model = load_pretrained(device="cpu")
    some = rows.head(200)
    free = mined_negatives(some, graph, model, control="none")
    held = mined_negatives(some, graph, model, control="margin")
    assert 0 < len(held) <= len(free)
    anchors, positives, negatives = (
        encode(model, held[name].tolist()) for name in ("anchor", "positive", "negative_1")
    )
    right, wrong = ((anchors * texts).sum(axis=1) for texts in (positives, negatives))
    assert (wrong <= BELOW * right + 0.02).all()  # mining may compute in bfloat16


def test_without_control_true_facts_are_mined_and_never_the_rows_own(graph: KnowledgeGraph, rows: pd.DataFrame) -> None:
    true, model = facts_of(graph), load_pretrained(device="cpu")
    held_true = {}
    for control in ("none", "margin", "graph"):
        found = mined_negatives(rows.head(200), graph, model, control=control)
        assert (found["negative_fact_1"] != found["fact"]).all()
        pairs = zip(found["node_id"], found["negative_fact_1"], strict=True)
        held_true[control] = sum(fact in true[node_id] for node_id, fact in pairs)
    assert held_true["none"] > held_true["graph"] == 0


def test_mining_for_one_row_among_many_finds_what_mining_for_all_finds(
    graph: KnowledgeGraph, rows: pd.DataFrame
) -> None:
    model = load_pretrained(device="cpu")
    for_all = mined_negatives(rows, graph, model)
    one = for_all.index[7:8]
    for_one = mined_negatives(rows.loc[one], graph, model, among=rows)
    pd.testing.assert_frame_equal(for_one, for_all.loc[one], check_dtype=False)


def test_rows_with_negatives_can_be_trained_on(graph: KnowledgeGraph, rows: pd.DataFrame) -> None:
    texts, facts = for_training(drawn_negatives(rows.head(32), graph, "person", count=3))
    assert list(texts) == ["anchor", "positive", "negative_1", "negative_2", "negative_3"]
    assert facts.shape == (32, 4)
    run = train_sbert(load_pretrained(device="cpu"), texts, facts=facts, batch_size=4, max_steps=2, device="cpu")
    assert run.finished


def test_without_negatives_there_are_two_columns(rows: pd.DataFrame) -> None:
    texts, facts = for_training(rows)
    assert list(texts) == ["anchor", "positive"]
    assert np.array_equal(facts[:, 0], rows["fact"])
