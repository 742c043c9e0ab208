"""The catalogue as the edits need it: items near some words, and the values that a category really has."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property

from adore.attributes.lexicon import Lexicon
from adore.attributes.text import STOP, words
from adore.attributes.units import size_dimension
from adore.types import Item, Reading, Value

__all__ = ["Catalogue", "leaf"]

_ADDED = frozenset(["with", "w", "without"])


def leaf(item: Item) -> tuple[str, ...]:
    """The last two steps of an item's category path."""
    return tuple(s.strip().lower() for s in item.category.split(">")[-2:] if s.strip())


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

    def __init__(self, items: Mapping[str, Item], readings: Mapping[str, Reading], lexicon: Lexicon) -> None:
        self.items, self.readings, self.lexicon = items, readings, lexicon
        self._brands = set(lexicon.brands)

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
        scores = Counter[str]()
        for stem in sorted(set(stems) - STOP):
            ids = self._postings.get(stem, [])
            weight = math.log(1 + len(self.items) / (1 + len(ids)))
            for item_id in ids:
                scores[item_id] += weight  # type: ignore[assignment]
        return sorted(scores, key=lambda i: (-scores[i], i))[:k]

    @cached_property
    def _values(self) -> dict[tuple[str, tuple[str, ...]], dict[str, tuple[Value, int]]]:
        found: dict[tuple[str, tuple[str, ...]], dict[str, tuple[Value, int]]] = defaultdict(dict)
        for item_id in sorted(self.items):
            places = {leaf(self.items[item_id]), leaf(self.items[item_id])[-1:], ()}
            for name, value in self._sayable(self.readings[item_id]):
                for place in places:
                    _, n = found[name, place].get(value.value, (value, 0))
                    found[name, place][value.value] = (found[name, place].get(value.value, (value, 0))[0], n + 1)
        return found

    def _sayable(self, reading: Reading) -> list[tuple[str, Value]]:
        """Values that a shopper could ask with the item's own words."""
        return [
            (name, v)
            for name in ("brand", "colour", "size", "pack", "compatibility")
            for v in reading.values.get(name, ())
            if v.where != "bullet_points" and v.quote and (name != "brand" or v.value in self._brands)
        ]

    def others(self, name: str, item: Item, k: int = 30) -> list[Value]:
        """Values of an attribute that items of the same category have, the usual ones first.

        Sizes are only those of a dimension that ``item`` is measured in, if it is measured.
        """
        own = self.readings[item.item_id].values.get(name, ()) if item.item_id in self.readings else ()
        values: dict[str, tuple[Value, int]] = {}
        for place in (leaf(item), leaf(item)[-1:], ()):
            if len(values) < 2 and (place or not values):
                values = self._values.get((name, place), {})
        taken = {v.value for v in own}
        dimensions = {size_dimension(v.value) for v in own}
        ranked = sorted(values.values(), key=lambda pair: (-pair[1], pair[0].value))
        return [
            v
            for v, _ in ranked
            if v.value not in taken and (name != "size" or not own or size_dimension(v.value) in dimensions)
        ][:k]

    @cached_property
    def parts(self) -> dict[str, int]:
        """What items are said to come with or without ("with handle"): stem to how many titles say it."""
        found = Counter[str]()
        for item_id in sorted(self.items):
            stems = words(self.items[item_id].title)
            found.update({b for a, b in zip(stems, stems[1:], strict=False) if a in _ADDED})
        known = set(self.lexicon.colours) | STOP
        return {w: n for w, n in sorted(found.items()) if n >= 2 and len(w) > 2 and w.isalpha() and w not in known}
