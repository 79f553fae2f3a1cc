"""Names are whatever people are called: every figure and every view draws them as they are, none as markup.

All functions of `show` and `chapters` that return a figure, and all widgets there, are found by inspection. Each is
either drawn here with odd names, or listed as one that no name reaches, or as one whose own test types odd texts.
"""

import importlib
import inspect
import json
import pkgutil
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import ipywidgets as ipw
import numpy as np
import pandas as pd
import pytest

import kgss_helpers.chapters
import kgss_helpers.show
from kgss_helpers.chapters import (
    ch01_knowledge_graph,
    ch02_counting_words,
    ch03_figures,
    ch03_predicting_words,
    ch04_figures,
    ch04_word_arithmetic,
    ch05_link_recommender,
    ch07_figures,
    ch08_graphsage_structure,
    ch09_graphsage_text,
    ch10_sentence_transformers,
    ch12_figures,
    ch12_test_subjects,
    ch13_harder_negatives,
)
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.baselines import WordMatch
from kgss_helpers.question import Question
from kgss_helpers.show import charts, exam_view, graph_view
from kgss_helpers.space import SemanticSpace, unit_rows

ODD = {
    "signs": "A$AP $\\frac{ 100$ <b onmouseover=alert(1)>Ann</b> & <script>alert(1)</script>",
    "letters": "شهرزاد עם שלום 🎬 👩\u200d👩\u200d👧 🇳🇴",
    "patterns": '{0} %s %(name)s %{y} a_b^c_{d} "O\'Brien" `x` \\n',
    "very long": "Wolfeschlegelsteinhausen " * 40,
    "one endless word": "x" * 500,
    "lines": "one\ntwo\r\nthree\ttab a\x07b\u202ec\u200bd",
}
"""By what is odd about them."""
MARKUP = re.compile("<b onmouseover|<script")
EMPTY = {"empty": "", "blank": " "}
"""A graph refuses these; a title or a label may be one."""


def graph_of(odd: str) -> KnowledgeGraph:
    """Two namesakes, two projects, a keyword and a genre, all of one odd name."""
    nodes = pd.DataFrame(
        [("p1", "person"), ("p2", "person"), ("m1", "project"), ("m2", "project"), ("k1", "keyword"), ("g1", "genre")],
        columns=["node_id", "node_type"],
    ).assign(name=odd, description=odd)
    edges = [("p1", "Director", "m1"), ("p1", odd, "m2"), ("p2", "Director", "m1"), ("m1", "has genre", "g1")]
    edges += [("m1", "has keyword", "k1"), ("m2", "has keyword", "k1")]
    return KnowledgeGraph(nodes, pd.DataFrame(edges, columns=["source", "relation", "target"]), name=odd)


def space_of(graph: KnowledgeGraph) -> SemanticSpace:
    """Its nodes somewhere."""
    vectors = unit_rows(np.random.default_rng(0).normal(size=(len(graph.nodes), 4)))
    return SemanticSpace.of(graph, vectors, name=graph.name)


def four(odd: str) -> list[str]:
    """Four labels that differ."""
    return [odd, f"{odd} 2", f"{odd} 3", "plain"]


POINTS = np.random.default_rng(0).normal(size=(4, 2))
INTERVALS = pd.DataFrame({"mean": [0.5, 0.2, 0.1, 0.3], "low": 0.05, "high": 0.6})


def shares(odd: str) -> dict[str, pd.DataFrame]:
    """Tables of people by skills."""
    return {name: pd.DataFrame(np.eye(4) / 2, index=list("abcd"), columns=four(odd)) for name in four(odd)}


def browser(odd: str) -> ipw.Widget:
    asked = Question("q", odd, "test", odd, "project", relevant={"m1": 1, "m2": 2})
    view = exam_view.ExamBrowser([asked], WordMatch(), graph_of(odd))
    view.text.value = odd
    return view


def walk(odd: str) -> ipw.Widget:
    view = graph_view.Walk(graph_of(odd), "p1")
    view.name.value = odd
    view.go("m1")
    view.name.value = f"{odd} nobody"
    return view


def neighbours(odd: str) -> ipw.Widget:
    view = graph_view.NeighbourhoodView(graph_of(odd), "m1")
    view.select("p1")
    return view


