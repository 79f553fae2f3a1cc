"""Training GraphSAGE: nothing held out is in reach, negatives are false, and an interrupted run comes to the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from kgss_helpers import exam
from kgss_helpers.datasets import synthetic_graph
from kgss_helpers.frontdoor.environment import ROOT, child_variables
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.edge_prediction import ranks
from kgss_helpers.methods.graph_sage import Csr, GraphSage, edge_pairs, embed_all
from kgss_helpers.training.sage import HeldOutEdges, NodeNegatives, __main__, link_metrics, train_sage
from kgss_helpers.training.sage.link_prediction import LinkLoss, _brought_along, batches_of, joined_pairs
from kgss_helpers.training.sage.sage_command import write_features
from kgss_helpers.training.sampler import NeighbourSampler

SETTINGS = {"batch_size": 128, "learning_rate": 0.01, "fan_out": (4, 3), "device": "cpu", "bf16": False}


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return synthetic_graph(400, communities=4, seed=1)


def small_model(nodes: int = 400, **further) -> GraphSage:
    return GraphSage(nodes=nodes, features=16, hidden=16, out=16, **further)


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().cpu() for parameter in model.parameters()])


# ------------------------------------------------------------------------------------------------------- what it learns


def test_held_out_edges_are_told_from_false_ones(graph: KnowledgeGraph) -> None:
    split = graph.split_edges(validation=0.1, test=0, seed=0)
    position = {node_id: row for row, node_id in enumerate(graph.nodes["node_id"])}
    pairs = split.validation[["source", "target"]].map(position.get).to_numpy()
    types = pd.factorize(graph.nodes["node_type"])[0]
    asked = HeldOutEdges(Csr.of(split.training_graph), pairs, types=types, true=Csr.of(graph), candidates=20)
    model = small_model()
    before = asked.measure(embed_all(model, split.training_graph))
    run = train_sage(
        model, split.training_graph, epochs=12, on_epoch_end=lambda m, _: asked.measure_model(m), **SETTINGS
    )
    after = asked.measure(embed_all(model, split.training_graph))
    assert before["AUC"] < 0.6
    assert after["AUC"] > max(0.7, before["AUC"] + 0.15)
    assert after["MRR"] > before["MRR"]
    assert list(run.history) == ["step", "epoch", "loss", "AUC", "MRR", "hits@10"]
    assert run.history["AUC"].dropna().iloc[-1] == pytest.approx(after["AUC"], abs=0.1)


@pytest.mark.parametrize("negatives", ["in-batch", "uniform", "popularity", "degree"])
@pytest.mark.parametrize("loss", ["ranking", "logistic"])
def test_the_loss_falls_whatever_the_negatives(graph: KnowledgeGraph, negatives: str, loss: str) -> None:
    run = train_sage(
        small_model(), graph, epochs=4, negatives=negatives, loss=loss, drop_neighbourhood=0.1, log_every=1, **SETTINGS
    )
    losses = run.history["loss"].to_numpy()
    assert losses[-10:].mean() < losses[:5].mean()


# ----------------------------------------------------------------------------------------------------- what is in reach


def test_no_held_out_edge_and_no_newcomer_can_be_reached() -> None:
    film_exam = exam.film_exam()
    seen, everything = film_exam.training_graph, film_exam.graph
    assert not set(seen.nodes["node_id"]) & film_exam.newcomers
    csr = NeighbourSampler.of(seen).csr
    held_out = pd.concat([film_exam.validation, film_exam.test])
    here, there = (torch.tensor([seen.position(node_id) for node_id in held_out[end]]) for end in ("source", "target"))
    assert len(held_out) > 1_000
    assert not csr.contains(here, there).any()
    assert not csr.contains(there, here).any()
    assert len(csr.neighbours) == 2 * len(seen.edges) < 2 * len(everything.edges)


def test_training_looks_at_edges_of_its_graph_alone_and_not_at_the_one_it_asks_for(
    graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = graph.split_edges(validation=0.2, test=0.1, seed=0)
    allowed, trees, draw = Csr.of(split.training_graph), [], NeighbourSampler.tree

    def spied(self, nodes, *, hide=None, drop=0.0):
        trees.append((draw(self, nodes, hide=hide, drop=drop), hide))
        return trees[-1][0]

    monkeypatch.setattr(NeighbourSampler, "tree", spied)
    train_sage(small_model(), split.training_graph, epochs=1, negatives="degree", **SETTINGS)
    train_sage(small_model(), split.training_graph, epochs=1, **SETTINGS)
    assert len(trees) > 10
    for tree, hidden in trees:
        assert allowed.contains(tree.levels[0], hidden)[: len(hidden) // 3].all()  # the edges that are asked for
        looked_at = torch.ones_like(tree.levels[0], dtype=torch.bool)
        for above, below, joined in zip(tree.levels[:-1], tree.levels[1:], tree.joined, strict=True):
            there = looked_at if joined is None else looked_at & joined
            assert allowed.contains(above[there].unsqueeze(-1).expand_as(below[there]), below[there]).all()
            looked_at = there.unsqueeze(-1).expand_as(below)
        assert not (tree.levels[1] == hidden.unsqueeze(-1))[tree.joined[0]].any()


def test_only_the_edges_that_are_given_are_learned_from(graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, seen, call = graph.edges[graph.edges["relation"] == "has genre"], [], LinkLoss.__call__

    def spied(self, model, batch):
        seen.extend(batch.tolist())
        return call(self, model, batch)

    monkeypatch.setattr(LinkLoss, "__call__", spied)
    train_sage(small_model(), graph, edges=wanted, epochs=2, **SETTINGS)
    pairs = [[graph.position(source), graph.position(target)] for source, target in
             wanted[["source", "target"]].itertuples(index=False)]  # fmt: skip
    assert sorted(seen) == sorted(2 * pairs)


# ------------------------------------------------------------------------------------------------------------ negatives


@pytest.mark.parametrize("how", ["uniform", "popularity", "degree"])
def test_negatives_are_false_and_of_the_targets_type(graph: KnowledgeGraph, how: str) -> None:
    torch.manual_seed(0)
    csr, types = Csr.of(graph), torch.from_numpy(pd.factorize(graph.nodes["node_type"])[0])
    source, target = torch.from_numpy(edge_pairs(graph)).unbind(dim=1)
    drawn, false = NodeNegatives(csr, how, types).draw(source, target, 5)
    assert torch.equal(types[drawn], types[target].unsqueeze(1).expand_as(drawn))
    true = csr.contains(source.unsqueeze(1).expand_as(drawn), drawn)
    assert torch.equal(true, ~false)
    assert false.float().mean() > 0.85
    wanted = csr.degree[target].double().unsqueeze(1).expand_as(drawn)
    near = torch.corrcoef(torch.stack([wanted.flatten(), csr.degree[drawn].double().flatten()]))[0, 1]
    assert how != "degree" or near > 0.8


def test_the_popular_are_drawn_as_often_as_edges_end_there(graph: KnowledgeGraph) -> None:
    torch.manual_seed(0)
    csr, pairs = Csr.of(graph), torch.from_numpy(edge_pairs(graph))
    (popular, _), (anybody, _) = (NodeNegatives(csr, how).draw(*pairs.T, 5) for how in ("popularity", "uniform"))
    degree = csr.degree.double()
    expected, plain = ((degree**2).sum() / degree.sum()).item(), degree.mean().item()
    assert degree[popular].mean().item() == pytest.approx(expected, rel=0.1)
    assert degree[anybody].mean().item() == pytest.approx(plain, rel=0.1)
    assert expected > 1.5 * plain


def test_where_no_other_node_is_false_it_is_said_so() -> None:
    csr = Csr.from_pairs(np.array([[0, 1], [0, 2]]), 3)
    drawn, false = NodeNegatives(csr, "uniform", np.array([0, 1, 1])).draw(torch.tensor([0]), torch.tensor([1]), 4)
    assert not false.any()
    assert set(drawn.flatten().tolist()) <= {1, 2}
    with pytest.raises(ValueError, match="unknown negatives 'hard'; there are uniform, popularity, degree"):
        NodeNegatives(csr, "hard")


def test_in_batch_negatives_are_the_multiple_negatives_ranking_loss() -> None:
    """Where no candidate is true besides, it is the cross-entropy of each row's own column."""
    loss = LinkLoss(NeighbourSampler(Csr.from_pairs(np.zeros((0, 2)), 8), (2, 2)), both_directions=False)
    model, batch = small_model(8), torch.arange(8).view(4, 2)
    vectors = model.alone(model.table)
    scores = vectors[0::2] @ vectors[1::2].T * 20
    expected = torch.nn.functional.cross_entropy(scores, torch.arange(4))
    torch.testing.assert_close(loss(model, batch), expected)
    loss.both_directions = True
    both = (expected + torch.nn.functional.cross_entropy(scores.T, torch.arange(4))) / 2
    torch.testing.assert_close(loss(model, batch), both)


