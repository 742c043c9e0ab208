"""Edits of a good pair, one error type each: pure functions of the pair, the catalogue and an rng.

An edit proposes drafts; :func:`adore.synthesis.changes.fault` decides which of them hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

from adore.attributes.lexicon import COLOURS
from adore.attributes.reader import NEGATIONS
from adore.attributes.text import STOP, words
from adore.synthesis.candidates import Catalogue, kin, leaf
from adore.synthesis.forms import insert, like, replace_all, resize, swap
from adore.types import Evidence, Item, Reading, Value

__all__ = [
    "EDITS",
    "INNER",
    "PICKS",
    "Draft",
    "Edit",
    "Source",
    "add",
    "affirm_in_item",
    "ask_in_query",
    "exclude_in_query",
    "pick_item",
    "pick_other_type",
    "rewrite",
    "swap_in_item",
    "swap_in_query",
    "swap_type",
]

TRIES = 4
"""Values or items that one edit tries on one pair."""
INNER = re.compile(r"\b(?:without|with|w|for|no|non|not|free|in)\b", re.IGNORECASE)
"""Words between which and the next ones the order means something."""


@dataclass(frozen=True, slots=True)
class Source:
    """A good pair to edit.

    Attributes:
        known: ids of items that somebody graded for the query: never picked as synthetic.
        good: the query's good items: their values are asked first, their categories are right.
    """

    query_id: str
    query: str
    item: Item
    grade: int
    reading: Reading
    evidence: tuple[Evidence, ...]
    known: frozenset[str] = frozenset()
    good: tuple[str, ...] = ()

    def asks(self, name: str) -> bool:
        """True if the query asks this attribute."""
        return bool(self.reading.values.get(name))

    def matched(self, name: str) -> list[Evidence]:
        """What the query asks of an attribute and the item has."""
        return [e for e in self.evidence if e.attribute == name and e.state == "match"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed pair: what it reads, which attribute was meant to move, and how, in words."""

    query: str
    item: Item
    attribute: str
    edit: str


Edit = Callable[[Source, Catalogue, Random], Iterator[Draft]]


def _sample(values: list[Any], rng: Random) -> list[Any]:
    return rng.sample(values, min(TRIES, len(values)))


def swap_in_query(source: Source, catalogue: Catalogue, rng: Random, *, name: str) -> Iterator[Draft]:
    """The query asks another value of the attribute than the item has."""
    for e in source.matched(name):
        for value in _sample(catalogue.others(name, source.item), rng):
            new = resize(e.asked_quote, value.value) if name == "size" else value.quote
            query = swap(source.query, e.asked_quote, new) if new else source.query
            if query != source.query:
                yield Draft(query, source.item, name, f"query: {e.asked_quote} -> {new}")


def ask_in_query(source: Source, catalogue: Catalogue, rng: Random, *, name: str) -> Iterator[Draft]:
    """The query asks, besides, a value of the attribute that the item does not have."""
    said = catalogue.readings[source.item.item_id].values.get(name, ())
    if source.asks(name) or not said or all(v.where == "bullet_points" for v in said):
        return
    for value in [*_siblings(source, catalogue, name)[:2], *_sample(catalogue.others(name, source.item), rng)]:
        if not set(words(value.quote)) & set(words(source.query)):
            yield Draft(add(source.query, name, value.quote), source.item, name, f"query: + {value.quote}")


def _siblings(source: Source, catalogue: Catalogue, name: str) -> list[Value]:
    """Values that other good items of the query have: one query then has right and wrong items."""
    values = {
        v.value: v
        for item_id in source.good
        for v in catalogue.readings[item_id].values.get(name, ())
        if v.where != "bullet_points"
    }
    allowed = {v.value for v in catalogue.others(name, source.item)}
    return [values[v] for v in sorted(values) if v in allowed]


def add(query: str, name: str, quote: str) -> str:
    """A query that asks one value more, where a shopper would write it."""
    if name == "compatibility":
        return insert(query, f"for {quote}", front=False)
    return insert(query, quote, front=name in ("brand", "colour") or bool(INNER.search(query)))


def swap_in_item(source: Source, catalogue: Catalogue, rng: Random, *, name: str) -> Iterator[Draft]:
    """The item, in all its fields, has another value of the attribute than the query asks."""
    for e in source.matched(name):
        old = [e.found_quote]
        if name == "colour":
            old = sorted({w for w, family in COLOURS.items() if family == e.found} | {e.found, e.found_quote})
        for value in _sample(catalogue.others(name, source.item), rng):
            new = resize(e.found_quote, value.value) if name == "size" else value.quote
            item = source.item
            for one in old if new else ():
                item = rewrite(item, one, new)
            if item != source.item:
                yield Draft(source.query, item, name, f"item: {e.found_quote} -> {new}")


