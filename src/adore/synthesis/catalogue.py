"""The catalogue as the edits need it.

Items near some words, and the values that a category really has.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from adore.attributes.comparison import compare
from adore.attributes.language import Language
from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.attributes.units import size_dimension
from adore.synthesis.parts import count_parts
from adore.text import word_stems
from adore.types import Evidence, Item, Reading, Value

__all__ = [
    "ASKABLE",
    "FOR_EVERYBODY",
    "Catalogue",
    "is_accessory",
    "leaf_path",
    "leaf_step",
]

ASKABLE = (
    "brand",
    "colour",
    "size",
    "pack",
    "compatibility",
    "model",
    "audience",
    "material",
)
"""Attributes whose values a shopper could ask for with an item's own words."""

FOR_EVERYBODY = frozenset(["unisex", "adults"])
"""Audiences that exclude nobody."""

_PEOPLE = frozenset(
    [
        "women",
        "men",
        "girls",
        "boys",
        "kids",
        "toddlers",
        "babies",
    ]
)
"""Audiences that a shopper asks for."""
_SHOE_WIDTH = re.compile(r"\d\s?[A-Z]$")
"""A shoe's size with its width, as in "8 M"."""
_Search = tuple[frozenset[str], int]
"""Stems, and how many items."""
_Stems = frozenset[str]
_Pair = tuple[str, str]
"""A query's text and an item's id."""
_Facts = tuple[Evidence, ...]
"""The evidence of a pair."""
_WHOLE_SHOP: tuple[str, ...] = ()
_Place = tuple[str, tuple[str, ...]]
"""An attribute, and some steps of a category; no step means the whole shop."""


def leaf_path(item: Item) -> tuple[str, ...]:
    """The last two steps of an item's category path, in lower case."""
    return _last_two_steps(item.category)


def leaf_step(item: Item) -> str:
    """The last step of an item's category path, in lower case; empty if it has none."""
    path = leaf_path(item)
    if not path:
        return ""
    return path[-1]


@lru_cache(maxsize=65_536)
def _last_two_steps(category: str) -> tuple[str, ...]:
    """The last two steps of a category path, of those that are not empty."""
    last_steps: list[str] = []
    for part in category.split(">")[-2:]:
        step = part.strip().lower()
        if step:
            last_steps.append(step)
    return tuple(last_steps)


def is_accessory(fact: Evidence) -> bool:
    """Whether the item of a pair is an accessory of what the query asks for."""
    return fact.relation == "accessory"


@dataclass(slots=True)
class _ValueCount:
    """A value as the first item writes it, and how many items have it."""

    value: Value
    count: int = 0


def _most_frequent_first(entry: _ValueCount) -> tuple[int, str]:
    """Sort key: the count, then the value."""
    return -entry.count, entry.value.value


