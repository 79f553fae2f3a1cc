"""The knowledge graph against naive computations over its two tables."""

import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from helpers import tables

from kgss_helpers.graph import GraphError, KnowledgeGraph

NODES, EDGES = tables(
    [
        ("p1", "person", "Ada Quill", "writes"),
        ("p2", "person", "ada quill", "paints"),
        ("p3", "person", "Bo Ray", ""),
        ("m1", "project", "Red Moon", "A heist."),
        ("m2", "project", "ÉTÉ", ""),
        ("g1", "genre", "NA", ""),
    ],
    [
        ("p1", "Director", "m1"),
        ("p1", "Screenwriter", "m1"),
        ("p2", "Director", "m2"),
        ("p3", "Actor", "m1"),
        ("p3", "Actor", "m2"),
        ("m1", "has genre", "g1"),
        ("m1", "follows", "m2"),
        ("m2", "inspired", "m1"),
    ],
)


@pytest.fixture
def graph():
    return KnowledgeGraph(NODES, EDGES, name="tiny")


def random_graph(seed, *, nodes=60, edges=300, loops=True):
    """A dense multigraph with several relations a pair, both directions, loops and isolated nodes."""
    rng = np.random.default_rng(seed)
    ids = [f"n{i}" for i in rng.permutation(nodes)]
    table = pd.DataFrame(
        {"node_id": ids, "node_type": rng.choice(["person", "project", "genre"], nodes), "name": "same name"}
    )
    ends = rng.integers(nodes - 5, size=(edges, 2))
    rows = pd.DataFrame(
        {
            "source": np.array(ids)[ends[:, 0]],
            "relation": rng.choice(["likes", "Likes", "made by", "made-by"], edges),
            "target": np.array(ids)[ends[:, 1]],
        }
    ).drop_duplicates(ignore_index=True)
    return KnowledgeGraph(table, rows if loops else rows[rows["source"] != rows["target"]])


def triples_of(frame):
    return set(frame[["source", "relation", "target"]].itertuples(index=False, name=None))


# ---- validation --------------------------------------------------------------------------------------------------


def changed(table, row, column, value):
    table = table.astype(object)
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("nodes", "edges", "parts"),
    [
        (NODES.drop(columns="name"), EDGES, ["nodes: column 'name' is missing", "'node_type'", "Rename one or add it"]),
        (NODES, EDGES.drop(columns="relation"), ["edges: column 'relation' is missing", "add it"]),
        (changed(NODES, 2, "node_id", ""), EDGES, ["nodes, row 2: node_id is empty", "fill it in"]),
        (changed(NODES, 2, "node_id", None), EDGES, ["nodes, row 2: node_id is empty"]),
        (changed(NODES, 4, "name", " \t "), EDGES, ["nodes, row 4: name is empty"]),
        (changed(NODES, 1, "node_type", np.nan), EDGES, ["nodes, row 1: node_type is empty"]),
        (NODES, changed(EDGES, 3, "relation", " "), ["edges, row 3: relation is empty", "leave the row out"]),
        (changed(NODES, 3, "name", 1984), EDGES, ["nodes, row 3: name 1984 is not text", "nodes['name'].astype(str)"]),
        (changed(NODES, 5, "node_id", "p2"), EDGES, ["nodes, row 5: 'p2' is there already in row 1", "id of its own"]),
        (
            NODES,
            changed(EDGES, 6, "target", "m9"),
            ["edges, row 6: target 'm9' is not a node_id", "add the node or remove the edge"],
        ),
        (NODES, EDGES.replace("p3", "p9"), ["edges, row 3: source 'p9'", "2 edges are like this"]),
        (
            NODES,
            pd.concat([EDGES, EDGES.iloc[[2]]], ignore_index=True),
            ["edges, row 8: 'p2, Director, m2' is there already in row 2", "keep one of them"],
        ),
        (NODES.assign(degree="PhD"), EDGES, ["nodes: ", "'degree'", "rename"]),
        (NODES.assign(relation="aunt"), EDGES, ["'relation'", "rename"]),
        (pd.concat([NODES, NODES[["name"]]], axis=1), EDGES, ["nodes: two columns are called 'name'", "rename"]),
    ],
)
def test_a_wrong_table_is_refused_by_name_row_and_fix(nodes, edges, parts):
    with pytest.raises(GraphError) as refusal:
        KnowledgeGraph(nodes, edges)
    for part in parts:
        assert part in str(refusal.value)


