"""Whether what shoppers see narrows to one brand or item, without evidence by people.

A model that learns from what it shows may show it more and more. The share of impressions that the
most shown brand (or item) has is compared with that of an earlier round, over the queries that
both showed, each query counting alike. Where people's exact judgements moved to the brand as well,
so may its impressions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from adore.artifacts import read_table
from adore.types import Grade

__all__ = ["FIRST_PAGE", "TopShare", "narrowing", "narrowing_alarm", "top_share"]

TABLES = ("items", "judgements", "events")
KINDS = ("brand", "item")
FIRST_PAGE = 10
"""Positions that count: a list of all candidates holds the same items in any order."""
MIN_Z = 3.0
"""Standard errors by which a share must have grown: the top one is the greatest of many."""
MIN_CLIENTS = 20
"""Clients before and after from which on the standard error can be trusted."""


@dataclass(frozen=True, slots=True)
class TopShare:
    """The most shown brand or item.

    Attributes:
        name: of the brand, or the item's id.
        share: of impressions on the first page that it has now.
        before: share that the most shown one had in the earlier round; None: there was none.
        z: standard errors, by client, between both shares; None where too few clients tell.
        human: share of people's exact judgements that it has.
        human_before: the same in the earlier round.
    """

    name: str
    share: float
    before: float | None = None
    z: float | None = None
    human: float = 0.0
    human_before: float | None = None

    def growth(self) -> float:
        """By how much its share grew beyond its share of people's exact judgements."""
        if self.before is None:
            return 0.0
        by_people = self.human - (self.human_before or 0.0)
        return self.share - self.before - max(0.0, by_people)

    def to_json(self) -> dict[str, Any]:
        """Write it for ``production.json``."""
        rounded = {}
        for name, value in asdict(self).items():
            rounded[name] = round(value, 4) if isinstance(value, float) else value
        return rounded


@dataclass(frozen=True, slots=True)
class _Shares:
    """Shares of all names, and how exact that of the first is.

    Attributes:
        name: the most shown.
        share: its share.
        error: its standard error, by client.
        clients: number of clients.
    """

    name: str
    share: float
    error: float
    clients: int


def _weighted(impressions: pl.DataFrame) -> pl.DataFrame:
    """``query_id, client_id, name, weight``: every query counts alike."""
    per_query = pl.len().over("query_id")
    return impressions.with_columns(weight=1.0 / per_query)


def _most_shown(impressions: pl.DataFrame) -> _Shares | None:
    """The most shown name, and its share."""
    weighted = _weighted(impressions)
    named = weighted.filter(pl.col("name") != "")
    if named.is_empty():
        return None
    total = float(weighted["weight"].sum())
    # Sums differ in their last digits with the order of threads; equal ones go by name.
    by_name = named.group_by("name").agg(pl.col("weight").sum().round(9))
    name, weight = by_name.sort(["weight", "name"], descending=[True, False]).row(0)
    share = weight / total

    error, clients = _standard_error(weighted, name, share)
    return _Shares(name, share, error / total, clients)


def _standard_error(
    weighted: pl.DataFrame, name: str, share: float
) -> tuple[float, int]:
    """Standard error of the weight of a name, and the number of clients."""
    # A client's impressions are alike: the clients are what was drawn.
    is_name = pl.col("name") == name
    residual = (is_name.cast(pl.Float64) - share) * pl.col("weight")
    frame = weighted.select("client_id", residual.alias("residual"))

    by_client = frame.group_by("client_id").sum()
    residuals = by_client["residual"]
    squares = residuals.pow(2)
    return math.sqrt(squares.sum()), by_client.height


def top_share(
    now: pl.DataFrame,
    before: pl.DataFrame | None,
    exact: pl.DataFrame,
    exact_before: pl.DataFrame | None,
) -> TopShare | None:
    """Compare the most shown brand (or item) with that of an earlier round.

    Args:
        now: impressions, each with ``query_id, client_id`` and the ``name`` of its brand or item.
        before: those of the earlier round; None: there was none.
        exact: people's exact judgements, each with a ``name``.
        exact_before: those of the earlier round.

    Returns:
        The most shown; None where nothing was shown.
    """
    if before is not None:
        common = set(now["query_id"]) & set(before["query_id"])
        if common:
            now = now.filter(pl.col("query_id").is_in(common))
            before = before.filter(pl.col("query_id").is_in(common))
        else:
            before = None
    top = _most_shown(now)
    if top is None:
        return None
    human = _share_of(exact, top.name)
    earlier = _most_shown(before) if before is not None else None
    if earlier is None:
        return TopShare(top.name, top.share, human=human)

    error = math.hypot(top.error, earlier.error)
    z = None
    if min(top.clients, earlier.clients) >= MIN_CLIENTS and error > 0:
        z = (top.share - earlier.share) / error
    human_before = _share_of(exact_before, top.name)
    return TopShare(top.name, top.share, earlier.share, z, human, human_before)


