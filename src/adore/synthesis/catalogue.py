"""The catalogue as the edits need it.

Items near some words, and the values that a category really has.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Any

from adore.attributes.compare import compare
from adore.attributes.language import Language
from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.attributes.units import UNITS, size_dimension
from adore.text import Token, tokenize, word_stems
from adore.types import Evidence, Item, Reading, Value

__all__ = ["BOTH", "SAYABLE", "Catalogue", "leaf"]

SAYABLE = (
    "brand",
    "colour",
    "size",
    "pack",
    "compatibility",
    "model",
    "audience",
    "material",
)
"""Attributes whose values a shopper could ask with an item's own words."""

BOTH = frozenset(["unisex", "adults"])
"""Audiences that leave nobody out."""

_PEOPLE = frozenset("women men girls boys kids toddlers babies".split())
_WIDTH = re.compile(r"\d\s?[A-Z]$")
_Words = dict[str, frozenset[str]]
"""What is kept of words: a category's kinds, a title's stems."""
_Asked = tuple[frozenset[str], int]
"""A search: stems, and how many items."""
_Pair = tuple[str, str]
"""A query's text and an item's id."""
_Place = tuple[str, tuple[str, ...]]
"""An attribute, and some steps of a category; none: the whole shop."""
_Counted = tuple[Value, int]
"""A value, and how many items have it."""


def leaf(item: Item) -> tuple[str, ...]:
    """The last two steps of an item's category path."""
    return _last_two(item.category)


@lru_cache(maxsize=65_536)
def _last_two(category: str) -> tuple[str, ...]:
    last = category.split(">")[-2:]
    return tuple(step.strip().lower() for step in last if step.strip())


def _stems(reading: Reading, where: str) -> list[str]:
    """The stems of a reading's field, kept there as ``stem=word`` pairs."""
    values = reading.values.get(f"words.{where}", ())
    if not values:
        return []
    return [pair.split("=", 1)[0] for pair in values[0].value.split()]


