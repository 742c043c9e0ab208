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
from adore.text import phrases_up_to, word_stems
from adore.types import Item

__all__ = ["Lexicon"]

_COMMON_SHARE = 0.2
"""Share of a category's titles from which a word may name what the category holds."""
_LEAST_TITLES = 5
"""Titles of a category whose words are counted."""
_LONGEST_PHRASE = 5
"""Words of a brand, series or device."""
_BRAND_PRECISION = 0.4
"""Share of the titles with a brand's words whose item must be of that brand."""
_LEAST_FITTING = 3
"""Items that must be for a device."""
_LEAST_COLOURED = 5
"""Colour fields that must have a word."""


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
        """Mine a whole catalogue.

        Args:
            items: the catalogue.
            language: code of the pack to read it with.

        Returns:
            The lexicon.
        """
        return _Miner(list(items), load_language(language)).lexicon()

    def usual_in(self, category: str) -> frozenset[str] | None:
        """Return words that titles of a category use, or of the nearest above with enough items.

        Args:
            category: path of the category.

        Returns:
            None if no category on the path has enough items.
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
            fields[name] = {
                field_name: tuple(values) for field_name, values in table.items()
            }
        return Lexicon(**fields)


@lru_cache(maxsize=4096)
def _frozen(stems: tuple[str, ...]) -> frozenset[str]:
    return frozenset(stems)


def _field_values(item: Item, name_parts: Iterable[str]) -> Iterator[str]:
    """Values of the fields whose names have one of the parts; a list's one by one."""
    for field_name, value in item.attributes.items():
        name = field_name.lower()
        if not any(part in name for part in name_parts):
            continue
        values = value if isinstance(value, list) else [value]
        for element in values:
            yield str(element)


