"""Stage ``experiment``: simulated shoppers use real servers and a real router over HTTP.

The stage analyses the logs and decides.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl

from adore.artifacts import read_table, write_table
from adore.config import StageConfig
from adore.data.actions import canonical_action
from adore.data.shoppers import Shoppers
from adore.errors import DataError, UnavailableError, check
from adore.experiment.analysis import analyse
from adore.experiment.decision import Action, decide
from adore.experiment.design import design_of
from adore.experiment.metrics import PRIMARY
from adore.processes import exit_on_sigterm
from adore.progress import progress
from adore.release.local import LocalTarget
from adore.serving.exposure import read_log
from adore.storage import write_json

__all__ = ["Config", "run"]

Row = dict[str, Any]
"""Value by column of an item, an exposure or an event."""


class Config(StageConfig):
    """Number and behaviour of the simulated shoppers.

    The design of the experiment is in the release's plan.
    """

    users: int = 400
    """Simulated shoppers."""
    visits: int = 2
    """Visits per shopper."""
    concurrency: int = 2
    """Visits at the same time."""
    list_size: int = 40
    """Maximum number of candidates of a request."""


def _lists(
    prepared: Path, config: Config
) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Read the queries that shoppers search, and the true grades of their candidates.

    These are the test queries, or all queries where no split has test queries.

    Returns:
        Query text by query id; grade by item id, by query id.
    """
    queries = read_table(prepared, "queries")
    splits = queries.select("query_id", "split")
    true_pairs = read_table(prepared, "truth").join(splits, on="query_id")
    test_pairs = true_pairs.filter(pl.col("split") == "test")
    # The student has seen the other queries: they would flatter it.
    if test_pairs.height:
        true_pairs = test_pairs
    true_pairs = true_pairs.sort("query_id", "item_id")
    check(
        true_pairs.height > 0,
        "truth",
        0,
        must="judged or known pairs",
        fix="give judgements to simulate from",
        error=DataError,
    )

    graded_lists: dict[str, dict[str, int]] = {}
    graded_pairs = true_pairs.select("query_id", "item_id", "grade")
    for query_id, item_id, grade in graded_pairs.iter_rows():
        graded_items = graded_lists.setdefault(query_id, {})
        if len(graded_items) < config.list_size:
            graded_items[item_id] = grade
    return dict(queries.select("query_id", "query").iter_rows()), graded_lists


@dataclass(frozen=True, slots=True)
class _Visit:
    """One search of one shopper."""

    user: int
    number: int
    """Index of the visit among those of its shopper, from 0."""
    query_id: str


def _visits(config: Config, query_ids: list[str]) -> Iterator[_Visit]:
    """Generate the visits in order, each with a random query."""
    generator = np.random.default_rng(config.seed)
    for user in range(config.users):
        for visit_number in range(config.visits):
            query_position = int(generator.integers(len(query_ids)))
            yield _Visit(user, visit_number, query_ids[query_position])


def _request_item(row: Row) -> Row:
    """Convert a table row to an item of a request."""
    copied_fields = ("item_id", "title", "brand", "category", "bullet_points")
    request_item = {field_name: row[field_name] for field_name in copied_fields}
    request_item["attributes"] = json.loads(row["attributes"])
    return request_item


