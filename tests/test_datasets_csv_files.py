"""Your own two CSV files: everything that spreadsheets and people do to them."""

import gzip
import re

import pytest

from kgss_helpers.datasets import load_csv
from kgss_helpers.graph import GraphError

pytestmark = pytest.mark.usefixtures("unexpected_warnings_fail")

NODES = [
    ["node_id", "node_type", "name", "description"],
    ["p1", "person", "Zoë Muñoz", "says “hello”"],
    ["p2", "person", "NA", ""],
    ["p3", "person", "None", "null"],
    ["m1", "project", "Señor Å", 'a "quoted" word, and\na second line'],
]
EDGES = [["source", "relation", "target"], ["p1", "Director", "m1"], ["p2", "Actor", "m1"], ["p3", "Actor", "m1"]]


def as_csv(rows, separator=",", end="\n"):
    return "".join(separator.join('"' + cell.replace('"', '""') + '"' for cell in row) + end for row in rows)


@pytest.fixture
def files(tmp_path):
    """Writes both files, from rows, text or bytes, and returns their paths."""

    def write(nodes=NODES, edges=EDGES, encoding="utf-8", separator=",", end="\n"):
        paths = tmp_path / "nodes.csv", tmp_path / "edges.csv"
        for path, content in zip(paths, (nodes, edges), strict=True):
            text = as_csv(content, separator, end) if isinstance(content, list) else content
            path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return paths

    return write


def check(graph, second_line="\n"):
    assert graph.nodes[["node_id", "node_type", "name"]].values.tolist() == [row[:3] for row in NODES[1:]]
    assert [text.replace(second_line, "\n") for text in graph.nodes["description"]] == [row[3] for row in NODES[1:]]
    assert graph.edges.values.tolist() == EDGES[1:]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_common_way_of_saving_reads_the_same(files, encoding, separator, end):
    check(load_csv(*files(encoding=encoding, separator=separator, end=end)))


def test_utf_16_of_either_byte_order(files):
    for order_mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        check(
            load_csv(*files(order_mark + as_csv(NODES).encode(encoding), order_mark + as_csv(EDGES).encode(encoding)))
        )


def test_windows_line_ends_inside_a_field_are_kept(files):
    rows = [[cell.replace("\n", "\r\n") for cell in row] for row in NODES]
    graph = load_csv(*files(rows, end="\r\n"))
    assert graph.node("m1")["description"] == 'a "quoted" word, and\r\na second line'


def test_packed_files(tmp_path):
    paths = tmp_path / "nodes.csv.gz", tmp_path / "edges.csv.gz"
    for path, rows in zip(paths, (NODES, EDGES), strict=True):
        path.write_bytes(gzip.compress(as_csv(rows).encode()))
    check(load_csv(*paths))
    paths[0].write_bytes(paths[0].read_bytes()[:-20])
    with pytest.raises(GraphError, match=r"nodes\.csv\.gz: the compressed file is cut off or damaged.*download"):
        load_csv(*paths)


def test_windows_western_encoding_is_read_with_a_warning(files):
    with pytest.warns(UserWarning, match=r"nodes\.csv is not UTF-8; read as cp1252.*save it as UTF-8") as warned:
        check(load_csv(*files(encoding="cp1252")))
    assert len(warned) == 1  # the edges are plain ASCII
    assert warned[0].filename == __file__  # it points to the reader's line


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("mac_roman", ["Amélie Poulain", "Jürgen Groß"]),
        ("cp1250", ["Łukasz Żal", "Krzysztof Kieślowski"]),
        ("iso8859_2", ["Łukasz Żal", "Krzysztof Kieślowski"]),
        ("cp1251", ["Сергей Эйзенштейн", "Андрей Тарковский"]),
        ("koi8_r", ["Сергей Эйзенштейн", "Андрей Тарковский"]),
        ("cp932", ["黒澤明", "宮崎駿", "小津安二郎"]),
    ],
)
def test_other_scripts_are_guessed_with_a_warning(files, encoding, names):
    rows = [NODES[0][:3], *([f"p{i}", "person", name] for i, name in enumerate(names))]
    paths = files(rows, [EDGES[0]], encoding=encoding)
    with pytest.warns(UserWarning, match=f"read as {encoding}"):
        assert load_csv(*paths).nodes["name"].tolist() == names


