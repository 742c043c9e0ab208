"""The data report: what a shop's folder holds, for the page."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl

from adore.types import Grade

__all__ = ["summarise_tables"]


def summarise_tables(
    frames: dict[str, pl.DataFrame], quarantine: list[dict[str, Any]]
) -> dict[str, Any]:
    """Counts, label mix, field coverage, judged pairs per query, splits and quarantine reasons.

    Args:
        frames: the tables of ``prepare`` by name.
        quarantine: rows of the quarantine table.
    """
    items = frames["items"]
    queries = frames["queries"]
    judgements = frames["judgements"]
    coverage = {
        c: int((items[c] != "").sum())
        for c in ("title", "brand", "category", "description")
    }
    coverage["bullet_points"] = int((items["bullet_points"].list.len() > 0).sum())
    joined = judgements.join(queries, on="query_id")
    per_query = judgements.group_by("query_id").len()["len"]
    splits = {
        split: {
            "queries": queries.filter(pl.col("split") == split).height,
            "judged_queries": joined.filter(pl.col("split") == split)[
                "query_id"
            ].n_unique(),
            "judgements": joined.filter(pl.col("split") == split).height,
        }
        for split in ("train", "dev", "test")
    }
    return {
        "rows": {name: frame.height for name, frame in frames.items()},
        "labels": {
            g.letter: int((judgements["grade"] == int(g)).sum())
            for g in reversed(Grade)
        },
        "coverage": {
            name: round(n / max(1, items.height), 4) for name, n in coverage.items()
        },
        "judged_per_query": {
            "min": int(per_query.min() or 0),  # type: ignore[arg-type]
            "median": float(per_query.median() or 0),  # type: ignore[arg-type]
            "max": int(per_query.max() or 0),  # type: ignore[arg-type]
        },
        "splits": splits,
        "actions": dict(sorted(Counter(frames["events"]["action_name"]).items())),
        "quarantine": dict(
            Counter(f"{r['table']}: {r['reason']}" for r in quarantine).most_common()
        ),
    }
