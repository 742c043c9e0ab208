from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, ndcg_score, recall_score

from adore.errors import ConfigError
from adore.measures import (
    MEASURES,
    GradeMeasure,
    accuracy,
    confusion,
    false_exact,
    macro_f1,
    missed_exact,
    ndcg,
    recall,
)
from adore.types import GAINS, Grade

PAIRS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40
)


@settings(deadline=None)
@given(PAIRS, st.integers(1, 12))
def test_ndcg_equals_scikit_learn_with_ties(
    pairs: list[tuple[int, int]], k: int
) -> None:
    grades, scores = np.array(pairs).T
    if not grades.any():
        assert np.isnan(ndcg(scores.astype(float), grades, k=k))
        return
    gains = np.array([GAINS[Grade(g)] for g in grades])
    assert ndcg(scores.astype(float), grades, k=k) == pytest.approx(
        ndcg_score([gains], [scores], k=k)
    )


@settings(deadline=None)
@given(PAIRS)
def test_grade_measures_equal_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    human, given_ = np.array(pairs).T
    counts, seen = confusion(human, given_), sorted(set(human.tolist()))
    settings_ = {"labels": seen, "average": "macro", "zero_division": 0}
    assert macro_f1(counts) == pytest.approx(f1_score(human, given_, **settings_))
    assert accuracy(counts) == pytest.approx(accuracy_score(human, given_))
    for grade in Grade:
        value = float(recall(grade)(counts))
        expected = recall_score(
            human, given_, labels=[int(grade)], average="macro", zero_division=0
        )
        assert value == pytest.approx(expected) if grade in seen else np.isnan(value)


def test_false_and_missed_exact_by_hand() -> None:
    counts = confusion(np.array([3, 3, 3, 2, 1]), np.array([3, 3, 0, 3, 0]))
    assert false_exact(counts) == pytest.approx(1 / 2)
    assert missed_exact(counts) == pytest.approx(1 / 3)


def test_grade_measures_work_on_many_samples_at_once() -> None:
    counts = np.stack([confusion(np.array([3, 0]), np.array([3, g])) for g in (0, 3)])
    for measure in MEASURES.values():
        if isinstance(measure, GradeMeasure):
            assert measure.statistic(counts).shape == (2,)


def test_ranking_by_grade_is_perfect_and_unscored_items_rank_last() -> None:
    grades = np.array([0, 3, 2, 1])
    assert ndcg(grades.astype(float), grades) == pytest.approx(1.0)
    assert ndcg(np.array([1.0, -1e300]), np.array([0, 3])) == pytest.approx(
        1 / np.log2(3)
    )


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match="scores == 2, must be as many as grades"):
        ndcg(np.zeros(2), np.zeros(3, dtype=np.int64))
