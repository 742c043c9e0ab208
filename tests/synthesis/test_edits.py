from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adore.attributes.comparison import compare
from adore.attributes.contrasts import contrast_type
from adore.errors import ConfigError
from adore.rulebook import RuleBook
from adore.synthesis.catalogue import Catalogue
from adore.synthesis.checks import agrees
from adore.synthesis.edits import (
    EDITS,
    Draft,
    Edit,
    Source,
    adversarial_edits,
    register_edit,
    training_edits,
)
from adore.synthesis.edits.base import REAL_ITEM
from adore.synthesis.generator import EditContext
from adore.synthesis.synthesise import Config, _sources
from adore.taxonomy import ERROR_TYPES, ErrorType
from adore.types import Evidence, Grade

STYLE = ERROR_TYPES["style"]
NEGATIVES = [name for name, error in ERROR_TYPES.items() if not error.positive]
LACKING = {"complement", "alternative"}
"""Types of which the small shop offers nothing:
nobody graded complements, no kinds are neighbours.
"""


def offers(context: EditContext, error_type: str) -> bool:
    """Whether the shop has what a type needs: for a type of words, a title with one."""
    groups = ERROR_TYPES[error_type].contrasts
    if not groups:
        return error_type not in LACKING
    titles = " ".join(item.title for item in context.catalogue.items.values())
    return any(word in titles.lower() for group in groups for word in group)


@pytest.fixture(scope="session")
def bench(synthesis_shop: Path) -> tuple[EditContext, list[Source]]:
    context = EditContext(synthesis_shop / "prepare", synthesis_shop / "evidence")
    context.is_eligible = lambda item_id: True  # type: ignore[method-assign]  # the shop is small: all items
    return context, _sources(
        Config(), context, synthesis_shop / "prepare", [synthesis_shop / "answers"]
    )


def all_edits(error_type: str) -> list[Edit]:
    """Picks, the rewrites of training, and those of the adversarial set."""
    training = training_edits(error_type)
    held_out = adversarial_edits(error_type)
    assert held_out.picks == () or len(held_out.picks) == len(training.picks)
    return [*training.picks, *training.rewrites, *held_out.rewrites]


def drafts(
    context: EditContext, source: Source, error_type: str, seed: int
) -> list[tuple[Draft, tuple[Evidence, ...]]]:
    """The valid drafts of all edits of an error type, with their evidence."""
    rng = Random(seed)
    valid = []
    for edit in all_edits(error_type):
        for draft in edit(source, context.catalogue, rng):
            evidence = context.validate(source, draft, error_type)
            if evidence:
                valid.append((draft, evidence))
    return valid


def test_every_type_has_an_edit_and_every_edit_a_type() -> None:
    for name in ERROR_TYPES:
        edits = training_edits(name)
        assert edits.picks or edits.rewrites, name
        assert not edits.picks or name in NEGATIVES
    for edit in EDITS.values():
        assert any(edit.makes(error) for error in ERROR_TYPES.values()), edit.name


def test_picks_come_first_and_the_order_is_that_of_the_module() -> None:
    names = [edit.func.__name__ for edit in all_edits("negation")]  # type: ignore[attr-defined]
    assert names == [
        "pick_item",
        "exclude_in_query",
        "affirm_in_item",
        "exclude_in_front",
    ]


def test_an_edit_gets_the_attribute_or_the_name_of_its_type() -> None:
    (pick,) = training_edits("negation").picks
    assert pick.keywords == {"attribute": "exclusion"}  # type: ignore[attr-defined]
    (contrast, *_) = training_edits("style").picks
    assert contrast.keywords == {"error_type": "style"}  # type: ignore[attr-defined]


def test_a_new_type_gets_the_edits_of_its_kind() -> None:
    flavour = ErrorType(
        name="flavour",
        definition="Another flavour.",
        grade=Grade.SUBSTITUTE,
        attribute="feature",
        contrasts=(("vanilla", "chocolate"),),
    )
    made_by = [edit.name for edit in EDITS.values() if edit.makes(flavour)]
    assert made_by == [edit.name for edit in EDITS.values() if edit.makes(STYLE)]

    second_of_brand = replace(flavour, attribute="brand", contrasts=())
    assert not any(edit.makes(second_of_brand) for edit in EDITS.values())


def test_an_edit_of_an_unknown_type_is_refused() -> None:
    register_edit("taste")(shuffle_words)
    try:
        with pytest.raises(ConfigError, match=r"error type == 'taste'.*category"):
            training_edits("brand")
    finally:
        EDITS.remove("shuffle_words")


def shuffle_words(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """Not a good edit."""
    yield Draft("", source.item, "", "")


def test_every_type_is_made(bench) -> None:
    context, sources = bench
    offered = {name for name in ERROR_TYPES if offers(context, name)}
    made = {
        name
        for name in ERROR_TYPES
        if any(drafts(context, s, name, 0) for s in sources)
    }
    assert made == offered
    assert {"function", "use-case", "style", "degree"} <= made


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
    context, sources = bench
    source = sources[at % len(sources)]
    for draft, _ in drafts(context, source, error, seed):
        evidence = compare(
            context.reader.read_query(draft.query),
            context.reader.read_item(draft.item),
        )
        conflicts = [e.attribute for e in evidence if e.state == "conflict"]
        assert conflicts == [draft.attribute]
        if draft.attribute == "feature":
            assert [
                contrast_type(e.asked) for e in evidence if e.state == "conflict"
            ] == [error]
        for name in {e.attribute for e in source.evidence} - {
            draft.attribute,
            "feature",
        }:
            before = Counter(e.state for e in source.evidence if e.attribute == name)
            assert not before - Counter(
                e.state for e in evidence if e.attribute == name
            ), (draft, name)
        answered = int(RuleBook.load().apply(evidence).grade)
        assert agrees(answered, ERROR_TYPES[error].grade, 2) and answered < 3
        assert (draft.query, draft.item) != (source.query, source.item)


@relaxed
@given(
    error=st.sampled_from(["synonym", "over-strict"]),
    at=st.integers(0, 99),
    seed=st.integers(0, 10**6),
)
def test_hard_positives_keep_every_state(bench, error: str, at: int, seed: int) -> None:
    context, sources = bench
    source = sources[at % len(sources)]
    valid = drafts(context, source, error, seed)
    assert valid
    for draft, _ in valid:
        evidence = compare(
            context.reader.read_query(draft.query),
            context.reader.read_item(draft.item),
        )
        before, after = (
            Counter((e.attribute, e.state) for e in many)
            for many in (source.evidence, evidence)
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
    context, sources = bench
    source = sources[at % len(sources)]
    first, second = (drafts(context, source, error, seed) for _ in range(2))
    assert first == second


def test_a_picked_item_is_real_and_nobody_graded_it(bench) -> None:
    context, sources = bench
    picks = [
        (s, d)
        for s in sources
        for error in NEGATIVES
        for d, _ in drafts(context, s, error, 0)
        if d.description.startswith(REAL_ITEM)
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
        assert context.catalogue.items[draft.item.item_id] == draft.item
        assert draft.item.item_id not in source.excluded and draft.query == source.query


def test_edits_read_as_a_shopper_writes(bench) -> None:
    context, sources = bench
    texts = {
        d.query
        for s in sources
        for error in NEGATIVES
        for seed in range(6)
        for d, _ in drafts(context, s, error, seed)
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
