"""Position bias out of the log itself: the same item at several positions tells how much a position counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["propensities"]


def propensities(events: pl.DataFrame, *, rounds: int = 50) -> npt.NDArray[np.float64]:
    """Relative chance that a position is examined; index 0 is position 1 and equals 1.

    Fits clicks ~ Poisson(impressions x relevance(query, item) x propensity(position)) by alternating
    maximum likelihood; only pairs that were shown at two positions or more inform it.

    Source: intervention harvesting, Agarwal et al. 2019 (arXiv 1812.05161), likelihood form.
    """
    shown = events.filter(pl.col("action_name").is_in(["impression", "click"]) & (pl.col("position") > 0))
    if shown.is_empty():
        return np.ones(1)
    counts = (
        shown.group_by("query_id", "object_id", "position")
        .agg(n=(pl.col("action_name") == "impression").sum(), c=(pl.col("action_name") == "click").sum())
        .with_columns(pair=pl.struct("query_id", "object_id").rank("dense").cast(pl.Int64) - 1)
        .sort("pair", "position")
    )
    pair, position = counts["pair"].to_numpy(), counts["position"].to_numpy() - 1
    n, c = counts["n"].to_numpy().astype(float), counts["c"].to_numpy().astype(float)
    p, size = np.ones(position.max() + 1), pair.max() + 1
    for _ in range(rounds):
        relevance = np.bincount(pair, c + 1e-3, size) / np.maximum(np.bincount(pair, n * p[position], size), 1e-9)
        seen = np.bincount(position, n * relevance[pair], len(p))
        p = np.where(seen > 0, np.bincount(position, c, len(p)) / np.maximum(seen, 1e-9), p)
        p = np.clip(p / max(p[0], 1e-9), 0.02, 1.0)
    return np.minimum.accumulate(p)
