"""Checks a rule book: errors mislead a judge, warnings are worth a look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from adore.attributes.language_packs import PACKS, load_language
from adore.rulebook import CRITICALITY, Book, Rule, RuleBook
from adore.text import word_stems
from adore.types import ATTRIBUTES, LABELS, Evidence, Grade, State

__all__ = [
    "BOOK_CHECKS",
    "RULE_CHECKS",
    "Finding",
    "lint",
    "lint_file",
    "reachable_grades",
]

Found = Iterator[tuple[Literal["error", "warning"], str, str]]
"""Level, id of the rule (``""``: the whole book), and what is wrong with what to do."""
_GRADE_WORDS = {"exact": "E", "substitute": "S", "complement": "C", "irrelevant": "I"}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault: the line it stands on (1 = first), how bad, and what to do."""

    line: int
    level: Literal["error", "warning"]
    text: str


def lint_file(path: Path, language: str = "en") -> list[Finding]:
    """Every fault of a rule book's file, by line.

    Args:
        path: the YAML file.
        language: code of the language of the shop's texts, whose stems its words must be.
    """
    raw = path.read_bytes()
    try:
        return lint(raw.decode("utf-8"), language)
    except UnicodeDecodeError as error:
        return [
            Finding(
                raw.count(b"\n", 0, error.start) + 1,
                "error",
                "not UTF-8; save the file as UTF-8",
            )
        ]


def lint(text: str, language: str = "en") -> list[Finding]:
    """Every fault of a rule book's text, by line.

    Args:
        text: the YAML.
        language: code of the language of the shop's texts, whose stems its words must be.
    """
    try:
        node, raw = yaml.compose(text), yaml.safe_load(text)
        found = list(_twice(node))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        return [
            Finding(
                mark.line + 1 if mark else 1,
                "error",
                f"not YAML: {getattr(error, 'problem', error)}; mend it",
            )
        ]
    if not isinstance(raw, dict) or not isinstance(node, yaml.MappingNode):
        return [
            Finding(
                1, "error", "not a mapping; begin with name:, grades:, unread:, rules:"
            )
        ]
    lines = _rule_lines(node)
    faults = list(_schema(raw, lines))
    found += faults
    rules = list(_good_rules(raw))
    book = _readable(raw, tuple(rule for _, rule in rules))
    where = {rule.id: lines[index] for index, rule in rules}
    found += _in_lines(_normal_forms(book, language), where)

    checks = RULE_CHECKS
    if not faults:  # a broken rule would seem to be missing
        checks = (*RULE_CHECKS, *BOOK_CHECKS)
    for check_ in checks:
        found += _in_lines(check_(book), where)
    return sorted(set(found))


def _in_lines(found: Found, where: Mapping[str, int]) -> list[Finding]:
    return [
        Finding(where.get(rule, 1), level, f"[{rule}] {text}" if rule else text)
        for level, rule, text in found
    ]


# ---------------------------------------------------------------- the file


def _rule_lines(node: yaml.MappingNode) -> list[int]:
    rules = next((value for key, value in node.value if key.value == "rules"), None)
    return (
        [r.start_mark.line + 1 for r in rules.value]
        if isinstance(rules, yaml.SequenceNode)
        else []
    )


def _twice(node: yaml.Node | None) -> Iterator[Finding]:
    """Keys that stand twice in one mapping; YAML would silently take the last."""
    if isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            if str(key.value) in seen:
                yield Finding(
                    key.start_mark.line + 1,
                    "error",
                    f"key {key.value} stands twice; keep one",
                )
            seen.add(str(key.value))
            yield from _twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _twice(child)


def _schema(raw: dict[str, Any], lines: list[int]) -> Iterator[Finding]:
    try:
        Book.model_validate(raw)
    except ValidationError as error:
        for e in error.errors(include_url=False):
            at = e["loc"]
            of_rule = len(at) > 1 and at[0] == "rules" and isinstance(at[1], int)
            line = lines[int(at[1])] if of_rule and int(at[1]) < len(lines) else 1
            key = ".".join(map(str, at[2:] if of_rule else at))
            shown = "" if isinstance(e["input"], dict) else f" == {e['input']!r}"
            advice = _advice(e["type"], e["msg"], of_rule)
            yield Finding(
                line,
                "error",
                _rule_name(raw, at) + (f"{key}{shown}: {advice}" if key else advice),
            )


