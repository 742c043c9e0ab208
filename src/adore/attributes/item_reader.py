"""Reads key attributes out of items, and quotes where each stood."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adore.attributes.codes import item_codes
from adore.attributes.custom_fields import (
    CustomField,
    read_custom_fields,
    with_unit,
)
from adore.attributes.devices import (
    Device,
    device_spans,
    find_devices,
    is_made_for,
    parse_device,
)
from adore.attributes.language_packs import foreign_field
from adore.attributes.lexicon import Lexicon
from adore.attributes.options import as_size, option_pairs, read_batteries
from adore.attributes.packs import read_packs
from adore.attributes.prices import item_price
from adore.attributes.spans import (
    TextSpan,
    ValueCollector,
    absent_stems,
    find_phrases,
    is_stuffed_title,
    item_texts,
    written_words,
)
from adore.attributes.units import read_sizes, size_dimension
from adore.attributes.word_reader import WordReader
from adore.text import visible
from adore.types import NO_WORDS, Item, ItemTerms, Reading, Value, WordIndex

__all__ = ["ItemReader"]

_DIGIT = re.compile(r"\d")
_CODE = re.compile(r"(?<![\w-])[A-Z]{1,3}-?[A-Z]{0,2}\d{3,6}[A-Z]{0,3}(?![\w-])")
"""A maker's number: ``DW1361``."""
_LONGEST_NAME = 5
"""Words of a brand, a model or a device in a field."""
_BRAND_WORDS = 8
"""Words at the beginning of a title that may be its brand."""
_PACK_DIGITS = 6
"""Digits of a number of pieces; a longer number is an article number."""


