"""The exam's questions, proved again from the files by other means than those that made them."""

import re
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest
from helpers import without_brackets

from kgss_helpers.datasets.films import person_id, project_id, read_films
from kgss_helpers.exam.films import FAMILIES, QUESTIONS, by_hand, film_exam
from kgss_helpers.exam.films.families import (
    ALIKE_FROM,
    ALIKE_PHRASINGS,
    ALIKE_RARITY,
    CREDIT_PHRASINGS,
    FEWEST_ALIKE,
    FEWEST_ANSWERS,
    GENRE_WORDS,
    MOST_ALIKE,
    MOST_ANSWERS,
    PHRASINGS,
)
from kgss_helpers.exam.films.proof import content_words
from kgss_helpers.files import DATA, slug
from kgss_helpers.films.roles import HAS_KEYWORD, ROLES, TABLE
from kgss_helpers.question import load_questions, save_questions
from kgss_helpers.text.rows import training_rows


@pytest.fixture(scope="module")
def films():
    return {project_id(film): film for film in read_films()}


@pytest.fixture(scope="module")
def questions():
    return load_questions(QUESTIONS)


@pytest.fixture(scope="module")
def the_exam():
    return film_exam()


@pytest.fixture(scope="module")
def names(the_exam):
    return dict(zip(the_exam.graph.nodes["node_id"], the_exam.graph.nodes["name"], strict=True))


@pytest.fixture(scope="module")
def types(the_exam):
    return dict(zip(the_exam.graph.nodes["node_id"], the_exam.graph.nodes["node_type"], strict=True))


class Counted:
    """Role, genre or keyword, person → films, in plain Python from triples."""

    def __init__(self, edges, names, films):
        genres, self.keywords = defaultdict(set), defaultdict(set)
        for source, relation, target in edges:
            if relation == "has genre":
                genres[source].add(names[target])
            elif relation == HAS_KEYWORD:
                self.keywords[source].add(names[target])
        self.films, self.in_role = defaultdict(set), defaultdict(set)
        for person, role, film in edges:
            if role in ROLES:
                self.in_role[role, person].add(film)
                for genre in genres[film]:
                    self.films[role, genre, person].add(film)
        self.series = {film: record["series"] or film for film, record in films.items()}

    def proved(self):
        return {
            skill
            for skill, made in self.films.items()
            if len(made) >= 3 and len({self.series[film] for film in made}) >= 2
        }

    def right(self):
        return {
            (role, genre, person)
            for role, genre, person in self.proved()
            if (made := len(self.films[role, genre, person])) >= 6 or made / len(self.in_role[role, person]) >= 0.15
        }

    def themed(self, role, keywords):
        return {
            person: found
            for (which, person), made in self.in_role.items()
            if which == role and (found := sum(bool(self.keywords[film] & set(keywords)) for film in made)) >= 2
        }


def triples(edges):
    return set(edges.itertuples(index=False, name=None))


@pytest.fixture(scope="module")
def everything(the_exam, names, films):
    return Counted(triples(the_exam.graph.edges), names, films)


@pytest.fixture(scope="module")
def training(the_exam, names, films):
    return Counted(triples(the_exam.training_graph.edges), names, films)


def of_family(questions, family):
    return [question for question in questions if question.family == family]


def repeated(values):
    return [value for value, count in Counter(values).items() if count > 1]


def by_id(questions, family):
    return {question.question_id: question for question in of_family(questions, family)}


def an_id(*words):
    return " ".join(words).lower().replace(" ", "-")


# ---- the whole file ------------------------------------------------------------------------------------------------


def test_the_exam_lies_in_the_data_folder():
    assert QUESTIONS == DATA / "exam" / "questions.jsonl"


def test_nine_families_with_sixty_questions_or_more_a_half(questions):
    counts = Counter((question.family, question.split) for question in questions)
    assert set(counts) == {(family, split) for family in FAMILIES for split in ("validation", "test")}
    assert min(counts.values()) >= 60
    for family, least in {"role and genre": 88, "plot": 110, "credit": 70, "other words": 75}.items():
        assert min(counts[family, split] for split in ("validation", "test")) >= least


