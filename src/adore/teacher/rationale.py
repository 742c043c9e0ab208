"""The one schema of a judge's answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict

from adore.rulebook import RuleBook
from adore.taxonomy import ERROR_TYPES, TYPE_OF
from adore.types import ATTRIBUTES, Evidence, Grade

__all__ = [
    "CRITICALITIES",
    "LENGTHS",
    "MOST_ATTRIBUTES",
    "STATES",
    "WHERE",
    "AskedAttribute",
    "RationaleSchema",
    "answer_schema",
    "rationale",
]

WHERE = ("title", "brand", "category", "bullet_points", "description", "attributes")
"""Texts of an item that a quote may stand in; an answer may also say ``attributes.<name>``."""
STATES = ("match", "conflict", "unknown")
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


def rationale(
    evidence: Sequence[Evidence], rulebook: RuleBook, grade: Grade, confidence: float
) -> RationaleSchema:
    """Write down why.

    Args:
        rulebook: says how critical each attribute is, and its own verdict.
        grade: the judge's own grade; where it differs from the verdict, the text says so.
    """
    verdict, critical = (
        rulebook.apply(evidence),
        {r.attribute: r.criticality for r in rulebook.rules},
    )
    learned = (
        ""
        if grade == verdict.grade
        else f"learned grade {grade.letter}, the rules say {verdict.grade.letter}: "
    )
    against = [e.attribute for e in evidence if e.state == "conflict"]
    return RationaleSchema(
        intent="; ".join(f"{e.attribute}={e.asked}" for e in evidence)
        or "nothing readable",
        attributes=[
            AskedAttribute(
                criticality=critical.get(e.attribute, "optional"), **asdict(e)
            )
            for e in evidence
        ],
        verdict=learned + verdict.reason,
        rule_ids=list(verdict.rule_ids),
        grade=grade.letter,
        error_type=next((TYPE_OF[a] for a in against if a in TYPE_OF), "")
        if grade < Grade.EXACT
        else "",
        confidence=round(confidence, 4),
    )


def answer_schema(rulebook: RuleBook) -> dict[str, object]:
    """The JSON schema that constrained decoding holds an LLM to: :class:`RationaleSchema`, narrowed.

    Reasons come before the grade. Lengths are bounded so that the longest answer is about 2,600 characters.

    Args:
        rulebook: its rule ids and grades are the only ones that may be named.
    """
    schema: dict[str, Any] = RationaleSchema.model_json_schema()
    asked = schema.pop("$defs")["AskedAttribute"]
    asked["properties"] |= {
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
        "attributes": {"type": "array", "items": asked, "maxItems": MOST_ATTRIBUTES},
        "verdict": _text("verdict"),
        "rule_ids": {
            "type": "array",
            "items": _one_of(r.id for r in rulebook.rules),
            "maxItems": 4,
        },
        "grade": _one_of(
            g.letter for g in reversed(Grade) if g.letter in rulebook.grades
        ),
        "error_type": _one_of(["", *(e.name for e in ERROR_TYPES)]),
        "confidence": {"type": "number", "enum": [n / 10 for n in range(11)]},
    }
    for part in (schema, asked):
        part.pop("description", None)
    return schema


def _text(field: str) -> dict[str, object]:
    return {"type": "string", "maxLength": LENGTHS[field]}


def _one_of(values: Iterable[str]) -> dict[str, object]:
    return {"type": "string", "enum": list(values)}
