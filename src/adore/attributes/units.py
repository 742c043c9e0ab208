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

from adore.attributes.named_sizes import (
    NAMED_SIZES,
    Spans,
    find_named_sizes,
    find_numbered_sizes,
    is_within,
)
from adore.text import TextValue, visible
from adore.types import Value

__all__ = [
    "UNITS",
    "Multipack",
    "find_multipacks",
    "find_sizes",
    "has_times",
    "matches_at",
    "number_starts",
    "read_sizes",
    "same_size",
    "size_dimension",
]

_UNITS_BY_FACTOR = (
    ("volume", 1.0, "ml, milliliter, millilitre"),
    ("volume", 10.0, "cl, centiliter, centilitre"),
    ("volume", 100.0, "dl, deciliter, decilitre"),
    ("volume", 1000.0, "l, liter, litre, ltr, litro"),
    ("volume", 29.5735, "fl oz, fl. oz, fluid ounce, floz"),
    ("volume", 3785.41, "gallon, gal"),
    ("volume", 946.353, "quart, qt"),
    ("mass", 0.001, "mg, milligram"),
    ("mass", 1e-6, "mcg, µg, μg, microgram"),
    ("mass", 1.0, "g, gram, gr, gramm, gramme, gramo"),
    ("mass", 1000.0, "kg, kilo, kilogram, kilogramm, kilogramme, kilogramo"),
    ("mass", 28.3495, "oz, ounce"),
    ("mass", 453.592, "lb, lbs, pound"),
    ("length", 1.0, "mm, millimeter, millimetre"),
    ("length", 10.0, "cm, centimeter, centimetre, zentimeter, centímetro"),
    ("length", 1000.0, "m, meter, metre, mètre, metro"),
    ("length", 25.4, "inch, inches, in, \", ”, ″, '', zoll, pouce, pulgada"),
    ("length", 304.8, "ft, foot, feet"),
    ("memory", 1.0, "gb, gigabyte"),
    ("memory", 1024.0, "tb, terabyte"),
    ("power", 1.0, "w, watt"),
    ("power", 1000.0, "kw, kilowatt"),
    ("voltage", 1.0, "v, volt"),
    ("charge", 1.0, "mah"),
    ("flow", 1.0, "cfm"),
)
"""Dimension, factor to its base unit, and how the unit is written."""


def _dimensions_and_factors() -> dict[str, tuple[str, float]]:
    units: dict[str, tuple[str, float]] = {}
    for dimension, factor, written_units in _UNITS_BY_FACTOR:
        for unit in written_units.split(", "):
            units[unit] = (dimension, factor)
    return units


UNITS: dict[str, tuple[str, float]] = _dimensions_and_factors()
"""Unit, case folded (the patterns take ``ſ`` for s), to dimension and factor to the base unit.

The base units are ml, g, mm, GB, W and V.
"""


def _longest_first(units: Iterable[str]) -> str:
    """An alternation of units."""
    escaped = map(re.escape, units)
    longest_first = sorted(escaped, key=len, reverse=True)
    return "|".join(longest_first)


