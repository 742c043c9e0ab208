"""An interval that holds at every look, however often somebody looks."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["TUNED", "confidence_sequence"]

TUNED = 5000
"""Users at which the interval is about tightest for its standard error.

Chosen before any data.
"""


def confidence_sequence(
    effect: Any, error: Any, n: Any, *, alpha: float
) -> tuple[Any, Any, Any]:
    """Asymptotic confidence sequence of a mean, or of a difference of means between two arms.

    The chance that it misses the truth at *any* of all looks is at most ``alpha``, once
    the central limit theorem holds at the first one. It is the normal mixture's, so
    ``p`` is that of the mSPRT: it may be read at every look.

    Args:
        effect: estimate; numbers or arrays.
        error: its standard error.
        n: independent users so far, both arms together.
        alpha: the most that the chance of missing the truth at any look may be.

    Returns:
        low, high, always-valid p.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021 (arXiv 2103.06476), the
    Gaussian-mixture asymptotic confidence sequence and its choice of rho; Johari,
    Koomen, Pekelis, Walsh 2017 (mSPRT).
    """
    # rho squared, the mixture's variance: the interval is about tightest at TUNED users
    log_alpha = -2 * np.log(alpha)
    correction = np.log(log_alpha + 1)
    total = log_alpha + correction
    rho_squared = total / TUNED

    # n rho^2 + 1: how much wider the mixture is than one look's normal distribution
    spread = np.multiply(n, rho_squared) + 1
    root = np.sqrt(spread)

    # radius in standard errors: sqrt(2 (n rho^2 + 1) / (n rho^2) log(sqrt(n rho^2 + 1) / alpha))
    inflation = 2 * spread / (spread - 1)
    penalty = np.log(root / alpha)
    radius = error * np.sqrt(inflation * penalty)

    # no effect has z 0, with an error of 0 too
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(np.divide(effect, error))
    z = np.where(np.equal(effect, 0), 0.0, ratio)

    # p is one over the mixture's likelihood ratio against no effect, at most 1
    exponent = -(z**2) * (spread - 1) / (2 * spread)
    inverse_ratio = root * np.exp(exponent)
    p = np.minimum(1.0, inverse_ratio)

    low = effect - radius
    high = effect + radius
    return low, high, p
