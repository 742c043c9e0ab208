"""Proposes a rule book from a catalogue; every line states its evidence, and a person decides."""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adore.errors import check
from adore.rulebook import RuleBook
from adore.rulebooks.lint import lint
from adore.rulebooks.survey import AttributeCounts, Survey
from adore.rules import Rule
from adore.types import LABELS, Grade

__all__ = ["draft", "nearest_book"]

_ANY_ITEM = frozenset("brand audience colour size material pack".split())
"""Attributes that any kind of item may state.

The share of all items that do means something."""
_STATE_KEYS = {"conflict": "on_conflict", "unknown": "on_missing"}
_YAML_WORDS = frozenset("no yes on off y n true false null".split())
"""Words that YAML reads as booleans or nothing."""
MIN_JUDGEMENTS = 20
"""Judgements from which on a rule that people contradict is worth a look."""
DOMAIN_SHARE = 0.5
"""Share of the items from which on a shop is of a book's domain."""


def nearest_book(survey: Survey) -> str:
    """Choose the rule book to start from.

    Args:
        survey: what was counted of the catalogue.

    Returns:
        The domain that half of the items belong to, else ``general``.
    """
    # Of two domains with one share the first by name, so that the draft is always the same.
    in_order = sorted(survey.domains)
    domain = max(in_order, key=survey.domains.__getitem__)
    if survey.domains[domain] < DOMAIN_SHARE:
        return "general"
    return domain


def draft(survey: Survey, name: str) -> str:
    """Propose a rule book.

    Args:
        survey: what was counted of the catalogue.
        name: the new book's name.

    Returns:
        The YAML.

    Raises:
        ConfigError: the draft has an error that :func:`adore.rulebooks.lint.lint`
            reports, because the start book has it.
    """
    start = RuleBook.load(nearest_book(survey))
    book_text = "\n".join(_lines(survey, start, name)) + "\n"
    errors = []
    for finding in lint(book_text, survey.language):
        if finding.level == "error":
            errors.append(finding.text)
    check(
        not errors,
        f"errors of the draft from {start.name}",
        errors,
        must="none",
        fix=f"mend {start.name}.yaml",
    )
    return book_text


def _lines(survey: Survey, start: RuleBook, book_name: str) -> Iterator[str]:
    shares = []
    for domain, share in survey.domains.items():
        if share:
            shares.append(f"{domain} {share:.0%}")
    yield from _comment(
        f"Draft from {survey.items} items, {survey.queries} queries and {survey.judged} "
        f"human judgements (test queries left out). It starts from {start.name}; "
        f"items by domain words: {', '.join(shares) or 'none'} (half are needed). "
        "Read every line, change what is not so in this shop, remove these comments, "
        "then: adore rulebook lint."
    )
    yield f"name: {_scalar(book_name)}"
    yield "grades:"
    for letter, meaning in start.grades.items():
        yield f"  {letter}: {_scalar(meaning)}"

    with_words = survey.attributes["feature"].asked
    yield from _comment(
        f"{with_words} of {survey.queries} queries have words that are no key attribute."
    )
    yield f"unread: {start.unread.letter}"
    yield "rules:"
    for rule in start.rules:
        yield from _rule_lines(rule, survey, start.name)


def _rule_lines(rule: Rule, survey: Survey, start: str) -> Iterator[str]:
    counts = survey.attributes[rule.attribute]
    proposal = _propose(rule, survey)
    reasons = proposal.reasons or [f"Keys and text as in {start}."]
    comments = [
        *_evidence(rule, survey),
        *_contradictions(proposal.rule, counts),
        *reasons,
    ]
    for comment in comments:
        yield from _comment(comment, "  ")

    values = proposal.rule.model_dump(exclude_defaults=True)
    synonyms = values.pop("synonyms", ())
    guideline = values.pop("guideline")
    bullet = "-"
    for rule_key, rule_value in values.items():
        written = str(rule_value)
        if not isinstance(rule_value, float):
            written = _scalar(rule_value)
        yield f"  {bullet} {rule_key}: {written}"
        bullet = " "
    if synonyms:
        yield "    synonyms:"
    for synonym_group in synonyms:
        listed = ", ".join(map(_scalar, synonym_group))
        yield f"      - [{listed}]"
    yield f"    guideline: {_scalar(guideline)}"


@dataclass(frozen=True, slots=True)
class _Proposal:
    """The start's rule with what the catalogue supports, and why it was changed."""

    rule: Rule
    reasons: list[str]