_UNIT = _longest_first(UNITS)
_PACKED_DIMENSIONS = frozenset(("volume", "mass", "memory"))
_PACKED_UNITS = _longest_first(
    unit for unit in UNITS if UNITS[unit][0] in _PACKED_DIMENSIONS
)
"""Units of what is sold several times; ``6 x`` before others is a side."""
_FRACTIONS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_NUMBER = (
    rf"(?:\d+[ -]\d+[/⁄]\d+|\d+[/⁄]\d+|(?:\d+[ -]?)?[{_FRACTIONS}]|"
    r"\d{1,3}(?:\.\d{3})+,\d{1,2}|\d+(?:,\d{3})+(?:\.\d+)?|"
    r"\d{1,3}(?:['’\u00a0\u202f]\d{3}| 000)+|\d*\.\d+|\d+(?:,\d{1,2}(?!\d))?)"
)
_BY = r"(?:\s?[x×*]\s?|\s+by\s+)"
_BEFORE = r"(?:(?<![\w/⁄.])|(?<=\d[x×*]))"
_AFTER = r"(?:e?s)?(?:(?![^\W\d_])|(?=[x×]\d))\.?"
_SIZE = re.compile(rf"{_BEFORE}({_NUMBER})\s?-?({_UNIT}){_AFTER}", re.IGNORECASE)
_SIDE = re.compile(
    rf"{_BEFORE}({_NUMBER})(?={_BY}(?:{_NUMBER}{_BY})?{_NUMBER}\s?-?({_UNIT}){_AFTER})",
    re.IGNORECASE,
)
_RANGE = re.compile(
    rf"{_BEFORE}({_NUMBER})\s?-?(?:{_UNIT})?\.?(?:\s?[-–—]\s?|\s(?:to|bis|à|a)\s)"
    rf"({_NUMBER})\s?-?({_UNIT}){_AFTER}",
    re.IGNORECASE,
)
"""``5-7 mm``, ``20 cm to 30 cm``."""
_MULTIPACK = re.compile(
    rf"{_BEFORE}(\d{{1,3}})\s?[x×*](?=\s?({_NUMBER})\s?-?({_PACKED_UNITS}){_AFTER})",
    re.IGNORECASE,
)
_MULTIPACK_AFTER = re.compile(
    rf"{_BEFORE}({_NUMBER})\s?-?({_PACKED_UNITS})(?:e?s)?\.?(\s?[x×*]\s?)(\d{{1,3}})"
    rf"(?![\w/⁄]|[.,]\d|\s?-?(?:{_UNIT})(?!\w))",
    re.IGNORECASE,
)
_DIGITS = re.compile(rf"\d+|\.\d+|[{_FRACTIONS}]")
_NEAR_X = re.compile(r"\d\s?[x×*]|[x×*]\s?\d", re.IGNORECASE)
_MAY_BE_RANGE = re.compile(
    r"\d\D{0,8}(?:[-–—]|\s(?:to|bis|à|a)\s)\s?[\d.½¼¾⅓⅔]", re.IGNORECASE
)
_WIDEST_RANGE = 5.0
"""Amounts of which one is more than so many times the other are no range.

``2-16 oz`` is two of them.
"""
_SMALL_UNITS = frozenset(("ml", "g", "mg", "mm", "mah", "w", "gramm", "milliliter"))
"""Units of which nobody sells 1.000 and means one."""
_NO_UNIT = re.compile(
    r"3M|[345]G|\d+[ -]?in(?=[ -]?\d|\s(?:one|the|an?|my|colou?r|size)\b)"
)
"""The brand 3M, networks, ``2-in-1``: a number and letters that are no quantity."""
_BARE_SIDES = re.compile(
    r"(?<![\w.])(\d{1,3}) ?[x×] ?(\d{1,3})(?![\w.])(?! ?[x×])", re.IGNORECASE
)
"""``16 x 16``: two sides without a unit."""
_NAMES_ONLY = frozenset(["battery"])
_WAIST = re.compile(r"(?<!\w)(\d{2})W ?x ?(\d{2})L\b")


_AMOUNT_RANGE = re.compile(r"(?<=\d)-(?=\d)")
"""Between two amounts; the minus of an exponent (``4e-05``) follows its ``e``."""
_TOLERANCE = 0.97
"""Share of an amount that the other must reach: 500 ml is sold as 16.9 fl oz."""


class Multipack(NamedTuple):
    """``6 x 330 ml``: how often, where that stands, and the size of one."""

    number: int
    start: int
    end: int
    size: str


def _amount(text: str, unit: str = "") -> float:
    """An amount, with fractions, decimal commas and thousands' marks.

    Returns:
        The amount in the written unit.

    Example:
        >>> [_amount(t) for t in ("1-1/2", "1 ½", "3⁄4", "0,5", "0,330", "1,000", "1.250,5")]
        [1.5, 1.5, 0.75, 0.5, 0.33, 1000.0, 1250.5]
        >>> _amount("1.000", "ml"), _amount("1.500", "l")
        (1000.0, 1.5)
    """
    text = text.replace("⁄", "/")
    if text[-1] in _FRACTIONS:
        whole_part = float(text[:-1].rstrip(" -") or 0)
        return whole_part + unicodedata.numeric(text[-1])

    if "/" in text:
        *whole_texts, fraction = re.split(r"[ -]", text)
        numerator, denominator = fraction.split("/")
        whole_part = float(whole_texts[0]) if whole_texts else 0.0
        return whole_part + float(numerator) / (float(denominator) or 1.0)

    # Points between thousands: 1.250,5; and 1.000 ml, for nobody sells one millilitre so.
    text = re.sub(r"['’\u00a0\u202f ]", "", text)
    point_thousands = re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?", text)
    is_small = unit in _SMALL_UNITS and not text.startswith("0")
    if point_thousands and ("," in text or is_small):
        digits = text.replace(".", "")
        return float(digits.replace(",", "."))

    # A comma before one or two digits, or after a single zero, is decimal: 0,5 and 0,330.
    if re.fullmatch(r"\d+,\d{1,2}|0,\d{3}", text):
        return float(text.replace(",", "."))
    return float(text.replace(",", ""))


