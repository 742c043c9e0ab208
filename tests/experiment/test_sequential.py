"""Confidence sequences: hourly looks err no more than they may, and find what is there."""

from __future__ import annotations

import numpy as np
import pytest
from bench.experiment.peeking import looks

from adore.experiment.metrics import rule_count
from adore.experiment.sequential import confidence_sequence

ALPHA = 0.05
SHARED_ALPHA = ALPHA / rule_count()


def acts(
    mean: float, lift: float = 0.0, *, alpha: float = SHARED_ALPHA
) -> tuple[float, float]:
    """Share of 300 experiments that some hourly look of a week promotes,
    and that one rolls back.
    """
    low, high, _ = confidence_sequence(*looks(mean, lift), alpha=alpha)
    return float((low > 0).any(1).mean()), float((high < 0).any(1).mean())


@pytest.mark.parametrize("mean", [0.3, 0.02])
def test_hourly_looks_for_a_week_err_no_more_than_they_may(mean: float) -> None:
    effect, error, _ = looks(mean)
    assert (np.abs(effect) > 1.96 * error).any(1).mean() > 0.2, (
        "looking again and again at Welch's does"
    )
    assert sum(acts(mean, alpha=ALPHA)) < ALPHA
    assert sum(acts(mean)) + acts(mean / 10)[0] < ALPHA, (
        "with a guardrail that seldom happens"
    )


def test_hourly_looks_find_what_is_there() -> None:
    assert acts(0.3, 0.09)[0] > 0.95 and acts(0.3, -0.09)[1] > 0.95


def test_the_interval_and_its_p_agree() -> None:
    low, high, p = confidence_sequence(
        np.array([0.2, 0.2, 0.0]), np.array([0.05, 0.08, 0.0]), 1000, alpha=ALPHA
    )
    assert (
        ((low > 0) | (high < 0)).tolist()
        == (p < ALPHA).tolist()
        == [True, False, False]
    )
    _, _, edge = confidence_sequence((high - low)[0] / 2, 0.05, 1000, alpha=ALPHA)
    assert edge == pytest.approx(ALPHA)
