"""Machines, bursts and rings are found, and honest shoppers,
a loyal heavy buyer among them, are kept.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl
import pytest

from adore.behaviour.trust import BURST, FAST, RING, coarse_clock, sessions, untrusted
from adore.data.shoppers import Attack


def attacked(shop: Any, kind: str, share: float) -> tuple[pl.DataFrame, set[str]]:
    rows = Attack(kind, shop.pushed, shop.shoppers).log(
        shop.lists, int(share / (1 - share) * shop.events.height)
    )
    attack = pl.DataFrame(rows, schema=shop.events.schema)
    return pl.concat([shop.events, attack]), set(attack["client_id"])


def test_the_populations_bots_are_filtered_and_its_people_are_not(shop: Any) -> None:
    for found in (untrusted(shop.events, shop.pairs), untrusted(shop.events)):
        assert set(found["client_id"]) == shop.bots
        assert set(found["reason"]) == {FAST} and found["events"].min() > 0


@pytest.mark.parametrize(
    ("clock", "coarse"), [(1_000, False), (60_000, True), (86_400_000, True)]
)
def test_a_coarse_clock_costs_no_honest_client(
    shop: Any, clock: int, coarse: bool
) -> None:
    events = shop.events.with_columns(pl.col("timestamp") // clock * clock)
    found = untrusted(events, shop.pairs)
    assert coarse_clock(events) == coarse and (FAST in set(found["reason"])) == (
        not coarse
    )
    assert (
        len(set(found["client_id"]) - shop.bots)
        <= 0.02 * shop.events["client_id"].n_unique()
    )


def test_machines_whose_acts_share_one_time_do_not_silence_the_test(shop: Any) -> None:
    bots = pl.col("client_id").is_in(list(shop.bots))
    events = shop.events.with_columns(
        pl.when(bots)
        .then(pl.col("timestamp") // 10_000 * 10_000)
        .otherwise("timestamp")
    )
    assert (
        not coarse_clock(events)
        and set(untrusted(events, shop.pairs)["client_id"]) == shop.bots
    )
    assert not coarse_clock(events.head(0)) and untrusted(events.head(0)).is_empty()


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
@pytest.mark.parametrize(
    ("kind", "reason"), [("fast", FAST), ("patient", RING), ("ring", RING)]
)
def test_attackers_are_found_with_few_honest_losses(
    shop: Any, kind: str, reason: str, share: float
) -> None:
    events, bad = attacked(shop, kind, share)
    found = untrusted(events, shop.pairs)
    caught = found.filter(pl.col("client_id").is_in(list(bad)))
    assert caught.height >= 0.9 * len(bad) and set(caught["reason"]) == {reason}
    targets = set(caught["targets"].explode().drop_nulls())
    assert ("brand:b0" in targets) == (reason == RING) == bool(targets)
    assert found.height - caught.height - len(shop.bots) <= 3, "honest clients lost"


def loyal(shop: Any, client: str, visits: int) -> pl.DataFrame:
    """Buys every exact item of one brand that it is shown, at any position, and nothing else."""
    rows = []
    for n, (query, grades) in enumerate(list(shop.lists.items())[:visits]):
        for position, (item, grade) in enumerate(grades.items(), 1):
            bought = item in shop.pushed and grade == 3
            for action in (
                "impression",
                *(("click", "add_to_cart", "purchase") if bought else ()),
            ):
                begun = 1_790_000_000_000 + n * 3_600_000 + len(rows) * 4_000
                where = {"query_id": query, "object_id": item, "position": position}
                who = {
                    "client_id": client,
                    "session_id": f"{client}-{n}",
                    "action_name": action,
                    "timestamp": begun,
                }
                rows.append(
                    {"event_id": f"{client}-{n}-{item}-{action}", **where, **who}
                )
    return pl.DataFrame(rows, schema=shop.events.schema)


def test_loyal_heavy_buyers_of_one_brand_are_kept(shop: Any) -> None:
    regulars = [loyal(shop, f"loyal{n}", 32) for n in range(6)]
    assert Counter(regulars[0]["action_name"])["purchase"] > 15
    found = untrusted(pl.concat([shop.events, *regulars]), shop.pairs)
    assert set(found["client_id"]) == shop.bots


def test_a_basket_logged_at_once_is_no_machine_and_a_burst_is(shop: Any) -> None:
    one = shop.events.filter(
        pl.col("action_name") == "purchase",
        pl.col("client_id") == shop.shoppers.client(100),
    )
    together = {"timestamp": pl.lit(5, pl.Int64), "session_id": pl.lit("s")}
    assert untrusted(one.with_columns(**together)).is_empty() and one.height > 5
    burst = pl.concat(
        [
            one.head(1).with_columns(
                session_id=pl.lit(f"s{n}"), timestamp=pl.lit(n * 20_000, pl.Int64)
            )
            for n in range(6)
        ]
    )
    assert untrusted(burst)["reason"].to_list() == [BURST]


def test_half_an_hour_begins_a_session_and_tabs_do_not_mix() -> None:
    rows = [("a", 0), ("b", 1), ("a", 2), ("b", 3), ("a", 2 + 31 * 60_000)]
    events = pl.DataFrame(
        [
            {"client_id": "c", "session_id": s, "timestamp": t, "event_id": str(n)}
            for n, (s, t) in enumerate(rows)
        ]
    )
    assert sessions(events).group_by("session").len()["len"].sort().to_list() == [
        1,
        2,
        2,
    ]
