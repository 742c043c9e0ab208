"""Checks a rule book: errors mislead a judge, warnings are worth a look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml
from pydantic import ValidationError

from adore.attributes.language_packs import PACKS, load_language
from adore.rulebook import Book, RuleBook
from adore.rules import CRITICALITY, Rule
from adore.text import word_stems
from adore.types import ATTRIBUTES, LABELS, Evidence, Grade, State

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = [
    "BOOK_CHECKS",
    "RULE_CHECKS",
    "Finding",
    "Issue",
    "lint",
    "lint_file",
    "reachable_grades",
]

Level = Literal["error", "warning"]
_GRADE_WORDS = {"exact": "E", "substitute": "S", "complement": "C", "irrelevant": "I"}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault: the line it is on (1 = first), how bad, and what to do."""

    line: int
    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Issue:
    """What a check finds.

    Attributes:
        level: how bad it is.
        rule: id of the rule; ``""``: the whole book.
        text: what is wrong, with what to do.
    """

    level: Level
    rule: str
    text: str


def _error(text: str, rule: str = "") -> Issue:
    return Issue("error", rule, text)


def _warning(text: str, rule: str = "") -> Issue:
    return Issue("warning", rule, text)


def lint_file(path: Path, language: str = "en") -> list[Finding]:
    """Find every fault of a rule book's file.

    Args:
        path: the YAML file.
        language: code of the language of the shop's texts, whose stems its words must be.

    Returns:
        The faults, by line.
    """
    content = path.read_bytes()
    try:
        book_text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line_number = content.count(b"\n", 0, error.start) + 1
        return [Finding(line_number, "error", "not UTF-8; save the file as UTF-8")]
    return lint(book_text, language)


def lint(text: str, language: str = "en") -> list[Finding]:
    """Find every fault of a rule book's text.

    Args:
        text: the YAML.
        language: code of the language of the shop's texts, whose stems its words must be.

    Returns:
        The faults, by line.
    """
    try:
        root_node = yaml.compose(text)
        content = yaml.safe_load(text)
        repeated_keys = list(_repeated_keys(root_node))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return [_yaml_fault(error)]
    if not isinstance(content, dict) or not isinstance(root_node, yaml.MappingNode):
        advice = "not a mapping; begin with name:, grades:, unread:, rules:"
        return [Finding(1, "error", advice)]

    rule_lines = _rule_lines(root_node)
    # What can be read is checked, so that one run of lint shows most of what is wrong.
    schema_faults = list(_schema_faults(content, rule_lines))
    valid_rules = _valid_rules(content)
    book = _readable_book(content, tuple(valid_rules.values()))

    issues = list(_normal_forms(book, language))
    for rule_check in RULE_CHECKS:
        issues += rule_check(book)
    if not schema_faults:  # a broken rule would seem to be missing
        for book_check in BOOK_CHECKS:
            issues += book_check(book)

    line_of_rule = {}
    for index, rule in valid_rules.items():
        line_of_rule[rule.id] = rule_lines[index]
    findings = {*repeated_keys, *schema_faults, *_locate(issues, line_of_rule)}
    return sorted(findings)


def _locate(issues: Iterable[Issue], lines: Mapping[str, int]) -> Iterator[Finding]:
    """Issues with the lines of their rules; those of the whole book are on the first."""
    for issue in issues:
        advice = issue.text
        if issue.rule:
            advice = f"[{issue.rule}] {advice}"
        line_number = lines.get(issue.rule, 1)
        yield Finding(line_number, issue.level, advice)


# ---------------------------------------------------------------- the file


def _yaml_fault(error: Exception) -> Finding:
    problem_mark = getattr(error, "problem_mark", None)
    line_number = 1
    if problem_mark:
        line_number += problem_mark.line
    problem = getattr(error, "problem", error)
    return Finding(line_number, "error", f"not YAML: {problem}; mend it")


