"""The embedded film graph: every promise of its data card, checked over the files themselves."""

import csv
import io
import itertools
import json
import re
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict

import pytest
from helpers import without_brackets

from kgss_helpers.datasets import load_films
from kgss_helpers.datasets.builder import spelling
from kgss_helpers.datasets.films import person_id, project_id, read_films, read_people
from kgss_helpers.exam.films.families import GENRE_WORDS
from kgss_helpers.files import DATA, slug
from kgss_helpers.films.roles import ROLES
from kgss_helpers.films.subjects import TEST_SUBJECTS

FILMS, PEOPLE = DATA / "films.jsonl", DATA / "people.csv"
FIELDS = [
    "title", "year", "series", "genres", "keywords", "companies", "countries", "links", "description", "credits",
]  # fmt: skip
# Genres whose names are also everyday words for what a film shows (the Corleone family, a Boer War trial, a mystery
# box): in a sentence about a person they give no genre away. As the name of a kind of film they are refused too.
EVERYDAY_GENRES = {"Family", "Mystery", "War"}


@pytest.fixture(scope="module")
def films():
    return read_films()


@pytest.fixture(scope="module")
def people():
    return read_people()


@pytest.fixture(scope="module")
def credits_of(films):
    """Person as credited → how many credits."""
    return Counter(person for film in films for person, _ in film["credits"])


def label(film):
    return f"{film['title']} ({film['year']})"


def offenders(films, wrong):
    """What is wrong, for each film where something is."""
    return {label(film): found for film in films if (found := wrong(film))}


def repeated(values):
    return [value for value, count in Counter(values).items() if count > 1]


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from itertools.chain.from_iterable(map(strings_of, value.values()))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(strings_of, value))


def has_word(word, text, flags=0):
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, flags)


# ---- films.jsonl -------------------------------------------------------------------------------------------------


def test_a_thousand_films_or_more_with_the_same_fields(films):
    assert len(films) >= 1000
    assert {tuple(film) for film in films} == {tuple(FIELDS)}


def test_every_field_has_its_type_and_is_filled(films):
    def wrong(film):
        texts = [film["title"], film["description"], *([film["series"]] if film["series"] is not None else [])]
        for field in ("genres", "keywords", "companies", "countries", "links"):
            texts += film[field]
        texts += [part for credit in film["credits"] for part in credit]
        return [text for text in texts if type(text) is not str or not text.strip()] or (
            type(film["year"]) is not int or any(len(credit) != 2 for credit in film["credits"])
        )

    assert offenders(films, wrong) == {}


@pytest.mark.parametrize(
    ("field", "fewest", "most"),
    [
        ("genres", 1, 4),
        ("keywords", 5, 12),
        ("companies", 1, 3),
        ("countries", 1, 5),
        ("links", 3, 15),
        ("credits", 8, 16),
    ],
)
def test_lists_are_neither_too_short_nor_too_long(films, field, fewest, most):
    assert offenders(films, lambda film: not fewest <= len(film[field]) <= most and len(film[field])) == {}


@pytest.mark.parametrize("field", ["genres", "keywords", "companies", "countries", "links", "credits"])
def test_nothing_stands_twice_in_one_list(films, field):
    def wrong(film):
        return repeated("|".join(value).casefold() if field == "credits" else value.casefold() for value in film[field])

    assert offenders(films, wrong) == {}


def test_no_film_is_there_twice(films):
    assert repeated(map(project_id, films)) == []
    assert repeated(film["description"] for film in films) == []
    # The same title a year apart would be one film under two dates.
    years = defaultdict(list)
    for film in films:
        years[slug(film["title"])].append(film["year"])
    assert [title for title, when in years.items() if any(b - a < 2 for a, b in itertools.pairwise(sorted(when)))] == []


