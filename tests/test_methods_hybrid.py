"""One system for every question: what it hears, whom it believes, what it finds and why."""

from functools import cache

import numpy as np
import pytest

from kgss_helpers.graph import GraphError, KnowledgeGraph
from kgss_helpers.methods.evidence import Foreseen
from kgss_helpers.methods.explaining import NOTHING
from kgss_helpers.methods.fusion import Router
from kgss_helpers.methods.hybrid import FEATURES, HybridSearch
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.sources import SOURCES
from kgss_helpers.methods.understanding import FuzzyNames, Understanding, everyday_words
from kgss_helpers.question import Query
from tests.helpers import tables

PEOPLE = [("p1", "Ada Quillfeather"), ("p2", "Bo Ray"), ("p3", "Cyril Mackenzie"), ("p4", "Dora Mackenzie")]
FILMS = [
    ("f1", "Red Moon", "Thieves rob a bank on the moon."), ("f2", "Blue River", "A sheriff hunts riding outlaws."),
    ("f3", "Green Hill", "Cowboys drive cattle over a hill."), ("f4", "Grey Sea", "A whale swallows a ship."),
    ("f5", "White Noise", "A clown falls in love."), ("f6", "Up", "An old man flies his house."),
]  # fmt: skip
EDGES = [
    ("p1", "Director", "f2"), ("p1", "Director", "f3"), ("p1", "Composer", "f5"), ("p2", "Director", "f5"),
    ("p2", "Director", "f6"), ("p3", "Composer", "f2"), ("p3", "Composer", "f3"), ("p4", "Director", "f1"),
    ("f1", "has genre", "g3"), ("f2", "has genre", "g1"), ("f3", "has genre", "g1"), ("f5", "has genre", "g2"),
    ("f6", "has genre", "g2"), ("f1", "has keyword", "k1"), ("f2", "has keyword", "k2"), ("f3", "has keyword", "k2"),
    ("f4", "has keyword", "k3"),
]  # fmt: skip


@cache
def model():
    """The packaged model, loaded once."""
    return load_pretrained(device="cpu")


def film_graph(*, further: tuple = ()) -> KnowledgeGraph:
    """Westerns and comedies, a heist, a whale."""
    nodes = [(node_id, "person", name, "") for node_id, name in PEOPLE]
    nodes += [(node_id, "project", name, text) for node_id, name, text in FILMS]
    nodes += [("g1", "genre", "Western", ""), ("g2", "genre", "Comedy", ""), ("g3", "genre", "Crime", "")]
    nodes += [("k1", "keyword", "heist", ""), ("k2", "keyword", "horse", ""), ("k3", "keyword", "whale", "")]
    return KnowledgeGraph(*tables([*nodes, *further], EDGES), name="toy")


@pytest.fixture(scope="module")
def system() -> HybridSearch:
    return HybridSearch(model(), film_graph()).fit()


# ---- what is heard ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def names() -> FuzzyNames:
    return FuzzyNames(film_graph(), ("person",))


def test_a_name_is_found_word_for_word_and_surely(names: FuzzyNames) -> None:
    assert names.named("films directed by ada quillfeather") == [("p1", 1.0)]


@pytest.mark.parametrize("typed", ["Ada Quillfether", "Ada Qiullfeather", "Ada Quilfeathr", "ADA QUILLFEATHERS"])
def test_a_misspelt_name_is_found_less_surely(names: FuzzyNames, typed: str) -> None:
    ((node_id, sure),) = names.named(f"films directed by {typed}")
    assert node_id == "p1"
    assert 0.5 < sure < 1


@pytest.mark.parametrize(
    "typed", ["films directed by Nora Nobody", "films by Ada Lovelace", "films by Cyril Smith", "Mackenzie", "a bay"]
)
def test_the_name_of_nobody_is_not_found(names: FuzzyNames, typed: str) -> None:
    assert names.named(f"{typed}, please") == []


def test_of_two_alike_the_nearer_is_found(names: FuzzyNames) -> None:
    assert [node_id for node_id, _ in names.named("scored by Cyril Mackenzy")] == ["p3"]


