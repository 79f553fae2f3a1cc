"""Notebook 05: films and their links, hidden links found, tastes and their reasons, MovieLens."""

import numpy as np
import pandas as pd
import pytest

from kgss_helpers.chapters import ch05_link_recommender as chapter
from kgss_helpers.chapters.ch05_link_recommender import FilmShelf, LikesAndDislikes, ranking_html
from kgss_helpers.datasets import load_movielens
from kgss_helpers.exam.films import RESULTS, training_graph
from kgss_helpers.exam.results import recorded
from kgss_helpers.methods.link_vectors import LinkPairs, link_pairs, popularity_scores, unit_rows
from kgss_helpers.runs import link_embeddings as links

HOSTILE = "<script>window.hacked = 1</script>"


@pytest.fixture(scope="module")
def graph():
    return links.film_link_graph()


@pytest.fixture(scope="module")
def shelf(graph):
    """Vectors by decomposition: as good for a ranking, and there at once."""
    pairs = link_pairs(graph, min_count=3)
    left, strengths, right = np.linalg.svd(links.rarity_weighted(pairs), full_matrices=False)
    return FilmShelf(graph, pairs, unit_rows(right[:20].T), unit_rows(left[:, :20] * strengths[:20]))


@pytest.fixture(scope="module")
def ticks(shelf):
    rows = [shelf.row(title) for title in chapter.RATED]
    return rows[: chapter.LIKED], rows[chapter.LIKED :]


# ---- links -----------------------------------------------------------------------------------------------------------


def test_a_page_is_one_node_whatever_field_it_stands_in(graph):
    assert len(graph.find("stop motion")) == 1
    names = graph.nodes[~graph.nodes["node_type"].isin(["person", "project"])]["name"].str.casefold()
    assert names.is_unique


def test_films_link_to_all_kinds(graph):
    kinds = set(graph.neighbours("project:rogue-one-a-star-wars-story-2016")["node_type"])
    assert {"person", "genre", "keyword", "series", "company", "country", "year", "decade", "page"} <= kinds


def test_no_held_out_link_is_learned_from_and_none_is_a_year(graph):
    split = links.held_out_film_links(graph)
    seen = set(map(tuple, split.train.pairs))
    for half in (split.validation, split.test):
        assert len(half) > 2500
        assert not seen & set(map(tuple, half))
        kinds = graph.nodes.set_index("node_id").loc[split.train.links[half[:, 0]], "node_type"]
        assert not set(kinds) & {"year", "decade"}
    assert split.train.counts.min() >= 2


def test_who_knows_the_hidden_links_finds_them_and_known_ones_do_not_stand_in_the_way():
    pairs = LinkPairs.numbered(np.array([[0, 0], [1, 0], [2, 0], [0, 1], [2, 1], [3, 1]]))
    train = LinkPairs(pairs.links, pairs.projects, pairs.pairs[:5])
    held_out = pairs.pairs[5:]
    scores = np.zeros((2, 4))
    scores[1] = [9, 1, 9, 5]  # links 0 and 2 are known
    assert links.found_links(scores, train, held_out)[["recall@10", "MRR"]].to_numpy().tolist() == [[1, 1]]
    scores[1, 1] = 6
    assert links.found_links(scores, train, held_out)["MRR"].tolist() == [0.5]
    assert links.found_links(popularity_scores(train), train, held_out)["question_id"].tolist() == ["1"]


def test_the_recorded_comparison_has_every_loss_and_five_seeds():
    rows = links.recorded_held_out()
    assert list(rows)[:3] == ["random", "popularity", "shared-link counts"]
    assert {name for name in rows if len(rows[name]["MRR"]) == links.SEEDS} == {
        "ranking, uniform", "ranking, degree", "squared, uniform", "squared, degree"
    }  # fmt: skip
    table = chapter.over_seeds(rows, "recall@10").set_index("label")
    assert (table["low"] <= table["mean"]).all()
    assert table.loc["popularity", "spread"] == 0
    assert chapter.gain(rows, "shared-link counts", "popularity").low > 0


