"""The rule book: strict to load, monotone to apply."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adore.artifacts import execute
from adore.data import prepare
from adore.errors import ConfigError, MissingError
from adore.rulebook import RULEBOOKS, Book, BookConfig, RuleBook
from adore.rules import SYNONYMOUS
from adore.types import ATTRIBUTES, Evidence, Grade, Relation

BOOK = RuleBook.load()
NAMES = sorted(p.stem for p in RULEBOOKS.glob("*.yaml"))
LETTERS = st.sampled_from("ICSE")
ONE = st.builds(
    Evidence,
    attribute=st.sampled_from(
        [*sorted(ATTRIBUTES), *["feature"] * 6, *["product_type"] * 4]
    ),
    asked=st.just("a"),
    asked_quote=st.just("a"),
    found=st.sampled_from(["a", "b", "z"]),
    found_quote=st.just("b"),
    where=st.just("title"),
    state=st.sampled_from(["match", "conflict", "unknown"]),
    relation=st.sampled_from(["value", "accessory"]),
)


@st.composite
def raw_books(draw: st.DrawFn) -> dict[str, Any]:
    """A valid rule book as its YAML is read, as odd as the schema allows."""
    rules = []
    for name in draw(
        st.permutations(sorted(ATTRIBUTES)).flatmap(
            lambda a: st.sampled_from([a, a, a[:3]])
        )
    ):
        missing = draw(LETTERS)
        below = st.sampled_from("ICSE"[: "ICSE".index(missing) + 1])
        rule = {
            "id": f"r-{name}",
            "attribute": name,
            "criticality": "essential",
            "weight": draw(st.floats(0.1, 9)),
        }
        rule |= {
            "on_conflict": draw(below),
            "on_missing": missing,
            "guideline": f"Obey {name}.",
        }
        if name == "product_type" and draw(st.booleans()):
            rule["accessory"] = draw(below)
        if name in SYNONYMOUS and draw(st.booleans()):
            rule["synonyms"] = [["a", "b"], ["c", "d"]]
        rules.append(rule)
    return {
        "name": "any",
        "grades": dict.fromkeys("ESCI", "text"),
        "unread": draw(LETTERS),
        "rules": rules,
    }


def loaded(raw: dict[str, Any]) -> RuleBook:
    return RuleBook.from_book(Book(**raw), "")


BOOKS = st.sampled_from(NAMES).map(RuleBook.load) | raw_books().map(loaded)


@given(BOOKS, st.lists(ONE, max_size=8), st.data())
@settings(deadline=None)
def test_a_conflict_never_raises_the_grade(
    book: RuleBook, evidence: list[Evidence], data: st.DataObject
) -> None:
    verdict = book.apply(evidence)
    p = verdict.probabilities
    assert sum(p) == pytest.approx(1) and max(p) == p[verdict.grade]
    if evidence:
        i = data.draw(st.integers(0, len(evidence) - 1))
        worse = [
            *evidence[:i],
            replace(evidence[i], state="conflict", found="z"),
            *evidence[i + 1 :],
        ]
        assert book.apply(worse).grade <= verdict.grade


def read_by_hand(raw: dict[str, Any], evidence: list[Evidence]) -> int:
    """The grade by the YAML's keys alone, written apart from the code under test."""
    rules, caps, states = {r["attribute"]: r for r in raw["rules"]}, [3], {}
    for n, e in enumerate(evidence):
        if e.attribute in rules:
            rule = rules[e.attribute]
            same = (
                e.state == "conflict"
                and {e.asked, e.found} == {"a", "b"}
                and "synonyms" in rule
            )
            states[n] = "match" if same else e.state
            key = {"match": "", "unknown": "on_missing", "conflict": "on_conflict"}[
                states[n]
            ]
            if (
                key == "on_conflict"
                and "accessory" in rule
                and e.relation == "accessory"
            ):
                key = "accessory"
            caps.append("ICSE".index(rule[key]) if key else 3)
    lost = [
        states[n] != "match"
        for n, e in enumerate(evidence)
        if e.attribute == "feature" and n in states
    ]
    kinds = [
        states[n]
        for n, e in enumerate(evidence)
        if e.attribute == "product_type" and n in states
    ]
    needed = 2 if kinds[:1] == ["match"] else 1
    if sum(lost) >= max(needed, len(lost) / 2):
        caps.append("ICSE".index(raw["unread"]))
    return min(caps)


@given(raw_books(), st.lists(ONE, max_size=6))
@settings(deadline=None, max_examples=300)
def test_apply_agrees_with_a_reading_by_hand(
    raw: dict[str, Any], evidence: list[Evidence]
) -> None:
    verdict = loaded(raw).apply(evidence)
    assert verdict.grade == read_by_hand(raw, evidence)
    assert set(verdict.rule_ids) <= {r["id"] for r in raw["rules"]} and bool(
        verdict.rule_ids
    ) == (verdict.grade < 3)


