"""Notebook 00: the way from a graph to a search, as a picture."""

import matplotlib.pyplot as plt

from kgss_helpers.chapters.ch00_start_here import pipeline


def test_the_pipeline_tells_the_story_in_words():
    (axes,) = pipeline().axes
    said = " ".join(text.get_text() for text in axes.texts)
    for words in ("we have a knowledge graph", "we need a semantic space", "we want a searchable database"):
        assert words in said
    assert said.index("we have") < said.index("we need") < said.index("we want")
    plt.close("all")