def word_search(odd: str) -> ipw.Widget:
    view = ch02_counting_words.WordSearchView(ch02_counting_words.WordSearch(graph_of(f"film {odd}"), "name"), odd)
    view.text.value = f"film {odd}"
    return view


def ask_spaces(odd: str) -> ipw.Widget:
    space = space_of(graph_of(odd))
    view = ch09_graphsage_text.AskSpaces({odd: (space, lambda text: space.vectors[0])}, f"film {odd}")
    view.kind.value = "person"
    return view


def walk_neighbours(odd: str) -> ipw.Widget:
    graph = graph_of(odd)
    view = ch03_predicting_words.WalkNeighbours(space_of(graph), graph, odd)
    view.name.value = f"{odd} nobody"
    return view


CASES: dict[str, Callable[[str], object]] = {
    "charts.bars": lambda odd: charts.bars(pd.Series([1, 2, 3, 4], four(odd)), title=odd, x_label=odd),
    "charts.intervals": lambda odd: charts.intervals(INTERVALS.assign(label=four(odd)), title=odd, x_label=odd),
    "charts.curves": lambda odd: charts.curves(dict.fromkeys(four(odd), INTERVALS), title=odd, y_label=odd),
    "graph_view.neighbourhood": lambda odd: graph_view.neighbourhood(graph_of(odd), "m1"),
    "graph_view.NeighbourhoodView": neighbours,
    "graph_view.Walk": walk,
    "exam_view.ExamBrowser": browser,
    "ch01_knowledge_graph.degrees": lambda odd: ch01_knowledge_graph.degrees(graph_of(odd)),
    "ch02_counting_words.WordSearchView": word_search,
    "ch03_figures.directions": lambda odd: ch03_figures.directions(four(odd), 1),
    "ch03_figures.heat_maps": lambda odd: ch03_figures.heat_maps({odd: np.eye(4)}, four(odd)),
    "ch03_figures.shared": lambda odd: ch03_figures.shared([("kings", "king")]),
    "ch03_predicting_words.WalkNeighbours": walk_neighbours,
    "ch04_figures.arrows": lambda odd: ch04_figures.arrows(
        pd.DataFrame(POINTS, four(odd), columns=[odd, f"{odd} 2"]), *four(odd)[:3]
    ),
    "ch04_figures.sections": lambda odd: ch04_figures.sections({odd: INTERVALS.set_axis(four(odd))}),
    "ch04_figures.word_maps": lambda odd: ch04_figures.word_maps({odd: POINTS}, four(odd), [odd, odd, "b", "b"]),
    "ch04_figures.hyperplane": lambda odd: ch04_figures.hyperplane(
        POINTS, [odd, odd, "b", "b"], np.array([1.0, 1.0]), 0.1
    ),
    "ch04_figures.world": lambda odd: ch04_figures.world(pd.Series({"NOR": 0.5, "HUN": 0.1}), title=odd),
    "ch04_figures.axis_chart": lambda odd: ch04_figures.axis_chart(
        {odd: pd.Series([0.1, -0.2, 0.3, 0.0], four(odd))}, title=odd, ends=(odd, odd)
    ),
    "ch04_word_arithmetic.PerplexityView": lambda odd: ch04_word_arithmetic.PerplexityView(
        {5: POINTS, 9: POINTS}, four(odd), [odd, odd, "b", "b"]
    ),
    "ch05_link_recommender.margin_figure": lambda odd: ch05_link_recommender.margin_figure(four(odd), [1, 0, -1, 2], 2),
    "ch07_figures.lines": lambda odd: ch07_figures.lines(
        {odd: pd.Series([1.0, 2.0])}, title=odd, x_label=odd, y_label=odd
    ),
    "ch07_figures.memories": lambda odd: ch07_figures.memories(
        {name: np.array([0.1, 0.2]) for name in four(odd)}, title=odd
    ),
    "ch07_figures.attention": lambda odd: ch07_figures.attention({odd: np.eye(4)}, four(odd), title=odd),
    "ch07_figures.views": lambda odd: ch07_figures.views({odd: np.eye(4, dtype=bool)}, four(odd), title=odd),
    "ch08_graphsage_structure.weights_figure": lambda odd: ch08_graphsage_structure.weights_figure(
        pd.Series([1.0, -2.0, 0.5, 0.1], four(odd)), odd
    ),
    "ch09_graphsage_text.maps": lambda odd: ch09_graphsage_text.maps(
        graph_of(odd).nodes, {odd: np.ones((6, 2))}, "name"
    ),
    "ch09_graphsage_text.AskSpaces": ask_spaces,
    "ch10_sentence_transformers.gains": lambda odd: ch10_sentence_transformers.gains(
        pd.DataFrame(np.eye(4), four(odd), four(odd)), title=odd, x_label=odd, y_label=odd
    ),
    "ch12_figures.similarities": lambda odd: ch12_figures.similarities(
        {odd: np.eye(4), "b": np.eye(4)}, four(odd), [odd, odd, "b", "b"]
    ),
    "ch12_figures.people_maps": lambda odd: ch12_figures.people_maps(
        {odd: POINTS, "b": POINTS}, four(odd), [odd, odd, "b", "b"]
    ),
    "ch12_figures.people_map": lambda odd: ch12_figures.people_map(POINTS, four(odd), [odd, odd, "b", "b"], reach=3.0),
    "ch12_test_subjects.EpochMap": lambda odd: ch12_test_subjects.EpochMap(
        np.stack([POINTS, POINTS]), ["untuned", "1"], four(odd), [odd, odd, "b", "b"]
    ),
    "ch13_harder_negatives.gains": lambda odd: ch13_harder_negatives.gains(
        pd.DataFrame({"gain": [0.1, 0.15], "from": 0.0, "to": 0.2}, four(odd)[:2]), title=odd, x_label=odd
    ),
}
"""What is drawn with a name: module and function → a figure or a widget."""

