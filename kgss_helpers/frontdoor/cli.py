"""The command line: what can be asked for, in which environment it runs, and what it does there."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kgss_helpers.frontdoor import environment, install, obstacles
from kgss_helpers.frontdoor.budget import cell_limit
from kgss_helpers.frontdoor.environment import ROOT, FrontDoorError, child_variables, run, say

# What each command needs besides the dependencies that every reader needs.
EXTRAS = {"test": ("test",), "lock": ("dev",)}
START = Path("notebooks") / "00_start_here.ipynb"
# JupyterLab reads defaults from a folder 'labconfig' on the path of its configuration; what a reader chooses in its
# settings wins. Ours: no widget callback on a thread beside a running cell, where pyplot's figures vanish or mix
# (jupyterlab#19719, ipykernel#1564), and no question about news. On the path of its data it finds a folder
# 'labextensions'; ours keeps keys in the widget that has the focus and gives pictures their description.
LAB_CONFIG = ROOT / "kgss_helpers" / "frontdoor" / "jupyter"

ABOUT = """\
From Knowledge Graphs to Semantic Spaces: a workbook in notebooks.

The first start makes an environment in .venv (a few minutes, 2 to 3 GB) unless the active one has everything; later
ones take seconds. Nothing is installed into an environment of yours unless you say so with 'install --here'.
"""
SLIDES = """\
Without a number one deck of all notebooks in order, with numbers one deck for each. Outputs are taken as committed.
The slides need no network: reveal.js, plotly and what else they use lie beside them. What a notebook shows is fitted
into 1280 x 720 when the deck opens. Widgets become text, since they need a kernel: present in the lab to use them.
"""
HTML = """\
Writes build/html with an index. Outputs are taken as committed. The pages need no network: what they use lies beside
them, and interactive figures stay interactive. Solutions are closed until opened. Widgets become text: they need a
kernel.
"""

SEARCH = """\
Opens the search of notebook 14 in the browser, without any code, for this machine and with a token as the lab has. It
is ready after some twenty seconds; each page that is opened takes about 1 GB of memory. Further arguments go to Voila,
such as --no-browser or --port 8866.
"""
ASK = """\
Answers with the workbook's one search over the film graph: rank, name, and the edges that support it. It is ready in
some ten seconds; without a question it asks for one after the other.
"""
EXAM = """\
the exam's own options:
  --metric {nDCG@10,recall@10,MRR}  what is measured; nDCG@10 if not given
  --split {validation,test}         which half; test if not given
  --edition {1,2}                   1 is the exam of older recorded runs; 2 if not given
  --variants                        show the misspelt and the Hungarian questions instead
  --renew                           derive the questions from the graph again and record the simple methods
