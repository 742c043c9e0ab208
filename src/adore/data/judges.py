"""Several judgements of one pair: joined as the shop chose, with their agreement.

Disagreement is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adore.errors import DataError

__all__ = ["AggregatedJudgements", "aggregate_judgements", "agreement"]

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class AggregatedJudgements:
    """Judgements with one grade a pair.

    Attributes:
        rows: ``query_id, item_id, grade``, sorted.
        votes: ``query_id, item_id, grade, votes`` of pairs that were judged more than once; else
            empty.
        several: pairs with more than one judgement.
        split: those of them whose judges disagree.
        alpha: Krippendorff's, ordinal; None where nothing was judged twice or all have one grade.
    """

    rows: list[dict[str, Any]]
    votes: list[dict[str, Any]]
    several: int = 0
    split: int = 0
    alpha: float | None = None


def _majority(votes: Counter[int]) -> int:
    """The commonest grade; of several, the one nearest to the median, then the lower."""
    most = max(votes.values())
    middle = _median(votes)
    return min(
        (g for g, n in votes.items() if n == most), key=lambda g: (abs(g - middle), g)
    )


def _median(votes: Counter[int]) -> int:
    """The middle grade; of an even number, the lower of the two."""
    ordered = sorted(votes.elements())
    return ordered[(len(ordered) - 1) // 2]


def agreement(votes: list[Counter[int]]) -> float | None:
    """Krippendorff's alpha for ordinal grades: 1 is agreement, 0 is chance.

    Args:
        votes: per pair, how many judges gave each grade.

    Returns:
        None where no pair was judged twice, or only one grade was given.

    Source: Krippendorff 2011, Computing Krippendorff's alpha-reliability; the package
    ``krippendorff``.
    """
    import krippendorff
    import numpy as np

    several = [v for v in votes if v.total() > 1]
    used = sorted({grade for v in several for grade in v})
    if len(used) < 2:
        return None
    table = np.array([[v[grade] for grade in used] for v in several])
    return float(
        krippendorff.alpha(
            value_counts=table, value_domain=used, level_of_measurement="ordinal"
        )
    )


def aggregate_judgements(
    graded: Mapping[Pair, list[int]], how: str, file: str
) -> AggregatedJudgements:
    """One grade a pair.

    Args:
        graded: every grade of each pair.
        how: ``majority`` or ``median``; ``""``: all judges of a pair must agree.
        file: its name, for the error.

    Raises:
        DataError: judges disagree and nobody said how to join them.
    """
    votes = {pair: Counter(grades) for pair, grades in graded.items()}
    several = [v for v in votes.values() if v.total() > 1]
    split = [(pair, v) for pair, v in sorted(votes.items()) if len(v) > 1]
    if split and not how:
        pair, first = split[0]
        letters = " ".join("ICSE"[g] for g in sorted(first.elements(), reverse=True))
        raise DataError(
            f"judgements of a pair in {file} == {letters} of {pair[0]!r}, {pair[1]!r} "
            f"({len(split)} of {len(several)} pairs that were judged more than once differ), "
            "must be joined to one; set judges: majority or "
            "judges: median in dataset.yaml (their disagreement is kept as a soft label)"
        )

    choose = _median if how == "median" else _majority
    rows: list[dict[str, Any]] = []
    table: list[dict[str, Any]] = []
    for (query_id, item_id), of_pair in sorted(votes.items()):
        pair_ids = {"query_id": query_id, "item_id": item_id}
        rows.append({**pair_ids, "grade": choose(of_pair)})
        if of_pair.total() > 1:
            for grade, count in sorted(of_pair.items()):
                table.append({**pair_ids, "grade": grade, "votes": count})
    return AggregatedJudgements(
        rows,
        table if split else [],
        len(several),
        len(split),
        agreement(list(votes.values())),
    )