UNNAMED = {
    "ch11_fine_tuning.family_panels",
    "ch00_start_here.pipeline", "ch02_counting_words.dimensions_figure", "ch02_counting_words.families_figure",
    "ch02_counting_words.norms_figure", "ch02_counting_words.weighting_figure", "ch01_knowledge_graph.families_figure",
    "ch03_figures.pieces", "ch03_figures.sizes", "ch05_link_recommender.scores_figure",
    "ch06_tokens_and_characters.per_character_figure", "ch06_tokens_and_characters.sizes_figure",
    "ch07_figures.gates", "ch07_figures.layers", "ch07_figures.learning", "ch07_figures.two_maps",
    "ch08_graphsage_structure.comparison_figure", "ch08_graphsage_structure.degree_figure",
    "ch08_graphsage_structure.growth_figure", "ch08_graphsage_structure.million_figure",
    "ch08_graphsage_structure.sampled_figure", "ch09_graphsage_text.loss_figure",
    "ch10_figures.architectures", "ch10_figures.foundation_and_expert", "ch10_figures.inside_the_model",
    "ch10_sentence_transformers.by_score", "ch10_sentence_transformers.matrices",
    "ch12_figures.affinity_panels", "ch12_figures.reliability_diagram", "ch12_figures.skill_lines",
    "ch13_recipes.lines", "loss_view.LossCurve",
}  # fmt: skip
"""Their labels are our own: methods, measures, skills, steps, words of the notebook."""
ELSEWHERE = {
    "ch03_predicting_words.Spelling": "test_ch03_predicting_words.py",
    "ch04_word_arithmetic.WordsAsked": "test_ch04_word_arithmetic.py",
    "ch05_link_recommender.LikesAndDislikes": "test_ch05_link_recommender.py",
    "ch06_tokens_and_characters.TokenChips": "test_ch06_tokens_and_characters.py",
    "ch07_sequences_and_context.PrefixWriter": "test_ch07_sequences_and_context.py",
    "ch07_sequences_and_context.SenseComparer": "test_ch07_sequences_and_context.py",
    "ch08_graphsage_structure.MissingEdges": "test_ch08_graphsage_structure.py",
    "ch10_sentence_transformers.PrimerBench": "test_ch10_sentence_transformers.py",
    "ch12_test_subjects.EpochSearch": "test_ch12_test_subjects.py",
    "ch12_test_subjects.SkillAffinity": "test_ch12_test_subjects.py",
    "ch13_harder_negatives.NegativesView": "test_ch13_harder_negatives.py",
    "search_view.SearchView": "test_show_search_view.py",
    "search_view.map_figure": "test_show_search_view.py",
}
"""What needs a model or vectors to be made: its own test types odd texts."""
OURS = ("ch14_",)
"""Chapters whose figures show the exam's methods and families alone."""


