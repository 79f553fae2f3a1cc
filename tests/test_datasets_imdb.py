"""IMDb's three TSV files."""

import gzip
import warnings

import pandas as pd
import pytest

from kgss_helpers.datasets import load_imdb
from kgss_helpers.graph import GraphError

N = r"\N"
FILES = {
    "title.basics.tsv": [
        ["tconst", "titleType", "primaryTitle", "originalTitle", "isAdult", "startYear", "genres"],
        ["tt1", "movie", '"Quoted" Harbour', "x", "0", "1984", "Drama,Sci-Fi"],
        ["tt2", "movie", "NA", "x", "0", N, N],
        ["tt3", "short", "Brief", "x", "0", "1999", "Drama"],
        ["tt4", "movie", N, "x", "0", "1999", "Drama"],
        ["tt5", "movie", "Later", "x", "0", "2005", ""],
    ],
    "title.principals.tsv": [
        ["tconst", "ordering", "nconst", "category", "job", "characters"],
        ["tt1", "1", "nm1", "actress", N, '["The "Cook"]'],
        ["tt1", "2", "nm1", "actor", N, N],
        ["tt1", "3", "nm2", "cinematographer", "director of photography", N],
        ["tt1", "4", "nm3", "self", N, N],
        ["tt2", "1", "nm2", "casting_director", N, N],
        ["tt2", "2", "nm4", "writer", N, N],
        ["tt2", "3", "nm5", "writer", N, N],
        ["tt3", "1", "nm2", "director", N, N],
        ["tt4", "1", "nm2", "director", N, N],
        ["tt5", "1", "nm6", "archive_footage", N, N],
    ],
    "name.basics.tsv": [
        ["nconst", "primaryName", "birthYear"],
        ["nm1", "Ann Lee", "1950"],
        ["nm2", "Ann Lee", N],
        ["nm3", "None", N],
        ["nm4", N, N],
        ["nm6", "Bo", N],
        ["nm9", "Nobody Here", N],
    ],
}


@pytest.fixture
def folder(tmp_path):
    for name, rows in FILES.items():
        (tmp_path / name).write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def load(folder, **how):
    """The graph and the warnings."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        graph = load_imdb(folder, **how)
    return graph, [str(warning.message) for warning in warned]


def edges_of(graph):
    return set(graph.edges.itertuples(index=False, name=None))


def test_a_small_folder(folder):
    graph, warned = load(folder)
    assert warned == [
        "IMDb: 1 titles without a name left out; 2 credits of people that name.basics does not name left out; "
        "1 credits of titles without a name left out"
    ]
    assert edges_of(graph) == {
        ("tt1", "has genre", "genre:drama"),
        ("tt1", "has genre", "genre:sci-fi"),
        ("nm1", "Actor", "tt1"),
        ("nm2", "Cinematographer", "tt1"),
        ("nm2", "Casting director", "tt2"),
    }
    projects = graph.nodes[graph.nodes["node_type"] == "project"]
    assert projects["name"].tolist() == ['"Quoted" Harbour', "NA", "Later"]
    assert projects["year"].tolist() == [1984, pd.NA, 2005]
    assert sorted(graph.find("Ann Lee")["node_id"]) == ["nm1", "nm2"]


def test_choices_of_titles_years_and_appearances(folder):
    shorts, _ = load(folder, title_types=("short",))
    assert edges_of(shorts) == {("tt3", "has genre", "genre:drama"), ("nm2", "Director", "tt3")}
    late, _ = load(folder, from_year=1984)
    assert set(late.nodes.query("node_type == 'project'")["node_id"]) == {"tt1", "tt5"}
    everyone, _ = load(folder, appearances=True)
    assert {("nm3", "Self", "tt1"), ("nm6", "Archive footage", "tt5")} <= edges_of(everyone)
    nothing, warned = load(folder, from_year=3000)
    assert len(nothing.nodes) == 0
    assert "nothing was read" in warned[-1]


def test_a_single_title_type_is_no_row_of_letters(folder):
    assert edges_of(load(folder, title_types="short")[0]) == edges_of(load(folder, title_types=("short",))[0])


def test_a_credit_without_a_category_is_counted(folder):
    path = folder / "title.principals.tsv"
    header, first, *rest = path.read_text(encoding="utf-8").splitlines()
    fields = first.split("\t")
    fields[header.split("\t").index("category")] = r"\N"
    path.write_text("\n".join([header, "\t".join(fields), *rest]) + "\n", encoding="utf-8")
    graph, warned = load(folder)
    assert any("credits without a category left out" in text for text in warned)
    assert r"\N" not in set(graph.edges["relation"])


def test_packed_files_give_the_same_graph(folder):
    plain, warned = load(folder)
    for name in FILES:
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    packed, warned_packed = load(folder)
    assert packed.nodes.equals(plain.nodes)
    assert packed.edges.equals(plain.edges)
    assert warned == warned_packed


@pytest.mark.parametrize("name", FILES)
def test_a_row_that_is_cut_off(folder, name):
    path = folder / name
    with path.open("a", encoding="utf-8") as file:
        file.write("tt1\tnm1")
    line = len(FILES[name]) + 1
    with pytest.raises(GraphError, match=f"^{name}, line {line}: 2 fields where the header has {len(FILES[name][0])}"):
        load_imdb(folder)
    _, warned = load(folder, on_bad_rows="skip")
    assert [text for text in warned if text.startswith(f"{name}, line {line}") and "1 such row skipped" in text]


def test_a_missing_file_or_column(folder):
    path = folder / "name.basics.tsv"
    path.write_text(path.read_text(encoding="utf-8").replace("primaryName", "name"), encoding="utf-8")
    with pytest.raises(GraphError, match=r"name\.basics\.tsv, line 1: column 'primaryName' is missing; found nconst"):
        load_imdb(folder)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"neither name\.basics\.tsv nor name\.basics\.tsv\.gz"):
        load_imdb(folder)


def test_the_real_files(reference):
    graph, warned = load(reference / "imdb")
    assert warned == ["IMDb: 6 credits of people that name.basics does not name left out"]
    types = graph.nodes["node_type"].value_counts()
    assert types["project"] == 2000
    basics = (reference / "imdb" / "title.basics.tsv").read_text(encoding="utf-8").splitlines()[1:]
    known = sum(line.split("\t")[5] != N for line in basics)
    assert graph.nodes["year"].notna().sum() == known
    assert graph.node("nm0000041")["name"] == "Akira Kurosawa"
    by_hand = {
        (genre, line.split("\t")[0]) for line in basics for genre in line.split("\t")[8].split(",") if genre != N
    }
    genres = graph.triples().query("relation == 'has genre'")
    assert set(zip(genres["object"], genres["source"], strict=True)) == by_hand
    roles = set(graph.edges["relation"])
    assert {"Director", "Cinematographer", "Composer", "Production designer"} <= roles
    assert not {"director", "actress", "Actress", "Writer"} & roles
