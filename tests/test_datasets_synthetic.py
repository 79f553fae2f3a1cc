"""The synthetic graph: its shape, and that the seed alone decides."""

import numpy as np
import pytest

from kgss_helpers.datasets import synthetic_graph
from kgss_helpers.films.roles import ROLES
from kgss_helpers.graph import GraphError


@pytest.fixture(scope="module")
def graph():
    return synthetic_graph(20_000, seed=1)


def test_the_seed_decides(graph):
    again, other = synthetic_graph(20_000, seed=1), synthetic_graph(20_000, seed=2)
    assert again.edges.equals(graph.edges)
    assert again.nodes.equals(graph.nodes)
    ours, theirs = (set(g.edges.astype(str).itertuples(index=False, name=None)) for g in (graph, other))
    assert len(ours & theirs) < len(ours) / 2


def test_as_many_nodes_as_asked_for_in_realistic_shares(graph):
    assert len(graph.nodes) == 20_000
    counts = graph.nodes["node_type"].value_counts()
    assert counts.to_dict() == {"person": 12_400, "project": 6_600, "keyword": 981, "genre": 19}
    per_film = graph.edges["relation"].value_counts() / counts["project"]
    assert 9.5 < per_film[list(ROLES)].sum() <= 11
    assert 6 < per_film["has keyword"] <= 8
    assert 2 < per_film["has genre"] <= 2.5
    assert per_film["Actor"] > 3 * per_film["Director"] > 0
    assert (per_film[list(ROLES)] > 0).all()


def test_sentences_make_sense(graph):
    kinds = graph.summary()
    for relation in ROLES:
        assert kinds[kinds["relation"] == relation][["subject_type", "object_type"]].values.tolist() == [
            ["person", "project"]
        ]
    assert kinds[kinds["relation"] == "has genre"][["subject_type", "object_type"]].values.tolist() == [
        ["project", "genre"]
    ]
    pairs = graph.edges[["source", "target"]].astype(str)
    assert not pairs.duplicated().any()


def test_degrees_have_a_long_tail_that_falls_like_a_power(graph):
    people = np.sort(graph.degree[graph.nodes["node_type"] == "person"])[::-1]
    assert people[0] > 40 * np.median(people)
    assert people[: len(people) // 100].sum() > 0.1 * people.sum()
    ranks = np.arange(10, 1000)
    slope, _ = np.polyfit(np.log(ranks), np.log(people[ranks]), 1)
    assert -0.85 < slope < -0.55  # a straight line in the log-log plot; a random graph's would be near 0
    projects = graph.degree[graph.nodes["node_type"] == "project"]
    assert projects.max() < 4 * projects.median()  # films do not have a thousand directors


@pytest.mark.parametrize("nodes", [100, 101, 137, 379, 400, 760, 1000])
def test_small_sizes_have_every_type(nodes):
    graph = synthetic_graph(nodes)
    assert len(graph.nodes) == nodes
    assert set(graph.nodes["node_type"]) == {"person", "project", "keyword", "genre"}
    assert graph.degree.sum() == 2 * len(graph.edges)
    films = graph.nodes["node_type"] == "project"
    assert graph.degree[films].min() >= 3  # a credit, a keyword and a genre at least


def test_fewer_than_no_nodes_are_refused():
    with pytest.raises(GraphError, match="nodes must be a whole number from 0 on, not -5"):
        synthetic_graph(nodes=-5)


@pytest.mark.parametrize("nodes", [99, 0])
def test_too_few_nodes_are_refused(nodes):
    with pytest.raises(GraphError, match=f"cannot spread {nodes} nodes .*; ask for 100 or more"):
        synthetic_graph(nodes)


def test_communities_keep_most_edges_to_themselves_and_hubs_remain(graph):
    divided = synthetic_graph(20_000, communities=10, seed=1)
    home = divided.nodes.set_index("node_id")["community"]
    assert set(home) == set(range(10))
    edges = divided.edges[divided.edges["relation"] != "has genre"].astype(str)
    inside = (home.loc[edges["source"]].to_numpy() == home.loc[edges["target"]].to_numpy()).mean()
    assert 0.75 < inside < 0.88  # four fifths by wish, and a tenth of the rest by chance
    people = divided.degree[divided.nodes["node_type"] == "person"]
    assert people.max() > 20 * people.median()  # each community has its own hubs
    assert "community" not in graph.nodes
    assert len(synthetic_graph(200, communities=500).edges) > 300
    with pytest.raises(GraphError, match="there cannot be -1 communities"):
        synthetic_graph(200, communities=-1)


def test_its_categorical_edges_work_like_others(graph):
    split = graph.split_edges(seed=3)
    assert len(split.train) + len(split.validation) + len(split.test) == len(graph.edges)
    assert len(split.test) > 0.08 * len(graph.edges)
    small = graph.subgraph(top={"person": 100, "project": 50})
    assert small.nodes["node_type"].value_counts()["person"] == 100
    assert len(small.edges) > 0
    hub = graph.find("person 0").iloc[0]
    assert len(graph.neighbours(hub["node_id"])) == hub["degree"]
