"""Tables as other programs and people write them: columns by other names, several files, known layouts."""

import re

import networkx
import pytest

from kgss_helpers.datasets import (
    from_networkx,
    load_arxiv,
    load_csv,
    load_graphml,
    load_link_records,
    load_movielens,
    load_rdf,
    synthetic_graph,
)
from kgss_helpers.datasets.columns import plain, proposed
from kgss_helpers.graph import GraphError, KnowledgeGraph

pytestmark = pytest.mark.usefixtures("unexpected_warnings_fail")

NODES = "node_id,node_type,name\np1,person,Ada\nm1,project,Mill\n"
EDGES = "source,relation,target\np1,Author,m1\n"


@pytest.fixture
def write(tmp_path):
    def write_file(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def facts(graph):
    """Names of both ends, with the relation."""
    triples = graph.triples()
    return set(zip(triples["subject"], triples["relation"], triples["object"], strict=True))


# ---- names of columns --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "means"),
    [
        ("Node_ID", "nodeid"),
        ("personId:ID(Person)", "id"),
        (":START_ID", "startid"),
        ("born:int", "born"),
        (" Id ", "id"),
    ],
)
def test_a_column_is_known_whatever_its_case_signs_and_types(column, means):
    assert plain(column) == means


def test_all_missing_columns_are_proposed_at_once():
    ours = ["node_id", "node_type", "name"]
    assert proposed(["Id", "Title", "Kind"], ours) == {"node_id": "Id", "node_type": "Kind", "name": "Title"}
    assert proposed(["x", "y"], ours) == {}


def test_one_message_names_every_missing_column(write):
    nodes = write("nodes.csv", "Node ID,Typ,Title\n1,person,Ada\n")
    with pytest.raises(GraphError) as refusal:
        load_csv(nodes, write("edges.csv", EDGES))
    for part in (
        "nodes.csv, line 1",
        "'node_id', 'node_type', 'name' are missing",
        "'Node ID' to 'node_id'",
        "'Title'",
    ):
        assert part in str(refusal.value)


def test_the_caller_may_say_what_columns_are_called(write):
    nodes = write("n.csv", "staff no,what,who,about\n1,person,Ada,mills\n2,project,Mill,\n")
    edges = write("e.csv", "a,b,how\n1,2,Author\n")
    graph = load_csv(
        nodes,
        edges,
        columns={"node_id": "staff no", "node_type": "what", "name": "who", "description": "about"},
        edge_columns={"source": "a", "target": "b", "relation": "how"},
    )
    assert facts(graph) == {("Ada", "Author", "Mill")}
    assert graph.node("1")["description"] == "mills"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"node_id": "stuff no"}, "there is no column 'stuff no'; did you mean 'staff no'"),
        ({"id": "staff no"}, "'id' is no column of ours"),
        ({"node_id": "staff no", "name": "staff no"}, "cannot be two of ours"),
    ],
)
def test_columns_that_the_caller_gets_wrong_are_told(write, columns, said):
    nodes = write("n.csv", "staff no,node_type,name\n1,person,Ada\n")
    with pytest.raises(GraphError, match=said):
        load_csv(nodes, write("e.csv", EDGES), columns=columns)


def test_one_type_and_one_relation_for_all(write):
    nodes = write("n.csv", "node_id,name\n1,Ada\n2,Bo\n")
    edges = write("e.csv", "source,target\n1,2\n")
    graph = load_csv(nodes, edges, node_type="person", relation="knows")
    assert facts(graph) == {("Ada", "knows", "Bo")}
    assert set(graph.nodes["node_type"]) == {"person"}
    with pytest.raises(GraphError, match="has a column 'node_type' already"):
        load_csv(write("m.csv", NODES), write("e2.csv", EDGES), node_type="thing")


def test_several_files_are_one_graph(write):
    more = "node_id,node_type,name,since\np2,person,Bo,1999\nm1,project,Mill,\n"
    nodes = [write("people.csv", NODES), write("more.csv", more)]
    edges = [write("a.csv", EDGES), write("b.csv", "target,source,relation\nm1,p2,Author\n")]
    graph = load_csv(nodes, edges)
    assert facts(graph) == {("Ada", "Author", "Mill"), ("Bo", "Author", "Mill")}
    assert graph.node("p2")["since"] == "1999"
    with pytest.raises(GraphError, match="no file to read"):
        load_csv([], edges)


def test_what_excel_leaves_behind_does_no_harm(write):
    nodes = write("n.csv", "sep=;\nnode_id;node_type;name;;\np1;person;Ada;;\nm1;project;Mill;;\n")
    assert facts(load_csv(nodes, write("e.csv", EDGES))) == {("Ada", "Author", "Mill")}
    filled = write("f.csv", "node_id,node_type,name,\np1,person,Ada,x\nm1,project,Mill,\n")
    with pytest.warns(UserWarning, match=r"f\.csv: 1 cell in columns without a name not used"):
        load_csv(filled, write("e.csv", EDGES))


