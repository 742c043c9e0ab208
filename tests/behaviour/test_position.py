"""The estimator finds the simulated shoppers' known bias, is tame on few data,
and says when it cannot know.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from adore.behaviour.position import DEEPEST, position_bias
from adore.data.shoppers import Shoppers


def log(eta: float, users: int, *, shuffle: bool = True) -> pl.DataFrame:
    grades = {f"i{n:02}": (3, 3, 2, 1, 0, 3, 2, 0)[n % 8] for n in range(16)}
    shoppers, rng, rows = (
        Shoppers(seed=1, users=users, bots=0, eta=eta),
        np.random.default_rng(0),
        [],
    )
    for user in range(users):
        for visit in range(8):
            ranking = (
                [str(i) for i in rng.permutation(sorted(grades))]
                if shuffle
                else sorted(grades)
            )
            rows += shoppers.visit(user, f"q{visit % 4}", ranking, grades, visit=visit)
    return pl.DataFrame(rows)


@pytest.mark.parametrize("eta", [0.0, 0.7, 1.2])
def test_it_recovers_the_known_bias(eta: float) -> None:
    bias = position_bias(log(eta, 500))
    assert bias.known and bias.eta == pytest.approx(eta, abs=0.08)
    assert bias.propensity == pytest.approx(np.arange(1, 17) ** -eta, abs=0.09)


def test_few_data_lean_on_a_falling_law() -> None:
    bias = position_bias(log(0.7, 8))
    assert bias.propensity[0] == 1 and (np.diff(bias.propensity) <= 0).all()
    assert np.abs(bias.propensity - np.arange(1, 17) ** -0.7).max() < 0.3
    wild = position_bias(log(0.7, 8), lean=0.01)
    assert np.abs(bias.propensity - wild.propensity).max() > 0.02


def test_without_variation_nothing_is_corrected_and_it_says_so() -> None:
    for events in (log(0.7, 100, shuffle=False), log(0.7, 1).head(0)):
        bias = position_bias(events)
        assert not bias.known and bias.pairs == 0 and set(bias.propensity) == {1.0}


def test_an_absurd_position_counts_as_the_deepest() -> None:
    events = log(0.7, 100)
    first = events.head(2).with_columns(position=pl.Series([10_000, 20_000]))
    bias = position_bias(pl.concat([events, first]))
    assert len(bias.propensity) == DEEPEST and bias.eta == pytest.approx(0.7, abs=0.1)
    assert bias.propensity_at(np.array([10_000, 2**31 - 1])) == pytest.approx(
        bias.propensity[-1]
    )


def test_unknown_and_deeper_positions() -> None:
    bias = position_bias(log(0.7, 100))
    p = bias.propensity_at(np.array([1, 16, 99, 0]))
    assert (
        p[0] == 1
        and p[1] == p[2] == bias.propensity[-1]
        and p[3] == bias.propensity.mean()
    )
