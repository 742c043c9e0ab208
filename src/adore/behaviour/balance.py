"""From signs to KTO rows: both directions in balance, right answers beside them, caps per query."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from adore.prompts import answer, trace
from adore.types import Evidence, Grade

__all__ = ["KINDS", "LENIENT", "balanced"]

LENIENT = "bought, judged strictly"
STRICT = ("returned, judged exact", "skipped, judged exact")
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
    likeliest = Grade(int(np.argmax(sign["posterior"][: Grade.EXACT])))
    return [(Grade.EXACT, False), (likeliest, True)]


def _rows(sign: dict[str, Any]) -> Group:
    evidence = Evidence.many_from_json(sign["evidence"])
    same = {key: sign[key] for key in ("query_id", "item_id", "kind", "event_ids")}
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
        signs: ``query_id, item_id, kind, grade, posterior, event_ids, evidence``.
        tilt: most corrections of one direction for one of the other.
        confirm: most right answers of one kind for one correction; they hold the rest of
            the teacher in place.
        per_query: most rows of one query.
        seed: of the order in which the signs are taken.
    """
    groups = _groups(signs, per_query, seed)
    lenient = groups[LENIENT]
    strict: list[Group] = []
    for kind in STRICT:
        strict += groups[kind]

    # 20 of a direction may stay, however few the other has
    most = max(20, int(tilt * min(len(lenient), len(strict))))
    corrections = lenient[:most] + strict[:most]

    chosen = list(corrections)
    for kind in RIGHT:
        chosen += groups[kind][: int(confirm * len(corrections))]

    rows: Group = []
    for group in chosen:
        rows += group
    return sorted(
        rows, key=lambda row: (row["query_id"], row["item_id"], row["completion"])
    )


def _groups(
    signs: list[dict[str, Any]], per_query: int, seed: int
) -> dict[str, list[Group]]:
    """Each kind's groups in a random order, of one query at most ``per_query`` rows."""
    rng = np.random.default_rng(seed)
    groups: dict[str, list[Group]] = {kind: [] for kind in KINDS}
    used = Counter[str]()
    for i in rng.permutation(len(signs)):
        sign = signs[i]
        group = _rows(sign)
        query = sign["query_id"]
        if used[query] + len(group) <= per_query:
            used[query] += len(group)
            groups[sign["kind"]].append(group)
    return groups
