"""Notebook 00: the way from a graph to a search, as a picture; the notebooks that are there, and that each leads on."""

import json
import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from kgss_helpers.chapters.ch00_start_here import pipeline, road
from kgss_helpers.session import NOTEBOOKS, contents


def test_the_pipeline_tells_the_story_in_words():
    (axes,) = pipeline().axes
    said = " ".join(text.get_text() for text in axes.texts)
    for words in ("we have a knowledge graph", "we need a semantic space", "we want a searchable database"):
        assert words in said
    assert said.index("we have") < said.index("we need") < said.index("we want")
    plt.close("all")


def test_the_road_says_every_question_whole():
    there = pd.DataFrame(
        [("07_x.ipynb", "An X", "why *this*, and " + "so on " * 40)], columns=["notebook", "title", "question"]
    )
    assert road(there) == f"- 07 · [An X](07_x.ipynb): *why this, and {'so on ' * 40}*"
    assert road(contents()).count("\n- ") == len(contents()) - 1


@pytest.mark.parametrize("name", ["00_start_here", "01_knowledge_graph"])
def test_a_notebook_that_is_named_is_there(name):
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    named = set(re.findall(r"`(\d\d_\w+)`", text))
    assert named
    assert named <= {path.stem for path in NOTEBOOKS.glob("*.ipynb")}
