"""Quantities and named sizes, in one canonical form whatever the seller wrote.

Weighed against Pint and quantulum3, see ``docs/limits.md``: neither reads ``6 x 330ml``,
``1-1/2"`` or ``0,5 l``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from adore.attributes.named_sizes import NAMED, find_named, within
from adore.text import visible
from adore.types import Value

__all__ = [
    "UNITS",
    "Times",
    "find_multipacks",
    "find_sizes",
    "has_times",
    "matches_at",
    "number_starts",
    "read_sizes",
    "same_size",
    "size_dimension",
]

UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("ml", "milliliter", "millilitre"), ("volume", 1.0)),
    **dict.fromkeys(("cl", "centiliter", "centilitre"), ("volume", 10.0)),
    **dict.fromkeys(("dl", "deciliter", "decilitre"), ("volume", 100.0)),
    **dict.fromkeys(("l", "liter", "litre", "ltr", "litro"), ("volume", 1000.0)),
    **dict.fromkeys(("fl oz", "fl. oz", "fluid ounce", "floz"), ("volume", 29.5735)),
    **dict.fromkeys(("gallon", "gal"), ("volume", 3785.41)),
    **dict.fromkeys(("quart", "qt"), ("volume", 946.353)),
    **dict.fromkeys(("mg", "milligram"), ("mass", 0.001)),
    **dict.fromkeys(("mcg", "µg", "μg", "microgram"), ("mass", 1e-6)),
    **dict.fromkeys(("g", "gram", "gr", "gramm", "gramme", "gramo"), ("mass", 1.0)),
    **dict.fromkeys(
        ("kg", "kilo", "kilogram", "kilogramm", "kilogramme", "kilogramo"),
        ("mass", 1000.0),
    ),
    **dict.fromkeys(("oz", "ounce"), ("mass", 28.3495)),
    **dict.fromkeys(("lb", "lbs", "pound"), ("mass", 453.592)),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), ("length", 1.0)),
    **dict.fromkeys(
        ("cm", "centimeter", "centimetre", "zentimeter", "centímetro"), ("length", 10.0)
    ),
    **dict.fromkeys(("m", "meter", "metre", "mètre", "metro"), ("length", 1000.0)),
    **dict.fromkeys(
        ("inch", "inches", "in", '"', "”", "″", "''", "zoll", "pouce", "pulgada"),
        ("length", 25.4),
    ),
    **dict.fromkeys(("ft", "foot", "feet"), ("length", 304.8)),
    **dict.fromkeys(("gb", "gigabyte"), ("memory", 1.0)),
    **dict.fromkeys(("tb", "terabyte"), ("memory", 1024.0)),
    **dict.fromkeys(("w", "watt"), ("power", 1.0)),
    **dict.fromkeys(("kw", "kilowatt"), ("power", 1000.0)),
    **dict.fromkeys(("v", "volt"), ("voltage", 1.0)),
    **dict.fromkeys(("mah",), ("charge", 1.0)),
    **dict.fromkeys(("cfm",), ("flow", 1.0)),
}
"""Unit, case folded (the patterns take ``ſ`` for s), to dimension and factor to the base unit.

