"""The catalogue as the edits need it: items near some words, and the values that a category really has."""

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
from adore.attributes.text import Token, tokens, words
from adore.attributes.units import UNITS, size_dimension
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


def leaf(item: Item) -> tuple[str, ...]:
    """The last two steps of an item's category path."""
    return _last_two(item.category)


@lru_cache(maxsize=65_536)
def _last_two(category: str) -> tuple[str, ...]:
    return tuple(s.strip().lower() for s in category.split(">")[-2:] if s.strip())


def _stems(reading: Reading, where: str) -> list[str]:
    values = reading.values.get(f"words.{where}", ())
    return [pair.split("=", 1)[0] for pair in values[0].value.split()] if values else []


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
        self.items, self.readings, self.lexicon = items, readings, lexicon
        self._brands = set(lexicon.brands)
        self._kin: dict[str, frozenset[str]] = {}
        self._near: dict[tuple[frozenset[str], int], list[str]] = {}
        self._titles: dict[str, frozenset[str]] = {}
        self.memo: dict[object, Any] = {}
        """What edits found out of a query once, for all its pairs."""
        self._compared: dict[tuple[str, str], tuple[Evidence, ...]] = {}

    @cached_property
    def language(self) -> Language:
        """What the catalogue is read with."""
        return load_language(self.lexicon.language)

    def words(self, text: str) -> list[str]:
        """The stems of a text, in order."""
        return words(text, self.language)

    def kin(self, item: Item) -> frozenset[str]:
        """What tells items of one kind: the category steps below the department, without "Women", "Kids", ...

        Two items that share one of them may be substitutes (boots and slippers are both shoes).
        """
        category = item.category
        if category not in self._kin:
            steps = [s.strip().lower() for s in category.split(">") if s.strip()]
            people = self.language.audiences.keys()
            self._kin[category] = frozenset(
                s for s in (steps[1:] or steps) if not set(self.words(s)) <= people
            )
        return self._kin[category]

    @cached_property
    def types(self) -> frozenset[str]:
        """The catalogue's product words."""
        return frozenset(self.lexicon.types)

    def evidence(
        self, query: str, asked: Reading, item_id: str
    ) -> tuple[Evidence, ...]:
        """What a query (and its reading) asks and an item has, compared once."""
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
        """The ``k`` items that share the rarest words with ``stems``, best first, ties by id."""
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
        scores: dict[str, float] = defaultdict(float)
        for stem in sorted(stems):
            ids = self._postings.get(stem, [])
            weight = math.log(1 + len(self.items) / (1 + len(ids)))
            for item_id in ids:
                scores[item_id] += weight
        return heapq.nsmallest(k, scores, key=lambda i: (-scores[i], i))

    @cached_property
    def _values(
        self,
    ) -> dict[tuple[str, tuple[str, ...]], dict[str, tuple[Value, int]]]:
        found: dict[tuple[str, tuple[str, ...]], dict[str, tuple[Value, int]]] = (
            defaultdict(dict)
        )
        for item_id in sorted(self.items):
            places = {leaf(self.items[item_id]), leaf(self.items[item_id])[-1:], ()}
            for name, value in (
                (n, v) for n in SAYABLE for v in self.sayable(item_id, n)
            ):
                for place in places:
                    _, n = found[name, place].get(value.value, (value, 0))
                    found[name, place][value.value] = (
                        found[name, place].get(value.value, (value, 0))[0],
                        n + 1,
                    )
        return found

    def sayable(self, item_id: str, name: str) -> list[Value]:
        """An item's values of an attribute that a shopper could ask with the item's own words."""
        return [
            v
            for v in self.readings[item_id].values.get(name, ())
            if v.where != "bullet_points"
            and v.quote
            and (name != "brand" or v.value in self._brands)
            and (
                name != "size" or not _WIDTH.search(v.quote)
            )  # "8 M" is a shoe's width
            and (name != "colour" or v.value in self._asked_colours)
            and (name != "audience" or v.value in _PEOPLE)
        ]

    @cached_property
    def _asked_colours(self) -> frozenset[str]:
        return frozenset(self.language.colours.values()) - {"multi"}

    def others(self, name: str, item: Item, k: int = 30) -> list[Value]:
        """Values of an attribute that items of the same category have, the usual ones first.

        Sizes are only those of a dimension that ``item`` is measured in, if it is measured. An item for everybody
        lacks no audience.
        """
        own = (
            self.readings[item.item_id].values.get(name, ())
            if item.item_id in self.readings
            else ()
        )
        values: dict[str, tuple[Value, int]] = {}
        for place in (leaf(item), leaf(item)[-1:], ()):
            if len(values) < 2 and (place or not values):
                values = self._values.get((name, place), {})
        taken = {v.value for v in own}
        if taken & BOTH:
            return []
        dimensions = {size_dimension(v.value) for v in own}
        own_words = {
            w
            for v in taken
            if name in ("brand", "model", "compatibility")
            for w in v.split()
        }
        ranked = sorted(values.values(), key=lambda pair: (-pair[1], pair[0].value))
        return [
            v
            for v, _ in ranked
            if v.value not in taken
            and not own_words
            & set(v.value.split())  # "Jura" and "Jura-Capresso" may be one
            and (name != "size" or not own or size_dimension(v.value) in dimensions)
        ][:k]

    @cached_property
    def parts(self) -> dict[str, int]:
        """What items come with or without ("with wide handle," -> handle): stem to how many titles say it."""
        found = Counter[str]()
        for item_id in sorted(self.items):
            found.update(set(_heads(self.items[item_id].title, self.language)))
        devices = {w for device in self.lexicon.devices for w in device.split()}
        language = self.language
        said = {
            *language.colours,
            *language.audiences,
            *language.materials,
            *language.stop,
            *language.ends_part,
        }
        other = {*devices, *self.lexicon.colours, *UNITS, *said}
        known = self.lexicon.frequency
        usual = {
            w: n for w, n in found.items() if n >= 2 and n >= 0.1 * known.get(w, n)
        }  # "size" is said of all
        return {
            w: n
            for w, n in sorted(usual.items())
            if len(w) > 2 and w.isalpha() and w not in other
        }


def _heads(title: str, language: Language) -> list[str]:
    """The last word of each short phrase after "with" or "without"."""
    toks: list[Token] = tokens(title, language)
    heads: list[str] = []
    for i, token in enumerate(toks):
        if token.stem not in language.adds_part or (
            i and toks[i - 1].stem in language.goes_with
        ):
            continue
        for j in range(i + 1, min(i + 4, len(toks))):
            between = (
                title[toks[j].end : toks[j + 1].start] if j + 1 < len(toks) else "."
            )
            if (
                between not in (" ", "-")
                or toks[j + 1].stem in language.ends_part
                or toks[j + 1].stem.isdigit()
            ):
                heads.append(toks[j].stem)
                break
    return heads
