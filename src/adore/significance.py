"""Bootstrap by query: intervals of a statistic, and of the paired difference of two systems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adore.errors import check

__all__ = [
    "Difference",
    "Interval",
    "draw_weights",
    "interval",
    "paired",
    "paired_interval",
]

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and its percentile interval."""

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

    Raises:
        ConfigError: ``n`` or ``draws`` is not positive.
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


def _sample_sums(rows: Floats, weights: Floats) -> Floats:
    """Sums of the rows of each bootstrap sample. Shape [draws, *row]."""
    return np.tensordot(weights, rows, axes=1)


def interval(
    rows: Floats, statistic: Statistic, weights: Floats, *, level: float = 0.95
) -> Interval:
    """A statistic of summed per-query rows, and its interval.

    Args:
        rows: one row (of any shape) a query. Shape [n, ...].
        statistic: maps sums of rows, shape [..., *row], to values, shape [...].
        weights: from :func:`draw_weights`. Shape [draws, n].
        level: coverage.

    Returns:
        The value over all queries, and its bounds; NaN where the statistic is undefined.
    """
    totals = rows.sum(axis=0)
    value = float(statistic(totals))

    sampled = statistic(_sample_sums(rows, weights))
    low, high = _bounds(sampled, level)
    return Interval(value, low, high)


def paired_interval(
    new: Floats,
    old: Floats,
    statistic: Statistic,
    weights: Floats,
    *,
    level: float = 0.95,
) -> Interval:
    """New minus old of a statistic of summed per-query rows, and its interval.

    Both systems are measured on the same bootstrap samples.

    Args:
        new: one row (of any shape) a query. Shape [n, ...].
        old: the other system's rows of the same queries. Shape [n, ...].
        statistic: maps sums of rows, shape [..., *row], to values, shape [...].
        weights: from :func:`draw_weights`. Shape [draws, n].
        level: coverage.

    Returns:
        The value over all queries, and its bounds; NaN where the statistic is undefined.
    """
    new_value = statistic(new.sum(axis=0))
    old_value = statistic(old.sum(axis=0))

    # The same weights for both: what is hard in a sample is hard for both systems.
    new_values = statistic(_sample_sums(new, weights))
    old_values = statistic(_sample_sums(old, weights))
    differences = new_values - old_values

    low, high = _bounds(differences, level)
    return Interval(float(new_value - old_value), low, high)


def paired(
    a: Floats, b: Floats, *, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> Difference:
    """Paired bootstrap of ``mean(a - b)``; swapping ``a`` and ``b`` flips the signs and keeps p.

    Args:
        a: one value a query, finite. Shape [n].
        b: the other system's values of the same queries. Shape [n].
        draws: bootstrap samples.
        seed: seeds the samples.
        level: coverage.

    Returns:
        The mean difference with its interval and p-value.

    Raises:
        ConfigError: ``a`` and ``b`` are of different shapes, empty or not finite.

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
    gaps = a - b
    check(
        bool(np.isfinite(gaps).all()),
        "values",
        "NaN or inf",
        must="finite",
        fix="drop queries without a value",
    )
    difference = float(gaps.mean())
    means = draw_weights(len(gaps), draws=draws, seed=seed) @ gaps / len(gaps)
    low, high = _bounds(means, level)

    # Shifted by the observed difference, the samples have mean 0: the null hypothesis.
    shifted = np.abs(means - difference)
    extreme = int((shifted >= abs(difference) - 1e-12).sum())
    p_value = (1 + extreme) / (1 + draws)
    return Difference(difference, low, high, p_value, len(gaps))
