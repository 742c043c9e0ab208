"""The prompts of SFT, KTO and judging.

The evidence trace, and a teacher's answer to it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from adore.types import ATTRIBUTES, Evidence, Grade

__all__ = ["ANSWER_PREFIX", "answer", "trace"]

ANSWER_PREFIX = '{"grade":"'
"""The beginning of every answer; the next token is the grade's letter."""


def _line(name: str, evidence: Sequence[Evidence]) -> str:
    """Write one attribute's evidence, which is not empty."""
    if name == "feature":
        return _feature_line(evidence)
    if name == "product_type":
        product_type = evidence[0]
        item_type = product_type.found or "nothing"
        state = _state(product_type)
        return f"{name} {state} asked {product_type.asked} found {item_type}"

    # Sorted: the order of the query's words must not change the prompt.
    sorted_states = sorted(map(_state, evidence))
    joined_states = " ".join(sorted_states)
    return f"{name} {joined_states}"


def _feature_line(evidence: Sequence[Evidence]) -> str:
    """Count the features by state: a pair may have any number of them."""
    state_counts = Counter(feature.state for feature in evidence)
    matches = _digit(state_counts["match"])
    unknowns = _digit(state_counts["unknown"])
    feature_line = f"feature match {matches} unknown {unknowns}"

    # Conflicts are rare: a line without any has no word for them.
    if state_counts["conflict"]:
        conflicts = _digit(state_counts["conflict"])
        feature_line += f" conflict {conflicts}"
    return feature_line


def _digit(count: int) -> int:
    """Cap a count at 9, so that it is one token of the tiny teacher."""
    return min(count, 9)


def _state(evidence: Evidence) -> str:
    """Write how a wish is met and, if known, in which part of the item."""
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
    attribute_lines = []
    for name in ATTRIBUTES:
        if name in by_attribute:
            attribute_lines.append(_line(name, by_attribute[name]))
    return "\n".join(["pair", *attribute_lines, "answer "])


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
