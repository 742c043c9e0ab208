"""What every edit works with: the good pair, the drafts that it proposes, and how texts change.

An edit proposes drafts. :func:`adore.synthesis.minimality.edit_fault` decides which of
them are used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeVar

from adore.attributes.language import Language
from adore.synthesis.catalogue import Catalogue, leaf_step
from adore.synthesis.surface import insert, replace_all, swap
from adore.text import word_stems
from adore.types import Evidence, Item, Reading, Value

__all__ = [
    "FIXED_ORDER",
    "REAL_ITEM",
    "TRIES",
    "Draft",
    "Edit",
    "Source",
    "ask_value",
    "if_changed",
    "rewrite_item",
    "sample",
    "shopper_word",
    "shuffled",
    "similar_items",
    "stems_and_words",
]

T = TypeVar("T")

TRIES = 4
"""Most values or items that one edit tries on one pair."""
REAL_ITEM = "item: a real one"
"""How the description of an edit begins that picks an item of the catalogue."""
FIXED_ORDER = re.compile(
    r"\b(?:without|with|w|for|no|non|not|free|in)\b", re.IGNORECASE
)
"""Words that belong to the next word, so that the query's order has a meaning."""
_LETTERS = re.compile(r"[^\W\d_]+")
_BEFORE_THE_NOUN = ("brand", "colour", "material", "model")


