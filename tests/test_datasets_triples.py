"""Triples with texts, in the layout in which WN18RR comes with KG-BERT."""

import gzip

import pytest

from kgss_helpers.datasets import load_triples
from kgss_helpers.graph import GraphError

pytestmark = pytest.mark.usefixtures("unexpected_warnings_fail")

FILES = {
    "train.tsv": "1\t_part_of\t2\n2\t_like\t3\n\n",
    "dev.tsv": "3\t_like\t1\n",
    "test.tsv": "1\t_like\t3\r\n",
    "entity2text.txt": "1\tmast, a pole, upright\n2\tship\n3\tNA, a name\n4\tbuoy, alone\n",
    "relation2text.txt": "_part_of\tpart of\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    return tmp_path


def add(folder, name, text):
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(text)


def edges_of(graph):
    return graph.edges.values.tolist()


def test_a_small_folder(folder):
    graph = load_triples(folder, node_type="thing", split_texts=True)
    assert graph.nodes.values.tolist() == [
        ["1", "thing", "mast", "a pole, upright"],
        ["2", "thing", "ship", ""],
        ["3", "thing", "NA", "a name"],
        ["4", "thing", "buoy", "alone"],
    ]
    assert edges_of(graph) == [["1", "part of", "2"], ["2", "_like", "3"], ["3", "_like", "1"], ["1", "_like", "3"]]
    assert edges_of(load_triples(folder, parts=["dev"])) == [["3", "_like", "1"]]
    (folder / "relation2text.txt").unlink()
    assert edges_of(load_triples(folder))[0] == ["1", "_part_of", "2"]


def test_packed_files(folder):
    plain = load_triples(folder)
    for name in FILES:
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    packed = load_triples(folder)
    assert packed.nodes.equals(plain.nodes)
    assert packed.edges.equals(plain.edges)


def test_a_packed_file_that_is_cut_off_is_named(folder):
    whole = gzip.compress((folder / "train.tsv").read_bytes())
    (folder / "train.tsv").unlink()
    (folder / "train.tsv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GraphError, match=r"train\.tsv\.gz: the compressed file is cut off or damaged"):
        load_triples(folder)


def test_repeats_and_entities_without_a_text_are_counted(folder):
    add(folder, "dev.tsv", "1\t_part_of\t2\n9\t_like\t8\n9\tpart of\t8\n9\t_part_of\t8\n")
    add(folder, "entity2text.txt", "2\tship\n2\tboat\n")
    counts = "1 further texts of an entity left out; 2 repeated triples merged; 2 entities without a text, called by"
    with pytest.warns(UserWarning, match=f"{folder.name}: {counts} their id") as warned:
        graph = load_triples(folder)
    assert warned[0].filename == __file__
    assert graph.node("9")["name"] == "9"
    assert graph.node("2")["name"] == "ship"
    assert len(graph.edges) == 8 - 2


@pytest.mark.parametrize(
    ("name", "text", "line", "fields"),
    [("train.tsv", "1\t_like", 4, 3), ("entity2text.txt", "9", 5, 2), ("test.tsv", "1\t\t2\n", 2, 3)],
)
def test_a_line_that_is_cut_off(folder, name, text, line, fields):
    whole = load_triples(folder)
    add(folder, name, text)
    with pytest.raises(
        GraphError, match=rf"^{name}, line {line}: (expected {fields} fields separated by tabs, found|field 2 is empty)"
    ):
        load_triples(folder)
    with pytest.warns(UserWarning, match=rf"^{name}: 1 line without {fields} readable fields skipped") as warned:
        graph = load_triples(folder, on_bad_rows="skip")
    assert warned[0].filename == __file__
    assert edges_of(graph) == edges_of(whole)


def test_a_file_cut_inside_a_letter(folder):
    (folder / "entity2text.txt").write_bytes("1\tmast\n2\tship\n3\tNA\n4\tbouée".encode()[:-2])
    with pytest.raises(GraphError, match=r"entity2text\.txt, line 4"):
        load_triples(folder)


def test_a_missing_file_is_told_and_one_that_is_asked_for_is_refused(folder):
    (folder / "dev.tsv").unlink()
    with pytest.warns(UserWarning, match=r"there is no file for validation; read train\.tsv, test\.tsv"):
        assert len(load_triples(folder).edges) == 3
    assert len(load_triples(folder, parts=["train"]).edges) == 2
    with pytest.raises(FileNotFoundError, match=r"neither dev\.tsv nor dev\.tsv\.gz"):
        load_triples(folder, parts=["dev"])
    for name in ("train.tsv", "test.tsv"):
        (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=r"there is no train\.txt, train\.tsv or the like in"):
        load_triples(folder)


def test_plain_triples_need_no_texts(tmp_path):
    for part, line in (("train", "Ada_Lovelace\tknows\tSammy Davis, Jr."), ("valid", "a\tb\tc"), ("test", "c\tb\ta")):
        (tmp_path / f"{part}.txt").write_text(line + "\n", encoding="utf-8")
    graph = load_triples(tmp_path)
    assert graph.nodes["name"].tolist() == ["Ada Lovelace", "a", "c", "Sammy Davis, Jr."]
    assert graph.node("Ada_Lovelace")["description"] == ""
    assert len(graph.edges) == 3


def test_a_comma_belongs_to_a_name_unless_the_ids_are_wordnets(folder):
    assert load_triples(folder).node("1")["name"] == "mast, a pole, upright"
    assert load_triples(folder).node("1")["description"] == ""
    text = "".join(f"0000000{number}\tship, a vessel\n" for number in range(1, 5))
    (folder / "entity2text.txt").write_text(text, encoding="utf-8")
    for name in ("train.tsv", "dev.tsv", "test.tsv"):
        (folder / name).write_text("00000001\t_like\t00000002\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="2 repeated triples merged"):
        graph = load_triples(folder)
    assert graph.node("00000001")[["name", "description"]].tolist() == ["ship", "a vessel"]


@pytest.mark.parametrize("separator", ["\t", " "])
def test_openkes_numbers_are_read_as_what_they_stand_for(tmp_path, separator):
    write = lambda name, *rows: (tmp_path / name).write_text(  # noqa: E731
        "\n".join([str(len(rows)), *(separator.join(row) for row in rows)]) + "\n", encoding="utf-8"
    )
    write("entity2id.txt", ("/m/a", "0"), ("/m/b", "1"))
    write("relation2id.txt", ("knows", "0"))
    write("train2id.txt", ("0", "1", "0"))
    assert edges_of(load_triples(tmp_path)) == [["/m/a", "knows", "/m/b"]]
    write("test2id.txt", ("0", "7", "0"))
    with pytest.raises(GraphError, match=r"test2id\.txt: the number 7 is in no list of names"):
        load_triples(tmp_path)


def test_the_real_folder(reference):
    graph = load_triples(reference / "wn18rr")
    assert (len(graph.nodes), len(graph.edges)) == (40_943, 93_003)
    assert len(set(graph.edges["relation"])) == 11
    assert "derivationally related form" in set(graph.edges["relation"])
    film = graph.find("film")
    assert len(film) == 2  # a noun and a verb: names are not keys
    assert (graph.nodes["name"] != "").all()
    assert len(load_triples(reference / "wn18rr", parts=["test"]).edges) == 3_134


def test_another_encoding_is_refused_and_never_turned_into_question_marks(tmp_path):
    (tmp_path / "entity2text.txt").write_bytes("1\tcafé, a place\n2\tbar\n".encode("latin-1"))
    (tmp_path / "train.tsv").write_text("1\t_like\t2\n", encoding="utf-8")
    with pytest.raises(GraphError, match=r"entity2text.txt, line 1: not UTF-8"):
        load_triples(tmp_path, parts=["train"])
