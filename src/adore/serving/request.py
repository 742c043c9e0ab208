"""What a ranking request looks like, checked at the door; server and router share it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

from adore.data.cells import parse_id
from adore.data.dataset import DatasetInfo
from adore.data.mapping import MAX_TEXT, ItemParser
from adore.entities import decoded
from adore.errors import AdoreError, RequestError, fault_text
from adore.serving.messages import ItemFields, Json
from adore.types import Item

__all__ = [
    "MAX_BYTES",
    "MAX_ITEMS",
    "MAX_QUERY",
    "Known",
    "RankRequest",
    "Reading",
    "parse",
    "rerank_items",
    "row_of",
    "sendable",
]

MAX_ITEMS = 1000
MAX_QUERY = 1000
"""Characters of a query."""
MAX_BYTES = 8_000_000
"""Bytes of a body."""
MAX_DEPTH = 8
"""Lists and objects in each other, the item included."""
_MAX_SHOWN = 200
"""Characters of a value that an error text repeats."""
_MAX_NAMES = 20
"""Names of fields that an error text lists."""
_EXPECTED = {
    "title": "a string",
    "brand": "a string",
    "category": "a string, or a list from the top",
    "description": "a string",
    "bullet_points": "a list of strings",
    "attributes": "an object, its JSON text or a list of name and value",
}
"""What each field may be."""


@dataclass(frozen=True, slots=True)
class RankRequest:
    """One list to rank."""

    query: str
    items: tuple[Item, ...]


class Known(Protocol):
    """A catalogue: an item that it knows may be sent by its id alone."""

    def get(self, item_id: str) -> Item | None:
        """The item, or None."""
        ...


class Reading:
    """How a server reads items: with the shop's map of its columns, and with its catalogue.

    Args:
        info: what ``dataset.yaml`` says of the columns.
        known: the catalogue, if there is one.
    """

    def __init__(
        self, info: DatasetInfo | None = None, known: Known | None = None
    ) -> None:
        self.parser = ItemParser(info)
        self.known = known

    def item(self, row: object, where: str) -> Item:
        """Read one item as ``prepare`` would read it.

        Args:
            row: what was sent; of an item of the catalogue its id is enough.
            where: its name in messages.

        Returns:
            The item; what was sent of a known item replaces what is known.

        Raises:
            RequestError: names the field, its value and what it must be.
        """
        if not isinstance(row, dict):
            raise RequestError(
                fault_text(
                    where, row, must="an object with item_id and title", fix="send it"
                )
            )
        sent: Json = row
        if _nests_deeper(sent, MAX_DEPTH):
            raise RequestError(
                fault_text(
                    where,
                    sent.get("item_id"),
                    must=f"nested at most {MAX_DEPTH} deep",
                    fix="send flat attributes",
                )
            )

        fields = self._fields(sent, where)
        title = fields.get("title")
        if self.known and not title:
            known_item = self.known.get(parse_id(fields["item_id"]))
            if known_item:
                with_title = {**fields, "title": known_item.title}
                return _update(known_item, self._parse(with_title, where))

        if not isinstance(title, str):
            raise RequestError(
                fault_text(
                    f"{where}.title",
                    title,
                    must="a string",
                    fix=(
                        "send one, or the id of an item of the catalogue "
                        "that the ranker was made with"
                    ),
                )
            )
        return self._parse(fields, where)

    def _fields(self, sent: Json, where: str) -> Json:
        """The row in our columns, with an id."""
        try:
            fields = self.parser.map_columns(sent)
        except (AdoreError, TypeError, ValueError, AttributeError) as error:
            raise RequestError(
                f"{where} == {str(sent)[:_MAX_SHOWN]}, must be an item; "
                f"send it flat ({error})"
            ) from error

        item_id = fields.get("item_id")
        if not _is_id(item_id):
            field_names = sorted(map(str, sent))[:_MAX_NAMES]
            raise RequestError(
                fault_text(
                    f"{where}.item_id",
                    item_id,
                    must="a string",
                    fix=f"send one; the item has {field_names}",
                )
            )
        return fields

    def _parse(self, fields: Json, where: str) -> Item:
        bullet_points = fields.get("bullet_points")
        is_one_text = bullet_points is None or isinstance(bullet_points, str)
        if not is_one_text and not _are_texts(bullet_points):
            raise RequestError(
                fault_text(
                    f"{where}.bullet_points",
                    bullet_points,
                    must="a list of strings",
                    fix="send strings",
                )
            )
        try:
            return self.parser.parse(fields)
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            field_name = _field_of(error)
            field_value = str(fields.get(field_name))[:_MAX_SHOWN]
            requirement = f"{_EXPECTED[field_name]} of at most {MAX_TEXT} characters"
            raise RequestError(
                f"{where}.{field_name} == {field_value!r}, must be {requirement}; send it so"
            ) from error


def _is_id(value: object) -> bool:
    """Whether a cell holds an id: a text or a number that is not blank."""
    is_text_or_number = isinstance(value, str) or type(value) in (int, float)
    return is_text_or_number and bool(parse_id(value))


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _field_of(error: Exception) -> str:
    """The field that a parser's error names; ``attributes`` if it names none."""
    for error_word in str(error).split():
        if error_word in _EXPECTED:
            return error_word
    return "attributes"


