"""Lint: the books that ship are clean, and every fault is named with its line and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from adore.cli.main import app
from adore.errors import ConfigError
from adore.rulebook import RULEBOOKS, RuleBook
from adore.rulebooks.lint import lint, reachable_grades
from adore.types import ATTRIBUTES, Evidence

GENERAL = (RULEBOOKS / "general.yaml").read_text("utf-8")
BRAND = "attribute: brand, criticality: essential, weight: 2.0, on_conflict: S, on_missing: S"


@pytest.mark.parametrize("path", sorted(RULEBOOKS.glob("*.yaml")), ids=lambda p: p.stem)
def test_books_that_ship_are_clean(path: Path) -> None:
    assert lint(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("old", "new", "level", "text"),
    [
        (
            "attribute: brand",
            "attribute: brnd",
            "error",
            "[brand] attribute == 'brnd': unknown attribute",
        ),
        (
            "weight: 3.0",
            "wieght: 3.0",
            "error",
            "[type] wieght == 3.0: unknown key; use one of id, ",
        ),
        ("id: brand", "id: type", "error", "two rules of id 'type'; merge them"),
        (
            BRAND,
            BRAND.replace("brand", "model"),
            "error",
            "two rules of attribute 'model'; merge them",
        ),
        (
            BRAND,
            BRAND.replace("missing: S", "missing: I"),
            "error",
            "on_missing I is stricter than on_conflict S",
        ),
        (
            BRAND,
            f"{BRAND}, on_missing: E",
            "error",
            "key on_missing stands twice; keep one",
        ),
        (
            BRAND,
            BRAND.replace("essential", "optional"),
            "error",
            "on_conflict == 'S', must be E for optional",
        ),
        (
            BRAND,
            BRAND.replace("essential", "important"),
            "error",
            "on_missing == 'S', must be E for important",
        ),
        (
            BRAND,
            BRAND.replace("S", "E"),
            "error",
            "on_conflict == 'E', must be below E for essential",
        ),
        ("accessory: C", "accessory: S", "error", "grade C is unreachable"),
        (
            "on_missing: S,\n     accessory: C",
            "on_missing: E,\n     accessory: E",
            "error",
            "an accessory exact; set C",
        ),
        (
            "on_conflict: I, on_missing: S,\n     a",
            "on_conflict: S, on_missing: S,\n     a",
            "error",
            "I is unreachable",
        ),
        (
            "  C: Complement",
            "  # C: Complement",
            "error",
            "grades has no C, but product_type conflict accessory gives",
        ),
        (
            "What the query excludes must not be there; an item that has it is a substitute.",
            " ",
            "error",
            "is empty",
        ),
        (
            "id: colour,",
            "id: colour, synonyms: [[reds, maroon]],",
            "error",
            "'reds' is never read; write 'red'",
        ),
        (
            "id: audience,",
            "id: audience, synonyms: [[men, male]],",
            "error",
            "'male' is never read; use one of adults",
        ),
        (
            "name: general",
            "name: general\ndomain: [Shoes]",
            "error",
            "domain word 'Shoes' is never read; write 'shoe'",
        ),
        ("unread: S", "unread: [S", "error", "not YAML"),
        (BRAND, BRAND.replace("2.0", "1.5"), "warning", ""),
        (
            "weight: 0.5",
            "weight: 5",
            "warning",
            "weight 5 of an important rule is above 2 of the essential rule [brand]",
        ),
        (
            "Another colour than",
            "Irrelevant: another colour than",
            "warning",
            "says 'irrelevant' but no key gives I",
        ),
        ("unread: S", "unread: E", "warning", "unread == 'E'"),
    ],
)
def test_faults_are_named(old: str, new: str, level: str, text: str) -> None:
    assert old in GENERAL
    found = lint(GENERAL.replace(old, new, 1))
    assert not text or any(f.level == level and text in f.text for f in found), found
    assert text or not found, (
        "a lighter essential rule that is no lighter than an important one is right"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "a: &a [*a]",
        "rules: [1, [2], {id: 3}]",
        "rules: 7",
        "{1: [}",
        "a: 2020-13-45",
    ],
)
def test_what_is_no_rule_book_is_an_error(text: str) -> None:
    assert any(f.level == "error" and f.line == 1 for f in lint(text))


def test_a_book_without_rules_is_an_error(tmp_path: Path) -> None:
    (book := tmp_path / "empty.yaml").write_text(
        "name: x\ngrades: {E: Exact}\nunread: S\nrules: []\n"
    )
    assert [(f.level, f.text) for f in lint(book.read_text())] == [
        ("error", "rules == []: must not be empty; add one")
    ]
    with pytest.raises(ConfigError, match="rules"):
        RuleBook.load(str(book))


def test_missing_attributes_and_levels_are_warnings() -> None:
    head, rules = GENERAL.split("rules:\n")
    kept = [r for r in rules.split("  - ") if r.startswith(("{id: type", "{id: brand"))]
    found = lint(f"{head}rules:\n" + "".join(f"  - {r}" for r in kept))
    assert {f.level for f in found} == {"warning"}
    assert any("level 3 is unused" in f.text for f in found) and any(
        "attribute model has no rule" in f.text for f in found
    )


def test_a_finding_names_the_line_of_its_rule() -> None:
    line = next(
        n for n, text in enumerate(GENERAL.splitlines(), 1) if "id: pack" in text
    )
    assert {
        f.line
        for f in lint(
            GENERAL.replace(
                "id: pack, attribute: pack, criticality: important",
                "id: pack, attribute: pack, criticality: optional",
            )
        )
    } == {line}


@settings(deadline=None)
@given(st.sampled_from(["general", "fashion", "electronics", "grocery"]), st.data())
def test_no_evidence_gives_an_unreachable_grade(name: str, data: st.DataObject) -> None:
    book = RuleBook.load(name)
    one = st.builds(Evidence, st.sampled_from(sorted(ATTRIBUTES)), st.just("a"), st.just("a"),
                    st.just("b"), st.just("b"), st.just("title"),
                    st.sampled_from(["match", "conflict", "unknown"]),
                    st.sampled_from(["value", "accessory"]))  # fmt: skip
    assert book.apply(data.draw(st.lists(one, max_size=12))).grade in reachable_grades(
        book
    )


def test_the_verb_exits_1_on_errors_alone(tmp_path: Path) -> None:
    warned, wrong = tmp_path / "warned.yaml", tmp_path / "wrong.yaml"
    warned.write_text(GENERAL.replace("unread: S", "unread: E"))
    wrong.write_text(GENERAL.replace("attribute: brand", "attribute: brnd"))
    good = CliRunner().invoke(app, ["rulebook", "lint", "general", str(warned)])
    assert good.exit_code == 0 and "0 errors, 1 warnings" in good.output
    bad = CliRunner().invoke(app, ["rulebook", "lint", str(wrong)])
    assert bad.exit_code == 1 and f"{wrong}:12: error: [brand]" in bad.output


def test_words_of_a_book_are_stems_of_the_shops_language() -> None:
    book = GENERAL.replace("id: colour,", "id: colour, synonyms: [[rote, karmin]],", 1)
    assert not [f for f in lint(book) if f.level == "error"]  # no English ending
    assert any("'rote' is never read; write 'rot'" in f.text for f in lint(book, "de"))
    assert not [
        f for f in lint(book.replace("rote", "rot"), "de") if f.level == "error"
    ]
