"""Edits of a good pair, one error type each: pure functions of the pair, the catalogue and an rng.

An edit proposes drafts; :func:`adore.synthesis.changes.fault` decides which of them hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from adore.attributes.language import Language
from adore.attributes.text import words
from adore.synthesis.candidates import BOTH, SAYABLE, Catalogue, leaf
from adore.synthesis.forms import insert, like, replace_all, resize, swap
from adore.types import Evidence, Item, Reading, Value

__all__ = [
    "INNER",
    "REAL",
    "TRIES",
    "Draft",
    "Edit",
    "Source",
    "add",
    "affirm_in_item",
    "ask_in_query",
    "ask_otherwise",
    "exclude_in_query",
    "exclude_otherwise",
    "partly",
    "pick_item",
    "pick_partly",
    "quotes",
    "rewrite",
    "swap_in_item",
    "swap_in_query",
]

TRIES = 4
"""Values or items that one edit tries on one pair."""
REAL = "item: a real one"
"""How the edit of every draft begins that takes a catalogue item as it is."""
_FRONT = ("brand", "colour", "material", "model")
INNER = re.compile(r"\b(?:without|with|w|for|no|non|not|free|in)\b", re.IGNORECASE)
"""Words between which and the next ones the order means something."""


@dataclass(frozen=True, slots=True)
class Source:
    """A good pair to edit.

    Attributes:
        known: ids of items that somebody graded for the query: never picked as synthetic.
        graded: human grades of the query's items: tell which kinds of product people take for it.
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
    graded: Mapping[str, int] = field(default_factory=dict)

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


def swap_in_query(
    source: Source, catalogue: Catalogue, rng: Random, *, name: str
) -> Iterator[Draft]:
    """The query asks another value of the attribute than the item has."""
    for e in source.matched(name):
        for value in _sample(catalogue.others(name, source.item), rng):
            new = resize(e.asked_quote, value.value) if name == "size" else value.quote
            query = swap(source.query, e.asked_quote, new) if new else source.query
            if query != source.query:
                yield Draft(
                    query, source.item, name, f"query: {e.asked_quote} -> {new}"
                )


def ask_in_query(
    source: Source, catalogue: Catalogue, rng: Random, *, name: str
) -> Iterator[Draft]:
    """The query asks, besides, a value of the attribute that the item does not have."""
    for value in _lacking(source, catalogue, rng, name=name):
        query = add(source.query, name, value, catalogue.language)
        yield Draft(query, source.item, name, f"query: + {value.quote}")


def ask_otherwise(
    source: Source, catalogue: Catalogue, rng: Random, *, name: str
) -> Iterator[Draft]:
    """The query asks a value that the item does not have, in a phrase of its own (``in red``, ``made of oak``)."""
    for value in _lacking(source, catalogue, rng, name=name):
        for form in catalogue.language.says(name):
            phrase = form.format(_said(name, value, catalogue.language))
            yield Draft(
                insert(source.query, phrase, front=False),
                source.item,
                name,
                f"query: + {phrase}",
            )


def _lacking(
    source: Source, catalogue: Catalogue, rng: Random, *, name: str
) -> Iterator[Value]:
    said = catalogue.readings[source.item.item_id].values.get(name, ())
    if source.asks(name) or not said or all(v.where == "bullet_points" for v in said):
        return
    for value in [
        *_siblings(source, catalogue, name)[:2],
        *_sample(catalogue.others(name, source.item), rng),
    ]:
        if _new(source, [value], catalogue):
            yield value


def _new(source: Source, values: list[Value], catalogue: Catalogue) -> list[Value]:
    """The values of which the query says no word."""
    asked = set(catalogue.words(source.query))
    return [v for v in values if not asked & set(catalogue.words(v.quote))]


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


def _said(name: str, value: Value, language: Language) -> str:
    """How a shopper says a value."""
    return language.people(value.value) if name == "audience" else value.quote


def add(query: str, name: str, value: Value, language: Language) -> str:
    """A query that asks one value more, where a shopper would write it; the query itself if nobody knows how."""
    if name in ("compatibility", "audience"):
        form = next(iter(language.says("added")), "")
        return (
            insert(query, form.format(_said(name, value, language)), front=False)
            if form
            else query
        )
    if language.head_first:
        return insert(
            query, value.quote, front=name == "brand" and not INNER.search(query)
        )
    return insert(query, value.quote, front=name in _FRONT or bool(INNER.search(query)))


