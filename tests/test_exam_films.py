"""The film exam: what counts as proof, what is held out, and the table of who sat it."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import Oracle, result_of

from kgss_helpers.exam import film_exam, recorded, sit, table, training_graph
from kgss_helpers.exam import films as module
from kgss_helpers.exam.films import FAMILIES, RESULTS, by_hand
from kgss_helpers.exam.films.ceilings import ceilings
from kgss_helpers.exam.films.families import CREDIT_PHRASINGS, shared_keywords
from kgss_helpers.exam.films.holdout import HoldOut, hold_out, lot, side
from kgss_helpers.exam.films.proof import Facts, content_words, genre_counts, proved, right, stem
from kgss_helpers.exam.films.variants import LEFT_ALONE, misspelt, vocabulary
from kgss_helpers.exam.results import ALL, EDITION, METRICS
from kgss_helpers.files import slug
from kgss_helpers.films.roles import HAS_KEYWORD, ROLES
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.baselines import Popularity, Random, WordMatch
from kgss_helpers.text.documents import documents


@pytest.fixture(autouse=True)
def nobody_has_sat_yet(monkeypatch):
    monkeypatch.setattr(module, "_SAT", {})


@pytest.fixture(scope="module")
def the_exam():
    return film_exam()


@pytest.fixture(scope="module")
def names(the_exam):
    return dict(zip(the_exam.graph.nodes["node_id"], the_exam.graph.nodes["name"], strict=True))


@pytest.fixture(scope="module")
def said(the_exam):
    """What the training graph says of each node."""
    nodes = the_exam.training_graph.nodes
    return {node: text for node, text in zip(nodes["node_id"], nodes["description"], strict=True) if text}


def triples(edges):
    return set(edges.itertuples(index=False, name=None))


def tiny_graph(*credited, genres=(), keywords=(), series=None, names=None):
    """A graph from (person, role, film), (film, genre) and (film, keyword)."""
    kinds, edges = {}, []
    for person, role, film in credited:
        kinds |= {person: "person", film: "project"}
        edges.append((person, role, film))
    for relation, kind, rows in (("has genre", "genre", genres), ("has keyword", "keyword", keywords)):
        for film, other in rows:
            kinds |= {film: "project", other: kind}
            edges.append((film, relation, other))
    nodes = pd.DataFrame([(node, kind) for node, kind in kinds.items()], columns=["node_id", "node_type"])
    nodes["name"] = [(names or {}).get(node, node) for node in nodes["node_id"]]
    nodes["series"] = [(series or {}).get(node, "") for node in nodes["node_id"]]
    return KnowledgeGraph(nodes, pd.DataFrame(edges, columns=["source", "relation", "target"]))


# ---- proof ---------------------------------------------------------------------------------------------------------


def noir(films, others=0, *, series=None):
    """One row of counts: somebody who cut so many films noir and so many others."""
    cut = [f"f{number}" for number in range(films)]
    credited = [("ada", "Editor", film) for film in [*cut, *(f"o{number}" for number in range(others))]]
    counted = genre_counts(tiny_graph(*credited, genres=[(film, "noir") for film in cut], series=series))
    assert len(counted) == 1
    return counted


@pytest.mark.parametrize(
    ("counted", "enough", "right_answer"),
    [
        (noir(2), False, False),
        (noir(3), True, True),
        (noir(3, series={"f0": "Saga", "f1": "Saga", "f2": "Saga"}), False, False),
        (noir(3, series={"f0": "Saga", "f1": "Saga"}), True, True),
        (noir(3, 17), True, True),
        (noir(3, 18), True, False),
        (noir(5, 45), True, False),
        (noir(6, 54), True, True),
    ],
)
def test_a_skill_is_three_films_from_two_series_and_a_real_share_of_the_work(counted, enough, right_answer):
    assert proved(counted).tolist() == [enough]
    assert right(counted).tolist() == [right_answer]


def test_a_theme_counts_films_that_have_any_of_its_keywords_once():
    graph = tiny_graph(
        ("ada", "Editor", "f1"), ("ada", "Editor", "f2"), ("ada", "Actor", "f3"), ("bo", "Editor", "f3"),
        keywords=[("f1", "snow"), ("f1", "ice"), ("f2", "ice"), ("f3", "fire")],
    )  # fmt: skip
    assert Facts(graph).of_theme("Editor", ["snow", "ice"]).to_dict() == {"ada": 2}
    assert Facts(graph).of_theme("Editor", ["fire", "nowhere"]).to_dict() == {"bo": 1}


def test_shared_keywords_leave_out_how_a_film_is_made_and_weigh_rare_ones():
    formal = sorted(by_hand.formal_keywords())[0]
    keywords = [(film, word) for film in ("f1", "f2") for word in ("war", "spy", formal)]
    keywords += [(film, "war") for film in ("f3", "f4")]
    shared, rare = shared_keywords(tiny_graph(keywords=keywords), ["f1"], ["f2", "f3"])
    assert shared.tolist() == [[2, 1]]
    assert rare[0] == pytest.approx([np.log(4 / 4) + np.log(4 / 2), 0])


@pytest.mark.parametrize(
    ("one", "other"),
    [("climbs", "climbing"), ("cities", "city"), ("loved", "loves"), ("winged", "wing"), ("mug", "mugs")],
)
def test_the_stem_of_two_forms_is_one(one, other):
    assert stem(one) == stem(other)


def test_every_role_has_a_phrasing():
    assert set(CREDIT_PHRASINGS) == set(ROLES)


# ---- what is held out ----------------------------------------------------------------------------------------------


def test_a_lot_depends_on_its_words_alone():
    assert lot("a", "b") == lot("a", "b") != lot("ab")
    drawn = [lot("x", str(number)) for number in range(2000)]
    assert 0 <= min(drawn) < 0.01
    assert 0.99 < max(drawn) < 1
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.03)
    halves = Counter(side("x", str(number)) for number in range(2000))
    assert halves["test"] == pytest.approx(1000, abs=100)


def test_every_edge_is_on_one_side(the_exam):
    everything, training = triples(the_exam.graph.edges), triples(the_exam.training_graph.edges)
    validation, test = triples(the_exam.validation), triples(the_exam.test)
    of_newcomers = {edge for edge in everything if {edge[0], edge[2]} & the_exam.newcomers}
    parts = [training, validation, test, of_newcomers]
    assert set.union(*parts) == everything
    assert sum(map(len, parts)) == len(everything)
    assert triples(the_exam.newcomer_graph.edges) == training | of_newcomers
    pairs = [{frozenset((source, target)) for source, _, target in part} for part in parts]
    assert sum(map(len, pairs)) == len(set.union(*pairs))


def test_a_twentieth_of_films_and_people_are_newcomers_and_no_known_node_is_without_an_edge(the_exam):
    kinds = the_exam.graph.nodes.set_index("node_id")["node_type"]
    share = kinds[list(the_exam.newcomers)].value_counts() / kinds.value_counts()
    assert share["person"] == pytest.approx(0.05, abs=0.005)
    assert share["project"] == pytest.approx(0.05, abs=0.001)
    assert share.dropna().index.tolist() == ["person", "project"]
    assert set(the_exam.training_graph.nodes["node_id"]) == set(kinds.index) - the_exam.newcomers
    assert the_exam.training_graph.degree.min() >= 1
    in_order = the_exam.graph.nodes.sort_values("node_id", ignore_index=True)
    pd.testing.assert_frame_equal(the_exam.newcomer_graph.nodes, in_order)


def test_no_description_of_a_known_node_names_a_newcomer(the_exam, names, said):
    kinds = the_exam.graph.nodes.set_index("node_id")["node_type"]
    plain = {node: re.sub(r"^(the|an?) ", "", names[node].casefold()) for node in the_exam.newcomers}
    text = "\n".join(said.values()).casefold()
    named = [node for node, name in plain.items() if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    assert named == []
    skilled = set(genre_counts(the_exam.graph).loc[right, "person"]) & the_exam.newcomers
    assert len(skilled) >= 40
    assert {kinds[node] for node in skilled} == {"person"}


def test_credits_are_held_out_of_whoever_has_many_and_of_skills_that_just_suffice(the_exam):
    counts = Counter((source, relation) for source, relation, _ in triples(the_exam.graph.edges))
    lost = Counter()
    for edges in (the_exam.validation, the_exam.test):
        lost.update((source, relation) for source, relation, _ in triples(edges) if relation in ROLES)
    several = {pair: number for pair, number in lost.items() if counts[pair] >= 5}
    few = [pair for pair in lost if pair not in several]
    assert all(counts[pair] - number >= 2 for pair, number in several.items())
    assert len(several) > 150
    assert len(few) > 60


def gives_away(text, film, crew):
    """Whether a text names a film, its series, its keywords, its story or its people: the rule, written once more."""
    words = content_words(" ".join(film))
    names = {form for name in re.findall(r"[A-Z]\w+", text) for form in (name, name.removesuffix("s"))}
    return bool(content_words(text) & words or names & crew)


def test_no_held_out_credit_is_given_away(the_exam, names, said):
    nodes = the_exam.graph.nodes.set_index("node_id")
    keywords, crew = defaultdict(list), defaultdict(set)
    for source, relation, target in triples(the_exam.graph.edges):
        if relation == HAS_KEYWORD:
            keywords[source].append(names[target])
        elif relation in ROLES:
            crew[target].add(source)
    told = []
    for person, relation, film in triples(pd.concat([the_exam.validation, the_exam.test])):
        if relation in ROLES and person in said:
            row = nodes.loc[film]
            others = {re.findall(r"\w+", names[other])[-1] for other in crew[film] - {person}}
            if gives_away(said[person], [row["name"], row["series"], row["description"], *keywords[film]], others):
                told.append((person, film))
        assert (person, film) not in by_hand.told_by_paraphrase()
    assert told == []


def test_paraphrases_are_of_real_credits(the_exam):
    credited = {(source, target) for source, _, target in triples(the_exam.graph.edges)}
    assert by_hand.told_by_paraphrase() <= credited


def test_a_fifth_of_the_content_keywords_is_held_out_none_that_the_film_says(the_exam, names, said):
    content = [
        (film, keyword)
        for film, relation, keyword in triples(the_exam.graph.edges)
        if relation == HAS_KEYWORD
        and names[keyword] not in by_hand.formal_keywords()
        and film not in the_exam.newcomers
    ]
    hidden = [
        (film, keyword)
        for edges in (the_exam.validation, the_exam.test)
        for film, relation, keyword in triples(edges)
        if relation == HAS_KEYWORD
    ]
    assert set(hidden) <= set(content)
    assert len(hidden) / len(content) == pytest.approx(0.2, abs=0.03)
    told = [(f, k) for f, k in hidden if content_words(names[k]) & content_words(f"{names[f]}. {said[f]}")]
    assert told == []


def test_what_is_held_out_stands_in_no_document(the_exam, names):
    """A credit or keyword that is held out is in no text written from the training graph, and no newcomer is."""
    training = the_exam.training_graph
    place = {node: row for row, node in enumerate(training.nodes["node_id"])}
    for style in ("films", "skills"):
        texts = documents(training, style, most=100)
        for edges in (the_exam.validation, the_exam.test):
            for source, relation, target in triples(edges):
                listed = texts[place[source]].split(". ")
                if relation == HAS_KEYWORD:
                    about = next((part for part in listed if part.startswith("about ")), "")
                    assert names[target] not in re.split(r", | and ", about.removeprefix("about "))
        assert not {names[node] for node in the_exam.newcomers} & set(texts)


def test_mending_one_fact_does_not_draw_the_others_anew(the_exam):
    """Lots hang on ids: without one film, next to everything is held out as before."""
    film = next(node for node in the_exam.training_graph.nodes["node_id"] if node.startswith("project:"))
    graph = the_exam.graph
    without = graph.subgraph(node_ids=[node for node in graph.nodes["node_id"] if node != film])
    again = hold_out(without)
    for before, after in ((the_exam.validation, again.validation), (the_exam.test, again.test)):
        kept = {edge for edge in triples(before) if film not in edge}
        assert len(kept ^ triples(after)) < 0.02 * len(kept)


def test_newcomer_edges_are_given_and_held_out_ones_are_not():
    graph = tiny_graph(("ada", "Editor", "f1"), ("bo", "Editor", "f1"), ("bo", "Editor", "f2"))
    held = HoldOut(graph, frozenset({"ada"}), graph.edges.iloc[[1]], graph.edges.iloc[:0])
    assert triples(held.training_graph.edges) == {("bo", "Editor", "f2")}
    assert set(held.training_graph.nodes["node_id"]) == {"bo", "f1", "f2"}
    assert triples(held.newcomer_graph.edges) == {("bo", "Editor", "f2"), ("ada", "Editor", "f1")}


# ---- variants ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edits", [1, 2])
def test_a_misspelling_is_so_many_edits_and_always_the_same(edits):
    text = "a costume designer of historical films"
    made = {misspelt(text, edits, set(), key=str(number)) for number in range(50)}
    assert len(made) > 20
    assert misspelt(text, edits, set(), key="7") == misspelt(text, edits, set(), key="7")
    for one in made:
        changed = [pair for pair in zip(one.split(), text.split(), strict=True) if pair[0] != pair[1]]
        assert 1 <= len(changed) <= edits
        assert all(abs(len(wrong) - len(word)) <= edits and wrong[0] == word[0] for wrong, word in changed)
        assert not {word for _, word in changed} & LEFT_ALONE


def test_no_misspelling_is_a_known_word():
    known = {"war", "ward", "wart", "warm"}
    made = {misspelt("warm", 1, known, key=str(number)) for number in range(200)}
    assert not made & known
    assert len(made) > 10


def test_variants_put_a_question_differently_and_nothing_else(the_exam):
    by_id = {question.question_id: question for question in the_exam.questions if not question.variant}
    variants = [question for question in the_exam.questions if question.variant]
    known = vocabulary(by_id.values(), the_exam.graph)
    assert {question.variant for question in variants} == {"misspelt-1", "misspelt-2", "hungarian"}
    for question in variants:
        original = by_id[question.question_id.removesuffix(f"~{question.variant}")]
        assert question.text != original.text
        same = replace(original, question_id=question.question_id, text=question.text, variant=question.variant)
        assert question == same
        if question.variant != "hungarian":
            before, after = (re.findall(r"\w+", text.casefold()) for text in (original.text, question.text))
            wrong = [word for word, right_word in zip(after, before, strict=True) if word != right_word]
            assert wrong
            assert not set(wrong) & known


# ---- ceilings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["validation", "test"])
def test_counting_reaches_what_the_training_graph_proves_and_no_foresight(split):
    found = ceilings(split)["mean"]
    assert found[["role and genre", "other words", "theme"]].min() > 0.97
    assert found["newcomer"] > 0.9
    assert 0.5 < found["alike"] < 0.7
    assert 0.1 < found["implicit"] < 0.35
    assert found[["plot", "keyword", "credit"]].eq(0).all()


# ---- editions ------------------------------------------------------------------------------------------------------


def test_the_first_edition_is_as_it_was():
    first = film_exam(edition=1)
    assert first is film_exam(1)
    assert Counter(question.family for question in first.questions) == {
        "role and genre": 177, "credit": 140, "plot": 220, "keyword": 44, "alike": 100,
    }  # fmt: skip
    assert first.newcomer_graph is first.training_graph is training_graph(edition=1)
    hidden = pd.concat([first.validation, first.test])
    assert len(hidden) > 800
    assert not triples(hidden) & triples(first.training_graph.edges)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_who_sits_the_first_edition_gets_what_was_recorded(split):
    (kept,) = [
        found
        for found in recorded(RESULTS[1], edition=1)
        if (found.method, found.split) == ("word match (BM25)", split)
    ]
    fresh = sit(WordMatch(), split=split, edition=1)
    assert fresh.edition == 1
    pd.testing.assert_frame_equal(kept.scores, fresh.scores.assign(**fresh.scores[list(METRICS)].round(4)))


def test_there_is_no_third_edition():
    with pytest.raises(ValueError, match="no edition 3 of the film exam; there are 1 and 2"):
        film_exam(3)


# ---- sitting -------------------------------------------------------------------------------------------------------


def test_the_films_exam_can_be_passed_and_failed():
    best = sit(Oracle()).scores
    worst = sit(Oracle(-1)).scores
    assert list(best["family"].unique()) == list(FAMILIES)
    assert best["nDCG@10"].to_numpy() == pytest.approx(1)
    assert best["MRR"].to_numpy() == pytest.approx(1)
    assert worst[worst["family"] != "newcomer"][list(METRICS)].eq(0).all(axis=None)


def test_a_method_sees_the_training_graph_and_newcomers_only_when_asked_about_them():
    seen = []

    class Curious(Random):
        name = "curious"

        def score(self, questions, graph):
            seen.append((graph, {question.family for question in questions}))
            return super().score(questions, graph)

    sit(Curious())
    the_exam = film_exam()
    assert [graph for graph, _ in seen] == [the_exam.training_graph, the_exam.newcomer_graph]
    assert seen[1][1] == {"newcomer"}
    assert "newcomer" not in seen[0][1]


def test_one_text_a_node_for_who_embeds_all_at_once(the_exam):
    texts = the_exam.texts("skills")
    assert len(texts) == len(the_exam.graph.nodes)
    known = dict(
        zip(the_exam.training_graph.nodes["node_id"], documents(the_exam.training_graph, "skills"), strict=True)
    )
    for node, text in zip(the_exam.newcomer_graph.nodes["node_id"], texts, strict=True):
        assert known.get(node, text) == text


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("method", [Random(), Popularity(), WordMatch()], ids=lambda method: slug(method.name))
def test_recorded_results_are_what_a_fresh_sitting_gives(method, split):
    (kept,) = [found for found in recorded(RESULTS[2]) if (found.method, found.split) == (method.name, split)]
    fresh = sit(method, split=split)
    pd.testing.assert_frame_equal(kept.scores, fresh.scores.assign(**fresh.scores[list(METRICS)].round(4)))
    assert kept.sees == fresh.sees != ""


def test_recorded_results_answer_the_questions_of_today(the_exam):
    asked = {
        split: {question.question_id for question in the_exam.questions if question.split == split}
        for split in ("validation", "test")
    }
    for result in recorded(RESULTS[2]):
        assert set(result.scores["question_id"]) == asked[result.split], result.method
        assert result.cost is not None


@pytest.mark.parametrize("edition", [1, 2])
def test_recorded_files_are_named_after_method_and_split(edition):
    for path in RESULTS[edition].glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert path.name == f"{slug(content['method'])}.{content['split']}.json"
        assert content.get("edition", 1) == edition


# ---- the table -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of recorded results in place of the workbook's."""
    monkeypatch.setattr(module, "RESULTS", {1: tmp_path / "first", EDITION: tmp_path})
    return tmp_path