class Catalogue:
    """Items and their readings with an inverted index over title and category words.

    Args:
        items: every item by id.
        readings: every item's reading by id.
        lexicon: what was mined from the catalogue.

    Attributes:
        items: every item by id.
        readings: every item's reading by id.
        lexicon: what was mined from the catalogue.
        memo: what edits compute once for a query and use for all of its pairs.
    """

    def __init__(
        self,
        items: Mapping[str, Item],
        readings: Mapping[str, Reading],
        lexicon: Lexicon,
    ) -> None:
        self.items = items
        self.readings = readings
        self.lexicon = lexicon
        self.memo: dict[object, Any] = {}

        self._brands = set(lexicon.brands)
        # what was computed once: by category, by search, by item, by pair
        self._steps: dict[str, _Stems] = {}
        self._nearest: dict[_Search, list[str]] = {}
        self._title_stems: dict[str, _Stems] = {}
        self._compared: dict[_Pair, _Facts] = {}

    @cached_property
    def language(self) -> Language:
        """The language of the catalogue's texts."""
        return load_language(self.lexicon.language)

    def stems(self, text: str) -> list[str]:
        """The stems of a text's words, in order."""
        return word_stems(text, self.language)

    def category_steps(self, item: Item) -> frozenset[str]:
        """The steps of an item's category that name its kind of product.

        These are the steps below the department. Steps that name only people ("Women",
        "Kids") are left out. Two items that share a step may be substitutes (boots and
        slippers are both shoes).

        Args:
            item: the item.

        Returns:
            Steps in lower case.
        """
        category = item.category
        if category not in self._steps:
            self._steps[category] = self._naming_steps(category)
        return self._steps[category]

    def _naming_steps(self, category: str) -> _Stems:
        """The steps of a category path below the department that name more than people."""
        steps: list[str] = []
        for part in category.split(">"):
            step = part.strip().lower()
            if step:
                steps.append(step)

        # a path of one step has no department above it
        below_department = steps[1:] or steps

        people = self.language.audiences.keys()
        naming = set[str]()
        for step in below_department:
            stems = set(self.stems(step))
            if not stems <= people:
                naming.add(step)
        return frozenset(naming)

    @cached_property
    def product_words(self) -> frozenset[str]:
        """Stems that name products in this catalogue."""
        return frozenset(self.lexicon.types)

    def leaf_stems(self, item: Item) -> list[str]:
        """The stems of the last step of an item's category, in order."""
        return self.stems(leaf_step(item))

    def category_head(self, item: Item) -> str:
        """The last product word of the last step of an item's category; empty without one."""
        for stem in reversed(self.leaf_stems(item)):
            if stem in self.product_words:
                return stem
        return ""

    def evidence(
        self, query: str, reading: Reading, item_id: str
    ) -> tuple[Evidence, ...]:
        """The evidence of a pair, compared once.

        Args:
            query: the query's text, by which the result is stored.
            reading: the query's reading.
            item_id: a catalogue item.

        Returns:
            One piece of evidence for each value that the query asks for.
        """
        pair = (query, item_id)
        if pair not in self._compared:
            self._compared[pair] = compare(reading, self.readings[item_id])
        return self._compared[pair]

    def title_stems(self, item_id: str) -> frozenset[str]:
        """The stems of an item's title."""
        if item_id not in self._title_stems:
            words = self.readings[item_id].words_of("title")
            self._title_stems[item_id] = frozenset(words)
        return self._title_stems[item_id]

    def made_for(self, item_id: str) -> Set[str]:
        """The stems of what an item is made for, as its texts say."""
        return self.readings[item_id].words_of("fits").keys()

    # ------------------------------------------------------------ items near some words

    def nearest_items(self, stems: Iterable[str], k: int) -> list[str]:
        """The ``k`` items that share the rarest words with ``stems``, best first, ties by id.

        Args:
            stems: stems to look for in titles and categories. Stop words are ignored.
            k: most items.

        Returns:
            Ids; fewer than ``k`` if fewer items share a word.
        """
        content_stems = frozenset(stems) - self.language.stop
        search = (content_stems, k)
        if search not in self._nearest:
            self._nearest[search] = self._rank_items(content_stems, k)
        return self._nearest[search]

    @cached_property
    def _postings(self) -> dict[str, list[str]]:
        """Stem to the ids of the items that have it in title or category."""
        postings: dict[str, list[str]] = defaultdict(list)
        for item_id in sorted(self.items):
            reading = self.readings[item_id]

            # an item counts once for a word, wherever it is
            stems = set(reading.words_of("title"))
            stems.update(reading.words_of("category"))
            for stem in stems:
                postings[stem].append(item_id)
        return dict(postings)

    def _rank_items(self, stems: frozenset[str], k: int) -> list[str]:
        """Sum the stems' weights for each item and take the best ``k``."""
        item_count = len(self.items)
        scores: dict[str, float] = defaultdict(float)

        for stem in sorted(stems):
            item_ids = self._postings.get(stem, [])

            # inverse document frequency: a rare word tells more than a common one
            document_frequency = len(item_ids)
            inverse_frequency = item_count / (1 + document_frequency)
            weight = math.log(1 + inverse_frequency)

            for item_id in item_ids:
                scores[item_id] += weight

        def best_first(item_id: str) -> tuple[float, str]:
            return -scores[item_id], item_id

        return heapq.nsmallest(k, scores, key=best_first)

    # ------------------------------------------------------------ values

    def item_values(self, item_id: str, attribute: str) -> tuple[Value, ...]:
        """What an item's reading has of an attribute.

        Args:
            item_id: a catalogue item.
            attribute: a key attribute.

        Returns:
            Values; empty if its texts do not state one.
        """
        return self.readings[item_id].values.get(attribute, ())

    def askable_values(self, item_id: str, attribute: str) -> list[Value]:
        """An item's values of an attribute that a shopper could ask for with its own words.

        Args:
            item_id: a catalogue item.
            attribute: one of :data:`ASKABLE`.

        Returns:
            Values that the title or a field states.
        """
        values = self.item_values(item_id, attribute)
        return [value for value in values if self._is_askable(attribute, value)]

    def _is_askable(self, attribute: str, value: Value) -> bool:
        """Whether a shopper could ask for a value as its item writes it."""
        if value.where == "bullet_points" or not value.quote:
            return False
        if attribute == "brand":
            return value.value in self._brands
        if attribute == "size":
            return not _SHOE_WIDTH.search(value.quote)
        if attribute == "colour":
            return value.value in self._colours
        if attribute == "audience":
            return value.value in _PEOPLE
        return True

    @cached_property
    def _colours(self) -> frozenset[str]:
        """Colour families that a shopper asks for."""
        families = set(self.language.colours.values())
        families.discard("multi")
        return frozenset(families)

    @cached_property
    def _values(self) -> dict[_Place, dict[str, _ValueCount]]:
        """Attribute and place to the values there, each with how many items have it."""
        values: dict[_Place, dict[str, _ValueCount]] = defaultdict(dict)
        for item_id in sorted(self.items):
            path = leaf_path(self.items[item_id])
            last_step = path[-1:]
            categories = {path, last_step, _WHOLE_SHOP}
            for attribute in ASKABLE:
                for value in self.askable_values(item_id, attribute):
                    for steps in categories:
                        of_place = values[attribute, steps]
                        entry = of_place.setdefault(value.value, _ValueCount(value))
                        entry.count += 1
        return values

    def other_values(self, attribute: str, item: Item, k: int = 30) -> list[Value]:
        """Values of an attribute that items of the same category have, the usual ones first.

        If the item has a size, only sizes of the same dimension count. An item for
        everybody lacks no audience.

        Args:
            attribute: one of :data:`ASKABLE`.
            item: whose category counts, and whose own values are left out.
            k: most values.

        Returns:
            Values that the item does not have.
        """
        own_names = set[str]()
        if item.item_id in self.readings:
            for value in self.item_values(item.item_id, attribute):
                own_names.add(value.value)
        if own_names & FOR_EVERYBODY:
            return []

        # sizes of another dimension do not contradict each other
        dimensions = set[str]()
        if attribute == "size":
            dimensions.update(size_dimension(name) for name in own_names)

        # "Jura" and "Jura-Capresso" may be the same brand
        own_words = set[str]()
        if attribute in ("brand", "model", "compatibility"):
            for name in own_names:
                own_words.update(name.split())

        others: list[Value] = []
        for value in self._usual_values(attribute, item):
            if value.value in own_names:
                continue
            words = value.value.split()
            if not own_words.isdisjoint(words):
                continue
            dimension = size_dimension(value.value)
            if dimensions and dimension not in dimensions:
                continue
            others.append(value)
        return others[:k]

    def _usual_values(self, attribute: str, item: Item) -> list[Value]:
        """Values of the item's category, the most frequent first.

        The last step of the category counts alone if it has fewer than two with the step
        above, and the whole shop if it has none.

        Args:
            attribute: one of :data:`ASKABLE`.
            item: whose category counts.

        Returns:
            Each value as the first item writes it.
        """
        path = leaf_path(item)
        last_step = path[-1:]
        counted: list[_ValueCount] = []
        if path:
            counted = self._counted_values(attribute, path)
        if path and len(counted) < 2:
            counted = self._counted_values(attribute, last_step)
        if not counted:
            counted = self._counted_values(attribute, _WHOLE_SHOP)

        counted.sort(key=_most_frequent_first)
        return [entry.value for entry in counted]

    def _counted_values(
        self, attribute: str, steps: tuple[str, ...]
    ) -> list[_ValueCount]:
        """The values of an attribute in a category."""
        place = (attribute, steps)
        values = self._values.get(place, {})
        return list(values.values())

    @cached_property
    def parts(self) -> dict[str, int]:
        """What items come with or without (``handle``), by stem; how many titles say it."""
        titles = [item.title for item in self.items.values()]
        return count_parts(titles, self.lexicon, self.language)