def test_what_is_true_or_of_another_type_is_no_candidate() -> None:
    """0 → 2 and 1 → 3 are asked for; 0 → 3 is true too, and 1 → 2 would join a wrong type."""
    csr = Csr.from_pairs(np.array([[0, 2], [1, 3], [0, 3]]), 4)
    loss = LinkLoss(NeighbourSampler(csr, (2, 2)), types=torch.tensor([0, 0, 1, 2]), both_directions=False)
    assert loss(small_model(4), torch.tensor([[0, 2], [1, 3]])).item() == 0


def test_joined_pairs_are_those_of_the_graph(graph: KnowledgeGraph) -> None:
    csr = Csr.of(graph)
    few, many = torch.tensor([3, 250, 3]), torch.arange(400).flip(0)
    for here, there in ((few, many), (many, few), (few, few)):
        expected = csr.contains(*torch.broadcast_tensors(here.unsqueeze(1), there))
        assert torch.equal(joined_pairs(csr, here, there), expected)


def test_measures_by_hand() -> None:
    true, false = np.array([0.9, 0.5, 0.1]), np.array([[0.1, 0.2], [0.5, 0.6], [-np.inf, -np.inf]])
    found = link_metrics(true, false, hits=1)
    assert found["AUC"] == pytest.approx((1 + 0.25) / 2)
    assert found["MRR"] == pytest.approx((1 + 1 / 2.5 + 1) / 3)
    assert found["hits@1"] == pytest.approx(2 / 3)