def test_the_file_is_written_as_save_writes_it(questions, tmp_path):
    save_questions(questions, tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == QUESTIONS.read_bytes()


def test_every_node_that_a_question_names_is_there_and_has_the_right_type(questions, types):
    for question in questions:
        hidden = [*question.exclude, *([question.anchor] if question.anchor else [])]
        assert {types.get(node) for node in [*question.relevant, *hidden]} == {question.node_type}, question.question_id
        assert not set(hidden) & set(question.relevant), question.question_id
        assert len(set(question.exclude)) == len(question.exclude), question.question_id
        assert set(question.relevant.values()) <= {1, 2}


def test_only_newcomer_questions_have_newcomers_for_answers_and_no_others(questions, the_exam):
    for question in questions:
        new = set(question.relevant) & the_exam.newcomers
        assert new == (set(question.relevant) if question.family == "newcomer" else set()), question.question_id
        if question.family != "newcomer":
            assert not {question.anchor, *question.exclude} & the_exam.newcomers


def test_no_question_is_asked_twice(questions):
    assert repeated(question.question_id for question in questions) == []
    # Two films of one title are two questions with the same words: the node they start from tells them apart. A
    # person's credits and a skill's unknown holders may be asked for in both halves, each time for others, and
    # newcomers in the words of other questions.
    known = [question for question in questions if question.family not in ("newcomer", "credit", "implicit")]
    assert repeated((question.text.casefold(), question.anchor) for question in known) == []


def test_questions_are_clean_text(questions):
    for question in questions:
        assert question.text == " ".join(question.text.split())
        assert "{" not in question.text
        if question.family in ("role and genre", "implicit"):
            assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiouhAEIOUH]", question.text), question.text


# ---- people with a skill -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def skills(everything, training, the_exam):
    """Role and genre → grades of who can be found, and who leaves the ranking."""
    right, proved = defaultdict(set), training.proved()
    for role, genre, person in everything.right():
        if person not in the_exam.newcomers:
            right[role, genre].add(person)
    found = {}
    for skill, people in right.items():
        sure = {person for person in people if (*skill, person) in proved}
        grades = {person: 2 if len(everything.films[(*skill, person)]) >= 6 else 1 for person in sure}
        if sure and FEWEST_ANSWERS <= len(people) <= MOST_ANSWERS:
            found[skill] = (grades, people - sure)
    return found


def test_role_and_genre_is_right_for_people_with_such_credits(questions, skills):
    asked = by_id(questions, "role and genre")
    assert set(asked) == {an_id(*skill) for skill in skills}
    for skill, (grades, others) in skills.items():
        question = asked[an_id(*skill)]
        word = GENRE_WORDS.get(skill[1], skill[1].lower())
        forms = [form.format(role=skill[0].lower(), genre=word) for form in PHRASINGS]
        assert re.sub(r"\ban (?=[aeiou])", "a ", question.text) in forms
        assert (question.node_type, question.relevant, set(question.exclude)) == ("person", grades, others)


def test_other_words_mean_a_role_and_a_genre_and_have_the_same_answers(questions, skills):
    asked = by_id(questions, "other words")
    for split in ("validation", "test"):
        rows = by_hand.other_words(split)
        assert repeated((row.role, row.genre) for row in rows) == []
        for row in rows:
            name = an_id("other words", split, row.role, row.genre)
            assert (name in asked) == ((row.role, row.genre) in skills)
            if name in asked:
                question = asked[name]
                grades, others = skills[row.role, row.genre]
                assert (question.text, question.split) == (row.text, split)
                assert (question.relevant, set(question.exclude)) == (grades, others)


def roots(*texts):
    return {word for text in texts for word in content_words(text)}


def test_other_words_name_no_role_no_genre_and_no_word_of_the_rows_for_them():
    """Training rows say a role, its skill and a genre by name; what people wrote shares no root with any of them."""
    table = {role.name: role for role in TABLE}
    for split in ("validation", "test"):
        for row in by_hand.other_words(split):
            role = table[row.role]
            forbidden = roots(role.name, role.skill, row.genre, GENRE_WORDS.get(row.genre, ""))
            assert not forbidden & content_words(row.text), row
            for name in (role.name, role.skill, row.genre):
                assert name.casefold() not in row.text.casefold(), row


def test_no_two_in_other_words_are_twins(questions):
    """Written apart: no question shares half of its content words with another."""
    texts = [(question.question_id, content_words(question.text)) for question in of_family(questions, "other words")]
    twins = [
        (one, other)
        for place, (one, words) in enumerate(texts)
        for other, others in texts[place + 1 :]
        if len(words & others) / min(len(words), len(others)) >= 0.5
    ]
    assert twins == []


def test_voices_are_many():
    for split in ("validation", "test"):
        voices = [row.voice for row in by_hand.other_words(split)]
        assert len(set(voices)) > 0.7 * len(voices)


# ---- theme ---------------------------------------------------------------------------------------------------------


