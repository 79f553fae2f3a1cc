"""MovieLens: likes and dislikes, titles turned round, tags."""

import gzip
import warnings
from collections import Counter

import pandas as pd
import pytest

from kgss_helpers.datasets import load_movielens
from kgss_helpers.datasets.movielens import _title_and_year
from kgss_helpers.graph import GraphError

FILES = {
    "movies.csv": 'movieId,title,genres\n1,"Harbour, The (1984)",Drama|Sci-Fi\n'
    "2,NA (2001),(no genres listed)\n3,Odd,IMAX\n",
    "ratings.csv": "userId,movieId,rating,timestamp\n1,1,5.0,9\n1,2,2.0,9\n1,3,3.0,9\n"
    "2,1,4.0,9\n2,2,0.5,9\n2,9,5.0,9\n",
    "tags.csv": 'userId,movieId,tag,timestamp\n1,1,"Sea, Fog",9\n2,1,sea fog,9\n2,2, ,9\n2,9,x,9\n2,3,SEA FOG,9\n',
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def load(folder, **how):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        graph = load_movielens(folder, **how)
    return graph, [str(warning.message) for warning in warned]


def test_ratings_in_pieces_are_ratings_row_by_row(folder, monkeypatch):
    stars = ["0", "0.5", "2", "2.5", "3.9", "4", "4.5", "5.", ".5"]
    rows = [f"{row % 7},{row % 4},{stars[row * row % 9]},9\n" for row in range(400)]
    rows.insert(50, " ,1,4.0,9\n")
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "".join(rows), encoding="utf-8")
    whole, said = load(folder)
    expected = {}
    for row in rows:
        user, movie, rating, _ = row.split(",")
        if user.strip() and movie in "123" and not 2 < float(rating) < 4:
            relation = "likes" if float(rating) >= 4 else "dislikes"
            expected[f"person:{user}", relation, f"project:{movie}"] = None
    assert [edge for edge in whole.edges.itertuples(index=False, name=None) if edge[0].startswith("person")] == list(
        expected
    )
    assert "1 ratings without a user left out" in said[0]
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n" + "".join([*rows[:70], '"7",1,"5",9\n', *rows[70:]]), encoding="utf-8"
    )
    quoted, _ = load(folder)  # from the first quotation mark on, each row is read on its own
    assert edges_of(quoted) == edges_of(whole) | {("person:7", "likes", "project:1")}


def edges_of(graph):
    return set(graph.edges.itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Matrix, The (1999)", ("The Matrix", 1999)),
        ("Quiet Day, A (1951) ", ("A Quiet Day", 1951)),
        ("Tides, Les (Tides, The) (1990)", ("Les Tides (Tides, The)", 1990)),
        ("Orage, L' (1960)", ("L'Orage", 1960)),
        ("Lighthouse (2004-2006)", ("Lighthouse", 2004)),
        ("Lighthouse (2004–)", ("Lighthouse", 2004)),
        ("1984", ("1984", None)),
        ("Paris, Texas (1984)", ("Paris, Texas", 1984)),
        ("Yes, The End, The (1970)", ("The Yes, The End", 1970)),
        ("Dive (Die) (1970)", ("Dive (Die)", 1970)),
    ],
)
def test_titles_and_years(title, expected):
    assert _title_and_year(title) == expected


@pytest.mark.parametrize("packed", [False, True])
def test_a_small_folder(folder, packed):
    if packed:
        for name in FILES:
            (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
            (folder / name).unlink()
    graph, warned = load(folder)
    assert warned == [
        "MovieLens: 1 ratings of unknown films left out; 1 other spellings of a name merged with its first; "
        "1 empty tags left out; 1 tags of unknown films left out"
    ]
    assert edges_of(graph) == {
        ("project:1", "has genre", "genre:drama"),
        ("project:1", "has genre", "genre:sci-fi"),
        ("project:3", "has genre", "genre:imax"),
        ("person:1", "likes", "project:1"),
        ("person:1", "dislikes", "project:2"),
        ("person:2", "likes", "project:1"),
        ("person:2", "dislikes", "project:2"),
        ("project:1", "has keyword", "keyword:sea-fog"),
        ("project:3", "has keyword", "keyword:sea-fog"),
    }
    projects = graph.nodes[graph.nodes["node_type"] == "project"]
    assert projects["name"].tolist() == ["The Harbour", "NA", "Odd"]
    assert projects["year"].tolist() == [1984, 2001, pd.NA]


def test_the_borders_of_likes_and_dislikes_are_yours(folder):
    graph, _ = load(folder, likes_from=5, dislikes_up_to=4, tags=False)
    opinions = {edge for edge in edges_of(graph) if "genre" not in edge[1]}
    assert Counter(relation for _, relation, _ in opinions) == {"likes": 1, "dislikes": 4}
    assert "keyword" not in set(graph.nodes["node_type"])
    with pytest.raises(GraphError, match="choose dislikes_up_to below likes_from"):
        load(folder, likes_from=3, dislikes_up_to=3)


@pytest.mark.parametrize("rating", ["good", "", "nan"])
def test_a_rating_that_is_no_number(folder, rating):
    with (folder / "ratings.csv").open("a", encoding="utf-8") as file:
        file.write(f"7,1,{rating},9\n")
    with pytest.raises(GraphError, match=r"ratings\.csv: the rating '.*' of user 7 for film 1 is not a number"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "rest", "line"), [("movies.csv", "4,Tail", 5), ("ratings.csv", "3,1", 8), ("tags.csv", '3,1,"x', 7)]
)
def test_a_row_that_is_cut_off(folder, name, rest, line):
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(rest)
    with pytest.raises(GraphError, match=f"^{name}, line {line}: "):
        load(folder)
    _, warned = load(folder, on_bad_rows="skip")
    assert any(text.startswith(f"{name}, line {line}: ") and "1 such row skipped" in text for text in warned)


def test_films_without_a_title_or_twice_are_counted(folder):
    with (folder / "movies.csv").open("a", encoding="utf-8") as file:
        file.write("5, ,Drama\n1,Again (1990),War\n")
    graph, warned = load(folder)
    assert "1 films without a title left out; 1 films with an id that is there already merged" in warned[0]
    assert graph.node("project:1")["name"] == "The Harbour"


def test_the_real_files(reference):
    graph, warned = load(reference / "movielens")
    assert warned == ["MovieLens: 9 other spellings of a name merged with its first"]
    types = graph.nodes["node_type"].value_counts()
    assert (types["project"], types["person"], types["genre"]) == (9742, 610, 19)
    ratings = pd.read_csv(reference / "movielens" / "ratings.csv")
    relations = graph.edges["relation"].value_counts()
    assert relations["likes"] == (ratings["rating"] >= 4).sum()
    assert relations["dislikes"] == (ratings["rating"] <= 2).sum()
    matrix = graph.find("the matrix", "project")
    assert matrix["year"].tolist() == [1999]
    genres = graph.neighbours(matrix["node_id"].item(), relation="has genre")["name"]
    assert set(genres) == {"Action", "Sci-Fi", "Thriller"}
    projects = graph.nodes[graph.nodes["node_type"] == "project"]
    assert not projects["name"].str.fullmatch(r"[^()]+, The").any()
    assert projects["year"].dropna().between(1900, 2018).all()
