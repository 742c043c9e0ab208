"""A shop's own fields, whatever they are called.

Kept are the words of their values, so that a query may name one. Fields that the reader knows
by name (colour, material, series, size ...) are not own.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from adore.attributes.language import Language
from adore.attributes.units import UNITS
from adore.text import phrases_up_to, word_stems
from adore.types import Item

__all__ = ["CustomField", "mine_custom_fields", "read_custom_fields", "with_unit"]

_KNOWN_FIELD = re.compile(
    r"colo|material|fabric|compat|fits|series|model|size|volume|capacity|pack|audience|"
    r"gender|brand|title|url|image|"
    r"farbe|couleur|größe|groesse|grösse|taille|talla|tamaño|geschlecht|preis|prix|precio|"
    r"price|rating|(?:^|[^a-z])(?:id|sku|ean|gtin|upc|asin|mpn|isbn|barcode)(?:$|[^a-z])",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?![01]$)[\d.]+")
"""A number that is no flag."""
_PLAIN_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_TRUE = frozenset(("true", "yes", "y", "1"))
_FALSE = frozenset(("false", "no", "0"))
_EMPTY = frozenset(("none", "n/a", "na", "unknown", "other", "-", "null", "nan"))
_FLAG_WORDS = frozenset(("is", "has", "can", "flag"))
_LEAST_PRECISION = 0.5
"""Share of items that have a value, of those and of other titles with its words."""
_LONGEST_PHRASE = 3
"""Stems of a value that a query may name as a whole."""
_STEMS_READ = 8
"""Stems that are read of one value."""


class CustomField(NamedTuple):
    """One value of one of the shop's own fields.

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
    """Yield every value in words of the item's own fields; a flag's value is the flag's name.

    Args:
        item: of the catalogue.
        language: whose names of fields are known, and whose stems the words get.

    Yields:
        The values, in the order of the fields.

    Example:
        >>> from adore.attributes.language_packs import load_language
        >>> item = Item("1", "", attributes={"seal": ["Viton"], "is_sterile": False, "kg": 5})
        >>> [tuple(field) for field in read_custom_fields(item, load_language("en"))]
        [('seal', 'viton', 'Viton', None), ('is_sterile', 'sterile', 'False', False)]
    """
    for field_name, field_value in item.attributes.items():
        if _KNOWN_FIELD.search(field_name) or language.field_names.search(field_name):
            continue
        for value_field, value in _flat_values(field_name, field_value):
            custom_field = _read_value(value_field, value, language)
            if custom_field:
                yield custom_field


