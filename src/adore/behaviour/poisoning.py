"""The poisoning test: simulated accounts push one brand in a shop's own log.

It measures how many of the brand's pairs they flip to a lenient correction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from adore.behaviour.simulation import grades_by_query
from adore.data.shoppers import Attack, Shoppers
from adore.types import PAIR, Grade

__all__ = ["ATTACKS", "PoisoningResult", "flipped_shares"]

ATTACKS = ("fast", "patient", "ring")


@dataclass(frozen=True, slots=True)
class PoisoningResult:
    """How well the trust filter withstands simulated attacks.

    Attributes:
        pushed: the brand, or the item, that the accounts push; empty if there is none.
        pairs: its pairs below exact.
        flipped: attack to the share of these pairs that it flips to a lenient
            correction; empty where nothing was tried.
    """

    pushed: str
    pairs: int
    flipped: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The result as ``behaviour.json`` has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Target:
    """What an attack pushes: a column of the pairs and its value."""

    column: str
    value: str


def _target(pairs: pl.DataFrame) -> _Target:
    """The brand with most pairs below exact, or the item where no item has a brand."""
    is_below_exact = pl.col("grade") < int(Grade.EXACT)
    below_exact = pairs.filter(is_below_exact)
    column = "brand"
    branded = below_exact.filter(pl.col("brand") != "")
    if branded.is_empty():
        column = "item_id"

    named = below_exact.filter(pl.col(column) != "")
    counts = named[column].value_counts()
    if counts.is_empty():
        return _Target(column, "")

    # Equal counts are ordered by name, so that every run pushes the same value.
    ranked = counts.sort(
        "count",
        column,
        descending=[True, False],
    )
    most_frequent = ranked[column][0]
    return _Target(column, str(most_frequent))


def flipped_shares(
    events: pl.DataFrame,
    pairs: pl.DataFrame,
    before: pl.DataFrame,
    read: Callable[[pl.DataFrame], pl.DataFrame],
    *,
    share: float,
    seed: int,
) -> PoisoningResult:
    """Measure the share of pairs below exact that each attack flips to a lenient correction.

    Args:
        events: the shop's log.
        pairs: ``query_id, item_id, brand, grade`` (the judge's) of train and dev queries.
        before: ``query_id, item_id`` of the lenient corrections from the shop's log.
        read: gives the same pairs for another log.
        share: simulated events as a share of the poisoned log.
        seed: of the simulated accounts.

    Returns:
        The shares by attack; none where there is nothing to push or ``share`` is 0.
    """
    target = _target(pairs)
    is_of_target = pl.col(target.column) == target.value
    of_target = pairs.filter(is_of_target)
    pushed_items = frozenset(of_target["item_id"])

    # An item has one brand, so these are all pairs of the pushed items.
    is_below_exact = pl.col("grade") < int(Grade.EXACT)
    target_pairs = of_target.filter(is_below_exact)

    # The simulated events are ``share`` of the log that contains them.
    events_per_event = share / (1 - share)
    count = int(events_per_event * events.height)
    if count == 0 or target_pairs.is_empty():
        return PoisoningResult(target.value, target_pairs.height)

    lists = grades_by_query(pairs)
    accounts = Shoppers(seed=seed, users=0)
    flipped = {}
    for kind in ATTACKS:
        attack = Attack(kind, pushed_items, accounts)
        simulated = pl.DataFrame(attack.log(lists, count), schema=events.schema)
        poisoned = pl.concat([events, simulated])

        after = read(poisoned)
        added = after.join(before, on=PAIR, how="anti")
        flipped_pairs = target_pairs.join(added, on=PAIR, how="semi")
        flipped[kind] = flipped_pairs.height / target_pairs.height
    return PoisoningResult(
        pushed=target.value,
        pairs=target_pairs.height,
        flipped=flipped,
    )
