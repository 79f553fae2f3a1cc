"""An exam made from any graph: reproducible, askable, and none of its answers stands in what a method sees."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from helpers import tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgss_helpers import exam
from kgss_helpers.exam.generated import DESCRIPTION, EDGE, FAMILIES, ROLE, SUBJECT, generated_exam
from kgss_helpers.exam.sitting import require_askable
from kgss_helpers.graph import GraphError, KnowledgeGraph
from kgss_helpers.methods.baselines import WordMatch
from kgss_helpers.question import load_questions, save_questions
from kgss_helpers.text.documents import documents
from kgss_helpers.text.rows import training_rows
from kgss_helpers.text.schema import counted_roles

ROLES = ("author of", "checks")
WORDS = ("river", "stone", "Brücke", "híd", "grows", "old", "Ada", "Bo")
sentence = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(lambda words: " ".join(words) + ".")
description = st.one_of(st.just(""), st.lists(sentence, max_size=4).map(" ".join))


@st.composite
def graphs(draw) -> KnowledgeGraph:
    """People, works and matters, joined at random; names repeat, and descriptions name people and repeat each other."""
    sizes = {kind: draw(st.integers(1, 6)) for kind in ("person", "work", "matter")}
    names = st.sampled_from((*WORDS, "Ada Quill", "A", "the bridge"))
    nodes = [
        (f"{kind}{number}", kind, draw(names), draw(description))
        for kind, size in sizes.items()
        for number in range(size)
    ]
    ids = {kind: [f"{kind}{number}" for number in range(size)] for kind, size in sizes.items()}
    triple = st.one_of(
        st.tuples(
            st.sampled_from(ids["person"]), st.sampled_from(("author of", "checks")), st.sampled_from(ids["work"])
        ),
        st.tuples(st.sampled_from(ids["work"]), st.just("about"), st.sampled_from(ids["matter"])),
        st.tuples(st.sampled_from(ids["person"]), st.just("knows"), st.sampled_from(ids["person"])),
    )
    edges = draw(st.lists(triple, max_size=40, unique=True))
    return KnowledgeGraph(*tables(nodes, edges), name="random")


def made_of(graph: KnowledgeGraph, **settings_of_it):
    """The exam, or None where the graph gives none."""
    try:
        return generated_exam(graph, **settings_of_it)
    except GraphError:
        return None


@pytest.mark.filterwarnings("ignore:the exam of random")
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graph=graphs(), seed=st.integers(0, 5))
def test_no_fact_that_is_asked_about_is_in_what_a_method_sees(graph: KnowledgeGraph, seed: int) -> None:
    made = made_of(graph, seed=seed)
    if made is None:
        return
    require_askable(made.questions, made.graph)
    assert made.graph.nodes["node_id"].tolist() == graph.nodes["node_id"].tolist()
    seen_pairs = {frozenset(pair) for pair in zip(made.graph.edges["source"], made.graph.edges["target"], strict=True)}
    seen_texts = "\n".join([*made.graph.nodes["name"], *made.graph.nodes["description"]]).casefold()
    for source, target in zip(made.held_out["source"], made.held_out["target"], strict=True):
        assert frozenset((source, target)) not in seen_pairs
        one, other = made.graph.node(source), made.graph.node(target)
        assert one["name"].casefold() not in f"{other['name']} {other['description']}".casefold()
        assert other["name"].casefold() not in f"{one['name']} {one['description']}".casefold()
    for question in made.questions:
        if question.family == DESCRIPTION:
            assert question.text.casefold() not in seen_texts
    everything = pd.concat([made.graph.edges, made.held_out[["source", "relation", "target"]]])
    assert sorted(map(tuple, everything.to_numpy())) == sorted(map(tuple, graph.edges.to_numpy()))
    assert (made.graph.degree.to_numpy() > 0).tolist() == (graph.degree.to_numpy() > 0).tolist()


@pytest.mark.filterwarnings("ignore:the exam of random")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graph=graphs(), seed=st.integers(0, 5))
def test_counted_answers_are_those_that_the_visible_graph_proves(graph: KnowledgeGraph, seed: int) -> None:
    made = made_of(graph, seed=seed)
    if made is None:
        return
    seen, full = (counted_roles(one) for one in (made.graph, graph))
    for question in made.questions:
        if question.family not in (ROLE, SUBJECT):
            continue
        least = 2 if question.family == ROLE else 3
        keys = ["role", "subject"] if question.family == ROLE else ["subject"]
        totals = seen.groupby([*keys, "holder"])["count"].sum()
        groups = [set(part[part >= least].index.get_level_values("holder")) for _, part in totals.groupby(level=keys)]
        assert set(question.relevant) in groups
        assert not set(question.exclude) & set(question.relevant)
        ever = full.groupby([*keys, "holder"])["count"].sum()
        assert all((ever.xs(holder, level="holder") >= least).any() for holder in question.exclude)


# ---- on a real graph ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def films() -> KnowledgeGraph:
    """The best connected part of the film graph."""
    return exam.training_graph(edition=1).subgraph(top={"project": 150, "person": 300, "keyword": 100})


@pytest.fixture(scope="module")
def made(films: KnowledgeGraph):
    return generated_exam(films, families=(ROLE, SUBJECT, EDGE))


def test_the_same_seed_gives_the_same_exam_and_another_seed_another(films: KnowledgeGraph, made) -> None:
    again, other = (generated_exam(films, seed, families=(ROLE, SUBJECT, EDGE)) for seed in (0, 1))
    assert again.questions == made.questions
    pd.testing.assert_frame_equal(again.graph.edges, made.graph.edges)
    assert other.questions != made.questions


def test_both_halves_have_every_family_and_ids_of_their_own(made, tmp_path) -> None:
    sizes = made.sizes()
    assert sizes.index.tolist() == [ROLE, SUBJECT, EDGE]
    assert (sizes.to_numpy() > 10).all()
    assert max(Counter(question.question_id for question in made.questions).values()) == 1
    save_questions(made.questions, tmp_path / "questions.jsonl")
    assert load_questions(tmp_path / "questions.jsonl") == list(made.questions)


def test_the_halves_have_subjects_of_their_own(films: KnowledgeGraph, made) -> None:
    names = set(films.nodes["name"])
    subjects = {
        split: {name for question in made.questions if question.split == split and question.family == SUBJECT
                for name in names if question.text.rstrip("?").endswith(f" {name}")}
        for split in ("validation", "test")
    }  # fmt: skip
    assert subjects["validation"]
    assert not subjects["validation"] & subjects["test"]


def test_nothing_that_is_written_from_the_graph_holds_a_held_out_edge(made) -> None:
    names = made.graph.nodes.set_index("node_id")["name"]
    texts = dict(zip(made.graph.nodes["node_id"], documents(made.graph, "films", most=100), strict=True))
    rows = training_rows(made.graph)
    written = {frozenset(pair) for pair in zip(rows["node_id"], rows["other"], strict=True)}
    unique = names.value_counts()
    checked = 0
    for source, target in zip(made.held_out["source"], made.held_out["target"], strict=True):
        assert frozenset((source, target)) not in written
        if unique[names[target]] == 1 and not names.str.contains(names[target], regex=False).sum() > 1:
            assert names[target] not in texts[source]
            checked += 1
    assert checked > 20


def test_a_method_sits_it(made) -> None:
    result = exam.sit(WordMatch("films"), graph=made.graph, questions=made.questions)
    assert set(result.by_family()) == {ROLE, SUBJECT, EDGE}
    assert 0 < result.interval(SUBJECT).mean < 1


# ---- what a graph lacks --------------------------------------------------------------------------------------------


def small(edges: list[tuple], said: str = "") -> KnowledgeGraph:
    """Six people, six works, a matter; ``said`` is the second sentence of each work's description."""
    nodes = [("s", "matter", "Bridges", "")]
    for number in range(6):
        text = f"It was {number}. {said} {number}." if said else ""
        nodes += [(f"p{number}", "person", f"Person {number}", ""), (f"w{number}", "work", f"Work {number}", text)]
    return KnowledgeGraph(*tables(nodes, edges), name="small")


