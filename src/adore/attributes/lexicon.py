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
from adore.attributes.compounds import Parts, mine_parts
from adore.attributes.custom_fields import mine_custom_fields
from adore.attributes.language import Language
from adore.attributes.language_packs import load_language
from adore.attributes.prices import item_price
from adore.text import word_stems
from adore.types import Item

__all__ = ["Lexicon"]

_COMMON = 0.2
"""Share of a category's titles from which a word may name what the category holds."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words mined from a catalogue. Phrases are stems joined by one space.

    Attributes:
        brands: brand phrases.
        types: product-type words (last words of category names, frequent title heads).
        colours: one-word colour names that only this catalogue uses.
        devices: what items say that they fit (compatibility fields; in titles, what several items
            are ``for``).
        series: series and model names from the fields of that name.
        frequency: how many items have a word in their title.
        items: how many items there are.
        usual: category path to the words of at least two of its titles (paths of five items or
            more).
        common: category path to the words of at least a fifth of its titles.
        own: values of the shop's own fields to those fields, see
            :mod:`adore.attributes.custom_fields`.
        codes: article numbers, packed, see :mod:`adore.attributes.codes`.
        priced: some item has a price.
        language: code of the pack that it was mined with; whoever reads with it reads with the
            same.
        parts: words written as one to their two parts, see :mod:`adore.attributes.compounds`.
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
    language: str = "en"
    parts: Parts = field(default_factory=dict)

    @staticmethod
    def mine(items: Iterable[Item], language: str = "en") -> Lexicon:
        """Read a whole catalogue once.

        Args:
            items: the catalogue.
            language: code of the pack to read it with.
        """
        return _Miner(list(items), load_language(language)).lexicon()

    def usual_in(self, category: str) -> frozenset[str] | None:
        """Words that titles of this category use, or of the nearest above with enough items.

        None if unknown.
        """
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
        fields = dict(loaded)

        # JSON knows no tuples.
        for name, value in loaded.items():
            if isinstance(value, list):
                fields[name] = tuple(value)
        for name in ("usual", "common", "own", "parts"):
            table = loaded.get(name, {})
            fields[name] = {key: tuple(values) for key, values in table.items()}
        return Lexicon(**fields)


@lru_cache(maxsize=4096)
def _frozen(stems: tuple[str, ...]) -> frozenset[str]:
    return frozenset(stems)


def _fields(item: Item, *names: str) -> Iterator[object]:
    """Values of the fields whose names have one of the parts; a list's one by one."""
    for key, value in item.attributes.items():
        low = key.lower()
        if not any(name in low for name in names):
            continue
        if isinstance(value, list):
            yield from value
        else:
            yield value


