"""The data card's tables say what the files say."""

import json
import re
from collections import Counter
from functools import cache

from kgss_helpers.datasets.films import Film, person_id, read_films, read_people
from kgss_helpers.exam import film_exam
from kgss_helpers.exam.films import FAMILIES, QUESTIONS, by_hand
from kgss_helpers.exam.films.ceilings import ceilings
from kgss_helpers.files import DATA
from kgss_helpers.films.roles import HAS_KEYWORD
from kgss_helpers.frontdoor.environment import ROOT
from kgss_helpers.question import load_questions

CARD = (DATA / "README.md").read_text(encoding="utf-8")


@cache
def films() -> list[Film]:
    return read_films()


def table(*header: str) -> dict[str, list[str]]:
    """Return the rows of the card's table with this header, by their first cell."""
    lines = CARD.splitlines()
    start = lines.index("| " + " | ".join(header) + " |") + 2
    rows: dict[str, list[str]] = {}
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        first, *others = (cell.strip() for cell in line.strip("|").split("|"))
        rows[first.strip("`")] = others
    return rows


def numbers(rows: dict[str, list[str]]) -> dict[str, list[int]]:
    return {name: [int(cell.replace(",", "")) for cell in cells] for name, cells in rows.items()}


def credit_pairs() -> list[tuple[str, str]]:
    return [(person_id(person), role) for film in films() for person, role in film["credits"]]


def distinct(field: str) -> int:
    return len({value for film in films() for value in film[field]})


def test_counts() -> None:
    stated = {name: count for name, (count,) in numbers(table("what", "count")).items()}
    assert stated == {
        "films": len(films()),
        "people": len({person for person, _ in credit_pairs()}),
        "credits": len(credit_pairs()),
        "roles": len({role for _, role in credit_pairs()}),
        "genres": distinct("genres"),
        "keywords": distinct("keywords"),
        "countries": distinct("countries"),
        "companies": distinct("companies"),
        "series": len({film["series"] for film in films()} - {None}),
        "pages linked to": distinct("links"),
        "rows of people.csv": len(read_people()),
        "questions": len(load_questions(QUESTIONS)),
    }


def test_decades() -> None:
    decades = Counter(f"{film['year'] // 10 * 10}s" for film in films())
    assert numbers(table("decade", "films")) == {decade: [count] for decade, count in sorted(decades.items())}


def test_roles() -> None:
    counted = Counter(role for _, role in credit_pairs())
    people = Counter(role for _, role in set(credit_pairs()))
    assert numbers(table("role", "credits", "people")) == {role: [counted[role], people[role]] for role in counted}


def test_families() -> None:
    counted = Counter((question.family, question.split) for question in load_questions(QUESTIONS))
    stated = {name: cells[:2] for name, cells in table("family", "validation", "test", "a question").items()}
    assert numbers(stated) == {name: [counted[name, "validation"], counted[name, "test"]] for name in FAMILIES}


def test_fields_and_their_ranges() -> None:
    fields = table("field", "type", "range", "meaning")
    for film in films():
        assert list(film) == list(fields)
        for field, (kind, values, _) in fields.items():
            if found := re.fullmatch(r"(\d+) to (\d+)", values):
                measured = len(film[field]) if kind.startswith("list") else film[field]
                assert int(found[1]) <= measured <= int(found[2]), (film["title"], field)


def test_fields_of_people_and_questions() -> None:
    assert list(table("column", "type", "meaning")) == list(read_people().columns)
    with QUESTIONS.open(encoding="utf-8") as lines:
        assert list(table("field", "type", "meaning")) == list(json.loads(next(lines)))


def test_known_limits() -> None:
    credits_each = Counter(person for person, _ in credit_pairs())
    assert 0.6 < sum(count == 1 for count in credits_each.values()) / len(credits_each) < 0.7
    assert 0.65 < sum("United States" in film["countries"] for film in films()) / len(films()) < 0.75


def test_examples_are_in_the_files() -> None:
    questions = {question.text for question in load_questions(QUESTIONS)}
    rows = table("family", "validation", "test", "a question")
    examples = [cells[2].strip("*") for name, cells in rows.items() if name != "plot"]
    assert set(examples) <= questions
    for node_id in re.findall(r"`person:([\w-]+)`", CARD):
        assert f"person:{node_id}" in {person for person, _ in credit_pairs()}


def test_what_is_held_out() -> None:
    the_exam, counted = film_exam(), {}
    for split in ("validation", "test"):
        keyword = getattr(the_exam, split)["relation"] == HAS_KEYWORD
        counted[split] = [int((~keyword).sum()), int(keyword.sum())]
    stated = numbers(table("held out", "validation", "test"))
    assert list(stated.values()) == [list(pair) for pair in zip(counted["validation"], counted["test"], strict=True)]
    people, projects = re.search(r"(\d+) people and (\d+) films, a twentieth of each", CARD).groups()
    kinds = Counter(node.split(":")[0] for node in the_exam.newcomers)
    assert kinds == {"person": int(people), "project": int(projects)}
    assert f"and {len(by_hand.told_by_paraphrase())} put back" in CARD


def test_ceilings() -> None:
    stated = {name: list(map(float, cells)) for name, cells in table("family counted", "validation", "test").items()}
    found = [ceilings(split)["mean"].round(2) for split in ("validation", "test")]
    assert stated == {name: [float(part[name]) for part in found] for name in stated}
    assert set(FAMILIES) - set(stated) == {"plot", "keyword", "credit"}


def test_agreement_of_the_judges() -> None:
    vocabulary = sorted({keyword for film in films() for keyword in film["keywords"]})
    assert f"in three grades, is {by_hand.kappa(vocabulary):.2f}." in CARD


def test_every_file_of_the_exam_is_described() -> None:
    described = set(re.findall(r"`([\w]+\.(?:csv|jsonl))`", CARD[CARD.index("| file in `exam/` |") :]))
    assert {path.name for path in by_hand.FOLDER.iterdir()} <= described


def test_families_of_results() -> None:
    assert {path.name for path in (DATA / "first_edition").iterdir()} == {"films.jsonl", "people.csv", "exam.jsonl"}
    with (DATA / "results" / "exam" / "random.test.json").open(encoding="utf-8") as file:
        result = json.load(file)
    for field in [*result, *result["scores"]]:
        assert f"`{field}`" in CARD


def test_pictures_and_links_of_the_prose_exist() -> None:
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", DATA / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert "://" in target or (path.parent / target).exists(), f"{path.name}: {target}"
