"""The records that packages exchange: frozen dataclasses without heavy imports."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, TypeVar

__all__ = [
    "ATTRIBUTES",
    "CHAMPION",
    "GAINS",
    "JUDGED_EXACT",
    "JUDGED_STRICTLY",
    "LABELS",
    "NO_WORDS",
    "PAIR",
    "STATES",
    "Evidence",
    "Grade",
    "Item",
    "ItemTerms",
    "Query",
    "Reading",
    "Relation",
    "Score",
    "SignKind",
    "State",
    "Value",
    "WordIndex",
    "by_letter",
    "item_from_row",
    "items_by_id",
]

T = TypeVar("T")

PAIR = ["query_id", "item_id"]
"""Columns that together name one pair, in the order of every join."""

CHAMPION = "champion"
"""The ranker in production, where it is one of the systems that are scored."""

State = Literal["match", "conflict", "unknown"]
STATES: tuple[State, ...] = ("match", "conflict", "unknown")
"""What an item can say of an attribute that a query asks for; heads and features use this order."""

ATTRIBUTES: dict[str, int] = {
    "product_type": 1,
    "brand": 2,
    "model": 2,
    "compatibility": 2,
    "audience": 2,
    "exclusion": 2,
    "colour": 3,
    "size": 3,
    "material": 3,
    "pack": 3,
    "feature": 3,
}
"""Key attributes and their level (1 weighs most). ``exclusion`` is what a query asks *not* to get;
``feature`` is any other content word of the query."""


class Grade(IntEnum):
    """Relevance of an item to a query, ESCI's four grades."""

    IRRELEVANT = 0
    COMPLEMENT = 1
    SUBSTITUTE = 2
    EXACT = 3

    @property
    def letter(self) -> str:
        """One of ``I C S E``."""
        return "ICSE"[self]


LABELS: dict[str, Grade] = {grade.letter: grade for grade in Grade}
GAINS: dict[Grade, float] = {
    Grade.EXACT: 1.0,
    Grade.SUBSTITUTE: 0.1,
    Grade.COMPLEMENT: 0.01,
    Grade.IRRELEVANT: 0.0,
}
"""ESCI's nDCG gains. Source: Reddy et al. 2022, arXiv 2206.06588, section 5."""


def by_letter(values: Sequence[T]) -> dict[str, T]:
    """Name one value per grade by the grade's letter.

    Args:
        values: indexed by grade value. Shape [4].

    Returns:
        Value by letter.

    Example:
        >>> by_letter([0.1, 0.2, 0.3, 0.4])
        {'I': 0.1, 'C': 0.2, 'S': 0.3, 'E': 0.4}
    """
    return {grade.letter: values[grade] for grade in Grade}


JUDGED_EXACT = "judged exact"
JUDGED_STRICTLY = "judged strictly"
"""How a sign's pair had been graded: exact, or anything else."""


class SignKind(StrEnum):
    """What shoppers did with an item, and how the teacher or the champion had graded it."""

    BOUGHT_JUDGED_STRICTLY = f"bought, {JUDGED_STRICTLY}"
    RETURNED_JUDGED_EXACT = f"returned, {JUDGED_EXACT}"
    SKIPPED_JUDGED_EXACT = f"skipped, {JUDGED_EXACT}"
    BOUGHT_JUDGED_EXACT = f"bought, {JUDGED_EXACT}"
    RETURNED_JUDGED_STRICTLY = f"returned, {JUDGED_STRICTLY}"
    SKIPPED_JUDGED_STRICTLY = f"skipped, {JUDGED_STRICTLY}"


@dataclass(frozen=True, slots=True)
class Query:
    """One query: its id and text."""

    query_id: str
    query: str


@dataclass(frozen=True, slots=True)
class Item:
    """One catalogue item. Unknown text is ``""``; ``attributes`` are the shop's own fields."""

    item_id: str
    title: str
    brand: str = ""
    category: str = ""
    description: str = ""
    bullet_points: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Value:
    """One attribute value as it was read.

    ``value`` is canonical, ``quote`` is the text as written, ``where`` is the place of the quote.
    """

    value: str
    quote: str
    where: str