def test_rows_are_named_by_the_index_of_the_table():
    nodes = NODES.set_index(pd.Index(range(102, 108), name="line"))
    with pytest.raises(GraphError, match=r"nodes, row 104: name is empty"):
        KnowledgeGraph(changed(nodes, 104, "name", ""), EDGES)


def test_ids_that_are_numbers_are_refused_with_the_fix():
    nodes = pd.DataFrame({"node_id": [1, 2], "node_type": "person", "name": ["A", "B"]})
    with pytest.raises(GraphError, match=r"node_id 1 is not text; .*astype\(str\)"):
        KnowledgeGraph(nodes, pd.DataFrame({"source": [1], "relation": ["r"], "target": [2]}))


def test_the_callers_tables_stay_as_they_are_and_further_columns_are_kept():
    nodes, edges = NODES.assign(year=[1, 2, 3, 4, 5, 6]).drop(columns="description"), EDGES.copy()
    before = nodes.copy(), edges.copy()
    graph = KnowledgeGraph(nodes, edges)
    graph.nodes["name"] = "changed"
    graph.edges["relation"] = "changed"
    pd.testing.assert_frame_equal(nodes, before[0])
    pd.testing.assert_frame_equal(edges, before[1])
    assert list(graph.nodes.columns) == ["node_id", "node_type", "name", "description", "year"]
    assert graph.nodes["year"].tolist() == [1, 2, 3, 4, 5, 6]
    assert set(graph.nodes["description"]) == {""}


def test_a_graph_without_edges_or_even_nodes_answers():
    lonely = KnowledgeGraph(NODES, EDGES.iloc[:0])
    assert lonely.degree.tolist() == [0] * 6
    assert lonely.neighbours("p1").empty
    assert len(lonely.split_edges().train) == 0
    nothing = KnowledgeGraph(NODES.iloc[:0], EDGES.iloc[:0])
    assert nothing.summary().empty
    assert nothing.find("x").empty


def test_repr_counts_types_that_are_there(graph):
    assert repr(graph) == "KnowledgeGraph('tiny': 6 nodes (3 person, 2 project, 1 genre), 8 edges)"
    nodes = NODES.assign(node_type=NODES["node_type"].astype("category"))
    assert "genre" not in repr(KnowledgeGraph(nodes, EDGES).subgraph(node_types=["person"]))


# ---- looking up --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_neighbours_degree_and_adjacency_agree_with_counting(seed):
    graph = random_graph(seed)
    edges = graph.edges
    for position, node_id in enumerate(graph.nodes["node_id"]):
        expected = []
        for row, (source, relation, target) in enumerate(edges.itertuples(index=False)):
            expected += [(row, relation, "out", target)] if source == node_id else []
            expected += [(row, relation, "in", source)] if target == node_id else []
        assert graph.degree[position] == len(expected)
        found = graph.neighbours(node_id)
        assert Counter(zip(found["relation"], found["direction"], found["node_id"], strict=True)) == Counter(
            entry[1:] for entry in expected
        )
        assert found["relation"].tolist() == [entry[1] for entry in expected]  # the edge table's order
        for direction in ("out", "in"):
            one_way = graph.neighbours(node_id, direction=direction, relation="Likes")
            assert sorted(one_way["node_id"]) == sorted(
                other for _, relation, way, other in expected if way == direction and relation == "Likes"
            )
        table = graph.adjacency
        span = slice(table.starts[position], table.starts[position + 1])
        for row, out, other in zip(table.edge_rows[span], table.outgoing[span], table.neighbours[span], strict=True):
            here, there = ("source", "target") if out else ("target", "source")
            assert edges[here].iloc[row] == node_id
            assert edges[there].iloc[row] == graph.nodes["node_id"].iloc[other]
    assert graph.degree.sum() == 2 * len(edges)
    assert len(graph.adjacency.neighbours) == 2 * len(edges)