# ---- quotation marks ---------------------------------------------------------------------------------------------


def test_rows_behind_a_stray_quotation_mark_are_read(write):
    rows = [f"p{number},person,Name {number}" for number in range(1000)]
    rows[3], rows[700] = 'p3,person,"Name 3', 'p700,person,Name 700"'
    nodes = write("n.csv", "node_id,node_type,name\n" + "\n".join(rows) + "\n")
    edges = write("e.csv", "source,relation,target\n")
    with pytest.raises(GraphError, match=r"n\.csv, line 5 \(to line 702\): a quotation mark opens"):
        load_csv(nodes, edges)
    with pytest.warns(UserWarning, match=r"n\.csv, line 5 .*; 1 such row skipped"):
        graph = load_csv(nodes, edges, on_bad_rows="skip")
    assert len(graph.nodes) == 999


def test_a_text_of_several_lines_stays_one_text(write):
    nodes = write("n.csv", 'node_id,node_type,name,description\np1,person,Ada,"one\ntwo, with a comma\nthree"\n')
    graph = load_csv(nodes, write("e.csv", "source,relation,target\n"))
    assert graph.node("p1")["description"] == "one\ntwo, with a comma\nthree"


def test_a_row_of_very_many_lines_is_told(write):
    text = "\n".join(["line"] * 200)
    nodes = write("n.csv", f'node_id,node_type,name,description\np1,person,Ada,"{text}"\n')
    with pytest.warns(UserWarning, match=r"n\.csv, line 2: one row spans 200 lines, up to line 201"):
        load_csv(nodes, write("e.csv", "source,relation,target\n"))


def test_twenty_thousand_columns_are_no_trouble(write):
    extra = ",".join(f"c{number}" for number in range(20_000))
    values = ",".join("0" for _ in range(20_000))
    nodes = write("n.csv", f"node_id,node_type,name,{extra}\np1,person,Ada,{values}\n")
    assert load_csv(nodes, write("e.csv", "source,relation,target\n")).node("p1")["c19999"] == "0"


@pytest.mark.parametrize("columns", [15, 20_000])
def test_a_message_names_a_dozen_columns_and_counts_the_others(write, columns):
    header = ",".join(f"c{number}" for number in range(columns))
    nodes = write("n.csv", f"{header}\n{header}\n")
    with pytest.raises(GraphError, match=rf"c0, c1.*c11 and {columns - 12:,} more \(separated") as raised:
        load_csv(nodes, write("e.csv", "source,relation,target\n"))
    assert len(str(raised.value)) < 500


# ---- encodings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("Szőts Ödön, Győr", "cp1250"), ("Dvořák, Plzeň", "cp1250"), ("José Núñez, Müller", "cp1252"), ("Łódź", "cp1250")],
)
def test_names_of_central_europe_keep_their_letters(tmp_path, write, name, encoding):
    (tmp_path / "n.csv").write_bytes(f'node_id,node_type,name\np1,person,"{name}"\n'.encode(encoding))
    with pytest.warns(UserWarning, match=f"read as {encoding}"):
        graph = load_csv(tmp_path / "n.csv", write("e.csv", "source,relation,target\n"))
    assert graph.node("p1")["name"] == name


def test_one_bad_byte_does_not_make_a_file_another_encoding(tmp_path, write):
    rows = b"".join(f"p{number},person,Zoë Ångström {number}\n".encode() for number in range(100))
    (tmp_path / "n.csv").write_bytes(b"node_id,node_type,name\n" + rows + b"x,person,Caf\xe9 Noir\n")
    with pytest.warns(UserWarning, match=r"n\.csv, line 102: 1 byte not UTF-8, replaced by"):
        graph = load_csv(tmp_path / "n.csv", write("e.csv", "source,relation,target\n"))
    assert graph.node("p7")["name"] == "Zoë Ångström 7"
    assert graph.node("x")["name"] == "Caf\ufffd Noir"


# ---- other programs' tables --------------------------------------------------------------------------------------


def test_neo4js_import_layout(write):
    nodes = write("n.csv", "personId:ID(P),name,born:int,:LABEL\n1,Ada,1815,Person;Writer\n2,Mill,,Work\n")
    edges = write("e.csv", ":START_ID(P),:END_ID(P),:TYPE\n1,2,WROTE\n")
    with pytest.warns(UserWarning, match="read as Neo4j's import layout"):
        graph = load_csv(nodes, edges)
    assert facts(graph) == {("Ada", "WROTE", "Mill")}
    assert graph.node("1")[["node_type", "born"]].tolist() == ["Person", "1815"]


