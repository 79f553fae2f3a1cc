"""Versions agree wherever they are said, and the tools that read them accept what they find."""

import json
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from kgss_helpers.frontdoor import cli, environment, install, pythons
from kgss_helpers.frontdoor.environment import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = [f"{pythons.OLDEST[0]}.{minor}" for minor in range(pythons.OLDEST[1], pythons.NEWEST[1] + 1)]
# The systems that one file of constraints serves, as markers see them.
SYSTEMS = [
    {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"},
    {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin", "platform_machine": "arm64"},
    {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"},
]


def constraints() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def declared() -> list[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"].values()
    return [Requirement(line) for group in [PROJECT["project"]["dependencies"], *extras] for line in group]


def conda(name: str) -> tuple[list[str], list[str]]:
    """Return the conda lines and the pip lines of an environment file."""
    lines = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))["dependencies"]
    pip = [line for group in lines if isinstance(group, dict) for line in group["pip"]]
    return [line for line in lines if isinstance(line, str)], pip


# ---------------------------------------------------------------------------------------------------- constraints.txt


def test_constraints_hold_exact_versions_and_nothing_else() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--" not in text
    assert "sha256" not in text
    for requirement in constraints():
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        assert Version(specifier.version).local is None, requirement
        assert requirement.url is None
        assert not requirement.extras
        assert not requirement.name.startswith(("nvidia", "cuda", "triton")), requirement


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system["sys_platform"])
@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_say_one_version_for_each_machine(python: str, system: dict[str, str]) -> None:
    machine = {**system, "python_version": python, "python_full_version": f"{python}.9"}
    machine |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    names = [item.name for item in constraints() if item.marker is None or item.marker.evaluate(machine)]
    assert sorted(names) == sorted(set(names))
    here = [item for item in declared() if item.marker is None or item.marker.evaluate(machine)]
    assert {canonicalize_name(requirement.name) for requirement in here} <= set(names)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system["sys_platform"])
def test_own_reading_of_conditions_is_that_of_packaging(system: dict[str, str]) -> None:
    extras = PROJECT["project"]["optional-dependencies"].values()
    lines = [line for group in [PROJECT["project"]["dependencies"], *extras] for line in group]
    for line in [*lines, "a; sys_platform == 'win32'", 'b ; sys_platform!="darwin"']:
        marker = Requirement(line).marker
        assert environment.is_for(line, system["sys_platform"]) == (marker is None or marker.evaluate(system)), line
    with pytest.raises(ValueError, match="only sys_platform can be a condition"):
        environment.is_for("a; python_version < '3.12'")


def test_constraints_fit_what_is_declared() -> None:
    pins = environment.read_pins()
    for requirement in declared():
        assert requirement.url is None
        for version in pins[canonicalize_name(requirement.name)].versions:
            assert requirement.specifier.contains(version), requirement


def test_own_reading_of_constraints_is_that_of_packaging() -> None:
    versions: dict[str, set[str]] = {}
    for requirement in constraints():
        (specifier,) = requirement.specifier
        versions.setdefault(canonicalize_name(requirement.name), set()).add(specifier.version)
    assert {name: set(pin.versions) for name, pin in environment.read_pins().items()} == versions


# --------------------------------------------------------------------------------------------------- Pythons everywhere


def test_pyproject_admits_the_pythons_of_the_front_door() -> None:
    admitted = SpecifierSet(PROJECT["project"]["requires-python"])
    below, above = (f"3.{minor}" for minor in (pythons.OLDEST[1] - 1, pythons.NEWEST[1] + 1))
    assert all(admitted.contains(f"{python}.4") for python in PYTHONS)
    assert not admitted.contains(f"{below}.4")
    assert not admitted.contains(f"{above}.0")
    assert PROJECT["tool"]["ruff"]["target-version"] == "py" + PYTHONS[0].replace(".", "")


def test_conda_environment_has_the_same_pythons_and_our_constraints() -> None:
    lines, pip = conda("environment.yml")
    python = next(line for line in lines if line.startswith("python"))
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["project"]["requires-python"])
    assert "pip" in lines
    assert pip[0] == "-c constraints.txt"
    project = pip[1].removeprefix("-e ")
    # '.[test]' is a path with extras: 'kgss-helpers[test]' for the parser.
    parsed = Requirement(environment.PROJECT + project.removeprefix("."))
    assert parsed.extras <= set(PROJECT["project"]["optional-dependencies"])
    assert len(pip) == 2  # every version else is said in pyproject.toml and constraints.txt


