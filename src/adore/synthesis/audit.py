"""Audits picks of real items: how often people gave the intended grade where they graded one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from random import Random

from adore.synthesis.edits import Edit, Source, training_edits
from adore.synthesis.generator import EditContext
from adore.taxonomy import ERROR_TYPES
from adore.types import Grade

__all__ = ["audit"]

_Pair = tuple[str, str]
"""Ids of query and item, in the order of :data:`adore.types.PAIR`."""


def audit(
    sources: Iterable[Source], context: EditContext
) -> dict[str, dict[str, float]]:
    """Human grades of the picks that synthesis would make if it used graded pairs.

    Leave-one-out: an edit that uses the grades of an item's category does not see the
    grade of the item itself.

    Args:
        sources: good pairs of training queries.
        context: where to pick, from all items.

    Returns:
        For each error type with edits that pick real items: ``n`` graded picks of
        ``queries`` queries, the share ``not_exact`` (the intended side) and
        ``as_intended``, and the count of each grade.
    """
    # synthesis leaves graded pairs alone; the audit is about just those
    without_exclusions: list[Source] = []
    for source in sources:
        free_source = replace(source, excluded=frozenset())
        without_exclusions.append(free_source)

    summaries: dict[str, dict[str, float]] = {}
    for error_type in ERROR_TYPES:
        picks = training_edits(error_type).picks
        if picks:
            grades = _grades(error_type, picks, without_exclusions, context)
            summaries[error_type] = _summary(error_type, grades)
    return summaries


def _grades(
    error_type: str,
    picks: Iterable[Edit],
    sources: Iterable[Source],
    context: EditContext,
) -> dict[_Pair, int]:
    """The human grade of each valid pick that people graded."""
    grades: dict[_Pair, int] = {}
    for pick in picks:
        for source in sources:
            drafts = pick(source, context.catalogue, Random(0))
            for draft in drafts:
                item_id = draft.item.item_id
                pair = (source.query_id, item_id)
                if item_id not in source.graded or pair in grades:
                    continue

                reason, _ = context.edit_fault(source, draft, error_type)
                if not reason:
                    grades[pair] = source.graded[item_id]
    return grades


def _summary(error_type: str, grades: Mapping[_Pair, int]) -> dict[str, float]:
    """Counts and shares of the grades; a share of nothing is 0."""
    number = len(grades)
    counts = Counter(grades.values())
    not_exact = 0.0
    as_intended = 0.0
    if number:
        intended = ERROR_TYPES[error_type].grade
        exact_share = counts[Grade.EXACT] / number
        intended_share = counts[intended] / number
        not_exact = round(1 - exact_share, 3)
        as_intended = round(intended_share, 3)

    queries = {query_id for query_id, _ in grades}
    summary: dict[str, float] = {
        "n": number,
        "queries": len(queries),
        "not_exact": not_exact,
        "as_intended": as_intended,
    }
    for grade in reversed(Grade):
        summary[grade.letter] = counts[grade]
    return summary