def test_every_decade_from_the_1920s_to_the_2020s(films):
    years = [film["year"] for film in films]
    assert min(years) >= 1920
    assert max(years) <= 2026
    decades = Counter(year // 10 * 10 for year in years)
    assert sorted(decades) == list(range(1920, 2030, 10))
    assert min(decades.values()) >= 25


def test_twenty_five_countries_or_more(films):
    assert len({country for film in films for country in film["countries"]}) >= 25


def test_at_most_twenty_genres_each_with_thirty_films_or_more(films):
    genres = Counter(genre for film in films for genre in film["genres"])
    assert len(genres) <= 20
    assert [genre for genre, count in genres.items() if count < 30] == []


def test_keywords_are_one_vocabulary_in_lower_case(films):
    keywords = Counter(keyword for film in films for keyword in film["keywords"])
    assert [keyword for keyword in keywords if keyword != keyword.lower()] == []
    assert sum(count >= 2 for count in keywords.values()) > 0.9 * len(keywords)
    assert repeated(map(spelling, keywords)) == []
    assert [keyword for keyword in keywords if {f"{keyword}s", f"{keyword}es"} & set(keywords)] == []


def test_a_series_has_two_films_or_more(films):
    series = Counter(film["series"] for film in films if film["series"] is not None)
    assert [name for name, count in series.items() if count < 2] == []
    assert repeated(name.casefold() for name in series) == []


def test_exactly_the_fourteen_roles_each_with_many_people(films):
    people = defaultdict(set)
    for film in films:
        for person, role in film["credits"]:
            people[role].add(person)
    assert set(people) == set(ROLES)
    assert len(ROLES) == 14
    assert {role: len(them) for role, them in people.items() if len(them) < 25} == {}


def test_a_good_many_people_hold_several_roles(films):
    roles = defaultdict(set)
    for film in films:
        for person, role in film["credits"]:
            roles[person].add(role)
    assert sum(len(them) > 1 for them in roles.values()) >= 300


def test_every_film_has_a_director(films):
    assert offenders(films, lambda film: "Director" not in {role for _, role in film["credits"]}) == {}


def test_descriptions_are_one_or_two_sentences(films):
    def wrong(film):
        text = film["description"]
        return not text.endswith((".", "!", "?")) or not 40 <= len(text) <= 260 or not text[0].isupper()

    assert offenders(films, wrong) == {}
    assert offenders(films, lambda film: len(re.findall(r"[.!?](?= [A-Z]|$)", film["description"])) > 2) == {}


def test_no_description_names_its_own_cast_and_crew(films):
    """A surname counts where it is written as one: 'hall', 'young', 'down' and 'giant' in small letters are words."""

    def wrong(film):
        found = []
        for person in {without_brackets(person) for person, _ in film["credits"]}:
            parts = [part for part in person.split() if part not in ("Jr.", "Sr.", "II", "III")]
            surname = has_word(parts[-1], film["description"], re.IGNORECASE)
            if has_word(person, film["description"], re.IGNORECASE) or (surname and surname[0][0].isupper()):
                found.append(person)
        return found

    assert offenders(films, wrong) == {}
    given_away = {"title": "A", "year": 1, "description": "Here Young appears.", "credits": [["Sean Young", "Actor"]]}
    assert wrong(given_away) == ["Sean Young"]
    assert wrong({**given_away, "description": "A young man appears."}) == []


def test_the_file_is_sorted_and_canonical_so_that_changes_stay_small(films):
    keys = [(film["year"], film["title"]) for film in films]
    assert keys == sorted(keys)
    raw = FILMS.read_bytes()
    assert raw == "".join(json.dumps(film, ensure_ascii=False) + "\n" for film in films).encode()


def odd_letters(text):
    """Control characters, invisible ones, blanks that are none, and quotation marks of a word processor."""
    return [
        letter
        for letter in text
        if letter in "“”„‘’‚`´«»" or (unicodedata.category(letter)[0] in "CZ" and letter != " ")
    ]


@pytest.mark.parametrize("text", ["a\tb", "a\u00a0b", "a\u200bb", "a “b”", "it’s", "a\x00"])
def test_odd_letters_are_recognised(text):
    assert odd_letters(text)


def test_no_string_holds_odd_letters_or_blanks(films, people):
    texts = [*strings_of(films), *people.to_numpy().ravel()]
    assert [text for text in texts if odd_letters(text)] == []
    assert [text for text in texts if "  " in text or text != text.strip()] == []
    assert [text for text in texts if text != unicodedata.normalize("NFC", text)] == []
    assert [text for text in texts if re.search(r" [,.;:!?](?!\w)|\(\s|\s\)|(?<!\.)\.\.(?!\.)", text)] == []


# ---- people.csv --------------------------------------------------------------------------------------------------


def test_people_have_a_header_and_unique_ids(people):
    assert list(people.columns) == ["person_id", "name", "disambiguation", "known_for"]
    assert PEOPLE.read_text(encoding="utf-8").splitlines()[0] == "person_id,name,disambiguation,known_for"
    assert repeated(people["person_id"]) == []
    assert [row.person_id for row in people.itertuples() if not (row.disambiguation or row.known_for)] == []


def test_people_are_canonical_csv(people):
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerows([people.columns, *people.itertuples(index=False, name=None)])
    assert PEOPLE.read_bytes().decode() == written.getvalue()


def test_everyone_in_people_has_a_credit(people, credits_of):
    assert set(people["person_id"]) - set(map(person_id, credits_of)) == set()


def test_an_id_is_made_from_name_and_disambiguation(people):
    def right(row):
        return row.person_id in (person_id(row.name), person_id(f"{row.name} ({row.disambiguation})"))

    assert [row.person_id for row in people.itertuples() if not right(row)] == []


def test_ids_are_unique_after_slugging(films, credits_of):
    assert repeated(map(person_id, credits_of)) == []
    for field in ("genres", "keywords"):
        assert repeated(map(slug, {value for film in films for value in film[field]})) == []


def test_people_who_share_a_name_are_all_told_apart(people, credits_of):
    explained = dict(zip(people["person_id"], people["disambiguation"], strict=True))
    by_name = defaultdict(set)
    for credited in credits_of:
        by_name[slug(without_brackets(credited))].add(person_id(credited))
    twins = {name: ids for name, ids in by_name.items() if len(ids) > 1}
    assert "steve-mcqueen" in twins
    assert [node for ids in twins.values() for node in ids if not explained.get(node)] == []
    assert [name for name, ids in twins.items() if len({explained[node] for node in ids}) < len(ids)] == []


def test_brackets_of_a_credit_are_explained_in_people(people, credits_of):
    rows = people.set_index("person_id")
    bracketed = [credited for credited in credits_of if credited != without_brackets(credited)]
    assert bracketed
    for credited in bracketed:
        row = rows.loc[person_id(credited)]
        assert credited == f"{row['name']} ({row['disambiguation']})"


def test_the_most_credited_and_the_test_subjects_are_known_for_something(people, credits_of):
    sentence = dict(zip(people["person_id"], people["known_for"], strict=True))
    threshold = credits_of.most_common(300)[-1][1]
    above = [person for person, count in credits_of.items() if count > threshold]
    level = [person for person, count in credits_of.items() if count == threshold]
    assert [person for person in [*above, *TEST_SUBJECTS] if not sentence.get(person_id(person))] == []
    assert len(above) + sum(bool(sentence.get(person_id(person))) for person in level) >= 300


def test_test_subjects_have_six_credits_or_more(credits_of):
    assert len(TEST_SUBJECTS) == 20
    assert {person: credits_of[person] for person in TEST_SUBJECTS if credits_of[person] < 6} == {}


def test_sentences_about_people_are_sentences_of_their_own(people):
    sentences = people.loc[people["known_for"] != "", "known_for"]
    assert repeated(sentences) == []
    assert [text for text in sentences if not text.endswith(".") or not 20 <= len(text) <= 140] == []


def names_a_genre_or_role(text, genres):
    words = [*ROLES, "actress", "filmmaker", "writer", "sci-fi", *GENRE_WORDS.values(), *(genres - EVERYDAY_GENRES)]
    words += [f"{genre} {kind}" for genre in EVERYDAY_GENRES for kind in ("film", "movie", "picture")]
    return [word for word in words if has_word(word, text, re.I) or has_word(f"{word}s", text, re.I)]


def test_sentences_about_people_name_no_role_and_no_genre(films, people):
    """What a person does, and in which genre, is what the exam asks: it must come from the edges."""
    genres = {genre for film in films for genre in film["genres"]}
    found = {text: words for text in people["known_for"] if (words := names_a_genre_or_role(text, genres))}
    assert found == {}
    assert names_a_genre_or_role("Many war movies and two composers.", genres) == ["Composer", "War movie"]


# ---- as a graph --------------------------------------------------------------------------------------------------


def test_the_graph_holds_every_fact_of_the_files_and_no_other(films, people):
    graph = load_films()
    names = dict(zip(people["person_id"], people["name"], strict=True))
    expected = set()
    for film in films:
        expected |= {(person_id(person), role, project_id(film)) for person, role in film["credits"]}
        expected |= {(project_id(film), "has genre", f"genre:{slug(genre)}") for genre in film["genres"]}
        expected |= {(project_id(film), "has keyword", f"keyword:{slug(word)}") for word in film["keywords"]}
    assert set(graph.edges.itertuples(index=False, name=None)) == expected
    nodes = graph.nodes.set_index("node_id")
    for film in films:
        row = nodes.loc[project_id(film)]
        assert (row["name"], row["year"], row["series"]) == (film["title"], film["year"], film["series"] or "")
        assert row["description"] == film["description"]
    assert all(nodes.loc[node, "name"] == name for node, name in names.items())
    assert nodes.loc["person:steve-mcqueen-actor", "name"] == nodes.loc["person:steve-mcqueen-director", "name"]


# ---- against the reference ---------------------------------------------------------------------------------------


def test_the_reference_confirms_the_credits(reference):
    checker = reference.parent / "check_films.py"
    done = subprocess.run(
        [sys.executable, str(checker), str(FILMS), "--list", "0"], capture_output=True, text=True, check=True
    )
    first = done.stdout.splitlines()[0]
    films, found, asked, confirmed = map(int, re.findall(r"(\d+) (?:films|in|credits|confirmed)", first))
    assert films == len(read_films())
    assert found >= 400
    assert confirmed / asked >= 0.96