def swap_in_item(
    source: Source, catalogue: Catalogue, rng: Random, *, name: str
) -> Iterator[Draft]:
    """The item, in all its fields, has another value of the attribute than the query asks."""
    for e in source.matched(name):
        old = [e.found_quote]
        if name == "colour":
            forms = catalogue.language.forms["colours"]
            old = sorted(
                {w for w, family in forms.items() if family == e.found}
                | {e.found, e.found_quote}
            )
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


def pick_item(
    source: Source, catalogue: Catalogue, rng: Random, *, name: str
) -> Iterator[Draft]:
    """A real item like the good one that has another value of the asked attribute."""
    if not source.asks(name):
        return
    asked = {v.value for v in source.reading.values[name]}
    stems = catalogue.words(f"{source.query} {source.item.title}")
    for item_id in catalogue.near(stems, 60):
        said = {v.value for v in catalogue.readings[item_id].values.get(name, ())}
        wrong = name == "exclusion" or not said & (
            asked | BOTH
        )  # a seller who says both says nothing
        same_kind = leaf(catalogue.items[item_id])[-1:] == leaf(source.item)[-1:]
        if (
            same_kind
            and wrong
            and item_id not in source.known
            and item_id != source.item.item_id
        ):
            yield Draft(source.query, catalogue.items[item_id], name, REAL)


def pick_partly(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A real item that has all that a query of three constraints or more asks, but one."""
    names = _constraints(source)
    for name in names if len(names) > 2 else ():
        yield from pick_item(source, catalogue, rng, name=name)


def _constraints(source: Source) -> list[str]:
    return [
        e.attribute
        for e in source.evidence
        if e.attribute in SAYABLE and e.state == "match"
    ]


def partly(
    source: Source, catalogue: Catalogue, rng: Random, *, otherwise: bool = False
) -> Iterator[Draft]:
    """The query asks three constraints or more, of which the item meets all but one."""
    has = {
        name: values[0]
        for name in SAYABLE
        if not source.asks(name)
        for values in [
            _new(source, catalogue.sayable(source.item.item_id, name), catalogue)
        ]
        if values
    }
    for name in rng.sample(SAYABLE, len(SAYABLE)):
        met = [n for n in _constraints(source) if n != name]
        more = [n for n in has if n != name][: max(0, 2 - len(met))]
        makers = (ask_otherwise,) if otherwise else (swap_in_query, ask_in_query)
        for draft in (
            d for maker in makers for d in maker(source, catalogue, rng, name=name)
        ):
            if len(met) + len(more) >= 2:
                query = draft.query
                for n in more:
                    query = add(query, n, has[n], catalogue.language)
                also = "".join(f", + {has[n].quote} (it has it)" for n in more)
                yield replace(draft, query=query, edit=draft.edit + also)


def exclude_in_query(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query excludes a part that the item has ("… without handle")."""
    forms = catalogue.language.says("excluded")
    for quote in _parts(source, catalogue, rng) if forms else ():
        said = rng.choice(forms).format(quote)
        yield Draft(
            f"{source.query.strip()} {said}",
            source.item,
            "exclusion",
            f"query: + {said}",
        )


def exclude_otherwise(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query excludes a part that the item has ("handle-free ...")."""
    forms = catalogue.language.says("free")
    for quote in _parts(source, catalogue, rng) if forms else ():
        said = forms[0].format(quote)
        yield Draft(
            f"{said} {source.query.strip()}",
            source.item,
            "exclusion",
            f"query: + {said}",
        )


def _parts(source: Source, catalogue: Catalogue, rng: Random) -> list[str]:
    if source.asks("exclusion"):
        return []
    asked = set(
        catalogue.words(f"{source.query} {source.item.brand} {source.item.category}")
    )
    said = quotes(source.item.title, catalogue.language)
    parts = [q.lower() for w, q in said if w in catalogue.parts and w not in asked]
    return _sample(parts, rng)


def affirm_in_item(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The item's title says that it has what the query excludes."""
    language = catalogue.language
    lacking = "|".join(map(re.escape, language.says("lacking")))
    for having in language.says("having"):
        for value in source.reading.values.get("exclusion", ()):
            title = source.item.title
            said = re.sub(
                rf"\b(?:{lacking})\b(?=\W+{re.escape(value.quote)})",
                having,
                title,
                flags=re.IGNORECASE,
            )
            said = (
                said
                if said != title
                else f"{title} {like(having, title)} {like(value.quote, title)}"
            )
            item = replace(source.item, title=said)
            yield Draft(
                source.query, item, "exclusion", f"item: + {having} {value.quote}"
            )


def quotes(text: str, language: Language) -> list[tuple[str, str]]:
    """Stem and word of every word of a text that is made of letters."""
    return [
        (stem, quote)
        for quote in re.findall(r"[^\W\d_]+", text)
        for stem in words(quote, language)
    ]
