"""The rule book: strict to load, monotone to apply."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adore.errors import ConfigError, MissingError
from adore.rulebook import RULEBOOKS, RuleBook
from adore.types import ATTRIBUTES, Evidence, Grade

BOOK = RuleBook.load()
ONE = st.builds(
    Evidence,
    attribute=st.sampled_from(sorted(ATTRIBUTES)),
    asked=st.just("a"),
    asked_quote=st.just("a"),
    found=st.sampled_from(["a", "b", "accessory b"]),
    found_quote=st.just("b"),
    where=st.just("title"),
    state=st.sampled_from(["match", "conflict", "unknown"]),
)


@given(st.lists(ONE, max_size=8), st.data())
def test_a_conflict_never_raises_the_grade(evidence: list[Evidence], data: st.DataObject) -> None:
    verdict = BOOK.apply(evidence)
    assert (
        sum(verdict.probabilities) == pytest.approx(1)
        and max(verdict.probabilities) == verdict.probabilities[verdict.grade]
    )
    if evidence:
        i = data.draw(st.integers(0, len(evidence) - 1))
        worse = [*evidence[:i], replace(evidence[i], state="conflict"), *evidence[i + 1 :]]
        assert BOOK.apply(worse).grade <= verdict.grade or evidence[i].attribute == "feature"


@pytest.mark.parametrize(
    ("attribute", "found", "grade"),
    [
        ("product_type", "b", Grade.IRRELEVANT),
        ("product_type", "accessory b", Grade.COMPLEMENT),
        ("brand", "b", Grade.SUBSTITUTE),
    ],
)
def test_what_a_conflict_does(attribute: str, found: str, grade: Grade) -> None:
    one = Evidence(attribute, "a", "a", found, "b", "title", "conflict")
    verdict = BOOK.apply([one])
    assert verdict.grade == grade and verdict.rule_ids and attribute in verdict.reason


def test_version_follows_the_text(tmp_path: Path) -> None:
    text = (RULEBOOKS / "general.yaml").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(text + "# edited\n")
    assert RuleBook.load(str(path)).version != BOOK.version and BOOK.version.startswith("general@")
    assert "[brand] brand (essential)" in BOOK.render()


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("attribute: brand", "attribute: brnd", "unknown attribute"),
        ("on_conflict: I", "on_conflict: X", "on_conflict"),
        ("weight: 3.0", "wieght: 3.0", "wieght"),
        ("id: brand", "id: type", "unique"),
    ],
)
def test_faults_are_named(tmp_path: Path, old: str, new: str, word: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text((RULEBOOKS / "general.yaml").read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=word):
        RuleBook.load(str(path))
    with pytest.raises(MissingError, match="general"):
        RuleBook.load("nope")