def test_neighbours_carry_the_columns_of_their_node(graph):
    found = graph.neighbours("m2", direction="in")
    assert found[["relation", "name", "description"]].values.tolist() == [
        ["Director", "ada quill", "paints"],
        ["Actor", "Bo Ray", ""],
        ["follows", "Red Moon", "A heist."],
    ]
    with pytest.raises(GraphError, match="'outgoing'; choose 'out', 'in' or 'both'"):
        graph.neighbours("m2", direction="outgoing")


def test_an_unknown_id_says_how_to_search(graph):
    for look in (graph.position, graph.node, graph.neighbours):
        with pytest.raises(KeyError, match=r"no node 'Ada Quill' in tiny; graph\.find"):
            look("Ada Quill")
    assert graph.node("m1")["name"] == "Red Moon"
    assert graph.position("m1") == 3


def test_find_returns_all_of_a_name_whatever_its_case_most_connected_first(graph):
    assert graph.find(" ADA quill ")["node_id"].tolist() == ["p1", "p2"]
    assert graph.find("ada quill")["degree"].tolist() == [2, 1]
    more = graph.with_edges(EDGES[EDGES["source"] != "p1"])
    assert more.find("Ada Quill")["node_id"].tolist() == ["p2", "p1"]
    assert graph.find("été")["node_id"].tolist() == ["m2"]
    assert graph.find("na")["node_id"].tolist() == ["g1"]
    assert graph.find("Red Moon", "person").empty
    assert graph.find("Red").empty
    assert graph.find("red moon", "project")["node_id"].tolist() == ["m1"]


def test_triples_and_summary_say_what_the_edges_say(graph):
    triples = graph.triples()
    assert triples.iloc[5].tolist() == ["Red Moon", "project", "has genre", "NA", "genre", "m1", "g1"]
    assert triples_of(triples) == triples_of(EDGES)
    summary = graph.summary()
    assert summary["edges"].sum() == len(EDGES)
    assert summary.set_index(["subject_type", "relation", "object_type"])["edges"].to_dict() == {
        ("person", "Director", "project"): 2,
        ("person", "Actor", "project"): 2,
        ("person", "Screenwriter", "project"): 1,
        ("project", "has genre", "genre"): 1,
        ("project", "follows", "project"): 1,
        ("project", "inspired", "project"): 1,
    }
    assert summary["edges"].is_monotonic_decreasing


# ---- smaller graphs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("condition", "belongs"),
    [
        ({"node_types": ["person", "genre"]}, lambda node, degree: node.node_type != "project"),
        ({"min_degree": 11}, lambda node, degree: degree >= 11),
        ({"node_ids": ["n3", "n4", "n5", "n3"]}, lambda node, degree: node.node_id in ("n3", "n4", "n5")),
        (
            {"node_types": ["person"], "min_degree": 9},
            lambda node, degree: node.node_type == "person" and degree >= 9,
        ),
        ({"node_ids": []}, lambda node, degree: False),
    ],
)
def test_a_subgraph_has_the_nodes_that_qualify_and_all_edges_among_them(seed, condition, belongs):
    graph = random_graph(seed)
    small = graph.subgraph(**condition)
    nodes = {
        node.node_id
        for node, degree in zip(graph.nodes.itertuples(), graph.degree, strict=True)
        if belongs(node, degree)
    }
    assert set(small.nodes["node_id"]) == nodes
    assert triples_of(small.edges) == {t for t in triples_of(graph.edges) if t[0] in nodes and t[2] in nodes}


