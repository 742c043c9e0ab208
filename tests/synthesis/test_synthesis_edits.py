from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adore.attributes.compare import compare
from adore.attributes.contrasts import contrast_type
from adore.rulebook import RuleBook
from adore.synthesis.edits import REAL, Draft, Source
from adore.synthesis.generator import EditContext
from adore.synthesis.registry import EDITS, HELD_OUT_EDITS, PICKS, table
from adore.synthesis.synthesise import Config, _sources
from adore.synthesis.verify import agrees
from adore.taxonomy import ERROR_TYPES, TYPE_OF
from adore.types import ATTRIBUTES, Evidence

NEGATIVES = [name for name, error in ERROR_TYPES.items() if not error.positive]
LACKING = {"complement", "alternative"}
"""Types of which the small shop offers nothing:
nobody graded complements, no kinds are neighbours.
"""


@pytest.fixture(scope="session")
def bench(synthesis_shop: Path) -> tuple[EditContext, list[Source]]:
    workshop = EditContext(synthesis_shop / "prepare", synthesis_shop / "evidence")
    workshop.open = lambda item_id: True  # type: ignore[method-assign]  # the shop is small: all items
    return workshop, _sources(
        Config(), workshop, synthesis_shop / "prepare", [synthesis_shop / "answers"]
    )


def drafts(
    workshop: EditContext, source: Source, error: str, seed: int
) -> list[tuple[Draft, tuple[Evidence, ...]]]:
    rng = Random(seed)
    many = [
        d
        for edit in (*EDITS[error], *HELD_OUT_EDITS.get(error, ()))
        for d in edit(source, workshop.catalogue, rng)
    ]
    return [(d, found) for d in many if (found := workshop.hold(source, d, error))]


def test_error_types_fit_the_edits_and_the_page() -> None:
    assert (
        set(TYPE_OF) == set(ATTRIBUTES) - {"feature"}
        and TYPE_OF["product_type"] == "category"
    )
    assert (
        set(EDITS) == set(ERROR_TYPES)
        and set(HELD_OUT_EDITS) < set(EDITS)
        and set(PICKS) <= set(NEGATIVES)
    )
    page = (Path(__file__).parents[2] / "docs" / "error_types.md").read_text("utf-8")
    made = page.split("<!-- types -->\n")[1].split("<!-- end -->")[0]
    assert made.strip() == table(), (
        "run `python -m adore.synthesis.registry` and put its output between the marks"
    )


def test_every_type_is_made(bench) -> None:
    workshop, sources = bench
    made = {
        name
        for name in ERROR_TYPES
        if any(drafts(workshop, s, name, 0) for s in sources)
    }
    assert set(ERROR_TYPES) - made == LACKING


relaxed = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@relaxed
@given(
    error=st.sampled_from(NEGATIVES), at=st.integers(0, 99), seed=st.integers(0, 10**6)
)
def test_an_edit_moves_one_attribute_and_nothing_else(
    bench, error: str, at: int, seed: int
) -> None:
    workshop, sources = bench
    source = sources[at % len(sources)]
    for draft, _ in drafts(workshop, source, error, seed):
        found = compare(
            workshop.reader.read_query(draft.query),
            workshop.reader.read_item(draft.item),
        )
        conflicts = [e.attribute for e in found if e.state == "conflict"]
        assert conflicts == [draft.attribute]
        if draft.attribute == "feature":
            assert [contrast_type(e.asked) for e in found if e.state == "conflict"] == [
                error
            ]
        for name in {e.attribute for e in source.evidence} - {
            draft.attribute,
            "feature",
        }:
            before = Counter(e.state for e in source.evidence if e.attribute == name)
            assert not before - Counter(
                e.state for e in found if e.attribute == name
            ), (draft, name)
        answered = int(RuleBook.load().apply(found).grade)
        assert agrees(answered, ERROR_TYPES[error].grade, 2) and answered < 3
        assert (draft.query, draft.item) != (source.query, source.item)


@relaxed
@given(
    error=st.sampled_from(["synonym", "over-strict"]),
    at=st.integers(0, 99),
    seed=st.integers(0, 10**6),
)
def test_hard_positives_keep_every_state(bench, error: str, at: int, seed: int) -> None:
    workshop, sources = bench
    source = sources[at % len(sources)]
    held = drafts(workshop, source, error, seed)
    assert held
    for draft, _ in held:
        found = compare(
            workshop.reader.read_query(draft.query),
            workshop.reader.read_item(draft.item),
        )
        before, after = (
            Counter((e.attribute, e.state) for e in many)
            for many in (source.evidence, found)
        )
        assert {name for name, _ in before - after} <= {draft.attribute} and {
            state for _, state in after - before
        } <= {"match"}
        assert (draft.query, draft.item) != (source.query, source.item)


@relaxed
@given(
    error=st.sampled_from(NEGATIVES), at=st.integers(0, 99), seed=st.integers(0, 10**6)
)
def test_edits_are_pure(bench, error: str, at: int, seed: int) -> None:
    workshop, sources = bench
    source = sources[at % len(sources)]
    first, second = (drafts(workshop, source, error, seed) for _ in range(2))
    assert first == second


def test_a_picked_item_is_real_and_nobody_graded_it(bench) -> None:
    workshop, sources = bench
    picks = [
        (s, d)
        for s in sources
        for error in NEGATIVES
        for d, _ in drafts(workshop, s, error, 0)
        if d.edit.startswith(REAL)
    ]
    wanted = {
        "brand",
        "size",
        "colour",
        "exclusion",
        "compatibility",
        "product_type",
        "audience",
    }
    assert {d.attribute for _, d in picks} >= wanted
    for source, draft in picks:
        assert workshop.catalogue.items[draft.item.item_id] == draft.item
        assert draft.item.item_id not in source.known and draft.query == source.query


def test_edits_read_as_a_shopper_writes(bench) -> None:
    workshop, sources = bench
    texts = {
        d.query
        for s in sources
        for error in NEGATIVES
        for seed in range(6)
        for d, _ in drafts(workshop, s, error, seed)
    }
    assert {
        "asics red running shoes",
        "750ml steel water bottle",
        "leather case for pixel 5",
    } <= texts
    assert "500ml steel water bottle without handle" in texts
    assert {
        "how to clean 500ml steel water bottle",
        "500ml steel water bottle brush",
    } <= texts
    assert {
        "square cotton pillow for women",
        "refurbished round cotton pillow for women",
    } <= texts
    assert "round cotton pillow for women under $20" in texts
