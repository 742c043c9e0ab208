"""Asks the humans: how often is an edit's intended grade right.

On real items that they happen to have graded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from random import Random

from adore.synthesis.edits import Edit, Source
from adore.synthesis.generator import EditContext
from adore.synthesis.registry import PICKS
from adore.taxonomy import ERROR_TYPES
from adore.types import Grade

__all__ = ["audit"]


def audit(
    sources: Iterable[Source], workshop: EditContext
) -> dict[str, dict[str, float]]:
    """Human grades of the picks that synthesis would make if it did not leave graded pairs alone.

    A pick that asks what people say of an item's category is not told what they say of
    the item itself.

    Args:
        sources: good pairs of training queries.
        workshop: where to pick, from all items.

    Returns:
        Per error type with real picks: ``n`` graded ones of ``queries``, the share
        ``not_exact`` (the intended side) and ``as_intended``, and the count of each
        grade.
    """
    sources = [replace(source, known=frozenset()) for source in sources]
    found: dict[str, dict[str, float]] = {}
    for error, pick in PICKS.items():
        graded = _graded(error, pick, sources, workshop)
        found[error] = _summary(error, graded)
    return found


def _graded(
    error: str, pick: Edit, sources: Iterable[Source], workshop: EditContext
) -> dict[tuple[str, str], int]:
    """Query and item of each pick that holds and that people graded, and their grade."""
    grades: dict[tuple[str, str], int] = {}
    for source in sources:
        for draft in pick(source, workshop.catalogue, Random(0)):
            item_id = draft.item.item_id
            key = (source.query_id, item_id)
            if item_id not in source.graded or key in grades:
                continue

            why, _ = workshop.moved(source, draft, error)
            if not why:
                grades[key] = source.graded[item_id]
    return grades


def _summary(error: str, graded: Mapping[tuple[str, str], int]) -> dict[str, float]:
    """Counts and shares of the grades; a share of nothing is 0."""
    number = len(graded)
    counts = Counter(graded.values())
    not_exact = 0.0
    as_intended = 0.0
    if number:
        not_exact = round(1 - counts[int(Grade.EXACT)] / number, 3)
        as_intended = round(counts[ERROR_TYPES[error].grade] / number, 3)

    return {
        "n": number,
        "queries": len({query_id for query_id, _ in graded}),
        "not_exact": not_exact,
        "as_intended": as_intended,
        **{grade.letter: counts[int(grade)] for grade in reversed(Grade)},
    }
