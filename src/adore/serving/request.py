"""What a ranking request looks like, checked at the door; server and router share it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from adore.data.cells import parse_id
from adore.data.dataset import DatasetInfo
from adore.data.mapping import MAX_TEXT, ItemParser
from adore.entities import decoded
from adore.errors import AdoreError, RequestError, check
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
        info: what ``dataset.yaml`` said of the columns.
        known: the catalogue, if there is one.
    """

    def __init__(
        self, info: DatasetInfo | None = None, known: Known | None = None
    ) -> None:
        self.one = ItemParser(info)
        self.known = known

    def item(self, row: object, where: str) -> Item:
        """One item as ``prepare`` would read it.

        Args:
            row: what was sent; of an item of the catalogue its id is enough.
            where: its name in messages.

        Raises:
            RequestError: names the field, its value and what it must be.
        """
        must = "an object with item_id and title"
        check(
            isinstance(row, dict),
            where,
            row,
            must=must,
            fix="send it",
            error=RequestError,
        )
        flat = not _nests(row, MAX_DEPTH)
        given: dict[str, Any] = row  # type: ignore[assignment]
        must = f"nested at most {MAX_DEPTH} deep"
        check(
            flat,
            where,
            given.get("item_id"),
            must=must,
            fix="send flat attributes",
            error=RequestError,
        )
        fields = self._fields(given, where)
        item_id = parse_id(fields["item_id"])
        known = None
        if self.known and not fields.get("title"):
            known = self.known.get(item_id)
        if known:
            sent = self._item({**fields, "title": known.title}, where)
            return _over(known, sent)

        fix = "send one, or the id of an item of the catalogue that the ranker was made with"
        good = isinstance(fields.get("title"), str)
        check(
            good,
            f"{where}.title",
            fields.get("title"),
            must="a string",
            fix=fix,
            error=RequestError,
        )
        return self._item(fields, where)

    def _fields(self, given: dict[str, Any], where: str) -> dict[str, Any]:
        """The row in our columns, with an id."""
        try:
            fields = self.one.map_columns(given)
        except (AdoreError, TypeError, ValueError, AttributeError) as error:
            raise RequestError(
                f"{where} == {str(given)[:200]}, must be an item; send it flat ({error})"
            ) from error

        value = fields.get("item_id")
        good = (isinstance(value, str) and bool(value)) or type(value) in (int, float)
        fix = f"send one; the item has {sorted(map(str, given))[:20]}"
        check(
            good and bool(parse_id(value)),
            f"{where}.item_id",
            value,
            must="a string",
            fix=fix,
            error=RequestError,
        )
        return fields

    def _item(self, fields: dict[str, Any], where: str) -> Item:
        bullets = fields.get("bullet_points")
        listed = bullets is None or isinstance(bullets, str) or _texts(bullets)
        must = "a list of strings"
        check(
            listed,
            f"{where}.bullet_points",
            bullets,
            must=must,
            fix="send strings",
            error=RequestError,
        )
        try:
            return self.one.parse(fields)
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            words = str(error).split()
            name = next((word for word in words if word in _EXPECTED), "attributes")
            must = f"{_EXPECTED[name]} of at most {MAX_TEXT} characters"
            raise RequestError(
                f"{where}.{name} == {str(fields.get(name))[:200]!r}, must be {must}; send it so"
            ) from error


_EXPECTED = {
    "title": "a string",
    "brand": "a string",
    "category": "a string, or a list from the top",
    "description": "a string",
    "bullet_points": "a list of strings",
    "attributes": "an object, its JSON text or a list of name and value",
}
"""What each field may be."""


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _over(known: Item, sent: Item) -> Item:
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


def row_of(item: Item) -> dict[str, Any]:
    """An item as it is sent on: our fields, without the empty ones.

    Example:
        >>> row_of(Item("a", "mug", attributes={"colour": "red"}))
        {'item_id': 'a', 'title': 'mug', 'attributes': {'colour': 'red'}}
    """
    row = {
        **asdict(item),
        "bullet_points": list(item.bullet_points),
        "attributes": dict(item.attributes),
    }
    return {name: value for name, value in row.items() if value or name == "item_id"}


def _nests(value: object, max_depth: int) -> bool:
    """Whether lists and objects lie in each other more than ``max_depth`` deep.

    Told level by level, without recursion, which endless nesting would exhaust.
    """
    level = [value]
    for _ in range(max_depth):
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(one.values())
            elif isinstance(one, list):
                below.extend(one)
        level = below
    return any(isinstance(one, dict | list) for one in level)


def sendable(fields: dict[str, Any], where: str) -> None:
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

    Raises:
        RequestError: names the field, its value and what it must be.
    """
    check(
        isinstance(instance, dict),
        where,
        instance,
        must="an object",
        fix="send query and items",
        error=RequestError,
    )
    fields: dict[str, Any] = instance  # type: ignore[assignment]

    query = fields.get("query")
    good = isinstance(query, str) and len(query) <= MAX_QUERY
    must = f"a string of at most {MAX_QUERY} characters"
    check(good, f"{where}.query", query, must=must, fix="send one", error=RequestError)

    items = fields.get("items")
    check(
        isinstance(items, list),
        f"{where}.items",
        items,
        must="a list",
        fix="send one",
        error=RequestError,
    )
    rows: list[object] = items or []
    fix = "send fewer, or several instances"
    check(
        len(rows) <= MAX_ITEMS,
        f"{where}.items",
        len(rows),
        must=f"at most {MAX_ITEMS} long",
        fix=fix,
        error=RequestError,
    )

    found = tuple(
        reading.item(row, f"{where}.items[{i}]") for i, row in enumerate(rows)
    )
    seen = set[str]()
    again = set[str]()
    for item in found:
        if item.item_id in seen:
            again.add(item.item_id)
        seen.add(item.item_id)
    twice = sorted(again)
    check(
        not twice,
        f"{where}.items",
        twice,
        must="of different item_id",
        fix="send each once",
        error=RequestError,
    )
    sendable(fields, where)
    return RankRequest(decoded(str(query)), found)


def rerank_items(documents: list[Any]) -> list[dict[str, Any]]:
    """Items of a rerank request: strings are titles, objects are items."""
    rows = []
    for i, document in enumerate(documents):
        row: dict[str, Any]
        if isinstance(document, str):
            row = {"item_id": str(i), "title": document}
        else:
            row = {"item_id": str(i), **dict(document)}

        # an object may name its title ``text``, as documents of a rerank request do
        if not row.get("title"):
            text = row.pop("text", None)
            if text:
                row = {**row, "title": text}
        rows.append(row)
    return rows
