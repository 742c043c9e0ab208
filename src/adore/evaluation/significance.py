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
    """How often each of ``n`` queries is drawn in each bootstrap sample. Shape [draws, n]; rows sum to n."""
    check(n > 0, "queries", n, must="at least 1", fix="give judged queries")
    check(
        draws > 0, "draws", draws, must="at least 1", fix="set evaluate.draws to 2000"
    )
    return (
        np.random.default_rng(seed)
        .multinomial(n, np.full(n, 1.0 / n), size=draws)
        .astype(np.float64)
    )


def _bounds(values: Floats, level: float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
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
    value = float(of(rows.sum(axis=0)))
    low, high = _bounds(of(np.tensordot(weights, rows, axes=1)), level)
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

    Source: Smucker, Allan, Carterette 2007 (shifted bootstrap test); p is (1 + extreme) / (1 + draws).
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
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
    extreme = int((np.abs(means - found) >= abs(found) - 1e-12).sum())
    return Difference(found, low, high, (1 + extreme) / (1 + draws), len(gaps))