def test_the_exams_rows_are_recorded_on_both_halves():
    kept = {(result.method, result.split) for result in recorded(RESULTS[2])}
    assert {(method.name, half) for method in links.methods() for half in ("validation", "test")} <= kept


def test_the_exams_vectors_know_no_test_fact():
    # They are learned from whatever graph they are fitted on, and the exam fits on this one.
    pairs = link_pairs(training_graph())
    types = training_graph().nodes.set_index("node_id").loc[pairs.links, "node_type"]
    assert set(types) == {"person", "keyword", "genre"}
    assert len(pairs) <= len(training_graph().edges)


# ---- a taste ---------------------------------------------------------------------------------------------------------


def test_the_plane_has_the_widest_gap():
    points = np.array([[2.0, 0.0], [3.0, 1.0], [-2.0, 0.0], [-5.0, 2.0]])
    weights, bias = links.taste(points, [0, 1], [2, 3])
    sides = points @ weights + bias
    assert sides[[0, 2]] == pytest.approx([1, -1], abs=1e-3)
    assert weights == pytest.approx([0.5, 0], abs=1e-3)
    with pytest.raises(ValueError, match="something that is not"):
        links.taste(points, [0], [])


def test_a_ranking_leaves_out_what_was_ticked_and_tells_a_range_and_reasons(shelf, ticks):
    ranked = shelf.ranked(*ticks)
    assert len(ranked) == 15
    assert ranked["place"].tolist()[:10] == list(range(1, 11))
    assert not set(ranked["row"]) & {*ticks[0], *ticks[1]}
    assert (ranked["from"] <= ranked["place"]).all()
    assert (ranked["place"] <= ranked["to"]).all()
    assert (ranked["to"] > ranked["from"]).any()
    for film, because in ranked[["row", "because"]].itertuples(index=False):
        names = set(shelf.graph.neighbours(shelf.catalogue["node_id"][film])["name"])
        assert because
        assert sum(name in because for name in names) >= chapter.REASONS


def test_series_mates_of_what_was_ticked_can_be_left_out(shelf, ticks):
    series = shelf.catalogue["series"]
    ticked = set(series[[*ticks[0], *ticks[1]]]) - {""}
    with_them, without = (shelf.ranked(*ticks, without_series=flag, most=2000) for flag in (False, True))
    assert ticked & set(series[with_them["row"]])
    assert not ticked & set(series[without["row"]])
    assert without["place"].max() == len(without) < len(with_them)


def test_a_dislike_moves_its_neighbours_down(shelf, ticks):
    first = int(shelf.ranked(*ticks)["row"].iloc[0])
    after = shelf.ranked(ticks[0], [*ticks[1], first], most=2000)
    assert first not in set(after["row"])
    near = shelf.films @ shelf.films[first]
    before = shelf.ranked(*ticks, most=2000).set_index("row")["score"]
    closest = [row for row in np.argsort(-near) if row in before.index and row != first][:20]
    assert after.set_index("row")["score"][closest].mean() < before[closest].mean()


def test_titles_are_found_with_or_without_year_and_unknown_ones_say_what_to_do(shelf):
    assert shelf.look_up("alien") == shelf.look_up("Alien (1979)") == ([shelf.row("Alien (1979)")], "")
    rows, message = shelf.look_up(HOSTILE)
    assert rows == []
    assert "<script>" not in message
    assert "Did you mean" in shelf.look_up("Blade Runer")[1]
    assert "another spelling" in shelf.look_up("xyzzyx qqq")[1]
    twice = shelf.catalogue["name"].value_counts().index[0]
    rows, message = shelf.look_up(twice)
    assert len(rows) >= 2
    assert "with its year" in message
    with pytest.raises(KeyError, match="No film here"):
        shelf.row("Blade Runer")


