"""The grade token's probabilities, and the schema that holds an LLM to an answer."""

from __future__ import annotations

import json
import math

import jsonschema
import numpy as np
import pytest

from adore.rulebook import RuleBook
from adore.teacher.backends.base import grade_probabilities
from adore.teacher.rationale import RationaleSchema, answer_schema, rationale
from adore.types import Evidence, Grade

LOGPROBS = {"E": -0.2, ' "E': -3.0, "S": -2.5, "I": -4.0, "x": -6.0, "C": -math.inf}


@pytest.mark.parametrize(
    "before",
    [
        ['{"grade":"'],
        ['{"', "grade", '":', ' "'],
        ['{\n "verdict": "the \\"grade\\": \\"I\\"", "grade"', ":\n", '"'],
    ],
)
def test_the_grade_token_is_found_however_it_is_cut(before: list[str]) -> None:
    tokens = [(t, {t: -0.1}) for t in before] + [("E", LOGPROBS), ('"}', {})]
    found = grade_probabilities("".join(t for t, _ in tokens), tokens)
    mass = np.array(
        [math.exp(-4.0), 1e-4, math.exp(-2.5), math.exp(-0.2) + math.exp(-3.0)]
    )
    assert found == pytest.approx(tuple(mass / mass.sum()))


def test_a_token_that_begins_before_the_letter_counts() -> None:
    tokens = [('{"grade":', {}), ('"S"', {'"S"': -0.1, '"E"': -2.0}), ("}", {})]
    found = grade_probabilities('{"grade":"S"}', tokens)
    assert (
        found
        and int(np.argmax(found)) == Grade.SUBSTITUTE
        and sum(found) == pytest.approx(1)
    )


def test_no_grade_no_probabilities() -> None:
    for text in ('{"grade":"X"}', "", '{"verdict":"E"}'):
        assert grade_probabilities(text, [(text, {text: 0.0})]) is None
    assert (
        grade_probabilities(
            '{"grade":"E"}', [('{"grade":"', {}), ("E", {"x": -0.1}), ('"}', {})]
        )
        is None
    )


def test_the_schema_takes_what_the_rules_write_and_refuses_the_rest() -> None:
    book = RuleBook.load()
    schema = answer_schema(book)
    good = rationale(
        (Evidence("brand", "acme", "acme", "zeta", "Zeta", "brand", "conflict"),),
        book,
        Grade(2),
        0.8,
    )
    answer = json.loads(good.model_dump_json())
    jsonschema.validate(answer, schema)
    assert list(schema["properties"]) == list(RationaleSchema.model_fields)  # type: ignore[call-overload]
    for wrong in (
        {"grade": "X"},
        {"rule_ids": ["nope"]},
        {"more": 1},
        {"verdict": "x" * 161},
        {"error_type": "?"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**answer, **wrong}, schema)
