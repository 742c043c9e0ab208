"""Several judgements of one pair: aggregated as the shop chose, with their agreement.

Disagreement is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from adore.data.rows import Row
from adore.errors import DataError
from adore.types import Grade

__all__ = ["AggregatedJudgements", "Pair", "aggregate_judgements", "agreement"]

Pair = tuple[str, str]
"""Query id and item id."""


@dataclass(frozen=True, slots=True)
class AggregatedJudgements:
    """Judgements with one grade a pair.

    Attributes:
        rows: ``query_id, item_id, grade``, sorted.
        votes: ``query_id, item_id, grade, votes`` of pairs that were judged more than once; empty
            where all judges agree.
        several: pairs with more than one judgement.
        split: those of them whose judges disagree.
        alpha: Krippendorff's, ordinal; None where nothing was judged twice or all have one grade.
    """

    rows: list[Row]
    votes: list[Row]
    several: int = 0
    split: int = 0
    alpha: float | None = None


def _majority(votes: Counter[int]) -> int:
    """The commonest grade; of several, the one nearest to the median, then the lower."""
    maximum = max(votes.values())
    middle = _median(votes)
    distances = []
    for grade, count in votes.items():
        if count == maximum:
            distances.append((abs(grade - middle), grade))
    _, nearest = min(distances)
    return nearest


def _median(votes: Counter[int]) -> int:
    """The middle grade; of an even number, the lower of the two."""
    ordered = sorted(votes.elements())
    middle = (len(ordered) - 1) // 2
    return ordered[middle]


def agreement(votes: list[Counter[int]]) -> float | None:
    """Compute Krippendorff's alpha for ordinal grades: 1 is agreement, 0 is chance.

    Source: Krippendorff 2011, Computing Krippendorff's alpha-reliability; the package
    ``krippendorff``.

    Args:
        votes: per pair, how many judges gave each grade.

    Returns:
        None where no pair was judged twice, or only one grade was given.
    """
    import krippendorff
    import numpy as np

    several = [of_pair for of_pair in votes if of_pair.total() > 1]
    in_use = sorted(set().union(*several))
    if len(in_use) < 2:
        return None

    # One row a pair, one column a grade that was given.
    table = np.zeros((len(several), len(in_use)), dtype=int)
    for index, of_pair in enumerate(several):
        table[index] = [of_pair[grade] for grade in in_use]
    alpha = krippendorff.alpha(
        value_counts=table, value_domain=in_use, level_of_measurement="ordinal"
    )
    return float(alpha)


def _letter(grade: int) -> str:
    return Grade(grade).letter


def aggregate_judgements(
    grades: Mapping[Pair, list[int]], method: str, file_name: str
) -> AggregatedJudgements:
    """Reduce the judgements of each pair to one grade.

    Args:
        grades: every grade of each pair.
        method: ``majority`` or ``median``; ``""``: all judges of a pair must agree.
        file_name: its name, for the error.

    Returns:
        One grade a pair, with the votes where judges disagree.

    Raises:
        DataError: judges disagree and no method is given.
    """
    votes = {pair: Counter(of_pair) for pair, of_pair in sorted(grades.items())}
    several = 0
    split = []
    for pair, of_pair in votes.items():
        if of_pair.total() > 1:
            several += 1
        if len(of_pair) > 1:
            split.append(pair)

    if split and not method:
        first_split = split[0]
        query_id, item_id = first_split
        best_first = sorted(votes[first_split].elements(), reverse=True)
        letters = " ".join(map(_letter, best_first))
        raise DataError(
            f"judgements of a pair in {file_name} == {letters} of {query_id!r}, {item_id!r} "
            f"({len(split)} of {several} pairs that were judged more than once differ), "
            "must be joined to one; set judges: majority or "
            "judges: median in dataset.yaml (their disagreement is kept as a soft label)"
        )

    # The votes are kept only where judges disagree anywhere: else they say nothing more.
    choose = _majority
    if method == "median":
        choose = _median
    grade_rows: list[Row] = []
    vote_rows: list[Row] = []
    for (query_id, item_id), of_pair in votes.items():
        pair_ids = {"query_id": query_id, "item_id": item_id}
        grade_rows.append({**pair_ids, "grade": choose(of_pair)})
        if split and of_pair.total() > 1:
            for grade, count in sorted(of_pair.items()):
                vote_rows.append({**pair_ids, "grade": grade, "votes": count})

    alpha = agreement(list(votes.values()))
    return AggregatedJudgements(grade_rows, vote_rows, several, len(split), alpha)
