"""The one schema of a judge's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from pydantic import BaseModel, ConfigDict

from adore.rulebook import RuleBook
from adore.taxonomy import ERROR_TYPES
from adore.types import Evidence, Grade

__all__ = ["AskedAttribute", "RationaleSchema", "rationale"]

_ERROR_OF = {e.attribute: e.name for e in ERROR_TYPES if e.attribute}


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


def rationale(evidence: Sequence[Evidence], rulebook: RuleBook, grade: Grade, confidence: float) -> RationaleSchema:
    """Write down why.

    Args:
        rulebook: says how critical each attribute is, and its own verdict.
        grade: the judge's own grade; where it differs from the verdict, the text says so.
    """
    verdict, critical = rulebook.apply(evidence), {r.attribute: r.criticality for r in rulebook.rules}
    learned = "" if grade == verdict.grade else f"learned grade {grade.letter}, the rules say {verdict.grade.letter}: "
    against = [e.attribute for e in evidence if e.state == "conflict"]
    return RationaleSchema(
        intent="; ".join(f"{e.attribute}={e.asked}" for e in evidence) or "nothing readable",
        attributes=[AskedAttribute(criticality=critical.get(e.attribute, "optional"), **asdict(e)) for e in evidence],
        verdict=learned + verdict.reason,
        rule_ids=list(verdict.rule_ids),
        grade=grade.letter,
        error_type=next((_ERROR_OF[a] for a in against if a in _ERROR_OF), "") if grade < Grade.EXACT else "",
        confidence=round(confidence, 4),
    )
