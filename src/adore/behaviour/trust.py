"""Whose events to believe: machines, bursts and self-purchase rings are left out, each with its reason."""

from __future__ import annotations

import numpy as np
import polars as pl

from adore.types import Grade

__all__ = ["coarse_clock", "pushed", "sessions", "untrusted"]

FAST, BURST = "acts faster than a person", "many sessions at once"
RING = "one of a group that buys one brand or item whatever is asked"
MIN_GAP_MS, MIN_GAPS = 500, 3
COARSE = 0.1
"""A clock by which more than this share of a typical client's gaps are 0 cannot tell who is fast."""
BURST_SESSIONS, BURST_MS = 5, 120_000
IDLE_MS = 30 * 60_000
PUSH = 0.5
"""P(a member of a ring buys an item of its brand that it is shown)."""
MIN_RING, MIN_BUYS = 3, 2
"""A ring is at least this many clients with at least this many purchases each."""


def sessions(events: pl.DataFrame) -> pl.DataFrame:
    """The events, ordered, with a ``session`` number in each client: a new id or half an hour's pause begins one."""
    ordered = events.sort("client_id", "session_id", "timestamp", "event_id")
    pause = pl.col("timestamp").diff() > IDLE_MS
    new = pause | (pl.col("session_id") != pl.col("session_id").shift())
    return ordered.with_columns(
        session=new.fill_null(False).cum_sum().over("client_id")
    )


def _gaps(events: pl.DataFrame) -> pl.DataFrame:
    """Median ``gap`` between a client's clicks and carts (impressions come by the page), and the share that is 0."""
    acts = events.filter(pl.col("action_name").is_in(["click", "add_to_cart"]))
    gaps = acts.select(
        "client_id", gap=pl.col("timestamp").diff().over("client_id", "session")
    ).drop_nulls()
    found = gaps.group_by("client_id").agg(
        pl.col("gap").median(), zero=(pl.col("gap") == 0).mean(), n=pl.len()
    )
    return found.filter(pl.col("n") >= MIN_GAPS)


def coarse_clock(events: pl.DataFrame) -> bool:
    """Whether the log's clock is too coarse to tell who is fast.

    Times rounded to minutes or days, or one time for a whole visit, make gaps 0 that were none, a person's as well as
    a machine's. By a fine clock a person's gaps are hardly ever 0. Every client counts once and the middle one
    decides, so that a few machines whose gaps really are 0 do not silence the test.

    Args:
        events: the ``events`` table.
    """
    return _coarse(_gaps(sessions(events)))


def _coarse(gaps: pl.DataFrame) -> bool:
    return bool(gaps.select((pl.col("zero").median() > COARSE).fill_null(False)).item())


def _fast(events: pl.DataFrame) -> pl.DataFrame:
    """Clients whose clicks and carts follow each other as no person's do; none by a coarse clock."""
    gaps = _gaps(events)
    fast = gaps.head(0) if _coarse(gaps) else gaps.filter(pl.col("gap") < MIN_GAP_MS)
    return fast.select("client_id", reason=pl.lit(FAST))


def _bursts(events: pl.DataFrame) -> pl.DataFrame:
    """Clients that begin several sessions within two minutes."""
    begun = (
        events.group_by("client_id", "session")
        .agg(pl.col("timestamp").min())
        .sort("client_id", "timestamp")
    )
    span = (pl.col("timestamp") - pl.col("timestamp").shift(BURST_SESSIONS - 1)).min()
    found = (
        begun.group_by("client_id").agg(span=span).filter(pl.col("span") <= BURST_MS)
    )
    return found.select("client_id", reason=pl.lit(BURST))


def _shown(events: pl.DataFrame, pairs: pl.DataFrame | None) -> pl.DataFrame:
    """One row a client and pair that a judge does not call exact: brand, what is usual there, and if it was bought."""
    keys = ["query_id", "item_id"]
    seen = events.group_by(
        "client_id", "query_id", pl.col("object_id").alias("item_id")
    ).agg(
        bought=(pl.col("action_name") == "purchase").any(),
        position=pl.col("position").min(),
    )
    if pairs is None:
        seen = seen.with_columns(brand=pl.lit(""), grade=pl.lit(0))
    else:
        seen = seen.join(pairs.select(*keys, "brand", "grade"), on=keys)
    usual = pl.col("grade") * 64 + pl.col("position").clip(1).log(2).floor().cast(
        pl.Int64
    )
    return seen.filter(pl.col("grade") < int(Grade.EXACT)).with_columns(usual=usual)


