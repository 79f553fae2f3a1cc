"""No row and no document gives away what the exam asks for; rows tell every other fact."""

import re

import pandas as pd
import pytest

from kgss_helpers import exam
from kgss_helpers.exam.films.families import ALIKE_PHRASINGS, CREDIT_PHRASINGS, PHRASINGS, PROMISING
from kgss_helpers.films.roles import HAS_GENRE, HAS_KEYWORD
from kgss_helpers.text.documents import documents
from kgss_helpers.text.rows import training_rows

TEXTS = ["name", "films", "skills"]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return training_rows(exam.training_graph(), "either", seed=3)


def test_no_row_holds_a_held_out_fact(rows: pd.DataFrame) -> None:
    split = exam.film_exam()
    held_out = pd.concat([split.validation, split.test])
    secret = {frozenset(pair) for pair in zip(held_out["source"], held_out["target"], strict=True)}
    written = {frozenset(pair) for pair in zip(rows["node_id"], rows["other"], strict=True) if pair[1]}
    assert len(secret) > 700
    assert not secret & written


def test_no_row_tells_a_held_out_fact_in_words(rows: pd.DataFrame) -> None:
    """As the last test, but by what is written: the name of the one beside the title of the other."""
    split = exam.film_exam()
    names = split.training_graph.nodes.set_index("node_id")["name"]
    held_out = pd.concat([split.validation, split.test])
    secret = {
        (names[source], names[target]) for source, target in zip(held_out["source"], held_out["target"], strict=True)
    }
    joined = split.training_graph.triples()
    known = set(zip(joined["subject"], joined["object"], strict=True))
    quoted = rows["positive"].str.extract(r"'(.+)'$")[0]
    written = set(zip(rows["anchor"], quoted, strict=True))
    assert any(pair in written for pair in known)
    assert not (secret - known) & written


@pytest.mark.parametrize("style", TEXTS)
def test_documents_hold_no_held_out_fact(style: str) -> None:
    """Nobody's document names a held-out film, unless the same words are the title of a film that may be known."""
    split = exam.film_exam()
    graph = split.training_graph
    texts = dict(zip(graph.nodes["node_id"], documents(graph, style), strict=True))
    names = graph.nodes.set_index("node_id")["name"]
    known = graph.triples().groupby("source")["object"].agg(" | ".join)
    held_out = split.test[split.test["target"].map(names).str.len() > 12]
    secret = [
        (person, film)
        for person, film in zip(held_out["source"], held_out["target"], strict=True)
        if names[film] not in known[person]
    ]
    assert len(secret) > 100
    leaks = [(person, film) for person, film in secret if names[film] in texts[person] or names[person] in texts[film]]
    assert leaks == []


def test_rows_and_documents_use_no_phrasing_of_the_exam(rows: pd.DataFrame) -> None:
    asked = {
        " ".join(question.text.lower().split())
        for question in exam.film_exam().questions
        if question.family != "keyword"
    }
    written = {text.lower() for column in ("anchor", "positive") for text in rows[column]}
    assert not asked & written
    phrasings = (*PHRASINGS, *PROMISING, *CREDIT_PHRASINGS.values(), *ALIKE_PHRASINGS)
    patterns = [re.compile(re.sub(r"\\{\w+\\}", "[^']+", re.escape(phrasing.lower())) + "$") for phrasing in phrasings]
    statements = rows.loc[~rows["relation"].isin(["description"]), "positive"].str.lower().unique()
    assert [text for text in statements if any(pattern.match(text) for pattern in patterns)] == []


# -------------------------------------------------------------------------------------------------------------- rows


def test_every_training_edge_gives_one_row(rows: pd.DataFrame) -> None:
    edges = exam.training_graph().edges
    of_edges = rows[~rows["relation"].isin(["skill", "description"])]
    from_source = set(zip(of_edges["node_id"], of_edges["relation"], of_edges["other"], strict=True))
    assert len(of_edges) == len(edges)
    turned = 0
    for source, relation, target in edges.itertuples(index=False):
        assert ((source, relation, target) in from_source) != ((target, relation, source) in from_source)
        turned += (target, relation, source) in from_source
    credited = edges["relation"] != HAS_GENRE
    assert 0.45 < turned / credited.sum() < 0.55


def test_the_same_fact_in_other_words_is_the_same_fact(rows: pd.DataFrame) -> None:
    skill = rows[rows["relation"] == "skill"].groupby("fact")["positive"].nunique()
    assert skill.max() > len(TEXTS)
    by_text = rows.groupby(["positive", rows["relation"] == "description"])["fact"].nunique()
    shared_names = by_text[by_text > 1]
    assert len(shared_names) < 0.01 * len(by_text)  # two films of one title, two people of one name


def test_rows_come_in_several_forms(rows: pd.DataFrame) -> None:
    keyword = rows[(rows["relation"] == HAS_KEYWORD) & rows["node_id"].str.startswith("project:")]["positive"]
    shapes = keyword.str.replace(r"'.+'|(?<=: ).+", "…", regex=True).value_counts(normalize=True)
    assert len(shapes) == 3
    assert shapes.min() > 0.25


def test_rows_are_reproducible_and_differ_by_seed() -> None:
    graph = exam.training_graph()
    first, again, other = (training_rows(graph, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["positive"].equals(other["positive"])
    ends, other_ends = (
        sorted(tuple(sorted(pair)) for pair in zip(rows["node_id"], rows["other"], strict=True))
        for rows in (first, other)
    )
    assert ends == other_ends  # from which of them an edge is told is drawn by lot
