"""Which edits make which error type.

Those of training, and variants that only the adversarial set uses.
"""

from __future__ import annotations

import inspect
import sys
from functools import partial
from typing import Any

from adore.synthesis import edits, kinds, positives, wishes
from adore.synthesis.edits import Edit
from adore.taxonomy import ERROR_TYPES

__all__ = ["EDITS", "HELD_OUT_EDITS", "PICKS", "table"]


def _of(edit: Edit) -> Any:
    return getattr(edit, "func", edit)


def _value(name: str) -> tuple[Edit, ...]:
    makers: tuple[Any, ...] = (
        edits.pick_item,
        edits.swap_in_query,
        edits.ask_in_query,
        edits.swap_in_item,
    )
    return tuple(partial(maker, name=name) for maker in makers)


def _rival(kind: str) -> tuple[Edit, ...]:
    makers: tuple[Any, ...] = (
        wishes.pick_rival,
        wishes.swap_rival,
        wishes.ask_rival,
        wishes.swap_rival_in_item,
    )
    return tuple(partial(maker, kind=kind) for maker in makers)


_VALUES = (
    "compatibility",
    "brand",
    "model",
    "audience",
    "size",
    "pack",
    "colour",
    "material",
)
_RIVALS = ("function", "use-case", "style", "degree")
_EXCLUDED = partial(edits.pick_item, name="exclusion")

EDITS: dict[str, tuple[Edit, ...]] = {
    **{name: _value(name) for name in _VALUES},
    **{kind: _rival(kind) for kind in _RIVALS},
    "category": (kinds.pick_other_type, kinds.swap_type),
    "accessory": (kinds.pick_accessory, kinds.make_accessory),
    "complement": (kinds.pick_complement,),
    "modifier-as-head": (kinds.pick_modifier, kinds.add_head),
    "negation": (_EXCLUDED, edits.exclude_in_query, edits.affirm_in_item),
    "knowledge-intent": (kinds.ask_to_know,),
    "alternative": (kinds.pick_alternative,),
    "offer-type": (wishes.ask_offer,),
    "keyword-stuffing": (kinds.stuff_title,),
    "price-tier": (wishes.pick_price, wishes.ask_price),
    "partial-multi-constraint": (edits.pick_partly, edits.partly),
    "synonym": (
        positives.other_units,
        positives.synonyms,
        positives.compounds,
        positives.category_word,
        positives.typos,
    ),
    "over-strict": (
        positives.ask_what_it_has,
        positives.ask_less,
        positives.word_order,
        positives.title_order,
        positives.bare_item,
        wishes.allow_price,
    ),
}
"""Error type to the edits of training; those that pick real items come first."""

PICKS: dict[str, Edit] = {
    name: many[0]
    for name, many in EDITS.items()
    if _of(many[0]).__name__.startswith("pick_")
}
"""Error type to the edit that picks real items, where there is one."""

HELD_OUT_EDITS: dict[str, tuple[Edit, ...]] = {
    **{name: (partial(edits.ask_otherwise, name=name),) for name in _VALUES},
    **{kind: (partial(wishes.ask_rival_otherwise, kind=kind),) for kind in _RIVALS},
    "accessory": (partial(kinds.make_accessory, things="things_held"),),
    "modifier-as-head": (kinds.add_head_otherwise,),
    "negation": (edits.exclude_otherwise,),
    "knowledge-intent": (partial(kinds.ask_to_know, know="know_held"),),
    "offer-type": (partial(wishes.ask_offer, said="offers_held"),),
    "keyword-stuffing": (partial(kinds.stuff_title, form="{query} | {title}"),),
    "price-tier": (
        partial(wishes.ask_price, form="{query} cheaper than {limit} dollars"),
    ),
    "partial-multi-constraint": (partial(edits.partly, otherwise=True),),
    "synonym": (positives.plurals,),
    "over-strict": (positives.shout,),
}
"""Error type to the edits that training never uses."""


def table() -> str:
    """The tables of ``docs/error_types.md``, in Markdown."""
    lines = [
        "| error type | what is wrong | moves | level | grade | made by |",
        "|---|---|---|---|---|---|",
    ]
    used: dict[str, str] = {}
    for error in ERROR_TYPES.values():
        functions = [_of(edit) for edit in EDITS[error.name]]
        for function in functions:
            used[function.__name__] = _summary(function)

        how = ", ".join(f"`{function.__name__}`" for function in functions)
        moved = f"`{error.attribute}`" if error.attribute else ""
        level = str(error.level or "")
        letter = error.grade.letter
        cells = (error.name, error.definition, moved, level, letter, how)
        lines.append(f"| {' | '.join(cells)} |")

    lines += ["", "| edit | what it does |", "|---|---|"]
    for name, text in sorted(used.items()):
        lines.append(f"| `{name}` | {text.replace('``', '`')} |")
    return "\n".join(lines)


def _summary(function: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    text = inspect.getdoc(function) or ""
    paragraph = text.split("\n\n")[0]
    return " ".join(paragraph.splitlines())


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
