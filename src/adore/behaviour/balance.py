"""From signs to KTO rows: both directions in balance, confirmations beside them, query caps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from adore.behaviour.signs import (
    CONFIRMATIONS,
    LENIENT_CORRECTION,
    STRICT_CORRECTIONS,
    SignKind,
)
from adore.prompts import answer, trace
from adore.types import Evidence, Grade

__all__ = ["FeedbackRow", "Sign", "balance_feedback"]

MIN_DIRECTION_SIGNS = 20
"""So many corrections of one direction stay, however few the other direction has."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One pair of which behaviour is clear.

    Attributes:
        query_id: of the query.
        item_id: of the item.
        kind: what shoppers did, and how the judge had graded the pair.
        grade: the judge's grade.
        posterior: P(true grade | behaviour), by grade value. Length 4.
        event_ids: the events behind the sign.
        evidence: what the attributes of query and item say.
    """

    query_id: str
    item_id: str
    kind: SignKind
    grade: Grade
    posterior: Sequence[float]
    event_ids: Sequence[str]
    evidence: Sequence[Evidence]


class FeedbackRow(TypedDict):
    """A row of the table ``feedback``."""

    query_id: str
    item_id: str
    kind: str
    event_ids: list[str]
    prompt: str
    completion: str
    desirable: bool


def _graded_answers(sign: Sign) -> list[tuple[Grade, bool]]:
    """Grades that a sign supports (True) and rejects (False)."""
    if sign.kind in CONFIRMATIONS:
        return [(sign.grade, True)]
    if sign.kind == LENIENT_CORRECTION:
        return [
            (sign.grade, False),
            (Grade.EXACT, True),
        ]

    below_exact = sign.posterior[: Grade.EXACT]
    likeliest = int(np.argmax(below_exact))
    return [
        (Grade.EXACT, False),
        (Grade(likeliest), True),
    ]


def _rows_of(sign: Sign) -> list[FeedbackRow]:
    """The KTO rows of one sign: an answer for each grade that it supports or rejects."""
    prompt = trace(sign.evidence)
    rows = []
    for grade, is_desirable in _graded_answers(sign):
        row = FeedbackRow(
            query_id=sign.query_id,
            item_id=sign.item_id,
            kind=sign.kind.value,
            event_ids=list(sign.event_ids),
            prompt=prompt,
            completion=answer(grade, sign.evidence),
            desirable=is_desirable,
        )
        rows.append(row)
    return rows


def balance_feedback(
    signs: Sequence[Sign],
    *,
    tilt: float,
    confirm: float,
    per_query: int,
    seed: int,
) -> list[FeedbackRow]:
    """Choose the KTO rows of a set of signs.

    Args:
        signs: in a fixed order.
        tilt: largest number of corrections of one direction for each of the other.
        confirm: largest number of confirmations of one kind for each correction. They
            keep the teacher's other answers in place.
        per_query: largest number of rows of one query.
        seed: of the order in which signs are chosen.

    Returns:
        The rows, sorted by pair and answer; none where there is nothing to correct.
    """
    by_kind = _rows_by_kind(signs, per_query, seed)
    lenient = by_kind[LENIENT_CORRECTION]
    strict: list[list[FeedbackRow]] = []
    for kind in STRICT_CORRECTIONS:
        strict += by_kind[kind]

    smaller_direction = min(len(lenient), len(strict))
    limit = max(MIN_DIRECTION_SIGNS, int(tilt * smaller_direction))
    corrections = lenient[:limit] + strict[:limit]

    chosen = list(corrections)
    max_confirmations = int(confirm * len(corrections))
    for kind in CONFIRMATIONS:
        chosen += by_kind[kind][:max_confirmations]

    rows: list[FeedbackRow] = []
    for sign_rows in chosen:
        rows += sign_rows
    return sorted(
        rows,
        key=lambda row: (row["query_id"], row["item_id"], row["completion"]),
    )


def _rows_by_kind(
    signs: Sequence[Sign], per_query: int, seed: int
) -> dict[SignKind, list[list[FeedbackRow]]]:
    """Each kind's signs as rows, in a random order, at most ``per_query`` rows a query."""
    rng = np.random.default_rng(seed)
    by_kind: dict[SignKind, list[list[FeedbackRow]]] = {kind: [] for kind in SignKind}
    rows_of_query = Counter[str]()
    for index in rng.permutation(len(signs)):
        sign = signs[index]
        rows = _rows_of(sign)
        total = rows_of_query[sign.query_id] + len(rows)
        if total > per_query:
            continue
        rows_of_query[sign.query_id] = total
        by_kind[sign.kind].append(rows)
    return by_kind
