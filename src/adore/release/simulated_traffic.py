"""Simulated shoppers use real servers and a real router over HTTP: the visits, and the logs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import polars as pl
from pydantic import Field

from adore.artifacts import read_table, write_table
from adore.data.actions import canonical_action
from adore.errors import UnavailableError
from adore.processes import exit_on_sigterm
from adore.progress import progress
from adore.release.local import LocalTarget
from adore.release.simulated_visits import (
    Searches,
    Visit,
    VisitsConfig,
    clock_delay,
    plan_visits,
    pushed_items,
)
from adore.serving.exposure import read_log

__all__ = ["Config", "Traffic", "serve_visits"]

Row = dict[str, Any]
"""Value by column of an item, an exposure or an event."""


class Config(VisitsConfig):
    """Number and behaviour of the simulated shoppers.

    The design of the experiment is in the release's plan.
    """

    concurrency: int = 2
    """Visits at the same time."""
    champion: str = ""
    """Place of the ranker in production, for step `production`: it serves alone.

    Empty: nothing serves. A round sets it."""
    explore: float = Field(0.0, ge=0, le=1)
    """Share of lists that are explored in step `production`; `release.explore` is the release's.

    A round sets both alike."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What simulated shoppers left in the logs.

    Attributes:
        exposures: the table; ``measured`` marks those of shoppers who are measured.
        events: the table.
        clients: ids of the shoppers who are measured.
        visits: how many others made.
        pushed_brand: what bots push; empty: there are none.
        torn_exposures: lines that were cut short.
        torn_events: lines that were cut short.
    """

    exposures: pl.DataFrame
    events: pl.DataFrame
    clients: frozenset[str]
    visits: int
    pushed_brand: str
    torn_exposures: int
    torn_events: int

    def measured(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Exposures and events of the shoppers who are measured."""
        is_measured = pl.col("client_id").is_in(self.clients)
        return self.exposures.filter("measured"), self.events.filter(is_measured)

    def degraded(self) -> int:
        """Number of requests that another variant answered than the assigned one."""
        return int(self.exposures["degraded"].sum())

    def to_json(self) -> Row:
        """How it went, for ``result.json``."""
        return {
            "simulated": True,
            "latency_ms": _quantiles(self.exposures["latency_ms"]),
            "degraded": self.degraded(),
            "torn": self.torn_exposures + self.torn_events,
            "traffic": self.visits,
            "pushed_brand": self.pushed_brand,
        }


def _request_item(row: Row) -> Row:
    """Convert a table row to an item of a request."""
    copied_fields = ("item_id", "title", "brand", "category", "bullet_points")
    request_item = {field_name: row[field_name] for field_name in copied_fields}
    request_item["attributes"] = json.loads(row["attributes"])
    return request_item


class _Shop:
    """Sends one visit through the router and reports what the shopper did."""

    def __init__(self, target: LocalTarget, prepared: Path, searches: Searches) -> None:
        self.lists = searches.lists
        self.items = {}
        item_table = read_table(prepared, "items")
        for item_row in item_table.iter_rows(named=True):
            item_id = item_row["item_id"]
            self.items[item_id] = _request_item(item_row)
        self.delay = clock_delay(prepared)
        self.client = httpx.Client(base_url=target.url, timeout=30.0, trust_env=False)

    def visit(self, visit: Visit) -> None:
        grades = self.lists[visit.query_id]
        ranking = self._rank(visit, list(grades))
        delayed_events = []
        for event in visit.events(ranking, grades):
            timestamp = event["timestamp"] + self.delay
            delayed_events.append(
                {**event, "timestamp": timestamp, "user_query": visit.text}
            )
        self.client.post("/events", json=delayed_events).raise_for_status()

    def _rank(self, visit: Visit, item_ids: list[str]) -> list[str]:
        """Send a visit's request to the router; returns item ids, best first."""
        request_body = {
            "user_id": visit.client,
            "session_id": visit.session,
            "query_id": visit.search_id,
            "query": visit.text,
            "items": [self.items[item_id] for item_id in item_ids],
        }
        response = self.client.post("/rank", json=request_body)
        if response.status_code != 200:
            raise UnavailableError(
                f"router answered {response.status_code}, must be 200; {response.text[:300]}"
            )
        return [ranked_item["item_id"] for ranked_item in response.json()["items"]]


