"""The poisoning test: with the trust filter nothing is flipped, without it a brand is bought."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adore.artifacts import read_table
from adore.behaviour.feedback import Config, run
from adore.behaviour.poisoning import ATTACKS, flipped_shares
from adore.behaviour.trust import RING, pushed


@pytest.mark.parametrize("trust", [True, False])
def test_only_the_trust_filter_stands_between_a_ring_and_its_brand(
    shop: Any, tmp_path: Path, trust: bool
) -> None:
    run(Config(trust=trust), **shop.stage(), output=tmp_path)
    poisoning = json.loads((tmp_path / "behaviour.json").read_text())["poisoning"]
    assert poisoning["pairs"] > 10 and poisoning["pushed"] in set(shop.pairs["brand"])
    assert set(poisoning["flipped"]) == set(ATTACKS)
    assert (max(poisoning["flipped"].values()) <= 0.02) == trust and (
        poisoning["flipped"]["ring"] > 0.2
    ) == (not trust)
    assert RING not in set(read_table(tmp_path, "untrusted_clients")["reason"]), (
        "nothing planted stays in the output"
    )


def test_what_a_ring_pushes_is_left_out_for_all() -> None:
    untrusted_clients = pl.DataFrame(
        {"client_id": ["a", "b"], "targets": [[], ["brand:Zeta", "item:i3"]]}
    )
    rows = [("q", "i1", "Zeta"), ("q", "i2", "Acme"), ("q", "i3", "")]
    pairs = pl.DataFrame(rows, schema=["query_id", "item_id", "brand"], orient="row")
    assert pushed(untrusted_clients, pairs)["item_id"].to_list() == ["i1", "i3"]
    assert pushed(untrusted_clients.head(0), pairs).is_empty()


def test_nothing_to_push_is_no_test(shop: Any) -> None:
    exact = shop.pairs.with_columns(grade=pl.lit(3, pl.Int64))
    none = exact.select("query_id", "item_id").head(0)
    for pairs, share in ((exact, 0.1), (shop.pairs, 0.0)):
        assert (
            flipped_shares(
                shop.events, pairs, none, lambda log: none, share=share, seed=0
            ).flipped
            == {}
        )
    nameless = shop.pairs.with_columns(brand=pl.lit(""))
    found = flipped_shares(
        shop.events,
        nameless,
        none,
        lambda log: nameless.select("query_id", "item_id"),
        share=0.1,
        seed=0,
    )
    assert found.pushed in set(nameless["item_id"]) and found.flipped == dict.fromkeys(
        ATTACKS, 1.0
    )
