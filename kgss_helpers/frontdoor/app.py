"""The search as an app: a notebook of two cells, made when the app starts, that Voila shows without its code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from kgss_helpers.files import write_whole

TITLE = "semantic_search"
HEADING = """\
# Ask the film graph

Ask for a person, a film, a keyword or a genre in words of your own. Each answer says which edges of the graph support
it, or that none does."""
CODE = """\
from kgss_helpers.session import setup

setup()
from kgss_helpers.chapters.ch14_search import film_search

film_search()"""


def write_app(folder: Path) -> Path:
    """Write the notebook into a folder; return its path."""
    cells = [
        {"cell_type": "markdown", "id": "heading", "metadata": {}, "source": HEADING},
        {"cell_type": "code", "id": "view", "metadata": {}, "source": CODE, "outputs": [], "execution_count": None},
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    content = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    return write_whole(folder / f"{TITLE}.ipynb", json.dumps(content))


def voila_options(notebook: Path, further: Sequence[str]) -> list[str]:
    """Return what Voila must be given: this machine alone, a token as in the lab, no code and no tracebacks.

    Args:
        notebook: as from `write_app`.
        further: the user's own options, which are stronger.
    """
    ours = ["--Voila.ip=127.0.0.1", "--template=kgss", "--VoilaConfiguration.show_tracebacks=False"]
    token = [] if any(option.startswith(("--token", "--Voila.token")) for option in further) else ["--token"]
    return [str(notebook), *ours, *token, *further]
