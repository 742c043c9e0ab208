"""A shop's own fields, whatever they are called: the words of their values, so that a query may name one.

Fields that the reader knows by name (colour, material, series, size ...) are not own.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from adore.attributes.language import Language
from adore.attributes.text import words
from adore.attributes.units import UNITS
from adore.types import Item

__all__ = ["Own", "mine_own", "own_fields", "with_unit"]

_KNOWN = re.compile(
    r"colo|material|fabric|compat|fits|series|model|size|volume|capacity|pack|audience|gender|brand|title|url|image|"
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


class Own(NamedTuple):
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


def own_fields(item: Item, language: Language) -> Iterator[Own]:
    """Every value in words of the item's own fields; a flag's value is the flag's name.

    Example:
        >>> from adore.attributes.language_packs import load_language
        >>> item = Item("1", "", attributes={"seal": ["Viton"], "is_sterile": False, "kg": 5})
        >>> [tuple(o) for o in own_fields(item, load_language("en"))]
        [('seal', 'viton', 'Viton', None), ('is_sterile', 'sterile', 'False', False)]
    """
    for key, raw in item.attributes.items():
        if not _KNOWN.search(key) and not language.field_names.search(key):
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


def _one(field: str, value: Any, language: Language) -> Iterator[Own]:
    low = str(value).lower()
    if isinstance(value, bool) or low in _TRUE | _FALSE:
        name = " ".join(
            w for w in re.sub(r"[_.\W]+", " ", field).split() if w.lower() not in _ASKS
        )
        phrase = " ".join(words(name, language))
        if phrase:
            yield Own(field, phrase, str(value), low in _TRUE)
    elif isinstance(value, str) and low not in _EMPTY:
        phrase = " ".join(words(value, language)[:_READ])
        if len(phrase) > 2 and any(c.isalpha() for c in phrase):
            yield Own(field, phrase, value)


def mine_own(items: Iterable[Item], language: Language) -> dict[str, tuple[str, ...]]:
    """Phrase to the fields whose value it is.

    A phrase of up to three words counts if two items have it in the field, some item has another value there, and the
    titles that use it are mostly of items that have it (*book* in a title says little of a field ``is_book``). A field
    with numbers other than 0 and 1 holds no flags.
    """
    having = Counter[tuple[str, str]]()
    values: dict[str, set[tuple[str, bool]]] = defaultdict(set)
    titles, numbers = Counter[str](), set[str]()
    for item in items:
        numbers |= {
            key
            for key, value in item.attributes.items()
            if _NUMBER.fullmatch(str(value))
        }
        own = list(own_fields(item, language))
        said = {o.phrase for o in own if o.flag is not False}
        having.update((o.phrase, o.field) for o in set(own) if o.flag is not False)
        for o in own:
            values[o.field].add((o.phrase, o.flag is False))
        titles.update(_grams(words(item.title, language)) - said)
    found: dict[str, set[str]] = defaultdict(set)
    for (phrase, field), n in having.items():
        several = n > 1 and len(values[field]) > 1 and len(phrase.split()) <= _LONGEST
        if (
            several
            and field not in numbers
            and phrase not in language.stop
            and n / (n + titles[phrase]) >= _FOLLOWED
        ):
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

    Example:
        >>> with_unit("rated_volume_ml", 250), with_unit("width (cm)", "12.5"), with_unit("stock", 3)
        ('250 ml', '12.5 cm', '')
    """
    unit = re.split(r"[_\W]+", key.rstrip(")]. ").lower())[-1]
    number = re.fullmatch(r"\d+(?:\.\d+)?", str(value).strip())
    return (
        f"{number.group()} {unit}"
        if number and unit in UNITS and unit != key.lower()
        else ""
    )
