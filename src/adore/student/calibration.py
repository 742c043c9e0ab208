"""Calibration of the student's probabilities.

One temperature is fitted; the calibration error says what is left.
"""

from __future__ import annotations

import numpy as np

from adore.student.onnx_models import softmax

__all__ = [
    "calibration_error",
    "chosen_grades",
    "fit_temperature",
    "tempered",
]

_TEMPERATURES = np.exp(np.linspace(np.log(0.3), np.log(3.0), 61))
_TINY = 1e-9


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Apply a temperature to probabilities.

    Args:
        probabilities: Shape [rows, 4].
        temperature: above 1 makes them less confident, below 1 more.

    Returns:
        Shape [rows, 4]; rows sum to 1.

    Example:
        >>> tempered(np.array([[0.2, 0.8]]), 1.0).round(3).tolist()
        [[0.2, 0.8]]
    """
    # p ** (1 / temperature), normalised; computed with logarithms.
    log_probabilities = np.log(np.maximum(probabilities, _TINY))
    return softmax(log_probabilities / temperature)


def fit_temperature(probabilities: np.ndarray, grades: np.ndarray) -> float:
    """Fit the temperature, from .3 to 3, with the smallest log loss.

    Args:
        probabilities: of pairs that were not learnt from. Shape [rows, 4].
        grades: human grades. Shape [rows].

    Returns:
        The temperature; 1 without rows.

    Source: Guo et al. 2017, On calibration of modern neural networks.
    """
    if not len(probabilities):
        return 1.0
    rows = np.arange(len(probabilities))
    log_likelihoods = []
    for temperature in _TEMPERATURES:
        of_human = tempered(probabilities, temperature)[rows, grades]
        log_likelihoods.append(np.log(of_human + _TINY).mean())
    best_number = int(np.argmax(log_likelihoods))
    return round(float(_TEMPERATURES[best_number]), 3)


def calibration_error(
    probabilities: np.ndarray, grades: np.ndarray, bins: int = 10
) -> float:
    """Expected calibration error (ECE) of the likeliest grade, in equal-width bins.

    Args:
        probabilities: Shape [rows, 4].
        grades: human grades. Shape [rows].
        bins: number of bins of confidence.

    Returns:
        A number in [0, 1]; 0 without rows.

    Source: Guo et al. 2017, equation 3.
    """
    if not len(probabilities):
        return 0.0
    confidence = probabilities.max(axis=1)
    is_correct = probabilities.argmax(axis=1) == grades

    # A confidence of 1 falls into the last bin.
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)

    # Equation 3: each bin's |confidence - accuracy|, times its share of the rows.
    weighted_gaps = []
    for bin_number in set(bin_of.tolist()):
        in_bin = bin_of == bin_number
        calibration_gap = abs(confidence[in_bin].mean() - is_correct[in_bin].mean())
        weighted_gaps.append(calibration_gap * in_bin.mean())
    return float(sum(weighted_gaps))


def chosen_grades(
    probabilities: np.ndarray, prior: np.ndarray, power: float
) -> np.ndarray:
    """Name one grade per row: the likeliest, after rare grades are raised.

    Half of all judged pairs are exact, so the plain likeliest is hardly ever complement.

    Args:
        probabilities: Shape [rows, 4].
        prior: share of each grade among the pairs that were learnt from. Shape [4].
        power: from 0, which leaves the likeliest, to 1, which divides by the whole prior.

    Returns:
        Grade values. Shape [rows].

    Source: Menon et al. 2021, Long-tail learning via logit adjustment (post hoc).

    Example:
        >>> probabilities = np.array([[0.3, 0.0, 0.3, 0.4]])
        >>> prior = np.array([0.1, 0.1, 0.3, 0.5])
        >>> chosen_grades(probabilities, prior, 0.4).tolist()
        [0]
    """
    raised = probabilities / np.maximum(prior, 1e-3) ** power
    return np.asarray(raised.argmax(axis=1))