def test_apocs_export_is_one_file(write):
    text = "_id,_labels,name,_start,_end,_type\n0,:Person,Ada,,,\n1,:Work,Mill,,,\n,,,0,1,WROTE\n"
    with pytest.warns(UserWarning, match="read as APOC's export"):
        graph = load_csv(write("all.csv", text))
    assert facts(graph) == {("Ada", "WROTE", "Mill")}
    assert set(graph.nodes["node_type"]) == {"Person", "Work"}


def test_gephis_type_is_no_relation(write):
    nodes = write("n.csv", "Id,Label,timeset\n1,Ada,\n2,Mill,\n")
    edges = write("e.csv", "Source,Target,Type,Id,Label,timeset,Weight\n1,2,Directed,0,,,1.0\n")
    with (
        pytest.raises(GraphError, match="this layout has no node_type here; pass node_type="),
        pytest.warns(UserWarning, match="read as Gephi"),
    ):
        load_csv(nodes, edges)
    with pytest.warns(UserWarning, match="read as Gephi's tables"):
        graph = load_csv(nodes, edges, node_type="thing", relation="links")
    assert facts(graph) == {("Ada", "links", "Mill")}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("adult,budget,homepage,id,video", "The Movies Dataset"),
        ("movieId,imdbId,tmdbId", r"MovieLens' links\.csv"),
        ("tconst,titleType", "load_imdb"),
    ],
)
def test_tables_that_have_a_loader_of_their_own_are_recognised(write, header, said):
    with pytest.raises(GraphError, match=said):
        load_csv(write("n.csv", f"{header}\n"), write("e.csv", EDGES))


# ---- MovieLens ---------------------------------------------------------------------------------------------------


def test_movielens_of_one_hundred_thousand_and_of_one_million(tmp_path):
    old, older = tmp_path / "1m", tmp_path / "100k"
    old.mkdir()
    (old / "movies.dat").write_bytes(
        "1::Matrix, The (1999)::Action|Sci-Fi\n2::Caf\xe9 (1990)::Drama\n".encode("latin-1")
    )
    (old / "ratings.dat").write_text("7::1::5::978300760\n7::2::1::978300761\n")
    older.mkdir()
    (older / "u.genre").write_text("unknown|0\nAction|1\nSci-Fi|2\nDrama|3\n\n")
    items = "1|Matrix, The (1999)|01-Jan-1999||http://x|0|1|1|0\n2|Caf\xe9 (1990)|01-Jan-1990||http://y|0|0|0|1\n"
    (older / "u.item").write_bytes(items.encode("latin-1"))
    (older / "u.data").write_text("7\t1\t5\t881250949\n7\t2\t1\t881250949\n")
    for folder in (old, older):
        graph = load_movielens(folder)
        assert {("user 7", "likes", "The Matrix"), ("user 7", "dislikes", "Café")} <= facts(graph)
        assert {("The Matrix", "has genre", "Sci-Fi"), ("Café", "has genre", "Drama")} <= facts(graph)
    (old / "ratings.dat").unlink()
    with pytest.raises(FileNotFoundError, match=r"there is no ratings\.dat in .*unpack the whole archive"):
        load_movielens(old)


@pytest.mark.parametrize("rating", ["50", "4_5", "-1", "five", ""])
def test_a_rating_is_a_number_of_stars(write, tmp_path, rating):
    write("movies.csv", "movieId,title,genres\n1,A (1999),Drama\n")
    write("ratings.csv", f"userId,movieId,rating,timestamp\n1,1,{rating},0\n")
    with pytest.raises(GraphError, match=f"the rating '{rating}' of user 1.* not a number of stars from 0 to 5"):
        load_movielens(tmp_path, tags=False)


def test_ratings_without_a_user_are_counted_and_thresholds_are_numbers(write, tmp_path):
    write("movies.csv", "movieId,title,genres\n1,A (1999),Drama\n")
    write("ratings.csv", "userId,movieId,rating,timestamp\n,1,5,0\n ,1,5,0\n9,1,5,0\n")
    with pytest.warns(UserWarning, match="2 ratings without a user left out"):
        assert len(load_movielens(tmp_path, tags=False).nodes.query("node_type == 'person'")) == 1
    with pytest.raises(GraphError, match="must be numbers of stars"):
        load_movielens(tmp_path, dislikes_up_to=float("nan"))


# ---- RDF ---------------------------------------------------------------------------------------------------------

TURTLE = """
@prefix ex: <http://example.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
ex:ada a ex:Person ; rdfs:label "Ada Lovelace"@en, "Lovelace Ada"@hu ; ex:wrote ex:Some_Notes ; ex:born 1815 .
ex:Some_Notes a ex:Work ; rdfs:comment "On an engine."@en .
ex:Person rdfs:label "person"@en .
"""


