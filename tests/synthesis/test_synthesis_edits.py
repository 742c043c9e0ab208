from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adore.attributes.compare import compare
from adore.rulebook import RuleBook
from adore.synthesis.edits import EDITS, Draft, Source
from adore.synthesis.positives import POSITIVES
from adore.synthesis.synthesise import Config, _sources, _Workshop
from adore.synthesis.verify import agrees
from adore.taxonomy import ERROR_TYPES, error_type
from adore.types import Evidence

NEGATIVES = [e.name for e in ERROR_TYPES if e.attribute]


@pytest.fixture(scope="session")
def bench(synthesis_shop: Path) -> tuple[_Workshop, list[Source]]:
    workshop = _Workshop(synthesis_shop / "prepare", synthesis_shop / "evidence")
    return workshop, _sources(Config(), workshop, synthesis_shop / "prepare", [synthesis_shop / "answers"])


def drafts(workshop: _Workshop, source: Source, error: str, seed: int) -> list[tuple[Draft, tuple[Evidence, ...]]]:
    edits = POSITIVES if error == "synonym" else EDITS[error]
    rng = Random(seed)
    many = [d for edit in edits for d in edit(source, workshop.catalogue, rng)]
    return [(d, found) for d in many if (found := workshop.hold(source, d, error))]


relaxed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(error=st.sampled_from(NEGATIVES), at=st.integers(0, 99), seed=st.integers(0, 10**6))
def test_an_edit_moves_one_attribute_and_nothing_else(bench, error: str, at: int, seed: int) -> None:
    workshop, sources = bench
    source = sources[at % len(sources)]
    for draft, _ in drafts(workshop, source, error, seed):
        found = compare(workshop.reader.read_query(draft.query), workshop.reader.read_item(draft.item))
        conflicts = [e.attribute for e in found if e.state == "conflict"]
        assert conflicts == [draft.attribute]
        for name in {e.attribute for e in source.evidence} - {draft.attribute, "feature"}:
            before = Counter(e.state for e in source.evidence if e.attribute == name)
            assert not before - Counter(e.state for e in found if e.attribute == name), (draft, name)
        answered = int(RuleBook.load().apply(found).grade)
        assert agrees(answered, error_type(error).grade, 2) and answered < 3


@relaxed
@given(at=st.integers(0, 99), seed=st.integers(0, 10**6))
def test_hard_positives_keep_every_state(bench, at: int, seed: int) -> None:
    workshop, sources = bench
    source = sources[at % len(sources)]
    held = drafts(workshop, source, "synonym", seed)
    assert held
    for draft, _ in held:
        found = compare(workshop.reader.read_query(draft.query), workshop.reader.read_item(draft.item))
        before, after = (Counter((e.attribute, e.state) for e in many) for many in (source.evidence, found))
        assert not before - after and {state for _, state in after - before} <= {"match"}
        assert (draft.query, draft.item) != (source.query, source.item)


@relaxed
@given(error=st.sampled_from(NEGATIVES), at=st.integers(0, 99), seed=st.integers(0, 10**6))
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
        if d.edit.startswith("item: a real one")
    ]
    assert {d.attribute for _, d in picks} >= {"brand", "size", "colour", "exclusion", "compatibility", "product_type"}
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
    assert {"asics red running shoes", "750ml steel water bottle", "leather case for pixel 5"} <= texts
    assert "500ml steel water bottle without handle" in texts
