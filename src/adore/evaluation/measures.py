"""Offline measures: short records here, their calculation in pure functions below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from adore.errors import check
from adore.types import GAINS, Grade

__all__ = [
    "MEASURES",
    "Measure",
    "accuracy",
    "confusion",
    "false_exact",
    "macro_f1",
    "mean",
    "missed_exact",
    "ndcg",
    "recall",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measure:
    """One offline measure.

    Attributes:
        name: its word in tables and on the page.
        needs: ``score``: a ranking per query; ``grade``: a grade per pair.
        better: which way is good.
        definition: one sentence for people.
        of: statistic of summed per-query rows. ``score``: rows (sum of nDCG, number of
            queries), shape [..., 2]; ``grade``: confusion counts human x given, shape
            [..., 4, 4]. Returns shape [...].
    """

    name: str
    needs: Literal["score", "grade"]
    better: Literal["higher", "lower"]
    definition: str
    of: Callable[[Floats], Floats]


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """Elementwise ``top / bottom``, NaN where nothing was counted."""
    top = np.asarray(top, dtype=np.float64)
    bottom = np.asarray(bottom, dtype=np.float64)
    shape = np.broadcast_shapes(top.shape, bottom.shape)
    out: Floats = np.full(shape, np.nan)
    is_counted = bottom > 0
    np.divide(top, bottom, out=out, where=is_counted)
    return out


def ndcg(scores: Floats, grades: Ints, *, k: int = 10) -> float:
    """NDCG@k of one query's judged items with ESCI gains; tied scores share their gains equally.

    Args:
        scores: higher is ranked first; ``-inf`` ranks last. Shape [n].
        grades: human grade values. Shape [n].
        k: cut-off.

    Returns:
        A number in [0, 1], or NaN where no item has a gain (nothing can be ranked well).

    Source: gains: Reddy et al. 2022, arXiv 2206.06588; ties: McSherry and Najork 2008. Equals
        scikit-learn's ``ndcg_score(gains, scores, k=k)``.
    """
    n = len(scores)
    check(
        n == len(grades) and n > 0,
        "scores",
        n,
        must="as many as grades, at least 1",
        fix="pass one a pair",
    )
    table = np.array([GAINS[Grade(g)] for g in range(len(Grade))])
    gains = table[np.asarray(grades, dtype=np.int64)]

    # The gain at rank r, from 1, is divided by log2(r + 1); below the cut-off it is lost.
    discounts = 1.0 / np.log2(np.arange(n) + 2.0)
    discounts[k:] = 0.0
    ideal = float(np.sort(gains)[::-1] @ discounts)
    if ideal == 0.0:
        return float("nan")

    # Items of one score share their mean gain over the places that they hold together.
    _, group, counts = np.unique(
        -np.asarray(scores, dtype=np.float64), return_inverse=True, return_counts=True
    )
    shared = np.bincount(group, weights=gains) / counts
    ends = np.cumsum(counts)
    cumulated = np.concatenate([[0.0], np.cumsum(discounts)])
    places = cumulated[ends] - cumulated[ends - counts]
    return float(shared @ places) / ideal


def confusion(human: Ints, given: Ints) -> Floats:
    """Counts of pairs by human grade (row) and given grade (column). Shape [4, 4].

    Args:
        human: grade values that people gave. Shape [n].
        given: grade values of the same pairs by a system. Shape [n].
    """
    size = len(Grade)
    row = np.asarray(human, dtype=np.int64)
    column = np.asarray(given, dtype=np.int64)
    cell = row * size + column
    counts = np.bincount(cell, minlength=size * size)
    table = counts.reshape(size, size)
    return table.astype(np.float64)


def mean(sums: Floats) -> Floats:
    """Mean of rows (sum, count). Shape [..., 2] to [...]."""
    return _ratio(sums[..., 0], sums[..., 1])


def accuracy(counts: Floats) -> Floats:
    """Share of pairs given the human grade."""
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def macro_f1(counts: Floats) -> Floats:
    """Mean F1 over the grades that humans gave; a grade never given scores 0.

    Equals scikit-learn's ``f1_score(average="macro", labels=<human grades>, zero_division=0)``.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    human = counts.sum(axis=-1)
    given = counts.sum(axis=-2)

    # F1 of a grade, from its precision hits / given and its recall hits / human.
    harmonic = _ratio(2 * hits, human + given)
    f1 = np.nan_to_num(harmonic)

    is_human = human > 0
    counted = np.where(is_human, f1, 0.0)
    grades = is_human.sum(axis=-1)
    return _ratio(counted.sum(axis=-1), grades)


def recall(grade: Grade) -> Callable[[Floats], Floats]:
    """Statistic: share of the pairs of one human grade that were given it."""

    def of(counts: Floats) -> Floats:
        return _ratio(counts[..., grade, grade], counts[..., grade, :].sum(axis=-1))

    return of


def false_exact(counts: Floats) -> Floats:
    """Share of the pairs that humans call less than exact but the system calls exact."""
    less = counts[..., : Grade.EXACT, :]
    return _ratio(less[..., Grade.EXACT].sum(axis=-1), less.sum(axis=(-2, -1)))


def missed_exact(counts: Floats) -> Floats:
    """Share of the pairs that humans call exact but the system calls less."""
    exact = counts[..., Grade.EXACT, :]
    return _ratio(exact[..., : Grade.EXACT].sum(axis=-1), exact.sum(axis=-1))


MEASURES: dict[str, Measure] = {
    m.name: m
    for m in (
        Measure(
            "nDCG@10",
            "score",
            "higher",
            "Are the best judged items on top? Gains E 1, S .1, C .01, I 0.",
            mean,
        ),
        Measure(
            "macro-F1",
            "grade",
            "higher",
            "Mean F1 over the human grades: every grade counts alike.",
            macro_f1,
        ),
        Measure(
            "accuracy",
            "grade",
            "higher",
            "Share of pairs given the human grade.",
            accuracy,
        ),
        *(
            Measure(
                f"recall {g.letter}",
                "grade",
                "higher",
                f"Share of human {g.letter} pairs recognised.",
                recall(g),
            )
            for g in reversed(Grade)
        ),
        Measure(
            "false exact",
            "grade",
            "lower",
            "Share of human S, C, I pairs that were called E.",
            false_exact,
        ),
        Measure(
            "missed exact",
            "grade",
            "lower",
            "Share of human E pairs that were called less.",
            missed_exact,
        ),
    )
}
