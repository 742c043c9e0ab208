"""Whose events to believe: bots and bursts are left out, each with its reason."""

from __future__ import annotations

import polars as pl

__all__ = ["untrusted"]


def untrusted(
    events: pl.DataFrame, *, min_gap_ms: int = 500, max_buy_share: float = 0.9, min_clicks: int = 5
) -> pl.DataFrame:
    """Clients not to learn from.

    Args:
        events: the ``events`` table.
        min_gap_ms: a client whose median time between events within a session is shorter is a machine.
        max_buy_share: a client that buys more than this share of its clicks is no shopper.
        min_clicks: clicks needed before the share counts.

    Returns:
        ``client_id, reason, events``, one row a client.
    """
    ordered = events.sort("client_id", "session_id", "timestamp", "event_id")
    gaps = (
        ordered.with_columns(gap=pl.col("timestamp").diff().over("client_id", "session_id"))
        .group_by("client_id")
        .agg(gap=pl.col("gap").median(), events=pl.len())
    )
    action = pl.col("action_name")
    shares = events.group_by("client_id").agg(clicks=(action == "click").sum(), buys=(action == "purchase").sum())
    reason = (
        pl.when(pl.col("gap") < min_gap_ms)
        .then(pl.lit("burst: events faster than a person"))
        .when((pl.col("clicks") >= min_clicks) & (pl.col("buys") > max_buy_share * pl.col("clicks")))
        .then(pl.lit("buys nearly everything it clicks"))
    )
    found = gaps.join(shares, on="client_id").with_columns(reason=reason).filter(pl.col("reason").is_not_null())
    return found.select("client_id", "reason", pl.col("events").cast(pl.Int64)).sort("client_id")
