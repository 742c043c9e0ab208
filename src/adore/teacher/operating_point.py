"""The operating point of a teacher: how ready it is to grade a pair exact.

A shift of the log-odds of exact trades the two errors against each other: a lower one calls
fewer others exact, and misses more exact pairs. It changes no weight, so that it is chosen
after training, on pairs that the gate does not look at.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from adore.storage import write_json
from adore.teacher.judgements import Probabilities
from adore.types import Grade

__all__ = [
    "OperatingPoint",
    "ScoredPairs",
    "TradeOff",
    "choose_shift",
    "log_odds",
    "trade_off",
]

FILE = "operating_point.json"
"""Beside the model's weights."""
STRICTEST = -8.0
"""A teacher that needs more is not calibrated but overruled."""
STEP = 0.05
SMALLEST = 1e-12
"""Probabilities below count as this one: their logarithm is finite."""

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a teacher adds to the log-odds of exact before its grade is read.

    Args:
        shift: 0: the model as it was trained.
    """

    shift: float = 0.0

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what :meth:`write` wrote; a model without one is not shifted."""
        file = folder / FILE
        if not file.is_file():
            return cls()
        return cls(**json.loads(file.read_text("utf-8")))

    def write(self, folder: Path) -> None:
        """Write it beside a model's weights."""
        write_json(asdict(self), folder / FILE)

    def apply(self, probabilities: Probabilities) -> Probabilities:
        """Shift P(grade); its likeliest grade is the teacher's grade.

        Args:
            probabilities: of the model, by grade value.

        Returns:
            The shifted distribution; it sums to 1.

        Example:
            >>> OperatingPoint(math.log(4)).apply((0.0, 0.0, 0.5, 0.5))
            (0.0, 0.0, 0.2, 0.8)
        """
        if self.shift == 0:
            return probabilities
        irrelevant, complement, substitute, exact = probabilities
        exact *= math.exp(self.shift)
        total = irrelevant + complement + substitute + exact
        return irrelevant / total, complement / total, substitute / total, exact / total


@dataclass(frozen=True, slots=True)
class ScoredPairs:
    """Pairs of which it is known whether they are exact, and what two teachers say.

    Attributes:
        is_exact: what people or shoppers say. Shape [n].
        was_exact: whether the old teacher grades it exact. Shape [n].
        log_odds: of exact, by the new teacher without a shift. Shape [n].
    """

    is_exact: Bools
    was_exact: Bools
    log_odds: Floats


@dataclass(frozen=True, slots=True)
class TradeOff:
    """Both errors at one shift.

    Attributes:
        shift: of the log-odds of exact.
        fnr: share of exact pairs called less.
        fpr: share of other pairs called exact.
    """

    shift: float
    fnr: float
    fpr: float


def log_odds(probabilities: Floats) -> Floats:
    """Log-odds of exact against the likeliest other grade; above 0 the grade is exact.

    Args:
        probabilities: by grade value. Shape [n, 4].

    Returns:
        Shape [n].
    """
    positive = np.maximum(probabilities, SMALLEST)
    logarithms = np.log(positive)

    # exact is the highest grade, so that the others come before it
    exact = logarithms[:, Grade.EXACT]
    others = logarithms[:, : Grade.EXACT]
    return np.asarray(exact - others.max(axis=1))


def trade_off(
    is_exact: Bools, odds: Floats, shifts: Sequence[float]
) -> tuple[TradeOff, ...]:
    """Both errors of a teacher at every shift.

    Args:
        is_exact: what is right. Shape [n].
        odds: of exact without a shift, from :func:`log_odds`. Shape [n].
        shifts: to try.

    Returns:
        One point a shift, in their order; an error of which there is no pair is 0.
    """
    points: list[TradeOff] = []
    for shift in shifts:
        says_exact = odds + shift > 0
        point = TradeOff(
            shift=float(shift),
            fnr=_share(~says_exact[is_exact]),
            fpr=_share(says_exact[~is_exact]),
        )
        points.append(point)
    return tuple(points)


def choose_shift(kinds: Sequence[ScoredPairs], share: float) -> float:
    """The readiest shift with few enough false exact grades; never readier than trained.

    Many shifts above 0 change no grade of the pairs at hand and some of others: between
    the grades that a well trained teacher is sure of, room for them proves nothing.

    Args:
        kinds: pairs that people judged, pairs with a sign of shoppers: on each kind the
            share of others called exact may be at most ``share`` of the old teacher's.
        share: below 1 leaves room for chance.

    Returns:
        The largest such shift from -8 to 0; the lowest where none is.
    """
    steps = round(-STRICTEST / STEP)
    shifts = np.arange(-steps, 1) * STEP
    highest = 0.0
    for pairs in kinds:
        old_grades = pairs.was_exact[~pairs.is_exact]
        limit = share * _share(old_grades)
        points = trade_off(pairs.is_exact, pairs.log_odds, shifts.tolist())
        # the error grows with the shift, so that those within the limit come first
        within = [point.shift for point in points if point.fpr <= limit]
        readiest = within[-1] if within else STRICTEST
        highest = min(highest, readiest)
    return round(highest, 2)


def _share(flags: Bools) -> float:
    return float(flags.mean()) if flags.size else 0.0