def found() -> Iterator[str]:
    """Every figure and every widget of the two rooms, as module and name."""
    for room in (kgss_helpers.show, kgss_helpers.chapters):
        for module in pkgutil.iter_modules(room.__path__):
            content = importlib.import_module(f"{room.__name__}.{module.name}")
            for name, thing in vars(content).items():
                if name.startswith("_") or getattr(thing, "__module__", None) != content.__name__:
                    continue
                is_widget = inspect.isclass(thing) and issubclass(thing, ipw.Widget)
                draws = inspect.isfunction(thing) and "Figure" in str(inspect.signature(thing).return_annotation)
                if is_widget or draws:
                    yield f"{module.name}.{name}"


def test_every_figure_and_widget_is_looked_at() -> None:
    there = {name for name in found() if not name.startswith(OURS)}
    looked_at = CASES.keys() | UNNAMED | ELSEWHERE.keys()
    assert there - looked_at == set(), "draw it in CASES with an odd name, or say why none reaches it"
    assert looked_at - there == set(), "these are no longer there"
    for name, test in ELSEWHERE.items():
        text = (Path(__file__).parent / test).read_text(encoding="utf-8")
        assert name.partition(".")[2] in text, f"{test} does not test {name}"
        assert "<" in text, f"{test} types nothing odd"


def drawn(made: object, odd: str) -> None:
    """Draws a figure; reads a widget's texts, in which no name is markup."""
    import plotly.graph_objects as go
    from matplotlib.figure import Figure

    if isinstance(made, Figure):
        html = charts.as_html(made, odd)
        assert html.startswith("<img")
        assert not MARKUP.search(html)
    elif isinstance(made, go.Figure):
        for trace in made.data:
            trace.meta = None  # which is never shown
        assert not MARKUP.search(json.dumps(made.to_plotly_json(), default=str))
    else:
        for widget in walked(made):
            if isinstance(widget, ipw.HTML):
                assert not MARKUP.search(widget.value)
                endless = re.search("x{400}", widget.value)
                assert not endless or "overflow-wrap" in widget.value or widget.layout.overflow, "runs off the page"
            elif isinstance(widget, go.FigureWidget):
                drawn(go.Figure(widget), odd)


def walked(widget: ipw.Widget) -> Iterator[ipw.Widget]:
    """A widget and all that are in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walked(child)


@pytest.fixture(autouse=True)
def our_style() -> Iterator[None]:
    """Figures as the notebooks draw them; closed again."""
    import matplotlib.pyplot as plt

    with plt.rc_context(charts.MATPLOTLIB_STYLE), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    plt.close("all")


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("name", CASES)
def test_an_odd_name_is_drawn_as_it_is(name: str, what: str) -> None:
    drawn(CASES[name](ODD[what]), ODD[what])


@pytest.mark.parametrize("what", EMPTY)
@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(("charts.", "ch04_f", "ch07_", "ch12_"))])
def test_an_empty_label_does_no_harm(name: str, what: str) -> None:
    warnings.filterwarnings("ignore", "No artists with labels")  # a legend of nothing but empty names stays out
    drawn(CASES[name](EMPTY[what]), "empty")


def test_namesakes_are_two_bars() -> None:
    figure = charts.bars(pd.Series([5, 3], ["Steve McQueen", "Steve McQueen"]), title="t", x_label="x")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert sorted(bar.get_width() for bar in axes.patches) == [3, 5]
    assert len({bar.get_y() for bar in axes.patches}) == 2


def test_a_long_name_is_cut_between_words_and_an_unknown_letter_is_a_box() -> None:
    figure = charts.bars(pd.Series([5, 3], ["one two three " * 20, "🎬 Film"]), title="t", x_label="x")
    charts.as_html(figure, "bars")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[0] == f"{charts.NO_GLYPH} Film"
    assert re.fullmatch(r"(one two three )+(one )?(two )?(one|two|three)…", labels[1])
    assert len(labels[1]) <= 60
