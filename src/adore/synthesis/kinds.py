"""Edits that move the kind of product: other kinds, accessories, complements, neighbours, stuffed titles, questions."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from adore.attributes.text import tokens
from adore.synthesis.candidates import Catalogue, leaf
from adore.synthesis.edits import REAL, TRIES, Draft, Source
from adore.synthesis.forms import like, swap
from adore.types import Evidence, Grade, Item

__all__ = [
    "add_head",
    "add_head_otherwise",
    "ask_to_know",
    "make_accessory",
    "pick_accessory",
    "pick_alternative",
    "pick_complement",
    "pick_modifier",
    "pick_other_type",
    "stuff_title",
    "swap_type",
]

_NAMED = ("product_type", "brand", "model", "compatibility")
_PARTS = frozenset(["accessory", "replacement"])


def _asked(source: Source, catalogue: Catalogue) -> frozenset[str]:
    """The query's words that may name a thing: people (``for women``) are no thing."""
    language = catalogue.language
    found = (w for w in catalogue.words(source.query) if w.isalpha() and len(w) > 2)
    return (
        frozenset(found)
        - language.absence.stems
        - language.stop
        - language.audiences.keys()
    )


def _right(source: Source, catalogue: Catalogue) -> set[str]:
    """The kinds that the query's good items are of."""
    return {kind for i in source.good for kind in catalogue.kin(catalogue.items[i])}


@dataclass(frozen=True, slots=True)
class _Near:
    """An item that shares a word with the query.

    Attributes:
        states: what the evidence says of the product type.
        other: its kind is none of the good items' and its product type contradicts the query.
        kin: it shares a kind with a good item, but not the leaf category.
        belongs: it may be a part of, or made for, something in the query.
        accessory: it is, for the very product, brand, model or device that the query asks.
        people: grades that people gave other items of its leaf category for the query.
    """

    item: Item
    states: tuple[str, ...]
    other: bool
    kin: bool
    belongs: bool
    accessory: bool
    people: tuple[int, ...]

    def mostly(self, grade: Grade) -> bool:
        """Whether people mostly gave this grade, and never exact."""
        return (
            2 * self.people.count(grade) > len(self.people)
            and Grade.EXACT not in self.people
        )


def _near(source: Source, catalogue: Catalogue) -> list[_Near]:
    """Unjudged items near the query; the same for all its good pairs, so found once."""
    key = ("near", source.query_id, source.known)
    if key not in catalogue.memo:
        catalogue.memo[key] = list(_search(source, catalogue))
    found: list[_Near] = catalogue.memo[key]
    return found


def _search(source: Source, catalogue: Catalogue) -> Iterator[_Near]:
    asked, right = _asked(source, catalogue), _right(source, catalogue)
    named = frozenset(
        w
        for n in _NAMED
        for v in source.reading.values.get(n, ())
        for w in v.value.split()
    )
    leaves = {leaf(catalogue.items[i])[-1:] for i in source.good}
    people: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for item_id, grade in source.graded.items():
        people[leaf(catalogue.items[item_id])[-1:]][item_id] = grade
    for item_id in catalogue.near(asked, 200):
        item = catalogue.items[item_id]
        if (
            item_id in source.known
            or not catalogue.kin(item)
            or not asked & catalogue.title(item_id)
        ):
            continue
        found = [
            e
            for e in catalogue.evidence(source.query, source.reading, item_id)
            if e.attribute == "product_type"
        ]
        place, same = leaf(item)[-1:], bool(right & catalogue.kin(item))
        yield _Near(
            item,
            tuple(e.state for e in found),
            other=not same and any(e.state == "conflict" for e in found),
            kin=same and place not in leaves,
            belongs=_belongs(asked, catalogue, item, found),
            accessory=_belongs(named, catalogue, item, found)
            and bool(named & catalogue.title(item_id)),
            people=tuple(g for i, g in people[place].items() if i != item_id),
        )


def _belongs(
    asked: frozenset[str], catalogue: Catalogue, item: Item, found: list[Evidence]
) -> bool:
    fits = catalogue.readings[item.item_id].values.get("words.fits", ())
    made_for = {pair.partition("=")[0] for v in fits for pair in v.value.split()}
    said = any(e.found.startswith("accessory") for e in found)
    return (
        said
        or bool(asked & made_for)
        or bool(_PARTS & set(catalogue.words(item.category)))
    )


