"""The estimator finds the simulated shoppers' known bias, is tame on few data,
and says when it cannot know.
"""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest

from adore.behaviour.pair_clicks import count_pair_clicks
from adore.behaviour.position import (
    DEEPEST,
    MAX_STANDARD_ERROR,
    BiasSource,
    position_bias,
)
from adore.data.random_pairs import pair_positions
from adore.data.shoppers import Shoppers, noisy_ranking
from adore.serving.exploration import explore


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


class Fold(Shoppers):
    """Shoppers who seldom scroll: what they look at follows no power law."""

    __slots__ = ()

    def propensity(self, position: int) -> float:
        return 0.9 if position <= 4 else 0.3


def explored_log(shoppers: Shoppers, share: float, seed: int = 0) -> pl.DataFrame:
    """A log of a ranker that knows each shopper's taste: rank follows relevance."""
    draws = random.Random(seed)
    rows = []
    for user in range(shoppers.users):
        query = f"q{draws.randrange(20)}"
        taste = {f"{query}-{n}": draws.choice((3, 3, 2, 1, 0)) for n in range(10)}
        ranked = noisy_ranking(taste, draws, noise=1.0)
        shown = explore(ranked, share=share, search=f"{seed}-{user}")
        pairs = pair_positions(shown.first_pair, len(ranked))
        for row in shoppers.visit(user, query, shown.items, taste):
            rows.append({**row, "pair_position": pairs.get(row["position"])})
    return pl.DataFrame(rows, infer_schema_length=None)


@pytest.mark.parametrize("eta", [0.3, 0.7, 1.2])
def test_random_pairs_recover_the_bias_where_the_log_as_it_is_misleads(
    eta: float,
) -> None:
    shoppers = Shoppers(seed=3, users=4000, bots=0, eta=eta)
    events = explored_log(shoppers, share=0.5)
    bias = position_bias(events)
    assert bias.source is BiasSource.RANDOM_PAIRS and bias.standard_error
    assert abs(bias.eta - eta) < 2 * bias.standard_error < 0.2
    assert bias.propensity == pytest.approx(np.arange(1, 11) ** -eta, abs=0.12)

    natural = position_bias(events.drop("pair_position"))
    assert natural.source is BiasSource.NATURAL and natural.standard_error is None
    assert natural.eta - eta > max(0.25, 2 * abs(bias.eta - eta))


def test_the_curve_may_leave_the_law_where_the_clicks_say_so() -> None:
    fold = Fold(seed=3, users=6000, bots=0)
    bias = position_bias(explored_log(fold, share=1.0))
    relative = np.array([1.0] * 4 + [1 / 3] * 6)
    assert np.abs(bias.propensity - relative).mean() < 0.05
    assert np.abs(np.arange(1, 11) ** -bias.eta - relative).mean() > 0.12


def test_too_few_random_pairs_leave_the_natural_estimate() -> None:
    events = explored_log(Shoppers(seed=1, users=2000, bots=0), share=0.05)
    clicks = count_pair_clicks(events, 10)
    assert clicks.standard_error(clicks.eta()) > MAX_STANDARD_ERROR
    bias = position_bias(events)
    as_before = position_bias(events.drop("pair_position"))
    assert bias.source is BiasSource.NATURAL and 0 < bias.random_clicks < 300
    assert bias.eta == as_before.eta and (bias.propensity == as_before.propensity).all()


def test_a_click_counts_once_and_at_its_own_pair_only() -> None:
    rows = [
        ("a", "click", 1, 1),
        ("a", "click", 1, 1),
        ("b", "click", 2, 1),
        ("b", "purchase", 2, 1),
        ("c", "click", 3, 3),
        ("d", "click", 9, 3),
        ("e", "impression", 4, 3),
        ("f", "click", 5, None),
        ("g", "click", 1, 0),
    ]
    events = pl.DataFrame(
        [
            {
                "client_id": "u",
                "session_id": "s",
                "query_id": "q",
                "object_id": item,
                "action_name": action,
                "position": position,
                "pair_position": pair,
            }
            for item, action, position, pair in rows
        ]
    )
    clicks = count_pair_clicks(events, 6)
    assert clicks.upper.tolist() == [1, 0, 1, 0, 0]
    assert clicks.lower.tolist() == [1, 0, 0, 0, 0]
