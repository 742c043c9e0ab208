"""Edits of a good pair, one error type each: pure functions of the pair, the catalogue and an rng.

An edit proposes drafts; :func:`adore.synthesis.minimality.fault` decides which of them hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from adore.attributes.language import Language
from adore.synthesis.catalogue import BOTH, SAYABLE, Catalogue, leaf
from adore.synthesis.surface import insert, like, replace_all, resize, swap
from adore.text import word_stems
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
        facts = [fact for fact in self.evidence if fact.attribute == name]
        return [fact for fact in facts if fact.state == "match"]


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
    """The query asks another value of the attribute than the item has.

    Args:
        source: a good pair; it matches in the attribute, else there is no draft.
        catalogue: whose items of the same category have the other values.
        rng: draws which of them are tried.
        name: the attribute.
    """
    for match in source.matched(name):
        old = match.asked_quote
        for value in _sample(catalogue.others(name, source.item), rng):
            new = _instead(name, old, value)
            if not new:
                continue

            query = swap(source.query, old, new)
            if query != source.query:
                yield Draft(query, source.item, name, f"query: {old} -> {new}")


def _instead(name: str, old: str, value: Value) -> str:
    """A value as it stands where ``old`` stood: a size in the same unit, or nothing."""
    if name == "size":
        return resize(old, value.value)
    return value.quote


def ask_in_query(
    source: Source, catalogue: Catalogue, rng: Random, *, name: str
) -> Iterator[Draft]:
    """The query asks, besides, a value of the attribute that the item does not have.

    Args:
        source: a good pair whose query does not ask the attribute, else no draft.
        catalogue: whose items of the same category have the values.
        rng: draws which of them are tried.
        name: the attribute.
    """
    language = catalogue.language
    for value in _lacking(source, catalogue, rng, name=name):
        query = add(source.query, name, value, language)
        edit = f"query: + {value.quote}"
        yield Draft(query, source.item, name, edit)


def ask_otherwise(
    source: Source, catalogue: Catalogue, rng: Random, *, name: str
) -> Iterator[Draft]:
    """The query asks a value that the item does not have, in a phrase of its own.

    Such as ``in red`` or ``made of oak``.

    Args:
        source: a good pair whose query does not ask the attribute, else no draft.
        catalogue: has the values, of items of the same category, and the phrases.
        rng: draws which values are tried.
        name: the attribute.
    """
    language = catalogue.language
    for value in _lacking(source, catalogue, rng, name=name):
        for form in language.says(name):
            phrase = form.format(_said(name, value, language))
            query = insert(source.query, phrase, front=False)
            yield Draft(query, source.item, name, f"query: + {phrase}")


def _lacking(
    source: Source, catalogue: Catalogue, rng: Random, *, name: str
) -> Iterator[Value]:
    """Values that the item lacks and the query may ask: those of other good items first."""
    said = catalogue.readings[source.item.item_id].values.get(name, ())
    if source.asks(name):
        return
    if all(value.where == "bullet_points" for value in said):
        return  # neither title nor fields say what the item has

    siblings = _siblings(source, catalogue, name)[:2]
    drawn = _sample(catalogue.others(name, source.item), rng)
    for value in [*siblings, *drawn]:
        if _new(source, [value], catalogue):
            yield value


def _new(source: Source, values: list[Value], catalogue: Catalogue) -> list[Value]:
    """The values of which the query says no word."""
    asked = set(catalogue.words(source.query))
    return [value for value in values if not asked & set(catalogue.words(value.quote))]


def _siblings(source: Source, catalogue: Catalogue, name: str) -> list[Value]:
    """Values that other good items of the query have: one query then has right and wrong items."""
    values: dict[str, Value] = {}
    for item_id in source.good:
        said = catalogue.readings[item_id].values.get(name, ())
        for value in said:
            if value.where != "bullet_points":
                values[value.value] = value

    others = catalogue.others(name, source.item)
    allowed = {value.value for value in others}
    return [values[text] for text in sorted(values) if text in allowed]


def _said(name: str, value: Value, language: Language) -> str:
    """How a shopper says a value."""
    return language.people(value.value) if name == "audience" else value.quote


def add(query: str, name: str, value: Value, language: Language) -> str:
    """A query that asks one value more, where a shopper would write it.

    Args:
        query: the query before.
        name: the value's attribute.
        value: what is asked besides.
        language: has the phrases, and the order of words.

    Returns:
        The query itself if nobody knows how to say it.
    """
    if name in ("compatibility", "audience"):
        form = next(iter(language.says("added")), "")
        if not form:
            return query
        phrase = form.format(_said(name, value, language))
        return insert(query, phrase, front=False)

    inner = bool(INNER.search(query))
    front = name in _FRONT or inner  # "cup with handle red" is of a red handle
    if language.head_first:
        front = name == "brand" and not inner
    return insert(query, value.quote, front=front)


def swap_in_item(
    source: Source, catalogue: Catalogue, rng: Random, *, name: str
) -> Iterator[Draft]:
    """The item, in all its fields, has another value of the attribute than the query asks.

    Args:
        source: a good pair; it matches in the attribute, else there is no draft.
        catalogue: whose items of the same category have the other values.
        rng: draws which of them are tried.
        name: the attribute.
    """
    for match in source.matched(name):
        said = _spellings(match, name, catalogue.language)
        for value in _sample(catalogue.others(name, source.item), rng):
            new = _instead(name, match.found_quote, value)
            if not new:
                continue

            item = source.item
            for old in said:
                item = rewrite(item, old, new)
            if item != source.item:
                edit = f"item: {match.found_quote} -> {new}"
                yield Draft(source.query, item, name, edit)


def _spellings(match: Evidence, name: str, language: Language) -> list[str]:
    """How the item's texts may say what it has: a colour by any name of its family."""
    if name != "colour":
        return [match.found_quote]

    said = {match.found, match.found_quote}
    for word, family in language.forms["colours"].items():
        if family == match.found:
            said.add(word)
    return sorted(said)