class ItemReader(WordReader):
    """Reads items with one catalogue's lexicon.

    Args:
        lexicon: of the catalogue.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__(lexicon)
        self._field_kinds: dict[str, str] = {}

    def read_item(self, item: Item) -> Reading:
        """Read the key attributes of an item, and index its words.

        Args:
            item: of the catalogue or of a request.

        Returns:
            The reading; attributes that the item does not state are left out.
        """
        texts, untrusted = item_texts(item, self.language)
        title, *body = texts
        fits_match = self.language.fits.search(title.text)
        accessories = self._accessories(title)
        collector = ValueCollector()
        self._read_brand(item, title, fits_match, collector)
        self._read_fields(item, collector)
        collector.extend("audience", self._audiences(item.category, "category"))

        # Most texts below the title have no digit, and a pack of two in words is a title's.
        for text in texts:
            if text.where == "title" or _DIGIT.search(text.text):
                sizes = read_sizes(text.text, text.where)
                collector.extend("size", sizes)
                packs = read_packs(text.text, text.where)
                collector.extend("pack", packs)
        batteries = read_batteries(title.text, "title")
        collector.extend("size", batteries)

        self._read_sizes_of_fields(item, collector)
        self._read_title_words(title, collector)
        self._read_maker_numbers(title, fits_match, collector)
        is_part = bool(accessories)
        fits_texts = self._read_devices(title, fits_match, is_part, collector)
        if "material" not in collector.values:
            for text in body:
                self._read_materials(text, collector)

        # Everything is read: what is left is the index of the words.
        custom_fields = list(read_custom_fields(item, self.language))
        custom_texts: list[TextSpan] = []
        for custom_field in custom_fields:
            if custom_field.flag is None:
                custom_text = self._text_span("attributes", custom_field.quote)
                custom_texts.append(custom_text)

        category_text = _last_two_steps(item.category)
        category = self._text_span("category", category_text)
        other_title_forms = self._spelling.other_forms(title)
        other_category_forms = self._spelling.other_forms(category)
        other_forms = {
            "title": other_title_forms,
            "category": other_category_forms,
        }
        indexed_texts = [
            *texts,
            untrusted,
            category,
            *custom_texts,
            *fits_texts,
        ]

        absent = absent_stems(texts, untrusted, self.language)
        terms = ItemTerms(
            names=self._title_names(item.category, title, other_title_forms),
            category_names=self.lexicon.common.get(item.category, ()),
            field_heads=self._field_heads(custom_texts),
            accessories=accessories,
            guides=self._guides(category, title),
            absent=tuple(sorted(absent)),
        )
        return Reading(
            values=collector.collected(),
            words=_word_indexes(indexed_texts, other_forms),
            terms=terms,
            custom_fields=_custom_values(custom_fields),
            price=item_price(item),
            codes=tuple(item_codes(item)),
            stuffed=is_stuffed_title(title, self.language),
        )

    # -------------------------------------------------------------- words

    def _title_names(
        self,
        category: str,
        title: TextSpan,
        other_forms: Mapping[str, str],
    ) -> tuple[str, ...]:
        """Stems of the title that titles of its category use; all where that is not known."""
        usual_stems = self.lexicon.usual_in(category)
        names = [token.stem for token in title.tokens]
        if usual_stems is None:
            names.extend(other_forms)
        else:
            usual_forms = self._spelling.usual_forms(other_forms, usual_stems)
            names = [stem for stem in names if stem in usual_stems]
            names.extend(usual_forms)

        # Each once, in the order of the title.
        distinct_names = dict.fromkeys(names)
        return tuple(distinct_names)

    def _guides(self, category: TextSpan, title: TextSpan) -> tuple[str, ...]:
        """Words for what answers a question, those of the category first."""
        guide_words = self.language.guides
        guides: list[str] = []
        for token in (*category.tokens, *title.tokens):
            if token.stem in guide_words:
                guides.append(token.stem)
        return tuple(guides)

    def _accessories(self, title: TextSpan) -> tuple[str, ...]:
        title_stems = {token.stem for token in title.tokens}
        accessories = title_stems & self.language.accessories
        return tuple(sorted(accessories))

    def _field_heads(self, custom_texts: list[TextSpan]) -> tuple[str, ...]:
        """The head word of every value of the shop's own fields."""
        head_index = 0 if self.language.head_first else -1
        heads: list[str] = []
        for custom_text in custom_texts:
            if custom_text.tokens:
                head_token = custom_text.tokens[head_index]
                heads.append(head_token.stem)
        return tuple(heads)

    # -------------------------------------------------------------- fields

    def _read_brand(
        self,
        item: Item,
        title: TextSpan,
        fits_match: re.Match[str] | None,
        collector: ValueCollector,
    ) -> None:
        """The brand's field, or else the first brand that the title names as its own."""
        if item.brand:
            brand = self._name(item.brand)
            collector.add("brand", brand, item.brand, "brand")
            return

        # A brand after *for* makes the thing that the item is used with.
        own_tokens = title.tokens
        if fits_match:
            own_end = fits_match.start()
            own_tokens = [token for token in own_tokens if token.end <= own_end]

        brands = find_phrases(own_tokens, self._brands, set())
        first_brand = next(brands, None)
        if first_brand:
            collector.add_phrase("brand", title, first_brand)

    def _name(self, text: str) -> str:
        """A name of a field as a phrase."""
        first_stems = self._stems(text)[:_LONGEST_NAME]
        return " ".join(first_stems)

    def _read_fields(self, item: Item, collector: ValueCollector) -> None:
        """Every field of the item, and the options that its texts list."""
        for field_name, field_value in item.attributes.items():
            where = f"attributes.{field_name}"
            self._read_field(field_name, field_value, where, collector)
            if not isinstance(field_value, str):
                continue
            for option in option_pairs(field_value):
                self._read_field(option.name, option.value, where, collector)

    def _read_field(
        self,
        name: str,
        field_value: Any,
        where: str,
        collector: ValueCollector,
    ) -> None:
        """One field that the language knows by its name."""
        kind = self._field_kind(name)
        if kind == "compatibility":
            self._read_fitting_devices(field_value, where, collector)
            return

        text = str(field_value)
        if kind == "colour":
            field_span = self._text_span(where, text)
            self._read_colours(field_span, collector)
        elif kind == "material":
            field_span = self._text_span(where, text)
            self._read_field_materials(field_span, collector)
        elif kind == "model":
            model = self._name(text)
            collector.add("model", model, text, where)
        elif kind == "size":
            _read_size_field(name, text, where, collector)
        elif kind == "pack":
            _read_pack_field(text, where, collector)
        elif kind == "audience":
            audiences = self._audiences(text, where)
            collector.extend("audience", audiences)

    def _read_fitting_devices(
        self,
        field_value: Any,
        where: str,
        collector: ValueCollector,
    ) -> None:
        """The devices of a compatibility field, which may be a list."""
        devices = field_value
        if not isinstance(devices, list):
            devices = [devices]
        for device in devices:
            written = str(device)
            device_name = self._name(written)
            collector.add("compatibility", device_name, written, where)

    def _read_colours(self, field_span: TextSpan, collector: ValueCollector) -> None:
        """Every colour of a colour field; there even a vague word is one."""
        for token in field_span.tokens:
            colour = self._colours.get(token.stem)
            if colour is not None:
                written = field_span.written(token)
                collector.add("colour", colour, written, field_span.where)

    def _read_field_materials(
        self,
        field_span: TextSpan,
        collector: ValueCollector,
    ) -> None:
        """Every word of a material field; there even an unknown word is a material."""
        materials = self.language.materials
        for token in field_span.tokens:
            material = materials.get(token.stem, token.stem)
            written = field_span.written(token)
            collector.add("material", material, written, field_span.where)

    def _field_kind(self, name: str) -> str:
        """The kind of a field by its name, or nothing; a catalogue has few names."""
        kind = self._field_kinds.get(name)
        if kind is None:
            kind = self._find_field_kind(name.lower())
            self._field_kinds[name] = kind
        return kind

    def _find_field_kind(self, name: str) -> str:
        for kind, name_parts in self.language.fields.items():
            if any(name_part in name for name_part in name_parts):
                return kind
        return foreign_field(name)

    def _read_sizes_of_fields(self, item: Item, collector: ValueCollector) -> None:
        """Sizes whose unit stands in the field's name, of dimensions that no text gives."""
        known_sizes = collector.values.get("size", ())
        known_dimensions = {size_dimension(size.value) for size in known_sizes}
        for field_name, field_value in item.attributes.items():
            where = f"attributes.{field_name}"
            amount = with_unit(field_name, field_value)
            for field_size in read_sizes(amount, where):
                dimension = size_dimension(field_size.value)
                if dimension not in known_dimensions:
                    quote = str(field_value)
                    collector.add("size", field_size.value, quote, where)

    # -------------------------------------------------------------- title

    def _read_title_words(self, title: TextSpan, collector: ValueCollector) -> None:
        """Colours, audiences, materials and series."""
        # A brand's words say nothing of the thing (*Black & Decker*).
        brand_positions = set[int]()
        first_tokens = title.tokens[:_BRAND_WORDS]
        for brand_phrase in find_phrases(first_tokens, self._brands, set()):
            brand_positions.update(brand_phrase.positions)

        splits_compounds = bool(self.language.links)
        for position, token in enumerate(title.tokens):
            if position in brand_positions:
                continue
            attribute, value = self._word_value(title, position)
            if not attribute and splits_compounds:
                compound = self._spelling.split_compound(token, title.text)
                attribute = compound.name
                value = compound.value
            if attribute:
                written = title.written(token)
                collector.add(attribute, value, written, title.where)

        for series_phrase in find_phrases(title.tokens, self._series, set()):
            collector.add_phrase("model", title, series_phrase)

    def _read_maker_numbers(
        self,
        title: TextSpan,
        fits_match: re.Match[str] | None,
        collector: ValueCollector,
    ) -> None:
        """Makers' numbers of the item itself."""
        # A number after *for* is that of the thing which the item is used with.
        own_text = visible(title.text)
        if fits_match:
            own_text = own_text[: fits_match.start()]

        for code_match in _CODE.finditer(own_text):
            code = code_match.group()
            code_stems = self._stems(code)
            model = " ".join(code_stems)
            collector.add("model", model, code, title.where)

    def _read_materials(self, text_span: TextSpan, collector: ValueCollector) -> None:
        """Materials of a text below the title."""
        materials = self.language.materials
        for position, token in enumerate(text_span.tokens):
            if token.stem not in materials:
                continue
            attribute, material = self._word_value(text_span, position)
            if attribute == "material":
                written = text_span.written(token)
                collector.add("material", material, written, text_span.where)

    def _read_devices(
        self,
        title: TextSpan,
        fits_match: re.Match[str] | None,
        is_part: bool,
        collector: ValueCollector,
    ) -> list[TextSpan]:
        """Devices that the title names: the item itself, or what it is made for.

        Returns:
            What follows *for*, if there is a *for*.
        """
        own_end = fits_match.start() if fits_match else len(title.text)
        for mention in find_devices(visible(title.text)):
            begin = mention.start
            end = mention.end
            made_for = is_part and is_made_for(title.text, begin, end, self.language)
            is_of_itself = begin < own_end and not made_for

            # A family without a number (*iPad*) is no model.
            if is_of_itself and not mention.device.is_model:
                continue
            attribute = "model" if is_of_itself else "compatibility"
            mention_text = title.text[begin:end]
            quote = mention_text.strip(" ,/&|+")
            device_phrase = self._device_phrase(quote, mention.device)
            collector.add(attribute, device_phrase, quote, "title")

        if fits_match is None:
            return []

        # What follows *for* is indexed apart: the item is used with it.
        fits_begin = fits_match.end()
        fits_tokens = [token for token in title.tokens if token.start >= fits_begin]
        fits_text = title._replace(tokens=fits_tokens)
        for phrase in device_spans(fits_text, self._devices, set()):
            collector.add_phrase("compatibility", fits_text, phrase)
        return [fits_text._replace(where="fits")]

    def _device_phrase(self, quote: str, device: Device) -> str:
        """A device as it is quoted; by its name where the quote alone is no device."""
        if parse_device(quote):
            return " ".join(self._stems(quote))
        return device.name


