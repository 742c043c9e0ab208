"""Rows of an items file to rows of the ``items`` table."""

from __future__ import annotations

import json

from adore.data.cells import has_value, id_fault, parse_id, parse_json, parse_text
from adore.data.columns import COLUMNS
from adore.data.dataset import DatasetInfo
from adore.data.rows import Row, Rows
from adore.entities import decoded, decoded_values

__all__ = ["ITEM_FIELDS", "item_row", "item_rows"]

ITEM_FIELDS = COLUMNS["items"]
_INDEX_COLUMNS = ("_id", "_index")
_NAME_KEYS = ("name", "key", "attribute", "feature", "label")
_VALUE_KEYS = ("value", "presentation_value", "values")


def _bullet_points(value: object, limit: int) -> list[str]:
    if isinstance(value, str) and value.startswith("["):
        try:
            value = parse_json(value)
        except ValueError:  # "[Sale] made of steel" is a bullet, not a list
            value = [value]

    if isinstance(value, str):
        value = [value]
    if not value:
        return []
    if not isinstance(value, list):
        raise TypeError("wrong type of bullet_points")

    bullets = [decoded(str(bullet)) for bullet in value if bullet]
    if sum(map(len, bullets)) > limit:
        raise ValueError(f"bullet_points longer than {limit} characters")
    return bullets


def _read_pair(pair: Row) -> tuple[str, object]:
    """Name and value of one attribute; a ``unit`` beside the value is part of it."""
    names = []
    for key in _NAME_KEYS:
        if isinstance(pair.get(key), str):
            names.append(pair[key])
    values = [pair[key] for key in _VALUE_KEYS if key in pair]
    if not names or not values:
        raise TypeError("attributes must be a mapping or a list of name and value")

    value = values[0]
    unit = pair.get("unit")
    if isinstance(unit, str) and unit and isinstance(value, str | int | float):
        value = f"{value} {unit}"
    return names[0], value


def _from_pairs(pairs: list[Row]) -> Row:
    """``[{"name": "colour", "value": "red"}, ...]`` as a mapping."""
    # Several values of one name become a list.
    attributes: Row = {}
    for pair in pairs:
        name, value = _read_pair(pair)
        before = attributes.get(name)
        if before is None:
            attributes[name] = value
        elif isinstance(before, list):
            attributes[name] = [*before, value]
        else:
            attributes[name] = [before, value]
    return attributes


def _attribute_columns(row: Row, info: DatasetInfo) -> list[str]:
    """The columns of a row that are attributes: those that the shop names, else all others."""
    if info.attributes:
        return info.attributes
    not_attributes = (*ITEM_FIELDS, *_INDEX_COLUMNS)
    return [column for column in row if column not in not_attributes]


def _merge_attributes(row: Row, info: DatasetInfo) -> Row:
    """What the column ``attributes`` holds, and the columns that are attributes."""
    value = row.get("attributes") or {}
    if isinstance(value, str):
        value = parse_json(value)
    attributes = _from_pairs(value) if isinstance(value, list) else dict(value)

    for column in _attribute_columns(row, info):
        if has_value(row.get(column)):
            attributes[column] = row[column]
    return {name: inner for name, inner in attributes.items() if has_value(inner)}


def _attributes(row: Row, info: DatasetInfo, limit: int) -> str:
    """The attributes as JSON text, sorted by name."""
    try:
        attributes = decoded_values(_merge_attributes(row, info))
        text = json.dumps(attributes, ensure_ascii=False, sort_keys=True, default=str)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise TypeError("wrong type of attributes") from error
    if len(text) > limit:
        raise ValueError(f"attributes longer than {limit} characters")
    return text


def item_row(row: Row, info: DatasetInfo, limit: int) -> Row:
    """Make one row of the ``items`` table; every column that is not ours is an attribute.

    It fails with ``TypeError`` where a field is of a wrong type (the last word names it), and
    with ``ValueError`` where one is too long (the first word names it).

    Args:
        row: with our column names; an id is there.
        info: which columns are attributes.
        limit: longest text of one field, in characters.

    Returns:
        The table's row.
    """
    return {
        "item_id": parse_id(row["item_id"]),
        "title": parse_text(row, "title", limit),
        "brand": parse_text(row, "brand", limit),
        "category": parse_text(row, "category", limit),
        "description": parse_text(row, "description", limit),
        "bullet_points": _bullet_points(row.get("bullet_points"), limit),
        "attributes": _attributes(row, info, limit),
    }


def item_rows(rows: Rows, info: DatasetInfo, limit: int) -> list[Row]:
    """Make the good rows of the ``items`` table, sorted by id; others are refused in ``rows``.

    Args:
        rows: of the file, with our column names.
        info: which columns are attributes.
        limit: longest text of one field, in characters.

    Returns:
        The table's rows.
    """
    items: dict[str, Row] = {}
    for line, row in rows.good:
        fault = id_fault(row, "item_id")
        if fault:
            rows.refuse("items", line, fault, row)
            continue
        if parse_id(row["item_id"]) in items:
            rows.refuse("items", line, "duplicate item_id", row)
            continue

        try:
            item = item_row(row, info, limit)
        except (ValueError, TypeError) as error:
            rows.refuse("items", line, str(error), row)
            continue
        if item["title"].strip():
            items[item["item_id"]] = item
        else:
            rows.refuse("items", line, "no title", row)
    return [item for _, item in sorted(items.items())]