class _Miner:
    """Reads one catalogue in one language."""

    def __init__(self, items: list[Item], language: Language) -> None:
        self.items, self.language = items, language
        self.titles = [word_stems(item.title, language) for item in items]

    def lexicon(self) -> Lexicon:
        items, types = self.items, self._types()
        frequency = Counter(w for stems in self.titles for w in set(stems))
        return Lexicon(
            brands=self._brands(),
            types=types,
            colours=self._colours(),
            devices=tuple(sorted(self._phrases("compatibility") | self._devices())),
            series=tuple(sorted(self._phrases("model"))),
            frequency=dict(sorted((w, n) for w, n in frequency.items() if n > 1)),
            items=len(items),
            usual=self._usual(0.0),
            common=self._usual(_COMMON),
            own=mine_custom_fields(items, self.language),
            codes=mine_codes(items, self.language),
            priced=any(item_price(item) for item in items),
            language=self.language.code,
            parts=mine_parts(items, frequency, types, self.language),
        )

    def _words(self, text: str) -> list[str]:
        return word_stems(text, self.language)

    def _phrases(self, kind: str) -> set[str]:
        """Values of the fields of one kind, as phrases."""
        names = self.language.fields[kind]
        values = {
            " ".join(self._words(str(v))[:5])
            for item in self.items
            for v in _fields(item, *names)
        }
        return values - {""}

    def _usual(self, share: float) -> dict[str, tuple[str, ...]]:
        counts: dict[str, Counter[str]] = {}
        sizes = Counter[str]()
        for item, title in zip(self.items, self.titles, strict=True):
            stems, path = set(title), item.category
            while path:
                sizes[path] += 1
                counts.setdefault(path, Counter()).update(stems)
                path = path.rpartition(" > ")[0]
        stop = self.language.stop
        return {
            path: tuple(
                sorted(
                    w
                    for w, n in counts[path].items()
                    if n >= max(2, share * size) and w not in stop
                )
            )
            for path, size in sorted(sizes.items())
            if size >= 5
        }

    def _brands(self) -> tuple[str, ...]:
        """A brand counts if, where a title has its words, the item usually is of that brand.

        A field says ``Irwin Tools`` where titles say ``IRWIN``: what both begin with is the
        brand's short name.
        """
        owned, seen = Counter[str](), Counter[str]()
        named = [
            (set(self._names(item, title)), title)
            for item, title in zip(self.items, self.titles, strict=True)
        ]
        for names, _ in named:
            owned.update(names)
        for names, stems in named:
            grams = {
                " ".join(stems[a : a + n])
                for n in (1, 2, 3, 4, 5)
                for a in range(len(stems) - n + 1)
            }
            seen.update(g for g in grams if g in owned and g not in names)
        stop = self.language.stop
        return tuple(
            sorted(
                b
                for b, n in owned.items()
                if n / (n + seen[b]) >= 0.4 and len(b) > 1 and b not in stop
            )
        )

    def _names(self, item: Item, title: list[str]) -> Iterator[str]:
        brand = self._words(item.brand)[:5]
        if brand:
            yield " ".join(brand)
            short = [
                b for b, t in zip(brand, title[: len(brand)], strict=False) if b == t
            ]
            if (
                short == brand[: len(short)]
                and 0 < len(short) < len(brand)
                and len(" ".join(short)) > 3
            ):
                yield " ".join(short)

    def _devices(self) -> set[str]:
        """``for iPhone 8``: one to three words after *for* that end in a number, in three items."""
        people = self.language.audiences.keys() | self.language.ages
        found = Counter[str]()
        for item in self.items:
            for m in self.language.fits.finditer(item.title):
                stems = self._words(item.title[m.end() : m.end() + 40])[:3]
                for n in (2, 3):
                    name = stems[:n]
                    if (
                        len(name) == n
                        and not name[0].isdigit()
                        and name[0] not in people
                        and name[-1][-1:].isdigit()
                    ):
                        found[" ".join(name)] += 1
        return {d for d, n in found.items() if n >= 3}

    def _types(self) -> tuple[str, ...]:
        """What the leaf categories are called.

        Their last word, or their first where what a thing is comes first.
        """
        language = self.language
        at = 0 if language.head_first else -1
        found = Counter[str]()
        for item in self.items:
            for segment in item.category.split(">")[-1:]:
                for part in segment.replace("&", ",").split(","):
                    stems = [
                        w for w in self._words(part) if w not in language.audiences
                    ]
                    if stems:
                        found[stems[at]] += 1
        return tuple(
            sorted(
                w
                for w, n in found.items()
                if n >= 2 and w not in language.stop and not w.isdigit()
            )
        )

    def _colours(self) -> tuple[str, ...]:
        """Words that stand in colour fields, mostly alone, seldom elsewhere in titles.

        *Bronze*, not *Oil-Rubbed*.
        """
        joins = "|".join(
            sorted(
                self.language.written.get("joins", "and").replace(" ", "").split(",")
            )
        )
        found, alone = Counter[str](), Counter[str]()
        for item in self.items:
            for value in _fields(item, *self.language.fields["colour"]):
                for part in re.split(rf"[/,&|+]| (?:{joins}) ", str(value)):
                    stems = [w for w in self._words(part) if len(w) > 2 and w.isalpha()]
                    found.update(stems)
                    if len(stems) == 1:
                        alone.update(stems)
        title = Counter(stem for stems in self.titles for stem in stems)
        known = self.language.colours.keys() | self.language.audiences.keys()
        return tuple(
            sorted(
                w
                for w, n in found.items()
                if n >= 5 and alone[w] * 2 >= n and title[w] <= 2 * n and w not in known
            )
        )
