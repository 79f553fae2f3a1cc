"""Files: written whole or not at all, read line by line, named by a slug."""

import errno
import gzip
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kgss_helpers.files import counted, first_error, read_json_lines, require_file, slug, whole_file, write_whole
from kgss_helpers.frontdoor.environment import ROOT
from kgss_helpers.graph import GraphError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Amélie (2001)", "amelie-2001"),
        ("Tom & Jerry's", "tom-and-jerrys"),
        ("  a__b  ", "a-b"),
        ("Straße", "strasse"),
        ("宮崎 駿", "宮崎-駿"),
        ("!?", "21-3f"),
    ],
)
def test_slug(text, expected):
    assert slug(text) == expected


def test_slugs_of_signs_alone_differ_and_are_not_empty():
    assert len({slug(text) for text in ("!", "?", "…", "★", "!!")}) == 5
    assert all(slug(text) for text in ("!", "-", "_"))


def test_first_error_says_how_many_more_there_are():
    assert first_error(["a", "b"]) == "a\nb"
    assert first_error(map(str, range(9)), limit=2) == "0\n1\n… and 7 more"


@pytest.mark.parametrize(("number", "said"), [(0, "0 rows"), (1, "1 row"), (2000, "2,000 rows")])
def test_counts_are_said(number, said):
    assert counted(number, "row") == said


def test_a_file_that_is_not_there_is_named_in_full(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "nothing.csv")):
        require_file(tmp_path / "nothing.csv")
    with pytest.raises(FileNotFoundError):
        require_file(tmp_path)
    (tmp_path / "there.csv").touch()
    assert require_file(str(tmp_path / "there.csv")) == tmp_path / "there.csv"


def test_the_standard_library_is_enough():
    """The front door writes files before anything is installed; ``-S`` leaves out whatever is."""
    code = "import sys, kgss_helpers.files; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    roots = {name.partition(".")[0] for name in done.stdout.split()} - {"kgss_helpers", "__main__"}
    assert {name for name in roots if name not in sys.stdlib_module_names} == set()


# ---- writing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [("Élan\nand more\n", "Élan\nand more\n".encode()), (b"\x00\r\n\xff", b"\x00\r\n\xff"), ("", b"")],
)
def test_text_or_bytes_are_written_as_they_are(tmp_path, content, expected):
    path = tmp_path / "deep" / "new" / "file.txt"
    assert write_whole(str(path), content) == path
    assert path.read_bytes() == expected
    assert write_whole(path, content) == path
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps other permissions")
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_a_file_that_is_there_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "file.txt"
    path.write_text("old")
    path.chmod(mode)
    write_whole(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_text() == "new"


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps other permissions")
def test_a_new_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain.txt").touch()
    write_whole(tmp_path / "whole.txt", "new")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes["whole.txt"] == modes["plain.txt"]


@pytest.mark.parametrize("content", ["new", b"new"])
@pytest.mark.parametrize(("where", "step"), [(os, "fsync"), (Path, "chmod"), (Path, "replace")])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, content, where, step):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(where, step, full)
        with pytest.raises(OSError, match="No space left"):
            write_whole(path, content)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_is_interrupted_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def stopped(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", stopped)
        with pytest.raises(KeyboardInterrupt):
            write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_or_locked_disk_is_said_with_a_remedy(tmp_path, monkeypatch, number):
    path = write_whole(tmp_path / "file.txt", "old")

    def full(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"make room there, or choose another folder.*file\.txt") as raised:
        write_whole(path, "new")
    assert (raised.value.errno, path.read_text()) == (number, "old")


def test_a_folder_that_cannot_be_is_said_with_a_remedy(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="choose another folder"):
        write_whole(tmp_path / "file" / "below" / "x.txt", "new")
    with pytest.raises(OSError, match=r"choose another folder|exists"):
        write_whole(tmp_path / "file" / "x.txt", "new")


def test_an_error_of_who_writes_into_it_stays_his(tmp_path):
    with pytest.raises(PermissionError, match=r"secret"), whole_file(tmp_path / "x.txt"):
        raise PermissionError(errno.EACCES, "not for you", "/elsewhere/secret")


def test_what_killed_writers_left_goes_and_what_others_write_now_stays(tmp_path):
    left, fresh = (tmp_path / f".{letter * 32}.part" for letter in "ab")
    others = tmp_path / ".mine.part"
    for draft in (left, fresh, others):
        draft.touch()
    for draft in (left, others):
        os.utime(draft, (0, 0))
    write_whole(tmp_path / "x.txt", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([fresh.name, others.name, "x.txt"])


def test_what_cannot_be_encoded_leaves_the_old_file(tmp_path):
    path = write_whole(tmp_path / "file.txt", "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half a pair: \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_reaches_the_disk_before_its_name_does(tmp_path, monkeypatch):
    steps = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: steps.append("sync") or sync(handle))
    monkeypatch.setattr(Path, "replace", lambda *paths: steps.append("replace") or replace(*paths))
    write_whole(tmp_path / "file.txt", "new")
    assert steps == ["sync", "replace"]


def test_a_name_as_long_as_a_system_allows(tmp_path):
    path = tmp_path / ("x" * 250 + ".txt")
    assert write_whole(path, "new").read_text() == "new"


# ---- reading -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_json_lines(tmp_path, packed):
    path = tmp_path / ("r.jsonl.gz" if packed else "r.jsonl")
    content = b'\xef\xbb\xbf{"a": "\xc3\xa9"}\r\n\n[1]\n'
    path.write_bytes(gzip.compress(content) if packed else content)
    assert list(read_json_lines(path)) == [(1, {"a": "é"}), (3, [1])]


def test_json_lines_that_are_cut_off_even_inside_a_letter(tmp_path):
    path = tmp_path / "r.jsonl"
    whole = "\n".join(json.dumps(record, ensure_ascii=False) for record in (["a"], ["b"], ["é"])).encode()
    for content in (whole[:-2], whole[:-3]):  # after é, and between its two bytes
        path.write_bytes(content)
        with pytest.raises(GraphError, match=r"r\.jsonl, line 3: not valid JSON .*on_bad_rows='skip'"):
            list(read_json_lines(path))
        with pytest.warns(UserWarning, match=r"r\.jsonl: 1 line not valid JSON, skipped") as warned:
            assert [value for _, value in read_json_lines(path, on_bad_rows="skip")] == [["a"], ["b"]]
        assert warned[0].filename == __file__