def test_turtle_with_labels_by_language(write):
    path = write("g.ttl", TURTLE)
    with pytest.warns(UserWarning, match="1 literals that are neither name nor description left out"):
        graph = load_rdf(path)
    assert ("Ada Lovelace", "wrote", "Some Notes") in facts(graph)
    assert graph.node("http://example.org/ada")["node_type"] == "person"
    assert graph.node("http://example.org/Some_Notes")["description"] == "On an engine."
    with pytest.warns(UserWarning, match="left out"):
        assert load_rdf(path, languages=("hu", "en")).node("http://example.org/ada")["name"] == "Lovelace Ada"


def test_n_triples_and_relations_in_words(write):
    text = "<http://e/a> <http://e/hasKeyword> <http://e/space%20battle> .\n_:x <http://e/of> <http://e/a> .\n"
    graph = load_rdf(write("g.nt", text))
    assert ("a", "has keyword", "space battle") in facts(graph)
    assert len(graph.nodes) == 3


@pytest.mark.parametrize(
    ("name", "text"), [("g.nt", "<a> <b>\n"), ("g.ttl", "@prefix x"), ("g.rdf", "<rdf>"), ("g.csv", "")]
)
def test_what_is_no_rdf_is_named(write, name, text):
    with pytest.raises(GraphError, match=rf"^g\.{name.split('.')[1]}"):
        load_rdf(write(name, text))
    with pytest.raises(GraphError, match=r"g\.csv: its ending tells no format"):
        load_rdf(write("g.csv", text))


# ---- NetworkX and GraphML ----------------------------------------------------------------------------------------


def test_a_networkx_graph_with_attributes_by_common_names():
    import networkx

    network = networkx.MultiDiGraph(name="mine")
    network.add_node(1, label="Ada", type="person", age=36)
    network.add_edge(1, "m", key="wrote")
    network.add_edge(1, "m", key="signed", weight=2)
    with pytest.warns(UserWarning, match="mine: 1 attributes of nodes not used; 1 attributes of edges not used"):
        graph = from_networkx(network, node_type="work")
    assert facts(graph) == {("Ada", "wrote", "m"), ("Ada", "signed", "m")}
    assert graph.node("m")["node_type"] == "work"
    network.add_node("1")
    with pytest.raises(GraphError, match="two nodes are '1' as text"):
        from_networkx(network)


def test_graphml_comes_back_as_it_was_written(tmp_path, write):
    import networkx

    network = networkx.DiGraph()
    network.add_node("a", name="Ada", node_type="person")
    network.add_node("b", name="Mill", node_type="work")
    network.add_edge("a", "b", relation="wrote")
    networkx.write_graphml(network, tmp_path / "g.graphml")
    assert facts(load_graphml(tmp_path / "g.graphml")) == {("Ada", "wrote", "Mill")}
    with pytest.raises(GraphError, match=r"bad\.graphml: not valid GraphML"):
        load_graphml(write("bad.graphml", "<graphml><node"))


# ---- calls that cannot be meant ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda file: load_arxiv(file, limit=-1), "limit must be a whole number from 1 on, not -1"),
        (lambda file: load_arxiv(file, limit="5"), "limit must be a whole number from 1 on, not '5'"),
        (lambda file: load_arxiv(file, categories=[3]), "a list of texts is needed, and 3 is none"),
        (lambda file: load_link_records(file, min_count=float("nan")), "min_count must be a whole number"),
        (lambda file: load_link_records(file, min_count="2"), "min_count must be a whole number"),
        (lambda _: synthetic_graph("100"), "nodes must be a whole number"),
        (lambda _: synthetic_graph(100.5), "nodes must be a whole number"),
        (lambda _: synthetic_graph(100, seed=-1), "seed must be a whole number from 0 on, not -1"),
        (lambda _: synthetic_graph(200, communities=2.5), "communities must be a whole number, not 2.5"),
        (lambda _: from_networkx([1, 2]), "a NetworkX graph is needed, not list"),
        (lambda _: KnowledgeGraph(None, None), "nodes must be a pandas DataFrame, not NoneType"),
        (lambda _: synthetic_graph(100).find(5), "a name is a text, and 5 is none"),
    ],
)
def test_a_call_that_cannot_be_meant_is_answered_by_name(write, call, said):
    with pytest.raises(GraphError, match=re.escape(said)):
        call(write("x.json", ""))


def test_an_attribute_without_a_value_is_no_name():
    network = networkx.Graph()
    network.add_node("ada", name=None, label="Ada")
    network.add_node("bo", name=None)
    graph = from_networkx(network)
    assert graph.nodes["name"].tolist() == ["Ada", "bo"]
