"""Writes new words in the form of the old ones: case, spelling of numbers, units."""

from __future__ import annotations

import re

from adore.attributes.units import UNITS, read_sizes

__all__ = [
    "format_number",
    "in_other_units",
    "insert",
    "match_case",
    "replace_all",
    "resize",
    "swap",
]

_FIRST_LETTER = re.compile(r"\b[^\W\d_]")
_NUMBER = re.compile(r"[\d.,/ -]*\d")
_USUAL_UNITS = {
    "volume": ("ml", "l", "fl oz"),
    "mass": ("g", "kg", "lb", "oz"),
    "length": ("mm", "cm", "inch", "ft"),
    "memory": ("gb", "tb"),
}
_OTHER_SPELLING = {
    "oz": "ounce",
    "ounce": "oz",
    "inch": "in",
    "inches": "inch",
    "lb": "pound",
    "gallon": "gal",
    "ft": "feet",
}


def match_case(new: str, old: str) -> str:
    """Write ``new`` in the case of ``old``.

    Args:
        new: the words to write.
        old: the words in whose place they go: all capitals, a capital first, or small
            letters. Without any of these, ``new`` stays as it is.

    Returns:
        The new words.

    Example:
        >>> match_case("navy", "RED"), match_case("navy blue", "Red"), match_case("Sony", "nike")
        ('NAVY', 'Navy Blue', 'sony')
    """
    if len(old) > 1 and old.isupper():
        return new.upper()
    if old[:1].isupper():
        return _FIRST_LETTER.sub(_in_capitals, new)
    if old.islower():
        return new.lower()
    return new


def _in_capitals(match: re.Match[str]) -> str:
    """What was matched, in capitals."""
    return match.group().upper()


def _whole_words(words: str) -> re.Pattern[str]:
    """A pattern for the words, in any case, that are no part of longer words."""
    escaped = re.escape(words)
    return re.compile(rf"(?<!\w){escaped}(?!\w)", re.IGNORECASE)


def _replace(text: str, old: str, new: str, *, count: int) -> str:
    """Replace the first ``count`` whole words ``old``; 0 means all."""
    if not old:
        return text
    pattern = _whole_words(old)
    return pattern.sub(lambda match: match_case(new, match.group()), text, count=count)


def swap(text: str, old: str, new: str) -> str:
    """Replace the first whole-word ``old`` of a text; without one, return the text itself.

    Args:
        text: a query or a title.
        old: the words to replace, in any case. Nothing is replaced if it is empty.
        new: the words to write, in the case of the old ones.

    Returns:
        The new text.
    """
    return _replace(text, old, new, count=1)


def replace_all(text: str, old: str, new: str) -> str:
    """Replace every whole-word ``old`` of a text, each in its own case.

    Args:
        text: any text of an item.
        old: the words to replace, in any case. Nothing is replaced if it is empty.
        new: the words to write, in the case of the old ones.

    Returns:
        The new text.
    """
    return _replace(text, old, new, count=0)


def insert(query: str, words: str, *, front: bool) -> str:
    """Put words before or after a query, in the query's case.

    Args:
        query: the query before.
        words: what is asked for besides.
        front: before the query, else after it.

    Returns:
        The new query.
    """
    if query.islower():
        words = words.lower()
    if front:
        return f"{words} {query.strip()}"
    return f"{query.strip()} {words}"


def format_number(number: float) -> str:
    """A number as a seller writes it: at most three decimals, no trailing zeros."""
    fixed = f"{number:.3f}"
    return fixed.rstrip("0").rstrip(".")


def resize(quote: str, value: str) -> str:
    """Write ``value`` in the unit and form of ``quote``.

    Args:
        quote: a size as a query or an item writes it.
        value: another size as ``dimension:base amount`` or ``kind:name``.

    Returns:
        ``""`` if the amount is not a neat one in that unit.

    Example:
        >>> resize("500ml", "volume:750"), resize("Queen", "bed:king"), resize("1 l", "volume:333")
        ('750ml', 'King', '')
    """
    dimension_asked, amount = value.split(":", 1)
    number = _NUMBER.match(quote)
    if number is None:
        return match_case(amount, quote)

    after_number = quote[number.end() :]
    unit = _known_unit(after_number)
    if not unit or "-" in amount:
        return ""
    dimension, factor = UNITS[unit]
    if dimension != dimension_asked:
        return ""

    # the rounded amount must be the same to two parts in a thousand
    exact = float(amount)
    rounded = round(exact / factor, 2)
    difference = abs(rounded * factor - exact)
    is_close = difference <= 0.002 * exact
    if is_close and 0 < rounded < 10_000:
        return format_number(rounded) + after_number
    return ""


def _known_unit(text: str) -> str:
    """The unit that a text writes, perhaps in the plural; empty if it writes none."""
    unit = text.strip(" -").rstrip(".").lower()
    singular = unit.removesuffix("s")
    other_singular = unit.removesuffix("es")
    for form in (unit, singular, other_singular):
        if form in UNITS:
            return form
    return ""


def in_other_units(quote: str, value: str) -> list[str]:
    """Write the same amount in other units, or with another spelling of the unit.

    Args:
        quote: a size as the query writes it.
        value: the same size as ``dimension:base amount``.

    Returns:
        Texts that are read as a size again; empty for sizes without an amount.

    Example:
        >>> in_other_units("500ml", "volume:500")
        ['0.5 l', '16.9 fl oz']
    """
    kind, amount = value.split(":", 1)
    number = _NUMBER.match(quote)
    if number is None or kind not in _USUAL_UNITS or "-" in amount:
        return []

    after_number = quote[number.end() :]
    unit = after_number.strip(" -").lower()
    size_texts: list[str] = []
    if unit in _OTHER_SPELLING:
        spelling = _OTHER_SPELLING[unit]
        number_text = number.group()
        size_texts.append(f"{number_text} {spelling}")

    # sizes of memory need more digits: 512 GB is 0.5 TB, 500 GB is 0.488 TB
    exact = float(amount)
    digits = 1
    if kind == "memory":
        digits = 3
    for other_unit in _USUAL_UNITS[kind]:
        _, factor = UNITS[other_unit]
        rounded = round(exact / factor, digits)

        # the rounded amount must be the same to two parts in a hundred
        difference = abs(rounded * factor - exact)
        is_close = difference <= 0.02 * exact
        is_usual = 0.1 <= rounded <= 5_000
        if other_unit != unit and is_usual and is_close:
            number_text = format_number(rounded)
            size_texts.append(f"{number_text} {other_unit}")

    return [text for text in size_texts if _is_size(text)]


def _is_size(text: str) -> bool:
    """Whether a text is read as a size."""
    for _ in read_sizes(text, ""):
        return True
    return False