def test_an_encoding_that_is_passed_is_taken_without_a_guess(files):
    for encoding, name in (("cp1250", "Łukasz Żal"), ("cp1253", "Θόδωρος Αγγελόπουλος"), ("cp949", "봉준호")):
        paths = files([NODES[0][:3], ["p1", "person", name]], [EDGES[0]], encoding=encoding)
        assert load_csv(*paths, encoding=encoding).nodes["name"].tolist() == [name]
    with pytest.raises(GraphError, match=r"nodes\.csv: not a text in utf-8 .*; pass the right encoding"):
        load_csv(*paths, encoding="utf-8")
    with pytest.raises(GraphError, match="there is no encoding 'utf-ate'"):
        load_csv(*paths, encoding="utf-ate")


def test_names_in_any_script_survive_in_utf_8(files):
    names = [
        "宮崎 駿",
        "Сергей Эйзенштейн",
        "یوسف شاهین",
        "सत्यजित राय",
        "봉준호",
        "Nuri Bilge Ceylan 🎬",
        "nan",
        "null",
        "N/A",
    ]
    rows = [NODES[0][:3], *([f"p{i}", "person", name] for i, name in enumerate(names))]
    graph = load_csv(*files(rows, [EDGES[0]]))
    assert graph.nodes["name"].tolist() == names
    assert graph.find("na").empty
    assert graph.find("宮崎 駿")["node_id"].tolist() == ["p0"]


def test_blanks_around_cells_and_headers_are_removed_and_further_columns_kept_as_text(files):
    nodes = "node_id ; node_type;name; year;awards\n p1; person ;\tEve\xa0; 007 ;\nm1;project;X;NA;2 \n"
    graph = load_csv(*files(nodes, "source;relation;target\np1 ;  Director;  m1\n"))
    assert graph.nodes.drop(columns="description").values.tolist() == [
        ["p1", "person", "Eve", "007", ""],
        ["m1", "project", "X", "NA", "2"],
    ]
    assert graph.edges.values.tolist() == [["p1", "Director", "m1"]]
    assert list(graph.nodes.columns) == ["node_id", "node_type", "name", "description", "year", "awards"]


def test_further_columns_of_edges_are_announced_as_not_used(files):
    edges = "source,relation,target,weight,since\np1,Director,m1,3,1999\n"
    with pytest.warns(UserWarning, match=r"edges\.csv: 2 further columns not used: 'weight', 'since'"):
        graph = load_csv(*files(edges=edges))
    assert list(graph.edges.columns) == ["source", "relation", "target"]


def test_empty_lines_count_as_lines_but_not_as_rows(files):
    nodes = "\r\n\nnode_id,node_type,name\n\np1,person,A\n\n\np2,person,\n"
    with pytest.raises(GraphError, match=r"^nodes\.csv, line 8: name is empty; fill it in"):
        load_csv(*files(nodes, "source,relation,target\n"))
    graph = load_csv(*files(nodes.replace("p2,person,", "p2,person,B"), "\nsource,relation,target\n\np1,knows,p2\n"))
    assert graph.nodes["name"].tolist() == ["A", "B"]
    assert len(graph.edges) == 1


# ---- what is refused, with file, line and fix ----------------------------------------------------------------------

