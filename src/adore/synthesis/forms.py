"""Puts new words into old text in the old text's form: case, spelling of numbers, units."""

from __future__ import annotations

import re

from adore.attributes.units import UNITS, read_sizes

__all__ = [
    "amount",
    "in_other_units",
    "insert",
    "like",
    "replace_all",
    "resize",
    "swap",
]

_NUMBER = re.compile(r"[\d.,/ -]*\d")
_CANONICAL = {
    "volume": ("ml", "l", "fl oz"),
    "mass": ("g", "kg", "lb", "oz"),
    "length": ("mm", "cm", "inch", "ft"),
    "memory": ("gb", "tb"),
}
_SPELLED = {
    "oz": "ounce",
    "ounce": "oz",
    "inch": "in",
    "inches": "inch",
    "lb": "pound",
    "gallon": "gal",
    "ft": "feet",
}


def like(new: str, old: str) -> str:
    """``new`` in the case of ``old``.

    Example:
        >>> like("navy", "RED"), like("navy blue", "Red"), like("Sony", "nike")
        ('NAVY', 'Navy Blue', 'sony')
    """
    if len(old) > 1 and old.isupper():
        return new.upper()
    if old[:1].isupper():
        return re.sub(r"\b[^\W\d_]", lambda m: m.group().upper(), new)
    return new.lower() if old.islower() else new


def _whole(old: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(old)}(?!\w)", re.IGNORECASE)


def swap(text: str, old: str, new: str) -> str:
    """The first whole-word ``old`` of ``text`` replaced; ``text`` itself if there is none."""
    return (
        _whole(old).sub(lambda m: like(new, m.group()), text, count=1) if old else text
    )


def replace_all(text: str, old: str, new: str) -> str:
    """Every whole-word ``old`` of ``text`` replaced, each in its own case."""
    return _whole(old).sub(lambda m: like(new, m.group()), text) if old else text


def insert(query: str, words: str, *, front: bool) -> str:
    """Words put before or after a query, in the query's case."""
    words = words.lower() if query.islower() else words
    return f"{words} {query.strip()}" if front else f"{query.strip()} {words}"


def amount(number: float) -> str:
    """A number as a seller writes it: at most three decimals, no trailing zeros."""
    return f"{number:.3f}".rstrip("0").rstrip(".")


def resize(quote: str, value: str) -> str:
    """``value`` (``dimension:base amount`` or ``kind:name``) written in the unit and form of ``quote``.

    Returns:
        ``""`` if the amount is not a neat one in that unit.

    Example:
        >>> resize("500ml", "volume:750"), resize("Queen", "bed:king"), resize("1 l", "volume:333")
        ('750ml', 'King', '')
    """
    kind, raw = value.split(":", 1)
    number = _NUMBER.match(quote)
    if number is None:
        return like(raw, quote)
    unit = quote[number.end() :].strip(" -").rstrip(".").lower()
    factor = next(
        (
            UNITS[u]
            for u in (unit, unit.removesuffix("s"), unit.removesuffix("es"))
            if u in UNITS
        ),
        None,
    )
    if factor is None or factor[0] != kind or "-" in raw:
        return ""
    neat = round(float(raw) / factor[1], 2)
    same = abs(neat * factor[1] - float(raw)) <= 0.002 * float(raw)
    return (
        f"{amount(neat)}{quote[number.end() :]}" if same and 0 < neat < 10_000 else ""
    )


def in_other_units(quote: str, value: str) -> list[str]:
    """The same amount in other units or with the unit spelled otherwise.

    Example:
        >>> in_other_units("500ml", "volume:500")
        ['0.5 l', '16.9 fl oz']
    """
    kind, raw = value.split(":", 1)
    number = _NUMBER.match(quote)
    if number is None or kind not in _CANONICAL or "-" in raw:
        return []
    unit = quote[number.end() :].strip(" -").lower()
    texts = [f"{number.group()} {_SPELLED[unit]}"] if unit in _SPELLED else []
    for other in _CANONICAL[kind]:
        neat = round(float(raw) / UNITS[other][1], 1 if kind != "memory" else 3)
        if (
            other != unit
            and 0.1 <= neat <= 5_000
            and abs(neat * UNITS[other][1] - float(raw)) <= 0.02 * float(raw)
        ):
            texts.append(f"{amount(neat)} {other}")
    return [t for t in texts if any(True for _ in read_sizes(t, ""))]
