"""Reading answers: what is refused, why, and that no text whatsoever breaks it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adore.rulebook import RuleBook
from adore.teacher.judgements import JudgeInput
from adore.teacher.parse import REASONS, ParseFailure, parse
from adore.teacher.rationale import RationaleSchema
from adore.types import Item

BOOK = RuleBook.load()
ITEM = Item(
    "i",
    "Zeta Mug, Red",
    "Zeta",
    "Home > Mugs",
    attributes={"colour": "Red", "size": "1 L"},
)
CASE = JudgeInput("q", "i", "Acme mug 1 litre no lid", ITEM, ())
BRAND = {
    "attribute": "brand",
    "criticality": "essential",
    "asked": "acme",
    "asked_quote": "acme",
    "found": "zeta",
}
BRAND |= {"found_quote": "zeta", "where": "brand", "state": "conflict"}
ANSWER: dict[str, Any] = {
    "intent": "a mug",
    "attributes": [BRAND],
    "verdict": "other brand",
    "rule_ids": ["brand"],
}
ANSWER |= {"grade": "S", "error_type": "brand", "confidence": 0.8}
TYPE = {
    **BRAND,
    "attribute": "product_type",
    "asked_quote": "mug",
    "found_quote": "Mug",
    "where": "title",
}


def read(**changes: Any) -> RationaleSchema | ParseFailure:
    return parse(json.dumps({**ANSWER, **changes}), CASE, BOOK)


def brand(**changes: Any) -> RationaleSchema | ParseFailure:
    return read(attributes=[{**BRAND, **changes}])


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "```json\n{}\n```",
        "Let me think {about} it.\n{{}}\nHere: {}",
        '{"grade": "E"}\n{}\nThat is all.',
    ],
)
def test_the_object_is_found_in_prose(text: str) -> None:
    found = parse(text.replace("{}", json.dumps(ANSWER)), CASE, BOOK)
    assert isinstance(found, RationaleSchema) and found.grade == "S"


def test_quotes_are_compared_as_people_see_them_and_placed() -> None:
    found = brand(
        asked_quote="ＡＣＭＥ  mug", found_quote="1\u00a0l", where="attributes"
    )
    assert (
        isinstance(found, RationaleSchema)
        and found.attributes[0].where == "attributes.size"
    )


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ("no JSON object", parse("It is a good item.", CASE, BOOK)),
        ("no JSON object", parse(json.dumps(ANSWER)[:-60], CASE, BOOK)),
        ("not the schema", read(more=1)),
        ("not the schema", read(grade="A")),
        ("not the schema", read(confidence=float("nan"))),
        ("not the schema", read(confidence=1.5)),
        ("not the schema", read(intent="\ud800")),
        ("not the schema", brand(state="maybe")),
        ("unknown attribute", brand(attribute="price")),
        ("unknown rule id", read(rule_ids=["brand", "nope"])),
        ("unknown error type", read(error_type="rude")),
        ("quote not in the text", brand(asked_quote="zeta")),
        ("quote not in the text", brand(asked_quote="")),
        ("quote not in the text", brand(asked_quote="\u200b")),
        ("quote not in the text", brand(found_quote="Acme")),
        ("quote not in the text", brand(found_quote="zeta", where="category")),
        ("quote not in the text", brand(found_quote="zeta", where="")),
        ("quote not in the text", brand(found_quote="\u200b")),
        ("no quote for a match or conflict", brand(found_quote="")),
        ("grade contradicts the attributes", read(grade="E")),
        (
            "grade contradicts the attributes",
            read(grade="E", error_type="", attributes=[TYPE]),
        ),
        (
            "grade contradicts the attributes",
            read(grade="I", error_type="", attributes=[{**TYPE, "state": "match"}]),
        ),
    ],
)
def test_each_fault_has_its_reason(reason: str, found: Any) -> None:
    assert (
        isinstance(found, ParseFailure) and found.reason == reason and reason in REASONS
    )


def test_what_a_query_excludes_may_match_in_silence() -> None:
    lid = {
        **BRAND,
        "attribute": "exclusion",
        "asked_quote": "no lid",
        "found_quote": "",
        "state": "match",
        "where": "",
    }
    assert isinstance(read(attributes=[lid], error_type=""), RationaleSchema)


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    for tried in (
        text,
        f"{{{text}",
        json.dumps(ANSWER).replace("zeta", text),
        "{" * len(text),
    ):
        assert isinstance(parse(tried, CASE, BOOK), RationaleSchema | ParseFailure)


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    st.lists,
    max_leaves=5,
)


@given(
    st.fixed_dictionaries({k: st.just(v) | values for k, v in ANSWER.items()}),
    st.dictionaries(st.text(), values),
)
def test_no_json_breaks_it(answer: dict[str, Any], more: dict[str, Any]) -> None:
    for tried in (answer, {**answer, "attributes": [{**BRAND, **more}]}, more):
        assert isinstance(
            parse(json.dumps(tried), CASE, BOOK), RationaleSchema | ParseFailure
        )


def test_deep_nesting_and_long_numbers_are_no_trap() -> None:
    for text in (
        '{"a":' * 100_000,
        "{" * 10**6,
        '{"grade": ' + "9" * 10_000 + "}",
        '{"a": [' + "[" * 50_000,
    ):
        found = parse(text, CASE, BOOK)
        assert isinstance(found, ParseFailure)