def pick_other_type(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of another product type that shares words with the query and is not made for it."""
    for near in _near(source, catalogue):
        if near.other and not near.belongs and not any(near.people):
            shared = sorted(
                _asked(source, catalogue) & catalogue.title(near.item.item_id)
            )
            yield Draft(
                source.query, near.item, "product_type", f"{REAL} that shares {shared}"
            )


def pick_accessory(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of another product type that is made for, or a part of, what the query asks."""
    for near in _near(source, catalogue):
        if near.other and near.accessory:
            yield Draft(
                source.query,
                near.item,
                "product_type",
                f"{REAL}, made for what is asked",
            )


def pick_complement(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of a category whose items people called complements for this query."""
    for near in _near(source, catalogue):
        if near.other and near.mostly(Grade.COMPLEMENT):
            yield Draft(
                source.query,
                near.item,
                "product_type",
                f"{REAL} of a kind that people call a complement",
            )


def pick_alternative(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of a neighbouring category that people take instead, or whose title does not say that it is not."""
    for near in _near(source, catalogue):
        neighbour = (
            near.kin
            and near.states == ("unknown",)
            and min(near.people, default=2) == Grade.SUBSTITUTE
        )
        asked = near.states not in ((), ("match",)) and (near.kin or near.other)
        if asked and not near.belongs and (neighbour or near.mostly(Grade.SUBSTITUTE)):
            yield Draft(
                source.query,
                near.item,
                "product_type",
                f"{REAL} of a neighbouring kind",
            )


def pick_modifier(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A real item of the kind that a word beside the query's head names (``desk`` for ``desk lamp``)."""
    beside = {e.asked for e in source.evidence if e.attribute == "feature"}
    for near in _near(source, catalogue):
        kind = catalogue.words(" ".join(leaf(near.item)[-1:]))[-1:]
        if near.other and beside & set(kind) & catalogue.title(near.item.item_id):
            yield Draft(source.query, near.item, "product_type", f"{REAL}, a {kind[0]}")


def swap_type(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query names another product type that goes with the query's other words in the catalogue."""
    right, types = _right(source, catalogue), catalogue.types
    for e in source.matched("product_type"):
        context = [w for w in catalogue.words(source.query) if w != e.asked]
        for item_id in catalogue.near(context, 40) if context else ():
            item = catalogue.items[item_id]
            heads = [
                w for w in catalogue.words(" ".join(leaf(item)[-1:])) if w in types
            ]
            title = catalogue.title(item_id)
            fluent = 2 * sum(w in title for w in context) >= len(context)
            new_word = heads and heads[-1] not in context
            if (
                new_word
                and fluent
                and not right & catalogue.kin(item)
                and heads[-1] in title
            ):
                new = heads[-1] + ("s" if e.asked_quote.endswith("s") else "")
                query = swap(source.query, e.asked_quote, new)
                yield Draft(
                    query,
                    source.item,
                    "product_type",
                    f"query: {e.asked_quote} -> {new}",
                )


def add_head(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query asks a thing named after the product (``water bottle brush``)."""
    for quote, head in _heads(source, catalogue):
        query = swap(source.query, quote, f"{quote} {head}")
        yield Draft(
            query, source.item, "product_type", f"query: {quote} -> {quote} {head}"
        )


def add_head_otherwise(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query asks a thing for the product (``brush for water bottle``)."""
    joins = catalogue.language.says("thing_for")
    for _, head in _heads(source, catalogue) if joins else ():
        query = f"{head} {joins[0]} {source.query.strip()}"
        yield Draft(query, source.item, "product_type", f"query: {head} {joins[0]} it")


def _heads(source: Source, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Product words that stand after the query's own in titles of other kinds, as the titles write them."""
    right, asked = _right(source, catalogue), set(catalogue.words(source.query))
    for e in source.matched("product_type"):
        seen = set[str]()
        for item_id in catalogue.near([e.asked], 200):
            item = catalogue.items[item_id]
            if right & catalogue.kin(item):
                continue
            toks = tokens(item.title, catalogue.language)
            for one, head in itertools.pairwise(toks):
                own = one.stem == e.asked and item.title[one.end : head.start] in (
                    " ",
                    "-",
                )
                if (
                    own
                    and head.stem in catalogue.types
                    and head.stem not in seen | asked
                ):
                    seen.add(head.stem)
                    yield e.asked_quote, item.title[head.start : head.end].lower()


def make_accessory(
    source: Source, catalogue: Catalogue, rng: Random, *, things: str = "things"
) -> Iterator[Draft]:
    """The item becomes a case or spare parts for what it was."""
    item, above = source.item, source.item.category.rpartition(" > ")[0]
    if not above:
        return
    language = catalogue.language
    whats, joins, apart = (
        language.says(name) for name in (things, "thing_for", "apart")
    )
    for what in rng.sample(whats, len(whats)):
        title = f"{like(what, item.title)} {like(joins[0], item.title)} {item.title}"
        made = replace(
            item,
            title=title,
            category=f"{above} > {apart[0]}",
            description="",
            bullet_points=(),
        )
        yield Draft(
            source.query, made, "product_type", f"item: a {what.lower()} for it"
        )


def stuff_title(
    source: Source,
    catalogue: Catalogue,
    rng: Random,
    *,
    form: str = "{title} - {query}",
) -> Iterator[Draft]:
    """The title of an item of another product type holds the whole query."""
    others = [near.item for near in _near(source, catalogue) if near.other]
    for item in rng.sample(others, min(TRIES, len(others))):
        made = replace(
            item,
            title=form.format(title=item.title, query=like(source.query, item.title)),
        )
        yield Draft(
            source.query,
            made,
            "product_type",
            "item: of another kind, the query in its title",
        )


def ask_to_know(
    source: Source,
    catalogue: Catalogue,
    rng: Random,
    *,
    know: str = "know",
) -> Iterator[Draft]:
    """The query wants to know something of the product."""
    forms = catalogue.language.says(know)
    for form in rng.sample(forms, min(TRIES, len(forms))):
        query = form.format(source.query.strip())
        yield Draft(query, source.item, "product_type", f"query: {form.format('...')}")
