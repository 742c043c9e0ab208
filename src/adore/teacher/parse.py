"""An LLM's text into a rationale that may be believed.

It must be JSON and follow the schema, with known names, true quotes, no contradiction.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from adore.rulebook import RuleBook
from adore.taxonomy import ERROR_TYPES
from adore.teacher.judgements import JudgeInput
from adore.teacher.rationale import (
    CRITICALITIES,
    AskedAttribute,
    RationaleSchema,
)
from adore.teacher.sanitise import contains_quote, find_quote
from adore.types import ATTRIBUTES, STATES

__all__ = ["REASONS", "ParseFailure", "parse"]

REASONS = (
    "no JSON object",
    "not the schema",
    "unknown attribute",
    "unknown rule id",
    "unknown error type",
    "quote not in the text",
    "no quote for a match or conflict",
    "grade contradicts the attributes",
)
"""Every reason for which an answer is refused."""

_STARTS, _LONGEST = 64, 100_000


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """Why a text is no answer: one of :data:`REASONS`, and the words that are at fault."""

    reason: str
    detail: str = ""


def parse(
    text: str, case: JudgeInput, rulebook: RuleBook
) -> RationaleSchema | ParseFailure:
    """Read one answer; prose and fences around the JSON object do not matter.

    Args:
        text: what the LLM wrote.
        case: the pair, whose texts the quotes must stand in.
        rulebook: whose rules may be named.

    Returns:
        The rationale, with ``where`` made exact (``attributes`` becomes
        ``attributes.<name>``), or what is wrong.
    """
    found = _last_object(text[:_LONGEST])
    if found is None:
        return ParseFailure("no JSON object")
    try:
        answer = RationaleSchema(**found)
        answer.model_dump_json()  # lone surrogates cannot be stored
    except ValidationError as error:
        first = error.errors()[0]
        return ParseFailure(
            "not the schema", f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        )
    except (TypeError, ValueError) as error:
        return ParseFailure("not the schema", str(error)[:100])
    return (
        _names(answer, rulebook)
        or _quotes(answer, case)
        or _grade(answer)
        or _placed(answer, case)
    )


def _last_object(text: str) -> dict[str, Any] | None:
    """The last object with a grade.

    Of an answer that was cut short only inner ones, which have none, can be read.
    """
    decoder = json.JSONDecoder()
    last = None
    at = text.find("{")
    for _ in range(_STARTS):
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            last = value if "grade" in value else last
        at = text.find("{", end)
    return last


def _names(answer: RationaleSchema, rulebook: RuleBook) -> ParseFailure | None:
    known = {r.id for r in rulebook.rules}
    for a in answer.attributes:
        if a.attribute not in ATTRIBUTES:
            return ParseFailure("unknown attribute", a.attribute)
        if a.state not in STATES or a.criticality not in CRITICALITIES:
            return ParseFailure(
                "not the schema", f"state {a.state}, criticality {a.criticality}"
            )
    if not set(answer.rule_ids) <= known:
        return ParseFailure(
            "unknown rule id", ", ".join(sorted(set(answer.rule_ids) - known))
        )
    if answer.error_type not in ("", *ERROR_TYPES):
        return ParseFailure("unknown error type", answer.error_type)
    if answer.grade not in rulebook.grades or not (
        math.isfinite(answer.confidence) and 0 <= answer.confidence <= 1
    ):
        return ParseFailure(
            "not the schema", f"grade {answer.grade}, confidence {answer.confidence}"
        )
    return None


def _quotes(answer: RationaleSchema, case: JudgeInput) -> ParseFailure | None:
    for a in answer.attributes:
        if not contains_quote(a.asked_quote, case.query):
            return ParseFailure(
                "quote not in the text", f"{a.asked_quote!r} is not in the query"
            )
        if a.found_quote and not find_quote(a.found_quote, a.where, case.item):
            return ParseFailure(
                "quote not in the text",
                f"{a.found_quote!r} is not in {a.where or 'a text that is named'}",
            )
        if a.state != "unknown" and a.attribute != "exclusion" and not a.found_quote:
            return ParseFailure("no quote for a match or conflict", a.attribute)
    return None


def _grade(answer: RationaleSchema) -> ParseFailure | None:
    """An E although it is another product, an E with something wrong, an I with nothing wrong."""
    kinds = {a.state for a in answer.attributes if a.attribute == "product_type"}
    faulty = bool(answer.error_type) and not ERROR_TYPES[answer.error_type].positive
    if answer.grade == "E" and ("conflict" in kinds or faulty):
        return ParseFailure(
            "grade contradicts the attributes",
            "E, but product type or error type say otherwise",
        )
    if (
        answer.grade == "I"
        and "match" in kinds
        and all(a.state == "match" for a in answer.attributes)
    ):
        return ParseFailure(
            "grade contradicts the attributes", "I, but everything matches"
        )
    return None


def _placed(answer: RationaleSchema, case: JudgeInput) -> RationaleSchema:
    def exact(a: AskedAttribute) -> AskedAttribute:
        where = find_quote(a.found_quote, a.where, case.item) if a.found_quote else ""
        return a.model_copy(update={"where": where})

    return answer.model_copy(
        update={"attributes": [exact(a) for a in answer.attributes]}
    )
