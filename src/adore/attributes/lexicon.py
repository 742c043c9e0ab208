"""What a catalogue's own fields teach: brands, product types, colours, devices, series."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
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
_DEVICE_LETTERS = 40
"""Letters after *for* that may name a device."""


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
        pack = load_language(language)
        miner = _Miner(list(items), pack)
        return miner.lexicon()

    def usual_in(self, category: str) -> frozenset[str] | None:
        """Return words that titles of a category use, or of the nearest above with enough items.

        Args:
            category: path of the category.

        Returns:
            None if no category on the path has enough items.
        """
        for path in _paths_upwards(category):
            if path in self.usual:
                return _frozen(self.usual[path])
        return None

    def to_json(self) -> str:
        """Serialise; :meth:`from_json` reads it back equal."""
        fields = asdict(self)
        return json.dumps(fields, ensure_ascii=False, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Lexicon:
        """Read what :meth:`to_json` wrote."""
        loaded: dict[str, Any] = json.loads(text)
        fields = dict(loaded)

        # JSON knows no tuples.
        for field_name, loaded_value in loaded.items():
            if isinstance(loaded_value, list):
                fields[field_name] = tuple(loaded_value)

        for table_name in ("usual", "common", "own", "parts"):
            loaded_table = loaded.get(table_name, {})
            table: dict[str, tuple[str, ...]] = {}
            for phrase, loaded_values in loaded_table.items():
                table[phrase] = tuple(loaded_values)
            fields[table_name] = table
        return Lexicon(**fields)


@lru_cache(maxsize=4096)
def _frozen(stems: tuple[str, ...]) -> frozenset[str]:
    return frozenset(stems)


def _field_values(item: Item, name_parts: Iterable[str]) -> Iterator[str]:
    """Values of the fields whose names have one of the parts; a list's one by one."""
    for field_name, field_value in item.attributes.items():
        lower_name = field_name.lower()
        if not any(part in lower_name for part in name_parts):
            continue
        if not isinstance(field_value, list):
            yield str(field_value)
            continue
        for element in field_value:
            yield str(element)


def _paths_upwards(category: str) -> Iterator[str]:
    """A category's path, and those of the categories above it."""
    path = category
    while path:
        yield path
        path = path.rpartition(" > ")[0]


@dataclass(slots=True)
class _CategoryTitles:
    """Titles of one category: how many they are, and how many of them have each stem."""

    count: int = 0
    stem_counts: Counter[str] = field(default_factory=Counter)


