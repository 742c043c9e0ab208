"""Reads key attributes out of queries and items, and quotes where each stood."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from adore.attributes.lexicon import AUDIENCES, COLOURS, MATERIALS, Lexicon
from adore.attributes.text import MAX_TEXT, STOP, Token, stem, tokens, words
from adore.attributes.units import UNITS, read_packs, read_sizes
from adore.types import Item, Reading, Value

__all__ = ["NEGATIONS", "Reader"]

NEGATIONS = frozenset(["without", "no", "non", "not", "minus", "sin", "sans"])
_BREAKS = frozenset(["for", "with", "without", "no", "non", "not", "in", "and", "or", "of", "from", "to", "on", "w"])
_FREE = re.compile(r"\b([^\W\d_]{3,30})[ -]?(?:free|less)\b", re.IGNORECASE)
_FITS = re.compile(r"\b(?:for|fits?|compatible with|works with|replacement for)\b", re.IGNORECASE)
_ACCESSORY = frozenset(
    [
        "accessory",
        "replacement",
        "part",
        "case",
        "cover",
        "protector",
        "charger",
        "cable",
        "adapter",
        "holder",
        "mount",
        "strap",
        "refill",
    ]
)

Found = dict[str, list[Value]]


class Reader:
    """Reads with one catalogue's lexicon; stateless but for it, so safe to share."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._brands, self._types = set(lexicon.brands), set(lexicon.types)
        self._devices, self._series = set(lexicon.devices), set(lexicon.series)
        self._colours = {**{c: c for c in lexicon.colours}, **COLOURS}

    # ------------------------------------------------------------ queries

    def read_query(self, text: str) -> Reading:
        """What a query asks: every key attribute, with ``feature`` for the words left over."""
        text = text[:MAX_TEXT]
        toks = tokens(text)
        used: set[int] = set()
        found: Found = {}
        self._negations(text, toks, found, used)
        self._query_sizes(text, toks, found, used)
        self._devices_asked(text, toks, found, used)
        for name, phrases in (("brand", self._brands), ("model", self._series)):
            for a, b in _grams(toks, phrases, used):
                _add(found, name, " ".join(t.stem for t in toks[a:b]), text[toks[a].start : toks[b - 1].end], "query")
                used.update(range(a, b))
        for i, token in enumerate(toks):
            if i not in used:
                self._query_word(text, token, i, (found, used))
        self._query_type(text, toks, found, used)
        for i, token in enumerate(toks):
            if i not in used and token.stem not in STOP | NEGATIONS | _BREAKS and len(token.stem) > 1:
                _add(found, "feature", token.stem, text[token.start : token.end], "query")
        return _reading(found)

    def _negations(self, text: str, toks: list[Token], found: Found, used: set[int]) -> None:
        for i, token in enumerate(toks):
            if token.stem in NEGATIONS and i not in used:
                used.add(i)
                j = i + 1
                while j < len(toks) and j < i + 4 and toks[j].stem not in _BREAKS:
                    j += 1
                if j > i + 1:
                    _add(
                        found,
                        "exclusion",
                        " ".join(t.stem for t in toks[i + 1 : j]),
                        text[toks[i + 1].start : toks[j - 1].end],
                        "query",
                    )
                    used.update(range(i, j))
        for m in _FREE.finditer(text):
            if stem(m.group(1)) not in ("wire", "cord", "use", "regard") and len(m.group(1)) > 2:
                _add(found, "exclusion", stem(m.group(1)), m.group(1), "query")
                used.update(_inside(toks, m.start(), m.end()))

    def _query_sizes(self, text: str, toks: list[Token], found: Found, used: set[int]) -> None:
        for name, values in (("pack", read_packs(text, "query")), ("size", read_sizes(text, "query"))):
            for value in values:
                start = text.find(value.quote)
                spans = _inside(toks, start, start + len(value.quote))
                if not used & spans:
                    found.setdefault(name, []).append(value)
                    used |= spans

    def _devices_asked(self, text: str, toks: list[Token], found: Found, used: set[int]) -> None:
        for a, b in _grams(toks, self._devices, used):
            if a and toks[a - 1].stem in ("for", "fit", "fits", "with"):
                _add(
                    found,
                    "compatibility",
                    " ".join(t.stem for t in toks[a:b]),
                    text[toks[a].start : toks[b - 1].end],
                    "query",
                )
                used.update(range(a, b))

    def _query_word(self, text: str, token: Token, i: int, into: tuple[Found, set[int]]) -> None:
        found, used = into
        quote = text[token.start : token.end]
        for name, table in (("colour", self._colours), ("audience", AUDIENCES)):
            if token.stem in table:
                _add(found, name, table[token.stem], quote, "query")
                used.add(i)
                return
        if token.stem in MATERIALS:
            _add(found, "material", token.stem, quote, "query")
            used.add(i)
        elif re.fullmatch(r"(?=.*\d)(?=.*[a-z])[a-z\d]{2,}", token.stem) and token.stem not in UNITS:
            _add(found, "model", token.stem, quote, "query")
            used.add(i)

    def _query_type(self, text: str, toks: list[Token], found: Found, used: set[int]) -> None:
        """The head noun: the last known product word before a preposition, else the last free word."""
        end = next(
            (i for i, t in enumerate(toks) if t.stem in _BREAKS and any(j not in used for j in range(i))), len(toks)
        )
        free = [
            i for i in range(end) if i not in used and toks[i].stem not in STOP | _BREAKS and not toks[i].stem.isdigit()
        ]
        known = [i for i in free if toks[i].stem in self._types]
        if not free:
            return
        head = (known or free)[-1]
        _add(found, "product_type", toks[head].stem, text[toks[head].start : toks[head].end], "query")
        used.add(head)

    # ------------------------------------------------------------ items

    def read_item(self, item: Item) -> Reading:
        """What an item says of itself, and the words that it uses (``words.*``, ``stem=Word`` pairs)."""
        found: Found = {}
        item = replace(item, title=item.title[:MAX_TEXT])
        body = " . ".join([*item.bullet_points[:6], item.description[:600]])[:1800]
        title = tokens(item.title)
        self._item_brand(item, title, found)
        self._item_fields(item, found)
        for where, text in (("title", item.title), ("bullet_points", body)):
            _extend(found, "size", read_sizes(text, where))
            _extend(found, "pack", read_packs(text, where))
        self._item_words(item.title, title, "title", found)
        if "material" not in found:
            self._item_materials(body, found)
        category = " ".join(item.category.split(">")[-2:])
        for where, text in (("title", item.title), ("category", category), ("bullet_points", body)):
            _add(found, f"words.{where}", _index(text), "", where)
        _add(found, "words.absent", " ".join(sorted(set(_absent(item.title) + _absent(body)))), "", "title")
        self._item_fits(item.title, found)
        audience = [Value(AUDIENCES[w], w, "category") for w in words(item.category) if w in AUDIENCES]
        if "audience" not in found:
            _extend(found, "audience", audience)
        return _reading(found)

    def _item_brand(self, item: Item, title: list[Token], found: Found) -> None:
        if item.brand:
            _add(found, "brand", " ".join(words(item.brand)[:5]), item.brand, "brand")
            return
        for a, b in _grams(title[:6], self._brands, set()):
            _add(
                found,
                "brand",
                " ".join(t.stem for t in title[a:b]),
                item.title[title[a].start : title[b - 1].end],
                "title",
            )
            return

    def _item_fields(self, item: Item, found: Found) -> None:
        for key, raw in item.attributes.items():
            name, text = key.lower(), str(raw)
            where = f"attributes.{key}"
            if "colo" in name:
                for token in tokens(text):
                    if token.stem in self._colours:
                        _add(found, "colour", self._colours[token.stem], text[token.start : token.end], where)
            elif "material" in name or "fabric" in name:
                for token in tokens(text):
                    _add(found, "material", token.stem, text[token.start : token.end], where)
            elif "compat" in name or "fits" in name:
                for one in raw if isinstance(raw, list) else [raw]:
                    _add(found, "compatibility", " ".join(words(str(one))[:5]), str(one), where)
            elif "series" in name or "model" in name:
                _add(found, "model", " ".join(words(text)[:5]), text, where)
            elif "size" in name or "volume" in name or "capacity" in name:
                _extend(found, "size", read_sizes(text, where))
            elif "pack" in name and text.isdigit():
                _add(found, "pack", str(int(text)), text, where)
            elif "audience" in name or "gender" in name:
                _extend(found, "audience", (Value(AUDIENCES[w], text, where) for w in words(text) if w in AUDIENCES))

    def _item_words(self, text: str, toks: list[Token], where: str, found: Found) -> None:
        for token in toks:
            quote = text[token.start : token.end]
            if token.stem in self._colours:
                _add(found, "colour", self._colours[token.stem], quote, where)
            elif token.stem in AUDIENCES:
                _add(found, "audience", AUDIENCES[token.stem], quote, where)
            if token.stem in MATERIALS:
                _add(found, "material", token.stem, quote, where)
        for a, b in _grams(toks, self._series, set()):
            _add(found, "model", " ".join(t.stem for t in toks[a:b]), text[toks[a].start : toks[b - 1].end], where)

    def _item_materials(self, body: str, found: Found) -> None:
        for token in tokens(body):
            if token.stem in MATERIALS:
                _add(found, "material", token.stem, body[token.start : token.end], "bullet_points")

    def _item_fits(self, title: str, found: Found) -> None:
        m = _FITS.search(title)
        if m:
            tail = title[m.end() :]
            _add(found, "words.fits", _index(tail), "", "title")
            toks = tokens(tail)
            for a, b in _grams(toks, self._devices, set()):
                _add(
                    found,
                    "compatibility",
                    " ".join(t.stem for t in toks[a:b]),
                    tail[toks[a].start : toks[b - 1].end],
                    "title",
                )
        if set(words(title)) & _ACCESSORY:
            _add(found, "words.accessory", " ".join(sorted(set(words(title)) & _ACCESSORY)), "", "title")


