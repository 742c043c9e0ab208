"""One prompt code for SFT, KTO and judging.

The evidence trace, and the answer that a teacher gives to it.
"""

from __future__ import annotations

import json
from collections import Counter
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
        product_type = evidence[0]
        item_type = product_type.found or "nothing"
        state = _state(product_type)
        return f"{name} {state} asked {product_type.asked} found {item_type}"
    states = sorted(map(_state, evidence))
    return f"{name} {' '.join(states)}"


def _feature_line(evidence: Sequence[Evidence]) -> str:
    """A pair has any number of features: they are counted, not named."""
    states = Counter(feature.state for feature in evidence)
    line = (
        f"feature match {_digit(states['match'])} unknown {_digit(states['unknown'])}"
    )
    if states["conflict"]:
        line += f" conflict {_digit(states['conflict'])}"
    return line


def _digit(count: int) -> int:
    """At most 9, so that a count is one token of the tiny teacher."""
    return min(count, 9)


def _state(evidence: Evidence) -> str:
    """How a wish is met and, if the item says, in which part of it."""
    if evidence.state == "unknown":
        return evidence.state
    part = evidence.where.split(".")[0]
    return f"{evidence.state} {part}"


def trace(evidence: Sequence[Evidence]) -> str:
    """Write the evidence of one pair as a short text, the tiny teacher's prompt.

    Returns:
        One line an attribute that was asked for, ended by ``answer``.

    Example:
        >>> trace([Evidence("brand", "acme", "Acme", "zeta", "Zeta", "title", "conflict")])
        'pair\\nbrand conflict title\\nanswer '
    """
    by_attribute: dict[str, list[Evidence]] = {}
    for piece in evidence:
        by_attribute.setdefault(piece.attribute, []).append(piece)

    # The order of the attributes is fixed, so that equal evidence makes equal prompts.
    lines = []
    for name in ATTRIBUTES:
        if name in by_attribute:
            lines.append(_line(name, by_attribute[name]))
    return "\n".join(["pair", *lines, "answer "])


def answer(grade: Grade, evidence: Sequence[Evidence]) -> str:
    """Write the rationale that a teacher is trained to give.

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
    conflicts = set()
    for piece in evidence:
        if piece.state == "conflict":
            conflicts.add(piece.attribute)
    rationale = {"grade": grade.letter, "against": sorted(conflicts)}
    return json.dumps(rationale, separators=(",", ":"))
