"""A loss that falls while one watches."""

import re

import pandas as pd
import pytest

from kgss_helpers.show.loss_view import LossCurve, loss_curve


def history(*losses):
    return pd.DataFrame({"step": range(10, 10 * len(losses) + 1, 10), "loss": losses})


@pytest.mark.parametrize("empty", [pd.DataFrame(), history(), history(None, None)])
def test_before_the_first_loss_one_is_asked_to_wait(empty):
    assert loss_curve(empty) == "The curve appears with the first steps."


def test_a_curve_says_its_last_first_and_lowest_loss():
    drawn = loss_curve(history(3.0, 1.234, 2.0))
    assert "step 30: loss 2.00; first 3.00, lowest 1.23" in drawn
    assert drawn.count("step 30") == 2  # for those who see the picture, and for those who are told of it
    points = [tuple(map(float, point.split(","))) for point in re.search("points='([^']+)'", drawn)[1].split()]
    assert len(points) == 3
    assert points[0][0] < points[1][0] < points[2][0]
    assert points[0][1] < points[2][1] < points[1][1]  # downwards on a screen
    assert all(0 <= x <= 560 and 0 <= y <= 160 for x, y in points)


def test_a_first_loss_alone_is_drawn_too_and_rows_without_loss_are_passed_over():
    assert "step 10: loss 1.00" in loss_curve(history(1.0))
    assert loss_curve(history(3.0, None, 2.0)).count(",") >= 2
    assert "step 30: loss 2.00" in loss_curve(history(3.0, None, 2.0))


def test_the_widget_shows_what_the_function_returns():
    view = LossCurve()
    assert view.value == loss_curve(pd.DataFrame())
    view.draw(history(3.0, 2.0))
    assert view.value == loss_curve(history(3.0, 2.0))
    assert repr(view) == "<the loss while it falls: run this cell in JupyterLab>"