def _last_two_steps(category: str) -> str:
    """The last two steps of a category's path."""
    steps = category.split(">")
    return " ".join(steps[-2:])


def _read_size_field(
    name: str,
    text: str,
    where: str,
    collector: ValueCollector,
) -> None:
    """Sizes, batteries and packs of a size field."""
    sized_text = as_size(name, text)
    for size in read_sizes(sized_text, where):
        quote = size.quote.removeprefix("size ")
        collector.add("size", size.value, quote, where)

    batteries = read_batteries(text, where)
    collector.extend("size", batteries)
    packs = read_packs(text, where)
    collector.extend("pack", packs)


def _read_pack_field(text: str, where: str, collector: ValueCollector) -> None:
    """The pieces of a pack field, which may be a number alone."""
    if text.isdecimal() and len(text) <= _PACK_DIGITS:
        pieces = str(int(text))
        collector.add("pack", pieces, text, where)
        return
    packs = read_packs(text, where)
    collector.extend("pack", packs)


def _word_indexes(
    spans: list[TextSpan],
    other_forms: Mapping[str, Mapping[str, str]],
) -> dict[str, WordIndex]:
    """The words of each place, with the other forms that are given for it."""
    texts_by_place: dict[str, list[TextSpan]] = {}
    for span in spans:
        texts_of_place = texts_by_place.setdefault(span.where, [])
        texts_of_place.append(span)

    indexes: dict[str, WordIndex] = {}
    for place, texts in texts_by_place.items():
        forms_of_place = other_forms.get(place, NO_WORDS)
        words_by_stem = written_words(texts, forms_of_place)
        if words_by_stem:
            indexes[place] = WordIndex.from_words(words_by_stem)
    return indexes


def _custom_values(fields: list[CustomField]) -> dict[str, tuple[Value, ...]]:
    """The shop's own fields to their values; a flag that is off denies its name."""
    collector = ValueCollector()
    for custom_field in fields:
        field_path = custom_field.field
        phrase = custom_field.phrase
        if custom_field.flag is False:
            phrase = f"no {phrase}"

        field_name = field_path.split(".")[0]
        where = f"attributes.{field_name}"
        collector.add(field_path, phrase, custom_field.quote, where)
    return collector.collected()
