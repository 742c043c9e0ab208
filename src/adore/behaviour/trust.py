"""Which clients' events to trust.

Machines, bursts and self-purchase rings are left out, each with its reason.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from adore.types import Grade

__all__ = ["coarse_clock", "pushed", "sessions", "untrusted"]

FAST = "acts faster than a person"
BURST = "many sessions at once"
RING = "one of a group that buys one brand or item whatever is asked"
MIN_GAP_MS = 500
MIN_GAPS = 3
COARSE = 0.1
"""A clock by which more of a typical client's gaps are 0 cannot tell who is fast."""
BURST_SESSIONS = 5
BURST_MS = 120_000
IDLE_MS = 30 * 60_000
PUSH = 0.5
"""P(a member of a ring buys an item of its brand that it is shown)."""
MIN_RING = 3
"""A ring is at least this many clients."""
MIN_BUYS = 2
"""Each client of a ring has at least this many purchases."""


def sessions(events: pl.DataFrame) -> pl.DataFrame:
    """The events, ordered, with a ``session`` number in each client.

    A new id or half an hour's pause begins a session.
    """
    ordered = events.sort("client_id", "session_id", "timestamp", "event_id")
    pause = pl.col("timestamp").diff() > IDLE_MS
    new = pause | (pl.col("session_id") != pl.col("session_id").shift())
    return ordered.with_columns(
        session=new.fill_null(False).cum_sum().over("client_id")
    )


def _gaps(events: pl.DataFrame) -> pl.DataFrame:
    """Median ``gap`` between a client's clicks and carts, and the share that is 0.

    Impressions are no acts: they come by the page.
    """
    is_act = pl.col("action_name").is_in(["click", "add_to_cart"])
    gap = pl.col("timestamp").diff().over("client_id", "session")
    gaps = events.filter(is_act).select("client_id", gap=gap)
    found = (
        gaps.drop_nulls()
        .group_by("client_id")
        .agg(
            gap=pl.col("gap").median(),
            zero=(pl.col("gap") == 0).mean(),
            n=pl.len(),
        )
    )
    return found.filter(pl.col("n") >= MIN_GAPS)


def coarse_clock(events: pl.DataFrame) -> bool:
    """Whether the log's clock is too coarse to tell who is fast.

    Times rounded to minutes or days, or one time for a whole visit, make gaps 0 that
    were none, a person's as well as a machine's. By a fine clock a person's gaps are
    hardly ever 0. Every client counts once and the middle one decides, so that a few
    machines whose gaps really are 0 do not silence the test.

    Args:
        events: the ``events`` table.
    """
    return _coarse(_gaps(sessions(events)))


def _coarse(gaps: pl.DataFrame) -> bool:
    many_zeros = pl.col("zero").median() > COARSE
    return bool(gaps.select(many_zeros.fill_null(False)).item())


def _fast(events: pl.DataFrame) -> pl.DataFrame:
    """Clients whose clicks and carts follow each other as no person's do.

    By a coarse clock there are none.
    """
    gaps = _gaps(events)
    if _coarse(gaps):
        gaps = gaps.head(0)
    fast = gaps.filter(pl.col("gap") < MIN_GAP_MS)
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
    """One row a client and pair that a judge does not call exact.

    It has the brand, the class of pairs that are bought alike (``usual``), and whether
    the pair was ``bought``.
    """
    keys = ["query_id", "item_id"]
    item = pl.col("object_id").alias("item_id")
    seen = events.group_by("client_id", "query_id", item).agg(
        bought=(pl.col("action_name") == "purchase").any(),
        position=pl.col("position").min(),
    )
    if pairs is None:
        seen = seen.with_columns(brand=pl.lit(""), grade=pl.lit(0))
    else:
        seen = seen.join(pairs.select(*keys, "brand", "grade"), on=keys)

    # depth by powers of two: positions 1, 2-3, 4-7, ... are one class each
    depth = pl.col("position").clip(1).log(2).floor().cast(pl.Int64)
    usual = pl.col("grade") * 64 + depth
    return seen.filter(pl.col("grade") < int(Grade.EXACT)).with_columns(usual=usual)