def test_top_keeps_the_most_connected_of_a_type_and_other_types_whole():
    graph = random_graph(7)
    small = graph.subgraph(top={"person": 4, "genre": 0})
    counts, all_counts = small.nodes["node_type"].value_counts(), graph.nodes["node_type"].value_counts()
    assert counts.to_dict() == {"person": 4, "project": all_counts["project"]}
    people = graph.nodes[graph.nodes["node_type"] == "person"]
    best = sorted(graph.degree[people.index], reverse=True)[:4]
    kept = [graph.degree[graph.position(n)] for n in small.nodes.query("node_type == 'person'")["node_id"]]
    assert sorted(kept, reverse=True) == best
    assert len(graph.subgraph(top={"person": 10_000}).nodes) == len(graph.nodes)


@pytest.mark.parametrize("condition", [{"node_types": ["persons"]}, {"top": {"persons": 3}}])
def test_a_misspelt_type_is_refused_with_those_there_are(graph, condition):
    with pytest.raises(GraphError, match="no node has the type 'persons'; tiny has genre, person, project"):
        graph.subgraph(**condition)


def test_other_wrong_conditions_are_refused(graph):
    with pytest.raises(GraphError, match="must not be negative"):
        graph.subgraph(top={"person": -1})
    with pytest.raises(KeyError, match="no node 'p9'"):
        graph.subgraph(node_ids=["p1", "p9"])


# ---- the split ---------------------------------------------------------------------------------------------------


def pairs_of(frame):
    return {frozenset((source, target)) for source, _, target in triples_of(frame)}


@pytest.mark.parametrize("seed", range(5))
def test_a_split_loses_nothing_leaks_nothing_and_leaves_every_node_an_edge(seed):
    graph = random_graph(seed)
    split = graph.split_edges(validation=0.15, test=0.2, seed=seed)
    parts = [split.train, split.validation, split.test]
    assert sum(map(len, parts)) == len(graph.edges)
    assert set().union(*map(triples_of, parts)) == triples_of(graph.edges)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not pairs_of(parts[one]) & pairs_of(parts[other])
    touched = set(graph.edges["source"]) | set(graph.edges["target"])
    assert set(split.train["source"]) | set(split.train["target"]) == touched
    pairs = len(pairs_of(graph.edges))
    assert len(pairs_of(split.validation)) == round(0.15 * pairs)
    assert len(pairs_of(split.test)) == round(0.2 * pairs)
    assert triples_of(split.training_graph.edges) == triples_of(split.train)
    assert split.training_graph.nodes.equals(graph.nodes)


def test_both_directions_and_all_relations_of_a_pair_stay_together():
    """Many pairs, each joined four times: any rule that ignored one of the four would tear one apart."""
    ids = [f"n{i}" for i in range(40)]
    nodes = pd.DataFrame({"node_id": ids, "node_type": "person", "name": ids})
    pairs = [(a, b) for i, a in enumerate(ids) for b in ids[:i] if (i * 7 + int(b[1:])) % 3 == 0]
    rows = [(s, r, t) for a, b in pairs for s, t in ((a, b), (b, a)) for r in ("likes", "knows")]
    split = KnowledgeGraph(nodes, pd.DataFrame(rows, columns=["source", "relation", "target"])).split_edges()
    for part in (split.train, split.validation, split.test):
        assert set(Counter(frozenset((s, t)) for s, _, t in triples_of(part)).values()) == {4}
    assert len(split.test) > 0


def test_the_seed_decides():
    graph = random_graph(1)
    first, again, other = graph.split_edges(seed=3), graph.split_edges(seed=3), graph.split_edges(seed=4)
    assert first.test.equals(again.test)
    assert first.validation.equals(again.validation)
    assert not first.test.equals(other.test)


