from __future__ import annotations

from adore.synthesis.minimality import edit_fault, is_conflict_free
from adore.types import Evidence, State


def ev(attribute: str, state: State, word: str = "x") -> Evidence:
    return Evidence(attribute, word, word, "", "", "title", state)


def test_fault_names_what_else_moved() -> None:
    before = [ev("brand", "match"), ev("colour", "match"), ev("feature", "unknown")]
    assert (
        edit_fault("brand", "brand", before, [ev("brand", "conflict"), *before[1:]])
        == ""
    )
    assert (
        edit_fault("brand", "brand", before, before)
        == "brand has 0 conflicts, not one more than before"
    )
    moved = [ev("brand", "conflict"), ev("colour", "unknown"), before[2]]
    assert (
        edit_fault("brand", "brand", before, moved)
        == "colour was match and no longer is"
    )
    assert (
        edit_fault(
            "colour",
            "colour",
            before[:1],
            [ev("brand", "match"), ev("colour", "conflict")],
        )
        == ""
    )
    assert (
        edit_fault("synonym", "", before, [*before, ev("size", "unknown")])
        == "size is asked anew and is unknown"
    )
    assert (
        edit_fault("over-strict", "brand", before, before[1:]) == ""
    )  # no longer asked
    assert (
        edit_fault(
            "over-strict", "brand", before, [ev("brand", "conflict"), *before[1:]]
        )
        == "brand is in conflict"
    )
    assert (
        edit_fault("alternative", "product_type", [], [ev("product_type", "match")])
        != ""
    )
    assert (
        edit_fault("style", "feature", [], [ev("feature", "conflict", "firm")])
        == "the word in conflict is of ['degree']"
    )
    assert (
        not is_conflict_free([])
        and is_conflict_free(before)
        and not is_conflict_free(moved)
    )
