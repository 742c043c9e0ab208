from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, ttest_rel

from adore.errors import ConfigError
from adore.measures import mean
from adore.significance import draw_weights, interval, paired, paired_interval

VALUES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30)


@settings(deadline=None)
@given(VALUES)
def test_swapping_flips_the_signs_and_keeps_p(
    values: list[tuple[float, float]],
) -> None:
    a, b = np.array(values).T
    one, other = paired(a, b, draws=200), paired(b, a, draws=200)
    assert (one.difference, one.low, one.high) == pytest.approx(
        (-other.difference, -other.high, -other.low)
    )
    assert one.p == other.p and 0 < one.p <= 1


def test_no_difference_is_no_difference() -> None:
    a = np.random.default_rng(0).random(20)
    found = paired(a, a)
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_equal_seeds_give_equal_numbers() -> None:
    a, b = np.random.default_rng(0).random((2, 20))
    assert paired(a, b, seed=3) == paired(a, b, seed=3) != paired(a, b, seed=4)


def test_interval_and_p_agree_with_scipy() -> None:
    a, b = np.random.default_rng(1).normal(0.1, 1, (2, 200))
    a = a + 0.15
    found = paired(a, b, draws=8000)
    outside = bootstrap(
        (a - b,),
        np.mean,
        n_resamples=8000,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    assert (found.low, found.high) == pytest.approx(
        tuple(outside.confidence_interval), abs=0.02
    )
    assert found.p == pytest.approx(ttest_rel(a, b).pvalue, abs=0.02)


def test_weights_draw_every_sample_whole() -> None:
    weights = draw_weights(7, draws=50, seed=1)
    assert weights.shape == (50, 7) and (weights.sum(axis=1) == 7).all()


def test_interval_of_a_constant_is_a_point() -> None:
    rows = np.array([[0.5, 1.0]] * 9)
    found = interval(rows, mean, draw_weights(9))
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_paired_interval_of_means_is_that_of_the_paired_bootstrap() -> None:
    a, b = np.random.default_rng(2).random((2, 30))
    ones = np.ones(30)
    estimate = paired_interval(
        np.column_stack([a, ones]), np.column_stack([b, ones]), mean, draw_weights(30)
    )
    difference = paired(a, b)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(
        (difference.difference, difference.low, difference.high)
    )


def test_coverage_of_the_interval_is_near_its_level() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for k in range(200):
        a = rng.normal(0.2, 1, 40)
        found = paired(a, np.zeros(40), draws=300, seed=k)
        hits += found.low <= 0.2 <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(ConfigError, match="queries == 0"):
        draw_weights(0)
    with pytest.raises(ConfigError, match="align by query"):
        paired(np.zeros(2), np.zeros(3))
    with pytest.raises(ConfigError, match="must be finite"):
        paired(np.array([np.nan]), np.zeros(1))
