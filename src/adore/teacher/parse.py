"""Parse an LLM's text into a rationale, or say why it cannot be used.

It must be JSON and follow the schema, with known names, true quotes and no contradiction.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

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

_MAX_STARTS = 64
"""Opening braces of an answer that are tried."""
_MAX_LENGTH = 100_000
"""Characters of an answer that are read."""


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """Why a text is no answer: one of :data:`REASONS`, and the words that are wrong."""

    reason: str
    detail: str = ""


def parse(
    text: str, judge_input: JudgeInput, rulebook: RuleBook
) -> RationaleSchema | ParseFailure:
    """Parse one answer; prose and fences around the JSON object do not matter.

    Args:
        text: what the LLM wrote.
        judge_input: the pair, whose texts must contain the quotes.
        rulebook: whose rules may be named.

    Returns:
        The rationale, with ``where`` made exact (``attributes`` becomes
        ``attributes.<name>``), or what is wrong.
    """
    record = _last_object(text[:_MAX_LENGTH])
    if record is None:
        return ParseFailure("no JSON object")
    try:
        answer = RationaleSchema.model_validate(record)
        answer.model_dump_json()  # lone surrogates cannot be stored
    except ValidationError as error:
        first = error.errors()[0]
        location = ".".join(str(part) for part in first["loc"])
        return ParseFailure("not the schema", f"{location}: {first['msg']}")
    except (TypeError, ValueError) as error:
        return ParseFailure("not the schema", str(error)[:100])

    # the first failure is the one that the repair prompt names
    failure = (
        _check_names(answer, rulebook)
        or _check_quotes(answer, judge_input)
        or _check_grade(answer)
    )
    return failure or _with_exact_places(answer, judge_input)


def _last_object(text: str) -> dict[str, object] | None:
    """The last object with a grade, or None."""
    # of an answer that was cut short only inner objects can be read: they have no grade
    decoder = json.JSONDecoder()
    last = None
    start = text.find("{")
    for _ in range(_MAX_STARTS):
        if start < 0:
            break
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            if "grade" in value:
                last = value
        start = text.find("{", end)
    return last


def _check_names(answer: RationaleSchema, rulebook: RuleBook) -> ParseFailure | None:
    """Every attribute, state, rule, error type and grade must be a known one."""
    for part in answer.attributes:
        if part.attribute not in ATTRIBUTES:
            return ParseFailure("unknown attribute", part.attribute)
        if part.state not in STATES or part.criticality not in CRITICALITIES:
            detail = f"state {part.state}, criticality {part.criticality}"
            return ParseFailure("not the schema", detail)

    known_rules = {rule.id for rule in rulebook.rules}
    unknown_rules = set(answer.rule_ids) - known_rules
    if unknown_rules:
        return ParseFailure("unknown rule id", ", ".join(sorted(unknown_rules)))
    if answer.error_type not in ("", *ERROR_TYPES):
        return ParseFailure("unknown error type", answer.error_type)

    is_confidence = math.isfinite(answer.confidence) and 0 <= answer.confidence <= 1
    if answer.grade not in rulebook.grades or not is_confidence:
        detail = f"grade {answer.grade}, confidence {answer.confidence}"
        return ParseFailure("not the schema", detail)
    return None


def _check_quotes(
    answer: RationaleSchema, judge_input: JudgeInput
) -> ParseFailure | None:
    """Every quote must stand in its text, and a match or conflict must have one."""
    for part in answer.attributes:
        if not contains_quote(part.asked_quote, judge_input.query):
            detail = f"{part.asked_quote!r} is not in the query"
            return ParseFailure("quote not in the text", detail)

        quote = part.found_quote
        if quote and not find_quote(quote, part.where, judge_input.item):
            detail = f"{quote!r} is not in {part.where or 'a text that is named'}"
            return ParseFailure("quote not in the text", detail)

        # an excluded thing may match by not being there, so there is nothing to quote
        needs_quote = part.state != "unknown" and part.attribute != "exclusion"
        if needs_quote and not quote:
            return ParseFailure("no quote for a match or conflict", part.attribute)
    return None


def _check_grade(answer: RationaleSchema) -> ParseFailure | None:
    """An E although it is another product, an E with something wrong, an I with nothing wrong."""
    states = {part.state for part in answer.attributes}
    product_states = {
        part.state for part in answer.attributes if part.attribute == "product_type"
    }
    is_faulty = bool(answer.error_type) and not ERROR_TYPES[answer.error_type].positive
    if answer.grade == "E" and ("conflict" in product_states or is_faulty):
        return ParseFailure(
            "grade contradicts the attributes",
            "E, but product type or error type say otherwise",
        )
    if answer.grade == "I" and "match" in product_states and states == {"match"}:
        return ParseFailure(
            "grade contradicts the attributes", "I, but everything matches"
        )
    return None


def _with_exact_places(
    answer: RationaleSchema, judge_input: JudgeInput
) -> RationaleSchema:
    """The answer with the text that holds each quote; none without a quote."""
    attributes: list[AskedAttribute] = []
    for part in answer.attributes:
        where = ""
        if part.found_quote:
            where = find_quote(part.found_quote, part.where, judge_input.item)
        attributes.append(part.model_copy(update={"where": where}))
    return answer.model_copy(update={"attributes": attributes})