def _rule_lines(node: yaml.MappingNode) -> list[int]:
    """The line of each rule, 1 = first."""
    for key_node, value_node in node.value:
        if key_node.value == "rules" and isinstance(value_node, yaml.SequenceNode):
            marks = [rule_node.start_mark for rule_node in value_node.value]
            return [mark.line + 1 for mark in marks]  # YAML's first line is 0
    return []


def _repeated_keys(node: yaml.Node | None) -> Iterator[Finding]:
    """Keys that occur twice in one mapping; YAML would silently take the last."""
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _repeated_keys(child)
    if not isinstance(node, yaml.MappingNode):
        return

    # YAML keeps the last value of a key without a word.
    known_keys = set[str]()
    for key_node, value_node in node.value:
        key_name = str(key_node.value)
        if key_name in known_keys:
            line_number = key_node.start_mark.line + 1
            advice = f"key {key_name} stands twice; keep one"
            yield Finding(line_number, "error", advice)
        known_keys.add(key_name)
        yield from _repeated_keys(value_node)


def _schema_faults(content: dict[str, object], lines: list[int]) -> Iterator[Finding]:
    """What pydantic reports of the book, with lines and advice."""
    try:
        Book.model_validate(content)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            yield _schema_fault(content, lines, details)


def _schema_fault(
    content: dict[str, object], lines: list[int], details: ErrorDetails
) -> Finding:
    location = details["loc"]
    index = _rule_index(location)
    line_number = 1
    if index is not None and index < len(lines):
        line_number = lines[index]

    key_path = location if index is None else location[2:]
    key_name = ".".join(map(str, key_path))
    advice = _advice(details, of_rule=index is not None)
    if key_name:
        written_value = details["input"]
        shown_value = ""
        if not isinstance(written_value, dict):  # a whole rule would fill the screen
            shown_value = f" == {written_value!r}"
        advice = f"{key_name}{shown_value}: {advice}"
    rule_name = _rule_name(content, index)
    return Finding(line_number, "error", f"{rule_name}{advice}")


def _rule_index(location: tuple[int | str, ...]) -> int | None:
    """The index of the rule that a fault is in; None where it is in the book."""
    if len(location) < 2 or location[0] != "rules":
        return None
    rule_index = location[1]
    return rule_index if isinstance(rule_index, int) else None


def _rule_name(content: dict[str, object], index: int | None) -> str:
    rules = content.get("rules")
    if index is None or not isinstance(rules, list):
        return ""
    written_rule = rules[index]
    if not isinstance(written_rule, dict):
        return ""
    rule_id = written_rule.get("id", f"rule {index + 1}")
    return f"[{rule_id}] "


def _advice(details: ErrorDetails, *, of_rule: bool) -> str:
    fault_kind = details["type"]
    if fault_kind == "extra_forbidden":
        model = Rule if of_rule else Book
        return f"unknown key; use one of {', '.join(model.model_fields)}"
    if fault_kind == "tuple_type":
        return "must be a list"
    if fault_kind == "too_short":
        return "must not be empty; add one"
    if fault_kind == "missing":
        return "missing; add it"
    return details["msg"].removeprefix("Value error, ")


def _valid_rules(content: dict[str, object]) -> dict[int, Rule]:
    """The rules that can be read, by their index."""
    rules = content.get("rules")
    valid_rules: dict[int, Rule] = {}
    if not isinstance(rules, list):
        return valid_rules
    for index, written_rule in enumerate(rules):
        try:
            valid_rules[index] = Rule.model_validate(written_rule)
        except ValidationError:
            continue
    return valid_rules


def _readable_book(content: dict[str, object], rules: tuple[Rule, ...]) -> RuleBook:
    """What can be read of the book, so that one fault does not hide the next."""
    grades: dict[str, str] = {}
    written = content.get("grades")
    if isinstance(written, dict):
        for letter, meaning in written.items():
            grades[str(letter)] = str(meaning)

    domain: tuple[str, ...] = ()
    domain_words = content.get("domain")
    if isinstance(domain_words, list):
        domain = tuple(map(str, domain_words))

    book_name = str(content.get("name"))
    unread = LABELS.get(str(content.get("unread")), Grade.SUBSTITUTE)
    return RuleBook(book_name, "", grades, unread, rules, domain)


