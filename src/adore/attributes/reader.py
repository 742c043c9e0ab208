"""Reads key attributes out of queries and items, and quotes where each stood."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from adore.attributes.compare import GUIDE
from adore.attributes.compounds import join_tokens
from adore.attributes.devices import device_spans
from adore.attributes.lexicon import Lexicon
from adore.attributes.negation import find_absences
from adore.attributes.own import own_fields, with_unit
from adore.attributes.language_packs import load_language
from adore.attributes.rivals import PRICE, find_limits
from adore.attributes.said import (
    Found,
    Said,
    absent_in,
    add,
    by_first,
    extend,
    grams,
    index,
    inside,
    is_stuffed,
    quote,
    texts_of,
)
from adore.attributes.spelling import Spelling
from adore.attributes.text import Token, tokens, visible, words
from adore.attributes.units import UNITS, find_packs, find_sizes, read_packs, read_sizes, size_dimension
from adore.types import Item, Reading, Value

__all__ = ["Reader"]

_DIGIT = re.compile(r"\d")
_MODEL = re.compile(r"(?!\d+x\d+$)(?=.*\d)(?=.*[a-z])[a-z\d]{2,}")
_PRICE = re.compile(r"\d+(?:\.\d+)?")
_CODE = re.compile(r"(?<![\w-])[A-Z]{1,3}-?[A-Z]{0,2}\d{3,6}[A-Z]{0,3}(?![\w-])")
"""A maker's number: ``DW1361``."""
_SEPARATORS = re.compile(r"[,()\[\]{}/|;:–—]| - |【|】")


