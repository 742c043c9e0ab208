"""What a ranking request looks like, checked at the door; server and router share it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from adore.entities import decoded, decoded_values
from adore.errors import RequestError, check
from adore.types import Item, item_from_row

__all__ = ["MAX_BYTES", "MAX_ITEMS", "MAX_QUERY", "RankRequest", "parse", "rerank_items", "sendable"]

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


def _item(row: object, where: str) -> Item:
    check(isinstance(row, dict), where, row, must="an object with item_id and title", fix="send it", error=RequestError)
    fields: dict[str, Any] = row  # type: ignore[assignment]
    flat = not _nests(row, MAX_DEPTH)
    must = f"nested at most {MAX_DEPTH} deep"
    check(flat, where, fields.get("item_id"), must=must, fix="send flat attributes", error=RequestError)
    for name in ("item_id", "title"):
        ok = isinstance(fields.get(name), str) and (name != "item_id" or bool(fields[name]))
        check(ok, f"{where}.{name}", fields.get(name), must="a string", fix="send one", error=RequestError)
    for name, kind in (
        ("brand", str),
        ("category", str),
        ("description", str),
        ("bullet_points", list),
        ("attributes", dict),
    ):
        ok = fields.get(name) is None or isinstance(fields[name], kind)
        check(ok, f"{where}.{name}", fields.get(name), must=f"a {kind.__name__}", fix="omit it", error=RequestError)
    bullets = fields.get("bullet_points") or []
    texts = all(isinstance(b, str) for b in bullets)
    check(texts, f"{where}.bullet_points", bullets, must="a list of strings", fix="send strings", error=RequestError)
    texts_of = {name: decoded_values(value) for name, value in fields.items() if name != "item_id"}
    return item_from_row({**texts_of, "item_id": fields["item_id"]})


def _nests(value: object, most: int) -> bool:
    """Whether lists and objects lie in each other more than ``most`` deep; told without recursion."""
    level = [value]
    for _ in range(most):
        groups = [x.values() if isinstance(x, dict) else x for x in level if isinstance(x, dict | list)]
        level = [x for group in groups for x in group]
    return any(isinstance(x, dict | list) for x in level)


def sendable(fields: dict[str, Any], where: str) -> None:
    """Refuse half a surrogate pair, NaN and endless nesting: they pass Python's JSON reader, but no other's.

    Raises:
        RequestError: there is one of them.
    """
    try:
        json.dumps(fields, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{where} == {str(error)!r}, must be UTF-8 without NaN; clean the text") from error


def parse(instance: object, where: str) -> RankRequest:
    """Check one instance ``{"query": str, "items": [{"item_id", "title", ...}]}``.

    Raises:
        RequestError: names the field, its value and what it must be.
    """
    check(isinstance(instance, dict), where, instance, must="an object", fix="send query and items", error=RequestError)
    fields: dict[str, Any] = instance  # type: ignore[assignment]
    query, items = fields.get("query"), fields.get("items")
    good = isinstance(query, str) and len(query) <= MAX_QUERY
    must = f"a string of at most {MAX_QUERY} characters"
    check(good, f"{where}.query", query, must=must, fix="send one", error=RequestError)
    check(isinstance(items, list), f"{where}.items", items, must="a list", fix="send one", error=RequestError)
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
    found = tuple(_item(row, f"{where}.items[{i}]") for i, row in enumerate(rows))
    ids = [item.item_id for item in found]
    twice = sorted({i for i in ids if ids.count(i) > 1}) if len(set(ids)) < len(ids) else []
    check(not twice, f"{where}.items", twice, must="of different item_id", fix="send each once", error=RequestError)
    sendable(fields, where)
    return RankRequest(decoded(str(query)), found)


def rerank_items(documents: list[Any]) -> list[dict[str, Any]]:
    """Items of a rerank request: strings are titles, objects are items."""
    rows = []
    for i, d in enumerate(documents):
        row = {"item_id": str(i), "title": d} if isinstance(d, str) else {"item_id": str(i), **dict(d)}
        rows.append({**row, "title": row.get("title") or row.get("text") or ""})
    return rows