def test_a_rank_is_that_of_the_tables_of_held_out_edges() -> None:
    """Ties and ends that are none are counted as `kgss_helpers.methods.edge_prediction` counts them."""
    rng = np.random.default_rng(0)
    true, false = rng.integers(5, size=50) / 4, rng.integers(5, size=(50, 30)) / 4
    false[rng.random(false.shape) < 0.2] = -np.inf
    scores = np.column_stack([false[:, :10], true, false[:, 10:]])
    rank = ranks(scores, np.full(50, 10), np.isfinite(scores))
    found = link_metrics(true, false)
    assert found["MRR"] == pytest.approx((1 / rank).mean())
    assert found["hits@10"] == pytest.approx((rank <= 10).mean())
    assert found["AUC"] == pytest.approx(1 - ((rank - 1) / np.isfinite(false).sum(axis=1)).mean())
    assert not np.array_equal(rank, np.rint(rank))


def test_a_true_target_without_a_score_comes_last() -> None:
    assert link_metrics(np.array([-np.inf]), np.array([[0.1, 0.2, -np.inf]]))["MRR"] == pytest.approx(1 / 3)


def test_a_true_target_has_no_degree_that_gives_it_away(graph: KnowledgeGraph) -> None:
    """Matched by the degree that a method sees, degree alone finds nothing out."""
    pairs = edge_pairs(graph)[np.random.default_rng(0).permutation(len(graph.edges))]
    csr = Csr.from_pairs(pairs[300:], 400)
    asked = HeldOutEdges(csr, pairs[:300], true=Csr.of(graph), how="degree",
                         types=pd.factorize(graph.nodes["node_type"])[0])  # fmt: skip
    degree = np.stack([csr.degree.numpy(), np.ones(400)], axis=1).astype(np.float32)
    degree[pairs[:300, 0]] = [1, 0]
    measured = asked.measure(degree)
    assert 0.35 < measured["AUC"] < 0.65


# -------------------------------------------------------------------------------------------------------- how it trains


def test_a_resumed_run_comes_to_the_same_numbers(graph: KnowledgeGraph, tmp_path: Path) -> None:
    settings = SETTINGS | {"epochs": 4, "drop_neighbourhood": 0.2, "save_every": 7, "log_every": 5}
    whole = train_sage(small_model(), graph, **settings)

    def stop(history: pd.DataFrame) -> None:
        if history["step"].iloc[-1] >= 30:
            raise KeyboardInterrupt

    first = train_sage(small_model(), graph, checkpoint_dir=tmp_path / "run", on_log=stop, **settings)
    assert not first.finished
    second = train_sage(small_model(), graph, checkpoint_dir=tmp_path / "run", resume=True, **settings)
    assert torch.equal(weights(second.model), weights(whole.model))
    pd.testing.assert_frame_equal(second.history, whole.history)