def rewrite(item: Item, old: str, new: str) -> Item:
    """An item with whole-word ``old`` replaced in every text field.

    Args:
        item: the item before.
        old: the words to find, in any case.
        new: the words to put there, in the case of what was there.
    """

    def value(raw: object) -> object:
        if isinstance(raw, list):
            return [value(one) for one in raw]
        return replace_all(raw, old, new) if isinstance(raw, str) else raw

    return replace(
        item,
        title=replace_all(item.title, old, new),
        brand=replace_all(item.brand, old, new),
        description=replace_all(item.description, old, new),
        bullet_points=tuple(replace_all(text, old, new) for text in item.bullet_points),
        attributes={name: value(raw) for name, raw in item.attributes.items()},
    )


def pick_item(
    source: Source, catalogue: Catalogue, rng: Random, *, name: str
) -> Iterator[Draft]:
    """A real item like the good one that has another value of the asked attribute.

    Args:
        source: a good pair; its query asks the attribute, else there is no draft.
        catalogue: whose items are picked, the most similar first.
        rng: draws nothing.
        name: the attribute.
    """
    if not source.asks(name):
        return

    good = source.item
    place = leaf(good)[-1:]
    asked = {value.value for value in source.reading.values[name]}
    stems = catalogue.words(f"{source.query} {good.title}")
    for item_id in catalogue.near(stems, 60):
        if item_id in source.known or item_id == good.item_id:
            continue

        item = catalogue.items[item_id]
        if leaf(item)[-1:] != place:
            continue

        values = catalogue.readings[item_id].values.get(name, ())
        said = {value.value for value in values}
        # a seller who says both says nothing
        if name == "exclusion" or not said & (asked | BOTH):
            yield Draft(source.query, item, name, REAL)


