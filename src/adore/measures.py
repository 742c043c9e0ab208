"""Offline measures of rankings and grades: pure functions, and the registry of those reported.

Two kinds of measure are registered. A ranking measure gives one value per query, and the
report shows their mean. A grade measure is a statistic of confusion counts over all pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from adore.errors import check
from adore.registry import Registry
from adore.types import GAINS, Grade

__all__ = [
    "GRADE_GAINS",
    "MEASURES",
    "GradeMeasure",
    "RankingMeasure",
    "accuracy",
    "confusion",
    "expected_gain",
    "false_exact",
    "macro_f1",
    "mean",
    "missed_exact",
    "ndcg",
    "ratio",
    "recall",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Better = Literal["higher", "lower"]

GRADE_GAINS = np.array([GAINS[grade] for grade in Grade])
"""Gain of each grade, indexed by grade value. Shape [4]."""


@dataclass(frozen=True, slots=True)
class RankingMeasure:
    """A measure of rankings; a system's value is the mean over queries.

    Attributes:
        better: which way is good.
        definition: one sentence for people.
        of_query: value of one query from the scores and the human grades of its judged
            items, shape [n] each. NaN: the query is left out.
    """

    better: Better
    definition: str
    of_query: Callable[[Floats, Ints], float]


@dataclass(frozen=True, slots=True)
class GradeMeasure:
    """A measure of grades over all judged pairs.

    Attributes:
        better: which way is good.
        definition: one sentence for people.
        statistic: maps confusion counts, human x predicted, shape [..., 4, 4], to values of
            shape [...]. The leading axes are bootstrap samples.
    """

    better: Better
    definition: str
    statistic: Callable[[Floats], Floats]


def ratio(top: Floats, bottom: Floats) -> Floats:
    """Divide counts elementwise.

    Args:
        top: the numerators.
        bottom: the denominators, of a shape that broadcasts with it.

    Returns:
        ``top / bottom``; NaN where nothing was counted.
    """
    top = np.asarray(top, dtype=np.float64)
    bottom = np.asarray(bottom, dtype=np.float64)
    shape = np.broadcast_shapes(top.shape, bottom.shape)
    ratios: Floats = np.full(shape, np.nan)
    is_counted = bottom > 0
    np.divide(top, bottom, out=ratios, where=is_counted)
    return ratios


def expected_gain(probabilities: Floats) -> Floats:
    """Expected ESCI gain of each item; a list is ordered by it.

    Args:
        probabilities: P(grade), indexed by grade value. Shape [..., 4].

    Returns:
        Shape [...].

    Example:
        >>> expected_gain(np.array([[0.0, 0.0, 0.5, 0.5], [1.0, 0.0, 0.0, 0.0]])).tolist()
        [0.55, 0.0]
    """
    return np.asarray(probabilities @ GRADE_GAINS)


def ndcg(scores: Floats, grades: Ints, *, k: int = 10) -> float:
    """NDCG@k of one query's judged items with ESCI gains; tied scores share their gains equally.

    Args:
        scores: higher is ranked first; ``-inf`` ranks last. Shape [n].
        grades: human grade values. Shape [n].
        k: cut-off.

    Returns:
        A number in [0, 1], or NaN where no item has a gain (nothing can be ranked well).

    Raises:
        ConfigError: there is no item, or not one grade a score.

    Source: gains: Reddy et al. 2022, arXiv 2206.06588; ties: McSherry and Najork 2008. Equals
        scikit-learn's ``ndcg_score(gains, scores, k=k)``.
    """
    count = len(scores)
    check(
        count == len(grades) and count > 0,
        "scores",
        count,
        must="as many as grades, at least 1",
        fix="pass one a pair",
    )
    gains = GRADE_GAINS[np.asarray(grades, dtype=np.int64)]

    # The gain at rank r, from 1, is divided by log2(r + 1); below the cut-off it is lost.
    discounts = 1.0 / np.log2(np.arange(count) + 2.0)
    discounts[k:] = 0.0
    ideal = float(np.sort(gains)[::-1] @ discounts)
    if ideal == 0.0:
        return float("nan")

    # Items with equal scores share their mean gain over the ranks that they occupy together.
    _, group, sizes = np.unique(
        -np.asarray(scores, dtype=np.float64), return_inverse=True, return_counts=True
    )
    mean_gains = np.bincount(group, weights=gains) / sizes
    ends = np.cumsum(sizes)
    cumulated = np.concatenate([[0.0], np.cumsum(discounts)])
    group_discounts = cumulated[ends] - cumulated[ends - sizes]
    return float(mean_gains @ group_discounts) / ideal


def confusion(human: Ints, predicted: Ints) -> Floats:
    """Count pairs by human and by predicted grade.

    Args:
        human: human grade values. Shape [n].
        predicted: a system's grade values of the same pairs. Shape [n].

    Returns:
        Counts, human grades in rows, predicted grades in columns. Shape [4, 4].
    """
    size = len(Grade)
    row = np.asarray(human, dtype=np.int64)
    column = np.asarray(predicted, dtype=np.int64)
    cell = row * size + column
    counts = np.bincount(cell, minlength=size * size)
    table = counts.reshape(size, size)
    return table.astype(np.float64)


def mean(sums: Floats) -> Floats:
    """Mean of rows (sum, count). Shape [..., 2] to [...]."""
    return ratio(sums[..., 0], sums[..., 1])


def accuracy(counts: Floats) -> Floats:
    """Share of pairs with the human grade."""
    return ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def macro_f1(counts: Floats) -> Floats:
    """Mean F1 over the grades that humans used; a grade never predicted scores 0.

    Args:
        counts: confusion counts. Shape [..., 4, 4].

    Returns:
        Shape [...]. Equals scikit-learn's ``f1_score(average="macro", labels=<human grades>,
        zero_division=0)``.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    human = counts.sum(axis=-1)
    predicted = counts.sum(axis=-2)

    # F1 of a grade, from its precision hits / predicted and its recall hits / human.
    harmonic = ratio(2 * hits, human + predicted)
    f1 = np.nan_to_num(harmonic)

    is_human = human > 0
    counted = np.where(is_human, f1, 0.0)
    grades = is_human.sum(axis=-1)
    return ratio(counted.sum(axis=-1), grades)


