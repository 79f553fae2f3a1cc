"""TMDB 5000: JSON inside CSV, ids that tell people apart, files that end in the middle of a row."""

import csv
import gzip
import json
import re
import warnings

import pandas as pd
import pytest

from kgss_helpers.datasets import load_tmdb5000
from kgss_helpers.graph import GraphError

MOVIES = ["budget", "genres", "id", "keywords", "overview", "release_date", "title"]
CREDITS = ["movie_id", "title", "cast", "crew"]


def film(number, title, date="2001-02-03", genres=(), keywords=(), overview="Ships, \"ghosts\"\nand 'tea'."):
    def named(items):
        return json.dumps([{"id": i, "name": name} for i, name in items])

    return ["0", named(genres), str(number), named(keywords), overview, date, title]


def credit(number, cast=(), crew=()):
    return [
        str(number),
        "",
        json.dumps([{"id": i, "name": name, "character": part} for i, name, part in cast]),
        json.dumps([{"id": i, "name": name, "job": job, "department": "?"} for i, name, job in crew]),
    ]


FILMS = [
    film(1, "Tin Harbour", genres=[(7, "Drama")], keywords=[(5, "harbour"), (6, " ")]),
    film(2, "None", date="", genres=[(7, "Drama"), (8, "War")]),
]
CASTS = [
    credit(
        1,
        [(10, "Ann Lee", "Queen (voice)"), (11, "Ann Lee", "Cook"), (10, "Ann Lee", "Page (voice: dub)")],
        [(12, "NA", "Original Music Composer"), (12, "NA", "Music"), (11, "Ann Lee", "Screenplay"), (13, "", "Editor")],
    ),
    credit(2, [(11, "Ann Lee", None)], [(12, "NA", "Gaffer")]),
    credit(3, [(11, "Ann Lee", "Nobody")]),
]


@pytest.fixture
def files(tmp_path):
    def write(films=FILMS, casts=CASTS, packed=False):
        paths = []
        for name, header, rows in (("movies.csv", MOVIES, films), ("credits.csv", CREDITS, casts)):
            path = tmp_path / name
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([header, *rows])
            if packed:
                path = tmp_path / f"{name}.gz"
                path.write_bytes(gzip.compress((tmp_path / name).read_bytes()))
            paths.append(path)
        return paths

    return write


EXPECTED = (
    "TMDB 5000: 1 keywords without a name or an id left out; 1 credits without a name, a job or an id left out; "
    "1 credits of films that the film table lacks left out"
)


@pytest.mark.parametrize("packed", [False, True])
def test_a_small_file(files, packed):
    with pytest.warns(UserWarning, match=f"^{EXPECTED}$") as warned:
        graph = load_tmdb5000(*files(packed=packed))
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert set(graph.edges.itertuples(index=False, name=None)) == {
        ("project:1", "has genre", "genre:7"),
        ("project:1", "has keyword", "keyword:5"),
        ("project:2", "has genre", "genre:7"),
        ("project:2", "has genre", "genre:8"),
        ("person:10", "Voice actor", "project:1"),
        ("person:11", "Actor", "project:1"),
        ("person:12", "Composer", "project:1"),
        ("person:11", "Screenwriter", "project:1"),
        ("person:11", "Actor", "project:2"),
        ("person:12", "Gaffer", "project:2"),
    }
    assert graph.nodes["year"].tolist()[:1] == [2001]
    assert graph.node("project:2")["year"] is pd.NA
    assert graph.node("project:2")["name"] == "None"
    assert graph.node("project:1")["description"] == "Ships, \"ghosts\"\nand 'tea'."
    assert sorted(graph.find("ann lee")["node_id"]) == ["person:10", "person:11"]


def test_job_titles_can_be_kept(files):
    with pytest.warns(UserWarning, match="TMDB"):
        graph = load_tmdb5000(*files(), merge_roles=False)
    found = graph.neighbours("person:12", direction="out")
    assert found["relation"].tolist() == ["Original Music Composer", "Music", "Gaffer"]


def test_films_without_a_title_or_with_an_id_twice_are_counted(files):
    films = [*FILMS, film(3, " "), film(1, "Tin Harbour")]
    with pytest.warns(UserWarning, match="1 films without an id or a title left out; 1 films with an id that is there"):
        graph = load_tmdb5000(*files(films))
    assert graph.nodes["node_type"].tolist().count("project") == 2