def _flat_values(field_name: str, field_value: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of a field; lists, mappings and texts of several values taken apart."""
    if isinstance(field_value, Mapping):
        for inner_name, inner_value in field_value.items():
            yield from _flat_values(f"{field_name}.{inner_name}", inner_value)
    elif isinstance(field_value, list | tuple):
        for inner_value in field_value:
            yield from _flat_values(field_name, inner_value)
    elif isinstance(field_value, str):
        for value_part in re.split(r"[;|/,]", field_value[:300]):
            value_text = value_part.strip()
            if value_text:
                yield field_name, value_text
    elif field_value is not None:
        yield field_name, field_value


def _read_value(field_name: str, value: Any, language: Language) -> CustomField | None:
    """One value as a flag or as a text; None if it is neither."""
    written_value = str(value)
    lower_value = written_value.lower()
    if isinstance(value, bool) or lower_value in _TRUE or lower_value in _FALSE:
        stems = word_stems(_name_of_flag(field_name), language)
        if not stems:
            return None
        is_on = lower_value in _TRUE
        return CustomField(field_name, " ".join(stems), written_value, is_on)

    if not isinstance(value, str) or lower_value in _EMPTY:
        return None
    stems = word_stems(value, language)
    phrase = " ".join(stems[:_STEMS_READ])

    # A number alone is no word that a query would name.
    has_letter = any(map(str.isalpha, phrase))
    if len(phrase) > 2 and has_letter:
        return CustomField(field_name, phrase, value)
    return None


def _name_of_flag(field_name: str) -> str:
    """What a flag states when it is on, by its name: ``sterile`` of ``is_sterile``."""
    name_words = re.sub(r"[_.\W]+", " ", field_name).split()
    stated_words: list[str] = []
    for word in name_words:
        if word.lower() not in _FLAG_WORDS:
            stated_words.append(word)
    return " ".join(stated_words)


_PhraseInField = tuple[str, str]
_MaybeDenied = tuple[str, bool]


@dataclass(slots=True)
class _FieldCounts:
    """How a catalogue uses the values of its own fields.

    Attributes:
        items: (phrase, field) to the items that have it.
        values: field to its values, and whether each is denied.
        other_titles: phrase to the titles that have it, of items whose fields do not.
        numbers: fields with numbers other than 0 and 1.
    """

    items: Counter[_PhraseInField] = field(default_factory=Counter)
    values: dict[str, set[_MaybeDenied]] = field(default_factory=dict)
    other_titles: Counter[str] = field(default_factory=Counter)
    numbers: set[str] = field(default_factory=set)

    def add(self, item: Item, language: Language) -> None:
        """Count one item."""
        for field_name, value in item.attributes.items():
            if _NUMBER.fullmatch(str(value)):
                self.numbers.add(field_name)

        stated_phrases = set[str]()
        for custom_field in set(read_custom_fields(item, language)):
            phrase = custom_field.phrase
            value_field = custom_field.field
            is_denied = custom_field.flag is False
            values = self.values.setdefault(value_field, set())
            values.add((phrase, is_denied))
            if not is_denied:
                self.items[phrase, value_field] += 1
                stated_phrases.add(phrase)

        title_stems = word_stems(item.title, language)
        title_phrases = phrases_up_to(_LONGEST_PHRASE, title_stems)

        # Titles that say it without the field show that the phrase means more than the field.
        self.other_titles.update(title_phrases - stated_phrases)


def mine_custom_fields(
    items: Iterable[Item], language: Language
) -> dict[str, tuple[str, ...]]:
    """Map phrases to the fields whose values they are.

    A phrase of up to three words counts if two items have it in the field, some item has another
    value there, and the titles that use it are mostly of items that have it (*book* in a title
    says little of a field ``is_book``). A field with numbers other than 0 and 1 holds no flags.

    Args:
        items: the catalogue.
        language: of the catalogue.

    Returns:
        Phrases in order, each with its fields in order.
    """
    counts = _FieldCounts()
    for item in items:
        counts.add(item, language)

    fields_of: dict[str, set[str]] = defaultdict(set)
    for (phrase, field_name), item_count in counts.items.items():
        if field_name in counts.numbers or phrase in language.stop:
            continue
        value_count = len(counts.values[field_name])
        has_rivals = item_count > 1 and value_count > 1
        is_short = len(phrase.split()) <= _LONGEST_PHRASE

        # Of the items that have the value or a title with its words, those that have the value.
        with_words = item_count + counts.other_titles[phrase]
        precision = item_count / with_words
        if has_rivals and is_short and precision >= _LEAST_PRECISION:
            fields_of[phrase].add(field_name)

    # In a fixed order: the lexicon's file must not change where nothing else does.
    in_order: dict[str, tuple[str, ...]] = {}
    for phrase in sorted(fields_of):
        fields = sorted(fields_of[phrase])
        in_order[phrase] = tuple(fields)
    return in_order


def with_unit(field_name: str, value: Any) -> str:
    """Write a number with the unit that its field's name ends in, or nothing.

    Args:
        field_name: the field's name.
        value: the field's value; nothing is read of one that is no plain number.

    Returns:
        A text that :func:`adore.attributes.units.read_sizes` reads.

    Example:
        >>> with_unit("rated_volume_ml", 250), with_unit("width (cm)", "12.5")
        ('250 ml', '12.5 cm')
        >>> with_unit("stock", 3)
        ''
    """
    lower_name = field_name.lower()
    name_words = re.split(r"[_\W]+", lower_name.rstrip(")]. "))
    unit = name_words[-1]
    if unit not in UNITS or unit == lower_name:
        return ""

    number_match = _PLAIN_NUMBER.fullmatch(str(value).strip())
    if number_match is None:
        return ""
    return f"{number_match.group()} {unit}"
