"""Stage ``experiment``: simulated shoppers use real servers and a real router over HTTP.

The stage analyses the logs and decides.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import polars as pl

from adore.artifacts import read_table, write_table
from adore.data.actions import canonical_action
from adore.errors import UnavailableError
from adore.experiment.analysis import analyse
from adore.experiment.decision import Action, decide
from adore.experiment.design import design_of
from adore.experiment.metrics import PRIMARY
from adore.processes import exit_on_sigterm
from adore.progress import progress
from adore.release.local import LocalTarget
from adore.release.segments import segments
from adore.release.simulated_visits import (
    Searches,
    Visit,
    VisitsConfig,
    clock_delay,
    plan_visits,
    pushed_items,
)
from adore.serving.exposure import read_log
from adore.storage import write_json

__all__ = ["Config", "run"]

Row = dict[str, Any]
"""Value by column of an item, an exposure or an event."""


class Config(VisitsConfig):
    """Number and behaviour of the simulated shoppers.

    The design of the experiment is in the release's plan.
    """

    concurrency: int = 2
    """Visits at the same time."""


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


def run(
    config: Config, prepared: Path, evidence: Path, release: Path, output: Path
) -> dict[str, float]:
    """Write ``exposures``, ``events``, ``result.json`` and ``decision.json``.

    Times in the tables are those of the simulated shoppers: they go on where the log in
    ``prepared`` ends, whatever the clock of this machine says. Ids of exposures follow from
    their visits. So what the next round learns from is the same at every run, but for
    latencies. All servers are stopped at the end.

    Args:
        config: number and behaviour of the simulated shoppers.
        prepared: output of ``prepare``, with queries and true grades.
        evidence: output of ``evidence``: what the queries ask for, by which the effect is
            told by segment.
        release: output of the release stage, with variants and plan.
        output: the stage's folder.

    Returns:
        The stage's figures: number of requests and of degraded ones, the effect on
        purchases (0 if it was not measured), and 1 if the challenger is promoted, else 0.
    """
    release_plan = json.loads((release / "experiment.json").read_text("utf-8"))
    searches = Searches.read(prepared, config.list_size)
    pushed_brand, pushed = pushed_items(config, prepared)
    measured, traffic = plan_visits(config, searches, pushed)
    with tempfile.TemporaryDirectory(prefix="adore-experiment-") as work_folder:
        work = Path(work_folder)
        with exit_on_sigterm(), LocalTarget(release, work) as target:
            shop = _Shop(target, prepared, searches)
            _send(config, [*measured, *traffic], shop)
        logged_exposures, torn_exposures = read_log(work / "logs" / "exposures.jsonl")
        logged_events, torn_events = read_log(work / "logs" / "events.jsonl")

    event_rows = _events(logged_events, release_plan.get("actions", {}))
    event_table = write_table(event_rows, output, "events")
    clients = {visit.client for visit in measured}
    exposure_rows = _exposures(logged_exposures, event_table, clients)
    exposure_table = write_table(exposure_rows, output, "exposures")

    # All visits are over, so the test is a single analysis, not a sequential one.
    design = design_of(release_plan)
    result = analyse(
        design,
        exposure_table.filter("measured"),
        event_table.filter(pl.col("client_id").is_in(clients)),
        lost=torn_exposures,
    )
    decision = decide(result)
    degraded = int(exposure_table["degraded"].sum())
    labels = {"simulated": True, "experiment": release_plan["name"]}
    by_segment = []
    # An experiment that says nothing as a whole says nothing of its parts.
    if not result.refusal:
        by_segment = segments(design, prepared, evidence, exposure_table, event_table)
    observations = {
        "simulated": True,
        "segments": by_segment,
        "variants": release_plan["variants"],
        "latency_ms": _quantiles(exposure_table["latency_ms"]),
        "degraded": degraded,
        "torn": torn_exposures + torn_events,
        "traffic": len(traffic),
        "pushed_brand": pushed_brand,
    }
    write_json({**result.to_json(), **observations}, output / "result.json")
    write_json({**decision.to_json(), **labels}, output / "decision.json")

    purchases = result.metrics.get(PRIMARY)
    purchase_effect = 0.0
    if purchases is not None:
        purchase_effect = purchases.effect
    promoted = float(decision.action is Action.PROMOTE)
    return {
        "requests": float(exposure_table.height),
        "degraded": float(degraded),
        "purchases_effect": purchase_effect,
        "promoted": promoted,
    }


def _exposures(
    logged_exposures: list[Row], events: pl.DataFrame, measured_clients: set[str]
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
