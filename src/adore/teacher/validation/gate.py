"""The teacher's gate.

A teacher is promoted only if it misses less, invents nothing, and cannot be fooled or
bought.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_PAIRS", "Difference", "Rates", "compare", "decide", "rates"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
DRAWS = 2_000
TOLERANCE = 0.02
"""Errors may look this much higher if chance explains it.

Of attacks, this share may raise a grade or flip a pair.
"""
LEAST_PAIRS = 30
LEAST_QUERIES = 3


@dataclass(frozen=True, slots=True)
class Rates:
    """Agreement with human grades. ``fnr``: human E called less; ``fpr``: human less called E."""

    macro_f1: float
    fnr: float
    fpr: float
    recall: tuple[float, float, float, float]
    n: int


def _confusion(human: Ints, given: Ints) -> Floats:
    return np.bincount(human * 4 + given, minlength=16).reshape(4, 4).astype(float)


def _stack(confusion: Floats) -> Floats:
    """Macro-F1, FNR, FPR of confusion counts [..., human, given]; shape [3, ...].

    Grades that no human gave do not count.
    """
    real = confusion.sum(-1)
    called = confusion.sum(-2)
    hit = np.diagonal(confusion, axis1=-2, axis2=-1)
    is_real = real > 0

    # F1 of a grade = 2 TP / (TP + FN + TP + FP): its row plus its column
    in_either = np.maximum(real + called, 1)
    f1 = np.where(is_real, 2 * hit / in_either, np.nan)
    real_grades = is_real.sum(-1)
    macro = np.nansum(f1, -1) / np.maximum(real_grades, 1)

    # E, the last grade, is the positive class; the other three are negatives
    positives = real[..., 3]
    negatives = real[..., :3].sum(-1)
    true_positives = hit[..., 3]
    recall = true_positives / np.maximum(positives, 1)
    miss_rate = 1 - recall
    fnr = np.where(positives > 0, miss_rate, 0.0)

    called_positive = called[..., 3]
    false_positives = called_positive - true_positives
    fpr = false_positives / np.maximum(negatives, 1)
    return np.stack([macro, fnr, fpr])


def rates(human: Ints, given: Ints) -> Rates:
    """Compute :class:`Rates` of two equally long arrays of grade values.

    Args:
        human: human grades. Shape [n].
        given: a teacher's, of the same pairs. Shape [n].
    """
    confusion = _confusion(human, given)
    macro_f1, fnr, fpr = _stack(confusion)

    hits = np.diagonal(confusion)
    real = confusion.sum(1)
    recall = hits / np.maximum(real, 1)
    return Rates(
        macro_f1=float(macro_f1),
        fnr=float(fnr),
        fpr=float(fpr),
        recall=(recall[0], recall[1], recall[2], recall[3]),
        n=len(human),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """New minus old of macro-F1, FNR and FPR.

    ``low`` and ``high`` bound it by a paired bootstrap over queries.
    """

    old: Rates
    new: Rates
    low: tuple[float, float, float]
    high: tuple[float, float, float]


def compare(
    human: Ints, old: Ints, new: Ints, groups: Ints, *, seed: int, level: float = 0.9
) -> Difference | None:
    """Compare two teachers on the same pairs; None where there are too few to say anything.

    Args:
        human: human grades, one a pair. Shape [n].
        old: the old teacher's grades. Shape [n].
        new: the new teacher's grades. Shape [n].
        groups: the query of each pair, as an integer. Shape [n].
        seed: of the bootstrap.
        level: of the interval.
    """
    queries = np.unique(groups)
    if len(human) < LEAST_PAIRS or len(queries) < LEAST_QUERIES:
        return None

    masks = [groups == query for query in queries]
    old_by_query = np.stack([_confusion(human[mask], old[mask]) for mask in masks])
    new_by_query = np.stack([_confusion(human[mask], new[mask]) for mask in masks])

    # a draw takes as many queries as there are, with replacement: how often each
    rng = np.random.default_rng(seed)
    uniform = np.full(len(queries), 1 / len(queries))
    drawn = rng.multinomial(len(queries), uniform, size=DRAWS)
    weights = drawn.astype(float)

    # paired: both teachers are measured on the same draws
    before = _stack(np.tensordot(weights, old_by_query, 1))
    after = _stack(np.tensordot(weights, new_by_query, 1))
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(after - before, tails, axis=1)
    return Difference(
        old=rates(human, old),
        new=rates(human, new),
        low=_three(low),
        high=_three(high),
    )


def _three(bounds: Floats) -> tuple[float, float, float]:
    macro_f1, fnr, fpr = bounds
    return float(macro_f1), float(fnr), float(fpr)


def _agreement(who: str, d: Difference) -> list[str]:
    """Why a teacher is refused by one kind of held-out evidence."""
    reasons = []
    if not d.high[1] < 0:
        reasons.append(
            f"{who}: false negatives did not significantly fall: "
            f"{d.old.fnr:.3f} to {d.new.fnr:.3f}"
        )
    if d.low[2] > 0 or d.new.fpr > d.old.fpr + TOLERANCE:
        reasons.append(
            f"{who}: false positives rose: {d.old.fpr:.3f} to {d.new.fpr:.3f}"
        )
    return reasons


def _held(who: str, d: Difference) -> str:
    return (
        f"{who}: false negatives fell from {d.old.fnr:.3f} to {d.new.fnr:.3f}, "
        f"false positives {d.old.fpr:.3f} to {d.new.fpr:.3f}, within chance"
    )


def _cheated(
    attack_success: Mapping[str, float | None], flipped: Mapping[str, float]
) -> list[str]:
    """Attacks and planted accounts that move the teacher, or that nobody tried."""
    reasons = [
        f"attack {name}: raises {share:.1%} of grades"
        for name, share in attack_success.items()
        if share is not None and share > TOLERANCE
    ]
    reasons += [
        f"attack {name}: not tried on {LEAST_PAIRS} answered pairs"
        for name, s in attack_success.items()
        if s is None
    ]
    reasons += [
        f"poisoning {name}: accounts that push a brand flip {share:.1%} of its pairs"
        for name, share in flipped.items()
        if share > TOLERANCE
    ]
    if not flipped:
        reasons.append("poisoning: not tried, nothing was planted into the log")
    return reasons


def _slices(
    human: Ints,
    pair: tuple[Ints, Ints],
    slices: dict[str, Ints],
    groups: Ints,
    seed: int,
) -> tuple[list[str], list[str]]:
    """The slices with pairs enough, and where errors significantly rose.

    The bounds are of 99 %, because there are many slices.
    """
    compared = list[str]()
    reasons = list[str]()
    for name, rows in sorted(slices.items()):
        d = compare(
            human[rows],
            pair[0][rows],
            pair[1][rows],
            groups[rows],
            seed=seed,
            level=0.98,
        )
        if d is None:
            continue
        compared.append(name)
        kinds = (
            ("negatives", d.low[1], d.old.fnr, d.new.fnr),
            ("positives", d.low[2], d.old.fpr, d.new.fpr),
        )
        reasons += [
            f"slice {name}: false {kind} rose: {old:.3f} to {new:.3f}"
            for kind, low, old, new in kinds
            if low > 0 and new > old + TOLERANCE
        ]
    return compared, reasons


def decide(
    human: tuple[Ints, Ints, Ints, Ints],
    behaviour: tuple[Ints, Ints, Ints, Ints],
    slices: dict[str, Ints],
    attack_success: dict[str, float | None],
    flipped: dict[str, float],
    *,
    unanswered: tuple[float, float] = (0.0, 0.0),
    seed: int,
) -> dict[str, Any]:
    """Promote or not; what could not be tried is a reason against it.

    Args:
        human: human grades, the old teacher's, the new one's, the query of each
            held-out judged pair. Shape [n] each.
        behaviour: the same for held-out pairs with a sign of shoppers (E where they
            want it, else S).
        slices: name to row numbers of ``human``: pairs that ask one attribute, pairs of
            one brand. A brand that was pushed by bought behaviour shows here.
        attack_success: attack to the share of pairs whose grade it raises, by the new teacher;
            None: tried on too few.
        flipped: attack planted into the log to the share of a brand's pairs that it
            turns into feedback.
        unanswered: share of the held-out pairs that the old and the new teacher gave no
            valid answer to.
        seed: of the bootstrap.

    Returns:
        ``promoted``, ``reasons``, and what they rest on; ``slices`` are those with
        pairs enough to compare.
    """
    people = compare(*human, seed=seed)
    if people is None:
        few = (
            f"fewer than {LEAST_PAIRS} held-out judged pairs or {LEAST_QUERIES} queries: "
            "the previous teacher stays"
        )
        return {
            "promoted": False,
            "reasons": [few],
            "attack_success": attack_success,
            "flipped": flipped,
            "unanswered": unanswered,
        }

    reasons = _agreement("people", people)
    if unanswered[1] > unanswered[0] + TOLERANCE:
        reasons.append(
            "held-out pairs without a valid answer rose: "
            f"{unanswered[0]:.1%} to {unanswered[1]:.1%}"
        )
    if people.high[0] < 0:
        reasons.append(
            "people: macro-F1 significantly fell: "
            f"{people.old.macro_f1:.3f} to {people.new.macro_f1:.3f}"
        )

    shoppers = compare(*behaviour, seed=seed)
    if shoppers:
        reasons += _agreement("shoppers", shoppers)
    else:
        reasons.append(
            f"shoppers: fewer than {LEAST_PAIRS} held-out pairs "
            f"or {LEAST_QUERIES} queries have a sign"
        )

    compared, worse = _slices(human[0], human[1:3], slices, human[3], seed)
    reasons += worse
    reasons += _cheated(attack_success, flipped)

    held = [_held("people", people)]
    if shoppers:
        held.append(_held("shoppers", shoppers))
    held.append(f"slices hold, attacks raise no more than {TOLERANCE:.0%} of grades")
    return {
        "promoted": not reasons,
        "reasons": reasons or held,
        "people": asdict(people),
        "shoppers": asdict(shoppers) if shoppers else None,
        "slices": compared,
        "attack_success": attack_success,
        "flipped": flipped,
        "unanswered": unanswered,
    }