@lru_cache(maxsize=65_536)
def _parse_words(line: str) -> dict[str, str]:
    """Parse stem to written word; a bounded cache, since a whole catalogue would not fit."""
    word_of_stem: dict[str, str] = {}
    for pair in line.split():
        stem, _, word = pair.partition("=")
        word_of_stem[stem] = word
    return word_of_stem


@dataclass(frozen=True, slots=True)
class WordIndex:
    """The words of one place of an item, last word first, kept as one short line.

    Attributes:
        line: ``stem=word`` pairs with a space between; ``word`` is as it was first written.

    Example:
        >>> index = WordIndex.from_words({"water": "Water", "cup": "Cups"})
        >>> index.line, index.words["cup"], list(index.words)
        ('cup=Cups water=Water', 'Cups', ['cup', 'water'])
    """

    line: str = ""

    @staticmethod
    def from_words(words: dict[str, str]) -> WordIndex:
        """Build the index of a text.

        Args:
            words: stem to written word, in the order of the text; neither has a space or ``=``.

        Returns:
            The index.
        """
        stem_pairs = [f"{stem}={word}" for stem, word in reversed(words.items())]
        return WordIndex(" ".join(stem_pairs))

    @property
    def words(self) -> Mapping[str, str]:
        """Stem to the word as it was written, the last word of the text first."""
        return _parse_words(self.line)


NO_WORDS: Mapping[str, str] = MappingProxyType({})
"""The words of a place that an item does not have."""


@dataclass(frozen=True, slots=True)
class ItemTerms:
    """Stems that say what an item is, is called, comes with or lacks.

    Attributes:
        names: of the title, those that titles of its category use.
        category_names: what items of its category are commonly called.
        field_heads: head words of the shop's own fields.
        accessories: of the title, words that make it a part of or an addition to a thing.
        guides: words for what answers a question (*book*).
        absent: what its texts say it lacks, and no text says it has.
    """

    names: tuple[str, ...] = ()
    category_names: tuple[str, ...] = ()
    field_heads: tuple[str, ...] = ()
    accessories: tuple[str, ...] = ()
    guides: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def lists(self) -> dict[str, tuple[str, ...]]:
        """Return each list that is not empty, by its name."""
        lists_by_name = {
            "names": self.names,
            "category_names": self.category_names,
            "field_heads": self.field_heads,
            "accessories": self.accessories,
            "guides": self.guides,
            "absent": self.absent,
        }
        # Most items have few of these lists, so empty ones are not stored.
        return {name: stems for name, stems in lists_by_name.items() if stems}


