"""What a catalogue's own fields teach: brands, product types, colours, devices, series."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from adore.attributes.text import STOP, tokens, words
from adore.types import Item

__all__ = ["AUDIENCES", "COLOURS", "MATERIALS", "Lexicon"]

COLOURS: dict[str, str] = {
    word: family
    for family, names in {
        "black": "black onyx jet ebony",
        "white": "white ivory cream snow pearl",
        "grey": "grey gray charcoal graphite slate",
        "silver": "silver chrome platinum",
        "gold": "gold golden brass",
        "red": "red crimson scarlet burgundy maroon wine ruby",
        "blue": "blue navy azure teal turquoise cobalt denim indigo",
        "green": "green olive emerald sage khaki lime mint",
        "yellow": "yellow mustard lemon",
        "orange": "orange coral apricot",
        "purple": "purple violet lavender lilac plum",
        "pink": "pink rose fuchsia magenta blush",
        "brown": "brown tan beige chestnut chocolate camel taupe cognac",
        "clear": "clear transparent",
        "multi": "multicolor multicolour multi rainbow",
    }.items()
    for word in names.split()
}
"""Colour word to family; two words of one family do not conflict."""

MATERIALS = frozenset(
    [
        "leather",
        "cotton",
        "silicone",
        "steel",
        "wood",
        "wooden",
        "plastic",
        "glass",
        "metal",
        "brass",
        "ceramic",
        "wool",
        "linen",
        "polyester",
        "nylon",
        "bamboo",
        "aluminum",
        "aluminium",
        "rubber",
        "canvas",
        "velvet",
        "silk",
        "suede",
        "acrylic",
        "denim",
        "oak",
        "pine",
        "walnut",
        "copper",
        "iron",
        "titanium",
        "paper",
    ]
)
AUDIENCES: dict[str, str] = {
    "woman": "women", "lady": "women", "female": "women", "girl": "girls", "man": "men", "male": "men",
    "mujer": "women", "hombre": "men", "boy": "boys", "kid": "kids", "child": "kids", "toddler": "toddlers",
    "baby": "babies", "infant": "babies", "newborn": "babies", "adult": "adults", "teen": "teens", "dog": "dogs",
    "cat": "cats", "unisex": "unisex",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words mined from a catalogue. Phrases are stems joined by one space.

    Attributes:
        brands: brand phrases.
        types: product-type words (last words of category names, frequent title heads).
        colours: one-word colour names that only this catalogue uses.
        devices: what items say that they fit (``for …``, compatibility fields).
        series: series and model names from the fields of that name.
        frequency: how many items have a word in their title.
    """

    brands: tuple[str, ...]
    types: tuple[str, ...]
    colours: tuple[str, ...]
    devices: tuple[str, ...]
    series: tuple[str, ...]
    frequency: dict[str, int]
    items: int

    @staticmethod
    def mine(items: Iterable[Item]) -> Lexicon:
        """Read a whole catalogue once."""
        items = list(items)
        frequency = Counter(w for i in items for w in set(words(i.title)))
        devices = Counter(_phrase(str(v)) for i in items for v in _fields(i, "compat", "fits"))
        return Lexicon(
            brands=_brands(items),
            types=_types(items),
            colours=_colours(items),
            devices=tuple(sorted(d for d in devices if d)),
            series=tuple(sorted({_phrase(str(v)) for i in items for v in _fields(i, "series", "model")} - {""})),
            frequency=dict(sorted((w, n) for w, n in frequency.items() if n > 1)),
            items=len(items),
        )

    def to_json(self) -> str:
        """Serialise; :meth:`from_json` reads it back equal."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Lexicon:
        """Read what :meth:`to_json` wrote."""
        loaded: dict[str, Any] = json.loads(text)
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in loaded.items()}
        return Lexicon(**fields)


def _phrase(text: str) -> str:
    return " ".join(words(text)[:5])


def _fields(item: Item, *names: str) -> Iterator[object]:
    for key, value in item.attributes.items():
        if any(n in key.lower() for n in names):
            yield from value if isinstance(value, list) else [value]


def _brands(items: list[Item]) -> tuple[str, ...]:
    """A brand counts if, where a title has its words, the item usually is of that brand."""
    owned = Counter(p for i in items if (p := _phrase(i.brand)))
    seen = Counter[str]()
    for item in items:
        stems = words(item.title)
        grams = {" ".join(stems[a : a + n]) for n in (1, 2, 3, 4, 5) for a in range(len(stems) - n + 1)}
        seen.update(g for g in grams if g in owned and g != _phrase(item.brand))
    return tuple(sorted(b for b, n in owned.items() if n / (n + seen[b]) >= 0.4 and len(b) > 1 and b not in STOP))


def _types(items: list[Item]) -> tuple[str, ...]:
    found = Counter[str]()
    for item in items:
        for segment in item.category.split(">")[-2:]:
            for part in segment.replace("&", ",").split(","):
                stems = [w for w in words(part) if w not in AUDIENCES]
                if stems:
                    found[stems[-1]] += 1
    return tuple(sorted(w for w, n in found.items() if n >= 2 and w not in STOP and not w.isdigit()))


def _colours(items: list[Item]) -> tuple[str, ...]:
    found = Counter(
        w for i in items for v in _fields(i, "colour", "color") for w in words(str(v)) if len(w) > 2 and w.isalpha()
    )
    title = Counter(t.stem for i in items for t in tokens(i.title))
    return tuple(sorted(w for w, n in found.items() if n >= 5 and title[w] <= 2 * n and w not in COLOURS | AUDIENCES))
