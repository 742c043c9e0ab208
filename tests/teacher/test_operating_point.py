"""The operating point: chosen by false exact grades of known pairs, applied to probabilities."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adore.teacher.operating_point import (
    OperatingPoint,
    ScoredPairs,
    choose_shift,
    log_odds,
    trade_off,
)

RNG = np.random.default_rng(0)


def scored(count: int = 400, *, old_false: float = 0.1) -> ScoredPairs:
    """Pairs whose log-odds tell exact from others, but not perfectly."""
    is_exact = RNG.random(count) < 0.4
    odds = RNG.normal(np.where(is_exact, 1.0, -3.0), 2.0)
    was_exact = RNG.random(count) < np.where(is_exact, 0.5, old_false)
    return ScoredPairs(is_exact, was_exact, odds)


def test_a_shift_moves_the_log_odds_and_keeps_the_rest_of_the_distribution() -> None:
    before = (0.1, 0.2, 0.4, 0.3)
    after = OperatingPoint(1.5).apply(before)

    moved = log_odds(np.array([after])) - log_odds(np.array([before]))
    assert moved == pytest.approx([1.5])
    assert sum(after) == pytest.approx(1)
    assert after[1] / after[0] == pytest.approx(2) and max(after) == after[3]
    assert OperatingPoint().apply(before) == before


def test_log_odds_are_finite_where_a_grade_is_impossible() -> None:
    odds = log_odds(np.array([[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]))
    assert odds[0] < -20 and odds[1] > 20 and np.isfinite(odds).all()


@given(st.floats(0.1, 1.5), st.integers(0, 1_000))
def test_the_chosen_shift_is_the_readiest_within_the_limit(
    share: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    is_exact = generator.random(200) < 0.4
    pairs = ScoredPairs(
        is_exact,
        generator.random(200) < np.where(is_exact, 0.5, 0.1),
        generator.normal(np.where(is_exact, 1.0, -3.0), 2.0),
    )
    limit = share * pairs.was_exact[~is_exact].mean()

    shift = choose_shift([pairs], share)
    here, readier = trade_off(is_exact, pairs.log_odds, [shift, shift + 0.05])
    assert here.fpr <= limit
    assert shift == 0 or limit < readier.fpr, "never readier than it was trained"


def test_every_kind_of_evidence_bounds_the_shift() -> None:
    lenient, strict = scored(old_false=0.3), scored(old_false=0.05)
    both = choose_shift([lenient, strict], 1.0)
    assert both == min(choose_shift([lenient], 1.0), choose_shift([strict], 1.0))
    assert choose_shift([strict], 0.5) < choose_shift([strict], 1.0)


def test_without_evidence_nothing_is_shifted() -> None:
    none = ScoredPairs(np.zeros(0, bool), np.zeros(0, bool), np.zeros(0))
    only_exact = ScoredPairs(np.ones(9, bool), np.ones(9, bool), np.zeros(9))
    assert choose_shift([none, only_exact], 1.0) == 0
    never = ScoredPairs(np.zeros(9, bool), np.zeros(9, bool), np.full(9, 20.0))
    assert choose_shift([never], 1.0) == -8, "the strictest there is"


def test_the_last_bits_of_a_teacher_do_not_move_its_point() -> None:
    pairs = scored(old_false=0.05)
    trembling = pairs.log_odds + RNG.normal(0, 1e-6, len(pairs.log_odds))
    other = ScoredPairs(pairs.is_exact, pairs.was_exact, trembling)
    assert choose_shift([pairs], 0.9) == choose_shift([other], 0.9) < 0


def test_it_is_kept_beside_the_weights(tmp_path: Path) -> None:
    assert OperatingPoint.read(tmp_path).shift == 0
    OperatingPoint(-0.35).write(tmp_path)
    assert OperatingPoint.read(tmp_path) == OperatingPoint(-0.35)
    assert math.isclose(sum(OperatingPoint.read(tmp_path).apply((0, 0, 0.5, 0.5))), 1)