class _Shop:
    """Sends one visit through the router and reports what the shopper did."""

    def __init__(self, target: LocalTarget, prepared: Path, config: Config) -> None:
        self.texts, self.lists = _lists(prepared, config)
        self.items = {}
        item_table = read_table(prepared, "items")
        for item_row in item_table.iter_rows(named=True):
            item_id = item_row["item_id"]
            self.items[item_id] = _request_item(item_row)
        self.shoppers = Shoppers(seed=config.seed, users=config.users, bots=0.0)
        self.client = httpx.Client(base_url=target.url, timeout=30.0, trust_env=False)

    def visit(self, visit: _Visit) -> None:
        grades = self.lists[visit.query_id]
        ranking = self._rank(visit, list(grades))
        events = self.shoppers.visit(
            visit.user, visit.query_id, ranking, grades, visit=visit.number
        )

        # The simulated clock starts at a fixed date; the router logs the current time, and
        # events before their exposure would not count.
        first_timestamp = min(
            (simulated_event["timestamp"] for simulated_event in events), default=0
        )
        delay = int(time.time() * 1000) - first_timestamp
        shifted_events = []
        for simulated_event in events:
            shifted_events.append(
                {**simulated_event, "timestamp": simulated_event["timestamp"] + delay}
            )
        self.client.post("/events", json=shifted_events).raise_for_status()

    def _rank(self, visit: _Visit, item_ids: list[str]) -> list[str]:
        """Send a visit's request to the router; returns item ids, best first."""
        client_id = self.shoppers.client(visit.user)
        request_body = {
            "user_id": client_id,
            "session_id": f"{client_id}-{visit.number}",
            "query_id": visit.query_id,
            "query": self.texts[visit.query_id],
            "items": [self.items[item_id] for item_id in item_ids],
        }
        response = self.client.post("/rank", json=request_body)
        if response.status_code != 200:
            raise UnavailableError(
                f"router answered {response.status_code}, must be 200; {response.text[:300]}"
            )
        return [ranked_item["item_id"] for ranked_item in response.json()["items"]]


def _traffic(config: Config, prepared: Path, release: Path, work: Path) -> None:
    with exit_on_sigterm(), LocalTarget(release, work) as target:
        simulated_shop = _Shop(target, prepared, config)
        visits = list(_visits(config, sorted(simulated_shop.lists)))
        with ThreadPoolExecutor(config.concurrency) as executor:
            results = executor.map(simulated_shop.visit, visits)
            for _ in progress(results, "simulated visits", len(visits)):
                # Reading a result raises the error of its visit.
                pass
        simulated_shop.client.close()


def run(
    config: Config, prepared: Path, release: Path, output: Path
) -> dict[str, float]:
    """Write ``exposures``, ``events``, ``result.json`` and ``decision.json``.

    All servers are stopped at the end.

    Args:
        config: number and behaviour of the simulated shoppers.
        prepared: output of ``prepare``, with queries and true grades.
        release: output of the release stage, with variants and plan.
        output: the stage's folder.

    Returns:
        The stage's figures: number of requests and of degraded ones, the effect on
        purchases (0 if it was not measured), and 1 if the challenger is promoted, else 0.
    """
    release_plan = json.loads((release / "experiment.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory(prefix="adore-experiment-") as work_folder:
        _traffic(config, prepared, release, Path(work_folder))
        logged_exposures, torn_exposures = read_log(
            Path(work_folder) / "logs" / "exposures.jsonl"
        )
        logged_events, torn_events = read_log(
            Path(work_folder) / "logs" / "events.jsonl"
        )

    exposure_table = write_table(_exposures(logged_exposures), output, "exposures")
    event_table = write_table(
        _events(logged_events, release_plan.get("actions", {})), output, "events"
    )

    # All visits are over, so the test is a single analysis, not a sequential one.
    result = analyse(
        design_of(release_plan), exposure_table, event_table, lost=torn_exposures
    )
    decision = decide(result)
    degraded = int(exposure_table["degraded"].sum())
    labels = {"simulated": True, "experiment": release_plan["name"]}
    observations = {
        "simulated": True,
        "variants": release_plan["variants"],
        "latency_ms": _quantiles(exposure_table["latency_ms"]),
        "degraded": degraded,
        "torn": torn_exposures + torn_events,
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


def _exposures(logged_exposures: list[Row]) -> list[Row]:
    """Sort exposures reproducibly, without the salt."""

    # Visits run in parallel: the order of the log differs from run to run.
    def order(exposure: Row) -> tuple[str, str, str]:
        return exposure["client_id"], exposure["session_id"], exposure["query_id"]

    ordered_rows = []
    for exposure in sorted(logged_exposures, key=order):
        without_salt = dict(exposure)
        without_salt.pop("salt", None)
        ordered_rows.append(without_salt)
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