def _odds(shown: pl.DataFrame) -> pl.DataFrame:
    """Log odds of member against shopper, one row a client and target, by what it bought of what it was shown.

    A shopper buys as usual at that grade and depth of *other* targets, which no ring of this one can have
    changed; a member buys with probability :data:`PUSH`.
    """
    n, bought = pl.len(), pl.col("bought").sum()
    everyone = (bought + 0.5).over("usual") / (n + 50).over("usual")
    others_n = n.over("usual") - n.over("usual", "target")
    others = bought.over("usual") - bought.over("usual", "target")
    rate = (others + 50 * everyone) / (others_n + 50)
    odds = (
        pl.when("bought")
        .then((PUSH / rate).log())
        .otherwise(((1 - PUSH) / (1 - rate)).log())
    )
    return (
        shown.with_columns(odds=odds)
        .group_by("target", "client_id")
        .agg(pl.col("odds").sum(), buys=bought)
    )


def _rings(events: pl.DataFrame, pairs: pl.DataFrame | None) -> pl.DataFrame:
    """Clients that a mixture of shoppers and members, one for every brand and item, calls members; few are no ring."""
    shown = _shown(events, pairs)
    brands = shown.filter(pl.col("brand") != "").with_columns(
        target="brand:" + pl.col("brand")
    )
    items = shown.with_columns(target="item:" + pl.col("item_id"))
    one = pl.concat([_odds(brands), _odds(items)]).sort("target", "client_id")
    target, odds = (
        one["target"].rank("dense").cast(pl.Int64).to_numpy() - 1,
        one["odds"].to_numpy(),
    )
    size = one["target"].n_unique()
    share, chance = np.full(size, 0.02), np.zeros(len(odds))
    for _ in range(30):
        prior = np.log(share / (1 - share))[target]
        chance = 1 / (1 + np.exp(-np.clip(prior + odds, -50, 50)))
        share = np.clip(
            np.bincount(target, chance, size) / np.bincount(target, minlength=size),
            1e-4,
            0.95,
        )
    found = one.with_columns(pl.Series("chance", chance)).filter(
        pl.col("chance") > 0.9, pl.col("buys") >= MIN_BUYS
    )
    members = (
        found.filter(pl.len().over("target") >= MIN_RING)
        .group_by("client_id")
        .agg(targets="target")
    )
    return members.select(
        "client_id", pl.lit(RING).alias("reason"), pl.col("targets").list.sort()
    )


def pushed(filtered: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs of what rings push: not every member is found, so no purchase of these says that they are exact.

    Args:
        filtered: from :func:`untrusted`.
        pairs: ``query_id, item_id, brand``.

    Returns:
        ``query_id, item_id``.
    """
    targets = filtered["targets"].explode().drop_nulls().unique().to_list()
    named = ("brand:" + pl.col("brand")).is_in(targets) | (
        "item:" + pl.col("item_id")
    ).is_in(targets)
    return pairs.filter(named).select("query_id", "item_id")


def untrusted(events: pl.DataFrame, pairs: pl.DataFrame | None = None) -> pl.DataFrame:
    """Clients not to learn from.

    Purchases of items that the judge calls exact are no sign of a ring: they are what shoppers do, a loyal
    buyer of one brand too, and they teach nothing false. One client alone is never a ring.

    Args:
        events: the ``events`` table.
        pairs: ``query_id, item_id, brand, grade`` (the judge's); without it only items are targets.

    Returns:
        ``client_id, reason, targets, events``, one row a client; what a ring pushes is ``brand:…`` or ``item:…``.
    """
    events = sessions(events)
    found = pl.concat([_fast(events), _bursts(events)]).unique(
        "client_id", keep="first", maintain_order=True
    )
    found = found.with_columns(targets=pl.lit([], pl.List(pl.String)))
    found = pl.concat(
        [found, _rings(events.join(found, on="client_id", how="anti"), pairs)]
    )
    counts = events.group_by("client_id").agg(events=pl.len().cast(pl.Int64))
    return found.join(counts, on="client_id").sort("client_id")