def with_score(name, value, split="test"):
    return result_of(name, [value, value], ["plot", "other words"], split)


def test_the_table_shows_families_cost_and_what_is_seen_worst_first():
    shown = table()
    assert shown.index.name == "method"
    assert {"random", "popularity", "word match (BM25)"} <= set(shown.index)
    assert list(shown.columns) == [*FAMILIES, ALL, "seconds", "bytes a node", "ms a question", "sees"]
    means = [float(cell.split()[0]) for cell in shown["other words"]]
    assert means == sorted(means)
    assert (shown["sees"] != "").all()


def test_variants_have_a_table_of_their_own():
    shown = table(variants=True)
    assert list(shown.columns) == ["as written", "misspelt-1", "misspelt-2", "hungarian"]
    popular = shown.loc["popularity"]
    assert popular["as written"] == popular["misspelt-1"]
    means = [float(cell.split()[0]) for cell in shown["as written"]]
    assert means == sorted(means)


def test_the_first_edition_keeps_its_table():
    assert list(table(edition=1).columns)[:6] == ["role and genre", "credit", "plot", "keyword", "alike", ALL]


def test_the_table_sorts_by_the_headline_family(folder):
    for name, value in (("best", 1), ("worst", 0), ("middling", 0.5)):
        with_score(name, value).save(folder)
    result_of("good at plots", [1.0, 0.1], ["plot", "other words"]).save(folder)
    assert table().index.tolist() == ["worst", "good at plots", "middling", "best"]


