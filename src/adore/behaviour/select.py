"""From signs to KTO rows: both directions in balance, right answers beside them, caps per query."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from adore.prompts import answer, trace
from adore.types import Evidence, Grade

__all__ = ["KINDS", "LENIENT", "balanced"]

LENIENT, STRICT = (
    "bought, judged strictly",
    ("returned, judged exact", "skipped, judged exact"),
)
RIGHT = (
    "bought, judged exact",
    "returned, judged strictly",
    "skipped, judged strictly",
)
KINDS = (LENIENT, *STRICT, *RIGHT)
"""Signs: the judge was too strict, too lenient, or right."""
Group = list[dict[str, Any]]
"""The KTO rows of one sign."""


def _wanted(sign: dict[str, Any]) -> list[tuple[Grade, bool]]:
    """The answers that a sign speaks for (True) and against (False)."""
    grade = Grade(sign["grade"])
    if sign["kind"] in RIGHT:
        return [(grade, True)]
    if sign["kind"] == LENIENT:
        return [(grade, False), (Grade.EXACT, True)]
    return [
        (Grade.EXACT, False),
        (Grade(int(np.argmax(sign["belief"][: Grade.EXACT]))), True),
    ]


def _rows(sign: dict[str, Any]) -> Group:
    evidence = Evidence.many_from_json(sign["evidence"])
    same = {k: sign[k] for k in ("query_id", "item_id", "kind", "event_ids")}
    return [
        {
            **same,
            "prompt": trace(evidence),
            "completion": answer(grade, evidence),
            "desirable": good,
        }
        for grade, good in _wanted(sign)
    ]


def balanced(
    signs: list[dict[str, Any]],
    *,
    tilt: float,
    confirm: float,
    per_query: int,
    seed: int,
) -> Group:
    """The KTO rows of a set of signs; none where nothing is to correct.

    Args:
        signs: ``query_id, item_id, kind, grade, belief, event_ids, evidence``.
        tilt: most corrections of one direction for one of the other.
        confirm: most right answers of one kind for one correction; they hold the rest of the teacher in place.
        per_query: most rows of one query.
    """
    groups: dict[str, list[Group]] = {kind: [] for kind in KINDS}
    used = Counter[str]()
    for i in np.random.default_rng(seed).permutation(len(signs)):
        group = _rows(signs[i])
        query = group[0]["query_id"]
        if used[query] + len(group) <= per_query:
            used[query] += len(group)
            groups[group[0]["kind"]].append(group)
    lenient, strict = groups[LENIENT], [g for kind in STRICT for g in groups[kind]]
    most = max(20, int(tilt * min(len(lenient), len(strict))))
    corrections = lenient[:most] + strict[:most]
    right = [
        g for kind in RIGHT for g in groups[kind][: int(confirm * len(corrections))]
    ]
    return sorted(
        (r for g in corrections + right for r in g),
        key=lambda r: (r["query_id"], r["item_id"], r["completion"]),
    )