def _update(known: Item, sent: Item) -> Item:
    """A known item with what was sent of it."""
    return Item(
        item_id=known.item_id,
        title=known.title,
        brand=sent.brand or known.brand,
        category=sent.category or known.category,
        description=sent.description or known.description,
        bullet_points=sent.bullet_points or known.bullet_points,
        attributes={**known.attributes, **sent.attributes},
    )


def row_of(item: Item) -> ItemFields:
    """Write an item as it is sent to a variant.

    Args:
        item: the item.

    Returns:
        Our fields, without the empty ones.

    Example:
        >>> row_of(Item("a", "mug", attributes={"colour": "red"}))
        {'item_id': 'a', 'title': 'mug', 'attributes': {'colour': 'red'}}
    """
    row: ItemFields = {"item_id": item.item_id}
    if item.title:
        row["title"] = item.title
    if item.brand:
        row["brand"] = item.brand
    if item.category:
        row["category"] = item.category
    if item.description:
        row["description"] = item.description
    if item.bullet_points:
        row["bullet_points"] = list(item.bullet_points)
    if item.attributes:
        row["attributes"] = dict(item.attributes)
    return row


def _nests_deeper(value: object, max_depth: int) -> bool:
    """Whether lists and objects are nested more than ``max_depth`` deep."""
    # Level by level, without recursion, which endless nesting would exhaust.
    level = [value]
    for _ in range(max_depth):
        next_level: list[object] = []
        for element in level:
            if isinstance(element, dict):
                next_level.extend(element.values())
            elif isinstance(element, list):
                next_level.extend(element)
        level = next_level
    return any(isinstance(element, dict | list) for element in level)


def sendable(fields: Json, where: str) -> None:
    """Refuse half a surrogate pair, NaN and endless nesting.

    They pass Python's JSON reader, but no other's.

    Args:
        fields: what was sent.
        where: its name in messages.

    Raises:
        RequestError: there is one of them.
    """
    try:
        json.dumps(fields, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"{where} == {str(error)!r}, must be UTF-8 without NaN; clean the text"
        ) from error


_PLAIN = Reading()


def parse(instance: object, where: str, reading: Reading = _PLAIN) -> RankRequest:
    """Check one instance ``{"query": str, "items": [{"item_id", "title", ...}]}``.

    Items are read as ``prepare`` reads them: flat or nested, in the shop's columns or ours.

    Args:
        instance: what was sent.
        where: its name in messages.
        reading: how this server reads items.

    Returns:
        The query and its items.

    Raises:
        RequestError: names the field, its value and what it must be.
    """
    if not isinstance(instance, dict):
        raise RequestError(
            fault_text(where, instance, must="an object", fix="send query and items")
        )
    fields: Json = instance

    query = fields.get("query")
    if not isinstance(query, str) or len(query) > MAX_QUERY:
        raise RequestError(
            fault_text(
                f"{where}.query",
                query,
                must=f"a string of at most {MAX_QUERY} characters",
                fix="send one",
            )
        )

    item_rows = fields.get("items")
    if not isinstance(item_rows, list):
        raise RequestError(
            fault_text(f"{where}.items", item_rows, must="a list", fix="send one")
        )
    if len(item_rows) > MAX_ITEMS:
        raise RequestError(
            fault_text(
                f"{where}.items",
                len(item_rows),
                must=f"at most {MAX_ITEMS} long",
                fix="send fewer, or several instances",
            )
        )

    items = []
    for item_index, item_row in enumerate(item_rows):
        items.append(reading.item(item_row, f"{where}.items[{item_index}]"))
    repeated = _repeated_ids(items)
    if repeated:
        raise RequestError(
            fault_text(
                f"{where}.items",
                repeated,
                must="of different item_id",
                fix="send each once",
            )
        )
    sendable(fields, where)
    return RankRequest(decoded(query), tuple(items))


def _repeated_ids(items: list[Item]) -> list[str]:
    """The ids that occur twice or more, in order."""
    seen_ids = set[str]()
    repeated_ids = set[str]()
    for item in items:
        if item.item_id in seen_ids:
            repeated_ids.add(item.item_id)
        seen_ids.add(item.item_id)
    return sorted(repeated_ids)


def rerank_items(documents: list[object]) -> list[Json]:
    """Read the items of a rerank request.

    Args:
        documents: strings are titles, objects are items.

    Returns:
        Rows as :meth:`Reading.item` reads them; the place is the id of one without.

    Raises:
        TypeError: a document is neither.
        ValueError: a document is a list that is no mapping.
    """
    item_rows = []
    for item_index, document in enumerate(documents):
        item_row: Json = {"item_id": str(item_index)}
        if isinstance(document, str):
            item_row["title"] = document
        else:
            item_row.update(dict(document))  # type: ignore[call-overload]

        # An object may name its title ``text``, as documents of a rerank request do.
        if not item_row.get("title"):
            document_text = item_row.pop("text", None)
            if document_text:
                item_row["title"] = document_text
        item_rows.append(item_row)
    return item_rows
