"""Which clients' events to trust.

Machines, bursts and self-purchase rings are left out, each with its reason.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from adore.types import PAIR, Grade

__all__ = ["coarse_clock", "pushed", "sessions", "untrusted"]

Floats = npt.NDArray[np.float64]
FAST = "acts faster than a person"
BURST = "many sessions at once"
RING = "one of a group that buys one brand or item whatever is asked"
MIN_GAP_MS = 500
MIN_GAPS = 3
MAX_ZERO_GAPS = 0.1
"""A clock by which more of a typical client's gaps are 0 cannot show who is fast."""
BURST_SESSIONS = 5
BURST_MS = 120_000
IDLE_MS = 30 * 60_000
RING_PURCHASE_RATE = 0.5
"""P(a member of a ring buys an item of its target that it is shown)."""
INITIAL_RING_SHARE = 0.02
MIN_RING_SHARE = 1e-4
MAX_RING_SHARE = 0.95
RING_ROUNDS = 30
RING_CONFIDENCE = 0.9
"""P(member) above which a client counts as a member."""
MIN_RING = 3
"""A ring has at least this many clients."""
MIN_RING_PURCHASES = 2
"""Each client of a ring has at least this many purchases."""


def sessions(events: pl.DataFrame) -> pl.DataFrame:
    """Number the sessions of each client.

    A new id or half an hour's pause begins a session.

    Args:
        events: the ``events`` table.

    Returns:
        The events, ordered, with a ``session`` number within their client.
    """
    ordered = events.sort("client_id", "session_id", "timestamp", "event_id")
    pause = pl.col("timestamp").diff()
    is_after_pause = pause > IDLE_MS

    session_id = pl.col("session_id")
    is_new_id = session_id != session_id.shift()

    begins = is_after_pause | is_new_id
    begins_so_far = begins.fill_null(False).cum_sum()
    number = begins_so_far.over("client_id")
    return ordered.with_columns(session=number)


def _gaps(events: pl.DataFrame) -> pl.DataFrame:
    """Median ``gap`` between a client's clicks and carts, and the share that is 0."""
    # Impressions are no acts: they come by the page.
    action = pl.col("action_name")
    acts = events.filter(action.is_in(["click", "add_to_cart"]))

    since_last = pl.col("timestamp").diff()
    gaps = acts.select(
        "client_id",
        gap=since_last.over("client_id", "session"),
    )

    gap = pl.col("gap")
    is_zero = gap == 0
    by_client = gaps.drop_nulls().group_by("client_id")
    summary = by_client.agg(
        gap=gap.median(),
        zero=is_zero.mean(),
        count=pl.len(),
    )
    has_enough = pl.col("count") >= MIN_GAPS
    return summary.filter(has_enough)


def coarse_clock(events: pl.DataFrame) -> bool:
    """Whether the log's clock is too coarse to show who is fast.

    Times rounded to minutes or days, or one time for a whole visit, make gaps 0, a
    person's as well as a machine's. By a fine clock a person's gaps are hardly ever 0.
    Every client counts once and the median decides, so that a few machines whose gaps
    really are 0 do not silence the test.

    Args:
        events: the ``events`` table.

    Returns:
        True where the median client has too many gaps of 0.
    """
    return _is_coarse(_gaps(sessions(events)))


def _is_coarse(gaps: pl.DataFrame) -> bool:
    typical_share = pl.col("zero").median()
    is_coarse = typical_share > MAX_ZERO_GAPS
    answer = gaps.select(is_coarse.fill_null(False))
    return bool(answer.item())


def _fast_clients(events: pl.DataFrame) -> pl.DataFrame:
    """Clients whose clicks and carts follow each other as no person's do."""
    gaps = _gaps(events)

    # A coarse clock makes everybody fast.
    if _is_coarse(gaps):
        gaps = gaps.head(0)
    is_fast = pl.col("gap") < MIN_GAP_MS
    fast = gaps.filter(is_fast)
    return fast.select(
        "client_id",
        reason=pl.lit(FAST),
    )


