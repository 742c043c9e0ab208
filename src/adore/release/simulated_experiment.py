"""Stage ``experiment``: real servers, a real router, simulated shoppers over HTTP.

What comes of it is analysed and decided.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


class Config(StageConfig):
    """How many simulated shoppers come.

    What is decided before they come stands in the release's plan.
    """

    users: int = 400
    """Simulated shoppers."""
    visits: int = 2
    """Visits of each shopper."""
    concurrency: int = 2
    """Shoppers at a time."""
    list_size: int = 40
    """Longest candidate list of a request."""


def _lists(
    prepared: Path, config: Config
) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Query texts and true grades of the candidate lists that shoppers search.

    They are the lists of test queries, of all where there are none.

    Returns:
        Query text by query id; grade by item id, by query id.
    """
    queries = read_table(prepared, "queries")
    splits = queries.select("query_id", "split")
    truth = read_table(prepared, "truth").join(splits, on="query_id")
    held = truth.filter(pl.col("split") == "test")
    if held.height:
        truth = held
    truth = truth.sort("query_id", "item_id")
    check(
        truth.height > 0,
        "truth",
        0,
        must="judged or known pairs",
        fix="give judgements to simulate from",
        error=DataError,
    )

    lists: dict[str, dict[str, int]] = {}
    pairs = truth.select("query_id", "item_id", "grade")
    for query_id, item_id, grade in pairs.iter_rows():
        one = lists.setdefault(query_id, {})
        if len(one) < config.list_size:
            one[item_id] = grade
    return dict(queries.select("query_id", "query").iter_rows()), lists


def _visits(
    config: Config, lists: dict[str, dict[str, int]]
) -> Iterator[tuple[int, int, str]]:
    """User, visit and a query drawn at random, in the order in which they come."""
    rng = np.random.default_rng(config.seed)
    names = sorted(lists)
    for user in range(config.users):
        for visit in range(config.visits):
            yield user, visit, names[int(rng.integers(len(names)))]


def _request(row: dict[str, Any]) -> dict[str, Any]:
    keys = ("item_id", "title", "brand", "category", "bullet_points")
    fields = {key: row[key] for key in keys}
    return {**fields, "attributes": json.loads(row["attributes"])}


class _Shop:
    """Sends one visit through the router and reports what the shopper did."""

    def __init__(self, target: LocalTarget, prepared: Path, config: Config) -> None:
        self.texts, self.lists = _lists(prepared, config)
        self.items = {}
        items = read_table(prepared, "items")
        for row in items.iter_rows(named=True):
            item_id = row["item_id"]
            self.items[item_id] = _request(row)
        self.shoppers = Shoppers(seed=config.seed, users=config.users, bots=0.0)
        self.client = httpx.Client(base_url=target.url, timeout=30.0, trust_env=False)

    def visit(self, one: tuple[int, int, str]) -> None:
        user, visit, query_id = one
        grades = self.lists[query_id]
        client = self.shoppers.client(user)
        body = {
            "user_id": client,
            "session_id": f"{client}-{visit}",
            "query_id": query_id,
            "query": self.texts[query_id],
            "items": [self.items[item_id] for item_id in grades],
        }
        answer = self.client.post("/rank", json=body)
        if answer.status_code != 200:
            raise UnavailableError(
                f"router answered {answer.status_code}, must be 200; {answer.text[:300]}"
            )

        ranking = [item["item_id"] for item in answer.json()["items"]]
        done = self.shoppers.visit(user, query_id, ranking, grades, visit=visit)

        # simulated shoppers have a clock of their own: what they do happens now
        begun = min((event["timestamp"] for event in done), default=0)
        late = int(time.time() * 1000) - begun
        events = [{**event, "timestamp": event["timestamp"] + late} for event in done]
        self.client.post("/events", json=events).raise_for_status()


def _traffic(config: Config, prepared: Path, release: Path, work: Path) -> None:
    with exit_on_sigterm(), LocalTarget(release, work) as target:
        shop = _Shop(target, prepared, config)
        visits = list(_visits(config, shop.lists))
        with ThreadPoolExecutor(config.concurrency) as pool:
            for _ in progress(
                pool.map(shop.visit, visits), "simulated visits", len(visits)
            ):
                pass
        shop.client.close()


def run(
    config: Config, prepared: Path, release: Path, output: Path
) -> dict[str, float]:
    """Write ``exposures``, ``events``, ``result.json`` and ``decision.json``.

    All that was started is stopped.

    Args:
        config: how many simulated shoppers come.
        prepared: output of ``prepare``: what they search and what they like.
        release: output of the release stage: variants and plan.
        output: the stage's folder.

    Returns:
        The stage's figures: requests, how many of them were degraded, the effect on
        purchases (0 where it was not measured), and 1 where the challenger is promoted.
    """
    plan = json.loads((release / "experiment.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory(prefix="adore-experiment-") as home:
        _traffic(config, prepared, release, Path(home))
        exposures, torn = read_log(Path(home) / "logs" / "exposures.jsonl")
        events, torn_events = read_log(Path(home) / "logs" / "events.jsonl")

    shown = write_table(_exposures(exposures), output, "exposures")
    done = write_table(_events(events, plan.get("actions", {})), output, "events")

    # one look, when all shoppers are through
    result = analyse(design_of(plan), shown, done, lost=torn)
    decision = decide(result)
    degraded = int(shown["degraded"].sum())
    labels = {"simulated": True, "experiment": plan["name"]}
    more = {
        "simulated": True,
        "variants": plan["variants"],
        "latency_ms": _quantiles(shown["latency_ms"]),
        "degraded": degraded,
        "torn": torn + torn_events,
    }
    write_json({**result.to_json(), **more}, output / "result.json")
    write_json({**decision.to_json(), **labels}, output / "decision.json")

    purchases = result.metrics.get(PRIMARY)
    effect = 0.0
    if purchases is not None:
        effect = purchases.effect
    promoted = float(decision.action is Action.PROMOTE)
    return {
        "requests": float(shown.height),
        "degraded": float(degraded),
        "purchases_effect": effect,
        "promoted": promoted,
    }


def _exposures(logged: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Exposures in an order that does not depend on who came first, without the salt."""
    keys = ("client_id", "session_id", "query_id")
    rows = []
    for exposure in sorted(logged, key=lambda one: [one[key] for key in keys]):
        rows.append({key: value for key, value in exposure.items() if key != "salt"})
    return rows


def _events(logged: list[dict[str, Any]], own: dict[str, str]) -> list[dict[str, Any]]:
    """Events by their ids, with our names of actions; one that has none keeps its own."""
    rows = []
    for event in sorted(logged, key=lambda one: str(one["event_id"])):
        name = event["action_name"]
        rows.append({**event, "action_name": canonical_action(name, own) or name})
    return rows


def _quantiles(latency: pl.Series) -> dict[str, float]:
    """``p50, p95, p99``, in ms; 0 where nobody came."""
    found = {}
    for percent in (50, 95, 99):
        value = latency.quantile(percent / 100) or 0
        found[f"p{percent}"] = round(float(value), 1)
    return found
