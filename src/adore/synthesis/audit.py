"""Asks the humans: how often is an edit's intended grade right on real items that they happen to have graded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from random import Random

from adore.synthesis.edits import Source
from adore.synthesis.registry import PICKS
from adore.synthesis.workshop import Workshop
from adore.taxonomy import error_type
from adore.types import Grade

__all__ = ["audit"]


def audit(sources: Iterable[Source], workshop: Workshop) -> dict[str, dict[str, float]]:
    """Human grades of the picks that synthesis would make if it did not leave graded pairs alone.

    A pick that asks what people say of an item's category is not told what they say of the item itself.

    Args:
        sources: good pairs of training queries.
        workshop: where to pick, from all items.

    Returns:
        Per error type with real picks: ``n`` graded ones of ``queries``, the share ``not_exact`` (the intended side)
        and ``as_intended``, and the count of each grade.
    """
    sources = [replace(source, known=frozenset()) for source in sources]
    found: dict[str, dict[str, float]] = {}
    for error, pick in PICKS.items():
        seen: dict[tuple[str, str], int] = {}
        for source in sources:
            for draft in pick(source, workshop.catalogue, Random(0)):
                key = (source.query_id, draft.item.item_id)
                graded = key[1] in source.graded and key not in seen
                if graded and not workshop.moved(source, draft, error)[0]:
                    seen[key] = source.graded[key[1]]
        counts, n = Counter(seen.values()), len(seen)
        found[error] = {
            "n": n,
            "queries": len({query_id for query_id, _ in seen}),
            "not_exact": round(1 - counts[int(Grade.EXACT)] / n, 3) if n else 0.0,
            "as_intended": round(counts[error_type(error).grade] / n, 3) if n else 0.0,
            **{g.letter: counts[int(g)] for g in reversed(Grade)},
        }
    return found
