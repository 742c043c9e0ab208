"""Position bias: how much each position is looked at.

From pairs of neighbours in random order where the router showed enough of them. Else from
the log as it is: the same item at several positions shows how much a position counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from adore.behaviour.pair_clicks import ETAS, PairClicks, count_pair_clicks

__all__ = ["DEEPEST", "BiasSource", "PositionBias", "position_bias"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
DEEPEST = 500
"""Deeper positions count as this one.

Hardly anybody looks there, and one absurd value must not fill the memory.
"""
MIN_PROPENSITY = 0.01
"""Keeps weights of 1 / propensity bounded."""
SETTLED = 1e-5
"""Largest change of a propensity at which the alternation ends."""
MAX_STANDARD_ERROR = 0.15
"""Largest standard error of eta with which random pairs suffice: about 1,000 clicks.

P(examined) of position 10 is then known within a factor of 1.4 (10 to the power of 0.15).
Where the ranking follows each shopper's taste, the log as it is errs by some 0.4 in eta
(``python -m bench teacher position``), and a longer log does not mend that.
"""


class BiasSource(StrEnum):
    """What the propensities were estimated from."""

    RANDOM_PAIRS = "randomised pairs"
    NATURAL = "natural variation"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PositionBias:
    """Relative chance that a position is examined.

    Attributes:
        propensity: index 0 is position 1 and equals 1. It never rises. At most
            :data:`DEEPEST` long.
        eta: of the power law ``k ** -eta``, towards which rare positions are smoothed.
        source: what it was estimated from. Where there is nothing, every propensity is 1
            and nothing is corrected.
        random_clicks: clicks on pairs of neighbours in random order.
        pairs: clicked pairs of query and item that were shown at two positions or more;
            only they inform natural variation.
        standard_error: of eta, from random pairs. None from natural variation: its error
            is mostly bias, which the log does not show.
    """

    propensity: Floats
    eta: float
    source: BiasSource
    random_clicks: int = 0
    pairs: int = 0
    standard_error: float | None = None

    @property
    def known(self) -> bool:
        """Whether position can be told from relevance."""
        return self.source is not BiasSource.NONE

    def propensity_at(self, position: Integers) -> Floats:
        """P(examined) of each position.

        Args:
            position: from 1. Positions deeper than the log count as its last one,
                0 (unknown) as the mean. Shape [n].

        Returns:
            Shape [n].
        """
        deepest = len(self.propensity)
        index = np.clip(position, 1, deepest) - 1
        is_unknown = position < 1
        return np.where(
            is_unknown,
            self.propensity.mean(),
            self.propensity[index],
        )


@dataclass(frozen=True, slots=True)
class _Block:
    """Neighbouring positions that share one value."""

    mean: float
    weight: float
    length: int

    def pooled(self, right: _Block) -> _Block:
        """This block and the next one as one, at their weighted mean."""
        weight = self.weight + right.weight
        left_total = self.mean * self.weight
        right_total = right.mean * right.weight
        total = left_total + right_total
        return _Block(
            mean=total / weight,
            weight=weight,
            length=self.length + right.length,
        )


def _never_rising(values: Floats, weights: Floats) -> Floats:
    """Nearest sequence that never rises, by weighted squares (pool adjacent violators)."""
    blocks: list[_Block] = []
    for value, weight in zip(values, weights, strict=True):
        block = _Block(value, weight, length=1)
        blocks.append(block)

        # A block above the one before it breaks the order. Their weighted mean is the
        # nearest value that both may have, and it may in turn exceed the block before.
        while len(blocks) > 1 and blocks[-2].mean < blocks[-1].mean:
            right = blocks.pop()
            left = blocks.pop()
            pooled = left.pooled(right)
            blocks.append(pooled)

    parts = []
    for block in blocks:
        part = np.full(block.length, block.mean)
        parts.append(part)
    return np.concatenate(parts)


def _fit_power_law(clicks: Floats, expected: Floats) -> float:
    """The maximum-likelihood eta in 0 .. 3.

    Args:
        clicks: at each position. Shape [positions].
        expected: clicks at each position if everybody looked there. Position k gets
            ``k ** -eta`` of them. Shape [positions].

    Returns:
        eta, to two digits.
    """
    positions = np.arange(1, len(clicks) + 1)
    log_positions = np.log(positions)

    # Shape [etas, positions].
    log_law = -ETAS[:, None] * log_positions

    # Log likelihood of a multinomial with shares proportional to expected * k ** -eta,
    # without the terms that do not depend on eta.
    matched = (clicks * log_law).sum(1)
    shares = expected * np.exp(log_law)
    normaliser = shares.sum(1)
    total_clicks = clicks.sum()
    penalty = total_clicks * np.log(normaliser)
    log_likelihood = matched - penalty

    likeliest = np.argmax(log_likelihood)
    return float(ETAS[likeliest])


def _sums(index: Integers, values: Floats, size: int = 0) -> Floats:
    """Sum of ``values`` at each index. Shape [size], or as long as the largest index."""
    return np.bincount(index, values, size).astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Impressions and clicks of each pair at each position, as columns of equal length.

    Attributes:
        pair: numbers the pairs from 0. Shape [cells].
        place: position less 1. Shape [cells].
        impressions: at least 1. Shape [cells].
        clicks: Shape [cells].
        depth: number of positions of the log.
    """

    pair: Integers
    place: Integers
    impressions: Floats
    clicks: Floats
    depth: int

    @classmethod
    def of(cls, counts: pl.DataFrame, depth: int) -> _Cells:
        return cls(
            pair=counts["pair"].to_numpy(),
            place=counts["position"].to_numpy() - 1,
            impressions=counts["impressions"].to_numpy().astype(float),
            clicks=counts["clicks"].to_numpy().astype(float),
            depth=depth,
        )