@dataclass(frozen=True, slots=True)
class Source:
    """A good pair to edit.

    Attributes:
        query_id: id of the query.
        query: its text.
        item: the good item.
        grade: grade of the pair.
        reading: reading of the query.
        evidence: evidence of the pair.
        excluded: ids of items that no edit may pick for the query.
        good_ids: ids of the query's good items. Their values are asked first, and their
            categories are right.
        graded: human grades by item id. They show which product types people accept.
    """

    query_id: str
    query: str
    item: Item
    grade: int
    reading: Reading
    evidence: tuple[Evidence, ...]
    excluded: frozenset[str] = frozenset()
    good_ids: tuple[str, ...] = ()
    graded: Mapping[str, int] = field(default_factory=dict)

    def asked_values(self, attribute: str) -> tuple[Value, ...]:
        """The values of an attribute that the query asks for."""
        return self.reading.values.get(attribute, ())

    def asks(self, attribute: str) -> bool:
        """Whether the query asks for a value of an attribute."""
        return bool(self.asked_values(attribute))

    def matched(self, attribute: str) -> list[Evidence]:
        """What the query asks of an attribute and the item has."""
        matches: list[Evidence] = []
        for fact in self.evidence:
            if fact.attribute == attribute and fact.state == "match":
                matches.append(fact)
        return matches

    def with_query(self, query: str, description: str, *, attribute: str = "") -> Draft:
        """A draft with another query.

        Args:
            query: the new text.
            description: what was done, for people.
            attribute: the attribute that is meant to change; empty if none is.

        Returns:
            The draft.
        """
        return Draft(
            query=query,
            item=self.item,
            attribute=attribute,
            description=description,
        )

    def with_words(self, old: str, new: str, *, attribute: str = "") -> Draft:
        """A draft whose query has other words in place of some.

        Args:
            old: whole words of the query. The query stays the same if it has none.
            new: the words to write, in the case of the old ones.
            attribute: the attribute that is meant to change; empty if none is.

        Returns:
            The draft.
        """
        query = swap(self.query, old, new)
        description = f"query: {old} -> {new}"
        return self.with_query(query, description, attribute=attribute)

    def with_item(self, item: Item, description: str, *, attribute: str = "") -> Draft:
        """A draft with an edited item.

        Args:
            item: the new item.
            description: what was done, for people.
            attribute: the attribute that is meant to change; empty if none is.

        Returns:
            The draft.
        """
        return Draft(
            query=self.query,
            item=item,
            attribute=attribute,
            description=description,
        )

    def with_pick(self, item: Item, description: str, *, attribute: str = "") -> Draft:
        """A draft with another item of the catalogue.

        Args:
            item: the item.
            description: what was done, for people.
            attribute: the attribute that is meant to change; empty if none is.

        Returns:
            The draft.
        """
        return Draft(
            query=self.query,
            item=item,
            attribute=attribute,
            description=description,
            picked=True,
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed pair.

    Attributes:
        query: text of the query.
        item: the item.
        attribute: the attribute that the edit means to change.
        description: what was done, for people.
        picked: the item is another one of the catalogue, not an edited one.
    """

    query: str
    item: Item
    attribute: str
    description: str
    picked: bool = False


Edit = Callable[[Source, Catalogue, Random], Iterator[Draft]]
"""From a good pair, the catalogue and a random generator to drafts."""
_SIMILAR_ITEMS = 60
"""Items most similar to the good one, among which an edit picks."""


def if_changed(source: Source, draft: Draft) -> Iterator[Draft]:
    """Drop a draft whose query is the source's own.

    Args:
        source: the good pair.
        draft: what an edit made of it.

    Yields:
        The draft, or nothing.
    """
    if draft.query != source.query:
        yield draft


def similar_items(source: Source, catalogue: Catalogue) -> Iterator[Item]:
    """Items of the good item's category that an edit may pick.

    Args:
        source: a good pair.
        catalogue: has the items.

    Yields:
        Other items that share the last step of the category, the most similar first.
    """
    good_item = source.item
    good_leaf = leaf_step(good_item)
    texts = f"{source.query} {good_item.title}"
    stems = catalogue.stems(texts)
    for item_id in catalogue.nearest_items(stems, _SIMILAR_ITEMS):
        if item_id in source.excluded or item_id == good_item.item_id:
            continue

        # another product type would change more than the attribute
        item = catalogue.items[item_id]
        if leaf_step(item) == good_leaf:
            yield item


def sample(values: Sequence[T], rng: Random) -> list[T]:
    """At most :data:`TRIES` different ones of some values, in random order.

    Args:
        values: to draw from.
        rng: draws.

    Returns:
        A new list.
    """
    number = min(TRIES, len(values))
    return rng.sample(values, number)


def shuffled(values: Sequence[T], rng: Random) -> list[T]:
    """All of some values in random order.

    Args:
        values: to shuffle.
        rng: draws.

    Returns:
        A new list.
    """
    return rng.sample(values, len(values))


def shopper_word(attribute: str, value: Value, language: Language) -> str:
    """How a shopper writes a value.

    Args:
        attribute: the value's attribute.
        value: as an item has it.
        language: has the words for audiences.

    Returns:
        The item's own words, but for audiences.
    """
    if attribute == "audience":
        return language.people(value.value)
    return value.quote


def ask_value(query: str, attribute: str, value: Value, language: Language) -> str:
    """A query that asks for one more value, where a shopper would write it.

    Args:
        query: the query before.
        attribute: the value's attribute.
        value: what is asked for besides.
        language: has the phrases, and the order of words.

    Returns:
        The query itself if the language has no phrase for it.
    """
    if attribute in ("compatibility", "audience"):
        forms = language.says("added")
        if not forms:
            return query
        form = forms[0]
        word = shopper_word(attribute, value, language)
        phrase = form.format(word)
        return insert(query, phrase, front=False)

    # in "cup with handle red" the handle is red, so such a query gets the word in front
    fixed_order = bool(FIXED_ORDER.search(query))
    front = attribute in _BEFORE_THE_NOUN or fixed_order
    if language.head_first:
        front = attribute == "brand" and not fixed_order
    return insert(query, value.quote, front=front)


def rewrite_item(item: Item, old: str, new: str) -> Item:
    """An item with the whole words ``old`` replaced in every text field.

    Args:
        item: the item before.
        old: the words to replace, in any case.
        new: the words to write, in the case of the old ones.

    Returns:
        A new item.
    """
    # every field: an item that still says the old value somewhere would match
    bullet_points = [replace_all(text, old, new) for text in item.bullet_points]
    attributes: dict[str, object] = {}
    for name, value in item.attributes.items():
        attributes[name] = _rewrite_value(value, old, new)

    return replace(
        item,
        title=replace_all(item.title, old, new),
        brand=replace_all(item.brand, old, new),
        description=replace_all(item.description, old, new),
        bullet_points=tuple(bullet_points),
        attributes=attributes,
    )


def _rewrite_value(value: object, old: str, new: str) -> object:
    """A field's value with words replaced in its texts."""
    if isinstance(value, list):
        return [_rewrite_value(part, old, new) for part in value]
    if isinstance(value, str):
        return replace_all(value, old, new)
    return value


def stems_and_words(text: str, language: Language) -> list[tuple[str, str]]:
    """Stem and word, for every word of a text that consists of letters.

    Args:
        text: a title or a query.
        language: makes the stems.

    Returns:
        In the order of the text.
    """
    pairs: list[tuple[str, str]] = []
    for word in _LETTERS.findall(text):
        for stem in word_stems(word, language):
            pairs.append((stem, word))
    return pairs
