"""Reads key attributes out of items, and quotes where each stood."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import Any

from adore.attributes.codes import CodeSet, item_codes
from adore.attributes.custom_fields import read_custom_fields, with_unit
from adore.attributes.devices import (
    device_spans,
    find_devices,
    is_made_for,
    parse_device,
)
from adore.attributes.language_packs import foreign_field, load_language
from adore.attributes.lexicon import Lexicon
from adore.attributes.named_sizes import SIZE_WORDS
from adore.attributes.options import by_size, option_pairs, read_batteries
from adore.attributes.packs import read_packs
from adore.attributes.prices import item_price
from adore.attributes.spans import (
    Found,
    TextSpan,
    absent_stems,
    add,
    by_first,
    extend,
    grams,
    index,
    is_stuffed,
    item_texts,
    quote,
)
from adore.attributes.spelling import Spelling
from adore.attributes.units import read_sizes, size_dimension
from adore.text import Token, tokenize, visible, word_stems
from adore.types import Item, Reading, Value

__all__ = ["ItemReader", "reading_of"]

_DIGIT = re.compile(r"\d")
_MODEL = re.compile(r"(?!\d+x\d+$)(?=.*\d)(?=.*[a-z])[a-z\d]{2,}")
_CODE = re.compile(r"(?<![\w-])[A-Z]{1,3}-?[A-Z]{0,2}\d{3,6}[A-Z]{0,3}(?![\w-])")
"""A maker's number: ``DW1361``."""
_SEPARATORS = re.compile(r"[,()\[\]{}/|;:–—]| - |【|】")