def _rule_name(raw: dict[str, Any], at: tuple[int | str, ...]) -> str:
    if (
        len(at) < 2
        or at[0] != "rules"
        or not isinstance(at[1], int)
        or not isinstance(raw["rules"][at[1]], dict)
    ):
        return ""
    return f"[{raw['rules'][at[1]].get('id', f'rule {at[1] + 1}')}] "


def _advice(kind: str, message: str, of_rule: bool) -> str:
    if kind == "extra_forbidden":
        known = ", ".join((Rule if of_rule else Book).model_fields)
        return f"unknown key; use one of {known}"
    if kind == "tuple_type":
        return "must be a list"
    if kind == "too_short":
        return "must not be empty; add one"
    return (
        "missing; add it"
        if kind == "missing"
        else message.removeprefix("Value error, ")
    )


def _good_rules(raw: dict[str, Any]) -> Iterator[tuple[int, Rule]]:
    rules = raw.get("rules")
    for i, rule in enumerate(rules if isinstance(rules, list) else ()):
        try:
            yield i, Rule.model_validate(rule)
        except ValidationError:
            continue


def _readable(raw: dict[str, Any], rules: tuple[Rule, ...]) -> RuleBook:
    """What can be read of the book, so that one fault does not hide the next."""
    grades: dict[str, str] = {}
    written = raw.get("grades")
    if isinstance(written, dict):
        grades = {str(letter): str(meaning) for letter, meaning in written.items()}

    domain: tuple[str, ...] = ()
    words = raw.get("domain")
    if isinstance(words, list):
        domain = tuple(map(str, words))

    name = str(raw.get("name"))
    unread = LABELS.get(str(raw.get("unread")), Grade.SUBSTITUTE)
    return RuleBook(name, "", grades, unread, rules, domain)


# ---------------------------------------------------------------- the rules


def _unique(book: RuleBook) -> Found:
    for what in ("id", "attribute"):
        values = [getattr(r, what) for r in book.rules]
        for rule in book.rules:
            if values.count(getattr(rule, what)) > 1:
                yield (
                    "error",
                    rule.id,
                    f"two rules of {what} {getattr(rule, what)!r}; merge them",
                )


def _criticality(book: RuleBook) -> Found:
    for rule in book.rules:
        kind = CRITICALITY[rule.criticality]
        for key, costs in (
            ("on_conflict", kind.conflict_costs),
            ("on_missing", kind.missing_costs),
        ):
            value = getattr(rule, key)
            if costs is not None and costs == (value == "E"):
                must = "below E" if costs else "E"
                yield (
                    "error",
                    rule.id,
                    f"{key} == {value!r}, must be {must} for {rule.criticality} "
                    f"({kind.meaning[:-1]}); change {key} or criticality",
                )


def _accessory(book: RuleBook) -> Found:
    for rule in book.rules:
        if rule.accessory == "E":
            yield "error", rule.id, "accessory == 'E' calls an accessory exact; set C"
        if rule.accessory and LABELS[rule.accessory] < LABELS[rule.on_conflict]:
            low = f"accessory {rule.accessory} is below on_conflict {rule.on_conflict}"
            yield (
                "error",
                rule.id,
                f"{low}: an accessory would be worse than another product; raise it",
            )


def _weights(book: RuleBook) -> Found:
    ranks = list(CRITICALITY)
    for rule in book.rules:
        above = [
            r
            for r in book.rules
            if ranks.index(r.criticality) < ranks.index(rule.criticality)
        ]
        light = min(above, key=lambda r: r.weight, default=rule)
        if rule.weight > light.weight:
            yield (
                "warning",
                rule.id,
                f"weight {rule.weight:g} of an {rule.criticality} rule is above "
                f"{light.weight:g} of the {light.criticality} rule [{light.id}]; "
                "lower it or raise that",
            )


def _guidelines(book: RuleBook) -> Found:
    for rule in book.rules:
        text = rule.guideline.lower()
        if not _says(text):
            yield (
                "error",
                rule.id,
                "guideline is empty: an LLM and a person have nothing to obey; write a sentence",
            )
        gives = {rule.on_conflict, rule.on_missing, rule.accessory, "E"}
        for word, letter in _GRADE_WORDS.items():
            if word in text and letter not in gives:
                yield (
                    "warning",
                    rule.id,
                    f"guideline says {word!r} but no key gives {letter}; make them agree",
                )


