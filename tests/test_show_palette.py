"""Colours: what is written on them can be read."""

import re

import pandas as pd
import pytest

from kgss_helpers.chapters import ch06_tokens_and_characters as ch06
from kgss_helpers.chapters import ch07_sequences_and_context as ch07
from kgss_helpers.chapters.ch12_test_subjects import _paths_as_html
from kgss_helpers.show import palette
from kgss_helpers.show.palette import BLACK, READABLE, WHITE, contrast, luminance, shade, text_on

COLORS = {name: value for name, value in vars(palette).items() if re.fullmatch("#[0-9A-F]{6}", str(value))}


def test_contrast_is_that_of_the_guidelines() -> None:
    assert luminance(BLACK) == 0
    assert luminance(WHITE) == pytest.approx(1)
    assert contrast(BLACK, WHITE) == contrast(WHITE, BLACK) == pytest.approx(21)
    assert contrast("#767676", WHITE) == pytest.approx(4.54, abs=0.005)  # the lightest grey that passes on white
    assert contrast("#777777", WHITE) < READABLE


def test_shades_are_opaque_and_go_from_white_to_the_colour() -> None:
    assert shade("#0072B2", 0) == WHITE
    assert shade("#0072B2", 1) == "#0072B2"
    assert shade("#000000", 0.5) == "#808080"


@pytest.mark.parametrize("color", COLORS.values(), ids=COLORS)
def test_text_can_be_read_on_every_shade_of_every_colour(color: str) -> None:
    backgrounds = [shade(color, share / 100) for share in range(101)]
    assert min(contrast(text_on(background), background) for background in backgrounds) >= READABLE


def test_the_grey_can_be_read_on_white() -> None:
    assert contrast(palette.GREY, WHITE) >= READABLE


def test_what_is_written_on_tinted_pieces_can_be_read() -> None:
    assert min(contrast("#333333", tint) for tint in (*ch06.TINTS, WHITE)) >= READABLE
    assert min(contrast(BLACK, background) for background in (ch07.ON, ch07.OFF)) >= READABLE


def test_the_table_of_affinities_says_both_colours_of_every_cell() -> None:
    credits_and_likelihoods = [3, *(share / 100 for share in range(101))]
    table = pd.DataFrame([credits_and_likelihoods], index=["Directing"])
    styles = re.findall(r"<td style='background:(#\w{6});color:(#\w{6})", _paths_as_html(table))
    assert len(styles) == 101
    assert min(contrast(color, background) for background, color in styles) >= READABLE