def test_a_theme_is_proved_by_two_credits_with_its_keywords(questions, everything, training, the_exam):
    asked = by_id(questions, "theme")
    for row in by_hand.themes():
        found = {p: n for p, n in everything.themed(row.role, row.keywords).items() if p not in the_exam.newcomers}
        sure = {
            person: 2 if found[person] >= 4 else 1
            for person in found
            if person in training.themed(row.role, row.keywords)
        }
        name = an_id("theme", row.theme, row.role)
        enough = bool(sure) and FEWEST_ANSWERS <= len(found) <= MOST_ANSWERS
        assert (name in asked) == enough
        if enough:
            question = asked[name]
            assert (question.text, question.split, question.relevant) == (row.text, row.split, sure)
            assert set(question.exclude) == set(found) - set(sure)


def test_a_theme_does_not_say_its_keywords(names):
    known = set(names.values())
    for row in by_hand.themes():
        assert set(row.keywords) <= known
        assert not content_words(row.text) & roots(*row.keywords), row


def test_themes_are_written_apart():
    halves = defaultdict(set)
    for row in by_hand.themes():
        halves[row.split].add(row.theme)
    assert not halves["validation"] & halves["test"]


# ---- foresight -----------------------------------------------------------------------------------------------------


def test_credit_asks_for_held_out_facts_alone_and_hides_the_known_ones(questions, the_exam, names):
    every, trained = defaultdict(set), triples(the_exam.training_graph.edges)
    for person, role, film in triples(the_exam.graph.edges):
        every[person, role].add(film)
    for question in of_family(questions, "credit"):
        held_out = triples(getattr(the_exam, question.split))
        _, split, rest = question.question_id.split("-", 2)
        assert split == question.split
        role = max((role for role in ROLES if rest.startswith(f"{an_id(role)}-")), key=len)
        person = "person:" + rest[len(role) + 1 :]
        assert question.text == CREDIT_PHRASINGS[role].format(person=names[person])
        hidden = {film for film in every[person, role] if (person, role, film) in held_out}
        assert question.relevant == dict.fromkeys(hidden, 1)
        assert set(question.exclude) == every[person, role] - hidden - the_exam.newcomers
        assert sum((person, role, film) in trained for film in question.exclude) >= 3


def test_implicit_skills_hang_on_held_out_credits_of_their_half(
    questions, the_exam, everything, training, names, films
):
    trained, right = training.proved(), everything.right()
    for split in ("validation", "test"):
        half = triples(getattr(the_exam, split))
        later = Counted(triples(the_exam.training_graph.edges) | half, names, films).proved()
        asked = {an_id("implicit", split, role, genre): (role, genre) for role, genre, _ in later}
        for question in of_family(questions, "implicit"):
            if question.split == split:
                skill = asked[question.question_id]
                people = {person for role, genre, person in right if (role, genre) == skill} - the_exam.newcomers
                hidden = {p for p in people if (*skill, p) in later and (*skill, p) not in trained}
                known = {person for role, genre, person in trained if (role, genre) == skill}
                assert question.relevant == dict.fromkeys(hidden, 1)
                assert set(question.exclude) == (people | known) - hidden


# ---- alike ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alike(films):
    """Film, film → grade: the same series, or enough rare content keywords in common."""
    formal = by_hand.formal_keywords()
    content = {film: set(record["keywords"]) - formal for film, record in films.items()}
    count = Counter(keyword for keywords in content.values() for keyword in keywords)
    having = sum(bool(keywords) for keywords in content.values())
    rarity = {keyword: np.log(having / number) for keyword, number in count.items()}

    def grade(one, other):
        if films[one]["series"] is not None and films[one]["series"] == films[other]["series"]:
            return 2
        shared = content[one] & content[other]
        return int(len(shared) >= ALIKE_FROM and sum(rarity[keyword] for keyword in shared) >= ALIKE_RARITY)

    return grade


def alike_answers(anchor, candidates, films, alike):
    title = content_words(films[anchor]["title"])
    same = {film for film in candidates if film != anchor and content_words(films[film]["title"]) & title}
    right = {film: alike(anchor, film) for film in candidates if film not in same and film != anchor}
    return {film: grade for film, grade in right.items() if grade}, same


def test_alike_is_the_series_and_whoever_shares_rare_content(questions, films, alike, the_exam):
    known = [film for film in films if film not in the_exam.newcomers]
    for question in of_family(questions, "alike"):
        right, same = alike_answers(question.anchor, known, films, alike)
        assert (question.relevant, set(question.exclude)) == (right, same)
        assert FEWEST_ALIKE <= len(right) <= MOST_ALIKE
        assert question.text in [form.format(title=films[question.anchor]["title"]) for form in ALIKE_PHRASINGS]
    graded = {grade for question in of_family(questions, "alike") for grade in question.relevant.values()}
    assert graded == {1, 2}