def test_a_graph_without_anything_to_ask_gets_an_error_that_names_every_family() -> None:
    with pytest.raises(GraphError, match="small gives no exam") as caught:
        generated_exam(small([("p0", "knows", "p1")]))
    for family, remedy in ((ROLE, "person → project → keyword"), (DESCRIPTION, "'description'"), (EDGE, "add edges")):
        assert f"{family}: it needs" in str(caught.value)
        assert remedy in str(caught.value)


def test_what_is_left_out_is_said_and_the_rest_is_asked() -> None:
    graph = small([("p0", "knows", "p1")], "Nobody knew what to do with number")
    with pytest.warns(UserWarning, match="the exam of small leaves families out") as caught:
        made = generated_exam(graph)
    assert set(made.left_out) == {ROLE, SUBJECT, EDGE}
    assert all(family in str(caught[0].message) for family in made.left_out)
    assert {question.family for question in made.questions} == {DESCRIPTION}
    assert "Nobody knew" in made.questions[0].text
    asked = {node_id for question in made.questions for node_id in question.relevant}
    kept = made.graph.nodes.set_index("node_id")["description"]
    assert all("Nobody" not in kept[node_id] for node_id in asked)


def test_edges_of_any_relation_are_asked_where_there_are_no_roles() -> None:
    chain = [(f"p{one}", "works on", f"w{(one + step) % 6}") for one in range(6) for step in range(4)]
    with pytest.warns(UserWarning, match="leaves families out"):
        made = generated_exam(small(chain))
    assert {question.family for question in made.questions} == {EDGE}
    assert made.questions[0].text.endswith("works on …")
    assert np.isin(made.questions[0].node_type, ["work"])


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"families": ("edges",)}, r"no family 'edges'.*did you mean 'edge'"),
        ({"families": ()}, "at least one family"),
        ({"most": 0}, "must be 1 or more"),
        ({"at_least": 0}, "must be 1 or more"),
    ],
)
def test_wrong_wishes_are_refused(films: KnowledgeGraph, wish: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        generated_exam(films, **wish)


def test_families_are_named_once() -> None:
    assert len(set(FAMILIES)) == len(FAMILIES) == 4