The base units are ml, g, mm, GB, W and V.
"""

_UNIT = "|".join(sorted((re.escape(u) for u in UNITS), key=len, reverse=True))
_OFTEN = frozenset(("volume", "mass", "memory"))
_PACKED = "|".join(
    sorted(
        (re.escape(u) for u, (of, _) in UNITS.items() if of in _OFTEN),
        key=len,
        reverse=True,
    )
)
"""Units of what is sold several times; ``6 x`` before others is a side."""
_VULGAR = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_N = (
    rf"(?:\d+[ -]\d+[/⁄]\d+|\d+[/⁄]\d+|(?:\d+[ -]?)?[{_VULGAR}]|"
    r"\d{1,3}(?:\.\d{3})+,\d{1,2}|\d+(?:,\d{3})+(?:\.\d+)?|"
    r"\d{1,3}(?:['’\u00a0\u202f]\d{3}| 000)+|\d*\.\d+|\d+(?:,\d{1,2}(?!\d))?)"
)
_BY = r"(?:\s?[x×*]\s?|\s+by\s+)"
_START = r"(?:(?<![\w/⁄.])|(?<=\d[x×*]))"
_END = r"(?:e?s)?(?:(?![^\W\d_])|(?=[x×]\d))\.?"
_SIZE = re.compile(rf"{_START}({_N})\s?-?({_UNIT}){_END}", re.IGNORECASE)
_SIDE = re.compile(
    rf"{_START}({_N})(?={_BY}(?:{_N}{_BY})?{_N}\s?-?({_UNIT}){_END})", re.IGNORECASE
)
_SPAN = re.compile(
    rf"{_START}({_N})\s?-?(?:{_UNIT})?\.?(?:\s?[-–—]\s?|\s(?:to|bis|à|a)\s)"
    rf"({_N})\s?-?({_UNIT}){_END}",
    re.IGNORECASE,
)
"""``5-7 mm``, ``20 cm to 30 cm``."""
_TIMES = re.compile(
    rf"{_START}(\d{{1,3}})\s?[x×*](?=\s?({_N})\s?-?({_PACKED}){_END})", re.IGNORECASE
)
_TIMES_AFTER = re.compile(
    rf"{_START}({_N})\s?-?({_PACKED})(?:e?s)?\.?(\s?[x×*]\s?)(\d{{1,3}})"
    rf"(?![\w/⁄]|[.,]\d|\s?-?(?:{_UNIT})(?!\w))",
    re.IGNORECASE,
)
_RUN = re.compile(rf"\d+|\.\d+|[{_VULGAR}]")
_MANY = re.compile(r"\d\s?[x×*]|[x×*]\s?\d", re.IGNORECASE)
_MAY_SPAN = re.compile(
    r"\d\D{0,8}(?:[-–—]|\s(?:to|bis|à|a)\s)\s?[\d.½¼¾⅓⅔]", re.IGNORECASE
)
_WIDEST = 5.0
"""Amounts of which one is more than so many times the other are no range.

