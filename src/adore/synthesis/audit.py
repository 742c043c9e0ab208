"""Asks the humans: how often is an edit's intended grade right on real items that they happen to have graded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from random import Random

from adore.synthesis.candidates import Catalogue
from adore.synthesis.edits import PICKS, Draft, Source
from adore.taxonomy import error_type
from adore.types import Grade

__all__ = ["audit"]

Holds = Callable[[Source, Draft, str], object]


def audit(
    sources: Iterable[Source], catalogue: Catalogue, graded: Mapping[tuple[str, str], int], holds: Holds
) -> dict[str, dict[str, float]]:
    """Human grades of the picks that synthesis would make if it did not leave graded pairs alone.

    Args:
        sources: good pairs of training queries.
        catalogue: where to pick.
        graded: human grade by query id and item id.
        holds: true if a draft's evidence shows the intended change and nothing else.

    Returns:
        Per error type: ``n`` graded picks, the share ``not_exact`` (the intended side) and the share ``as_intended``.
    """
    sources = [replace(source, known=frozenset()) for source in sources]
    found: dict[str, dict[str, float]] = {}
    for error, picks in PICKS.items():
        seen: dict[tuple[str, str], int] = {}
        for source in sources:
            for pick in picks:
                for draft in pick(source, catalogue, Random(0)):
                    key = (source.query_id, draft.item.item_id)
                    if key in graded and key not in seen and holds(source, draft, error):
                        seen[key] = graded[key]
        counts, n = Counter(seen.values()), len(seen)
        found[error] = {
            "n": n,
            "not_exact": round(1 - counts[int(Grade.EXACT)] / n, 3) if n else 0.0,
            "as_intended": round(counts[error_type(error).grade] / n, 3) if n else 0.0,
        }
    return found
