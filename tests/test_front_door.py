"""The front door's parts: what it decides, what it says, and what it writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from kgss_helpers.frontdoor import budget, cli, environment, export, install, lock, notebooks, obstacles, pythons
from kgss_helpers.frontdoor.environment import FrontDoorError, Installed, Pin

# ---------------------------------------------------------------------------------------------------- which Python


@pytest.mark.parametrize(
    ("version", "good"),
    [((3, 10, 13), False), ((3, 11, 0), True), ((3, 12, 1), True), ((3, 13, 9), True), ((3, 14, 0), False)],
)
def test_supported_pythons(version: tuple[int, ...], good: bool) -> None:
    assert pythons.supported(version) is good


def test_wrong_python_names_the_right_one_on_this_machine() -> None:
    sentence = pythons.problem((3, 9, 2), which=lambda name: "/bin/" + name if name == "python3.12" else None)
    assert "this is Python 3.9.2" in sentence
    assert "'python3.12 -m kgss_helpers'" in sentence


def test_wrong_python_without_another_says_where_to_get_one() -> None:
    assert "py -3.13" in pythons.problem((3, 14, 0), which=lambda _: None, windows=True)
    assert "python.org" in pythons.problem((3, 14, 0), which=lambda _: None, windows=False)


def test_entry_is_readable_for_old_pythons() -> None:
    import ast

    for name in ("__init__.py", "__main__.py", "frontdoor/__init__.py", "frontdoor/pythons.py"):
        source = (environment.ROOT / "kgss_helpers" / name).read_text(encoding="utf-8")
        ast.parse(source, feature_version=(3, 7))


def test_python_of_a_virtual_environment_on_each_system() -> None:
    folder = Path("somewhere") / ".venv"
    assert pythons.venv_python(folder, windows=True) == folder / "Scripts" / "python.exe"
    assert pythons.venv_python(folder, windows=False) == folder / "bin" / "python"


# ----------------------------------------------------------------------------------------------- which environment

PINS = {
    "torch": Pin(frozenset({"2.13.0"}), conditional=False),
    "sympy": Pin(frozenset({"1.14.0"}), conditional=False),
    "colorama": Pin(frozenset({"0.4.6"}), conditional=True),
    "soupsieve": Pin(frozenset({"2.10", "4.1.1"}), conditional=True),
}
COMPLETE = {
    "torch": Installed(
        "2.13.0+cpu", ("sympy>=1.13", 'colorama ; sys_platform == "win32"', 'optree ; extra == "optree"')
    ),
    "sympy": Installed("1.14.0"),
}


def test_a_complete_environment_lacks_nothing() -> None:
    assert environment.missing_packages(["torch"], PINS, COMPLETE) == []


def test_what_is_missing_or_other_than_pinned_is_named() -> None:
    assert environment.missing_packages(["torch"], PINS, {}) == ["torch is missing"]
    older = {**COMPLETE, "torch": Installed("2.12.0", COMPLETE["torch"].requires)}
    assert environment.missing_packages(["torch"], PINS, older) == ["torch is 2.12.0, not 2.13.0"]


def test_what_a_package_requires_is_looked_at_too() -> None:
    assert environment.missing_packages(["torch"], PINS, {"torch": COMPLETE["torch"]}) == ["sympy is missing"]
    wrong = {**COMPLETE, "colorama": Installed("0.3.0")}
    assert environment.missing_packages(["torch"], PINS, wrong) == ["colorama is 0.3.0, not 0.4.6"]


def test_pins_and_declarations_are_read_from_their_files(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("# note\nIr_Measures==0.4.3\nx==1 ; os_name == 'nt'\nx==2\n")
    assert environment.read_pins(tmp_path) == {
        "ir-measures": Pin(frozenset({"0.4.3"}), conditional=False),
        "x": Pin(frozenset({"1", "2"}), conditional=True),
    }
    project = '[project]\ndependencies = ["ir_measures>=0.4"]\noptional-dependencies = {test = ["pytest[a]>=9"]}\n'
    (tmp_path / "pyproject.toml").write_text(project)
    assert environment.read_declared((), tmp_path) == ["ir-measures"]
    assert environment.read_declared(("test",), tmp_path) == ["ir-measures", "pytest"]


@pytest.mark.parametrize(
    ("in_venv", "here", "isolated", "reader_lacks", "extras_lack", "chosen"),
    [
        (True, False, True, ["torch"], [], "this"),  # our own .venv is filled up
        (False, True, True, ["torch"], [], "this"),  # asked for
        (False, False, True, [], [], "this"),  # conda, Binder, a developer's own: complete
        (False, False, True, [], ["pytest"], "this"),  # the same, and only the test tools are missing
        (False, False, False, [], ["pytest"], ".venv"),  # never into the system's Python
        (False, False, True, ["torch"], [], ".venv"),  # somebody's environment for something else
        (False, False, False, ["torch"], [], ".venv"),  # a plain Python
    ],
)
def test_choice_of_environment(
    in_venv: bool, here: bool, isolated: bool, reader_lacks: list[str], extras_lack: list[str], chosen: str
) -> None:
    choice = environment.choose(
        in_venv=in_venv, here=here, isolated=isolated, reader_lacks=reader_lacks, extras_lack=extras_lack
    )
    assert choice == chosen


@pytest.mark.parametrize("windows", [False, True])
def test_states_of_a_virtual_environment(tmp_path: Path, windows: bool) -> None:
    folder = tmp_path / ".venv"
    assert environment.venv_state(folder, windows) == "absent"
    folder.mkdir()
    assert environment.venv_state(folder, windows) == "broken"
    python = pythons.venv_python(folder, windows)
    python.parent.mkdir(parents=True)
    python.touch()
    assert environment.venv_state(folder, windows) == "unfinished"
    record = folder / ("Lib" if windows else "lib/python3.11") / "site-packages" / "pip-23.2.dist-info" / "RECORD"
    record.parent.mkdir(parents=True)
    record.write_text("pip,,\n")
    assert environment.venv_state(folder, windows) == "ready"


def test_variables_for_compared_runs_respect_the_user() -> None:
    quiet = environment.child_variables(quiet=True, environ={"OMP_NUM_THREADS": "1", "PYTHONPATH": "mine"})
    assert quiet["OMP_NUM_THREADS"] == "1"
    assert quiet["HF_HUB_OFFLINE"] == "1"
    assert quiet["PYTHONPATH"].split(os.pathsep) == [str(environment.ROOT), "mine"]
    assert "MPLBACKEND" not in quiet
    assert environment.child_variables(quiet=True, environ={})["OMP_NUM_THREADS"] == "2"
    assert "HF_HUB_OFFLINE" not in environment.child_variables(quiet=False, environ={})
    assert environment.child_variables(quiet=True, environ=quiet) == quiet


def test_exit_status_of_a_program_is_passed_on() -> None:
    assert environment.run([sys.executable, "-c", "raise SystemExit(7)"]) == 7


# ------------------------------------------------------------------------------------------------------ which torch


def steps(build: str, system: str, reachable: bool) -> list[tuple[str, ...]]:
    return [step.arguments for step in install.torch_steps("2.13.0", build, system, lambda _: reachable)]


PLAIN = ("--no-deps", "torch==2.13.0")


def test_torch_without_a_gpu_comes_from_the_cpu_index_first() -> None:
    assert steps("cpu", "linux", reachable=True) == [("--index-url", install.CPU_INDEX, *PLAIN), PLAIN]


def test_torch_without_a_gpu_and_without_the_cpu_index_warns_of_cuda() -> None:
    (step,) = install.torch_steps("2.13.0", "cpu", "linux", lambda _: False)
    assert step.arguments == PLAIN
    assert "may be the CUDA build" in step.says


def test_torch_with_a_gpu() -> None:
    assert steps("cuda", "linux", reachable=True) == [PLAIN]
    assert steps("cuda", "win32", reachable=True) == [("--index-url", install.CUDA_INDEX, *PLAIN), PLAIN]
    assert "may be the CPU build" in install.torch_steps("2.13.0", "cuda", "win32", lambda _: False)[0].says


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_torch_where_the_usual_wheel_is_the_cpu_build(system: str) -> None:
    assert steps("cpu", system, reachable=True) == [PLAIN]


def test_build_follows_the_gpu_unless_the_user_says_otherwise() -> None:
    assert install.choose_build("auto", gpu=lambda: True) == "cuda"
    assert install.choose_build("auto", gpu=lambda: False) == "cpu"
    assert install.choose_build("cpu", gpu=lambda: True) == "cpu"
    assert install.choose_build("cuda", gpu=lambda: False) == "cuda"


def test_builds_are_told_apart() -> None:
    assert install.build_of(Installed("2.13.0+cpu")) == "cpu"
    assert install.build_of(Installed("2.13.0+cu130")) == "cuda"
    assert install.build_of(Installed("2.13.0", ("nvidia-cublas==13",)), "linux") == "cuda"
    assert install.build_of(Installed("2.13.0", ("nvidia-cublas==13 ; sys_platform == 'linux'",)), "win32") == "cpu"


def test_an_index_that_nobody_serves_is_given_up_at_once() -> None:
    assert install.index_answers("http://127.0.0.1:9/simple", patience=1) is False


# ------------------------------------------------------------------------------------------- sentences, not tracebacks


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("Retrying after NewConnectionError: Temporary failure in name resolution\nERROR: No matching", "network"),
        ("SSLError(SSLCertVerificationError('CERTIFICATE_VERIFY_FAILED'))", "certificate"),
        ("error: externally-managed-environment", "operating system"),
        ("PermissionError: [WinError 5] Access is denied", "Close a JupyterLab"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no build for this Python"),
        ("ERROR: Failed building wheel for x", "compiler"),
        ("No module named pip", "ensurepip"),
        ("something new", "its own words above"),
    ],
)
def test_what_pip_says_becomes_advice(output: str, words: str) -> None:
    assert words in install.explain(output)


def fake_pip(tmp_path: Path, says: str, status: int) -> list[str]:
    """Write a program that answers like pip, notes how it was called, and return how to call it."""
    program = tmp_path / "fake_pip.py"
    program.write_text(
        "import pathlib, sys\n"
        f"with open({str(tmp_path / 'calls')!r}, 'a') as calls: print(*sys.argv[1:], file=calls)\n"
        f"print({says!r}); sys.exit({status})\n"
    )
    return [sys.executable, str(program)]


def test_no_network_is_a_sentence(tmp_path: Path) -> None:
    command = fake_pip(tmp_path, "NameResolutionError: getaddrinfo failed", 1)
    with pytest.raises(FrontDoorError, match="check the network"):
        install.pip_or_sentence(["torch"], command)


def test_no_disk_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FrontDoorError, match=r"needs about 4\.0 GB, and the disk of .* has 1\.2 GB left"):
        obstacles.check_space(tmp_path / "not" / "there" / "yet", 4.0, free=lambda _: 1.2e9)
    obstacles.check_space(tmp_path, 4.0, free=lambda _: 4.1e9)


def test_front_door_shows_sentences_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise FrontDoorError("The disk is full.")

    monkeypatch.setattr(cli, "enter", full)
    assert cli.main(["lab"]) == 1
    assert capsys.readouterr().err == "The disk is full.\n"

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "enter", stopped)
    assert cli.main(["lab"]) == 130
    assert "Stopped" in capsys.readouterr().err


# -------------------------------------------------------------------------------------------------------- installing


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> dict[str, Installed]:
    """An environment that holds what the returned dictionary says, with torch and sympy declared and pinned."""
    present: dict[str, Installed] = {}
    monkeypatch.setattr(install, "read_pins", lambda: PINS)
    monkeypatch.setattr(install, "read_declared", lambda extras: ["torch"])
    monkeypatch.setattr(install, "installed_packages", lambda: dict(present))
    monkeypatch.setattr(install, "index_answers", lambda url: False)
    monkeypatch.setattr(install, "check_space", lambda *_: None)
    return present


def test_a_complete_environment_installs_nothing(tmp_path: Path, pretend: dict[str, Installed]) -> None:
    pretend.update(COMPLETE)
    assert install.ensure_installed((), in_venv=False, command=fake_pip(tmp_path, "", 1)) is False
    assert not (tmp_path / "calls").exists()


def test_torch_is_installed_first_and_alone_then_the_rest(
    tmp_path: Path, pretend: dict[str, Installed], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = fake_pip(tmp_path, "Successfully installed", 0)
    answers = iter([{}, {"torch": COMPLETE["torch"]}, COMPLETE])
    monkeypatch.setattr(install, "installed_packages", lambda: next(answers))
    assert install.ensure_installed(("test",), "cpu", in_venv=False, command=command) is True
    first, second = (tmp_path / "calls").read_text().splitlines()
    assert first.endswith("torch==2.13.0")
    assert "--no-deps" in first
    assert second.endswith("-c constraints.txt -e .[test]")


def test_an_interrupted_installation_goes_on_with_what_is_missing(
    tmp_path: Path, pretend: dict[str, Installed], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = fake_pip(tmp_path, "Successfully installed", 0)
    answers = iter([{"torch": COMPLETE["torch"]}, COMPLETE])
    monkeypatch.setattr(install, "installed_packages", lambda: next(answers))
    assert install.ensure_installed((), in_venv=False, command=command) is True
    (only,) = (tmp_path / "calls").read_text().splitlines()
    assert only.endswith("-c constraints.txt -e .")


def test_another_build_of_torch_is_installed_only_on_request(tmp_path: Path, pretend: dict[str, Installed]) -> None:
    pretend.update(COMPLETE)
    command = fake_pip(tmp_path, "", 0)
    assert install.ensure_installed((), "auto", in_venv=False, command=command) is False
    if sys.platform != "darwin":  # where there is one build only
        assert install.ensure_installed((), "cuda", in_venv=False, command=command) is True
        assert (tmp_path / "calls").read_text().startswith("uninstall --yes --quiet torch")


def test_an_installation_that_pip_calls_good_is_still_verified(tmp_path: Path, pretend: dict[str, Installed]) -> None:
    pretend["torch"] = COMPLETE["torch"]
    with pytest.raises(FrontDoorError, match="sympy is missing"):
        install.ensure_installed((), in_venv=False, command=fake_pip(tmp_path, "", 0))


def test_cuda_that_comes_unasked_is_said(
    tmp_path: Path, pretend: dict[str, Installed], capsys: pytest.CaptureFixture[str]
) -> None:
    pretend["torch"] = Installed("2.13.0+cu130")
    install.install_torch("2.13.0", "cpu", fake_pip(tmp_path, "", 0))
    assert "It is the CUDA build" in capsys.readouterr().err


def test_this_environment_is_complete_so_that_the_second_start_installs_nothing() -> None:
    declared = environment.read_declared(("test",))
    missing = environment.missing_packages(declared, environment.read_pins(), environment.installed_packages())
    assert missing == []


# -------------------------------------------------------------------------------------------------- the command line


def test_unknown_arguments_go_to_pytest_and_jupyterlab_in_order() -> None:
    options = cli.parse(["test", "tests/test_x.py", "-k", "a or b", "--torch", "cpu", "-x", "--maxfail=2"])
    assert options.torch == "cpu"
    assert options.rest == ["tests/test_x.py", "-k", "a or b", "-x", "--maxfail=2"]
    assert cli.parse(["lab", "--no-browser", "--port", "8899"]).rest == ["--no-browser", "--port", "8899"]


def test_other_commands_refuse_what_they_do_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.parse(["notebooks", "--chek"])
    assert "does not know --chek" in capsys.readouterr().err


def test_tests_are_strict_about_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(cli, "run", lambda command, variables, cwd: calls.append(command) or 5)
    monkeypatch.delenv(budget.VARIABLE, raising=False)
    assert cli.test(cli.parse(["test", "-x"])) == 5
    (command,) = calls
    assert command[1:3] == ["-m", "pytest"]
    assert command[-4:] == ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=900", "-x"]


def test_the_lab_gets_our_settings_and_keeps_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(cli, "run", lambda command, variables, cwd: calls.append((command, variables)) or 0)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    before = dict(os.environ)
    assert cli.lab(cli.parse(["lab", "--port=8899"])) == 0
    ((command, variables),) = calls
    assert command[1:3] == ["-m", "jupyterlab"]
    assert command[-1] == "--port=8899"
    for name in ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH"):
        assert variables[name].split(os.pathsep) == [str(tmp_path), str(cli.LAB_CONFIG)]
    assert {name for name in variables if name.startswith("JUPYTER")} <= set(before)
    assert dict(os.environ) == before
    assert cli.lab_variables({}) == dict.fromkeys(("JUPYTER_CONFIG_PATH", "JUPYTER_PATH"), str(cli.LAB_CONFIG))


def test_the_labs_extension_is_found_where_the_lab_looks() -> None:
    from jupyterlab_server.config import get_federated_extensions

    found = get_federated_extensions([str(cli.LAB_CONFIG / "labextensions")])
    assert set(found) == {"kgss-lab"}
    load = found["kgss-lab"]["jupyterlab"]["_build"]["load"]
    assert (cli.LAB_CONFIG / "labextensions" / "kgss-lab" / load).is_file()


def test_settings_of_the_lab_are_those_that_jupyterlab_knows() -> None:
    import jupyterlab.commands

    schemas = Path(jupyterlab.commands.get_app_dir()) / "schemas"
    (defaults,) = (cli.LAB_CONFIG / "labconfig").iterdir()
    for plugin, settings in json.loads(defaults.read_text(encoding="utf-8")).items():
        extension, _, name = plugin.partition(":")
        known = json.loads((schemas / extension / f"{name}.json").read_text(encoding="utf-8"))["properties"]
        for key, value in settings.items():
            allowed = [option["const"] for option in known[key].get("oneOf", [])] or [True, False]
            assert value in allowed, f"{plugin} has no {key}={value}"


def test_a_codespace_admits_its_address_and_no_other() -> None:
    import re

    assert cli.codespace_options({}) == []
    names = {"CODESPACE_NAME": "happy-fish-x1", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev"}
    no_browser, origin = cli.codespace_options(names)
    assert no_browser == "--no-browser"
    pattern = origin.removeprefix("--ServerApp.allow_origin_pat=")
    assert re.fullmatch(pattern, "https://happy-fish-x1-8888.app.github.dev")
    assert not re.fullmatch(pattern, "https://sad-fish-x1-8888.app.github.dev")
    assert not re.fullmatch(pattern, "https://happy-fish-x1-8888.appxgithub.dev")


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_every_command_has_help(command: str) -> None:
    arguments = [sys.executable, "-m", "kgss_helpers", *([command] if command else []), "--help"]
    result = subprocess.run(arguments, capture_output=True, text=True, cwd=environment.ROOT, check=False)
    assert result.returncode == 0, result.stderr
    assert "usage: python -m kgss_helpers" in result.stdout


def test_front_door_needs_nothing_but_the_standard_library() -> None:
    modules = "budget, cli, environment, export, install, lock, notebooks, pythons"
    code = f"import sys; from kgss_helpers.frontdoor import {modules}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=environment.ROOT, check=True
    )
    roots = {name.partition(".")[0] for name in result.stdout.split()} - {"kgss_helpers", "__main__", "__mp_main__"}
    assert {name for name in roots if name not in sys.stdlib_module_names} == set()


# ---------------------------------------------------------------------------------------------------- constraints.txt


def test_resolution_becomes_one_universal_file() -> None:
    resolved = [
        "# a comment",
        "--index-url https://example.org/simple",
        "torch==2.13.0+cpu",
        "numpy==2.4.6 \\",
        "    --hash=sha256:00",
        "colorama==0.4.6 ; sys_platform == 'win32'",
        "nvidia-cublas==13.1.1.3 ; sys_platform == 'linux'",
        "triton==3.7.1 ; sys_platform == 'linux'",
        "cuda-toolkit==13.0.3.0 ; sys_platform == 'linux'",
        "httpx2-jsfetch==1.0 ; python_full_version >= '3.12' and sys_platform == 'emscripten'",
        "kgss @ https://example.org/kgss.whl",
    ]
    expected = ["colorama==0.4.6 ; sys_platform == 'win32'", "numpy==2.4.6", "torch==2.13.0"]
    assert lock.pinned_lines(resolved) == expected
    assert lock.cuda_tag(resolved) == "cu130"


# ---------------------------------------------------------------------------------------------------------- notebooks


def tiny(*sources: str) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_markdown_cell("# Tiny", id="head")]
    cells += [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    return nbformat.v4.new_notebook(cells=cells)


def written(path: Path, notebook: nbformat.NotebookNode) -> Path:
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    return path


def test_cleaning_keeps_what_matters_and_drops_the_rest() -> None:
    notebook = tiny("1 + 1")
    notebook.metadata.widgets = {"state": {}}
    notebook.metadata.kernelspec = {"name": "my-env", "display_name": "Python (my env)"}
    notebook.metadata.language_info = {"name": "python", "version": "3.11.7"}
    cell = notebook.cells[1]
    cell.metadata.update(
        tags=["nbval-ignore-output"],
        slideshow={"slide_type": "slide"},
        jupyter={"source_hidden": True},
        execution={"iopub.execute_input": "2026-01-01"},
        scrolled=True,
    )
    cell.outputs = [
        nbformat.v4.new_output("display_data", {notebooks.WIDGET: {"model_id": "random", "version_major": 2}})
    ]
    clean = notebooks.cleaned(notebook)
    assert clean.metadata == {"kernelspec": notebooks.KERNEL, "language_info": {"name": "python"}}
    assert set(clean.cells[1].metadata) == {"tags", "slideshow", "jupyter"}
    assert [cell.id for cell in clean.cells] == ["head", "cell-0"]
    assert clean.cells[1].outputs[0].data[notebooks.WIDGET]["model_id"] != "random"
    assert notebooks.cleaned(clean) == clean
    assert notebook.metadata.widgets == {"state": {}}  # the original is left alone


def test_renewing_executes_cleans_and_writes(tmp_path: Path) -> None:
    path = written(tmp_path / "00_tiny.ipynb", tiny("import sys; sys.executable", "x = 1", "x + 1"))
    run = notebooks.renew(path)
    assert run.seconds > 0
    assert 20 < run.megabytes < 2000
    cells = notebooks.read(path).cells
    assert cells[1].outputs[0].data["text/plain"] == repr(sys.executable)  # this environment's own kernel
    assert cells[3].outputs[0].data["text/plain"] == "2"
    assert notebooks.problems_of(path) == []
    assert list(tmp_path.iterdir()) == [path]


def test_a_cell_that_fails_is_named_and_the_file_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "00_tiny.ipynb", tiny("1", "raise ValueError('so it is')"))
    before = path.read_bytes()
    assert notebooks.renew_all([path]) == 1
    said = capsys.readouterr().err
    assert "00_tiny, cell 3 of 3 (`raise ValueError('so it is')`) failed with ValueError: so it is" in said
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "00_tiny.ipynb", tiny("1"))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        notebooks.renew(path, runner=lambda *_: notebooks.Run(0, 0))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_not_executed_or_not_clean_is_named(tmp_path: Path) -> None:
    notebook = tiny("1", "2")
    path = written(tmp_path / "00_tiny.ipynb", notebook)
    assert any("cell 2 of 3 (`1`) was never executed" in problem for problem in notebooks.problems_of(path))
    notebook.cells[1].execution_count, notebook.cells[2].execution_count = 2, 1
    assert any("out of order" in problem for problem in notebooks.problems_of(written(path, notebook)))
    notebook.cells[1].execution_count, notebook.cells[2].execution_count = 1, 2
    notebook.cells[2].outputs = [nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[])]
    assert any("ended in ValueError" in problem for problem in notebooks.problems_of(written(path, notebook)))
    notebook.cells[2].metadata.tags = ["raises-exception"]
    assert notebooks.problems_of(written(path, notebook)) == ["its metadata is not clean"]
    assert notebooks.clean_all([path]) == 0
    assert notebooks.problems_of(path) == []
    assert notebooks.check_all([path]) == 0


def test_a_solution_that_stands_open_is_named(tmp_path: Path) -> None:
    notebook = notebooks.cleaned(tiny("1"))
    notebook.cells[1].execution_count, notebook.cells[1].metadata.tags = 1, ["solution"]
    (problem,) = notebooks.problems_of(written(tmp_path / "00_tiny.ipynb", notebook))[:1]
    assert problem == "cell 2 of 2 (`1`) is a solution that stands open; collapse its code"
    notebook.cells[1].metadata.jupyter = {"source_hidden": True}
    path = written(tmp_path / "00_tiny.ipynb", notebook)
    assert notebooks.clean_all([path]) == 0
    assert notebooks.problems_of(path) == []


def test_notebooks_are_found_by_number_name_or_path(tmp_path: Path) -> None:
    for name in ("00_start.ipynb", "01_graph.ipynb", "scratch.ipynb"):
        written(tmp_path / name, tiny())
    start, graph = tmp_path / "00_start.ipynb", tmp_path / "01_graph.ipynb"
    assert notebooks.named_notebooks([], tmp_path) == [start, graph]
    assert notebooks.named_notebooks(["01", "00_start"], tmp_path) == [start, graph]
    assert notebooks.named_notebooks(["notebooks/01_graph.ipynb"], tmp_path) == [graph]
    with pytest.raises(FrontDoorError, match="There are: 00_start, 01_graph"):
        notebooks.named_notebooks(["7"], tmp_path)


# ----------------------------------------------------------------------------------------------- cells that are cut off


def test_limit_of_a_cell_is_the_users_or_ours() -> None:
    assert budget.cell_limit({}) == budget.cell_limit({budget.VARIABLE: " "}) == budget.CELL_LIMIT
    assert budget.cell_limit({budget.VARIABLE: "1800"}) == 1800
    for wrong in ("0", "-5", "1e3", "half an hour"):
        with pytest.raises(FrontDoorError, match="not a whole number of seconds such as 1800"):
            budget.cell_limit({budget.VARIABLE: wrong})


def test_budgets_are_far_below_the_limit_of_a_cell() -> None:
    assert budget.budget_of("00_start_here") == 180
    assert budget.budget_of("11_fine_tuning") == 300
    assert 2 * max(budget.BUDGET, *budget.BUDGETS.values()) <= budget.CELL_LIMIT < 2000


CUT_OFF = (
    "00_tiny, cell 3 of 4 (`import time`) was cut off after 2 s, the limit for one cell. All cells of this notebook "
    "together have a budget of 180 s, on two cores without AVX-512 that have nothing else to do. If this machine is "
    "slower or busy, set a longer limit, such as KGSS_CELL_TIMEOUT=4, and run the same command again"
)
# As a training does, it takes the interrupt for the stop button and ends well.
LONG = "import time\ntry:\n    time.sleep({seconds})\nexcept KeyboardInterrupt:\n    pass"


def test_renewing_says_which_cell_was_cut_off_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(budget.VARIABLE, "2")
    path = written(tmp_path / "00_tiny.ipynb", tiny("1", LONG.format(seconds=60), "2"))
    before = path.read_bytes()
    assert notebooks.renew_all([path]) == 1
    assert CUT_OFF in capsys.readouterr().err
    assert path.read_bytes() == before


def compare(path: Path, limit: int) -> subprocess.CompletedProcess[str]:
    """Run one notebook as the test command does."""
    command = [sys.executable, "-m", "kgss_helpers", "test", "--no-install", str(path), "-ra", "--color=no"]
    command += [f"--rootdir={path.parent}", "-p", "no:cacheprovider"]
    variables = os.environ | {budget.VARIABLE: str(limit)}
    return subprocess.run(
        command, cwd=environment.ROOT, env=variables, capture_output=True, text=True, check=False, timeout=300
    )


def test_a_compared_cell_that_is_cut_off_fails_with_the_reason(tmp_path: Path) -> None:
    notebook = tiny("1", LONG.format(seconds=60), "2")
    notebook.cells[3].metadata.tags = ["raises-exception"]
    for count, cell in enumerate(notebook.cells[1:], start=1):
        cell.execution_count = count
        cell.outputs = (
            [] if count == 2 else [nbformat.v4.new_output("execute_result", {"text/plain": str(count // 2 + 1)})]
        )
    result = compare(written(tmp_path / "00_tiny.ipynb", notebook), limit=2)
    assert result.returncode == 1, result.stdout
    assert result.stdout.count(CUT_OFF) >= 1, result.stdout
    assert "1 failed, 1 passed, 1 skipped" in result.stdout
    assert "a cell before it was cut off" in result.stdout


def test_a_notebook_within_its_limit_is_shown_beside_its_budget(tmp_path: Path) -> None:
    notebook = tiny(LONG.format(seconds=0.1))
    notebook.cells[1].execution_count = 1
    result = compare(written(tmp_path / "00_tiny.ipynb", notebook), limit=60)
    assert result.returncode == 0, result.stdout
    assert "seconds in the budget" in result.stdout
    assert "cut off" not in result.stdout


# ------------------------------------------------------------------------------------------------------------ exports


FIGURE = {"data": [{"y": [1, 2]}], "layout": {"title": {"text": "A <b>line</b>"}}}


def shown(tmp_path: Path, name: str, formula: str = "$x^2$") -> Path:
    """A notebook with a formula, a described picture, an interactive figure and a solution, executed."""
    v4 = nbformat.v4
    picture = v4.new_output("display_data", {"image/png": "AAAA", "text/plain": "alt"})
    picture.metadata = {"image/png": {"alt": 'A "square" & more'}}
    figure = v4.new_output("display_data", {"application/vnd.plotly.v1+json": FIGURE})
    notebook = tiny("6 * 7", "figure", "secret = 1")
    notebook.cells[0].source += f"\n\nA formula: {formula}"
    notebook.cells[1].outputs = [picture]
    notebook.cells[2].outputs = [figure]
    notebook.cells[3].metadata.tags = ["solution"]
    return written(tmp_path / name, notebook)


def test_pages_and_slides_need_nothing_from_the_web(tmp_path: Path) -> None:
    path = shown(tmp_path, "03_tiny.ipynb")
    assert export.export_html([path], folder=tmp_path / "html") == 0
    assert export.export_slides([path], whole=False, folder=tmp_path / "slides") == 0
    for page in (tmp_path / "html" / "03_tiny.html", tmp_path / "slides" / "03_tiny.slides.html"):
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        used = [tag.get("src") or tag.get("href") for tag in soup.select("script[src], link[href], img[src]")]
        assert used
        for address in used:
            assert address.startswith("data:") or (page.parent / address).is_file(), address
        assert [image["alt"] for image in soup.select("img")] == ["x^2", 'A "square" & more']
        (data,) = [json.loads(script.string) for script in soup.select(".kgss-plotly script")]
        assert data == FIGURE
        assert soup.select_one(".kgss-plotly")["aria-label"] == "A <b>line</b>"
        (solution,) = soup.select("details.kgss-solution")
        assert "open" not in solution.attrs
        assert "secret" in solution.get_text()
    assert (tmp_path / "slides" / "assets" / "LICENSE-reveal.txt").is_file()


def test_without_figures_no_drawing_library_is_copied(tmp_path: Path) -> None:
    path = written(tmp_path / "00_tiny.ipynb", tiny("6 * 7"))
    assert export.export_slides([path], whole=False, folder=tmp_path) == 0
    assert not (tmp_path / "assets" / "plotly.min.js").exists()


def test_the_index_counts_as_the_files_do() -> None:
    page = export.index_page({"02_a.html": "A <b>", "10_b.html": "B"})
    assert '<li value="2"><a href="02_a.html">A &lt;b&gt;</a></li>' in page
    assert '<li value="10"><a href="10_b.html">B</a></li>' in page


def test_a_formula_that_cannot_be_drawn_is_named(tmp_path: Path) -> None:
    path = shown(tmp_path, "00_tiny.ipynb", formula=r"$\nonsense{x}$")
    with pytest.raises(FrontDoorError, match=r"formula \$\\nonsense\{x\}\$ cannot be drawn; say it with simpler signs"):
        export.export_html([path], folder=tmp_path)


def test_one_deck_of_several_notebooks_keeps_their_order_and_titles(tmp_path: Path) -> None:
    paths = [shown(tmp_path, name) for name in ("02_tiny.ipynb", "11_tiny.ipynb")]
    assert export.export_slides(paths, whole=True, folder=tmp_path) == 0
    soup = BeautifulSoup((tmp_path / "seminar.slides.html").read_text(encoding="utf-8"), "html.parser")
    titles = [section["data-notebook"] for section in soup.select("section[data-notebook]")]
    assert list(dict.fromkeys(titles)) == ["02 · Tiny", "11 · Tiny"]


def test_slides_without_a_number_are_one_deck_and_nothing_is_executed_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, dict[str, object]]] = []
    monkeypatch.setattr(export, "export_slides", lambda paths, **options: calls.append((len(paths), options)) or 0)
    assert cli.slides(cli.parse(["slides"])) == 0
    assert cli.slides(cli.parse(["slides", "01", "--execute", "--show"])) == 0
    everything = len(notebooks.all_notebooks())
    assert calls[0] == (everything, {"whole": True, "anew": False, "show": False})
    assert calls[1] == (1, {"whole": False, "anew": True, "show": True})


def test_what_is_executed_anew_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "00_tiny.ipynb", tiny("6 * 7"))
    assert export.prepared(path, anew=False).cells[1].outputs == []
    assert export.prepared(path, anew=True).cells[1].outputs[0].data["text/plain"] == "42"
    assert json.loads(path.read_text())["cells"][1]["outputs"] == []