def _burst_clients(events: pl.DataFrame) -> pl.DataFrame:
    """Clients that begin several sessions within two minutes."""
    timestamp = pl.col("timestamp")
    by_session = events.group_by("client_id", "session")
    begins = by_session.agg(timestamp.min())
    ordered = begins.sort("client_id", "timestamp")

    # From the first to the last begin of so many sessions in a row.
    earlier = timestamp.shift(BURST_SESSIONS - 1)
    span = timestamp - earlier
    by_client = ordered.group_by("client_id")
    shortest = by_client.agg(span=span.min())

    is_burst = pl.col("span") <= BURST_MS
    bursts = shortest.filter(is_burst)
    return bursts.select(
        "client_id",
        reason=pl.lit(BURST),
    )


def _inexact_impressions(
    events: pl.DataFrame, pairs: pl.DataFrame | None
) -> pl.DataFrame:
    """Count what each client bought of what the judge does not call exact.

    Args:
        events: of clients who act like persons.
        pairs: as for :func:`untrusted`.

    Returns:
        One row a client and pair: the brand, whether the pair was ``bought``, and its
        ``stratum``, the class of pairs that shoppers buy equally often.
    """
    item = pl.col("object_id").alias("item_id")
    is_purchase = pl.col("action_name") == "purchase"
    by_client_and_pair = events.group_by(
        "client_id",
        "query_id",
        item,
    )
    impressions = by_client_and_pair.agg(
        bought=is_purchase.any(),
        position=pl.col("position").min(),
    )
    if pairs is None:
        judged = impressions.with_columns(
            brand=pl.lit(""),
            grade=pl.lit(0),
        )
    else:
        columns = pairs.select(*PAIR, "brand", "grade")
        judged = impressions.join(columns, on=PAIR)

    # Depth by powers of two: positions 1, 2-3, 4-7, ... are one stratum each.
    position = pl.col("position").clip(1)
    octave = position.log(2).floor()
    depth = octave.cast(pl.Int64)

    grade = pl.col("grade")
    stratum = grade * 64 + depth
    is_inexact = grade < int(Grade.EXACT)
    inexact = judged.filter(is_inexact)
    return inexact.with_columns(stratum=stratum)


def _log_odds(impressions: pl.DataFrame) -> pl.DataFrame:
    """Compute the log odds of ring member against shopper.

    They come from what the client bought of what it was shown. A shopper buys at the rate
    of the stratum among *other* targets, which no ring of this one can have changed. A
    member buys at :data:`RING_PURCHASE_RATE`.

    Args:
        impressions: from :func:`_inexact_impressions`, with a ``target``.

    Returns:
        ``target, client_id, odds, purchases``, one row a client and target.
    """
    shows = pl.len()
    bought = pl.col("bought").sum()

    # Purchase rate of the stratum, smoothed by half a purchase in 50 shows.
    smoothed_bought = bought + 0.5
    smoothed_shows = shows + 50
    stratum_rate = smoothed_bought.over("stratum") / smoothed_shows.over("stratum")

    # The same without this target, smoothed by 50 shows at the rate of the stratum.
    target_shows = shows.over("stratum", "target")
    target_bought = bought.over("stratum", "target")
    other_shows = shows.over("stratum") - target_shows
    other_bought = bought.over("stratum") - target_bought
    pseudo_bought = 50 * stratum_rate
    shopper_rate = (other_bought + pseudo_bought) / (other_shows + 50)

    # Log likelihood ratio of one show; those of a client and target add up.
    member_rate = RING_PURCHASE_RATE
    ratio_if_bought = member_rate / shopper_rate
    ratio_if_not_bought = (1 - member_rate) / (1 - shopper_rate)
    odds = (
        pl.when("bought")
        .then(ratio_if_bought.log())
        .otherwise(ratio_if_not_bought.log())
    )
    of_each_show = impressions.with_columns(odds=odds)
    by_target_and_client = of_each_show.group_by("target", "client_id")
    return by_target_and_client.agg(
        pl.col("odds").sum(),
        purchases=bought,
    )


