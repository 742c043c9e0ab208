"""One prompt code for SFT, KTO and judging: the evidence trace, and the answer that a teacher gives to it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from adore.types import ATTRIBUTES, Evidence, Grade

__all__ = ["ANSWER_PREFIX", "answer", "trace"]

ANSWER_PREFIX = '{"grade":"'
"""What every answer begins with; the next token is the grade's letter."""


def _line(name: str, evidence: Sequence[Evidence]) -> str:
    if name == "feature":
        matched, against = (
            sum(e.state == state for e in evidence) for state in ("match", "conflict")
        )
        conflict = f" conflict {min(against, 9)}" if against else ""
        return f"feature match {min(matched, 9)} unknown {min(len(evidence) - matched - against, 9)}{conflict}"
    if name == "product_type":
        return f"{name} {_state(evidence[0])} asked {evidence[0].asked} found {evidence[0].found or 'nothing'}"
    return f"{name} {' '.join(sorted(map(_state, evidence)))}"


def _state(e: Evidence) -> str:
    return f"{e.state} {e.where.split('.')[0]}" if e.state != "unknown" else e.state


def trace(evidence: Sequence[Evidence]) -> str:
    """The evidence of one pair as a short text; the tiny teacher's prompt.

    Example:
        >>> trace([Evidence("brand", "acme", "Acme", "zeta", "Zeta", "title", "conflict")])
        'pair\\nbrand conflict title\\nanswer '
    """
    lines = [
        _line(name, asked)
        for name in ATTRIBUTES
        if (asked := [e for e in evidence if e.attribute == name])
    ]
    return "\n".join(["pair", *lines, "answer "])


def answer(grade: Grade, evidence: Sequence[Evidence]) -> str:
    """The rationale that a teacher is trained to give: grade, and the attributes that speak against the pair.

    Two answers to one prompt differ in the grade's letter alone, so that KTO compares grades and not lengths.

    Example:
        >>> answer(Grade.EXACT, [Evidence("brand", "acme", "Acme", "zeta", "Zeta", "title", "conflict")])
        '{"grade":"E","against":["brand"]}'
    """
    against = sorted({e.attribute for e in evidence if e.state == "conflict"})
    return json.dumps(
        {"grade": grade.letter, "against": against}, separators=(",", ":")
    )