``2-16 oz`` is two of them.
"""
_SMALL = frozenset(("ml", "g", "mg", "mm", "mah", "w", "gramm", "milliliter"))
"""Units of which nobody sells 1.000 and means one."""
_NO_UNIT = re.compile(
    r"3M|[345]G|\d+[ -]?in(?=[ -]?\d|\s(?:one|the|an?|my|colou?r|size)\b)"
)
"""The brand 3M, networks, ``2-in-1``: a number and letters that are no quantity."""
_PLAIN = re.compile(
    r"(?<![\w.])(\d{1,3}) ?[x×] ?(\d{1,3})(?![\w.])(?! ?[x×])", re.IGNORECASE
)
"""``16 x 16``: two sides without a unit."""
_NAMES_ONLY = frozenset(["battery"])
_WAIST = re.compile(r"(?<!\w)(\d{2})W ?x ?(\d{2})L\b")

Found = Iterator[tuple[str, int, int]]


def _number(text: str, unit: str = "") -> float:
    """An amount, with fractions, decimal commas and thousands' marks.

    Example:
        >>> [_number(t) for t in ("1-1/2", "1 ½", "3⁄4", "0,5", "0,330", "1,000", "1.250,5")]
        [1.5, 1.5, 0.75, 0.5, 0.33, 1000.0, 1250.5]
        >>> _number("1.000", "ml"), _number("1.500", "l")
        (1000.0, 1.5)
    """
    text = text.replace("⁄", "/")
    if text[-1] in _VULGAR:
        whole = float(text[:-1].rstrip(" -") or 0)
        return whole + unicodedata.numeric(text[-1])

    if "/" in text:
        *before, fraction = re.split(r"[ -]", text)
        top, bottom = fraction.split("/")
        whole = float(before[0]) if before else 0.0
        return whole + float(top) / (float(bottom) or 1.0)

    # Points between thousands: 1.250,5; and 1.000 ml, for nobody sells one millilitre so.
    text = re.sub(r"['’\u00a0\u202f ]", "", text)
    german = re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?", text)
    if german and ("," in text or (unit in _SMALL and not text.startswith("0"))):
        digits = text.replace(".", "")
        return float(digits.replace(",", "."))

    # A comma before one or two digits, or after a single zero, is decimal: 0,5 and 0,330.
    if re.fullmatch(r"\d+,\d{1,2}|0,\d{3}", text):
        return float(text.replace(",", "."))
    return float(text.replace(",", ""))


class Times(NamedTuple):
    """``6 x 330 ml``: how often, where that stands, and the value of one."""

    number: int
    start: int
    end: int
    size: str


@lru_cache(maxsize=64)
def number_starts(text: str) -> tuple[int, ...]:
    """Where numbers may begin: most characters of a text begin none."""
    return tuple(m.start() for m in _RUN.finditer(text))


@lru_cache(maxsize=64)
def has_times(text: str) -> bool:
    """Whether an ``x`` stands beside a number."""
    return _MANY.search(text) is not None


def matches_at(
    pattern: re.Pattern[str], text: str, starts: Iterable[int]
) -> Iterator[re.Match[str]]:
    """As ``pattern.finditer``, tried at those places alone.

    Args:
        pattern: what is sought.
        text: where.
        starts: places where a match may begin, in order.
    """
    end = 0
    for at in starts:
        m = pattern.match(text, at) if at >= end else None
        if m:
            end = m.end()
            yield m


@lru_cache(maxsize=64)
def find_multipacks(text: str) -> tuple[Times, ...]:
    """Amounts that are sold several times; sizes and packs both ask for the same text.

    Example:
        >>> text = "6 x 330ml, 0,5 l x 4, 16 x 16, 8 x 10 cm"
        >>> [(times.number, times.size) for times in find_multipacks(text)]
        [(6, 'volume:330'), (4, 'volume:500')]
    """
    if not has_times(text):
        return ()
    starts = number_starts(text)

    found: list[Times] = []
    for match in matches_at(_TIMES, text, starts):
        size = _canonical(match[2], match[3])
        found.append(Times(int(match[1]), *match.span(), size))

    taken = [(times.start, times.end) for times in found]
    for match in matches_at(_TIMES_AFTER, text, starts):
        if within(match.start(), taken):
            continue
        size = _canonical(match[1], match[2])
        found.append(Times(int(match[4]), match.start(3), match.end(), size))

    return tuple(times for times in found if times.number > 0)


def _canonical(number: str, unit: str) -> str:
    unit = unit.casefold()
    dimension, factor = UNITS[unit]
    return f"{dimension}:{_number(number, unit) * factor:.6g}"


def find_sizes(text: str) -> Found:
    """Every size as (canonical value, start, end).

    Hidden characters are not read (:func:`visible`).
    """
    text = visible(text)
    starts = number_starts(text)
    taken: list[tuple[int, int]] = []
    numbered = list(NAMED["number"].finditer(text)) if starts else []
    if starts:
        yield from _find_amounts(text, starts, taken, numbered)
    yield from find_named(text, taken, numbered)


def _find_amounts(
    text: str,
    starts: tuple[int, ...],
    taken: list[tuple[int, int]],
    numbered: list[re.Match[str]],
) -> Found:
    """Numbers with units, and sides without one; what they take is added to ``taken``."""
    taken += [m.span() for m in _NO_UNIT.finditer(text)]
    many = has_times(text)
    if many:
        for match in (*_WAIST.finditer(text), *_PLAIN.finditer(text)):
            if match.re is _PLAIN and _SIDE.match(text, match.start()):
                continue
            taken.append(match.span())
            for side in (1, 2):
                yield f"number:{match.group(side)}", *match.span(side)

    taken += [match.span() for match in numbered if not match.group(4)]
    if _MAY_SPAN.search(text):
        yield from _find_ranges(text, starts, taken)

    if many or " by " in text:
        for match in matches_at(_SIDE, text, starts):
            if within(match.start(), taken):
                continue
            number, unit = match.groups()
            dimension, _ = UNITS[unit.casefold()]
            if dimension not in _OFTEN:
                yield _canonical(number, unit), match.start(), match.end()

    whole = {
        _total(times)
        for times in find_multipacks(text)
        if not times.size.startswith("memory")
    }
    for match in matches_at(_SIZE, text, starts):
        if within(match.start(), taken):
            continue
        taken.append(match.span())
        value = _canonical(match.group(1), match.group(2))
        if value not in whole:  # 6 x 330 ml are no bottle of two litres
            yield value, match.start(), match.end()


def _find_ranges(
    text: str, starts: tuple[int, ...], taken: list[tuple[int, int]]
) -> Found:
    for m in matches_at(_SPAN, text, starts):
        unit = m.group(3).casefold()
        dimension, factor = UNITS[unit]
        low, high = (_number(m.group(n), unit) * factor for n in (1, 2))
        trade = m.group(3) in ("M", "W")  # months, and widths of shoes
        if (
            0 < low < high <= _WIDEST * low
            and not trade
            and not within(m.start(), taken)
        ):
            taken.append(m.span())
            yield f"{dimension}:{low:.6g}-{high:.6g}", m.start(), m.end()


def _total(times: Times) -> str:
    dimension, amount = times.size.split(":")
    return f"{dimension}:{times.number * float(amount):.6g}"


def read_sizes(text: str, where: str) -> Iterator[Value]:
    """Every quantity as ``dimension:amount`` in base units, and named sizes as ``kind:name``.

    Args:
        text: where they are sought.
        where: the place that the text is of.

    Example:
        >>> [v.value for v in read_sizes("500ml Bottle, 1-1/2 inch, X-Large, 8 x 10 cm", "title")]
        ['length:80', 'volume:500', 'length:38.1', 'length:100', 'letter:xl']
    """
    return (Value(value, text[a:b], where) for value, a, b in find_sizes(text))


def size_dimension(value: str) -> str:
    """``volume`` of ``volume:500``."""
    return value.split(":", 1)[0]


def same_size(a: str, b: str) -> bool:
    """Equal names, or amounts of one dimension within 3 % (500 ml is sold as 16.9 fl oz).

    Args:
        a: a size as :func:`read_sizes` writes it; a range if it has two amounts.
        b: another; two ranges are the same if they share some amount.

    Example:
        >>> same_size("volume:500", "volume:499.792"), same_size("length:5-7", "length:6")
        (True, True)
        >>> same_size("mass:4.16556e-05", "mass:4e-05"), same_size("mass:4e-05", "mass:1")
        (False, False)
    """
    if a == b:
        return True
    dimension, one = a.split(":", 1)
    of_other, other = b.split(":", 1)
    if dimension != of_other:
        return False
    if dimension in NAMED or dimension in _NAMES_ONLY:
        return False

    # Two ranges share what lies from the higher lower end to the lower upper end.
    low, high = _bounds(one)
    lower, higher = _bounds(other)
    begin, end = max(low, lower), min(high, higher)
    return begin * 0.97 <= end


_RANGE = re.compile(r"(?<=\d)-(?=\d)")
"""Between two amounts; the minus of an exponent (``4e-05``) stands behind its ``e``."""


def _bounds(amount: str) -> tuple[float, float]:
    low, *rest = _RANGE.split(amount, maxsplit=1)
    return float(low), float(rest[0] if rest else low)
