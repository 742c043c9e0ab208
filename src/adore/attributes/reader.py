"""Reads key attributes out of queries and items, and quotes where each stood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from adore.attributes.codes import ARTICLE, CodeSet, asked_article, find_codes, item_codes
from adore.attributes.compare import GUIDE
from adore.attributes.devices import device_spans, find_devices, is_head, is_made_for, parse_device
from adore.attributes.lexicon import AUDIENCES, COLOURS, FITS, MATERIALS, VAGUE, Lexicon
from adore.attributes.named_sizes import SIZE_WORDS
from adore.attributes.negation import NEGATIONS, find_absences
from adore.attributes.options import by_size, field_kind, find_batteries, option_names, option_pairs, read_batteries
from adore.attributes.own import own_fields, with_unit
from adore.attributes.packs import find_packs, read_packs
from adore.attributes.prices import find_limits, item_price
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
from adore.attributes.text import STOP, Token, tokens, visible, words
from adore.attributes.units import UNITS, find_sizes, read_sizes, size_dimension
from adore.types import Item, Reading, Value

__all__ = ["NEGATIONS", "Reader"]

_BREAKS = frozenset((*NEGATIONS, *SIZE_WORDS)) | frozenset(
    "for with in and or of from to on w that which should is has have please pick choose because so under less but "
    "made by who size".split()
)
_REQUEST = STOP | frozenset(
    "am im id would like prefer preferably help finding purchase get some any also can could will add list shop "
    "shopping interested show give us we they them one quality high great nice perfect give wanted something".split()
)
"""Words of a request that wish for nothing."""
_EASY = re.compile(r"\b(?:(?:easy|ready|safe|quick|simple|hard) to|low|zero|reduced) \w+", re.IGNORECASE)
_ON = frozenset("slip clip pull stick press snap screw iron roll bolt hook".split())
_ADJECTIVE = re.compile(r"\w{3,}(?:ular|ful|less|ed|ive|ous|able|ible|ern|est)")
_HOLDERS = frozenset("pack packs box set pair bag jar bottle case lot bunch piece kind type".split())
"""``a box of X`` asks for X."""
_ACCESSORY = frozenset(
    "accessory replacement part case cover protector charger cable adapter holder mount strap refill".split()
)
_NOT_COLOUR = {
    ("olive", "oil"), ("blue", "light"), ("green", "tea"), ("white", "noise"), ("black", "friday"), ("brown", "rice"),
    ("brown", "sugar"), ("red", "wine"), ("white", "wine"), ("orange", "juice"), ("gold", "standard"),
    ("black", "pepper"), ("clear", "skin"), ("clear", "view"),
}  # fmt: skip
_NOT_AUDIENCE = {
    ("baby", "shower"), ("man", "cave"), ("cat", "eye"), ("cat", "ear"), ("male", "to"), ("female", "to"),
    ("man", "made"), ("female", "connector"), ("male", "connector"), ("female", "adapter"), ("male", "adapter"),
}  # fmt: skip
_NOT_MATERIAL = frozenset(
    "cutting planer planner cleaner polish stain glue filler working burning carving conditioner detector bit".split()
)
"""``wood glue`` is made of something else."""
_FOR = frozenset(("for", "fit", "fits", "with", "für", "pour", "para"))
_DIGIT = re.compile(r"\d")
_MODEL = re.compile(r"(?!\d+x\d+$)(?=.*\d)(?=.*[a-z])[a-z\d]{2,}")
_CODE = re.compile(r"(?<![\w-])[A-Z]{1,3}-?[A-Z]{0,2}\d{3,6}[A-Z]{0,3}(?![\w-])")
"""A maker's number: ``DW1361``."""
_KNOWLEDGE = re.compile(
    r"\s*(?:how (?:to|do|can|does)|what (?:is|are)|why (?:is|are|do)|difference between|instructions for)\b",
    re.IGNORECASE,
)
"""Begins a query that wants to know something, not to have a product."""
_SEPARATORS = re.compile(r"[,()\[\]{}/|;:–—]| - |【|】")


