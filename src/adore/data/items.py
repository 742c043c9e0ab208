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


def _bullet_points(written: object, limit: int) -> list[str]:
    if isinstance(written, str) and written.startswith("["):
        try:
            written = parse_json(written)
        except ValueError:  # "[Sale] made of steel" is a bullet, not a list
            written = [written]

    if isinstance(written, str):
        written = [written]
    if not written:
        return []
    if not isinstance(written, list):
        raise TypeError("wrong type of bullet_points")

    bullets = [decoded(str(bullet)) for bullet in written if bullet]
    if sum(map(len, bullets)) > limit:
        raise ValueError(f"bullet_points longer than {limit} characters")
    return bullets


def _read_pair(pair: Row) -> tuple[str, object]:
    """Name and value of one attribute; a ``unit`` beside the value is part of it."""
    names = []
    for name_key in _NAME_KEYS:
        if isinstance(pair.get(name_key), str):
            names.append(pair[name_key])
    values = [pair[name_key] for name_key in _VALUE_KEYS if name_key in pair]
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
        attribute, attribute_value = _read_pair(pair)
        earlier_value = attributes.get(attribute)
        if earlier_value is None:
            attributes[attribute] = attribute_value
        elif isinstance(earlier_value, list):
            attributes[attribute] = [*earlier_value, attribute_value]
        else:
            attributes[attribute] = [earlier_value, attribute_value]
    return attributes


def _attribute_columns(source_row: Row, info: DatasetInfo) -> list[str]:
    """The columns of a row that are attributes: those that the shop names, else all others."""
    if info.attributes:
        return info.attributes
    not_attributes = (*ITEM_FIELDS, *_INDEX_COLUMNS)
    return [column for column in source_row if column not in not_attributes]


def _merge_attributes(source_row: Row, info: DatasetInfo) -> Row:
    """What the column ``attributes`` holds, and the columns that are attributes."""
    written = source_row.get("attributes") or {}
    if isinstance(written, str):
        written = parse_json(written)
    attributes = _from_pairs(written) if isinstance(written, list) else dict(written)

    for column in _attribute_columns(source_row, info):
        if has_value(source_row.get(column)):
            attributes[column] = source_row[column]
    filled = {}
    for attribute, attribute_value in attributes.items():
        if has_value(attribute_value):
            filled[attribute] = attribute_value
    return filled


def _attributes(source_row: Row, info: DatasetInfo, limit: int) -> str:
    """The attributes as JSON text, sorted by name."""
    try:
        # Sorted, so that the order of columns changes no content hash.
        attributes = decoded_values(_merge_attributes(source_row, info))
        json_text = json.dumps(
            attributes, ensure_ascii=False, sort_keys=True, default=str
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise TypeError("wrong type of attributes") from error
    if len(json_text) > limit:
        raise ValueError(f"attributes longer than {limit} characters")
    return json_text


def item_row(source_row: Row, info: DatasetInfo, limit: int) -> Row:
    """Make one row of the ``items`` table; every column that is not ours is an attribute.

    Args:
        source_row: with our column names; an id is there.
        info: which columns are attributes.
        limit: longest text of one field, in characters.

    Returns:
        The table's row.

    Raises:
        TypeError: a field is of a wrong type; the last word names it.
        ValueError: a field is too long; the first word names it.
    """
    return {
        "item_id": parse_id(source_row["item_id"]),
        "title": parse_text(source_row, "title", limit),
        "brand": parse_text(source_row, "brand", limit),
        "category": parse_text(source_row, "category", limit),
        "description": parse_text(source_row, "description", limit),
        "bullet_points": _bullet_points(source_row.get("bullet_points"), limit),
        "attributes": _attributes(source_row, info, limit),
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
    for line_number, source_row in rows.good:
        fault = id_fault(source_row, "item_id")
        if fault:
            rows.refuse("items", line_number, fault, source_row)
            continue
        if parse_id(source_row["item_id"]) in items:
            rows.refuse("items", line_number, "duplicate item_id", source_row)
            continue

        try:
            parsed_item = item_row(source_row, info, limit)
        except (ValueError, TypeError) as error:
            rows.refuse("items", line_number, str(error), source_row)
            continue
        if parsed_item["title"].strip():
            items[parsed_item["item_id"]] = parsed_item
        else:
            rows.refuse("items", line_number, "no title", source_row)
    return [parsed_item for _, parsed_item in sorted(items.items())]