def _grams(toks: list[Token], phrases: set[str], used: set[int]) -> Iterator[tuple[int, int]]:
    """Longest known phrases, left to right, that do not overlap."""
    a = 0
    while a < len(toks):
        for b in range(min(len(toks), a + 5), a, -1):
            if " ".join(t.stem for t in toks[a:b]) in phrases and not used.intersection(range(a, b)):
                yield a, b
                a = b - 1
                break
        a += 1


def _inside(toks: list[Token], start: int, end: int) -> set[int]:
    return {i for i, t in enumerate(toks) if t.start >= start and t.end <= end}


def _add(found: Found, name: str, value: str, quote: str, where: str) -> None:
    values = found.setdefault(name, [])
    if value and all(v.value != value for v in values):
        values.append(Value(value, quote, where))


def _extend(found: Found, name: str, values: Iterable[Value]) -> None:
    for value in values:
        _add(found, name, value.value, value.quote, value.where)


def _reading(found: Found) -> Reading:
    return Reading({name: tuple(values) for name, values in found.items() if values})


def _index(text: str) -> str:
    return " ".join(f"{s}={q}" for s, q in {t.stem: text[t.start : t.end] for t in reversed(tokens(text))}.items())


def _absent(text: str) -> list[str]:
    """Stems that a text says are not there."""
    toks = tokens(text)
    said = [u.stem for i, t in enumerate(toks) if t.stem in NEGATIONS for u in toks[i + 1 : i + 3]]
    return said + [stem(m.group(1)) for m in _FREE.finditer(text)]
