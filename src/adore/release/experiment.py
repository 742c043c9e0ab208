"""Stage ``experiment``: real servers, a real router, simulated shoppers over HTTP; analysed and decided."""

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
from adore.data.actions import our_action
from adore.data.shoppers import Shoppers
from adore.errors import DataError, UnavailableError, check
from adore.experiment.analyse import analyse, design_of
from adore.experiment.decision import decide
from adore.progress import progress
from adore.release.local import LocalTarget, stop_on_signal
from adore.serving.exposure import read_log
from adore.storage import write_json

__all__ = ["Config", "run"]


class Config(StageConfig):
    """How many simulated shoppers come; what is decided before they come stands in the release's plan."""

    users: int = 400
    visits: int = 2
    concurrency: int = 2
    list_size: int = 40
    """Longest candidate list of a request."""


def _lists(
    prepared: Path, config: Config
) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Query texts and true grades of the candidate lists that shoppers search: test queries, else all."""
    queries = read_table(prepared, "queries")
    truth = read_table(prepared, "truth").join(
        queries.select("query_id", "split"), on="query_id"
    )
    held = truth.filter(pl.col("split") == "test")
    truth = (held if held.height else truth).sort("query_id", "item_id")
    check(
        truth.height > 0,
        "truth",
        0,
        must="judged or known pairs",
        fix="give judgements to simulate from",
        error=DataError,
    )
    lists: dict[str, dict[str, int]] = {}
    for query_id, item_id, grade in truth.select(
        "query_id", "item_id", "grade"
    ).iter_rows():
        one = lists.setdefault(query_id, {})
        if len(one) < config.list_size:
            one[item_id] = grade
    return dict(queries.select("query_id", "query").iter_rows()), lists


def _visits(
    config: Config, lists: dict[str, dict[str, int]]
) -> Iterator[tuple[int, int, str]]:
    rng = np.random.default_rng(config.seed)
    names = sorted(lists)
    for user in range(config.users):
        for visit in range(config.visits):
            yield user, visit, names[int(rng.integers(len(names)))]


def _request(row: dict[str, Any]) -> dict[str, Any]:
    keys = ("item_id", "title", "brand", "category", "bullet_points")
    return {**{k: row[k] for k in keys}, "attributes": json.loads(row["attributes"])}


class _Shop:
    """Sends one visit through the router and reports what the shopper did."""

    def __init__(self, target: LocalTarget, prepared: Path, config: Config) -> None:
        self.texts, self.lists = _lists(prepared, config)
        self.items = {
            r["item_id"]: _request(r)
            for r in read_table(prepared, "items").iter_rows(named=True)
        }
        self.shoppers = Shoppers(seed=config.seed, users=config.users, bots=0.0)
        self.client = httpx.Client(base_url=target.url, timeout=30.0, trust_env=False)

    def visit(self, one: tuple[int, int, str]) -> None:
        user, visit, query_id = one
        ids = list(self.lists[query_id])
        client = self.shoppers.client(user)
        body = {
            "user_id": client,
            "session_id": f"{client}-{visit}",
            "query_id": query_id,
        }
        body |= {"query": self.texts[query_id], "items": [self.items[i] for i in ids]}  # type: ignore[dict-item]
        answer = self.client.post("/rank", json=body)
        if answer.status_code != 200:
            raise UnavailableError(
                f"router answered {answer.status_code}, must be 200; {answer.text[:300]}"
            )
        ranking = [i["item_id"] for i in answer.json()["items"]]
        done = self.shoppers.visit(
            user, query_id, ranking, self.lists[query_id], visit=visit
        )
        late = int(time.time() * 1000) - min(
            (e["timestamp"] for e in done), default=0
        )  # it happens now
        done = [{**e, "timestamp": e["timestamp"] + late} for e in done]
        self.client.post("/events", json=done).raise_for_status()


def _traffic(config: Config, prepared: Path, release: Path, work: Path) -> None:
    with stop_on_signal(), LocalTarget(release, work) as target:
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
    """Write ``exposures``, ``events``, ``result.json`` and ``decision.json``; stop all that was started."""
    plan = json.loads((release / "experiment.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory(prefix="adore-experiment-") as home:
        _traffic(config, prepared, release, Path(home))
        exposures, torn = read_log(Path(home) / "logs" / "exposures.jsonl")
        events, torn_events = read_log(Path(home) / "logs" / "events.jsonl")
    order = sorted(
        exposures, key=lambda e: (e["client_id"], e["session_id"], e["query_id"])
    )
    shown = write_table(
        [{k: v for k, v in e.items() if k != "salt"} for e in order],
        output,
        "exposures",
    )
    own = plan.get("actions", {})
    mapped = [
        {**e, "action_name": our_action(e["action_name"], own) or e["action_name"]}
        for e in events
    ]
    done = write_table(
        sorted(mapped, key=lambda e: str(e["event_id"])), output, "events"
    )
    result = analyse(
        design_of(plan), shown, done, lost=torn
    )  # one look, when all shoppers are through
    latency = shown["latency_ms"]
    quantiles = {
        f"p{q}": round(float(latency.quantile(q / 100) or 0), 1) for q in (50, 95, 99)
    }
    degraded = int(shown["degraded"].sum())
    more = {
        "simulated": True,
        "variants": plan["variants"],
        "latency_ms": quantiles,
        "degraded": degraded,
        "torn": torn + torn_events,
    }
    decision = {**decide(result), "simulated": True, "experiment": plan["name"]}
    write_json({**result, **more}, output / "result.json")
    write_json(decision, output / "decision.json")
    effect = result["metrics"].get("purchases_per_user", {}).get("effect", 0.0)
    promoted = float(decision["action"] == "promote")
    return {
        "requests": float(shown.height),
        "degraded": float(degraded),
        "purchases_effect": effect,
        "promoted": promoted,
    }