def _fit_rings(candidates: pl.DataFrame) -> Floats:
    """P(member) of each client and target, by a two-component mixture for each target.

    Args:
        candidates: from :func:`_log_odds`, sorted by ``target``.

    Returns:
        Shape [candidates].
    """
    targets = candidates["target"]
    ranks = targets.rank("dense").cast(pl.Int64)
    target = ranks.to_numpy() - 1
    target_count = targets.n_unique()
    clients = np.bincount(
        target,
        minlength=target_count,
    )
    log_odds = candidates["odds"].to_numpy()

    ring_share = np.full(target_count, INITIAL_RING_SHARE)
    membership = np.zeros(len(log_odds))
    for _ in range(RING_ROUNDS):
        # E step: P(member | purchases) of each client and target, the logistic of prior
        # plus evidence in log odds; cut at 50, where exp is still finite.
        prior_ratio = ring_share / (1 - ring_share)
        prior_odds = np.log(prior_ratio)
        posterior_odds = prior_odds[target] + log_odds
        finite_odds = np.clip(posterior_odds, -50, 50)
        membership = 1 / (1 + np.exp(-finite_odds))

        # M step: share of members among each target's clients. The bounds keep it off 0
        # and 1, which no later step could leave.
        expected_members = np.bincount(
            target,
            membership,
            target_count,
        )
        ring_share = np.clip(
            expected_members / clients,
            MIN_RING_SHARE,
            MAX_RING_SHARE,
        )
    return membership


def _ring_clients(events: pl.DataFrame, pairs: pl.DataFrame | None) -> pl.DataFrame:
    """Clients that a per-target mixture assigns to the ring; at least three a ring."""
    impressions = _inexact_impressions(events, pairs)

    # Every brand and every item is a target.
    brand = pl.col("brand")
    branded = impressions.filter(brand != "")
    by_brand = branded.with_columns(target="brand:" + brand)
    item_id = pl.col("item_id")
    by_item = impressions.with_columns(target="item:" + item_id)
    log_odds = [
        _log_odds(by_brand),
        _log_odds(by_item),
    ]
    candidates = pl.concat(log_odds).sort("target", "client_id")

    membership = pl.Series("membership", _fit_rings(candidates))
    is_member = membership > RING_CONFIDENCE
    bought_enough = pl.col("purchases") >= MIN_RING_PURCHASES
    members = candidates.filter(
        is_member,
        bought_enough,
    )

    ring_size = pl.len().over("target")
    in_ring = members.filter(ring_size >= MIN_RING)
    by_client = in_ring.group_by("client_id").agg(targets="target")
    return by_client.select(
        "client_id",
        reason=pl.lit(RING),
        targets=pl.col("targets").list.sort(),
    )


def pushed(untrusted_clients: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Find the pairs of what rings push.

    Some members stay undetected, so no purchase of these pairs shows that they are exact.

    Args:
        untrusted_clients: from :func:`untrusted`.
        pairs: ``query_id, item_id, brand``.

    Returns:
        ``query_id, item_id``.
    """
    targets = untrusted_clients["targets"].explode()
    distinct = targets.drop_nulls().unique()
    names = distinct.to_list()

    brand = "brand:" + pl.col("brand")
    item = "item:" + pl.col("item_id")
    pushes_brand = brand.is_in(names)
    pushes_item = item.is_in(names)
    is_pushed = pushes_brand | pushes_item
    pushed_pairs = pairs.filter(is_pushed)
    return pushed_pairs.select(*PAIR)


def untrusted(events: pl.DataFrame, pairs: pl.DataFrame | None = None) -> pl.DataFrame:
    """Find the clients that must not teach.

    Purchases of items that the judge calls exact are no sign of a ring: shoppers make
    them, loyal buyers of one brand too, and they teach nothing false. One client alone is
    never a ring.

    Args:
        events: the ``events`` table.
        pairs: ``query_id, item_id, brand, grade`` (the judge's); without it only items
            are targets.

    Returns:
        ``client_id, reason, targets, events``, one row a client. What a ring pushes is
        ``brand:…`` or ``item:…``.
    """
    events = sessions(events)
    fast = _fast_clients(events)
    bursts = _burst_clients(events)
    no_targets = pl.lit([], pl.List(pl.String))
    automated = (
        pl.concat([fast, bursts])
        .unique("client_id", keep="first", maintain_order=True)
        .with_columns(targets=no_targets)
    )

    # A client that is left out already is no evidence of a ring.
    others = events.join(automated, on="client_id", how="anti")
    rings = _ring_clients(others, pairs)
    left_out = pl.concat([automated, rings])

    count = pl.len().cast(pl.Int64)
    by_client = events.group_by("client_id")
    event_counts = by_client.agg(events=count)
    with_counts = left_out.join(event_counts, on="client_id")
    return with_counts.sort("client_id")
