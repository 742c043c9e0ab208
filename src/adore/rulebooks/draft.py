"""Proposes a rule book from a catalogue; every line says on what evidence, and a person decides."""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from adore.errors import check
from adore.rulebook import Rule, RuleBook
from adore.rulebooks.lint import lint
from adore.rulebooks.survey import AttributeCounts, Survey
from adore.types import LABELS, Grade

__all__ = ["draft", "nearest_book"]

_ANY_ITEM = frozenset(["brand", "audience", "colour", "size", "material", "pack"])
"""Attributes that any kind of item may state.

The share of all items that do means something."""
_STATES = {"conflict": "on_conflict", "unknown": "on_missing"}


def nearest_book(survey: Survey) -> str:
    """The rule book to start from: the domain that half of the items belong to, else general."""
    name = max(sorted(survey.domains), key=lambda n: survey.domains[n])
    return name if survey.domains[name] >= 0.5 else "general"


def draft(survey: Survey, name: str) -> str:
    """The YAML of a proposed rule book.

    Args:
        survey: what was seen of the catalogue.
        name: the new book's name.

    Raises:
        ConfigError: the draft has an error that :func:`adore.rulebooks.lint.lint` finds (the start
            book has it too).
    """
    start = RuleBook.load(nearest_book(survey))
    text = "\n".join(_lines(survey, start, name)) + "\n"
    errors = [f.text for f in lint(text, survey.language) if f.level == "error"]
    check(
        not errors,
        f"errors of the draft from {start.name}",
        errors,
        must="none",
        fix=f"mend {start.name}.yaml",
    )
    return text


def _lines(survey: Survey, start: RuleBook, name: str) -> Iterator[str]:
    shares = ", ".join(f"{n} {s:.0%}" for n, s in survey.domains.items() if s)
    yield from _comment(
        f"Draft from {survey.items} items, {survey.queries} queries and {survey.judged} "
        f"human judgements (test queries left out). It starts from {start.name}; "
        f"items by domain words: {shares or 'none'} (half are needed). "
        "Read every line, change what is not so in this shop, remove these comments, "
        "then: adore rulebook lint."
    )
    yield f"name: {_text(name)}"
    yield "grades:"
    yield from (
        f"  {letter}: {_text(meaning)}" for letter, meaning in start.grades.items()
    )
    asked = survey.seen["feature"].asked
    yield from _comment(
        f"{asked} of {survey.queries} queries have words that are no key attribute."
    )
    yield f"unread: {start.unread.letter}"
    yield "rules:"
    for rule in start.rules:
        yield from _rule(rule, survey, start.name)


def _rule(rule: Rule, survey: Survey, start: str) -> Iterator[str]:
    seen = survey.seen[rule.attribute]
    proposed, reasons = _adjusted(rule, survey)
    for comment in [*_evidence(rule, survey), *_looks(proposed, seen), *reasons]:
        yield from _comment(comment, "  ")
    if not reasons:
        yield from _comment(f"Keys and text as in {start}.", "  ")
    values = proposed.model_dump(exclude_defaults=True)
    groups = values.pop("synonyms", ())
    guideline = values.pop("guideline")
    for i, (key, value) in enumerate(values.items()):
        bullet = "-" if i == 0 else " "
        written = value if isinstance(value, float) else _text(value)
        yield f"  {bullet} {key}: {written}"
    if groups:
        yield "    synonyms:"
        yield from (f"      - [{', '.join(map(_text, group))}]" for group in groups)
    yield f"    guideline: {_text(guideline)}"