def reachable_grades(book: RuleBook) -> dict[Grade, str]:
    """The grades that the rules can give, each with the least evidence that gives it.

    A verdict is the lowest of the caps of single pieces of evidence and of the words' cap, so
    single pieces and two missing words reach all that any evidence can reach.
    """
    found = {Grade.EXACT: "nothing against the item"}
    for evidence in _kinds_of_evidence():
        grade = book.apply(evidence).grade
        found.setdefault(
            grade,
            f"{evidence[0].attribute} {evidence[0].state} {evidence[0].found}".strip(),
        )
    return found


def _kinds_of_evidence() -> Iterator[list[Evidence]]:
    """What the reader can report of one attribute, and two words lost."""
    for name in ATTRIBUTES:
        states: tuple[tuple[State, str], ...] = (
            ("unknown", ""),
            ("conflict", "another"),
            ("conflict", "accessory"),
        )
        for state, found in states[: 3 if name == "product_type" else 2]:
            yield [Evidence(name, "asked", "asked", found, found, "title", state)]
    yield [
        Evidence("feature", word, word, "", "", "", "unknown")
        for word in ("one", "two")
    ]


def _grades(book: RuleBook) -> Found:
    can = reachable_grades(book)
    for grade in sorted(Grade, reverse=True):
        if grade in can and grade.letter not in book.grades:
            yield (
                "error",
                "",
                f"grades has no {grade.letter}, but {can[grade]} gives it; say what it means",
            )
        if grade not in can and grade.letter in book.grades:
            yield (
                "error",
                "",
                f"grade {grade.letter} is unreachable: no rule gives it; let a rule, or remove it",
            )
    for letter, text in book.grades.items():
        if not _says(text):
            yield "error", "", f"grades.{letter} is empty; say what it means"


def _coverage(book: RuleBook) -> Found:
    lacking = [a for a in ATTRIBUTES if a not in {r.attribute for r in book.rules}]
    for level in sorted(set(ATTRIBUTES.values())):
        of_level = [a for a in ATTRIBUTES if ATTRIBUTES[a] == level]
        if set(of_level) <= set(lacking):
            yield (
                "warning",
                "",
                f"level {level} is unused: no rule for {', '.join(of_level)}; add one",
            )
    for name in lacking:
        rest = ", and unread never acts" if name == "feature" else ""
        yield (
            "warning",
            "",
            f"attribute {name} has no rule: it never changes a grade{rest}; "
            "add one, optional at least",
        )
    if book.unread == Grade.EXACT:
        yield (
            "warning",
            "",
            "unread == 'E': an item with none of the query's words may be exact; set S",
        )


def _says(text: str) -> bool:
    return bool(word_stems(text, load_language("en")))


def _as_read(word: str, language: str) -> str:
    """A word as the reader of the language writes it."""
    return " ".join(word_stems(word, load_language(language)))


def _normal_forms(book: RuleBook, language: str) -> Found:
    people = sorted(
        {value for code in PACKS for value in load_language(code).audiences.values()}
    )
    for rule in book.rules:
        for word in (w for group in rule.synonyms for w in group):
            if rule.attribute == "audience":
                if word not in people:
                    yield (
                        "error",
                        rule.id,
                        f"synonym {word!r} is never read; use one of {', '.join(people)}",
                    )
            elif _as_read(word, language) != word:
                yield (
                    "error",
                    rule.id,
                    f"synonym {word!r} is never read; write {_as_read(word, language)!r}",
                )
    for word in book.domain:
        if _as_read(word, language) != word:
            yield (
                "error",
                "",
                f"domain word {word!r} is never read; write {_as_read(word, language)!r}",
            )


RULE_CHECKS: tuple[Callable[[RuleBook], Found], ...] = (
    _unique,
    _criticality,
    _accessory,
    _weights,
    _guidelines,
)
"""Checks of single rules; a new one is one function here."""
BOOK_CHECKS: tuple[Callable[[RuleBook], Found], ...] = (_grades, _coverage)
"""Checks of what the rules do together."""