def test_spelling_is_mended_and_everyday_words_stay(system: HybridSearch) -> None:
    understanding = system.prepare(system.graph).understanding
    assert understanding.spelt("a directr of westerms, my dear") == "a director of westerns, my dear"
    assert understanding.spelt("Mobsters and hiccups") == "Mobsters and hiccups"
    assert "mobsters" in everyday_words()
    assert understanding.without_names("films by Ada  Quillfeather, now", ["p1"]) == "films by somebody, now"


def test_what_somebody_is_after_is_recognised_by_meaning(system: HybridSearch) -> None:
    understanding: Understanding = system.prepare(system.graph).understanding
    texts = ["an unknown talent to be discovered", "a veteran who has done it many times"]
    discover, proven = understanding.intents(system.vectors(texts))[:, :2].T
    assert discover[0] > proven[0]
    assert proven[1] > discover[1]


# ---- what is found ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "node_type", "right"),
    [
        ("a director of cowboy movies", "person", "p1"),
        ("a directer of cowbuy movies", "person", "p1"),
        ("who writes music for westerns?", "person", "p3"),
        ("a huge fish eats a boat", "project", "f4"),
        ("a robbery", "keyword", "k1"),
        ("Cyril Mackenzie", None, "p3"),
    ],
)
def test_each_kind_of_question_is_answered(system: HybridSearch, text: str, node_type: str | None, right: str) -> None:
    found = system.search(text, node_type=node_type)
    assert found["node_id"][0] == right
    assert found["score"].is_monotonic_decreasing
    assert node_type is None or set(found["node_type"]) == {node_type}


def test_what_starts_from_a_node_finds_what_shares_something_rare_and_not_itself(system: HybridSearch) -> None:
    found = system.search("more of this", node_type="project", anchor="f2")
    assert found["node_id"][0] == "f3"
    assert "f2" not in set(found["node_id"])
    assert "horse" in found["why"][0]


def test_known_edges_of_somebody_named_come_first_even_if_misspelt() -> None:
    class Seer:
        """Foresees one more credit, at the whale."""

        name = "seer"

        def edge_scores(self, sources, relations):
            return np.tile((graph.nodes["node_id"] == "f4").to_numpy(float), (len(sources), 1))

    graph = film_graph()
    only = Router(FEATURES, ("edges stored", "edges foreseen"), np.zeros((len(FEATURES), 2)))
    system = HybridSearch(model(), graph, predictor=Seer(), router=only)
    found = system.search("films directed by Ada Quilfeather", node_type="project")
    assert set(found["node_id"][:2]) == {"f2", "f3"}
    assert found["node_id"][2] == "f4"
    assert found["why"][0].startswith("Ada Quillfeather directed")


def test_a_type_that_the_graph_lacks_is_refused_with_those_there_are(system: HybridSearch) -> None:
    with pytest.raises(GraphError, match=r"no node has the type 'persn'.*person.*did you mean 'person'"):
        system.search("a director", node_type="persn")
    with pytest.raises(GraphError, match="no node has the type"):
        system.score([Query("a director", "planet")], system.graph)
    with pytest.raises(KeyError, match="no node 'f99'"):
        system.search("like this", node_type="project", anchor="f99")


def test_scores_are_the_same_every_time_and_for_any_company(system: HybridSearch) -> None:
    ask = [Query("a director of cowboy movies", "person"), Query("a whale", "project")]
    both = system.score(ask, system.graph)
    again = HybridSearch(model(), film_graph()).score(ask, film_graph())
    alone = np.concatenate([system.score([one], system.graph) for one in ask])
    assert np.allclose(both, again)
    assert np.allclose(both, alone)
    assert np.isneginf(both[0, system.graph.position("f1")])
    assert system.score([], system.graph).shape == (0, len(system.graph.nodes))


def test_a_node_that_was_not_there_before_is_found_by_its_own_edges(system: HybridSearch) -> None:
    nodes = system.graph.nodes
    larger = film_graph(further=(("p9", "person", "Zoe Newcomer", ""),))
    edges = [*EDGES, *(("p9", "Composer", film) for film in ("f5", "f6"))]
    larger = KnowledgeGraph(*tables(larger.nodes.to_numpy().tolist(), edges), name="larger")
    counting = Router(FEATURES, ("broad subjects counted",), np.zeros((len(FEATURES), 1)))
    counter = HybridSearch(system.vectors.model, system.graph, router=counting, vectors=system.vectors)
    found = counter.search("who writes music for comedies?", node_type="person", graph=larger)
    assert found["node_id"][0] == "p9"
    assert "p9" not in set(nodes["node_id"])