def test_only_the_relations_named_are_held_out_and_no_pair_joined_otherwise():
    graph = random_graph(2)
    split = graph.split_edges(validation=0.2, test=0.2, relations=["likes", "Likes"])
    held = pd.concat([split.validation, split.test])
    assert set(held["relation"]) == {"likes", "Likes"}
    otherwise = pairs_of(graph.edges[~graph.edges["relation"].isin(["likes", "Likes"])])
    assert not pairs_of(held) & otherwise
    eligible = pairs_of(graph.edges) - otherwise
    assert len(pairs_of(split.test)) == round(0.2 * len(eligible))


def test_rows_never_to_hold_out_stay_in_training_with_the_rest_of_their_pair():
    graph = random_graph(3)
    usual = graph.split_edges(seed=1)
    rows = [*usual.test.index[:10], *usual.validation.index[:5]]
    split = graph.split_edges(seed=1, never_hold_out=rows)
    assert set(rows) <= set(split.train.index)
    assert pairs_of(graph.edges.iloc[rows]) <= pairs_of(split.train)
    assert len(split.test) > 0
    mask = np.zeros(len(graph.edges), dtype=bool)
    mask[rows] = True
    assert graph.split_edges(seed=1, never_hold_out=mask).test.equals(split.test)
    with pytest.raises(GraphError, match=f"row {len(graph.edges)}; the edges have rows 0 to"):
        graph.split_edges(never_hold_out=[0, len(graph.edges)])
    with pytest.raises(GraphError, match="row -1"):
        graph.split_edges(never_hold_out=[-1])


def test_a_sparse_graph_gives_both_parts_their_proportion():
    """A hub with 20 leaves and 10 edges among them: nearly all must train, and what is left serves both parts."""
    ids = ["hub", *(f"leaf{i}" for i in range(20))]
    rows = [("hub", "r", leaf) for leaf in ids[1:]] + [(f"leaf{2 * i}", "r", f"leaf{2 * i + 1}") for i in range(10)]
    graph = KnowledgeGraph(
        pd.DataFrame({"node_id": ids, "node_type": "x", "name": ids}),
        pd.DataFrame(rows, columns=["source", "relation", "target"]),
    )
    split = graph.split_edges(validation=0.3, test=0.3)
    assert set(split.train["source"]) | set(split.train["target"]) == set(ids)
    assert len(split.validation) + len(split.test) >= 8
    assert abs(len(split.validation) - len(split.test)) <= 1
    tree = graph.with_edges(graph.edges.iloc[:20]).split_edges(validation=0.4, test=0.4)
    assert len(tree.train) == 20  # every edge of a star is some leaf's only one


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.1), (0.5, 0.5), (0.1, 1.0)])
def test_impossible_shares_are_refused(graph, validation, test):
    with pytest.raises(GraphError, match="cannot hold out"):
        graph.split_edges(validation=validation, test=test)


def test_an_unknown_relation_is_refused_with_those_there_are(graph):
    with pytest.raises(GraphError, match="no edge has the relation 'director'; tiny has Actor, Director"):
        graph.split_edges(relations=["director"])


def test_no_share_at_all_trains_on_everything(graph):
    assert len(graph.split_edges(validation=0, test=0).train) == len(EDGES)
    assert repr(graph.split_edges(validation=0, test=0)) == "EdgeSplit(train=8, validation=0, test=0)"


# ---- PyTorch Geometric -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_homogeneous_data_maps_back_to_the_same_triples(seed):
    graph = random_graph(seed)
    data = graph.to_pyg(homogeneous=True)
    assert data.validate()
    assert data.num_nodes == len(graph.nodes)
    back = {
        (data.node_id[s], data.edge_types[r], data.node_id[t])
        for (s, t), r in zip(data.edge_index.T.tolist(), data.edge_type.tolist(), strict=True)
    }
    assert back == triples_of(graph.edges)
    assert [data.node_types[code] for code in data.node_type] == graph.nodes["node_type"].tolist()


