"""Edits that move the kind of product.

Other kinds, accessories, complements, neighbours, stuffed titles, questions.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from adore.synthesis.catalogue import Catalogue, leaf
from adore.synthesis.edits import REAL, TRIES, Draft, Source
from adore.synthesis.surface import like, swap
from adore.text import tokenize
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
    found = frozenset(
        word
        for word in catalogue.words(source.query)
        if word.isalpha() and len(word) > 2
    )
    return found - language.absence.stems - language.stop - language.audiences.keys()


def _right(source: Source, catalogue: Catalogue) -> set[str]:
    """The kinds that the query's good items are of."""
    kinds = set[str]()
    for item_id in source.good:
        kinds |= catalogue.kin(catalogue.items[item_id])
    return kinds


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
        if Grade.EXACT in self.people:
            return False
        return 2 * self.people.count(grade) > len(self.people)


def _near(source: Source, catalogue: Catalogue) -> list[_Near]:
    """Unjudged items near the query; the same for all its good pairs, so found once."""
    key = ("near", source.query_id, source.known)
    if key not in catalogue.memo:
        catalogue.memo[key] = list(_search(source, catalogue))
    found: list[_Near] = catalogue.memo[key]
    return found


def _search(source: Source, catalogue: Catalogue) -> Iterator[_Near]:
    asked = _asked(source, catalogue)
    right = _right(source, catalogue)
    named = _named(source)
    leaves = {leaf(catalogue.items[item_id])[-1:] for item_id in source.good}

    people: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for item_id, grade in source.graded.items():
        place = leaf(catalogue.items[item_id])[-1:]
        people[place][item_id] = grade

    for item_id in catalogue.near(asked, 200):
        item = catalogue.items[item_id]
        title = catalogue.title(item_id)
        kinds = catalogue.kin(item)
        if item_id in source.known or not kinds or not asked & title:
            continue

        evidence = catalogue.evidence(source.query, source.reading, item_id)
        found = [fact for fact in evidence if fact.attribute == "product_type"]
        states = tuple(fact.state for fact in found)

        place = leaf(item)[-1:]
        same = bool(right & kinds)
        for_it = _belongs(named, catalogue, item, found)
        grades = [grade for other, grade in people[place].items() if other != item_id]
        yield _Near(
            item,
            states,
            other=not same and "conflict" in states,
            kin=same and place not in leaves,
            belongs=_belongs(asked, catalogue, item, found),
            accessory=for_it and bool(named & title),
            people=tuple(grades),
        )


def _named(source: Source) -> frozenset[str]:
    """The words of the very product, brand, model and device that the query asks."""
    named = set[str]()
    for name in _NAMED:
        for value in source.reading.values.get(name, ()):
            named.update(value.value.split())
    return frozenset(named)


def _belongs(
    asked: frozenset[str], catalogue: Catalogue, item: Item, found: list[Evidence]
) -> bool:
    """Whether an item may be a part of, or made for, something that the words name."""
    if any(fact.found.startswith("accessory") for fact in found):
        return True
    if _PARTS & set(catalogue.words(item.category)):
        return True

    made_for = set[str]()
    for value in catalogue.readings[item.item_id].values.get("words.fits", ()):
        made_for.update(pair.partition("=")[0] for pair in value.value.split())
    return bool(asked & made_for)


