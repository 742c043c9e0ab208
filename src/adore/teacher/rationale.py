"""The one schema of a judge's answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from adore.rulebook import RuleBook
from adore.taxonomy import ERROR_TYPES, TYPE_OF
from adore.types import ATTRIBUTES, STATES, Evidence, Grade

__all__ = [
    "CRITICALITIES",
    "LENGTHS",
    "MOST_ATTRIBUTES",
    "WHERE",
    "AskedAttribute",
    "RationaleSchema",
    "answer_schema",
    "rationale",
]

WHERE = ("title", "brand", "category", "bullet_points", "description", "attributes")
"""Texts of an item that a quote may stand in; an answer may also say ``attributes.<name>``."""
CRITICALITIES = ("essential", "important", "optional")
LENGTHS = {
    "intent": 120,
    "verdict": 160,
    "asked": 32,
    "asked_quote": 48,
    "found": 32,
    "found_quote": 64,
}
"""Most characters that an LLM may write in a field."""
MOST_ATTRIBUTES = 6
_CONFIDENCES = [tenths / 10 for tenths in range(11)]


class AskedAttribute(BaseModel):
    """One asked attribute with quotes from both texts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    attribute: str
    criticality: str
    asked: str
    asked_quote: str
    found: str
    found_quote: str
    where: str
    state: str


class RationaleSchema(BaseModel):
    """Why a judge gave a grade."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    intent: str
    attributes: list[AskedAttribute]
    verdict: str
    rule_ids: list[str]
    grade: str
    error_type: str
    confidence: float


def _asked_attribute(fact: Evidence, criticality: str) -> AskedAttribute:
    """An evidence as a rationale writes it."""
    return AskedAttribute(
        attribute=fact.attribute,
        criticality=criticality,
        asked=fact.asked,
        asked_quote=fact.asked_quote,
        found=fact.found,
        found_quote=fact.found_quote,
        where=fact.where,
        state=fact.state,
    )


def rationale(
    evidence: Sequence[Evidence], rulebook: RuleBook, grade: Grade, confidence: float
) -> RationaleSchema:
    """Write down why.

    Args:
        evidence: what was read out of both texts.
        rulebook: says how critical each attribute is, and its own verdict.
        grade: the judge's own grade; where it differs from the verdict, the text says
            so.
        confidence: the judge's, from 0 to 1.

    Returns:
        The rationale.
    """
    verdict = rulebook.apply(evidence)
    reason = verdict.reason
    if grade != verdict.grade:
        reason = (
            f"learned grade {grade.letter}, the rules say {verdict.grade.letter}: "
            f"{verdict.reason}"
        )

    criticality_of = {rule.attribute: rule.criticality for rule in rulebook.rules}
    asked_values: list[str] = []
    attributes: list[AskedAttribute] = []
    conflicts: list[str] = []
    for part in evidence:
        asked_values.append(f"{part.attribute}={part.asked}")
        criticality = criticality_of.get(part.attribute, "optional")
        attributes.append(_asked_attribute(part, criticality))
        if part.state == "conflict" and part.attribute in TYPE_OF:
            conflicts.append(TYPE_OF[part.attribute])

    # the first conflict that has an error type names what is wrong; an E has no fault
    error_type = ""
    if conflicts and grade < Grade.EXACT:
        error_type = conflicts[0]
    return RationaleSchema(
        intent="; ".join(asked_values) or "nothing readable",
        attributes=attributes,
        verdict=reason,
        rule_ids=list(verdict.rule_ids),
        grade=grade.letter,
        error_type=error_type,
        confidence=round(confidence, 4),
    )


def answer_schema(
    rulebook: RuleBook, error_types: Iterable[str] = ERROR_TYPES
) -> dict[str, object]:
    """The JSON schema of an answer, for constrained decoding.

    It is :class:`RationaleSchema`, narrowed. Reasons come before the grade. Lengths are
    bounded: the longest answer has about 2,600 characters.

    Args:
        rulebook: its rule ids and grades are the only ones that may be named.
        error_types: names that an answer may give; the empty name is always one.

    Returns:
        A JSON schema.
    """
    schema: dict[str, Any] = RationaleSchema.model_json_schema()
    # it is used in one place only, so it needs no reference
    attribute_schema = schema.pop("$defs")["AskedAttribute"]
    attribute_schema["properties"] |= {
        "attribute": _one_of(ATTRIBUTES),
        "criticality": _one_of(CRITICALITIES),
        "asked": _text("asked"),
        "asked_quote": _text("asked_quote"),
        "found": _text("found"),
        "found_quote": _text("found_quote"),
        "where": _one_of(["", *WHERE]),
        "state": _one_of(STATES),
    }
    schema["properties"] |= {
        "intent": _text("intent"),
        "attributes": {
            "type": "array",
            "items": attribute_schema,
            "maxItems": MOST_ATTRIBUTES,
        },
        "verdict": _text("verdict"),
        "rule_ids": {
            "type": "array",
            "items": _one_of(rule.id for rule in rulebook.rules),
            "maxItems": 4,
        },
        "grade": _one_of(letter for letter in "ESCI" if letter in rulebook.grades),
        "error_type": _one_of(["", *error_types]),
        "confidence": {"type": "number", "enum": _CONFIDENCES},
    }
    schema.pop("description", None)
    attribute_schema.pop("description", None)
    return schema


def _text(field: str) -> dict[str, object]:
    return {"type": "string", "maxLength": LENGTHS[field]}


def _one_of(values: Iterable[str]) -> dict[str, object]:
    return {"type": "string", "enum": list(values)}