def test_a_router_that_believes_one_source_alone_ranks_as_it_does(system: HybridSearch) -> None:
    alone = Router(FEATURES, ("descriptions by meaning",), np.zeros((len(FEATURES), 1)))
    single = HybridSearch(model(), system.graph, router=alone)
    prepared = system.prepare(system.graph)
    ask = Query("cattle and cowboys", "project")
    (heard,) = system.hear([ask], prepared)
    cosines = SOURCES["descriptions by meaning"](prepared.evidence, heard)
    projects = (system.graph.nodes["node_type"] == "project").to_numpy()
    scores = single.score([ask], system.graph)[0]
    assert np.argsort(-scores[projects]).tolist() == np.argsort(-cosines[projects]).tolist()


# ---- why -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "node_id", "says"),
    [
        (
            Query("a director of cowboy movies", "person"),
            "p1",
            "Director of 2 projects about horse: Blue River, Green Hill",
        ),
        (Query("somebody robs something", "project"), "f1", "about"),
        (Query("like it", "project", "f2"), "f3", "shares Cyril Mackenzie, Western, horse and Ada"),
        (Query("films directed by Ada Quillfether", "project"), "f2", "Ada Quillfeather directed Blue River"),
        (Query("animals", "keyword"), "k2", "of 2 projects: "),
    ],
)
def test_an_answer_is_explained_by_edges_that_the_graph_has(
    system: HybridSearch, asked: Query, node_id: str, says: str
) -> None:
    explained = system.explain(asked, node_id)
    assert explained.why.startswith(says)
    there = set(system.graph.edges.itertuples(index=False, name=None))
    rows = list(explained.edges.itertuples(index=False, name=None))
    assert rows
    assert len(set(rows)) == len(rows)
    assert set(rows) <= there
    assert any(node_id in (source, target) for source, _, target in rows)


def test_where_no_edge_supports_an_answer_it_says_so(system: HybridSearch) -> None:
    explained = system.explain(Query("like it", "project", "f4"), "f5")
    assert explained.why == NOTHING
    assert explained.edges.empty
    with pytest.raises(KeyError, match="no node 'f77'"):
        system.explain(Query("like it", "project", "f4"), "f77")


def test_sources_of_an_answer_are_named(system: HybridSearch) -> None:
    found = system.search("a huge fish eats a boat", node_type="project")
    named = {source for line in found["sources"] for source in line.split(", ")} - {"broad", "narrow", "lifted"}
    assert named
    assert named <= {part for source in SOURCES for part in source.split(", ")}


def test_a_graph_without_subjects_is_searched_by_its_texts() -> None:
    nodes = [("a", "note", "Shopping", "Buy bread and milk."), ("b", "note", "Garden", "Plant roses in spring.")]
    graph = KnowledgeGraph(*tables(nodes, [("a", "next", "b")]), name="notes")
    found = HybridSearch(model(), graph).search("flowers", node_type="note")
    assert found["node_id"][0] == "b"


def test_the_next_edges_of_another_graph_keep_to_their_nodes() -> None:
    class Seer:
        name = "seer"

        def edge_scores(self, sources, relations):
            scores = np.full((len(sources), len(graph.nodes)), -np.inf)
            scores[:, graph.position("f4")] = 1
            return scores

    graph = film_graph()
    shuffled = KnowledgeGraph(graph.nodes.iloc[::-1], graph.edges, name="shuffled")
    foreseen = Foreseen(Seer(), graph)
    table = foreseen.next_in(shuffled, "Director").toarray()
    assert table[shuffled.position("p1"), shuffled.position("f4")] == pytest.approx(1)
    assert table.sum() == pytest.approx(2)  # of the two with two films each
    kept = foreseen.next
    foreseen.forget()
    foreseen.forget()
    assert foreseen.next is not kept
    assert np.array_equal(foreseen.next_in(shuffled, "Director").toarray(), table)