HEAD, EDGE_HEAD = "node_id,node_type,name\n", "source,relation,target\n"
GOOD = HEAD + "p1,person,A\nm1,project,B\n"


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ("node_id,node_type,title\np1,person,A\n", EDGE_HEAD, "nodes.csv, line 1: column 'name' is missing; found"),
        (GOOD, "source,target\np1,m1\n", "edges.csv, line 1: column 'relation' is missing; found source, target"),
        ("node_id,name,name,node_type\n", EDGE_HEAD, "nodes.csv, line 1: two columns are called 'name'; rename one"),
        ("", EDGE_HEAD, "nodes.csv: the file is empty; it needs a header line with node_id, node_type, name"),
        (" \n\n", EDGE_HEAD, "nodes.csv: the file is empty"),
        (HEAD, EDGE_HEAD, "nodes.csv: there is a header but no row; add a line for each node"),
        (GOOD, "", "edges.csv: the file is empty; it needs a header line with source, relation, target"),
        (GOOD + "p2,person\n", EDGE_HEAD, "nodes.csv, line 4: 2 fields where the header has 3; the row is cut off"),
        (GOOD + "p2,person,C,D\np3\n", EDGE_HEAD, "nodes.csv, line 4: 4 fields where the header has 3"),
        (
            HEAD + 'p1,person,"A\nB\nC"\nm1,project\n',
            EDGE_HEAD,
            "nodes.csv, line 5: 2 fields where the header has 3",
        ),
        (
            HEAD + 'p1,person,"A\nm1,project,B\nm2,project,C\n',
            EDGE_HEAD,
            "nodes.csv, line 2 (to line 4): quotation marks that do not close",
        ),
        (
            HEAD + 'p1,person,"A" B\n',
            EDGE_HEAD,
            "nodes.csv, line 2: quotation marks that do not close, or stand inside",
        ),
        (HEAD + 'p1,person,"A\nB"\n,person,C\n', EDGE_HEAD, "nodes.csv, line 4: node_id is empty; fill it in"),
        (GOOD + "p2,person, \t\n", EDGE_HEAD, "nodes.csv, line 4: name is empty"),
        (GOOD, EDGE_HEAD + "p1,Director,m1\np1, ,m1\n", "edges.csv, line 3: relation is empty"),
        (
            GOOD + "p2,person,C\np1,person,Z\n",
            EDGE_HEAD,
            "nodes.csv, line 5: 'p1' is there already in line 2; give each node an id of its own",
        ),
        (
            GOOD,
            EDGE_HEAD + "p1,Director,m1\np1,Director,m7\nm8,Director,p1\n",
            "edges.csv, line 3: target 'm7' is not a node_id of nodes (2 edges are like this); add the node, "
            "remove the edge, or read with on_dangling='skip'",
        ),
        (GOOD, EDGE_HEAD + "P1,Director,m1\n", "edges.csv, line 2: source 'P1' is not a node_id"),
        (b"PK\x03\x04\x00\x00\x08\x00", EDGE_HEAD, "nodes.csv: not a text file (it holds zero bytes); save it as CSV"),
        (HEAD.encode("utf-16-le"), EDGE_HEAD, "nodes.csv: not a text file (it holds zero bytes)"),
    ],
)
def test_a_wrong_file_is_refused_by_name_line_and_fix(files, nodes, edges, message):
    with pytest.raises(GraphError, match="^" + re.escape(message)):
        load_csv(*files(nodes, edges))


def test_the_wrong_delimiter_is_named_and_the_right_one_can_be_passed(files):
    paths = files("node_id~node_type~name\np1~person~A, Jr.\n", "source~relation~target\n")
    with pytest.raises(
        GraphError, match=r"line 1: columns 'node_id'.* are missing; .*check what separates the columns"
    ):
        load_csv(*paths)
    assert load_csv(*paths, delimiter="~").nodes["name"].tolist() == ["A, Jr."]


def test_a_missing_file_is_named_in_full(files, tmp_path):
    nodes, edges = files()
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "nods.csv"))):
        load_csv(tmp_path / "nods.csv", edges)
    edges.unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(str(edges))):
        load_csv(nodes, edges)


def test_a_graph_may_have_no_edges_yet(files):
    graph = load_csv(*files(GOOD, EDGE_HEAD), name="mine")
    assert (len(graph.nodes), len(graph.edges), graph.name) == (2, 0, "mine")


# ---- what is merged or skipped is counted --------------------------------------------------------------------------


def number_in(warned, pattern):
    """The counts in the warnings that match."""
    return sum(int(found[1]) for warning in warned if (found := re.search(pattern, str(warning.message))))


