"""An interval that holds at every look, however often somebody looks."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["TUNED", "confidence_sequence"]

TUNED = 5000
"""Users at which the interval is about tightest for its standard error; chosen before any data."""


def confidence_sequence(
    effect: Any, error: Any, n: Any, *, alpha: float
) -> tuple[Any, Any, Any]:
    """Asymptotic confidence sequence of a mean, or of a difference of means between two arms.

    The chance that it misses the truth at *any* of all looks is at most ``alpha``, once the central limit theorem
    holds at the first one. It is the normal mixture's, so ``p`` is that of the mSPRT: it may be read at every look.

    Args:
        effect: estimate; numbers or arrays.
        error: its standard error.
        n: independent users so far, both arms together.

    Returns:
        low, high, always-valid p.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021 (arXiv 2103.06476), the Gaussian-mixture asymptotic
    confidence sequence and its choice of rho; Johari, Koomen, Pekelis, Walsh 2017 (mSPRT).
    """
    odds = -2 * np.log(alpha)
    rate = (odds + np.log(odds + 1)) / TUNED  # rho squared
    wide = np.multiply(n, rate) + 1
    radius = error * np.sqrt(2 * wide / (wide - 1) * np.log(np.sqrt(wide) / alpha))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(np.equal(effect, 0), 0.0, np.abs(np.divide(effect, error)))
    p = np.minimum(1.0, np.sqrt(wide) * np.exp(-(z**2) * (wide - 1) / (2 * wide)))
    return effect - radius, effect + radius, p
