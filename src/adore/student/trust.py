"""How far the teacher is believed: as far as it ranks better than trees that learnt from people alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adore.student.calibration import GRADE_GAINS
from adore.student.forest import ForestPlan, grow
from adore.student.training import ListRows, ndcg

__all__ = ["judged", "outranks", "trusting"]

_PARTS = 3
_DRAWS = 2000


def judged(lists: Sequence[ListRows]) -> list[ListRows]:
    """What people judged, alone."""
    return [found for one in lists if len((found := one.some(one.real & (one.weights == 1))).real)]


def outranks(lists: Sequence[ListRows], plan: ForestPlan) -> float:
    """P(the teacher's mean nDCG@10 on judged lists is above the trees'), by bootstrap over the lists.

    Each list is ranked by trees that learnt from the people's grades of two thirds of the lists, not from its own.

    Args:
        lists: train lists; what people did not judge is not looked at.
        plan: how the trees are grown.

    Returns:
        0 to 1; 1 where fewer than six lists are judged, too few to tell.
    """
    people = [one for one in judged(lists) if np.isfinite(_ndcg(one, one.targets))]
    if len(people) < 2 * _PARTS:
        return 1.0
    part = np.random.default_rng(plan.seed).permutation(len(people)) % _PARTS
    gaps = []
    for held in range(_PARTS):
        learnt, asked = ([o for o, p in zip(people, part, strict=True) if (p == held) == is_held] for is_held in (0, 1))
        trees = grow(learnt, plan)
        gaps += [_ndcg(one, one.said) - _ndcg(one, trees.predict(one.matrix)) for one in asked]
    drawn = np.random.default_rng(plan.seed).integers(len(gaps), size=(_DRAWS, len(gaps)))
    return float((np.array(gaps)[drawn].mean(axis=1) > 0).mean())


def _ndcg(one: ListRows, probabilities: np.ndarray) -> float:
    return ndcg(probabilities @ GRADE_GAINS, one.targets.argmax(axis=1))


def trusting(lists: Sequence[ListRows], trust: float) -> list[ListRows]:
    """The lists with the weight of what only the teacher judged times ``trust``; lists of no weight are left out."""
    weighed = (np.where(o.real & (o.weights < 1), o.weights * trust, o.weights) for o in lists)
    return [replace(one, weights=w) for one, w in zip(lists, weighed, strict=True) if (w > 0).any()]
