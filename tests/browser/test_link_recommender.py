"""Likes and dislikes as a reader ticks them, by mouse and by keyboard; titles typed right, wrong and hostile."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from .lab import HOSTILE, Lab, Notebook, Widget

# Vectors by decomposition, which are there at once: the widget is the same.
SHELF = """
import numpy as np
from kgss_helpers.chapters.ch05_link_recommender import FilmShelf, LikesAndDislikes
from kgss_helpers.methods.link_vectors import link_pairs, unit_rows
from kgss_helpers.runs import link_embeddings as links

graph = links.film_link_graph()
pairs = link_pairs(graph, min_count=3)
left, strengths, right = np.linalg.svd(links.rarity_weighted(pairs), full_matrices=False)
shelf = FilmShelf(graph, pairs, unit_rows(right[:20].T), unit_rows(left[:, :20] * strengths[:20]))
"""


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    name = lab.create("likes.ipynb", SHELF, "LikesAndDislikes(shelf)")
    with lab.open(name) as opened:
        opened.run_all()
        yield opened


@pytest.fixture
def view(notebook: Notebook) -> Widget:
    return notebook.widget("Add a film")


def first_films(view: Widget) -> list[str]:
    rows = view.output.locator(".widget-html-content tbody tr")
    expect(rows.first).to_be_visible()
    return rows.locator("td:nth-child(3)").all_inner_texts()


def test_a_tick_moves_the_ranking_and_unticks_its_opposite(view: Widget) -> None:
    before = first_films(view)
    assert len(before) == 13
    like, dislike = (view.output.get_by_label(f"{verb} Alien (1979)", exact=True) for verb in ("like", "dislike"))
    expect(like).to_be_checked()
    dislike.check()
    expect(like).not_to_be_checked()
    view.should_say("▲")
    assert first_films(view) != before
    view.screenshot("likes-and-dislikes")


def test_the_space_bar_ticks_and_does_nothing_else(view: Widget, notebook: Notebook) -> None:
    cells = len(notebook.cells())
    box = view.output.get_by_label("like Titanic (1997)", exact=True)
    box.focus()
    notebook.page.keyboard.press("Space")
    expect(box).to_be_checked()
    expect(view.output.get_by_label("dislike Titanic (1997)", exact=True)).not_to_be_checked()
    notebook.page.keyboard.press("Tab")
    assert len(notebook.cells()) == cells


def test_a_typed_title_joins_the_list_and_can_be_ticked(view: Widget) -> None:
    view.type_into("Add a film", "Blade Runner 2049")
    view.should_say("Blade Runner 2049 (2017) stands at the end of the list now")
    view.output.get_by_label("like Blade Runner 2049 (2017)", exact=True).check()
    view.type_into("Add a film", "Blade Runer")
    view.should_say("Did you mean Blade Runner")


def test_typed_markup_comes_out_as_text(view: Widget, notebook: Notebook) -> None:
    view.type_into("Add a film", HOSTILE)
    view.should_say("No film here is called")
    view.screenshot("likes-markup")
    assert view.output.locator("script, img").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None


def test_series_can_be_left_out(view: Widget) -> None:
    label = "leave out films of a series that I ticked"
    view.output.get_by_label(label, exact=True).check()
    view.should_not_say("The Empire Strikes Back")
    view.should_not_say("Alien Resurrection")
    view.screenshot("likes-without-series")