def test_a_missing_column_and_a_missing_file(files, tmp_path):
    movies, casts = files()
    with pytest.raises(GraphError, match=r"credits\.csv, line 1: columns 'id', 'overview'"):
        load_tmdb5000(casts, movies)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_tmdb5000(tmp_path / "no.csv", casts)


@pytest.mark.filterwarnings("ignore:TMDB 5000")  # beside the warning that is looked for
def test_rows_and_cells_that_are_cut_off(files):
    movies, casts = files(casts=[*CASTS[:1], ["2", "", '[{"id": 11, "na', "[]"], ["2", "", "{}", "[3]"]])
    with pytest.raises(GraphError, match=r"credits\.csv, line 3: column 'cast' is not valid JSON .*on_bad_rows='skip'"):
        load_tmdb5000(movies, casts)
    with pytest.warns(
        UserWarning, match=r"2 cut-off cells of column 'cast' left out; 1 cut-off cells of column 'crew'"
    ):
        load_tmdb5000(movies, casts, on_bad_rows="skip")
    text = movies.read_text(encoding="utf-8")
    for cut in (text.rindex("tea"), text.rindex('"Ships')):  # inside a quoted cell, and between cells
        movies.write_text(text[:cut], encoding="utf-8")
        with pytest.raises(GraphError, match=r"movies\.csv, line 4"):
            load_tmdb5000(movies, casts, on_bad_rows="error")
        with pytest.warns(UserWarning, match=r"movies\.csv, line 4.*; [12] such rows? skipped"):
            assert len(load_tmdb5000(movies, casts, on_bad_rows="skip").find("Tin Harbour")) == 1


# ---- the real files ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(reference):
    folder = reference / "tmdb5000"
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        graph = load_tmdb5000(folder / "tmdb_5000_movies.csv", folder / "tmdb_5000_credits.csv.gz")
    return graph, [str(warning.message) for warning in warned]


def test_real_counts(real, reference):
    graph, warned = real
    assert warned == ["TMDB 5000: 2 keywords without a name or an id left out"]
    types = graph.nodes["node_type"].value_counts()
    assert types["project"] == 4803
    assert types["genre"] == 20
    long = pd.read_parquet(reference / "tmdb5000" / "credits_long.parquet")
    assert types["person"] == long["source"].nunique()
    assert graph.nodes["year"].notna().sum() == 4802  # one has no date


def test_real_facts(real):
    graph, _ = real

    def who(title, role, year):
        found = graph.find(title, "project")
        node_id = found[found["year"] == year]["node_id"].item()
        return set(graph.neighbours(node_id, relation=role)["name"])

    assert who("Avatar", "Director", 2009) == {"James Cameron"}
    assert who("Avatar", "Composer", 2009) == {"James Horner"}
    assert who("Star Wars", "Director", 1977) == {"George Lucas"}
    assert who("Star Wars", "Composer", 1977) == {"John Williams"}
    assert who("Inception", "Director", 2010) == {"Christopher Nolan"}
    assert "Tom Hanks" in who("Toy Story", "Voice actor", 1995)
    assert sorted(graph.find("Batman", "project")["year"]) == [1966, 1989]  # titles are not keys
    assert len(graph.find("Steve McQueen", "person")) == 2  # nor are names


@pytest.mark.filterwarnings("ignore:TMDB 5000")
@pytest.mark.parametrize(
    ("cut", "line", "rows"),
    [("movies", 130, 128), ("credits", 5, 3)],
    ids=["films end in a row", "credits end in a row"],
)
def test_real_files_that_end_in_the_middle_of_a_row(reference, tmp_path, cut, line, rows):
    folder = reference / "tmdb5000"
    torn = folder / "cut_off_rows" / f"edwardb1203_tmdb_5000_{cut}.csv"
    whole = tmp_path / "other.csv"
    with whole.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([CREDITS, credit(19995)] if cut == "movies" else [MOVIES, film(19995, "Blue")])
    paths = (torn, whole) if cut == "movies" else (whole, torn)
    with pytest.raises(GraphError, match=f"^{re.escape(torn.name)}, line {line}: quotation marks that do not close"):
        load_tmdb5000(*paths)
    with pytest.warns(UserWarning, match=f"{re.escape(torn.name)}, line {line}: .*; 1 such row skipped"):
        graph = load_tmdb5000(*paths, on_bad_rows="skip")
    if cut == "movies":
        assert graph.nodes["node_type"].tolist().count("project") == rows
    else:
        assert "James Cameron" in set(graph.neighbours("project:19995", relation="Director")["name"])