def _size(number: str, unit: str) -> str:
    """A size in its base unit."""
    unit = unit.casefold()
    dimension, factor = UNITS[unit]
    amount = _amount(number, unit) * factor
    return f"{dimension}:{amount:.6g}"


# ------------------------------------------------------------------ numbers in a text


@lru_cache(maxsize=64)
def number_starts(text: str) -> tuple[int, ...]:
    """Find where numbers may begin: most characters of a text begin none."""
    return tuple(number_match.start() for number_match in _DIGITS.finditer(text))


@lru_cache(maxsize=64)
def has_times(text: str) -> bool:
    """Whether an ``x`` stands beside a number."""
    return _NEAR_X.search(text) is not None


def matches_at(
    pattern: re.Pattern[str], text: str, starts: Iterable[int]
) -> Iterator[re.Match[str]]:
    """Match as ``pattern.finditer`` does, but at some places alone.

    Args:
        pattern: what is sought.
        text: where.
        starts: places where a match may begin, in order.

    Yields:
        Matches that do not overlap.
    """
    previous_end = 0
    for number_start in starts:
        if number_start < previous_end:
            continue
        match = pattern.match(text, number_start)
        if match:
            previous_end = match.end()
            yield match


@lru_cache(maxsize=64)
def find_multipacks(text: str) -> tuple[Multipack, ...]:
    """Find amounts that are sold several times; sizes and packs both ask for the same text.

    Returns:
        What stands before the amounts first, then what stands after them.

    Example:
        >>> text = "6 x 330ml, 0,5 l x 4, 16 x 16, 8 x 10 cm"
        >>> [(multipack.number, multipack.size) for multipack in find_multipacks(text)]
        [(6, 'volume:330'), (4, 'volume:500')]
    """
    if not has_times(text):
        return ()
    number_places = number_starts(text)

    multipacks: list[Multipack] = []
    for match in matches_at(_MULTIPACK, text, number_places):
        number, amount, unit = match.groups()
        size = _size(amount, unit)
        start, end = match.span()
        multipacks.append(Multipack(int(number), start, end, size))

    # In 2 x 500 ml x 6 the amount belongs to the number before it.
    taken_spans = [(multipack.start, multipack.end) for multipack in multipacks]
    for match in matches_at(_MULTIPACK_AFTER, text, number_places):
        if is_within(match.start(), taken_spans):
            continue
        amount, unit, _times, number = match.groups()
        size = _size(amount, unit)
        start = match.start(3)
        multipacks.append(Multipack(int(number), start, match.end(), size))

    # Nobody sells 0 x 330 ml.
    return tuple(multipack for multipack in multipacks if multipack.number > 0)


# ------------------------------------------------------------------ sizes in a text


def find_sizes(text: str) -> Iterator[TextValue]:
    """Yield every size of a text.

    Hidden characters are not read (:func:`adore.text.visible`).

    Yields:
        The sizes, kind by kind.
    """
    text = visible(text)
    if not number_starts(text):
        yield from find_named_sizes(text, taken=[], numbered=[])
        return

    numbered = find_numbered_sizes(text)
    taken_spans = [match.span() for match in _NO_UNIT.finditer(text)]
    yield from _find_bare_sides(text, taken_spans)

    # A letter with its number (M (8)) is also read by its letter.
    for match in numbered:
        if not match.group(4):
            taken_spans.append(match.span())
    yield from _find_ranges(text, taken_spans)
    yield from _find_sides(text, taken_spans)
    yield from _find_amounts(text, taken_spans)
    yield from find_named_sizes(text, taken_spans, numbered)


def _find_bare_sides(text: str, taken_spans: Spans) -> Iterator[TextValue]:
    """``31W x 32L``, ``16 x 16``; what they take is added to ``taken``."""
    if not has_times(text):
        return
    for match in (*_WAIST.finditer(text), *_BARE_SIDES.finditer(text)):
        # Sides with a unit are lengths, which are read later.
        if match.re is _BARE_SIDES and _SIDE.match(text, match.start()):
            continue
        taken_spans.append(match.span())
        for side in (1, 2):
            start, end = match.span(side)
            yield TextValue(f"number:{match.group(side)}", start, end)


