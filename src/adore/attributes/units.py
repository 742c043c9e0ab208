"""Quantities, packs and named sizes, in one canonical form whatever the seller wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator

from adore.attributes.text import visible
from adore.types import Value

__all__ = ["UNITS", "find_packs", "find_sizes", "read_packs", "read_sizes", "same_size", "size_dimension"]

UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("ml", "milliliter", "millilitre"), ("volume", 1.0)),
    **dict.fromkeys(("cl",), ("volume", 10.0)),
    **dict.fromkeys(("l", "liter", "litre", "ltr"), ("volume", 1000.0)),
    **dict.fromkeys(("fl oz", "fl. oz", "fluid ounce", "floz"), ("volume", 29.5735)),
    **dict.fromkeys(("gallon", "gal"), ("volume", 3785.41)),
    **dict.fromkeys(("quart", "qt"), ("volume", 946.353)),
    **dict.fromkeys(("mg", "milligram"), ("mass", 0.001)),
    **dict.fromkeys(("mcg", "µg", "μg", "microgram"), ("mass", 1e-6)),
    **dict.fromkeys(("g", "gram", "gr"), ("mass", 1.0)),
    **dict.fromkeys(("kg", "kilo", "kilogram"), ("mass", 1000.0)),
    **dict.fromkeys(("oz", "ounce"), ("mass", 28.3495)),
    **dict.fromkeys(("lb", "lbs", "pound"), ("mass", 453.592)),
    **dict.fromkeys(("mm", "millimeter"), ("length", 1.0)),
    **dict.fromkeys(("cm", "centimeter"), ("length", 10.0)),
    **dict.fromkeys(("m", "meter", "metre"), ("length", 1000.0)),
    **dict.fromkeys(("inch", "inches", "in", '"', "”", "''"), ("length", 25.4)),
    **dict.fromkeys(("ft", "foot", "feet"), ("length", 304.8)),
    **dict.fromkeys(("gb", "gigabyte"), ("memory", 1.0)),
    **dict.fromkeys(("tb", "terabyte"), ("memory", 1024.0)),
    **dict.fromkeys(("w", "watt"), ("power", 1.0)),
    **dict.fromkeys(("v", "volt"), ("voltage", 1.0)),
    **dict.fromkeys(("mah",), ("charge", 1.0)),
    **dict.fromkeys(("cfm",), ("flow", 1.0)),
}
"""Unit, case folded (the patterns take ``ſ`` for s), to (dimension, factor to the base unit: ml, g, mm, GB, W, V)."""

_UNIT = "|".join(sorted((re.escape(u) for u in UNITS), key=len, reverse=True))
_N = r"(?:\d+[ -]\d+/\d+|\d+/\d+|\d+(?:,\d{3})+|\d*\.\d+|\d+(?:,\d{1,2}(?!\d))?)"
_BY = r"(?:\s?[x×*]\s?|\s+by\s+)"
_START = r"(?:(?<![\w/.])|(?<=\d[x×*]))"
_END = r"(?:e?s)?(?![^\W\d_])\.?"
_SIZE = re.compile(rf"{_START}({_N})\s?-?({_UNIT}){_END}", re.IGNORECASE)
_SIDE = re.compile(rf"{_START}({_N})(?={_BY}(?:{_N}{_BY})?{_N}\s?-?({_UNIT}){_END})", re.IGNORECASE)
_NO_UNIT = re.compile(r"3M|[345]G|\d+[ -]?in(?=[ -]?\d|\s(?:one|the|an?|my|colou?r|size)\b)")
"""The brand 3M, networks, ``2-in-1``: a number and letters that are no quantity."""
_WORDS = {"single": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "ten": 10,
          "twelve": 12}  # fmt: skip
_COUNT = rf"\d{{1,4}}|{'|'.join(_WORDS)}"
_PACK = re.compile(
    rf"(?<![\w./])(?:(?:pack|set|box|lot|case|bag|bundle|carton) of ({_COUNT})|"
    rf"(\d{{1,4}})(?:[ -]?|, )(?:packs?|pk|count|ct|pcs|pieces?|pc|pairs?)|({'|'.join(_WORDS)})[ -]packs?|"
    r"(\d{1,2}|a) dozen)\b",
    re.IGNORECASE,
)
_BEDS = "twin xl|twin|full|queen|california king|king"
_BED_TALK = re.compile(
    r"\b(?:bed|bedding|mattress|sheets?|comforter|duvet|pillows?|quilt|blanket|headboard|coverlet|topper|futon|sofa)\b",
    re.IGNORECASE,
)
_OF_OTHERS = r"(?![ -](?:dogs?|cats?|breeds?|animals?|capacity|print|roast|firm|business|spaces?|hands|parts|rooms?)\b)"
_NAMED = {
    "bed": re.compile(rf"(?<![\w'’-])({_BEDS})(?![\w'’])", re.IGNORECASE),
    "letter": re.compile(
        r"(?<![\w'’-])([2-9][ -]?x[ -]?l(?:arge)?|(?:x{1,4}|extra)[ -]?(?:large|small)|x{1,4}[sl]|"
        rf"(?:small|medium|large){_OF_OTHERS}|(?-i:[SML]|[2-6]X(?=\s*(?:$|[,)/])))|(?<=\bsize )[sml])(?![\w'’-])",
        re.IGNORECASE,
    ),
    "fit": re.compile(r"(?<![\w'’-])(plus[ -]sized?|petite)(?![\w'’-])", re.IGNORECASE),
    "number": re.compile(
        r"(?<![\w.])(?:size:? (\d{1,2}(?:\.\d)?)|(\d{1,2}(?:\.5)?) (?:[BD]\(M\) |[MW] |Wide )?US|"
        r"([2-6]T)|(?-i:X{0,2}[SL]|M) \((\d{1,2})\))(?![\w/])",
        re.IGNORECASE,
    ),
    "age": re.compile(r"(?<![\w.])(\d{1,2}-\d{1,2}) ?(?:months?|mos?|m)\b", re.IGNORECASE),
}
"""Sizes by name, and sizes by number whose scale only the trade knows (shoes, toddlers, dresses)."""
_PLAIN = re.compile(r"(?<![\w.])(\d{1,3}) ?[x×] ?(\d{1,3})(?![\w.])(?! ?[x×])", re.IGNORECASE)
"""``16 x 16``: two sides without a unit."""
_WAIST = re.compile(r"(?<!\w)(\d{2})W ?x ?(\d{2})L\b")

Found = Iterator[tuple[str, int, int]]


def _number(text: str) -> float:
    if "/" in text:
        *whole, fraction = re.split(r"[ -]", text)
        top, bottom = fraction.split("/")
        return (float(whole[0]) if whole else 0.0) + float(top) / (float(bottom) or 1.0)
    if re.fullmatch(r"\d+,\d{1,2}", text):
        return float(text.replace(",", "."))
    return float(text.replace(",", ""))


def find_sizes(text: str) -> Found:
    """Every size as (canonical value, start, end); hidden characters are not read (:func:`visible`)."""
    text = visible(text)
    taken = [m.span() for m in _NO_UNIT.finditer(text)]
    for m in (*_WAIST.finditer(text), *_PLAIN.finditer(text)):
        if m.re is _PLAIN and _SIDE.match(text, m.start()):
            continue
        taken.append(m.span())
        yield from ((f"number:{m.group(n)}", m.start(n), m.end(n)) for n in (1, 2))
    taken += [m.span() for m in _NAMED["number"].finditer(text) if not m.group(4)]
    for pattern in (_SIDE, _SIZE):
        for m in pattern.finditer(text):
            if not _within(m.start(), taken):
                taken += [m.span()] if pattern is _SIZE else []
                dimension, factor = UNITS[m.group(2).casefold()]
                yield f"{dimension}:{_number(m.group(1)) * factor:.6g}", m.start(), m.end()
    yield from _find_named(text, taken)


def _find_named(text: str, taken: list[tuple[int, int]]) -> Found:
    for kind, pattern in _NAMED.items():
        if kind == "bed" and not _BED_TALK.search(text):
            continue
        for m in pattern.finditer(text):
            if kind in ("number", "age") or not _within(m.start(), taken):  # the L of 0.5 L
                yield f"{kind}:{_name(kind, m)}", m.start(), m.end()


def _name(kind: str, m: re.Match[str]) -> str:
    """One word for the many ways to write a named size."""
    if kind in ("number", "age"):
        return str(next(g for g in m.groups() if g)).lower()
    name = m.group().casefold()
    return _letter(name) if kind == "letter" else name[:4] if name.startswith("plus") else name


def _within(place: int, spans: list[tuple[int, int]]) -> bool:
    return any(a <= place < b for a, b in spans)


def _letter(name: str) -> str:
    """``xl`` of ``X-Large``, ``4xl`` of ``4X large``."""
    x = int(name[0]) if name[0].isdecimal() else name.count("x") or name.startswith("extra")
    end = "s" if name.endswith(("s", "small")) else "m" if name[0] == "m" else "l"
    return f"{x}x{end}" if x > 3 else "x" * x + end


def read_sizes(text: str, where: str) -> Iterator[Value]:
    """Every quantity as ``dimension:amount`` in base units, and named sizes as ``kind:name``.

    Example:
        >>> [v.value for v in read_sizes("500ml Bottle, 1-1/2 inch, X-Large, 8 x 10 cm", "title")]
        ['length:80', 'volume:500', 'length:38.1', 'length:100', 'letter:xl']
    """
    return (Value(value, text[a:b], where) for value, a, b in find_sizes(text))


def find_packs(text: str) -> Found:
    """Every number of pieces as (canonical value, start, end)."""
    for m in _PACK.finditer(visible(text)):
        of, counted, word, dozen = m.groups()
        if dozen:
            yield str(12 if dozen.lower() == "a" else 12 * int(dozen)), m.start(), m.end()
        else:
            raw = (of or counted or word).casefold()
            yield str(_WORDS.get(raw) or int(raw)), m.start(), m.end()


def read_packs(text: str, where: str) -> Iterator[Value]:
    """How many pieces are sold together.

    Example:
        >>> [v.value for v in read_packs("Cups (Pack of 6), 12-pk, two pack", "title")]
        ['6', '12', '2']
    """
    return (Value(value, text[a:b], where) for value, a, b in find_packs(text))


def size_dimension(value: str) -> str:
    """``volume`` of ``volume:500``."""
    return value.split(":", 1)[0]


def same_size(a: str, b: str) -> bool:
    """Equal names, or amounts of one dimension within 3 % (500 ml is sold as 16.9 fl oz)."""
    if a == b:
        return True
    (da, va), (db, vb) = a.split(":", 1), b.split(":", 1)
    if da != db or da in _NAMED:
        return False
    x, y = float(va), float(vb)
    return abs(x - y) <= 0.03 * max(x, y)
