"""Program text: which files are read, in which order, and what a place in them is inside of."""

from pathlib import Path

import pytest

from kgss_helpers.text.source_code import READABLE, closes_them, indentation, open_brackets, quoted, source_code


def test_the_standard_library_is_there_to_be_read() -> None:
    source = source_code(most=50_000, most_held_out=5_000)
    assert (len(source.training), len(source.held_out)) == (50_000, 5_000)
    assert set(source.training + source.held_out) <= READABLE
    assert not set(source.training_files) & set(source.held_out_files)
    assert source == source_code(most=50_000, most_held_out=5_000)
    assert source_code(most=60_000).training.startswith(source.training)


def test_another_file_moves_no_file_to_the_other_side(tmp_path: Path) -> None:
    for n in range(200):
        (tmp_path / f"module{n}.py").write_text(f"x = {n}\n", encoding="utf-8")
    before = source_code(tmp_path)
    (tmp_path / "new.py").write_text("y = 1\n", encoding="utf-8")
    (tmp_path / "text.txt").write_text("no source", encoding="utf-8")
    after = source_code(tmp_path)
    assert before.held_out_files
    assert set(before.held_out_files) <= set(after.held_out_files)
    assert set(before.training_files) <= set(after.training_files)
    assert len({*after.held_out_files, *after.training_files}) == 201


def test_what_is_not_ascii_is_one_question_mark_and_a_tab_is_four_spaces(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("é\tx\n".encode() + b"\xff\r\n")
    assert source_code(tmp_path).training == "?   x\n?\n"


def test_a_folder_without_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(tmp_path.name)):
        source_code(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"), [("", ""), ("f(a[b", "(["), ("f(a)]", ""), ("({})(", "("), ("(]", "("), ("[(", "[(")]
)
def test_open_brackets(text: str, expected: str) -> None:
    assert open_brackets(text) == expected


@pytest.mark.parametrize(
    ("before", "after", "closed"),
    [
        ("f(", "a, b)", True), ("f(", "g(x))", True), ("f(", "g(x)", False), ("f(", "a]", False), ("f([", "1])", True),
        ("f([", "1)]", False), ("f(", ") ]]]", True), ("f(", "", False), ("f", "", True),
    ],
)  # fmt: skip
def test_a_continuation_closes_what_was_open_in_order(before: str, after: str, closed: bool) -> None:
    assert closes_them(before, after) is closed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 'a'", "....^^^"), ('"it\'s" b', "^^^^^^.."), ("# don't\n'a'", "........^^^"), ("'a\nb", "^^.."),
        (r"'a\'b' c", "^^^^^^.."), ("'''a\nb''' c", "^^^^^^^^^.."), ('"""a', "^^^^"), ("", ""),
    ],
)  # fmt: skip
def test_quoted_characters_are_those_of_strings_and_not_of_comments(text: str, expected: str) -> None:
    assert "".join("^" if inside else "." for inside in quoted(text)) == expected


def test_indentation_is_known_as_far_as_one_has_read() -> None:
    assert indentation("if a:\n  b c\n\nd") == [0] * 6 + [1, 2, 2, 2, 2, 2, 0, 0]


def test_a_folder_with_a_name_like_a_file_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / "package.py").mkdir()
    for name in "abcdefgh":
        (tmp_path / f"{name}.py").write_text("x = 1\n", encoding="utf-8")
    assert source_code(tmp_path).training.startswith("x = 1")