"""
# Written out, since the exam's own parser can be imported only once everything is installed; a test compares the two.


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; `lab`, `test`, `exam` and `search` pass on what it does not know."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--torch",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="the build of PyTorch to install; auto: CUDA where there is an NVIDIA GPU, else CPU",
    )
    common.add_argument(
        "--no-install",
        action="store_true",
        help="use the running Python as it is; install nothing",
    )
    parser = argparse.ArgumentParser(
        prog="python -m kgss_helpers", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    def add(name: str, help: str, description: str | None = None) -> argparse.ArgumentParser:  # noqa: A002
        return commands.add_parser(
            name,
            help=help,
            description=description or help[0].upper() + help[1:] + ".",
            parents=[common],
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    add("lab", "open the workbook in JupyterLab; further arguments go to JupyterLab, e.g. --no-browser --port 8899")
    add("test", "run all tests and compare every notebook's outputs; further arguments go to pytest, e.g. tests -x")
    notebooks = add("notebooks", "execute all notebooks (or those named), in order, and write them clean")
    notebooks.add_argument("names", nargs="*", help="such as 01 or 01_knowledge_graph; all if none is named")
    way = notebooks.add_mutually_exclusive_group()
    way.add_argument("--check", action="store_true", help="only verify that they are executed and clean")
    way.add_argument("--clean", action="store_true", help="only clean the metadata, without executing")
    add("exam", "print the exam's table, as recorded").epilog = EXAM
    asking = add("ask", 'answer a question here in the terminal, e.g. ask "a good sci-fi director" --type person', ASK)
    asking.add_argument("text", nargs="*", help="the question; without one, questions are asked for")
    asking.add_argument("--type", dest="node_type", help="only nodes of this type: person, project, keyword or genre")
    asking.add_argument("-k", type=int, default=10, help="how many answers at most (%(default)s)")
    add("search", "open the search as an app; further arguments go to Voila, e.g. --no-browser --port 8866", SEARCH)
    slides = add("slides", "write notebooks as slides (build/slides)", SLIDES)
    slides.add_argument("names", nargs="*", help="such as 01; one deck of all if none is named")
    slides.add_argument("--execute", action="store_true", help="execute anew instead of taking the committed outputs")
    slides.add_argument("--show", action="store_true", help="open the first one in the browser")
    html = add("html", "write notebooks as web pages (build/html)", HTML)
    html.add_argument("names", nargs="*", help="such as 01; all if none is named")
    html.add_argument("--execute", action="store_true", help="execute anew instead of taking the committed outputs")
    only_install = add("install", "install what is pinned and do nothing else")
    only_install.add_argument("--here", action="store_true", help="into the running Python's environment, not .venv")
    only_install.add_argument(
        "--with",
        dest="extras",
        action="append",
        choices=("test", "dev", "monitor"),
        default=[],
        help="what tests, upkeep or monitors of training need",
    )
    lock = add("lock", "renew constraints.txt from pyproject.toml")
    lock.add_argument("--upgrade", action="store_true", help="take the newest versions")
    return parser


PASS_ON = ("lab", "test", "exam", "search")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the command with its options; what is to be passed on is `rest`."""
    parser = build_parser()
    options, rest = parser.parse_known_args(list(arguments))
    if rest and options.command not in PASS_ON:
        parser.error(f"'{options.command}' does not know {' '.join(rest)}")
    options.rest = rest
    return options


def enter(options: argparse.Namespace, arguments: Sequence[str]) -> int | None:
    """See to it that the command runs where everything is installed.

    Returns:
        None when that is this very process; the exit status when another Python has done the work.
    """
    if options.no_install:
        return None  # the user's word is taken for it; `install` alone looks whether it is so
    extras = tuple(getattr(options, "extras", ())) or EXTRAS.get(options.command, ())
    in_venv, here = environment.in_own_venv(), getattr(options, "here", False)
    pins, installed = environment.read_pins(), environment.installed_packages()
    reader_lacks = environment.missing_packages(environment.read_declared(), pins, installed)
    extras_lack = environment.missing_packages(environment.read_declared(extras), pins, installed)
    isolated = environment.is_isolated()
    place = environment.choose(
        in_venv=in_venv, here=here, isolated=isolated, reader_lacks=reader_lacks, extras_lack=extras_lack
    )
    if place == "this":
        done = install.ensure_installed(extras, options.torch, in_venv=in_venv)
        if done:
            say("Everything is installed.")
        return None
    if isolated:
        say(
            f"The active environment is left alone, since it lacks what is pinned ({install.summary(reader_lacks)}); "
            "the workbook uses its own, .venv."
        )
    if environment.venv_state() != "ready":
        obstacles.check_space(environment.VENV, install.NEEDS["cpu"])
        obstacles.check_path(environment.VENV, install.choose_build(options.torch))
    environment.make_venv()
    python = environment.venv_python(environment.VENV)
    return run([str(python), "-m", "kgss_helpers", *arguments], child_variables(quiet=False))


def lab(options: argparse.Namespace) -> int:
    """Open JupyterLab at the first notebook."""
    # The whole repository is the root, and the address that is printed leads to the notebook as well, which it would
    # not if the file were simply named.
    page = f"/lab/tree/{START.as_posix()}" if (ROOT / START).exists() else "/lab"
    start = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url={page}", *codespace_options(os.environ)]
    say("Opening JupyterLab; Ctrl+C here ends it.")
    command = [sys.executable, "-m", "jupyterlab", *start, *options.rest]
    return run(command, lab_variables(child_variables(quiet=False)), ROOT)


