"""The poisoning test: simulated accounts push one brand in a shop's own log.

It measures how many of the brand's pairs they flip to a lenient correction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from adore.data.shoppers import Attack, Shoppers
from adore.types import PAIR, Grade

__all__ = ["ATTACKS", "flipped_shares"]

ATTACKS = ("fast", "patient", "ring")


def _target(pairs: pl.DataFrame) -> tuple[str, str]:
    """Column and value of what is pushed: the brand with most pairs below exact.

    Where no item has a brand, it is the item with most of them.
    """
    below = pairs.filter(pl.col("grade") < int(Grade.EXACT))
    branded = below.filter(pl.col("brand") != "")
    column = "brand" if branded.height else "item_id"

    named = below.filter(pl.col(column) != "")
    counts = named[column].value_counts()
    if counts.is_empty():
        return column, ""

    # among values with equally many pairs the first by name, so that a rerun pushes the same
    ranked = counts.sort(
        "count",
        column,
        descending=[True, False],
    )
    return column, str(ranked[column][0])


def flipped_shares(
    events: pl.DataFrame,
    pairs: pl.DataFrame,
    before: pl.DataFrame,
    read: Callable[[pl.DataFrame], pl.DataFrame],
    *,
    share: float,
    seed: int,
) -> dict[str, Any]:
    """The share of pairs below exact that each attack flips to a lenient correction.

    Args:
        events: the shop's log.
        pairs: ``query_id, item_id, brand, grade`` (the judge's) of train and dev queries.
        before: ``query_id, item_id`` of the log's own lenient corrections.
        read: the same of another log.
        share: of the poisoned log's events that are planted.
        seed: of the accounts.

    Returns:
        ``pushed``, its number of ``pairs`` below exact, and by attack the share that is
        ``flipped``; no attack where there is nothing to push or ``share`` is 0.
    """
    column, name = _target(pairs)
    named = pairs.filter(pl.col(column) == name)
    pushed = frozenset(named["item_id"])
    targets = pairs.filter(
        pl.col("item_id").is_in(list(pushed)),
        pl.col("grade") < int(Grade.EXACT),
    )

    lists: dict[str, dict[str, int]] = {}
    for query_id, item_id, grade in pairs.select(*PAIR, "grade").iter_rows():
        lists.setdefault(query_id, {})[item_id] = grade

    # planted events are ``share`` of the log that holds them, not of the shop's own
    count = int(share / (1 - share) * events.height)
    found = dict[str, float]()
    if count == 0 or targets.is_empty():
        return {"pushed": name, "pairs": targets.height, "flipped": found}

    for kind in ATTACKS:
        attack = Attack(kind, pushed, Shoppers(seed=seed, users=0))
        rows = attack.log(lists, count)
        planted = pl.DataFrame(rows, schema_overrides=events.schema)
        planted = planted.select(events.columns)
        poisoned = pl.concat([events, planted])

        after = read(poisoned)
        corrected = after.join(before, on=PAIR, how="anti")
        hit = targets.join(corrected, on=PAIR, how="semi")
        found[kind] = hit.height / targets.height
    return {"pushed": name, "pairs": targets.height, "flipped": found}