def rewrite(item: Item, old: str, new: str) -> Item:
    """An item with whole-word ``old`` replaced in every text field."""

    def value(raw: object) -> object:
        if isinstance(raw, list):
            return [value(one) for one in raw]
        return replace_all(raw, old, new) if isinstance(raw, str) else raw

    return replace(
        item,
        title=replace_all(item.title, old, new),
        brand=replace_all(item.brand, old, new),
        description=replace_all(item.description, old, new),
        bullet_points=tuple(replace_all(b, old, new) for b in item.bullet_points),
        attributes={k: value(v) for k, v in item.attributes.items()},
    )


def pick_item(source: Source, catalogue: Catalogue, rng: Random, *, name: str) -> Iterator[Draft]:
    """A real item like the good one that has another value of the asked attribute."""
    if not source.asks(name):
        return
    stems = words(source.query) + words(source.item.title)
    for item_id in catalogue.near(stems, 60):
        same_kind = leaf(catalogue.items[item_id])[-1:] == leaf(source.item)[-1:]
        if same_kind and item_id not in source.known and item_id != source.item.item_id:
            yield Draft(source.query, catalogue.items[item_id], name, "item: a real one")


def pick_other_type(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A real item of another product type whose title shares words with the query."""
    right = _right(source, catalogue)
    asked = {w for w in words(source.query) if w.isalpha() and len(w) > 2} - NEGATIONS - STOP
    for item_id in catalogue.near(asked, 200):
        item = catalogue.items[item_id]
        if item_id not in source.known and kin(item) and not right & kin(item):
            shared = asked & catalogue.title(item_id)
            if shared:
                yield Draft(source.query, item, "product_type", f"item: a real one that shares {sorted(shared)}")


def _right(source: Source, catalogue: Catalogue) -> set[str]:
    """The kinds that the query's good items are of."""
    return {kind for i in {*source.good, source.item.item_id} for kind in kin(catalogue.items[i])}


def swap_type(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query names another product type that goes with the query's other words in the catalogue."""
    right, types = _right(source, catalogue), set(catalogue.lexicon.types)
    for e in source.matched("product_type"):
        context = [w for w in words(source.query) if w != e.asked]
        for item_id in catalogue.near(context, 40) if context else ():
            item = catalogue.items[item_id]
            heads = [w for w in words(" ".join(leaf(item)[-1:])) if w in types]
            title = catalogue.title(item_id)
            fluent = 2 * sum(w in title for w in context) >= len(context)
            new_word = heads and heads[-1] not in context
            if new_word and fluent and not right & kin(item) and heads[-1] in title:
                new = heads[-1] + ("s" if e.asked_quote.endswith("s") else "")
                yield Draft(
                    swap(source.query, e.asked_quote, new),
                    source.item,
                    "product_type",
                    f"query: {e.asked_quote} -> {new}",
                )


def exclude_in_query(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query excludes a part that the item has ("… without handle")."""
    if source.asks("exclusion"):
        return
    asked = set(words(f"{source.query} {source.item.brand} {source.item.category}"))
    title = [(w, q) for w, q in _quotes(source.item.title) if w in catalogue.parts and w not in asked]
    for _, quote in _sample(title, rng):
        how = rng.choice(("without", "without", "no"))
        text = f"{source.query.strip()} {how} {quote.lower()}"
        yield Draft(text, source.item, "exclusion", f"query: + {how} {quote.lower()}")


def affirm_in_item(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The item's title says that it has what the query excludes."""
    for value in source.reading.values.get("exclusion", ()):
        title = source.item.title
        said = re.sub(rf"\b(?:without|no)\b(?=\W+{re.escape(value.quote)})", "with", title, flags=re.IGNORECASE)
        said = said if said != title else f"{title} {like('with', title)} {like(value.quote, title)}"
        item = replace(source.item, title=said)
        yield Draft(source.query, item, "exclusion", f"item: + with {value.quote}")


def _quotes(text: str) -> list[tuple[str, str]]:
    return [(stem, quote) for quote in re.findall(r"[^\W\d_]+", text) for stem in words(quote)]


def _of(name: str) -> tuple[Edit, ...]:
    makers = (pick_item, swap_in_query, ask_in_query, swap_in_item)
    return tuple(partial(maker, name=name) for maker in makers)


EDITS: dict[str, tuple[Edit, ...]] = {
    "category": (pick_other_type, swap_type),
    "brand": _of("brand"),
    "size": (*_of("size"), *_of("pack")),
    "colour": _of("colour"),
    "negation": (partial(pick_item, name="exclusion"), exclude_in_query, affirm_in_item),
    "compatibility": _of("compatibility"),
}
"""Error type to the edits that make it; ``synonym`` is in :mod:`adore.synthesis.positives`."""

PICKS: dict[str, tuple[Edit, ...]] = {
    "category": (pick_other_type,),
    "brand": (partial(pick_item, name="brand"),),
    "size": (partial(pick_item, name="size"), partial(pick_item, name="pack")),
    "colour": (partial(pick_item, name="colour"),),
    "negation": (partial(pick_item, name="exclusion"),),
    "compatibility": (partial(pick_item, name="compatibility"),),
}
"""Error type to the edits that pick real items."""
