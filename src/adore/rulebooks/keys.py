"""The tables of ``docs/rulebooks.md``, generated from the rule book's schema."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from adore.rulebook import Book
from adore.rules import CRITICALITY, Rule
from adore.types import ATTRIBUTES

__all__ = ["tables"]

_ALLOWED = {True: "below E", False: "E", None: "any"}
"""Caps that a criticality allows, by whether it must cost a grade."""


def tables() -> str:
    """Render the tables as Markdown.

    They show the keys of the book and of a rule, what criticality allows, and attributes by level.

    Returns:
        The text.
    """
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield from _key_table("Keys of the book", Book)
    yield from _key_table("Keys of a rule", Rule)
    yield from _criticality_table()
    yield from _attribute_table()


def _key_table(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield "| key | needed | meaning |"
    yield "|---|---|---|"
    for key_name, field in model.model_fields.items():
        needed = "yes" if field.is_required() else "no"
        words = (field.description or "").split()
        meaning = " ".join(words)
        yield f"| `{key_name}` | {needed} | {meaning} |"
    yield ""


def _criticality_table() -> Iterator[str]:
    yield "### Criticality"
    yield ""
    yield "| word | meaning | `on_conflict` | `on_missing` |"
    yield "|---|---|---|---|"
    for word, criticality in CRITICALITY.items():
        on_conflict = _ALLOWED[criticality.conflict_costs]
        on_missing = _ALLOWED[criticality.missing_costs]
        yield f"| {word} | {criticality.meaning} | {on_conflict} | {on_missing} |"
    yield ""


def _attribute_table() -> Iterator[str]:
    yield "### Attributes"
    yield ""
    yield "| level | attributes |"
    yield "|---|---|"
    for level in sorted(set(ATTRIBUTES.values())):
        attributes = []
        for attribute, of_level in ATTRIBUTES.items():
            if of_level == level:
                attributes.append(f"`{attribute}`")
        yield f"| {level} | {', '.join(attributes)} |"