def test_exact_repeats_are_merged_and_counted(files):
    nodes = GOOD + "p1,person,A\n p1 , person,A\n"
    edges = EDGE_HEAD + "p1,Director,m1\np1,Writer,m1\np1,Director,m1\n"
    with pytest.warns(UserWarning, match="repeated") as warned:
        graph = load_csv(*files(nodes, edges))
    assert [str(warning.message) for warning in warned] == [
        "nodes.csv: 2 repeated rows merged, the first in line 4",
        "edges.csv: 1 repeated row merged, the first in line 4",
    ]
    assert (len(graph.nodes), len(graph.edges)) == (2, 2)


def test_rows_add_up_with_the_warnings(files):
    """Good, repeated, torn and dangling rows in one file: what is in the graph plus what was counted is the file."""
    names = [f"p{i},person,N{i}" for i in range(50)]
    nodes = [*names, "p3,person,N3", "p4,person,N4", "p60,person", "p61,person,x,y", "p62"]
    edges = [f"p{i},knows,p{i + 1}" for i in range(49)]
    edges += ["p0,knows,p1", "p0,knows,p77", "p99,knows,p98", "p60,knows,p1", "p1,knows"]
    paths = files(HEAD + "\n".join(nodes), EDGE_HEAD + "\n".join(edges) + "\n")
    with pytest.raises(GraphError, match=r"nodes\.csv, line 54: 2 fields"):
        load_csv(*paths, on_dangling="skip")
    with pytest.warns(UserWarning) as warned:  # noqa: PT030 (several, looked at below)
        graph = load_csv(*paths, on_dangling="skip", on_bad_rows="skip")
    merged = number_in(warned, r"nodes.*: (\d+) repeated"), number_in(warned, r"edges.*: (\d+) repeated")
    torn = number_in(warned, r"nodes.*; (\d+) such"), number_in(warned, r"edges.*; (\d+) such")
    dangling = number_in(warned, r"edges.*: (\d+) edges? to unknown nodes skipped, the first in line 52")
    assert (merged, torn, dangling) == ((2, 1), (3, 1), 3)
    assert len(graph.nodes) + merged[0] + torn[0] == len(nodes)
    assert len(graph.edges) + merged[1] + torn[1] + dangling == len(edges)
    assert all(warning.filename == __file__ for warning in warned)


def test_an_unclosed_quotation_mark_never_swallows_rows_silently(files):
    nodes = HEAD + 'p1,person,A\np2,person,"B\np3,person,C\np4,person,D\n'
    with pytest.warns(UserWarning, match=r"nodes\.csv, line 3 \(to line 5\): quotation marks.*; 1 such row skipped"):
        graph = load_csv(*files(nodes, EDGE_HEAD), on_bad_rows="skip")
    assert graph.nodes["node_id"].tolist() == ["p1", "p3", "p4"]


def test_a_file_cut_in_the_middle_of_a_letter_is_not_taken_for_another_encoding(files):
    whole = (HEAD + "p1,person,Zoë\np2,person,Noé").encode()
    with pytest.warns(UserWarning, match=r"nodes\.csv ends in the middle of a letter: it is cut off"):
        graph = load_csv(*files(whole[:-1], EDGE_HEAD))
    assert graph.nodes["name"].tolist() == ["Zoë", "No"]
    with pytest.warns(UserWarning, match="cut off"):
        graph = load_csv(*files(b"\xef\xbb\xbf" + whole[:-1], EDGE_HEAD))
    assert graph.nodes["name"].tolist() == ["Zoë", "No"]
    with pytest.warns(UserWarning, match="read as cp1252"):  # its one accent is its last byte
        graph = load_csv(*files((HEAD + "p1,person,José").encode("cp1252"), EDGE_HEAD))
    assert graph.nodes["name"].tolist() == ["José"]
    utf_16 = (HEAD + "p1,person,Zoë").encode("utf-16")
    with pytest.warns(UserWarning, match="cut off"):
        assert load_csv(*files(utf_16[:-1], EDGE_HEAD)).nodes["name"].tolist() == ["Zo"]