def test_the_table_keeps_splits_and_editions_apart_and_metrics_are_checked(folder):
    with_score("tuned", 0.5, "validation").save(folder)
    assert table().empty
    assert table(edition=1).empty
    assert table(split="validation").index.tolist() == ["tuned"]
    with pytest.raises(ValueError, match="unknown metric 'F1'; there are nDCG@10, recall@10, MRR"):
        table("F1")
    replace(with_score("old", 0.5), edition=1).save(folder)
    with pytest.raises(ValueError, match=r"old\.test\.json is a result of edition 1"):
        table()


def test_who_sat_in_this_session_stands_beside_the_recorded_ones(folder):
    with_score("random", 0.9).save(folder)
    sit(Popularity())
    assert table().index.tolist() == ["popularity", "random"]
    sit(Random())
    assert table().loc["random", ALL] != "0.90 [0.90, 0.90]"


def test_other_questions_do_not_enter_the_table_of_the_exam(folder, the_exam):
    with_score("oracle 1", 0.5).save(folder)
    some = [asked for asked in the_exam.questions if asked.family == "plot"]
    assert sit(Oracle(), questions=some).row()["plot"] == "1.00 [1.00, 1.00]"
    assert table().loc["oracle 1", ALL] == "0.50 [0.50, 0.50]"


def test_families_stand_in_the_order_of_the_exam_however_they_were_asked(folder, monkeypatch, the_exam):
    turned = replace(the_exam, questions=the_exam.questions[::-1])
    monkeypatch.setattr(module, "film_exam", lambda _edition=EDITION: turned)
    assert sit(Popularity(), variants=False).row().index.tolist() == [*FAMILIES, ALL]
    assert list(table().columns)[: len(FAMILIES)] == list(FAMILIES)


def test_variants_may_be_left_out(the_exam):
    asked = sit(Popularity(), variants=False).scores
    assert set(asked["variant"]) == {""}
    plain = [question for question in the_exam.questions if question.split == "test" and not question.variant]
    assert len(asked) == len(plain)
