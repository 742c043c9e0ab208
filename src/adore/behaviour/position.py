"""Position bias out of the log itself: the same item at several positions tells how much a position counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["PositionBias", "position_bias"]

Floats = npt.NDArray[np.float64]
DEEPEST = 500
"""Deeper positions count as this one: hardly anybody looks there, and one absurd value must not fill the memory."""


@dataclass(frozen=True, slots=True)
class PositionBias:
    """Relative chance that a position is examined.

    Attributes:
        propensity: index 0 is position 1 and equals 1; never rises; at most :data:`DEEPEST` long.
        eta: the power law ``k ** -eta`` that thin positions lean on.
        pairs: clicked pairs that were shown at two positions or more; only they inform.
        known: False where no pair did: then every propensity is 1 and nothing is corrected.
    """

    propensity: Floats
    eta: float
    pairs: int
    known: bool

    def at(self, position: npt.NDArray[np.int64]) -> Floats:
        """P(examined) of each position; deeper than the log counts as its last, 0 (unknown) as the mean."""
        p = self.propensity[np.clip(position, 1, len(self.propensity)) - 1]
        return np.where(position < 1, self.propensity.mean(), p)


def _falling(value: Floats, weight: Floats) -> Floats:
    """Nearest sequence that never rises, by weighted squares (pool adjacent violators)."""
    blocks: list[list[float]] = []
    for v, w in zip(value, weight, strict=True):
        blocks.append([v, w, 1])
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            v2, w2, n2 = blocks.pop()
            v1, w1, n1 = blocks[-1]
            blocks[-1] = [(v1 * w1 + v2 * w2) / (w1 + w2), w1 + w2, n1 + n2]
    return np.concatenate([np.full(int(n), v) for v, _, n in blocks])


def _power(clicks: Floats, expected: Floats) -> float:
    """The eta in 0 .. 3 that makes ``clicks`` likeliest where position k takes ``k ** -eta`` of ``expected``."""
    etas = np.linspace(0, 3, 301)
    law = -etas[:, None] * np.log(np.arange(1, len(clicks) + 1))
    fit = (clicks * law).sum(1) - clicks.sum() * np.log((expected * np.exp(law)).sum(1))
    return float(etas[np.argmax(fit)])


def _sums(index: npt.NDArray[np.int64], value: Floats, size: int = 0) -> Floats:
    return np.bincount(index, value, size).astype(np.float64)


def position_bias(
    events: pl.DataFrame, *, rounds: int = 100, lean: float = 20.0
) -> PositionBias:
    """Estimate how much each position is looked at.

    Fits clicks = impressions x relevance(query, item) x propensity(position) by alternating estimating
    equations, which are unbiased for yes-or-no clicks too. A position's propensity leans on the fitted
    power law as if ``lean`` clicks had been seen there, so a thin position is never wild. Positions deeper
    than :data:`DEEPEST` count as that one.

    Args:
        events: the ``events`` table, of trusted clients.

    Source: intervention harvesting, Agarwal et al. 2019 (arXiv 1812.05161), likelihood form.
    """
    action = pl.col("action_name")
    events = events.with_columns(pl.col("position").clip(upper_bound=DEEPEST))
    counts = (
        events.filter(action.is_in(["impression", "click"]) & (pl.col("position") > 0))
        .group_by("query_id", "object_id", "position")
        .agg(n=(action == "impression").sum(), c=(action == "click").sum())
        .filter((pl.col("c").sum() > 0).over("query_id", "object_id"), pl.col("n") > 0)
        .with_columns(
            pair=pl.struct("query_id", "object_id").rank("dense").cast(pl.Int64) - 1
        )
        .sort("pair", "position")
    )
    depth = int(events["position"].max() or 1)  # type: ignore[arg-type]
    moved = int((counts["pair"].value_counts()["count"] > 1).sum())
    if not moved:
        return PositionBias(np.ones(max(1, depth)), 0.0, 0, known=False)
    pair, place = counts["pair"].to_numpy(), counts["position"].to_numpy() - 1
    n, c = counts["n"].to_numpy().astype(float), counts["c"].to_numpy().astype(float)
    p, eta, total = np.ones(depth), 0.0, _sums(place, c, depth)
    for _ in range(rounds):
        relevance = _sums(pair, c) / _sums(pair, n * p[place])
        expected = _sums(place, n * relevance[pair], depth)
        eta = _power(total, expected)
        law = np.arange(1, depth + 1) ** -eta
        scale = total.sum() / (expected * law).sum()
        new = _falling(
            (total + lean * law * scale) / (expected + lean), expected + lean
        )
        new, old = np.clip(new / new[0], 0.01, 1.0), p
        p = new
        if np.abs(p - old).max() < 1e-5:
            break
    return PositionBias(p, eta, moved, known=True)
