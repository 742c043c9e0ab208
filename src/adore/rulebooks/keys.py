"""The tables of ``docs/rulebooks.md``, generated from the rule book's schema."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from adore.rulebook import CRITICALITY, Book, Rule
from adore.types import ATTRIBUTES

__all__ = ["tables"]

_COST = {True: "below E", False: "E", None: "any"}


def tables() -> str:
    """Markdown: keys of the book and of a rule, what criticality allows, attributes by level."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    for model, title in ((Book, "Keys of the book"), (Rule, "Keys of a rule")):
        yield from (
            f"### {title}",
            "",
            "| key | needed | meaning |",
            "|---|---|---|",
            *_keys(model),
            "",
        )
    yield from (
        "### Criticality",
        "",
        "| word | meaning | `on_conflict` | `on_missing` |",
        "|---|---|---|---|",
    )
    for word, c in CRITICALITY.items():
        yield f"| {word} | {c.meaning} | {_COST[c.conflict_costs]} | {_COST[c.missing_costs]} |"
    yield from ("", "### Attributes", "", "| level | attributes |", "|---|---|")
    for level in sorted(set(ATTRIBUTES.values())):
        yield f"| {level} | {', '.join(f'`{a}`' for a in ATTRIBUTES if ATTRIBUTES[a] == level)} |"


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        needed = "yes" if field.is_required() else "no"
        words = (field.description or "").split()
        meaning = " ".join(words)
        yield f"| `{name}` | {needed} | {meaning} |"