class _Miner:
    """Mines one catalogue in one language.

    Attributes:
        titles: the stems of each item's title.
    """

    def __init__(self, items: list[Item], language: Language) -> None:
        self.items = items
        self.language = language
        self.titles: list[list[str]] = []
        for item in items:
            title_stems = word_stems(item.title, language)
            self.titles.append(title_stems)

    def lexicon(self) -> Lexicon:
        """All that the catalogue teaches."""
        items = self.items
        language = self.language
        product_types = self._product_types()
        frequency = self._frequency()
        category_titles = self._category_titles()

        devices = self._phrases("compatibility")
        devices |= self._devices_of_titles()
        series = self._phrases("model")

        # Without a single price a limit in a query can prove nothing.
        is_priced = any(item_price(item) for item in items)

        return Lexicon(
            brands=self._brands(),
            types=product_types,
            colours=self._colours(),
            devices=tuple(sorted(devices)),
            series=tuple(sorted(series)),
            frequency=_repeated(frequency),
            items=len(items),
            usual=self._category_words(category_titles, 0.0),
            common=self._category_words(category_titles, _COMMON_SHARE),
            own=mine_custom_fields(items, language),
            codes=mine_codes(items, language),
            priced=is_priced,
            language=language.code,
            parts=mine_parts(
                items,
                frequency,
                product_types,
                language,
            ),
        )

    def _stems(self, text: str) -> list[str]:
        return word_stems(text, self.language)

    def _phrase(self, text: str) -> str:
        """The first words of a text as a phrase."""
        first_stems = self._stems(text)[:_LONGEST_PHRASE]
        return " ".join(first_stems)

    def _frequency(self) -> Counter[str]:
        """Stem to the number of titles that have it."""
        frequency = Counter[str]()
        for stems in self.titles:
            frequency.update(set(stems))
        return frequency

    def _phrases(self, kind: str) -> set[str]:
        """Values of the fields of one kind, as phrases."""
        name_parts = self.language.fields[kind]
        phrases = set[str]()
        for item in self.items:
            field_values = _field_values(item, name_parts)
            for field_value in field_values:
                phrase = self._phrase(field_value)
                phrases.add(phrase)

        # A value without a word is no phrase.
        phrases.discard("")
        return phrases

    def _category_titles(self) -> dict[str, _CategoryTitles]:
        """Category path to its titles, for paths of enough titles, in order."""
        titles_of: defaultdict[str, _CategoryTitles] = defaultdict(_CategoryTitles)
        for item, title in zip(self.items, self.titles, strict=True):
            stems = set(title)
            for path in _paths_upwards(item.category):
                titles_of[path].count += 1
                titles_of[path].stem_counts.update(stems)

        return {
            path: titles
            for path, titles in sorted(titles_of.items())
            if titles.count >= _LEAST_TITLES
        }

    def _category_words(
        self, category_titles: Mapping[str, _CategoryTitles], share: float
    ) -> dict[str, tuple[str, ...]]:
        """Category path to the words of at least such a share of its titles, of two at least."""
        words_of: dict[str, tuple[str, ...]] = {}
        for path, titles in category_titles.items():
            least_count = max(2, share * titles.count)
            frequent = set[str]()
            for stem, stem_count in titles.stem_counts.items():
                if stem_count >= least_count:
                    frequent.add(stem)

            frequent -= self.language.stop
            ordered = sorted(frequent)
            words_of[path] = tuple(ordered)
        return words_of

    # -------------------------------------------------------------- brands

    def _brands(self) -> tuple[str, ...]:
        """Phrases that, where a title has them, usually are the item's brand."""
        brands_of_items: list[set[str]] = []
        items_of_brand = Counter[str]()
        for item, title in zip(self.items, self.titles, strict=True):
            brand_names = self._brand_names(item, title)
            item_brands = set(brand_names)
            brands_of_items.append(item_brands)
            items_of_brand.update(item_brands)

        # Titles that have the words, of items that are not of the brand.
        other_titles = Counter[str]()
        for item_brands, title in zip(brands_of_items, self.titles, strict=True):
            phrases = phrases_up_to(_LONGEST_PHRASE, title)

            mentioned_brands = phrases & items_of_brand.keys()
            other_brands = mentioned_brands - item_brands
            other_titles.update(other_brands)

        brands: list[str] = []
        for brand, item_count in items_of_brand.items():
            if len(brand) == 1 or brand in self.language.stop:
                continue
            title_count = item_count + other_titles[brand]
            precision = item_count / title_count
            if precision >= _BRAND_PRECISION:
                brands.append(brand)
        return tuple(sorted(brands))

    def _brand_names(self, item: Item, title: list[str]) -> Iterator[str]:
        """An item's brand, and its short name.

        A field says ``Irwin Tools`` where titles say ``IRWIN``: what both begin with is the
        brand's short name.

        Yields:
            Phrases.
        """
        brand_stems = self._stems(item.brand)[:_LONGEST_PHRASE]
        if not brand_stems:
            return
        yield " ".join(brand_stems)

        # Only a common beginning counts: words that agree further on do not.
        agreeing: list[str] = []
        for brand_stem, title_stem in zip(brand_stems, title, strict=False):
            if brand_stem == title_stem:
                agreeing.append(brand_stem)
        length = len(agreeing)
        is_beginning = agreeing == brand_stems[:length]
        if not is_beginning or length == len(brand_stems):
            return

        short_name = " ".join(agreeing)
        if len(short_name) > 3:
            yield short_name

    # -------------------------------------------------------------- products

    def _devices_of_titles(self) -> set[str]:
        """``for iPhone 8``: two or three words after *for* that end in a number."""
        item_counts = Counter[str]()
        for item in self.items:
            devices = self._devices_of_title(item.title)
            item_counts.update(devices)

        frequent_devices = set[str]()
        for device, item_count in item_counts.items():
            if item_count >= _LEAST_FITTING:
                frequent_devices.add(device)
        return frequent_devices

    def _devices_of_title(self, title: str) -> Iterator[str]:
        """What a title says that the item is for, with and without its third word."""
        for fits_match in self.language.fits.finditer(title):
            begin = fits_match.end()
            following = title[begin : begin + _DEVICE_LETTERS]
            stems = self._stems(following)
            for length in (2, 3):
                device_stems = stems[:length]
                if len(device_stems) < length:
                    break
                if self._may_be_device(device_stems):
                    yield " ".join(device_stems)

    def _may_be_device(self, stems: list[str]) -> bool:
        """Whether words that follow *for* name a device: no people, no age, a number last."""
        language = self.language
        first = stems[0]
        if first in language.audiences:
            return False
        if first in language.ages:
            return False
        if first.isdigit():
            return False
        last = stems[-1]
        last_letter = last[-1:]
        return last_letter.isdigit()

    def _product_types(self) -> tuple[str, ...]:
        """What the leaf categories are called.

        Their last word, or their first where the head noun is first.

        Returns:
            Stems, in order.
        """
        head_counts = Counter[str]()
        for item in self.items:
            heads = self._category_heads(item.category)
            head_counts.update(heads)

        product_types: list[str] = []
        for head, item_count in head_counts.items():
            if head in self.language.stop or head.isdigit():
                continue
            if item_count >= 2:
                product_types.append(head)
        return tuple(sorted(product_types))

    def _category_heads(self, category: str) -> Iterator[str]:
        """The head noun of each thing that a leaf category names (*Cups & Mugs*)."""
        language = self.language
        leaf_name = category.rpartition(">")[2]
        thing_names = leaf_name.replace("&", ",")
        for thing_name in thing_names.split(","):
            # Whom it is for is no product: *Shoes, Women*.
            nouns: list[str] = []
            for stem in self._stems(thing_name):
                if stem not in language.audiences:
                    nouns.append(stem)
            if nouns:
                yield nouns[0] if language.head_first else nouns[-1]

    def _colours(self) -> tuple[str, ...]:
        """Words that stand in colour fields, mostly alone, seldom elsewhere in titles.

        *Bronze*, not *Oil-Rubbed*.

        Returns:
            Stems, in order.
        """
        field_counts = Counter[str]()
        alone_counts = Counter[str]()
        for colour_text in self._colour_texts():
            stems: list[str] = []
            for stem in self._stems(colour_text):
                is_word = len(stem) > 2 and stem.isalpha()
                if is_word:
                    stems.append(stem)

            field_counts.update(stems)
            if len(stems) == 1:
                alone_counts.update(stems)

        title_counts = Counter[str]()
        for title in self.titles:
            title_counts.update(title)

        language = self.language
        colours: list[str] = []
        for stem, field_count in field_counts.items():
            if stem in language.colours or stem in language.audiences:
                continue
            if field_count < _LEAST_COLOURED:
                continue
            alone_count = alone_counts[stem]
            title_count = title_counts[stem]
            is_mostly_alone = alone_count * 2 >= field_count
            is_rare_in_titles = title_count <= field_count * 2
            if is_mostly_alone and is_rare_in_titles:
                colours.append(stem)
        return tuple(sorted(colours))

    def _colour_texts(self) -> Iterator[str]:
        """The values of colour fields; those of several colours are taken apart."""
        language = self.language
        listed = language.written.get("joins", "and")
        without_spaces = listed.replace(" ", "")
        conjunctions = without_spaces.split(",")
        any_conjunction = "|".join(sorted(conjunctions))
        separator = re.compile(rf"[/,&|+]| (?:{any_conjunction}) ")

        name_parts = language.fields["colour"]
        for item in self.items:
            for field_value in _field_values(item, name_parts):
                yield from separator.split(field_value)


def _repeated(frequency: Counter[str]) -> dict[str, int]:
    """Words of several titles, in order."""
    repeated: dict[str, int] = {}
    for stem, title_count in sorted(frequency.items()):
        if title_count > 1:
            repeated[stem] = title_count
    return repeated
