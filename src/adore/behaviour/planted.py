"""The poisoning test: simulated accounts that push one brand, planted into a shop's own log; what do they turn?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from adore.data.shoppers import Attack, Shoppers
from adore.types import Grade

__all__ = ["ATTACKS", "turned"]

ATTACKS = ("fast", "patient", "ring")
KEYS = ["query_id", "item_id"]


def _target(pairs: pl.DataFrame) -> tuple[str, str]:
    """Column and value of what is pushed: the brand (the item, where no item has one) with most pairs below exact."""
    below = pairs.filter(pl.col("grade") < int(Grade.EXACT))
    column = "brand" if below.filter(pl.col("brand") != "").height else "item_id"
    named = below.filter(pl.col(column) != "")[column].value_counts()
    return column, str(
        named.sort("count", column, descending=[True, False])[column][0]
    ) if named.height else ""


def turned(
    events: pl.DataFrame,
    pairs: pl.DataFrame,
    before: pl.DataFrame,
    read: Callable[[pl.DataFrame], pl.DataFrame],
    *,
    share: float,
    seed: int,
) -> dict[str, Any]:
    """Of the pairs that the judge does not call exact, the share that each attack turns into a lenient correction.

    Args:
        events: the shop's log.
        pairs: ``query_id, item_id, brand, grade`` (the judge's) of train and dev queries.
        before: ``query_id, item_id`` of the log's own lenient corrections.
        read: the same of another log.
        share: of the poisoned log's events that are planted.
        seed: of the accounts.

    Returns:
        ``pushed``, its number of ``pairs`` below exact, and by attack the share that is ``turned``; no attack where
        there is nothing to push or ``share`` is 0.
    """
    column, name = _target(pairs)
    pushed = frozenset(pairs.filter(pl.col(column) == name)["item_id"])
    mine = pairs.filter(
        pl.col("item_id").is_in(list(pushed)), pl.col("grade") < int(Grade.EXACT)
    )
    lists: dict[str, dict[str, int]] = {}
    for q, i, g in pairs.select(*KEYS, "grade").iter_rows():
        lists.setdefault(q, {})[i] = g
    count, found = int(share / (1 - share) * events.height), dict[str, float]()
    for kind in ATTACKS if count and mine.height else ():
        rows = Attack(kind, pushed, Shoppers(seed=seed, users=0)).log(lists, count)
        planted = pl.DataFrame(rows, schema_overrides=events.schema).select(
            events.columns
        )
        new = read(pl.concat([events, planted])).join(before, on=KEYS, how="anti")
        found[kind] = mine.join(new, on=KEYS, how="semi").height / mine.height
    return {"pushed": name, "pairs": mine.height, "turned": found}
