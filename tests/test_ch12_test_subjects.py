"""Notebook 12 without a browser: right answers, what each epoch answers, widgets, and markup that stays text."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers import tables

from kgss_helpers import exam
from kgss_helpers.chapters import ch12_figures
from kgss_helpers.chapters.ch12_calibration import (
    calibrated_scale,
    calibration_error,
    reliability,
    split_people,
    surprise,
)
from kgss_helpers.chapters.ch12_published import ABSENT, ANSWERS, beside_published, published, verdicts
from kgss_helpers.chapters.ch12_test_subjects import (
    RULES,
    EpochMap,
    EpochSearch,
    Rule,
    SkillAffinity,
    answers_after,
    check_names,
    first_skills,
    in_words,
    mean_cosines,
    people_called,
    right_answers,
    skill_paths,
)
from kgss_helpers.films.roles import SKILLS
from kgss_helpers.films.skills import skill_counts
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.runs.epochs import RETRIEVAL, Epochs, space_name
from kgss_helpers.space import SemanticSpace

SCRIPT = "<script>alert('x')</script>"
NODES, EDGES = tables(
    [
        ("person:ada", "person", "Ada Quill", "Shoots rockets."),
        ("person:ada-2", "person", "ada quill", ""),
        ("person:bo", "person", "Bo Fern", ""),
        ("person:x", "person", SCRIPT, SCRIPT),
        *((f"project:{number}", "project", f"Star {number}", "") for number in range(4)),
        ("project:doc", "project", "The Making of Star", ""),
        ("project:about", "project", "Who Is Bo Fern?", ""),
        ("genre:science-fiction", "genre", "Science fiction", ""),
        ("genre:documentary", "genre", "Documentary", ""),
        ("keyword:heist", "keyword", "heist", ""),
        ("keyword:bo-fern", "keyword", "Bo Fern Day", ""),
    ],
    [
        *(("person:ada", "Director", f"project:{number}") for number in range(3)),
        ("person:ada", "Screenwriter", "project:0"),
        ("person:ada-2", "Actor", "project:1"),
        ("person:bo", "Director", "project:0"),
        ("person:bo", "Actor", "project:doc"),
        ("person:bo", "Producer", "project:3"),
        ("person:x", "Actor", "project:3"),
        *((f"project:{number}", "has genre", "genre:science-fiction") for number in range(3)),
        ("project:doc", "has genre", "genre:documentary"),
        ("project:about", "has genre", "genre:documentary"),
        ("project:3", "has keyword", "keyword:heist"),
    ],
)
TEXTS = [
    *SKILLS.values(),
    "Bo Fern",
    "documentary movie about Bo Fern",
    *RETRIEVAL[2:3],
    "a heist that goes wrong",
    "zzz",
]


@pytest.fixture
def graph():
    return KnowledgeGraph(NODES, EDGES, name="tiny")


@pytest.fixture
def epochs(graph):
    rng = np.random.default_rng(0)
    nodes, texts = rng.normal(size=(3, len(NODES), 6)), rng.normal(size=(3, len(TEXTS), 6))
    nodes, texts = (vectors / np.linalg.norm(vectors, axis=2, keepdims=True) for vectors in (nodes, texts))
    nodes, texts = nodes.astype(np.float32), texts.astype(np.float32)
    kept = [dict(zip(TEXTS, of_texts, strict=True)) for of_texts in texts]
    return Epochs([SemanticSpace.of(graph, nodes[n], name=space_name(n), texts=kept[n]) for n in range(3)])


def positions(node_type):
    return np.flatnonzero(NODES["node_type"] == node_type)


def only_our_markup(html):
    ours = {"b", "br", "div", "p", "table", "thead", "tbody", "tr", "th", "td"}
    return set(re.findall(r"<\s*/?\s*(\w+)", html)) <= ours


# ---- people and their skills --------------------------------------------------------------------------------------


def test_people_are_found_by_name_most_credited_first(graph):
    assert people_called(graph, " bo FERN ") == (["person:bo"], "")
    found, message = people_called(graph, "Ada Quill")
    assert found == ["person:ada", "person:ada-2"]
    assert "2 nodes are called" in message


def test_what_is_no_person_is_not_found_and_people_are_suggested(graph):
    assert people_called(graph, "heist") == ([], "<b>heist</b> is no person here, but a keyword.")
    assert "Did you mean <b>Bo Fern</b>?" in people_called(graph, "Bo Ferm")[1]
    assert "<script" not in people_called(graph, SCRIPT[:-1])[1]
    assert people_called(graph, "  ") == ([], "Type a name and press Enter.")


def test_counts_and_shares_in_words():
    assert in_words(pd.Series({"Acting": 2, "Casting": 0, "Editing": 7})) == "Editing 7, Acting 2"
    assert in_words(pd.Series({"Acting": 0.333, "Casting": 0.5})) == "Casting 0.50, Acting 0.33"
    assert in_words(pd.Series({"Acting": 0})) == ""


def test_paths_hold_credits_and_every_epoch(epochs, graph):
    table = skill_paths(epochs, skill_counts(graph), "person:ada")
    assert table.columns.tolist() == ["credits", "untuned", "1", "2"]
    assert sorted(table.index) == sorted(SKILLS.values())
    assert table.loc[["Directing", "Screenwriting", "Acting"], "credits"].tolist() == [3, 1, 0]
    assert table["2"].is_monotonic_decreasing
    assert np.allclose(table.drop(columns="credits").sum(), 1, atol=1e-5)
    with pytest.raises(KeyError, match="'person:nobody' is not among"):
        skill_paths(epochs, skill_counts(graph), "person:nobody")


def test_somebody_without_credits_has_a_path_too(epochs, graph):
    table = skill_paths(epochs, skill_counts(graph).drop("person:x"), "person:x")
    assert not table["credits"].any()


# ---- right answers ------------------------------------------------------------------------------------------------


def test_a_name_asks_for_what_it_is_joined_to(graph):
    right = right_answers(graph, "ada quill")
    assert right["project:0"] == "Ada Quill directed and wrote it"
    assert set(right) == {"project:0", "project:1", "project:2"}
    assert right["project:1"] == "Ada Quill directed it; ada quill acted in it"
    assert right_answers(graph, "heist") == {"project:3": "it has the keyword heist"}


def test_held_out_reasons_say_so(graph):
    seen = graph.with_edges(EDGES[(EDGES["target"] != "project:2") | (EDGES["source"] != "person:ada")])
    right = right_answers(graph, "Ada Quill", seen=seen)
    assert right["project:2"] == "Ada Quill directed it (held out)"
    assert "held out" not in right["project:0"]


def test_what_a_rule_proves_by_held_out_credits_alone_says_so(graph):
    seen = graph.with_edges(EDGES[EDGES["target"] != "project:2"])
    asked = "a director of sci-fi movies"
    assert right_answers(graph, asked, seen=graph) == right_answers(graph, asked)
    why = right_answers(graph, asked, seen=seen)
    assert why == {"person:ada": "Director of 3 films (Science fiction) (held out)"}


def test_everything_of_a_newcomer_is_held_out(graph):
    newcomer = "person:bo"
    edges = EDGES[(EDGES["source"] != newcomer) & (EDGES["target"] != newcomer)]
    seen = KnowledgeGraph(NODES[NODES["node_id"] != newcomer], edges, name="without Bo")
    right = right_answers(graph, "Bo Fern", seen=seen)
    assert set(right) == {"project:0", "project:doc", "project:3"}
    assert all(why.endswith(" (held out)") for why in right.values())


def test_documentaries_show_or_name_the_person(graph):
    assert right_answers(graph, "documentary movie about Bo Fern") == {
        "project:doc": "Bo Fern appears in it",
        "project:about": "a documentary that names Bo Fern",
    }
    assert right_answers(graph, "documentary movie about Nobody") == {}


def test_rules_count_credits(graph):
    right = right_answers(graph, "a director of sci-fi movies")
    assert right == {"person:ada": "Director of 3 films (Science fiction)"}
    assert right_answers(graph, "a heist that goes wrong") == {"project:3": "heist"}
    assert right_answers(graph, "Producing") == {"person:bo": "Producer of 1 film"}


def test_what_nobody_proves_has_no_right_answer(graph):
    assert right_answers(graph, "zzz") == {}


def test_questions_of_the_exam_bring_their_own_answers():
    asked = next(question for question in exam.film_exam().questions if question.family == "role and genre")
    right = right_answers(exam.training_graph(), asked.text)
    assert set(right) == set(asked.relevant)
    assert set(right.values()) == {"right in the exam"}


def test_every_rule_fits_the_film_graph():
    nodes, roles = set(exam.training_graph().nodes["node_id"]), set(SKILLS)
    for rule in RULES.values():
        assert isinstance(rule, Rule)
        assert set(rule.targets) <= nodes
        assert rule.role in {"", *roles}
    assert set(RETRIEVAL[2:]) <= set(RULES)


# ---- answers after an epoch ------------------------------------------------------------------------------------------


def test_answers_are_ranked_by_cosine_and_right_ones_ticked(epochs, graph):
    shown = answers_after(epochs, graph, "a director of sci-fi movies", 1, "person")
    assert shown.columns.tolist() == ["place", "answer", "score", "right", "why"]
    assert shown["place"].tolist() == [1, 2, 3, 4]
    people = positions("person")
    cosines = epochs[1].vectors[people] @ epochs[1].texts["a director of sci-fi movies"]
    names = NODES["name"].iloc[people[np.argsort(-cosines)]].tolist()
    assert shown["answer"].tolist() == names
    assert shown["right"].tolist() == ["✓" if name == "Ada Quill" else "" for name in names]


def test_at_most_k_answers_of_one_type_and_among_some(epochs, graph):
    assert len(answers_after(epochs, graph, "zzz", 0, "project", 2)) == 2
    assert len(answers_after(epochs, graph, "zzz", 0, "project")) == 6
    only = answers_after(epochs, graph, "zzz", 0, "person", among={"person:bo", "project:0"})
    assert only["answer"].tolist() == ["Bo Fern"]
    assert answers_after(epochs, graph, "zzz", 0, "genre")["answer"].tolist() in (
        ["Science fiction", "Documentary"],
        ["Documentary", "Science fiction"],
    )
    with pytest.raises(ValueError, match=r"no node of type 'persn'.*did you mean 'person'"):
        answers_after(epochs, graph, "zzz", 0, "persn")


def test_held_out_answers_are_told_from_known_ones(epochs, graph):
    seen = graph.with_edges(EDGES[EDGES["target"] != "project:3"])
    shown = answers_after(epochs, graph, "Bo Fern", 0, "project", seen=seen).set_index("answer")
    assert shown.loc["Star 3", "right"] == "✓ held out"
    assert shown.loc["Star 0", "right"] == "✓"
    assert shown.loc["Star 1", "right"] == ""


def test_a_text_without_a_vector_is_refused(epochs, graph):
    with pytest.raises(ValueError, match="has no vector for 'tomato'"):
        answers_after(epochs, graph, "tomato", 0, "person")


def test_any_list_of_names_is_checked(graph):
    right = right_answers(graph, "a director of sci-fi movies")
    checked = check_names(graph, ["Bo Fern", " ADA quill", "Cy Nobody", "heist"], right, "person")
    assert checked["place"].tolist() == [1, 2, 3, 4]
    assert checked["answer"].tolist() == ["Bo Fern", "ADA quill", "Cy Nobody", "heist"]
    assert checked["found"].tolist() == [True, True, False, False]
    assert checked["right"].tolist() == ["", "✓", "", ""]
    assert checked["why"].tolist()[2:] == ["not in the graph"] * 2
    assert check_names(graph, [], right, "person").empty


# ---- widgets ------------------------------------------------------------------------------------------------------


@pytest.fixture
def anybody(epochs, graph):
    return SkillAffinity(epochs, graph, "Bo Fern")


def test_the_first_person_is_shown(anybody):
    assert "<b>Bo Fern</b>, person, 3 edges" in anybody.result.value
    assert "<b>Producing ✓</b>" in anybody.result.value
    assert anybody.which.layout.display == "none"
    assert only_our_markup(anybody.result.value)


def test_typing_another_name_shows_that_person(anybody):
    anybody.name.value = "Bo Ferm"
    assert "Did you mean <b>Bo Fern</b>?" in anybody.message.value
    assert anybody.result.value == ""  # nobody's table stands below a name that nobody has
    anybody.name.value = SCRIPT
    assert "&lt;script&gt;" in anybody.result.value
    assert only_our_markup(anybody.result.value)
    assert anybody.message.value == ""


def test_several_of_a_name_are_a_choice(anybody):
    anybody.name.value = "Ada Quill"
    assert "names are not keys" in anybody.message.value
    assert anybody.which.layout.display is None
    assert [label for label, _ in anybody.which.options] == [
        "Ada Quill: Directing 3, Screenwriting 1",
        "ada quill: Acting 1",
    ]
    assert "Shoots rockets." in anybody.result.value
    anybody.which.index = 1
    assert "Shoots rockets." not in anybody.result.value
    assert "<b>ada quill</b>" in anybody.result.value
    anybody.name.value = "Bo Fern"
    assert anybody.which.layout.display == "none"
    assert "<b>Bo Fern</b>" in anybody.result.value


@pytest.fixture
def search(epochs, graph):
    return EpochSearch(epochs, graph, graph)


def test_a_search_offers_what_was_kept(search):
    assert search.kind.options[:2] == ("retrieval test", "skills")
    assert search.text.options == ("a director of sci-fi movies", "a heist that goes wrong")
    assert search.node_type.value == "person"
    assert search.epoch.value == "2"


def test_a_search_shows_both_epochs_with_what_is_right(search, epochs, graph):
    right = (answers_after(epochs, graph, "a director of sci-fi movies", 2, "person")["right"] != "").sum()
    assert f"<b>untuned</b>: {right} of 4 right" in search.result.value
    assert f"<b>after 2 epochs</b>: {right} of 4 right" in search.result.value
    assert "Director of 3 films (Science fiction)" in search.result.value
    assert "&lt;script&gt;" in search.result.value
    assert "<script" not in search.result.value


def test_another_question_brings_its_own_type(search):
    search.text.index = 1
    assert search.node_type.value == "project"
    assert "heist" in search.result.value
    search.kind.value = "skills"
    assert search.text.options[0] == "Directing"
    assert search.node_type.value == "person"
    assert "Director of 3 films" in search.result.value


def test_the_untuned_model_stands_alone(search):
    search.epoch.value = "untuned"
    assert search.result.value.count("<table") == 1
    search.epoch.value = "1"
    assert search.result.value.count("<table") == 2
    assert "after 1 epoch<" in search.result.value


def test_the_slider_moves_the_dots(epochs):
    people = NODES["node_id"].iloc[positions("person")].tolist()
    points, _ = epochs.maps(people)
    view = EpochMap(points, epochs.labels, ["Ada Quill", "ada quill", "Bo <Fern>", "X"], ["a", "b", "a", "b"])
    assert [trace.meta for trace in view.figure.data] == ["a", "b"]
    assert view.figure.data[0].text == ("Quill", "&lt;Fern&gt;")
    for epoch, label in enumerate(epochs.labels):
        view.epoch.value = label
        assert np.allclose(view.figure.data[0].x, points[epoch, [0, 2], 0], atol=1e-3)
        assert np.allclose(view.figure.data[1].y, points[epoch, [1, 3], 1], atol=1e-3)
        assert view.figure.layout.title.text.endswith(ch12_figures.epoch_title(label))
    view.show(0)
    assert view.epoch.value == "untuned"
    assert np.allclose(view.figure.data[0].x, points[0, [0, 2], 0], atol=1e-3)


def test_widgets_have_the_same_text_every_time(anybody, search, epochs):
    view = EpochMap(epochs.maps(NODES["node_id"].iloc[:4].tolist())[0], epochs.labels, list("abcd"), list("aabb"))
    for widget in (anybody, search, view):
        assert repr(widget).startswith("<")
        assert repr(widget).endswith(": run this cell in JupyterLab>")


# ---- figures ------------------------------------------------------------------------------------------------------


def test_epochs_have_titles():
    assert [ch12_figures.epoch_title(label) for label in ("untuned", "1", "9")] == [
        "untuned",
        "after 1 epoch",
        "after 9 epochs",
    ]


def test_groups_differ_in_colour_and_in_shape():
    styles = ch12_figures.group_styles(list("abcdefgha"))
    assert list(styles) == list("abcdefgh")
    for part in zip(*styles.values(), strict=True):
        assert len(set(part)) == 8


@pytest.mark.parametrize("count", [1, 3, 4])
def test_panels_of_people(count, epochs):
    names, groups = ["Ada Quill", "Bo Fern", "Cy", "Di"], ["a", "a", "b", "c"]
    points, _ = epochs.maps(NODES["node_id"].iloc[:4].tolist())
    for figure in (
        ch12_figures.similarities({f"epoch {n}": np.eye(4) for n in range(count)}, names, groups),
        ch12_figures.people_maps({f"epoch {n}": points[0] for n in range(count)}, names, groups),
    ):
        titles = [axes.get_title("left") or axes.get_title() for axes in figure.axes]
        assert [title for title in titles if title] == [f"epoch {n}" for n in range(count)]


def test_affinities_are_drawn_with_the_credits_beside_them(epochs, graph):
    table = skill_paths(epochs, skill_counts(graph), "person:ada")
    figure = ch12_figures.affinity_panels({"Ada Quill": table, "again": table})
    numbers = [(text.get_text(), text.get_fontweight()) for text in figure.axes[0].texts]
    assert sorted(numbers) == [("1", "normal"), ("3", "bold")]


def test_labels_keep_out_of_each_others_way():
    points = np.array([[0, 0], [0, 14], [0, -14], [300, 300]])
    sides = ch12_figures.label_sides(points, ["somebody", "somebody", "somebody", "far"])
    assert len(set(sides[:3])) > 1
    assert sides[3] == "middle right"
    assert set(sides) <= set(ch12_figures.SIDES)


# ---- skills -------------------------------------------------------------------------------------------------------


def test_first_skills_beside_the_graph(graph):
    people = ["person:ada", "person:ada-2", "person:bo", "person:nobody"]
    likely = pd.DataFrame(0.0, index=people, columns=list(SKILLS.values()))
    likely.loc["person:ada", ["Acting", "Screenwriting", "Directing"]] = 0.1, 0.7, 0.2
    likely.loc["person:ada-2", "Casting"] = 0.9
    likely.loc["person:bo", "Producing"] = 0.6
    found = first_skills(likely, skill_counts(graph))
    assert found.index.tolist() == people[:3]
    assert found["first"].tolist() == ["Screenwriting", "Casting", "Producing"]
    assert found["likelihood"].tolist() == [0.7, 0.9, 0.6]
    assert found["main"].tolist() == [False, False, True]  # one credit each: all three are Bo's main role
    assert found["any"].tolist() == [True, False, True]
    assert found["credits"].tolist() == [4, 1, 3]


def test_mean_cosines_are_those_of_all_pairs(epochs):
    vectors, groups = epochs[0].vectors[:9], list("aaabbbccd")
    cosines, alike = vectors @ vectors.T, np.equal.outer(groups, groups)
    of_one, of_different = mean_cosines(vectors, groups)
    assert of_one == pytest.approx(cosines[alike & ~np.eye(9, dtype=bool)].mean(), abs=1e-4)
    assert of_different == pytest.approx(cosines[~alike].mean(), abs=1e-4)


# ---- likelihoods that are honest ---------------------------------------------------------------------------------


def test_people_are_split_in_halves_without_those_who_are_left_out():
    people = [f"p{number}" for number in range(21)]
    chosen, measured = split_people(people, without=["p3"])
    assert len(chosen) == len(measured) == 10
    assert sorted([*chosen, *measured]) == sorted(set(people) - {"p3"})
    assert split_people(people[::-1], without=["p3"]) == (chosen, measured)


def test_reliability_and_its_error_on_numbers_that_can_be_checked():
    likely, right = pd.Series([0.95, 0.95, 0.15, 0.15]), pd.Series([True, True, False, True])
    table = reliability(likely, right)
    assert table["people"].tolist() == [2, 2]
    assert table["right"].tolist() == [0.5, 1]
    assert calibration_error(likely, right) == pytest.approx((0.35 + 0.05) / 2)


def test_a_scale_surprises_less_than_its_neighbours(epochs):
    likely = epochs.affinities(1)
    main = likely.idxmax(axis=1)
    main.iloc[0] = likely.columns[likely.iloc[0].argsort().iloc[-3]]  # three of four are right, one is not
    scale = calibrated_scale(epochs, 1, main)
    for other in (0.7 * scale, 1.4 * scale):
        assert surprise(epochs, 1, main, scale) <= surprise(epochs, 1, main, other) + 1e-3


def test_a_calibrated_table_says_so_and_is_less_sure(epochs, graph):
    plain, honest = (SkillAffinity(epochs, graph, "Bo Fern", scales=scales) for scales in (None, [1.0, 1.0, 1.0]))
    assert "Likelihood in percent" in plain.result.value
    assert "Calibrated likelihood in percent" in honest.result.value
    counts = skill_counts(graph)
    surest = [skill_paths(epochs, counts, "person:bo", scales=scales)["2"].max() for scales in (None, [1, 1, 1])]
    assert surest[0] > surest[1]


# ---- what was published ------------------------------------------------------------------------------------------


def test_published_lists_are_whole_and_scores_fall():
    table = pd.read_csv(ANSWERS)
    assert len(table) == 3 * 2 * 15
    for (question, model), part in table.groupby(["question", "model"]):
        assert question in RETRIEVAL
        found = published(question, model)
        assert found["place"].tolist() == list(range(1, 16))
        assert found["score"].is_monotonic_decreasing
        assert found["answer"].is_unique
        assert len(part) == 15
    with pytest.raises(ValueError, match="nothing is published of 'tomato'"):
        published("tomato", "base")


def test_published_names_are_checked_one_by_one(epochs, graph):
    text = "a director of sci-fi movies"
    ours = answers_after(epochs, graph, text, 1, "person")
    right = right_answers(graph, text)
    table = beside_published(graph, text, "base", "person", right, ours)
    assert (table["the seminar", "in our graph"] == ABSENT).all()
    assert table["ours", "answer"].dropna().tolist() == ours["answer"].tolist()
    found = verdicts(table)
    assert found["unknown"] == 1
    assert found["ours right"] == 1


def test_a_line_chart_a_person_and_a_reliability_diagram():
    table = pd.DataFrame(np.full((3, 4), 0.3), ["Acting", "Casting", "Editing"], ["untuned", "1", "2", "3"])
    figure = ch12_figures.skill_lines({"Ada": table, "Bo": table}, y_label="likelihood")
    assert [panel.get_title() for panel in figure.axes[:2]] == ["Ada", "Bo"]
    assert len(figure.axes[0].lines) == 3
    assert figure.get_size_inches()[0] * 100 <= 1280
    bins = reliability(pd.Series([0.2, 0.9]), pd.Series([False, True]))
    figure = ch12_figures.reliability_diagram({"before": bins, "after": bins})
    assert figure.axes[0].get_ylabel()
    assert figure.axes[1].get_title() == "after"
    plt.close("all")
