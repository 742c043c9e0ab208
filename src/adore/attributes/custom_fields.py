"""A shop's own fields, whatever they are called.

Kept are the words of their values, so that a query may name one. Fields that the reader knows
by name (colour, material, series, size ...) are not own.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from adore.attributes.language import Language
from adore.attributes.units import UNITS
from adore.text import word_stems
from adore.types import Item

__all__ = ["CustomField", "mine_custom_fields", "read_custom_fields", "with_unit"]

_KNOWN = re.compile(
    r"colo|material|fabric|compat|fits|series|model|size|volume|capacity|pack|audience|"
    r"gender|brand|title|url|image|"
    r"farbe|couleur|größe|groesse|grösse|taille|talla|tamaño|geschlecht|preis|prix|precio|"
    r"price|rating|(?:^|[^a-z])(?:id|sku|ean|gtin|upc|asin|mpn|isbn|barcode)(?:$|[^a-z])",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?![01]$)[\d.]+")
"""A number that is no flag."""
_TRUE, _FALSE = frozenset(("true", "yes", "y", "1")), frozenset(("false", "no", "0"))
_EMPTY = frozenset(("none", "n/a", "na", "unknown", "other", "-", "null", "nan"))
_ASKS = frozenset(("is", "has", "can", "flag"))
_FOLLOWED = 0.5
_LONGEST = 3
"""Stems of a value that a query may name as a whole."""
_READ = 8
"""Stems that are read of one value."""


class CustomField(NamedTuple):
    """One value of one own field.

    Attributes:
        field: its name; with points where the field has fields of its own.
        phrase: the value's stems; of a flag, its name's.
        quote: the value as it is written.
        flag: of a flag, whether it is on; None for a text.
    """

    field: str
    phrase: str
    quote: str
    flag: bool | None = None


def read_custom_fields(item: Item, language: Language) -> Iterator[CustomField]:
    """Every value in words of the item's own fields; a flag's value is the flag's name.

    Args:
        item: of the catalogue.
        language: whose names of fields are known, and whose stems the words get.

    Example:
        >>> from adore.attributes.language_packs import load_language
        >>> item = Item("1", "", attributes={"seal": ["Viton"], "is_sterile": False, "kg": 5})
        >>> [tuple(o) for o in read_custom_fields(item, load_language("en"))]
        [('seal', 'viton', 'Viton', None), ('is_sterile', 'sterile', 'False', False)]
    """
    for key, raw in item.attributes.items():
        if _KNOWN.search(key) or language.field_names.search(key):
            continue
        for field, value in _flat(key, raw):
            yield from _one(field, value, language)


def _flat(key: str, raw: Any) -> Iterator[tuple[str, Any]]:
    """Lists and mappings taken apart; a text of several values too."""
    if isinstance(raw, Mapping):
        for name, value in raw.items():
            yield from _flat(f"{key}.{name}", value)
    elif isinstance(raw, list | tuple):
        for value in raw:
            yield from _flat(key, value)
    elif isinstance(raw, str):
        yield from (
            (key, part.strip())
            for part in re.split(r"[;|/,]", raw[:300])
            if part.strip()
        )
    elif raw is not None:
        yield key, raw


def _one(field: str, value: Any, language: Language) -> Iterator[CustomField]:
    """One value as a flag or as a text, or nothing if it is neither."""
    low = str(value).lower()
    if isinstance(value, bool) or low in _TRUE | _FALSE:
        stems = word_stems(_said_by(field), language)
        phrase = " ".join(stems)
        if phrase:
            yield CustomField(field, phrase, str(value), low in _TRUE)
    elif isinstance(value, str) and low not in _EMPTY:
        stems = word_stems(value, language)[:_READ]
        phrase = " ".join(stems)
        if len(phrase) > 2 and any(letter.isalpha() for letter in phrase):
            yield CustomField(field, phrase, value)


def _said_by(field: str) -> str:
    """What a flag says when it is on, by its name: ``sterile`` of ``is_sterile``."""
    parts = re.sub(r"[_.\W]+", " ", field).split()
    return " ".join(part for part in parts if part.lower() not in _ASKS)


def mine_custom_fields(
    items: Iterable[Item], language: Language
) -> dict[str, tuple[str, ...]]:
    """Phrase to the fields whose value it is.

    A phrase of up to three words counts if two items have it in the field, some item has another
    value there, and the titles that use it are mostly of items that have it (*book* in a title
    says little of a field ``is_book``). A field with numbers other than 0 and 1 holds no flags.

    Args:
        items: the catalogue.
        language: of the catalogue.
    """
    having = Counter[tuple[str, str]]()
    values: dict[str, set[tuple[str, bool]]] = defaultdict(set)
    titles = Counter[str]()
    numbers = set[str]()
    for item in items:
        for key, value in item.attributes.items():
            if _NUMBER.fullmatch(str(value)):
                numbers.add(key)

        said = set[str]()
        for own in set(read_custom_fields(item, language)):
            denied = own.flag is False
            values[own.field].add((own.phrase, denied))
            if not denied:
                place = (own.phrase, own.field)
                having[place] += 1
                said.add(own.phrase)

        grams = _grams(word_stems(item.title, language))
        titles.update(grams - said)

    found: dict[str, set[str]] = defaultdict(set)
    for (phrase, field), count in having.items():
        if field in numbers or phrase in language.stop:
            continue
        several = count > 1 and len(values[field]) > 1
        short = len(phrase.split()) <= _LONGEST

        # Of the items that have the value or a title with its words, those that have the value.
        followed = count / (count + titles[phrase])
        if several and short and followed >= _FOLLOWED:
            found[phrase].add(field)
    return {phrase: tuple(sorted(fields)) for phrase, fields in sorted(found.items())}


def _grams(stems: list[str]) -> set[str]:
    return {
        " ".join(stems[a : a + n])
        for n in range(1, _LONGEST + 1)
        for a in range(len(stems) - n + 1)
    }


def with_unit(key: str, value: Any) -> str:
    """A number with the unit that its field's name ends in, or nothing.

    Args:
        key: the field's name.
        value: the field's value; nothing is read of one that is no plain number.

    Example:
        >>> with_unit("rated_volume_ml", 250), with_unit("width (cm)", "12.5")
        ('250 ml', '12.5 cm')
        >>> with_unit("stock", 3)
        ''
    """
    unit = re.split(r"[_\W]+", key.rstrip(")]. ").lower())[-1]
    number = re.fullmatch(r"\d+(?:\.\d+)?", str(value).strip())
    return (
        f"{number.group()} {unit}"
        if number and unit in UNITS and unit != key.lower()
        else ""
    )