@pytest.mark.parametrize("seed", range(2))
def test_heterogeneous_data_maps_back_even_where_relations_differ_in_case_or_signs_alone(seed):
    graph = random_graph(seed)  # has 'likes' and 'Likes', 'made by' and 'made-by'
    data = graph.to_pyg()
    assert data.validate()
    assert {kind: data[kind].num_nodes for kind in data.node_types} == graph.nodes["node_type"].value_counts().to_dict()
    back = [
        (data[kind[0]].node_id[s], data.relation_names[kind], data[kind[2]].node_id[t])
        for kind in data.edge_types
        for s, t in data[kind].edge_index.T.tolist()
    ]
    assert len(back) == len(graph.edges)
    assert set(back) == triples_of(graph.edges)


def test_names_that_are_no_identifiers_pass_through_to_hetero():
    import torch
    from torch_geometric.nn import SAGEConv, to_hetero
    from torch_geometric.transforms import ToUndirected

    nodes = NODES.replace({"person": "Voice actor / singer", "genre": "film.genre"})
    edges = EDGES.replace(
        {"Director": "co-director (2nd unit)", "has genre": "10 % of", "follows": "!", "inspired": "?"}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # what PyTorch Geometric says about names it cannot take
        data = ToUndirected()(KnowledgeGraph(nodes, edges).to_pyg())
    assert data.validate()
    assert set(data.relation_names.values()) == set(edges["relation"])

    class Sage(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = SAGEConv((-1, -1), 8), SAGEConv((-1, -1), 4)

        def forward(self, x, edge_index):
            return self.second(self.first(x, edge_index).relu(), edge_index)

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = to_hetero(Sage(), data.metadata())
    out = model({kind: torch.randn(data[kind].num_nodes, 5) for kind in data.node_types}, data.edge_index_dict)
    assert {kind: tuple(vectors.shape) for kind, vectors in out.items()} == {
        kind: (data[kind].num_nodes, 4) for kind in data.node_types
    }
    assert all(torch.isfinite(vectors).all() for vectors in out.values())


# ---- categorical columns -----------------------------------------------------------------------------------------


def as_categories(graph):
    ids = pd.CategoricalDtype([*graph.nodes["node_id"], "never used"])
    edges = graph.edges.astype({"source": ids, "relation": "category", "target": ids})
    nodes = graph.nodes.astype({"node_id": "category", "node_type": "category", "name": "category"})
    return KnowledgeGraph(nodes.assign(description=nodes["description"].astype("category")), edges, name=graph.name)


def test_categories_mean_the_same_as_text():
    graph = random_graph(5)
    other = as_categories(graph)
    assert other.degree.equals(graph.degree)
    assert other.find("SAME NAME").astype(object).equals(graph.find("SAME NAME").astype(object))
    assert other.summary().equals(graph.summary())
    node_id = graph.nodes["node_id"].iloc[0]
    assert other.neighbours(node_id).astype(object).equals(graph.neighbours(node_id).astype(object))
    assert triples_of(other.split_edges(seed=2).test) == triples_of(graph.split_edges(seed=2).test)
    assert triples_of(other.subgraph(node_types=["person"]).edges) == triples_of(
        graph.subgraph(node_types=["person"]).edges
    )
    assert other.to_pyg().edge_types == graph.to_pyg().edge_types


def test_categories_are_validated_like_text(graph):
    edges = as_categories(graph).edges
    for bad, message in (
        (edges.assign(source=edges["source"].cat.set_categories(["p1", "m1"])), "row 2: source is empty"),
        (edges.assign(source=edges["source"].cat.rename_categories({"p3": " "})), "row 3: source is empty"),
        (edges.assign(target=edges["target"].cat.rename_categories({"g1": "g2"})), "row 5: target 'g2'"),
        (edges.iloc[[0, 1, 2, 1]], "'p1, Screenwriter, m1' is there already in row 1"),
        (edges.assign(relation=pd.Categorical([1] * 8)), "relation 1 is not text"),
    ):
        with pytest.raises(GraphError, match=message):
            KnowledgeGraph(NODES, bad)
