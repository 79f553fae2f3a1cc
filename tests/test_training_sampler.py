"""Drawing neighbours: true ones alone, each with the same chance, and nothing breaks where there are none."""

import doctest
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch_geometric.data import Data
from torch_geometric.loader import LinkLoader, NodeLoader
from torch_geometric.nn import SAGEConv

from kgss_helpers.datasets import synthetic_graph
from kgss_helpers.methods import graph_sage
from kgss_helpers.methods.graph_sage import Csr
from kgss_helpers.training import pyg_sampler
from kgss_helpers.training import sampler as sampler_module
from kgss_helpers.training.pyg_sampler import PygNeighbourSampler
from kgss_helpers.training.sage import link_prediction
from kgss_helpers.training.sampler import NeighbourSampler


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def sampler() -> NeighbourSampler:
    return NeighbourSampler.of(synthetic_graph(300, seed=2), fan_out=(4, 3))


def a_star(leaves: int = 6) -> Csr:
    """Node 0 joined to all others, two edges lead to node 1; the last node is joined to nobody."""
    pairs = [(0, leaf) for leaf in range(1, leaves + 1)] + [(1, 0)]
    return Csr.from_pairs(np.array(pairs), leaves + 2)


def test_only_true_neighbours_are_drawn(sampler: NeighbourSampler) -> None:
    assert (sampler.csr.degree == 0).any()
    for csr in (sampler.csr, Csr(sampler.csr.starts, sampler.csr.neighbours)):
        tree, looked_at = NeighbourSampler(csr, (4, 3)).tree(torch.arange(300)), torch.tensor(True)
        for above, below, there in zip(tree.levels[:-1], tree.levels[1:], tree.joined, strict=True):
            assert below.shape[:-1] == above.shape
            joined = csr.contains(above.unsqueeze(-1).expand_as(below), below).all(dim=-1)
            there = looked_at.expand_as(joined) if there is None else there
            assert torch.equal(joined & looked_at, there & looked_at)
            looked_at = (there & looked_at).unsqueeze(-1)


def test_each_edge_has_the_same_chance() -> None:
    drawn, _ = NeighbourSampler(a_star()).draw(torch.zeros(7_000, dtype=torch.long), 10)
    counts = np.bincount(drawn.flatten(), minlength=8)
    assert counts[[0, 7]].tolist() == [0, 0]
    assert chisquare(counts[1:7], f_exp=np.array([2, 1, 1, 1, 1, 1]) * 10_000).pvalue > 0.01


