"""How far the student's probabilities can be believed: one temperature, and the error that is left."""

from __future__ import annotations

import numpy as np

from adore.student.onnx_models import softmax
from adore.types import GAINS, Grade

__all__ = [
    "GRADE_GAINS",
    "calibration_error",
    "chosen_grades",
    "fit_temperature",
    "tempered",
]

GRADE_GAINS = np.array([GAINS[g] for g in Grade])
"""(4,) gain of each grade; probabilities times these are the score that orders a list."""
_RANGE = np.exp(np.linspace(np.log(0.3), np.log(3.0), 61))
_TINY = 1e-9


def tempered(p: np.ndarray, temperature: float) -> np.ndarray:
    """(rows, 4) probabilities made milder (above 1) or bolder (below 1).

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
    own = [
        np.log(tempered(p, t)[np.arange(len(p)), grades] + _TINY).mean() for t in _RANGE
    ]
    return round(float(_RANGE[int(np.argmax(own))]), 3)


def calibration_error(p: np.ndarray, grades: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error (ECE) of the likeliest grade, in equal-width bins; 0 without rows.

    Source: Guo et al. 2017, equation 3.
    """
    if not len(p):
        return 0.0
    sure, right = p.max(axis=1), p.argmax(axis=1) == grades
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [
        abs(sure[place == b].mean() - right[place == b].mean()) * (place == b).mean()
        for b in set(place.tolist())
    ]
    return float(sum(gaps))


def chosen_grades(p: np.ndarray, prior: np.ndarray, power: float) -> np.ndarray:
    """(rows,) grades: the likeliest after rare grades are raised; 0 leaves the likeliest, 1 forgets the prior.

    Half of all judged pairs are exact, so the plain likeliest hardly ever says complement.

    Args:
        p: (rows, 4).
        prior: (4,) share of each grade among the pairs that were learnt from.
        power: from 0 to 1.

    Source: Menon et al. 2021, Long-tail learning via logit adjustment (post hoc).

    Example:
        >>> chosen_grades(np.array([[0.3, 0.0, 0.3, 0.4]]), np.array([0.1, 0.1, 0.3, 0.5]), 0.4).tolist()
        [0]
    """
    return np.asarray((p / np.maximum(prior, 1e-3) ** power).argmax(axis=1))