class Catalogue:
    """Items and their readings with an inverted index over title and category words.

    Args:
        items: every item by id.
        readings: every item's reading by id.
        lexicon: what was mined from the catalogue.
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

        self._brands = set(lexicon.brands)
        self._kin: _Words = {}
        self._near: dict[_Asked, list[str]] = {}
        self._titles: _Words = {}
        self.memo: dict[object, Any] = {}
        """What edits found out of a query once, for all its pairs."""
        self._compared: dict[_Pair, tuple[Evidence, ...]] = {}

    @cached_property
    def language(self) -> Language:
        """What the catalogue is read with."""
        return load_language(self.lexicon.language)

    def words(self, text: str) -> list[str]:
        """The stems of a text, in order."""
        return word_stems(text, self.language)

    def kin(self, item: Item) -> frozenset[str]:
        """What tells items of one kind: category steps below the department, without "Kids", ...

        Steps that name people alone ("Women", "Kids") say nothing of the kind. Two
        items that share one of the others may be substitutes (boots and slippers are
        both shoes).
        """
        category = item.category
        if category not in self._kin:
            steps = [step.strip().lower() for step in category.split(">")]
            steps = [step for step in steps if step]
            below = steps[1:] or steps

            people = self.language.audiences.keys()
            self._kin[category] = frozenset(
                step for step in below if not set(self.words(step)) <= people
            )
        return self._kin[category]

    @cached_property
    def types(self) -> frozenset[str]:
        """The catalogue's product words."""
        return frozenset(self.lexicon.types)

    def evidence(
        self, query: str, asked: Reading, item_id: str
    ) -> tuple[Evidence, ...]:
        """What a query (and its reading) asks and an item has, compared once.

        Args:
            query: the query's text, by which the result is kept.
            asked: the query's reading.
            item_id: a catalogue item.
        """
        key = (query, item_id)
        if key not in self._compared:
            self._compared[key] = compare(asked, self.readings[item_id])
        return self._compared[key]

    @cached_property
    def _postings(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for item_id in sorted(self.items):
            reading = self.readings[item_id]
            for stem in {*_stems(reading, "title"), *_stems(reading, "category")}:
                found[stem].append(item_id)
        return dict(found)

    def near(self, stems: Iterable[str], k: int) -> list[str]:
        """The ``k`` items that share the rarest words with ``stems``, best first, ties by id.

        Args:
            stems: stems to look for in titles and categories; stop words count nothing.
            k: most items.

        Returns:
            Ids; fewer than ``k`` if fewer items share a word.
        """
        key = (frozenset(stems) - self.language.stop, k)
        if key not in self._near:
            self._near[key] = self._search(*key)
        return self._near[key]

    def title(self, item_id: str) -> frozenset[str]:
        """The stems of an item's title."""
        if item_id not in self._titles:
            self._titles[item_id] = frozenset(_stems(self.readings[item_id], "title"))
        return self._titles[item_id]

    def _search(self, stems: frozenset[str], k: int) -> list[str]:
        item_count = len(self.items)
        scores: dict[str, float] = defaultdict(float)

        for stem in sorted(stems):
            ids = self._postings.get(stem, [])

            # inverse document frequency: a rare word tells more than a common one
            document_frequency = len(ids)
            weight = math.log(1 + item_count / (1 + document_frequency))

            for item_id in ids:
                scores[item_id] += weight

        def best_first(item_id: str) -> tuple[float, str]:
            return -scores[item_id], item_id

        return heapq.nsmallest(k, scores, key=best_first)

    @cached_property
    def _values(
        self,
    ) -> dict[_Place, dict[str, _Counted]]:
        """Attribute and place to its values there, and how many items have each."""
        found: dict[_Place, dict[str, _Counted]] = defaultdict(dict)
        for item_id in sorted(self.items):
            path = leaf(self.items[item_id])
            # the leaf with the step above it, the leaf alone, the whole shop
            places = {path, path[-1:], ()}
            for name in SAYABLE:
                for value in self.sayable(item_id, name):
                    for place in places:
                        values = found[name, place]
                        first, count = values.get(value.value, (value, 0))
                        values[value.value] = (first, count + 1)
        return found

    def sayable(self, item_id: str, name: str) -> list[Value]:
        """An item's values of an attribute that a shopper could ask with the item's own words.

        Args:
            item_id: a catalogue item.
            name: an attribute, one of :data:`SAYABLE`.
        """
        values = self.readings[item_id].values.get(name, ())
        return [value for value in values if self._can_be_asked(name, value)]

    def _can_be_asked(self, name: str, value: Value) -> bool:
        if value.where == "bullet_points" or not value.quote:
            return False
        if name == "brand":
            return value.value in self._brands
        if name == "size":
            return not _WIDTH.search(value.quote)  # "8 M" is a shoe's width
        if name == "colour":
            return value.value in self._asked_colours
        if name == "audience":
            return value.value in _PEOPLE
        return True

    @cached_property
    def _asked_colours(self) -> frozenset[str]:
        return frozenset(self.language.colours.values()) - {"multi"}

    def others(self, name: str, item: Item, k: int = 30) -> list[Value]:
        """Values of an attribute that items of the same category have, the usual ones first.

        Sizes are only those of a dimension that ``item`` is measured in, if it is
        measured. An item for everybody lacks no audience.

        Args:
            name: an attribute, one of :data:`SAYABLE`.
            item: whose category counts, and whose own values are left out.
            k: most values.
        """
        own: tuple[Value, ...] = ()
        if item.item_id in self.readings:
            own = self.readings[item.item_id].values.get(name, ())
        taken = {value.value for value in own}
        if taken & BOTH:
            return []

        dimensions = {size_dimension(value.value) for value in own}
        own_words = set[str]()
        if name in ("brand", "model", "compatibility"):
            for text in taken:
                own_words.update(text.split())

        others: list[Value] = []
        for value in self._usual(name, item):
            if value.value in taken:
                continue
            if own_words & set(value.value.split()):
                continue  # "Jura" and "Jura-Capresso" may be one
            if name == "size" and own and size_dimension(value.value) not in dimensions:
                continue
            others.append(value)
        return others[:k]

    def _usual(self, name: str, item: Item) -> list[Value]:
        """Values of an attribute in the narrowest place that has two, the usual ones first."""
        path = leaf(item)
        values: dict[str, _Counted] = {}
        for place in (path, path[-1:]):
            if place and len(values) < 2:
                values = self._values.get((name, place), {})
        if not values:
            values = self._values.get((name, ()), {})

        def usual_first(counted: _Counted) -> tuple[int, str]:
            value, count = counted
            return -count, value.value

        ranked = sorted(values.values(), key=usual_first)
        return [value for value, _ in ranked]

    @cached_property
    def parts(self) -> dict[str, int]:
        """What items come with or without: stem to how many titles say it.

        "with wide handle," has the part handle.
        """
        language = self.language
        found = Counter[str]()
        for item_id in sorted(self.items):
            found.update(set(_heads(self.items[item_id].title, language)))

        devices = set[str]()
        for device in self.lexicon.devices:
            devices.update(device.split())
        said = {
            *language.colours,
            *language.audiences,
            *language.materials,
            *language.stop,
            *language.ends_part,
        }
        other = {*devices, *self.lexicon.colours, *UNITS, *said}

        known = self.lexicon.frequency
        parts: dict[str, int] = {}
        for stem, count in sorted(found.items()):
            # a word that is mostly said elsewhere is no part: "size" is said of all
            usual = count >= 2 and count >= 0.1 * known.get(stem, count)
            is_word = len(stem) > 2 and stem.isalpha()
            if usual and is_word and stem not in other:
                parts[stem] = count
        return parts


def _heads(title: str, language: Language) -> list[str]:
    """The last word of each short phrase after "with" or "without"."""
    toks: list[Token] = tokenize(title, language)
    heads: list[str] = []
    for i, token in enumerate(toks):
        if token.stem not in language.adds_part:
            continue
        if i and toks[i - 1].stem in language.goes_with:
            continue

        for j in range(i + 1, min(i + 4, len(toks))):
            if _ends_phrase(title, toks, j, language):
                heads.append(toks[j].stem)
                break
    return heads


def _ends_phrase(title: str, toks: list[Token], at: int, language: Language) -> bool:
    """Whether a short phrase ends with the word at a position."""
    if at + 1 == len(toks):
        return True

    following = toks[at + 1]
    between = title[toks[at].end : following.start]
    if between not in (" ", "-"):
        return True
    return following.stem in language.ends_part or following.stem.isdigit()