def lab_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables with which JupyterLab finds our defaults, after those that the user points it to."""
    ours = {
        name: os.pathsep.join([*filter(None, [variables.get(name)]), str(LAB_CONFIG)])
        for name in ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH")
    }
    return {**variables, **ours}


def codespace_options(environ: Mapping[str, str]) -> list[str]:
    """Return what JupyterLab must be given in a GitHub codespace, whose pages come from an address of its own."""
    name, domain = environ.get("CODESPACE_NAME"), environ.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")
    if not name or not domain:
        return []
    address = rf"https://{re.escape(name)}-\d+\.{re.escape(domain)}"
    return ["--no-browser", f"--ServerApp.allow_origin_pat={address}"]


def test(options: argparse.Namespace) -> int:
    """Run pytest over the tests and, by nbval in its strict mode, over the notebooks.

    One run and not two, so that there is one summary, one exit status, and every option of pytest means what it says.
    Which folders are meant when none is named stands in pyproject.toml.
    """
    command = [sys.executable, "-m", "pytest", "-p", "kgss_helpers.frontdoor.pytest_notebooks"]
    command += ["--nbval", "--nbval-current-env", f"--nbval-cell-timeout={cell_limit()}", *options.rest]
    return run(command, child_variables(quiet=True), ROOT)


def notebooks(options: argparse.Namespace) -> int:
    """Renew, clean or check notebooks."""
    from kgss_helpers.frontdoor import notebooks as work

    paths = work.named_notebooks(options.names)
    if options.check:
        return work.check_all(paths)
    return work.clean_all(paths) if options.clean else work.renew_all(paths)


def exam(options: argparse.Namespace) -> int:
    """Print the exam's table."""
    from kgss_helpers.exam.__main__ import main as sit

    return sit(options.rest)


def search(options: argparse.Namespace) -> int:
    """Open the search as an app, in a folder that is gone afterwards."""
    from kgss_helpers.frontdoor.app import voila_options, write_app

    with tempfile.TemporaryDirectory(prefix="kgss-search-") as folder:
        say("Opening the search; Ctrl+C here ends it.")
        command = [sys.executable, "-m", "voila", *voila_options(write_app(Path(folder)), options.rest)]
        return run(command, lab_variables(child_variables(quiet=False)), ROOT)


def ask(options: argparse.Namespace) -> int:
    """Answer a question in the terminal, in a process that may import what it needs."""
    kind = ["--type", options.node_type] if options.node_type else []
    command = [sys.executable, "-m", "kgss_helpers.ask", "-k", str(options.k), *kind, "--", *options.text]
    return run(command, child_variables(quiet=True))


def slides(options: argparse.Namespace) -> int:
    """Write notebooks as slides."""
    from kgss_helpers.frontdoor import export
    from kgss_helpers.frontdoor.notebooks import named_notebooks

    paths = named_notebooks(options.names)
    return export.export_slides(paths, whole=not options.names, anew=options.execute, show=options.show)


def html(options: argparse.Namespace) -> int:
    """Write notebooks as web pages."""
    from kgss_helpers.frontdoor import export
    from kgss_helpers.frontdoor.notebooks import named_notebooks

    return export.export_html(named_notebooks(options.names), options.execute)


def lock(options: argparse.Namespace) -> int:
    """Renew constraints.txt."""
    from kgss_helpers.frontdoor.lock import renew_constraints

    return renew_constraints(options.upgrade)


def only_install(options: argparse.Namespace) -> int:
    """Say that the environment is ready, which `enter` has made sure of unless nothing was to be installed."""
    declared = environment.read_declared(options.extras)
    lacks = environment.missing_packages(declared, environment.read_pins(), environment.installed_packages())
    if lacks:
        raise FrontDoorError(
            f"Not ready: {sys.prefix} lacks what is pinned ({install.summary(lacks)}). Run the command without "
            "--no-install."
        )
    say(f"Ready: {sys.prefix}")
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "lab": lab,
    "test": test,
    "notebooks": notebooks,
    "exam": exam,
    "ask": ask,
    "search": search,
    "slides": slides,
    "html": html,
    "install": only_install,
    "lock": lock,
}


def main(arguments: Sequence[str]) -> int:
    """Carry out one command and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A console that lacks a character of some notebook shows a '?' in its place.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = parse(arguments)
    try:
        if not (ROOT / "pyproject.toml").exists():
            raise FrontDoorError("The front door works in a clone of the workbook; this package lies outside of one.")
        status = enter(options, arguments)
        return COMMANDS[options.command](options) if status is None else status
    except FrontDoorError as error:
        say(str(error))
        return 1
    except OSError as error:
        if (sentence := environment.in_words(error)) is None:
            raise
        say(sentence)
        return 1
    except KeyboardInterrupt:
        say("\nStopped. The same command goes on where this one ended.")
        return 130
