"""How far the student's probabilities can be believed.

One temperature is fitted; the calibration error tells what is left.
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

_RANGE = np.exp(np.linspace(np.log(0.3), np.log(3.0), 61))
_TINY = 1e-9


def tempered(p: np.ndarray, temperature: float) -> np.ndarray:
    """(rows, 4) probabilities made milder or bolder.

    Args:
        p: (rows, 4) probabilities.
        temperature: above 1 makes them milder, below 1 bolder.

    Example:
        >>> tempered(np.array([[0.2, 0.8]]), 1.0).round(3).tolist()
        [[0.2, 0.8]]
    """
    return softmax(np.log(np.maximum(p, _TINY)) / temperature)


def fit_temperature(p: np.ndarray, grades: np.ndarray) -> float:
    """The temperature, from .3 to 3, of the smallest log loss; 1 without rows.

    Args:
        p: (rows, 4) of pairs that were not learnt from.
        grades: (rows,) human grades.

    Source: Guo et al. 2017, On calibration of modern neural networks.
    """
    if not len(p):
        return 1.0
    likelihoods = []
    for temperature in _RANGE:
        of_human = tempered(p, temperature)[np.arange(len(p)), grades]
        likelihoods.append(np.log(of_human + _TINY).mean())
    return round(float(_RANGE[int(np.argmax(likelihoods))]), 3)


def calibration_error(p: np.ndarray, grades: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error (ECE) of the likeliest grade, in equal-width bins.

    Args:
        p: (rows, 4) probabilities.
        grades: (rows,) human grades.
        bins: number of bins of confidence.

    Returns:
        A number in [0, 1]; 0 without rows.

    Source: Guo et al. 2017, equation 3.
    """
    if not len(p):
        return 0.0
    confidence = p.max(axis=1)
    correct = p.argmax(axis=1) == grades

    # A confidence of 1 falls into the last bin.
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)

    # Equation 3: each bin's |confidence - accuracy|, times its share of the rows.
    gaps = []
    for number in set(bin_of.tolist()):
        inside = bin_of == number
        gap = abs(confidence[inside].mean() - correct[inside].mean())
        gaps.append(gap * inside.mean())
    return float(sum(gaps))


def chosen_grades(p: np.ndarray, prior: np.ndarray, power: float) -> np.ndarray:
    """(rows,) grades: the likeliest after rare grades are raised.

    Half of all judged pairs are exact, so the plain likeliest hardly ever says complement.

    Args:
        p: (rows, 4).
        prior: (4,) share of each grade among the pairs that were learnt from.
        power: from 0, which leaves the likeliest, to 1, which forgets the prior.

    Source: Menon et al. 2021, Long-tail learning via logit adjustment (post hoc).

    Example:
        >>> p, prior = np.array([[0.3, 0.0, 0.3, 0.4]]), np.array([0.1, 0.1, 0.3, 0.5])
        >>> chosen_grades(p, prior, 0.4).tolist()
        [0]
    """
    raised = p / np.maximum(prior, 1e-3) ** power
    return np.asarray(raised.argmax(axis=1))
