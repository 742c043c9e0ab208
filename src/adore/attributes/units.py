"""Quantities, packs and named sizes, in one canonical form whatever the seller wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator

from adore.attributes.text import MAX_TEXT
from adore.types import Value

__all__ = ["UNITS", "read_packs", "read_sizes", "same_size", "size_dimension"]

UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("ml", "milliliter", "millilitre"), ("volume", 1.0)),
    **dict.fromkeys(("cl",), ("volume", 10.0)),
    **dict.fromkeys(("l", "liter", "litre", "ltr"), ("volume", 1000.0)),
    **dict.fromkeys(("fl oz", "fl. oz", "fluid ounce", "floz"), ("volume", 29.5735)),
    **dict.fromkeys(("gallon", "gal"), ("volume", 3785.41)),
    **dict.fromkeys(("quart", "qt"), ("volume", 946.353)),
    **dict.fromkeys(("mg", "milligram"), ("mass", 0.001)),
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
"""Unit as written to (dimension, factor to the base unit: ml, g, mm, GB, W, V)."""

_UNIT = "|".join(sorted((re.escape(u) for u in UNITS), key=len, reverse=True))
_NUMBER = r"(\d+[ -]\d+/\d+|\d+/\d+|\d+(?:,\d{3})+|\d*\.\d+|\d+(?:,\d{1,2}(?!\d))?)"
_SIZE = re.compile(rf"(?<![\w/.]){_NUMBER}\s?-?({_UNIT})(?:e?s)?(?![^\W\d_])\.?", re.IGNORECASE)
_PACK = re.compile(
    r"(?<![\w.])(?:(?:pack|set|box|lot|case) of (\d{1,4})|"
    r"(\d{1,4})[ -]?(?:pack|packs|pk|count|ct|pcs|pieces|piece|pc))\b",
    re.IGNORECASE,
)
_NAMED = {
    "bed": ("twin xl", "twin", "full", "queen", "california king", "king"),
    "letter": (
        "xxs",
        "xs",
        "s",
        "m",
        "l",
        "xl",
        "xxl",
        "2xl",
        "xxxl",
        "3xl",
        "4xl",
        "small",
        "medium",
        "large",
        "x-large",
    ),
    "fit": ("plus size", "plus", "petite"),
}
_ALIAS = {"small": "s", "medium": "m", "large": "l", "x-large": "xl", "2xl": "xxl", "3xl": "xxxl", "plus size": "plus"}
_NAME_RE = {
    kind: re.compile(rf"(?<![\w'’-])({'|'.join(sorted(names, key=len, reverse=True))})(?![\w'’-])", re.IGNORECASE)
    for kind, names in _NAMED.items()
}


def _number(text: str) -> float:
    if "/" in text:
        *whole, fraction = re.split(r"[ -]", text)
        top, bottom = fraction.split("/")
        return (float(whole[0]) if whole else 0.0) + float(top) / (float(bottom) or 1.0)
    if re.fullmatch(r"\d+,\d{1,2}", text):
        return float(text.replace(",", "."))
    return float(text.replace(",", ""))


def read_sizes(text: str, where: str) -> Iterator[Value]:
    """Every quantity as ``dimension:amount`` in base units, and named sizes as ``kind:name``.

    Example:
        >>> [v.value for v in read_sizes("500ml Bottle, 1-1/2 inch, Queen", "title")]
        ['volume:500', 'length:38.1', 'bed:queen']
    """
    text, spans = text[:MAX_TEXT], list[tuple[int, int]]()
    for m in _SIZE.finditer(text):
        spans.append(m.span())
        dimension, factor = UNITS[m.group(2).lower()]
        yield Value(f"{dimension}:{_number(m.group(1)) * factor:.6g}", m.group(), where)
    for kind, pattern in _NAME_RE.items():
        for m in pattern.finditer(text):
            unit = any(a <= m.start() < b for a, b in spans)  # the L of 0.5 L
            if not unit and (m.group().isupper() or len(m.group()) > 2):  # a lone "s" or "m" is no size
                name = m.group().lower()
                yield Value(f"{kind}:{_ALIAS.get(name, name)}", m.group(), where)


def read_packs(text: str, where: str) -> Iterator[Value]:
    """How many pieces are sold together.

    Example:
        >>> [v.value for v in read_packs("Cups (Pack of 6), 12-pk", "title")]
        ['6', '12']
    """
    for m in _PACK.finditer(text[:MAX_TEXT]):
        yield Value(str(int(m.group(1) or m.group(2))), m.group(), where)


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
