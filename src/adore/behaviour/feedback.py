"""Stage ``feedback``: shoppers' behaviour into counterbalanced KTO rows; each row names its events."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adore.artifacts import read_table, write_json, write_table
from adore.behaviour.position import propensities
from adore.behaviour.trust import untrusted
from adore.config import StageConfig
from adore.data.shoppers import Shoppers
from adore.prompts import answer, trace
from adore.types import Evidence, Grade

__all__ = ["Config", "run"]


class Config(StageConfig):
    """What counts as a sign, and the caps."""

    min_exposure: float = 1.5
    """Least examined impressions (position-corrected) of a pair."""
    min_purchases: int = 2
    """Distinct trusted shoppers that bought and kept, to call a strict grade wrong."""
    max_query_rows: int = 60
    simulate_users: int = 400
    """Shoppers simulated from the human judgements where the shop has no events."""


def _simulated(prepared: Path, config: Config) -> pl.DataFrame:
    """Behaviour of :class:`adore.data.shoppers.Shoppers` over shuffled lists of train queries."""
    truth = read_table(prepared, "truth").join(read_table(prepared, "queries"), on="query_id")
    lists = {
        str(q[0]): dict(zip(g["item_id"], g["grade"], strict=True))
        for q, g in truth.filter(pl.col("split") == "train")
        .sort("query_id", "item_id")
        .group_by("query_id", maintain_order=True)
    }
    shoppers = Shoppers(seed=config.seed, users=config.simulate_users)
    rng = np.random.default_rng(config.seed)
    names, rows = sorted(lists), list[dict[str, Any]]()
    for user in range(config.simulate_users if names else 0):
        for visit in range(4):
            query = names[int(rng.integers(len(names)))]
            noisy = {i: g + 2.0 * rng.standard_normal() for i, g in lists[query].items()}
            ranking = sorted(noisy, key=lambda i: -noisy[i])[:20]
            rows += shoppers.visit(user, query, ranking, lists[query], visit=visit)
    frame = pl.DataFrame(rows, infer_schema_length=None) if rows else read_table(prepared, "events")
    return frame.unique("event_id", maintain_order=True)


def _signs(events: pl.DataFrame, p: np.ndarray[Any, np.dtype[np.float64]]) -> pl.DataFrame:
    """Per pair: examined impressions, distinct buyers who kept it, returns, clicks and the events behind them."""
    weight = pl.Series("examined", p[np.clip(events["position"].to_numpy() - 1, 0, len(p) - 1)])
    action = pl.col("action_name")
    return (
        events.with_columns(weight)
        .group_by("query_id", pl.col("object_id").alias("item_id"))
        .agg(
            examined=pl.col("examined").filter(action == "impression").sum(),
            clicks=pl.col("client_id").filter(action == "click").n_unique(),
            bought=pl.col("client_id").filter(action == "purchase").n_unique(),
            returned=pl.col("client_id").filter(action == "return").n_unique(),
            event_ids=pl.col("event_id").filter(action != "impression").sort().head(20),
            shown=pl.col("event_id").sort().head(5),
        )
        .sort("query_id", "item_id")
    )


def _kind(row: dict[str, Any], config: Config) -> str:
    """Which sign a pair gives, or ``""``."""
    kept = row["bought"] - row["returned"]
    lenient = row["grade"] == Grade.EXACT
    if kept >= config.min_purchases:
        return "bought, judged exact" if lenient else "bought, judged strictly"
    if row["bought"] and kept <= 0:
        return "returned, judged exact" if lenient else "returned, judged strictly"
    if row["examined"] >= 2 * config.min_exposure and not row["clicks"]:
        return "skipped, judged exact" if lenient else "skipped, judged strictly"
    return ""


def _rows(row: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    evidence = Evidence.many_from_json(row["evidence"])
    grade, prompt = Grade(row["grade"]), trace(evidence)
    right = kind in ("bought, judged exact", "returned, judged strictly", "skipped, judged strictly")
    if right:
        wanted = [(grade, True)]
    elif kind == "bought, judged strictly":
        wanted = [(grade, False), (Grade.EXACT, True)]
    else:
        wanted = [(Grade.EXACT, False), (Grade.SUBSTITUTE, True)]
    return [
        {
            "query_id": row["query_id"],
            "item_id": row["item_id"],
            "prompt": prompt,
            "completion": answer(g, evidence),
            "desirable": good,
            "kind": kind,
            "weight": float(min(row["examined"], 20.0)),
            "event_ids": list(row["event_ids"]) or list(row["shown"]),
        }
        for g, good in wanted
    ]


def _balanced(by_kind: dict[str, list[list[dict[str, Any]]]], config: Config) -> list[dict[str, Any]]:
    """No more confirmations than corrections, lenient and strict corrections alike, capped per query."""
    lenient, strict = (
        by_kind.get("bought, judged strictly", []),
        [
            *by_kind.get("returned, judged exact", []),
            *by_kind.get("skipped, judged exact", []),
        ],
    )
    n = max(min(len(lenient), len(strict)), 20)
    rng = np.random.default_rng(config.seed)

    def draw(groups: list[list[dict[str, Any]]], count: int) -> list[list[dict[str, Any]]]:
        return [groups[i] for i in sorted(rng.permutation(len(groups))[:count])]

    chosen = draw(lenient, n) + draw(strict, n)
    for kind in ("bought, judged exact", "returned, judged strictly", "skipped, judged strictly"):
        chosen += draw(by_kind.get(kind, []), 2 * n)
    used, rows = Counter[str](), list[dict[str, Any]]()
    for group in chosen:
        if used[group[0]["query_id"]] + len(group) <= config.max_query_rows:
            used[group[0]["query_id"]] += len(group)
            rows += group
    return sorted(rows, key=lambda r: (r["query_id"], r["item_id"], r["completion"]))


def run(config: Config, prepared: Path, evidence: Path, answers: list[Path], output: Path) -> dict[str, float]:
    """Write ``feedback``, ``filtered`` (untrusted clients) and ``behaviour.json``; only train queries teach."""
    events = read_table(prepared, "events")
    simulated = events.is_empty()
    events = _simulated(prepared, config) if simulated else events
    splits = read_table(prepared, "queries").filter(pl.col("split") == "train").select("query_id")
    filtered = untrusted(events)
    trusted = events.join(filtered, on="client_id", how="anti")
    p = propensities(trusted)
    keys = ["query_id", "item_id"]
    judged = pl.concat([read_table(a, "answers").select(*keys, "grade") for a in answers])
    table = (
        _signs(trusted.join(splits, on="query_id"), p)
        .join(judged, on=keys)
        .join(read_table(evidence, "pairs"), on=keys)
    )
    by_kind: dict[str, list[list[dict[str, Any]]]] = {}
    for row in table.sort(keys).iter_rows(named=True):
        kind = _kind(row, config) if row["examined"] >= config.min_exposure else ""
        if kind:
            by_kind.setdefault(kind, []).append(_rows(row, kind))
    rows = _balanced(by_kind, config)
    write_table(rows, output, "feedback")
    write_table(filtered, output, "filtered")
    found = {kind: len(groups) for kind, groups in sorted(by_kind.items())}
    write_json(
        {"simulated": simulated, "propensity": [round(float(x), 4) for x in p[:20]], "signs": found},
        output / "behaviour.json",
    )
    good = sum(r["desirable"] for r in rows)
    return {
        "rows": float(len(rows)),
        "desirable": float(good),
        "undesirable": float(len(rows) - good),
        "events": float(events.height),
        "filtered_clients": float(filtered.height),
        "simulated": float(simulated),
    }
