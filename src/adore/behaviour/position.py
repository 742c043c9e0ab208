"""Position bias out of the log itself.

The same item at several positions tells how much a position counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["PositionBias", "position_bias"]

Floats = npt.NDArray[np.float64]
DEEPEST = 500
"""Deeper positions count as this one.

Hardly anybody looks there, and one absurd value must not fill the memory.
"""


@dataclass(frozen=True, slots=True)
class PositionBias:
    """Relative chance that a position is examined.

    Attributes:
        propensity: index 0 is position 1 and equals 1; never rises; at most
            :data:`DEEPEST` long.
        eta: the power law ``k ** -eta`` that thin positions lean on.
        pairs: clicked pairs that were shown at two positions or more; only they inform.
        known: False where no pair did: then every propensity is 1 and nothing is
            corrected.
    """

    propensity: Floats
    eta: float
    pairs: int
    known: bool

    def propensity_at(self, position: npt.NDArray[np.int64]) -> Floats:
        """P(examined) of each position.

        Deeper than the log counts as its last position, 0 (unknown) as the mean.
        """
        index = np.clip(position, 1, len(self.propensity)) - 1
        return np.where(position < 1, self.propensity.mean(), self.propensity[index])


@dataclass(frozen=True, slots=True)
class _Block:
    """Neighbouring positions that share one value."""

    mean: float
    weight: float
    length: int

    def pooled(self, right: _Block) -> _Block:
        """This block and the next one as one, at their weighted mean."""
        weight = self.weight + right.weight
        total = self.mean * self.weight + right.mean * right.weight
        return _Block(
            mean=total / weight,
            weight=weight,
            length=self.length + right.length,
        )


def _falling(value: Floats, weight: Floats) -> Floats:
    """Nearest sequence that never rises, by weighted squares (pool adjacent violators)."""
    blocks: list[_Block] = []
    for one_value, one_weight in zip(value, weight, strict=True):
        blocks.append(_Block(one_value, one_weight, 1))

        # a block above the one before it breaks the order: their weighted mean is the
        # nearest value that both may have, and it may in turn exceed the block before
        while len(blocks) > 1 and blocks[-2].mean < blocks[-1].mean:
            right = blocks.pop()
            left = blocks.pop()
            blocks.append(left.pooled(right))

    parts = []
    for block in blocks:
        parts.append(np.full(block.length, block.mean))
    return np.concatenate(parts)


def _power(clicks: Floats, expected: Floats) -> float:
    """The eta in 0 .. 3 that makes ``clicks`` likeliest.

    Position k takes ``k ** -eta`` of ``expected``, its clicks if everybody looked there.
    """
    etas = np.linspace(0, 3, 301)
    positions = np.arange(1, len(clicks) + 1)
    log_law = -etas[:, None] * np.log(positions)  # [etas, positions]

    # log likelihood of a multinomial with shares proportional to expected * k ** -eta,
    # without the terms that do not depend on eta
    matched = (clicks * log_law).sum(1)
    shares = expected * np.exp(log_law)
    normaliser = np.log(shares.sum(1))
    total = clicks.sum()
    log_likelihood = matched - total * normaliser

    likeliest = np.argmax(log_likelihood)
    return float(etas[likeliest])


def _sums(index: npt.NDArray[np.int64], value: Floats, size: int = 0) -> Floats:
    return np.bincount(index, value, size).astype(np.float64)


def position_bias(
    events: pl.DataFrame, *, rounds: int = 100, lean: float = 20.0
) -> PositionBias:
    """Estimate how much each position is looked at.

    Fits clicks = impressions x relevance(query, item) x propensity(position) by
    alternating estimating equations, which are unbiased for yes-or-no clicks too. A
    position's propensity leans on the fitted power law as if ``lean`` clicks had been
    seen there, so a thin position is never wild. Positions deeper than
    :data:`DEEPEST` count as that one.

    Args:
        events: the ``events`` table, of trusted clients.
        rounds: most alternations; fewer where the propensities settle before.
        lean: clicks that the power law is worth at every position.

    Source: intervention harvesting, Agarwal et al. 2019 (arXiv 1812.05161), likelihood
    form.
    """
    events = events.with_columns(pl.col("position").clip(upper_bound=DEEPEST))
    counts = _counts(events)
    depth = int(events["position"].max() or 1)  # type: ignore[arg-type]
    moved = int((counts["pair"].value_counts()["count"] > 1).sum())
    if not moved:
        return PositionBias(np.ones(max(1, depth)), 0.0, 0, known=False)

    pair = counts["pair"].to_numpy()
    place = counts["position"].to_numpy() - 1
    impressions = counts["impressions"].to_numpy().astype(float)
    clicks = counts["clicks"].to_numpy().astype(float)
    pair_clicks = _sums(pair, clicks)
    place_clicks = _sums(place, clicks, depth)

    propensity = np.ones(depth)
    eta = 0.0
    for _ in range(rounds):
        # relevance of each pair: its clicks over the impressions that were looked at
        relevance = pair_clicks / _sums(pair, impressions * propensity[place])

        # clicks that each position would have if everybody looked there
        expected = _sums(place, impressions * relevance[pair], depth)

        # the power law that fits the clicks of all positions, as high as they are together
        eta = _power(place_clicks, expected)
        law = np.arange(1, depth + 1) ** -eta
        scale = place_clicks.sum() / (expected * law).sum()

        # propensity of each position: clicks over expected clicks, shrunk to the law
        weight = expected + lean
        shrunk = (place_clicks + lean * law * scale) / weight
        falling = _falling(shrunk, weight)

        # the first position is the unit; the floor keeps weights 1 / propensity bounded
        updated = np.clip(falling / falling[0], 0.01, 1.0)
        change = np.abs(updated - propensity).max()
        propensity = updated
        if change < 1e-5:
            break
    return PositionBias(propensity, eta, moved, known=True)


def _counts(events: pl.DataFrame) -> pl.DataFrame:
    """``impressions`` and ``clicks`` by pair and position, of pairs that have a click.

    ``pair`` numbers the pairs from 0.
    """
    action = pl.col("action_name")
    has_click = (pl.col("clicks").sum() > 0).over("query_id", "object_id")
    rank = pl.struct("query_id", "object_id").rank("dense").cast(pl.Int64)
    return (
        events.filter(action.is_in(["impression", "click"]) & (pl.col("position") > 0))
        .group_by("query_id", "object_id", "position")
        .agg(
            impressions=(action == "impression").sum(),
            clicks=(action == "click").sum(),
        )
        .filter(has_click, pl.col("impressions") > 0)
        .with_columns(pair=rank - 1)
        .sort("pair", "position")
    )