class ItemReader:
    """Reads items with one catalogue's lexicon; stateless but for it, so safe to share."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.language = load_language(lexicon.language)
        self._spelling = Spelling(lexicon, self.language)
        self._codes = CodeSet(lexicon.codes)

        self._kinds: dict[str, str] = {}
        self._breaks = self.language.breaks.union(SIZE_WORDS)
        self._idle = self.language.request | self._breaks

        self._types = set(lexicon.types)
        self._brands = by_first(lexicon.brands)
        self._devices = by_first(lexicon.devices)
        self._series = by_first(lexicon.series)
        self._own = by_first(lexicon.own)

        # The catalogue's own colours stand for themselves, the language's for their family.
        own_colours = {colour: colour for colour in lexicon.colours}
        self._colours = {**own_colours, **self.language.colours}

    def _words(self, text: str) -> list[str]:
        return word_stems(text, self.language)

    def _said(self, where: str, text: str) -> TextSpan:
        return TextSpan(where, text, tokenize(text, self.language))

    def _kind(self, text: str, toks: list[Token], i: int) -> tuple[str, str]:
        """Colour, audience or material of one word, or two empty texts."""
        language = self.language
        token = toks[i]
        word = token.stem
        after = toks[i + 1].stem if i + 1 < len(toks) else ""

        if word in self._colours and (word, after) not in language.not_colour:
            known = language.inflected or self._as_listed(
                text, token, language.colour_forms
            )
            if known and (word not in language.vague or self._is_colour(text, toks, i)):
                return "colour", self._colours[word]

        if word in language.audiences and (word, after) not in language.not_audience:
            return "audience", language.audiences[word]

        if word in language.materials and after not in language.not_material:
            forms = language.material_forms
            if self._as_listed(text, token, forms):
                return "material", language.materials[word]
        return "", ""

    @staticmethod
    def _as_listed(text: str, token: Token, forms: Set[str]) -> bool:
        """Whether a word has no ending: with one it is a product (*glasses*, *whites*)."""
        said = text[token.start : token.end].lower()
        return said == token.stem or said in forms

    def _is_colour(self, text: str, toks: list[Token], i: int) -> bool:
        """Whether a word is a colour that may be a taste or scent.

        It is if it stands beside a colour word, or is set apart.
        """
        language = self.language
        for place in (i - 1, i + 1):
            if not 0 <= place < len(toks):
                continue
            word = toks[place].stem
            if word in language.colour_words:
                return True
            if word in self._colours and word not in language.vague:
                return True

        ends = [match.end() for match in _SEPARATORS.finditer(text, 0, toks[i].start)]
        after = _SEPARATORS.search(text, toks[i].end)
        if not ends and not after:
            return False

        begin = ends[-1] if ends else 0
        end = after.start() if after else len(text)
        segment = text[begin:end]
        return i > 0 and len(segment.split()) <= 2

    def _audiences(self, text: str, where: str) -> Iterator[Value]:
        table = self.language.audiences
        toks = tokenize(text, self.language)
        return (
            Value(table[t.stem], text[t.start : t.end], where)
            for t in toks
            if t.stem in table
        )

    def read_item(self, item: Item) -> Reading:
        """What an item says of itself.

        With the words that it uses (``words.*``, ``stem=Word`` pairs).
        """
        found: Found = {}
        texts, untrusted = item_texts(item, self.language)
        title, *body = texts
        self._item_brand(item, title, found)
        self._item_fields(item, found)
        price = item_price(item)
        if price:
            extend(found, "words.price", [price])
        extend(found, "words.codes", item_codes(item))
        extend(found, "audience", self._audiences(item.category, "category"))
        for where, text, _ in texts:
            if where == "title" or _DIGIT.search(text):
                extend(found, "size", read_sizes(text, where))
                extend(found, "pack", read_packs(text, where))
        extend(found, "size", read_batteries(title.text, "title"))
        self._item_own(item, found)
        self._item_words(title, found)
        self._item_fits(title, found)
        if "material" not in found:
            for said in body:
                self._item_materials(said, found)
        self._item_index(item, texts, untrusted, found)
        return reading_of(found)

    def _item_index(
        self, item: Item, texts: list[TextSpan], untrusted: TextSpan, found: Found
    ) -> None:
        """Words by place, what is denied, what others of the category are called.

        And whether the title is stuffed.
        """
        category = " ".join(item.category.split(">")[-2:])
        places = [*texts, untrusted, self._said("category", category)]
        more = {
            place.where: self._spelling.other_forms(place)
            for place in (places[0], places[-1])
        }
        for where in dict.fromkeys(t.where for t in places):
            said = index(*(t for t in places if t.where == where), more=more.get(where))
            add(found, f"words.{where}", said, "", where)
        absent = absent_stems(texts, untrusted, self.language)
        add(found, "words.absent", " ".join(sorted(absent)), "", "title")
        usual = self.lexicon.usual_in(item.category)
        kinds = dict.fromkeys(
            t.stem for t in texts[0].toks if usual is None or t.stem in usual
        )
        kinds |= dict.fromkeys(
            more["title"]
            if usual is None
            else self._spelling.usual_forms(more["title"], usual)
        )
        guides = [
            t.stem
            for place in (places[-1], places[0])
            for t in place.toks
            if t.stem in self.language.guides
        ]
        add(found, "words.guides", " ".join(guides), "", "title")
        add(found, "words.kind", " ".join(kinds), "", "title")
        add(
            found,
            "words.common",
            " ".join(self.lexicon.common.get(item.category, ())),
            "",
            "category",
        )
        if is_stuffed(texts[0], self.language):
            add(found, "words.stuffed", "stuffed", "", "title")

    def _item_own(self, item: Item, found: Found) -> None:
        """Values of the shop's own fields.

        And sizes whose unit stands in the field's name, if no text gives one.
        """
        said = {size_dimension(v.value) for v in found.get("size", ())}
        for key, raw in item.attributes.items():
            for size in read_sizes(with_unit(key, raw), f"attributes.{key}"):
                if size_dimension(size.value) not in said:
                    add(found, "size", size.value, str(raw), size.where)
        fields = list(read_custom_fields(item, self.language))
        for own in fields:
            value = f"no {own.phrase}" if own.flag is False else own.phrase
            add(
                found,
                f"own.{own.field}",
                value,
                own.quote,
                f"attributes.{own.field.split('.')[0]}",
            )
        told = [
            self._said("attributes", own.quote) for own in fields if own.flag is None
        ]
        head = 0 if self.language.head_first else -1
        add(found, "words.attributes", index(*told), "", "attributes")
        add(
            found,
            "words.heads",
            " ".join(t.toks[head].stem for t in told if t.toks),
            "",
            "attributes",
        )

    def _item_brand(self, item: Item, title: TextSpan, found: Found) -> None:
        if item.brand:
            add(
                found,
                "brand",
                " ".join(self._words(item.brand)[:5]),
                item.brand,
                "brand",
            )
            return
        fits = self.language.fits.search(title.text)
        own = [t for t in title.toks if not fits or t.end <= fits.start()]
        for span in grams(own, self._brands, set()):
            quote(found, "brand", title, span)
            return

    def _item_fields(self, item: Item, found: Found) -> None:
        for key, raw in item.attributes.items():
            where = f"attributes.{key}"
            self._item_field(key, raw, where, found)
            if isinstance(raw, str):
                for name, value in option_pairs(raw):
                    self._item_field(name, value, where, found)

    def _item_field(self, name: str, raw: Any, where: str, found: Found) -> None:
        kind, text = self._field_kind(name), str(raw)
        if kind == "colour":
            for token in tokenize(text, self.language):
                if token.stem in self._colours:
                    add(
                        found,
                        "colour",
                        self._colours[token.stem],
                        text[token.start : token.end],
                        where,
                    )
        elif kind == "material":
            for token in tokenize(text, self.language):
                value = self.language.materials.get(token.stem, token.stem)
                add(found, "material", value, text[token.start : token.end], where)
        elif kind == "compatibility":
            for one in raw if isinstance(raw, list) else [raw]:
                add(
                    found,
                    "compatibility",
                    " ".join(self._words(str(one))[:5]),
                    str(one),
                    where,
                )
        elif kind == "model":
            add(found, "model", " ".join(self._words(text)[:5]), text, where)
        elif kind == "size":
            sizes = read_sizes(by_size(name, text), where)
            extend(
                found,
                "size",
                (Value(v.value, v.quote.removeprefix("size "), where) for v in sizes),
            )
            extend(found, "size", read_batteries(text, where))
            extend(found, "pack", read_packs(text, where))
        elif kind == "pack" and text.isdecimal() and len(text) <= 6:
            add(found, "pack", str(int(text)), text, where)
        elif kind == "pack":
            extend(found, "pack", read_packs(text, where))
        elif kind == "audience":
            extend(found, "audience", self._audiences(text, where))

    def _field_kind(self, key: str) -> str:
        """Which kind of field a name is of, or nothing.

        It is remembered, for a catalogue has few names.
        """
        if key not in self._kinds:
            low = key.lower()
            kinds = (
                kind
                for kind, parts in self.language.fields.items()
                if any(part in low for part in parts)
            )
            self._kinds[key] = next(kinds, "") or foreign_field(low)
        return self._kinds[key]

    def _item_words(self, title: TextSpan, found: Found) -> None:
        where, text, toks = title
        # A brand's words say nothing of the thing (*Black & Decker*).
        named = set[int]()
        for first, stop in grams(toks[:8], self._brands, set()):
            named.update(range(first, stop))

        for i, token in enumerate(toks):
            if i in named:
                continue
            name, value = self._kind(text, toks, i)
            if not name and self.language.links:
                _, name, value = self._spelling.opened(token, text)
            if name:
                add(found, name, value, text[token.start : token.end], where)

        for span in grams(toks, self._series, set()):
            quote(found, "model", title, span)

        # A number after *for* is that of the thing which the item is used with.
        fits = self.language.fits.search(text)
        own_end = fits.start() if fits else len(text)
        for match in _CODE.finditer(visible(text)[:own_end]):
            value = " ".join(self._words(match.group()))
            add(found, "model", value, match.group(), where)

    def _item_materials(self, said: TextSpan, found: Found) -> None:
        for i, token in enumerate(said.toks):
            if token.stem in self.language.materials:
                name, value = self._kind(said.text, said.toks, i)
                if name == "material":
                    add(
                        found,
                        "material",
                        value,
                        said.text[token.start : token.end],
                        said.where,
                    )

    def _item_fits(self, title: TextSpan, found: Found) -> None:
        m = self.language.fits.search(title.text)
        kinds = {t.stem for t in title.toks} & self.language.accessories
        own_end = m.start() if m else len(title.text)
        for device, start, end in find_devices(visible(title.text)):
            said = title.text[start:end].strip(" ,/&|+")
            of_itself = start < own_end and not (
                kinds and is_made_for(title.text, start, end, self.language)
            )
            value = " ".join(self._words(said)) if parse_device(said) else device.name
            if device.is_model or not of_itself:
                add(
                    found,
                    "model" if of_itself else "compatibility",
                    value,
                    said,
                    "title",
                )
        if m:
            tail = title._replace(toks=[t for t in title.toks if t.start >= m.end()])
            add(found, "words.fits", index(tail), "", "title")
            for span in device_spans(tail, self._devices, set()):
                quote(found, "compatibility", tail, span)
        add(found, "words.accessory", " ".join(sorted(kinds)), "", "title")


def reading_of(found: Found) -> Reading:
    """What was found, as a reading; attributes without a value are left out."""
    return Reading({name: tuple(values) for name, values in found.items() if values})