class Reader:
    """Reads with one catalogue's lexicon; stateless but for it, so safe to share."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._types = set(lexicon.types)
        self._brands, self._devices, self._series = (
            by_first(p) for p in (lexicon.brands, lexicon.devices, lexicon.series)
        )
        self._own = by_first(lexicon.own)
        self._codes = CodeSet(lexicon.codes)
        self._colours = {**{c: c for c in lexicon.colours}, **COLOURS}

    # ------------------------------------------------------------ queries

    def read_query(self, text: str) -> Reading:
        """What a query asks: every key attribute, with ``feature`` for the words left over."""
        toks = tokens(text)
        used: set[int] = set()
        found: Found = {}
        article, start, end = asked_article(text, self._codes, self._is_word)
        if article:
            add(found, "product_type", f"{ARTICLE}{article}", text[start:end], "query")
            return _reading(found)
        for absence in find_absences(visible(text), toks):
            add(found, "exclusion", absence.value, text[absence.start : absence.end], "query")
            used.update(range(absence.first, absence.stop))
        for m in _EASY.finditer(text):
            used.update(inside(toks, m.start(), m.end()))
        for limit in find_limits(text, self.lexicon.priced):
            add(found, "feature", limit.value, text[limit.start : limit.end], "query")
            used.update(inside(toks, limit.start, limit.end))
        self._query_sizes(text, toks, found, used)
        for start, end in option_names(text):
            used.update(inside(toks, start, end))
        said = Said("query", text, toks)
        self._query_names(said, found, used)
        for i in range(len(toks)):
            if i not in used:
                self._query_word(said, i, found, used)
        if knows := _KNOWLEDGE.match(text):
            add(found, "product_type", GUIDE, knows.group().strip(), "query")
            used.update(inside(toks, 0, knows.end()))
        else:
            self._query_type(text, toks, found, used)
        for i, token in enumerate(toks):
            if i not in used and token.stem not in _REQUEST | _BREAKS and len(token.stem) > 1:
                add(found, "feature", token.stem, text[token.start : token.end], "query")
        return _reading(found)

    def _is_word(self, word: str) -> bool:
        """Whether the catalogue uses a stem as a word."""
        return word in self.lexicon.frequency or word in self._types or word in self._brands or word in self._series

    def _query_sizes(self, text: str, toks: list[Token], found: Found, used: set[int]) -> None:
        taken, places = set(used), set[int]()
        kinds = (("pack", find_packs(text)), ("size", find_batteries(text)), ("size", find_sizes(text)))
        for name, values in kinds:
            spans = [(value, start, end) for value, start, end in values if not places & set(range(start, end))]
            for value, start, end in spans:
                if not taken & inside(toks, start, end):
                    add(found, name, value, text[start:end], "query")
                    used |= inside(toks, start, end)
                    places |= set(range(start, end))

    def _query_names(self, said: Said, found: Found, used: set[int]) -> None:
        toks = said.toks
        kinds = {t.stem for t in toks} & _ACCESSORY
        for a, b in device_spans(said, self._devices, used):
            device = parse_device(said.text[toks[a].start : toks[b - 1].end])
            if kinds or (a and toks[a - 1].stem in _FOR):
                quote(found, "compatibility", said, (a, b))
                used.update(range(a, b))
            elif device and device.is_model:
                quote(found, "model", said, (a, b))
                used.update(i for i in range(a, b) if not is_head(toks[i].stem))
        for code, start, end in find_codes(said.text, self._codes):
            places = inside(toks, start, end)
            if not places & used and not self._is_word(said.text[start:end].lower()):
                add(found, "model", code.lower(), said.text[start:end], "query")
                used |= places
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
        word, after = toks[i].stem, toks[i + 1].stem if i + 1 < len(toks) else ""
        plural = word != text[toks[i].start : toks[i].end].lower()
        colour = word in self._colours and not plural and (word, after) not in _NOT_COLOUR
        if colour and (word not in VAGUE or self._is_colour(text, toks, i)):
            return "colour", self._colours[word]
        if word in AUDIENCES and (word, after) not in _NOT_AUDIENCE:
            return "audience", AUDIENCES[word]
        if word in MATERIALS and not plural and after not in _NOT_MATERIAL:
            return "material", MATERIALS[word]
        return "", ""

    def _is_colour(self, text: str, toks: list[Token], i: int) -> bool:
        """Whether a word that may be a taste or scent stands beside a colour word, or is set apart."""
        beside = [toks[j].stem for j in (i - 1, i + 1) if 0 <= j < len(toks)]
        if any(w in ("color", "colour", "colored") or (w in self._colours and w not in VAGUE) for w in beside):
            return True
        ends = [m.end() for m in _SEPARATORS.finditer(text, 0, toks[i].start)]
        after = _SEPARATORS.search(text, toks[i].end)
        segment = text[ends[-1] if ends else 0 : after.start() if after else len(text)]
        return bool(ends or after) and len(segment.split()) <= 2 and i > 0

    def _query_type(self, text: str, toks: list[Token], found: Found, used: set[int]) -> None:
        """The head noun: the last known product word before a preposition or full stop, else the last free word."""
        span = _first_phrase(text, toks, used)
        free = [i for i in span if i not in used and not toks[i].stem.isdigit()]
        nouns = [i for i in free if toks[i].stem in self._types or not _ADJECTIVE.fullmatch(toks[i].stem)]
        free = nouns or free
        known = [i for i in free if toks[i].stem in self._types]
        things = [i for i in span if toks[i].stem in MATERIALS and toks[i].stem not in ("leather", "steel")]
        if free or things:
            head = self._head(toks, free, known) if free else things[-1]
            add(found, "product_type", self._spelt(toks[head].stem), text[toks[head].start : toks[head].end], "query")
            used.add(head)

    def _head(self, toks: list[Token], free: list[int], known: list[int]) -> int:
        """The last free word, unless a known product word stands before it and it is apart or unheard of."""
        last = toks[free[-1]].stem
        heard = toks[free[-1]].end - toks[free[-1]].start > len(last)  # a plural is a noun
        heard |= self._spelt(last) in self.lexicon.frequency or last in self._types
        return free[-1] if not known or (known[-1] >= free[-1] - 1 and heard) else known[-1]

    def _spelt(self, word: str) -> str:
        """A word that the catalogue never uses, as the catalogue spells it (``adapetr``)."""
        if len(word) < 5 or word in self.lexicon.frequency or word in self._types:
            return word
        near = [w for w in self.lexicon.frequency if w[0] == word[0] and abs(len(w) - len(word)) < 2]
        swapped = (w for w in near if sorted(w) == sorted(word))
        return next(swapped, next(iter(get_close_matches(word, near, n=1, cutoff=0.9)), word))

    # ------------------------------------------------------------ items

    def read_item(self, item: Item) -> Reading:
        """What an item says of itself, and the words that it uses (``words.*``, ``stem=Word`` pairs)."""
        found: Found = {}
        texts, doubted = texts_of(item)
        title, *body = texts
        self._item_brand(item, title, found)
        self._item_fields(item, found)
        price = item_price(item)
        if price:
            extend(found, "words.price", [price])
        extend(found, "words.codes", item_codes(item))
        extend(found, "audience", _audiences(item.category, "category"))
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
        self._item_index(item, texts, doubted, found)
        return _reading(found)

    def _item_index(self, item: Item, texts: list[Said], doubted: Said, found: Found) -> None:
        """Words by place, what is denied, what others of the category are called, whether the title is stuffed."""
        category = " ".join(item.category.split(">")[-2:])
        places = [*texts, doubted, Said("category", category, tokens(category))]
        for where in dict.fromkeys(t.where for t in places):
            add(found, f"words.{where}", index(*(t for t in places if t.where == where)), "", where)
        add(found, "words.absent", " ".join(sorted(absent_in(texts, doubted))), "", "title")
        usual = self.lexicon.usual_in(item.category)
        kinds = dict.fromkeys(t.stem for t in texts[0].toks if usual is None or t.stem in usual)
        add(found, "words.kind", " ".join(kinds), "", "title")
        add(found, "words.common", " ".join(self.lexicon.common.get(item.category, ())), "", "category")
        if is_stuffed(texts[0]):
            add(found, "words.stuffed", "stuffed", "", "title")

    def _item_own(self, item: Item, found: Found) -> None:
        """Values of the shop's own fields, and sizes whose unit stands in the field's name if no text gives one."""
        said = {size_dimension(v.value) for v in found.get("size", ())}
        for key, raw in item.attributes.items():
            for size in read_sizes(with_unit(key, raw), f"attributes.{key}"):
                if size_dimension(size.value) not in said:
                    add(found, "size", size.value, str(raw), size.where)
        for own in own_fields(item):
            value = f"no {own.phrase}" if own.flag is False else own.phrase
            add(found, f"own.{own.field}", value, own.quote, f"attributes.{own.field.split('.')[0]}")
        told = [Said("attributes", o.quote, tokens(o.quote)) for o in own_fields(item) if o.flag is None]
        add(found, "words.attributes", index(*told), "", "attributes")
        add(found, "words.heads", " ".join(t.toks[-1].stem for t in told if t.toks), "", "attributes")

    def _item_brand(self, item: Item, title: Said, found: Found) -> None:
        if item.brand:
            add(found, "brand", " ".join(words(item.brand)[:5]), item.brand, "brand")
            return
        fits = FITS.search(title.text)
        own = [t for t in title.toks if not fits or t.end <= fits.start()]
        for span in grams(own, self._brands, set()):
            quote(found, "brand", title, span)
            return

    def _item_fields(self, item: Item, found: Found) -> None:
        for key, raw in item.attributes.items():
            self._item_field(key, raw, f"attributes.{key}", found)
            for name, value in option_pairs(raw) if isinstance(raw, str) else ():
                self._item_field(name, value, f"attributes.{key}", found)

    def _item_field(self, name: str, raw: Any, where: str, found: Found) -> None:
        kind, text = field_kind(name), str(raw)
        if kind == "colour":
            for token in tokens(text):
                if token.stem in self._colours:
                    add(found, "colour", self._colours[token.stem], text[token.start : token.end], where)
        elif kind == "material":
            for token in tokens(text):
                value = MATERIALS.get(token.stem, token.stem)
                add(found, "material", value, text[token.start : token.end], where)
        elif kind == "compatibility":
            for one in raw if isinstance(raw, list) else [raw]:
                add(found, "compatibility", " ".join(words(str(one))[:5]), str(one), where)
        elif kind == "model":
            add(found, "model", " ".join(words(text)[:5]), text, where)
        elif kind == "size":
            sizes = read_sizes(by_size(name, text), where)
            extend(found, "size", (Value(v.value, v.quote.removeprefix("size "), where) for v in sizes))
            extend(found, "size", read_batteries(text, where))
            extend(found, "pack", read_packs(text, where))
        elif kind == "pack" and text.isdecimal() and len(text) <= 6:
            add(found, "pack", str(int(text)), text, where)
        elif kind == "pack":
            extend(found, "pack", read_packs(text, where))
        elif kind == "audience":
            extend(found, "audience", _audiences(text, where))

    def _item_words(self, title: Said, found: Found) -> None:
        where, text, toks = title
        named = {i for a, b in grams(toks[:8], self._brands, set()) for i in range(a, b)}
        for i, token in enumerate(toks):
            if i not in named:
                name, value = self._kind(text, toks, i)
                if name:
                    add(found, name, value, text[token.start : token.end], where)
        for span in grams(toks, self._series, set()):
            quote(found, "model", title, span)
        fits = FITS.search(text)
        for m in _CODE.finditer(visible(text)[: fits.start() if fits else len(text)]):
            add(found, "model", " ".join(words(m.group())), m.group(), where)

    def _item_materials(self, said: Said, found: Found) -> None:
        for i, token in enumerate(said.toks):
            if token.stem in MATERIALS:
                name, value = self._kind(said.text, said.toks, i)
                if name == "material":
                    add(found, "material", value, said.text[token.start : token.end], said.where)

    def _item_fits(self, title: Said, found: Found) -> None:
        m = FITS.search(title.text)
        kinds = {t.stem for t in title.toks} & _ACCESSORY
        own_end = m.start() if m else len(title.text)
        for device, start, end in find_devices(visible(title.text)):
            said = title.text[start:end].strip(" ,/&|+")
            of_itself = start < own_end and not (kinds and is_made_for(title.text, start, end, _ACCESSORY))
            value = " ".join(words(said)) if parse_device(said) else device.name
            if device.is_model or not of_itself:
                add(found, "model" if of_itself else "compatibility", value, said, "title")
        if m:
            tail = title._replace(toks=[t for t in title.toks if t.start >= m.end()])
            add(found, "words.fits", index(tail), "", "title")
            for span in device_spans(tail, self._devices, set()):
                quote(found, "compatibility", tail, span)
        add(found, "words.accessory", " ".join(sorted(kinds)), "", "title")


def _audiences(text: str, where: str) -> Iterator[Value]:
    return (Value(AUDIENCES[t.stem], text[t.start : t.end], where) for t in tokens(text) if t.stem in AUDIENCES)


def _first_phrase(text: str, toks: list[Token], used: set[int]) -> list[int]:
    """The places of the first noun phrase: from the first wish to a preposition, comma or full stop."""
    span: list[int] = []
    for i, token in enumerate(toks):
        begun = any(j not in used or toks[j].stem in MATERIALS for j in span)
        gap = text[toks[i - 1].end : token.start] if i else ""
        joins = token.stem in ("and", "or") and {i - 1, i + 1} <= used  # black and white
        joins |= token.stem == "on" and i > 0 and toks[i - 1].stem in _ON
        if begun and not joins and (token.stem in _BREAKS or any(c in gap for c in ".,;:|?!")):
            break
        of = i + 1 < len(toks) and toks[i + 1].stem == "of" and token.stem in _HOLDERS
        if not of and (token.stem in ("top", "set") or token.stem not in _REQUEST | _BREAKS):
            span.append(i)
    return span


def _reading(found: Found) -> Reading:
    return Reading({name: tuple(values) for name, values in found.items() if values})