# ---------------------------------------------------------------- the rules


def _unique(book: RuleBook) -> Iterator[Issue]:
    for field_name in ("id", "attribute"):
        counts = Counter(getattr(rule, field_name) for rule in book.rules)
        for rule in book.rules:
            field_value = getattr(rule, field_name)
            if counts[field_value] > 1:
                fault = f"two rules of {field_name} {field_value!r}; merge them"
                yield _error(fault, rule.id)


def _criticality(book: RuleBook) -> Iterator[Issue]:
    for rule in book.rules:
        criticality = CRITICALITY[rule.criticality]
        costs = {
            "on_conflict": criticality.conflict_costs,
            "on_missing": criticality.missing_costs,
        }
        for cap_key, must_cost in costs.items():
            written_grade = getattr(rule, cap_key)
            costs_grade = written_grade != "E"
            if must_cost is None or must_cost == costs_grade:
                continue
            requirement = "below E" if must_cost else "E"
            yield _error(
                f"{cap_key} == {written_grade!r}, must be {requirement} for {rule.criticality} "
                f"({criticality.meaning[:-1]}); change {cap_key} or criticality",
                rule.id,
            )


def _accessory(book: RuleBook) -> Iterator[Issue]:
    for rule in book.rules:
        if rule.accessory == "E":
            yield _error("accessory == 'E' calls an accessory exact; set C", rule.id)
        if rule.accessory and LABELS[rule.accessory] < LABELS[rule.on_conflict]:
            yield _error(
                f"accessory {rule.accessory} is below on_conflict {rule.on_conflict}: "
                "an accessory would be worse than another product; raise it",
                rule.id,
            )


def _weights(book: RuleBook) -> Iterator[Issue]:
    """No rule weighs more than one of a higher criticality."""
    ranks = {}
    for rank, criticality in enumerate(CRITICALITY):  # the most critical one first
        ranks[criticality] = rank

    for rule in book.rules:
        rank = ranks[rule.criticality]
        lightest = rule
        for other in book.rules:
            is_above = ranks[other.criticality] < rank
            if is_above and other.weight < lightest.weight:
                lightest = other
        if rule.weight > lightest.weight:
            yield _warning(
                f"weight {rule.weight:g} of an {rule.criticality} rule is above "
                f"{lightest.weight:g} of the {lightest.criticality} rule [{lightest.id}]; "
                "lower it or raise that",
                rule.id,
            )


def _guidelines(book: RuleBook) -> Iterator[Issue]:
    for rule in book.rules:
        text = rule.guideline.lower()
        if not _has_words(text):
            yield _error(
                "guideline is empty: an LLM and a person have nothing to obey; write a sentence",
                rule.id,
            )
        possible = {rule.on_conflict, rule.on_missing, rule.accessory, "E"}
        for grade_word, letter in _GRADE_WORDS.items():
            if grade_word in text and letter not in possible:
                yield _warning(
                    f"guideline says {grade_word!r} but no key gives {letter}; make them agree",
                    rule.id,
                )


def reachable_grades(book: RuleBook) -> dict[Grade, str]:
    """Find the grades that the rules can give.

    A verdict is the lowest of the caps of single pieces of evidence and of the words' cap, so
    single pieces and two missing words reach all that any evidence can reach.

    Args:
        book: the rule book.

    Returns:
        Each grade with the least evidence that gives it.
    """
    reached = {Grade.EXACT: "nothing against the item"}
    for evidence in _least_evidence():
        grade = book.apply(evidence).grade
        first = evidence[0]
        words = f"{first.attribute} {first.state} {first.found}".strip()
        reached.setdefault(grade, words)
    return reached