def pick_partly(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A real item that has all that a query of three constraints or more asks, but one.

    Args:
        source: a good pair; it matches in three constraints, else there is no draft.
        catalogue: whose items are picked, the most similar first.
        rng: draws nothing.
    """
    names = _constraints(source)
    if len(names) < 3:
        return
    for name in names:
        yield from pick_item(source, catalogue, rng, name=name)


def _constraints(source: Source) -> list[str]:
    """The attributes, one for each value asked, that the query asks and the item has."""
    return [
        fact.attribute
        for fact in source.evidence
        if fact.attribute in SAYABLE and fact.state == "match"
    ]


def partly(
    source: Source, catalogue: Catalogue, rng: Random, *, otherwise: bool = False
) -> Iterator[Draft]:
    """The query asks three constraints or more, of which the item meets all but one.

    Args:
        source: a good pair; what it has besides is asked until two constraints are met.
        catalogue: whose items have the value that the item lacks.
        rng: draws the order of the attributes, and which values are tried.
        otherwise: ask the lacking value in a phrase of its own, never by a swap.
    """
    has = _unasked(source, catalogue)
    makers = (ask_otherwise,) if otherwise else (swap_in_query, ask_in_query)
    for name in rng.sample(SAYABLE, len(SAYABLE)):
        met = [other for other in _constraints(source) if other != name]
        others = [pair for pair in has if pair[0] != name]
        lacking = max(0, 2 - len(met))
        more = others[:lacking]
        enough = len(met) + len(more) >= 2

        for maker in makers:
            # without enough constraints too: the edits draw from the rng that all share
            for draft in maker(source, catalogue, rng, name=name):
                if enough:
                    yield _asking_more(draft, more, catalogue)


def _unasked(source: Source, catalogue: Catalogue) -> list[tuple[str, Value]]:
    """What the item has and the query does not ask: each attribute's first value."""
    has: list[tuple[str, Value]] = []
    for name in SAYABLE:
        if not source.asks(name):
            sayable = catalogue.sayable(source.item.item_id, name)
            values = _new(source, sayable, catalogue)
            if values:
                has.append((name, values[0]))
    return has


def _asking_more(
    draft: Draft, more: list[tuple[str, Value]], catalogue: Catalogue
) -> Draft:
    """A draft whose query asks more attributes and values, all of which the item has."""
    query = draft.query
    edit = draft.edit
    for name, value in more:
        query = add(query, name, value, catalogue.language)
        edit += f", + {value.quote} (it has it)"
    return replace(draft, query=query, edit=edit)


def exclude_in_query(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query excludes a part that the item has ("… without handle").

    Args:
        source: a good pair; its query excludes nothing, else there is no draft.
        catalogue: knows the parts, and has the language's words for without.
        rng: draws which parts are tried, and in which words.
    """
    forms = catalogue.language.says("excluded")
    if not forms:
        return
    for part in _parts(source, catalogue, rng):
        said = rng.choice(forms).format(part)
        query = f"{source.query.strip()} {said}"
        yield Draft(query, source.item, "exclusion", f"query: + {said}")


def exclude_otherwise(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query excludes a part that the item has ("handle-free ...").

    Args:
        source: a good pair; its query excludes nothing, else there is no draft.
        catalogue: knows the parts, and has the language's words for free.
        rng: draws which parts are tried.
    """
    forms = catalogue.language.says("free")
    if not forms:
        return
    for part in _parts(source, catalogue, rng):
        said = forms[0].format(part)
        query = f"{said} {source.query.strip()}"
        yield Draft(query, source.item, "exclusion", f"query: + {said}")


def _parts(source: Source, catalogue: Catalogue, rng: Random) -> list[str]:
    """Some of the parts that the item's title names and the query does not."""
    if source.asks("exclusion"):
        return []

    item = source.item
    asked = set(catalogue.words(f"{source.query} {item.brand} {item.category}"))
    parts = [
        quote.lower()
        for stem, quote in quotes(item.title, catalogue.language)
        if stem in catalogue.parts and stem not in asked
    ]
    return _sample(parts, rng)


def affirm_in_item(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The item's title says that it has what the query excludes.

    Args:
        source: a good pair; its query excludes something, else there is no draft.
        catalogue: has the language's words for with and without.
        rng: draws nothing.
    """
    language = catalogue.language
    title = source.item.title
    lacking = "|".join(map(re.escape, language.says("lacking")))

    for having in language.says("having"):
        for value in source.reading.values.get("exclusion", ()):
            # "without straw" becomes "with straw"; else that is said at the end
            part = value.quote
            without = rf"\b(?:{lacking})\b(?=\W+{re.escape(part)})"
            said = re.sub(without, having, title, flags=re.IGNORECASE)
            if said == title:
                said = f"{title} {like(having, title)} {like(part, title)}"

            item = replace(source.item, title=said)
            edit = f"item: + {having} {part}"
            yield Draft(source.query, item, "exclusion", edit)


def quotes(text: str, language: Language) -> list[tuple[str, str]]:
    """Stem and word of every word of a text that is made of letters.

    Args:
        text: a title or a query.
        language: takes the stems.
    """
    found: list[tuple[str, str]] = []
    for quote in re.findall(r"[^\W\d_]+", text):
        for stem in word_stems(quote, language):
            found.append((stem, quote))
    return found
