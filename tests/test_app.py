"""The search as an app: what Voila is given, and that its page loads nothing from another machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nbformat
import pytest

from kgss_helpers.frontdoor import cli
from kgss_helpers.frontdoor.app import CODE, voila_options, write_app

TEMPLATE = cli.LAB_CONFIG / "voila" / "templates" / "kgss"


def test_the_apps_notebook_is_a_valid_one_that_shows_the_search(tmp_path: Path) -> None:
    path = write_app(tmp_path)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code"]
    assert notebook.cells[1].source == CODE
    compile(CODE, "the app", "exec")


def test_the_app_is_for_this_machine_with_a_token_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    options = voila_options(tmp_path / "a.ipynb", ["--port=8899"])
    assert options[0] == str(tmp_path / "a.ipynb")
    assert "--Voila.ip=127.0.0.1" in options
    assert "--token" in options
    assert options[-1] == "--port=8899"
    own = voila_options(tmp_path / "a.ipynb", ["--token=mine"])
    assert [option for option in own if "token" in option] == ["--token=mine"]


def test_voila_knows_each_option(tmp_path: Path) -> None:
    from voila.app import Voila

    app = Voila()
    app.parse_command_line([option for option in voila_options(tmp_path / "a.ipynb", []) if option.startswith("--")])
    assert app.ip == "127.0.0.1"
    assert app.auto_token
    assert app.config.VoilaConfiguration.template == "kgss"
    assert app.config.VoilaConfiguration.show_tracebacks is False


def test_the_command_starts_voila_on_a_notebook_that_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[list[str], dict[str, str]]] = []

    def started(command: list[str], variables: dict[str, str], _folder: Path) -> int:
        assert Path(command[3]).is_file()
        calls.append((command, variables))
        return 7

    monkeypatch.setattr(cli, "run", started)
    assert cli.search(cli.parse(["search", "--port=8899", "--no-browser"])) == 7
    ((command, variables),) = calls
    assert command[1:3] == ["-m", "voila"]
    assert command[-2:] == ["--port=8899", "--no-browser"]
    assert not Path(command[3]).exists()
    assert str(cli.LAB_CONFIG) in variables["JUPYTER_PATH"].split(os.pathsep)


def test_the_template_stands_on_voilas_own_and_names_no_other_machine() -> None:
    assert json.loads((TEMPLATE / "conf.json").read_text(encoding="utf-8")) == {"base_template": "lab"}
    page = (TEMPLATE / "index.html.j2").read_text(encoding="utf-8")
    assert "voila/templates/lab/index.html.j2" in page
    assert "http" not in page