def test_the_last_neighbour_of_a_hub_is_reached_and_none_beyond_it() -> None:
    leaves = 100_000
    csr = Csr.from_pairs(np.stack([np.zeros(leaves), np.arange(1, leaves + 1)], axis=1), leaves + 1)
    drawn, _ = NeighbourSampler(csr).draw(torch.zeros(20, dtype=torch.long), 50_000)
    assert drawn.min() >= 1
    assert drawn.unique().numel() > 0.9999 * leaves - 10
    assert drawn.max() > leaves - 5
    counts = np.bincount(drawn.flatten() * 100 // (leaves + 1))
    assert chisquare(counts).pvalue > 0.001


def test_who_has_no_neighbours_stands_for_itself_and_counts_as_none() -> None:
    tree = NeighbourSampler(a_star(), fan_out=(2, 3)).tree(torch.tensor([7, 0, 7]))
    assert tree.levels[1][[0, 2]].unique().tolist() == [7]
    assert tree.joined[0].tolist() == [False, True, False]
    assert tree.joined[1] is None  # whoever was drawn for node 0 has it as a neighbour


def test_a_graph_without_edges_gives_lonely_nodes() -> None:
    tree = NeighbourSampler(Csr.from_pairs(np.zeros((0, 2)), 4), fan_out=(2, 3)).tree(torch.tensor([0, 3]), drop=0.5)
    assert tree.levels[2].tolist() == [[[0] * 3] * 2, [[3] * 3] * 2]
    assert not tree.joined[0].any()
    tree = NeighbourSampler(Csr.from_pairs(np.zeros((0, 2)), 0)).tree(torch.zeros(0, dtype=torch.long))
    assert [level.numel() for level in tree.levels] == [0, 0, 0]


def test_a_hidden_neighbour_is_not_drawn_and_all_others_alike() -> None:
    nodes, hidden = torch.zeros(7_000, dtype=torch.long), torch.ones(7_000, dtype=torch.long)
    drawn, there = NeighbourSampler(a_star()).draw(nodes, 10, hide=hidden)
    counts = np.bincount(drawn.flatten(), minlength=8)
    assert counts[[0, 1, 7]].tolist() == [0, 0, 0]
    # Draws that stand in for others are not independent, so the first of each ten is looked at alone.
    assert chisquare(np.bincount(drawn[:, 0], minlength=7)[2:7]).pvalue > 0.01
    assert there is None or there.all()


def test_whose_only_neighbour_is_hidden_stands_alone() -> None:
    tree = NeighbourSampler(a_star(), fan_out=(5, 2)).tree(torch.tensor([3, 3, 0]), hide=torch.tensor([0, 4, 3]))
    assert tree.joined[0].tolist() == [False, True, True]
    assert tree.levels[1][0].unique().tolist() == [3]
    assert tree.levels[1][1].unique().tolist() == [0]
    assert 3 not in tree.levels[1][2]


def test_neighbourhoods_are_dropped_at_the_ends_alone(sampler: NeighbourSampler) -> None:
    connected = torch.nonzero(sampler.csr.degree > 0).flatten()[:1].repeat(4_000)
    tree = sampler.tree(connected, drop=0.3)
    assert 0.27 < 1 - tree.joined[0].float().mean() < 0.33
    assert tree.joined[1] is None
    assert not sampler.tree(connected[:50], drop=1.0).joined[0].any()


def test_one_direction_leads_from_targets_to_sources() -> None:
    graph = synthetic_graph(200)
    sampler = NeighbourSampler.of(graph, (3,), symmetric=False)
    drawn, there = sampler.draw(torch.arange(200), 3)
    kinds = graph.nodes["node_type"].to_numpy()
    assert not there[kinds == "person"].any()
    assert set(kinds[drawn[kinds == "genre"].flatten()]) == {"project"}


@pytest.mark.parametrize("wrong", [(), (0,), (3, -1)])
def test_a_fan_out_of_nothing_is_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="fan_out must be positive numbers"):
        NeighbourSampler(a_star(), wrong)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_on_a_gpu_everything_stays_there(sampler: NeighbourSampler) -> None:
    there = sampler.to("cuda")
    tree = there.tree(
        torch.arange(300, device="cuda"), hide=torch.zeros(300, dtype=torch.long, device="cuda"), drop=0.1
    )
    assert {level.device.type for level in tree.levels} == {"cuda"}
    below = tree.levels[1][tree.joined[0]].cpu()
    above = torch.arange(300)[tree.joined[0].cpu()].unsqueeze(-1).expand_as(below)
    assert sampler.csr.contains(above, below).all()


# ---------------------------------------------------------------------------------------------- PyTorch Geometric's


def data_of(sampler: NeighbourSampler) -> Data:
    csr = sampler.csr
    rows = torch.arange(len(csr)).repeat_interleave(csr.degree)
    return Data(x=torch.arange(len(csr)).float()[:, None], edge_index=torch.stack([csr.neighbours, rows]))


@pytest.mark.parametrize("negatives", [None, "binary", "triplet"])
def test_it_serves_the_librarys_link_loader(sampler: NeighbourSampler, negatives: str | None) -> None:
    data = data_of(sampler)
    wanted = data.edge_index[:, :20]
    loader = LinkLoader(data, PygNeighbourSampler(sampler), wanted, neg_sampling=negatives, batch_size=8)
    batches = list(loader)
    assert len(batches) == 3
    for number, batch in enumerate(batches):
        here, there = batch.n_id[batch.edge_index]
        assert sampler.csr.contains(there, here).all()  # from neighbour to node
        assert batch.n_id.unique().numel() == batch.n_id.numel() == sum(batch.num_sampled_nodes)
        assert batch.edge_index.shape[1] == sum(batch.num_sampled_edges)
        assert torch.equal(batch.x.flatten().long(), batch.n_id)
        expected, count = wanted[:, 8 * number : 8 * number + 8], len(batch.input_id)
        if negatives == "triplet":
            found = torch.stack([batch.src_index, batch.dst_pos_index])
            assert batch.dst_neg_index.shape == (count,)
        else:
            found = batch.edge_label_index[:, :count]
            assert negatives is None or batch.edge_label.tolist() == [1] * count + [0] * count
        assert torch.equal(batch.n_id[found], expected)
        assert SAGEConv(1, 2)(batch.x, batch.edge_index).isfinite().all()


def test_it_serves_the_librarys_node_loader(sampler: NeighbourSampler) -> None:
    seeds = torch.tensor([5, 250, 17])
    batch = next(iter(NodeLoader(data_of(sampler), PygNeighbourSampler(sampler), seeds, batch_size=3)))
    assert torch.equal(batch.n_id[:3], seeds)
    here, there = batch.n_id[batch.edge_index]
    assert sampler.csr.contains(there, here).all()


@pytest.mark.parametrize("module", [graph_sage, sampler_module, pyg_sampler, link_prediction])
def test_the_examples_come_out_as_written(module: ModuleType) -> None:
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0