def test_no_right_answer_of_alike_shares_a_word_with_the_title(questions, films):
    for question in questions:
        if question.anchor is not None:
            title = content_words(films[question.anchor]["title"])
            assert not [film for film in question.relevant if content_words(films[film]["title"]) & title]


# ---- newcomers -----------------------------------------------------------------------------------------------------


def test_newcomers_are_proved_by_the_whole_graph_and_by_the_graph_with_them(
    questions, everything, the_exam, names, films, alike
):
    given = Counted(triples(the_exam.newcomer_graph.edges), names, films)
    right, other_words = everything.right(), defaultdict(dict)
    for split in ("validation", "test"):
        for row in by_hand.other_words(split):
            other_words[row.text] = (row.role, row.genre)
    themes = {row.text: row for row in by_hand.themes()}
    new_films = [film for film in films if film in the_exam.newcomers]
    kinds = Counter()
    for question in of_family(questions, "newcomer"):
        if question.anchor:
            kinds["alike", question.split] += 1
            expected = alike_answers(question.anchor, new_films, films, alike)
            assert (question.relevant, set(question.exclude)) == expected
            continue
        if question.text in themes:
            kinds["theme", question.split] += 1
            row = themes[question.text]
            found = everything.themed(row.role, row.keywords)
            seen = given.themed(row.role, row.keywords)
            grades = {p: 2 if n >= 4 else 1 for p, n in found.items() if p in the_exam.newcomers and p in seen}
        else:
            kinds["other words" if question.text in other_words else "role and genre", question.split] += 1
            skills = {an_id("newcomer", role, genre): (role, genre) for role, genre, _ in right}
            skill = other_words[question.text] or skills[question.question_id]
            people = {p for role, genre, p in right if (role, genre) == skill and p in the_exam.newcomers}
            grades = {p: 2 if len(everything.films[(*skill, p)]) >= 6 else 1 for p in people}
            assert {(*skill, p) for p in people} <= given.proved()
        assert question.relevant == grades
    assert len(kinds) == 8
    assert min(kinds.values()) >= 10


# ---- plot ----------------------------------------------------------------------------------------------------------


