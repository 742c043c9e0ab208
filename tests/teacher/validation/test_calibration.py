"""A teacher is calibrated on train queries, by people and by shoppers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adore.artifacts import write_table
from adore.teacher.operating_point import OperatingPoint
from adore.teacher.validation.calibration import calibrate, trade_off_report
from adore.teacher.validation.validation_set import (
    UNKNOWN,
    Predictions,
    ValidationSet,
    load_calibration_set,
    load_validation_set,
)
from adore.types import Grade

PAIRS = 600
RNG = np.random.default_rng(0)
RIGHT = np.where(RNG.random(PAIRS) < 0.3, 3, 1)
NOISE = RNG.normal(0, 2, PAIRS)


def known(human: np.ndarray, sign: np.ndarray) -> ValidationSet:
    """Pairs of which only the right grades matter."""
    return ValidationSet([], human, sign, np.arange(len(human)), {})


def teacher(shift: float, *, noise: float = 1.0) -> Predictions:
    """Answers all but the first pair; its log-odds are the truth and some noise."""
    odds = np.where(RIGHT == Grade.EXACT, 1.5, -3.0) + noise * NOISE + shift
    exact = 1 / (1 + np.exp(-odds))
    none = np.zeros(PAIRS)
    probabilities = np.stack([none, 1 - exact, none, exact], axis=1)
    probabilities[0] = np.nan
    grades = np.where(odds > 0, 3, 1)
    grades[0] = UNKNOWN
    return Predictions(grades, {}, probabilities)


def false_exact(right: np.ndarray, predictions: Predictions) -> float:
    rows = (right != UNKNOWN) & (right != Grade.EXACT) & (predictions.grades != UNKNOWN)
    return float((predictions.grades[rows] == Grade.EXACT).mean())


def test_a_calibrated_teacher_calls_no_more_others_exact_than_the_old_one() -> None:
    sign = np.where(np.arange(PAIRS) % 2, RIGHT, UNKNOWN)
    pairs = known(RIGHT, sign)
    old, trained = teacher(0, noise=1.4), teacher(2.0)
    point = calibrate(pairs, old, trained, 1.0)
    assert point.shift < 0, "as trained it was too ready"

    shifted = teacher(2.0 + point.shift)
    for right in (RIGHT, sign):
        before, after = (false_exact(right, one) for one in (old, shifted))
        assert after <= before < false_exact(right, trained)
    stricter = calibrate(pairs, old, trained, 0.5)
    assert stricter.shift < point.shift


def test_the_curve_goes_through_the_systems() -> None:
    pairs = known(RIGHT, np.full(PAIRS, UNKNOWN))
    systems = {"rules": teacher(-1), "kto": teacher(0.5)}
    report = trade_off_report(pairs, systems, OperatingPoint(0.5))
    people = report["people"]
    assert report["shift"] == 0.5 and list(people["systems"]) == [
        "rules",
        "kto, unshifted",
        "kto",
    ]

    curve = people["curve"]
    missed = [point["fnr"] for point in curve]
    falsely = [point["fpr"] for point in curve]
    assert missed == sorted(missed, reverse=True) and falsely == sorted(falsely)
    (chosen,) = [point for point in curve if point["shift"] == 0.5]
    assert chosen["fpr"] == pytest.approx(false_exact(RIGHT, systems["kto"]))
    assert people["systems"]["kto"]["fnr"] == chosen["fnr"]
    unshifted = people["systems"]["kto, unshifted"]
    assert unshifted["fpr"] == pytest.approx(false_exact(RIGHT, teacher(0)))


def test_what_is_calibrated_on_is_not_what_the_gate_looks_at(
    school: Path, tmp_path: Path
) -> None:
    counts = {"p_exact": 0.9, "kept": 3, "returned": 0, "clients": 9}
    row = {"item_id": "i00", "behaviour": "bought", **counts}
    rows = [
        {**row, "query_id": "q1", "wanted_exact": True},
        {**row, "query_id": "q3", "wanted_exact": False},
    ]
    write_table(rows, tmp_path, "clear_pairs")

    every = load_calibration_set(school, school, tmp_path)
    queries = {pair.query_id for pair in every.judge_inputs}
    assert queries == {"q0", "q1", "q3", "q4", "q5"}, "train queries; q2 is dev"
    validation = load_validation_set(school, school, school, attack_pairs=1, seed=0)
    assert not queries & {pair.query_id for pair in validation.judge_inputs}

    assert every.sign.tolist().count(Grade.EXACT) == 1
    assert every.sign.tolist().count(Grade.SUBSTITUTE) == 1
    assert len(every.judge_inputs) == 200 and (every.human != UNKNOWN).all()