def _send(config: Config, visits: Sequence[Visit], shop: _Shop) -> None:
    """Make all visits, some at the same time."""
    with ThreadPoolExecutor(config.concurrency) as executor:
        results = executor.map(shop.visit, visits)
        for _ in progress(results, "simulated visits", len(visits)):
            # Reading a result raises the error of its visit.
            pass
    shop.client.close()


def serve_visits(
    config: Config, prepared: Path, release: Path, output: Path
) -> Traffic:
    """Serve a release to simulated shoppers, and write ``exposures`` and ``events``.

    Times in the tables are those of the simulated shoppers: they go on where the log in
    ``prepared`` ends, whatever the clock of this machine says. Ids of exposures follow from
    their visits. So what the next round learns from is the same at every run, but for
    latencies. All servers are stopped at the end.

    Args:
        config: number and behaviour of the simulated shoppers.
        prepared: output of ``prepare``, with queries and true grades.
        release: folder with an ``experiment.json`` that names variants and catalogue.
        output: the folder to write to.

    Returns:
        The logs.

    Raises:
        UnavailableError: a server does not start, or does not answer.
    """
    release_plan = json.loads((release / "experiment.json").read_text("utf-8"))
    searches = Searches.read(prepared, config.list_size)
    pushed_brand, pushed = pushed_items(config, prepared)
    measured, others = plan_visits(config, searches, pushed)
    with tempfile.TemporaryDirectory(prefix="adore-experiment-") as work_folder:
        work = Path(work_folder)
        with exit_on_sigterm(), LocalTarget(release, work) as target:
            shop = _Shop(target, prepared, searches)
            _send(config, [*measured, *others], shop)
        logged_exposures, torn_exposures = read_log(work / "logs" / "exposures.jsonl")
        logged_events, torn_events = read_log(work / "logs" / "events.jsonl")

    event_rows = _events(logged_events, release_plan.get("actions", {}))
    event_table = write_table(event_rows, output, "events")
    clients = frozenset(visit.client for visit in measured)
    exposure_rows = _exposures(logged_exposures, event_table, clients)
    return Traffic(
        exposures=write_table(exposure_rows, output, "exposures"),
        events=event_table,
        clients=clients,
        visits=len(others),
        pushed_brand=pushed_brand,
        torn_exposures=torn_exposures,
        torn_events=torn_events,
    )


def _exposures(
    logged_exposures: list[Row], events: pl.DataFrame, measured_clients: frozenset[str]
) -> list[Row]:
    """Sort exposures reproducibly, by the simulated clock, without the salt.

    Returns:
        Rows of the table, with a mark on those of shoppers who are measured; the others are
        for the next round only.
    """
    by_session = events.group_by("session_id").agg(pl.col("timestamp").min())
    first_times = dict(by_session.iter_rows())

    # Visits run in parallel: the order of the log differs from run to run.
    def order(exposure: Row) -> tuple[str, str, str]:
        return exposure["client_id"], exposure["session_id"], exposure["query_id"]

    ordered_rows = []
    for exposure in sorted(logged_exposures, key=order):
        session_id = exposure["session_id"]
        # One session has one search.
        changes = {
            "exposure_id": f"{session_id}-{exposure['query_id']}",
            "timestamp": first_times[session_id],
            "measured": exposure["client_id"] in measured_clients,
        }
        changed_row = {**exposure, **changes}
        changed_row.pop("salt", None)
        ordered_rows.append(changed_row)
    return ordered_rows


def _events(logged_events: list[Row], shop_actions: dict[str, str]) -> list[Row]:
    """Sort events by id, with canonical action names where they are known."""
    renamed_events = []
    for event in sorted(logged_events, key=lambda event: str(event["event_id"])):
        logged_action = event["action_name"]
        action = canonical_action(logged_action, shop_actions) or logged_action
        renamed_events.append({**event, "action_name": action})
    return renamed_events


def _quantiles(latency: pl.Series) -> dict[str, float]:
    """Latency percentiles ``p50, p95, p99`` in ms; 0 without requests."""
    quantiles = {}
    for percent in (50, 95, 99):
        latency_ms = latency.quantile(percent / 100) or 0
        quantiles[f"p{percent}"] = round(float(latency_ms), 1)
    return quantiles