NO_TERMS = ItemTerms()


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read out of one query or one item.

    Attributes:
        values: key attribute to its values, possibly several.
        words: of an item: place to its words. Beside the item's texts there are ``untrusted`` (text
            that addresses the judge) and ``fits`` (of the title, what follows *for*).
        terms: of an item.
        custom_fields: of an item: the shop's own field to its values.
        price: of an item, as :func:`adore.attributes.prices.item_price` reads it.
        codes: of an item: its article numbers, the id first.
        stuffed: of an item: whether its title is stuffed with keywords.
        asked_fields: of a query: a phrase to the shop's own fields whose value it is.
        parts: of a query: a compound's stem to the stems of its parts.
    """

    values: Mapping[str, tuple[Value, ...]]
    words: Mapping[str, WordIndex] = field(default_factory=dict)
    terms: ItemTerms = NO_TERMS
    custom_fields: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    price: Value | None = None
    codes: tuple[Value, ...] = ()
    stuffed: bool = False
    asked_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def words_of(self, place: str) -> Mapping[str, str]:
        """Return stem to written word of one place; empty where the item has none."""
        index = self.words.get(place)
        return index.words if index else NO_WORDS

    def to_json(self) -> str:
        """Serialise; :meth:`from_json` reads it back equal. Empty fields are left out."""
        fields: dict[str, Any] = {
            "values": _rows_by_name(self.values),
            "words": {place: index.line for place, index in self.words.items()},
            "terms": self.terms.lists(),
            "custom_fields": _rows_by_name(self.custom_fields),
            "price": self.price and _row(self.price),
            "codes": [_row(code) for code in self.codes],
            "stuffed": self.stuffed,
            "asked_fields": self.asked_fields,
            "parts": self.parts,
        }
        return json.dumps(_not_empty(fields))

    @staticmethod
    def from_json(text: str) -> Reading:
        """Read what :meth:`to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        price = fields.get("price")
        return Reading(
            values=_values_by_name(fields.get("values", {})),
            words={
                place: WordIndex(line)
                for place, line in fields.get("words", {}).items()
            },
            terms=ItemTerms(**_tuples(fields.get("terms", {}))),
            custom_fields=_values_by_name(fields.get("custom_fields", {})),
            price=Value(*price) if price else None,
            codes=tuple(Value(*row) for row in fields.get("codes", ())),
            stuffed=fields.get("stuffed", False),
            asked_fields=_tuples(fields.get("asked_fields", {})),
            parts=_tuples(fields.get("parts", {})),
        )


def _not_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _row(value: Value) -> list[str]:
    return [value.value, value.quote, value.where]


def _rows_by_name(table: Mapping[str, tuple[Value, ...]]) -> dict[str, list[list[str]]]:
    return {name: [_row(value) for value in values] for name, values in table.items()}


def _values_by_name(
    table: Mapping[str, list[list[str]]],
) -> dict[str, tuple[Value, ...]]:
    return {name: tuple(Value(*row) for row in rows) for name, rows in table.items()}


def _tuples(table: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(texts) for name, texts in table.items()}


Relation = Literal["value", "accessory", "stuffing"]
"""What the found text of an evidence is.

``value``: of the asked attribute. ``accessory``: the item is made for the asked product.
``stuffing``: the title is stuffed with keywords, so that nothing in it counts.
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a query asks of one attribute and what the item says of it, quoted.

    ``asked``/``found`` are canonical values (``""`` = nothing found), ``state`` is ``match``,
    ``conflict`` or ``unknown``. Only asked attributes have an Evidence. ``relation`` says what the
    found text is of.
    """

    attribute: str
    asked: str
    asked_quote: str
    found: str
    found_quote: str
    where: str
    state: State
    relation: Relation = "value"

    @staticmethod
    def many_to_json(many: tuple[Evidence, ...] | list[Evidence]) -> str:
        """Serialise the evidence of one pair; the usual relation, ``value``, is left out."""
        evidence_rows: list[dict[str, str]] = []
        for evidence in many:
            evidence_row = asdict(evidence)
            if evidence.relation == "value":
                evidence_row.pop("relation")
            evidence_rows.append(evidence_row)
        return json.dumps(evidence_rows, ensure_ascii=False)

    @staticmethod
    def many_from_json(text: str) -> tuple[Evidence, ...]:
        """Read what :meth:`many_to_json` wrote."""
        return tuple(Evidence(**row) for row in json.loads(text))


@dataclass(frozen=True, slots=True)
class Score:
    """A ranker's answer for one item.

    ``score`` orders, ``probabilities`` are indexed by grade value.
    """

    item_id: str
    score: float
    grade: Grade
    probabilities: tuple[float, float, float, float]
    attributes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def item_from_row(row: Mapping[str, Any]) -> Item:
    """Build an :class:`Item` from a row of the ``items`` table or from a request's JSON.

    Args:
        row: mapping with ``item_id`` and ``title``; other fields may be absent;
            ``attributes`` may be an object or its JSON text.

    Returns:
        The item.
    """
    attributes = row.get("attributes") or {}
    # A table stores the shop's own fields as JSON text; a request sends an object.
    if isinstance(attributes, str):
        attributes = json.loads(attributes)
    return Item(
        item_id=str(row["item_id"]),
        title=row.get("title") or "",
        brand=row.get("brand") or "",
        category=row.get("category") or "",
        description=row.get("description") or "",
        bullet_points=tuple(row.get("bullet_points") or ()),
        attributes={
            name: value for name, value in attributes.items() if value is not None
        },
    )


def items_by_id(rows: Iterable[Mapping[str, Any]]) -> dict[str, Item]:
    """Build every :class:`Item` of some rows.

    Args:
        rows: as :func:`item_from_row` takes them.

    Returns:
        Item by id, in the order of the rows.
    """
    items: dict[str, Item] = {}
    for row in rows:
        item = item_from_row(row)
        items[item.item_id] = item
    return items
