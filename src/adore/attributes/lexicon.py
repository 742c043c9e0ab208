"""What a catalogue's own fields teach: brands, product types, colours, devices, series."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from adore.attributes.codes import mine_codes
from adore.attributes.own import mine_own
from adore.attributes.prices import item_price
from adore.attributes.text import STOP, tokens, words
from adore.types import Item

__all__ = ["AUDIENCES", "COLOURS", "FITS", "MATERIALS", "VAGUE", "Lexicon"]

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
        "bronze": "bronze",
        "clear": "clear transparent",
        "multi": "multicolor multicolour multicolored multicoloured multi rainbow",
    }.items()
    for word in names.split()
}
"""Colour word to family; two words of one family do not conflict."""

VAGUE = frozenset(
    "wine rose mint chocolate cream snow pearl lemon lime cherry lavender plum sage ruby camel chestnut mustard "
    "coral apricot jet brass slate jade emerald cobalt denim multi rainbow violet blush "
    "cognac platinum".split()
)
"""Colour words that more often name a taste, scent or thing: a colour only beside another colour word, or where the
seller sets it apart."""

MATERIALS: dict[str, str] = {
    **{
        name: name
        for name in (
            "leather cotton silicone steel wood plastic glass metal brass ceramic wool linen polyester nylon bamboo "
            "aluminum rubber canvas velvet silk suede acrylic denim oak pine walnut copper iron titanium paper fleece "
            "mesh lace pvc resin tin fabric foam vinyl spandex satin cashmere flannel chiffon latex marble granite "
            "jute rattan wicker porcelain stoneware melamine cork felt microfiber polycarbonate tpu "
            "mahogany teak burlap"
        ).split()
    },
    "wooden": "wood",
    "aluminium": "aluminum",
    "microfibre": "microfiber",
}
"""Material word to its one name."""

AUDIENCES: dict[str, str] = {
    "woman": "women", "lady": "women", "female": "women", "girl": "girls", "man": "men", "male": "men",
    "mujer": "women", "hombre": "men", "boy": "boys", "kid": "kids", "child": "kids", "toddler": "toddlers",
    "baby": "babies", "infant": "babies", "newborn": "babies", "adult": "adults", "teen": "teens", "dog": "dogs",
    "cat": "cats", "unisex": "unisex", "husband": "men", "wife": "women", "boyfriend": "men", "girlfriend": "women",
    "gentleman": "men", "puppy": "dogs", "kitten": "cats", "teenager": "teens",
}  # fmt: skip


FITS = re.compile(r"\b(?:for|fits?|compatible with|works with|replacement for)\b", re.IGNORECASE)
"""Before what an item is used with."""
_COMMON = 0.2
"""Share of a category's titles from which a word may name what the category holds."""
_PEOPLE = frozenset(AUDIENCES) | {"age", "year", "up", "all", "over", "ages"}


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words mined from a catalogue. Phrases are stems joined by one space.

    Attributes:
        brands: brand phrases.
        types: product-type words (last words of category names, frequent title heads).
        colours: one-word colour names that only this catalogue uses.
        devices: what items say that they fit (compatibility fields; in titles, what several items are ``for``).
        series: series and model names from the fields of that name.
        frequency: how many items have a word in their title.
        items: how many items there are.
        usual: category path to the words of at least two of its titles (paths of five items or more).
        common: category path to the words of at least a fifth of its titles.
        own: values of the shop's own fields to those fields, see :mod:`adore.attributes.own`.
        codes: article numbers, packed, see :mod:`adore.attributes.codes`.
        priced: some item has a price.
    """

    brands: tuple[str, ...]
    types: tuple[str, ...]
    colours: tuple[str, ...]
    devices: tuple[str, ...]
    series: tuple[str, ...]
    frequency: dict[str, int]
    items: int
    usual: dict[str, tuple[str, ...]] = field(default_factory=dict)
    common: dict[str, tuple[str, ...]] = field(default_factory=dict)
    own: dict[str, tuple[str, ...]] = field(default_factory=dict)
    codes: str = ""
    priced: bool = False

    @staticmethod
    def mine(items: Iterable[Item]) -> Lexicon:
        """Read a whole catalogue once."""
        items = list(items)
        frequency = Counter(w for i in items for w in set(words(i.title)))
        devices = {_phrase(str(v)) for i in items for v in _fields(i, "compat", "fits")} - {""}
        return Lexicon(
            brands=_brands(items),
            types=_types(items),
            colours=_colours(items),
            devices=tuple(sorted(devices | _devices(items))),
            series=tuple(sorted({_phrase(str(v)) for i in items for v in _fields(i, "series", "model")} - {""})),
            frequency=dict(sorted((w, n) for w, n in frequency.items() if n > 1)),
            items=len(items),
            usual=_usual(items, 0.0),
            common=_usual(items, _COMMON),
            own=mine_own(items),
            codes=mine_codes(items),
            priced=any(item_price(item) for item in items),
        )

    def usual_in(self, category: str) -> frozenset[str] | None:
        """Words that titles of this category, or of the nearest one above with enough items, use; None if unknown."""
        path = category
        while path and path not in self.usual:
            path = path.rpartition(" > ")[0]
        return _frozen(self.usual[path]) if path else None

    def to_json(self) -> str:
        """Serialise; :meth:`from_json` reads it back equal."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Lexicon:
        """Read what :meth:`to_json` wrote."""
        loaded: dict[str, Any] = json.loads(text)
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in loaded.items()}
        for name in ("usual", "common", "own"):
            fields[name] = {k: tuple(v) for k, v in loaded.get(name, {}).items()}
        return Lexicon(**fields)