def test_the_widget_is_a_face_of_the_ranking(shelf, ticks):
    view = LikesAndDislikes(shelf)
    assert (view.liked, view.disliked) == ticks
    assert shelf.ranked(*ticks)["film"].iloc[0] in view.result.value
    first = ticks[0][0]
    view.ticks[first][1].value = True  # disliked after all: then it is not liked
    assert first not in view.liked
    assert first in view.disliked
    assert "▲" in view.result.value or "▼" in view.result.value
    for like, dislike in view.ticks.values():
        like.value = dislike.value = False
    assert "Tick at least one" in view.result.value


def test_a_film_can_be_added_by_its_title_once(shelf):
    view = LikesAndDislikes(shelf)
    view.title.value = "Blade Runner 2049"
    assert len(view.ticks) == len(chapter.RATED) + 1
    view.title.value = "blade runner 2049"
    assert "among the films above" in view.message.value
    assert len(view.ticks) == len(chapter.RATED) + 1
    view.title.value = HOSTILE
    assert "<script>" not in view.message.value


def test_moves_are_told_in_words_and_names_are_escaped():
    ranked = pd.DataFrame(
        {
            "place": [1, 2, 3], "film": ["A <b>", "B", "C"], "score": [1.0, 0.5, 0.1], "from": [1, 2, 3],
            "to": [1, 5, 3], "because": ["x", "y", ""], "row": [7, 8, 9],
        }
    )  # fmt: skip
    page = ranking_html(ranked, {7: 3, 8: 1})
    assert "&lt;b&gt;" in page
    for text in ("▲ 2", "▼ 1", "new", "2\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}5", "none of its links says why"):
        assert text in page
    assert "▲" not in ranking_html(ranked, {})


# ---- MovieLens -------------------------------------------------------------------------------------------------------


@pytest.fixture
def movielens(tmp_path, shelf):
    """Two users in MovieLens's format: one likes what is like *Alien*, the other says little."""
    near = np.argsort(-(shelf.films @ shelf.films[shelf.row("Alien (1979)")]), kind="stable")
    rated = [*((row, 5.0) for row in near[:10]), *((row, 1.0) for row in near[-10:])]
    movies, ratings = ["movieId,title,genres"], ["userId,movieId,rating,timestamp"]
    for movie, (row, stars) in enumerate(rated, start=1):
        name, year = shelf.catalogue.loc[row, ["name", "year"]]
        movies.append(f'{movie},"{name} ({year})",Drama')
        ratings.append(f"1,{movie},{stars},0")
    ratings += ["2,1,5.0,0", "2,2,3.0,0", "2,3,1.0,0"]
    (tmp_path / "movies.csv").write_text("\n".join(movies) + "\n", encoding="utf-8")
    (tmp_path / "ratings.csv").write_text("\n".join(ratings) + "\n", encoding="utf-8")
    return tmp_path


def test_a_users_taste_is_learned_from_one_half_and_measured_on_the_other(movielens, shelf):
    likes = links.movielens_likes(movielens, shelf.graph)
    assert list(likes) == ["person:1"]  # the other one rated too little
    assert list(map(len, likes["person:1"])) == [10, 10]
    areas = links.tastes_of_people(likes, {"link vectors": shelf.films})
    assert areas.loc["person:1", "link vectors"] > 0.8
    assert areas.loc["person:1", "popularity"] == 0.5  # nobody else says anything


def test_films_are_matched_by_title_and_nearly_the_year(movielens, shelf):
    rows = links.matching_films(shelf.graph, load_movielens(movielens, tags=False))
    assert len(rows) == 20
    assert len(set(rows.values())) == 20


def test_real_users_are_found_in_the_real_data(reference, shelf):
    likes = links.movielens_likes(reference / "movielens", shelf.graph, rated=30)
    assert len(likes) > 5
    assert all(min(map(len, sides)) >= 30 for sides in likes.values())
    assert all(not set(liked) & set(disliked) for liked, disliked in likes.values())
