"""Means with intervals: one bootstrap, one way to print it."""

import math
import warnings

import numpy as np
import pytest
from scipy.stats import bootstrap, spearmanr

from kgss_helpers.exam import Interval
from kgss_helpers.exam.statistics import LEVEL, RESAMPLES, mean_interval, paired_interval

# ---- means ---------------------------------------------------------------------------------------------------


def test_an_interval_contains_its_mean_and_is_reproducible():
    sample = np.random.default_rng(0).random(60)
    mean, low, high = mean_interval(sample)
    assert mean == pytest.approx(sample.mean())
    assert low < mean < high
    assert mean_interval(sample) == (mean, low, high)
    assert mean_interval(sample, seed=1) != (mean, low, high)
    # About 1.96 standard errors on each side: what the normal approximation says.
    error = sample.std(ddof=1) / math.sqrt(60)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_families_count_the_same_however_many_questions_they_have():
    mean, low, high = mean_interval([1.0, 0.0] * 100, [0.0, 0.0])
    assert mean == pytest.approx(0.25)
    assert 0.2 < low < 0.25 < high < 0.3


def test_more_questions_make_a_narrower_interval():
    few, many = np.array([0.0, 1.0] * 5), np.array([0.0, 1.0] * 500)
    assert np.ptp(mean_interval(many)[1:]) < np.ptp(mean_interval(few)[1:]) / 5


@pytest.mark.parametrize("sample", [[0.0, 0.0, 0.0], [1.0], [0.3, 0.3]])
def test_where_nothing_varies_the_interval_is_the_mean(sample):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mean_interval(sample) == (sample[0],) * 3


def test_a_family_with_one_question_does_not_hide_how_the_others_vary():
    mean, low, high = mean_interval([0.5], [0.0, 1.0] * 10)
    assert mean == 0.5
    assert low < 0.45
    assert high > 0.55


@pytest.mark.parametrize("values", [np.random.default_rng(3).random(47), [True] * 30 + [False] * 10, [0.0, 1.0]])
def test_the_interval_of_one_sample_is_scipys(values):
    found = mean_interval(values)
    expected = bootstrap(
        (np.asarray(values, dtype=float),), np.mean, n_resamples=RESAMPLES, confidence_level=LEVEL,
        method="percentile", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    assert found == pytest.approx((np.mean(values), expected.low, expected.high))
    assert type(found) is Interval
    assert all(type(value) is float for value in found)


def test_a_mean_of_means_is_taken_of_samples_drawn_apart():
    """The variance of a mean of means is the sum of those of the means, by the square of their number."""
    rng = np.random.default_rng(5)
    samples = [rng.random(size) for size in (20, 60, 200)]
    mean, low, high = mean_interval(*samples)
    assert mean == pytest.approx(np.mean([sample.mean() for sample in samples]))
    error = math.sqrt(sum(sample.var() / len(sample) for sample in samples)) / 3
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)


@pytest.mark.parametrize("sample", [[], [np.nan, 1.0]])
def test_a_mean_of_nothing_is_refused(sample):
    with pytest.raises(ValueError, match="a number for each question"):
        mean_interval([0.5, 0.6], sample)


# ---- other statistics --------------------------------------------------------------------------------------------


def correlation(one, other):
    return float(spearmanr(one, other).statistic)


def test_an_interval_of_a_rank_correlation_resamples_rows_whole():
    rng = np.random.default_rng(0)
    one = rng.random(60)
    other = one + rng.normal(scale=0.3, size=60)
    found = paired_interval(correlation, one, other)
    expected = bootstrap(
        (one, other), correlation, paired=True, vectorized=False, n_resamples=RESAMPLES, confidence_level=LEVEL,
        method="percentile", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    assert found == pytest.approx((correlation(one, other), expected.low, expected.high))
    assert 0.4 < found.low < found.mean < found.high < 1
    # Torn apart, the rows would correlate by chance alone.
    torn = paired_interval(correlation, one, rng.permutation(other))
    assert torn.low < 0 < torn.high


def test_a_statistic_of_paired_rows_that_are_the_same_does_not_vary():
    values = np.random.default_rng(0).random(30)
    assert paired_interval(lambda one, other: float((one - other).mean()), values, values) == (0, 0, 0)
    assert paired_interval(correlation, values, values) == pytest.approx((1, 1, 1))
    right = np.array([True] * 5)
    assert paired_interval(lambda one, other: float((one * other).mean()), right, right) == (1, 1, 1)


def test_a_statistic_along_an_axis_gives_the_same_interval():
    rng = np.random.default_rng(0)
    one, other = rng.random(40), rng.random(40) > 0.5

    def gain(one, other, axis=-1):
        return np.mean(one - other, axis=axis)

    assert paired_interval(gain, one, other) == pytest.approx(
        paired_interval(lambda a, b: float(gain(a, b)), one, other)
    )


def test_columns_of_different_length_are_no_pairs():
    with pytest.raises(ValueError, match="must match exactly"):
        paired_interval(correlation, np.arange(5.0), np.arange(6.0))


# ---- printing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "plain", "signed"),
    [
        (Interval(0.416, 0.355, 0.484), "0.42 [0.35, 0.48]", "+0.42 [+0.35, +0.48]"),
        (Interval(-0.05, -0.125, 0.0), "-0.05 [-0.12, 0.00]", "-0.05 [-0.12, +0.00]"),
        (Interval(1.0, 1.0, 1.0), "1.00 [1.00, 1.00]", "+1.00 [+1.00, +1.00]"),
    ],
)
def test_an_interval_prints_in_one_way(interval, plain, signed):
    assert str(interval) == f"{interval}" == plain
    assert f"{interval:+}" == signed
    assert (interval.mean, interval.low, interval.high) == tuple(interval)


def test_other_ways_of_printing_are_refused():
    with pytest.raises(ValueError, match=r"with a sign \('\+'\), not as '\.3f'"):
        f"{Interval(0.0, 0.0, 0.0):.3f}"