@lru_cache(maxsize=4096)
def _frozen(stems: tuple[str, ...]) -> frozenset[str]:
    return frozenset(stems)


def _usual(items: list[Item], share: float) -> dict[str, tuple[str, ...]]:
    counts: dict[str, Counter[str]] = {}
    sizes = Counter[str]()
    for item in items:
        stems, path = set(words(item.title)), item.category
        while path:
            sizes[path] += 1
            counts.setdefault(path, Counter()).update(stems)
            path = path.rpartition(" > ")[0]
    return {
        path: tuple(sorted(w for w, n in counts[path].items() if n >= max(2, share * size) and w not in STOP))
        for path, size in sorted(sizes.items())
        if size >= 5
    }


def _phrase(text: str) -> str:
    return " ".join(words(text)[:5])


def _fields(item: Item, *names: str) -> Iterator[object]:
    for key, value in item.attributes.items():
        if any(n in key.lower() for n in names):
            yield from value if isinstance(value, list) else [value]


def _brands(items: list[Item]) -> tuple[str, ...]:
    """A brand counts if, where a title has its words, the item usually is of that brand.

    A field says ``Irwin Tools`` where titles say ``IRWIN``: what both begin with is the brand's short name.
    """
    owned, seen = Counter[str](), Counter[str]()
    named = [(set(_names(i)), words(i.title)) for i in items]
    for names, _ in named:
        owned.update(names)
    for names, stems in named:
        grams = {" ".join(stems[a : a + n]) for n in (1, 2, 3, 4, 5) for a in range(len(stems) - n + 1)}
        seen.update(g for g in grams if g in owned and g not in names)
    return tuple(sorted(b for b, n in owned.items() if n / (n + seen[b]) >= 0.4 and len(b) > 1 and b not in STOP))


def _names(item: Item) -> Iterator[str]:
    brand = words(item.brand)[:5]
    if brand:
        yield " ".join(brand)
        short = [b for b, t in zip(brand, words(item.title)[: len(brand)], strict=False) if b == t]
        if short == brand[: len(short)] and 0 < len(short) < len(brand) and len(" ".join(short)) > 3:
            yield " ".join(short)


def _devices(items: list[Item]) -> set[str]:
    """``for iPhone 8``: one to three words after *for* that end in a number, in three items."""
    found = Counter[str]()
    for item in items:
        for m in FITS.finditer(item.title):
            stems = words(item.title[m.end() : m.end() + 40])[:3]
            for n in (2, 3):
                name = stems[:n]
                if len(name) == n and not name[0].isdigit() and name[0] not in _PEOPLE and name[-1][-1:].isdigit():
                    found[" ".join(name)] += 1
    return {d for d, n in found.items() if n >= 3}


def _types(items: list[Item]) -> tuple[str, ...]:
    found = Counter[str]()
    for item in items:
        for segment in item.category.split(">")[-1:]:
            for part in segment.replace("&", ",").split(","):
                stems = [w for w in words(part) if w not in AUDIENCES]
                if stems:
                    found[stems[-1]] += 1
    return tuple(sorted(w for w, n in found.items() if n >= 2 and w not in STOP and not w.isdigit()))


def _colours(items: list[Item]) -> tuple[str, ...]:
    """Words that stand in colour fields, mostly alone (*Bronze*, not *Oil-Rubbed*), and seldom elsewhere in titles."""
    found, alone = Counter[str](), Counter[str]()
    for item in items:
        for value in _fields(item, "colour", "color"):
            for part in re.split(r"[/,&|+]| and ", str(value)):
                stems = [w for w in words(part) if len(w) > 2 and w.isalpha()]
                found.update(stems)
                alone.update(stems if len(stems) == 1 else ())
    title = Counter(t.stem for i in items for t in tokens(i.title))
    known = {*COLOURS, *AUDIENCES}
    return tuple(
        sorted(w for w, n in found.items() if n >= 5 and alone[w] * 2 >= n and title[w] <= 2 * n and w not in known)
    )
