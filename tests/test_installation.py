"""Installing where something is in the way: what was broken off, what is forbidden, what a system lacks."""

import errno
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kgss_helpers.frontdoor import cli, environment, install, obstacles
from kgss_helpers.frontdoor.environment import FrontDoorError, Installed, Pin
from kgss_helpers.frontdoor.pythons import venv_python


def package(folder: Path, name: str, *, record: str | None = "x,,\n", installer: str | None = "pip") -> Path:
    """Writes the metadata of a package as pip leaves it; returns the folder."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.lstrip('~')}\nVersion: 1.0\n")
    for file, content in (("RECORD", record), ("INSTALLER", installer)):
        if content is not None:
            (info / file).write_text(content)
    return info


# ------------------------------------------------------------------------------------------------------- broken off


@pytest.mark.parametrize(
    ("how", "broken"),
    [
        ({}, False),
        ({"record": None}, True),  # killed between METADATA and RECORD
        ({"record": None, "installer": None}, True),
        ({"record": ""}, True),  # the power went before the content was on the disk
        ({"record": None, "installer": "uv\n"}, True),
        ({"record": None, "installer": "debian\n"}, False),  # a system's own packages have no RECORD
    ],
)
def test_a_package_without_a_record_was_broken_off(tmp_path: Path, how: dict[str, str | None], broken: bool) -> None:
    assert environment.is_broken_off(package(tmp_path, "torch", **how)) is broken


def test_what_pip_was_about_to_remove_is_no_package(tmp_path: Path) -> None:
    assert environment.is_broken_off(package(tmp_path, "~orch"))
    egg = tmp_path / "old.egg-info"
    egg.mkdir()
    assert not environment.is_broken_off(egg)


def test_half_packages_do_not_count_as_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "whole_one")
    package(tmp_path, "half_one", record=None)
    package(tmp_path, "~oing")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert set(environment.installed_packages()) == {"whole-one"}


def test_leftovers_go_and_nothing_else(tmp_path: Path) -> None:
    package(tmp_path, "whole")
    package(tmp_path, "half", record=None)
    package(tmp_path, "~oing")
    (tmp_path / "~oing" / "sub").mkdir(parents=True)
    (tmp_path / "~odule.py").touch()
    (tmp_path / "half").mkdir()
    left = ["half-1.0.dist-info", "~odule.py", "~oing", "~oing-1.0.dist-info"]
    assert environment.clear_leftovers(tmp_path) == left
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half", "whole-1.0.dist-info"]
    assert environment.clear_leftovers(tmp_path) == []
    assert environment.clear_leftovers(tmp_path / "not there") == []


def test_a_half_package_is_removed_before_pip_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    info = package(tmp_path / "site", "half", record=None)
    pins = {"torch": Pin(frozenset({"2.0"}), False), "half": Pin(frozenset({"1.0"}), False)}
    answers = iter([{"torch": Installed("2.0")}, {"torch": Installed("2.0"), "half": Installed("1.0")}])
    seen: list[bool] = []
    monkeypatch.setattr(install, "read_pins", lambda: pins)
    monkeypatch.setattr(install, "read_declared", lambda extras: ["torch", "half"])
    monkeypatch.setattr(install, "installed_packages", lambda: next(answers))
    monkeypatch.setattr(install.sysconfig, "get_path", lambda _: str(tmp_path / "site"))
    monkeypatch.setattr(install, "pip_or_sentence", lambda *_: seen.append(info.exists()))
    assert install.ensure_installed((), in_venv=False)
    assert seen == [False]
    assert "half-1.0.dist-info" in capsys.readouterr().err


def test_a_virtual_environment_that_broke_off_is_mended_once(tmp_path: Path, capsys) -> None:
    folder = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    (site,) = environment.site_packages_of(folder)
    kept = package(site, "kept")
    (info,) = site.glob("pip-*.dist-info")
    (info / "RECORD").unlink()
    assert environment.venv_state(folder) == "unfinished"
    environment.make_venv(folder)
    assert "mending" in capsys.readouterr().err
    assert environment.venv_state(folder) == "ready"
    assert kept.exists()  # what was installed already stays
    pip = subprocess.run(
        [str(venv_python(folder)), "-m", "pip", "--version"], capture_output=True, text=True, check=False
    )
    assert pip.returncode == 0, pip.stdout + pip.stderr
    environment.make_venv(folder)
    assert capsys.readouterr().err == ""


def test_what_cannot_be_mended_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(FrontDoorError, match="delete this folder"):
        environment.make_venv(tmp_path / ".venv")


# ------------------------------------------------------------------------------------------------------- forbidden


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("Error: [Errno 13] Permission denied: '/srv/kgss/.venv'", "copy the workbook into one of yours"),
        ("Error: [Errno 30] Read-only file system: '/mnt/cd/.venv'", "for reading only"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("Error: [Errno 122] Disk quota exceeded", "disk is full"),
        ("Command '['/x/python', '-m', 'ensurepip']' returned non-zero exit status 1", "python3-venv"),
        ("something new", "something new"),
    ],
)
def test_why_there_is_no_virtual_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, words: str
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, "", output))
    with pytest.raises(FrontDoorError, match=words):
        environment.make_venv(tmp_path / ".venv")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "Nothing can be written here: build/html"),
        (errno.EROFS, "for reading only"),
        (errno.EPERM, "Close what still uses it"),
        (errno.ENOSPC, r"The disk is full \(build/html\)"),
        (errno.EDQUOT, "Free some space"),
    ],
)
def test_what_cannot_be_written_is_a_sentence(monkeypatch, capsys, number: int, words: str) -> None:
    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number), "build/html")

    monkeypatch.setattr(cli, "enter", fails)
    assert cli.main(["html"]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert re.search(words, said)


def test_other_errors_are_not_taken_for_a_full_disk(monkeypatch) -> None:
    def fails(*_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file", "x")

    monkeypatch.setattr(cli, "enter", fails)
    with pytest.raises(FileNotFoundError):
        cli.main(["html"])


def test_ready_is_only_said_of_what_is(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(environment, "installed_packages", dict)
    assert cli.main(["install", "--no-install"]) == 1
    said = capsys.readouterr().err
    assert "Not ready" in said
    assert "without --no-install" in said
    monkeypatch.undo()
    assert cli.main(["install", "--no-install"]) == 0
    assert capsys.readouterr().err.startswith("Ready: ")


# ------------------------------------------------------------------------------------------------------ pip's settings


def test_a_users_settings_of_pip_do_not_send_packages_elsewhere() -> None:
    wishes = {"PIP_USER": "1", "PIP_TARGET": "/x", "PIP_DRY_RUN": "1", "PIP_INDEX_URL": "https://example.org/simple"}
    filled = install.pip_variables(wishes, isolated=True, arm=False)
    assert filled == {"PIP_USER": "0", "PIP_INDEX_URL": "https://example.org/simple"}
    assert install.pip_variables(wishes, isolated=False, arm=False) == wishes  # '--here' in a plain Python: as wished


def test_pip_itself_obeys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not environment.is_isolated():
        pytest.skip("not in a virtual environment")
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    _, output = install.pip(["a-package-that-nobody-has"])
    assert "--user" not in output
    assert "No matching distribution" in output


def test_no_network_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(FrontDoorError, match="check the network"):
        install.pip_or_sentence(["a-package-that-nobody-has"])
    assert "127.0.0.1" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------------- systems


@pytest.mark.parametrize(
    ("environ", "arm", "flags"),
    [
        ({}, True, "-std=gnu17"),
        ({"CFLAGS": "-O2"}, True, "-O2 -std=gnu17"),
        ({"CFLAGS": "-std=c99"}, True, "-std=c99"),
        ({"CFLAGS": "-O2"}, False, "-O2"),
    ],
)
def test_older_c_is_asked_for_where_a_package_is_compiled(environ: dict[str, str], arm: bool, flags: str) -> None:
    assert install.pip_variables(environ, isolated=False, arm=arm)["CFLAGS"] == flags


def test_arm_linux_without_a_compiler_is_told_beforehand() -> None:
    missing = [f"{obstacles.COMPILED} is missing", "numpy is missing"]
    with pytest.raises(FrontDoorError, match="install one with Python's headers"):
        obstacles.check_compiler(missing, arm=True, which=lambda _: None)
    obstacles.check_compiler(missing, arm=True, which=lambda name: name == "gcc" and "/bin/gcc")
    obstacles.check_compiler(missing, arm=False, which=lambda _: None)
    obstacles.check_compiler(["numpy is missing"], arm=True, which=lambda _: None)


@pytest.mark.parametrize(
    ("system", "machine", "arm"),
    [("linux", "aarch64", True), ("linux", "x86_64", False), ("darwin", "arm64", False), ("win32", "ARM64", False)],
)
def test_arm_linux_is_recognised(system: str, machine: str, arm: bool) -> None:
    assert obstacles.is_arm_linux(system, machine) is arm


@pytest.mark.parametrize(
    "output",
    [
        "ERROR: Failed building wheel for pytrec-eval-terrier",
        "ERROR: Failed to build installable wheels for some pyproject.toml based projects (pytrec-eval-terrier)",
        "error: failed-wheel-build-for-install\nFailed to build 'pytrec-eval-terrier'",
    ],
)
def test_a_failed_compilation_says_what_it_takes(output: str) -> None:
    said = install.explain(output)
    assert "C compiler" in said
    assert "CFLAGS=-std=gnu17" in said


WORKBOOK = "C:\\Users\\ada\\Documents\\projects\\from-knowledge-graphs-to-semantic\\"


@pytest.mark.parametrize(
    ("letters", "build", "long", "fits"),
    [(67, "cpu", False, True), (68, "cpu", False, False), (200, "cpu", True, True), (67, "cuda", False, False)],
)
def test_windows_is_asked_for_room_before_anything_is_unpacked(
    letters: int, build: str, long: bool, fits: bool
) -> None:
    folder = WORKBOOK[:letters].ljust(letters, "x") + "\\.venv"
    obstacles.check_path(folder, build, windows=False, long_paths=lambda: False)
    if fits:
        obstacles.check_path(folder, build, windows=True, long_paths=lambda: long)
        return
    with pytest.raises(FrontDoorError, match=r"Move the workbook to a folder such as C:\\kgss, or allow long paths"):
        obstacles.check_path(folder, build, windows=True, long_paths=lambda: long)


def test_the_longest_file_is_no_longer_than_we_say() -> None:
    longest = 0
    for distribution in importlib.metadata.distributions():
        local = "+" + distribution.version.partition("+")[2] if "+" in distribution.version else ""
        for file in distribution.files or ():
            if not str(file).startswith(".."):
                longest = max(longest, len("Lib/site-packages/" + str(file).replace(local, "")))
    assert 100 < longest <= obstacles.LONGEST_FILE["cpu"]