def _find_ranges(text: str, taken_spans: Spans) -> Iterator[TextValue]:
    """``5-7 mm``; what they take is added to ``taken``."""
    if not _MAY_BE_RANGE.search(text):
        return
    for match in matches_at(_RANGE, text, number_starts(text)):
        first_number, second_number, written_unit = match.groups()
        unit = written_unit.casefold()
        dimension, factor = UNITS[unit]
        lowest = _amount(first_number, unit) * factor
        highest = _amount(second_number, unit) * factor
        is_range = 0 < lowest < highest <= _WIDEST_RANGE * lowest

        # Capital letters of the trade: months, and widths of shoes.
        is_of_trade = written_unit in ("M", "W")
        if not is_range or is_of_trade or is_within(match.start(), taken_spans):
            continue
        taken_spans.append(match.span())
        size = f"{dimension}:{lowest:.6g}-{highest:.6g}"
        yield TextValue(size, match.start(), match.end())


def _find_sides(text: str, taken_spans: Spans) -> Iterator[TextValue]:
    """The first sides of ``8 x 10 cm``, which have the unit of the last."""
    if not has_times(text) and " by " not in text:
        return
    for side_match in matches_at(_SIDE, text, number_starts(text)):
        if is_within(side_match.start(), taken_spans):
            continue
        number, unit = side_match.groups()
        dimension, _factor = UNITS[unit.casefold()]

        # 6 x 330 ml are six bottles, no side of six millilitres.
        if dimension not in _PACKED_DIMENSIONS:
            size = _size(number, unit)
            yield TextValue(size, side_match.start(), side_match.end())


def _find_amounts(text: str, taken_spans: Spans) -> Iterator[TextValue]:
    """Numbers with units; what they take is added to ``taken``."""
    total_sizes = set[str]()
    for multipack in find_multipacks(text):
        # 2 x 8 GB are sold and asked for as 16 GB.
        if not multipack.size.startswith("memory"):
            total_sizes.add(_total(multipack))

    for size_match in matches_at(_SIZE, text, number_starts(text)):
        if is_within(size_match.start(), taken_spans):
            continue
        taken_spans.append(size_match.span())
        number, unit = size_match.groups()
        size = _size(number, unit)

        # 6 x 330 ml are no bottle of two litres.
        if size not in total_sizes:
            yield TextValue(size, size_match.start(), size_match.end())


def _total(multipack: Multipack) -> str:
    """The size of all pieces together."""
    dimension, amount = multipack.size.split(":")
    total = multipack.number * float(amount)
    return f"{dimension}:{total:.6g}"


def read_sizes(text: str, where: str) -> Iterator[Value]:
    """Yield quantities as ``dimension:amount`` in base units, and named sizes as ``kind:name``.

    Args:
        text: that may have some.
        where: the place that the text is of.

    Yields:
        The sizes, kind by kind.

    Example:
        >>> text = "500ml Bottle, 1-1/2 inch, X-Large, 8 x 10 cm"
        >>> [size.value for size in read_sizes(text, "title")]
        ['length:80', 'volume:500', 'length:38.1', 'length:100', 'letter:xl']
    """
    for size, start, end in find_sizes(text):
        yield Value(size, text[start:end], where)


# ------------------------------------------------------------------ comparing


def size_dimension(value: str) -> str:
    """Return ``volume`` of ``volume:500``."""
    return value.split(":", 1)[0]


def same_size(first: str, second: str) -> bool:
    """Whether names are equal, or amounts of one dimension are within 3 %.

    Args:
        first: a size as :func:`read_sizes` writes it; a range if it has two amounts.
        second: another; two ranges are the same if they share some amount.

    Returns:
        False for sizes of two dimensions, and for different names.

    Example:
        >>> same_size("volume:500", "volume:499.792"), same_size("length:5-7", "length:6")
        (True, True)
        >>> same_size("mass:4.16556e-05", "mass:4e-05"), same_size("mass:4e-05", "mass:1")
        (False, False)
    """
    if first == second:
        return True
    dimension, first_amount = first.split(":", 1)
    other_dimension, second_amount = second.split(":", 1)
    if dimension != other_dimension:
        return False
    if dimension in NAMED_SIZES or dimension in _NAMES_ONLY:
        return False

    # Two ranges share what lies from the higher lower end to the lower upper end.
    first_low, first_high = _ends(first_amount)
    second_low, second_high = _ends(second_amount)
    common_low = max(first_low, second_low)
    common_high = min(first_high, second_high)
    return common_low * _TOLERANCE <= common_high


def _ends(amount: str) -> tuple[float, float]:
    """The ends of a range; of a single amount twice that."""
    amounts = _AMOUNT_RANGE.split(amount, maxsplit=1)
    return float(amounts[0]), float(amounts[-1])