def _odds(shown: pl.DataFrame) -> pl.DataFrame:
    """Log odds of member against shopper, one row a client and target.

    They come from what the client bought of what it was shown. A shopper buys as usual
    at that grade and depth of *other* targets, which no ring of this one can have
    changed; a member buys with probability :data:`PUSH`.
    """
    shows = pl.len()
    bought = pl.col("bought").sum()

    # purchase rate of the class, leaning on half a purchase in 50 shows
    everyone = (bought + 0.5).over("usual") / (shows + 50).over("usual")

    # the same without this target, leaning on 50 shows at the rate of everyone
    others_shows = shows.over("usual") - shows.over("usual", "target")
    others_bought = bought.over("usual") - bought.over("usual", "target")
    rate = (others_bought + 50 * everyone) / (others_shows + 50)

    # log likelihood ratio of one show; those of a client and target add up
    if_bought = (PUSH / rate).log()
    if_not_bought = ((1 - PUSH) / (1 - rate)).log()
    odds = pl.when("bought").then(if_bought).otherwise(if_not_bought)
    return (
        shown.with_columns(odds=odds)
        .group_by("target", "client_id")
        .agg(pl.col("odds").sum(), buys=bought)
    )


def _rings(events: pl.DataFrame, pairs: pl.DataFrame | None) -> pl.DataFrame:
    """Clients that a mixture of shoppers and members calls members.

    There is one mixture for every brand and item; few members are no ring.
    """
    shown = _shown(events, pairs)
    branded = shown.filter(pl.col("brand") != "")
    brands = branded.with_columns(target="brand:" + pl.col("brand"))
    items = shown.with_columns(target="item:" + pl.col("item_id"))
    one = pl.concat([_odds(brands), _odds(items)]).sort("target", "client_id")

    target = one["target"].rank("dense").cast(pl.Int64).to_numpy() - 1
    odds = one["odds"].to_numpy()
    size = one["target"].n_unique()
    clients = np.bincount(target, minlength=size)

    share = np.full(size, 0.02)
    chance = np.zeros(len(odds))
    for _ in range(30):
        # E step: P(member | purchases) of each client and target, the logistic of the log
        # odds before and by the purchases; cut at 50, where exp is still finite
        prior = np.log(share / (1 - share))[target]
        chance = 1 / (1 + np.exp(-np.clip(prior + odds, -50, 50)))

        # M step: share of members among each target's clients, kept off 0 and 1, from which
        # no later step comes back
        members_expected = np.bincount(target, chance, size)
        share = np.clip(members_expected / clients, 1e-4, 0.95)

    scored = one.with_columns(pl.Series("chance", chance))
    found = scored.filter(pl.col("chance") > 0.9, pl.col("buys") >= MIN_BUYS)
    members = (
        found.filter(pl.len().over("target") >= MIN_RING)
        .group_by("client_id")
        .agg(targets="target")
    )
    return members.select(
        "client_id", pl.lit(RING).alias("reason"), pl.col("targets").list.sort()
    )


def pushed(untrusted_clients: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs of what rings push.

    Not every member is found, so no purchase of these says that they are exact.

    Args:
        untrusted_clients: from :func:`untrusted`.
        pairs: ``query_id, item_id, brand``.

    Returns:
        ``query_id, item_id``.
    """
    targets = untrusted_clients["targets"].explode()
    names = targets.drop_nulls().unique().to_list()
    brand = "brand:" + pl.col("brand")
    item = "item:" + pl.col("item_id")
    is_pushed = brand.is_in(names) | item.is_in(names)
    return pairs.filter(is_pushed).select(
        "query_id",
        "item_id",
    )


def untrusted(events: pl.DataFrame, pairs: pl.DataFrame | None = None) -> pl.DataFrame:
    """Clients not to learn from.

    Purchases of items that the judge calls exact are no sign of a ring: they are what
    shoppers do, a loyal buyer of one brand too, and they teach nothing false. One client
    alone is never a ring.

    Args:
        events: the ``events`` table.
        pairs: ``query_id, item_id, brand, grade`` (the judge's); without it only items
            are targets.

    Returns:
        ``client_id, reason, targets, events``, one row a client; what a ring pushes is
        ``brand:…`` or ``item:…``.
    """
    events = sessions(events)
    fast = _fast(events)
    bursts = _bursts(events)
    no_targets = pl.lit([], pl.List(pl.String))
    alone = (
        pl.concat([fast, bursts])
        .unique("client_id", keep="first", maintain_order=True)
        .with_columns(targets=no_targets)
    )

    # who is left out already is no evidence of a ring
    others = events.join(alone, on="client_id", how="anti")
    rings = _rings(others, pairs)
    found = pl.concat([alone, rings])

    size = pl.len().cast(pl.Int64)
    counts = events.group_by("client_id").agg(events=size)
    return found.join(counts, on="client_id").sort("client_id")