class Reader:
    """Reads with one catalogue's lexicon; stateless but for it, so safe to share."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon, self.language = lexicon, load_language(lexicon.language)
        self._spelling = Spelling(lexicon, self.language)
        self._kinds: dict[str, str] = {}
        self._idle = self.language.request | self.language.breaks
        self._types = set(lexicon.types)
        self._brands, self._devices, self._series = (
            by_first(p) for p in (lexicon.brands, lexicon.devices, lexicon.series)
        )
        self._own = by_first(lexicon.own)
        self._colours = {**{c: c for c in lexicon.colours}, **self.language.colours}

    def _words(self, text: str) -> list[str]:
        return words(text, self.language)

    def _said(self, where: str, text: str) -> Said:
        return Said(where, text, tokens(text, self.language))

    # ------------------------------------------------------------ queries

    def read_query(self, text: str) -> Reading:
        """What a query asks: every key attribute, with ``feature`` for the words left over."""
        used: set[int] = set()
        found: Found = {}
        language = self.language
        plain = tokens(text, language)
        toks = self._query_tokens(text, plain, found)
        for absence in find_absences(visible(text), plain, language):
            add(found, "exclusion", absence.value, text[absence.start : absence.end], "query")
            used.update(inside(toks, plain[absence.first].start, plain[absence.stop - 1].end))
        for m in language.easy.finditer(text):
            used.update(inside(toks, m.start(), m.end()))
        for limit, start, end in find_limits(text):
            add(found, "feature", f"{PRICE}{limit:g}", text[start:end], "query")
            used.update(inside(toks, start, end))
        self._query_sizes(text, toks, found, used)
        said = Said("query", text, toks)
        self._query_names(said, found, used)
        for i in range(len(toks)):
            if i not in used:
                self._query_word(said, i, found, used)
        knows = language.knowledge.match(text)
        if knows:
            add(found, "product_type", GUIDE, knows.group().strip(), "query")
            used.update(inside(toks, 0, knows.end()))
        else:
            self._query_type(text, toks, found, used)
        for i, token in enumerate(toks):
            if i not in used and token.stem not in self._idle and len(token.stem) > 1:
                add(found, "feature", token.stem, text[token.start : token.end], "query")
        self._query_parts(found)
        return _reading(found)

    def _query_tokens(self, text: str, plain: list[Token], found: Found) -> list[Token]:
        """The query's words as the catalogue writes them; who and what they are for or of is read out of compounds."""
        toks = join_tokens(text, plain, self._spelling.joined, never=self._idle)
        if not self.language.links:
            return toks
        opened = [self._spelling.opened(token, text) for token in toks]
        for one in opened:
            if one.name:
                add(found, one.name, one.value, text[one.token.start : one.token.end], "query")
        return [one.token for one in opened]

    def _query_parts(self, found: Found) -> None:
        """What the asked words are made of, for items that write the parts alone."""
        for name in ("product_type", "feature"):
            for asked in found.get(name, ()):
                parts = self.lexicon.parts.get(asked.value)
                if parts:
                    add(found, f"parts.{asked.value}", " ".join(parts), asked.quote, "query")

    def _query_sizes(self, text: str, toks: list[Token], found: Found, used: set[int]) -> None:
        taken = set(used)
        for name, values in (("pack", find_packs(text)), ("size", find_sizes(text))):
            for value, start, end in values:
                spans = inside(toks, start, end)
                if not taken & spans:
                    add(found, name, value, text[start:end], "query")
                    used |= spans
            taken = set(used)

    def _query_names(self, said: Said, found: Found, used: set[int]) -> None:
        toks = said.toks
        kinds = {t.stem for t in toks} & self.language.accessories
        for a, b in device_spans(said, self._devices, used):
            if kinds or (a and toks[a - 1].stem in self.language.before_device):
                quote(found, "compatibility", said, (a, b))
                used.update(range(a, b))
        for name, phrases in (("brand", self._brands), ("model", self._series)):
            for a, b in grams(toks, phrases, used):
                quote(found, name, said, (a, b))
                used.update(range(a, b))
        for a, b in grams(toks, self._own, used):
            phrase = " ".join(t.stem for t in toks[a:b])
            quote(found, "feature", said, (a, b))
            for field in self.lexicon.own[phrase]:
                add(found, f"own.{phrase}", field, "", "query")
            used.update(range(a, b))

    def _query_word(self, said: Said, i: int, found: Found, used: set[int]) -> None:
        _, text, toks = said
        token = toks[i]
        name, value = self._kind(text, toks, i)
        if not name and _MODEL.fullmatch(token.stem) and token.stem not in UNITS:
            name, value = "model", token.stem
        if name:
            add(found, name, value, text[token.start : token.end], "query")
            used.add(i)

    def _kind(self, text: str, toks: list[Token], i: int) -> tuple[str, str]:
        """Colour, audience or material of one word, or two empty texts."""
        language = self.language
        word, after = toks[i].stem, toks[i + 1].stem if i + 1 < len(toks) else ""
        if word in self._colours and (word, after) not in language.not_colour:
            known = language.inflected or self._as_listed(text, toks[i], language.colour_forms)
            if known and (word not in language.vague or self._is_colour(text, toks, i)):
                return "colour", self._colours[word]
        if word in language.audiences and (word, after) not in language.not_audience:
            return "audience", language.audiences[word]
        made = word in language.materials and after not in language.not_material
        if made and self._as_listed(text, toks[i], language.material_forms):
            return "material", language.materials[word]
        return "", ""

    @staticmethod
    def _as_listed(text: str, token: Token, forms: Set[str]) -> bool:
        """Whether a word has no ending: with one it is a product (*glasses*, *whites*)."""
        said = text[token.start : token.end].lower()
        return said == token.stem or said in forms

    def _is_colour(self, text: str, toks: list[Token], i: int) -> bool:
        """Whether a word that may be a taste or scent stands beside a colour word, or is set apart."""
        beside = [toks[j].stem for j in (i - 1, i + 1) if 0 <= j < len(toks)]
        language = self.language
        if any(w in language.colour_words or (w in self._colours and w not in language.vague) for w in beside):
            return True
        ends = [m.end() for m in _SEPARATORS.finditer(text, 0, toks[i].start)]
        after = _SEPARATORS.search(text, toks[i].end)
        segment = text[ends[-1] if ends else 0 : after.start() if after else len(text)]
        return bool(ends or after) and len(segment.split()) <= 2 and i > 0

    def _query_type(self, text: str, toks: list[Token], found: Found, used: set[int]) -> None:
        """The head noun: the last known product word before a preposition or full stop, else the last free word."""
        language = self.language
        span = self._first_phrase(text, toks, used)
        free = [i for i in span if i not in used and not toks[i].stem.isdigit()]
        nouns = [i for i in free if toks[i].stem in self._types or not self._is_adjective(text, toks[i])]
        free = nouns or free
        known = [i for i in free if toks[i].stem in self._types]
        things = [i for i in span if toks[i].stem in language.materials and toks[i].stem not in language.no_thing]
        if free or things:
            head = self._head(toks, free, known) if free else things[0 if language.head_first else -1]
            token = toks[head]
            add(found, "product_type", self._spelling.spelt(token.stem), text[token.start : token.end], "query")
            used.add(head)

    def _head(self, toks: list[Token], free: list[int], known: list[int]) -> int:
        """The last free word, unless a known product word stands before it and it is apart or unheard of.

        Where what a product is comes first: the first known product word, else the first free word.
        """
        if self.language.head_first:
            return known[0] if known else free[0]
        last = toks[free[-1]].stem
        heard = toks[free[-1]].end - toks[free[-1]].start > len(last)  # a plural is a noun
        heard |= self._spelling.spelt(last) in self.lexicon.frequency or last in self._types
        return free[-1] if not known or (known[-1] >= free[-1] - 1 and heard) else known[-1]

    def _first_phrase(self, text: str, toks: list[Token], used: set[int]) -> list[int]:
        """The places of the first noun phrase: from the first wish to a preposition, comma or full stop."""
        language = self.language
        span: list[int] = []
        for i, token in enumerate(toks):
            begun = any(j not in used or toks[j].stem in language.materials for j in span)
            gap = text[toks[i - 1].end : token.start] if i else ""
            joins = token.stem in language.joins and {i - 1, i + 1} <= used  # black and white
            joins |= token.stem in language.on and i > 0 and toks[i - 1].stem in language.particles
            if begun and not joins and (token.stem in language.breaks or any(c in gap for c in ".,;:|?!")):
                break
            of = i + 1 < len(toks) and toks[i + 1].stem in language.of and token.stem in language.holders
            if not of and (token.stem in ("top", "set") or token.stem not in self._idle):
                span.append(i)
        return span

    def _is_adjective(self, text: str, token: Token) -> bool:
        """Whether a word hardly is a product; told by its stem, or as it is written where words have endings."""
        said = text[token.start : token.end].lower() if self.language.inflected else ""
        pattern = self.language.adjective
        return bool(pattern.fullmatch(token.stem) or (said and pattern.fullmatch(said)))

    def _audiences(self, text: str, where: str) -> Iterator[Value]:
        table = self.language.audiences
        toks = tokens(text, self.language)
        return (Value(table[t.stem], text[t.start : t.end], where) for t in toks if t.stem in table)

    # ------------------------------------------------------------ items

    def read_item(self, item: Item) -> Reading:
        """What an item says of itself, and the words that it uses (``words.*``, ``stem=Word`` pairs)."""
        found: Found = {}
        texts, doubted = texts_of(item, self.language)
        title, *body = texts
        self._item_brand(item, title, found)
        self._item_fields(item, found)
        for key, raw in item.attributes.items():
            if key.lower().startswith("price") and _PRICE.fullmatch(str(raw)):
                add(found, "words.price", str(raw), str(raw), f"attributes.{key}")
        extend(found, "audience", self._audiences(item.category, "category"))
        for where, text, _ in texts:
            if where == "title" or _DIGIT.search(text):
                extend(found, "size", read_sizes(text, where))
                extend(found, "pack", read_packs(text, where))
        self._item_own(item, found)
        self._item_words(title, found)
        self._item_fits(title, found)
        if "material" not in found:
            for said in body:
                self._item_materials(said, found)
        self._item_index(item, texts, doubted, found)
        return _reading(found)

    def _item_index(self, item: Item, texts: list[Said], doubted: Said, found: Found) -> None:
        """Words by place, what is denied, what others of the category are called, whether the title is stuffed."""
        category = " ".join(item.category.split(">")[-2:])
        places = [*texts, doubted, self._said("category", category)]
        more = {place.where: self._spelling.other_forms(place) for place in (places[0], places[-1])}
        for where in dict.fromkeys(t.where for t in places):
            said = index(*(t for t in places if t.where == where), more=more.get(where))
            add(found, f"words.{where}", said, "", where)
        absent = absent_in(texts, doubted, self.language)
        add(found, "words.absent", " ".join(sorted(absent)), "", "title")
        usual = self.lexicon.usual_in(item.category)
        kinds = dict.fromkeys(t.stem for t in texts[0].toks if usual is None or t.stem in usual)
        kinds |= dict.fromkeys(more["title"] if usual is None else self._spelling.usual_forms(more["title"], usual))
        guides = [t.stem for place in (places[-1], places[0]) for t in place.toks if t.stem in self.language.guides]
        add(found, "words.guides", " ".join(guides), "", "title")
        add(found, "words.kind", " ".join(kinds), "", "title")
        add(found, "words.common", " ".join(self.lexicon.common.get(item.category, ())), "", "category")
        if is_stuffed(texts[0], self.language):
            add(found, "words.stuffed", "stuffed", "", "title")

    def _item_own(self, item: Item, found: Found) -> None:
        """Values of the shop's own fields, and sizes whose unit stands in the field's name if no text gives one."""
        said = {size_dimension(v.value) for v in found.get("size", ())}
        for key, raw in item.attributes.items():
            for size in read_sizes(with_unit(key, raw), f"attributes.{key}"):
                if size_dimension(size.value) not in said:
                    add(found, "size", size.value, str(raw), size.where)
        fields = list(own_fields(item, self.language))
        for own in fields:
            value = f"no {own.phrase}" if own.flag is False else own.phrase
            add(found, f"own.{own.field}", value, own.quote, f"attributes.{own.field.split('.')[0]}")
        told = [self._said("attributes", own.quote) for own in fields if own.flag is None]
        head = 0 if self.language.head_first else -1
        add(found, "words.attributes", index(*told), "", "attributes")
        add(found, "words.heads", " ".join(t.toks[head].stem for t in told if t.toks), "", "attributes")

    def _item_brand(self, item: Item, title: Said, found: Found) -> None:
        if item.brand:
            add(found, "brand", " ".join(self._words(item.brand)[:5]), item.brand, "brand")
            return
        fits = self.language.fits.search(title.text)
        own = [t for t in title.toks if not fits or t.end <= fits.start()]
        for span in grams(own, self._brands, set()):
            quote(found, "brand", title, span)
            return

    def _item_fields(self, item: Item, found: Found) -> None:
        for key, raw in item.attributes.items():
            text = str(raw)
            where = f"attributes.{key}"
            kind = self._field_kind(key)
            if kind == "colour":
                for token in tokens(text, self.language):
                    if token.stem in self._colours:
                        add(found, "colour", self._colours[token.stem], text[token.start : token.end], where)
            elif kind == "material":
                for token in tokens(text, self.language):
                    value = self.language.materials.get(token.stem, token.stem)
                    add(found, "material", value, text[token.start : token.end], where)
            elif kind == "compatibility":
                for one in raw if isinstance(raw, list) else [raw]:
                    add(found, "compatibility", " ".join(self._words(str(one))[:5]), str(one), where)
            elif kind == "model":
                add(found, "model", " ".join(self._words(text)[:5]), text, where)
            elif kind == "size":
                extend(found, "size", read_sizes(text, where))
            elif kind == "pack" and text.isdecimal() and len(text) <= 6:
                add(found, "pack", str(int(text)), text, where)
            elif kind == "audience":
                extend(found, "audience", self._audiences(text, where))

    def _field_kind(self, key: str) -> str:
        """Which kind of field a name is of, or nothing; remembered, for a catalogue has few names."""
        if key not in self._kinds:
            low = key.lower()
            kinds = (kind for kind, parts in self.language.fields.items() if any(part in low for part in parts))
            self._kinds[key] = next(kinds, "")
        return self._kinds[key]

    def _item_words(self, title: Said, found: Found) -> None:
        where, text, toks = title
        named = {i for a, b in grams(toks[:8], self._brands, set()) for i in range(a, b)}
        for i, token in enumerate(toks):
            if i not in named:
                name, value = self._kind(text, toks, i)
                if not name and self.language.links:
                    _, name, value = self._spelling.opened(token, text)
                if name:
                    add(found, name, value, text[token.start : token.end], where)
        for span in grams(toks, self._series, set()):
            quote(found, "model", title, span)
        fits = self.language.fits.search(text)
        for m in _CODE.finditer(visible(text)[: fits.start() if fits else len(text)]):
            add(found, "model", " ".join(self._words(m.group())), m.group(), where)

    def _item_materials(self, said: Said, found: Found) -> None:
        for i, token in enumerate(said.toks):
            if token.stem in self.language.materials:
                name, value = self._kind(said.text, said.toks, i)
                if name == "material":
                    add(found, "material", value, said.text[token.start : token.end], said.where)

    def _item_fits(self, title: Said, found: Found) -> None:
        m = self.language.fits.search(title.text)
        if m:
            tail = title._replace(toks=[t for t in title.toks if t.start >= m.end()])
            add(found, "words.fits", index(tail), "", "title")
            for span in device_spans(tail, self._devices, set()):
                quote(found, "compatibility", tail, span)
        kinds = {t.stem for t in title.toks} & self.language.accessories
        add(found, "words.accessory", " ".join(sorted(kinds)), "", "title")


def _reading(found: Found) -> Reading:
    return Reading({name: tuple(values) for name, values in found.items() if values})
