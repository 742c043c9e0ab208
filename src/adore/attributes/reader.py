"""Reads key attributes out of queries and items, and quotes where each stood."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from adore.attributes.lexicon import AUDIENCES, COLOURS, FITS, MATERIALS, VAGUE, Lexicon
from adore.attributes.negation import NEGATIONS, find_absences
from adore.attributes.text import MAX_TEXT, STOP, Token, stem, tokens, visible, words
from adore.attributes.units import UNITS, find_packs, find_sizes, read_packs, read_sizes
from adore.types import Item, Reading, Value

__all__ = ["NEGATIONS", "Reader"]

_BREAKS = NEGATIONS | frozenset(
    "for with in and or of from to on w that which should is has have please pick choose because so under less but "
    "made by who size".split()
)
_REQUEST = STOP | frozenset(
    "am im id would like prefer preferably help finding purchase get some any also can could will add list shop "
    "shopping interested show give us we they them one quality high great nice perfect give wanted something".split()
)
"""Words of a request that wish for nothing."""
_EASY = re.compile(r"\b(?:(?:easy|ready|safe|quick|simple|hard) to|low|zero|reduced) \w+", re.IGNORECASE)
_HOLDERS = frozenset("pack packs box set pair bag jar bottle case lot bunch piece kind type".split())
"""``a box of X`` asks for X."""
_ACCESSORY = frozenset(
    "accessory replacement part case cover protector charger cable adapter holder mount strap refill".split()
)
_NOT_COLOUR = {
    ("olive", "oil"), ("blue", "light"), ("green", "tea"), ("white", "noise"), ("black", "friday"), ("brown", "rice"),
    ("brown", "sugar"), ("red", "wine"), ("white", "wine"), ("orange", "juice"), ("gold", "standard"), ("clear", "view"),
    ("black", "pepper"), ("clear", "skin"),
}  # fmt: skip
_NOT_AUDIENCE = {
    ("baby", "shower"), ("man", "cave"), ("cat", "eye"), ("cat", "ear"), ("male", "to"), ("female", "to"),
    ("man", "made"), ("female", "connector"), ("male", "connector"), ("female", "adapter"), ("male", "adapter"),
}  # fmt: skip
_NOT_MATERIAL = frozenset(
    "cutting planer planner cleaner polish stain glue filler working burning carving conditioner detector bit saw".split()
)
"""``wood glue`` is made of something else."""
_DEVICES = frozenset(
    "iphone ipad ipod airpod macbook galaxy pixel kindle fitbit gopro ps4 ps5 xbox nintendo android smartwatch samsung "
    "apple".split()
)
_DEVICE_MORE = frozenset("pro max mini plus ultra air note watch tab fold flip se series".split())
_DEVICE_MAKERS = frozenset(["samsung", "apple"])
"""Devices that things are made for, and the words of their names."""
_MODEL = re.compile(r"(?!\d+x\d+$)(?=.*\d)(?=.*[a-z])[a-z\d]{2,}")
_CODE = re.compile(r"(?<![\w-])[A-Z]{1,3}-?[A-Z]{0,2}\d{3,6}[A-Z]{0,3}(?![\w-])")
"""A maker's number: ``DW1361``."""
_SEPARATORS = re.compile(r"[,()\[\]{}/|;:–—]| - |【|】")

Found = dict[str, list[Value]]
Words = tuple[str, list[Token]]


