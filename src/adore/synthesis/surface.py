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

    Args:
        new: the words to write.
        old: what stands there: all capitals, a capital first, or small letters; with
            none of these, ``new`` stays as it is.

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
    """The first whole-word ``old`` of ``text`` replaced; ``text`` itself if there is none.

    Args:
        text: a query or a title.
        old: the words to find, in any case; empty: nothing is replaced.
        new: the words to put there, in the case of what was there.
    """
    if not old:
        return text
    return _whole(old).sub(lambda m: like(new, m.group()), text, count=1)


def replace_all(text: str, old: str, new: str) -> str:
    """Every whole-word ``old`` of ``text`` replaced, each in its own case.

    Args:
        text: any text of an item.
        old: the words to find, in any case; empty: nothing is replaced.
        new: the words to put there, in the case of what was there.
    """
    if not old:
        return text
    return _whole(old).sub(lambda m: like(new, m.group()), text)


def insert(query: str, words: str, *, front: bool) -> str:
    """Words put before or after a query, in the query's case.

    Args:
        query: the query before.
        words: what is asked besides.
        front: before the query, else after it.
    """
    if query.islower():
        words = words.lower()
    return f"{words} {query.strip()}" if front else f"{query.strip()} {words}"


def amount(number: float) -> str:
    """A number as a seller writes it: at most three decimals, no trailing zeros."""
    return f"{number:.3f}".rstrip("0").rstrip(".")


def resize(quote: str, value: str) -> str:
    """``value`` written in the unit and form of ``quote``.

    Args:
        quote: a size as a query or an item says it.
        value: another size as ``dimension:base amount`` or ``kind:name``.

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

    after = quote[number.end() :]
    unit = after.strip(" -").rstrip(".").lower()
    known = [
        UNITS[form]
        for form in (unit, unit.removesuffix("s"), unit.removesuffix("es"))
        if form in UNITS
    ]
    if not known or "-" in raw:
        return ""
    dimension, factor = known[0]
    if dimension != kind:
        return ""

    # the rounded amount must be the same to two parts in a thousand
    exact = float(raw)
    neat = round(exact / factor, 2)
    same = abs(neat * factor - exact) <= 0.002 * exact
    if same and 0 < neat < 10_000:
        return f"{amount(neat)}{after}"
    return ""


def in_other_units(quote: str, value: str) -> list[str]:
    """The same amount in other units or with the unit spelled otherwise.

    Args:
        quote: a size as the query says it.
        value: the same size as ``dimension:base amount``.

    Returns:
        Texts that are read as a size again; empty for sizes without an amount.

    Example:
        >>> in_other_units("500ml", "volume:500")
        ['0.5 l', '16.9 fl oz']
    """
    kind, raw = value.split(":", 1)
    number = _NUMBER.match(quote)
    if number is None or kind not in _CANONICAL or "-" in raw:
        return []

    after = quote[number.end() :]
    unit = after.strip(" -").lower()
    texts: list[str] = []
    if unit in _SPELLED:
        texts.append(f"{number.group()} {_SPELLED[unit]}")

    exact = float(raw)
    digits = 3 if kind == "memory" else 1
    for other in _CANONICAL[kind]:
        # the rounded amount must be the same to two parts in a hundred
        factor = UNITS[other][1]
        neat = round(exact / factor, digits)
        same = abs(neat * factor - exact) <= 0.02 * exact
        usual = 0.1 <= neat <= 5_000
        if other != unit and usual and same:
            texts.append(f"{amount(neat)} {other}")

    return [text for text in texts if any(True for _ in read_sizes(text, ""))]