def recall(grade: Grade) -> Callable[[Floats], Floats]:
    """Statistic: share of the pairs of one human grade that are predicted as it."""

    def statistic(counts: Floats) -> Floats:
        of_grade = counts[..., grade, :]
        return ratio(of_grade[..., grade], of_grade.sum(axis=-1))

    return statistic


def false_exact(counts: Floats) -> Floats:
    """False positive rate of exact: share of human S, C and I pairs predicted as exact."""
    less = counts[..., : Grade.EXACT, :]
    return ratio(less[..., Grade.EXACT].sum(axis=-1), less.sum(axis=(-2, -1)))


def missed_exact(counts: Floats) -> Floats:
    """False negative rate of exact: share of human exact pairs predicted as less."""
    exact = counts[..., Grade.EXACT, :]
    return ratio(exact[..., : Grade.EXACT].sum(axis=-1), exact.sum(axis=-1))


MEASURES = Registry[RankingMeasure | GradeMeasure]("measure")
"""What ``evaluate`` measures, by the name that tables and the page use."""

MEASURES.add(
    "nDCG@10",
    RankingMeasure(
        "higher",
        "Are the best judged items on top? Gains E 1, S .1, C .01, I 0.",
        ndcg,
    ),
)
MEASURES.add(
    "macro-F1",
    GradeMeasure(
        "higher", "Mean F1 over the human grades: every grade counts alike.", macro_f1
    ),
)
MEASURES.add(
    "accuracy", GradeMeasure("higher", "Share of pairs with the human grade.", accuracy)
)
for _grade in reversed(Grade):
    MEASURES.add(
        f"recall {_grade.letter}",
        GradeMeasure(
            "higher",
            f"Share of human {_grade.letter} pairs recognised.",
            recall(_grade),
        ),
    )
MEASURES.add(
    "false exact",
    GradeMeasure(
        "lower", "Share of human S, C, I pairs that were called E.", false_exact
    ),
)
MEASURES.add(
    "missed exact",
    GradeMeasure(
        "lower", "Share of human E pairs that were called less.", missed_exact
    ),
)