def _least_evidence() -> Iterator[list[Evidence]]:
    """What the reader can report of one attribute, and two missing words."""
    for attribute in ATTRIBUTES:
        yield [_evidence(attribute, "unknown", "")]
        yield [_evidence(attribute, "conflict", "another")]
        if attribute == "product_type":
            conflict = _evidence(attribute, "conflict", "accessory")
            yield [replace(conflict, relation="accessory")]

    missing_words = []
    for word in ("one", "two"):
        missing_words.append(Evidence("feature", word, word, "", "", "", "unknown"))
    yield missing_words


def _evidence(attribute: str, state: State, item_value: str) -> Evidence:
    return Evidence(attribute, "asked", "asked", item_value, item_value, "title", state)


def _grades(book: RuleBook) -> Iterator[Issue]:
    reached = reachable_grades(book)
    for grade in sorted(Grade, reverse=True):
        grade_letter = grade.letter
        if grade in reached and grade_letter not in book.grades:
            yield _error(
                f"grades has no {grade_letter}, but {reached[grade]} gives it; say what it means"
            )
        if grade not in reached and grade_letter in book.grades:
            yield _error(
                f"grade {grade_letter} is unreachable: no rule gives it; let a rule, or remove it"
            )
    for grade_letter, meaning in book.grades.items():
        if not _has_words(meaning):
            yield _error(f"grades.{grade_letter} is empty; say what it means")


def _coverage(book: RuleBook) -> Iterator[Issue]:
    with_rule = {rule.attribute for rule in book.rules}
    for level in sorted(set(ATTRIBUTES.values())):
        attributes = []
        for name, of_level in ATTRIBUTES.items():
            if of_level == level:
                attributes.append(name)
        if with_rule.isdisjoint(attributes):
            listed = ", ".join(attributes)
            yield _warning(f"level {level} is unused: no rule for {listed}; add one")

    for name in ATTRIBUTES:
        if name in with_rule:
            continue
        consequence = ", and unread never acts" if name == "feature" else ""
        yield _warning(
            f"attribute {name} has no rule: it never changes a grade{consequence}; "
            "add one, optional at least"
        )
    if book.unread == Grade.EXACT:
        yield _warning(
            "unread == 'E': an item with none of the query's words may be exact; set S"
        )


def _has_words(text: str) -> bool:
    return bool(word_stems(text, load_language("en")))


def _as_read(word: str, language: str) -> str:
    """A word as the reader of the language writes it."""
    return " ".join(word_stems(word, load_language(language)))


def _normal_forms(book: RuleBook, language: str) -> Iterator[Issue]:
    """Words that the reader never writes, so that no text can match them."""
    for rule in book.rules:
        for group in rule.synonyms:
            for synonym in group:
                advice = _synonym_advice(rule, synonym, language)
                if advice:
                    fault = f"synonym {synonym!r} is never read; {advice}"
                    yield _error(fault, rule.id)
    for synonym in book.domain:
        as_read = _as_read(synonym, language)
        if as_read != synonym:
            yield _error(f"domain word {synonym!r} is never read; write {as_read!r}")


def _synonym_advice(rule: Rule, word: str, language: str) -> str:
    """What to write in place of a synonym, or ``""`` where it is right."""
    if rule.attribute == "audience":
        audiences = _audiences()
        if word not in audiences:
            return f"use one of {', '.join(audiences)}"
        return ""

    as_read = _as_read(word, language)
    if word != as_read:
        return f"write {as_read!r}"
    return ""


def _audiences() -> list[str]:
    """The values of all packs, sorted."""
    audiences = set[str]()
    for language_code in PACKS:
        audiences.update(load_language(language_code).audiences.values())
    return sorted(audiences)


RULE_CHECKS: tuple[Callable[[RuleBook], Iterator[Issue]], ...] = (
    _unique,
    _criticality,
    _accessory,
    _weights,
    _guidelines,
)
"""Checks of single rules; a new one is one function here."""
BOOK_CHECKS: tuple[Callable[[RuleBook], Iterator[Issue]], ...] = (_grades, _coverage)
"""Checks of what the rules do together."""