@given(raw_books())
@settings(deadline=None, max_examples=30)
def test_what_drives_apply_stands_in_the_prompt(raw: dict[str, Any]) -> None:
    """Another value of any key that apply reads is another prompt."""
    book = loaded(raw)
    assert all(
        f"[{r.id}] {r.attribute} " in book.render() and r.guideline in book.render()
        for r in book.rules
    )
    others = (
        [{**raw, "unread": next(x for x in "ICSE" if x != raw["unread"])}]
        if "feature" in book.weights
        else []
    )
    for i, rule in enumerate(raw["rules"]):
        changes = {
            k: next(x for x in "ICSE" if x != rule[k])
            for k in ("on_conflict", "on_missing", "accessory")
            if k in rule
        }
        changes |= {
            "weight": rule["weight"] * 2,
            **({"synonyms": [["a", "z"]]} if "synonyms" in rule else {}),
        }
        others += [
            {
                **raw,
                "rules": [*raw["rules"][:i], {**rule, k: v}, *raw["rules"][i + 1 :]],
            }
            for k, v in changes.items()
        ]
        others += [{**raw, "rules": [*raw["rules"][:i], *raw["rules"][i + 1 :]]}]
    for other in others:
        try:
            assert loaded(other).render() != book.render()
        except ValidationError:
            continue  # the changed key would let a conflict raise a grade


@pytest.mark.parametrize("name", NAMES)
def test_books_that_ship_say_in_the_prompt_what_they_do(name: str) -> None:
    book = RuleBook.load(name)
    text = book.render()
    for rule in book.rules:
        line = next(
            x
            for x in text.splitlines()
            if x.startswith(f"[{rule.id}] {rule.attribute} ")
        )
        caps = (
            f"Conflict: at most {rule.on_conflict}; silent: at most {rule.on_missing}."
        )
        assert (
            caps in line
            and rule.criticality in line
            and all(w in line for g in rule.synonyms for w in g)
        )
    assert "An accessory of it: at most C." in text and "other words not found" in text
    assert (
        all(meaning in text for meaning in book.grades.values())
        and "optional: neither lowers" in text
    )


def test_an_optional_conflict_costs_certainty_alone() -> None:
    book = RuleBook.load("electronics")
    red = Evidence("colour", "red", "red", "blue", "blue", "title", "conflict")
    verdict, clean = book.apply([red]), book.apply([replace(red, state="match")])
    assert (
        verdict.grade == clean.grade == Grade.EXACT
        and verdict.confidence < clean.confidence
    )


def test_synonyms_are_no_conflict() -> None:
    e = Evidence(
        "product_type",
        "trainer",
        "trainers",
        "sneaker",
        "Sneakers",
        "category",
        "conflict",
    )
    assert (
        BOOK.apply([e]).grade == Grade.IRRELEVANT
        and RuleBook.load("fashion").apply([e]).grade == Grade.EXACT
    )


@pytest.mark.parametrize(
    ("attribute", "relation", "grade"),
    [
        ("product_type", "value", Grade.IRRELEVANT),
        ("product_type", "accessory", Grade.COMPLEMENT),
        ("brand", "value", Grade.SUBSTITUTE),
    ],
)
def test_what_a_conflict_does(attribute: str, relation: Relation, grade: Grade) -> None:
    evidence = Evidence(attribute, "a", "a", "b", "b", "title", "conflict", relation)
    verdict = BOOK.apply([evidence])
    assert verdict.grade == grade and verdict.rule_ids and attribute in verdict.reason


def test_version_follows_the_text(tmp_path: Path) -> None:
    text = (RULEBOOKS / "general.yaml").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(text + "# edited\n")
    assert RuleBook.load(str(path)).version != BOOK.version and BOOK.version.startswith(
        "general@"
    )
    assert "[brand] brand (essential, weight 2)" in BOOK.render()


def test_an_edited_book_is_another_config_and_another_data_set(tmp_path: Path) -> None:
    data = tmp_path / "data"
    path = data / "books" / "mine.yaml"
    path.parent.mkdir(parents=True)
    for name in ("items", "queries", "judgements"):
        row = {
            "item_id": "i",
            "title": "mug",
            "query_id": "q",
            "query": "mug",
            "label": "E",
        }
        (data / f"{name}.jsonl").write_text(json.dumps(row))
    (data / "dataset.yaml").write_text("rulebook: books/mine.yaml\n")
    versions, contents = set[str](), set[str]()
    for text in ("", "# edited\n"):
        path.write_text((RULEBOOKS / "general.yaml").read_text() + text)
        versions |= {BookConfig(rulebook=str(path)).rulebook_version}
        contents |= {
            execute(
                prepare,
                "prepare",
                prepare.Config(),
                {"data": str(data)},
                str(tmp_path / "out"),
            ).content
        }
        assert RuleBook.of_dataset(tmp_path / "out").version in versions
    assert len(versions) == len(contents) == 2 and BookConfig().rulebook_version == ""
    (data / "dataset.yaml").write_text(f"rulebook: {path}\n")
    with pytest.raises(MissingError, match="must be a file in"):
        prepare.run(prepare.Config(), data, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("attribute: brand", "attribute: brnd", "unknown attribute"),
        ("on_conflict: I", "on_conflict: X", "on_conflict"),
        ("weight: 3.0", "wieght: 3.0", "wieght"),
        ("id: brand", "id: type", "unique"),
        ("on_missing: S", "on_missing: I, synonyms: [[a]]", "one word"),
        (
            "on_conflict: S, on_missing: S",
            "on_conflict: S, on_missing: I",
            "stricter than on_conflict",
        ),
        (
            "on_missing: S,\n     accessory: C",
            "on_missing: I, accessory: C",
            "above on_missing",
        ),
        (
            "attribute: size,",
            "attribute: size, synonyms: [[a, b]],",
            "synonyms are for",
        ),
    ],
)
def test_faults_are_named(tmp_path: Path, old: str, new: str, word: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text((RULEBOOKS / "general.yaml").read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=word):
        RuleBook.load(str(path))
    with pytest.raises(MissingError, match="general"):
        RuleBook.load("nope")
