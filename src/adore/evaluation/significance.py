"""Bootstrap by query: intervals of a measure, and of the paired difference of two systems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adore.errors import check

__all__ = ["Difference", "Interval", "draw_weights", "interval", "paired"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A measure's value and its percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean paired difference, its percentile interval, two-sided p, and the number of queries."""

    difference: float
    low: float
    high: float
    p: float
    n: int


def draw_weights(n: int, *, draws: int = 2000, seed: int = 0) -> Floats:
    """How often each query is drawn in each bootstrap sample.

    Args:
        n: queries.
        draws: bootstrap samples.
        seed: seeds the samples.

    Returns:
        Shape [draws, n]; rows sum to n.
    """
    check(n > 0, "queries", n, must="at least 1", fix="give judged queries")
    check(
        draws > 0, "draws", draws, must="at least 1", fix="set evaluate.draws to 2000"
    )
    # A sample draws n queries with replacement: counts are multinomial.
    even = np.full(n, 1.0 / n)
    counts = np.random.default_rng(seed).multinomial(n, even, size=draws)
    return counts.astype(np.float64)


def _bounds(values: Floats, level: float) -> tuple[float, float]:
    """Percentile interval of the values that are numbers; NaN without any."""
    is_known = np.isfinite(values)
    known = values[is_known]
    if not len(known):
        return float("nan"), float("nan")

    # The tails on both sides are equal.
    lower = (1 - level) / 2
    upper = (1 + level) / 2
    low, high = np.quantile(known, [lower, upper])
    return float(low), float(high)


def interval(
    rows: Floats,
    of: Callable[[Floats], Floats],
    weights: Floats,
    *,
    level: float = 0.95,
) -> Interval:
    """A statistic of summed per-query rows, and its interval.

    Args:
        rows: one row (of any shape) a query. Shape [n, ...].
        of: maps sums of rows, shape [..., *row], to values, shape [...].
        weights: from :func:`draw_weights`. Shape [draws, n].
        level: coverage.
    """
    whole = rows.sum(axis=0)
    value = float(of(whole))

    # Sums of the rows of each bootstrap sample. Shape [draws, *row].
    sampled = np.tensordot(weights, rows, axes=1)
    low, high = _bounds(of(sampled), level)
    return Interval(value, low, high)


def paired(
    a: Floats, b: Floats, *, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> Difference:
    """Paired bootstrap of ``mean(a - b)``; swapping ``a`` and ``b`` flips the signs and keeps p.

    Args:
        a, b: one value a query, in the same order, finite. Shape [n].
        draws: bootstrap samples.
        seed: seeds the samples.
        level: coverage.

    Source: Smucker, Allan, Carterette 2007 (shifted bootstrap test); p is (1 + extreme) /
        (1 + draws).
    """
    a = np.asarray(a, dtype=np.float64)
    b = np.asarray(b, dtype=np.float64)
    check(
        a.shape == b.shape and a.ndim == 1,
        "shapes",
        (a.shape, b.shape),
        must="equal, [n]",
        fix="align by query",
    )
    check(
        bool(np.isfinite(a - b).all()),
        "values",
        "NaN or inf",
        must="finite",
        fix="drop queries without a value",
    )
    gaps = a - b
    found = float(gaps.mean())
    means = draw_weights(len(gaps), draws=draws, seed=seed) @ gaps / len(gaps)
    low, high = _bounds(means, level)

    # Shifted by what was found, the samples have mean 0, as if there were no difference.
    shifted = np.abs(means - found)
    extreme = int((shifted >= abs(found) - 1e-12).sum())
    p = (1 + extreme) / (1 + draws)
    return Difference(found, low, high, p, len(gaps))
