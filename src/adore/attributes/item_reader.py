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
from adore.types import Item, ItemTerms, Reading, Value, WordIndex

__all__ = ["ItemReader"]

_DIGIT = re.compile(r"\d")
_CODE = re.compile(r"(?<![\w-])[A-Z]{1,3}-?[A-Z]{0,2}\d{3,6}[A-Z]{0,3}(?![\w-])")
"""A maker's number: ``DW1361``."""
_LONGEST_NAME = 5
"""Words of a brand, a model or a device in a field."""
_NO_WORDS: Mapping[str, str] = {}


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
        collector = ValueCollector()
        self._read_brand(item, title, collector)
        self._read_fields(item, collector)
        collector.extend("audience", self._audiences(item.category, "category"))

        for span in texts:
            if span.where == "title" or _DIGIT.search(span.text):
                collector.extend("size", read_sizes(span.text, span.where))
                collector.extend("pack", read_packs(span.text, span.where))
        collector.extend("size", read_batteries(title.text, "title"))

        self._read_sizes_of_fields(item, collector)
        custom_fields = list(read_custom_fields(item, self.language))
        self._read_title_words(title, collector)
        fits_match = self._read_devices(title, collector)
        if "material" not in collector.values:
            for span in body:
                self._read_materials(span, collector)

        category = self._text_span("category", _last_two_steps(item.category))
        custom_texts = [
            self._text_span("attributes", field.quote)
            for field in custom_fields
            if field.flag is None
        ]
        other_forms = {
            "title": self._spelling.other_forms(title),
            "category": self._spelling.other_forms(category),
        }
        indexed = [*texts, untrusted, category, *custom_texts, *fits_match]
        return Reading(
            values=collector.collected(),
            words=_word_indexes(indexed, other_forms),
            terms=ItemTerms(
                names=self._title_names(item.category, title, other_forms["title"]),
                category_names=self.lexicon.common.get(item.category, ()),
                field_heads=self._field_heads(custom_texts),
                accessories=self._accessories(title),
                guides=self._guides(category, title),
                absent=tuple(sorted(absent_stems(texts, untrusted, self.language))),
            ),
            custom_fields=_custom_values(custom_fields),
            price=item_price(item),
            codes=tuple(item_codes(item)),
            stuffed=is_stuffed_title(title, self.language),
        )

    # -------------------------------------------------------------- words

    def _title_names(
        self, category: str, title: TextSpan, other_forms: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Stems of the title that titles of its category use; all where that is not known."""
        usual = self.lexicon.usual_in(category)
        stems = [token.stem for token in title.tokens]
        if usual is None:
            stems.extend(other_forms)
            return tuple(dict.fromkeys(stems))

        names = [stem for stem in stems if stem in usual]
        names.extend(self._spelling.usual_forms(other_forms, usual))
        return tuple(dict.fromkeys(names))

    def _guides(self, category: TextSpan, title: TextSpan) -> tuple[str, ...]:
        """Words for what answers a question, those of the category first."""
        stems = [token.stem for token in (*category.tokens, *title.tokens)]
        return tuple(stem for stem in stems if stem in self.language.guides)

    def _accessories(self, title: TextSpan) -> tuple[str, ...]:
        stems = {token.stem for token in title.tokens}
        return tuple(sorted(stems & self.language.accessories))

    def _field_heads(self, texts: list[TextSpan]) -> tuple[str, ...]:
        """The head word of every value of the shop's own fields."""
        head = 0 if self.language.head_first else -1
        return tuple(span.tokens[head].stem for span in texts if span.tokens)

    # -------------------------------------------------------------- fields

    def _read_brand(
        self, item: Item, title: TextSpan, collector: ValueCollector
    ) -> None:
        """The brand's field, or else the first brand that the title names as its own."""
        if item.brand:
            collector.add("brand", self._name(item.brand), item.brand, "brand")
            return

        own_tokens = title.tokens
        fits_match = self.language.fits.search(title.text)
        if fits_match:
            own_tokens = [
                token for token in own_tokens if token.end <= fits_match.start()
            ]
        for phrase in find_phrases(own_tokens, self._brands, set()):
            collector.add_phrase("brand", title, phrase)
            return

    def _name(self, text: str) -> str:
        """A name of a field as a phrase."""
        return " ".join(self._stems(text)[:_LONGEST_NAME])

    def _read_fields(self, item: Item, collector: ValueCollector) -> None:
        """Every field of the item, and the options that its texts list."""
        for field_name, raw in item.attributes.items():
            where = f"attributes.{field_name}"
            self._read_field(field_name, raw, where, collector)
            if isinstance(raw, str):
                for option in option_pairs(raw):
                    self._read_field(option.name, option.value, where, collector)

    def _read_field(
        self, name: str, raw: Any, where: str, collector: ValueCollector
    ) -> None:
        """One field that the language knows by its name."""
        kind = self._field_kind(name)
        text = str(raw)
        if kind == "colour":
            self._read_colours(self._text_span(where, text), collector)
        elif kind == "material":
            materials = self.language.materials
            span = self._text_span(where, text)
            for token in span.tokens:
                material = materials.get(token.stem, token.stem)
                collector.add("material", material, span.written(token), where)
        elif kind == "compatibility":
            devices = raw if isinstance(raw, list) else [raw]
            for device in devices:
                written = str(device)
                collector.add("compatibility", self._name(written), written, where)
        elif kind == "model":
            collector.add("model", self._name(text), text, where)
        elif kind == "size":
            for size in read_sizes(as_size(name, text), where):
                quote = size.quote.removeprefix("size ")
                collector.add("size", size.value, quote, where)
            collector.extend("size", read_batteries(text, where))
            collector.extend("pack", read_packs(text, where))
        elif kind == "pack" and text.isdecimal() and len(text) <= 6:
            collector.add("pack", str(int(text)), text, where)
        elif kind == "pack":
            collector.extend("pack", read_packs(text, where))
        elif kind == "audience":
            collector.extend("audience", self._audiences(text, where))

    def _read_colours(self, span: TextSpan, collector: ValueCollector) -> None:
        """Every colour of a colour field; there even a vague word is one."""
        for token in span.tokens:
            colour = self._colours.get(token.stem)
            if colour is not None:
                collector.add("colour", colour, span.written(token), span.where)

    def _field_kind(self, name: str) -> str:
        """The kind of a field by its name, or nothing; a catalogue has few names."""
        kind = self._field_kinds.get(name)
        if kind is None:
            kind = self._find_field_kind(name.lower())
            self._field_kinds[name] = kind
        return kind

    def _find_field_kind(self, name: str) -> str:
        for kind, parts in self.language.fields.items():
            if any(part in name for part in parts):
                return kind
        return foreign_field(name)

    def _read_sizes_of_fields(self, item: Item, collector: ValueCollector) -> None:
        """Sizes whose unit stands in the field's name, of dimensions that no text gives."""
        sizes = collector.values.get("size", ())
        known = {size_dimension(size.value) for size in sizes}
        for field_name, raw in item.attributes.items():
            where = f"attributes.{field_name}"
            amount = with_unit(field_name, raw)
            for size in read_sizes(amount, where):
                dimension = size_dimension(size.value)
                if dimension not in known:
                    collector.add("size", size.value, str(raw), where)

    # -------------------------------------------------------------- title

    def _read_title_words(self, title: TextSpan, collector: ValueCollector) -> None:
        """Colours, audiences, materials, series and makers' numbers."""
        # A brand's words say nothing of the thing (*Black & Decker*).
        in_brand = set[int]()
        for phrase in find_phrases(title.tokens[:8], self._brands, set()):
            in_brand.update(phrase.positions)

        for position, token in enumerate(title.tokens):
            if position in in_brand:
                continue
            attribute, value = self._word_value(title, position)
            if not attribute and self.language.links:
                compound = self._spelling.split_compound(token, title.text)
                attribute, value = compound.name, compound.value
            if attribute:
                collector.add(attribute, value, title.written(token), title.where)

        for phrase in find_phrases(title.tokens, self._series, set()):
            collector.add_phrase("model", title, phrase)

        # A number after *for* is that of the thing which the item is used with.
        own_text = visible(title.text)
        fits_match = self.language.fits.search(title.text)
        if fits_match:
            own_text = own_text[: fits_match.start()]
        for match in _CODE.finditer(own_text):
            value = " ".join(self._stems(match.group()))
            collector.add("model", value, match.group(), title.where)

    def _read_materials(self, span: TextSpan, collector: ValueCollector) -> None:
        """Materials of a text below the title."""
        for position, token in enumerate(span.tokens):
            if token.stem not in self.language.materials:
                continue
            attribute, value = self._word_value(span, position)
            if attribute == "material":
                collector.add(attribute, value, span.written(token), span.where)

    def _read_devices(
        self, title: TextSpan, collector: ValueCollector
    ) -> list[TextSpan]:
        """Devices that the title names: the item itself, or what it is made for.

        Returns:
            What follows *for*, if there is a *for*.
        """
        fits_match = self.language.fits.search(title.text)
        own_end = fits_match.start() if fits_match else len(title.text)
        is_part = bool(self._accessories(title))
        for mention in find_devices(visible(title.text)):
            made_for = is_part and is_made_for(
                title.text, mention.start, mention.end, self.language
            )
            of_itself = mention.start < own_end and not made_for
            if of_itself and not mention.device.is_model:
                continue

            attribute = "model" if of_itself else "compatibility"
            quote = title.text[mention.start : mention.end].strip(" ,/&|+")
            value = self._device_phrase(quote, mention.device)
            collector.add(attribute, value, quote, "title")

        if fits_match is None:
            return []
        after = [token for token in title.tokens if token.start >= fits_match.end()]
        tail = title._replace(tokens=after)
        for phrase in device_spans(tail, self._devices, set()):
            collector.add_phrase("compatibility", tail, phrase)
        return [tail._replace(where="fits")]

    def _device_phrase(self, quote: str, device: Device) -> str:
        """A device as it is quoted; by its name where the quote alone is no device."""
        if parse_device(quote):
            return " ".join(self._stems(quote))
        return device.name


def _last_two_steps(category: str) -> str:
    """The last two steps of a category's path."""
    return " ".join(category.split(">")[-2:])


def _word_indexes(
    spans: list[TextSpan], other_forms: Mapping[str, Mapping[str, str]]
) -> dict[str, WordIndex]:
    """The words of each place, with the other forms that are given for it."""
    by_place: dict[str, list[TextSpan]] = {}
    for span in spans:
        by_place.setdefault(span.where, []).append(span)

    indexes: dict[str, WordIndex] = {}
    for place, texts in by_place.items():
        word_of = written_words(texts, other_forms.get(place, _NO_WORDS))
        if word_of:
            indexes[place] = WordIndex.from_words(word_of)
    return indexes


def _custom_values(fields: list[CustomField]) -> dict[str, tuple[Value, ...]]:
    """The shop's own fields to their values; a flag that is off denies its name."""
    collector = ValueCollector()
    for field in fields:
        value = f"no {field.phrase}" if field.flag is False else field.phrase
        field_name = field.field.split(".")[0]
        collector.add(field.field, value, field.quote, f"attributes.{field_name}")
    return collector.collected()