def test_binder_has_an_exact_python_and_our_installer() -> None:
    lines, pip = conda("binder/environment.yml")
    assert sorted(lines) == ["pip", f"python={PYTHONS[0]}"]
    assert pip == []
    script = (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")
    assert "python -m kgss_helpers install --here --torch cpu" in script
    assert {path.name for path in (ROOT / "binder").iterdir()} == {"environment.yml", "postBuild"}
    settings = (cli.LAB_CONFIG / "labconfig").relative_to(ROOT).as_posix()
    assert f'cp -r {settings} "$etc/"' in script
    assert (ROOT / settings).is_dir()


@pytest.mark.parametrize("name", ["environment.yml", "binder/environment.yml"])
def test_conda_lines_parse(name: str) -> None:
    rattler = pytest.importorskip("rattler", reason="py-rattler has no build for this system")
    for line in conda(name)[0]:
        assert rattler.MatchSpec(line, strict=True).name is not None


def workflow(name: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


def commands_of(job: dict) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_workflow_runs_every_python_on_every_system() -> None:
    jobs = workflow("test.yml")["jobs"]
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    assert [system.partition("-")[0] for system in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert any("python -m kgss_helpers test" in command for command in commands_of(jobs["test"]))


def test_every_week_the_newest_versions_are_tried_and_the_links_checked() -> None:
    weekly = workflow("weekly.yml")
    assert "schedule" in weekly[True]  # YAML reads the key `on` as a truth value
    newest, links = weekly["jobs"]["newest"], weekly["jobs"]["links"]
    assert set(newest["strategy"]["matrix"]["python"]) <= set(PYTHONS)
    lock, _, test = commands_of(newest)
    assert cli.parse(shlex.split(lock)[3:]).upgrade
    assert cli.parse(shlex.split(test)[3:]).command == "test"
    (check,) = commands_of(links)
    assert (ROOT / check.removeprefix("python ")).is_file()


def test_ci_calls_the_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "\npython -m kgss_helpers test\n" in script


def test_ci_rehearses_the_processor_that_contributing_describes() -> None:
    def variables(name: str) -> set[str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        return set(re.findall(r"\b(?:ONEDNN|ATEN|MKL|OPENBLAS|KGSS_BF16)\w*=\w+", text))

    rehearsed = variables(".ci/run")
    assert {"ONEDNN_MAX_CPU_ISA=AVX2", "ATEN_CPU_CAPABILITY=avx2", "KGSS_BF16=0"} < rehearsed
    assert rehearsed == variables("CONTRIBUTING.md")


def test_codespaces_have_a_python_of_ours_and_commands_that_exist() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["image"].rpartition(":")[2] in PYTHONS
    assert container["hostRequirements"]["cpus"] >= 2
    assert container["forwardPorts"] == [8888]  # JupyterLab's
    python, *module, install_command = shlex.split(container["postCreateCommand"])[:4]
    assert (python, module, install_command) == ("python", ["-m", "kgss_helpers"], "install")
    assert cli.parse(shlex.split(container["postCreateCommand"])[3:]).torch == "cpu"
    interpreter = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter.endswith(pythons.venv_python(ROOT / ".venv", windows=False).relative_to(ROOT).as_posix())
    assert not {"secrets", "remoteEnv", "containerEnv"} & set(container)


def test_pre_commit_has_no_versions_of_its_own() -> None:
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_prose_says_the_same_versions(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert set(re.findall(r"[Pp]ython[ =](3\.\d+)", text)) <= set(PYTHONS)
    pins = environment.read_pins()
    for package, version in re.findall(r"([A-Za-z][\w.-]*)==([\w.]+)", text):
        assert version.rstrip(".") in pins[environment.canonical(package)].versions


def test_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "python -m kgss_helpers lab" in text
    assert "python -m kgss_helpers test" in text


def test_torch_indexes_are_of_one_place() -> None:
    assert install.CPU_INDEX.rpartition("/")[0] == install.CUDA_INDEX.rpartition("/")[0]


# ------------------------------------------------------------------------------------------------------------- Binder


@pytest.mark.skipif(sys.platform == "win32", reason="repo2docker does not run on Windows")
def test_repo2docker_accepts_the_repository() -> None:
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "--user-id", "1000"]
    command += ["--user-name", "jovyan", "."]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    assert "binder/environment.yml" in output
    assert "postBuild" in output