def position_bias(
    events: pl.DataFrame, *, rounds: int = 100, lean: float = 20.0
) -> PositionBias:
    """Estimate how much each position is looked at.

    From pairs of neighbours in random order (:mod:`adore.behaviour.pair_clicks`), where
    they were clicked often enough (:data:`MAX_STANDARD_ERROR`). Else from the log as it
    is: clicks = impressions x relevance(query, item) x propensity(position), fitted by
    alternating estimating equations, which are unbiased for yes-or-no clicks too. A
    position's propensity is smoothed towards the fitted power law as if ``lean`` clicks
    had been seen there, so that a rare position is never extreme.

    Args:
        events: the ``events`` table, of trusted clients. Positions deeper than
            :data:`DEEPEST` count as that one.
        rounds: largest number of alternations; they end early once the propensities
            settle.
        lean: weight of the power law at every position, in clicks.

    Returns:
        The bias; ``known`` is False where no list was explored enough and no pair was
        shown at two positions.

    Source: intervention harvesting, Agarwal et al. 2019 (arXiv 1812.05161), likelihood
    form.
    """
    position = pl.col("position").clip(upper_bound=DEEPEST)
    events = events.with_columns(position)
    depth = int(events["position"].max() or 1)  # type: ignore[arg-type]

    random_pairs = count_pair_clicks(events, depth)
    eta = random_pairs.eta()
    standard_error = random_pairs.standard_error(eta)
    if standard_error > MAX_STANDARD_ERROR:
        return _natural(events, depth, random_pairs, rounds=rounds, lean=lean)
    return PositionBias(
        propensity=np.maximum(random_pairs.propensity(eta), MIN_PROPENSITY),
        eta=eta,
        source=BiasSource.RANDOM_PAIRS,
        random_clicks=random_pairs.total,
        standard_error=standard_error,
    )


def _natural(
    events: pl.DataFrame,
    depth: int,
    random_pairs: PairClicks,
    *,
    rounds: int,
    lean: float,
) -> PositionBias:
    """The bias by natural variation, or that there is none."""
    counts = _count_cells(events)

    positions_of_pair = counts["pair"].value_counts()["count"]
    is_moved = positions_of_pair > 1
    moved_pairs = int(is_moved.sum())
    if not moved_pairs:
        return PositionBias(
            propensity=np.ones(max(1, depth)),
            eta=0.0,
            source=BiasSource.NONE,
            random_clicks=random_pairs.total,
        )

    cells = _Cells.of(counts, depth)
    pair_clicks = _sums(cells.pair, cells.clicks)
    place_clicks = _sums(cells.place, cells.clicks, depth)
    positions = np.arange(1, depth + 1)

    propensity = np.ones(depth)
    eta = 0.0
    for _ in range(rounds):
        # Relevance of each pair: its clicks over the impressions that were looked at.
        examined = cells.impressions * propensity[cells.place]
        relevance = pair_clicks / _sums(cells.pair, examined)

        # Clicks that each position would have if everybody looked there.
        if_all_looked = cells.impressions * relevance[cells.pair]
        expected = _sums(cells.place, if_all_looked, depth)

        # The power law that fits the clicks of all positions, scaled to their sum.
        eta = _fit_power_law(place_clicks, expected)
        law = positions**-eta
        clicks_by_law = (expected * law).sum()
        scale = place_clicks.sum() / clicks_by_law

        # Propensity of each position: clicks over expected clicks, smoothed by the law.
        weight = expected + lean
        pseudo_clicks = lean * law * scale
        smoothed = (place_clicks + pseudo_clicks) / weight
        falling = _never_rising(smoothed, weight)

        # The first position is the unit.
        relative = falling / falling[0]
        updated = np.clip(relative, MIN_PROPENSITY, 1.0)
        changes = np.abs(updated - propensity)
        propensity = updated
        if changes.max() < SETTLED:
            break
    return PositionBias(
        propensity=propensity,
        eta=eta,
        source=BiasSource.NATURAL,
        random_clicks=random_pairs.total,
        pairs=moved_pairs,
    )


def _count_cells(events: pl.DataFrame) -> pl.DataFrame:
    """``impressions`` and ``clicks`` by ``pair`` (numbered) and position, of clicked pairs."""
    action = pl.col("action_name")
    is_impression = action == "impression"
    is_click = action == "click"
    has_position = pl.col("position") > 0
    counted = events.filter(
        is_impression | is_click,
        has_position,
    )
    by_pair_and_position = counted.group_by(
        "query_id",
        "object_id",
        "position",
    )
    counts = by_pair_and_position.agg(
        impressions=is_impression.sum(),
        clicks=is_click.sum(),
    )

    clicks_of_pair = pl.col("clicks").sum().over("query_id", "object_id")
    was_shown = pl.col("impressions") > 0
    informative = counts.filter(
        clicks_of_pair > 0,
        was_shown,
    )

    pair = pl.struct("query_id", "object_id")
    number = pair.rank("dense").cast(pl.Int64) - 1
    numbered = informative.with_columns(pair=number)
    return numbered.sort("pair", "position")
