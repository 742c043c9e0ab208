"""An interval that holds at every look, however often somebody looks."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["TUNED", "confidence_sequence"]

Numbers: TypeAlias = float | npt.NDArray[np.float64]
Counts: TypeAlias = int | npt.NDArray[np.int64]

TUNED = 5000
"""Users at which the interval is about tightest for its standard error.

Chosen before any data.
"""


def confidence_sequence(
    effect: Numbers, standard_error: Numbers, users: Counts, *, alpha: float
) -> tuple[Numbers, Numbers, Numbers]:
    """Asymptotic confidence sequence of a mean, or of a difference of means between two arms.

    The chance that it misses the truth at *any* of all looks is at most ``alpha``, once
    the central limit theorem holds at the first one. It comes from the normal mixture, so
    ``p`` is that of the mSPRT and may be read at every look.

    Args:
        effect: estimates. A number, or an array of any shape.
        standard_error: of each estimate; broadcast with ``effect``.
        users: independent users so far, both arms together; broadcast with ``effect``.
        alpha: largest chance of missing the truth at any look.

    Returns:
        Lower ends, upper ends and always-valid p-values, in the shape of ``effect``.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021 (arXiv 2103.06476), the
    Gaussian-mixture asymptotic confidence sequence and its choice of rho; Johari,
    Koomen, Pekelis, Walsh 2017 (mSPRT).
    """
    # rho squared, the mixture's variance: the interval is about tightest at TUNED users.
    log_alpha = -2 * np.log(alpha)
    correction = np.log(log_alpha + 1)
    total = log_alpha + correction
    rho_squared = total / TUNED

    # n rho^2 + 1: how much wider the mixture is than one look's normal distribution.
    spread = np.multiply(users, rho_squared) + 1
    root_spread = np.sqrt(spread)

    # Radius in standard errors: sqrt(2 (n rho^2 + 1) / (n rho^2) log(sqrt(n rho^2 + 1) / alpha)).
    inflation = 2 * spread / (spread - 1)
    penalty = np.log(root_spread / alpha)
    radius = standard_error * np.sqrt(inflation * penalty)

    # No effect has a z-score of 0, with a standard error of 0 too.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(np.divide(effect, standard_error))
    z_score = np.where(np.equal(effect, 0), 0.0, ratio)

    # p is one over the mixture's likelihood ratio against no effect, at most 1.
    exponent = -(z_score**2) * (spread - 1) / (2 * spread)
    inverse_ratio = root_spread * np.exp(exponent)
    p_value = np.minimum(1.0, inverse_ratio)

    low = effect - radius
    high = effect + radius
    return low, high, p_value