def test_another_graph_or_other_settings_are_another_run(graph: KnowledgeGraph, tmp_path: Path) -> None:
    train_sage(small_model(), graph, epochs=1, checkpoint_dir=tmp_path / "run", **SETTINGS)
    for changed in ({"fan_out": (3, 3)}, {"hide_target": False}, {"types": None}):
        with pytest.raises(ValueError, match=r"the run in .* began with"):
            train_sage(small_model(), graph, epochs=1, checkpoint_dir=tmp_path / "run", resume=True,
                       **(SETTINGS | changed))  # fmt: skip


def test_all_edges_are_seen_before_any_is_seen_again() -> None:
    parts = [torch.cat(batches_of(1_000, 64, 250, "cpu", 0, epoch)) for epoch in range(8)]
    assert len({len(part) for part in parts[:3]}) == 1
    once = torch.cat(parts[:4])
    assert len(once.unique()) == len(once) > 930
    assert not torch.equal(parts[0], parts[4])
    everything = torch.cat(batches_of(1_000, 64, None, "cpu", 0, 0))
    assert sorted(everything.tolist()) == list(range(1_000))


def test_features_on_disk_train_as_those_in_memory(graph: KnowledgeGraph, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(400, 16)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    found = []
    for features in (x, np.load(tmp_path / "x.npy", mmap_mode="r"), torch.from_numpy(x)):
        model = GraphSage(features=16, out=16)
        train_sage(model, graph, features=features, epochs=1, **SETTINGS)
        found.append(weights(model))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert np.array_equal(np.load(tmp_path / "x.npy"), x)


def test_only_the_features_that_are_needed_come_along(graph: KnowledgeGraph) -> None:
    x, tree = torch.randn(400, 16), NeighbourSampler.of(graph, (3, 2)).tree(torch.tensor([5, 9]))
    model = GraphSage(features=16)
    small, rows = _brought_along(tree, x)
    assert len(rows) < 30
    torch.testing.assert_close(model(small, rows), model(tree, x))


def test_a_translated_model_trains_alike(graph: KnowledgeGraph) -> None:
    plain, translated = small_model(), small_model()
    train_sage(plain, graph, max_steps=3, **SETTINGS)
    train_sage(translated, graph, max_steps=3, compiled="eager", **SETTINGS)
    torch.testing.assert_close(weights(plain), weights(translated), atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_comes_to_what_the_processor_does(graph: KnowledgeGraph) -> None:
    model, tree = small_model().eval(), NeighbourSampler.of(graph, (4, 3)).tree(torch.arange(400))
    here = model(tree).detach()
    there = model.cuda()(
        type(tree)(*(tuple(part if part is None else part.cuda() for part in parts) for parts in tree))
    )
    torch.testing.assert_close(there.detach().cpu(), here, atol=1e-4, rtol=1e-3)
    losses = {}
    for device in ("cpu", "cuda"):
        run = train_sage(small_model(), graph, epochs=10, **(SETTINGS | {"device": device}))
        losses[device] = run.history["loss"].iloc[-1]
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=0.1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"fan_out": (4,)}, "2 layers need a fan-out of as many numbers"),
        ({"drop_neighbourhood": 1.5}, "a chance from 0 to 1"),
        ({"edges": np.zeros((0, 2))}, "there are no edges to learn from"),
        ({"features": np.zeros((3, 16), dtype=np.float32)}, "features of 3 nodes, and the graph has 400"),
        ({"negatives": "hard"}, "unknown negatives 'hard'"),
    ],
)
def test_what_does_not_fit_is_refused(graph: KnowledgeGraph, wrong: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        train_sage(small_model(), graph, epochs=1, **(SETTINGS | wrong))


def test_a_table_of_neighbours_needs_edges(graph: KnowledgeGraph) -> None:
    with pytest.raises(ValueError, match="pass edges"):
        train_sage(small_model(), Csr.of(graph), epochs=1, **SETTINGS)
    with pytest.raises(ValueError, match="pass edges as positions"):
        train_sage(small_model(), Csr.of(graph), edges=graph.edges, epochs=1, **SETTINGS)


# ---------------------------------------------------------------------------------------------------------- the command

SMALL = ["--nodes", "300", "--communities", "3", "--dimensions", "16", "--fan-out", "4", "3", "--device", "cpu",
         "--no-bf16", "--epochs", "3", "--learning-rate", "0.01"]  # fmt: skip


def test_the_command_keeps_model_vectors_and_curve(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    command = [*SMALL, "--features", "planted", "--batch-size", "128", "--output", str(tmp_path)]
    assert __main__.main(command) == 0
    assert "epoch 3: AUC" in capsys.readouterr().out
    vectors, config = np.load(tmp_path / "vectors.npy"), json.loads((tmp_path / "config.json").read_text())
    assert vectors.shape == (300, 16)
    assert len((tmp_path / "ids.txt").read_text().splitlines()) == config["nodes"] == 300
    assert {"AUC", "MRR"} < set(pd.read_csv(tmp_path / "history.csv"))
    with pytest.raises(SystemExit):
        __main__.main(command)
    assert "holds a run already" in capsys.readouterr().err
    assert __main__.main([*command, "--resume"]) == 0
    assert "there is nothing to resume" in capsys.readouterr().out
    more = [*SMALL, "--features", str(tmp_path / "vectors.npy"), "--output", str(tmp_path / "again")]
    assert __main__.main(more) == 0


def test_planted_features_tell_little_and_their_means_much(tmp_path: Path) -> None:
    communities = np.arange(4_000) % 5
    write_features(tmp_path / "x.npy", 4_000, 64, communities, seed=1)
    x = np.load(tmp_path / "x.npy")
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-5)

    def nearest_is_of_the_community(vectors: np.ndarray) -> float:
        alike = vectors @ vectors.T
        np.fill_diagonal(alike, -1)
        return (communities[: len(vectors)] == communities[alike.argmax(axis=1)]).mean()

    means = x.reshape(40, 20, 5, 64).mean(axis=1).reshape(200, 64)  # of twenty nodes of one community
    assert nearest_is_of_the_community(x) < 0.6
    assert nearest_is_of_the_community(means / np.linalg.norm(means, axis=1, keepdims=True)) > 0.9
    write_features(tmp_path / "plain.npy", 4_000, 64, seed=1)
    assert nearest_is_of_the_community(np.load(tmp_path / "plain.npy")) < 0.3


def test_the_command_takes_any_loaders_graph(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    graph = synthetic_graph(150)
    graph.nodes.to_csv(tmp_path / "nodes.csv", index=False)
    graph.edges.to_csv(tmp_path / "edges.csv", index=False)
    paths = [str(tmp_path / "nodes.csv"), str(tmp_path / "edges.csv")]
    command = ["--graph", "csv", *paths, *SMALL, "--output", str(tmp_path / "run")]
    assert __main__.main(command) == 0
    assert "Kept in" in capsys.readouterr().out
    for wrong, said in (
        (["nowhere"], "there is no graph 'nowhere'"),
        (["csv"], "missing a required argument"),
        (["csv", *paths, "--features", "planted"], "there is no community in this graph"),
        (["csv", *paths, "--features", str(tmp_path / "none.npy")], "there is no file"),
    ):
        with pytest.raises(SystemExit):
            __main__.main(["--graph", *wrong, "--output", str(tmp_path / "other")])
        assert said in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="PyTorch for Windows is built without what torchrun talks through")
def test_two_processes_reach_the_loss_of_one(tmp_path: Path) -> None:
    """Half the batch each, and the candidates of both: the same training but for the draws."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "kgss_helpers.training.sage", *SMALL, "--batch-size", "64", "--output", str(tmp_path / "two")]
    variables = child_variables(quiet=True) | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("Kept in") == 1
    assert __main__.main([*SMALL, "--batch-size", "128", "--output", str(tmp_path / "one")]) == 0
    one, two = (pd.read_csv(tmp_path / name / "history.csv")["loss"].dropna() for name in ("one", "two"))
    assert two.iloc[-1] == pytest.approx(one.iloc[-1], rel=0.05)
    assert json.loads((tmp_path / "two" / "config.json").read_text())["processes"] == 2