def test_every_plot_points_to_one_film_and_no_film_has_two(questions, films):
    plots = of_family(questions, "plot")
    assert all(len(question.relevant) == 1 for question in plots)
    targets = [next(iter(question.relevant)) for question in plots]
    assert repeated(targets) == []
    assert set(targets) <= set(films)
    assert all(question.question_id == f"plot-{next(iter(question.relevant))[8:]}" for question in plots)
    # The films asked for are of every time, not of one.
    assert len({films[target]["year"] // 10 for target in targets}) == 11


def test_a_plot_is_one_sentence(questions):
    for question in of_family(questions, "plot"):
        assert question.text[0].isupper() or question.text[0].isdigit()
        assert len(re.findall(r"[.!?](?=\s+[A-Z]|$)", re.sub(r"\b(St|Mr|Mrs|Dr)\.", "", question.text))) == 1, question
        assert 8 <= len(question.text.split()) <= 45, question


def test_a_plot_holds_no_word_of_its_title(questions, films):
    shared = {
        target: found
        for question in of_family(questions, "plot")
        for target in question.relevant
        if (found := content_words(films[target]["title"]) & content_words(question.text))
    }
    assert shared == {}


def test_a_plot_names_nobody_of_its_film(questions, films):
    """A part of a name counts where it is written as one: a radio song is not Song Kang-ho."""

    def named(text, film):
        people = {without_brackets(person) for person, _ in film["credits"]}
        parts = {part for person in people for part in [person, *person.split()] if len(part) > 2}
        return [part for part in parts if re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text)]

    found = {
        target: them
        for question in of_family(questions, "plot")
        for target in question.relevant
        if (them := named(question.text, films[target]))
    }
    assert found == {}
    assert named("Song sings.", {"credits": [["Song Kang-ho", "Actor"]]}) == ["Song"]


def test_a_plot_shares_at_most_two_content_words_with_the_description(questions, films):
    shared = {
        target: found
        for question in of_family(questions, "plot")
        for target in question.relevant
        if len(found := content_words(films[target]["description"]) & content_words(question.text)) > 2
    }
    assert shared == {}


# ---- keyword -------------------------------------------------------------------------------------------------------


def judged(which):
    rows = by_hand.table(f"keyword_{which}")
    return {(phrase, keyword): int(grade) for phrase, keyword, grade in rows.itertuples(index=False)}


def test_keywords_are_those_on_which_two_judges_agree(questions, names):
    keywords = {name: node for node, name in names.items() if node.startswith("keyword:")}
    first, second = judged("judge_a"), judged("judge_b")
    asked = by_id(questions, "keyword")
    for phrase, split in by_hand.table("keyword_phrases")[["phrase", "split"]].itertuples(index=False):
        agreed = {pair[1]: min(first[pair], second[pair]) for pair in first if pair[0] == phrase and pair in second}
        expected = {keywords[keyword]: grade for keyword, grade in agreed.items() if keyword != phrase.casefold()}
        question = asked.get(an_id("keyword", phrase))
        assert (question.relevant if question else {}) == expected
        if question:
            assert (question.split, question.text, question.node_type) == (split, phrase, "keyword")
            assert (
                set(question.exclude) == {keywords[phrase.casefold()]} & set(keywords.values())
                if (phrase.casefold() in keywords)
                else question.exclude == ()
            )
    assert len(asked) >= 150


def test_judges_know_the_vocabulary_and_agree_well(names):
    vocabulary = sorted(name for node, name in names.items() if node.startswith("keyword:"))
    phrases = set(by_hand.table("keyword_phrases")["phrase"])
    for which in ("judge_a", "judge_b"):
        assert {keyword for _, keyword in judged(which)} <= set(vocabulary)
        assert {phrase for phrase, _ in judged(which)} <= phrases
    assert by_hand.formal_keywords() <= set(vocabulary)
    # Cohen's kappa once more, by scikit-learn.
    from sklearn.metrics import cohen_kappa_score

    first, second = judged("judge_a"), judged("judge_b")
    pairs = [(phrase, keyword) for phrase in phrases for keyword in vocabulary]
    expected = cohen_kappa_score([first.get(p, 0) for p in pairs], [second.get(p, 0) for p in pairs])
    assert by_hand.kappa(vocabulary) == pytest.approx(expected)
    assert expected > 0.7


def test_kappa_by_hand(monkeypatch):
    """Two phrases, two keywords: they agree on three of four; by chance on (2 * 3 + 2 * 1) / 16 of all."""
    monkeypatch.setattr(by_hand, "table", lambda _name: pd.DataFrame({"phrase": ["a", "b"]}))
    first, second = {("a", "x"): 1, ("b", "x"): 1}, {("a", "x"): 1}
    assert by_hand.kappa(["x", "y"], first, first) == 1
    assert by_hand.kappa(["x", "y"], first, second) == pytest.approx((3 / 4 - 1 / 2) / (1 - 1 / 2))
    with pytest.raises(ValueError, match="two judgements"):
        by_hand.kappa(["x"], {}, first)


# ---- leaks ---------------------------------------------------------------------------------------------------------


def test_no_phrasing_of_the_exam_is_training_text(the_exam):
    rows = training_rows(the_exam.training_graph, "either")
    seen = {text.casefold() for column in ("anchor", "positive") for text in rows[column]}
    asked = {question.text.casefold() for question in the_exam.questions if question.family != "keyword"}
    assert not asked & seen


def test_training_rows_tell_nothing_of_newcomers_and_held_out_edges(the_exam, names):
    rows = training_rows(the_exam.training_graph, "either")
    assert not set(rows["node_id"]) & the_exam.newcomers
    assert not set(rows["other"]) & the_exam.newcomers
    hidden = {
        (source, relation, target)
        for edges in (the_exam.validation, the_exam.test)
        for source, relation, target in triples(edges)
    }
    told = set(rows[["node_id", "relation", "other"]].itertuples(index=False, name=None))
    assert not {(source, relation, target) for source, relation, target in hidden} & told
    assert not {(target, relation, source) for source, relation, target in hidden} & told


def test_people_of_the_files_are_those_of_the_graph(films, types):
    credited = {person_id(person) for film in films.values() for person, _ in film["credits"]}
    assert credited == {node for node, kind in types.items() if kind == "person"}
    assert {f"keyword:{slug(word)}" for film in films.values() for word in film["keywords"]} == {
        node for node, kind in types.items() if kind == "keyword"
    }


# ---- what an order tells -------------------------------------------------------------------------------------------


def test_nodes_stand_in_an_order_that_tells_nothing(the_exam):
    """In the file people stand beside the cast of their first film, also where that credit is held out."""
    for graph in (the_exam.training_graph, the_exam.newcomer_graph):
        assert graph.nodes["node_id"].is_monotonic_increasing
    assert not the_exam.graph.nodes["node_id"].is_monotonic_increasing