def _share_of(exact: pl.DataFrame | None, name: str) -> float:
    if exact is None or exact.is_empty():
        return 0.0
    return float((exact["name"] == name).mean())  # type: ignore[arg-type]


def narrowing_alarm(top: TopShare | None, kind: str, limit: float) -> str:
    """Say whether what shoppers see narrows.

    Args:
        top: the most shown.
        kind: ``brand`` or ``item``.
        limit: growth of its share from which on it is an alarm.

    Returns:
        The reason for an alarm, or ``""``.
    """
    if top is None or top.before is None or top.human_before is None:
        return ""
    is_sure = top.z is not None and top.z >= MIN_Z
    if top.growth() <= limit or not is_sure:
        return ""
    return (
        f"the most shown {kind} ({top.name}) has {top.share:.0%} of the impressions on the first "
        f"page, the one of the earlier round had {top.before:.0%}; its share of people's exact "
        f"judgements went from {top.human_before:.0%} to {top.human:.0%}: the loop may be learning "
        "from what it shows; have people judge its items, or explore more (release.explore)"
    )


# ---------------------------------------------------------------- the tables of prepare


def narrowing(
    tables: Mapping[str, pl.DataFrame], frozen: Path | None, limit: float
) -> dict[str, Any]:
    """Compare what is new in the log with what an earlier round knew.

    Args:
        tables: ``items``, ``judgements`` and ``events`` of this round.
        frozen: output of ``prepare`` of the earlier round; None: there was none.
        limit: growth of a share from which on it is an alarm.

    Returns:
        ``top_brand``, ``top_item`` (:class:`TopShare` or None), ``new_impressions`` and
        ``alarm``, a text that is empty where all is well.
    """
    before: dict[str, pl.DataFrame] = {}
    events = tables["events"]
    if frozen is not None:
        before = {name: read_table(frozen, name) for name in TABLES}
        known_ids = before["events"].select("event_id")
        events = events.join(known_ids, on="event_id", how="anti")
    now = {**{name: tables[name] for name in TABLES}, "events": events}

    tops: dict[str, TopShare | None] = {}
    for kind in KINDS:
        tops[kind] = top_share(
            _impressions(now, kind),
            _impressions(before, kind) if before else None,
            _exact(now, kind),
            _exact(before, kind) if before else None,
        )
    alarms = [narrowing_alarm(top, kind, limit) for kind, top in tops.items()]
    report: dict[str, Any] = {}
    for kind, top in tops.items():
        report[f"top_{kind}"] = top.to_json() if top else None
    report["new_impressions"] = _impressions(now, "item").height
    report["alarm"] = "; ".join(filter(None, alarms))
    return report


def _named(pairs: pl.DataFrame, items: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Pairs with the ``name`` of their brand, or of their item."""
    if kind == "item":
        return pairs.with_columns(name=pl.col("item_id"))
    brands = items.select("item_id", name="brand")
    return pairs.join(brands, on="item_id")


def _impressions(tables: Mapping[str, pl.DataFrame], kind: str) -> pl.DataFrame:
    """Impressions on the first page: ``query_id, client_id, item_id, name``."""
    is_shown = pl.col("action_name") == "impression"
    is_first_page = pl.col("position") <= FIRST_PAGE
    shown = tables["events"].filter(is_shown & is_first_page)
    pairs = shown.select("query_id", "client_id", item_id="object_id")
    return _named(pairs, tables["items"], kind)


def _exact(tables: Mapping[str, pl.DataFrame], kind: str) -> pl.DataFrame:
    """People's exact judgements, with the ``name``."""
    exact = tables["judgements"].filter(pl.col("grade") == int(Grade.EXACT))
    return _named(exact, tables["items"], kind)