class Reader:
    """Reads with one catalogue's lexicon; stateless but for it, so safe to share."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._types = set(lexicon.types)
        self._brands, self._devices, self._series = (
            _by_first(p) for p in (lexicon.brands, lexicon.devices, lexicon.series)
        )
        self._colours = {**{c: c for c in lexicon.colours}, **COLOURS}

    # ------------------------------------------------------------ queries

    def read_query(self, text: str) -> Reading:
        """What a query asks: every key attribute, with ``feature`` for the words left over."""
        toks = tokens(text)
        used: set[int] = set()
        found: Found = {}
        for absence in find_absences(visible(text), toks):
            _add(found, "exclusion", absence.value, text[absence.start : absence.end], "query")
            used.update(range(absence.first, absence.stop))
        for m in _EASY.finditer(text):
            used.update(_inside(toks, m.start(), m.end()))
        self._query_sizes(text, toks, found, used)
        self._query_names((text, toks), found, used)
        for i, token in enumerate(toks):
            if i not in used:
                self._query_word((text, toks), i, found, used)
        self._query_type(text, toks, found, used)
        for i, token in enumerate(toks):
            if i not in used and token.stem not in _REQUEST | _BREAKS and len(token.stem) > 1:
                _add(found, "feature", token.stem, text[token.start : token.end], "query")
        return _reading(found)

    def _query_sizes(self, text: str, toks: list[Token], found: Found, used: set[int]) -> None:
        taken = set(used)
        for name, values in (("pack", find_packs(text)), ("size", find_sizes(text))):
            for value, start, end in values:
                spans = _inside(toks, start, end)
                if not taken & spans:
                    _add(found, name, value, text[start:end], "query")
                    used |= spans
            taken = set(used)

    def _query_names(self, said: Words, found: Found, used: set[int]) -> None:
        text, toks = said
        kinds = {t.stem for t in toks} & _ACCESSORY
        for a, b in self._device_spans(said, used):
            if kinds or (a and toks[a - 1].stem in ("for", "fit", "fits", "with")):
                _quote(found, "compatibility", said, (a, b), "query")
                used.update(range(a, b))
        for name, phrases in (("brand", self._brands), ("model", self._series)):
            for a, b in _grams(toks, phrases, used):
                _quote(found, name, said, (a, b), "query")
                used.update(range(a, b))

    def _device_spans(self, said: Words, used: set[int]) -> Iterator[tuple[int, int]]:
        """Devices that the catalogue names, and well-known ones with the rest of their name (*galaxy s22 ultra*)."""
        text, toks = said
        spans = list(_grams(toks, self._devices, used))
        taken = used.union(*(range(a, b) for a, b in spans))
        for a, token in enumerate(toks):
            if token.stem not in _DEVICES or a in taken:
                continue
            b = a + 1
            while b < len(toks) and b not in taken and _goes_on(text, toks, b):
                b += 1
            spans.append((a, b))
            taken.update(range(a, b))
        yield from sorted(spans)

    def _query_word(self, said: Words, i: int, found: Found, used: set[int]) -> None:
        text, toks = said
        token = toks[i]
        name, value = self._kind(text, toks, i)
        if not name and _MODEL.fullmatch(token.stem) and token.stem not in UNITS:
            name, value = "model", token.stem
        if name:
            _add(found, name, value, text[token.start : token.end], "query")
            used.add(i)

    def _kind(self, text: str, toks: list[Token], i: int) -> tuple[str, str]:
        """Colour, audience or material of one word, or two empty texts."""
        word, after = toks[i].stem, toks[i + 1].stem if i + 1 < len(toks) else ""
        plural = word != text[toks[i].start : toks[i].end].lower()
        if word in self._colours and not plural and (word, after) not in _NOT_COLOUR:
            if word not in VAGUE or self._is_colour(text, toks, i):
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
        free = [i for i in span if i not in used and toks[i].stem not in _REQUEST - {"top", "set"} and not toks[i].stem.isdigit()]
        known = [i for i in free if toks[i].stem in self._types]
        things = [i for i in span if toks[i].stem in MATERIALS and toks[i].stem not in ("leather", "steel")]
        if free or things:
            head = _head(free, known) if free else things[-1]
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
        self._item_words(item.title, title, found)
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
        fits = FITS.search(item.title)
        own = [t for t in title if not fits or t.end <= fits.start()]
        for a, b in _grams(own, self._brands, set()):
            _quote(found, "brand", (item.title, title), (a, b), "title")
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
                    value = MATERIALS.get(token.stem, token.stem)
                    _add(found, "material", value, text[token.start : token.end], where)
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

    def _item_words(self, text: str, toks: list[Token], found: Found) -> None:
        named = {i for a, b in _grams(toks[:8], self._brands, set()) for i in range(a, b)}
        for i, token in enumerate(toks):
            if i not in named:
                name, value = self._kind(text, toks, i)
                if name:
                    _add(found, name, value, text[token.start : token.end], "title")
        for span in _grams(toks, self._series, set()):
            _quote(found, "model", (text, toks), span, "title")
        fits = FITS.search(text)
        for m in _CODE.finditer(visible(text)[: fits.start() if fits else len(text)]):
            _add(found, "model", " ".join(words(m.group())), m.group(), "title")

    def _item_materials(self, body: str, found: Found) -> None:
        toks = tokens(body)
        for i, token in enumerate(toks):
            if token.stem in MATERIALS:
                name, value = self._kind(body, toks, i)
                if name == "material":
                    _add(found, "material", value, body[token.start : token.end], "bullet_points")

    def _item_fits(self, title: str, found: Found) -> None:
        m = FITS.search(title)
        if m:
            tail = title[m.end() :]
            _add(found, "words.fits", _index(tail), "", "title")
            toks = tokens(tail)
            for span in self._device_spans((tail, toks), set()):
                _quote(found, "compatibility", (tail, toks), span, "title")
        if set(words(title)) & _ACCESSORY:
            _add(found, "words.accessory", " ".join(sorted(set(words(title)) & _ACCESSORY)), "", "title")


def _goes_on(text: str, toks: list[Token], b: int) -> bool:
    """Whether word ``b`` still belongs to the name of the device before it."""
    word, before = toks[b].stem, toks[b - 1].stem
    more = word in _DEVICE_MORE or word[0].isdigit() or re.fullmatch(r"[a-z]\d{1,3}", word) is not None
    own = word in _DEVICES - _DEVICE_MAKERS and before in _DEVICE_MAKERS
    return (more or own) and not text[toks[b - 1].end : toks[b].start].strip()


def _head(free: list[int], known: list[int]) -> int:
    """The last free word, unless a known product word stands before it, apart (*towels kitchen*, *slippers fluffy*)."""
    return free[-1] if not known or known[-1] >= free[-1] - 1 else known[-1]


def _first_phrase(text: str, toks: list[Token], used: set[int]) -> list[int]:
    """The places of the first noun phrase: from the first wish to a preposition, comma or full stop."""
    span: list[int] = []
    for i, token in enumerate(toks):
        begun = any(j not in used or toks[j].stem in MATERIALS for j in span)
        gap = text[toks[i - 1].end : token.start] if i else ""
        if begun and (token.stem in _BREAKS or any(c in gap for c in ".,;:|?!")):
            break
        of = i + 1 < len(toks) and toks[i + 1].stem == "of" and token.stem in _HOLDERS
        if not of and (token.stem in ("top", "set") or token.stem not in _REQUEST | _BREAKS):
            span.append(i)
    return span


def _by_first(phrases: Iterable[str]) -> dict[str, set[str]]:
    """Phrases by their first word, so that most words are passed over at once."""
    table: dict[str, set[str]] = {}
    for phrase in phrases:
        table.setdefault(phrase.split(" ", 1)[0], set()).add(phrase)
    return table


def _grams(toks: list[Token], phrases: Mapping[str, set[str]], used: set[int]) -> Iterator[tuple[int, int]]:
    """Longest known phrases, left to right, that do not overlap."""
    a = 0
    while a < len(toks):
        known = phrases.get(toks[a].stem, ())
        for b in range(min(len(toks), a + 5), a, -1) if known else ():
            if " ".join(t.stem for t in toks[a:b]) in known and not used.intersection(range(a, b)):
                yield a, b
                a = b - 1
                break
        a += 1


def _inside(toks: list[Token], start: int, end: int) -> set[int]:
    return {i for i, t in enumerate(toks) if t.start < end and t.end > start}


def _quote(found: Found, name: str, said: Words, span: tuple[int, int], where: str) -> None:
    """Add the phrase ``toks[a:b]`` as it stands in the text."""
    (text, toks), (a, b) = said, span
    _add(found, name, " ".join(t.stem for t in toks[a:b]), text[toks[a].start : toks[b - 1].end], where)


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
    return [w for a in find_absences(visible(text), tokens(text)) for w in a.value.split()]
