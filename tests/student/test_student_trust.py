"""Trust in the teacher: earned on what people judged."""

from dataclasses import replace

import numpy as np
import pytest

from adore.student.forest import ForestPlan
from adore.student.training import ListRows
from adore.student.trust import judged, outranks, trusting

PLAN = ForestPlan(trees=10, leaf=2, threads=1)


def rows(number: int, *, right: bool, people: int = 10) -> ListRows:
    """Twelve pairs whose grades the features do not tell; the teacher knows them, or says the opposite."""
    rng = np.random.default_rng(number)
    targets = np.eye(4)[rng.permutation(np.arange(12) % 4)]
    weights = np.where(np.arange(12) < people, 1.0, 0.3)
    said = targets if right else targets[:, ::-1]
    blank = np.zeros((12, 3))
    return ListRows(str(number), rng.normal(size=(12, 5)), blank, targets, weights, blank, np.arange(12) < 11, said)


def test_a_teacher_who_is_right_is_believed_and_one_who_is_wrong_is_not():
    assert outranks([rows(n, right=True) for n in range(9)], PLAN) > 0.95
    assert outranks([rows(n, right=False) for n in range(9)], PLAN) < 0.05
    assert 0.05 < outranks([rows(n, right=n % 2 == 0) for n in range(12)], PLAN) < 0.95


@pytest.mark.parametrize("lists", [[], [rows(n, right=False) for n in range(5)], [rows(9, right=False, people=0)] * 9])
def test_where_people_judged_too_little_the_teacher_is_believed(lists):
    assert outranks(lists, PLAN) == 1.0


def test_only_what_the_teacher_alone_judged_loses_weight():
    one, other = rows(1, right=True), replace(rows(2, right=True), weights=np.full(12, 0.3))
    weighed = trusting([one, other], 0.5)[0].weights
    assert weighed[:10].tolist() == [1.0] * 10 and weighed[10] == 0.15 and weighed[11] == 0.3
    kept, made = trusting([one, other], 0.0)
    assert kept.weights.sum() == pytest.approx(10.3) and made.weights.sum() == pytest.approx(0.3)
    assert not trusting([replace(other, real=np.ones(12, dtype=bool))], 0.0)


def test_what_people_judged_is_found_and_synthetic_pairs_are_not_theirs():
    (found,) = judged([rows(1, right=True, people=12), rows(2, right=True, people=0)])
    assert len(found.weights) == 11
