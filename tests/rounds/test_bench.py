"""The benchmark of rounds: its figures against a simulation and against known intervals."""

from __future__ import annotations

import polars as pl
import pytest
from bench.rounds.known_truth import expected_purchases, page_share
from bench.rounds.tables import interval_of, over_seeds, values_of

from adore.data.shoppers import Shoppers

GRADES = {"exact": 3, "substitute": 2, "complement": 1, "irrelevant": 0}


@pytest.mark.parametrize("best_first", [True, False])
def test_purchases_of_a_list_are_those_of_simulated_shoppers(best_first: bool) -> None:
    ranking = list(GRADES) if best_first else list(reversed(GRADES))
    shoppers = Shoppers(seed=4, users=20_000, bots=0.0)
    bought = 0
    for user in range(shoppers.users):
        events = shoppers.visit(user, "q", ranking, GRADES)
        bought += sum(event["action_name"] == "purchase" for event in events)
    expected = expected_purchases([GRADES[item] for item in ranking])
    assert bought / shoppers.users == pytest.approx(expected, abs=0.012)


def test_a_brand_that_no_list_holds_has_no_looks() -> None:
    lists = pl.DataFrame({"query_id": ["q"] * 2, "score": [2, 1], "brand": ["a", "b"]})
    assert page_share(lists, "gone") == 0.0 < page_share(lists, "b") < 50.0


def test_an_interval_over_seeds_is_students() -> None:
    # Mean 2, standard deviation 1; t(2 degrees, 97.5 %) = 4.3027.
    middle, low, high = interval_of([1.0, 2.0, 3.0])
    assert (middle, high - middle) == pytest.approx((2.0, 4.3027 / 3**0.5), abs=1e-4)
    assert middle - low == pytest.approx(high - middle)
    assert over_seeds([0.5]) == "0.500" and over_seeds([]) == ""
    assert over_seeds([1.0, 2.0, 3.0], ".1f") == "2.0 [-0.5, 4.5]"


def test_a_round_that_no_seed_reached_has_no_values() -> None:
    rounds = [{"rankers": {"student": {"nDCG@10": 0.9}}}]
    seeds = {"0": {"plain": rounds}, "1": {"plain": []}}
    assert values_of(seeds, "plain", 1, "student", "nDCG@10") == [0.9]
    assert values_of(seeds, "plain", 1, "student", "macro-F1") == []