def pick_other_type(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of another product type that shares words with the query and is not made for it.

    Args:
        source: a good pair.
        catalogue: whose items are picked, the most similar to the query first.
        rng: draws nothing.
    """
    asked = _asked(source, catalogue)
    for near in _near(source, catalogue):
        if not near.other or near.belongs:
            continue
        if any(near.people):
            continue  # people called one of its category a complement or better

        item = near.item
        title = catalogue.title(item.item_id)
        shared = sorted(asked & title)
        edit = f"{REAL} that shares {shared}"
        yield Draft(source.query, item, "product_type", edit)


def pick_accessory(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of another product type that is made for, or a part of, what the query asks.

    Args:
        source: a good pair.
        catalogue: whose items are picked, the most similar to the query first.
        rng: draws nothing.
    """
    for near in _near(source, catalogue):
        if near.other and near.accessory:
            edit = f"{REAL}, made for what is asked"
            yield Draft(source.query, near.item, "product_type", edit)


def pick_complement(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of a category whose items people called complements for this query.

    Args:
        source: a good pair; people graded the query's items, else there is no draft.
        catalogue: whose items are picked, the most similar to the query first.
        rng: draws nothing.
    """
    for near in _near(source, catalogue):
        if near.other and near.mostly(Grade.COMPLEMENT):
            edit = f"{REAL} of a kind that people call a complement"
            yield Draft(source.query, near.item, "product_type", edit)


def pick_alternative(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of a neighbouring category that people take instead, or whose title does
    not say that it is not.

    Args:
        source: a good pair.
        catalogue: whose items are picked, the most similar to the query first.
        rng: draws nothing.
    """
    for near in _near(source, catalogue):
        if near.belongs or near.states in ((), ("match",)):
            continue
        if not near.kin and not near.other:
            continue

        untold = near.kin and near.states == ("unknown",)
        # a category that nobody graded counts as one of substitutes
        lowest = min(near.people, default=2)
        neighbour = untold and lowest == Grade.SUBSTITUTE
        if neighbour or near.mostly(Grade.SUBSTITUTE):
            edit = f"{REAL} of a neighbouring kind"
            yield Draft(source.query, near.item, "product_type", edit)


def pick_modifier(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A real item of the kind that a word beside the query's head names (``desk`` for ``desk
    lamp``).

    Args:
        source: a good pair; its query has such a word, else there is no draft.
        catalogue: whose items are picked, the most similar to the query first.
        rng: draws nothing.
    """
    beside = {fact.asked for fact in source.evidence if fact.attribute == "feature"}
    for near in _near(source, catalogue):
        category = catalogue.words(" ".join(leaf(near.item)[-1:]))
        if not near.other or not category:
            continue

        kind = category[-1]
        title = catalogue.title(near.item.item_id)
        if kind in beside and kind in title:
            edit = f"{REAL}, a {kind}"
            yield Draft(source.query, near.item, "product_type", edit)


def swap_type(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query names another product type that goes with the query's other words in the
    catalogue.

    Args:
        source: a good pair; it matches in the product type, and its query has other
            words, else there is no draft.
        catalogue: whose items near the other words give the product types.
        rng: draws nothing.
    """
    right = _right(source, catalogue)
    for match in source.matched("product_type"):
        context = [
            word for word in catalogue.words(source.query) if word != match.asked
        ]
        if not context:
            continue

        old = match.asked_quote
        for item_id in catalogue.near(context, 40):
            item = catalogue.items[item_id]
            if right & catalogue.kin(item):
                continue

            head = _head_of(item, catalogue)
            title = catalogue.title(item_id)
            if not head or head in context or head not in title:
                continue

            # half of the other words or more go with the new one
            shared = [word for word in context if word in title]
            if 2 * len(shared) >= len(context):
                new = f"{head}s" if old.endswith("s") else head
                query = swap(source.query, old, new)
                edit = f"query: {old} -> {new}"
                yield Draft(query, source.item, "product_type", edit)


def _head_of(item: Item, catalogue: Catalogue) -> str:
    """The last product word of an item's leaf category; nothing if it has none."""
    heads = [
        word
        for word in catalogue.words(" ".join(leaf(item)[-1:]))
        if word in catalogue.types
    ]
    return heads[-1] if heads else ""


def add_head(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query asks a thing named after the product (``water bottle brush``).

    Args:
        source: a good pair; it matches in the product type, else there is no draft.
        catalogue: whose titles of other kinds name such things.
        rng: draws nothing.
    """
    for quote, head in _heads(source, catalogue):
        named = f"{quote} {head}"
        query = swap(source.query, quote, named)
        edit = f"query: {quote} -> {named}"
        yield Draft(query, source.item, "product_type", edit)


def add_head_otherwise(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query asks a thing for the product (``brush for water bottle``).

    Args:
        source: a good pair; it matches in the product type, else there is no draft.
        catalogue: whose titles of other kinds name such things, and whose language has
            the word for "for".
        rng: draws nothing.
    """
    joins = catalogue.language.says("thing_for")
    if not joins:
        return

    join = joins[0]
    for _, head in _heads(source, catalogue):
        query = f"{head} {join} {source.query.strip()}"
        edit = f"query: {head} {join} it"
        yield Draft(query, source.item, "product_type", edit)


def _heads(source: Source, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Product words that stand after the query's own in titles of other kinds.

    Each comes after the query's own word, as query and titles write them.
    """
    right = _right(source, catalogue)
    asked = set(catalogue.words(source.query))
    for match in source.matched("product_type"):
        seen = set[str]()
        for item_id in catalogue.near([match.asked], 200):
            item = catalogue.items[item_id]
            if right & catalogue.kin(item):
                continue

            toks = tokenize(item.title, catalogue.language)
            for one, head in itertools.pairwise(toks):
                between = item.title[one.end : head.start]
                if one.stem != match.asked or between not in (" ", "-"):
                    continue
                if head.stem not in catalogue.types or head.stem in seen | asked:
                    continue

                seen.add(head.stem)
                yield match.asked_quote, item.title[head.start : head.end].lower()


def make_accessory(
    source: Source, catalogue: Catalogue, rng: Random, *, things: str = "things"
) -> Iterator[Draft]:
    """The item becomes a case or spare parts for what it was.

    Args:
        source: a good pair; its category has a step above the leaf, else there is no
            draft.
        catalogue: its language has the words.
        rng: draws the order of the things.
        things: under what name the language keeps them.
    """
    item = source.item
    above = item.category.rpartition(" > ")[0]
    if not above:
        return

    language = catalogue.language
    whats = language.says(things)
    joins = language.says("thing_for")
    apart = language.says("apart")
    for what in rng.sample(whats, len(whats)):
        thing_for = f"{like(what, item.title)} {like(joins[0], item.title)}"
        made = replace(
            item,
            title=f"{thing_for} {item.title}",
            category=f"{above} > {apart[0]}",
            description="",
            bullet_points=(),
        )
        edit = f"item: a {what.lower()} for it"
        yield Draft(source.query, made, "product_type", edit)


def stuff_title(
    source: Source,
    catalogue: Catalogue,
    rng: Random,
    *,
    form: str = "{title} - {query}",
) -> Iterator[Draft]:
    """The title of an item of another product type holds the whole query.

    Args:
        source: a good pair.
        catalogue: whose items near the query get the new titles.
        rng: draws which of them.
        form: the new title, from the old ``title`` and the ``query``.
    """
    edit = "item: of another kind, the query in its title"
    others = [near.item for near in _near(source, catalogue) if near.other]
    tries = min(TRIES, len(others))
    for item in rng.sample(others, tries):
        old = item.title
        said = like(source.query, old)
        new = form.format(title=old, query=said)
        made = replace(item, title=new)
        yield Draft(source.query, made, "product_type", edit)


def ask_to_know(
    source: Source,
    catalogue: Catalogue,
    rng: Random,
    *,
    know: str = "know",
) -> Iterator[Draft]:
    """The query wants to know something of the product.

    Args:
        source: a good pair.
        catalogue: its language has the questions.
        rng: draws which of them are asked.
        know: under what name the language keeps them.
    """
    forms = catalogue.language.says(know)
    tries = min(TRIES, len(forms))
    for form in rng.sample(forms, tries):
        query = form.format(source.query.strip())
        shown = form.format("...")
        edit = f"query: {shown}"
        yield Draft(query, source.item, "product_type", edit)
