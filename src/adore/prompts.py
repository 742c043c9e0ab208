"""One prompt code for SFT, KTO and judging.

The evidence trace, and the answer that a teacher gives to it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from adore.types import ATTRIBUTES, Evidence, Grade

__all__ = ["ANSWER_PREFIX", "answer", "trace"]

ANSWER_PREFIX = '{"grade":"'
"""What every answer begins with; the next token is the grade's letter."""


def _line(name: str, evidence: Sequence[Evidence]) -> str:
    """One attribute's evidence; ``evidence`` is not empty."""
    if name == "feature":
        return _feature_line(evidence)
    if name == "product_type":
        kind = evidence[0]
        found = kind.found or "nothing"
        return f"{name} {_state(kind)} asked {kind.asked} found {found}"
    return f"{name} {' '.join(sorted(map(_state, evidence)))}"


def _feature_line(evidence: Sequence[Evidence]) -> str:
    """A pair has any number of features: they are counted, not named."""
    matched = sum(one.state == "match" for one in evidence)
    against = sum(one.state == "conflict" for one in evidence)
    unknown = len(evidence) - matched - against

    # At most 9, so that a count is one digit.
    line = f"feature match {min(matched, 9)} unknown {min(unknown, 9)}"
    if against:
        line += f" conflict {min(against, 9)}"
    return line


def _state(evidence: Evidence) -> str:
    """How a wish is met and, where the item tells, in which part of it."""
    if evidence.state == "unknown":
        return evidence.state
    part = evidence.where.split(".")[0]
    return f"{evidence.state} {part}"


def trace(evidence: Sequence[Evidence]) -> str:
    """The evidence of one pair as a short text; the tiny teacher's prompt.

    Example:
        >>> trace([Evidence("brand", "acme", "Acme", "zeta", "Zeta", "title", "conflict")])
        'pair\\nbrand conflict title\\nanswer '
    """
    lines = []
    for name in ATTRIBUTES:
        asked = [one for one in evidence if one.attribute == name]
        if asked:
            lines.append(_line(name, asked))
    return "\n".join(["pair", *lines, "answer "])


def answer(grade: Grade, evidence: Sequence[Evidence]) -> str:
    """The rationale that a teacher is trained to give.

    Two answers to one prompt differ in the grade's letter alone, so that KTO compares grades
    and not lengths.

    Args:
        grade: the grade of the pair.
        evidence: of the pair; attributes in conflict are named as those that speak against it.

    Returns:
        JSON that begins with :data:`ANSWER_PREFIX`.

    Example:
        >>> conflict = Evidence("brand", "acme", "Acme", "zeta", "Zeta", "title", "conflict")
        >>> answer(Grade.EXACT, [conflict])
        '{"grade":"E","against":["brand"]}'
    """
    against = set()
    for one in evidence:
        if one.state == "conflict":
            against.add(one.attribute)
    said = {"grade": grade.letter, "against": sorted(against)}
    return json.dumps(said, separators=(",", ":"))
