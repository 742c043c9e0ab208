"""Posterior grades by behaviour, against the simulated shoppers' known truth and tastes."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from adore.behaviour.grade_model import fit_grade_model, trials
from adore.behaviour.position import position_bias
from adore.behaviour.trust import untrusted
from adore.data.shoppers import CLICK_PROBABILITY, PURCHASE_PROBABILITY


@pytest.fixture(scope="module")
def seen(shop: Any) -> pl.DataFrame:
    trusted = shop.events.join(
        untrusted(shop.events, shop.pairs), on="client_id", how="anti"
    )
    found = trials(trusted, position_bias(trusted), per_query=3, per_client=20)
    return found.join(shop.pairs, on=["query_id", "item_id"]).with_columns(
        human=pl.lit(None, pl.Int64)
    )


def test_the_grade_model_is_learned_without_a_human(seen: pl.DataFrame) -> None:
    model = fit_grade_model(seen)
    assert model.click == pytest.approx(CLICK_PROBABILITY, abs=0.08)
    assert model.outcome[3].sum() == pytest.approx(1) and model.outcome[
        3, 1
    ] == pytest.approx(PURCHASE_PROBABILITY[3], abs=0.06)
    assert model.mix[3].mean(0)[3] < 0.97, "the judge is not always right"


def test_posteriors_are_right_where_the_judge_is_wrong(
    shop: Any, seen: pl.DataFrame
) -> None:
    posterior = fit_grade_model(seen).posterior(seen)
    truth = [
        shop.lists[q][i] == 3
        for q, i in posterior.select("query_id", "item_id").iter_rows()
    ]
    exact = posterior["posterior"].list.get(3)
    sure = posterior.with_columns(truth=pl.Series(truth), exact=exact).filter(
        exact.is_between(0.1, 0.9).not_()
    )
    assert sure.height > 0.8 * posterior.height
    assert ((sure["exact"] > 0.5) == sure["truth"]).mean() > 0.97


def test_nobody_counts_twice_for_a_pair_nor_without_end(shop: Any) -> None:
    buys = shop.events.filter(pl.col("action_name") == "purchase").head(1)
    many = pl.concat(
        [
            buys.with_columns(
                event_id=pl.lit(f"e{n}"),
                object_id=pl.lit(f"i{n % 5}"),
                query_id=pl.lit(f"q{n % 2}"),
            )
            for n in range(40)
        ]
    )
    bias = position_bias(shop.events)
    assert trials(many, bias, per_query=9, per_client=99).height == 10
    assert trials(many, bias, per_query=3, per_client=99).height == 6
    assert trials(many, bias, per_query=3, per_client=4).height == 4


def test_exposure_is_corrected_by_position(shop: Any) -> None:
    bias = position_bias(shop.events)
    one = shop.events.filter(pl.col("action_name") == "impression").head(1)
    twice = pl.concat(
        [
            one.with_columns(position=pl.lit(k, pl.Int64), event_id=pl.lit(str(k)))
            for k in (2, 9)
        ]
    )
    p = bias.propensity_at(twice["position"].to_numpy())
    row = trials(twice, bias, per_query=1, per_client=1).to_dicts()[0]
    assert row["examined"] == pytest.approx(1 - (1 - p[0]) * (1 - p[1])) and row[
        "event_ids"
    ] == ["2"]