def _propose(rule: Rule, survey: Survey) -> _Proposal:
    counts = survey.attributes[rule.attribute]
    reasons: list[str] = []
    changes: dict[str, object] = {}

    # Silence means something only where most items state the attribute.
    stated = counts.fields + counts.text
    is_rarely_stated = rule.attribute in _ANY_ITEM and stated * 2 < survey.items
    if is_rarely_stated and rule.on_missing != "E":
        changes["on_missing"] = "E"
        reasons.append(
            "on_missing E: most items do not state it, so silence says nothing."
        )

    # Synonyms of the start that this catalogue never uses would only be noise.
    synonym_groups = []
    for synonym_group in rule.synonyms:
        if any(survey.words[word] or counts.values[word] for word in synonym_group):
            synonym_groups.append(synonym_group)
    old_words = _top_words(synonym_groups, survey)

    for synonym_pair, evidence in survey.synonyms.get(rule.attribute, {}).items():
        verb = "Not proposed"
        if evidence.enough:
            verb = "Proposed"
            synonym_groups.append(synonym_pair)
        reasons.append(f"{verb}: {' = '.join(synonym_pair)} ({evidence.text}).")
    changes["synonyms"] = _merge_groups(synonym_groups)

    if old_words:
        reasons.append(
            f"Synonyms of the start that are seen here, items by word: {old_words}."
        )
    values = rule.model_dump() | changes
    return _Proposal(Rule.model_validate(values), reasons)


def _top_words(synonym_groups: Iterable[tuple[str, ...]], survey: Survey) -> str:
    """The words of groups of synonyms, each with its number of items."""
    parts = []
    for synonym_group in synonym_groups:
        for word in synonym_group:
            parts.append(f"{word} {survey.words[word]}")
    return ", ".join(parts)


def _merge_groups(groups: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Groups that share a word become one."""
    merged: list[tuple[str, ...]] = []
    for synonym_group in groups:
        merged_words: dict[str, None] = {}
        separate = []
        for merged_group in merged:
            if set(merged_group).isdisjoint(synonym_group):
                separate.append(merged_group)
            else:
                merged_words |= dict.fromkeys(merged_group)
        merged_words |= dict.fromkeys(synonym_group)
        merged = [*separate, tuple(merged_words)]
    return tuple(merged)


# ---------------------------------------------------------------- comments


def _evidence(rule: Rule, survey: Survey) -> Iterator[str]:
    counts = survey.attributes[rule.attribute]
    if rule.attribute == "feature":
        yield "Other words: no field to cover."
        return

    total = survey.items
    in_field = f"{counts.fields} of {total} items state it in a field"
    nowhere = total - counts.fields - counts.text
    yield f"{rule.attribute}: {in_field}, {counts.text} in text only, {nowhere} nowhere."
    if counts.values:
        verb = "tell items apart"
        if counts.effective < 2:
            verb = "hardly tell items apart"
        commonest = _top(counts.values)
        as_written = _as_written(rule.attribute, counts)
        yield (
            f"{len(counts.values)} values {verb} like "
            f"{counts.effective:.1f} equally common ones: {commonest}{as_written}."
        )
    if survey.queries:
        yield f"Asked by {counts.asked} of {survey.queries} queries."
    if counts.human:
        parts = []
        for state in _STATE_KEYS:
            grades = _human_grades(counts, state)
            if grades:
                parts.append(f"{state}: {_top(grades, 4)}")
        yield f"People, where nothing else is against the pair: {'; '.join(parts)}."


def _as_written(attribute: str, counts: AttributeCounts) -> str:
    """Units and colour words as sellers write them."""
    if attribute == "colour":
        return f"; as written: {_top(counts.quotes, 8)}"
    if attribute != "size":
        return ""

    units = Counter[str]()
    for quote, count in counts.quotes.items():
        written_unit = re.sub(r"^[\d\s.,/-]+", "", quote).lower()
        units[written_unit] += count
    return f"; units and names as written: {_top(units, 8)}"


def _human_grades(counts: AttributeCounts, evidence_state: str) -> Counter[str]:
    """Letters of the human grades of pairs in one state."""
    grades = Counter[str]()
    for (of_state, grade), count in counts.human.items():
        if of_state == evidence_state:
            grades[grade.letter] = count
    return grades


def _contradictions(rule: Rule, counts: AttributeCounts) -> Iterator[str]:
    """Where at least twenty judgements mostly have another grade than the rule."""
    for state, rule_key in _STATE_KEYS.items():
        grades = _human_grades(counts, state)
        if grades.total() < MIN_JUDGEMENTS:
            continue
        highest_grade: Grade = LABELS[getattr(rule, rule_key)]
        [(commonest, judgements)] = grades.most_common(1)
        if commonest != highest_grade.letter:
            yield (
                f"LOOK: of {grades.total()} such pairs in {state} "
                f"people call {judgements} {commonest}, the rule at most {highest_grade.letter}: "
                "another rule, or a misreading?"
            )


def _top(counts: Counter[str], limit: int = 5) -> str:
    parts = []
    for counted_value, count in counts.most_common(limit):
        parts.append(f"{counted_value} {count}")
    return ", ".join(parts)


def _scalar(value: object) -> str:
    """A YAML scalar: bare where that is safe, else quoted."""
    written = str(value)
    if written in _YAML_WORDS or not re.fullmatch(r"[A-Za-z][a-z_]*", written):
        return json.dumps(written)
    return written


def _comment(comment_text: str, indent: str = "") -> Iterator[str]:
    """Comment lines; a seller's line breaks and control characters cannot end the comment."""
    printable = ""
    for character in comment_text:
        printable += character if character.isprintable() else " "
    one_line = " ".join(printable.split())
    yield from textwrap.wrap(
        one_line,
        118,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_on_hyphens=False,
    )
