from __future__ import annotations

import pytest

from adore.attributes.language_packs import load_language
from adore.synthesis.checks import QueryChecks, on_same_side

TITLES = ["steel water bottle with handle", "water bottle for kids"] * 9
QUERIES = ["steel bottle", "water bottle with handle", "kids water bottle"]


@pytest.fixture(scope="module")
def checks() -> QueryChecks:
    return QueryChecks(
        TITLES, QUERIES, ["red bottle"], load_language("en"), near=0.8, fluency=0.4
    )


def test_a_held_out_query_is_named(checks: QueryChecks) -> None:
    assert checks.repeated_query("Bottles, RED") == "red bottle"
    assert checks.repeated_query("red steel bottle") == ""


def test_word_salad_is_refused_with_its_score(checks: QueryChecks) -> None:
    reason = checks.disfluency("handle with for water", "water bottle")
    assert " is below " in reason
    assert checks.disfluency("steel water bottle", "water bottle") == ""


def test_a_real_query_is_never_disfluent(checks: QueryChecks) -> None:
    salad = "handle with for water"
    assert checks.disfluency(salad, salad) == ""


def test_the_sides_are_exact_and_the_rest() -> None:
    assert on_same_side(3, 3) and on_same_side(0, 2)
    assert not on_same_side(3, 2)
