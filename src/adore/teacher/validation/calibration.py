"""Chooses a teacher's operating point on train queries, before the gate looks at others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from adore.teacher.operating_point import (
    OperatingPoint,
    ScoredPairs,
    choose_shift,
    log_odds,
    trade_off,
)
from adore.teacher.validation.validation_set import (
    UNKNOWN,
    Predictions,
    ValidationSet,
)
from adore.types import Grade

__all__ = ["calibrate", "trade_off_report"]

SHOWN_SHIFTS = np.linspace(-4.0, 4.0, 33)
"""Of the curve on the run's page, to both sides of the chosen shift."""
UNSHIFTED = "kto, unshifted"
"""The new teacher as it was trained, among the systems of the curve."""


def calibrate(
    pairs: ValidationSet, old: Predictions, new: Predictions, share: float
) -> OperatingPoint:
    """The point at which a new teacher calls no more others exact than the old one.

    Args:
        pairs: from :func:`adore.teacher.validation.validation_set.load_calibration_set`.
        old: the old teacher's grades of them.
        new: the new teacher's, without a shift.
        share: see :func:`adore.teacher.operating_point.choose_shift`.

    Returns:
        The point, by what people and what shoppers say alike.
    """
    kinds: list[ScoredPairs] = []
    for right in (pairs.human, pairs.sign):
        rows = _answered(right, old, new)
        scored = ScoredPairs(
            is_exact=right[rows] == Grade.EXACT,
            was_exact=old.grades[rows] == Grade.EXACT,
            log_odds=log_odds(new.probabilities[rows]),
        )
        kinds.append(scored)
    return OperatingPoint(choose_shift(kinds, share))


def trade_off_report(
    pairs: ValidationSet, systems: Mapping[str, Predictions], point: OperatingPoint
) -> dict[str, object]:
    """Both errors of every system, and of the new one had it another operating point.

    Args:
        pairs: held-out pairs.
        systems: name to grades of them; of these ``kto`` is the new teacher at its point.
        point: that point.

    Returns:
        ``shift``; of ``people`` and of ``shoppers`` a ``curve`` by shift and the
        ``systems``: points of :class:`adore.teacher.operating_point.TradeOff`.
    """
    new = systems["kto"]
    shifts: Sequence[float] = (point.shift + SHOWN_SHIFTS).tolist()
    report: dict[str, object] = {"shift": point.shift}
    kinds = {"people": pairs.human, "shoppers": pairs.sign}
    for kind, right in kinds.items():
        rows = _answered(right, *systems.values())
        is_exact = right[rows] == Grade.EXACT
        new_odds = log_odds(new.probabilities[rows]) - point.shift

        points: dict[str, dict[str, float]] = {}
        for name, predictions in systems.items():
            if name == "kto":
                points[UNSHIFTED] = _errors(is_exact, new_odds)
            system_odds = log_odds(predictions.probabilities[rows])
            points[name] = _errors(is_exact, system_odds)

        curve = trade_off(is_exact, new_odds, shifts)
        curve_points = [asdict(other) for other in curve]
        report[kind] = {"curve": curve_points, "systems": points}
    return report


def _errors(
    is_exact: npt.NDArray[np.bool_], odds: npt.NDArray[np.float64]
) -> dict[str, float]:
    """Both errors of grades as they are."""
    (measured,) = trade_off(is_exact, odds, [0.0])
    return asdict(measured)


def _answered(
    right: npt.NDArray[np.int64], *predictions: Predictions
) -> npt.NDArray[np.bool_]:
    """The pairs whose right grade is known, and that every teacher answered. Shape [n]."""
    is_known = [right != UNKNOWN]
    for prediction in predictions:
        is_known.append(prediction.grades != UNKNOWN)
    return np.asarray(np.all(is_known, axis=0))