def _adjusted(rule: Rule, survey: Survey) -> tuple[Rule, list[str]]:
    """The start's rule with what the catalogue speaks for, and why."""
    seen = survey.seen[rule.attribute]
    reasons: list[str] = []
    changes: dict[str, object] = {}

    stated = seen.fields + seen.text
    if (
        rule.attribute in _ANY_ITEM
        and rule.on_missing != "E"
        and stated * 2 < survey.items
    ):
        changes["on_missing"] = "E"
        reasons.append(
            "on_missing E: most items do not state it, so silence says nothing."
        )
    said = survey.synonyms.get(rule.attribute, {})
    old = [
        g for g in rule.synonyms if any(survey.words[w] or seen.values[w] for w in g)
    ]
    changes["synonyms"] = _merged(
        [*old, *(pair for pair, why in said.items() if why.enough)]
    )
    for pair, why in said.items():
        verb = "Proposed" if why.enough else "Not proposed"
        reasons.append(f"{verb}: {' = '.join(pair)} ({why.text}).")
    if old:
        words = ", ".join(f"{w} {survey.words[w]}" for g in old for w in g)
        reasons.append(
            f"Synonyms of the start that are seen here, items by word: {words}."
        )
    return Rule.model_validate(rule.model_dump() | changes), reasons


def _merged(groups: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Groups that share a word become one."""
    merged: list[tuple[str, ...]] = []
    for group in groups:
        touching = [one for one in merged if set(one) & set(group)]
        merged = [one for one in merged if one not in touching]

        words: list[str] = []
        for one in (*touching, group):
            words += one
        merged.append(tuple(dict.fromkeys(words)))
    return tuple(merged)


# ---------------------------------------------------------------- comments


def _evidence(rule: Rule, survey: Survey) -> Iterator[str]:
    seen = survey.seen[rule.attribute]
    if rule.attribute == "feature":
        yield "Other words: no field to cover."
        return

    total = survey.items
    in_field = f"{seen.fields} of {total} items state it in a field"
    nowhere = total - seen.fields - seen.text
    yield f"{rule.attribute}: {in_field}, {seen.text} in text only, {nowhere} nowhere."
    if seen.values:
        like = "hardly tell items apart" if seen.effective < 2 else "tell items apart"
        yield (
            f"{len(seen.values)} values {like} like {seen.effective:.1f} equally common ones: "
            f"{_top(seen.values)}{_written(rule.attribute, seen)}."
        )
    if survey.queries:
        yield f"Asked by {seen.asked} of {survey.queries} queries."
    if seen.human:
        said = (
            f"{state}: {_top(_grades(seen, state), 4)}"
            for state in _STATES
            if _grades(seen, state)
        )
        yield f"People, where nothing else is against the pair: {'; '.join(said)}."


def _written(attribute: str, seen: AttributeCounts) -> str:
    """Units and colour words as sellers write them."""
    if attribute == "size":
        units = Counter[str]()
        for quote, n in seen.quotes.items():
            units[re.sub(r"^[\d\s.,/-]+", "", quote).lower()] += n
        return f"; units and names as written: {_top(units, 8)}"
    return f"; as written: {_top(seen.quotes, 8)}" if attribute == "colour" else ""


def _grades(seen: AttributeCounts, state: str) -> Counter[str]:
    return Counter({g.letter: n for (s, g), n in seen.human.items() if s == state})


def _looks(rule: Rule, seen: AttributeCounts) -> Iterator[str]:
    """Where at least twenty judgements mostly say another grade than the rule."""
    for state, key in _STATES.items():
        grades = _grades(seen, state)
        cap: Grade = LABELS[getattr(rule, key)]
        if grades.total() >= 20 and (most := grades.most_common(1)[0])[0] != cap.letter:
            yield (
                f"LOOK: of {grades.total()} such pairs in {state} "
                f"people call {most[1]} {most[0]}, the rule at most {cap.letter}: "
                "another rule, or a misreading?"
            )


def _top(counts: Counter[str], most: int = 5) -> str:
    return ", ".join(f"{value} {n}" for value, n in counts.most_common(most))


def _text(value: object) -> str:
    """A YAML scalar: bare where that is safe, else quoted."""
    text = str(value)
    plain = re.fullmatch(r"[A-Za-z][a-z_]*", text) and text not in {
        "no",
        "yes",
        "on",
        "off",
        "y",
        "n",
        "true",
        "false",
        "null",
    }
    return text if plain else json.dumps(text)


def _comment(text: str, indent: str = "") -> Iterator[str]:
    """Comment lines; a seller's line breaks and control characters cannot end the comment."""
    safe = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    yield from textwrap.wrap(
        safe,
        118,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_on_hyphens=False,
    )
