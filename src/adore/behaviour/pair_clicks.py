"""Position bias from pairs of neighbours that the router showed in random order.

Whatever the two items are, each stands at the upper position half of the time. So the
clicks at the two positions differ only by how much each is looked at.

Source: pairs as FairPairs shows them (Radlinski and Joachims, AAAI 2006, arXiv cs/0605037);
propensities from the click ratios of swapped positions as in Joachims, Swaminathan and
Schnabel, WSDM 2017 (arXiv 1608.04468) and as RandPair in Wang et al., WSDM 2018.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["ETAS", "PairClicks", "count_pair_clicks"]

Floats = npt.NDArray[np.float64]
LEAN = 50.0
"""Clicks that each pair gets by the power law beside its own.

With many more, looks that break off at a fold are missed; with fewer, the curve follows
chance (``python -m bench teacher position``).
"""
ETAS = np.linspace(0, 3, 301)
"""The values of eta that are compared."""


@dataclass(frozen=True, slots=True)
class PairClicks:
    """Clicks at both positions of the pairs in random order.

    Attributes:
        upper: clicks at position k of the pairs (k, k + 1), k from 1. Shape [depth - 1].
        lower: clicks at position k + 1 of the same pairs. Shape [depth - 1].
    """

    upper: Floats
    lower: Floats

    @property
    def total(self) -> int:
        """Clicks in all."""
        return int(self.upper.sum() + self.lower.sum())

    def _law(self, eta: float) -> Floats:
        """Share of a pair's clicks at its upper position by the power law."""
        return 1 / (1 + np.exp(-eta * self._log_steps()))

    def _log_steps(self) -> Floats:
        """Logarithm of (k + 1) / k for each pair. Shape [depth - 1]."""
        positions = np.arange(1, len(self.upper) + 1)
        return np.log1p(1 / positions)

    def eta(self) -> float:
        """Find the eta of ``k ** -eta`` under which the clicks are most likely.

        Given a click on one of a pair, it is a draw of the upper or the lower position
        whose odds do not depend on the items.

        Returns:
            A value in 0 .. 3, to two digits; 0 without clicks.
        """
        log_likelihoods = []
        for eta in ETAS:
            share = self._law(eta)
            log_likelihood = self.upper * np.log(share) + self.lower * np.log1p(-share)
            log_likelihoods.append(log_likelihood.sum())
        likeliest = np.argmax(log_likelihoods)
        return float(ETAS[likeliest])

    def standard_error(self, eta: float) -> float:
        """Compute the standard error of eta.

        Args:
            eta: from :meth:`eta`.

        Returns:
            From the Fisher information of the clicks, as if each were drawn by itself;
            infinite without clicks.
        """
        share = self._law(eta)
        clicks = self.upper + self.lower
        squared_steps = self._log_steps() ** 2
        information = clicks * share * (1 - share) * squared_steps
        total = float(information.sum())
        if total == 0:
            return float("inf")
        return 1 / math.sqrt(total)

    def propensity(self, eta: float, *, lean: float = LEAN) -> Floats:
        """Compute P(examined) of every position, relative to the first.

        The product of the ratios of neighbouring positions. Each leans on the power law,
        so that it is the law alone where no pair was clicked.

        Args:
            eta: of the law.
            lean: clicks that each pair gets by the law beside its own.

        Returns:
            Never rises. Shape [depth].
        """
        share = self._law(eta)
        upper = self.upper + lean * share
        lower = self.lower + lean * (1 - share)
        relative = np.cumprod(lower / upper)
        with_first = np.concatenate([[1.0], relative])
        return np.minimum.accumulate(with_first)


def count_pair_clicks(events: pl.DataFrame, depth: int) -> PairClicks:
    """Count clicks on the pairs that were shown in random order.

    Args:
        events: the ``events`` table, of trusted clients; an older one has no
            ``pair_position``. Somebody's clicks on one item of one search count once.
        depth: positions to count, at least 1; pairs that end deeper do not count.

    Returns:
        Zeros where no list was explored.
    """
    nothing = np.zeros(depth - 1)
    if "pair_position" not in events.columns:
        return PairClicks(nothing, nothing)

    upper = pl.col("pair_position")
    is_click = pl.col("action_name") == "click"
    clicks = events.filter(is_click, upper.is_between(1, depth - 1))
    once = clicks.unique(
        ["client_id", "session_id", "query_id", "object_id", "position"]
    )
    at_upper = once.filter(pl.col("position") == upper)
    at_lower = once.filter(pl.col("position") == upper + 1)
    return PairClicks(_by_pair(at_upper, depth), _by_pair(at_lower, depth))


def _by_pair(clicks: pl.DataFrame, depth: int) -> Floats:
    """Clicks of each pair. Shape [depth - 1]."""
    pair = clicks["pair_position"].cast(pl.Int64).to_numpy() - 1
    return np.bincount(pair, minlength=depth - 1).astype(np.float64)
