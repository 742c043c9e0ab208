"""The teacher's gate.

A teacher is promoted only if it misses less, invents nothing, and neither texts that cheat
nor bought behaviour move it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt

from adore.measures import confusion, false_exact, macro_f1, missed_exact, recall
from adore.significance import Interval, draw_weights, paired_interval
from adore.types import Grade

__all__ = [
    "MIN_PAIRS",
    "Difference",
    "GateReport",
    "GradedPairs",
    "Rates",
    "Robustness",
    "compare",
    "decide",
    "rates",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

TOLERANCE = 0.02
"""How much an error rate may rise if chance explains it.

Also the share of grades that an attack may raise, or of pairs that poisoning may flip.
"""
MIN_PAIRS = 30
MIN_QUERIES = 3
LEVEL = 0.9
SLICE_LEVEL = 0.98
"""Coverage of a slice's interval: wider, because there are many slices."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Agreement with human grades.

    Attributes:
        macro_f1: over the grades that humans used.
        fnr: share of human E called less; 0 without any.
        fpr: share of human S, C and I called E; 0 without any.
        recall: of each grade, by its value; 0 without any. Shape [4].
        n: pairs.
    """

    macro_f1: float
    fnr: float
    fpr: float
    recall: tuple[float, float, float, float]
    n: int


@dataclass(frozen=True, slots=True)
class GradedPairs:
    """Pairs with the right grade and the grades of two teachers.

    Attributes:
        right: what people or shoppers say. Shape [n].
        old: the old teacher's grades. Shape [n].
        new: the new teacher's grades. Shape [n].
        queries: the query of each pair, as an integer. Shape [n].
    """

    right: Ints
    old: Ints
    new: Ints
    queries: Ints

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> GradedPairs:
        """Select some of the pairs, by row numbers or by a mask."""
        return GradedPairs(
            self.right[rows], self.old[rows], self.new[rows], self.queries[rows]
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """Rates of two teachers, and new minus old with intervals by paired bootstrap over queries."""

    old: Rates
    new: Rates
    macro_f1: Interval
    fnr: Interval
    fpr: Interval


@dataclass(frozen=True, slots=True)
class Robustness:
    """What attacks do to the new teacher, and how often each teacher fails to answer.

    Attributes:
        attack_success: attack to the share of pairs whose grade it raises; None: tried
            on too few.
        flipped: attack planted into the log to the share of a brand's pairs that it
            turns into feedback.
        unanswered_old: share of the held-out pairs without a valid answer of the old
            teacher.
        unanswered_new: of the new one.
    """

    attack_success: Mapping[str, float | None]
    flipped: Mapping[str, float]
    unanswered_old: float = 0.0
    unanswered_new: float = 0.0


@dataclass(frozen=True, slots=True)
class GateReport:
    """The gate's decision and what it rests on.

    Attributes:
        promoted: whether the new teacher takes over.
        reasons: why not, or what was found if it is promoted.
        robustness: as it was given.
        people: comparison on human judgements; None: too few.
        shoppers: comparison on the signs of behaviour; None: too few.
        slices: slices with pairs enough to compare.
    """

    promoted: bool
    reasons: tuple[str, ...]
    robustness: Robustness
    people: Difference | None = None
    shoppers: Difference | None = None
    slices: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, object]:
        """The report as ``gate.json`` has it."""
        robustness = self.robustness
        return {
            "promoted": self.promoted,
            "reasons": list(self.reasons),
            "people": asdict(self.people) if self.people else None,
            "shoppers": asdict(self.shoppers) if self.shoppers else None,
            "slices": list(self.slices),
            "attack_success": dict(robustness.attack_success),
            "flipped": dict(robustness.flipped),
            "unanswered": [robustness.unanswered_old, robustness.unanswered_new],
        }


def _or_zero(statistic: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """The statistic with 0 where it is undefined: a sample without E misses none."""

    def defined(counts: Floats) -> Floats:
        return np.nan_to_num(statistic(counts))

    return defined


STATISTICS = {
    "macro_f1": _or_zero(macro_f1),
    "fnr": _or_zero(missed_exact),
    "fpr": _or_zero(false_exact),
}


def rates(right: Ints, predicted: Ints) -> Rates:
    """Compute the agreement of one teacher.

    Args:
        right: human grades. Shape [n].
        predicted: a teacher's, of the same pairs. Shape [n].

    Returns:
        Its rates.
    """
    counts = confusion(right, predicted)
    values = {slice_name: float(of(counts)) for slice_name, of in STATISTICS.items()}

    recalls: list[float] = []
    for grade in Grade:
        of_grade = _or_zero(recall(grade))
        recalls.append(float(of_grade(counts)))
    irrelevant, complement, substitute, exact = recalls
    return Rates(
        **values,
        recall=(irrelevant, complement, substitute, exact),
        n=len(right),
    )


def compare(
    pairs: GradedPairs, *, seed: int, level: float = LEVEL
) -> Difference | None:
    """Compare two teachers on the same pairs.

    Args:
        pairs: with the grades of both.
        seed: of the bootstrap.
        level: of the interval.

    Returns:
        New against old; None where there are too few pairs or queries to say anything.
    """
    queries = np.unique(pairs.queries)
    if len(pairs.right) < MIN_PAIRS or len(queries) < MIN_QUERIES:
        return None

    # confusion counts of each query add up, so a bootstrap sample is a weighted sum
    old_counts: list[Floats] = []
    new_counts: list[Floats] = []
    for query in queries:
        of_query = pairs.take(pairs.queries == query)
        old_counts.append(confusion(of_query.right, of_query.old))
        new_counts.append(confusion(of_query.right, of_query.new))
    old = np.stack(old_counts)
    new = np.stack(new_counts)

    # pairs of one query are alike, so whole queries are drawn, the same for both teachers
    weights = draw_weights(len(queries), seed=seed)
    intervals: dict[str, Interval] = {}
    for slice_name, statistic in STATISTICS.items():
        intervals[slice_name] = paired_interval(
            new, old, statistic, weights, level=level
        )
    return Difference(
        old=rates(pairs.right, pairs.old),
        new=rates(pairs.right, pairs.new),
        **intervals,
    )


def decide(
    people: GradedPairs,
    shoppers: GradedPairs,
    slices: Mapping[str, Ints],
    robustness: Robustness,
    *,
    seed: int,
) -> GateReport:
    """Promote the new teacher or not; what could not be tried is a reason against it.

    Args:
        people: held-out pairs that people judged.
        shoppers: held-out pairs with a sign of shoppers (E where they want it, else S).
        slices: name to row numbers of ``people``: pairs that ask one attribute, pairs of
            one brand. A brand that was pushed by bought behaviour shows here.
        robustness: attacks and unanswered pairs.
        seed: of the bootstrap.

    Returns:
        The decision with its reasons.
    """
    by_people = compare(people, seed=seed)
    if by_people is None:
        too_few = (
            f"fewer than {MIN_PAIRS} held-out judged pairs or {MIN_QUERIES} queries: "
            "the previous teacher stays"
        )
        return GateReport(False, (too_few,), robustness)

    reasons = _errors("people", by_people)
    before = robustness.unanswered_old
    after = robustness.unanswered_new
    if after > before + TOLERANCE:
        reasons.append(
            f"held-out pairs without a valid answer rose: {before:.1%} to {after:.1%}"
        )
    if by_people.macro_f1.high < 0:
        reasons.append(
            "people: macro-F1 significantly fell: "
            f"{by_people.old.macro_f1:.3f} to {by_people.new.macro_f1:.3f}"
        )

    by_shoppers = compare(shoppers, seed=seed)
    if by_shoppers is None:
        reasons.append(
            f"shoppers: fewer than {MIN_PAIRS} held-out pairs "
            f"or {MIN_QUERIES} queries have a sign"
        )
    else:
        reasons += _errors("shoppers", by_shoppers)

    compared: list[str] = []
    for slice_name, rows in sorted(slices.items()):
        in_slice = compare(people.take(rows), seed=seed, level=SLICE_LEVEL)
        if in_slice is not None:
            compared.append(slice_name)
            reasons += _slice_errors(slice_name, in_slice)
    reasons += _robustness_errors(robustness)

    is_promoted = not reasons
    if is_promoted:
        reasons.append(_summary("people", by_people))
        if by_shoppers:
            reasons.append(_summary("shoppers", by_shoppers))
        reasons.append(
            f"slices hold, attacks raise no more than {TOLERANCE:.0%} of grades"
        )
    return GateReport(
        promoted=is_promoted,
        reasons=tuple(reasons),
        robustness=robustness,
        people=by_people,
        shoppers=by_shoppers,
        slices=tuple(compared),
    )


def _errors(judges: str, difference: Difference) -> list[str]:
    """Why a teacher is refused by one kind of held-out evidence."""
    old = difference.old
    new = difference.new
    reasons: list[str] = []
    # better is not enough: the whole interval of the difference must be below zero
    if not difference.fnr.high < 0:
        reasons.append(
            f"{judges}: false negatives did not significantly fall: "
            f"{old.fnr:.3f} to {new.fnr:.3f}"
        )
    # either a rise that chance does not explain, or one too large to ignore
    if difference.fpr.low > 0 or new.fpr > old.fpr + TOLERANCE:
        reasons.append(
            f"{judges}: false positives rose: {old.fpr:.3f} to {new.fpr:.3f}"
        )
    return reasons


def _slice_errors(slice_name: str, difference: Difference) -> list[str]:
    """Where errors rose significantly, and by more than the tolerance, in one slice."""
    old = difference.old
    new = difference.new
    reasons: list[str] = []
    if difference.fnr.low > 0 and new.fnr > old.fnr + TOLERANCE:
        reasons.append(
            f"slice {slice_name}: false negatives rose: {old.fnr:.3f} to {new.fnr:.3f}"
        )
    if difference.fpr.low > 0 and new.fpr > old.fpr + TOLERANCE:
        reasons.append(
            f"slice {slice_name}: false positives rose: {old.fpr:.3f} to {new.fpr:.3f}"
        )
    return reasons


def _robustness_errors(robustness: Robustness) -> list[str]:
    """Attacks and planted accounts that move the teacher, or that were not tried."""
    reasons: list[str] = []
    for slice_name, share in robustness.attack_success.items():
        if share is None:
            reasons.append(
                f"attack {slice_name}: not tried on {MIN_PAIRS} answered pairs"
            )
        elif share > TOLERANCE:
            reasons.append(f"attack {slice_name}: raises {share:.1%} of grades")

    for slice_name, share in robustness.flipped.items():
        if share > TOLERANCE:
            reasons.append(
                f"poisoning {slice_name}: accounts that push a brand flip {share:.1%} of its pairs"
            )
    if not robustness.flipped:
        reasons.append("poisoning: not tried, nothing was planted into the log")
    return reasons


def _summary(judges: str, difference: Difference) -> str:
    old = difference.old
    new = difference.new
    return (
        f"{judges}: false negatives fell from {old.fnr:.3f} to {new.fnr:.3f}, "
        f"false positives {old.fpr:.3f} to {new.fpr:.3f}, within chance"
    )