class _Miner:
    """Mines one catalogue in one language.

    Attributes:
        titles: the stems of each item's title.
    """

    def __init__(self, items: list[Item], language: Language) -> None:
        self.items = items
        self.language = language
        self.titles = [word_stems(item.title, language) for item in items]

    def lexicon(self) -> Lexicon:
        """All that the catalogue teaches."""
        items = self.items
        product_types = self._product_types()
        frequency = self._frequency()
        devices = self._phrases("compatibility") | self._devices_of_titles()
        return Lexicon(
            brands=self._brands(),
            types=product_types,
            colours=self._colours(),
            devices=tuple(sorted(devices)),
            series=tuple(sorted(self._phrases("model"))),
            frequency=_repeated(frequency),
            items=len(items),
            usual=self._category_words(0.0),
            common=self._category_words(_COMMON_SHARE),
            own=mine_custom_fields(items, self.language),
            codes=mine_codes(items, self.language),
            priced=any(item_price(item) for item in items),
            language=self.language.code,
            parts=mine_parts(items, frequency, product_types, self.language),
        )

    def _stems(self, text: str) -> list[str]:
        return word_stems(text, self.language)

    def _frequency(self) -> Counter[str]:
        """Stem to the number of titles that have it."""
        frequency = Counter[str]()
        for stems in self.titles:
            frequency.update(set(stems))
        return frequency

    def _phrases(self, kind: str) -> set[str]:
        """Values of the fields of one kind, as phrases."""
        phrases = set[str]()
        for item in self.items:
            for value in _field_values(item, self.language.fields[kind]):
                phrases.add(" ".join(self._stems(value)[:_LONGEST_PHRASE]))
        return phrases - {""}

    def _category_words(self, share: float) -> dict[str, tuple[str, ...]]:
        """Category path to the words of at least such a share of its titles, of two at least."""
        counts: dict[str, Counter[str]] = {}
        sizes = Counter[str]()
        for item, title in zip(self.items, self.titles, strict=True):
            stems = set(title)
            path = item.category
            while path:
                sizes[path] += 1
                counts.setdefault(path, Counter()).update(stems)
                path = path.rpartition(" > ")[0]

        words: dict[str, tuple[str, ...]] = {}
        for path, size in sorted(sizes.items()):
            if size < _LEAST_TITLES:
                continue
            least = max(2, share * size)
            frequent = {stem for stem, count in counts[path].items() if count >= least}
            words[path] = tuple(sorted(frequent - self.language.stop))
        return words

    # -------------------------------------------------------------- brands

    def _brands(self) -> tuple[str, ...]:
        """Phrases that, where a title has them, usually are the item's brand."""
        brands_of_items = [
            set(self._brand_names(item, title))
            for item, title in zip(self.items, self.titles, strict=True)
        ]
        of_brand = Counter[str]()
        for names in brands_of_items:
            of_brand.update(names)

        # Titles that have the words, of items that are not of the brand.
        of_others = Counter[str]()
        for names, title in zip(brands_of_items, self.titles, strict=True):
            phrases = phrases_up_to(_LONGEST_PHRASE, title)
            of_others.update((phrases & of_brand.keys()) - names)

        brands: list[str] = []
        for name, count in of_brand.items():
            precision = count / (count + of_others[name])
            is_word = len(name) > 1 and name not in self.language.stop
            if is_word and precision >= _BRAND_PRECISION:
                brands.append(name)
        return tuple(sorted(brands))

    def _brand_names(self, item: Item, title: list[str]) -> Iterator[str]:
        """An item's brand, and its short name.

        A field says ``Irwin Tools`` where titles say ``IRWIN``: what both begin with is the
        brand's short name.

        Yields:
            Phrases.
        """
        brand = self._stems(item.brand)[:_LONGEST_PHRASE]
        if not brand:
            return
        yield " ".join(brand)

        # Only a common beginning counts: words that agree further on do not.
        agreeing = [
            stem for stem, other in zip(brand, title, strict=False) if stem == other
        ]
        is_beginning = agreeing == brand[: len(agreeing)]
        short_name = " ".join(agreeing)
        if is_beginning and len(agreeing) < len(brand) and len(short_name) > 3:
            yield short_name

    # -------------------------------------------------------------- products

    def _devices_of_titles(self) -> set[str]:
        """``for iPhone 8``: two or three words after *for* that end in a number."""
        counts = Counter[str]()
        for item in self.items:
            for match in self.language.fits.finditer(item.title):
                following = item.title[match.end() :]
                stems = self._stems(following[:40])
                for length in (2, 3):
                    name = stems[:length]
                    if len(name) == length and self._may_be_device(name):
                        phrase = " ".join(name)
                        counts[phrase] += 1
        return {device for device, count in counts.items() if count >= _LEAST_FITTING}

    def _may_be_device(self, stems: list[str]) -> bool:
        """Whether words that follow *for* name a device: no people, no age, a number last."""
        first = stems[0]
        if first in self.language.audiences or first in self.language.ages:
            return False
        if first.isdigit():
            return False
        last = stems[-1]
        return last[-1:].isdigit()

    def _product_types(self) -> tuple[str, ...]:
        """What the leaf categories are called.

        Their last word, or their first where the head noun is first.

        Returns:
            Stems, in order.
        """
        language = self.language
        head = 0 if language.head_first else -1
        counts = Counter[str]()
        for item in self.items:
            leaf = item.category.rpartition(">")[2]
            for part in leaf.replace("&", ",").split(","):
                stems = [
                    stem for stem in self._stems(part) if stem not in language.audiences
                ]
                if stems:
                    counts[stems[head]] += 1

        product_types: list[str] = []
        for stem, count in counts.items():
            is_word = stem not in language.stop and not stem.isdigit()
            if count >= 2 and is_word:
                product_types.append(stem)
        return tuple(sorted(product_types))

    def _colours(self) -> tuple[str, ...]:
        """Words that stand in colour fields, mostly alone, seldom elsewhere in titles.

        *Bronze*, not *Oil-Rubbed*.

        Returns:
            Stems, in order.
        """
        in_fields = Counter[str]()
        alone = Counter[str]()
        for part in self._colour_texts():
            stems = [
                stem for stem in self._stems(part) if len(stem) > 2 and stem.isalpha()
            ]
            in_fields.update(stems)
            if len(stems) == 1:
                alone.update(stems)

        in_titles = Counter[str]()
        for title in self.titles:
            in_titles.update(title)

        known = self.language.colours.keys() | self.language.audiences.keys()
        colours: list[str] = []
        for stem, count in in_fields.items():
            mostly_alone = alone[stem] * 2 >= count
            seldom_in_titles = in_titles[stem] <= 2 * count
            is_new = stem not in known and count >= _LEAST_COLOURED
            if is_new and mostly_alone and seldom_in_titles:
                colours.append(stem)
        return tuple(sorted(colours))

    def _colour_texts(self) -> Iterator[str]:
        """The values of colour fields; those of several colours are taken apart."""
        conjunctions = self.language.written.get("joins", "and").replace(" ", "")
        any_conjunction = "|".join(sorted(conjunctions.split(",")))
        separator = re.compile(rf"[/,&|+]| (?:{any_conjunction}) ")
        for item in self.items:
            for value in _field_values(item, self.language.fields["colour"]):
                yield from separator.split(value)


def _repeated(frequency: Counter[str]) -> dict[str, int]:
    """Words of several titles, in order."""
    return {stem: count for stem, count in sorted(frequency.items()) if count > 1}
